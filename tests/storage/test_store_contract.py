"""The contract of every store: mail, records, locks and notes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airflow_provider_dingpush import storage
from airflow_provider_dingpush.errors import LeadershipLostError
from airflow_provider_dingpush.pipeline import outboxes
from airflow_provider_dingpush.storage.contract import (
    REMEMBERED_SECONDS,
    Bound,
    Change,
    Lock,
    PutResult,
    Records,
    Store,
)
from airflow_provider_dingpush.storage.notes import Note
from tests.storage.conftest import STORES

BOX, OTHER, BOOK = "box", "other", "book"
LARGE = Bound(100, 1_000_000)

Open = Callable[[], Store]


@pytest.fixture
def store(open_store: Open) -> Store:
    return open_store()


@pytest.fixture
def lock(store: Store) -> Iterator[Lock]:
    """The lock of a book."""
    lock = store.lock("leader", BOOK, 30.0, opens_book=True)
    assert lock is not None
    yield lock
    lock.release()


@pytest.fixture
def records(store: Store, lock: Lock) -> Iterator[Records]:
    records = store.records(BOOK, lock)
    yield records
    records.close()


def put(store: Store, key: str, body: bytes = b"body", *, box: str = BOX, bound: Bound = LARGE) -> PutResult:
    return store.put(box, b"label", key, body, bound=bound)


def bodies(store: Store, *boxes: str, at_most: int = 100) -> list[bytes | None]:
    return [each.body for each in store.mail(boxes, at_most).mail]


def test_every_store_can_be_chosen_and_is_tested() -> None:
    """A package that is new in ``storage/`` fails here until it has its two lines."""
    packages = {each.parent.name for each in Path(storage.__path__[0]).glob("*/__init__.py")}
    chosen = {*outboxes._PACKAGES.values(), "files"}
    assert chosen == packages, "pipeline/outboxes.py: _PACKAGES needs one line for each package of storage/"
    assert packages <= set(STORES), "tests/storage/conftest.py: STORES needs one line for each package of storage/"


def test_an_unused_store_is_empty(store: Store) -> None:
    """For every call, before anything was written."""
    listing = store.mail([BOX], 9)
    assert (list(listing.mail), dict(listing.refused), dict(listing.marks)) == ([], {BOX: 0}, {BOX: 0})
    assert (dict(store.labels()), store.count(BOX), list(store.books()), store.read(BOOK)) == ({}, 0, [], {})
    assert (store.note("family", "name"), store.notes("family", 9)) == (None, {})
    assert not store.is_locked("leader", BOOK)
    store.remove({BOX: ["no such"]}, {})
    store.remove_notes([("family", "name")])
    store.set_notes([])
    assert store.now() == pytest.approx(store.now(), abs=60)


def test_mail_is_listed_oldest_first_from_all_boxes_until_removed(store: Store, open_store: Open) -> None:
    """Removed by id; removing twice does nothing."""
    for number in range(4):
        assert put(store, f"k{9 - number}", b"%d" % number, box=(BOX, OTHER)[number % 2]) is PutResult.KEPT
    assert bodies(open_store(), BOX, OTHER) == [b"0", b"1", b"2", b"3"]
    assert bodies(store, BOX, OTHER, at_most=3) == [b"0", b"1", b"2"]
    assert bodies(store, OTHER) == [b"1", b"3"]
    assert bodies(store) == []
    assert (store.count(BOX), dict(store.labels())) == (2, {BOX: b"label", OTHER: b"label"})
    first = store.mail([BOX], 1).mail[0]
    for _ in range(2):
        store.remove({BOX: [first.id]}, {})
        assert (bodies(store, BOX, OTHER), store.count(BOX)) == ([b"1", b"2", b"3"], 1)


def test_a_second_body_of_a_key_changes_nothing(store: Store) -> None:
    """And its notes aren't set."""
    put(store, "k1", b"first")
    again = store.put(BOX, b"label", "k1", b"second", bound=LARGE, notes=[Note("family", "name")])
    assert (again, bodies(store, BOX), store.note("family", "name")) == (PutResult.REPEATED, [b"first"], None)


def test_refused_bodies_are_counted_until_they_are_acknowledged(store: Store) -> None:
    """By count and by size; its notes are set all the same."""
    assert put(store, "k1", b"x" * 90_000, bound=Bound(9, 1)) is PutResult.KEPT
    assert put(store, "k2", bound=Bound(9, 80_000)) is PutResult.REFUSED
    notes = [Note("family", "name")]
    assert store.put(BOX, b"", "k3", b"", bound=Bound(1, 10**9), notes=notes) is PutResult.REFUSED
    assert store.note("family", "name") is not None
    before = store.mail([BOX, OTHER], 0)
    assert (dict(before.refused), list(before.mail)) == ({BOX: 2, OTHER: 0}, [])
    put(store, "k4", bound=Bound(1, 1))
    store.remove({}, before.marks)
    assert store.mail([BOX], 0).refused == {BOX: 1}


