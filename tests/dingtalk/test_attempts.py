"""Trying again has bounds: how often, how long between, and how long in all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_dingpush.dingtalk.attempts import AttemptPlan, attempt
from airflow_provider_dingpush.errors import (
    DingTalkError,
    SignError,
    ThrottledError,
    UnavailableError,
    UnknownOutcomeError,
)

UNAVAILABLE, UNKNOWN = UnavailableError("busy"), UnknownOutcomeError("cut off")


class World:
    """Time that passes only in tries and waits, and tries with given outcomes that take given seconds."""

    def __init__(self, outcomes: Sequence[Exception | str], *, seconds_each: float = 0.0) -> None:
        self.now = 1000.0
        self.waits: list[float] = []
        self.given: list[float] = []
        self.ended: list[float] = []
        self._outcomes = iter(outcomes)
        self._seconds_each = seconds_each

    def post(self, seconds: float) -> str:
        self.given.append(seconds)
        self.now += self._seconds_each
        self.ended.append(self.now - 1000.0)
        outcome = next(self._outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def run(
        self,
        plan: AttemptPlan,
        *,
        timeout_seconds: float = 5.0,
        chance: Callable[[], float] = lambda: 1.0,
        resends: int | None = None,
    ) -> str:
        return attempt(
            self.post,
            plan,
            timeout_seconds=timeout_seconds,
            clock=lambda: self.now,
            sleep=self.sleep,
            chance=chance,
            resends=resends,
        )


def test_a_first_success_needs_no_wait() -> None:
    """Nothing is slept when nothing went wrong."""
    world = World(["sent"])
    assert world.run(AttemptPlan()) == "sent"
    assert (world.waits, world.given) == ([], [5.0])


def test_waits_double_and_each_try_is_given_its_limit() -> None:
    """A try may take as long as any other, as long as it ends within the budget."""
    world = World([UNAVAILABLE, UNAVAILABLE, UNAVAILABLE, "sent"], seconds_each=1.0)
    plan = AttemptPlan(attempts=4, first_wait_seconds=0.5, longest_wait_seconds=8, budget_seconds=30)
    assert world.run(plan) == "sent"
    assert world.waits == [0.5, 1.0, 2.0]
    assert world.given == [5.0, 5.0, 5.0, 5.0]


@pytest.mark.parametrize(("chance", "wait"), [(0.0, 2.0), (0.5, 3.0), (1.0, 4.0)])
def test_chance_shortens_a_wait_to_half_at_most(chance: float, wait: float) -> None:
    """Senders that failed together come back at different times."""
    plan = AttemptPlan(attempts=9, first_wait_seconds=1, longest_wait_seconds=100)
    assert plan.wait_after(3, UNAVAILABLE, chance=chance) == wait


def test_no_wait_is_longer_than_planned() -> None:
    """Doubling ends at the longest wait."""
    plan = AttemptPlan(attempts=99, first_wait_seconds=1, longest_wait_seconds=8)
    assert [plan.wait_after(number, UNAVAILABLE, chance=1.0) for number in (1, 2, 3, 4, 5, 60)] == [1, 2, 4, 8, 8, 8]


@pytest.mark.parametrize(
    ("asked", "wait"), [(None, 1.0), (0.2, 1.2), (5.0, 6.0), (8.0, 8.0), (8.1, None), (600.0, None)]
)
def test_a_wait_that_the_answer_asks_for_is_kept_or_not_waited_at_all(asked: float | None, wait: float | None) -> None:
    """Coming back too early would be refused again; ten minutes aren't waited out here."""
    error = ThrottledError("slow down", retry_after_seconds=asked)
    assert AttemptPlan(first_wait_seconds=1, longest_wait_seconds=8).wait_after(1, error, chance=1.0) == wait


def test_what_a_retry_cannot_fix_is_tried_once() -> None:
    """A wrong secret stays wrong."""
    world = World([SignError("wrong")])
    with pytest.raises(SignError) as caught:
        world.run(AttemptPlan())
    assert (world.waits, caught.value.tries, len(world.given)) == ([], 1, 1)


def test_the_last_error_names_the_number_of_tries() -> None:
    """After the last try there is no wait, and the error knows the number."""
    world = World([UnavailableError("1"), UnavailableError("2"), UnavailableError("3")])
    with pytest.raises(UnavailableError) as caught:
        world.run(AttemptPlan(attempts=3))
    assert caught.value.problem == "3"
    assert str(caught.value) == "3 (tried 3 times)"
    assert world.waits == [0.5, 1.0]


