"""Durations on the command line."""

from __future__ import annotations

import pytest

from airflow_provider_dingpush.cli.durations import duration, duration_word
from airflow_provider_dingpush.cli.main import main


@pytest.mark.parametrize(
    ("word", "seconds"),
    [("90", 90), ("90s", 90), ("2m", 120), ("1.5h", 5_400), ("1 d", 86_400), ("0", 0), ("4H", 14_400)],
)
def test_a_duration(word: str, seconds: float) -> None:
    assert duration(word) == seconds


@pytest.mark.parametrize("word", ["", "soon", "-1m", "2 weeks", "m", "1e3", "nan"])
def test_what_is_none(word: str) -> None:
    with pytest.raises(ValueError, match="a duration such as"):
        duration(word)


@pytest.mark.parametrize("seconds", [0, 0.5, 45, 60, 120, 5_400, 14_400, 86_400])
def test_a_duration_as_an_option_takes_it(seconds: float) -> None:
    assert duration(duration_word(seconds)) == seconds


@pytest.mark.parametrize(("language", "rule"), [("en", "a duration such as 90s"), ("zh", "时长，例如 90s")])
def test_the_rule_is_named(capsys: pytest.CaptureFixture[str], language: str, rule: str) -> None:
    assert main(["watch", "--for", "soon", "--language", language]) == 2
    assert rule in capsys.readouterr().err
