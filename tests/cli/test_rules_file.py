"""Which rules file a command reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_dingpush.cli.parsing import Parser, UsageError
from airflow_provider_dingpush.cli.rules_file import rules_file


def test_the_named_file_wins_over_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DINGPUSH__RULES_FILE", "~/rules.yaml")
    parser = Parser(language="en", prog="dingpush")
    assert rules_file("other.yaml", parser) == Path("other.yaml")
    assert rules_file(None, parser) == Path.home() / "rules.yaml"


@pytest.mark.parametrize(("language", "problem"), [("en", "no rules file: name one"), ("zh", "没有规则文件")])
def test_there_is_none(language: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        rules_file(None, Parser(language=language, prog="dingpush"))
