"""The text of a phone call: short, whole where it matters, and readable by a voice."""

from __future__ import annotations

import random
from datetime import datetime, timezone

import pytest

from airflow_provider_dingpush.alerts.spoken_text import MOST_CHARACTERS, _length, spoken_text
from airflow_provider_dingpush.events import Event

AT = datetime(2026, 11, 28, 3, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("event", "about", "en", "zh"),
    [
        (
            Event.DAG_FAILED,
            {"dag_id": "etl_orders"},
            "DAG etl_orders failed at 03:12, severity P1",
            "DAG etl_orders，3 点 12 分失败，级别 P1",
        ),
        (
            Event.TASK_FAILED,
            {"dag_id": "etl_orders", "task_id": "load"},
            "task load of DAG etl_orders failed at 03:12, severity P1",
            "DAG etl_orders 的任务 load，3 点 12 分失败，级别 P1",
        ),
        (
            Event.DEADLINE_MISSED,
            {"dag_id": "日报"},
            "DAG 日报 missed its deadline at 03:12, severity P1",
            "DAG 日报，3 点 12 分未按时完成，级别 P1",
        ),
        (
            Event.AIRFLOW_UNHEALTHY,
            {"dag_id": "scheduler"},
            "scheduler is unhealthy at 03:12, severity P1",
            "scheduler，3 点 12 分异常，级别 P1",
        ),
        (Event("later"), {"dag_id": "x"}, "DAG x later at 03:12, severity P1", "DAG x，3 点 12 分later，级别 P1"),
    ],
    ids=str,
)
def test_a_sentence(event: Event, about: dict[str, str], en: str, zh: str) -> None:
    """What, when, how urgent."""
    for language, expected in (("en", en), ("zh", zh)):
        assert spoken_text(event, at=AT, severity="P1", language=language, **about) == expected  # type: ignore[arg-type]


def test_only_what_is_known() -> None:
    """No time, no severity."""
    assert spoken_text(Event.DAG_FAILED, dag_id="x", language="en") == "DAG x failed"
    assert spoken_text(Event.DAG_FAILED, dag_id="x", language="zh") == "DAG x，失败"


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_event_has_a_sentence(event: Event, language: str) -> None:
    """None shows the name of a text."""
    text = spoken_text(event, dag_id="x", at=AT, severity="P2", language=language)
    assert "_" not in text
    assert text.endswith("P2")


def test_digits_are_read_one_by_one() -> None:
    """A date isn't twenty million; a short number is a number."""
    text = spoken_text(Event.DAG_FAILED, dag_id="export_20261128_v12", language="en")
    assert text == "DAG export_2 0 2 6 1 1 2 8_v12 failed"


def test_control_characters_are_not_read() -> None:
    """Nor line ends."""
    assert spoken_text(Event.DAG_FAILED, dag_id="a\x1b[31m\nb\u200bc", language="en") == "DAG a bc failed"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_long_name_is_cut_where_it_has_a_separator(language: str) -> None:
    """What happened, when, and how urgent it is stay whole."""
    dag = "warehouse_daily_orders_and_returns_of_all_shops_in_all_regions_by_hour_and_by_customer"
    text = spoken_text(Event.TASK_FAILED, dag_id=dag, task_id="t", at=AT, severity="P1", language=language)
    assert _length(text) <= MOST_CHARACTERS
    end = " failed at 03:12, severity P1" if language == "en" else "，3 点 12 分失败，级别 P1"
    assert text.endswith(end)
    named = text.partition("DAG ")[2].partition(" " if language == "en" else " 的任务")[0]
    assert dag.startswith(named)
    assert dag[len(named)] == "_"


def test_any_names_fit() -> None:
    """Of any length and script, without half a character."""
    chance = random.Random(5)  # noqa: S311 - it must be the same every time
    letters = "ab_-./ 12345数据平台👩‍👩‍👧🇨🇳é"
    for _ in range(300):
        dag, task = ("".join(chance.choices(letters, k=chance.randrange(1, 400))) for _ in range(2))
        for language in ("zh", "en"):
            text = spoken_text(Event.TASK_FAILED, dag_id=dag, task_id=task, at=AT, severity="P1", language=language)
            assert _length(text) <= MOST_CHARACTERS, text
            assert "P1" in text
            text.encode()


def test_a_name_of_a_million_letters_takes_no_time() -> None:
    """It is cut before anything else."""
    assert _length(spoken_text(Event.DAG_FAILED, dag_id="数" * 1_000_000, language="zh")) <= MOST_CHARACTERS
