"""Who is mentioned and who gets it: the duty table of the rules file, asked when a message is made."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.alerts.run_facts import RunFacts
from airflow_provider_dingpush.errors import OutboxError, TargetError
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.messages import At
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline import stores
from airflow_provider_dingpush.pipeline.callback import notify
from airflow_provider_dingpush.pipeline.duty import KnownDuty
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.routes import routes_of
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.targets import Users
from tests.callback_contexts import success_context, task_context
from tests.rules_file_in_use import flush, use_rules_file, write

pytestmark = pytest.mark.usefixtures("unhurried")

PEOPLE = """\
people:
  - {name: zhangsan, user_id: zhangsan, mobile: 13800000001, email: san@example.com}
  - {name: lisi, user_id: lisi, mobile: 13800000002}
  - {name: wangwu, user_id: wangwu}
rotations:
  - {name: primary, people: PRIMARY}
  - {name: lead, people: wangwu}
"""
AT = "rules: [{receiver: dingtalk_default, at: {on_call: [primary, lead]}}]\n"
TO = "rules: [{receiver: dingtalk_app_default, to: on_call}]\n"
FACTS = RunFacts(Event.TASK_FAILED, "etl", run_id="r", task_id="load")


def table(primary: str = "zhangsan") -> str:
    return PEOPLE.replace("PRIMARY", primary)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(table() + AT, "utf-8")
    use_rules_file(path, monkeypatch)
    return path


def failed(task_id: str = "load", owner: str = "somebody") -> dict[str, Any]:
    """The context of a failed task of this owner."""
    context = task_context(task_id)
    context["task"].owner = context["dag"].owner = owner
    return context


def happens(context: dict[str, Any], facts: RunFacts = FACTS) -> None:
    """An event of a DAG, of which the rules decide."""
    for route in routes_of(facts):
        notify(route.arguments, context, in_triggerer=False, raise_on_failure=False)


def written(facts: RunFacts = FACTS) -> list[Alert]:
    """The alerts of an event, which wait in the outbox."""
    alerts = [route.alert(facts, at=time.time()) for route in routes_of(facts)]
    for each in alerts:
        outbox().put(each)
    return alerts


def mentioned(sandbox: Sandbox) -> list[tuple[list[str], list[str]]]:
    """The mobile numbers and user ids that each message mentions."""
    blocks = [each.payload.get("at") or {} for each in sandbox.messages]
    return [(each.get("atMobiles", []), each.get("atUserIds", [])) for each in blocks]


def places(sandbox: Sandbox) -> list[str]:
    return [each.conversation.key for each in sandbox.messages]


def test_whoever_is_on_call_is_mentioned(file: Path, connected: Sandbox) -> None:
    """Of each rotation that the rule names."""
    happens(failed())
    assert mentioned(connected) == [(["13800000001"], ["wangwu"])]


def test_that_is_whoever_is_on_call_when_it_is_sent(file: Path, connected: Sandbox) -> None:
    """And not when the alert was written."""
    (alert,) = written()
    assert Alert.from_json(alert.to_json()).on_call == ("primary", "lead")
    write(file, table("lisi") + AT)
    flush()
    assert mentioned(connected) == [(["13800000002"], ["wangwu"])]


def test_a_gap_loses_no_alert(file: Path, connected: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    write(file, table("[lisi, zhangsan], start: 2099-01-01") + AT)
    happens(failed())
    assert mentioned(connected) == [([], ["wangwu"])]
    assert "Nobody is on call in rotation 'primary'" in caplog.text
    assert (
        "（未找到轮值 primary 此刻的值班人，可用 dingpush oncall" in connected.messages[0].payload["markdown"]["text"]
    )


def test_a_file_that_broke_meanwhile_loses_no_alert(file: Path, connected: Sandbox) -> None:
    written()
    write(file, "people: [")
    flush()
    texts = [each.payload["markdown"]["text"] for each in connected.messages]
    assert any("load" in each for each in texts)


def test_rules_about_one_receiver_mention_everybody_they_name(file: Path, connected: Sandbox) -> None:
    """In one message."""
    rules = "rules: [{receiver: R, continue: true}, {receiver: R, at: {mobiles: 13800000009}, continue: true}, "
    rules += "{receiver: R, at: {on_call: primary}, continue: true}, {receiver: R, at: {on_call: lead}}]\n"
    write(file, table() + rules.replace("R,", "dingtalk_default,"))
    written()
    flush()
    assert mentioned(connected) == [(["13800000009", "13800000001"], ["wangwu"])]


OWNERS = {
    "zhangsan": (["13800000001"], []),
    "SAN@example.com": (["13800000001"], []),
    "wangwu": ([], ["wangwu"]),
    "somebody": ([], []),
}


@pytest.mark.parametrize("owner", OWNERS)
def test_an_owner_is_looked_up_in_the_table(file: Path, connected: Sandbox, owner: str) -> None:
    """Also by a notifier of the DAG."""
    DingTalkNotifier()(failed(owner=owner))
    assert mentioned(connected) == [OWNERS[owner]]


def test_the_connection_wins_over_the_table(file: Path, connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also to mention nobody."""
    for mentions in (["13900000000"], []):
        extra = {"mentions": {"zhangsan": mentions}, "group_interval_seconds": 0, "secret": connected.robot.secret}
        connection = {"conn_type": "dingtalk_robot", "password": connected.webhook_url, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", json.dumps(connection))
        DingTalkNotifier()(failed(f"task_{len(mentions)}", owner="zhangsan"))
        assert mentioned(connected)[-1] == (mentions, [])


def test_an_alert_that_can_not_be_stored_mentions_them_as_well(
    file: Path, connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is sent at once."""

    def full(*_: object) -> None:
        raise OutboxError("The disk is full.")

    monkeypatch.setattr(stores, "store_alert", full)
    happens(failed(owner="lisi"))
    assert mentioned(connected) == [(["13800000001", "13800000002"], ["wangwu"])]


def test_an_app_sends_to_whoever_is_on_call_then(file: Path, app_connected: Sandbox) -> None:
    write(file, table() + TO)
    happens(failed())
    written(FACTS._replace(task_id="other"))
    write(file, table("lisi") + TO)
    flush()
    assert places(app_connected) == ["private:zhangsan", "private:lisi"]


def test_an_app_that_mentions_nobody_gets_it_all_the_same(file: Path, app_connected: Sandbox) -> None:
    """The owner is known, but no message of an app can mention people."""
    write(file, table() + "rules: [{receiver: dingtalk_app_default, at: on_call}]\n")
    happens(failed(owner="lisi"))
    assert places(app_connected) == ["group:1"]


def test_a_recovery_goes_to_whoever_is_on_call_by_then(file: Path, app_connected: Sandbox) -> None:
    """The failure was told to the rotation, and not to a person."""
    write(file, table() + TO)
    happens(failed())
    write(file, table("lisi") + TO)
    happens(success_context("load"), FACTS._replace(event=Event.TASK_SUCCEEDED))
    assert places(app_connected) == ["private:zhangsan", "private:lisi"]


def test_if_nobody_is_on_call_it_goes_to_the_group(file: Path, app_connected: Sandbox) -> None:
    write(file, table("[lisi, zhangsan], start: 2099-01-01") + TO)
    happens(failed())
    assert places(app_connected) == ["group:1"]
    assert "已改发到本群" in app_connected.messages[0].shown["markdown"]["text"]


def test_without_a_group_it_waits_and_says_why(
    file: Path, app_connected: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    connection = json.loads(app_connected.connection_of(app_connected.app))
    del connection["extra"]["open_conversation_id"]
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", json.dumps(connection))
    write(file, table("[lisi, zhangsan], start: 2099-01-01") + TO)
    happens(failed())
    assert places(app_connected) == []
    assert "Nobody is on call in rotation 'primary'" in caplog.text
    with pytest.raises(TargetError, match="Nobody is on call in rotation 'primary'"):
        KnownDuty().users_on_call("primary")


def test_a_robot_has_no_targets(file: Path, connected: Sandbox) -> None:
    """As with any other, the alert is in its own group."""
    write(file, table() + "rules: [{receiver: dingtalk_default, to: on_call}]\n")
    happens(failed())
    assert "自定义机器人不支持 to=" in connected.messages[0].payload["markdown"]["text"]


def test_now_is_the_moment_of_the_call(file: Path) -> None:
    now = datetime.now(timezone.utc)
    override = f"overrides: [{{rotation: primary, person: lisi, from: '{now - timedelta(hours=1):%Y-%m-%d %H:%MZ}', "
    write(file, table() + override + f"until: '{now + timedelta(hours=1):%Y-%m-%d %H:%MZ}'}}]\n")
    assert KnownDuty().users_on_call("primary") == Users(user_ids=["lisi"])
    assert KnownDuty().on_call("lead") == At(user_ids=["wangwu"])
    assert KnownDuty().on_call("night") is None


def test_without_a_rules_file_nobody_is_known() -> None:
    duty = KnownDuty()
    assert (duty.person("zhangsan"), duty.on_call("primary")) == (None, None)
