"""The records of a receiver's book: the value of each kind, and how it is read, checked and written.

A record that doesn't match its kind is damaged: reading it raises ``ValueError``, and loading a book skips it.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Generic, TypeVar

from airflow_provider_dingpush.delivery.gate import GateDecision, Verdict
from airflow_provider_dingpush.delivery.reasons import Reason
from airflow_provider_dingpush.delivery.refusals import Refusals

ONLY = ""
"""The key of a kind that has one record only."""

Value = TypeVar("Value")
_Check = Callable[[Any], bool]


@dataclass(frozen=True, eq=False)
class RecordKind(Generic[Value]):
    """A kind of record.

    :param name: in the book.
    :param read: makes a value of plain JSON data; any exception means that the record is damaged.
    :param to_json: the plain JSON data of a value.
    """

    name: str
    read: Callable[[Any], Value]
    to_json: Callable[[Value], Any]


# ------------------------------------------------------------------------------------------------------------ checks


def _moment(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _texts(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value)


def _counts(value: Any) -> bool:
    return isinstance(value, dict) and all(_count(each) for each in value.values())


def _anything(_: Any) -> bool:
    return True


_SOUND: dict[str, _Check] = {
    "float": _moment,
    "float | None": lambda value: value is None or _moment(value),
    "int": _count,
    "int | None": lambda value: value is None or _count(value),
    "str": _text,
    "str | None": lambda value: value is None or _text(value),
    "bool": _flag,
    "tuple[str, ...]": _texts,
    "Mapping[str, int]": _counts,
    "bytes": _text,
    "Reason": _text,
}


def _checked(value_type: type[Value], record: Any) -> Value:
    """The value of a record, if each field matches its type and none is unknown.

    :raises ValueError: if it is damaged.
    """
    types = {each.name: str(each.type) for each in fields(value_type)}  # type: ignore[arg-type]
    if not isinstance(record, dict) or not record.keys() <= types.keys():
        raise ValueError(value_type.__name__)
    for name, given in record.items():
        if not _SOUND.get(types[name], _anything)(given):
            raise ValueError(name)
    try:
        lists = {name: tuple(given) for name, given in record.items() if types[name].startswith("tuple")}
        return value_type(**{**record, **lists})
    except TypeError as problem:
        raise ValueError(value_type.__name__) from problem


# ------------------------------------------------------------------------------------------------------------ values


@dataclass(frozen=True)
class Storm:
    """Failures that followed each other closely, of all notifications about them.

    :param since: when the first one happened, in seconds since 1970.
    :param until: when the last one happened, in seconds since 1970.
    :param failures: how many there were, with those that were only counted.
    :param dags: their DAGs.
    """

    since: float
    until: float
    failures: int
    dags: tuple[str, ...]


@dataclass(frozen=True)
class Batch:
    """Alerts frozen into one notification before its first try, so that every try sends the same.

    :param uuid: by which DingTalk recognises a repeat.
    :param receiver_id: of the receiver that it was prepared for.
    :param body: the bytes of the POST.
    :param members: keys of its alerts.
    :param created: when it was frozen, in seconds since 1970.
    :param due: not to be tried before that, in seconds since 1970.
    :param tries: how often it was tried.
    :param under_way: a try was begun and its result isn't known.
    :param perhaps_arrived: one of its tries may have been delivered.
    :param quarantine: name of the quarantined batch that its alerts come from.
    :param names_only: it shows the names of its alerts only.
    :param proven: another message was sent after these alerts had been refused, so the alerts are the reason.
    :param repeats: the counts of repeated failures that it shows, by record key.
    :param dead: dead letters that it lists.
    :param overflow_count: the overflow count that it shows.
    :param may_repeat: number of another notification that it may repeat.
    :param hints: values of the hints that it shows.
    :param storm: its failures, which are added to the storm when it was sent.
    :param released: by reason, how many alerts that were withheld it says are sent now.
    :param withheld: by reason, how many alerts it says are withheld.
    """

    uuid: str
    receiver_id: str
    body: bytes
    members: tuple[str, ...]
    created: float
    due: float
    tries: int = 0
    under_way: bool = False
    perhaps_arrived: bool = False
    quarantine: str = ""
    names_only: bool = False
    proven: bool = False
    repeats: Mapping[str, int] = field(default_factory=dict)
    dead: tuple[str, ...] = ()
    overflow_count: int = 0
    may_repeat: str = ""
    hints: tuple[str, ...] = ()
    storm: Storm | None = None
    released: Mapping[str, int] = field(default_factory=dict)
    withheld: Mapping[str, int] = field(default_factory=dict)

    @property
    def number(self) -> str:
        """A short name, by which people recognise a repeat."""
        return self.uuid[:4]

    def to_record(self) -> dict[str, Any]:
        """Its plain JSON data."""
        return {**asdict(self), "body": base64.b64encode(self.body).decode()}

    @classmethod
    def from_record(cls, record: Any) -> Batch:
        """Read a record.

        :raises ValueError: if it is damaged.
        """
        batch = _checked(cls, record)
        try:
            storm = None if batch.storm is None else _checked(Storm, batch.storm)
            return replace(batch, body=base64.b64decode(batch.body), storm=storm)
        except (binascii.Error, TypeError) as problem:
            raise ValueError("body") from problem


@dataclass(frozen=True)
class QuarantinedBatch:
    """Alerts that are sent apart from the others.

    :param keys: keys of the alerts.
    :param names_only: only their names are sent, because their text was refused.
    :param created: since when they are quarantined, in seconds since 1970.
    :param proven: another message was sent after these alerts had been refused.
    :param may_repeat: number of a notification that may have contained them already.
    """

    keys: tuple[str, ...]
    names_only: bool
    created: float
    proven: bool = False
    may_repeat: str = ""

    def without(self, keys: set[str]) -> QuarantinedBatch:
        """The same without these alerts."""
        return replace(self, keys=tuple(key for key in self.keys if key not in keys))


@dataclass(frozen=True)
class Slot:
    """A slot of the rate window.

    :param start: when its POST began, in seconds since 1970.
    :param end: when it ended, or will have ended at the latest, in seconds since 1970.
    """

    start: float
    end: float


@dataclass(frozen=True)
class Hold:
    """Why nothing may be sent.

    :param reason: throttled, misconfigured, refusing or the daily limit.
    :param since: in seconds since 1970.
    :param until: in seconds since 1970.
    :param detail: what DingTalk answered, for people.
    :param probe_seconds: the interval to the next probe, in seconds, if a setting must be fixed.
    """

    reason: Reason
    since: float
    until: float
    detail: str
    probe_seconds: float = 0.0


@dataclass(frozen=True)
class NotifiedFailure:
    """A failure that was sent.

    :param at: when, in seconds since 1970.
    :param repeats: how often it was only counted since.
    :param occurrence: of the alert; a second alert of the same occurrence is no repeat.
    :param mailbox: name of its mailbox.
    :param interval: how long it is only counted, in seconds, if a rule says so; ``None`` for that of the receiver.
    """

    at: float
    repeats: int
    occurrence: str | None
    mailbox: str = ""
    interval: float | None = None


@dataclass(frozen=True)
class Recovered:
    """A task that recovered.

    :param at: when, in seconds since 1970.
    :param run: of the task.
    :param try_number: that succeeded.
    :param taken_at: when it was recorded, in seconds since 1970.
    """

    at: float
    run: str
    try_number: int
    taken_at: float


@dataclass(frozen=True)
class NotifiedRun:
    """A run whose failed tasks were sent.

    :param tasks: task id and map index of each.
    :param at: when the last one was sent, in seconds since 1970.
    """

    tasks: tuple[tuple[str, int | None], ...]
    at: float


@dataclass(frozen=True)
class OpenIncident:
    """A failure that people are notified of and that hasn't recovered; others may follow from it.

    :param name: for people.
    :param dag_id: its DAG.
    :param task_id: its task; ``None`` for the whole run.
    :param map_index: of a mapped task instance.
    :param runs: ids of the latest runs in which it failed, the newest last.
    :param since: when it first failed, in seconds since 1970.
    :param until: when it last failed, in seconds since 1970.
    """

    name: str
    dag_id: str
    task_id: str | None
    map_index: int | None
    runs: tuple[str, ...]
    since: float
    until: float


@dataclass(frozen=True)
class SentHandles:
    """DingTalk's handles of a message that people got about a failure.

    :param handles: of its parts.
    :param at: when it was sent, in seconds since 1970.
    """

    handles: tuple[str, ...]
    at: float


@dataclass(frozen=True)
class DayCount:
    """Messages of one day.

    :param sent: through this receiver.
    :param elsewhere: of its alerts, through a fallback.
    """

    sent: int = 0
    elsewhere: int = 0


@dataclass(frozen=True)
class DeadRecord:
    """An alert that DingTalk refused even alone.

    :param alert: as JSON.
    :param problem: why it was refused.
    :param at: when it became a dead letter, in seconds since 1970.
    :param reported: whether a notification has listed it.
    """

    alert: str
    problem: str
    at: float
    reported: bool = False


@dataclass(frozen=True)
class Withheld:
    """An alert that isn't sent now.

    :param alert: as JSON.
    :param verdict: held, silenced or inhibited.
    :param by: identifies the reason.
    :param until: when it may be sent, in seconds since 1970.
    :param about: the reason for people.
    """

    alert: str
    verdict: str
    by: str
    until: float
    about: str = ""

    @classmethod
    def of(cls, alert: str, decision: GateDecision) -> Withheld:
        """The record of an alert about which this was decided."""
        return cls(alert, decision.verdict.value, decision.by, decision.until, decision.about)

    @property
    def decision(self) -> GateDecision:
        """What was decided about it."""
        return GateDecision(Verdict(self.verdict), self.by, self.until, self.about)


@dataclass(frozen=True)
class WithheldReason:
    """A reason for which alerts are or were withheld.

    :param about: the reason for people.
    :param since: when the first of these alerts was withheld, in seconds since 1970.
    :param until: when it ends, in seconds since 1970.
    :param counted: alerts beyond the limit, which are only counted.
    :param released: alerts that are pending again, which no notification has reported yet.
    :param reported: how many withheld ones a notification has reported.
    """

    about: str
    since: float
    until: float
    counted: int = 0
    released: int = 0
    reported: int = 0


@dataclass(frozen=True)
class Totals:
    """All alerts that a book ever had; those that are neither pending, withheld nor dead letters are in one count.

    :param written: taken in.
    :param notified: sent, or covered by others that were sent.
    :param counted: only counted in a notification: repeats, and what was beyond a limit.
    :param dropped: dead letters that a person deleted.
    """

    written: int = 0
    notified: int = 0
    counted: int = 0
    dropped: int = 0


@dataclass(frozen=True)
class Transfer:
    """Alerts on their way from one book to another.

    :param mailbox: name of their mailbox.
    :param alerts: pending alerts, as JSON, by key.
    :param quarantine: those of them that are sent apart, because a batch with them was refused or may be delivered.
    :param dead: dead letters, by key.
    :param notified: failures that were sent, and how often each was only counted since.
    :param overflow: the overflow count.
    """

    mailbox: str
    alerts: Mapping[str, str] = field(default_factory=dict)
    quarantine: tuple[QuarantinedBatch, ...] = ()
    dead: Mapping[str, DeadRecord] = field(default_factory=dict)
    notified: Mapping[str, NotifiedFailure] = field(default_factory=dict)
    overflow: int = 0

    @classmethod
    def from_record(cls, record: Any) -> Transfer:
        """Read a record.

        :raises ValueError: if it is damaged.
        """
        plain = _checked(cls, record)
        if record.keys() != asdict(cls("")).keys() or not isinstance(plain.alerts, dict):
            raise ValueError("transfer")
        return replace(
            plain,
            quarantine=tuple(QUARANTINE.read(each) for each in plain.quarantine),
            dead={key: DEAD.read(each) for key, each in plain.dead.items()},
            notified={key: NOTIFIED.read(each) for key, each in plain.notified.items()},
        )


# ------------------------------------------------------------------------------------------------------------- kinds


def _plain(name: str, check: _Check) -> RecordKind[Any]:
    def read(record: Any) -> Any:
        if not check(record):
            raise ValueError(name)
        return record

    return RecordKind(name, read, lambda value: value)


def _values(name: str, value_type: type[Value]) -> RecordKind[Value]:
    return RecordKind(name, lambda record: _checked(value_type, record), asdict)  # type: ignore[arg-type]


def _read_slot(record: Any) -> Slot:
    start, end = record
    if not (_moment(start) and _moment(end)):
        raise ValueError("slot")
    return Slot(start, end)


def _read_hold(record: Any) -> Hold:
    hold = _checked(Hold, record)
    return replace(hold, reason=Reason(hold.reason))


def _read_run(record: Any) -> NotifiedRun:
    run = _checked(NotifiedRun, record)
    return replace(run, tasks=tuple((task_id, map_index) for task_id, map_index in run.tasks))


def _read_withheld(record: Any) -> Withheld:
    withheld = _checked(Withheld, record)
    Verdict(withheld.verdict)
    return withheld


def _read_refusals(record: Any) -> Refusals:
    refusals = Refusals.from_record(record)
    groups = all(isinstance(code, str) and _texts(list(keys)) for code, keys in refusals.groups)
    if not (groups and _count(refusals.count) and _flag(refusals.of_receiver) and _texts(list(refusals.proven))):
        raise ValueError("refusals")
    return refusals


ALERT: RecordKind[str] = _plain("alert", _anything)
"""By key: the JSON of a pending alert; it may be in the batch or quarantined."""
BATCH = RecordKind("batch", Batch.from_record, Batch.to_record)
"""The frozen notification that isn't sent yet."""
QUARANTINE = _values("quarantine", QuarantinedBatch)
"""By name."""
SLOT = RecordKind("slot", _read_slot, lambda slot: [slot.start, slot.end])
"""By name: one POST."""
HOLD = RecordKind("hold", _read_hold, lambda hold: {**asdict(hold), "reason": hold.reason.value})
LIMITED_SINCE: RecordKind[float] = _plain("limited_since", _moment)
"""Since when the daily limit is reached."""
LAST_SENT: RecordKind[float] = _plain("last", _moment)
"""When a notification was last sent."""
STORM = _values("storm", Storm)
"""The last storm, as far as it was sent."""
HINT: RecordKind[float] = _plain("hint", _moment)
"""By value of a hint: when it was last shown."""
INTERVAL: RecordKind[float] = _plain("interval", _moment)
"""How long alerts are collected after that, in seconds."""
NOTIFIED = _values("notified", NotifiedFailure)
"""By incident and event."""
RECOVERED = _values("recovered", Recovered)
"""By subject."""
RUN = RecordKind("run", _read_run, asdict)
"""By DAG, run and when it started."""
OPEN = _values("open", OpenIncident)
"""By incident."""
HANDLES = _values("handles", SentHandles)
"""By incident, see :mod:`.message_handles`."""
DAY = _values("day", DayCount)
"""By date, such as 2026-11-22."""
OVERFLOW: RecordKind[int] = _plain("overflow", _count)
"""The overflow count."""
DEAD = _values("dead", DeadRecord)
"""By key of the alert."""
REFUSED: RecordKind[int] = _plain("refused", _count)
"""How many messages were refused for their content since one was last sent."""
REFUSALS = RecordKind("refusals", _read_refusals, Refusals.to_record)
"""Refusals for an unknown reason since a message was last sent."""
RESTART: RecordKind[float] = _plain("restart", _moment)
"""When a damaged book was replaced by an empty one, under the key :data:`RESTART_KEY`."""
TRANSFER = RecordKind("transfer", Transfer.from_record, asdict)
"""By name: alerts on their way to another receiver's book, see :mod:`.transfer`."""
MOVED: RecordKind[float] = _plain("moved", _moment)
"""By key: when an alert moved to another receiver's book."""
TRANSFERRED: RecordKind[bool] = _plain("transferred", _anything)
"""By name: a transfer that was taken in here and may still be in the other book."""
FAILURES: RecordKind[str] = _plain("failures", _text)
"""By bucket: past failures, see :mod:`.history_failures`."""
EVENTS: RecordKind[str] = _plain("events", _text)
"""By number: lines about alerts that were taken in, see :mod:`.history_log`."""
MESSAGES: RecordKind[str] = _plain("messages", _text)
"""By number: lines about notifications that were sent."""
RECORDED_SINCE: RecordKind[float] = _plain("recorded_since", _moment)
"""By name of a kind of the history: since when it is complete."""

