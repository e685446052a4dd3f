"""A store in the memory of one process: it proves that a store needs four primitives only."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airflow_provider_dingpush.errors import LeadershipLostError
from airflow_provider_dingpush.storage.contract import Bound, Change, Listing, Mail, PutResult, RecordId
from airflow_provider_dingpush.storage.notes import FoundNote, Note


class MemoryStore:
    def __init__(self) -> None:
        self.mail_in, self.notes_of, self.by_book, self.keys = (
            defaultdict[str, dict[Any, Any]](dict) for _ in range(4)
        )
        self.label_of: dict[str, bytes] = {}
        self.refused: Counter[str] = Counter()
        self.locks: dict[tuple[str, str], MemoryLock] = {}
        self.now, self.books, self.risks = time.time, lambda: sorted(self.by_book), lambda: ["it forgets everything"]

    def put(self, box: str, label: bytes, key: str, body: bytes, *, bound: Bound, notes: Any = ()) -> PutResult:
        mail, self.label_of[box] = self.mail_in[box], label
        if key in mail:
            return PutResult.REPEATED
        self.set_notes(notes)
        if mail and (len(mail) >= bound.bodies or sum(len(each) for _, each in mail.values()) >= bound.size):
            self.refused[box] += 1
            return PutResult.REFUSED
        mail[key] = time.monotonic_ns(), body
        return PutResult.KEPT

    def mail(self, boxes: Sequence[str], at_most: int) -> Listing:
        found = sorted((at, box, key, body) for box in boxes for key, (at, body) in self.mail_in[box].items())
        refused = {box: self.refused[box] for box in boxes}
        return Listing([Mail(box, key, body) for _, box, key, body in found[:at_most]], refused, refused)

    def remove(self, ids: Mapping[str, Sequence[str]], marks: Mapping[str, int]) -> None:
        for box, mail_id in ((box, each) for box, every in ids.items() for each in every):
            self.mail_in[box].pop(mail_id, None)
        self.refused.subtract(marks)

    def set_aside(self, box: str, mail_id: str) -> str:
        return f"nowhere: {self.mail_in[box].pop(mail_id)!r}"

    def labels(self) -> Mapping[str, bytes | None]:
        return {box: label for box, label in self.label_of.items() if self.mail_in[box]}

    def count(self, box: str) -> int:
        return len(self.mail_in[box])

    def lock(self, kind: str, of: str, seconds: float, *, opens_book: bool = False) -> MemoryLock | None:
        lock = MemoryLock(self, (kind, of))
        return lock if self.locks.setdefault((kind, of), lock) is lock else None

    def is_locked(self, kind: str, of: str) -> bool:
        return (kind, of) in self.locks

    def records(self, book: str, lock: Any) -> Any:
        return self.by_book[book] is not None and lock

    def read(self, book: str) -> dict[RecordId, Any]:
        return {place: json.loads(text) for place, text in self.by_book.get(book, {}).items()}

    def set_notes(self, notes: Iterable[Note], *, waits: bool = True) -> None:
        for note in notes:
            family, until = self.notes_of[note.family], min(self.now() + note.seconds, note.until)
            before = self.note(note.family, note.name) if note.extends else None
            family[note.name] = (until, note.value) if before is None else (max(until, before.until), before.value)
            self.notes_of[note.family] = dict(
                sorted(family.items(), key=lambda each: each[1])[-(note.newest or 9999) :]
            )

    def note(self, family: str, name: str) -> FoundNote | None:
        return self.notes(family, len(self.notes_of[family])).get(name)

    def notes(self, family: str, at_most: int) -> dict[str, FoundNote]:
        every = {name: (value, until, until - self.now()) for name, (until, value) in self.notes_of[family].items()}
        return dict([(name, FoundNote(*note)) for name, note in every.items() if note[2] > 0][:at_most])

    def remove_notes(self, names: Iterable[tuple[str, str]], *, waits: bool = True) -> None:
        for family, name in names:
            self.notes_of[family].pop(name, None)


class MemoryLock:  # and the records that are written under it
    def __init__(self, store: MemoryStore, name: tuple[str, str]) -> None:
        self._store, self._name, self._book, self._keys = store, name, name[1], store.keys[name[1]]
        self.load = lambda: store.read(name[1])

    def check(self) -> None:
        if self._store.locks.get(self._name) is not self:
            raise LeadershipLostError(f"{self._name} is lost")

    def keep(self, seconds: float) -> None:
        self.check()

    def release(self) -> None:
        self._store.locks = {name: lock for name, lock in self._store.locks.items() if lock is not self}

    close = release

    def write(self, change: Change) -> None:
        self.check()
        kept = {place: text for place, text in self._store.by_book[self._book].items() if place not in change.deletes}
        self._store.by_book[self._book] = kept | {place: json.dumps(each) for place, each in change.puts.items()}
        for key in [*change.forget, *(each for each in self._keys if each.startswith(tuple(change.forget_prefixes)))]:
            self._keys.pop(key, None)
        self._keys.update(dict.fromkeys(change.remember))

    def known(self, keys: Sequence[str]) -> set[str]:
        return {key for key in keys if key in self._keys}

    def newest_keys(self, at_most: int) -> list[str]:
        return list(self._keys)[: -at_most - 1 : -1]

    def drop(self) -> None:
        del self._store.by_book[self._book]
