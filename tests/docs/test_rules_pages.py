"""The pages about rules say what the code does, and the example is one that it accepts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from airflow_provider_dingpush.pipeline.routes import rules_in
from airflow_provider_dingpush.rules.labels import EVENTS, Labels
from airflow_provider_dingpush.rules.reading import RULE_KEYS
from tests.docs.pages import DOCS, ROOT, blocks

EXAMPLE = ROOT / "example_dags" / "platform_rules.yaml"
LANGUAGES = "en", "zh"


def page(language: str) -> Path:
    return DOCS / language / "rules.md"


def without_comments(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


def rows_after(heading: int, language: str) -> set[str]:
    """The names in the first column of the table in a section of the page, counted from 0."""
    section = re.split(r"^## ", page(language).read_text("utf-8"), flags=re.MULTILINE)[heading]
    return set(re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE))


def test_the_example_is_accepted() -> None:
    assert [rule.name for rule in rules_in(EXAMPLE).rules] == [
        "retries",
        "opted out",
        "on duty",
        "warehouse",
        "reports",
        "finance",
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_shows_the_example(language: str) -> None:
    (shown,) = (code for kind, code in blocks(page(language)) if kind == "yaml")
    assert without_comments(shown) == without_comments(EXAMPLE.read_text("utf-8"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_listed_is_what_works(language: str) -> None:
    assert rows_after(3, language) == set(Labels._fields)
    assert rows_after(4, language) == set(RULE_KEYS)
    text = page(language).read_text("utf-8")
    assert all(f"`{event.value}`" in text for event in EVENTS)
