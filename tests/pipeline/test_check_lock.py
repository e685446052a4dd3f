"""One process at a time runs a check."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.pipeline.check_lock import only_here
from airflow_provider_dingpush.pipeline.stores import Store, stores
from airflow_provider_dingpush.timeouts import Deadline
from tests.outbox_in_use import use


def usable() -> list[Store]:
    return [*stores(Deadline.after(30))]


def test_one_process_of_each_check() -> None:
    with (
        only_here(usable(), "one") as first,
        only_here(usable(), "one") as second,
        only_here(usable(), "other") as other,
    ):
        assert (first, second, other) == (True, False, True)
    with only_here(usable(), "one") as again:
        assert again


def test_a_store_that_cannot_be_used_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use("redis://127.0.0.1:1/0", monkeypatch)
    with only_here(usable(), "one") as first, only_here(usable(), "one") as second:
        assert (first, second) == (True, False)
    (tmp_path / "in_the_way").touch()
    monkeypatch.setenv("AIRFLOW__DINGPUSH__HOME", str(tmp_path / "in_the_way"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "in_the_way"))
    with pytest.raises(OutboxError), only_here(usable(), "one"):
        pass
