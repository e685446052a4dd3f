"""What a silence mutes, as a person writes it."""

from __future__ import annotations

import pytest

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.rules.labels import labels_of
from airflow_provider_dingpush.rules.silences import MOST_MATCHERS, Silence, read_matchers

LABELS = labels_of(Event.TASK_FAILED, "etl_orders", task_id="load", tags=("core",), owners=("lisi",))


def silence(*matchers: str) -> Silence:
    return Silence("3f9a", read_matchers(matchers), "dba 停机维护", "lisi", 1.0, 2.0)


@pytest.mark.parametrize(
    ("matchers", "matches"),
    [
        (["dag_id=etl_*"], True),
        (["dag_id=etl_*", "dag_id!=etl_orders"], False),
        (["dag_id=ods_*", "dag_id=etl_*"], True),
        (["dag_id=etl_*", "severity=p2"], True),
        (["dag_id=etl_*", "severity=P1"], False),
        (["tag=core", "owner=lisi", "event=task_failed", "task=load"], True),
        (["team=data"], False),
    ],
)
def test_all_labels_must_match(matchers: list[str], matches: bool) -> None:
    """Each by one of its patterns."""
    assert silence(*matchers).matches(LABELS) is matches


@pytest.mark.parametrize(
    "texts", [[], ["etl_*"], ["dag_id="], ["dagid=x"], ["dag_id=" + "x" * 201], ["dag_id=a"] * (MOST_MATCHERS + 1)]
)
def test_what_is_no_matcher_is_refused(texts: list[str]) -> None:
    with pytest.raises(InvalidMessageError):
        read_matchers(texts)


def test_it_is_read_as_it_was_written() -> None:
    written = silence("dag_id=etl_*", "tag!=core")
    assert Silence.from_bytes(written.id, written.to_bytes(), written.until) == written
    assert written.what == "dag_id=etl_*, tags!=core"
    assert silence("dag_id=etl_*").about == "etl_*（dba 停机维护）"
