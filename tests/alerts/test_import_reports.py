"""One alert for each reason that breaks DAG files: at once, once more when all are known, and when all are fixed."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace

import pytest

from airflow_provider_dingpush.alerts.import_reports import (
    LONGEST_SECONDS,
    SETTLED_SECONDS,
    UNKNOWN_INTERVAL_SECONDS,
    Alive,
    BrokenFile,
    Decision,
    Report,
    decide,
    interval_of,
)

NOW = 1_000_000.0


def broken(file: str, cause: str = "c", at: float = NOW, *, gap: float = 0.0) -> BrokenFile:
    return BrokenFile(f"/dags/{file}", file, cause, since=at, changed=at, gap=gap)


def decided(known: Iterable[Report], files: Iterable[BrokenFile], now: float = NOW, *unheard: str) -> Decision:
    return decide(tuple(known), files, {f"/dags/{each}" for each in unheard}, now=now, receivers_of=lambda _: "")


def told(decision: Decision) -> list[tuple[str, int]]:
    """Of each alert the file that names it, and how many are broken."""
    return [(news.report.file, len(news.newest)) for news in decision.news]


def test_one_file_is_told_once() -> None:
    first = decided((), [broken("a.py")])
    assert told(first) == [("a.py", 1)]
    again = decided(first.reports, [broken("a.py")], NOW + 9_999)
    assert told(again) == []
    assert again.reports == first.reports


def test_one_reason_is_one_alert() -> None:
    """It names the file that was heard of first."""
    files = [broken("b.py", at=NOW - 1), broken("a.py"), broken("z.py", "other")]
    assert told(decided((), files)) == [("b.py", 2), ("z.py", 1)]


def test_files_that_follow_are_told_together_once_no_more_come() -> None:
    """Airflow parses hundreds of files for minutes: that makes two alerts, and not one in each minute."""
    files = [broken(f"etl_{number:03}.py", at=NOW + number) for number in range(500)]
    reports: tuple[Report, ...] = ()
    alerts: list[tuple[str, int]] = []
    for minute in range(1, 30):
        now = NOW + 60 * minute
        decision = decided(reports, [each for each in files if each.since <= now], now)
        reports, alerts = decision.reports, [*alerts, *told(decision)]
    assert alerts == [("etl_000.py", 61), ("etl_000.py", 500)]
    assert len(reports[0].told) == 500


def test_they_are_not_held_back_for_ever() -> None:
    reports = decided((), [broken("a.py")]).reports
    files = [broken("a.py"), *(broken(f"{number}.py", at=NOW + 100 * number) for number in range(1, 40))]
    at = next(
        now
        for now in range(int(NOW), int(NOW + 4_000), 50)
        if decided(reports, [each for each in files if each.since <= now], float(now)).news
    )
    assert at == NOW + 100 + LONGEST_SECONDS


@pytest.mark.parametrize("settled", [False, True])
def test_a_file_that_joins_later(settled: bool) -> None:
    reports = decided((), [broken("a.py")]).reports
    later = NOW + 9_000
    decision = decided(reports, [broken("a.py"), broken("b.py", at=later)], later + SETTLED_SECONDS - (not settled))
    assert told(decision) == ([("a.py", 2)] if settled else [])


def test_the_end_is_told_when_the_last_file_is_fixed() -> None:
    reports = decided((), [broken("a.py"), broken("b.py")]).reports
    half = decided(reports, [broken("b.py")])
    assert told(half) == []
    end = decided(half.reports, [])
    assert told(end) == [("a.py", 0)]
    assert end.news[0].report.told == ("a.py", "b.py")
    assert end.reports == ()


def test_another_reason_in_the_same_file_is_no_end() -> None:
    """It is told as what it is."""
    reports = decided((), [broken("a.py")]).reports
    assert told(decided(reports, [broken("a.py", "other")])) == [("a.py", 1)]


def test_a_file_that_breaks_again_before_the_others_are_fixed() -> None:
    reports = decided((), [broken("a.py"), broken("b.py")]).reports
    reports = decided(reports, [broken("b.py")]).reports
    later = NOW + 600
    assert told(decided(reports, [broken("b.py"), broken("a.py", at=later)], later + SETTLED_SECONDS)) == [("a.py", 2)]


def test_different_receivers_have_alerts_of_their_own() -> None:
    decision = decide(
        (), [broken("a/1.py"), broken("b/1.py"), broken("a/2.py")], now=NOW, receivers_of=lambda each: each.file[0]
    )
    assert told(decision) == [("a/1.py", 2), ("b/1.py", 1)]


def test_what_is_not_known_any_more_is_not_fixed() -> None:
    """As after a restart of Redis without its data."""
    reports = decided((), [broken("a.py"), broken("b.py")]).reports
    lost = decided(reports, [], NOW, "a.py", "b.py")
    assert (told(lost), lost.reports) == ([], reports)
    back = decided(lost.reports, [broken("a.py", at=NOW + 30)], NOW + 300, "b.py")
    assert (told(back), back.reports) == ([], reports)
    assert told(decided(back.reports, [])) == [("a.py", 0)]


@pytest.mark.parametrize("seed", range(20))
def test_each_broken_file_is_told_and_each_report_ends(seed: int) -> None:
    """Whatever happens, in the end every file was told, and once all are fixed, every incident is over."""
    chosen = random.Random(seed)  # noqa: S311
    reports: tuple[Report, ...] = ()
    state: dict[str, BrokenFile] = {}
    open_files: set[str] = set()
    now, ever, was_told = NOW, set(), set()
    for _ in range(60):
        now += 60
        for name in chosen.sample("abcdef", 2):
            if name in state and chosen.random() < 0.5:
                del state[name]
            else:
                cause = chosen.choice("xyz")
                before = state.get(name)
                state[name] = broken(name, cause, now) if before is None else replace(before, cause=cause, changed=now)
                ever.add((name, cause))
        if chosen.random() < 0.3:
            now += LONGEST_SECONDS  # a quiet time
        decision = decided(reports, state.values(), now)
        reports = decision.reports
        for news in decision.news:
            was_told |= {(each.file, each.cause) for each in news.newest}
            open_files = open_files | {news.report.file} if news.newest else open_files - {news.report.file}
    decision = decided(reports, state.values(), now + LONGEST_SECONDS)
    for news in decision.news:
        was_told |= {(each.file, each.cause) for each in news.newest}
        open_files |= {news.report.file}
    assert {(each.file, each.cause) for each in state.values()} <= was_told <= ever
    end = decided(decision.reports, [], now + 9_999)
    assert open_files <= {news.report.file for news in end.news}


# What is known of one file


def test_the_parse_interval_is_learnt() -> None:
    first = broken("a.py")
    second = broken("a.py", at=NOW + 40).heard_again(replace(first, quiet=40.0))
    assert (second.since, second.changed, second.gap) == (NOW, NOW, 40.0)
    out_of_turn = broken("a.py", at=NOW + 45).heard_again(replace(second, quiet=5.0))
    assert out_of_turn.gap == pytest.approx(28.0)
    assert broken("a.py", at=NOW).heard_again(None) == first


def test_another_cause_is_new_while_the_file_stays_broken() -> None:
    changed = broken("a.py", "other", NOW + 30).heard_again(broken("a.py"))
    assert (changed.since, changed.changed) == (NOW, NOW + 30)


def test_the_interval_of_a_file_that_was_parsed_once_is_that_of_others() -> None:
    files = [broken("a.py"), broken("b.py", gap=90.0), broken("c.py", gap=120.0), broken("d.py", gap=10.0)]
    assert [interval_of(each, files, 30.0) for each in files] == [90.0, 90.0, 120.0, 30.0]
    assert interval_of(files[0], files[:1], 30.0) == UNKNOWN_INTERVAL_SECONDS


def test_what_is_noted_is_read_again() -> None:
    file = replace(broken("a.py"), bundle="team", type_name="ValueError", gap=31.5)
    assert BrokenFile.from_plain({**file.to_plain(), "newer": 1}, quiet=7.0) == replace(file, quiet=7.0)


@pytest.mark.parametrize("plain", [None, [], "x", {}, {"path": "a"}, {**broken("a").to_plain(), "since": "x"}])
def test_what_is_damaged_is_refused(plain: object) -> None:
    with pytest.raises(ValueError, match="broken file"):
        BrokenFile.from_plain(plain, quiet=0.0)
    with pytest.raises(ValueError, match="report"):
        Report.from_plain(plain)


def test_a_report_is_read_again() -> None:
    (report,) = decided((), [broken("a.py")]).reports
    assert Report.from_plain({**vars(report), "paths": list(report.paths), "told": list(report.told)}) == report


def test_the_time_in_which_the_dag_processor_works() -> None:
    alive = Alive().seen(1_000.0)
    assert alive.seconds(1_000.0) == 0.0
    alive = alive.seen(1_060.0).seen(1_120.0)
    assert alive.seconds(1_120.0) == 120.0
    assert alive.seconds(1_121.0) == 0.0
    assert alive.seen(1_301.0).seconds(1_301.0) == 0.0
