"""The built-in alerts, compared whole, and their limits for any facts."""

from __future__ import annotations

import os
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_dingpush.alerts.airflow_site import AirflowSite
from airflow_provider_dingpush.alerts.alert_text import built_in_alert
from airflow_provider_dingpush.alerts.dbt_results import DbtResult
from airflow_provider_dingpush.alerts.hints import Hint
from airflow_provider_dingpush.alerts.run_facts import FailedTask, RunFacts
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.messages.sizes import json_bytes

GOLDEN = Path(__file__).parents[1] / "golden" / "alerts"
SHANGHAI = timezone(timedelta(hours=8))
SITE = AirflowSite("https://airflow.example.com/prod")
RUN_ID = "scheduled__2026-11-21T19:00:00+00:00"

OF_RUN = RunFacts(
    event=Event.DAG_SUCCEEDED,
    environment="生产",
    dag_id="etl_daily",
    dag_name="etl_daily",
    run_id=RUN_ID,
    run_url=SITE.run_url("etl_daily", RUN_ID),
    run_type="scheduled",
    run_state="running",
    owners=("zhangsan", "lisi"),
    started_at=datetime(2026, 11, 22, 3, 4, 5, tzinfo=SHANGHAI),
    ended_at=datetime(2026, 11, 22, 3, 7, 17, tzinfo=SHANGHAI),
    duration_seconds=192.0,
)
OF_TASK = OF_RUN._replace(
    event=Event.TASK_FAILED,
    task_id="load_orders",
    task_name="load_orders",
    try_number=4,
    max_tries=4,
    hostname="worker-7",
    log_url=SITE.log_url("etl_daily", RUN_ID, "load_orders", try_number=4),
    exception_type="UniqueViolation",
    exception_text=(
        'duplicate key value violates unique constraint "orders_pkey"\n'
        "DETAIL: Key (order_id)=(10086) already exists.\n"
        "[SQL: INSERT INTO ods.orders_daily SELECT * FROM stg.orders WHERE dt = '2026-11-21']\n"
        "# 1 row of 3 < 5\n"
        "…"
    ),
)
UNTROUBLED = OF_TASK._replace(exception_type=None, exception_text=None, try_number=1)
FAILED_RUN = OF_RUN._replace(event=Event.DAG_FAILED, reason="task_failure", run_state="failed")
FAILED_TASKS = tuple(
    FailedTask(name, index, SITE.log_url("etl_daily", RUN_ID, name, map_index=index))
    for name, index in (("load_orders", None), *(("split_by_city", index) for index in range(9)))
)
LOCAL = AirflowSite()
DBT_RESULTS = (
    DbtResult("not_null_orders_customer_id", "fail", 1_203, "models/schema.yml", None, "test"),
    DbtResult("daily_sales", "error", None, "models/marts/daily_sales.sql", 'column "amount" does not exist', "model"),
    DbtResult("unique_orders_order_id", "warn", 1, "models/schema.yml", None, "test"),
    *(DbtResult(f"report_{number}", "skipped", None, None, None, "model") for number in range(7)),
)
OF_SCHEDULER = RunFacts(
    Event.AIRFLOW_UNHEALTHY,
    dag_id="",
    dag_name="Airflow",
    run_id="since 1795287845",
    environment="生产",
    task_id="scheduler",
    task_name="scheduler",
    reason="no_heartbeat",
    last_heartbeat_at=datetime(2026, 11, 22, 3, 4, 5, tzinfo=SHANGHAI),
    started_at=datetime(2026, 11, 22, 3, 4, 5, tzinfo=SHANGHAI),
    duration_seconds=760.0,
    hostname="airflow.example.com:8080",
)

BROKEN_FILE = RunFacts(
    event=Event.DAG_IMPORT_ERROR,
    dag_id="",
    dag_name="ods/etl_000.py",
    environment="生产",
    file="ods/etl_000.py",
    exception_type="ModuleNotFoundError",
    exception_text="No module named 'pymysql'",
    exception_place="ods/etl_000.py:3",
    source_line="import pymysql",
    started_at=datetime(2026, 11, 22, 3, 4, 5, tzinfo=SHANGHAI),
    duration_seconds=41.0,
    page_url=SITE.import_errors_url,
)
FIXED_FILE = BROKEN_FILE._replace(
    event=Event.DAG_IMPORT_FIXED,
    exception_type=None,
    exception_text=None,
    exception_place=None,
    source_line=None,
    ended_at=datetime(2026, 11, 22, 3, 44, 5, tzinfo=SHANGHAI),
    duration_seconds=2400.0,
)
OF_RULES = RunFacts(
    event=Event.RULES_FILE_ERROR,
    dag_id="",
    dag_name="platform_rules.yaml",
    environment="生产",
    file="platform_rules.yaml",
    started_at=datetime(2026, 11, 22, 3, 4, 5, tzinfo=SHANGHAI),
)

