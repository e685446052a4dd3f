"""How often one message is tried, and how long the waits between tries are.

A message whose outcome is unknown is sent again only if DingTalk recognises it, or a user has allowed it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from airflow_provider_dingpush.errors import DingTalkError, UnavailableError, UnknownOutcomeError

Sent = TypeVar("Sent")


@dataclass(frozen=True)
class AttemptPlan:
    """The limits of retries.

    The wait before try *n+1* is ``first_wait_seconds * 2**(n-1)``, times 0.5 to 1 at random, plus the time for which
    DingTalk asks.

    :param attempts: maximum tries of one message, the first one included.
    :param first_wait_seconds: the wait before the second try, in seconds.
    :param longest_wait_seconds: the longest wait between two tries, in seconds. After an error that asks for more there
        is no further try.
    :param budget_seconds: the time limit of all tries and waits together, in seconds.
    """

    attempts: int = 3
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 8.0
    budget_seconds: float = 30.0

    def wait_after(self, attempt: int, error: DingTalkError, *, chance: float) -> float | None:
        """Seconds to wait before the next try, or ``None`` if there is none.

        :param attempt: how many tries there were.
        :param chance: a random number from 0 to 1; it spreads senders that failed at the same time.
        """
        asked = error.retry_after_seconds or 0.0
        if not error.retryable or attempt >= self.attempts or asked > self.longest_wait_seconds:
            return None
        doubled = min(self.first_wait_seconds * float(2 ** (attempt - 1)), self.longest_wait_seconds)
        # Never earlier than DingTalk asked for, and spread for senders that were asked for the same wait.
        return min(asked + doubled * (0.5 + chance / 2), self.longest_wait_seconds)


def attempt(
    post: Callable[[float], Sent],
    plan: AttemptPlan,
    *,
    timeout_seconds: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    chance: Callable[[], float],
    resends: int | None = None,
) -> Sent:
    """Call ``post`` until it returns, raises an error that isn't retryable, or the plan's limits are reached.

    :param post: called with the seconds that this try may use.
    :param timeout_seconds: the time of one try; no further try starts if less is left.
    :param clock: monotonic seconds.
    :param resends: how often it may be tried again after its outcome was unknown; ``None`` for as often as the plan
        allows.
    :raises DingTalkError: the last one; :class:`UnknownOutcomeError` if an earlier try may have arrived.
    """
    start = clock()
    perhaps_arrived: UnknownOutcomeError | None = None
    number = unknown = 0
    while True:
        number += 1
        try:
            return post(min(timeout_seconds, plan.budget_seconds - (clock() - start)))
        except DingTalkError as error:
            problem = error
        if isinstance(problem, UnknownOutcomeError):
            perhaps_arrived = problem
            unknown += 1
            if resends is not None and unknown > resends:
                break
        wait = plan.wait_after(number, problem, chance=chance())
        if wait is None or clock() - start + wait + timeout_seconds > plan.budget_seconds:
            break
        sleep(wait)
        if clock() - start >= plan.budget_seconds:
            # On a busy machine a sleep may take longer than requested.
            break
    if perhaps_arrived is not None and isinstance(problem, UnavailableError):
        # The last try did not arrive, but an earlier one may have.
        problem = perhaps_arrived
    problem.tries = number
    raise problem
