"""The world of a replay: alerts arrive when their time comes, and waiting takes none of ours."""

from __future__ import annotations

from airflow_provider_dingpush.delivery.channel import SendStatus
from airflow_provider_dingpush.pipeline.rules_replay_book import CountingChannel, ReplayBook
from airflow_provider_dingpush.timeouts import Deadline
from tests.conftest import MakeAlert


def test_alerts_arrive_while_somebody_waits(make_alert: MakeAlert) -> None:
    early, late = make_alert("early"), make_alert("late")
    book = ReplayBook(100.0, [(130.0, late), (110.0, early)])
    assert book.arrivals(9) == []
    book.sleep(10.0)
    assert [alert for _, alert in book.arrivals(9)] == [early]
    book.advance_to(140.0)
    book.advance_to(120.0)
    assert book.now() == 140.0
    book.remove_arrivals([ticket for ticket, _ in book.arrivals(1)])
    assert [alert for _, alert in book.arrivals(9)] == [late]


def test_records_and_keys_are_those_that_were_written() -> None:
    book = ReplayBook(0.0)
    book.write({("a", "1"): 1, ("a", "2"): 2}, keys=["x/1", "y/1"])
    book.write({("a", "2"): 3}, deletes=[("a", "1")], keys=["x/2"], forget=["x/", ""])
    assert book.load() == {("a", "2"): 3}
    assert book.known(["x/1", "x/2", "y/1"]) == {"x/2", "y/1"}


def test_a_channel_counts() -> None:
    book = ReplayBook(5.0)
    channel = CountingChannel(book, "r", "dingtalk_default", 5.0, 18_000)
    assert channel.post(b"", Deadline(9.0, book.now)).status is SendStatus.SENT
    assert channel.sent_at == [5.0]
