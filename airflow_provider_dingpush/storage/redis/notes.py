"""Notes in Redis, as :mod:`~airflow_provider_dingpush.storage.redis.store` has them; each task loads this only."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from airflow_provider_dingpush.storage.notes import FoundNote, Note
from airflow_provider_dingpush.storage.redis.server import Call, Server

PREFIX = "dingpush"
"""Of all keys, unless another is given."""


class RedisNotes:
    """The :class:`~airflow_provider_dingpush.storage.contract.Notes` of a Redis.

    :param server: that has them.
    :param prefix: of all keys.
    """

    def __init__(self, server: Server, *, prefix: str = PREFIX) -> None:
        self._server = server
        self._prefix = prefix

    def set_notes(self, notes: Iterable[Note], *, waits: bool = True) -> None:
        self._change(map(self.setting, notes), waits=waits)

    def note(self, family: str, name: str) -> FoundNote | None:
        return self._found(family, 1, name).get(name)

    def notes(self, family: str, at_most: int) -> dict[str, FoundNote]:
        return self._found(family, at_most)

    def remove_notes(self, names: Iterable[tuple[str, str]], *, waits: bool = True) -> None:
        calls: list[Call] = []
        for family, name in names:
            untils, values = self._keys(family)
            calls += [Call("ZREM", [untils], name), Call("HDEL", [values], name)]
        self._change(calls, waits=waits)

    def setting(self, note: Note) -> Call:
        """What sets a note, to be run with other calls."""
        until = 1e300 if note.until == inf else note.until
        bounds = (repr(note.seconds), repr(until), note.newest or 0, int(note.extends))
        return Call("set_note", self._keys(note.family), note.name, note.value, *bounds)

    def _change(self, calls: Iterable[Call], *, waits: bool) -> None:
        if waits:
            self._server.run(*calls)
        else:
            self._server.send(*calls)

    def _keys(self, family: str) -> list[str]:
        return [key(self._prefix, part, family) for part in ("until", "values")]

    def _found(self, family: str, at_most: int, *name: str) -> dict[str, FoundNote]:
        ((now, found),) = self._server.run(Call("notes", self._keys(family), at_most, *name))
        return {
            text_of(each): FoundNote(value, float(until), float(until) - float(now)) for each, until, value in found
        }


def key(prefix: str, part: str, slot: str | None = None) -> str:
    """A single key of Redis, or one that changes together with others of its slot."""
    return f"{prefix}:{part}" if slot is None else f"{prefix}:{{{slot}}}:{part}"


def text_of(name: bytes) -> str:
    """A name as text, also one that isn't UTF-8."""
    return name.decode("utf-8", "surrogateescape")
