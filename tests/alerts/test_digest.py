"""Digests, compared whole, and their limits for any number of alerts."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_dingpush.alerts import words_en, words_zh
from airflow_provider_dingpush.alerts.alert import Alert, Mailbox, key_of
from airflow_provider_dingpush.alerts.composer import mentions_of
from airflow_provider_dingpush.alerts.digest import digest
from airflow_provider_dingpush.alerts.digest_notes import Notes, StormNote
from airflow_provider_dingpush.alerts.hints import Hint, hints_about
from airflow_provider_dingpush.alerts.name_ranges import names_in_brief
from airflow_provider_dingpush.alerts.phone_screen import COLUMNS, TWO_SCREENS, lines_on_phone
from airflow_provider_dingpush.alerts.run_alert import alert_of
from airflow_provider_dingpush.alerts.run_facts import RunFacts
from airflow_provider_dingpush.delivery.merging import fitting
from airflow_provider_dingpush.delivery.policy import GROUP_LABELS
from airflow_provider_dingpush.dingtalk.app_robot import AppRobot
from airflow_provider_dingpush.dingtalk.work_notification import WorkNotifications
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.messages import At, Markdown
from airflow_provider_dingpush.messages.sizes import json_bytes

GOLDEN = Path(__file__).parents[1] / "golden" / "digests"
SHANGHAI = timezone(timedelta(hours=8))
AT_MOST_BYTES = 18_500
MAILBOX = Mailbox("dingtalk_default")
RUN_ID = "scheduled__2026-11-21T18:00:00+00:00"
NO_DATABASE = 'OperationalError: could not connect to server "ods-pg-3" (10.4.7.21), port 5432: Connection refused'
DUPLICATE = 'UniqueViolation: duplicate key value violates unique constraint "orders_pkey"'


def at(clock: str) -> float:
    """That time of the night, in seconds since 1970."""
    return datetime.fromisoformat(f"2026-11-22T{clock}+08:00").timestamp()


def opened(url: str) -> str:
    """A link in the form of alerts."""
    return f"dingtalk://dingtalkclient/page/link?url={quote(url, safe='')}&pc_slide=false"


def alert(
    dag_id: str = "etl_daily",
    task_id: str | None = "load_orders",
    clock: str = "03:04:05",
    *,
    event: str | None = None,
    run_id: str = RUN_ID,
    **values: Any,
) -> Alert:
    """A failure by default."""
    event = event or ("task_failed" if task_id else "dag_failed")
    run_url = f"https://airflow.example.com/prod/dags/{dag_id}/runs/{quote(run_id, safe='')}"
    index = values.get("map_index")
    mapped = "" if index is None else f"/mapped/{index}"
    values = {"try_number": 1, "owners": ("zhangsan",), **values}
    return Alert(
        key=key_of(
            dag_id=dag_id,
            run_id=run_id,
            task_id=task_id,
            map_index=index,
            try_number=values["try_number"],
            event=Event(event),
            distinction=str(values.get("resolved")),
        ),
        mailbox=MAILBOX,
        event=Event(event),
        at=at(clock),
        dag_id=dag_id,
        run_id=run_id,
        task_id=task_id,
        log_link=opened(f"{run_url}/tasks/{task_id}{mapped}?try_number=1") if task_id else None,
        run_link=opened(run_url),
        environment="生产",
        **values,
    )


THREE = (
    alert(clock="03:04:05", summary=DUPLICATE, try_number=4),
    alert(
        task_id="load_items",
        clock="03:04:41",
        summary="AirflowSensorTimeout: waited 3,600 s for ods.items",
        try_number=2,
    ),
    alert(task_id="check_totals", clock="03:06:12", summary="ValueError: 3 orders without a customer"),
)

MAPPED = tuple(
    alert(
        "报表_日结",
        "按城市拆分",
        f"03:{4 + index // 50:02}:{index % 50:02}",
        map_index=index,
        try_number=3,
        summary=(
            "KeyError: 'city_code'"
            if index % 14 == 5
            else "MemoryError"
            if index in (17, 140, 141)
            else f"TimeoutError: shard {index} of ods.orders didn't answer within 30 s"
        ),
        facts={"dag_name": "订单日报", "task_name": "按城市拆分"},
    )
    for index in range(200)
)

TEAMS = ("ads", "crm", "dwd", "finance", "ods", "risk", "search", "user")
STORM = tuple(
    alert(
        f"{TEAMS[number % 8]}_{('hourly', 'daily', 'export', 'sync', 'report')[number // 8 % 5]}",
        f"step_{number // 40:02}",
        f"03:{4 + number // 400:02}:{number % 400 // 7:02}",
        summary=NO_DATABASE if number % 9 else f"AirflowException: upstream file {number} is missing",
    )
    for number in range(1000)
)

TROUBLED = (
    *THREE,
    *(alert("ods_sync", f"copy_table_{number}", "03:07:30", summary=NO_DATABASE) for number in range(2)),
    alert("ods_sync", "copy_views", "03:07:31", summary="TimeoutError"),
    alert(
        "crm_export",
        "upload",
        "03:05:00",
        event="task_retrying",
        try_number=2,
        summary="SSLError: handshake failed",
        facts={"max_tries": 4},
    ),
    alert("finance_close", None, "03:09:00", event="deadline_missed", summary=""),
    alert("risk_scores", None, "03:01:00", summary=""),
    alert("ads_hourly", "bid_prices", "03:09:10", event="task_succeeded", resolved=True),
    *(
        alert("ads_hourly", "by_region", f"03:09:{index:02}", event="task_succeeded", resolved=True, map_index=index)
        for index in range(12)
    ),
    alert("user_sync", None, "03:08:00", event="dag_succeeded", resolved=True),
    alert("search_index", "publish", "03:08:30", event="task_succeeded"),
)
OF_TROUBLED = Notes(
    number="a3f2",
    paused=(at("02:58:10"), at("03:08:25"), "throttled"),
    overflow_count=5_321,
    repeats={TROUBLED[0].incident: 59},
    dead=("etl_weekly · render_report", "crm_export · mail_[all]"),
    skipped=(("dingtalk_spare_1", "misconfigured"),),
    folded={("etl_daily", RUN_ID): "dag_failed"},
    recovered={
        **{each.key: (at("02:51:00"), 3) for each in TROUBLED if each.task_id == "bid_prices"},
        **{each.key: (at("02:55:00"), 2) for each in TROUBLED if each.task_id == "by_region"},
        **{each.key: (at("02:13:00"), None) for each in TROUBLED if each.dag_id == "user_sync"},
    },
)

PAGE = "https://airflow.example.com/prod/dags/etl_daily/runs/r/tasks/approve/required_actions?map_index="
QUESTIONS = tuple(
    alert(
        "etl_daily",
        "approve",
        f"03:0{5 + index}:00",
        event="answer_needed",
        map_index=index,
        summary=f"Publish part {index}?",
        answer_link=opened(f"{PAGE}{index}"),
        facts={
            "subject": f"Publish part {index}?",
            "body": "312 rows",
            "options": ["Approve", "Reject"],
            "answer_by": "2026-11-22T05:00:00+08:00",
            "assigned_users": ["lisi"],
            "assigned_user_ids": ["7"],
        },
    )
    for index in range(2)
)

REASONS = (
    NO_DATABASE,
    DUPLICATE,
    "AirflowException: Bash command failed. The command returned a non-zero exit code 1.",
    "TimeoutError: read timed out after 300 seconds",
    "KeyError: 'city_code'",
)


def of_many_dags(dags: int, first: int = 0, tasks: int = 8, each: int = 40, reasons: int = 5) -> tuple[Alert, ...]:
    """Failures of as many DAGs with the same picture: mapped tasks, and reasons that take turns."""
    return tuple(
        alert(
            f"ods_sync_{dag:02}",
            f"load_{number % tasks}",
            f"03:{4 + dag // 10:02}:{dag % 10 * 5 + number // 10:02}",
            map_index=number // tasks,
            summary=REASONS[number % reasons],
        )
        for dag in range(first, first + dags)
        for number in range(each)
    )


def of_file(event: Event, file: str, summary: str = "", **facts: Any) -> Alert:
    """An alert about a DAG file or the rules file, as the checks write it."""
    page = opened("https://airflow.example.com/prod/dags") if event.name.startswith("DAG_IMPORT") else None
    known = RunFacts(
        event, "", dag_name=file, file=file, exception_summary=summary or None, page_url=page, links="plain"
    )
    found = alert_of(known._replace(**facts), MAILBOX, at=at("03:04:05"), message=None, mentions=None, language=None)
    return replace(found, environment="生产")


BROKEN_FILES = (
    of_file(Event.DAG_IMPORT_ERROR, "ods/etl_000.py", "ValueError: no route to db-17", file_count=40),
    of_file(Event.DAG_IMPORT_ERROR, "orders_daily.py", "ModuleNotFoundError: No module named 'pymysql'"),
    of_file(
        Event.RULES_FILE_ERROR,
        "rules.yaml · dingtalk_oncall",
        exception_text="rules.yaml:2: on duty → dingtalk_oncall: there is no such connection",
        exception_text_zh="rules.yaml:2: on duty → dingtalk_oncall：没有这个连接",
        reason="rules_receiver_unknown",
    ),
)
FIXED_FILES = (
    of_file(Event.DAG_IMPORT_FIXED, "ods/etl_000.py", file_count=40),
    of_file(Event.DAG_IMPORT_FIXED, "orders_daily.py"),
    of_file(Event.RULES_FILE_FIXED, "rules.yaml"),
)
FAILED_TASKS_OF_RUN = {
    "failed_tasks": [{"task_id": "extract"}, *({"task_id": "load", "map_index": index} for index in range(9))],
    "failed_task_count": 40,
}
CITIES = ("华东_1", "华东_2", "华北", "华南", "西南_成都", "西北", "东北")
AS_STORM = StormNote(failures=1_000, dags=25, since=at("02:54:10"))
CASES: dict[str, tuple[Sequence[Alert], Notes]] = {
    "three_tasks": (THREE, Notes(number="1c07")),
    "mapped": (MAPPED, Notes(number="77b0", folded={("报表_日结", RUN_ID): "dag_failed"})),
    "storm": (STORM, Notes(number="e410")),
    "troubled": (TROUBLED, OF_TROUBLED),
    "twelve_dags": (
        tuple(
            alert(each.dag_id, each.task_id, "03:04:05", summary=f"{team.title()}Error: {team} is gone")
            for each, team in zip(STORM[:12], TEAMS * 2, strict=False)
        ),
        Notes(number="0b1d"),
    ),
    "recovered": (
        tuple(each for each in TROUBLED if each.resolved),
        replace(OF_TROUBLED, overflow_count=0, dead=(), skipped=(), paused=None, repeats={}, folded={}),
    ),
    "questions": ((*THREE, *QUESTIONS, TROUBLED[-1]), Notes(number="9c9c")),
    "may_repeat": (THREE, Notes(number="1c07", may_repeat="1c07", merged_until_tomorrow=True)),
    "storm_of_25_dags": (of_many_dags(25), Notes(number="c0de", storm=replace(AS_STORM, since=at("03:04:00")))),
    "storm_goes_on": (of_many_dags(6), Notes(number="c0d1", storm=AS_STORM)),
    "storm_pauses": (of_many_dags(3, each=9), Notes(number="c0d2", storm=replace(AS_STORM, quiet_seconds=34.0))),
    "three_causes": (
        tuple(
            alert("dwd_daily", f"build_{number:02}", f"03:04:{number:02}", summary=REASONS[number // 10])
            for number in range(30)
        ),
        Notes(number="3ca5"),
    ),
    "same_picture": (
        (*of_many_dags(19, first=4, reasons=1), *THREE[:2], alert("finance_close", None, "03:09:00")),
        Notes(number="19da"),
    ),
    "mapped_labels": (
        tuple(
            alert(
                "报表_日结",
                "按城市拆分",
                f"03:04:{index:02}",
                map_index=index * 3,
                summary=f"TimeoutError: shard {index} didn't answer",
                facts={"map_label": label},
            )
            for index, label in enumerate(CITIES)
        )
        + tuple(alert("报表_日结", "汇总", map_index=index, summary="KeyError: 'x'") for index in (1, 4, 8, 9, 12)),
        Notes(number="1abe"),
    ),
    "one_cause": (
        tuple(
            alert(f"{team}_daily", task, f"03:04:{place:02}", summary=NO_DATABASE)
            for place, team in enumerate(TEAMS)
            for task in ("extract", "load")[: 1 + place % 2]
        ),
        Notes(number="0ca5"),
    ),
    "broken_files": ((*THREE[:1], *BROKEN_FILES), Notes(number="f11e")),
    "fixed_files": (FIXED_FILES, Notes(number="f1ed")),
    "failed_runs": (
        (
            alert("dwd_daily", None, "03:04:05", summary="task_failure", facts=FAILED_TASKS_OF_RUN),
            alert("ods_daily", None, "03:04:06", summary="task_failure"),
            alert("ads_daily", None, "03:04:07", summary="all_tasks_deadlocked"),
        ),
        Notes(number="fa11"),
    ),
    "runs": (
        tuple(
            alert(run_id=f"backfill__2026-11-{day:02}", clock=f"03:{day:02}:00", summary=DUPLICATE)
            for day in range(1, 21)
        ),
        Notes(
            number="5a5a", folded={("etl_daily", f"backfill__2026-11-{day:02}"): "dag_failed" for day in range(1, 9)}
        ),
    ),
}


def written(alerts: Sequence[Alert], notes: Notes | None = None, **changes: Any) -> Markdown:
    """The digest, in Chinese by default."""
    settings: dict[str, Any] = {
        "language": "zh",
        "zone": SHANGHAI,
        "at_most_bytes": AT_MOST_BYTES,
        "environment": "生产",
    }
    return digest(alerts, notes, **{**settings, **changes})


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("case", CASES)
def test_digest_equals_its_golden_file(case: str, language: str) -> None:
    """Title, blank line, text. After a change on purpose: run once with UPDATE_GOLDEN=1 and read the difference."""
    message = written(*CASES[case], language=language)
    path = GOLDEN / f"{case}.{language}.md"
    text = f"{message.title}\n\n{message.text}\n"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("case", ["storm_of_25_dags", "storm_pauses", "same_picture", "three_causes"])
@pytest.mark.parametrize(
    ("channel", "most_bytes"), [("app", AppRobot.text_bytes), ("work_notification", WorkNotifications.text_bytes)]
)
def test_digest_of_an_app_says_the_same(case: str, channel: str, most_bytes: int) -> None:
    """As far as its channel has room: a work notification has little."""
    alerts, notes = CASES[case]
    for language in ("zh", "en"):
        message = written(alerts, notes, language=language, at_most_bytes=most_bytes)
        robot = (GOLDEN / f"{case}.{language}.md").read_text("utf-8")
        text = f"{message.title}\n\n{message.text}\n"
        assert json_bytes(message.text) <= most_bytes
        if channel == "app" or json_bytes(robot) <= most_bytes:
            assert text == robot
            continue
        path = GOLDEN / f"{case}.{channel}.{language}.md"
        if os.environ.get("UPDATE_GOLDEN"):
            path.write_text(text, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == text
        assert language == "zh" or counted(message) == len(alerts)


@pytest.mark.parametrize(
    ("alerts", "notes", "expected"),
    [
        pytest.param(THREE[:1], Notes(), "[生产] 1 个失败：etl_daily · load_orders", id="one"),
        pytest.param(THREE, Notes(), "[生产] 3 个失败：etl_daily", id="one DAG"),
        pytest.param(STORM, Notes(), "[生产] 40 个 DAG 共 1,000 个失败", id="many DAGs"),
        pytest.param(BROKEN_FILES[:2], Notes(), "[生产] 2 个失败，涉及 41 个文件", id="files"),
        pytest.param((*THREE, *BROKEN_FILES), Notes(), "[生产] 6 个失败，涉及 1 个 DAG 和 42 个文件", id="both"),
        pytest.param(BROKEN_FILES[:1], Notes(), "[生产] 1 个失败：ods/etl_000.py", id="one file"),
        pytest.param(
            (alert(), alert("rules.yaml", None, event="rules_file_error")),
            Notes(),
            "[生产] 2 个失败，涉及 1 个 DAG 和 1 个文件",
            id="DAG and file",
        ),
        pytest.param(
            THREE, Notes(overflow_count=5321), "[生产] 3 个失败：etl_daily；另有 5,321 个未列出", id="overflown"
        ),
        pytest.param((), Notes(overflow_count=7), "[生产] 另有 7 个未列出", id="only overflow"),
        pytest.param((), Notes(), "[生产] 关于消息发送的提示", id="nothing"),
        pytest.param(TROUBLED[-1:], Notes(), "[生产] 1 条其他通知：search_index · publish", id="only another event"),
        pytest.param((alert(""),), Notes(), "[生产] 1 个失败：未知 DAG · load_orders", id="unknown DAG"),
        pytest.param((alert("a" * 99, "b"),), Notes(), f"[生产] 1 个失败：{'a' * 60}… · b", id="long name"),
        pytest.param((alert("a\n\u202e# b"),), Notes(), "[生产] 1 个失败：a # b · load_orders", id="one line"),
    ],
)
def test_title_counts_failures_and_names_the_dag(alerts: Sequence[Alert], notes: Notes, expected: str) -> None:
    """A locked phone shows no more."""
    assert written(alerts, notes).title == expected


# What is counted

COUNTED = re.compile(
    r"([\d,]+) (?:failures?|deadlines? missed|will be retried|earlier tr|recovered|other notifications?)"
)
EVENTS = ("task_failed", "task_retrying", "dag_failed", "deadline_missed", "task_succeeded", "task_started", "surprise")
MANY = st.lists(
    st.builds(
        alert,
        st.sampled_from(["etl_daily", "订单日报", "a_" * 60, ""]) | st.integers(0, 99).map("dag_{}".format),
        st.none() | st.sampled_from(["load", "dag_1"]) | st.integers(0, 99).map("task_{}".format),
        st.sampled_from(["03:04:05", "03:04:59", "23:59:59"]),
        event=st.sampled_from(EVENTS),
        run_id=st.sampled_from(["run_1", "run_2", "run_3"]),
        map_index=st.none() | st.integers(0, 300),
        try_number=st.none() | st.integers(1, 3),
        resolved=st.booleans(),
        summary=st.sampled_from(["", "MemoryError", "*" * 500, "- # > [x](y)"])
        | st.integers(0, 999).map("row {}".format),
        owners=st.sampled_from([(), ("zhangsan",), ("zhangsan", "lisi")]),
    ),
    max_size=150,
)


def number(text: str) -> int:
    """A number as digests print it."""
    return int(text.replace(",", ""))


def counted(message: Markdown) -> int:
    """How many alerts an English digest reports: its lines, and its counts."""
    total = 0
    blocks = message.text.split("\n\n")
    for place, block in enumerate(blocks):
        following = blocks[place + 1] if place + 1 < len(blocks) else ""
        if block.startswith("#### ") and not following.startswith("- "):
            total += sum(map(number, COUNTED.findall(block)))
        total += block.startswith("**") and not block.startswith("**This storm so far: ")  # a question
        for line in block.splitlines() if block.startswith("- ") else ():
            often = re.search(r" ×([\d,]+)", line)
            same = re.match(r"- (?:. )?\*\*.*?\*\* \(([\d,]+) (?:DAGs|tasks)\) each ×", line)
            is_rest = line.startswith("- …and another ")
            sections = number(same[1]) if same else 1
            total += sum(map(number, COUNTED.findall(line))) if is_rest else sections * number(often[1]) if often else 1
    return total


@settings(max_examples=150, deadline=None)
@given(
    alerts=MANY,
    group_by=st.lists(st.sampled_from(GROUP_LABELS), unique=True, max_size=3),
    at_most_bytes=st.integers(1_500, 19_000),
)
def test_the_counts_add_up_to_all_alerts(alerts: list[Alert], group_by: list[str], at_most_bytes: int) -> None:
    """For any number, grouping and size limit."""
    message = written(alerts, language="en", group_by=group_by, at_most_bytes=at_most_bytes)
    assert counted(message) == len(alerts)
    assert json_bytes(message.text) <= at_most_bytes
    assert lines_on_phone(message.text) <= TWO_SCREENS


@settings(max_examples=50, deadline=None)
@given(alerts=MANY, chance=st.randoms(use_true_random=False))
def test_the_order_of_arrival_makes_no_difference(alerts: list[Alert], chance: Any) -> None:
    """A batch that is composed again has the same text."""
    alerts = list({each.key: each for each in alerts}.values())
    shuffled = chance.sample(alerts, len(alerts))
    assert written(shuffled) == written(alerts)


@pytest.mark.parametrize("case", [*CASES, "mapped"])
def test_golden_digests_count_everything(case: str) -> None:
    """Also in the golden files."""
    alerts, notes = CASES[case]
    assert counted(written(alerts, notes, language="en")) == len(alerts)


@pytest.mark.parametrize("tasks", [1, 5, 30])
@pytest.mark.parametrize("dags", [1, 3, 30, 300])
def test_a_storm_of_any_shape_stays_readable(dags: int, tasks: int) -> None:
    """It fits, and has a readable length."""
    alerts = [
        alert(f"dag_{dag}", f"task_{task}", summary=f"E{dag}: {'x' * 200}")
        for dag in range(dags)
        for task in range(tasks)
    ]
    message = written(alerts, language="en")
    assert counted(message) == dags * tasks
    assert json_bytes(message.text) <= AT_MOST_BYTES
    assert lines_on_phone(message.text) <= TWO_SCREENS


def test_the_largest_groups_are_shown_and_the_rest_is_counted() -> None:
    """The least important ones are left out."""
    alerts = [alert(f"dag_{dag}", f"task_{each}") for dag in range(200) for each in range(2 + dag)]
    lines = written(alerts, language="en").text.splitlines()
    listed = [line for line in lines if line.startswith("- **")]
    assert listed[0].startswith("- **dag\\_199** ×201 ")
    left_out = 200 - len(listed)
    rest = sum(2 + dag for dag in range(left_out))
    assert f"- …and another {rest:,} failures in {left_out} DAGs" in lines


# The line of each


def lines_of(*alerts: Alert, notes: Notes | None = None, **changes: Any) -> list[str]:
    """The lines of the alerts, without links, and with brackets as shown."""
    text = re.sub(r" \[\w+\]\([^)]*\)|\\(?=\])", "", written(alerts, notes, **{"language": "en", **changes}).text)
    return [line for line in text.splitlines() if line.startswith("- ")]


def test_tries_of_one_task_are_one_line() -> None:
    """``on_retry_callback`` doesn't make three failures of one."""
    tries = [alert(event="task_retrying", try_number=each, clock=f"03:0{each}:00") for each in (1, 2)]
    last = alert(try_number=3, clock="03:03:00", summary="MemoryError")
    assert lines_of(*tries, last) == [
        "- **load\\_orders** ×3 · 1 failure, 2 earlier tries · after 3 tries · MemoryError"
    ]
    assert lines_of(*tries) == ["- 🟡 **load\\_orders** ×2 · 1 will be retried, 1 earlier try · will be retried"]
    assert written([*tries, last], language="en").title == "[生产] 1 failure: etl_daily · load_orders"


