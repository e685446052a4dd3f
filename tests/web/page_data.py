"""An outbox with one of each that the page shows, and a visitor whose permissions a test sets."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.errors import ContentRefusedError
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline.incidents import claim, incidents_in
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.receivers import RobotReceiver
from airflow_provider_dingpush.pipeline.silences import add_silence
from airflow_provider_dingpush.sandbox import Fault, Sandbox
from tests.callback_contexts import task_context

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)> [click](javascript:alert(3)) & \"'"
MOBILE = "13800001234"


@dataclass
class Anybody:
    """A visitor.

    :param reads: DAGs that may be read; ``None`` stands for all.
    :param edits: DAGs that may be edited.
    """

    name: str = "zhangsan"
    reads: tuple[str | None, ...] | None = None
    edits: tuple[str | None, ...] | None = None
    asked: list[str | None] = field(default_factory=list)

    @property
    def user_id(self) -> str:
        return f"id of {self.name}"

    def may_read(self, dag_id: str | None) -> bool:
        self.asked.append(dag_id)
        return self.reads is None or dag_id in self.reads

    def may_edit(self, dag_id: str | None) -> bool:
        return self.edits is None or dag_id in self.edits


def failed(dag_id: str = "sales", task_id: str | None = "load", *, at: float | None = None, **more: Any) -> Alert:
    """An alert of a failure, written to the outbox."""
    at = time.time() if at is None else at
    values: dict[str, Any] = {"run_id": "scheduled__2026-11-28", "summary": "KeyError: 'amount'", **more}
    mailbox = values.pop("mailbox", Mailbox("dingtalk_default"))
    event = values.pop("event", Event.TASK_FAILED if task_id else Event.DAG_FAILED)
    alert = Alert(f"{dag_id} {task_id} {at}", mailbox, event, at, dag_id=dag_id, task_id=task_id, **values)
    outbox().put(alert)
    return alert


def refuse(*_: object, **__: object) -> bytes:
    raise ContentRefusedError("DingTalk refused the text.")


def dead_letter(task_id: str = "refused") -> None:
    """Let DingTalk refuse an alert even alone."""
    with pytest.MonkeyPatch.context() as refusing:
        refusing.setattr(RobotReceiver, "prepare", refuse)
        DingTalkNotifier()(task_context(task_id))


def fill(sandbox: Sandbox) -> None:
    """Write one of each: incidents, one claimed and one with a hostile text, a silence, a held receiver, a dead letter.

    :param sandbox: to which the default connection leads.
    """
    now = time.time()
    DingTalkNotifier()(task_context("load_orders"))
    dead_letter()
    sandbox.fail_next(Fault.THROTTLED)
    DingTalkNotifier()(task_context("export_orders"))
    failed("orders_daily", "check_amounts", at=now - 5_400, owners=("lisi",), facts={"tags": ["P1"]})
    failed(
        "evil",
        "inject",
        at=now - 600,
        summary=EVIL,
        log_link="javascript:alert(4)",
        run_link="https://x.example/?a=b&c=%22",
    )
    failed("users_hourly", None, at=now - 300, mailbox=Mailbox("dingtalk_oncall"))
    box = outbox()
    one = next(each for each in incidents_in(box) if each.failure.task_id == "check_amounts")
    claim(box, one, "wangwu", now - 300, note="上游补数中，预计 10:00 恢复")
    add_silence(box, {"dag_id": ("dev_*",)}, seconds=7_200.0, why="开发环境迁移", by="lisi")
