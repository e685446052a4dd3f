"""A real DAG run on the installed Airflow whose tasks send e-mails: each arrives in DingTalk once, as an alert."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from airflow_provider_dingpush.airflow_compat import has_own_plugin, ignores_email_backend
from airflow_provider_dingpush.cli.email_checks import BACKEND
from airflow_provider_dingpush.email_backend import HTML_CONTENT_TEMPLATE, SUBJECT_TEMPLATE
from airflow_provider_dingpush.sandbox import Sandbox
from tests.default_robot import chat, titles
from tests.integration.dags.emails import PASSWORD
from tests.integration.smtp_server import smtp_server

pytestmark = pytest.mark.skipif(
    ignores_email_backend(),
    reason="Airflow 3.2 sends e-mails about failed tasks by SMTP only: install >= 3.3, or < 3.2",
)
MAPPED = ["Failed: emails · mapped [0]", "Failed: emails · mapped [1]"]
RETRIES = ["Failed: emails · retries", "Try 1/2 failed, will retry: emails · retries"]
REPORTED = sorted(["Failed: emails · fails", "Failed: emails · has_a_notifier", *MAPPED, *RETRIES, "Daily report"])


def options(sandbox: Sandbox, **more: str) -> dict[str, str]:
    extra = {"group_interval_seconds": 0, "mentions": {"zhangsan@Example.com": "13800000000"}}
    connection = {"conn_type": "dingtalk_robot", "password": sandbox.webhook_url, "extra": extra}
    return {
        "AIRFLOW_CONN_DINGTALK_DEFAULT": json.dumps(connection),
        "AIRFLOW__EMAIL__EMAIL_BACKEND": BACKEND,
        "AIRFLOW__DINGPUSH__LANGUAGE": "en",
        "AIRFLOW__DINGPUSH__BASE_URL": "https://airflow.example.com",
        **more,
    }


@pytest.fixture(scope="module")
def run(dag_test: Callable[..., str]) -> Iterator[tuple[Sandbox, str, list[str]]]:
    """The sandbox after the run, everything that Airflow wrote, and the subjects of real e-mails."""
    if not has_own_plugin("dingpush"):
        pytest.fail("Airflow finds no plugin of this package: pip install -e .")
    with Sandbox() as sandbox, smtp_server() as (port, received):
        smtp = {
            "AIRFLOW__SMTP__SMTP_HOST": "127.0.0.1",
            "AIRFLOW__SMTP__SMTP_PORT": str(port),
            "AIRFLOW__SMTP__SMTP_STARTTLS": "False",
            "AIRFLOW__SMTP__SMTP_MAIL_FROM": "airflow@example.com",
            "AIRFLOW__DINGPUSH__ALSO_EMAIL": "true",
        }
        templates = {
            "AIRFLOW__EMAIL__HTML_CONTENT_TEMPLATE": HTML_CONTENT_TEMPLATE,
            "AIRFLOW__EMAIL__SUBJECT_TEMPLATE": SUBJECT_TEMPLATE,
        }
        written = dag_test(sandbox, "emails", options(sandbox, **smtp, **templates))
        yield sandbox, written, [str(mail["Subject"]) for mail in received]


def test_each_e_mail_arrives_once(run: tuple[Sandbox, str, list[str]]) -> None:
    """Also where a notifier reports the same failure; none of a task that sends no e-mail."""
    assert sorted(titles(run[0])) == REPORTED, run[1][-5000:]


def test_it_is_the_alert_of_a_notifier(run: tuple[Sandbox, str, list[str]]) -> None:
    """With the class of the exception, its place in the DAG file, and links that work."""
    payload = next(each.payload for each in run[0].messages if "· fails" in each.payload["markdown"]["title"])
    text = payload["markdown"]["text"].replace("\\", "")
    assert "ValueError: &lt;b>no such table" in text
    assert "At: emails.py:" in text
    assert "airflow.example.com%2Fdags%2Femails" in text
    assert payload["at"]["atMobiles"] == ["13800000000"]


def test_real_e_mails_are_sent_beside_them(run: tuple[Sandbox, str, list[str]]) -> None:
    """For each of them, the notifier's task included; with a subject of one line."""
    alerts = [each for each in run[2] if each.startswith("Airflow alert: <TaskInstance: emails.")]
    assert len(alerts) == len(REPORTED) - 1, run[1][-5000:]
    assert sum("Daily report" in each for each in run[2]) == 1


def test_no_secret_reaches_the_chat(run: tuple[Sandbox, str, list[str]]) -> None:
    assert PASSWORD not in chat(run[0])
    assert "warehouse.example.com" in chat(run[0])


def test_a_message_names_its_attachment(run: tuple[Sandbox, str, list[str]]) -> None:
    payload = next(each.payload for each in run[0].messages if each.payload["markdown"]["title"] == "Daily report")
    assert payload["markdown"]["text"].startswith(
        "## Daily report\n\n## Sales\n\nTotal: **1,204**\n\nAttachments left out"
    )


def test_without_the_template_failures_arrive_as_well(dag_test: Callable[..., str]) -> None:
    """The same alerts, each once: the failure is found in the function of Airflow that calls the backend."""
    from airflow import __version__

    if __version__.startswith("3.0."):
        pytest.skip("Airflow 3.0.6 sends no e-mail with its own template, which has an error: install another version")
    with Sandbox() as sandbox:
        written = dag_test(sandbox, "emails", options(sandbox))
    assert sorted(titles(sandbox)) == REPORTED, written[-5000:]
    assert "ValueError: &lt;b>no such table" in chat(sandbox)
    assert PASSWORD not in chat(sandbox)
