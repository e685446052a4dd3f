"""Recording the result of a try: sent, kept for another try, held, or refused and split."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from airflow_provider_dingpush.delivery.channel import SendResult, SendStatus
from airflow_provider_dingpush.delivery.fallbacks import Route
from airflow_provider_dingpush.delivery.freezing import MOST_NAMES
from airflow_provider_dingpush.delivery.ledger import Ledger
from airflow_provider_dingpush.delivery.reasons import Reason
from airflow_provider_dingpush.delivery.record_kinds import Batch, Hold
from airflow_provider_dingpush.delivery.refusals import Refusals
from airflow_provider_dingpush.delivery.succession import Problems
from airflow_provider_dingpush.delivery.window import Try
from airflow_provider_dingpush.errors import THROTTLED_SECONDS

_JITTER_SECONDS = 15.0
_LONGEST_BACKOFF_SECONDS = 60.0
# A message refused so often as "busy" with an unknown code isn't refused because DingTalk is busy.
_MOST_BUSY_TRIES = 10


class Outcomes:
    """Records the result of each try, and counts what was sent.

    :param ledger: the receiver's book.
    :param problems: of this drain.
    :param chance: a random number from 0 to 1, to spread senders that were throttled together.
    :param log: for operators of Airflow.
    """

    def __init__(self, ledger: Ledger, problems: Problems, chance: Callable[[], float], log: logging.Logger) -> None:
        self.messages = self.alerts = 0
        self._ledger = ledger
        self._problems = problems
        self._chance = chance
        self._log = log

    def record(self, batch: Batch, route: Route, result: SendResult, end: Try) -> None:
        """Record the result of a try."""
        about = f"notification #{batch.number} through connection {route.channel.conn_id!r}"
        if result.status is SendStatus.SENT:
            self._ledger.sent(batch, end, result.handles)
            self.messages += 1
            self.alerts += len(batch.members)
            self._log.info("Sent %d alert(s) in %s.", len(batch.members), about)
            return
        self._problems.last = result.problem
        asked_to_wait = result.status is SendStatus.UNKNOWN and result.retry_after_seconds
        if result.status is SendStatus.REJECTED:
            self.refused(batch, result.problem, end.ended_at, end)
        elif _is_refused_for_unknown_reason(batch, result):
            self._refused_for_unknown_reason(batch, route, result, end)
        elif result.status is SendStatus.THROTTLED or asked_to_wait:
            self._throttled(batch, route, result, end, about)
        elif result.status is SendStatus.MISCONFIGURED:
            hold = route.ledger.holds.probed(Reason.MISCONFIGURED, end.ended_at, result.problem)
            self._report_hold(hold, route)
            self._keep_hold(batch, route, end, hold)
        else:
            wait = max(min(2.0 ** (batch.tries - 1), _LONGEST_BACKOFF_SECONDS), result.retry_after_seconds or 0.0)
            self._log.warning("Try %d of %s failed: %s", batch.tries, about, result.problem)
            arrived = result.status is SendStatus.UNKNOWN
            self._ledger.keep(batch, end, due=end.ended_at + wait, perhaps_arrived=arrived)

    def refused(self, batch: Batch, problem: str, now: float, end: Try | None = None) -> None:
        """Record that a batch was refused for its content, or can't be composed."""
        self._problems.last = problem
        self._log.warning("A notification of %d alert(s) was refused: %s", len(batch.members), problem)
        if self._ledger.quarantine.use_built_in_text(batch, problem, end, now=now):
            return
        dead = self._ledger.quarantine.split(batch, problem, end, now=now)
        if dead:
            names = ", ".join(letter.name for letter in dead[:MOST_NAMES])
            self._log.error("%d alert(s) can't be sent and are dead letters now, such as %s", len(dead), names)

    def _throttled(self, batch: Batch, route: Route, result: SendResult, end: Try, about: str) -> None:
        seconds = (result.retry_after_seconds or THROTTLED_SECONDS) + self._chance() * _JITTER_SECONDS
        hold = route.ledger.holds.throttled(end.ended_at, seconds, result.problem)
        self._log.warning("DingTalk throttled %s; nothing is sent until that ends: %s", about, hold.detail)
        arrived = batch.perhaps_arrived or result.status is SendStatus.UNKNOWN
        self._keep_hold(replace(batch, perhaps_arrived=arrived), route, end, hold)

    def _refused_for_unknown_reason(self, batch: Batch, route: Route, result: SendResult, end: Try) -> None:
        """Blame the message, unless the receiver gets no other one either."""
        now, ledger, before = end.ended_at, route.ledger, route.ledger.refusals
        misconfigured = result.status is SendStatus.MISCONFIGURED
        # A message that names dead letters may be refused for their names.
        keys, code = (*batch.members, *batch.dead), result.unknown_code or ""
        refusals = before.with_proven(keys) if batch.proven else before.with_one(code, keys, of_receiver=misconfigured)
        if batch.proven or not refusals.of_receiver:
            ledger.note_refusals(refusals)
            self.refused(batch, result.problem, now, end)
            return
        ledger.note_refusals(Refusals(of_receiver=True))
        reason = Reason.MISCONFIGURED if misconfigured else Reason.REFUSING
        hold = ledger.holds.probed(reason, now, result.problem)
        self._report_hold(hold, route)
        if not route.own:
            ledger.keep_hold(hold)
        own_hold = hold if route.own else None
        self._ledger.quarantine.hold_back(batch, end, refusals.keys, now=now, hold=own_hold)

    def _keep_hold(self, batch: Batch, route: Route, end: Try, hold: Hold) -> None:
        """Start a hold; the batch is merged with later alerts, unless an earlier try may have delivered it."""
        if not route.own:
            route.ledger.keep_hold(hold)
        own_hold = hold if route.own else None
        if batch.perhaps_arrived:
            self._ledger.keep(batch, end, due=end.ended_at, perhaps_arrived=False, hold=own_hold)
        else:
            self._ledger.unfreeze(batch, end, hold=own_hold)

    def _report_hold(self, hold: Hold, route: Route) -> None:
        self._log.error(
            "DingTalk accepts nothing from connection %r until a setting is changed; the next try is in %.0f seconds, "
            "and all alerts are kept: %s",
            route.channel.conn_id,
            hold.probe_seconds,
            hold.detail,
        )


def _is_refused_for_unknown_reason(batch: Batch, result: SendResult) -> bool:
    """Whether the reason is unknown, so that it may be the content of this message."""
    if result.status is SendStatus.RETRY:
        return result.unknown_code is not None and batch.tries >= _MOST_BUSY_TRIES
    guessed = result.status is SendStatus.MISCONFIGURED and result.unknown_code is not None
    return guessed or result.status is SendStatus.UNRECOGNISED
