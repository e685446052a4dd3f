"""Whether a refusal for an unknown reason is caused by the message or by the receiver.

The first one counts against its message. If another message is refused with the same code, and none was sent since, the
receiver is the cause and its alerts are kept; likewise after many refusals with any codes. As soon as a message is sent
the receiver is cleared: alerts that were refused before and are refused again are refused for their content.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

# Several alerts may each be refused for their content, but not so many in a row. With another code each time, twice as
# many count.
_IN_A_ROW = 6


@dataclass(frozen=True)
class Refusals:
    """The refusals for an unknown reason since a message was last sent.

    :param groups: code, and keys of the alerts of a message that was refused with it; of a split message, only the
        parts that were refused again.
    :param count: how many there were.
    :param of_receiver: whether the receiver is the cause.
    :param proven: keys of alerts that were refused again after others had been sent, so not because of the receiver.
    """

    groups: tuple[tuple[str, frozenset[str]], ...] = ()
    count: int = 0
    of_receiver: bool = False
    proven: frozenset[str] = frozenset()

    def with_one(self, code: str, keys: Iterable[str], *, of_receiver: bool = False) -> Refusals:
        """These and one more refusal.

        :param code: DingTalk's own.
        :param keys: of the alerts in the message.
        :param of_receiver: whether DingTalk's answer is about the receiver.
        """
        members, count = frozenset(keys), self.count + 1
        others = {theirs for theirs, keys in self.groups if keys.isdisjoint(members)}
        # Both halves of one message may contain a refused alert: only messages of one alert prove it early.
        proves = code in others and (len(members) == 1 or count >= _IN_A_ROW)
        proves = proves or (bool(others) and count >= 2 * _IN_A_ROW)
        kept = tuple(group for group in self.groups if group[0] != code or not group[1] >= members)
        proves = proves or of_receiver or self.of_receiver
        return replace(self, groups=(*kept, (code, members)), count=count, of_receiver=proves)

    def with_proven(self, keys: Iterable[str]) -> Refusals:
        """These and one more of alerts that were refused before others were sent."""
        return replace(self, proven=self.proven.union(keys))

    @property
    def keys(self) -> frozenset[str]:
        """Keys of all alerts that were refused."""
        return self.proven.union(*(keys for _, keys in self.groups))

    def to_record(self) -> dict[str, Any]:
        return {
            "groups": [[code, sorted(keys)] for code, keys in self.groups],
            "count": self.count,
            "of_receiver": self.of_receiver,
            "proven": sorted(self.proven),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Refusals:
        groups = tuple((code, frozenset(keys)) for code, keys in record["groups"])
        return cls(groups, record["count"], record["of_receiver"], frozenset(record["proven"]))
