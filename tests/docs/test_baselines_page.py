"""The page about baselines says what the code does, and its example is one that it accepts."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from airflow_provider_dingpush.pipeline.routes import rules_in
from airflow_provider_dingpush.rules.baseline_reading import BASELINE_KEYS
from tests.docs.pages import DOCS, blocks

pytestmark = pytest.mark.parametrize("language", ["en", "zh"])


def page(language: str) -> Path:
    return DOCS / language / "baselines.md"


def test_the_example_means_what_the_page_says(language: str, tmp_path: Path) -> None:
    (shown,) = (code for kind, code in blocks(page(language)) if kind == "yaml")
    (tmp_path / "rules.yaml").write_text(shown, "utf-8")
    (tmp_path / "holidays.yaml").write_text("holidays: [2026-10-01]\nworkdays: [2026-10-10]\n")
    report, orders = rules_in(tmp_path / "rules.yaml").baselines
    assert [report.is_due_on(date(2026, 10, each)) for each in (1, 9, 10, 11)] == [False, True, True, False]
    assert f"{orders.due_at(date(2026, 12, 1)):%m-%d %H:%M}" == "12-02 01:30"


def test_all_keys_are_listed(language: str) -> None:
    rows = re.findall(r"^\| (`[a-z_`,、 ]+`) \|", page(language).read_text("utf-8"), re.MULTILINE)
    assert [name for row in rows for name in re.findall(r"`([a-z_]+)`", row)] == list(BASELINE_KEYS)
