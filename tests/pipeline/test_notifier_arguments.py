"""Mistakes in a notifier's arguments, and callbacks whose context is broken: the alert is sent, with a note."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import jinja2.nativetypes
import pytest

from airflow_provider_dingpush.airflow_compat import AirflowFailException, is_airflow_3
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.messages import (
    OA,
    ActionCard,
    At,
    Audio,
    Button,
    FeedCard,
    FeedLink,
    File,
    Image,
    Link,
    Markdown,
    Text,
    Video,
)
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.operators import DingTalkOperator
from airflow_provider_dingpush.pipeline import callback_limits
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.targets import Group, Users, WorkNotification
from tests.callback_contexts import run_context, task_context
from tests.conftest import SECRET
from tests.default_robot import texts

pytestmark = pytest.mark.usefixtures("unhurried")

APP = "dingtalk_app_default"
PAGE = "https://example.com/page"
NOT_SENT = "The notifier's own message could not be sent"
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


def shown(sandbox: Sandbox) -> list[str]:
    """The Markdown texts in the chats of the app."""
    return [each.shown["markdown"]["text"] for each in sandbox.messages]


# What a channel can't carry.

FEED = FeedCard([FeedLink("row", PAGE, PAGE)])
MANY_BUTTONS = ActionCard("t", "x", [Button(f"b{number}", f"{PAGE}/{'x' * 200}") for number in range(6)])
CANNOT_CARRY: dict[str, tuple[str, Any, list[Any]]] = {
    "robot": (
        "dingtalk_default",
        None,
        [OA("t", PAGE), File("/no/such.zip"), File(b"PK", name="a.zip"), Image(PNG), Image("/no/such.png")],
    ),
    "app group": (APP, None, [FEED, OA("t", PAGE), MANY_BUTTONS, Image("/no/such.png"), File("/no/such.csv")]),
    "app people": (APP, Users("lisi"), [FEED, OA("t", PAGE), Audio("/no/such.amr", 3), File(b"1,2", name="a.csv")]),
    "work notification": (
        APP,
        WorkNotification("lisi"),
        [
            FEED,
            MANY_BUTTONS,
            Video("/no/such.mp4", 3, "/no/such.png"),
            Link("t", "x", PAGE, pic_url=PAGE),
            Audio("@voice", 61),
            ActionCard("t", "x", [Button("b", f"{PAGE}/{'x' * 600}")]),
            OA("t", PAGE, form=[(f"k{number}", "v" * 100) for number in range(30)]),
        ],
    ),
}


@pytest.mark.parametrize(
    ("conn_id", "to", "message"),
    [
        pytest.param(conn_id, to, message, id=f"{channel}: {type(message).__name__} {place}")
        for channel, (conn_id, to, messages) in CANNOT_CARRY.items()
        for place, message in enumerate(messages)
    ],
)
def test_what_a_channel_can_not_carry_becomes_the_whole_built_in_alert(
    connected: Sandbox, app_connected: Sandbox, conn_id: str, to: Any, message: Any
) -> None:
    """With a note of what is wrong; never a bare name, whose reader learns neither the failure nor the mistake."""
    DingTalkNotifier(dingtalk_conn_id=conn_id, to=to, message=message, language="en")(task_context())
    (arrived,) = connected.messages
    text = arrived.shown["markdown"]["text"]
    assert "no such table" in text
    assert "View log" in text
    assert NOT_SENT in text
    if isinstance(to, WorkNotification):
        assert len(json.dumps(arrived.payload, ensure_ascii=False).encode()) <= 2048


def test_a_status_bar_for_many_people_is_no_reason_to_lose_the_alert(app_connected: Sandbox) -> None:
    """A rule about message and people together."""
    people = WorkNotification(["zhangsan", "lisi", "wangwu", "u4", "u5", "u6"])
    DingTalkNotifier(dingtalk_conn_id=APP, to=people, message=OA("t", PAGE, status="failed"), language="en")(
        task_context()
    )
    assert all("no such table" in text and "OA.status" in text for text in shown(app_connected))
    assert shown(app_connected)


@pytest.mark.parametrize("to", [None, Users("lisi"), WorkNotification("lisi")], ids=repr)
def test_a_file_that_is_there_is_uploaded_and_sent(app_connected: Sandbox, tmp_path: Path, to: Any) -> None:
    """What the channel can carry it carries, also when it was written down before."""
    picture = tmp_path / "chart.png"
    picture.write_bytes(PNG)
    DingTalkNotifier(dingtalk_conn_id=APP, to=to, message=Image(str(picture)))(task_context())
    (message,) = app_connected.messages
    assert "markdown" not in message.shown


# Templates, and what they see.


class Hostile:
    """Raises whatever is asked of it."""

    def __init__(self, error: Exception) -> None:
        object.__setattr__(self, "_error", error)

    def __getattr__(self, name: str) -> Any:
        raise object.__getattribute__(self, "_error")


def broken_extension() -> Any:
    return jinja2.Environment(extensions=["no_such_package.extension"], autoescape=True)


def raises(error: Exception) -> Callable[[], Any]:
    def environment() -> Any:
        raise error

    return environment


@pytest.mark.parametrize(
    "environment",
    [
        broken_extension,
        raises(AttributeError("no such thing")),
        raises(RuntimeError("broken")),
        raises(KeyError("x")),
        lambda: None,
        lambda: jinja2.Environment(autoescape=False).filters,
    ],
)
@pytest.mark.parametrize("message", ["{{ ti.task_id }} failed", "plain words", Markdown("t", "{{ ds }}")], ids=repr)
def test_a_broken_template_environment_sends_the_built_in_alert(
    connected: Sandbox, environment: Any, message: Any
) -> None:
    """Such as one with an extension that isn't installed."""
    context = task_context()
    context["dag"].get_template_env = environment
    DingTalkNotifier(message=message, at=At("13800000000"), language="en")(context)
    (arrived,) = connected.messages
    assert "no such table" in arrived.payload["markdown"]["text"]
    assert NOT_SENT in arrived.payload["markdown"]["text"]
    # What holds no template needs no environment.
    assert arrived.payload["at"]["atMobiles"] == ["13800000000"]


