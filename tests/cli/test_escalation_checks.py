"""What ``dingpush doctor`` says about escalations before the first night, in both languages."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.cli.doctor_words import RESULTS
from airflow_provider_dingpush.cli.escalation_checks import ESCALATION_CHECKS
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.pipeline.escalation_obstacles import Kind
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.sandbox import Sandbox
from tests.cli.conftest import is_chinese
from tests.rules_file_in_use import use_rules_file

NAMES = {each.name for each in ESCALATION_CHECKS}
RULES = """\
people: [{name: zhangsan, user_id: zhangsan}]
rotations: [{name: primary, people: [zhangsan]}]
rules:
  - {name: core, receiver: dingtalk_default, escalate: [{after: 5m, ding: phone, who: on_call}]}
"""


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    use_rules_file(file, monkeypatch)
    return file


def found(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    main(["doctor", "dingtalk_default", "--json"])
    findings = json.loads(capsys.readouterr().out)["findings"]
    return {each["code"]: each for each in findings if each["check"] in NAMES}


def test_nothing_is_said_where_nothing_escalates(
    connected: Sandbox, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules.write_text("rules: [{receiver: dingtalk_default}]\n")
    assert found(capsys) == {}
    rules.write_text("rules: {")
    assert found(capsys) == {}


def test_without_an_app_and_without_a_flush(
    connected: Sandbox, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    findings = found(capsys)
    assert {code: each["severity"] for code, each in findings.items()} == {
        "escalation_no_app": "error",
        "escalation_no_limit": "warning",
        "escalation_no_flush": "error",
    }
    assert "dingtalk_app_default" in findings["escalation_no_app"]["message"]


def test_all_is_well(
    connected: Sandbox, app_connected: Sandbox, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules.write_text(f"max_calls_per_night: 3\n{RULES}")
    outbox().note_flush(time.time())
    assert {code: each["severity"] for code, each in found(capsys).items()} == {
        "escalation_ok": "ok",
        "escalation_flush_ok": "ok",
    }
    assert connected.dings == ()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_it_is_said_in_one_language(
    connected: Sandbox, rules: Path, capsys: pytest.CaptureFixture[str], language: str
) -> None:
    assert main(["doctor", "dingtalk_default", "--language", language]) == 1
    printed = capsys.readouterr().out
    assert ("these steps become messages to the group: phone call." if language == "en" else "电话 DING") in printed
    assert is_chinese(printed) is (language == "zh")


def test_the_app_of_an_escalation_is_checked_as_well(
    connected: Sandbox, app_connected: Sandbox, rules: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Also if no rule sends alerts to it."""
    monkeypatch.setenv("AIRFLOW_CONN_NIGHT", app_connected.connection_of(app_connected.app))
    rules.write_text(RULES.replace("name: core,", "name: core, app: night,"))
    main(["doctor", "--json"])
    assert "night" in {each["conn_id"] for each in json.loads(capsys.readouterr().out)["findings"]}


def test_every_kind_has_its_words() -> None:
    for kind in Kind:
        english, chinese = RESULTS[f"escalation_{kind.value}"]
        assert english.count("{") == chinese.count("{")
        assert not is_chinese(english)


def test_a_rule_of_which_nothing_is_read(
    connected: Sandbox, app_connected: Sandbox, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``dingpush rules check`` says that ``ack: read`` has no effect there."""
    rules.write_text(RULES.replace("name: core,", "name: core, ack: read,"))
    assert main(["rules", "check", str(rules), "--json"]) == 0
    warnings = json.loads(capsys.readouterr().out)["warnings"]
    assert [each["name"] for each in warnings if each["code"] == "nothing_to_read"] == ["core"]
    main(["rules", "check", str(rules), "--language", "zh"])
    assert "core：ack: read 不起作用" in capsys.readouterr().out