OF_BASELINE = RunFacts(
    event=Event.BASELINE_AT_RISK,
    dag_id="",
    dag_name="销售日报",
    environment="生产",
    baseline="销售日报",
    baseline_dags=("report_daily", "report_city"),
    severity="P1",
    owners=("zhangsan", "lisi"),
    run_url=SITE.run_url("report_daily", RUN_ID),
    deadline_at=datetime(2026, 11, 22, 8, 30, tzinfo=SHANGHAI),
    late_seconds=-1_180.0,
    exception_text="Expected at 08:41, in 9 of 10 cases by 09:10; due at 08:30.\n"
    "report_daily: running since 07:05, usually takes 1h 20m",
    exception_text_zh="预计 08:41 完成，九成情况下不晚于 09:10；时限 08:30。\n"
    "report_daily：07:05 开始运行，通常耗时 1 小时 20 分",
)
CASES = {
    "baseline_at_risk": OF_BASELINE,
    "baseline_breached": OF_BASELINE._replace(
        event=Event.BASELINE_BREACHED,
        late_seconds=60.0,
        exception_text="It was due at 08:30 and isn't done. Expected at 08:41, in 9 of 10 cases by 09:10.\n"
        "report_daily: running since 07:05, usually takes 1h 20m",
        exception_text_zh="已过时限 08:30，仍未完成。预计 08:41 完成，九成情况下不晚于 09:10。\n"
        "report_daily：07:05 开始运行，通常耗时 1 小时 20 分",
    ),
    "baseline_met": OF_BASELINE._replace(
        event=Event.BASELINE_MET,
        late_seconds=660.0,
        exception_text="Done at 08:41, 11m after it was due (08:30).",
        exception_text_zh="08:41 完成，比时限（08:30）晚 11 分。",
    ),
    "task_started": UNTROUBLED._replace(event=Event.TASK_STARTED, ended_at=None, duration_seconds=None),
    "task_failed": OF_TASK,
    "task_failed_mapped": OF_TASK._replace(
        dag_name="订单日报",
        task_name="按城市拆分",
        map_index=3,
        map_label="华东_1",
        duration_seconds=0.42,
        max_tries=None,
        exception_text=None,
    ),
    "task_failed_killed": OF_TASK._replace(
        exception_type=None,
        exception_text=None,
        killed_from_outside=True,
        started_at=None,
        duration_seconds=None,
    ),
    "task_failed_local": OF_TASK._replace(
        environment=None,
        run_url=LOCAL.run_url("etl_daily", RUN_ID),
        log_url=LOCAL.log_url("etl_daily", RUN_ID, "load_orders", try_number=4),
        is_local_link=True,
    ),
    "task_failed_dbt": OF_TASK._replace(
        exception_type="CosmosDbtRunError",
        exception_text="dbt invocation completed with errors",
        dbt_results=DBT_RESULTS,
        dbt_result_count=17,
    ),
    "task_warned": UNTROUBLED._replace(
        event=Event.TASK_WARNED,
        ended_at=None,
        duration_seconds=None,
        dbt_results=(DbtResult("unique_orders_order_id", "warn", 1), DbtResult("recency_orders", "warn")),
        dbt_result_count=2,
    ),
    "task_retrying": OF_TASK._replace(
        event=Event.TASK_RETRYING,
        try_number=2,
        log_url=SITE.log_url("etl_daily", RUN_ID, "load_orders", try_number=2),
        next_retry_at=datetime(2026, 11, 22, 3, 12, 17, tzinfo=SHANGHAI),
    ),
    "task_succeeded": UNTROUBLED._replace(event=Event.TASK_SUCCEEDED),
    "task_skipped": UNTROUBLED._replace(event=Event.TASK_SKIPPED, ended_at=None, duration_seconds=2.3),
    "dag_failed": FAILED_RUN._replace(failed_tasks=FAILED_TASKS[:2], failed_task_count=2),
    "dag_failed_many": FAILED_RUN._replace(failed_tasks=FAILED_TASKS, failed_task_count=312),
    "dag_failed_unknown_tasks": FAILED_RUN,
    "dag_failed_timed_out": FAILED_RUN._replace(reason="timed_out", failed_tasks=(), failed_task_count=0),
    "dag_succeeded": OF_RUN._replace(reason="success", run_state="success"),
    "deadline_missed": OF_RUN._replace(
        event=Event.DEADLINE_MISSED,
        owners=(),
        deadline_at=datetime(2026, 11, 22, 3, 7, 13, tzinfo=SHANGHAI),
        late_seconds=4.2,
        ended_at=None,
    ),
    "answer_needed": UNTROUBLED._replace(
        event=Event.ANSWER_NEEDED,
        task_id="approve",
        task_name="approve",
        ended_at=None,
        duration_seconds=None,
        subject="发布 11 月 22 日的日报？",
        body="312 rows, 3 of them without a customer.\nSee **orders_pkey**.",
        options=("Approve", "Reject"),
        option_count=2,
        default_options=("Reject",),
        form_fields=("reason",),
        answer_by=datetime(2026, 11, 22, 5, 4, 5, tzinfo=SHANGHAI),
        assigned_users=("lisi", "wangwu"),
        log_url=SITE.log_url("etl_daily", RUN_ID, "approve", try_number=1),
        answer_url=SITE.answer_url("etl_daily", RUN_ID, "approve"),
    ),
    "dag_import_error": BROKEN_FILE,
    "dag_import_error_many": BROKEN_FILE._replace(
        bundle="warehouse",
        file_count=500,
        more_files=tuple(f"ods/etl_{number:03}.py" for number in range(1, 500)),
        exception_type="ValueError",
        exception_text="no route to db-17",
        exception_place="common/db.py:12 in connect",
        source_line='raise ValueError("no route to db-17")',
        page_url=LOCAL.import_errors_url,
        is_local_link=True,
        environment=None,
    ),
    "dag_import_fixed": FIXED_FILE,
    "dag_import_fixed_many": FIXED_FILE._replace(
        file_count=3, more_files=("ods/etl_001.py", "ads/report.py"), bundle="warehouse"
    ),
    "rules_file_error": OF_RULES._replace(
        exception_text="platform_rules.yaml:3:5: 'reciever' is unknown here; did you mean 'receiver'?\n"
        "platform_rules.yaml:9:15: severity must be one of P1, P2, P3, P4, not 'high'.",
        exception_text_zh="platform_rules.yaml:3:5: 这里没有 'reciever'，是否应为 'receiver'？\n"
        "platform_rules.yaml:9:15: severity 应为 P1, P2, P3, P4 之一，而不是 'high'。",
        reason="rules_file_broken",
        hostname="scheduler-0",
    ),
    "rules_file_error_receiver": OF_RULES._replace(
        dag_name="platform_rules.yaml · dingtalk_finance",
        file="platform_rules.yaml · dingtalk_finance",
        exception_text="platform_rules.yaml:12: finance → dingtalk_finance: there is no such connection",
        exception_text_zh="platform_rules.yaml:12: finance → dingtalk_finance：没有这个连接",
        reason="rules_receiver_unknown",
    ),
    "rules_file_fixed": OF_RULES._replace(
        event=Event.RULES_FILE_FIXED,
        ended_at=datetime(2026, 11, 22, 3, 9, 5, tzinfo=SHANGHAI),
        duration_seconds=300.0,
    ),
    "answer_needed_many_options": UNTROUBLED._replace(
        event=Event.ANSWER_NEEDED,
        map_index=3,
        ended_at=None,
        duration_seconds=None,
        subject="Which regions?",
        options=tuple(f"region {number}" for number in range(10)),
        option_count=31,
        several_options=True,
        answer_by=datetime(2026, 11, 22, 5, 4, 5, tzinfo=SHANGHAI),
        answer_url=SITE.answer_url("etl_daily", RUN_ID, "load_orders", map_index=3),
    ),
    "task_failed_in_a_loop": OF_TASK._replace(iteration=2, max_tries=1, try_number=1),
    "airflow_unhealthy": OF_SCHEDULER,
    "airflow_unhealthy_web_server": OF_SCHEDULER._replace(
        task_id="web_server",
        task_name="web server",
        reason="unexpected_answer",
        body="/api/v2/monitor/health: HTTP 503",
        last_heartbeat_at=None,
    ),
    "airflow_unhealthy_flush": OF_SCHEDULER._replace(task_id="flush", task_name="dingpush flush", reason="no_flush"),
    "airflow_healthy": OF_SCHEDULER._replace(event=Event.AIRFLOW_HEALTHY, reason=None),
}


