"""Whatever a notifier is given and called with, the result is an alert that can be written down and sent."""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import jinja2
import jinja2.nativetypes
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_dingpush.alerts.airflow_site import AirflowSite
from airflow_provider_dingpush.alerts.alert import Alert, Mailbox, mailbox_of
from airflow_provider_dingpush.alerts.context_reading import read_run_facts
from airflow_provider_dingpush.alerts.digest_notes import Notes
from airflow_provider_dingpush.alerts.run_alert import alert_of
from airflow_provider_dingpush.errors import ContentError
from airflow_provider_dingpush.pipeline.composing import composer_for, plain_form
from airflow_provider_dingpush.pipeline.notifier_arguments import GivenArguments, read_arguments
from airflow_provider_dingpush.pipeline.receivers import receiver_of_mailbox
from airflow_provider_dingpush.targets import WorkNotification

HOW_MANY = int(os.environ.get("DINGPUSH_RANDOM_INPUTS", "200"))


class Hostile:
    """Raises whatever is asked of it."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __str__(self) -> str:
        raise RuntimeError("str")


WORDS = st.lists(
    st.sampled_from(
        [
            *("{{ x }}", "{{ ti.task_id }}", "{{ oops.y }}", "{% if %}", "{{", "{# c #}", "{{ x() }}", "{{ hostile }}"),
            *("数据", "a.md", "/x/y.json", "https://e.com", "1_000", "['a']", "{'a': 1}", "\ud800", "\u200b", " ", "@"),
        ]
    ),
    max_size=3,
).map("".join)
KEYS = st.sampled_from(
    [
        "msgtype",
        "text",
        "content",
        "at",
        "mobiles",
        "user_ids",
        "links",
        "markdown",
        "title",
        "work_notification",
        "everyone",
    ]
)
VALUES = st.recursive(
    WORDS | st.none() | st.booleans() | st.integers() | st.floats() | st.binary(max_size=3) | st.builds(Hostile),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3) | st.tuples(inner, inner),
    max_leaves=6,
)
MESSAGES = VALUES | st.builds(lambda words: {"msgtype": "text", "text": {"content": words}}, WORDS)
QUESTIONS = st.builds(
    SimpleNamespace,
    subject=VALUES,
    options=VALUES,
    body=VALUES,
    defaults=VALUES,
    params=VALUES,
    assigned_users=VALUES,
    response_timeout=VALUES,
    hitl_summary_extra=VALUES,
)
ENVIRONMENTS = st.sampled_from(
    [
        lambda: jinja2.Environment(autoescape=False),
        lambda: jinja2.nativetypes.NativeEnvironment(undefined=jinja2.StrictUndefined),
        lambda: None,
    ]
)
DAGS = st.builds(lambda make: SimpleNamespace(dag_id="d", get_template_env=make), ENVIRONMENTS) | st.builds(Hostile)
TASK_INSTANCES = st.builds(SimpleNamespace, task_id=st.just("t"), state=st.just("running")) | VALUES
CONTEXTS = VALUES | st.fixed_dictionaries(
    {"dag": DAGS, "ti": TASK_INSTANCES, "task": QUESTIONS | VALUES, "x": VALUES, "hostile": st.builds(Hostile)}
)


@pytest.fixture
def _connections(monkeypatch: pytest.MonkeyPatch) -> None:
    app = {"conn_type": "dingtalk_app", "login": "k", "password": "p", "extra": {"agent_id": "1"}}
    monkeypatch.setenv("AIRFLOW_CONN_APP", json.dumps(app))
    monkeypatch.setenv("AIRFLOW_CONN_ROBOT", "https://oapi.dingtalk.com/robot/send?access_token=0123456789abcdef")


@pytest.mark.usefixtures("_connections")
@given(context=CONTEXTS, message=MESSAGES, at=VALUES, to=VALUES, conn_id=WORDS)
@settings(max_examples=HOW_MANY, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_arguments_in_any_context_make_an_alert(context: Any, message: Any, at: Any, to: Any, conn_id: str) -> None:
    """Alone and merged, through a robot, an app's robot and a work notification."""
    facts = read_run_facts(context, site=AirflowSite(), now=lambda: datetime.now(timezone.utc))
    read = read_arguments(GivenArguments(conn_id, message, at, to), context, facts)
    try:
        alert = alert_of(
            facts,
            mailbox_of(read.conn_id, read.target),
            at=1.0,
            message=plain_form(read.message),
            mentions=read.mentions,
            language=None,
            problems=read.problems,
        )
    except ContentError:
        return  # a picture of bytes, which is sent without being written down
    alert = Alert.from_json(alert.to_json())
    for mailbox in (Mailbox("robot"), Mailbox("app"), Mailbox("app", json.dumps(WorkNotification("u").to_dict()))):
        sender = receiver_of_mailbox(mailbox)
        for alerts in ([alert], [alert, alert]):
            composed, mentions = composer_for(sender, sender.hook.settings)(alerts, Notes(number="1"))
            assert sender.prepare(composed, mentions, uuid="u", language="zh")
