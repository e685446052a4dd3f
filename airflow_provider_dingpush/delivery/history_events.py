"""One line of the history about an alert that was taken in, or about a notification that was sent.

Enough of an alert to decide again who gets it, and in how many messages: no text of it, and no secret.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import floor
from typing import Any

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.events import Event

_PEOPLE: Mapping[str, Any] = {"user_ids": ["someone"]}


@dataclass(frozen=True)
class RecordedEvent:
    """An alert as the history has it.

    :param taken_at: when a leader took it into its book, in seconds since 1970.
    :param leader: the role of that leader; empty if it isn't known.
    :param alert: without its texts; its facts are those by which alerts are merged, and those that rules match.
    """

    taken_at: float
    leader: str
    alert: Alert

    def to_line(self) -> str:
        """One line of JSON."""
        alert = self.alert
        values = {
            "t": _past(self.taken_at),
            "l": self.leader,
            "o": _short(alert.occurrence),
            "k": _short(alert.key) if alert.adds_something else "",
            "e": alert.event.value,
            "a": round(alert.at, 4),
            "d": alert.dag_id,
            "r": alert.run_id,
            "i": alert.task_id,
            "m": alert.map_index,
            "n": alert.try_number,
            "s": alert.resolved,
            "c": alert.mailbox.conn_id,
            "to": alert.mailbox.target,
            "u": str(alert.rule.get("name", "")),
            "w": list(alert.owners),
            "own": alert.message is not None,
            "at": alert.mentions_people,
            "f": {name: _slim(alert.facts[name]) for name in _FACTS if alert.facts.get(name)},
        }
        # Map index 0 and the first moment are values, too.
        known = {name: value for name, value in values.items() if value not in ("", None, False, [], {}) or value == 0}
        return json.dumps(known | {"s": alert.resolved}, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_line(cls, line: str) -> RecordedEvent:
        """Read a line.

        :raises ValueError: if it is damaged.
        """
        try:
            values: dict[str, Any] = json.loads(line)
            alert = Alert(
                key=values.get("k") or values["o"],
                occurrence=values["o"],
                mailbox=Mailbox(values["c"], values.get("to", "")),
                event=Event(values["e"]),
                at=float(values["a"]),
                dag_id=values.get("d", ""),
                run_id=values.get("r"),
                task_id=values.get("i"),
                map_index=values.get("m"),
                try_number=values.get("n"),
                resolved=bool(values["s"]),
                owners=tuple(values.get("w", ())),
                facts=values.get("f", {}),
                message={} if values.get("own") else None,
                mentions=_PEOPLE if values.get("at") else None,
                rule={"name": values["u"]} if values.get("u") else {},
            )
            return cls(float(values["t"]), values.get("l", ""), alert)
        except (TypeError, KeyError, AttributeError) as problem:
            raise ValueError("this isn't a recorded event") from problem


_FACTS = "tags", "run_type", "team", "run_started_at", "failed_tasks", "failed_task_count"


def _past(moment: float) -> float:
    """A moment to a tenth of a millisecond, never later: what has happened must not seem to be still to come."""
    return floor(moment * 10_000) / 10_000


def _slim(fact: Any) -> Any:
    """A fact; of failed tasks only which they are."""
    if isinstance(fact, list) and all(isinstance(each, Mapping) for each in fact):
        return [{name: each.get(name) for name in ("task_id", "map_index")} for each in fact]
    return fact


def _short(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True)
class SentMessage:
    """A notification that was sent.

    :param at: when, in seconds since 1970.
    :param alerts: how many it had.
    """

    at: float
    alerts: int

    def to_line(self) -> str:
        """One line."""
        return f"{_past(self.at):.4f} {self.alerts}"

    @classmethod
    def from_line(cls, line: str) -> SentMessage:
        """Read a line.

        :raises ValueError: if it is damaged.
        """
        at, alerts = line.split(" ")
        return cls(float(at), int(alerts))


@dataclass(frozen=True)
class RecordedWeek:
    """What a book has recorded of the last week.

    :param events: alerts that were taken in, the oldest first.
    :param messages: notifications that were sent.
    :param began_at: when the recording began, in seconds since 1970; ``None`` if nothing was ever recorded.
    :param dropped_until: up to when lines were dropped because they were too many, in seconds since 1970.
    """

    events: tuple[RecordedEvent, ...] = ()
    messages: tuple[SentMessage, ...] = ()
    began_at: float | None = None
    dropped_until: float = 0.0
