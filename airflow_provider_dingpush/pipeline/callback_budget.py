"""One time budget for all notifiers of one callback: they share the time limit instead of having one each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

_FORGOTTEN_AFTER_SECONDS = 60.0


class CallbackBudget:
    """The time that the notifiers of each callback took.

    :param ticks: seconds that only go forward.
    """

    def __init__(self, *, ticks: Callable[[], float]) -> None:
        self._ticks = ticks
        self._spent: dict[Hashable, tuple[float, float]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def share(self, budget_key: Hashable, seconds: float) -> Iterator[Callable[[], float]]:
        """Use the budget of a callback; yields a function that returns the seconds left.

        :param budget_key: what the notifiers are called for, such as one try of a task. It is dropped a minute after
            its first notifier: by then the callback is over, or another one has the same key.
        :param seconds: what the notifiers of this callback may take together, in seconds.
        """
        started = self._ticks()
        with self._lock:
            for old in [each for each, (since, _) in self._spent.items() if started - since > _FORGOTTEN_AFTER_SECONDS]:
                del self._spent[old]
            since, before = self._spent.setdefault(budget_key, (started, 0.0))
        try:
            yield lambda: seconds - before - (self._ticks() - started)
        finally:
            with self._lock:
                since, before = self._spent.get(budget_key, (started, 0.0))
                self._spent[budget_key] = (since, before + self._ticks() - started)
