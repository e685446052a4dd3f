"""The figures of a period: what counts once, what a run's failure adds, and how long failures lasted."""

from __future__ import annotations

from typing import Any

from airflow_provider_dingpush.oncall.report import Figures, Happened, figures_of

START = 1_000.0


def failed(at: float, task_id: str | None = "load", *, dag: str = "etl", run: str = "r1", **more: Any) -> Happened:
    return Happened(START + at, f"{dag} {task_id}", dag, task_id, None, run, 1, ("zhangsan",))._replace(**more)


def resolved(at: float, task_id: str | None = "load", *, run: str = "r2") -> Happened:
    return failed(at, task_id, run=run, resolved=True, is_final=False)


def test_nothing_happened() -> None:
    assert figures_of([], [], START) == Figures()


def test_each_failure_counts_once_also_if_several_receivers_were_notified() -> None:
    one = failed(1)
    other_group = one._replace(incident="other", at=START + 2)
    figures = figures_of([one, other_group, failed(3, "clean", owners=("lisi", "zhangsan"))], [], START)
    assert figures.failures == 2
    assert figures.by_dag == (("etl", 2),)
    assert figures.by_owner == (("zhangsan", 2), ("lisi", 1))


def test_a_run_counts_only_if_none_of_its_tasks_does() -> None:
    events = [failed(1), failed(2, None), failed(3, None, dag="other")]
    assert figures_of(events, [], START).by_dag == (("etl", 1), ("other", 1))


def test_a_run_that_recovers_with_its_task_is_one_recovery() -> None:
    events = [failed(0), failed(2, None), resolved(60, run="r1"), resolved(62, None, run="r1")]
    figures = figures_of(events, [], START)
    assert (figures.failures, figures.recovered, figures.seconds_to_recover) == (1, 1, 60.0)
    alone = [failed(0, None), resolved(60, None)]
    assert figures_of(alone, [], START).recovered == 1


def test_a_try_that_is_retried_is_no_failure_but_the_beginning_of_one() -> None:
    events = [failed(0, is_final=False), failed(60, try_number=2), resolved(160)]
    figures = figures_of(events, [], START)
    assert (figures.failures, figures.recovered, figures.seconds_to_recover) == (1, 1, 160.0)


def test_what_began_before_the_period_is_measured_as_a_whole() -> None:
    figures = figures_of([failed(-500), resolved(100)], [], START)
    assert (figures.failures, figures.recovered, figures.seconds_to_recover) == (0, 1, 600.0)
    assert figures_of([resolved(5)], [], START).recovered == 0, "its failure is forgotten"


def test_medians() -> None:
    pairs = [(failed(at, run=str(at)), resolved(at + 10 + at / 4, run=f"ok{at}")) for at in (0, 1_000, 2_000)]
    events = [each for pair in pairs for each in pair]
    figures = figures_of(events, [30.0, 90.0, 600.0], START)
    assert (figures.seconds_to_recover, figures.seconds_to_claim, figures.claimed) == (260.0, 90.0, 3)


def test_what_recovers_again_and_again_flaps() -> None:
    events = [each for at in range(4) for each in (failed(at * 10, run=f"f{at}"), resolved(at * 10 + 5, run=f"o{at}"))]
    events += [failed(1, "clean"), resolved(2, "clean")]
    assert figures_of(events, [], START).flapping == (("etl · load", 4),)
