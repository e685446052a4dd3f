"""What is remembered of a task's or a run's earlier failures, in the one sentence that says most.

The decision is pure: it returns a :class:`Memory`, whose words in both languages are in one table. Nothing is said that
isn't known: what happened before the recording began, or was dropped because of its bound, counts as unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import Enum
from itertools import pairwise

from airflow_provider_dingpush.timeouts import END_OF_TIME

DAYS_REMEMBERED = 30
MOST_REMEMBERED = 32
"""Failed runs of one task, the newest ones."""

_DAY_SECONDS = 86_400.0
# From then on a failure is one of the night, until the morning.
_NIGHT_BEGINS, _NIGHT_ENDS = 20, 7
_HALF_A_DAY = timedelta(hours=12)
# Runs follow each other without a gap if no distance is so many times longer than the shortest one.
_LONGEST_STEP = 1.5


class Recovery(Enum):
    """How a failure ended; the value is what is stored."""

    NONE = ""
    RETRY = "t"
    """The next try of the same run succeeded."""
    NEXT_RUN = "n"
    """A later run succeeded that Airflow started by itself."""
    PERSON = "p"
    """A person cleared it, or started the run that succeeded."""


@dataclass(frozen=True)
class PastFailure:
    """A run in which a task failed, or that failed itself.

    :param at: when it first failed, in seconds since 1970.
    :param run: a short name of the run.
    :param reason: equal if the reasons are alike, see :mod:`.likeness`; empty if there was none.
    :param is_final: whether it failed for good, and not only a try of several.
    :param by_hand: whether a person started the run.
    :param recovery: how it ended.
    """

    at: float
    run: str
    reason: str
    is_final: bool
    by_hand: bool = False
    recovery: Recovery = Recovery.NONE


class Remark(Enum):
    """What a memory says."""

    FIRST = "first"
    FIRST_ON_RECORD = "first_on_record"
    """Less than 30 days are recorded."""
    FIRST_DESPITE_RETRIES = "first_despite_retries"
    """Earlier failures recovered with the next try, this one didn't."""
    RECOVERED = "recovered"
    NIGHTS = "nights"
    DAYS = "days"
    RUNS = "runs"
    SINCE_SUCCESS = "since_success"
    TIMES = "times"


class Sameness(Enum):
    """How the reason compares to those before."""

    SAME = "same"
    CHANGED = "changed"
    """The last failure had another one."""
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Memory:
    """What one sentence says about earlier failures.

    :param remark: what it says.
    :param count: of failures, nights, days or runs, with this one; of recoveries; or of the days on record.
    :param sameness: of the reasons of all that it counts.
    :param is_least: whether there may have been more.
    """

    remark: Remark
    count: int = 0
    sameness: Sameness = Sameness.UNKNOWN
    is_least: bool = False

    def in_words(self, language: str) -> str:
        """The sentence.

        :param language: any name of Chinese, such as ``zh`` or ``zh-CN``; everything else gets English.
        """
        is_chinese = language.lower().startswith("zh")
        which = int(is_chinese)
        count = _chinese(self) if is_chinese else _english(self)
        text = _WORDS[self.remark][which].format(days=DAYS_REMEMBERED, count=count, n=self.count)
        text += _SAMENESS[self.sameness][which]
        return text[:1].upper() + text[1:]


_WORDS: dict[Remark, tuple[str, str]] = {
    Remark.FIRST: ("First failure in {days} days", "{days} 天内首次失败"),
    Remark.FIRST_ON_RECORD: ("First failure in the {n} days on record", "有记录的 {n} 天内首次失败"),
    Remark.FIRST_DESPITE_RETRIES: (
        "First time in {days} days that retries did not help",
        "{days} 天内首次重试后仍失败",
    ),
    Remark.RECOVERED: ("Recovered by itself the last {count} times", "最近 {n} 次均自行恢复"),
    Remark.NIGHTS: ("{count} night in a row", "连续{count}晚失败"),
    Remark.DAYS: ("{count} day in a row", "连续{count}天失败"),
    Remark.RUNS: ("{count} run in a row", "连续{count}次运行失败"),
    Remark.SINCE_SUCCESS: ("{count} failure since the last success", "上次成功后{count}次失败"),
    Remark.TIMES: ("{count} failure in {days} days", "{days} 天内{count}次失败"),
}
"""Remark -> its words in English and in Chinese."""