def test_reasons_that_differ_in_numbers_only_are_one() -> None:
    """Two hundred shards that time out have one reason."""
    alike = [alert(map_index=each, summary=f"shard {each} timed out") for each in (1, 2, 3)]
    others = [alert(task_id="split", summary="MemoryError"), alert(task_id="merge", summary="KeyError")]
    assert lines_of(*alike, *others)[0] == "- **load\\_orders** [1–3] ×3 · e.g. shard 3 timed out"
    assert lines_of(*alike, *others, alert(map_index=9, summary="MemoryError"))[0] == (
        "- **load\\_orders** [1–3, 9] ×4 · 3× e.g. shard 3 timed out; 1× MemoryError"
    )


def test_a_reason_of_most_tasks_is_shown_once() -> None:
    """It is what the person on call needs first."""
    alike = [alert(task_id=f"copy_{each}", summary=NO_DATABASE) for each in range(5)]
    message = written([*alike, alert(summary="KeyError")], language="en")
    assert "> Same reason for 5 of 6:  \n> OperationalError: could not connect" in message.text
    assert message.text.count("OperationalError") == 1
    assert message.text.count("KeyError") == 1


@pytest.mark.parametrize(
    ("indices", "expected"),
    [
        ((3,), " [3]"),
        ((0, 1, 2), " [0–2] ×3"),
        ((0, 2, 3, 9), " [0, 2–3, 9] ×4"),
        ((0, 2, 4, 6), " [0, 2, 4, 6] ×4"),
        (range(0, 22, 2), " [0, 2, 4, …] ×11"),
    ],
)
def test_mapped_instances_are_named(indices: tuple[int, ...], expected: str) -> None:
    """As ranges."""
    assert lines_of(*(alert(map_index=each) for each in indices)) == [f"- **load\\_orders**{expected}"]


