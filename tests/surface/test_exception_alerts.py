"""What went wrong reaches the group: alone, and in the line of a digest."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.airflow_site import AirflowSite
from airflow_provider_dingpush.alerts.alert import mailbox_of
from airflow_provider_dingpush.alerts.context_reading import read_run_facts
from airflow_provider_dingpush.alerts.digest_notes import Notes
from airflow_provider_dingpush.alerts.run_alert import alert_of
from airflow_provider_dingpush.messages import Markdown
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline.composing import composer_for
from airflow_provider_dingpush.pipeline.receivers import receiver_of_mailbox
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.targets import WorkNotification

pytestmark = pytest.mark.usefixtures("unhurried")

NOW = datetime(2026, 11, 22, 3, 4, 5, tzinfo=timezone.utc)


class Group(Exception):  # noqa: N818 - as Python calls it
    """A group as Python 3.11 and the backport have it."""

    def __init__(self, text: str, exceptions: list[Exception]) -> None:
        super().__init__(f"{text} ({len(exceptions)} sub-exceptions)")
        self.exceptions = exceptions


def caused() -> Exception:
    error = RuntimeError("report failed")
    error.__cause__ = ConnectionError("db.example.com refused the connection")
    return error


def noted() -> Exception:
    error = ValueError("bad row")
    error.__notes__ = ["file orders.csv"]  # type: ignore[attr-defined]
    return error


MAKERS: dict[str, tuple[Callable[[], Any], str, str]] = {
    "group": (
        lambda: Group("unhandled errors in a TaskGroup", [ValueError("bad row 17"), TimeoutError()]),
        "> • ValueError: bad row 17  \n> • TimeoutError",
        "Group: ValueError: bad row 17 (+1)",
    ),
    "cause": (
        caused,
        "> RuntimeError: report failed  \n> Caused by: ConnectionError: db.example.com refused the connection",
        "RuntimeError: report failed; caused by ConnectionError: db",
    ),
    "note": (noted, "> ValueError: bad row  \n> file orders.csv", "ValueError: bad row"),
    "long text": (
        lambda: ValueError("\n".join(["\x1b[31mcell 1\x1b[0m", *("output" for _ in range(50)), "the reason"])),
        "> ValueError: cell 1  \n> output  \n> output  \n> … (45 lines left out) …  \n"
        + "> output  \n" * 3
        + "> the reason",
        "ValueError: cell 1",
    ),
    "text of Airflow 2": (lambda: "10%\r20%\rTask failed", "> Task failed", "Task failed"),
}


def context(task_id: str, error: Any) -> Any:
    """A failed task, as far as a notifier looks at it. Of a run of its own: callbacks of one try share 8 seconds."""
    run_id = uuid.uuid4().hex
    ti = SimpleNamespace(
        dag_id="etl", task_id=task_id, run_id=run_id, map_index=-1, try_number=1, max_tries=0, state="failed"
    )
    return {"ti": ti, "run_id": run_id, "exception": error}


@pytest.mark.parametrize("case", MAKERS)
def test_an_alert_alone(connected: Sandbox, case: str) -> None:
    """The whole text."""
    make, shown, _ = MAKERS[case]
    DingTalkNotifier(language="en").notify(context("load", make()))
    assert f"{shown}\n\n" in connected.messages[0].payload["markdown"]["text"]


def test_a_work_notification_keeps_the_last_line(app_connected: Sandbox) -> None:
    """It holds a tenth of what a robot does; the reason and the links are in it all the same."""
    error = ValueError("\n".join([*("输出" * 60 for _ in range(60)), "the reason"]))
    notifier = DingTalkNotifier(dingtalk_conn_id="dingtalk_app_default", to=WorkNotification("lisi"), language="zh")
    notifier.notify(context("load", error))
    text = app_connected.messages[0].shown["markdown"]["text"]
    assert "the reason" in text
    assert "省略" in text
    assert "[查看日志" in text


@pytest.mark.parametrize("case", MAKERS)
def test_a_line_of_a_digest(connected: Sandbox, case: str) -> None:
    """The most telling line."""
    make, _, summary = MAKERS[case]
    mailbox = mailbox_of("dingtalk_default", None)
    alerts = [
        alert_of(
            read_run_facts(context(task_id, make()), site=AirflowSite(), now=lambda: NOW),
            mailbox,
            at=NOW.timestamp(),
            message=None,
            mentions=None,
            language="en",
        )
        for task_id in ("load", "save")
    ]
    message, _ = composer_for(sender := receiver_of_mailbox(mailbox), sender.hook.settings)(alerts, Notes())
    assert isinstance(message, Markdown)
    assert summary in message.text
