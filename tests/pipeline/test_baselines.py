"""The check of baselines: from what listeners noted to alerts that are sent, in files and in Redis."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.oncall.baselines import Outlook
from airflow_provider_dingpush.pipeline import baseline_events
from airflow_provider_dingpush.pipeline.baselines import check, check_at, look_at
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.routes import rules_in
from airflow_provider_dingpush.pipeline.store_flush import flush_stores
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.timeouts import Deadline
from tests.baselines_in_use import FILE, TODAY, alerts, at, dag_run, look, notes, runs, said, use_baselines
from tests.outbox_in_use import use
from tests.redis_servers import redis_server
from tests.rules_file_in_use import write

RISK, LATE, DONE = "baseline_at_risk", "baseline_breached", "baseline_met"
# A year's workdays in which 2026-11-26 is a holiday and 2026-11-28, a Saturday, is worked.
CALENDAR = "holidays: [2026-11-26]\nworkdays: [2026-11-28]\n"


@pytest.fixture(params=["files", "redis"])
def file(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    named = use_baselines(tmp_path, monkeypatch)
    if request.param == "files":
        yield named
        return
    with redis_server() as running:
        use(running.url, monkeypatch)
        yield named


def start(clock: str = "07:00", **more: Any) -> None:
    baseline_events.run_started(dag_run(clock, **more))


def end(clock: str = "07:00", *, took: float, state: str = "success", **more: Any) -> None:
    reason = {"success": "success", "failed": "task_failure"}[state]
    baseline_events.run_ended(dag_run(clock, took=took, **more), reason, state)


def test_a_morning_in_time_says_nothing(file: Path) -> None:
    runs(5)
    look("06:30")
    start()
    look("07:30")
    end(took=61)
    look("08:05")
    look("08:31")
    assert said() == []


def test_a_late_morning_says_three_things_once_each(file: Path) -> None:
    runs(5)
    for clock in ("06:30", "07:12", "07:13"):
        look(clock)
    assert said() == [(RISK, "Expected at 08:12, in 9 of 10 cases by 08:12; due at 08:30.")]
    (alert,) = alerts()
    assert str(alert.facts["exception_text_zh"]).splitlines() == [
        "预计 08:12 完成，九成情况下不晚于 08:12；时限 08:30。",
        "report：尚未启动，通常 07:00 启动",
    ]
    start("07:20")
    for clock in ("07:25", "08:29", "08:30", "08:45"):
        look(clock)
    assert [event for event, _ in said()] == [RISK, LATE]
    assert said()[1][1] == "It was due at 08:30 and isn't done. Its end can't be foreseen."
    end("07:20", took=95)
    for clock in ("08:56", "09:30"):
        look(clock)
    assert said()[2:] == [(DONE, "Done at 08:55, 25m after it was due (08:30).")]
    assert [each.resolved for each in alerts()] == [False, False, True]
    assert len({each.incident for each in alerts()}) == 1


def test_what_nobody_saw_in_between_is_said_afterwards(file: Path) -> None:
    """No tick ran from 06:30 to 09:30."""
    runs(5)
    look("06:30")
    start()
    end(took=120)
    look("09:30")
    look("09:31")
    assert [event for event, _ in said()] == [LATE, DONE]


def test_an_alert_says_where_to_look(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DINGPUSH__BASE_URL", "https://airflow.example.com")
    runs(3, ends={"load": 60.0})
    start("07:30", ends={"load": 60.0})
    look("07:40")
    (alert,) = alerts()
    assert alert.run_link is not None
    assert "report" in alert.run_link
    assert (alert.owners, alert.facts["tags"], alert.facts["baseline_dags"]) == (("zhangsan",), ["finance"], ["report"])


def test_two_days_in_one_look_are_said_once_each(file: Path) -> None:
    runs(5)
    look("06:30")
    tomorrow = TODAY + timedelta(days=1)
    # The tick stood still: yesterday's run still goes on, and today's time has come.
    start()
    look("08:20", tomorrow)
    look("08:21", tomorrow)
    assert sorted(event for event, _ in said()) == sorted([LATE, RISK])
    noted = notes().said()["daily"]
    assert {day: len(noted.of(day)) for day in noted.days} == {f"{TODAY}": 1, f"{tomorrow}": 1}


def test_a_due_time_that_changes_in_the_middle_of_the_day(file: Path) -> None:
    runs(5)
    look("06:30")
    start()
    look("08:31")
    write(file, FILE.replace("08:30", "09:30"))
    look("08:40")
    assert [event for event, _ in said()] == [LATE]
    end(took=110)
    look("09:00")
    look("09:01")
    assert said()[1:] == [(DONE, "Done at 08:50, 40m before it was due (09:30).")]


def test_a_due_time_that_is_earlier_now_is_late_at_once(file: Path) -> None:
    runs(5)
    look("06:30")
    start()
    look("07:30")
    write(file, FILE.replace("08:30", "07:20"))
    look("07:31")
    look("07:32")
    assert [event for event, _ in said()] == [LATE]


def test_a_dag_that_was_renamed_begins_anew_under_its_new_name(file: Path) -> None:
    runs(5)
    look("06:30")
    write(file, FILE.replace("dags: report", "dags: report_v2"))
    look("08:31")  # nothing is known of it today
    assert said() == []


def test_a_dag_that_is_deleted_has_not_started(file: Path) -> None:
    runs(5)
    look("06:30")
    look("08:31")
    expected = "Expected at 09:31, in 9 of 10 cases by 09:31."
    assert said() == [(LATE, f"It was due at 08:30 and isn't done. {expected}")]


def test_the_next_day_begins_anew(file: Path) -> None:
    runs(5)
    look("07:15")
    start("07:16")
    end("07:16", took=60)
    look("08:20")
    tomorrow = TODAY + timedelta(days=1)
    look("07:15", tomorrow)
    look("07:16", tomorrow)
    assert [event for event, _ in said()] == [RISK, DONE, RISK]
    assert len({each.key for each in alerts()}) == 3


def test_make_up_workdays_and_holidays(file: Path) -> None:
    """调休: nothing is due on a Thursday that is a holiday, and all is on a Saturday that is worked."""
    (file.parent / "c.yaml").write_text(CALENDAR)
    write(file, "calendar: c.yaml" + FILE.replace("margin: 20m", "margin: 20m, days: workdays"))
    runs(5)
    for day in range(-1, 4):
        look("07:15", TODAY + timedelta(days=day))
    # Friday and the Saturday; Wednesday had its run, Sunday is off.
    assert [(each.event.value, str(each.facts["deadline_at"])[:10]) for each in alerts()] == [
        (RISK, "2026-11-27"),
        (LATE, "2026-11-27"),
        (RISK, "2026-11-28"),
        (LATE, "2026-11-28"),
    ]


def test_a_due_time_after_midnight(file: Path) -> None:
    write(file, FILE.replace("08:30", "25:30"))
    runs(5, data_interval_end=None, run_type="asset_triggered", clock="23:30")
    tomorrow = TODAY + timedelta(days=1)
    look("23:00")
    assert said() == []
    look("00:20", tomorrow)
    assert [event for event, _ in said()] == [RISK]
    assert alerts()[0].facts["deadline_at"] == f"{tomorrow}T01:30:00+08:00"


def test_a_baseline_that_was_just_added_waits_for_its_first_day(file: Path) -> None:
    look("08:00")
    look("08:31")
    assert said() == []
    look("08:11", TODAY + timedelta(days=1))
    assert said() == [(RISK, "Too few runs so far to expect an end; due at 08:30.")]


def test_a_baseline_with_other_outputs_begins_anew(file: Path) -> None:
    look("08:00")
    write(file, FILE.replace("dags: report", "dags: other"))
    look("08:11", TODAY + timedelta(days=1))
    assert said() == []
    look("08:11", TODAY + timedelta(days=2))
    assert [event for event, _ in said()] == [RISK]


def test_paused_dags_are_nobodys_alarm(file: Path) -> None:
    runs(5)
    baseline_events.write_states({"report": (True, None)})
    for clock in ("07:30", "08:29", "08:31"):
        look(clock)
    assert said() == []
    baseline_events.write_states({"report": (False, None)})
    look("08:40")
    assert [event for event, _ in said()] == [LATE]


def test_backfills_and_runs_by_hand_do_not_count(file: Path) -> None:
    runs(5)
    for run_type in ("backfill", "manual"):
        start(run_type=run_type, day=TODAY)
        end(took=5, run_type=run_type)
    look("08:11")
    assert [event for event, _ in said()] == [RISK]


def test_a_failed_run_that_is_cleared(file: Path) -> None:
    runs(5)
    start()
    end(took=30, state="failed")
    look("07:35")
    assert said() == [(RISK, "Expected at 08:35, in 9 of 10 cases by 08:35; due at 08:30.")]
    start("07:40", clear_number=1)
    end("07:40", took=20, clear_number=1)
    look("08:05")
    assert said()[1:] == [(DONE, "Done at 08:00, 30m before it was due (08:30).")]


def test_its_own_receiver_hears_of_it_and_no_other(file: Path) -> None:
    mine = "margin: 20m, receiver: dingtalk_boss, severity: P1, language: en, at: {everyone: true}"
    write(file, FILE.replace("margin: 20m", mine))
    runs(5)
    look("07:30")
    assert said() == []
    (alert,) = alerts("dingtalk_boss")
    assert (alert.urgency.value, alert.language) == ("P1", "en")
    assert alert.mentions is not None
    assert alert.mentions["everyone"] is True
    assert alert.rule["name"] == "baseline daily"


def test_rules_match_its_dags_and_its_severity(file: Path) -> None:
    rules = """