def test_a_single_instance_has_its_label() -> None:
    """As in an alert that is sent alone."""
    assert lines_of(alert(map_index=3, facts={"map_label": "华东_1"})) == ["- **load\\_orders** [华东\\_1]"]


def test_times_have_their_day_after_midnight() -> None:
    """23:58 alone would seem to be in the future."""
    message = written([alert(clock="00:03:00"), replace(alert(task_id="late"), at=at("00:00:00") - 120)], language="en")
    assert "2026-11-21 23:58 – 2026-11-22 00:03 +08:00" in message.text
    assert "- **late** [log]" in message.text
    assert " · 11-21 23:58" in message.text


LOAD, SPLIT, CRM = "- **etl\\_daily** · load\\_orders", "- **etl\\_daily** · split", "- **crm** · split"
ONE_MORE = "#### Others · 1 failure"


@pytest.mark.parametrize(
    ("group_by", "expected"),
    [
        ((), [LOAD, SPLIT, CRM]),
        (("dag_id",), ["#### etl\\_daily · 2 failures", "- **load\\_orders**", "- **split**", ONE_MORE, CRM]),
        (("owner",), ["#### zhangsan · 2 failures", LOAD, SPLIT, ONE_MORE, "- **no owner** · crm · split"]),
        (
            ("task_id",),
            [
                "#### split · 2 failures",
                "- **etl\\_daily**",
                "- **crm**",
                ONE_MORE,
                "- **load\\_orders** · etl\\_daily",
            ],
        ),
        (("dag_id", "task_id"), [LOAD, SPLIT, CRM]),
        (
            ("summary",),
            ["#### KeyError · 2 failures", LOAD, CRM, ONE_MORE, "- **reason unknown** · etl\\_daily · split"],
        ),
        (("run_id",), ["#### scheduled\\_\\_2026-11-21T18:00:00+00:00 · 3 failures", LOAD, SPLIT, CRM]),
    ],
)
def test_sections_are_grouped_by_any_labels(group_by: tuple[str, ...], expected: list[str]) -> None:
    """The lines have what the sections don't name."""
    alerts = [
        alert("etl_daily", "load_orders", "03:01:00", summary="KeyError"),
        alert("etl_daily", "split", "03:01:01"),
        alert("crm", "split", "03:01:02", summary="KeyError", owners=()),
    ]
    text = re.sub(r" \[\w+\]\([^)]*\)", "", written(alerts, language="en", group_by=group_by).text)
    found = [line.partition(" · KeyError")[0] if line.startswith("- ") else line for line in text.splitlines()]
    assert [line for line in found if line.startswith(("- ", "#### "))] == expected


