"""The check that lets open incidents escalate: it decides what is due, notes that it begins, and does it.

Only incidents of a rule with ``escalate`` escalate. One process of an outbox does it at a time. What is due for several
incidents at once, for the same people and in the same way, is one message, one DING, one call.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_dingpush.airflow_compat import airflow_option
from airflow_provider_dingpush.errors import DingTalkError, OutboxError, RulesFileError
from airflow_provider_dingpush.oncall.claims import ClaimedBy
from airflow_provider_dingpush.oncall.escalation import (
    Attempt,
    Call,
    Decision,
    Outcome,
    Progress,
    Situation,
    Verdict,
    next_step,
    progress_of,
)
from airflow_provider_dingpush.pipeline import escalation_circumstances, escalation_notes
from airflow_provider_dingpush.pipeline.escalation_circumstances import Circumstances
from airflow_provider_dingpush.pipeline.escalation_notes import forget_progress, progress_in
from airflow_provider_dingpush.pipeline.incidents import (
    Incident,
    claim,
    current_claim,
    incidents_in,
    leading,
    siblings_of,
)
from airflow_provider_dingpush.pipeline.store_flush import stores_for_commands
from airflow_provider_dingpush.rules.escalations import Way

if TYPE_CHECKING:
    from airflow_provider_dingpush.pipeline.escalation_sends import Order, Sends, Sent
    from airflow_provider_dingpush.pipeline.stores import Store
    from airflow_provider_dingpush.rules.rule_set import Rule, RuleSet
    from airflow_provider_dingpush.storage.contract import Lock
    from airflow_provider_dingpush.timeouts import Deadline

MOST_AT_ONCE = 500
"""Incidents that escalate in one run of the check, the most urgent first; the next one goes on."""

_LOCK, _LOCK_OF = "escalating", "all"
_LOCK_SECONDS, _STEP_SECONDS = 60.0, 30.0
_LEAST_SECONDS = 1.0
_MOST_ROUNDS = 20

_log = logging.getLogger(__name__)


def check(deadline: Deadline) -> None:
    """Do the steps that are due, in all stores of this machine.

    :param deadline: of the check.
    """
    rules = _rules()
    if rules is None:
        return
    stores = stores_for_commands(deadline.at)
    for number, store in enumerate(stores):
        try:
            if number and store.is_empty:
                continue
            check_store(store, stores, rules, deadline)
        except OutboxError as problem:
            _log.warning("Escalations have to wait, because the outbox can't be used: %s", problem)


def check_store(store: Store, stores: Sequence[Store], rules: RuleSet, deadline: Deadline) -> None:
    """Do the steps that are due in one store.

    :param stores: where slots of the rate limit are taken.
    :param deadline: of all of it.
    :raises OutboxError: if the store can't be used.
    """
    if not any(each.escalation is not None for each in rules.rules) and not progress_in(store.outbox):
        return
    lock = store.outbox.store.lock(_LOCK, _LOCK_OF, _LOCK_SECONDS)
    if lock is None:
        return
    try:
        from airflow_provider_dingpush.pipeline.escalation_sends import Sends

        sends = Sends(rules.duty, stores, deadline)
        _Check(store, rules, sends, deadline, lock).run()
    finally:
        lock.release()


def _rules() -> RuleSet | None:
    """The rules; ``None`` without any, or while the file has mistakes, which is an alert of its own."""
    from airflow_provider_dingpush.pipeline.routes import rules_in

    named = airflow_option("dingpush", "rules_file")
    if not named:
        return None
    try:
        return rules_in(Path(named).expanduser())
    except RulesFileError as mistake:
        _log.error("%s No incident escalates meanwhile.", mistake)
        return None


class _Due(NamedTuple):
    """An incident with a step that is due."""

    incident: Incident
    rule: Rule
    decision: Decision


class _Check:
    """One run of the check in one store.

    :param store: has the incidents.
    :param rules: of the file.
    :param sends: does what is due.
    :param deadline: of all of it.
    :param lock: which no other process has meanwhile.
    """

    def __init__(
        self,
        store: Store,
        rules: RuleSet,
        sends: Sends,
        deadline: Deadline,
        lock: Lock,
    ) -> None:
        self._outbox = store.outbox
        self._escalating = {each.name: each for each in reversed(rules.rules) if each.escalation is not None}
        self._sends = sends
        self._deadline = deadline
        self._lock = lock
        self._progress = progress_in(store.outbox)
        self._now = store.outbox.store.now()
        self._around = Circumstances(store.outbox, rules, self._now)
        self._readers: dict[str, list[str]] = {}
        self._every: list[Incident] = []

    def run(self) -> None:
        """Close what has recovered, and do what is due."""
        self._every = every = incidents_in(self._outbox)
        self._close({each.id: each for each in every})
        escalating = [each for each in leading(every) if each.failure.rule in self._escalating]
        for _ in range(_MOST_ROUNDS):
            due = self._due(escalating)[:MOST_AT_ONCE]
            if not due or not self._do_all(due):
                return
            # What reached nobody falls back at once.
            escalating = [each.incident for each in due]

    # ------------------------------------------------------------------------------------------------ deciding

    def _due(self, incidents: Sequence[Incident]) -> list[_Due]:
        """The incidents with a step that is due; pauses that begin or end are noted."""
        # What costs more is asked only about those with a step that is due.
        candidates = [each for each in incidents if self._decide(each).verdict is Verdict.DO]
        again = escalation_circumstances.running_again(
            each for each in candidates if each.id not in self._around.inhibited
        )
        found: list[_Due] = []
        changed: dict[str, Progress] = {}
        for each in incidents:
            progress = self._progress_of(each)
            decision = self._decide(each, rerun=each.id in again)
            if decision.verdict is Verdict.DO and each.id in self._around.inhibited:
                decision = Decision(Verdict.WITHHELD)
            after = self._after(progress, decision.verdict)
            if after is not progress:
                changed[each.id] = self._progress[each.id] = after
                decision = self._decide(each) if decision.verdict is Verdict.DO else decision
            if decision.verdict is Verdict.DO:
                found.append(_Due(each, self._escalating[each.failure.rule], decision))
        if changed:
            escalation_notes.note_progress(self._outbox, changed)
        return sorted(found, key=lambda due: due.incident.order)

    def _after(self, progress: Progress, verdict: Verdict) -> Progress:
        """The progress with a pause that begins or ends now, or the end."""
        if verdict in (Verdict.CLAIMED, Verdict.WITHHELD):
            return progress.paused(self._now)
        if verdict is Verdict.RERUN:
            return progress if progress.rerun_at is not None else progress.ended_by_rerun(self._now)
        return progress.resumed(self._now)

    def _decide(self, incident: Incident, *, rerun: bool = False) -> Decision:
        """What the steps of its rule say.

        :param rerun: whether its task runs again.
        """
        rule = self._escalating[incident.failure.rule]
        if rule.escalation is None:
            return Decision(Verdict.FINISHED)
        situation = Situation(
            rerun=rerun,
            claimed=incident.claim is not None,
            withheld=self._around.is_muted(incident, rule),
            calls_left=self._around.calls_left(rule),
        )
        return next_step(rule.escalation, self._progress_of(incident), situation, self._now)

    def _progress_of(self, incident: Incident) -> Progress:
        failure = incident.failure
        known = self._progress.get(incident.id)
        return progress_of(known, opened=failure.rule_since or failure.since, failed_at=failure.at)

    # ------------------------------------------------------------------------------------------------ doing

    def _do_all(self, due: Sequence[_Due]) -> bool:
        """Do what is due; ``False`` if there is no time for more."""
        for orders in _grouped(due, self._now):
            if self._deadline.seconds_left() < _LEAST_SECONDS:
                _log.warning("Not all steps of escalations could be done in time; the next flush goes on.")
                return False
            self._do(orders)
        return True

    def _do(self, order: Order) -> None:
        from airflow_provider_dingpush.pipeline.escalation_sends import Sent

        order = self._still_due(order)
        if not order.incidents:
            return
        self._lock.keep(_STEP_SECONDS)
        people, rule = self._sends.people_of(order), order.incidents[0].failure.rule
        call = Call(self._now, len(people), rule)
        calls = {escalation_notes.new_call_name(): call} if order.way is Way.PHONE and people else {}
        if calls and not self._may_call(order, len(people)):
            self._note(order, Sent(Outcome.LIMIT))
            return
        self._note(order, Sent(Outcome.STARTED, tuple(each.user_id or each.name for each in people)), calls)
        self._around.calls.extend(calls.values())
        sent = self._sends.send(order, people)
        self._note(order, sent)
        if calls and sent.outcome.reached_nobody:
            self._around.calls.remove(call)
            escalation_notes.forget_calls(self._outbox, calls)
        names = ", ".join(each.failure.name for each in order.incidents[:3])
        _log.info(
            "Escalation of %d incident(s), such as %s: %s, %s.%s",
            *(len(order.incidents), names, order.way.words("en"), sent.outcome.words("en")),
            f" {sent.detail}" if sent.detail else "",
        )

    def _may_call(self, order: Order, people: int) -> bool:
        """Whether as many people may be called."""
        left = self._around.calls_left(self._escalating[order.incidents[0].failure.rule])
        return left is None or people <= left

    def _still_due(self, order: Order) -> Order:
        """The order without incidents that were claimed or have recovered a moment ago."""
        left = []
        for each in order.incidents:
            if self._outbox.open_failure(each.id) is None or current_claim(self._outbox, each.id) is not None:
                continue
            if order.escalation.ack_read and self._claimed_by_reading(each):
                continue
            left.append(each)
        return replace(order, incidents=tuple(left))

    def _claimed_by_reading(self, incident: Incident) -> bool:
        """Claim an incident for whoever has read a message about it. Each message is asked about once in a run."""
        for attempt in (*reversed(self._progress_of(incident).every_attempt), *self._own_message(incident)):
            if not attempt.receipt:
                continue
            asked = repr(sorted(attempt.receipt.items()))
            if asked not in self._readers:
                self._readers[asked] = self._sends.readers(attempt)
            if self._readers[asked]:
                by = ", ".join(self._readers[asked])
                for each in siblings_of(incident, self._every):
                    claim(self._outbox, each, by, self._now, how=ClaimedBy.READ)
                _log.info("%s was claimed by reading.", incident.failure.name)
                return True
        return False

    def _own_message(self, incident: Incident) -> Iterator[Attempt]:
        """The alert's own message, if it went to people."""
        found = self._around.handles.get(incident.id)
        if found is not None and found.at >= incident.failure.rule_since:
            receipt = self._sends.receipt_of_alert(incident.mailbox, found.handles)
            yield Attempt(Way.PERSON, found.at, Outcome.DONE, receipt=receipt)

    def _note(self, order: Order, sent: Sent, calls: Mapping[str, Call] | None = None) -> None:
        for each in order.incidents:
            receipt = sent.receipt.get(each.id, {})
            attempt = Attempt(order.way, order.now, sent.outcome, sent.people, receipt, sent.detail)
            self._progress[each.id] = self._progress_of(each).with_attempt(order.step, attempt)
        escalation_notes.note_progress(
            self._outbox, {each.id: self._progress[each.id] for each in order.incidents}, calls
        )

    def _close(self, every: Mapping[str, Incident]) -> None:
        """Mark the to-dos of incidents that have recovered as done, and forget how far they escalated."""
        over = [
            incident
            for incident, progress in self._progress.items()
            if incident not in every or self._progress_of(every[incident]).began != progress.began
        ]
        closed = []
        for incident in over:
            try:
                for attempt in self._progress[incident].every_attempt:
                    self._sends.close_todos(attempt)
            except DingTalkError as problem:
                _log.warning("A to-do of an incident that has recovered can't be closed: %s", problem)
                if problem.retryable:
                    continue
            closed.append(incident)
        for incident in closed:
            del self._progress[incident]
        if closed:
            forget_progress(self._outbox, closed)


def _grouped(due: Sequence[_Due], now: float) -> Iterable[Order]:
    """One order for all incidents with the same step, for the same people, in the same way, from the same place."""
    from airflow_provider_dingpush.pipeline.escalation_sends import Order

    groups: dict[object, list[_Due]] = {}
    for each in due:
        failure, decision = each.incident.failure, each.decision
        owners = failure.owners if decision.step is not None and "owner" in decision.step.who else ()
        place = (
            each.incident.mailbox if decision.way is Way.GROUP or each.rule.escalation is None else each.rule.receiver
        )
        key = (failure.rule, decision.step, decision.way, decision.because, place, owners, failure.language)
        groups.setdefault(key, []).append(each)
    for some in groups.values():
        decision, escalation = some[0].decision, some[0].rule.escalation
        if decision.step is not None and decision.way is not None and escalation is not None:
            incidents = tuple(each.incident for each in some)
            yield Order(incidents, decision.step, decision.way, decision.because, escalation, now)
