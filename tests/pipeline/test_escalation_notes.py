"""Notes of escalations: in files and in Redis; a damaged one is logged, and hides nothing."""

from __future__ import annotations

import pytest

from airflow_provider_dingpush.oncall.escalation import Attempt, Call, Progress
from airflow_provider_dingpush.pipeline.escalation_notes import (
    CALLS,
    ESCALATIONS,
    calls_in,
    forget_progress,
    note_progress,
    progress_in,
)
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.rules.escalations import Step, Way
from airflow_provider_dingpush.storage.notes import Note
from tests.outbox_in_use import use
from tests.redis_servers import RedisServer


@pytest.mark.parametrize("kind", ["files", "redis"])
def test_they_are_kept(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if kind == "redis":
        server: RedisServer = request.getfixturevalue("server")
        use(server.url, monkeypatch)
    box = outbox()
    progress = Progress(10.0).with_attempt(Step(60, Way.PHONE, ("lead",)), Attempt(Way.PHONE, 70.0))
    note_progress(box, {"a": progress, "b": Progress(5.0)}, {"one": Call(70.0, 2, "core")})
    box.store.set_notes([Note(ESCALATIONS, "c", b"{}"), Note(CALLS, "d", b"{}")])
    assert progress_in(box) == {"a": progress, "b": Progress(5.0)}
    assert calls_in(box) == [Call(70.0, 2, "core")]
    assert caplog.text.count("can't be read") == 2
    forget_progress(box, ["a", "b"])
    assert progress_in(box) == {}
