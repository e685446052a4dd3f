"""The outbox of the tests: alerts put into it, and a Redis that is it or is away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline import outboxes
from airflow_provider_dingpush.pipeline.outboxes import outbox
from tests.callback_contexts import task_context

HERE = Mailbox("dingtalk_default")


NOBODY = "redis://127.0.0.1:1/0"


def use(url: str, env: pytest.MonkeyPatch) -> None:
    """Let this be the outbox, as for a process that begins now."""
    env.setenv("AIRFLOW__DINGPUSH__OUTBOX_URL", url)
    outboxes.opened.cache_clear()
    outboxes.opened_notes.cache_clear()


@contextmanager
def away(url: str, env: pytest.MonkeyPatch) -> Iterator[None]:
    """A Redis that refuses connections for a while."""
    use(NOBODY, env)
    yield
    use(url, env)


def fail(task_id: str) -> None:
    DingTalkNotifier(language="en")(task_context(task_id))


def alert_of(task_id: str, *, at: float = 1_800_000_000.0, event: str = "task_failed", **more: Any) -> Alert:
    """An alert of a task; one that the outbox recognises again."""
    return Alert(f"key-{task_id}", HERE, Event(event), at, dag_id="etl", run_id="r", task_id=task_id, **more)


def put_alerts(*conn_ids: str) -> None:
    """Write an alert for each of these connections, named like it."""
    for conn_id in conn_ids:
        outbox().put(
            Alert(
                key=f"key of {conn_id}",
                mailbox=Mailbox(conn_id),
                event=Event.TASK_FAILED,
                at=time.time(),
                dag_id="sales",
                run_id="r1",
                task_id=f"of_{conn_id}",
                message={"msgtype": "text", "text": {"content": f"of_{conn_id}"}},
            )
        )
