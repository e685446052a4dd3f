"""A claim (认领): somebody takes care of an open incident, so that nobody else has to be woken."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from enum import Enum

_PREFIX = re.compile(r"(?:i-)?([0-9a-f]+)", re.IGNORECASE)


class ClaimedBy(Enum):
    """How an incident was claimed."""

    COMMAND = "command"
    PAGE = "page"
    READ = "read"
    """The person has read the message about it, and its rule says that this is enough (``ack: read``)."""


@dataclass(frozen=True)
class Claim:
    """Somebody takes care of an incident.

    :param by: who, for people.
    :param at: since when, in seconds since 1970.
    :param note: what the person says about it.
    :param how: by which way it was claimed.
    :param name: DAG and task of the incident, for people.
    :param mailbox: name of the mailbox that its alerts go to.
    :param since: since when the incident was open, in seconds since 1970; 0 if unknown.
    """

    by: str
    at: float
    note: str = ""
    how: ClaimedBy = ClaimedBy.COMMAND
    name: str = ""
    mailbox: str = ""
    since: float = 0.0

    def covers(self, since: float) -> bool:
        """Whether it is about an incident that is open since then: one that was resolved takes its claim along.

        :param since: in seconds since 1970.
        """
        return self.at >= since

    def to_bytes(self) -> bytes:
        """The value of a note."""
        return json.dumps({**asdict(self), "how": self.how.value}, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, value: bytes) -> Claim:
        """Read what :meth:`to_bytes` wrote.

        :raises ValueError: if it is anything else.
        """
        try:
            plain = json.loads(value)
            texts = {name: plain.get(name, "") for name in ("by", "note", "name", "mailbox")}
            if not all(isinstance(each, str) for each in texts.values()) or isinstance(plain["at"], bool):
                raise ValueError("claim")
            at, since = float(plain["at"]), float(plain.get("since", 0.0))
            return cls(at=at, how=ClaimedBy(plain["how"]), since=since, **texts)
        except (TypeError, LookupError, AttributeError, RecursionError) as problem:
            raise ValueError("this isn't a claim") from problem


def is_meant(word: str, incident: str, dag_id: str, task_id: str | None, map_index: int | None) -> bool:
    """Whether a word of a command means an incident: the beginning of its id, its DAG, or ``DAG.TASK``.

    :param word: as it was typed; ``i-`` in front of an id may be left out.
    """
    names = {dag_id}
    if task_id:
        names.add(f"{dag_id}.{task_id}")
        if map_index is not None and map_index >= 0:
            names.add(f"{dag_id}.{task_id}[{map_index}]")
    found = _PREFIX.fullmatch(word)
    return word in names or (found is not None and incident.startswith(found[1].lower()))