def test_a_notifiers_own_message_is_the_reason() -> None:
    """Merged with others, only its title is shown."""
    own = {"msgtype": "markdown", "markdown": {"title": "Orders are late", "text": "# Call **Li**"}}
    text = {"msgtype": "text", "text": {"content": "Orders are late\nCall Li"}}
    for message in (own, text):
        assert lines_of(alert(message=message)) == ["- **load\\_orders** · Orders are late"]
    assert lines_of(alert(message={"msgtype": "text"})) == ["- **load\\_orders**"]


def test_reasons_of_a_pause_have_a_text_or_are_shown_as_they_are() -> None:
    """They are independent of the language."""
    for reason, words in (("throttled", "被钉钉限流"), ("errcode 1 *x*", "errcode 1 \\*x\\*")):
        text = written(THREE, Notes(paused=(at("03:00:00"), at("03:03:00"), reason))).text
        assert f"> 03:00–03:03 暂停发送：{words}。" in text


def test_many_dead_letters_and_robots_are_counted() -> None:
    """A note has a readable length."""
    notes = Notes(dead=tuple(f"dag_{n}" for n in range(9)), skipped=tuple((f"spare_{n}", "full") for n in range(9)))
    text = written(THREE, notes, language="en").text
    assert "DingTalk refused 9 alerts: dag\\_0, dag\\_1, dag\\_2, dag\\_3, dag\\_4, …. To see them" in text
    assert "spare\\_4" in text
    assert "spare\\_5" not in text
    assert "4 more robots were skipped" in text


