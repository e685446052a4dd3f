"""Batches that DingTalk refused are split until the refused alert is alone; the others are sent meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.delivery.dead_letters import DeadLetter, DeadLetters
from airflow_provider_dingpush.delivery.holds import Holds
from airflow_provider_dingpush.delivery.intake import Mailboxes
from airflow_provider_dingpush.delivery.queue import Queue
from airflow_provider_dingpush.delivery.record_kinds import (
    ALERT,
    BATCH,
    DEAD,
    QUARANTINE,
    REFUSED,
    Batch,
    Hold,
    QuarantinedBatch,
)
from airflow_provider_dingpush.delivery.records import Changes, Records
from airflow_provider_dingpush.delivery.window import Slots, Try

# One refused alert causes two refusals in a row at most, and a few of them hardly more than this.
_REFUSALS_OF_ONE_ALERT = 6
# If other messages are accepted in between, each refused alert is worth isolating.
_REFUSALS_OF_PROVEN_ONES = 40
_NAMES_ONLY, _HELD_BACK = "names", "held"


class Quarantine:
    """Moves the alerts of a refused batch, each time in one step.

    :param records: of a receiver's book.
    :param queue: the pending alerts in it.
    :param dead_letters: for alerts refused even alone.
    :param slots: of the receiver's window.
    :param holds: of the receiver.
    :param mailboxes: which may still have dead letters.
    """

    def __init__(
        self,
        records: Records,
        queue: Queue,
        dead_letters: DeadLetters,
        *,
        slots: Slots,
        holds: Holds,
        mailboxes: Mailboxes,
    ) -> None:
        self._records = records
        self._queue = queue
        self._dead_letters = dead_letters
        self._slots = slots
        self._holds = holds
        self._mailboxes = mailboxes

    def take_out(self, batch: Batch, changes: Changes) -> None:
        """Remove the alerts of a batch from the quarantined batch that they come from."""
        quarantined = self._records.table.get(QUARANTINE, batch.quarantine) if batch.quarantine else None
        if quarantined is None:
            return
        left = quarantined.without(set(batch.members))
        changes.put_or_delete(QUARANTINE, left if left.keys else None, batch.quarantine)

    def put_back(self, batch: Batch, changes: Changes) -> None:
        """Quarantine the alerts of a batch again that was surely not delivered."""
        if batch.quarantine:
            others = self._records.table.get(QUARANTINE, batch.quarantine)
            keys = list(dict.fromkeys([*batch.members, *(others.keys if others else ())]))
            changes.put(QUARANTINE, _quarantined(batch, keys, batch.created), batch.quarantine)

    def split(self, batch: Batch, problem: str, end: Try | None = None, *, now: float) -> tuple[DeadLetter, ...]:
        """Halve a batch refused for its content until the refused alert is alone, then send only its name.

        If one batch after the other is refused, it isn't a single alert, and halving all would take hours: then only
        the names of all are sent. Alerts refused even so become dead letters, which are returned.
        """
        changes, refusals = Changes(), (self._records.table.get(REFUSED) or 0) + 1
        self.take_out(batch, changes)
        self._slots.end(end, changes)
        changes.put(REFUSED, refusals)
        changes.delete(BATCH)
        half = len(batch.members) // 2
        unreported = self._dead_letters.known(batch.dead)
        general = self._is_general(batch, refusals)
        dead: list[DeadLetter] = []
        if unreported:
            # The name of a dead letter may be the reason, and would be in every notification from now on.
            self._dead_letters.mark_reported(unreported, changes)
            changes.put(QUARANTINE, _quarantined(batch, batch.members, now), f"{batch.uuid}.0")
        elif half and not general:
            changes.put(QUARANTINE, _quarantined(batch, batch.members[:half], now), f"{batch.uuid}.1")
            changes.put(QUARANTINE, _quarantined(batch, batch.members[half:], now), f"{batch.uuid}.2")
        else:
            # A record that was damaged meanwhile is gone.
            members = [key for key in batch.members if self._queue.is_waiting(key)]
            keys = [*members, *(self._take_same_form(batch, changes) if general else ())]
            if batch.names_only:
                dead = [self._dead_letters.add(key, problem, now, changes) for key in keys]
            elif keys:
                self._reduce_to_names(batch, keys, now, changes)
        self._records.change(changes)
        self._mailboxes.clear_sent([letter.key for letter in dead])
        return tuple(dead)

    def use_built_in_text(self, batch: Batch, problem: str, end: Try | None = None, *, now: float) -> bool:
        """Send the built-in text, with the problem, instead of a notifier's own message that was refused alone.

        ``False`` if something else was refused.
        """
        alerts: Sequence[Alert] = self._queue.alerts(batch.members)
        if batch.names_only or len(batch.members) != 1 or self._dead_letters.known(batch.dead):
            return False
        if not alerts or alerts[0].message is None:
            return False
        built_in = alerts[0].with_built_in_text(problem)
        self._queue.remember({built_in.key: built_in})
        changes = Changes()
        self.take_out(batch, changes)
        self._slots.end(end, changes)
        changes.put(REFUSED, (self._records.table.get(REFUSED) or 0) + 1)
        changes.put(ALERT, built_in.to_json(), built_in.key)
        changes.put(QUARANTINE, _quarantined(batch, [built_in.key], now), f"{batch.uuid}.0")
        changes.delete(BATCH)
        self._records.change(changes)
        return True

    def hold_back(self, batch: Batch, end: Try, refused: Iterable[str], *, now: float, hold: Hold | None) -> None:
        """The receiver refuses everything: quarantine all refused alerts together, behind all other pending ones.

        :param refused: keys of alerts refused for the same reason; dead letters among them become pending again, and
            a notifier's own message replaces the built-in text again.
        :param hold: until when nothing may be sent to this receiver; ``None`` if it was a fallback.
        """
        changes, keys = Changes(), sorted({*refused, *batch.members})
        self._slots.end(end, changes)
        self._holds.put(hold, changes)
        dead = {key: record for key in keys if (record := self._records.table.get(DEAD, key)) is not None}
        for key in keys:
            written = dead[key].alert if key in dead else self._records.table.get(ALERT, key)
            if written is not None:
                changes.put(ALERT, _with_own_message(written), key)
                self._queue.reread(key)
        quarantine = self._queue.quarantine
        # Those that were tried just now come last, so that each try probes other ones.
        together = dict.fromkeys(key for _, each in quarantine for key in each.keys if key not in batch.members)
        together.update(dict.fromkeys([*dead, *batch.members]))
        changes.delete(BATCH)
        for name, _ in quarantine:
            changes.delete(QUARANTINE, name)
        for key in dead:
            changes.delete(DEAD, key)
        changes.put(QUARANTINE, QuarantinedBatch(tuple(together), names_only=False, created=now), _HELD_BACK)
        self._records.change(changes)

    @staticmethod
    def _is_general(batch: Batch, refusals: int) -> bool:
        """Whether so many batches were refused in a row that a single alert isn't the reason."""
        most = _REFUSALS_OF_PROVEN_ONES if batch.proven else _REFUSALS_OF_ONE_ALERT
        return refusals >= most * (2 if batch.names_only else 1)

    def _take_same_form(self, batch: Batch, changes: Changes) -> list[str]:
        """Take the alerts out of all other quarantined batches of the same form."""
        taken: list[str] = []
        for name, each in self._queue.quarantine:
            if each.names_only == batch.names_only and name != batch.quarantine:
                changes.delete(QUARANTINE, name)
                taken.extend(each.keys)
        return taken

    def _reduce_to_names(self, batch: Batch, keys: Sequence[str], now: float, changes: Changes) -> None:
        others = self._records.table.get(QUARANTINE, _NAMES_ONLY)
        proven = batch.proven and (others is None or others.proven)
        every = (*(others.keys if others else ()), *keys)
        changes.put(QUARANTINE, QuarantinedBatch(every, names_only=True, created=now, proven=proven), _NAMES_ONLY)


def _quarantined(batch: Batch, keys: Sequence[str], created: float) -> QuarantinedBatch:
    """The record of alerts of a batch that was refused."""
    return QuarantinedBatch(tuple(keys), batch.names_only, created, batch.proven, batch.may_repeat)


def _with_own_message(alert: str) -> str:
    try:
        return Alert.from_json(alert).with_own_message().to_json()
    except ValueError:
        return alert
