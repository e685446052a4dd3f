"""An alert as it is written down: plain data that survives the process in which the event happened."""

from __future__ import annotations

import hashlib
import json
import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_dingpush.events import Event

if TYPE_CHECKING:
    from typing import Protocol

    class Target(Protocol):
        """Whom an app sends to."""

        def to_dict(self) -> dict[str, Any]:
            """The plain form of it."""


FORMAT = 1
"""Written into every alert. Readers ignore names that they don't know, so only a change of meaning needs a new one."""


class Mailbox(NamedTuple):
    """Where alerts wait together: those that one connection id sends to one target.

    The connection is looked up by whoever sends them, not by whoever writes them: a slow secrets backend must not cost
    an alert.

    :param conn_id: id of the Airflow connection.
    :param target: the plain form of ``to=`` as canonical JSON; empty for the connection's own group.
    """

    conn_id: str
    target: str = ""

    @classmethod
    def read(cls, plain: Any) -> Mailbox:
        """Read connection id and target from a list of both.

        :raises ValueError: if it isn't that.
        """
        if not isinstance(plain, list) or len(plain) != 2 or not all(isinstance(each, str) for each in plain):
            raise ValueError("this isn't a mailbox")
        return cls(*plain)

    @property
    def name(self) -> str:
        """A short name that is the same in every process and safe in a path."""
        return _digest([self.conn_id, self.target])[:16]


