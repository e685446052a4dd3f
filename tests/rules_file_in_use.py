"""A rules file of this Airflow, and what is written about it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from airflow_provider_dingpush.alerts.alert import Mailbox
from airflow_provider_dingpush.pipeline import routes, rules_file_alerts, scheduler_writing
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.rules_file_check import check
from airflow_provider_dingpush.pipeline.tick import tick
from airflow_provider_dingpush.storage.outbox import Outbox
from airflow_provider_dingpush.timeouts import Deadline


def use_rules_file(path: Path, env: pytest.MonkeyPatch) -> None:
    """Look for the rules there, in a process that has read none yet."""
    env.setenv("AIRFLOW__DINGPUSH__RULES_FILE", str(path))
    env.setattr(scheduler_writing._writer, "_failed_at", None)
    new_process(env)


def new_process(env: pytest.MonkeyPatch) -> None:
    """Forget what a process remembers of the file."""
    env.setattr(routes, "_known", {})
    env.setattr(rules_file_alerts, "_told", {})


def write(path: Path, text: str | bytes) -> None:
    """As a person does who saves it again: a moment later."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.utime(path, ns=(before + 1_000, before + 1_000))


def waiting(conn_id: str = "dingtalk_default", box: Outbox | None = None) -> list[tuple[str, str]]:
    """Event and text of the alerts that wait there, the oldest first."""
    found = [alert for _, alert in (box or outbox()).mail_of(Mailbox(conn_id), 100)]
    found.sort(key=lambda each: each.at)
    return [(each.event.value, str(each.facts.get("exception_text") or "")) for each in found]


def run_check() -> None:
    check(Deadline.after(60))


def flush() -> None:
    list(tick(until=time.monotonic() + 60))