@settings(max_examples=100, deadline=None)
@given(
    word=st.text(min_size=1)
    | st.sampled_from(["x](http://evil.example/) y", "> q", "# h", "- i", "**b**", "<b>", "a\n\n# b"])
)
def test_names_and_reasons_never_become_markdown(word: str) -> None:
    """They come from outside."""
    hostile = alert(word, word, summary=word, owners=(word,), map_index=3, facts={"map_label": word, "max_tries": word})
    hostile = replace(hostile, log_link="https://airflow.example.com/a b)", run_link=None)
    others = [
        replace(hostile, key="2", resolved=True),
        # An event of a newer version may have any name; a question has a form of its own.
        replace(hostile, key="3", event=Event.TASK_FAILED if Event(word).is_known else Event(word)),
        replace(hostile, key="4", task_id=None),
    ]
    notes = Notes(word, (0, 1, word), dead=(word,), skipped=((word, word),), may_repeat=word)
    for group_by in (("dag_id",), ("owner", "summary")):
        text = written([hostile, *others], notes, environment=word, group_by=group_by, language="en").text
        assert "](" not in text.replace("\\](", "")
        for line in filter(None, text.splitlines()):
            assert line.startswith(("### ", "#### ", "- ", "> ", "2026-", "DingTalk refused", "Robot ", "Message #"))


