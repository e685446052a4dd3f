"""A leader's view of its book: read once, and each change written through before it counts."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_dingpush.delivery.record_shapes import is_sound
from airflow_provider_dingpush.errors import LeadershipLostError, OutboxError
from airflow_provider_dingpush.storage.contract import LedgerBook, Place

ONLY = ""
"""The key of what there is one of."""

_log = logging.getLogger(__name__)


class Records:
    """The records of a book in memory.

    When the storage fails (disk full, server gone) the changes go on in memory: an alert told twice is better than one
    that isn't told. What couldn't be written is tried again with the next change, so the book never has the later
    change without the earlier one. Records that couldn't be read are never written over; a damaged one is left out.

    ``problem`` is what kept the last change, or the records at the start, from the storage; ``None`` if nothing did.

    :param book: where they stand.
    :raises LeadershipLostError: if another process leads; so does every method that writes.
    """

    def __init__(self, book: LedgerBook) -> None:
        self.problem: OutboxError | None = None
        self._book = book
        self._blind = False
        self._kinds: dict[str, dict[str, Any]] = {}
        self._deleted: set[Place] = set()
        self._unremembered: set[str] = set()
        self._unforgotten: set[str] = set()
        try:
            for (kind, key), value in book.load().items():
                if is_sound(kind, value):
                    self._kinds.setdefault(kind, {})[key] = value
                else:
                    _log.error("The record %r %r of a robot's book is damaged and left out.", kind, key[:100])
        except LeadershipLostError:
            raise
        except OutboxError as problem:
            self.problem = problem
            self._blind = True

    def get(self, kind: str, key: str = "", default: Any = None) -> Any:
        return self._kinds.get(kind, {}).get(key, default)

    def of(self, kind: str) -> Mapping[str, Any]:
        """All records of one kind, by key."""
        return self._kinds.get(kind, {})

    def change(
        self,
        puts: Mapping[Place, Any],
        deletes: Iterable[Place] = (),
        keys: Iterable[str] = (),
        forget: Iterable[str] = (),
    ) -> bool:
        """Change records in one step; says whether it is durable.

        :param keys: keys of alerts that the book shall remember.
        :param forget: what the keys begin with that it shall forget before that.
        """
        deletes, forget = list(deletes), tuple(forget)
        for kind, key in deletes:
            self._kinds.get(kind, {}).pop(key, None)
        for (kind, key), value in puts.items():
            self._kinds.setdefault(kind, {})[key] = value
        gone, unforgotten = {*self._deleted, *deletes} - puts.keys(), {*self._unforgotten, *forget}
        unremembered = {*(each for each in self._unremembered if not each.startswith(forget)), *keys}
        if not self._blind:
            try:
                self._book.write(self._everything() if self.problem else puts, gone, unremembered, unforgotten)
            except LeadershipLostError:
                raise
            except OutboxError as problem:
                self.problem = problem
            else:
                self._deleted, self._unremembered, self._unforgotten, self.problem = set(), set(), set(), None
                return True
        self._deleted, self._unremembered, self._unforgotten = gone, unremembered, unforgotten
        return False

    def _everything(self) -> dict[Place, Any]:
        """All records: the book may miss some, or have been replaced by an empty one since it was read."""
        return {(kind, key): value for kind, records in self._kinds.items() for key, value in records.items()}
