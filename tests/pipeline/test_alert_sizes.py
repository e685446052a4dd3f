"""Alerts of megabytes are cut before they are written, with a note."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.sandbox import Sandbox
from tests.callback_contexts import task_context
from tests.default_robot import connect

pytestmark = pytest.mark.usefixtures("unhurried")


@pytest.mark.parametrize("kind", ["text", "markdown", "actionCard"])
def test_a_message_of_megabytes_is_cut_before_it_is_written(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, outbox_home: Path, kind: str
) -> None:
    """With a note."""
    monkeypatch.delenv("AIRFLOW_CONN_DINGTALK_DEFAULT", raising=False)
    field = {"text": "content"}.get(kind, "text")
    body: dict[str, Any] = {field: "{{ '数据行 row\n' * 400000 }}"}
    if kind != "text":
        body["title"] = "t"
    if kind == "actionCard":
        body["btns"] = [{"title": "b", "actionURL": "https://example.com"}]
    DingTalkNotifier(language="en", message={"msgtype": kind, kind: body})(task_context())
    (path,) = outbox_home.glob("mail/*/new/*.json")
    assert path.stat().st_size <= 100_000
    connect(sandbox, monkeypatch)
    assert main(["flush"]) == 0
    (message,) = sandbox.messages
    assert "of 3200000 characters left out" in message.payload[kind][field]


def test_an_exception_of_megabytes_is_cut_before_it_is_written(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, outbox_home: Path
) -> None:
    """Whatever a context holds: names, owners, tags."""
    monkeypatch.delenv("AIRFLOW_CONN_DINGTALK_DEFAULT", raising=False)
    context = task_context(exception=ValueError("x" * 5_000_000))
    context["dag"].tags = {f"{number}" + "t" * 10_000 for number in range(500)}
    context["task"].owner = ",".join(f"owner{number}" * 100 for number in range(5000))
    DingTalkNotifier()(context)
    (path,) = outbox_home.glob("mail/*/new/*.json")
    assert path.stat().st_size <= 100_000
    connect(sandbox, monkeypatch)
    assert main(["flush"]) == 0
    assert len(sandbox.messages) == 1