WITHHELD = RecordKind("withheld", _read_withheld, asdict)
"""By key of the alert, see :mod:`.withholding`."""
WITHHOLDING = _values("withholding", WithheldReason)
"""By verdict and reason."""
TOTALS = _values("totals", Totals)

RESTART_KEY = "at"
KINDS: Mapping[str, RecordKind[Any]] = {
    kind.name: kind
    for kind in (
        *(ALERT, BATCH, QUARANTINE, SLOT, HOLD, LIMITED_SINCE, LAST_SENT, INTERVAL, NOTIFIED, RECOVERED, RUN, DAY),
        *(OVERFLOW, DEAD, REFUSED, REFUSALS, RESTART, TRANSFER, MOVED, TRANSFERRED, HINT, STORM, OPEN),
        *(WITHHELD, WITHHOLDING, TOTALS, HANDLES),
        *(FAILURES, EVENTS, MESSAGES, RECORDED_SINCE),
    )
}


def read_record(kind: str, record: Any) -> Any:
    """A record's value; one of an unknown kind (of a newer version) is returned unchanged.

    :raises ValueError: if it is damaged.
    """
    known = KINDS.get(kind)
    try:
        return record if known is None else known.read(record)
    except (TypeError, KeyError, AttributeError) as problem:
        raise ValueError(kind) from problem


def is_sound(kind: str, record: Any) -> bool:
    """Whether a record isn't damaged."""
    try:
        read_record(kind, record)
    except ValueError:
        return False
    return True
