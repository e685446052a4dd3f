"""What a book remembers of past failures and of the last week, and that a leader hardly pays for it."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from types import FrameType
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.digest_notes import Notes
from airflow_provider_dingpush.delivery.history import recorded_week
from airflow_provider_dingpush.delivery.history_events import RecordedEvent, SentMessage
from airflow_provider_dingpush.delivery.history_failures import MOST_FAILURES_OF_BUCKET, FailureHistory
from airflow_provider_dingpush.delivery.history_log import KEPT_SECONDS, HistoryLog
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.delivery.record_kinds import EVENTS, FAILURES, MESSAGES
from airflow_provider_dingpush.delivery.records import Changes, RecordTable
from airflow_provider_dingpush.messages import At, Message
from tests.delivery.simulation import START, Simulation, compose, failure

DAY, HOUR = 86_400.0, 3_600.0


class Night:
    """A task that fails and recovers in a simulated month; says what was remembered in each message."""

    def __init__(self, **policy: Any) -> None:
        self.said: list[str] = []
        self.simulation = Simulation(DeliveryPolicy(group_interval_seconds=0.0, **policy), compose=self._compose)
        self._key = 0

    def _compose(self, alerts: Any, notes: Notes) -> tuple[Message, At | None]:
        self.said += [memory.in_words("en") for memory in notes.memories.values()] or [""]
        return compose(alerts, Notes(notes.number))

    def goes_to(self, days: float) -> None:
        clock = self.simulation.clock
        clock.advance(max(0.0, START + days * DAY - clock.now))

    def alert(self, event: str, run: str, **given: Any) -> str:
        self._key += 1
        at = self.simulation.clock.now
        values = {"task_id": "load", "summary": "ValueError: order 10086 not found", **given}
        resolved = event == "task_succeeded"
        self.simulation.put(failure(f"k{self._key}", event=event, run_id=run, at=at, resolved=resolved, **values))
        self.said.clear()
        self.simulation.drain()
        return " | ".join(self.said)


def test_a_month_of_nights() -> None:
    """Nothing at first, then what is known; the number in the reason doesn't matter."""
    night = Night()
    assert night.alert("task_failed", "r0") == ""
    for day in range(1, 4):
        night.goes_to(day)
        ordinal = {1: "Second", 2: "Third", 3: "Fourth"}[day]
        said = night.alert("task_failed", f"r{day}", summary=f"ValueError: order {day} not found")
        # 08:00 in UTC, when this simulation begins, is no night.
        assert said == f"{ordinal} day in a row, same reason"
    night.goes_to(10)
    assert night.alert("task_failed", "r10", task_id="other") == "First failure in the 10 days on record"
    night.goes_to(31)
    assert night.alert("task_failed", "r31", task_id="third") == "First failure in 30 days"
    # That of the second day was 30 days ago.
    assert night.alert("task_failed", "r31") == "Third failure in 30 days, same reason"


def test_recoveries_are_remembered_with_who_brought_them() -> None:
    night = Night()
    for day in range(2):
        night.goes_to(3 * day)
        night.alert("task_retrying", f"r{day}", try_number=1)
        night.alert("task_succeeded", f"r{day}", try_number=2)
    night.goes_to(9)
    assert night.alert("task_retrying", "r9", try_number=1) == "Recovered by itself the last two times"
    assert night.alert("task_succeeded", "r9", try_number=2) == "Recovered by itself the last three times"
    night.goes_to(12)
    # Its last try fails, and a person clears the task.
    assert night.alert("task_failed", "r12", try_number=2) == ""
    night.alert("task_succeeded", "r12", try_number=3)
    night.goes_to(15)
    assert night.alert("task_retrying", "r15") == "At least the fifth failure in 30 days, same reason"


def test_tries_of_one_run_are_one_failure() -> None:
    night = Night()
    night.alert("task_failed", "r0")
    night.goes_to(1)
    said = [night.alert("task_retrying", "r1", try_number=each) for each in (1, 2)]
    assert {*said, night.alert("task_failed", "r1", try_number=3)} == {"Second day in a row, same reason"}


