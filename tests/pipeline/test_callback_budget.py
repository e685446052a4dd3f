"""All notifiers of one callback share one budget of time, and none waits longer than its deadline."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_dingpush.pipeline.callback_budget import CallbackBudget


class Ticks:
    """Seconds that a test moves by hand."""

    def __init__(self) -> None:
        self.now = 500.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


def test_the_first_notifier_has_all_of_it(ticks: Ticks) -> None:
    """What is left shrinks while it works."""
    with CallbackBudget(ticks=ticks).share("task", 8) as seconds_left:
        assert seconds_left() == 8.0
        ticks.now += 3
        assert seconds_left() == 5.0
        ticks.now += 6
        assert seconds_left() == -1.0


def test_the_next_notifier_has_what_the_others_left(ticks: Ticks) -> None:
    """Time between the notifiers is nobody's; time in them adds up, also if one failed."""
    budget = CallbackBudget(ticks=ticks)
    with budget.share("task", 8):
        ticks.now += 3
    ticks.now += 10

    def fail() -> None:
        with budget.share("task", 8):
            ticks.now += 2
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with budget.share("task", 8) as seconds_left:
        assert seconds_left() == 3.0


def test_another_callback_has_a_budget_of_its_own(ticks: Ticks) -> None:
    """A callback process serves many tasks."""
    budget = CallbackBudget(ticks=ticks)
    with budget.share(("dag", "task", 1), 8):
        ticks.now += 7
    with budget.share(("dag", "task", 2), 8) as seconds_left:
        assert seconds_left() == 8.0


def test_a_callback_can_have_more_time_than_another(ticks: Ticks) -> None:
    """What the others took counts against what each is given."""
    budget = CallbackBudget(ticks=ticks)
    with budget.share("dag", 20):
        ticks.now += 7
    with budget.share("dag", 20) as seconds_left:
        assert seconds_left() == 13.0


@pytest.mark.parametrize(("later", "left"), [(59.0, 3.0), (61.0, 8.0)], ids=["within a minute", "after a minute"])
def test_a_callback_is_forgotten_after_a_minute(ticks: Ticks, later: float, left: float) -> None:
    """A long-lived process doesn't keep it, and one of the same name starts anew."""
    budget = CallbackBudget(ticks=ticks)
    with budget.share("task", 8):
        ticks.now += 5
    ticks.now += later - 5
    with budget.share("task", 8) as seconds_left:
        assert seconds_left() == left


def test_a_callback_that_is_forgotten_while_its_notifier_works_does_no_harm(ticks: Ticks) -> None:
    """Its time is booked on what is there then."""
    budget = CallbackBudget(ticks=ticks)
    with budget.share("slow", 8):
        ticks.now += 70
        with budget.share("other", 8):
            pass
    with budget.share("slow", 8) as seconds_left:
        assert seconds_left() <= 8.0


def test_many_threads_can_share_a_budget(ticks: Ticks) -> None:
    """No share gets lost when notifiers of several threads end together."""
    budget = CallbackBudget(ticks=ticks)
    with budget.share("task", 1000):
        ticks.now += 1
    inside = threading.Barrier(8)

    def take_part(_: int) -> None:
        with budget.share("task", 1000):
            inside.wait(10)
            inside.wait(10)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(take_part, range(8)))
    with budget.share("task", 1000) as seconds_left:
        assert seconds_left() == 999.0
