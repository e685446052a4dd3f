"""E-mails of a real Airflow about failed tasks: a storm of them, and one whose process and supervisor were killed.

On Airflow 3 the DAG processor sends that of the killed task, on Airflow 2 the scheduler or its DAG processor::

    pytest -m standalone tests/integration/test_standalone_emails.py -s

Takes about ten minutes. ``DINGPUSH_EMAILS`` makes the storm smaller than 200 tasks.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from airflow_provider_dingpush.airflow_compat import ignores_email_backend
from airflow_provider_dingpush.cli.email_checks import BACKEND
from airflow_provider_dingpush.email_backend import HTML_CONTENT_TEMPLATE, SUBJECT_TEMPLATE
from airflow_provider_dingpush.sandbox import Robot, Sandbox
from tests.covered_alerts import Report, reported_alerts
from tests.integration.failing_dags import FLUSH_FILE, HEAD
from tests.integration.test_whole_airflow import SITE
from tests.integration.whole_airflow import WholeAirflow, whole_airflow

pytestmark = [
    pytest.mark.standalone,
    pytest.mark.skipif(ignores_email_backend(), reason="Airflow 3.2 sends these e-mails by SMTP only"),
]

EMAILS = int(os.environ.get("DINGPUSH_EMAILS", "200"))
RUNS_SECONDS = 900 + 10 * EMAILS
# So many failures are a storm, in which alerts are collected for five minutes.
ALERT_SECONDS = 480
SECRET = "SEC-of-the-e-mails-0123456789"
DAG_FILE = """
ARGS = {"owner": "zhangsan", "email": ["zhangsan@example.com"], "email_on_failure": True, "email_on_retry": False}
START = datetime(2026, 1, 1, tzinfo=timezone.utc)

with DAG("email_storm", start_date=START, schedule="@once", catchup=False, max_active_tasks=16, default_args=ARGS):

    @task
    def load(number):
        raise ValueError(f"no such partition {number}")

    load.expand(number=list(range(COUNT)))

with DAG("email_killed", start_date=START, schedule="@once", catchup=False, default_args=ARGS):

    @task
    def dies():
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    dies()
"""


def arrived(chat: Sandbox, reports: Path) -> Counter[Report]:
    """How often each event was reported."""
    ids = [message.payload["msgUuid"] for message in chat.messages]
    return reported_alerts(reports.read_text() if ids else "", ids)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[WholeAirflow, Sandbox, Path]]:
    """Airflow, the chat, and the file of what messages report."""
    reports = tmp_path / "reports"
    extra = {"secret": SECRET, "mentions": {"zhangsan@example.com": "13800000000"}}
    with Sandbox(robots=(Robot(secret=SECRET),)) as chat:
        connection = {"conn_type": "dingtalk_robot", "password": chat.webhook_url, "extra": extra}
        environment = {"AIRFLOW_CONN_DINGTALK_DEFAULT": json.dumps(connection)}
        options = {
            "EMAIL__EMAIL_BACKEND": BACKEND,
            "EMAIL__HTML_CONTENT_TEMPLATE": HTML_CONTENT_TEMPLATE,
            "EMAIL__SUBJECT_TEMPLATE": SUBJECT_TEMPLATE,
        }
        files = {"emails.py": HEAD + DAG_FILE.replace("COUNT", str(EMAILS)), "flush.py": FLUSH_FILE}
        with whole_airflow(
            files, {"sitecustomize.py": SITE.format(reports=str(reports))}, environment, options
        ) as airflow:
            yield airflow, chat, reports


def test_each_e_mail_is_one_alert(running: tuple[WholeAirflow, Sandbox, Path]) -> None:
    """None is lost, none comes twice, and there are far fewer messages than e-mails."""
    airflow, chat, reports = running
    wanted: Counter[tuple[str, str, str | None]] = Counter()
    wanted.update({("task_failed", "email_killed", "dies"): 1, ("task_failed", "email_storm", "load"): EMAILS})

    def by_task() -> Counter[tuple[str, str, str | None]]:
        found: Counter[tuple[str, str, str | None]] = Counter()
        for (event, dag_id, task_id, _), count in arrived(chat, reports).items():
            found[event, dag_id, task_id] += count
        return found

    def ended() -> bool:
        runs = airflow.runs()
        return all("failed" in runs.get(dag_id, {}).values() for dag_id in ("email_storm", "email_killed"))

    assert airflow.wait_until(ended, RUNS_SECONDS), airflow.log()
    airflow.wait_until(lambda: not wanted - by_task(), ALERT_SECONDS)
    print(f"\n{by_task()} in {len(chat.messages)} messages")  # noqa: T201 - for people
    assert by_task() == wanted, airflow.log()
    assert set(arrived(chat, reports).values()) == {1}
    assert {outcome.outcome for outcome in chat.requests} == {"accepted"}
    assert len(chat.messages) < max(10, EMAILS // 4)
    of_killed = next(text for text in texts_of(chat) if "email_killed" in text.replace("\\", ""))
    assert quote(f"{airflow.url}/dags/email_killed", safe="") in of_killed
    assert any(
        "13800000000" in message.payload["at"]["atMobiles"] for message in chat.messages if message.payload.get("at")
    )


def texts_of(chat: Sandbox) -> list[str]:
    """The Markdown of each message."""
    return [message.payload["markdown"]["text"] for message in chat.messages]
