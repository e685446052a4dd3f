"""The default connection, to the sandbox's robot, and what its group shows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_dingpush.sandbox import Sandbox
from tests.conftest import SECRET


def texts(sandbox: Sandbox) -> list[str]:
    """The texts in the chat."""
    bodies = [message.payload for message in sandbox.messages]
    return [body[body["msgtype"]].get("content") or body[body["msgtype"]].get("text") for body in bodies]


CONNECTION = "AIRFLOW_CONN_DINGTALK_DEFAULT"


def connect(sandbox: Sandbox, env: pytest.MonkeyPatch, **extras: Any) -> None:
    """Point the default connection to the sandbox's robot, with delivery options."""
    query = "".join(f"&{name}={value}" for name, value in extras.items())
    env.setenv(CONNECTION, f"{sandbox.webhook_url}&secret={SECRET}{query}")


def titles(sandbox: Sandbox) -> list[str]:
    """What a locked phone shows."""
    return [message.payload["markdown"]["title"] for message in sandbox.messages]


def chat(sandbox: Sandbox) -> str:
    """All texts in the chat, without the escapes of Markdown."""
    return "\n".join(
        message.payload.get("markdown", message.payload.get("text", {})).get("text", "")
        + message.payload.get("text", {}).get("content", "")
        for message in sandbox.messages
    ).replace("\\", "")


def times_named(sandbox: Sandbox, task_id: str) -> int:
    """In how many messages a task is named."""
    return sum(task_id in json.dumps(each.payload).replace("\\", "") for each in sandbox.messages)
