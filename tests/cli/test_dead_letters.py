"""``dingpush dead-letters``: alerts that DingTalk refused even alone."""

from __future__ import annotations

import pytest

from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.errors import ContentRefusedError
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline import dead_letters
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.receivers import RobotReceiver
from airflow_provider_dingpush.sandbox import Sandbox
from tests.callback_contexts import task_context


def _refuse(*_: object, **__: object) -> bytes:
    raise ContentRefusedError("DingTalk refused the text.")


@pytest.fixture
def refused(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A sandbox that has refused one alert."""
    with monkeypatch.context() as refusing:
        refusing.setattr(RobotReceiver, "prepare", _refuse)
        DingTalkNotifier()(task_context())
    assert connected.messages == ()
    return connected


def test_they_can_be_seen_and_retried(refused: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """What DingTalk refuses even alone is kept for people."""
    assert main(["dead-letters"]) == 0
    listed = capsys.readouterr().out.splitlines()[-1]
    assert "load_orders" in listed
    assert "DingTalk refused the text." in listed
    key = listed.split()[0]
    assert main(["dead-letters", "show", key]) == 0
    assert '"task_id": "load_orders"' in capsys.readouterr().out
    assert main(["dead-letters", "retry", key]) == 0
    assert "1 dead letter will be sent with the next flush." in capsys.readouterr().out
    assert main(["flush"]) == 0
    assert len(refused.messages) == 1
    assert main(["dead-letters", "drop", "all"]) == 1
    assert main(["dead-letters", "show"]) == 2


@pytest.mark.parametrize(
    ("language", "dropped", "none"),
    [("en", "1 dead letter dropped.", "No dead letters."), ("zh", "已删除 1 条死信。", "没有死信。")],
)
def test_they_can_be_dropped(
    refused: Sandbox, capsys: pytest.CaptureFixture[str], language: str, dropped: str, none: str
) -> None:
    """And never come back."""
    assert main(["dead-letters", "drop", "all", "--language", language]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == dropped
    assert main(["flush"]) == 0
    capsys.readouterr()
    assert main(["dead-letters", "list", "--language", language]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == none
    assert refused.messages == ()


@pytest.mark.parametrize("action", ["list", "drop"])
def test_a_receiver_that_is_in_use_does_not_count_as_one_without_dead_letters(
    refused: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    monkeypatch.setattr(dead_letters, "_LEADER_SECONDS", 0.0)
    (receiver_id,) = outbox().receivers()
    with outbox().leadership(receiver_id):
        assert main(["dead-letters", action, "all", "--language", "en"]) == 1
    printed = capsys.readouterr()
    assert "Another process is sending right now" in printed.err
    assert "No dead letters." not in printed.out


@pytest.mark.parametrize(("language", "hint"), [("en", "pass the beginning of a key"), ("zh", "请给出编号的开头")])
def test_a_key_is_asked_for(capsys: pytest.CaptureFixture[str], language: str, hint: str) -> None:
    """With where to find it."""
    assert main(["dead-letters", "drop", "--language", language]) == 2
    printed = capsys.readouterr().err
    assert hint in printed
    assert "dingpush dead-letters list" in printed
