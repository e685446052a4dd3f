"""The link with which a message lets people claim: to the page of its incident, if Airflow's URL is known."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

from airflow_provider_dingpush.airflow_compat import is_airflow_3
from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.alerts.mailboxes import Mailbox
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.pipeline.claim_links import claim_link
from airflow_provider_dingpush.pipeline.incidents import claim, incidents_in
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.sandbox import Sandbox

PAGE = "https://airflow.example.com/data/dingpush/"
TEXTS = {"en": "Claim in Airflow", "zh": "在 Airflow 中认领"}


@pytest.fixture
def known_url(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers know where Airflow's pages are."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__BASE_URL", "https://airflow.example.com/data/")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__LINKS", "plain")


def escalating(task_id: str, language: str = "en") -> None:
    """Write the alert of a failure that escalates."""
    alert = Alert(
        task_id,
        Mailbox("dingtalk_default"),
        Event.TASK_FAILED,
        outbox().store.now(),
        dag_id="sales",
        task_id=task_id,
        rule={"escalates": True},
        language=language,
    )
    outbox().put(alert)


def texts(sandbox: Sandbox) -> list[str]:
    return [each.payload["markdown"]["text"] for each in sandbox.messages]


@pytest.mark.usefixtures("known_url")
def test_one_incident_has_its_page_and_several_share_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert claim_link(["7f3a"]) == f"{PAGE}?incident=7f3a"
    assert claim_link(["7f3a", "9999"]) == PAGE
    monkeypatch.setenv("AIRFLOW__DINGPUSH__LINKS", "pc_browser")
    assert quote(f"{PAGE}?incident=7f3a", safe="") in (claim_link(["7f3a"]) or "")


@pytest.mark.parametrize("url", ["", "http://localhost:8080", "http://127.0.0.1", "not a url"])
def test_a_link_to_this_machine_is_none(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("AIRFLOW__DINGPUSH__BASE_URL", url)
    monkeypatch.setenv(f"AIRFLOW__{'API' if is_airflow_3() else 'WEBSERVER'}__BASE_URL", url)
    assert claim_link(["7f3a"]) is None


@pytest.mark.usefixtures("known_url", "outbox_home", "callback_process", "unhurried")
@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_alert_that_escalates_leads_to_its_incident(connected: Sandbox, language: str) -> None:
    escalating("load", language)
    [incident] = incidents_in(outbox())
    assert main(["flush", "--now"]) == 0
    [text] = texts(connected)
    assert f"[{TEXTS[language]}]({PAGE}?incident={incident.id})" in text


@pytest.mark.usefixtures("known_url", "outbox_home", "callback_process", "unhurried")
def test_a_digest_leads_to_all_that_nobody_has_claimed(connected: Sandbox) -> None:
    for name in ("load", "clean", "publish"):
        escalating(name)
    claim(outbox(), incidents_in(outbox())[0], "lisi", outbox().store.now())
    assert main(["flush", "--now"]) == 0
    [text] = texts(connected)
    assert f"[Claim in Airflow]({PAGE})" in text


@pytest.mark.usefixtures("known_url", "outbox_home", "callback_process", "unhurried")
def test_what_somebody_has_claimed_needs_no_link(connected: Sandbox) -> None:
    for name in ("load", "clean"):
        escalating(name)
    for each in incidents_in(outbox()):
        claim(outbox(), each, "lisi", outbox().store.now())
    assert main(["flush", "--now"]) == 0
    [text] = texts(connected)
    assert "Claim in Airflow" not in text


@pytest.mark.usefixtures("outbox_home", "callback_process", "unhurried")
def test_without_airflows_url_there_is_no_link(connected: Sandbox, tmp_path: Path) -> None:
    escalating("load")
    assert main(["flush", "--now"]) == 0
    [text] = texts(connected)
    assert "dingpush ack" in text
    assert "Claim in Airflow" not in text
