"""The open incidents of a book: opened by a notification, closed by a recovery, and what their alerts say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.alerts.digest_notes import Followers
from airflow_provider_dingpush.alerts.upstreams import Upstream
from airflow_provider_dingpush.delivery import open_incidents
from airflow_provider_dingpush.delivery.inhibition import OPEN_SECONDS
from airflow_provider_dingpush.delivery.open_incidents import (
    Inhibited,
    Inhibitor,
    OpenIncidents,
    followers_of,
)
from airflow_provider_dingpush.delivery.record_kinds import KINDS, OPEN, OpenIncident, is_sound
from airflow_provider_dingpush.delivery.records import Changes, RecordTable
from airflow_provider_dingpush.events import Event
from tests.delivery.test_inhibition import START, failed, incident

ROOT = failed("p.load")
FOLLOWER = failed("q.wait", Upstream("p"), at=9)
RECOVERY = failed("p.load", at=99, event=Event.TASK_SUCCEEDED)


class Book:
    """The open incidents of a book, each step in a change of its own that is stored and read again."""

    def __init__(self) -> None:
        self.plain: dict[tuple[str, str], Any] = {}

    @property
    def table(self) -> RecordTable:
        return RecordTable(self.plain)

    @property
    def incidents(self) -> OpenIncidents:
        return OpenIncidents(self.table)

    def change(self, changes: Changes) -> None:
        for each in changes.deletes:
            self.plain.pop(each, None)
        self.plain.update({(kind, key): KINDS[kind].to_json(value) for (kind, key), value in changes.puts.items()})

    def sent(self, *alerts: Alert, now: float = 60) -> None:
        changes = Changes()
        self.incidents.after_message(alerts, START + now, changes)
        self.change(changes)

    def close(self, *alerts: Alert) -> None:
        changes = Changes()
        self.incidents.close(alerts, changes)
        self.change(changes)

    def decide(
        self, *alerts: Alert, pending: Sequence[Alert] = (), withheld: Sequence[Inhibited] = (), now: float = 60
    ) -> dict[str, Inhibitor]:
        return self.incidents.inhibitors(alerts, pending=pending, withheld=withheld, now=START + now)

    @property
    def open(self) -> dict[str, OpenIncident]:
        return dict(self.table.of(OPEN))


@pytest.fixture
def book() -> Book:
    return Book()


BY_ROOT = {FOLLOWER.key: Inhibitor(ROOT.incident, "p · load", START + OPEN_SECONDS)}


def test_a_failure_inhibits_from_its_notification_until_its_recovery(book: Book) -> None:
    """Or, before that, from the moment it is pending; what people know nothing of inhibits nothing."""
    assert book.decide(FOLLOWER) == {}
    assert book.decide(FOLLOWER, ROOT) == BY_ROOT
    assert book.decide(FOLLOWER, pending=[ROOT]) == BY_ROOT
    book.sent(ROOT)
    assert book.decide(FOLLOWER) == BY_ROOT
    book.close(RECOVERY)
    assert book.open == {}
    assert book.decide(FOLLOWER) == {}


def test_what_is_over_before_anybody_was_notified_of_it_inhibits_nothing(book: Book) -> None:
    assert book.decide(FOLLOWER, ROOT, RECOVERY) == {}
    assert book.decide(FOLLOWER, pending=[ROOT, RECOVERY]) == {}
    assert book.incidents.over([Inhibited(FOLLOWER, ROOT.incident)], [ROOT, RECOVERY], START + 60) == [FOLLOWER]
    # But it is inhibited, and its end with it: the first failure goes on.
    end = failed("q.wait", at=50, event=Event.TASK_SUCCEEDED)
    assert book.decide(ROOT, FOLLOWER, end) == BY_ROOT


def test_a_recovery_before_the_last_failure_closes_nothing(book: Book) -> None:
    book.sent(replace(ROOT, at=START + 200, key="again"))
    book.close(RECOVERY)
    assert list(book.open) == [ROOT.incident]


def test_a_failure_that_was_sent_as_recovered_isnt_open(book: Book) -> None:
    book.sent(ROOT, RECOVERY)
    assert book.open == {}
    book.sent(RECOVERY, replace(ROOT, at=START + 200, key="again"))
    assert list(book.open) == [ROOT.incident]


def test_an_incident_knows_its_runs_and_times(book: Book) -> None:
    book.sent(ROOT)
    book.sent(failed("p.load", at=50, run="r2"))
    assert book.open == {ROOT.incident: OpenIncident("p · load", "p", "load", None, ("r1", "r2"), START, START + 50)}
    for number in range(30):
        book.sent(failed("p.load", at=50, run=f"n{number}"))
    assert len(book.open[ROOT.incident].runs) == 20
    assert book.open[ROOT.incident].runs[-1] == "n29"


def test_an_incident_is_forgotten_after_a_day(book: Book) -> None:
    book.sent(ROOT)
    assert book.incidents.over([Inhibited(FOLLOWER, ROOT.incident)], (), START + OPEN_SECONDS - 1) == []
    assert book.incidents.over([Inhibited(FOLLOWER, ROOT.incident)], (), START + OPEN_SECONDS) == [FOLLOWER]
    book.sent(failed("s.other", at=OPEN_SECONDS), now=OPEN_SECONDS)
    assert list(book.open) == [incident("s.other")]


def test_what_is_inhibited_is_decided_about_anew_when_its_incident_recovers(book: Book) -> None:
    withheld = [Inhibited(FOLLOWER, ROOT.incident)]
    book.sent(ROOT)
    assert book.incidents.over(withheld, (), START + 60) == []
    book.close(RECOVERY)
    assert book.incidents.over(withheld, (), START + 60) == [FOLLOWER]
    # A dead letter, for example, that was pending when it inhibited.
    assert Book().incidents.over(withheld, [ROOT], START + 60) == []
    assert Book().incidents.over(withheld, (), START + 60) == [FOLLOWER]


def test_a_chain_counts_at_its_root_while_that_is_open(book: Book) -> None:
    third = failed("s.wait", Upstream("q"), at=19)
    withheld = [Inhibited(FOLLOWER, ROOT.incident)]
    assert book.decide(third, withheld=withheld) == {}
    book.sent(ROOT)
    assert book.decide(third, withheld=withheld) == {third.key: BY_ROOT[FOLLOWER.key]}


def test_at_most_so_many_incidents_are_open(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_incidents, "MOST_OPEN", 3)
    for number in range(5):
        book.sent(failed(f"p.t{number}", at=number))
    assert {each.task_id for each in book.open.values()} == {"t2", "t3", "t4"}


def test_a_clock_that_was_set_back_keeps_nothing_open_for_longer(book: Book) -> None:
    book.sent(failed("p.load", at=5_000))
    changes = Changes()
    book.incidents.clamp(START + 60, changes)
    book.change(changes)
    assert [(each.since, each.until) for each in book.open.values()] == [(START + 60, START + 60)]


def test_a_damaged_record_is_found(book: Book) -> None:
    book.sent(ROOT)
    record = book.plain["open", ROOT.incident]
    assert is_sound("open", record)
    for damage in ({"runs": 3}, {"task_id": 3}, {"until": "now"}, {"map_index": "1"}, {"more": 1}):
        assert not is_sound("open", {**record, **damage})


def test_the_followers_are_counted_once(book: Book) -> None:
    """Not each try, and not a run besides its tasks; the alerts of a recovery count for nothing."""
    by = ROOT.incident
    withheld = [
        failed("q.wait", at=5, event=Event.TASK_RETRYING),
        failed("q.wait", at=9),
        failed("q", at=10),
        failed("s", at=20),
        failed("p.publish", at=1, dag_name="订单", task_name="发布"),
        replace(failed("q.wait", at=30, event=Event.TASK_SUCCEEDED)),
    ]
    found = followers_of([Inhibited(each, by) for each in withheld])
    assert found == {by: Followers(3, (("订单", "发布"), ("q", "wait"), ("q", ""), ("s", "")))}
    assert followers_of([Inhibited(withheld[0], by)], {by: 7, "other": 2}) == {
        by: Followers(8, (("q", "wait"),)),
        "other": Followers(2),
    }