def test_a_body_that_is_set_aside_is_not_listed(store: Store) -> None:
    for key in ("k1", "k2"):
        put(store, key, key.encode())
    assert store.set_aside(BOX, store.mail([BOX], 1).mail[0].id)
    assert bodies(store, BOX) == [b"k2"]


def test_a_lock_is_held_by_one(store: Store, open_store: Open) -> None:
    """Of any kind and name; it is released once."""
    lock, other = store.lock("leader", "a/b", 30.0), open_store()
    assert lock is not None
    assert (other.lock("leader", "a/b", 30.0), other.is_locked("leader", "a/b")) == (None, True)
    assert not other.is_locked("successor", "a/b")
    for name in (("successor", "a/b"), ("leader", "c")):
        second = other.lock(*name, 30.0)
        assert second is not None
        second.release()
    lock.check()
    lock.keep(60.0)
    lock.release()
    lock.release()
    assert not other.is_locked("leader", "a/b")
    with pytest.raises(LeadershipLostError):
        lock.keep(1.0)
    third = other.lock("leader", "a/b", 30.0)
    assert third is not None
    lock.release()
    assert store.is_locked("leader", "a/b")
    third.release()


def test_a_change_is_made_in_the_order_of_its_parts(store: Store, records: Records, open_store: Open) -> None:
    records.write(Change({("a", "1"): [1, None, "告警 \udcff"], ("a", "2"): {}}, remember=["p/1", "p/2", "q", "qq"]))
    assert records.load() == {("a", "1"): [1, None, "告警 \udcff"], ("a", "2"): {}}
    records.write(
        Change(
            {("a", "1"): 2}, deletes=[("a", "1"), ("a", "2")], remember=["p/2"], forget=["q"], forget_prefixes=["p/"]
        )
    )
    assert records.load() == open_store().read(BOOK) == {("a", "1"): 2}
    assert records.known(["p/1", "p/2", "q", "qq"]) == {"p/2", "qq"}
    assert set(records.newest_keys(9)) == {"p/2", "qq"}
    assert len(records.newest_keys(1)) == 1
    assert REMEMBERED_SECONDS == 7 * 24 * 3600


def test_nothing_is_written_without_the_lock(store: Store, lock: Lock, records: Records) -> None:
    """All of the change is refused."""
    records.write(Change({("a", "b"): 1}, remember=["k1"]))
    lock.release()
    with pytest.raises(LeadershipLostError):
        records.write(Change({("a", "b"): 2}, remember=["k2"], forget=["k1"]))
    second = store.lock("leader", BOOK, 30.0, opens_book=True)
    assert second is not None
    others = store.records(BOOK, second)
    assert (others.load(), others.known(["k1", "k2"])) == ({("a", "b"): 1}, {"k1"})
    others.close()
    second.release()


def test_a_book_is_listed_until_it_is_dropped(store: Store, records: Records) -> None:
    records.write(Change({("a", "b"): 1}))
    assert list(store.books()) == [BOOK]
    records.drop()
    assert (list(store.books()), store.read(BOOK)) == ([], {})


def test_a_note_lasts_until_it_expires_or_is_removed(store: Store, open_store: Open) -> None:
    """A later one of its name replaces it."""
    now = store.now()
    store.set_notes([Note("f", "a", b"old", 60.0), Note("f", "a", b"new", 50.0), Note("f", "b", until=now + 40)])
    store.set_notes([Note("f", "c", b"over", until=now - 1), Note("g", "a", b"of another family")])
    found = open_store().notes("f", 9)
    assert {name: note.value for name, note in found.items()} == {"a": b"new", "b": b""}
    assert found["b"].until == pytest.approx(now + 40, abs=0.01)
    assert 0 < found["b"].seconds_left <= 40 < found["a"].seconds_left <= 50
    assert len(store.notes("f", 1)) == 1
    store.remove_notes([("f", "a"), ("f", "a")])
    assert store.note("f", "a") is None
    assert store.note("g", "a") is not None
    store.set_notes([Note("g", "a", b"over", until=now - 1)])
    assert store.note("g", "a") is None


def test_a_note_that_extends_keeps_the_value_and_never_shortens(store: Store) -> None:
    now = store.now()
    for seconds in (40, 60, 50):
        store.set_notes([Note("f", "a", b"%d" % seconds, until=now + seconds, extends=True)])
    note = store.note("f", "a")
    assert note is not None
    assert note.until == pytest.approx(now + 60, abs=0.01)
    assert note.value == b"40"


def test_a_note_that_extends_an_expired_one_is_new(store: Store) -> None:
    now = store.now()
    store.set_notes([Note("f", "a", b"over", until=now - 1), Note("f", "a", b"new", until=now + 9, extends=True)])
    note = store.note("f", "a")
    assert note is not None
    assert note.value == b"new"


def test_a_family_has_a_bound(store: Store) -> None:
    """Those that expire first are removed, at the latest by a name that makes the store count."""
    now = store.now()
    store.set_notes(Note("f", f"{number}", until=now + 100 + number, newest=3) for number in (5, 1, 4, 2, 3))
    store.set_notes([Note("f", "00", until=now + 200, newest=3)])
    assert set(store.notes("f", 9)) == {"00", "5", "4"}
