"""An e-mail goes to DingTalk, and by real SMTP as well if wanted: a failure of one doesn't prevent the other."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from airflow_provider_dingpush.airflow_compat import is_airflow_3
from airflow_provider_dingpush.email_backend import send_email
from airflow_provider_dingpush.errors import DingTalkError
from airflow_provider_dingpush.sandbox import Sandbox
from tests.default_robot import titles
from tests.integration.smtp_server import smtp_server

ALERT = "Airflow alert: <TaskInstance: etl.load manual__1 [failed]>"


@pytest.fixture
def mails(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[EmailMessage]]:
    """What a mail server is given."""
    with smtp_server() as (port, received):
        for name, value in {
            "SMTP__SMTP_HOST": "127.0.0.1",
            "SMTP__SMTP_PORT": str(port),
            "SMTP__SMTP_STARTTLS": "False",
            "SMTP__SMTP_SSL": "False",
            "SMTP__SMTP_RETRY_LIMIT": "1",  # Airflow before 3.3 doesn't even try once with 0
            "SMTP__SMTP_MAIL_FROM": "airflow@example.com",
            "EMAIL__FROM_EMAIL": "airflow@example.com",
            "DINGPUSH__ALSO_EMAIL": "true",
        }.items():
            monkeypatch.setenv(f"AIRFLOW__{name}", value)
        yield received


def test_only_to_dingtalk_by_default(
    connected: Sandbox, mails: list[EmailMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW__DINGPUSH__ALSO_EMAIL")
    send_email("a@example.com", "Report", "<p>text</p>")
    assert titles(connected) == ["Report"]
    assert mails == []


def test_as_an_e_mail_as_well(connected: Sandbox, mails: list[EmailMessage]) -> None:
    send_email(["a@example.com"], "Report", "<p>text</p>", conn_id="smtp_default", from_email="airflow@example.com")
    assert titles(connected) == ["Report"]
    assert [(mail["Subject"], mail["To"]) for mail in mails] == [("Report", "a@example.com")]


@pytest.mark.skipif(not is_airflow_3(), reason="Airflow 2 reads the mail server from its options only")
def test_by_the_connection_if_it_names_a_server(
    connected: Sandbox, mails: list[EmailMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Airflow 3 itself does; the options of ``[smtp]`` lead nowhere."""
    pytest.importorskip("airflow.providers.smtp.hooks.smtp", reason="pip install apache-airflow-providers-smtp")
    port = int(os.environ["AIRFLOW__SMTP__SMTP_PORT"])
    monkeypatch.setenv("AIRFLOW__SMTP__SMTP_PORT", "1")
    extra = {"disable_ssl": True, "disable_tls": True, "from_email": "airflow@example.com"}
    server = {"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(server))
    send_email(["a@example.com"], "Report", "<p>text</p>", conn_id="smtp_default", from_email="airflow@example.com")
    assert [mail["Subject"] for mail in mails] == ["Report"]


def test_the_e_mail_is_sent_if_dingtalk_refuses(
    connected: Sandbox, mails: list[EmailMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the task of the ``EmailOperator`` fails."""
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", f"{connected.webhook_url}&secret=wrong")
    with pytest.raises(DingTalkError):
        send_email("a@example.com", "Report", "<p>text</p>")
    assert len(mails) == 1


def test_the_message_is_sent_if_the_mail_server_is_away(
    connected: Sandbox, mails: list[EmailMessage], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW__SMTP__SMTP_PORT", "1")
    with pytest.raises(OSError, match="refused"):
        send_email("a@example.com", "Report", "<p>text</p>")
    assert titles(connected) == ["Report"]
    assert "was not sent by SMTP" in caplog.text


@pytest.mark.parametrize("broken", ["dingtalk", "mail server", "both"])
def test_an_alert_raises_nothing(
    connected: Sandbox, mails: list[EmailMessage], monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """Airflow 3.1 would end the task's process, and all others would send the e-mail once more."""
    if broken != "mail server":
        monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", "http://127.0.0.1:1/robot/send?access_token=gone")
    if broken != "dingtalk":
        monkeypatch.setenv("AIRFLOW__SMTP__SMTP_PORT", "1")
    send_email("a@example.com", ALERT, "<p>text</p>")
    assert len(connected.messages) == (broken == "mail server")
    assert len(mails) == (broken == "dingtalk")


def test_a_dry_run_sends_nothing(connected: Sandbox, mails: list[EmailMessage]) -> None:
    send_email("a@example.com", "Report", "<p>text</p>", dryrun=True)
    send_email("a@example.com", ALERT, "<p>text</p>", dryrun=True)
    assert connected.messages == ()
    assert mails == []
