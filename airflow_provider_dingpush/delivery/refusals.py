"""Whose fault a refusal for an unknown reason is: the message's, or the receiver's.

The first one counts against its message. If another message is refused with the same code, and none arrived since, then
it is the receiver that gets nothing: its alerts are kept. So it is after many refusals with whatever codes. As soon as
a message arrives, the receiver is cleared, and what was refused before and is refused again is refused for its content.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

# Several alerts may each be refused for their content; of so many refusals in a row it isn't that. Of a receiver that
# has another code each time, twice as many.
_IN_A_ROW = 6


@dataclass(frozen=True)
class Refusals:
    """The refusals of unknown reason since a message last arrived.

    :param groups: code, and keys of the alerts of a message that was refused with it; of a message that was split, only
        those parts that were refused again.
    :param count: how many there were.
    :param of_receiver: whether the receiver gets nothing.
    :param proven: keys of alerts that were refused again after others had arrived, so not because of the receiver.
    """

    groups: tuple[tuple[str, frozenset[str]], ...] = ()
    count: int = 0
    of_receiver: bool = False
    proven: frozenset[str] = frozenset()

    def with_one(self, code: str, keys: Iterable[str], *, of_receiver: bool = False) -> Refusals:
        """These and one more.

        :param code: DingTalk's own.
        :param keys: of the alerts in the message.
        :param of_receiver: whether DingTalk's answer is about the receiver.
        """
        members, count = frozenset(keys), self.count + 1
        others = {theirs for theirs, keys in self.groups if keys.isdisjoint(members)}
        # Two halves of one message may both hold an alert that is refused: only single ones prove it soon.
        proves = code in others and (len(members) == 1 or count >= _IN_A_ROW)
        proves = proves or (bool(others) and count >= 2 * _IN_A_ROW)
        kept = tuple(group for group in self.groups if group[0] != code or not group[1] >= members)
        proves = proves or of_receiver or self.of_receiver
        return replace(self, groups=(*kept, (code, members)), count=count, of_receiver=proves)

    def with_proven(self, keys: Iterable[str]) -> Refusals:
        """These and one more of alerts that were refused before others arrived."""
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
