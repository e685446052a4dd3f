"""How many messages go into any sliding stretch of time, reckoned so that the receiver can't count more than we do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class RateWindow:
    """At most so many messages within any window of so many seconds.

    A message counts from the moment its sending **ended**. One that starts a whole window after an earlier one's end
    arrives a whole window after that one arrived, however long either was under way: that holds whatever the network
    does. (Counting from the start lets through more than the limit when an early message is slow and a late one fast.)
    A message whose end isn't known counts as if it had taken all the time that it was given.

    :param limit: the most messages.
    :param seconds: the length of the window, in seconds.
    """

    limit: int
    seconds: float

    def next_free(self, ended: Iterable[float], now: float) -> float:
        """When the next message may start: ``now``, or later.

        :param ended: when the sending of earlier messages ended, or will have ended at the latest, in any order.
        """
        latest = sorted(ended)[-self.limit :]
        return max(now, latest[0] + self.seconds) if len(latest) == self.limit else now
