"""README and docs are compared with the code: commands, links, code blocks and tables."""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import itertools
import json
import re
import shlex
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_dingpush import __version__, errors
from airflow_provider_dingpush.alerts import words_en, words_zh
from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.alerts.digest import digest
from airflow_provider_dingpush.alerts.digest_notes import Notes
from airflow_provider_dingpush.alerts.phone_screen import TWO_SCREENS
from airflow_provider_dingpush.alerts.run_facts import RunFacts
from airflow_provider_dingpush.cli.options import parser_of
from airflow_provider_dingpush.connection_fields import FIELDS
from airflow_provider_dingpush.delivery.policy import GROUP_LABELS, DeliveryPolicy
from airflow_provider_dingpush.dingtalk import (
    app_reply_codes,
    app_robot,
    custom_robot,
    media,
    reply_codes,
    sent_work_notifications,
    work_notification,
)
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.hooks import DingTalkAppHook, DingTalkRobotHook
from airflow_provider_dingpush.log_lines import NOTIFICATION_LOG_LINE, SENT_LOG_LINE
from airflow_provider_dingpush.messages import Image, Message
from airflow_provider_dingpush.pipeline import dispatching
from airflow_provider_dingpush.pipeline.callback_limits import CALLBACK_SECONDS
from airflow_provider_dingpush.provider_info import get_provider_info
from airflow_provider_dingpush.receipts import Receipt
from airflow_provider_dingpush.sandbox import Fault, Sandbox
from airflow_provider_dingpush.storage.outbox import Outbox
from tests.docs.pages import (
    CODE_SPAN,
    DOCS,
    PAGES,
    README,
    README_ZH,
    ROOT,
    after_mark,
    blocks,
    name_of,
    names_in,
    prose,
    table_under,
    tables_under,
)
from tests.one_of_each_kind import ONE_OF_EACH_KIND


@pytest.mark.parametrize("page", [README, README_ZH], ids=name_of)
def test_commands_are_where_they_are_looked_for(page: Path) -> None:
    assert after_mark(page, "demo-command").strip().endswith(".venv/bin/dingpush demo")
    assert after_mark(page, "test-command").strip().endswith(".venv/bin/python -m pytest -n auto --dist worksteal")


def test_first_example_is_short_and_makes_the_dag() -> None:
    code = next(code for language, code in blocks(README) if language == "python")
    assert len(code.splitlines()) == 8
    namespace: dict[str, object] = {}
    exec(code, namespace)  # noqa: S102 - our own docs
    assert namespace["alert"]


