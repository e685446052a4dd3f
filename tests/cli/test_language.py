"""In which language the command prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_dingpush.cli.language import language_of_run


@pytest.fixture(autouse=True)
def _no_locale(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ({}, "en"),
        ({"LANG": "C"}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "de_DE.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_TW"}, "zh"),
    ],
)
def test_the_terminals(monkeypatch: pytest.MonkeyPatch, locale: dict[str, str], language: str) -> None:
    for name, value in locale.items():
        monkeypatch.setenv(name, value)
    assert language_of_run(["status"]) == language


def test_the_language_of_alerts_is_not_that_of_the_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Other people read them."""
    (tmp_path / "airflow.cfg").write_text("[dingpush]\nlanguage = zh\n", "utf-8")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__LANGUAGE", "zh")
    assert language_of_run([]) == "en"


@pytest.mark.parametrize("option", [["--language", "zh"], ["--language=zh"]])
def test_the_option_comes_first(monkeypatch: pytest.MonkeyPatch, option: list[str]) -> None:
    monkeypatch.setenv("LANG", "en_GB.UTF-8")
    assert language_of_run(["status", *option, "--json"]) == "zh"
    assert language_of_run([*option, "status"]) == "zh"
    assert language_of_run(["send", "--", *option]) == "en"


@pytest.mark.parametrize("arguments", [["--language"], ["status", "--language", "fr"], ["send", "--lang", "zh"]])
def test_what_the_option_can_not_be_is_refused_later(arguments: list[str]) -> None:
    """In the terminal's language."""
    assert language_of_run(arguments) == "en"
