"""Airflow's e-mail about a failed task is the alert that a notifier sends: with the same key, to whom rules say."""

from __future__ import annotations

import logging
import re
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Mailbox
from airflow_provider_dingpush.email_backend import send_email
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline import email_marks, routes
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.plugin import email_alert
from airflow_provider_dingpush.sandbox import Sandbox
from tests.callback_contexts import success_context, task_context
from tests.default_robot import chat, titles

FAILED = "失败：etl_daily · load_orders"
SUBJECT = "Airflow alert: <TaskInstance: etl_daily.load_orders manual__1 [failed]>"
HTML = (
    "Try 1 out of 1<br>Exception:<br>no such table<br>"
    'Log: <a href="http://localhost:8080/dags/etl_daily/runs/manual__1/tasks/load_orders?try_number=1">Link</a><br>'
)


@pytest.fixture(autouse=True)
def _process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(email_marks, "_kept", OrderedDict())
    monkeypatch.setattr(routes, "_known", {})


def mail(context: dict[str, Any], to: Any = "zhangsan@example.com", **more: Any) -> None:
    """What Airflow does: render the template, and call the backend."""
    exception = context.pop("exception", None)
    ti = SimpleNamespace(**{**vars(context["ti"]), "get_template_context": lambda: context})
    send_email(to, SUBJECT, f"{email_alert(ti, exception)}<p>text</p>", conn_id="smtp_default", **more)


def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (tmp_path / "rules.yaml").write_text(text)
    monkeypatch.setenv("AIRFLOW__DINGPUSH__RULES_FILE", str(tmp_path / "rules.yaml"))


def test_it_is_the_alert_of_a_notifier(connected: Sandbox) -> None:
    """With exception, place and links; the text of the e-mail isn't used."""
    mail(task_context())
    assert titles(connected) == [FAILED]
    assert "ValueError: no such table" in chat(connected)
    assert re.search(r"8080%2Fdags%2Fetl_daily%2F\S+load_orders", chat(connected))


@pytest.mark.parametrize("first", ["notifier", "e-mail"])
def test_a_notifier_and_an_e_mail_are_one_alert(connected: Sandbox, first: str) -> None:
    """Airflow 2 sends the e-mail before it calls back, Airflow 3 afterwards."""
    notify = DingTalkNotifier()
    calls: list[Callable[[], None]] = [lambda: notify(task_context()), lambda: mail(task_context())]
    for call in calls if first == "notifier" else calls[::-1]:
        call()
    assert titles(connected) == [FAILED]


def test_another_failure_is_another_alert(connected: Sandbox) -> None:
    mail(task_context())
    other = task_context()
    other["ti"].try_number = 3
    mail(other)
    mail(other)
    assert titles(connected) == [FAILED, FAILED]


def test_recipients_are_mentioned(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Besides the owner; in whatever case their addresses are."""
    people = '{"ZhangSan@example.com":"13800000000","zhangsan":"13900000000","li@example.com":"13700000000"}'
    monkeypatch.setenv(
        "AIRFLOW_CONN_DINGTALK_DEFAULT", f"{connected.webhook_url}&secret={connected.robot.secret}&mentions={people}"
    )
    mail(task_context(), ["zhangsan@example.com", "nobody@example.com"], cc="LI@example.com")
    (message,) = connected.messages
    assert set(message.payload["at"]["atMobiles"]) == {"13800000000", "13900000000", "13700000000"}


def test_a_retry_is_sent_because_the_task_asks_for_it(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """``alert_conn_id`` alone gets none."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__ALERT_CONN_ID", "dingtalk_default")
    context = task_context()
    context["ti"].state = "up_for_retry"
    mail(context)
    assert [title.partition("：")[2] for title in titles(connected)] == ["etl_daily · load_orders"]


