"""Secrets go out of texts, and out of nothing else: a password that is a common word breaks no link and no name."""

from __future__ import annotations

import logging
import uuid
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest

from airflow_provider_dingpush.airflow_compat import is_airflow_3, mask_secret, redact
from airflow_provider_dingpush.alerts.airflow_site import AirflowSite
from airflow_provider_dingpush.alerts.alert import mailbox_of
from airflow_provider_dingpush.alerts.context_reading import read_run_facts
from airflow_provider_dingpush.alerts.digest_notes import Notes
from airflow_provider_dingpush.alerts.run_alert import alert_of
from airflow_provider_dingpush.alerts.run_facts import RunFacts
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.hooks import DingTalkAppHook, DingTalkRobotHook
from airflow_provider_dingpush.messages import OA, ActionCard, Button, FeedCard, FeedLink, Link, Markdown, Text
from airflow_provider_dingpush.messages.in_words import in_words
from airflow_provider_dingpush.messages.plain_forms import redacted
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline.composing import composer_for, plain_form
from airflow_provider_dingpush.pipeline.receivers import receiver_of_mailbox
from airflow_provider_dingpush.pipeline.redaction import redact_log
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.targets import WorkNotification

pytestmark = pytest.mark.usefixtures("unhurried")

WORD = "kwalla"  # Not "orders": on Airflow 3 what is masked once stays so for all tests of a process.
URL = f"https://airflow.{WORD}.example.com/dags/{WORD}_daily?{WORD}={WORD}#{WORD}"
NOW = datetime(2026, 11, 22, 3, 4, 5, tzinfo=timezone.utc)
KEPT = "Airflow would mask a part of the URL in"


@pytest.fixture(autouse=True)
def masked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection has that word for a password, and everything else is called so as well."""
    mask_secret(WORD)
    monkeypatch.setenv("AIRFLOW__DINGPUSH__BASE_URL", f"https://airflow.{WORD}.example.com")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__ENVIRONMENT", f"{WORD}-prod")


def context(**changes: Any) -> Any:
    """A failed task, all of whose names hold the word. Of a run of its own: callbacks of one try share 8 seconds."""
    env = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    dag_id = f"{WORD}_daily"
    ti = SimpleNamespace(
        dag_id=dag_id,
        task_id=f"load_{WORD}",
        run_id=f"manual__{WORD}_{uuid.uuid4().hex}",
        map_index=-1,
        try_number=1,
        max_tries=0,
        state="failed",
        start_date=NOW,
        end_date=NOW + timedelta(seconds=5),
        hostname=f"{WORD}-worker",
    )
    return {
        "dag": SimpleNamespace(
            dag_id=dag_id, dag_display_name=f"{WORD} 日报", owner=WORD, tags={WORD}, get_template_env=lambda: env
        ),
        "ti": ti,
        "task": SimpleNamespace(owner=f"{WORD}-team", task_id=ti.task_id, retries=0, task_display_name=ti.task_id),
        "run_id": ti.run_id,
        "exception": ValueError(f"password {WORD} refused"),
        **changes,
    }


def check_built_in(title: str, text: str) -> None:
    """Ids, names and links are whole, and the text of the exception isn't."""
    assert title == f"[{WORD}-prod] 失败：{WORD} 日报 · load_{WORD}"
    for name in (f"{WORD} 日报 ({WORD}\\_daily)", f"load\\_{WORD}", f"manual\\_\\_{WORD}", f"{WORD}-team"):
        assert name in text
    run = "runs%2F" if is_airflow_3() else "grid%3Fdag_run_id%3D"
    assert f"airflow.{WORD}.example.com%2Fdags%2F{WORD}_daily%2F{run}manual__{WORD}" in text
    assert "password \\*\\*\\* refused" in text
    assert text.count("\\*\\*\\*") == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("password=hunter2 host=db", "password=*** host=db"),
        ("DB_PASSWORD = 'hunter2'", "DB_PASSWORD = '***'"),
        ('{"access_key": "AKIA1", "rows": 3}', '{"access_key": "***", "rows": 3}'),
        ("spark-submit --password hunter2 etl.py", "spark-submit --password *** etl.py"),
        ("API_KEY=abc;x=1", "API_KEY=***;x=1"),
        ("syntax error near token: 'x'", "syntax error near token: '***'"),
        ("unexpected token: end of file", "unexpected token: end of file"),
        ("postgresql://etl:hunter2@db/x", "postgresql://***@db/x"),
        ("the password is wrong", "the password is wrong"),
    ],
)
def test_what_a_command_prints(text: str, shown: str) -> None:
    """Its arguments and its environment may be in it, which nobody registered."""
    assert redact_log(text) == shown