def test_every_event_has_a_golden_file() -> None:
    """The text of every event is reviewed."""
    assert {facts.event for facts in CASES.values()} == set(Event), "CASES lacks an event"


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("case", CASES)
def test_alert_equals_its_golden_file(case: str, language: str) -> None:
    """Title, blank line, text. After a change on purpose: run once with UPDATE_GOLDEN=1 and read the difference."""
    hints = frozenset({Hint.LOCAL_LINKS}) if CASES[case].is_local_link else frozenset()
    alert = built_in_alert(CASES[case], language=language, hints=hints)
    path = GOLDEN / f"{case}.{language}.md"
    written = f"{alert.title}\n\n{alert.text}\n"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(written, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == written


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("event", Event)
def test_unknown_facts_leave_no_trace(event: Event, language: str) -> None:
    """A line without a fact isn't there, and neither is a link without an address."""
    alert = built_in_alert(RunFacts(event, "etl_daily", dag_name="etl_daily"), language=language)
    assert "None" not in alert.title + alert.text
    assert "](" not in alert.text
    assert not [line for line in alert.text.splitlines() if line.rstrip().endswith(("：", ":"))]


@pytest.mark.parametrize(
    ("language", "expected"),
    [("zh", "失败"), ("zh-CN", "失败"), ("ZH_hans", "失败"), ("en", "Failed"), ("fr", "Failed"), ("", "Failed")],
)
def test_language(language: str, expected: str) -> None:
    """Any Chinese is Chinese; everything else is English."""
    assert expected in built_in_alert(OF_TASK, language=language).title


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(OF_TASK, "[生产] 失败：etl_daily · load_orders", id="failed"),
        pytest.param(CASES["task_retrying"], "[生产] 第 2/4 次失败，将重试：etl_daily · load_orders", id="retrying"),
        pytest.param(
            CASES["task_failed_mapped"], "[生产] 失败：订单日报 · 按城市拆分 [华东_1]", id="mapped, with label"
        ),
        pytest.param(OF_TASK._replace(map_index=0), "[生产] 失败：etl_daily · load_orders [0]", id="mapped"),
        pytest.param(OF_TASK._replace(environment=None), "失败：etl_daily · load_orders", id="no environment"),
        pytest.param(FAILED_RUN, "[生产] 运行失败：etl_daily", id="run"),
        pytest.param(RunFacts(Event.DAG_FAILED, ""), "运行失败：未知 DAG", id="nothing known"),
        pytest.param(FAILED_RUN._replace(dag_name="a" * 120), f"[生产] 运行失败：{'a' * 60}…", id="long name"),
        pytest.param(FAILED_RUN._replace(dag_name="a\n# b"), "[生产] 运行失败：a # b", id="one line"),
    ],
)
def test_title_names_the_event_and_its_subject(facts: RunFacts, expected: str) -> None:
    """The conversation list and a locked phone show no more."""
    assert built_in_alert(facts, language="zh").title == expected


