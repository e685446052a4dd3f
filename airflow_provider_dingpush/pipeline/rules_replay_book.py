"""The world of a replay: a clock that only waiting advances, a book in memory, and a channel that counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.delivery.channel import SendResult, SendStatus

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Alert
    from airflow_provider_dingpush.alerts.digest_notes import Notes
    from airflow_provider_dingpush.messages import At, Message
    from airflow_provider_dingpush.storage.contract import LeadPause, RecordId
    from airflow_provider_dingpush.timeouts import Deadline


@dataclass
class ReplayBook:
    """A ledger book in memory, and the mailbox of its receiver.

    :param clock: in seconds since 1970; waiting advances it.
    :param later: alerts that arrive in future: when, in seconds since 1970, and the alert; the next one last.
    """

    clock: float
    later: list[tuple[float, Alert]] = field(default_factory=list)
    records: dict[RecordId, Any] = field(default_factory=dict)
    mail: dict[str, Alert] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)

    def sleep(self, seconds: float) -> None:
        """Advance the clock."""
        self.advance_to(self.clock + seconds)

    def advance_to(self, moment: float) -> None:
        """Advance the clock, and put what arrives until then into the mailbox."""
        self.clock = max(self.clock, moment)
        while self.later and self.later[-1][0] <= self.clock:
            _, alert = self.later.pop()
            self.mail.setdefault(f"{alert.mailbox.name}/{alert.key}", alert)

    def now(self) -> float:
        return self.clock

    def arrivals(self, at_most: int) -> Sequence[tuple[str, Alert]]:
        return list(self.mail.items())[:at_most]

    def overflow_count(self) -> int:
        return 0

    def remove_arrivals(self, tickets: Iterable[str]) -> None:
        for each in tickets:
            self.mail.pop(each, None)

    def load(self) -> dict[RecordId, Any]:
        return dict(self.records)

    def write(
        self,
        puts: Mapping[RecordId, Any],
        deletes: Iterable[RecordId] = (),
        keys: Iterable[str] = (),
        forget: Iterable[str] = (),
    ) -> None:
        for place in deletes:
            self.records.pop(place, None)
        self.records.update(puts)
        prefixes = tuple(each for each in forget if each)
        if prefixes:
            self.keys = {each for each in self.keys if not each.startswith(prefixes)}
        self.keys.update(keys)

    def known(self, keys: Sequence[str]) -> set[str]:
        return self.keys.intersection(keys)

    def note_pause(self, pause: LeadPause | None) -> None:
        """Does nothing: who leads is known."""

    def ask_for_successor(self, wanted: bool) -> None:
        """Does nothing: there is none."""

    def has_successor(self) -> bool:
        return False

    def keep(self, seconds: float) -> None:
        """Does nothing: nobody else leads."""


@dataclass
class CountingChannel:
    """A channel that takes every message at once, and notes when.

    :param book: has the clock.
    :param receiver_id: of the real receiver, like all that follows.
    """

    book: ReplayBook
    receiver_id: str
    conn_id: str
    timeout_seconds: float
    text_bytes: int
    recognises_repeats: bool = True
    sent_at: list[float] = field(default_factory=list)

    def prepare(self, message: Message, at: At | None, *, uuid: str, language: str) -> bytes:  # noqa: ARG002 - a channel
        return b""

    def post(self, body: bytes, deadline: Deadline) -> SendResult:  # noqa: ARG002 - a channel
        self.sent_at.append(self.book.clock)
        return SendResult(SendStatus.SENT)


def compose(alerts: Sequence[Alert], notes: Notes) -> tuple[Message, At | None]:  # noqa: ARG001 - a composer
    """A message of any alerts: only that there is one counts."""
    from airflow_provider_dingpush.messages.kinds import Text

    return Text("…"), None