@dataclass(frozen=True)
class Alert:
    """One event, written down to be sent.

    :param key: the same for every alert with the same content about the same occurrence; a second one isn't sent.
    :param mailbox: where it waits.
    :param event: what happened. JSON holds its name; one that only a newer version knows keeps it.
    :param at: when it happened, in seconds since 1970.
    :param dag_id: the DAG.
    :param run_id: the run.
    :param task_id: the task; ``None`` if the whole run is meant.
    :param map_index: its place among mapped instances.
    :param try_number: which try it was, from 1.
    :param resolved: whether it reports that an earlier failure is over.
    :param summary: one line of what went wrong, redacted.
    :param log_link: the task's log.
    :param run_link: the run's page.
    :param answer_link: the page where a person answers what the task asks.
    :param environment: which Airflow.
    :param owners: of the task or DAG; known to the connection's ``mentions``.
    :param facts: everything else about it, for the full text of an alert that is sent alone.
    :param message: the notifier's own message, in its plain form, instead of the built-in text.
    :param mentions: whom the notifier wants mentioned, in plain form.
    :param language: ``zh`` or ``en`` if the notifier names one.
    :param occurrence: the same for every alert about the same event of the same try; by default the key, which
        it is for a notifier that adds nothing of its own.
    :param also: messages of other notifiers about the same occurrence, in plain form, that are sent with this alert;
        see :func:`~airflow_provider_dingpush.alerts.joining.joined`.
    :param problems: name of each argument of the notifier that can't be used -> why, redacted. It is put into words
        when the receiver's language is known.
    :param given_up: the notifier's own message, if it was refused and the built-in text is sent instead; it is sent
        after all if it was the receiver that refused everything.
    """

    key: str
    mailbox: Mailbox
    event: Event
    at: float
    dag_id: str = ""
    run_id: str | None = None
    task_id: str | None = None
    map_index: int | None = None
    try_number: int | None = None
    resolved: bool = False
    summary: str = ""
    log_link: str | None = None
    run_link: str | None = None
    answer_link: str | None = None
    environment: str | None = None
    owners: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    message: Mapping[str, Any] | None = None
    mentions: Mapping[str, Any] | None = None
    language: str | None = None
    problems: Mapping[str, str] = field(default_factory=dict)
    occurrence: str = ""
    also: tuple[Mapping[str, Any], ...] = ()
    given_up: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "event", Event(self.event))
        if not self.occurrence:
            object.__setattr__(self, "occurrence", self.key)

    def without_own_words(self, problem: str) -> Alert:
        """The same with the built-in text.

        :param problem: why the notifier's own message can't be sent.
        """
        return replace(self, message=None, given_up=self.message, problems={**self.problems, "message": problem})

    def with_own_words(self) -> Alert:
        """The same with the notifier's own message again, if it was given up."""
        if self.given_up is None:
            return self
        others = {name: problem for name, problem in self.problems.items() if name != "message"}
        return replace(self, message=self.given_up, given_up=None, problems=others)

    @property
    def adds_something(self) -> bool:
        """Whether its notifier has a message of its own, or mentions somebody."""
        return self.key != self.occurrence

    @property
    def incident(self) -> str:
        """The same for a failure and the recovery that ends it, whatever the run."""
        return incident_of(self.mailbox, self.dag_id, self.task_id, self.map_index)

    @property
    def opens_incident(self) -> bool:
        """Whether something is wrong now that a success can end."""
        return self.event.opens_incident

    def _is_sound(self) -> bool:
        """Whether those of its fields that everybody relies on are what they should be."""
        texts = (self.key, self.dag_id, self.summary)
        names = (self.run_id, self.task_id, self.language, self.environment)
        return (
            all(isinstance(each, str) for each in (*texts, *self.owners))
            and all(each is None or isinstance(each, str) for each in names)
            and isinstance(self.at, (int, float))
            and isinstance(self.facts, dict)
        )

    def to_json(self) -> str:
        """One line of JSON."""
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        plain["mailbox"] = [self.mailbox.conn_id, self.mailbox.target]
        return json.dumps({"v": FORMAT, **plain}, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Alert:
        """Read what :meth:`to_json` wrote, also of a version that knows more.

        :raises ValueError: if it isn't that.
        """
        try:
            plain = json.loads(text)
            values = {name: value for name, value in plain.items() if name in cls.__dataclass_fields__}
            mailbox = Mailbox.read(values["mailbox"])
            tuples = {name: tuple(values.get(name) or ()) for name in ("owners", "also")}
            alert = cls(**{**values, **tuples, "mailbox": mailbox})
            if not alert._is_sound():
                raise ValueError("a field of this alert is of another type")
            return alert
        except (TypeError, KeyError, AttributeError, RecursionError) as problem:
            raise ValueError("this isn't an alert") from problem


def mailbox_of(conn_id: str, to: Target | None) -> Mailbox:
    """Where the alerts to a target wait."""
    return Mailbox(conn_id, "" if to is None else json.dumps(to.to_dict(), sort_keys=True, ensure_ascii=False))


def incident_of(mailbox: Mailbox, dag_id: str, task_id: str | None, map_index: int | None) -> str:
    """The name of what fails and recovers, for alerts of one mailbox."""
    return _digest([mailbox.name, dag_id, task_id, map_index])[:24]


def key_of(
    *,
    dag_id: str,
    run_id: str | None,
    task_id: str | None,
    map_index: int | None,
    try_number: int | None,
    event: str,
    distinction: str = "",
) -> str:
    """The key of an occurrence. Airflow calls back twice now and then, and both calls must come to the same one.

    :param distinction: what distinguishes it from another one of the same names, such as the run's start.
    """
    if not run_id:
        # What can't be named can't be recognised either, and an alert twice is better than none.
        return unique_key()
    return _digest([dag_id, run_id, task_id, map_index, try_number, event, distinction])[:40]


def unique_key() -> str:
    """The key of what is never repeated."""
    return uuid.uuid4().hex


def key_with(occurrence: str, message: Mapping[str, Any] | str | None, mentions: Mapping[str, Any] | None) -> str:
    """The key of an alert: the occurrence itself, unless its notifier adds a message or mentions."""
    if message is None and not mentions:
        return occurrence
    return _digest([occurrence, json.dumps([message, mentions], sort_keys=True)])[:40]


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def age_of(alert: Alert) -> tuple[float, str]:
    """Orders alerts, the oldest first, in every process alike."""
    return alert.at, alert.key


def log_repetition(log: logging.Logger, alert: Alert) -> None:
    """Log the alert that is dropped as a repetition."""
    about = {
        "DAG": alert.dag_id,
        "run": alert.run_id,
        "task": alert.task_id,
        "map index": alert.map_index,
        "try": alert.try_number,
    }
    named = ", ".join(f"{name} {value}" for name, value in about.items() if value not in (None, ""))
    log.info("A repetition isn't sent again: %s, %s.", alert.event, named)