def test_a_run_has_a_memory_of_its_own() -> None:
    """And the tasks that failed are its reason."""
    night = Night()

    def run_failed(run: str, task: str) -> str:
        facts = {"failed_tasks": [{"task_id": task}], "run_started_at": run}
        return night.alert("dag_failed", run, task_id=None, summary="task_failure", facts=facts)

    assert run_failed("r0", "load") == ""
    night.goes_to(1)
    assert run_failed("r1", "load") == "Second day in a row, same reason"
    night.goes_to(2)
    assert run_failed("r2", "extract") == "Third day in a row, another reason than last time"


def test_repeats_that_are_only_counted_are_remembered() -> None:
    night = Night(repeat_interval_seconds=1.5 * DAY)
    night.alert("task_failed", "r0")
    night.goes_to(1)
    assert night.alert("task_failed", "r1") == ""
    night.goes_to(2)
    # The newest repeat goes with it.
    assert night.alert("task_failed", "r2").endswith(" | Third day in a row, same reason")


def test_a_storm_writes_few_records() -> None:
    """And each alert of a thousand is in the log of the week."""
    simulation = Simulation()
    simulation.put(*(failure(f"a{number}", at=START + number / 1000) for number in range(1_000)))
    simulation.drain(60.0)
    kinds = [kind for kind, _ in simulation.storage.records]
    assert kinds.count(FAILURES.name) <= 256
    assert kinds.count(EVENTS.name) <= 4
    week = recorded_week(simulation.book().load())
    assert {each.alert.task_id for each in week.events} == {f"a{number}" for number in range(1_000)}
    assert sum(each.alerts for each in week.messages) == 1_000
    assert len(week.messages) == len(simulation.chat.shown)
    assert (week.began_at, week.dropped_until) == (START, 0.0)


def table_of(*changes: Changes) -> RecordTable:
    table = RecordTable({})
    for each in changes:
        table.apply(each)
    return table


def test_the_log_keeps_a_week_and_a_number_of_lines() -> None:
    """What is dropped because of the number is known to be missing; what is too old is not."""
    table = RecordTable({})
    log = HistoryLog(table, MESSAGES, most_lines=1_000)
    for number in range(3_000):
        changes = Changes()
        log.add([f"line {number}"], START + number, changes)
        table.apply(changes)
    lines = list(log.lines())
    assert lines[-1] == "line 2999"
    assert 900 <= len(lines) <= 1_000
    assert log.dropped_until == pytest.approx(START + 3_000 - len(lines), abs=1.5)
    changes = Changes()
    log.add(["later"], START + KEPT_SECONDS + 5_000, changes)
    table.apply(changes)
    assert list(log.lines())[-1] == "later"
    assert len(list(log.lines())) <= 65
    assert log.dropped_until < START + 3_000


def test_a_damaged_record_costs_its_lines_only(caplog: pytest.LogCaptureFixture) -> None:
    table = RecordTable({("messages", "0000000000"): "rubbish", ("messages", "0000000001"): "5 1 packed ###"})
    log, changes = HistoryLog(table, MESSAGES), Changes()
    with caplog.at_level(logging.ERROR):
        log.add(["new"], START, changes)
        table.apply(changes)
        assert list(log.lines()) == ["new"]
        assert recorded_week({("events", "0000000000"): "5 1 open rubbish"}).events == ()


def test_a_damaged_bucket_makes_nobody_say_first() -> None:
    table = table_of()
    history, changes, now = FailureHistory(table, timezone.utc), Changes(), START + 40 * DAY
    history.note([failure(at=START)], START, changes)
    table.apply(changes)
    alert = failure("new", task_id="a1", run_id="r9", at=now)
    assert [str(each.in_words("en")) for each in history.memories([alert]).values()] == ["First failure in 30 days"]
    for place in list(table.of(FAILURES)):
        table.apply(_put(FAILURES.name, place, "rubbish"))
    assert history.memories([alert]) == {}


