"""Several notifiers in one callback: whatever one of them adds is sent, and nothing is sent twice to one group."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.messages import At
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.sandbox import Robot, Sandbox
from tests.callback_contexts import START, run_context, task_context
from tests.conftest import SECRET
from tests.default_robot import texts
from tests.surface.test_repetitions import LATER, ended, succeeded, with_ti

pytestmark = pytest.mark.usefixtures("unhurried")

Context = dict[str, Any]


def failed_task() -> Context:
    return ended(task_context(), start_date=START)


def failed_run() -> Context:
    return ended(run_context(), start_date=START)


@pytest.mark.parametrize("context", [failed_task, failed_run], ids=["task", "run"])
def test_whoever_the_second_notifier_of_a_success_mentions_is_mentioned(
    connected: Sandbox, context: Callable[[], Context]
) -> None:
    DingTalkNotifier()(context())
    for notifier in (DingTalkNotifier(), DingTalkNotifier(at=At(mobiles=("13800138000",)))):
        notifier(succeeded(context()))
    assert sum("🟢" in each for each in texts(connected)) == len(texts(connected)) - 1
    assert any("13800138000" in each for each in texts(connected)[1:])


def test_what_two_notifiers_add_to_a_success_that_waits_is_one_message(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_DINGTALK_DEFAULT", raising=False)
    DingTalkNotifier()(failed_task())
    for mobile in ("13800138000", "13900139000"):
        DingTalkNotifier(at=At(mobiles=(mobile,)))(succeeded(failed_task()))
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", f"{sandbox.webhook_url}&secret={SECRET}")
    assert main(["flush", "--now"]) == 0
    (text,) = texts(sandbox)
    assert "13800138000" in text
    assert "13900139000" in text


def test_a_second_notifier_that_adds_nothing_to_a_success_leaves_a_line(
    connected: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    DingTalkNotifier()(failed_task())
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            DingTalkNotifier()(succeeded(failed_task()))
    assert len(texts(connected)) == 2
    assert caplog.text.count("A repetition isn't sent again: task_succeeded") == 1


def test_two_connections_of_one_robot_send_a_success_once(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", f"{connected.webhook_url}&secret={SECRET}&group_interval_seconds=0")
    notifiers = (DingTalkNotifier(), DingTalkNotifier(dingtalk_conn_id="other"))
    with caplog.at_level(logging.INFO):
        for context in (failed_task(), succeeded(failed_task())):
            for notifier in notifiers:
                notifier(context)
    assert len(texts(connected)) == 2
    assert caplog.text.count("A repetition isn't sent again") == 2


def test_what_fails_again_at_once_after_its_recovery_and_recovers_is_sent(connected: Sandbox) -> None:
    # Nothing distinguishes one run from the next, all within one process and one second.
    for _ in range(2):
        DingTalkNotifier()(task_context())
        DingTalkNotifier()(succeeded(task_context()))
    assert len(texts(connected)) == 4


def test_another_success_of_the_task_is_no_news(connected: Sandbox) -> None:
    DingTalkNotifier()(failed_task())
    DingTalkNotifier()(succeeded(failed_task()))
    DingTalkNotifier(at=At(mobiles=("13800138000",)))(succeeded(ended(with_ti(task_context()), start_date=LATER)))
    assert len(texts(connected)) == 2


@pytest.mark.parametrize("event", ["failure", "recovery"])
def test_two_connections_with_one_wrong_token_are_sent_by_both_receivers(
    monkeypatch: pytest.MonkeyPatch, event: str
) -> None:
    first, second = Robot(secret=SECRET, name="first"), Robot(secret=SECRET, name="second")
    with Sandbox(robots=(first, second)) as sandbox:
        names = {"a": first, "b": second}

        def connect(tokens: dict[str, str]) -> None:
            for name, token in tokens.items():
                url = sandbox.webhook_url_of(names[name]).replace(names[name].access_token, token)
                monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", f"{url}&secret={SECRET}&group_interval_seconds=0")

        connect({"a": "wrong", "b": "wrong"})
        for context in (failed_task(), succeeded(failed_task()))[: 1 + (event == "recovery")]:
            for name in names:
                DingTalkNotifier(dingtalk_conn_id=name)(context)
        assert main(["flush", "--now"]) == 1  # both are taken in
        connect({"a": first.access_token, "b": second.access_token})
        assert main(["flush", "--now"]) == 0
        assert sorted(getattr(each.sender, "name", "") for each in sandbox.messages) == ["first", "second"]


def test_two_connections_with_one_wrong_token_that_get_one_robot_send_once(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(url: str) -> None:
        for name in "AB":
            monkeypatch.setenv(f"AIRFLOW_CONN_{name}", f"{url}&secret={SECRET}&group_interval_seconds=0")

    connect(f"{sandbox.webhook_url.partition('=')[0]}={'0' * 64}")
    for context in (failed_task(), succeeded(failed_task())):
        for name in "ab":
            DingTalkNotifier(dingtalk_conn_id=name)(context)
        assert main(["flush", "--now"]) == 1
    connect(sandbox.webhook_url)
    assert main(["flush", "--now"]) == 0
    assert len(sandbox.messages) == 1


def test_three_notifiers_of_a_success_repeat_nothing(connected: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    DingTalkNotifier()(failed_task())
    plain, mentions = DingTalkNotifier(), DingTalkNotifier(at=At(mobiles=("13800138000",)))
    with caplog.at_level(logging.INFO):
        for notifier in (mentions, plain, mentions):
            notifier(succeeded(failed_task()))
    assert len(texts(connected)) == 2
    assert caplog.text.count("A repetition isn't sent again: task_succeeded") == 2