class UnspeakableError(Exception):
    """Fails when it is looked at."""

    def __str__(self) -> str:
        raise UnspeakableError

    __repr__ = __str__


@pytest.mark.parametrize("error", [UnspeakableError(), RecursionError(), MemoryError(), KeyError(object())])
def test_whatever_a_macro_raises_the_alert_comes(connected: Sandbox, error: Exception) -> None:
    at: Any = "{{ fail() }}"
    DingTalkNotifier(message="{{ fail() }}", at=at, language="en")(task_context(fail=raises(error)))
    (text,) = texts(connected)
    assert f"Its template failed with {type(error).__name__}" in text
    assert "no such table" in text


def test_a_filter_that_is_none_sends_the_built_in_alert(connected: Sandbox) -> None:
    """``user_defined_filters`` may hold anything."""
    context = task_context()
    env = jinja2.Environment(autoescape=False)
    env.filters["money"] = 5
    context["dag"].get_template_env = lambda: env
    DingTalkNotifier(message="{{ 3 | money }}", language="en")(context)
    assert NOT_SENT in texts(connected)[0]


@pytest.mark.skipif(not is_airflow_3(), reason="a context of Airflow 2 belongs to one thread")
@pytest.mark.parametrize("argument", ["message", "at", "dingtalk_conn_id"])
def test_a_template_that_hangs_costs_no_alert(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, argument: str
) -> None:
    """Such as a variable of a backend that doesn't answer: the callback was killed before the alert was safe."""
    monkeypatch.setattr(callback_limits, "CALLBACK_SECONDS", 2.0)
    answered = threading.Event()
    templates: dict[str, Any] = {
        "message": "{{ ask() }}",
        "at": {"mobiles": "{{ ask() }}"},
        "dingtalk_conn_id": "{{ ask() }}",
    }
    try:
        arguments = {argument: templates[argument]}
        DingTalkNotifier(**arguments, language="en")(task_context(ask=lambda: answered.wait(60) and "x"))
    finally:
        answered.set()
    # It is safe, and on a machine that isn't busy sent by now.
    assert main(["flush", "--now"]) == 0
    (text,) = texts(connected)
    assert "no such table" in text
    assert "Its template took too long" in text


