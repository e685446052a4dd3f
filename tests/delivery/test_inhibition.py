"""Which failures follow from others: each relation by hand, and random ones against a plain reference."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any, NamedTuple

import pytest

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox, incident_of
from airflow_provider_dingpush.alerts.upstreams import Upstream
from airflow_provider_dingpush.delivery.inhibition import (
    OPEN_SECONDS,
    SKEW_SECONDS,
    KnownFailure,
    failed_at,
    inhibited,
)
from airflow_provider_dingpush.events import Event

HERE = Mailbox("dingtalk_default")
START = 1_800_000_000.0


def failed(
    name: str, *upstreams: Upstream, at: float = 0.0, run: str = "r1", event: Event = Event.TASK_FAILED, **facts: Any
) -> Alert:
    """The alert of ``dag.task``, or of the whole run of ``dag``, at so many seconds after the start."""
    dag_id, _, task_id = name.partition(".")
    return Alert(
        key=f"{name} {run} {event} {at}",
        mailbox=HERE,
        event=event if task_id or event is not Event.TASK_FAILED else Event.DAG_FAILED,
        at=START + at,
        dag_id=dag_id,
        task_id=task_id or None,
        run_id=run,
        resolved=event.resolves_incident,
        facts={"upstreams": [list(each) for each in upstreams], **facts},
    )


def incident(name: str) -> str:
    dag_id, _, task_id = name.partition(".")
    return incident_of(HERE, dag_id, task_id or None, None)


def decided(
    *alerts: Alert,
    known: Sequence[KnownFailure] = (),
    now: float = 60.0,
    always_sent: Callable[[Alert], bool] = lambda _: False,
) -> dict[str, str]:
    """Name of each inhibited alert -> that of what inhibits it."""
    names = {each.incident: name_of(each) for each in alerts}
    names.update({each.incident: ".".join(filter(None, (each.dag_id, each.task_id))) for each in known})
    keys = {each.key: name_of(each) for each in alerts}
    return {keys[key]: names[by] for key, by in inhibited(alerts, known, START + now, always_sent).items()}


def name_of(alert: Alert) -> str:
    return ".".join(filter(None, (alert.dag_id, alert.task_id)))


def test_a_failure_follows_from_one_in_the_same_message() -> None:
    assert decided(failed("p.load"), failed("p.publish", Upstream("p", "load", "r1"), at=9)) == {"p.publish": "p.load"}


def test_a_failure_follows_from_one_that_was_sent() -> None:
    known = KnownFailure.of(failed("p.load"))
    assert decided(failed("p.publish", Upstream("p", "load", "r1"), at=9), known=[known]) == {"p.publish": "p.load"}


@pytest.mark.parametrize(
    "upstream", [Upstream("p", "load", "r0"), Upstream("p", "check", "r1"), Upstream("q", "load", "r1")]
)
def test_another_run_task_or_dag_is_no_upstream(upstream: Upstream) -> None:
    assert decided(failed("p.load"), failed("p.publish", upstream, at=9)) == {}


@pytest.mark.parametrize("upstream", [Upstream("p"), Upstream("p", "load"), Upstream("p", None, "r1")])
@pytest.mark.parametrize("name", ["q.wait", "q"])
def test_any_task_and_any_run_of_a_dag_can_be_meant(upstream: Upstream, name: str) -> None:
    assert decided(failed("p.load"), failed(name, upstream, at=9, run="other")) == {name: "p.load"}


def test_a_chain_ends_at_its_root() -> None:
    """All of it is counted there, also what follows from something that is inhibited already."""
    chain = [failed("p.load"), failed("q.wait", Upstream("p"), at=9), failed("s.wait", Upstream("q"), at=19)]
    assert decided(*chain) == {"q.wait": "p.load", "s.wait": "p.load"}
    known = [KnownFailure.of(chain[0]), KnownFailure.of(chain[1], incident("p.load"))]
    assert decided(chain[2], known=known) == {"s.wait": "p.load"}


def test_of_a_circle_the_oldest_is_sent() -> None:
    circle = [
        failed("p.wait", Upstream("q"), at=1),
        failed("q.wait", Upstream("s"), at=9),
        failed("s.wait", Upstream("p"), at=19),
    ]
    for seconds in (0, 1_000):  # also where the clocks of two machines could explain another order
        later = [replace(each, at=each.at + number * seconds) for number, each in enumerate(circle)]
        found = decided(*later, now=5_000)
        assert "p.wait" not in found
        assert found["s.wait"] == "p.wait"


def test_nothing_follows_from_itself() -> None:
    """A sensor that waits for its own DAG's run before, and a task that fails again while it is open."""
    alert = failed("p.wait", Upstream("p"))
    assert decided(alert) == {}
    assert decided(replace(alert, key="again", at=alert.at + 9), known=[KnownFailure.of(alert)]) == {}


