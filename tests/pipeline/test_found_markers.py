"""Markers that a flush finds: those of another machine, and damaged ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_provider_dingpush.pipeline import found_markers
from airflow_provider_dingpush.pipeline.found_markers import Markers
from airflow_provider_dingpush.pipeline.outboxes import outbox
from tests.pipeline.test_task_markers import STORES, found, markers, task_process

__all__ = ["markers"]


@pytest.mark.parametrize("markers", STORES, indirect=True)
def test_of_another_machine_nothing_can_be_seen(
    markers: Markers, monkeypatch: pytest.MonkeyPatch, outbox_home: Path
) -> None:
    """Its locks aren't seen here, and its process ids mean others."""
    with task_process() as process:
        monkeypatch.setattr(found_markers, "machine", lambda: "another")
        if outbox_home.exists() and list(outbox_home.glob("markers/*")):
            process.kill()  # a lock that is seen is one, wherever it comes from
        (marker,) = found(markers)
        assert marker.owner_is_dead is None


def test_what_cannot_be_read_is_no_task(outbox_home: Path) -> None:
    folder = outbox_home / "markers"
    folder.mkdir(parents=True)
    for number, body in enumerate(
        (b"", b"[]", b'{"key": [1]}', b"\xff", json.dumps({"key": ["d", "r", "t", 1]}).encode())
    ):
        (folder / f"m{number}").write_bytes(body)
    assert [dict(each.record) for each in found(Markers(outbox_home, outbox().store)) if not each.record] == [{}] * 4