class RaisingState(SimpleNamespace):
    """A task instance whose state can't be read."""

    @property
    def state(self) -> str:
        raise RuntimeError("no session")


@pytest.mark.parametrize("message", [None, "{{ ti.task_id }}", "{{ ti.state }}"])
def test_a_state_that_raises_costs_no_alert(connected: Sandbox, message: str | None) -> None:
    context = task_context()
    values = {name: value for name, value in vars(context["ti"]).items() if name != "state"}
    DingTalkNotifier(message=message, language="en")({**context, "ti": RaisingState(**values)})
    assert len(connected.messages) == 1
    assert "load" in texts(connected)[0]


@pytest.mark.parametrize(
    "context",
    [
        pytest.param(None, id="None"),
        pytest.param(42, id="a number"),
        pytest.param("words", id="a str"),
        pytest.param([1, 2], id="a list"),
        pytest.param(Hostile(RuntimeError("no")), id="an object that raises"),
        pytest.param({"ti": Hostile(RuntimeError("no"))}, id="ti raises"),
        pytest.param({"ti": 5, "dag": 7, "reason": object(), "dag_run": Hostile(ValueError("x"))}, id="odd types"),
        pytest.param({"dag": Hostile(KeyError("x")), "reason": "task_failure"}, id="dag raises"),
        pytest.param({"exception": Hostile(RuntimeError("no")), "ti": object()}, id="exception raises"),
    ],
)
@pytest.mark.parametrize("message", [None, "own words", "{{ ti.task_id }}"])
def test_no_context_costs_the_alert(connected: Sandbox, context: Any, message: str | None) -> None:
    """Whatever Airflow or a test may call it with."""
    DingTalkNotifier(message=message).notify(context)
    assert len(connected.messages) == 1


@pytest.mark.parametrize(
    "at",
    [
        {"mobiles": "{{ oops.mobile }}"},
        {"user_ids": ["{{ oops }}"]},
        At(mobiles="{{ oops[0] }}"),
        "{{ oops }}",
        {"mobiles": "{{ '' }}"},
        {"mobiles": "{{ ti"},
        {"mobiles": "{{ 1 / 0 }}"},
    ],
    ids=repr,
)
@pytest.mark.parametrize("conn_id", ["dingtalk_default", APP])
def test_mentions_with_a_missing_variable_are_left_out_with_a_note(
    connected: Sandbox, app_connected: Sandbox, caplog: pytest.LogCaptureFixture, at: Any, conn_id: str
) -> None:
    """The alert is whole, mentions nobody, and names the argument."""
    DingTalkNotifier(at=at, dingtalk_conn_id=conn_id, language="en")(task_context())
    (message,) = connected.messages
    text = message.shown["markdown"]["text"]
    assert "no such table" in text
    assert "The notifier's at= can't be used" in text
    assert "at" not in message.payload
    assert "The notifier's mentions are left out: " in caplog.text


def test_mentions_that_fail_are_noted_below_an_own_text(connected: Sandbox) -> None:
    """The message is the user's, and the note comes after it."""
    at: Any = "{{ oops }}"
    DingTalkNotifier(message="own words", at=at, language="en")(task_context())
    assert texts(connected)[0].startswith("own words\n(The notifier's at= can't be used")


def test_mentions_that_fail_are_noted_below_the_text_of_a_card(connected: Sandbox) -> None:
    """It has a text as well."""
    card = ActionCard("t", "x", [Button("b", PAGE)])
    DingTalkNotifier(message=card, at={"mobiles": "{{ oops.mobile }}"}, language="en")(task_context("t"))
    assert "at= can't be used" in connected.messages[0].payload["actionCard"]["text"]


