"""The notifier: what it sends, what it never does, and that one instance serves many callbacks."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jinja2
import pytest

from airflow_provider_dingpush.airflow_compat import mask_secret, notifier_takes_context
from airflow_provider_dingpush.errors import UnavailableError
from airflow_provider_dingpush.messages import ActionCard, At, Button, Markdown
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.sandbox import Fault, Robot, Sandbox
from tests.callback_contexts import START, run_context, task_context
from tests.default_robot import texts


def test_one_line_of_code_reports_what_failed_and_why(connected: Sandbox) -> None:
    """The alert that a newcomer gets without configuring anything."""
    DingTalkNotifier()(task_context())
    (message,) = connected.messages
    assert message.payload["markdown"]["title"] == "失败：etl_daily · load_orders"
    text = message.payload["markdown"]["text"]
    for words in (
        "第 2 次（共 4 次）",
        "zhangsan",
        "ValueError",
        "no such table",
        "2026-11-22 01:02:03 +00:00",
        "5.0 秒",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("state", "title"),
    [
        ("failed", "Failed: etl_daily · load_orders"),
        ("up_for_retry", "Try 2/4 failed, will retry: etl_daily · load_orders"),
        ("skipped", "Skipped: etl_daily · load_orders"),
        ("running", "Started: etl_daily · load_orders"),
    ],
)
def test_it_serves_every_task_callback(connected: Sandbox, state: str, title: str) -> None:
    """on_failure, on_retry, on_success, on_skipped and on_execute."""
    context = task_context()
    context["ti"].state = state
    if state in ("running", "success", "skipped"):
        del context["exception"]
    DingTalkNotifier(language="en")(context)
    assert connected.messages[0].payload["markdown"]["title"] == title


def test_one_instance_sends_two_different_messages(connected: Sandbox) -> None:
    """Airflow renders notifiers in place; this one keeps nothing."""
    notifier = DingTalkNotifier(message="{{ ti.task_id }} failed")
    notifier(task_context("a"))
    notifier(task_context("b"))
    assert texts(connected) == ["a failed", "b failed"]
    assert notifier.message == "{{ ti.task_id }} failed"


def test_one_instance_serves_many_threads(connected: Sandbox) -> None:
    """Sixteen callbacks at once: the first ones with their own text, the rest in a digest."""
    notifier = DingTalkNotifier(message="{{ ti.task_id }}")
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: notifier(task_context(f"task_{number}")), range(16)))
    sent = "\n".join(texts(connected)).replace("\\", "")
    assert [number for number in range(16) if f"task_{number}" not in sent] == []


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda notifier: pickle.loads(pickle.dumps(notifier))])  # noqa: S301
def test_a_copy_works_like_the_original(connected: Sandbox, copied: Any) -> None:
    """default_args are deep-copied, and executors pickle."""
    copied(DingTalkNotifier(message=Markdown("{{ ti.task_id }}", "x"), at=At("13800000000")))(task_context())
    assert connected.messages[0].payload["markdown"]["title"] == "load_orders"


def test_the_context_is_left_as_it_was(connected: Sandbox) -> None:
    """The next callback gets the same context."""
    context = task_context()
    before = dict(context)
    DingTalkNotifier(message="{{ facts.task_id }}")(context)
    assert context == before


def test_it_is_awaited_without_blocking_the_loop(connected: Sandbox) -> None:
    """While DingTalk is slow, the event loop of the triggerer goes on."""
    connected.fail_next(Fault.SLOW, seconds=0.2)

    async def both() -> int:
        notifying = asyncio.ensure_future(DingTalkNotifier().async_notify(task_context()))  # type: ignore[arg-type]
        turns = 0
        while not notifying.done():
            await asyncio.sleep(0)
            turns += 1
        await notifying
        return turns

    assert asyncio.run(both()) > 10
    assert len(connected.messages) == 1


@pytest.mark.skipif(
    not notifier_takes_context(), reason="deadlines need Airflow 3.1 or later: install apache-airflow>=3.1"
)
def test_a_deadline_awaits_it_with_its_own_context(connected: Sandbox) -> None:
    """A deadline knows nothing but a dict of the run and its own time."""
    context = {
        "dag_run": {"dag_id": "etl_daily", "dag_run_id": "manual__1", "state": "running"},
        "deadline": {"id": "1", "deadline_time": START},
    }

    async def wait_for(notifier: Any) -> None:
        await notifier

    asyncio.run(wait_for(DingTalkNotifier(language="en", context=context)))
    assert connected.messages[0].payload["markdown"]["title"] == "Deadline missed: etl_daily"


# What it never does: raise, lose a message, take its time.


def test_a_missing_variable_leaves_a_gap_and_not_a_hole(connected: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """``{{ exception }}`` raises in a DAG-level callback; the rest of the message matters."""
    DingTalkNotifier(message="run {{ run_id }}: {{ exception.args[0] }}")(run_context())
    assert texts(connected) == ["run manual__1: {{ exception }}"]
    assert "'exception' is undefined" in caplog.text


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("{{ broken", id="syntax error"),
        pytest.param("{{ 1 / 0 }}", id="exception in the template"),
        pytest.param(Markdown("{{ '' }}", "x"), id="empty title"),
        pytest.param({"msgtype": "nonsense"}, id="no such kind"),
        pytest.param("absent/template.md", id="no such file"),
    ],
)
def test_a_mistake_in_the_message_sends_the_built_in_alert(connected: Sandbox, message: Any) -> None:
    """The alert is sent, with a note that the message is broken."""
    DingTalkNotifier(message=message, language="en")(task_context())
    (text,) = texts(connected)
    assert "no such table" in text
    assert "The notifier's own message could not be sent" in text


def test_a_message_that_dingtalk_refuses_sends_the_built_in_alert(connected: Sandbox) -> None:
    """FeedCards that are too long can't be cut."""
    card = {
        "msgtype": "feedCard",
        "feedCard": {"links": [{"title": "x" * 25_000, "messageURL": "https://e.com", "picURL": "https://e.com"}]},
    }
    DingTalkNotifier(message=card)(task_context())
    assert "no such table" in texts(connected)[0]


