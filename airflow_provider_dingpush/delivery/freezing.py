"""Freezing a batch: alerts composed into one notification before its first try."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.alerts.digest_notes import Notes
from airflow_provider_dingpush.alerts.hints import hints_about
from airflow_provider_dingpush.alerts.kinds import mark_of
from airflow_provider_dingpush.alerts.message_log import log_covered, log_reported
from airflow_provider_dingpush.delivery.dead_letters import name_of
from airflow_provider_dingpush.delivery.decide import Work
from airflow_provider_dingpush.delivery.fallbacks import Route
from airflow_provider_dingpush.delivery.ledger import Ledger
from airflow_provider_dingpush.delivery.merging import Merged, fitting
from airflow_provider_dingpush.delivery.record_kinds import Batch
from airflow_provider_dingpush.delivery.storm_total import storm_note
from airflow_provider_dingpush.errors import DingTalkError
from airflow_provider_dingpush.messages.kinds import Text

MOST_NAMES = 50
"""The most names in a message of names only, and in a line of the log."""


@dataclass(frozen=True)
class Freezer:
    """Freezes batches of one receiver.

    :param ledger: its book.
    :param msg_uuid_lifetime_seconds: how long DingTalk is counted on to recognise a repeated message, in seconds.
    :param language_of: the language of alerts, ``zh`` or ``en``, for the note in a message that had to be cut.
    :param refuse: called with a draft that can't be composed, and why.
    :param new_uuid: makes the uuid of a notification.
    """

    ledger: Ledger
    msg_uuid_lifetime_seconds: float
    refuse: Callable[[Batch, str, float], None]
    language_of: Callable[[Sequence[Alert]], str] = lambda _: "zh"
    new_uuid: Callable[[], str] = lambda: uuid.uuid4().hex

    def frozen(self, work: Work, route: Route, now: float) -> Batch | None:
        """The batch to send, or ``None`` if there is none."""
        if work is Work.UNFINISHED:
            return self._unfinished(route, now)
        draft = Batch(self.new_uuid(), route.channel.receiver_id, b"", (), created=now, due=now)
        if work is Work.FRESH:
            return self._composed(draft, fitting(self.ledger.queue.fresh(now), route.channel.text_bytes), route, now)
        name, quarantined = self.ledger.queue.quarantine[0]
        # While the receiver refuses everything, one alert is as good a probe as all of them.
        probes = route.own and not quarantined.proven and self.ledger.refusals.of_receiver
        alerts = self.ledger.queue.alerts(quarantined.keys[:1] if probes else quarantined.keys)
        draft = replace(
            draft,
            quarantine=name,
            names_only=quarantined.names_only,
            proven=quarantined.proven,
            may_repeat=quarantined.may_repeat,
        )
        return self._composed(draft, alerts, route, now)

    def _unfinished(self, route: Route, now: float) -> Batch | None:
        """The batch frozen earlier; composed anew if the route changed or a repeat may not be recognised."""
        old, channel = self.ledger.queue.unfinished, route.channel
        if old is None:
            return None
        recognised = channel.recognises_repeats and now - old.created < self.msg_uuid_lifetime_seconds
        if old.receiver_id == channel.receiver_id and (recognised or not old.perhaps_arrived):
            return old
        alerts = self.ledger.queue.alerts(old.members)
        if not alerts:
            self.ledger.unfreeze(old)
            return None
        return self._composed(replace(old, receiver_id=channel.receiver_id), alerts, route, now)

    def _composed(self, draft: Batch, alerts: Sequence[Alert], route: Route, now: float) -> Batch | None:
        """The draft with its body, or ``None`` if its alerts need no message or can't be composed."""
        merged = self.ledger.merged(alerts)
        if not merged.shown:
            self.ledger.drop_covered(merged.covered)
            return None
        draft = replace(draft, members=tuple(each.key for each in alerts))
        overflow_count = 0 if draft.names_only else self.ledger.queue.overflow_count
        draft = replace(draft, storm=self.ledger.storm.failures_of(merged.shown, overflow_count, now))
        notes = None
        if not draft.names_only:
            draft, notes = self._with_notes(draft, alerts, merged, route, now)
        try:
            message, at = (
                (names_only(merged.shown, draft.number), None) if notes is None else route.compose(merged.shown, notes)
            )
            language = self.language_of(merged.shown)
            body = route.channel.prepare(message, at, uuid=draft.uuid, language=language)
        except Exception as problem:  # noqa: BLE001 - one alert that can't be composed must not cost the others
            what = str(problem) if isinstance(problem, DingTalkError) else type(problem).__name__
            self.refuse(draft, f"it can't be composed ({what})", now)
            return None
        log_covered(draft.uuid, draft.members)
        log_reported(draft.uuid, merged.shown)
        return replace(draft, body=body)

    def _with_notes(
        self, draft: Batch, alerts: Sequence[Alert], merged: Merged, route: Route, now: float
    ) -> tuple[Batch, Notes]:
        """The draft with the records that its notes report, and the notes."""
        ledger = self.ledger
        repeats, by_record = ledger.repeats.counts(alerts)
        dead = ledger.dead_letters.unreported
        hints = ledger.hints.due(now) & hints_about(merged.shown)
        withheld = ledger.withholding.notes()
        released, still = ledger.withholding.shown_by(withheld)
        failing = {each.incident for each in merged.shown if not each.resolved}
        draft = replace(
            draft,
            repeats=by_record,
            dead=tuple(each.key for each in dead),
            overflow_count=ledger.queue.overflow_count,
            hints=tuple(sorted(each.value for each in hints)),
            released=released,
            withheld=still,
        )
        hold = ledger.hold_that_ended(alerts, now)
        return draft, Notes(
            number=draft.number,
            paused=(hold.since, hold.until, hold.reason.value) if hold else None,
            overflow_count=draft.overflow_count,
            repeats=repeats,
            dead=tuple(each.name for each in dead),
            skipped=tuple(route.skipped),
            may_repeat=draft.number if draft.perhaps_arrived else draft.may_repeat,
            folded=merged.folded,
            recovered=merged.recovered,
            merged_until_tomorrow=ledger.holds.ends_the_day(now),
            hints=hints,
            withheld=ledger.withholding.notes_besides(failing),
            followers=ledger.withholding.followers(),
            storm=storm_note(ledger.storm.total(draft.storm), merged.shown, now),
            memories=ledger.history.memories(merged.shown),
            last_sent_at=ledger.pace.last_sent_at,
        )


def names_only(alerts: Sequence[Alert], number: str) -> Text:
    """The message of alerts whose text was refused: their names.

    :param number: of the notification.
    """
    counts = Counter(f"{mark_of(each)} {name_of(each)}" for each in alerts)
    lines = [f"{name} ×{count}" if count > 1 else name for name, count in counts.items()]
    more = len(alerts) - sum(list(counts.values())[:MOST_NAMES])
    return Text("\n".join([*lines[:MOST_NAMES], *([f"+{more}"] if more else []), f"#{number}"]))