@pytest.mark.parametrize("moment", [float("nan"), -1e300, 1e300, -1.0])
def test_an_impossible_time_loses_no_digest(moment: float) -> None:
    """A damaged file may contain any number."""
    assert "- **load\\_orders**" in written([replace(alert(), at=moment)]).text


def test_both_languages_have_the_same_texts() -> None:
    """None is missing, and each takes the same values."""

    def holes(spoken: str | tuple[str, str]) -> set[str]:
        return set(re.findall(r"{(\w+)", spoken if isinstance(spoken, str) else spoken[1]))

    zh, en = words_zh.WORDS, words_en.WORDS
    assert list(zh) == list(en)
    assert {name: holes(each) for name, each in zh.items()} == {name: holes(each) for name, each in en.items()}


# Mentions

PEOPLE = {"zhangsan": At(mobiles="13800000001"), "lisi": At(user_ids="lisi"), "both": At(user_ids=("lisi", "wangwu"))}


@pytest.mark.parametrize(
    ("alerts", "expected"),
    [
        pytest.param([], None, id="no_owner"),
        pytest.param([alert(owners=("stranger",))], None, id="not known"),
        pytest.param(
            [alert(owners=("zhangsan", "lisi")), alert(owners=("both",))],
            At("13800000001", ("lisi", "wangwu")),
            id="once",
        ),
        pytest.param([alert(event="deadline_missed", owners=("lisi",))], At(user_ids="lisi"), id="late"),
        pytest.param([alert(event="task_retrying")], None, id="retried"),
        pytest.param([alert(resolved=True)], None, id="recovered"),
        pytest.param([alert(event="task_succeeded")], None, id="succeeded"),
        pytest.param([alert(event="task_succeeded", mentions={"everyone": True})], At(everyone=True), id="explicit"),
        pytest.param(
            [alert(mentions={"atMobiles": ["13900000000"]})], At(("13900000000", "13800000001")), id="both ways"
        ),
        pytest.param([alert(mentions={"channels": ["x"]})], At("13800000001"), id="unreadable"),
    ],
)
def test_owners_of_failures_are_mentioned(alerts: list[Alert], expected: At | None) -> None:
    """And not those of recoveries and retries."""
    assert mentions_of(alerts, PEOPLE.get) == expected