def test_what_was_written_a_moment_later_can_be_the_reason() -> None:
    """Airflow starts the next task before the alert of the first one is written. What failed later can't be."""
    follower = failed("p.publish", Upstream("p", "load", "r1"))
    assert decided(follower, failed("p.load", at=SKEW_SECONDS)) == {"p.publish": "p.load"}
    assert decided(follower, failed("p.load", at=SKEW_SECONDS + 1)) == {}
    ended = datetime.fromtimestamp(START - 5, timezone.utc).isoformat()
    assert decided(follower, failed("p.load", at=500, ended_at=ended)) == {"p.publish": "p.load"}


def test_an_old_failure_inhibits_no_longer() -> None:
    alerts = failed("p.load"), failed("q.wait", Upstream("p"), at=9)
    assert decided(*alerts, now=OPEN_SECONDS - 1) == {"q.wait": "p.load"}
    assert decided(*alerts, now=OPEN_SECONDS) == {}


def test_what_is_always_sent_is_never_inhibited_but_inhibits() -> None:
    alerts = [failed("p.load"), failed("q.wait", Upstream("p"), at=9), failed("s.wait", Upstream("q"), at=19)]
    found = decided(*alerts, always_sent=lambda each: each.dag_id == "q")
    assert found == {"s.wait": "q.wait"}


@pytest.mark.parametrize(
    "event", [Event.DEADLINE_MISSED, Event.TASK_SUCCEEDED, Event.ANSWER_NEEDED, Event.TASK_STARTED, Event("new")]
)
def test_only_failures_are_inhibited_and_inhibit(event: Event) -> None:
    assert decided(failed("p.load"), failed("q.wait", Upstream("p"), at=9, event=event)) == {}
    assert decided(failed("p.load", event=event), failed("q.wait", Upstream("p"), at=9)) == {}


def test_a_try_that_is_repeated_is_inhibited_but_inhibits_nothing() -> None:
    """A red failure must not become a remark of a yellow one."""
    retrying = failed("q.wait", Upstream("p"), at=9, event=Event.TASK_RETRYING)
    assert decided(failed("p.load"), retrying) == {"q.wait": "p.load"}
    assert decided(retrying, failed("s.wait", Upstream("q"), at=19)) == {}


def test_all_tries_of_a_task_are_inhibited() -> None:
    tries = [
        failed("q.wait", Upstream("p"), at=at, event=event)
        for at, event in ((5, Event.TASK_RETRYING), (9, Event.TASK_FAILED))
    ]
    assert len(inhibited([failed("p.load"), *tries], (), START + 60)) == 2


def of_run(name: str, *tasks: str, at: float = 50) -> Alert:
    return failed(name, at=at, failed_tasks=[{"task_id": each, "map_index": None} for each in tasks])


def test_a_run_is_inhibited_with_all_of_its_tasks() -> None:
    waits = failed("q.wait", Upstream("p"), at=9)
    assert decided(failed("p.load"), waits, of_run("q", "wait")) == {"q.wait": "p.load", "q": "p.load"}
    assert decided(failed("p.load"), waits, failed("q", at=50)) == {"q.wait": "p.load", "q": "p.load"}
    known = [KnownFailure.of(failed("p.load")), KnownFailure.of(waits, incident("p.load"))]
    assert decided(of_run("q", "wait"), known=known) == {"q": "p.load"}


def test_a_run_with_another_failed_task_is_sent() -> None:
    """One that was killed has no alert; one of its own is merged with the run's."""
    waits = failed("q.wait", Upstream("p"), at=9)
    assert decided(failed("p.load"), waits, of_run("q", "wait", "killed")) == {"q.wait": "p.load"}
    own = failed("q.own", at=10)
    assert decided(failed("p.load"), waits, own, of_run("q", "own", "wait")) == {"q.wait": "p.load"}
    assert decided(of_run("q", "wait")) == {}