def test_rules_decide(connected: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules(tmp_path, monkeypatch, "rules: [{match: {dag_id: etl_*}, receiver: team}]")
    monkeypatch.setenv("AIRFLOW_CONN_TEAM", f"{connected.webhook_url}&secret={connected.robot.secret}")
    monkeypatch.delenv("AIRFLOW_CONN_DINGTALK_DEFAULT")
    mail(task_context())
    assert titles(connected) == [FAILED]


def test_a_rule_that_names_nobody_is_obeyed(
    connected: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules(tmp_path, monkeypatch, "rules: [{match: {dag_id: etl_*}, receiver: null}]")
    mail(task_context())
    assert connected.messages == ()


def test_a_connection_of_ours_goes_before_the_rules(
    connected: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``[email] email_conn_id = dingtalk_mails``."""
    rules(tmp_path, monkeypatch, "rules: [{receiver: nowhere}]")
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_MAILS", f"{connected.webhook_url}&secret={connected.robot.secret}")
    send_email("a@example.com", SUBJECT, HTML, conn_id="dingtalk_mails")
    assert titles(connected) == [FAILED]


def test_a_failure_is_found_in_the_function_that_calls(connected: Sandbox) -> None:
    """Whatever the templates of an installation say; not in a function of that name of somebody else."""
    context = task_context()
    ti = SimpleNamespace(**{**vars(context["ti"]), "get_template_context": lambda: context})
    source = """
def _send_task_error_email(to, ti, exception, log):
    send(to, "company alert", "<p>company text</p>")
"""
    for module, title in (("airflow.sdk.execution_time.task_runner", FAILED), ("mine", "company alert")):
        names: dict[str, Any] = {"__name__": module, "send": send_email}
        exec(source, names)  # noqa: S102 - a module of that name
        names["_send_task_error_email"]("a@example.com", ti, context["exception"], None)
        assert titles(connected)[-1] == title
    assert len(connected.messages) == 2


def test_without_the_template_its_text_is_read(connected: Sandbox) -> None:
    """Deduplicated as well, but without the place and the class of the exception."""
    for _ in range(2):
        send_email("a@example.com", SUBJECT, HTML)
    assert titles(connected) == [FAILED]
    assert "> no such table" in chat(connected)
    assert re.search(r"8080%2Fdags%2Fetl_daily%2F\S+load_orders", chat(connected))


def test_secrets_never_reach_the_chat(connected: Sandbox) -> None:
    """Neither those of the exception nor those of the e-mail's text."""
    token = "0a1b" * 16
    url = f"https://oapi.dingtalk.com/robot/send?access_token={token}"
    mail(task_context(exception=ValueError(f"POST {url} failed")))
    send_email(
        "a@example.com",
        SUBJECT.replace("load_orders", "other"),
        HTML.replace("no such table", url).replace("load_orders", "other"),
    )
    send_email("a@example.com", "Report", f"<p>see {url}</p>")
    assert len(connected.messages) == 3
    assert token not in str([message.payload for message in connected.messages])


def test_a_success_is_no_alert(connected: Sandbox) -> None:
    """The macro in an e-mail of somebody's own: it arrives as it is."""
    mail(success_context())
    assert titles(connected) == [SUBJECT[:100]]


def test_the_scheduler_only_writes_it(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of Airflow 2 and 3.0 sends e-mails itself, within its transaction. The next flush sends the alert."""
    monkeypatch.setattr(sys, "argv", ["airflow", "scheduler"])
    mail(task_context())
    assert connected.messages == ()
    assert outbox().pending_in(Mailbox("dingtalk_default")) == 1


def test_without_a_connection_the_alert_waits(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written down, and nothing is raised."""
    monkeypatch.delenv("AIRFLOW_CONN_DINGTALK_DEFAULT", raising=False)
    with caplog.at_level(logging.ERROR):
        mail(task_context())
    assert "waits to be sent" in caplog.text
    assert outbox().pending_in(Mailbox("dingtalk_default")) == 1
