"""One look at Airflow from outside: what is unhealthy, who is notified of it, and sending that at once.

It sends itself, because nobody else may be alive. What can't be sent waits in the outbox, like every alert.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone, tzinfo
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from airflow_provider_dingpush.airflow_compat import airflow_option, is_airflow_3
from airflow_provider_dingpush.alerts.alert import Mailbox, mailbox_of
from airflow_provider_dingpush.alerts.run_facts import RunFacts
from airflow_provider_dingpush.delivery.drain_result import LeaderRole
from airflow_provider_dingpush.errors import DingTalkError, OutboxError
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.pipeline.airflow_health import (
    Component,
    Health,
    Observation,
    observed,
    observed_flush,
)
from airflow_provider_dingpush.pipeline.airflow_health_incidents import (
    Decision,
    Incident,
    Step,
    decide,
    known_incidents,
    note_incidents,
)
from airflow_provider_dingpush.pipeline.composing import is_utc_by_default, local_zone
from airflow_provider_dingpush.pipeline.dispatching import serve
from airflow_provider_dingpush.pipeline.look_ups import LookUps
from airflow_provider_dingpush.pipeline.pending import alerts_of
from airflow_provider_dingpush.pipeline.routes import LAST_RESORT, Route, routes_of
from airflow_provider_dingpush.pipeline.store_flush import stores_for_commands
from airflow_provider_dingpush.pipeline.stores import resolves_incident, store_alert
from airflow_provider_dingpush.pipeline.tick import alerts_for_all_dags
from airflow_provider_dingpush.timeouts import Deadline

if TYPE_CHECKING:
    from airflow_provider_dingpush.pipeline.stores import Store

_AIRFLOW = "Airflow"
# The part of the time that asking Airflow may take, so that enough is left for sending.
_SHARE_OF_ASKING = 0.5


@dataclass(frozen=True)
class WatchOptions:
    """How Airflow is watched.

    :param address: the base URL of Airflow.
    :param conn_id: whom to notify; ``None``: the rules, or ``[dingpush] alert_conn_id``.
    :param patience_seconds: how long a component must be unhealthy before somebody is notified, in seconds.
    :param repeat_seconds: after how long somebody is notified again, in seconds.
    :param flush_seconds: how long ago the last flush may be, in seconds.
    :param ignored: components that aren't looked at.
    """

    address: str
    conn_id: str | None = None
    patience_seconds: float = 120.0
    repeat_seconds: float = 14_400.0
    flush_seconds: float = 600.0
    ignored: frozenset[Component] = frozenset()


class Watched(NamedTuple):
    """One component after a look.

    :param observation: its state.
    :param step: what was done about it.
    :param incident: that it is in, or that has just ended.
    """

    observation: Observation
    step: Step
    incident: Incident | None


@dataclass(frozen=True)
class WatchResult:
    """The result of a look.

    :param components: what was looked at.
    :param conn_ids: the connections that alerts of this look were written for.
    :param written: how many alerts were written.
    :param left: how many alerts wait for their receivers still.
    :param problems: what went wrong, such as with a connection; by connection id, or by ``outbox``.
    """

    components: Sequence[Watched] = ()
    conn_ids: Sequence[str] = ()
    written: int = 0
    left: int = 0
    problems: Sequence[tuple[str, DingTalkError]] = field(default_factory=list)

    @property
    def is_fine(self) -> bool:
        """Whether nothing is unhealthy or unknown, and everything could be sent."""
        bad = (Health.UNHEALTHY, Health.UNKNOWN)
        return not (self.left or self.problems or any(each.observation.health in bad for each in self.components))


def watch(options: WatchOptions, *, until: float, clock: Callable[[], float] = time.time) -> WatchResult:
    """Look at Airflow once, and notify of what has changed.

    :param options: how.
    :param until: the deadline, in seconds of ``time.monotonic``.
    :param clock: seconds since 1970.
    """
    deadline = Deadline(until)
    stores = stores_for_commands(until)
    problems: list[tuple[str, DingTalkError]] = []
    seen = observed(options.address, deadline.sub(deadline.seconds_left() * _SHARE_OF_ASKING))
    now = clock()
    known: dict[Component, Incident] = {}
    try:
        known = known_incidents(stores, options.address)
        seen.append(observed_flush(stores[0].outbox.last_flush(), now, options.flush_seconds))
    except OutboxError as problem:
        problems.append(("outbox", problem))
        seen.append(Observation(Component.FLUSH, Health.UNKNOWN))
    seen = [each for each in seen if each.component not in options.ignored]
    decided = {
        each: decide(
            known.get(each.component),
            each,
            now=now,
            patience_seconds=options.patience_seconds,
            repeat_seconds=options.repeat_seconds,
        )
        for each in seen
    }
    try:
        places, written = _written(decided, options, stores, now)
        note_incidents(
            stores, options.address, {each.component: one.incident for each, one in decided.items() if one.incident}
        )
    except OutboxError as problem:
        problems.append(("outbox", problem))
        places, written = [], 0
    left = 0
    if written or any(_needs_sender(each) for each in seen):
        for store, mailbox in dict.fromkeys([*places, *_waiting(seen, options, stores)]):
            left += _sent(store, mailbox, deadline, problems)
    return WatchResult(
        [Watched(each, one.step, one.incident or known.get(each.component)) for each, one in decided.items()],
        sorted({mailbox.conn_id for _, mailbox in places}),
        written,
        left,
        problems,
    )


def _needs_sender(observation: Observation) -> bool:
    """Whether alerts that wait may have no other sender."""
    is_bad = observation.health in (Health.UNHEALTHY, Health.UNKNOWN)
    return is_bad or (observation.component is Component.FLUSH and observation.health is Health.NOT_RUN)


def _written(
    decided: dict[Observation, Decision], options: WatchOptions, stores: Sequence[Store], now: float
) -> tuple[list[tuple[Store, Mailbox]], int]:
    """Write the alerts that are due: in which stores and mailboxes, and how many."""
    places = []
    for observation, decision in decided.items():
        if decision.step not in (Step.ALERT, Step.RESOLVE) or decision.incident is None:
            continue
        facts = facts_of_component(observation, decision, options.address, now=now, zone=local_zone())
        places += [
            (store_alert(alert, stores), alert.mailbox)
            for alert in (route.alert(facts, at=now) for route in _routes(facts, options.conn_id))
            if not alert.resolved or resolves_incident(alert, stores)
        ]
    return places, len(places)


def _routes(facts: RunFacts, conn_id: str | None) -> Sequence[Route]:
    if conn_id is not None:
        return (Route(conn_id),)
    return routes_of(facts) if alerts_for_all_dags() else (Route(LAST_RESORT),)


def facts_of_component(
    observation: Observation, decision: Decision, address: str, *, now: float, zone: tzinfo
) -> RunFacts:
    """The facts of an alert about a component.

    :param decision: to notify of it.
    :param address: where Airflow was asked.
    :param now: in seconds since 1970.
    :param zone: of the times.
    """

    def local(at: float | None) -> datetime | None:
        if at is None:
            return None
        moment = datetime.fromtimestamp(at, timezone.utc).astimezone(zone)
        return datetime.fromisoformat(moment.isoformat(timespec="seconds"))

    incident = decision.incident or Incident(now, now)
    section = "api" if is_airflow_3() else "webserver"
    started_at = local(incident.since)
    return RunFacts(
        Event.AIRFLOW_HEALTHY if decision.step is Step.RESOLVE else Event.AIRFLOW_UNHEALTHY,
        dag_id="",
        dag_name=_AIRFLOW,
        # So that the alerts of one incident are recognised, should this process be killed before it notes it.
        run_id=f"since {incident.since:.0f}",
        occurrence=str(incident.alerts),
        task_id=observation.component.value,
        task_name=observation.component.title,
        reason=observation.trouble and observation.trouble.value,
        body=observation.detail or None,
        last_heartbeat_at=local(observation.last_heartbeat),
        started_at=started_at,
        run_started_at=started_at,
        duration_seconds=max(now - incident.since, 0.0),
        hostname=urlsplit(address).netloc.rpartition("@")[2],
        environment=airflow_option("dingpush", "environment") or airflow_option(section, "instance_name"),
        is_utc_by_default=is_utc_by_default(),
    )


def _waiting(
    seen: Iterable[Observation], options: WatchOptions, stores: Sequence[Store]
) -> Iterable[tuple[Store, Mailbox]]:
    """Where alerts about Airflow may wait that an earlier look couldn't send."""
    mailboxes = {
        mailbox_of(route.conn_id, route.to)
        for each in seen
        for step in (Step.ALERT, Step.RESOLVE)
        for route in _routes(
            facts_of_component(each, Decision(step), options.address, now=0.0, zone=timezone.utc), options.conn_id
        )
    }
    for store in stores:
        for mailbox in sorted(mailboxes, key=lambda each: each.name):
            with suppress(OutboxError):  # reported by what was written
                if not store.is_empty and alerts_of(store.outbox, mailbox):
                    yield store, mailbox


def _sent(store: Store, mailbox: Mailbox, deadline: Deadline, problems: list[tuple[str, DingTalkError]]) -> int:
    """Send what waits for a receiver; how much is left."""
    try:
        serve(
            store.outbox,
            mailbox,
            deadline,
            LeaderRole.FLUSHER,
            find=LookUps(deadline).receiver,
            share=store.share,
        )
    except DingTalkError as problem:
        problems.append((mailbox.conn_id, problem))
    try:
        return alerts_of(store.outbox, mailbox)
    except OutboxError as problem:
        problems.append(("outbox", problem))
        return 0