_SAMENESS = {
    Sameness.SAME: (", same reason", "，原因相同"),
    Sameness.CHANGED: (", another reason than last time", "，原因与上次不同"),
    Sameness.UNKNOWN: ("", ""),
}
_ORDINALS = ["zeroth", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"]
_CARDINALS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


def _english(memory: Memory) -> str:
    n = memory.count
    if memory.remark is Remark.RECOVERED:
        return _CARDINALS[n] if n < len(_CARDINALS) else str(n)
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    ordinal = _ORDINALS[n] if n < len(_ORDINALS) else f"{n}{ending}"
    return f"at least the {ordinal}" if memory.is_least else ordinal


def _chinese(memory: Memory) -> str:
    return f"至少第 {memory.count} " if memory.is_least else f"第 {memory.count} "


def memory_of(
    failure: PastFailure,
    past: Sequence[PastFailure],
    *,
    known_since: float,
    last_success_at: float | None,
    zone: tzinfo,
) -> Memory | None:
    """The memory that says most about a failure; ``None`` if nothing is known.

    :param failure: what is reported.
    :param past: failures of earlier runs within 30 days, the oldest first.
    :param known_since: since when all failures are recorded, in seconds since 1970.
    :param last_success_at: when the last successful run before this one ended, in seconds since 1970.
    :param zone: the time zone that tells nights from days.
    """
    if not _is_plausible(failure.at):
        return None
    past = [each for each in past if _is_plausible(each.at)]
    if not past:
        return _first(failure.at - known_since)
    is_cut = len(past) >= MOST_REMEMBERED
    knows_all = failure.at - known_since >= DAYS_REMEMBERED * _DAY_SECONDS
    ways = {Recovery.NEXT_RUN} if failure.is_final else {Recovery.NEXT_RUN, Recovery.RETRY}
    if (times := recovered_in_a_row(past, ways)) > 1:
        return Memory(Remark.RECOVERED, times)
    if failure.is_final:
        # A failure that only cost a try is another matter than one that nobody repaired.
        past = [each for each in past if each.recovery is not Recovery.RETRY]
        if not past:
            return Memory(Remark.FIRST_DESPITE_RETRIES) if knows_all else None
    series = _of_days(failure, past, zone) or _since_success(failure, past, last_success_at)
    remark, counted = series or (Remark.TIMES, past)
    is_least = (is_cut and len(counted) == len(past)) or (remark is Remark.TIMES and not knows_all)
    return Memory(remark, len(counted) + 1, _sameness(failure, counted), is_least)


def recovery_memory(past: Sequence[PastFailure]) -> Memory | None:
    """What to say about a recovery.

    :param past: failures within 30 days, that which recovered included, the oldest first.
    """
    times = recovered_in_a_row(past, {Recovery.NEXT_RUN, Recovery.RETRY})
    return Memory(Remark.RECOVERED, times) if times > 1 else None


def recovered_in_a_row(past: Sequence[PastFailure], ways: set[Recovery]) -> int:
    """How many of the newest failures recovered in one of these ways."""
    for number, each in enumerate(reversed(past)):
        if each.recovery not in ways:
            return number
    return len(past)


def _is_plausible(moment: float) -> bool:
    """Whether a moment is a date: a damaged file may contain any number."""
    return 0 <= moment < END_OF_TIME


def _first(seconds_known: float) -> Memory | None:
    days = int(seconds_known // _DAY_SECONDS)
    if days >= DAYS_REMEMBERED:
        return Memory(Remark.FIRST)
    return Memory(Remark.FIRST_ON_RECORD, days) if days > 1 else None


def _of_days(
    failure: PastFailure, past: Sequence[PastFailure], zone: tzinfo
) -> tuple[Remark, Sequence[PastFailure]] | None:
    """Days or nights in a row with one failed run each, this one not counted; ``None`` if there are none."""
    now = datetime.fromtimestamp(failure.at, zone)
    at_night = now.hour >= _NIGHT_BEGINS or now.hour < _NIGHT_ENDS

    def day_of(each: PastFailure) -> int:
        moment = datetime.fromtimestamp(each.at, zone).replace(tzinfo=None)
        # A night is that of the day on which it begins.
        return (moment - _HALF_A_DAY if at_night else moment).toordinal()

    days, counted = [day_of(failure)], []
    for each in reversed([each for each in past if not each.by_hand]):
        if day_of(each) not in (days[-1], days[-1] - 1):
            break
        days.append(day_of(each))
        counted.append(each)
    if failure.by_hand or not counted or len(set(days)) < len(days):
        return None
    return Remark.NIGHTS if at_night else Remark.DAYS, counted[::-1]


def _since_success(
    failure: PastFailure, past: Sequence[PastFailure], last_success_at: float | None
) -> tuple[Remark, Sequence[PastFailure]] | None:
    """Runs that failed since the last success; ``None`` if that isn't known, or there are none."""
    if last_success_at is None or failure.by_hand:
        return None
    after = [each for each in past if each.at > last_success_at and not each.by_hand]
    if not after or any(each.recovery is not Recovery.NONE for each in after):
        return None
    steps = [later.at - earlier.at for earlier, later in pairwise([*after, failure])]
    if len(steps) > 1 and max(steps) > _LONGEST_STEP * min(steps):
        return Remark.SINCE_SUCCESS, after
    return Remark.RUNS, after


def _sameness(failure: PastFailure, counted: Sequence[PastFailure]) -> Sameness:
    reasons = {each.reason for each in (failure, *counted)}
    if "" in reasons:
        return Sameness.UNKNOWN
    if len(reasons) == 1:
        return Sameness.SAME
    return Sameness.CHANGED if counted[-1].reason != failure.reason else Sameness.UNKNOWN
