"""Which failures follow from another one and are only counted in its alert. Pure: the book is read by the caller.

A failure is inhibited by the failure that it follows from at last, its root: of a chain all but the first are. The root
is always one that people are notified of, by this or an earlier notification. Of several roots the oldest counts, and
of failures that follow from each other in a circle the oldest is the root.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from airflow_provider_dingpush.alerts.alert import Alert, age_of
from airflow_provider_dingpush.delivery.merging import TaskKey, named_tasks

OPEN_SECONDS = 86_400.0
"""How long after it failed last a failure inhibits others: one that nobody has fixed for a day explains no new one."""

SKEW_SECONDS = 30.0
"""How much later than its consequence a failure may seem to happen: it is written down after Airflow has saved it."""


class KnownFailure(NamedTuple):
    """A failure that is open, and that people are notified of or that is inhibited itself.

    :param incident: of its alerts.
    :param dag_id: its DAG.
    :param task_id: its task; ``None`` for the whole run.
    :param map_index: of a mapped task instance.
    :param runs: ids of the runs in which it failed.
    :param since: when it first failed, in seconds since 1970.
    :param until: when it last failed, in seconds since 1970.
    :param root: the incident that inhibits it; its own if none does.
    """

    incident: str
    dag_id: str
    task_id: str | None
    map_index: int | None
    runs: tuple[str, ...]
    since: float
    until: float
    root: str

    @classmethod
    def of(cls, alert: Alert, root: str | None = None) -> KnownFailure:
        """That of one alert.

        :param root: the incident that inhibits it, if one does.
        """
        at = failed_at(alert)
        runs = (alert.run_id,) if alert.run_id else ()
        incident = alert.incident
        return cls(incident, alert.dag_id, alert.task_id, alert.map_index, runs, at, at, root or incident)


def failed_at(alert: Alert) -> float:
    """When the task or run ended, in seconds since 1970; when the alert was written if that is unknown."""
    ended = alert.facts.get("ended_at")
    try:
        return min(alert.at, datetime.fromisoformat(ended).timestamp()) if isinstance(ended, str) else alert.at
    except ValueError:
        return alert.at


def can_inhibit(alert: Alert) -> bool:
    """Whether others may follow from it: from a task or run that failed for good, and from no try that is retried."""
    return alert.opens_incident and alert.event.is_failure and not alert.resolved


def can_be_inhibited(alert: Alert) -> bool:
    """Whether it may be only counted: a failed try, task or run.

    A missed deadline never is. Somebody asked to know that data is late, whatever the reason.
    """
    return alert.opens_incident and not alert.resolved


def going_on(alerts: Iterable[Alert]) -> list[Alert]:
    """These alerts, oldest first, without the failures that one of them resolves."""
    every = sorted(alerts, key=age_of)
    ended = {each.incident: each.at for each in every if each.resolved}
    return [each for each in every if each.resolved or each.at > ended.get(each.incident, float("-inf"))]


def inhibited(
    alerts: Sequence[Alert],
    known: Iterable[KnownFailure],
    now: float,
    always_sent: Callable[[Alert], bool] = lambda _: False,
) -> dict[str, str]:
    """The inhibited ones of these alerts: key -> the incident that inhibits it.

    :param alerts: those that would be sent now; one that is held or silenced neither inhibits nor is inhibited.
    :param known: the open failures of the same receiver's book.
    :param now: in seconds since 1970.
    :param always_sent: whether an alert is sent in any case, such as one of severity P1.
    """
    failing, known = [each for each in alerts if can_be_inhibited(each)], list(known)
    graph = _Graph([*known, *(KnownFailure.of(each) for each in going_on(alerts) if can_inhibit(each))], now)
    found: dict[str, str] = {}
    causes = {each.key: () if always_sent(each) else graph.causes_of(each) for each in failing}
    for each in failing:
        graph.connect(each.incident, causes[each.key])
    tasks = {each.key: graph.tasks_of(each) for each in failing if each.event.is_run_failure and not always_sent(each)}
    for each in failing:
        graph.connect(each.incident, tasks.get(each.key, ()))
    for each in failing:
        if (root := graph.root_of(causes[each.key], each.incident)) is not None:
            found[each.key] = root
    sent = {each.incident for each in failing if each.key not in found}
    sent.update(each.incident for each in known if each.root == each.incident)
    for each in failing:
        # If people are notified of one of its tasks, the run's alert is merged with that.
        of_run = tasks.get(each.key, ()) if each.key not in found else ()
        if sent.isdisjoint(of_run) and (root := graph.root_of(of_run, each.incident)) is not None:
            found[each.key] = root
    return found


class _Graph:
    """Failures by incident, and which of them follow from which.

    :param failures: those that others may follow from; several of one incident count as one.
    :param now: in seconds since 1970.
    """

    def __init__(self, failures: Iterable[KnownFailure], now: float) -> None:
        self._now = now
        self._nodes: dict[str, KnownFailure] = {}
        self._above: dict[str, set[str]] = {}
        self._reached: dict[str, frozenset[str]] = {}
        self._roots: dict[str, str | None] = {}
        self._by_dag: dict[str, list[KnownFailure]] = {}
        for each in (every := list(failures)):
            before = self._nodes.get(each.incident)
            self._nodes[each.incident] = together(before, each) if before else each
        for each in every:
            if each.root in self._nodes:
                self.connect(each.incident, [each.root])
        for each in self._nodes.values():
            self._by_dag.setdefault(each.dag_id, []).append(each)

    def causes_of(self, alert: Alert) -> tuple[str, ...]:
        """The incidents that an alert may follow from directly."""
        at = failed_at(alert) + SKEW_SECONDS
        return tuple(
            each.incident
            for upstream in alert.upstreams
            for each in self._by_dag.get(upstream.dag_id, ())
            if each.since <= at
            and self._now < each.until + OPEN_SECONDS
            and upstream.includes(each.dag_id, each.task_id, each.runs)
        )

    def tasks_of(self, alert: Alert) -> tuple[str, ...]:
        """The incidents of a failed run's tasks; none if it names a failed task of which nobody knows."""
        of_run = [each for each in self._by_dag.get(alert.dag_id, ()) if each.task_id and alert.run_id in each.runs]
        tasks: set[TaskKey] = {(str(each.task_id), each.map_index) for each in of_run}
        named = named_tasks(alert.facts)
        return tuple(each.incident for each in of_run) if named is None or named <= tasks else ()

    def connect(self, incident: str, above: Iterable[str]) -> None:
        """Have an incident follow from others."""
        self._above.setdefault(incident, set()).update(each for each in above if each != incident)

    def root_of(self, causes: Iterable[str], own: str) -> str | None:
        """What these incidents follow from at last; ``None`` if from nothing else than one's own incident."""
        reached = {end for each in causes for end in self._reach(each)}
        ends = {root for end in reached if (root := self._root_at(end)) is not None}
        return min(ends - {own}, key=self._age, default=None)

    def _root_at(self, incident: str) -> str | None:
        """The oldest of the incidents that follow from each other here; ``None`` if they follow from something else."""
        if incident not in self._roots:
            circle = self._reach(incident)
            oldest = min(circle, key=self._age)
            is_end = all(incident in self._reach(each) for each in circle)
            self._roots[incident] = oldest if is_end and self._nodes[oldest].root == oldest else None
        return self._roots[incident]

    def _reach(self, incident: str) -> frozenset[str]:
        """An incident, and everything that it follows from."""
        if incident not in self._reached:
            reached, todo = {incident}, [incident]
            while todo:
                new = self._above.get(todo.pop(), set()) - reached
                reached |= new
                todo += new
            self._reached[incident] = frozenset(reached)
        return self._reached[incident]

    def _age(self, incident: str) -> tuple[bool, float, str]:
        """Sort key: what people are notified of before what is inhibited, and the oldest first."""
        node = self._nodes[incident]
        return node.root != incident, node.since, incident


def together(one: KnownFailure, other: KnownFailure) -> KnownFailure:
    """Two failures of one incident; it is inhibited if people were notified of neither."""
    return one._replace(
        runs=tuple(dict.fromkeys((*one.runs, *other.runs))),
        since=min(one.since, other.since),
        until=max(one.until, other.until),
        root=one.incident if one.incident in (one.root, other.root) else one.root,
    )
