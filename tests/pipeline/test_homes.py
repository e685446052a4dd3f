"""The folders of the outbox's files, and whether a failure is open there."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_dingpush.pipeline.homes import (
    have_files_open_incidents,
    home,
    may_an_incident_be_open,
    second_home,
)


def test_each_home_has_a_second_one_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """So that two Airflows of one machine don't share it."""
    seconds = set()
    for name in ("a", "b"):
        monkeypatch.setenv("AIRFLOW__DINGPUSH__HOME", str(tmp_path / name))
        assert home() == tmp_path / name
        seconds.add(second_home())
    assert len(seconds) == 2


@pytest.mark.parametrize("where", [home, second_home], ids=["home", "second home"])
def test_an_open_incident_is_seen_in_both_homes(where: object, outbox_home: Path) -> None:
    assert not have_files_open_incidents()
    folder = home() if where is home else second_home()
    (folder / "notes" / "open").mkdir(parents=True)
    assert not have_files_open_incidents()
    (folder / "notes" / "open" / "something").touch()
    assert have_files_open_incidents()
    assert may_an_incident_be_open()


def test_redis_has_to_be_asked(outbox_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not may_an_incident_be_open()
    monkeypatch.setenv("AIRFLOW__DINGPUSH__OUTBOX_URL", "redis://127.0.0.1:1/0")
    assert may_an_incident_be_open()