@pytest.mark.parametrize("page", [README, README_ZH], ids=name_of)
def test_support_table_is_the_tested_matrix(page: Path) -> None:
    matrix = re.search(
        r"^\[tool\.dingpush\.matrix\]\n((?:\".+\n)+)", (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE
    )
    assert matrix
    tested = {}
    for line in matrix[1].splitlines():
        airflow, *pythons = re.findall(r'"([\w.]+)"', line)
        if not airflow.replace(".", "").isdigit():
            continue  # a beta is tested, but not promised
        tested[airflow] = f"{pythons[0]}–{pythons[-1]}"
    lines = page.read_text("utf-8").splitlines()
    header = next(line for line in lines if line.startswith("| Airflow |"))
    airflows = [cell.strip() for cell in header.strip("|").split("|")][1:]
    (pythons,) = table_under(page, "Airflow")
    assert dict(zip(airflows, pythons[1:], strict=True)) == tested


@pytest.mark.parametrize(
    ("page", "header", "conn_types"),
    [
        ("en/connection.md", "Extra of a robot", ["dingtalk_robot"]),
        ("zh/connection.md", "机器人的字段", ["dingtalk_robot"]),
        ("en/apps.md", "Extra of an app", ["dingtalk_app"]),
        ("zh/apps.md", "应用的字段", ["dingtalk_app"]),
        ("en/connection.md", "Extra", ["dingtalk_robot", "dingtalk_app"]),
        ("zh/connection.md", "字段 | 含义", ["dingtalk_robot", "dingtalk_app"]),
    ],
    ids=["robot-en", "robot-zh", "app-en", "app-zh", "both-en", "both-zh"],
)
def test_extras_table_is_the_forms(page: str, header: str, conn_types: list[str]) -> None:
    """One row of one table in each language, in the order of ``connection_fields.py``."""
    rows = table_under(DOCS / page, header)
    types_of: dict[str, list[str]] = {}
    for each in FIELDS:
        types_of.setdefault(each.name, []).extend(each.conn_types)
    fields_of_form = [name for name, types in types_of.items() if types == conn_types]
    assert [names_in(row[:1]) for row in rows] == [[name] for name in fields_of_form]


@pytest.mark.parametrize(
    ("page", "header"),
    [
        (README, "Option in `[dingpush]`"),
        (README_ZH, "`[dingpush]` 配置项"),
        (DOCS / "en" / "alerts.md", "Option in `[dingpush]`"),
        (DOCS / "zh" / "alerts.md", "`[dingpush]` 配置项"),
    ],
    ids=["README", "README.zh-CN", "alerts", "zh/alerts"],
)
def test_options_table_is_provider_infos(page: Path, header: str) -> None:
    options = get_provider_info()["config"]["dingpush"]["options"]
    # In the order in which people need them.
    assert sorted(names_in(row[:1]) for row in table_under(page, header)) == sorted([name] for name in options)


@pytest.mark.parametrize("page", ["en/troubleshooting.md", "zh/troubleshooting.md"])
def test_codes_table_is_what_is_known(page: str) -> None:
    known = {code: {meaning.error.__name__} for code, meaning in reply_codes._MEANINGS.items()}
    security = {meaning.error.__name__ for meaning in reply_codes._SECURITY.values()}
    known["310000"] = security | {reply_codes._OTHER_SECURITY.error.__name__}
    rows = table_under(DOCS / page, "errcode")
    assert {row[0]: set(names_in(row[1:2])) for row in rows} == known
    assert len(rows) == len(known)


@pytest.mark.parametrize(
    ("page", "header"), [("en/troubleshooting.md", "code of an app"), ("zh/troubleshooting.md", "应用错误码")]
)
def test_codes_table_of_apps_is_what_is_known(page: str, header: str) -> None:
    listed = {
        code: names_in([row[1]])
        for row in table_under(DOCS / page, header)
        # A star means anything: one code of the family is asked about.
        for code in names_in(row[:1])
    }
    known = {*app_reply_codes._OLD_CODES, *app_reply_codes._V1_CODES}
    assert {code for code in listed if "*" not in code} == known
    meant = {code: [app_reply_codes._meaning(code.replace("*", "Any"), 400).error.__name__] for code in listed}
    assert listed == meant
    families = [code.replace("*", "Any") for code in listed if "*" in code]
    unnamed = [
        marks for marks, _ in app_reply_codes._V1_FAMILIES if not any(re.search(marks, each) for each in families)
    ]
    assert unnamed == []


@pytest.mark.parametrize(
    ("page", "header"),
    [("en/troubleshooting.md", "code"), ("zh/troubleshooting.md", "代码")],
    ids=["en", "zh"],
)
def test_table_of_undelivered_work_notifications_is_what_is_known(page: str, header: str) -> None:
    listed = [code for row in table_under(DOCS / page, header) for code in re.split(r"[,、]\s*", row[0])]
    assert sorted(listed) == sorted(sent_work_notifications._FORBIDDEN)


PUBLIC_MESSAGES: list[str] = importlib.import_module("airflow_provider_dingpush.messages").__all__


def goes_through(channel: Callable[[Message], object], message: Message) -> bool:
    try:
        channel(message)
    except errors.UnsupportedMessageError:
        return False
    return True


@pytest.mark.parametrize(
    ("page", "header"),
    [
        (README, "Kind | Custom robot"),
        (README_ZH, "消息 | 自定义机器人"),
        (DOCS / "en" / "apps.md", "Kind | Custom robot"),
        (DOCS / "zh" / "apps.md", "消息 | 自定义机器人"),
    ],
    ids=["README", "README.zh-CN", "apps", "zh/apps"],
)
def test_table_of_kinds_is_what_each_channel_carries(page: Path, header: str) -> None:
    listed = {
        kind: [cell[:1] for cell in row[1:]]
        for row in table_under(page, header)
        for kind in names_in(row[:1])
        if kind in PUBLIC_MESSAGES
    }
    channels: list[Callable[[Message], object]] = [
        custom_robot.carried,
        lambda message: app_robot.encoded(message, None),
        lambda message: work_notification.encoded(message, None),
    ]
    carried = {
        type(each).__name__: ["✓" if goes_through(channel, each) else "–" for channel in channels]
        for each in ONE_OF_EACH_KIND
    }
    # Of a URL a custom robot shows it.
    assert goes_through(custom_robot.carried, Image("https://example.com/a.png"))
    carried["Image"][0] = "✓"
    assert listed == carried


@pytest.mark.parametrize(
    ("page", "header"), [("en/apps.md", "Kind | Formats"), ("zh/apps.md", "消息 | 格式")], ids=["en", "zh"]
)
def test_table_of_formats_is_what_is_checked(page: str, header: str) -> None:
    for (_, formats, most), (kind, robot_takes) in zip(
        table_under(DOCS / page, header),
        [("image", ()), ("file", app_robot._FILE_TYPES), ("voice", ("amr",)), ("video", ())],
        strict=True,
    ):
        rule = media.RULES[kind]  # type: ignore[index] # a literal of four words
        listed, _, by_robot = re.sub(r"[、，]", ", ", formats).replace("；", ";").partition(";")
        assert tuple(listed.split(", ")) == rule.endings
        assert by_robot.endswith(", ".join(robot_takes))
        assert most.startswith(f"{rule.at_most_bytes // 1024**2} MB")


@pytest.mark.parametrize("page", ["en/apps.md", "zh/apps.md"])
def test_limits_are_those_of_the_code(page: str) -> None:
    text = (DOCS / page).read_text("utf-8")
    assert f"| {custom_robot.MAX_BODY_BYTES:,}" in text
    assert f"| {app_robot.MAX_PARAM_BYTES:,}" in text
    assert f"| {work_notification.MAX_MESSAGE_BYTES:,}" in text
    people, departments = work_notification.PEOPLE_PER_CALL, work_notification.DEPARTMENTS_PER_CALL
    robot = app_robot.PEOPLE_PER_CALL
    listed = {
        "en/apps.md": f"| {robot} by robot; {people} people and {departments} departments by work notification |",
        "zh/apps.md": f"| 机器人 {robot} 人；工作通知 {people} 人、{departments} 个部门 |",
    }
    assert listed[page] in text


@pytest.mark.parametrize("page", ["en/blog-posts.md", "zh/blog-posts.md"])
def test_errors_of_the_blog_posts_snippet_are_those_that_are_raised(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"to_user": "zhangsan", "agentid": 123, "msgtype": "image", "image": {"media_id": "@lADO"}}
    with Sandbox() as sandbox:
        monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", sandbox.webhook_url)
        app = json.loads(sandbox.connection_of(sandbox.app))
        for name in ("open_conversation_id", "agent_id"):
            del app["extra"][name]
        monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", json.dumps(app))
        robot_hook, app_hook = DingTalkRobotHook(), DingTalkAppHook()
        raised = [
            error_of(lambda: robot_hook.send(wrong)),
            error_of(lambda: robot_hook.send(Image("@lADO"))),
            error_of(lambda: robot_hook.send("hello", to={"user_ids": ["zhangsan"]})),
            error_of(lambda: app_hook.send("hello")),
            error_of(lambda: app_hook.send("hello", to={"work_notification": {"user_ids": ["zhangsan"]}})),
        ]
        assert sandbox.messages == ()
        url = f"https://oapi.dingtalk.com/robot/send?access_token={sandbox.app.app_key}"
        monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", url)
        raised.insert(0, error_of(lambda: DingTalkRobotHook().send("hello")))
    header = {"en/blog-posts.md": "You do", "zh/blog-posts.md": "你做了什么"}[page]
    assert [re.findall(r"`(.+)`", row[1]) for row in table_under(DOCS / page, header)] == [
        [error.problem] for error in raised
    ]
    # What to do instead, in both languages.
    assert [each.problem for each in raised if not re.search(r"[a-z] .*[\u4e00-\u9fff]", each.advice)] == []


def error_of(send: Callable[[], object]) -> errors.DingTalkError:
    with pytest.raises(errors.DingTalkError) as raised:
        send()
    return raised.value


@pytest.mark.parametrize(("page", "header"), [("en/messages.md", "Field"), ("zh/messages.md", "字段")])
def test_fields_of_the_receipt_are_listed(page: str, header: str) -> None:
    listed = [name for row in table_under(DOCS / page, header) for name in names_in(row[:1])]
    assert listed == [each.name for each in fields(Receipt) if each.name != "conn_id"]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_are_known(page: Path) -> None:
    for language, code in blocks(page):
        lines = code.splitlines() if language == "bash" else []
        for line in lines:
            _, found, arguments = line.partition("dingpush ")
            if found and not line.lstrip().startswith("#") and not arguments.startswith("--"):
                words = itertools.takewhile(lambda word: word not in {"|", "&&", ";"}, shlex.split(arguments))
                parser_of("en").parse_args(list(words))


@pytest.mark.parametrize(("page", "header"), [("en/alerts.md", "Fact"), ("zh/alerts.md", "名称")])
def test_facts_table_is_complete(page: str, header: str) -> None:
    rows = table_under(DOCS / page, header)
    properties = {name for name, value in vars(RunFacts).items() if isinstance(value, property)}
    listed = [name.partition("(")[0] for name in names_in([row[0] for row in rows])]
    assert sorted(listed) == sorted(set(RunFacts._fields) | properties | {"duration_text"})
    assert set(names_in([rows[0][1]])) == {event.value for event in Event}


def test_error_tree_is_complete() -> None:
    (tree,) = (code for language, code in blocks(DOCS / "en" / "messages.md") if language == "text")
    listed = re.findall(r"\b[A-Z]\w+Error\b", tree)
    assert sorted(listed) == sorted(errors.__all__)
    # The tree is code, which both languages share; what it says of each error stands in a table of the Chinese page.
    rows = table_under(DOCS / "zh" / "messages.md", "异常")
    assert [name for row in rows for name in names_in(row[:1])] == [each for each in listed if each != "DingTalkError"]


@pytest.mark.parametrize("page", ["en/troubleshooting.md", "zh/troubleshooting.md"])
def test_log_lines_to_look_for_are_those_that_are_written(page: str) -> None:
    text = (DOCS / page).read_text("utf-8")
    assert f"`{NOTIFICATION_LOG_LINE}`" in text
    assert f"`{SENT_LOG_LINE}: …`" in text


def texts_of_the_code() -> list[str]:
    """Every text in the package; what varies in it is a placeholder of ``logging`` or ``…``."""
    texts = []
    for file in sorted((ROOT / "airflow_provider_dingpush").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "…" for part in node.values]
                texts.append("".join(str(part) for part in parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return texts


SYMPTOMS = [(DOCS / "en" / "troubleshooting.md", "Cause"), (DOCS / "zh" / "troubleshooting.md", "原因")]


@pytest.mark.parametrize(("page", "header"), SYMPTOMS, ids=["en", "zh"])
def test_what_shows_the_cause_of_a_symptom_exists(page: Path, header: str) -> None:
    """A span of code with a space is a log line that is written, or a command that is understood."""
    rows = [row for table in tables_under(page, header) for row in table]
    assert len(rows) > 60
    assert [row for row in rows if len(row) != 3 or not all(row)] == []
    spans = {span for row in rows for span in CODE_SPAN.findall(row[1])}
    commands = {span for span in spans if re.match(r"(dingpush|airflow|curl) ", span)}
    for command in commands:
        if command.startswith("dingpush "):
            parser_of("en").parse_args(shlex.split(command)[1:])
    lines = {span for span in spans - commands if " " in span}
    texts = texts_of_the_code()
    patterns = {line: re.compile(".*".join(map(re.escape, line.split("…"))), re.DOTALL) for line in lines}
    assert sorted(line for line, each in patterns.items() if not any(map(each.search, texts))) == []
    assert len(patterns) > 15
    assert {span for span in spans if re.fullmatch(r"\w+Error", span)} <= set(errors.__all__)


def test_both_languages_have_the_same_symptoms() -> None:
    """As many causes in the same order, and the same ways to see them."""
    english, chinese = (tables_under(*each) for each in SYMPTOMS)
    seen = [[[names_in(row[1:2]) for row in table] for table in tables] for tables in (english, chinese)]
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (README, "task callback share {:g} seconds"),
        (README_ZH, "总共最多用 {:g} 秒"),
        (DOCS / "en" / "alerts.md", "task callback share {:g} seconds"),
        (DOCS / "zh" / "alerts.md", "总共最多用 {:g} 秒"),
    ],
    ids=["README", "README.zh-CN", "alerts", "zh/alerts"],
)
def test_time_budget_is_that_of_the_code(page: Path, words: str) -> None:
    assert words.format(CALLBACK_SECONDS) in page.read_text("utf-8")


STORMS = [DOCS / "en" / "storms.md", DOCS / "zh" / "storms.md"]


def example_digest(language: str) -> str:
    """What a group reads after the night that the page describes; links without their addresses."""

    def at(clock: str) -> float:
        return datetime.fromisoformat(f"2026-11-22T{clock}:00+08:00").timestamp()

    def alert(dag_id: str, task_id: str, clock: str, summary: str = "", **values: Any) -> Alert:
        index = values.get("map_index")
        return Alert(
            key=f"{dag_id}.{task_id}.{index}",
            mailbox=Mailbox("dingtalk_default"),
            at=at(clock),
            dag_id=dag_id,
            run_id="scheduled__1",
            task_id=task_id,
            summary=summary,
            log_link="https://airflow.example.com/log",
            run_link="https://airflow.example.com/run",
            **{"event": "task_failed", "try_number": 1, **values},
        )

    refused = "OperationalError: could not connect to server: Connection refused (10.8.0.21:5432)"
    often = alert("ods_sync", "copy_users", "03:01", 'ProgrammingError: relation "ods_users" does not exist')
    over = alert("user_sync", "publish", "03:09", event="task_succeeded", resolved=True, try_number=3)
    alerts = [
        *(
            alert("etl_daily", "load_orders", f"03:0{4 + index % 3}", refused, map_index=index, try_number=2)
            for index in range(12)
        ),
        alert("etl_daily", "check_totals", "03:06", "ValueError: 3 orders without a customer"),
        often,
        over,
    ]
    notes = Notes(
        number="a3f2",
        paused=(at("02:58"), at("03:08"), "throttled"),
        repeats={often.incident: 59},
        folded={("etl_daily", "scheduled__1"): "dag_failed"},
        recovered={over.key: (at("02:51"), 3)},
    )
    message = digest(
        alerts,
        notes,
        language=language,
        zone=ZoneInfo("Asia/Shanghai"),
        at_most_bytes=18_000,
        environment={"en": "production", "zh": "生产"}[language],
    )
    return re.sub(r"\[(log|run failed|日志|整次运行失败)\]\([^)]*\)", r"\1", message.text)


@pytest.mark.parametrize("page", STORMS, ids=name_of)
def test_example_digest_is_one_that_is_written(page: Path) -> None:
    shown = page.read_text("utf-8").partition("<!-- digest -->\n")[2].partition("\n\n")[0]
    written = example_digest("zh" if page.parent.name == "zh" else "en")
    assert shown == "\n".join(f"> {line}".rstrip() for line in written.splitlines())


@pytest.mark.parametrize(
    ("page", "header", "words"),
    [(STORMS[0], "What you read", words_en.WORDS), (STORMS[1], "看到什么", words_zh.WORDS)],
    ids=["en", "zh"],
)
def test_words_of_a_digest_that_are_explained_are_those_that_are_written(
    page: Path, header: str, words: dict[str, Any]
) -> None:
    phrases = [name for row in table_under(page, header) for name in names_in(row[:1])]
    written = {
        name: [pattern_of(each) for each in (texts if isinstance(texts, tuple) else (texts,))]
        for name, texts in words.items()
    }
    listed = {
        name for name, patterns in written.items() for each in phrases if any(re.fullmatch(p, each) for p in patterns)
    }
    # The first is a task's name and a count, which have no words.
    unknown = [
        each for each in phrases[1:] if not any(re.fullmatch(p, each) for every in written.values() for p in every)
    ]
    assert unknown == []
    assert listed >= {
        *("run_failed", "tries", "repeats", "failed_recovered_at", "same_reason", "more", "overflow_count", "paused"),
        *("merged_until_tomorrow", "dead_letters", "skipped", "number", "may_repeat"),
    }


def pattern_of(template: str) -> str:
    """What such words look like with values in them."""
    parts = re.split(r"(\{[^}]*\})", template)
    return "".join(("[\\d,]+" if ":," in each else ".+") if each[:1] == "{" else re.escape(each) for each in parts)


@pytest.mark.parametrize(
    ("page", "header"), [("en/connection.md", "Extra"), ("zh/connection.md", "字段 | 含义")], ids=["en", "zh"]
)
def test_defaults_of_delivery_are_those_of_the_code(page: str, header: str) -> None:
    policy = DeliveryPolicy()
    defaults = {
        "rate_limit_per_minute": f"{policy.rate_limit_per_minute}",
        "group_by": f"`{policy.group_by[0]}`",
        "group_interval_seconds": f"{policy.group_interval_seconds:g}",
        "repeat_interval_seconds": f"{policy.repeat_interval_seconds:g}",
        "send_resolved": f"`{policy.send_resolved}`".lower(),
        "monthly_quota": f"{policy.monthly_quota}",
    }
    rows = {names_in(row[:1])[0]: row for row in table_under(DOCS / page, header)}
    assert {name: re.split(r"[:，]", rows[name][2])[0] for name in defaults} == defaults
    assert set(names_in([rows["group_by"][1]])) == set(GROUP_LABELS)


@pytest.mark.parametrize("page", STORMS, ids=name_of)
def test_bounds_of_a_storm_are_those_of_the_code(page: Path) -> None:
    text, bounds = page.read_text("utf-8"), inspect.signature(Outbox).parameters
    assert f"{bounds['most_alerts'].default:,}" in text
    assert f"{bounds['most_bytes'].default // 1_000_000} MB" in text
    assert re.search(rf" {TWO_SCREENS} (lines|行)", text)
    assert re.search(rf" {DeliveryPolicy().rate_limit_per_minute} (messages|条)", text)
    assert re.search(rf" {CALLBACK_SECONDS:g} (seconds|秒)", text)


@pytest.mark.parametrize("page", [README, README_ZH, *STORMS], ids=name_of)
def test_the_two_lines_of_the_flush_dag_are_those_that_a_warning_prints(page: Path) -> None:
    (code,) = (code for language, code in blocks(page) if language == "python" and "create_flush_dag" in code)
    lines = [line for line in code.splitlines() if line]
    printed = inspect.getsource(dispatching.report_pending)
    assert len(lines) == 2
    assert [line for line in lines if line not in printed] == []


@pytest.mark.parametrize(("page", "header"), [("en/sandbox.md", "Option"), ("zh/sandbox.md", "选项")])
def test_every_option_of_the_sandbox_is_listed(page: str, header: str) -> None:
    (commands,) = (each for each in parser_of("en")._actions if isinstance(each, argparse._SubParsersAction))
    options = {flag for action in commands.choices["sandbox"]._actions for flag in action.option_strings}
    listed = names_in([row[0] for row in table_under(DOCS / page, header)])
    assert set(listed) == options - {"-h", "--help"}


@pytest.mark.parametrize("page", ["en/sandbox.md", "zh/sandbox.md"])
def test_faults_named_in_the_docs_exist(page: str) -> None:
    named = re.findall(r"Fault\.([A-Z_]+)", (DOCS / page).read_text("utf-8"))
    assert named
    assert set(named) <= {fault.name for fault in Fault}


def test_changelog_begins_with_this_version() -> None:
    versions = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert versions[0] == __version__


def test_changelogs_have_the_same_versions_and_as_many_entries() -> None:
    english, chinese = ((page.read_text("utf-8")) for page in (ROOT / "CHANGELOG.md", DOCS / "zh" / "changelog.md"))
    heading = re.compile(r"^## (\S+)(?: - (\d{4}-\d{2}-\d{2}))?", re.MULTILINE)
    assert heading.findall(chinese) == heading.findall(english)
    entries = [
        [len(re.findall(r"^- ", section, re.MULTILINE)) for section in re.split(r"^##+ ", text, flags=re.MULTILINE)]
        for text in (english, chinese)
    ]
    assert entries[0] == entries[1]


@pytest.mark.parametrize("page", [ROOT / "example_dags" / "README.md", DOCS / "zh" / "examples.md"], ids=name_of)
def test_every_example_is_listed_once(page: Path) -> None:
    text = prose(page)
    listed = re.findall(r"^\| \[(\w+\.py)\]", text, re.MULTILINE)
    assert sorted(listed) == sorted(each.name for each in (ROOT / "example_dags").glob("*.py"))


@pytest.mark.parametrize(
    ("page", "section"),
    [
        (ROOT / "CONTRIBUTING.md", "## How do I add"),
        (DOCS / "en" / "development.md", "## How to find your way"),
        (DOCS / "zh" / "development.md", "## 如何找到代码"),
    ],
    ids=["contributing", "development", "zh/development"],
)
def test_files_named_in_guides_for_contributors_exist(page: Path, section: str) -> None:
    guide = page.read_text("utf-8").partition(section)[2].partition("\n## ")[0]
    named = {name for name in CODE_SPAN.findall(guide) if re.fullmatch(r"[\w/]+(\.py|/)", name)} - {"tests/"}
    package = ROOT / "airflow_provider_dingpush"
    assert {"events.py", "connection_fields.py"} <= named
    assert sorted(name for name in named if not any((home / name).exists() for home in (package, ROOT))) == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_line_holds_what_looks_like_a_real_credential(page: Path) -> None:
    text = page.read_text("utf-8")
    assert not re.search(r"access_token=[0-9A-Za-z]{8}", text)
    assert not re.search(r"SEC[0-9a-f]{8}", text)
