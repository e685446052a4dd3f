"""How links open is an option of the installation, for alerts, digests and people's own templates."""

from __future__ import annotations

from typing import Any

import jinja2
import pytest

from airflow_provider_dingpush.alerts.airflow_site import AirflowSite
from airflow_provider_dingpush.alerts.alert import mailbox_of
from airflow_provider_dingpush.alerts.alert_text import built_in_alert
from airflow_provider_dingpush.alerts.digest_notes import Notes
from airflow_provider_dingpush.alerts.run_alert import alert_of
from airflow_provider_dingpush.alerts.run_facts import FailedTask, RunFacts
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.messages import ActionCard, Button, Link, Markdown, browser_link
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.operators import DingTalkOperator
from airflow_provider_dingpush.pipeline.composing import composer_for
from airflow_provider_dingpush.pipeline.receivers import receiver_of_mailbox
from airflow_provider_dingpush.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("unhurried")

BASE = "https://airflow.example.com"
JUMP = "(dingtalk://dingtalkclient/action/open_platform_link?pcLink="


def failed_run(**more: Any) -> Any:
    """A context as the DAG processor makes it."""
    dag = {"dag_id": "etl", "owner": "zhangsan"}
    return {"dag": dag, "run_id": "r1", "reason": "task_failure", "dag_run": {"state": "failed"}, **more}


@pytest.mark.parametrize(
    ("option", "beginning"),
    [
        ("", "(dingtalk://dingtalkclient/page/link?url=https%3A%2F%2Fairflow"),
        ("pc_browser", "(dingtalk://dingtalkclient/page/link?url=https%3A%2F%2Fairflow"),
        ("browser", JUMP),
        ("plain", "(https://airflow.example.com/"),
        ("https://jump.example.com/?to={url}", "(https://jump.example.com/?to=https%3A%2F%2Fairflow"),
    ],
)
def test_links_of_an_alert(connected: Sandbox, monkeypatch: pytest.MonkeyPatch, option: str, beginning: str) -> None:
    """And of one's own template, also as a filter for one's own URLs."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__BASE_URL", BASE)
    monkeypatch.setenv("AIRFLOW__DINGPUSH__LINKS", option)
    DingTalkNotifier().notify(failed_run())
    own = Markdown("t", "[a]({{ facts.run_link }}) [b]({{ facts.run_url | browser_link }})")
    DingTalkNotifier(message=own).notify(failed_run(run_id="r2"))
    built_in, mine = (message.payload["markdown"]["text"] for message in connected.messages)
    assert beginning in built_in
    assert mine.count(beginning) == 2


def test_a_wrong_option_costs_no_alert(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is named in the log, with what it may be."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__LINKS", "brwoser")
    DingTalkNotifier().notify(failed_run())
    assert "(dingtalk://dingtalkclient/page/link?" in connected.messages[0].payload["markdown"]["text"]
    assert "[dingpush] links is not used" in caplog.text
    assert "one of plain, pc_browser, browser" in caplog.text


def test_an_operators_template(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same filters."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__LINKS", "browser")
    card = ActionCard("t", "{{ name | escape_markdown }}", [Button("open", "{{ url | browser_link }}")])
    operator = DingTalkOperator(task_id="send", message=card)
    context: Any = {"url": f"{BASE}/a?b=c", "name": "load_orders"}
    for env in (None, jinja2.Environment(autoescape=False)):
        operator.message = operator.render_template(card, context, env)
        operator.execute(context)
    for message in connected.messages:
        shown = message.payload["actionCard"]
        assert shown["singleURL"] == browser_link(f"{BASE}/a?b=c", "browser")
        assert shown["text"] == "load\\_orders"


def test_a_digest_and_the_logs_of_failed_tasks(connected: Sandbox) -> None:
    """The form is chosen where the alert is written, and stays with it."""
    site = AirflowSite(BASE, links="browser")
    facts = RunFacts(
        Event.DAG_FAILED,
        "etl",
        run_id="r",
        run_url=site.run_url("etl", "r"),
        links=site.links,
        failed_tasks=(FailedTask("t", None, site.log_url("etl", "r", "t"), site.links),),
    )
    assert RunFacts.from_dict(facts.to_dict()) == facts
    assert built_in_alert(facts, language="en").text.count(JUMP) == 2
    mailbox = mailbox_of("dingtalk_default", None)
    alerts = [
        alert_of(facts, mailbox, at=float(place), message=None, mentions=None, language=None) for place in range(3)
    ]
    message, _ = composer_for(sender := receiver_of_mailbox(mailbox), sender.hook.settings)(alerts, Notes())
    assert isinstance(message, Markdown)
    assert JUMP in message.text


def test_an_own_button(connected: Sandbox) -> None:
    """The helper is for links of any kind of message."""
    from airflow_provider_dingpush.hooks import DingTalkRobotHook

    DingTalkRobotHook().send(Link("t", "x", browser_link(BASE, "browser")))
    assert connected.messages[0].payload["link"]["messageUrl"] == browser_link(BASE, "browser")
