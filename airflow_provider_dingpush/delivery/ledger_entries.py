"""What stands in a ledger, as frozen values: messages on their way, alerts apart, dead letters, ends of tries."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from airflow_provider_dingpush.alerts.alert import Alert


@dataclass(frozen=True)
class Batch:
    """A message, frozen before its first try so that every try says the same.

    :param uuid: by which DingTalk recognises a repeat.
    :param robot: the robot that it was encoded for.
    :param body: the bytes of the POST.
    :param members: keys of the alerts that it settles.
    :param created: when it was frozen, in seconds since 1970.
    :param due: not to be tried before that, in seconds since 1970.
    :param tries: how often it was tried.
    :param under_way: a try was begun and its outcome isn't known.
    :param perhaps_arrived: one of its tries may have arrived.
    :param pen: the pen that its alerts come from.
    :param bare: it says an alert's name and nothing else.
    :param proven: another message arrived after these alerts had been refused, so it is they that are refused.
    :param repeats: what it says of the counts of repeated failures, by the record they stand in.
    :param dead: dead letters that it names.
    :param overflown: how many alerts it mentions that were only counted.
    :param may_repeat: number of another message that it may repeat.
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
    batch_apart: str = ""
    names_only: bool = False
    proven: bool = False
    repeats: Mapping[str, int] = field(default_factory=dict)
    dead: tuple[str, ...] = ()
    overflow_count: int = 0
    may_repeat: str = ""

    @property
    def number(self) -> str:
        """A short name, by which people recognise a repetition."""
        return self.uuid[:4]

    def to_record(self) -> dict[str, Any]:
        return {**asdict(self), "body": base64.b64encode(self.body).decode()}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Batch:
        tuples = {name: tuple(record[name]) for name in ("members", "dead")}
        return cls(**{**record, **tuples, "body": base64.b64decode(record["body"])})


@dataclass(frozen=True)
class QuarantinedBatch:
    """Alerts that are said apart from the others.

    :param name: of its record.
    :param keys: keys of the alerts.
    :param bare: only their names are said, because their text was refused.
    :param proven: another message arrived after these alerts had been refused.
    :param may_repeat: number of a message that may have told them already.
    """

    name: str
    keys: tuple[str, ...]
    names_only: bool
    proven: bool = False
    may_repeat: str = ""

    def to_record(self, created: float) -> dict[str, Any]:
        """What stands in the book.

        :param created: since when they are apart, in seconds since 1970.
        """
        return {
            "keys": list(self.keys),
            "names_only": self.names_only,
            "created": created,
            "proven": self.proven,
            "may_repeat": self.may_repeat,
        }


@dataclass(frozen=True)
class DeadLetter:
    """An alert that is told no more, because DingTalk refused it even alone and bare.

    :param key: of the alert.
    :param alert: what it was; ``None`` if it can't be read.
    :param problem: why it was refused.
    :param at: when it was given up, in seconds since 1970.
    """

    key: str
    alert: Alert | None
    problem: str
    at: float

    @property
    def name(self) -> str:
        """Its DAG and task."""
        return name_of(self.alert) if self.alert else self.key


@dataclass(frozen=True)
class Try:
    """The end of one try, for the step that settles it.

    :param slot: its place in this robot's window; ``None`` if another robot sent it.
    :param ended_at: in seconds since 1970.
    """

    slot: str | None
    ended_at: float


def name_of(alert: Alert) -> str:
    """Which DAG and task an alert speaks of."""
    return " · ".join(part for part in (alert.dag_id, alert.task_id) if part) or alert.event