def test_at_most_fifty_people_are_mentioned() -> None:
    """DingTalk's limit, which must not fail the message."""
    called = mentions_of([alert(owners=(f"user_{n}",)) for n in range(80)], lambda owner: At(user_ids=owner))
    assert called is not None
    assert len(called.user_ids) == 50


# Questions, and notifiers' own messages


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("others", [0, 3, 1000])
@pytest.mark.parametrize("at_most_bytes", [6_000, AT_MOST_BYTES])
def test_each_question_is_shown_whole_with_its_own_link(language: str, others: int, at_most_bytes: int) -> None:
    """Besides any number of failures, in any language; never only counted."""
    text = written((*STORM[:others], *QUESTIONS), language=language, at_most_bytes=at_most_bytes).text
    assert json_bytes(text) <= at_most_bytes
    for index in range(2):
        assert f"Publish part {index}?" in text
        assert f"]({opened(f'{PAGE}{index}')})" in text
    assert text.count("Approve") == 2
    assert text.count("05:00") == 2
    assert text.count("lisi") == 2


def test_one_message_has_as_many_questions_as_fit() -> None:
    """The next one has the others; other alerts have no such limit."""
    several = [replace(QUESTIONS[0], key=str(number), at=float(100 - number)) for number in range(30)]
    kept = fitting([*STORM, *several], AT_MOST_BYTES)
    assert [each.key for each in kept if each.event == "answer_needed"] == [str(number) for number in range(20, 30)]
    assert len(kept) == len(STORM) + 10
    assert len(fitting(several, 1_700)) == 1


def test_people_assigned_to_a_question_are_mentioned() -> None:
    """By name or by id, as in the connection's ``mentions``; the task's owner isn't mentioned."""
    known = {"lisi": At("13800000001"), "7": At(user_ids="u7"), "zhangsan": At("13800000002")}
    assert mentions_of(QUESTIONS, known.get) == At("13800000001", "u7")


def test_mentions_that_were_not_rendered_are_left_out() -> None:
    """An older version may have stored them."""
    assert mentions_of([alert(mentions={"mobiles": ["{{ oops }}"]})], lambda owner: None) is None


def own(words: str, task_id: str, **values: Any) -> Alert:
    message = {"msgtype": "markdown", "markdown": {"title": words, "text": "[page](https://e.com)"}}
    return alert(task_id=task_id, event="task_started", message=message, **values)


def test_own_messages_keep_a_link_each() -> None:
    """Different messages aren't merged; "started" isn't shown besides them."""
    alerts = (
        own("half done", "load", map_index=0),
        own("all done", "load", map_index=1),
        alert(event="dag_succeeded", task_id=None, message={"msgtype": "text", "text": {"content": "report is out"}}),
    )
    text = written(alerts, language="en").text
    for title, link in zip(("half done", "all done", "report is out"), alerts, strict=True):
        (line,) = [each for each in text.splitlines() if title in each]
        assert str(link.log_link or link.run_link) in line
        assert "started" not in line


# Hints


@pytest.mark.parametrize(
    ("language", "hint"), [("zh", "本机地址只能在 Airflow 所在的机器上打开"), ("en", "A local address opens only on")]
)
def test_a_digest_shows_a_hint_only_when_it_is_due(language: str, hint: str) -> None:
    assert hint in written(THREE, Notes(hints=frozenset({Hint.LOCAL_LINKS})), language=language).text
    assert hint not in written(THREE, language=language).text


def test_a_notifiers_own_message_gets_no_hint() -> None:
    """Unless it is in a digest."""
    local = alert(facts={"is_local_link": True})
    mine = replace(local, key="2", message={"msgtype": "text", "text": {"content": "Call Li"}})
    assert hints_about([local]) == {Hint.LOCAL_LINKS}
    assert hints_about([mine]) == frozenset()
    assert hints_about([local, mine]) == {Hint.LOCAL_LINKS}
    assert hints_about(THREE) == frozenset()


# Causes, groups and ranges


@settings(max_examples=100, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=20),
    dags=st.integers(1, 12),
    language=st.sampled_from(["zh", "en"]),
)
def test_the_counts_of_causes_add_up_to_all_failures(sizes: list[int], dags: int, language: str) -> None:
    """For any number of reasons of any frequency, whether they are named or others."""
    alerts = [
        alert(f"dag_{place % dags}", f"task_{place % 11}", map_index=place, summary=f"{'x' * (which + 1)}Error")
        for which, size in enumerate(sizes)
        for place in range(size)
    ]
    text = written(alerts, language=language).text
    head = re.split("原因：|Reasons:", text.partition("\n\n- ")[0].partition("\n\n#### ")[0])[1:]
    if head:
        counts = re.findall(r"（([\d,]+) 个）|其他原因 ([\d,]+) 个|([\d,]+)×", head[0])
        assert sum(number("".join(each)) for each in counts) == sum(sizes)


def test_each_line_names_its_causes_by_their_numbers() -> None:
    """The text of a cause is in the message once."""
    alerts = [
        alert(f"dag_{place}", f"task_{task}", summary=REASONS[(place + task) % 3])
        for place in range(4)
        for task in range(3)
    ]
    text = written(alerts, language="en").text
    for reason in ("OperationalError", "UniqueViolation", "AirflowException"):
        assert text.count(reason) == 1
    assert "① 4× " in text
    for line in lines_of(*alerts):
        assert re.search(r" · [①②③]+$", line)


def test_three_causes_of_ten_each_are_named() -> None:
    """And not counted as others."""
    alerts, notes = CASES["three_causes"]
    text = written(alerts, notes, language="zh").text
    assert "其他原因" not in text
    assert text.count("（10 个）") == 3


