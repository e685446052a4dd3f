"""Where alerts wait, and what an incident is called there: all that most processes need to know of alerts.

A task's process that ends well asks whether its incident is open, and loads nothing else of this room for it.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

SHORT_ID = 6
"""Characters of an incident's id in alerts and lists; any beginning of the id will do in a command."""

if TYPE_CHECKING:
    from typing import Protocol

    class Target(Protocol):
        """The people or group that an app sends to."""

        def to_dict(self) -> dict[str, Any]:
            """Its plain form."""


class Mailbox(NamedTuple):
    """The pending alerts of one connection id and one target.

    The connection is looked up by the leader and not by the process that puts an alert: a slow secrets backend must not
    lose one.

    :param conn_id: id of the Airflow connection.
    :param target: the plain form of ``to=`` as canonical JSON; empty for the connection's own group.
    """

    conn_id: str
    target: str = ""

    @classmethod
    def read(cls, plain: Any) -> Mailbox:
        """Read connection id and target from a list of both.

        :raises ValueError: if it is anything else.
        """
        if not isinstance(plain, list) or len(plain) != 2 or not all(isinstance(each, str) for each in plain):
            raise ValueError("this isn't a mailbox")
        return cls(*plain)

    @property
    def name(self) -> str:
        """A short name that is the same in every process and safe in a path."""
        return digest([self.conn_id, self.target])[:16]


def mailbox_of(conn_id: str, to: Target | None) -> Mailbox:
    """The mailbox of a connection id and a target."""
    return Mailbox(conn_id, "" if to is None else json.dumps(to.to_dict(), sort_keys=True, ensure_ascii=False))


def incident_of(mailbox: Mailbox, dag_id: str, task_id: str | None, map_index: int | None) -> str:
    """Identifies a DAG or task that fails and recovers, within one mailbox."""
    return digest([mailbox.name, dag_id, task_id, map_index])[:24]


def short_id(incident: str) -> str:
    """The id of an incident as alerts and lists show it, such as ``i-7f3ac2``: the same in every process."""
    return f"i-{incident[:SHORT_ID]}"


def digest(parts: list[Any]) -> str:
    """The digest of plain data, the same in every process."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
