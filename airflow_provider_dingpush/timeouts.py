"""A deadline as one value: handed down to whatever takes time, and never renamed on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Deadline:
    """A moment at which something must be over.

    :param at: when, by ``clock``.
    :param clock: seconds that only go forward.
    """

    at: float
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float] = time.monotonic) -> Deadline:
        """The deadline that is so many seconds from now."""
        return cls(clock() + seconds, clock)

    def seconds_left(self) -> float:
        """The seconds until then; negative when it is over."""
        return self.at - self.clock()

    def sub(self, seconds: float) -> Deadline:
        """The deadline of a part: so many seconds from now, but never later than the whole."""
        return Deadline(min(self.at, self.clock() + seconds), self.clock)