def test_others_are_a_long_tail() -> None:
    """With their count, also of those without a reason."""
    alerts = [
        *(alert(f"dag_{n}", "load", summary=REASONS[n % 3]) for n in range(60)),
        *(alert("odd", f"t{n}", summary=f"{chr(97 + n)}{chr(97 + n)}Error") for n in range(9)),
        alert("odd", "silent"),
    ]
    assert "> 10× other reasons" in written(alerts, language="en").text


def test_a_reason_that_is_the_same_as_above_is_not_repeated() -> None:
    alerts = [
        *(alert("dwd", f"build_{name}", summary=NO_DATABASE) for name in "abc"),
        *(alert(f"dag_{n}", "load", summary=f"{chr(97 + n) * 3}Error: bad {chr(97 + n)}") for n in range(9)),
    ]
    text = written(alerts, language="en").text
    assert text.count("OperationalError") == 1
    assert text.count("same reason as above") == 2


def test_dags_with_the_same_picture_are_one_line_with_the_first_link() -> None:
    alerts = [alert(f"ods_sync_{dag:02}", f"load_{n}", summary=NO_DATABASE) for dag in range(4, 23) for n in range(2)]
    (line,) = [each for each in written(alerts, language="en").text.splitlines() if each.startswith("- ")]
    assert line.startswith("- **ods\\_sync\\_04–22** (19 DAGs) each ×2 [run](")
    assert "ods_sync_04" in line
    assert line.count("](") == 1


def test_dags_with_another_picture_have_their_own_lines() -> None:
    """Another count, another cause, another task."""
    same = [alert(f"ods_{dag}", "load", summary=NO_DATABASE) for dag in range(8)]
    others = [
        alert("ods_8", "load", summary=NO_DATABASE),
        alert("ods_8", "load", summary=NO_DATABASE, run_id="second"),
        alert("ods_9", "load", summary="KeyError"),
        alert("ods_10", "save", summary=NO_DATABASE),
    ]
    assert [line.partition(" · ")[0] for line in lines_of(*same, *others)] == [
        "- **ods\\_0–7** (8 DAGs) each ×1",
        "- **ods\\_8**",
        "- **ods\\_10**",
        "- **ods\\_9**",
    ]


def test_grouping_by_another_label_joins_no_sections() -> None:
    """Owners aren't DAGs."""
    alerts = [alert(f"ods_{n}", "load", owners=(f"o{n}",), summary=NO_DATABASE) for n in range(8)]
    assert len(lines_of(*alerts, group_by=("owner",))) == 8


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), []),
        (("a",), ["a"]),
        (("ods_sync_04", "ods_sync_05", "ods_sync_07"), ["ods_sync_04–05, 07"]),
        ([f"ods_sync_{n:02}" for n in range(4, 23)], ["ods_sync_04–22"]),
        ((f"d{n}" for n in range(8, 12)), ["d8–11"]),
        (("d1_x", "d2_x", "d3_y"), ["d1–2_x", "d3_y"]),
        (("d04", "d4", "d5"), ["d04", "d4–5"]),
        (("v2_load_1", "v2_load_2", "v3_load_1"), ["v2_load_1–2", "v3_load_1"]),
        (("a", "b", "a"), ["a", "b"]),
        (("x" + "1" * 30, "x" + "2" * 30), ["x" + "1" * 30, "x" + "2" * 30]),
        (("d٣", "d٤"), ["d٣", "d٤"]),
    ],
)
def test_names_that_differ_in_a_number_are_a_range(names: Sequence[str], expected: list[str]) -> None:
    assert names_in_brief(names) == expected


@settings(deadline=None)
@given(st.sets(st.integers(0, 1200).map("ods_{}".format) | st.integers(0, 99).map("ods_{:02}".format)))
def test_ranges_name_each_number_once(names: set[str]) -> None:
    found = []
    for text in names_in_brief(sorted(names)):
        for each in text.removeprefix("ods_").split(", "):
            first, _, last = each.partition("–")
            digits = len(first) if first.startswith("0") else 0
            found += [f"ods_{n:0{digits}}" for n in range(int(first), int(last or first) + 1)]
    assert len(found) == len(set(found))
    assert set(found) == names


def test_lines_on_a_phone_are_those_that_are_seen() -> None:
    """Addresses, escapes and marks take no room, Chinese characters take two columns."""
    link = "[日志](dingtalk://dingtalkclient/page/link?url=" + "x" * 500 + ")"
    assert lines_on_phone(f"- **load\\_orders** {link}") == 1
    assert lines_on_phone("x" * COLUMNS) == 1
    assert lines_on_phone("x" * (COLUMNS + 1)) == 2
    assert lines_on_phone("风" * COLUMNS) == 2
    assert lines_on_phone("a\n\nb\n") == 2


def calls_for(dags: int) -> int:
    """How many functions are called for a digest of so many DAGs with two different failures each."""
    alerts = [
        alert(f"etl_{number}_orders", task_id, summary=f"{task_id} {'x' * number}")
        for number in range(dags)
        for task_id in ("load", "check")
    ]
    count = 0

    def note(_frame: object, event: str, _value: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(note)
    try:
        digest(alerts, language="zh", zone=SHANGHAI, at_most_bytes=AT_MOST_BYTES)
    finally:
        sys.setprofile(None)
    return count


def test_twice_as_many_dags_take_twice_as_long() -> None:
    """A callback of eight seconds may have to write a digest of thousands."""
    assert calls_for(600) < 2.5 * calls_for(300)
