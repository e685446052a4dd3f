"""Facts are plain data that survive a file."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.run_facts import FailedTask, RunFacts
from airflow_provider_dingpush.events import Event

SHANGHAI = timezone(timedelta(hours=8))
FULL = RunFacts(
    event=Event.DAG_FAILED,
    dag_id="etl_daily",
    dag_name="日报",
    run_id="r",
    logical_date=datetime(2026, 11, 22, tzinfo=SHANGHAI),
    owners=("zhangsan", "lisi"),
    tags=("finance",),
    started_at=datetime(2026, 11, 22, 3, 4, 5, tzinfo=SHANGHAI),
    duration_seconds=3.5,
    failed_tasks=(FailedTask("a", None, "https://a.b/1"), FailedTask("m", 3)),
    failed_task_count=2,
)


@pytest.mark.parametrize("facts", [FULL, RunFacts(Event.TASK_FAILED, "d")], ids=["full", "nearly empty"])
def test_json_round_trip(facts: RunFacts) -> None:
    """What is written to disk and read back is equal."""
    assert RunFacts.from_dict(json.loads(json.dumps(facts.to_dict()))) == facts


def test_names_of_a_newer_version_are_ignored() -> None:
    """A file written by a newer version can still be read, and so can one of an older version."""
    assert RunFacts.from_dict({"event": "task_failed", "dag_id": "d", "mood": "bad"}) == RunFacts(
        Event.TASK_FAILED, "d"
    )


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"event": "task_failed"},
        {"event": "nonsense", "dag_id": "d"},
        {"event": "task_failed", "dag_id": "d", "started_at": "yesterday"},
        {"event": "task_failed", "dag_id": "d", "started_at": 5},
        {"event": "task_failed", "dag_id": "d", "failed_tasks": [{"map_index": 1}]},
        {"event": "task_failed", "dag_id": "d", "owners": 5},
    ],
)
def test_data_without_facts_is_refused(data: dict[str, Any]) -> None:
    """Any damaged file is a ValueError."""
    with pytest.raises(ValueError, match=r"."):
        RunFacts.from_dict(data)


def test_every_field_is_documented() -> None:
    """The docstring is the reference for people who write templates."""
    documented = RunFacts.__doc__ or ""
    assert [name for name in RunFacts._fields if f":param {name}:" not in documented] == []


def test_facts_are_frozen() -> None:
    """They can't be changed."""
    with pytest.raises(AttributeError):
        FULL.dag_id = "other"  # type: ignore[misc]


def test_what_templates_read() -> None:
    """The derived values print well, and are empty or None when nothing is known."""
    facts = RunFacts(Event.TASK_FAILED, "d", try_number=2, max_tries=4, duration_seconds=192, log_url="https://a.b/c d")
    assert f"{facts.event}" == "task_failed"
    assert facts.try_text == "2/4"
    assert facts.duration_text() == "3 分 12 秒"
    assert facts.duration_text("en") == "3m 12s"
    assert facts.log_link == "dingtalk://dingtalkclient/page/link?url=https%3A%2F%2Fa.b%2Fc%20d&pc_slide=false"
    nothing = RunFacts(Event.TASK_FAILED, "d")
    assert (nothing.try_text, nothing.duration_text(), nothing.log_link, nothing.run_link) == ("", "", None, None)
    assert RunFacts(Event.TASK_FAILED, "d", try_number=2).try_text == "2"