rules:
  - {match: {dag_id: rep*, event: baseline_*, severity: P1, tags: finance}, receiver: matched}
  - {receiver: other}
"""
    write(file, FILE.partition("rules:")[0].replace("margin: 20m", "margin: 20m, severity: P1") + rules)
    runs(5, ends={"load": 60.0})
    look("07:30")
    assert [event for event, _ in said("matched")] == [RISK]
    assert alerts("other") == []


def test_without_rules_that_match_the_default_connection_is_used(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DINGPUSH__ALERT_CONN_ID", "dingtalk_all")
    write(file, FILE.partition("rules:")[0])
    runs(5)
    look("07:30")
    assert [event for event, _ in said("dingtalk_all")] == [RISK]


def test_a_file_with_mistakes_is_for_another_check(file: Path) -> None:
    write(file, "rulez: []")
    look("08:11")
    assert alerts() == []


def test_what_is_really_sent(file: Path, connected: Sandbox) -> None:
    """At risk, late and done arrive as messages, and the last one resolves the incident."""
    runs(5)
    titles = []
    for clock in ("07:15", "08:31", "08:50"):
        if clock == "08:50":
            end("08:00", took=40)
        look(clock)
        list(flush_stores(until=time.monotonic() + 60))
        titles.append(sent(connected)[-1].splitlines()[0])
    assert [each.partition("### ")[2] for each in titles] == [
        "⏰ 基线有延误风险：daily",
        "🟠 基线已延误：daily",
        "🟢 基线已完成：daily",
    ]
    assert "08:40 完成，比时限（08:30）晚 10 分" in sent(connected)[-1]
    assert outbox().opened_incidents(10) == {}


def test_the_tick_runs_it(file: Path) -> None:
    check(Deadline.after(60))
    assert set(notes().said()) == {"daily"}


def test_a_look_for_people_writes_nothing(file: Path) -> None:
    runs(5)
    rules = rules_in(file)
    (standing,) = look_at(rules, at("08:11"), Deadline.after(60))
    assert standing.outlook is Outlook.AT_RISK
    assert alerts() == []
    assert notes().said() == {}


def test_people_see_yesterday_as_long_as_it_is_open(file: Path) -> None:
    runs(5)
    look("07:15")
    rules, tomorrow = rules_in(file), TODAY + timedelta(days=1)
    days = look_at(rules, at("05:00", tomorrow), Deadline.after(60))
    assert [(each.day, each.outlook) for each in days] == [
        (TODAY, Outlook.BREACHED),
        (tomorrow, Outlook.ON_TIME),
    ]


def sent(sandbox: Sandbox) -> list[str]:
    return [each.payload["markdown"]["text"].replace("\\", "") for each in sandbox.messages]


def killed_at(step: int, clock: str) -> bool:
    """Look in a child process that kills itself at its nth write; whether it got so far."""
    child = os.fork()
    if not child:
        left = [step]

        def count(frame: Any, event: str, _: Any) -> None:
            if event in ("call", "return") and frame.f_code.co_name in ("set_notes", "put", "remove_notes"):
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.setprofile(count)
        try:
            check_at(at(clock), Deadline.after(60))
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize("clock", ["07:15", "08:31", "09:30"])
def test_a_kill_at_any_step_loses_and_repeats_nothing(
    clock: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connected: Sandbox
) -> None:
    """Before and after each write of a look; the next look says what is left, and all of it arrives once."""
    expected = {"07:15": [RISK], "08:31": [LATE], "09:30": [LATE, DONE]}[clock]
    steps = 0
    for step in range(100):
        monkeypatch.setenv("AIRFLOW__DINGPUSH__HOME", str(tmp_path / f"home-{step}"))
        use_baselines(tmp_path, monkeypatch)
        runs(5)
        look("06:30")
        if clock == "09:30":
            start()
            end(took=120)
        was_killed = killed_at(step, clock)
        look(clock)
        look(clock)
        found = [event for event, _ in said()]
        assert sorted(found) == sorted(expected), step
        assert len({each.key for each in alerts()}) == len(expected)
        if not was_killed:
            break
        steps += 1
    assert steps >= 4


def test_a_kill_leaves_no_warning_without_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while it warns, and all is done before the next look: the end is said if the warning was."""
    found = set()
    for step in range(100):
        monkeypatch.setenv("AIRFLOW__DINGPUSH__HOME", str(tmp_path / f"home-{step}"))
        use_baselines(tmp_path, monkeypatch)
        runs(5)
        look("06:30")
        was_killed = killed_at(step, "07:15")
        start("07:16")
        end("07:16", took=40)
        look("08:05")
        look("08:06")
        events = tuple(event for event, _ in said())
        assert events in ((), (RISK, DONE)), step
        found.add(events)
        if not was_killed:
            break
    assert found == {(), (RISK, DONE)}