def longest(letter: str) -> RunFacts:
    """Every field with its greatest length."""
    long_id, name = (letter * 250)[:250], (letter * 120)[:120]
    url = SITE.log_url(long_id, long_id, long_id, map_index=1_000_000, try_number=99)
    return OF_TASK._replace(
        environment=name,
        dag_id=long_id,
        dag_name=name,
        run_id=long_id,
        run_url=SITE.run_url(long_id, long_id),
        task_id=long_id,
        task_name=name,
        map_index=1_000_000,
        map_label=name,
        owners=(name,) * 10,
        exception_type=name,
        exception_text="\n".join([name] * 5),
        log_url=url,
        reason=name,
        failed_tasks=tuple(FailedTask(long_id, index, url) for index in range(10)),
        failed_task_count=10_000,
        subject=name,
        body="\n".join([name] * 5),
        options=(name[:60],) * 10,
        option_count=10_000,
        default_options=(name[:60],) * 10,
        form_fields=(name[:60],) * 10,
        assigned_users=(name[:60],) * 10,
        answer_url=url,
    )


@pytest.mark.parametrize("letter", ["a", "_", "日", "😀", "\\", '"', "<a"])
@pytest.mark.parametrize("event", [Event.TASK_FAILED, Event.DAG_FAILED, Event.DEADLINE_MISSED, Event.ANSWER_NEEDED])
def test_size_is_bounded(event: Event, letter: str) -> None:
    """The longest facts give a message well below DingTalk's 20,000 bytes, with the count of failed tasks."""
    alert = built_in_alert(longest(letter)._replace(event=event), language="zh")
    assert json_bytes(alert.title) + json_bytes(alert.text) < 15_000
    if event is Event.DAG_FAILED:
        list_of_tasks = alert.text.partition("失败的任务（10000 个）：")[2]
        listed = len(re.findall(r"^- .* \[\d\]", list_of_tasks, re.MULTILINE))
        assert f"- ……还有 {10_000 - listed} 个" in list_of_tasks