def test_a_built_in_alert(connected: Sandbox) -> None:
    """Through a robot."""
    DingTalkNotifier(language="zh").notify(context())
    (message,) = connected.messages
    check_built_in(message.payload["markdown"]["title"], message.payload["markdown"]["text"])


def test_a_built_in_alert_of_an_app(app_connected: Sandbox) -> None:
    """To a group, and as a work notification."""
    for to in (None, WorkNotification("lisi")):
        DingTalkNotifier(language="zh", dingtalk_conn_id="dingtalk_app_default", to=to).notify(context())
    for message in app_connected.messages:
        check_built_in(message.shown["markdown"]["title"], message.shown["markdown"]["text"])
    assert len(app_connected.messages) == 2


def test_a_built_in_alert_without_the_outbox(connected: Sandbox, outbox_home: Path) -> None:
    """Where it can't be written down, and where a picture is the notifier's own message nothing else changes."""
    outbox_home.write_text("a file where a folder should be", "utf-8")
    DingTalkNotifier(language="zh").notify(context())
    DingTalkNotifier(message=Link(WORD, f"all of {WORD}", URL)).notify(context())
    first, second = connected.messages
    check_built_in(first.payload["markdown"]["title"], first.payload["markdown"]["text"])
    assert second.payload["link"] == {"title": "***", "text": "all of ***", "messageUrl": URL}


@pytest.mark.parametrize("group_by", ["dag_id", "owner", "summary", "run_id"])
def test_a_digest(connected: Sandbox, monkeypatch: pytest.MonkeyPatch, group_by: str) -> None:
    """Its labels are names; its reasons are texts, also if the process that wrote the alert knew no secret."""
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", f"{connected.webhook_url}&group_by={group_by}")
    site = AirflowSite(f"https://airflow.{WORD}.example.com")
    facts = RunFacts(
        Event.TASK_FAILED,
        f"{WORD}_daily",
        dag_name=f"{WORD}_daily",
        run_id=f"manual__{WORD}",
        run_url=site.run_url(f"{WORD}_daily", f"manual__{WORD}"),
        owners=(f"{WORD}-team",),
        environment=f"{WORD}-prod",
        exception_text=f"password {WORD} refused",
    )
    mailbox = mailbox_of("dingtalk_default", None)
    alerts = [
        alert_of(
            facts._replace(task_id=f"{name}_{WORD}", task_name=f"{name}_{WORD}"),
            mailbox,
            at=1_900_000_000.0,
            message=plain_form(Text(f"{WORD} {URL}")) if name == "own" else None,
            mentions=None,
            language="en",
        )
        for name in ("load", "save", "own")
    ]
    message, _ = composer_for(sender := receiver_of_mailbox(mailbox), sender.hook.settings)(
        alerts, Notes(number="a3f2")
    )
    assert isinstance(message, Markdown)
    assert message.title == f"[{WORD}-prod] 3 failures: {WORD}_daily"
    for name in ("load", "save", "own"):
        assert f"{name}\\_{WORD}" in message.text
    assert f"airflow.{WORD}.example.com%2Fdags%2F{WORD}_daily" in message.text
    assert "password \\*\\*\\* refused" in message.text
    assert f"password {WORD}" not in message.text
    if group_by == "owner":
        assert f"{WORD}-team" in message.text


BUTTONS = [Button("open", "https://example.com"), Button(f"open {WORD}", URL)]


