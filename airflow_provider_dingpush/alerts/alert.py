"""An alert as it is stored: plain data that outlives the process in which the event happened."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.alerts.mailboxes import Mailbox, digest, incident_of, mailbox_of
from airflow_provider_dingpush.events import Event, Urgency

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.upstreams import Upstream

__all__ = [
    "FORMAT",
    "Alert",
    "Mailbox",
    "age_of",
    "incident_of",
    "key_of",
    "key_of_baseline",
    "key_of_file",
    "key_with",
    "log_repetition",
    "mailbox_of",
    "run_name",
    "unique_key",
]

FORMAT = 1
"""Stored in every alert. Readers ignore unknown names, so only a change of meaning needs a new number."""


@dataclass(frozen=True)
class Alert:
    """One event, stored to be sent.

    :param key: the same for every alert with the same content about the same occurrence; a second one isn't sent.
    :param mailbox: of the alert.
    :param event: what happened; JSON has its name, also of an event of a newer version.
    :param at: when it happened, in seconds since 1970.
    :param dag_id: the DAG; of an event about a file, its path; of one about a baseline, ``baseline`` and its name.
    :param run_id: the run.
    :param task_id: the task; ``None`` for the whole run.
    :param map_index: of a mapped task instance.
    :param try_number: the try, from 1.
    :param resolved: whether it reports the end of an earlier failure.
    :param summary: one line of what went wrong, redacted.
    :param log_link: the task's log.
    :param run_link: the run's page.
    :param answer_link: the page where a person answers the task's question.
    :param environment: label of the Airflow installation.
    :param owners: of the task or DAG; looked up in the connection's ``mentions``.
    :param facts: all other facts, for the full text of an alert that is sent alone.
    :param message: the notifier's own message, in its plain form, instead of the built-in text.
    :param mentions: the notifier's ``at=``, in plain form.
    :param language: ``zh`` or ``en`` if the notifier has one.
    :param occurrence: the same for every alert about the same event of the same try; by default the key, as for a
        notifier that adds nothing of its own.
    :param also: messages of other notifiers about the same occurrence, in plain form, that are sent with this alert;
        see :func:`~airflow_provider_dingpush.alerts.joining.joined`.
    :param problems: name of each argument of the notifier that can't be used -> why, redacted. Its text is
        made when the receiver's language is known.
    :param refused_message: the notifier's own message, if it was refused and the built-in text is sent instead; it is
        restored if the receiver refuses everything.
    :param rule: what decided that its mailbox gets it, and what that asks for, in the plain form of
        :class:`~airflow_provider_dingpush.alerts.run_alert.RuleEffects`; empty for a notifier of the DAG.
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
    refused_message: Mapping[str, Any] | None = None
    rule: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "event", Event(self.event))
        if not self.occurrence:
            object.__setattr__(self, "occurrence", self.key)

    def with_built_in_text(self, problem: str) -> Alert:
        """This alert with the built-in text instead of the notifier's own message.

        :param problem: why that can't be sent.
        """
        return replace(self, message=None, refused_message=self.message, problems={**self.problems, "message": problem})

    def with_own_message(self) -> Alert:
        """This alert with the notifier's own message restored, if it was refused."""
        if self.refused_message is None:
            return self
        others = {name: problem for name, problem in self.problems.items() if name != "message"}
        return replace(self, message=self.refused_message, refused_message=None, problems=others)

    @property
    def adds_something(self) -> bool:
        """Whether it has what others about the same occurrence don't have, see :func:`key_with`."""
        return self.key != self.occurrence

    @property
    def incident(self) -> str:
        """The same for a failure and the recovery that ends it, also of different runs."""
        return incident_of(self.mailbox, self.dag_id, self.task_id, self.map_index)

    @property
    def opens_incident(self) -> bool:
        """Whether it is a failure that a success can end."""
        return self.event.opens_incident

    @property
    def urgency(self) -> Urgency:
        """How urgent it is: what a rule or a tag of the DAG says, or else the event."""
        return Urgency.named(str(self.facts.get("severity") or "")) or Urgency.of(self.event)

    @property
    def repeat_interval_seconds(self) -> float | None:
        """How long a failure that was sent is only counted, in seconds, if a rule says so."""
        seconds = self.rule.get("repeat_interval_seconds")
        return float(seconds) if isinstance(seconds, (int, float)) else None

    @property
    def on_call(self) -> tuple[str, ...]:
        """The rotations of which whoever is on call is mentioned, if a rule says so."""
        named = self.rule.get("on_call")
        return tuple(each for each in named if isinstance(each, str)) if isinstance(named, (list, tuple)) else ()

    @property
    def mentions_people(self) -> bool:
        """Whether its notifier or its rule mentions somebody, besides the owners."""
        return bool(self.mentions or self.on_call)

    @property
    def upstreams(self) -> tuple[Upstream, ...]:
        """What it may follow from, if it is a failure."""
        # A process that only puts its alert needs none of it.
        from airflow_provider_dingpush.alerts.upstreams import upstreams_in

        return upstreams_in(self.facts)

    def following(self, upstream: Upstream) -> Alert:
        """This alert with one more upstream."""
        from airflow_provider_dingpush.alerts.upstreams import MOST_UPSTREAMS

        upstreams = [list(each) for each in dict.fromkeys((*self.upstreams, upstream))]
        return replace(self, facts={**self.facts, "upstreams": upstreams[-MOST_UPSTREAMS:]})

    def _is_sound(self) -> bool:
        """Whether the fields that are used everywhere have the right types."""
        texts = (self.key, self.dag_id, self.summary)
        names = (self.run_id, self.task_id, self.language, self.environment)
        return (
            all(isinstance(each, str) for each in (*texts, *self.owners))
            and all(each is None or isinstance(each, str) for each in names)
            and isinstance(self.at, (int, float))
            and isinstance(self.facts, dict)
            and isinstance(self.rule, dict)
        )

    def to_json(self) -> str:
        """One line of JSON."""
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        plain["mailbox"] = [self.mailbox.conn_id, self.mailbox.target]
        return json.dumps({"v": FORMAT, **plain}, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Alert:
        """Read what :meth:`to_json` wrote, also of a newer version.

        :raises ValueError: if it is anything else.
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


def run_name(dag_id: str, run_id: str) -> str:
    """A short name of a run that is the same in every process and safe in a path."""
    return digest([dag_id, run_id])[:24]


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
    """The key of an occurrence. Airflow sometimes calls back twice, and both calls must get the same key.

    :param distinction: distinguishes it from another one with the same ids, such as the run's start.
    """
    if not run_id:
        # Without a run id it can't be recognised, and two alerts are better than none.
        return unique_key()
    return digest([dag_id, run_id, task_id, map_index, try_number, event, distinction])[:40]


def key_of_file(file: str, event: str, distinction: str) -> str:
    """The key of what happened to a file.

    :param distinction: the same for the same problem of the file.
    """
    return digest([file, event, distinction])[:40]


def key_of_baseline(name: str, event: str, day: str) -> str:
    """The key of what happened to a baseline: each event once a day."""
    return digest(["baseline", name, event, day])[:40]


def unique_key() -> str:
    """A key that is never repeated."""
    return uuid.uuid4().hex


def key_with(
    occurrence: str,
    message: Mapping[str, Any] | str | None,
    mentions: Mapping[str, Any] | None,
    pausing_after: int | None = None,
) -> str:
    """The key of an alert: the occurrence itself, unless it adds something to others about the same occurrence.

    Its notifier may have a message or mentions, and only the scheduler knows that Airflow pauses the DAG.
    """
    if message is None and not mentions and not pausing_after:
        return occurrence
    added = [message, mentions, *([pausing_after] if pausing_after else [])]
    return digest([occurrence, json.dumps(added, sort_keys=True)])[:40]


def age_of(alert: Alert) -> tuple[float, str]:
    """Sort key of alerts, the oldest first, the same in every process."""
    return alert.at, alert.key


def log_repetition(log: logging.Logger, alert: Alert) -> None:
    """Log an alert that is dropped as a repetition."""
    about = {
        "DAG": alert.dag_id,
        "run": alert.run_id,
        "task": alert.task_id,
        "map index": alert.map_index,
        "try": alert.try_number,
    }
    named = ", ".join(f"{name} {value}" for name, value in about.items() if value not in (None, ""))
    log.info("A repetition isn't sent again: %s, %s.", alert.event, named)
