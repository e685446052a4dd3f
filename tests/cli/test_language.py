"""In which language the command prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_dingpush.cli.language import language_of_run
from airflow_provider_dingpush.provider_info import get_provider_info


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


def test_airflows_comes_before_the_terminals(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment variable first, as in Airflow."""
    config = tmp_path / "airflow.cfg"
    config.write_text("[core]\nx = %(y)s\n[dingpush]\n# language = en\nlanguage = zh\n", "utf-8")
    assert language_of_run([]) == "zh"
    monkeypatch.setenv("AIRFLOW__DINGPUSH__LANGUAGE", "en")
    assert language_of_run([]) == "en"
    monkeypatch.setenv("AIRFLOW__DINGPUSH__LANGUAGE", "fr")
    assert language_of_run([]) == "en"
    monkeypatch.delenv("AIRFLOW__DINGPUSH__LANGUAGE")
    config.write_bytes(b"\xff[dingpush")
    assert language_of_run([]) == "en"


@pytest.mark.parametrize("option", [["--language", "zh"], ["--language=zh"]])
def test_the_option_comes_first(monkeypatch: pytest.MonkeyPatch, option: list[str]) -> None:
    monkeypatch.setenv("AIRFLOW__DINGPUSH__LANGUAGE", "en")
    assert language_of_run(["status", *option, "--json"]) == "zh"


@pytest.mark.parametrize("arguments", [["--language"], ["status", "--language", "fr"], ["send", "--lang", "zh"]])
def test_what_the_option_can_not_be_is_refused_later(arguments: list[str]) -> None:
    """In the terminal's language."""
    assert language_of_run(arguments) == "en"


def test_a_configuration_that_airflow_has_written_decides_nothing(tmp_path: Path) -> None:
    """The first command of Airflow in a new home writes all defaults into one."""
    default = get_provider_info()["config"]["dingpush"]["options"]["language"]["default"]
    (tmp_path / "airflow.cfg").write_text(f"[dingpush]\nlanguage = {default}\n", "utf-8")
    assert language_of_run([]) == "en"