class Case(NamedTuple):
    """Random failures.

    :param alerts: to be decided about.
    :param known: that were sent before, or inhibited.
    :param urgent: keys of those that are always sent.
    """

    alerts: list[Alert]
    known: list[KnownFailure]
    urgent: set[str]


def random_case(chance: random.Random) -> Case:
    names = chance.sample([f"{dag}.{task}" for dag in "abc" for task in "xyz"], chance.randint(2, 9))

    def upstreams() -> list[Upstream]:
        found = []
        for name in chance.sample(names, min(len(names), chance.choice((0, 1, 1, 2, 3)))):
            dag_id, _, task_id = name.partition(".")
            found.append(Upstream(dag_id, chance.choice((None, task_id)), chance.choice((None, "r1", "r2"))))
        return found

    every = [
        failed(
            name,
            *upstreams(),
            at=chance.choice((0, 1, 1, 10, 29, 31, 60, 200, 4_000)),
            run=chance.choice(("r1", "r2")),
            event=chance.choice((Event.TASK_FAILED,) * 6 + (Event.TASK_RETRYING, Event.DEADLINE_MISSED)),
        )
        for name in names
    ]
    earlier = [each for each in every[: chance.randint(0, len(every))] if each.event is Event.TASK_FAILED]
    roots = earlier[: chance.randint(0, len(earlier))]
    known = [
        KnownFailure.of(each, None if each in roots else chance.choice(roots).incident)
        for each in earlier
        if each in roots or roots
    ]
    alerts = [each for each in every if each.incident not in {failure.incident for failure in known}]
    chance.shuffle(alerts)
    return Case(alerts, known, {each.key for each in alerts if chance.random() < 0.1})


def reasons(alert: Alert, case: Case, now: float) -> Iterator[KnownFailure]:
    """What an alert may follow from, word for word."""
    nodes = [*case.known, *(KnownFailure.of(each) for each in case.alerts if each.event is Event.TASK_FAILED)]
    for node in nodes:
        for dag_id, task_id, run_id in alert.upstreams:
            if (
                node.dag_id == dag_id
                and task_id in (None, node.task_id)
                and (run_id is None or run_id in node.runs)
                and node.since <= failed_at(alert) + SKEW_SECONDS
                and now - node.until < OPEN_SECONDS
                and node.incident != alert.incident
            ):
                yield node


def test_random_failures_are_decided_as_the_plain_reference_says() -> None:
    """Of each group that follows from each other at least one is sent, and nothing but what follows from it isn't."""
    chance = random.Random(12)  # noqa: S311 - the same cases every time
    seen = {"inhibited": 0, "sent": 0, "circle": 0}
    for _ in range(4_000):
        case, now = random_case(chance), START + 4_000
        found = inhibited(case.alerts, case.known, now, lambda each, urgent=case.urgent: each.key in urgent)  # type: ignore[misc]
        by_incident = {each.incident: each for each in case.alerts}
        above = {failure.incident: failure.root for failure in case.known}
        above.update({each.incident: found.get(each.key, each.incident) for each in case.alerts})

        for alert in case.alerts:
            edges = list(reasons(alert, case, now))
            if alert.key not in found:
                seen["sent"] += 1
                may_be = alert.event in (Event.TASK_FAILED, Event.TASK_RETRYING) and alert.key not in case.urgent
                # What it may follow from follows from itself.
                assert not may_be or all(above[each.incident] == alert.incident for each in edges)
                continue
            seen["inhibited"] += 1
            root = found[alert.key]
            assert alert.key not in case.urgent
            assert alert.event in (Event.TASK_FAILED, Event.TASK_RETRYING)
            assert root != alert.incident
            assert above[root] == root, "its root is sent"
            reached, todo = set(), [each.incident for each in edges]
            while todo:
                each = todo.pop()
                if each not in reached:
                    reached.add(each)
                    if each in by_incident and by_incident[each].key not in case.urgent:
                        todo += [node.incident for node in reasons(by_incident[each], case, now)]
                    elif each in above and above[each] != each:
                        todo.append(above[each])
            assert root in reached, "it follows from its root"
            of_root = by_incident.get(root)
            if of_root is not None and alert.incident in {each.incident for each in reasons(of_root, case, now)}:
                seen["circle"] += 1
                if of_root.key not in case.urgent:
                    assert failed_at(of_root) <= failed_at(alert)
    assert min(seen.values()) > 100, seen
