"""What the outbox notes about an open incident: enough to list it, to claim it, and to escalate it.

It is written with each alert of the failure, and removed by the alert that resolves it; so it is right whether or not
people could be notified.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.events import Event, Urgency

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Alert

_SUMMARY_CHARACTERS = 200
_LINK_CHARACTERS = 1_000
_MOST_NAMES = 20


@dataclass(frozen=True)
class OpenFailure:
    """A failure that hasn't recovered.

    :param event: name of the latest event.
    :param since: when it first happened, in seconds since 1970.
    :param at: when it last happened, in seconds since 1970.
    :param count: how often it happened, failed tries included.
    :param dag_id: the DAG; of an event about a file, its path.
    :param task_id: the task; ``None`` for the whole run.
    :param map_index: of a mapped task instance.
    :param run_id: the latest run.
    :param try_number: the latest try.
    :param owners: of the task or DAG.
    :param tags: of the DAG.
    :param run_type: of the latest run.
    :param team: of the DAG.
    :param severity: how urgent it is, ``P1`` to ``P4``.
    :param conn_id: the connection that is notified.
    :param target: its target, as in :class:`~airflow_provider_dingpush.alerts.mailboxes.Mailbox`.
    :param rule: name of the rule that decided so; empty for a notifier of the DAG.
    :param rule_since: since when this rule applies to it, in seconds since 1970.
    :param summary: one line of what went wrong, redacted.
    :param log_link: the task's log.
    :param run_link: the run's page.
    :param language: of its alert, if the notifier or rule has one.
    :param environment: label of the Airflow installation.
    :param occurrence: of the latest alert, shortened; the same failure that is written twice counts once.
    """

    event: str
    since: float
    at: float
    count: int = 1
    dag_id: str = ""
    task_id: str | None = None
    map_index: int | None = None
    run_id: str | None = None
    try_number: int | None = None
    owners: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    run_type: str | None = None
    team: str | None = None
    severity: str = ""
    conn_id: str = ""
    target: str = ""
    rule: str = ""
    rule_since: float = 0.0
    summary: str = ""
    log_link: str | None = None
    run_link: str | None = None
    language: str | None = None
    environment: str | None = None
    occurrence: str = ""

    @classmethod
    def of(cls, alert: Alert, before: OpenFailure | None = None) -> OpenFailure:
        """That of a failure's alert.

        :param before: what was noted about earlier failures of the same incident.
        """
        rule = str(alert.rule.get("name", ""))
        since, count, rule_since = alert.at, 1, alert.at
        occurrence = alert.occurrence[:16]
        if before is not None:
            is_repeated = before.occurrence == occurrence
            since, count = min(before.since, alert.at), before.count + (not is_repeated)
            rule_since = before.rule_since if before.rule == rule else alert.at
            if alert.at < before.at:
                # An older failure that was written late, by a process that had to wait.
                plain = {**asdict(before), "since": since, "count": count}
                return cls(**plain)
        run_type, team = alert.facts.get("run_type"), alert.facts.get("team")
        return cls(
            event=alert.event.value,
            since=since,
            at=alert.at,
            count=count,
            dag_id=alert.dag_id,
            task_id=alert.task_id,
            map_index=alert.map_index,
            run_id=alert.run_id,
            try_number=alert.try_number,
            owners=alert.owners[:_MOST_NAMES],
            tags=_texts(alert.facts.get("tags"))[:_MOST_NAMES],
            run_type=run_type if isinstance(run_type, str) else None,
            team=team if isinstance(team, str) else None,
            severity=alert.urgency.value,
            conn_id=alert.mailbox.conn_id,
            target=alert.mailbox.target,
            rule=rule,
            rule_since=rule_since,
            summary=alert.summary[:_SUMMARY_CHARACTERS],
            log_link=_link(alert.log_link),
            run_link=_link(alert.run_link),
            language=alert.language,
            environment=alert.environment,
            occurrence=occurrence,
        )

    @property
    def name(self) -> str:
        """The DAG and task for people, or the event if it has neither."""
        task = self.task_id
        if task and self.map_index is not None and self.map_index >= 0:
            task = f"{task} [{self.map_index}]"
        return " · ".join(part for part in (self.dag_id, task) if part) or self.event

    @property
    def urgency(self) -> Urgency:
        """How urgent it is."""
        return Urgency.named(self.severity) or Urgency.of(Event(self.event))

    def to_bytes(self) -> bytes:
        """The value of a note."""
        known = {name: value for name, value in asdict(self).items() if value not in ("", None, ())}
        return json.dumps(known, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, value: bytes) -> OpenFailure:
        """Read what :meth:`to_bytes` wrote, also of a newer version.

        :raises ValueError: if it is anything else.
        """
        try:
            plain = json.loads(value)
            values = {name: each for name, each in plain.items() if name in cls.__dataclass_fields__}
            for name in ("owners", "tags"):
                values[name] = _texts(values.get(name, ()))
            failure = cls(**values)
        except (TypeError, AttributeError, RecursionError) as problem:
            raise ValueError("this isn't a note about an open incident") from problem
        _check(failure, plain)
        return failure


_TYPES: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("event", "dag_id", "severity", "conn_id", "target", "rule", "summary", "occurrence"), (str,)),
    **dict.fromkeys(("task_id", "run_id", "run_type", "team", "log_link", "run_link", "language"), (str, type(None))),
    **dict.fromkeys(("since", "at", "rule_since"), (int, float)),
    "count": (int,),
    "environment": (str, type(None)),
    "map_index": (int, type(None)),
    "try_number": (int, type(None)),
}


def _check(failure: OpenFailure, plain: Mapping[str, Any]) -> None:
    for name, types in _TYPES.items():
        if not isinstance(getattr(failure, name), types) or isinstance(plain.get(name), bool):
            raise ValueError(name)


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, (list, tuple)) else ()


def _link(link: str | None) -> str | None:
    return link if link is not None and len(link) <= _LINK_CHARACTERS else None
