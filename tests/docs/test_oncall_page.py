"""The page about who is on call says what the code does, and its example is one that it accepts."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_dingpush.pipeline.routes import rules_in
from airflow_provider_dingpush.rules.duty_reading import OVERRIDE_KEYS, PERSON_KEYS, ROTATION_KEYS
from airflow_provider_dingpush.rules.escalation_reading import ESCALATION_KEYS, STEP_KEYS
from tests.docs.pages import DOCS, ROOT, blocks

SHANGHAI = ZoneInfo("Asia/Shanghai")
pytestmark = pytest.mark.parametrize("language", ["en", "zh"])


def page(language: str) -> Path:
    return DOCS / language / "oncall.md"


def keys_under(heading: int, language: str) -> list[str]:
    """The names in the first column of the table below a heading of the third level, counted from 1."""
    section = re.split(r"^### ", page(language).read_text("utf-8"), flags=re.MULTILINE)[heading]
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \|", section, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([a-z_]+)`", row)]


def test_the_example_means_what_the_page_says(language: str, tmp_path: Path) -> None:
    shown, _ = (code for kind, code in blocks(page(language)) if kind == "yaml")
    (tmp_path / "rules.yaml").write_text(shown, "utf-8")
    (tmp_path / "holidays.yaml").write_text("holidays: []\n")
    duty = rules_in(tmp_path / "rules.yaml").duty

    def on_call(day: int, hour: int) -> str:
        person = duty.find("on_call", datetime(2026, 12, day, hour, tzinfo=SHANGHAI))
        return person.name if person else ""

    assert [on_call(*each) for each in ((1, 8), (1, 10), (4, 10), (5, 10), (6, 10), (7, 10), (8, 20))] == [
        "zhangsan",
        "lisi",
        "zhangsan",
        "wangwu",
        "zhangsan",
        "lisi",
        "wangwu",
    ]


def test_all_keys_are_listed(language: str) -> None:
    assert keys_under(1, language) == list(PERSON_KEYS)
    assert keys_under(2, language) == list(ROTATION_KEYS)
    assert keys_under(3, language) == list(OVERRIDE_KEYS)


def test_the_escalation_means_what_the_page_says(language: str, tmp_path: Path) -> None:
    _, shown = (code for kind, code in blocks(page(language)) if kind == "yaml")
    file = tmp_path / "rules.yaml"
    file.write_text(shown, "utf-8")
    found = rules_in(file)
    escalation = found.rules[0].escalation
    assert escalation is not None
    assert [each.way.value for each in escalation.steps] == ["group", "app", "todo", "phone", "phone"]
    assert (escalation.ack_read, escalation.limits.per_night, found.call_limits.per_month) == (True, 6, 200)


def test_the_example_file_is_accepted_and_linked(language: str) -> None:
    found = rules_in(ROOT / "example_dags" / "on_call_rules.yaml")
    assert [each.name for each in found.rules if each.escalation] == ["core", "others"]
    assert [each.name for each in found.baselines] == ["daily report"]
    assert [each.name for each in found.duty.rotations] == ["primary", "lead"]
    assert "example_dags/on_call_rules.yaml" in page(language).read_text("utf-8")


def test_every_key_of_a_step_is_explained(language: str) -> None:
    section = page(language).read_text("utf-8").rpartition("\n## ")[2]
    for key in (*STEP_KEYS, *ESCALATION_KEYS[1:]):
        assert f"`{key}`" in section