def test_failed_tasks_without_their_count() -> None:
    """Facts from a file that lacks the count still make a message."""
    facts = CASES["dag_failed"]._replace(failed_task_count=None)
    assert "失败的任务（2 个）" in built_in_alert(facts, language="zh").text


def test_many_failed_tasks_of_common_length_are_all_listed() -> None:
    """The list isn't cut before its ten."""
    text = built_in_alert(CASES["dag_failed_many"], language="zh").text
    assert text.count("[日志]") == 10
    assert "……还有 302 个" in text


NASTY = st.text(alphabet="`*_[](){}#+-.!<>&;~=|\\:/@ \n1aA中", min_size=1, max_size=40)


@pytest.mark.parametrize("event", [Event.TASK_FAILED, Event.DAG_FAILED, Event.ANSWER_NEEDED])
@given(word=NASTY, text=NASTY, other=NASTY)
@settings(deadline=None)
def test_facts_make_no_markdown(event: Event, word: str, text: str, other: str) -> None:
    """For any names and texts: one heading, our own links, no emphasis, no tag, no code, no picture."""
    markdown_it = pytest.importorskip("markdown_it")
    parser = markdown_it.MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    facts = OF_TASK._replace(
        event=event,
        environment=word,
        dag_id=word,
        dag_name=other,
        task_name=other,
        task_id=word,
        run_id=other,
        owners=(word, other),
        map_index=3,
        map_label=text,
        exception_type=other,
        exception_text=f"{text}\n{word}\n{other}",
        reason=text,
        failed_tasks=(FailedTask(word, 1, OF_TASK.log_url), FailedTask(other, None, OF_TASK.log_url)),
        failed_task_count=2,
        subject=text,
        body=f"{other}\n{word}\n{text}",
        options=(word, text),
        default_options=(other,),
        form_fields=(word,),
        assigned_users=(text,),
        answer_by=OF_TASK.started_at,
        answer_url=SITE.answer_url("etl_daily", RUN_ID, "load_orders"),
    )
    tokens = parser.parse(built_in_alert(facts, language="zh").text)
    pieces = [piece for token in tokens for piece in token.children or ()]
    assert [token.type for token in tokens].count("heading_open") == 1
    assert {token.type for token in tokens} <= {
        *("heading_open", "heading_close", "paragraph_open", "paragraph_close", "inline"),
        *("bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close"),
        *("blockquote_open", "blockquote_close"),
    }
    # The question is in bold.
    kinds = {"strong_open", "strong_close"} if event is Event.ANSWER_NEEDED else set()
    assert {piece.type for piece in pieces} <= {"text", "hardbreak", "link_open", "link_close"} | kinds
    links = {facts.log_link, facts.run_link, facts.answer_link}
    assert {piece.attrs["href"] for piece in pieces if piece.type == "link_open"} <= links


@pytest.mark.parametrize(
    ("owners", "shown"), [(("airflow",), None), (("airflow", "lisi"), "- 负责人：lisi"), (("lisi",), "- 负责人：lisi")]
)
@pytest.mark.parametrize("event", [Event.TASK_FAILED, Event.DAG_FAILED])
def test_the_owner_of_a_task_without_one_is_no_news(event: Event, owners: tuple[str, ...], shown: str | None) -> None:
    """Airflow calls it ``airflow``."""
    text = built_in_alert(RunFacts(event, "etl_daily", task_id="load", owners=owners), language="zh").text
    assert ("负责人" in text) is (shown is not None)
    assert shown is None or shown in text.splitlines()