def _put(kind: str, key: str, value: str) -> Changes:
    changes = Changes()
    changes.puts[kind, key] = value
    return changes


def test_more_failures_than_are_kept_are_not_denied() -> None:
    """A bucket that dropped some says "first" only of the time since."""
    table = table_of()
    history = FailureHistory(table, timezone.utc)
    every = [failure(f"t{number}", at=START + number) for number in range(MOST_FAILURES_OF_BUCKET * 300)]
    changes = Changes()
    history.note(every, START, changes)
    table.apply(changes)
    assert all(len(text) < 20_000 for text in table.of(FAILURES).values())
    now = every[-1].at + 20 * DAY
    said = history.memories([failure("new", at=now, run_id="r9")]).values()
    assert [each.in_words("en") for each in said] == ["First failure in the 20 days on record"]


def test_an_event_is_read_as_it_was_written() -> None:
    alert = failure(
        "k1",
        run_id="scheduled__2026-11-27T00:00:00+00:00",
        map_index=0,
        owners=("lisi",),
        mentions={"mobiles": ["13800000001"]},
        message={"msgtype": "text", "text": {"content": "password=hunter2"}},
        facts={
            "tags": ["core"],
            "run_type": "scheduled",
            "failed_tasks": [{"task_id": "a", "map_index": None, "log_url": "http://secret"}],
            "exception_text": "hunter2",
        },
        rule={"name": "core", "severity": "P1"},
    )
    line = RecordedEvent(START + 1, "flusher", alert).to_line()
    assert "hunter2" not in line
    assert "13800000001" not in line
    assert "secret" not in line
    read = RecordedEvent.from_line(line)
    assert read.to_line() != ""
    assert (read.taken_at, read.leader, read.alert.rule, read.alert.map_index) == (
        START + 1,
        "flusher",
        {"name": "core"},
        0,
    )
    same = ("event", "at", "dag_id", "run_id", "task_id", "try_number", "owners", "mailbox", "resolved")
    assert [getattr(read.alert, name) for name in same] == [getattr(alert, name) for name in same]
    assert read.alert.facts["failed_tasks"] == [{"task_id": "a", "map_index": None}]
    assert read.alert.message is not None
    with pytest.raises(ValueError, match="recorded event"):
        RecordedEvent.from_line("{}")


def test_loading_a_book_with_a_month_of_history_is_little_work() -> None:
    """With 5,000 tasks that failed twice, and 10,000 alerts of a week: none of them is looked at one by one."""
    records = {place: json.loads(json.dumps(value)) for place, value in full_book().items()}
    assert len(records) < 500
    assert sum(len(json.dumps(value)) for value in records.values()) < 2_000_000
    assert calls_of(lambda: RecordTable(records)) < 5_000


def calls_of(work: Callable[[], object]) -> int:
    """How many functions are called."""
    calls, before = 0, sys.getprofile()

    def count(_: FrameType, event: str, __: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls


def full_book() -> dict[Any, Any]:
    """The records of a book with as much history as it keeps."""
    table = RecordTable({})
    failures, log = FailureHistory(table, timezone.utc), HistoryLog(table, EVENTS)
    for run in range(2):
        changes = Changes()
        run_id = f"scheduled__{datetime.fromtimestamp(START + run * DAY, timezone.utc).isoformat()}"
        alerts = [
            failure(f"k{run}-{number}", dag_id=f"etl_{number // 20:03}", task_id=f"load_{number}", run_id=run_id)
            for number in range(5_000)
        ]
        failures.note(alerts, START + run * DAY, changes)
        lines = [RecordedEvent(START + run * DAY, "flusher", each).to_line() for each in alerts]
        log.add(lines, START + run * DAY, changes)
        table.apply(changes)
    return table.all()


@pytest.mark.parametrize("moment", [START + 0.996, START + 0.999999, START])
def test_what_was_sent_is_never_recorded_as_later(moment: float) -> None:
    """A replay that begins at once would not count it."""
    read = SentMessage.from_line(SentMessage(moment, 2).to_line())
    assert moment - 0.001 < read.at <= moment