@pytest.mark.parametrize(
    ("message", "shown", "where"),
    [
        (Link(WORD, WORD, URL, URL), Link("***", "***", URL, URL), "Link.message_url, Link.pic_url"),
        (
            ActionCard(WORD, f"[{WORD}]({URL})", BUTTONS),
            ActionCard("***", f"[***]({URL})", [BUTTONS[0], Button("open ***", URL)]),
            "ActionCard.text, ActionCard.buttons[1].url",
        ),
        (
            FeedCard([FeedLink(WORD, URL, URL)]),
            FeedCard([FeedLink("***", URL, URL)]),
            "FeedCard.links[0].message_url, FeedCard.links[0].pic_url",
        ),
        (Text(f"{WORD}: {URL}，{WORD}"), Text(f"***: {URL}，***"), "Text.content"),
        (Text(f"见{URL}失败{WORD}"), Text(f"见{URL}失败***"), "Text.content"),
        (
            Markdown("t", f"![{WORD}]({URL}) <{URL}> [a](/dags/{WORD}_(x)) _{WORD}_"),
            Markdown("t", f"![***]({URL}) <{URL}> [a](/dags/{WORD}_(x)) _***_"),
            "Markdown.text",
        ),
        (
            Markdown("t", f"[a](dingtalk://dingtalkclient/page/link?url={WORD}) {WORD}"),
            Markdown("t", f"[a](dingtalk://dingtalkclient/page/link?url={WORD}) ***"),
            "Markdown.text",
        ),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_an_address_stays_and_is_named_in_the_log(
    connected: Sandbox, caplog: pytest.LogCaptureFixture, message: Any, shown: Any, where: str
) -> None:
    """It opens what it opened; what people read is redacted."""
    DingTalkRobotHook().send(message)
    expected = shown.to_dict()
    assert connected.messages[0].payload[message.msgtype] == expected[message.msgtype]
    (line,) = [record for record in caplog.records if KEPT in record.message]
    assert line.levelno == logging.WARNING
    assert f"{KEPT} {where}, because" in line.message
    assert WORD not in line.message


def test_the_address_of_a_form_stays(app_connected: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """And so does the name of its colour."""
    form = OA(WORD, URL, {WORD: WORD}, status=(WORD, "red"))
    DingTalkAppHook().send(form, to=WorkNotification("lisi"))
    shown = app_connected.messages[0].shown["oa"]
    assert (shown["title"], shown["messageUrl"], shown["form"]) == ("***", URL, [{"key": "***", "value": "***"}])
    assert f"{KEPT} OA.message_url" in caplog.text
    assert redacted(OA("t", URL, status=("failed", "red")), lambda text: text.replace("red", "***")) == OA(
        "t", URL, status=("failed", "red")
    )


def test_one_line_for_a_notifiers_own_link(connected: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """It goes through the outbox, where it is looked at again."""
    DingTalkNotifier(message=Link("t", "x", URL)).notify(context())
    assert connected.messages[0].payload["link"]["messageUrl"] == URL
    assert caplog.text.count(KEPT) == 1


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://user:{}@db.example.com/orders",
        "https://user:{}@example.com/x",
        "token={}",
        "curl -H 'Authorization: {}' https://example.com/",
        "/robot/send?access_token={}",
    ],
)
def test_what_is_no_address_is_text(connected: Sandbox, caplog: pytest.LogCaptureFixture, text: str) -> None:
    """A connection's URL, or one with a password before its host, is nothing that people follow."""
    DingTalkRobotHook().send(Text(text.format(WORD)))
    assert connected.messages[0].payload["text"]["content"] == text.format("***")
    assert KEPT not in caplog.text


def test_nothing_is_logged_where_nothing_is_masked(connected: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """Links are the rule, such a password is the exception."""
    DingTalkRobotHook().send(Markdown(WORD, f"{WORD} [a](https://example.com/a) https://example.com/b"))
    assert KEPT not in caplog.text


def test_people_who_are_asked_keep_their_names_and_what_they_are_asked_does_not(connected: Sandbox) -> None:
    """Whose name is a secret's is found and called all the same."""
    asked = SimpleNamespace(
        owner="",
        task_id="ask",
        subject=f"use {WORD}?",
        options=[f"yes, {WORD}", "no"],
        defaults=[f"yes, {WORD}"],
        assigned_users=[{"id": WORD, "name": f"{WORD} 张"}],
        hitl_summary={"timeout_datetime": "2026-11-22T04:00:00+00:00"},
    )
    ti = SimpleNamespace(
        dag_id="d", task_id="ask", run_id="r", map_index=-1, try_number=1, max_tries=0, state="running"
    )
    facts = read_run_facts({"ti": ti, "task": asked}, site=AirflowSite("https://a.example.com"), now=lambda: NOW)
    alert = alert_of(facts, mailbox_of("dingtalk_default", None), at=0.0, message=None, mentions=None, language="zh")
    alert = replace(alert, problems={"at": f"not {WORD}"})
    compose = composer_for(sender := receiver_of_mailbox(alert.mailbox), sender.hook.settings)
    alone, _ = compose([alert], Notes())
    several, _ = compose([alert, replace(alert, key="2")], Notes())
    for message in (alone, several):
        text = message.text  # type: ignore[union-attr]
        assert f"{WORD} 张" in text
        assert text.count(WORD) == (1 if message is alone else 2)
    redacted_facts = _facts_of({"ti": ti, "task": asked})
    assert redacted_facts.assigned_user_ids == (WORD,)
    assert redacted_facts.options == ("yes, ***", "no")


def _facts_of(context: Any) -> RunFacts:
    return read_run_facts(context, site=AirflowSite("https://a.example.com"), redact=redact, now=lambda: NOW)


def test_the_next_cell_of_a_table_is_no_part_of_an_address(connected: Sandbox) -> None:
    """It ends at the bar."""
    DingTalkRobotHook().send(Markdown("t", f"|https://a.example.com/x|{WORD}|"))
    assert connected.messages[0].payload["markdown"]["text"] == "|https://a.example.com/x|***|"


def test_an_address_with_brackets_stays_whole_where_messages_are_joined() -> None:
    """One bracket alone would end the link in its middle."""
    text = in_words(Link("t", "x", "https://a.example.com/a)b(c"), str)
    assert text.startswith("[t](https://a.example.com/a%29b%28c)")
