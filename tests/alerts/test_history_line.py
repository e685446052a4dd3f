"""The sentence about earlier failures: which one says most, and that nothing unknown is said."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.history_line import (
    MOST_REMEMBERED,
    Memory,
    PastFailure,
    Recovery,
    Remark,
    Sameness,
    memory_of,
    recovery_memory,
)

SHANGHAI = timezone(timedelta(hours=8))
NOW = datetime(2026, 11, 27, 3, 12, tzinfo=SHANGHAI)
DAY, HOUR = 86_400.0, 3_600.0


def failed(ago: float, **given: Any) -> PastFailure:
    """A final failure so many seconds ago, each in a run of its own."""
    values: dict[str, Any] = {"run": f"r{ago}", "reason": "why", "is_final": True, **given}
    return PastFailure(NOW.timestamp() - ago, **values)


def said(
    *past: PastFailure,
    known_days: float = 90.0,
    last_success_ago: float | None = None,
    language: str = "en",
    **given: Any,
) -> str:
    memory = memory_of(
        failed(0.0, **given),
        sorted(past, key=lambda each: each.at),
        known_since=NOW.timestamp() - known_days * DAY,
        last_success_at=None if last_success_ago is None else NOW.timestamp() - last_success_ago,
        zone=SHANGHAI,
    )
    return memory.in_words(language) if memory else ""


def recovered(ago: float, recovery: Recovery = Recovery.NEXT_RUN, **given: Any) -> PastFailure:
    return failed(ago, recovery=recovery, **given)


@pytest.mark.parametrize(
    ("days", "english", "chinese"),
    [
        (31, "First failure in 30 days", "30 天内首次失败"),
        (3.5, "First failure in the 3 days on record", "有记录的 3 天内首次失败"),
        (1.5, "", ""),
        (0, "", ""),
    ],
)
def test_the_first_failure_is_one_only_as_far_as_is_known(days: float, english: str, chinese: str) -> None:
    assert said(known_days=days) == english
    assert said(known_days=days, language="zh") == chinese


def test_nights_in_a_row() -> None:
    nights = [failed(DAY), failed(2 * DAY - HOUR)]
    assert said(*nights) == "Third night in a row, same reason"
    assert said(*nights, language="zh") == "连续第 3 晚失败，原因相同"
    assert said(nights[0]) == "Second night in a row, same reason"


def test_a_night_is_that_of_the_day_on_which_it_begins() -> None:
    """23:50 and, one night later, 00:10 are of the two nights before."""
    assert said(failed(DAY + 3 * HOUR), failed(2 * DAY + 4 * HOUR)) == "Third night in a row, same reason"


def test_days_in_a_row() -> None:
    """By the time of day at which it fails."""
    noon = 9 * HOUR
    at_noon = [failed(each - noon) for each in (DAY, 2 * DAY)]
    memory = memory_of(failed(-noon), at_noon[::-1], known_since=0.0, last_success_at=None, zone=SHANGHAI)
    assert memory is not None
    assert memory.in_words("en") == "Third day in a row, same reason"
    assert memory.in_words("zh") == "连续第 3 天失败，原因相同"


def test_a_night_without_a_failure_ends_the_row() -> None:
    assert said(failed(DAY), failed(3 * DAY), failed(4 * DAY)) == "Second night in a row, same reason"
    assert said(failed(2 * DAY), failed(3 * DAY)) == "Third failure in 30 days, same reason"


def test_another_reason_is_said() -> None:
    """Compared with the last one; of a mixture nothing is said."""
    assert said(failed(DAY, reason="else")) == "Second night in a row, another reason than last time"
    assert said(failed(DAY, reason="else"), language="zh") == "连续第 2 晚失败，原因与上次不同"
    assert said(failed(DAY), failed(2 * DAY, reason="else")) == "Third night in a row"
    assert said(failed(DAY, reason="")) == "Second night in a row"


def test_runs_in_a_row() -> None:
    """Of an hourly DAG, if Airflow says when a run last succeeded."""
    hours = [failed(each * HOUR) for each in (1, 2, 3, 4)]
    assert said(*hours, last_success_ago=5 * HOUR) == "Fifth run in a row, same reason"
    assert said(*hours, last_success_ago=5 * HOUR, language="zh") == "连续第 5 次运行失败，原因相同"
    assert said(*hours, last_success_ago=2.5 * HOUR) == "Third run in a row, same reason"
    assert said(*hours) == "Fifth failure in 30 days, same reason"


def test_runs_with_gaps_are_not_said_to_be_in_a_row() -> None:
    """A run between them may have failed elsewhere."""
    hours = [failed(HOUR), failed(4 * HOUR)]
    assert said(*hours, last_success_ago=DAY) == "Third failure since the last success, same reason"
    assert said(*hours, last_success_ago=DAY, language="zh") == "上次成功后第 3 次失败，原因相同"


def test_runs_started_by_a_person_are_in_no_row() -> None:
    assert said(failed(DAY), failed(2 * DAY), by_hand=True) == "Third failure in 30 days, same reason"
    assert said(failed(DAY, by_hand=True)) == "Second failure in 30 days, same reason"


def test_recoveries_without_a_person() -> None:
    past = [recovered(each * DAY) for each in (1, 2, 3, 4)]
    assert said(*past) == "Recovered by itself the last four times"
    assert said(*past, language="zh") == "最近 4 次均自行恢复"
    assert said(recovered(DAY), recovered(2 * DAY, Recovery.PERSON)) == "Third night in a row, same reason"
    assert said(recovered(DAY, Recovery.PERSON)) == "Second night in a row, same reason"


def test_retries_that_helped_say_nothing_about_a_last_try() -> None:
    """But they do about one that will be tried again."""
    past = [recovered(each * DAY, Recovery.RETRY, is_final=False) for each in (1, 2, 3)]
    assert said(*past, is_final=False) == "Recovered by itself the last three times"
    assert said(*past) == "First time in 30 days that retries did not help"
    assert said(*past, language="zh") == "30 天内首次重试后仍失败"
    assert said(*past, known_days=4) == ""
    assert said(*past, failed(4 * DAY)) == "Second failure in 30 days, same reason"


def test_what_is_not_recorded_may_have_been_more() -> None:
    assert said(failed(2 * DAY), known_days=5) == "At least the second failure in 30 days, same reason"
    assert said(failed(2 * DAY), known_days=5, language="zh") == "30 天内至少第 2 次失败，原因相同"
    many = [failed(each * HOUR) for each in range(1, MOST_REMEMBERED + 1)]
    assert said(*many, last_success_ago=9 * DAY).startswith("At least the 33rd run in a row")


def test_a_recovery() -> None:
    assert recovery_memory([failed(DAY)]) is None
    assert recovery_memory([recovered(DAY)]) is None
    memory = recovery_memory([failed(3 * DAY), recovered(DAY), recovered(0.0, Recovery.RETRY)])
    assert memory == Memory(Remark.RECOVERED, 2)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_memory_has_its_words(language: str) -> None:
    for remark in Remark:
        for sameness in Sameness:
            for count in (1, 2, 3, 11, 21, 112):
                text = Memory(remark, count, sameness, is_least=count == 3).in_words(language)
                assert "{" not in text
                assert len(text) <= 80
                assert any("\u4e00" <= each <= "\u9fff" for each in text) == (language == "zh")