@pytest.mark.parametrize("url", ["\ufeffhttps://airflow.example.com", "https://airflow.\u200bexample.com/\u2060"])
def test_what_nobody_sees_in_an_option_does_not_break_the_links(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """Options are pasted as well."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__BASE_URL", url)
    monkeypatch.setenv("AIRFLOW__DINGPUSH__LINKS", "\u200bplain")
    DingTalkNotifier()(task_context("t"))
    assert "](https://airflow.example.com/dags/" in connected.messages[0].payload["markdown"]["text"]


@pytest.mark.parametrize(
    "to",
    [
        Users("{{ oops.id }}"),
        {"user_ids": "{{ oops }}"},
        "{{ oops }}",
        Group("{{ oops }}"),
        {"work_notification": "{{ 1 }}"},
    ],
    ids=repr,
)
def test_a_target_with_a_missing_variable_is_the_own_group(
    app_connected: Sandbox, caplog: pytest.LogCaptureFixture, to: Any
) -> None:
    DingTalkNotifier(dingtalk_conn_id=APP, to=to, language="en")(task_context())
    (message,) = app_connected.messages
    assert message.conversation.key == "group:1"
    assert "no such table" in message.shown["markdown"]["text"]
    assert "The notifier's to= can't be used" in message.shown["markdown"]["text"]
    assert "the connection's default group is used" in caplog.text


@pytest.mark.parametrize("conn_id", ["{{ oops }}", "{{ '' }}", "{{ ti", "{{ 1 / 0 }}", "team_{{ oops.name }}"])
def test_a_connection_id_with_a_missing_variable_is_the_default_one(
    connected: Sandbox, caplog: pytest.LogCaptureFixture, conn_id: str
) -> None:
    DingTalkNotifier(dingtalk_conn_id=conn_id, language="en")(task_context())
    (text,) = texts(connected)
    assert "no such table" in text
    assert "The notifier's dingtalk_conn_id can't be used" in text
    assert "'dingtalk_default' is used instead" in caplog.text


@pytest.mark.parametrize("message", ["{{ broken", FEED, {"msgtype": "nonsense"}], ids=repr)
def test_the_note_is_in_the_language_of_the_connection(
    app_connected: Sandbox, monkeypatch: pytest.MonkeyPatch, message: Any
) -> None:
    """It is known only when the connection has been looked up."""
    connection = json.loads(app_connected.connection_of(app_connected.app))
    connection["extra"]["language"] = "en"
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", json.dumps(connection))
    DingTalkNotifier(dingtalk_conn_id=APP, message=message)(task_context())
    (arrived,) = app_connected.messages
    assert arrived.shown["markdown"]["title"] == "Failed: etl_daily · load_orders"
    assert NOT_SENT in arrived.shown["markdown"]["text"]


def test_a_success_whose_own_message_is_broken_is_sent(connected: Sandbox) -> None:
    """A notification of each success was asked for."""
    context = task_context()
    context["ti"].state = "success"
    del context["exception"]
    DingTalkNotifier(message="{{ broken", language="en")(context)
    assert NOT_SENT in texts(connected)[0]


# Native rendering, plain words and files.


def native_context(**values: Any) -> dict[str, Any]:
    context = task_context(**values)
    env = jinja2.nativetypes.NativeEnvironment(undefined=jinja2.StrictUndefined)
    context["dag"].get_template_env = lambda: env
    return context


@pytest.mark.parametrize("words", ["1_000", "'失败'", "['north', 'south']", "1e5", "True", "None", "{'a': 1}", "0x10"])
@pytest.mark.parametrize("template", ["{words}", "{{{{ words }}}}", "{{{{ words[:1] }}}}{{{{ words[1:] }}}}"])
def test_text_stays_text(connected: Sandbox, words: str, template: str) -> None:
    """Whatever it spells in Python."""
    source = template.format(words=words)
    message: Any
    for number, message in enumerate(
        (source, Text(source), {"msgtype": "text", "text": {"content": source}}, Markdown(source, "x"))
    ):
        DingTalkNotifier(message=message)(native_context(words=words, task_id=f"task_{number}"))
    sent: list[Any] = [each.payload.get("text", each.payload.get("markdown")) for each in connected.messages]
    assert [each.get("content", each.get("title")) for each in sent] == [words] * 4


def test_lists_of_people_are_lists_where_airflow_renders_natively(connected: Sandbox) -> None:
    context = native_context(who=["u1", "u2"], number="1_000", mobile="13800000000")
    DingTalkNotifier(message="x", at={"user_ids": "{{ who }}", "mobiles": "['{{ mobile }}']"})(context)
    DingTalkNotifier(message="y", at={"user_ids": "{{ number }}"})(context)
    assert [each.payload["at"]["atUserIds"] for each in connected.messages] == [["u1", "u2"], ["1_000"]]
    assert connected.messages[0].payload["at"]["atMobiles"] == ["13800000000"]


@pytest.mark.parametrize(
    "words",
    [
        "数据已写入/data/out/orders.json",
        "https://example.com/runbook.md",
        "example.com/etl/runbook.md",
        "见https://wiki/x.md",
        "/data/out/orders.json",
        "/data/out/rows.txt",
        "失败：见日志.txt",
        "done:report.md",
        "//host/share/report.md",
    ],
)
def test_words_that_end_like_a_path_are_words(connected: Sandbox, words: str) -> None:
    """Chinese has no blanks, and a URL is no path."""
    DingTalkNotifier(message=words)(task_context())
    assert texts(connected) == [words]


@pytest.mark.parametrize("path", ["absent.md", "templates/absent.md", "/templates/absent.md", "../absent.json"])
def test_the_path_of_a_file_that_is_missing_is_a_mistake(connected: Sandbox, path: str) -> None:
    """Nothing else can be meant."""
    DingTalkNotifier(message=path, language="en")(task_context())
    assert "no such table" in texts(connected)[0]
    assert "There is no template file" in texts(connected)[0]


def test_an_absolute_path_is_a_template_if_the_file_is_there(connected: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "alert.md"
    file.write_text("### 告警 {{ ds }}\n", encoding="utf-8")
    DingTalkNotifier(message=str(file))(task_context())
    assert connected.messages[0].payload["markdown"]["title"] == "告警 2026-11-22"


def test_a_file_that_is_not_utf_8_is_a_mistake(connected: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "alert.md"
    file.write_bytes("告警".encode("gbk"))
    DingTalkNotifier(message=str(file), language="en")(task_context())
    assert "can't be read" in texts(connected)[0]


# The class itself as a callback.


def test_the_class_is_a_callback_too(connected: Sandbox) -> None:
    """``on_failure_callback=DingTalkNotifier``: Airflow calls the class with the context."""
    notifier: Any = DingTalkNotifier
    notifier(task_context())
    notifier(run_context())
    assert [each.payload["markdown"]["title"] for each in connected.messages] == [
        "失败：etl_daily · load_orders",
        "运行失败：etl_daily",
    ]


def test_the_class_is_a_callback_of_an_sla_too(connected: Sandbox) -> None:
    notifier: Any = DingTalkNotifier
    notifier(task_context()["dag"], "load_orders", "", [], [])
    assert connected.messages[0].payload["markdown"]["title"] == "未按时完成：etl_daily"


@pytest.mark.parametrize(
    "argument",
    ["dingtalk_default", Text("x"), b"x", {"msgtype": "text", "text": {"content": "x"}}, {}, At("138"), 5],
    ids=repr,
)
def test_settings_without_names_are_refused_with_the_remedy(connected: Sandbox, argument: Any) -> None:
    """When the DAG is read, and nothing is sent then."""
    with pytest.raises(TypeError, match=r"by name only: write DingTalkNotifier\(dingtalk_conn_id="):
        DingTalkNotifier(argument)
    assert connected.requests == ()


# The id of the connection.


@pytest.mark.parametrize("conn_id", [None, "", "  ", "\u200b", ["dingtalk_default"], b"dingtalk_default", 0.5, {}])
def test_what_is_no_connection_id_is_the_default_one(connected: Sandbox, conn_id: Any) -> None:
    """Such as that of a variable that isn't set; the alert waited for ever for a connection named ``None``."""
    DingTalkNotifier(dingtalk_conn_id=conn_id, language="en")(task_context())
    (text,) = texts(connected)
    assert "no such table" in text
    assert "The notifier's dingtalk_conn_id can't be used" in text
    assert "'dingtalk\\_default'" in text


@pytest.mark.parametrize("conn_id", [" dingtalk_default", "dingtalk_default\u200b", "\ufeffdingtalk_default\n"])
def test_what_nobody_sees_around_a_connection_id_does_not_count(connected: Sandbox, conn_id: str) -> None:
    """And the recovery finds the failure."""
    DingTalkNotifier(dingtalk_conn_id=conn_id)(task_context())
    context = task_context()
    context["ti"].state = "success"
    del context["exception"]
    DingTalkNotifier(dingtalk_conn_id=conn_id)(context)
    titles = [each.payload["markdown"]["title"] for each in connected.messages]
    assert [each.partition("：")[0] for each in titles] == ["失败", "成功"]
    assert DingTalkOperator(task_id="send", message="x", dingtalk_conn_id=conn_id).execute({})


@pytest.mark.parametrize("conn_id", [None, "", " ", ["dingtalk_default"]])
def test_an_operator_refuses_what_is_no_connection_id(conn_id: Any) -> None:
    """A retry would find the same."""
    with pytest.raises(AirflowFailException, match=r"is no connection's id\. Write the id of one"):
        DingTalkOperator(task_id="send", message="x", dingtalk_conn_id=conn_id).execute({})


@pytest.mark.parametrize(
    "conn_id",
    [
        "https://oapi.dingtalk.com/robot/send?access_token=0123456789abcdef",
        " robot/send?access_token=0123456789abcdef",
        "0123456789abcdef" * 4,
        "SEC0123456789abcdef0123456789abcdef",
    ],
)
def test_a_credential_in_place_of_a_connection_id_is_in_no_log(
    connected: Sandbox, caplog: pytest.LogCaptureFixture, conn_id: str, outbox_home: Path
) -> None:
    """Blog posts have the webhook URL in the DAG file; the alert is sent, and its note explains where it belongs."""
    DingTalkNotifier(dingtalk_conn_id=conn_id, language="en")(task_context())
    with pytest.raises(AirflowFailException) as refused:
        DingTalkOperator(task_id="send", message="x", dingtalk_conn_id=conn_id).execute({})
    (text,) = texts(connected)
    assert "no such table" in text
    assert "which belong in the connection" in text
    assert "which belong in the connection" in str(refused.value)
    written = [each.read_text(errors="replace") for each in outbox_home.rglob("*") if each.is_file()]
    for each in (text, caplog.text, str(refused.value), *written):
        assert "0123456789abcdef" not in each.replace(SECRET, "")


@pytest.mark.parametrize(("language", "note"), [("en", "characters left out)"), ("zh", "字，此处省略")])
def test_the_note_at_a_cut_text_is_in_the_language_of_the_notifier(
    app_connected: Sandbox, language: str, note: str
) -> None:
    """And not that of the connection."""
    DingTalkNotifier(dingtalk_conn_id=APP, to=WorkNotification("lisi"), message="row\n" * 2000, language=language)(
        task_context()
    )
    (message,) = app_connected.messages
    assert note in json.dumps(message.payload, ensure_ascii=False)


def test_the_note_at_an_alert_for_somebody_else_is_in_the_language_of_the_notifier(app_connected: Sandbox) -> None:
    DingTalkNotifier(dingtalk_conn_id=APP, to=Users("nobody"), language="en")(task_context())
    (message,) = app_connected.messages
    assert "Sent to this group because" in message.shown["markdown"]["text"]
