"""Durations on the command line."""

from __future__ import annotations

import pytest

from airflow_provider_dingpush.cli.durations import duration, time_span
from airflow_provider_dingpush.cli.main import main


@pytest.mark.parametrize(
    ("word", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("2m", 120),
        ("1.5h", 5_400),
        ("1 d", 86_400),
        ("0", 0),
        ("4H", 14_400),
        ("1h30m", 5_400),
        ("1w", 604_800),
    ],
)
def test_a_duration(word: str, seconds: float) -> None:
    assert duration(word) == seconds


@pytest.mark.parametrize("word", ["", "soon", "-1m", "2 weeks", "1h30", "m", "1e3", "nan"])
def test_what_is_none(word: str) -> None:
    with pytest.raises(ValueError, match="a duration such as"):
        duration(word)


@pytest.mark.parametrize("word", ["0", "0m", "0h0s"])
def test_a_time_span_is_not_empty(word: str) -> None:
    assert duration(word) == 0
    with pytest.raises(ValueError, match="a duration such as"):
        time_span(word)


@pytest.mark.parametrize(("language", "rule"), [("en", "a duration such as 90s"), ("zh", "时长，例如 90s")])
def test_the_rule_is_named(capsys: pytest.CaptureFixture[str], language: str, rule: str) -> None:
    assert main(["watch", "--for", "soon", "--language", language]) == 2
    assert rule in capsys.readouterr().err