@pytest.mark.parametrize(
    ("errors", "kind"),
    [
        ([UNKNOWN, UNAVAILABLE, UNAVAILABLE], UnknownOutcomeError),
        ([UNAVAILABLE, UNKNOWN, UNAVAILABLE], UnknownOutcomeError),
        ([UNAVAILABLE, UNAVAILABLE, UNKNOWN], UnknownOutcomeError),
        ([UNAVAILABLE, UNAVAILABLE, UNAVAILABLE], UnavailableError),
        ([UNKNOWN, SignError("wrong")], SignError),
        ([UNKNOWN, ThrottledError("stop", retry_after_seconds=600)], ThrottledError),
    ],
    ids=["unknown first", "between", "last", "never", "then refused", "then throttled"],
)
def test_a_message_that_may_have_arrived_is_not_called_unsent(errors: list[Exception], kind: type) -> None:
    """An unknown outcome stays unknown, although a later try surely failed; a refusal with a remedy goes first."""
    with pytest.raises(DingTalkError) as caught:
        World(errors).run(AttemptPlan(attempts=3))
    assert type(caught.value) is kind
    assert caught.value.tries == len(errors)


def test_no_try_starts_that_would_end_after_the_budget() -> None:
    """8 s budget, 3 s a try: after 5 s of two tries and a wait of 1 s there is no time for a third."""
    world = World([UNAVAILABLE] * 9, seconds_each=2.0)
    plan = AttemptPlan(attempts=9, first_wait_seconds=1, longest_wait_seconds=1, budget_seconds=8)
    with pytest.raises(UnavailableError):
        world.run(plan, timeout_seconds=3.0)
    assert world.ended == [2.0, 5.0]


@given(
    st.integers(1, 6),
    st.floats(0.01, 5),
    st.floats(0.1, 10),
    st.floats(0.1, 60),
    st.floats(0.1, 10),
    st.lists(st.floats(0, 1), min_size=6, max_size=6),
    st.lists(st.sampled_from([None, 0.1, 3.0, 600.0]), min_size=6, max_size=6),
)
def test_bounds_hold_for_any_plan(
    attempts: int,
    first_wait: float,
    longest_wait: float,
    budget: float,
    timeout: float,
    chances: list[float],
    asked: list[float | None],
) -> None:
    """However it fails: tries, single waits and the time in all stay within the plan."""
    plan = AttemptPlan(attempts, first_wait, longest_wait, budget)
    failures = [ThrottledError("slow", retry_after_seconds=each) for each in asked]
    world = World(failures, seconds_each=timeout)
    with pytest.raises(ThrottledError):
        world.run(plan, timeout_seconds=timeout, chance=iter(chances).__next__)
    assert len(world.ended) <= attempts
    assert all(wait <= longest_wait for wait in world.waits)
    # The first try is always made: it is up to the post itself to end in the time that it is given.
    assert all(end <= budget + 1e-6 for end in world.ended[1:])
    assert all(wait >= (need or 0) for wait, need in zip(world.waits, asked, strict=False))


@pytest.mark.parametrize(
    ("outcomes", "resends", "tries", "ended"),
    [
        ([UNKNOWN, "sent"], None, 2, "sent"),
        ([UNKNOWN, "sent"], 1, 2, "sent"),
        ([UNKNOWN, "sent"], 0, 1, UnknownOutcomeError),
        ([UNKNOWN, UNKNOWN, "sent"], 1, 2, UnknownOutcomeError),
        ([UNAVAILABLE, UNAVAILABLE, "sent"], 0, 3, "sent"),
        ([UNAVAILABLE, UNKNOWN, "sent"], 0, 2, UnknownOutcomeError),
        ([UNKNOWN, UNAVAILABLE, UNKNOWN, "sent"], 1, 3, UnknownOutcomeError),
    ],
)
def test_what_may_have_arrived_is_sent_again_only_as_often_as_allowed(
    outcomes: list[Exception | str], resends: int | None, tries: int, ended: str | type[DingTalkError]
) -> None:
    """What surely didn't arrive is another matter."""
    world = World(outcomes)
    if isinstance(ended, str):
        assert world.run(AttemptPlan(), resends=resends) == ended
    else:
        with pytest.raises(ended) as caught:
            world.run(AttemptPlan(), resends=resends)
        assert caught.value.tries == tries
    assert len(world.given) == tries


def test_all_who_were_asked_for_the_same_time_come_back_at_different_times() -> None:
    """Fifty senders that were throttled in the same second would be throttled together again."""
    error = ThrottledError("slow down", retry_after_seconds=1.0)
    waits = [AttemptPlan().wait_after(1, error, chance=chance) for chance in (0.0, 0.5, 1.0)]
    assert waits == [1.25, 1.375, 1.5]