def test_a_long_message_is_cut_with_a_note(connected: Sandbox) -> None:
    """Alerts are cut, never split."""
    DingTalkNotifier(message=Markdown("t", "{{ 'x' * 30000 }}"))(task_context())
    (message,) = connected.messages
    assert "内容过长：共 30000 字" in message.payload["markdown"]["text"]


def test_mentions_that_a_card_can_not_carry_do_not_cost_the_alert(connected: Sandbox) -> None:
    """A card knows no mobile numbers; it is sent without."""
    DingTalkNotifier(message=ActionCard("t", "x", [Button("b", "https://e.com")]), at=At("13800000000", "u1"))(
        task_context()
    )
    assert connected.messages[0].payload["at"] == {"atMobiles": [], "atUserIds": ["u1"], "isAtAll": False}


def test_a_broken_mention_is_left_out(connected: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """Better an alert that pings nobody than none."""
    DingTalkNotifier(at={"mobiles": "two words"})(task_context())
    assert "at" not in connected.messages[0].payload
    assert "mentions are left out" in caplog.text


def test_an_exception_text_is_redacted(connected: Sandbox) -> None:
    """Airflow redacts what it logs, not what is sent."""
    mask_secret("pa55word-of-the-warehouse")
    DingTalkNotifier()(task_context(exception=ValueError("login failed: pa55word-of-the-warehouse")))
    assert "login failed: \\*\\*\\*" in texts(connected)[0]


# Whom, in which language, with which links.


def test_the_owner_of_a_failure_is_mentioned(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection knows which owner is who in DingTalk; good news pings nobody."""
    mentions = "&mentions=%7B%22zhangsan%22%3A%20%2213800000000%22%7D"
    monkeypatch.setenv(
        "AIRFLOW_CONN_DINGTALK_DEFAULT", f"{connected.webhook_url}&secret={connected.robot.secret}{mentions}"
    )
    DingTalkNotifier(at=At(user_ids="boss"))(task_context())
    assert connected.messages[0].payload["at"] == {
        "atMobiles": ["13800000000"],
        "atUserIds": ["boss"],
        "isAtAll": False,
    }
    context = task_context()
    context["ti"].state = "success"
    DingTalkNotifier()(context)
    assert "at" not in connected.messages[1].payload


@pytest.mark.parametrize(
    ("argument", "connection", "option", "title"),
    [
        pytest.param("en", "zh", "zh", "Failed", id="the notifier's word counts first"),
        pytest.param(None, "en", "zh", "Failed", id="then the connection's"),
        pytest.param(None, None, "en", "Failed", id="then the option's"),
        pytest.param(None, None, None, "失败", id="Chinese otherwise"),
        pytest.param(None, None, "klingon", "失败", id="an unknown option is Chinese"),
    ],
)
def test_language(
    connected: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    argument: str | None,
    connection: str | None,
    option: str | None,
    title: str,
) -> None:
    """Who decides in which language the alert is."""
    if connection:
        url = f"{connected.webhook_url}&secret={connected.robot.secret}&language={connection}"
        monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", url)
    if option:
        monkeypatch.setenv("AIRFLOW__DINGPUSH__LANGUAGE", option)
    DingTalkNotifier(language=argument)(task_context())
    assert connected.messages[0].payload["markdown"]["title"].startswith(title)


def test_a_text_of_ones_own_sees_the_facts(connected: Sandbox, tmp_path: Path) -> None:
    """The facts are the same as those of the built-in alert, also in a file beside the DAG."""
    (tmp_path / "alert.md").write_text("### {{ facts.dag_id }}\n\n{{ facts.try_text }} {{ facts.exception_type }}\n")
    context = task_context()
    env = jinja2.Environment(loader=jinja2.FileSystemLoader(tmp_path))
    context["dag"].get_template_env = lambda: env
    DingTalkNotifier(message="alert.md")(context)
    markdown = connected.messages[0].payload["markdown"]
    assert markdown["title"] == "etl_daily"
    assert markdown["text"].startswith("### etl_daily\n\n2/4 ValueError")


def test_a_text_of_ones_own_can_escape_what_it_shows(connected: Sandbox) -> None:
    """The underscores of an id are not emphasis."""
    DingTalkNotifier(message="{{ facts.dag_id | escape_markdown }}")(task_context())
    assert texts(connected) == ["etl\\_daily"]


def test_an_unknown_argument_is_refused() -> None:
    """A typo is an error."""
    with pytest.raises(TypeError, match="mesage"):
        DingTalkNotifier(mesage="x")
    with pytest.raises(ValueError, match="must be zh or en"):
        DingTalkNotifier(language="fr")


def test_a_keyword_robot_gets_its_keyword(monkeypatch: pytest.MonkeyPatch) -> None:
    """The built-in alert passes a robot with keywords."""
    with Sandbox(robots=(Robot(keywords=("报警",)),)) as sandbox:
        monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", f"{sandbox.webhook_url}&keyword=%E6%8A%A5%E8%AD%A6")
        DingTalkNotifier()(task_context())
        assert texts(sandbox)[0].endswith("报警")


def test_a_network_that_is_down_is_logged_with_advice(
    connected: Sandbox, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log names what to look at, at ERROR."""
    connected.stop()
    monkeypatch.setattr("airflow_provider_dingpush.dingtalk.attempts.AttemptPlan.first_wait_seconds", 0.0)
    with caplog.at_level(logging.ERROR), pytest.raises(UnavailableError):
        DingTalkNotifier(raise_on_failure=True)(task_context())
    assert "检查本机网络" in caplog.text
