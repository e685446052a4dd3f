"""What ``dingpush doctor`` finds about this package as Airflow's e-mail backend."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.airflow_compat import has_own_plugin, ignores_email_backend, is_airflow_3
from airflow_provider_dingpush.cli.email_checks import BACKEND, EMAIL_CHECKS
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.email_backend import HTML_CONTENT_TEMPLATE, SUBJECT_TEMPLATE
from airflow_provider_dingpush.sandbox import Sandbox
from tests.cli.conftest import is_chinese

NAMES = {each.name for each in EMAIL_CHECKS}


def found(capsys: pytest.CaptureFixture[str], language: str = "en") -> dict[str, dict[str, Any]]:
    main(["doctor", "dingtalk_default", "--json", "--language", language])
    printed = json.loads(capsys.readouterr().out)
    return {each["check"]: each for each in printed["findings"] if each["check"] in NAMES}


@pytest.fixture
def email(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The options of a bridge that works."""
    monkeypatch.setenv("AIRFLOW__EMAIL__EMAIL_BACKEND", BACKEND)
    monkeypatch.setenv("AIRFLOW__EMAIL__HTML_CONTENT_TEMPLATE", HTML_CONTENT_TEMPLATE)
    monkeypatch.setenv("AIRFLOW__EMAIL__SUBJECT_TEMPLATE", SUBJECT_TEMPLATE)
    return monkeypatch


def codes(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    return {name: each["code"] for name, each in found(capsys).items()}


def test_nothing_is_said_where_it_isnt_used(connected: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    assert codes(capsys) == {}


@pytest.mark.skipif(not has_own_plugin("dingpush"), reason="Needs the plugin: pip install -e .")
def test_all_is_well(connected: Sandbox, email: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Except on 3.2, which ignores the option."""
    backend = "email_backend_on_3" if is_airflow_3() else "email_backend_on"
    assert codes(capsys) == {
        "email_backend": "email_backend_ignored" if ignores_email_backend() else backend,
        "email_template": "email_template_ok",
        "email_receiver": "email_receiver_ok",
    }


def test_a_misspelt_backend(connected: Sandbox, email: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With which Airflow sends nothing at all."""
    email.setenv("AIRFLOW__EMAIL__EMAIL_BACKEND", "airflow_provider_dingpush.send_email")
    finding = found(capsys)["email_backend"]
    assert (finding["severity"], finding["code"]) == ("error", "email_backend_unknown")
    assert BACKEND in finding["message"]
    assert finding["set_in"] == "AIRFLOW__EMAIL__EMAIL_BACKEND"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_without_the_template(
    connected: Sandbox, email: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], language: str
) -> None:
    """It works, and says what to put where."""
    email.delenv("AIRFLOW__EMAIL__HTML_CONTENT_TEMPLATE")
    main(["doctor", "dingtalk_default", "--language", language])
    printed = capsys.readouterr().out
    assert f"html_content_template = {HTML_CONTENT_TEMPLATE}\n" in printed
    assert f"subject_template = {SUBJECT_TEMPLATE}\n" in printed
    assert is_chinese(printed) is (language == "zh")


def test_a_template_of_ones_own(
    connected: Sandbox, email: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It works, and one line of ours makes it independent of how Airflow calls a backend."""
    own = tmp_path / "own.html"
    email.setenv("AIRFLOW__EMAIL__HTML_CONTENT_TEMPLATE", str(own))
    assert codes(capsys)["email_template"] == "email_template_unreadable"
    own.write_text("{{ exception_html }}")
    finding = found(capsys)["email_template"]
    assert (finding["severity"], finding["code"]) == ("ok", "email_template_foreign")
    line = "{{ macros.dingpush.email_alert(ti, exception) }}"
    assert line in finding["message"]
    own.write_text(f"{line}{{{{ exception_html }}}}")
    assert codes(capsys)["email_template"] in ("email_template_ok", "email_plugin_missing")


@pytest.mark.parametrize("option", ["AIRFLOW__DINGPUSH__ALERT_CONN_ID", None])
def test_the_connection_is_missing(
    sandbox: Sandbox, email: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str | None
) -> None:
    email.delenv("AIRFLOW_CONN_DINGTALK_DEFAULT", raising=False)
    if option:
        email.setenv(option, "nowhere")
    finding = found(capsys)["email_receiver"]
    assert finding["code"] == "email_receiver_missing"
    assert repr("nowhere" if option else "dingtalk_default") in finding["message"]


def test_the_connection_of_e_mails_may_be_ours(
    connected: Sandbox, email: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    email.setenv("AIRFLOW__EMAIL__EMAIL_CONN_ID", "dingtalk_mails")
    email.setenv("AIRFLOW_CONN_DINGTALK_MAILS", connected.webhook_url)
    assert "dingtalk_mails" in found(capsys)["email_receiver"]["message"]
