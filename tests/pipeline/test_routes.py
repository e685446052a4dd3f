"""Who is notified of an event of any DAG: what the options and the rules file say, and what a broken file does."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.run_alert import RuleEffects
from airflow_provider_dingpush.alerts.run_facts import RunFacts
from airflow_provider_dingpush.errors import RulesFileError
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.messages.mentions import At
from airflow_provider_dingpush.pipeline import routes
from airflow_provider_dingpush.pipeline.routes import LAST_RESORT, Route, routes_of, rules_in
from airflow_provider_dingpush.targets import Users


@pytest.fixture(autouse=True)
def _process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "_known", {})


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this Airflow looks for its rules."""
    path = tmp_path / "rules.yaml"
    monkeypatch.setenv("AIRFLOW__DINGPUSH__RULES_FILE", str(path))
    return path


def facts(event: Event = Event.TASK_FAILED, **changes: Any) -> RunFacts:
    given = {"dag_id": "ods_orders", "task_id": "load", "tags": ("core",), "owners": ("lisi",), **changes}
    return RunFacts(event=event, **given)


def routed(event: Event = Event.TASK_FAILED, **changes: Any) -> list[str]:
    return [each.conn_id for each in routes_of(facts(event, **changes))]


def write_later(path: Path, text: str) -> None:
    """As a person does who saves it again: a moment later."""
    changed_at = path.stat().st_mtime_ns
    path.write_text(text)
    os.utime(path, ns=(changed_at + 1, changed_at + 1))


def test_nothing_is_configured() -> None:
    assert routed() == []


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (Event.TASK_FAILED, True),
        (Event.DAG_FAILED, True),
        (Event.TASK_SUCCEEDED, True),
        (Event.DAG_SUCCEEDED, True),
        (Event.DAG_IMPORT_ERROR, True),
        (Event.DAG_IMPORT_FIXED, True),
        (Event.TASK_RETRYING, False),
        (Event.DEADLINE_MISSED, False),
    ],
)
def test_the_connection_for_all_failures(monkeypatch: pytest.MonkeyPatch, event: Event, told: bool) -> None:
    """A retry isn't one; a success ends one."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__ALERT_CONN_ID", "dingtalk_ops")
    assert routes_of(facts(event)) == ((Route("dingtalk_ops"),) if told else ())


def test_a_rule_says_everything_about_the_receiver(file: Path) -> None:
    file.write_text(
        "rules: [{receiver: app, to: {user_ids: [u1]}, at: {mobiles: [13800000001]}, language: en, continue: true},"
        "{receiver: robot}, {receiver: never}]"
    )
    first, second = routes_of(facts())
    assert first == Route("app", Users(["u1"]), At(["13800000001"]), "en", RuleEffects("rule 1"))
    assert first.arguments.language == "en"
    assert second == Route("robot", rule=RuleEffects("rule 2"))


def test_no_receiver_notifies_nobody(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even the connection for everything else; with ``continue`` later rules still do."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__ALERT_CONN_ID", "dingtalk_ops")
    file.write_text("rules: [{match: {dag_id: 'ods_*'}, receiver: null}]")
    assert routed() == []
    assert routed(dag_id="ads") == ["dingtalk_ops"]
    write_later(file, "rules: [{receiver: null, continue: true}, {receiver: b}]")
    assert routed() == ["b"]


@pytest.mark.parametrize(
    ("tags", "event", "expected"),
    [
        (("core", "severity:P1"), Event.TASK_FAILED, ["loud"]),
        (("Severity:p1",), Event.DAG_FAILED, ["loud"]),
        (("severity:P3", "severity:P1"), Event.TASK_RETRYING, ["loud"]),
        (("severity:P9",), Event.TASK_FAILED, ["rest"]),
        ((), Event.TASK_FAILED, ["rest"]),
        ((), Event.TASK_RETRYING, ["quiet"]),
    ],
)
def test_a_tag_says_the_severity(file: Path, tags: tuple[str, ...], event: Event, expected: list[str]) -> None:
    """The most urgent of several; without one the event does."""
    file.write_text(
        "rules: [{match: {severity: P1}, receiver: loud}, {match: {severity: P4}, receiver: quiet}, {receiver: rest}]"
    )
    assert routed(event, tags=tags) == expected


def test_rules_match_the_path_of_a_dag_file(file: Path) -> None:
    """It has no DAG, so a rule with a DAG doesn't match."""
    file.write_text(
        "rules: [{match: {dag_id: '*'}, receiver: a}, {match: {file: 'ods/*'}, receiver: b}, {receiver: c}]"
    )
    broken = RunFacts(Event.DAG_IMPORT_ERROR, "", file="ods/x.py")
    assert [each.conn_id for each in routes_of(broken)] == ["b"]
    assert [each.conn_id for each in routes_of(broken._replace(file="ads.py"))] == ["c"]
    assert routed() == ["a"]


def test_the_file_is_read_once_for_each_change(file: Path) -> None:
    file.write_text("rules: [{receiver: a}]")
    first = rules_in(file)
    assert rules_in(file) is first
    write_later(file, "rules: [{receiver: b}]")
    assert rules_in(file) is not first
    assert routed() == ["b"]


def test_a_change_of_the_calendar_is_noticed(file: Path) -> None:
    """The rules file names it, and stays as it is."""
    file.write_text("calendar: days.yaml\nrules: [{receiver: a}]")
    assert routed() == [LAST_RESORT]  # there is none yet
    days = file.with_name("days.yaml")
    days.write_text("holidays: [2026-10-01]")
    first = rules_in(file)
    assert rules_in(file) is first
    write_later(days, "holidays: [2026-10-02]")
    assert rules_in(file) is not first
    days.unlink()
    assert routed() == [LAST_RESORT]


def test_a_file_that_replaces_it_is_noticed(file: Path) -> None:
    """With the same size and time, as from a configuration map."""
    file.write_text("rules: [{receiver: a}]")
    assert routed() == ["a"]
    other = file.with_name("new.yaml")
    other.write_text("rules: [{receiver: b}]")
    times = file.stat()
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.replace(file)
    assert routed() == ["b"]


MISTAKE = "rules:\n  - reciever: a\n"


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (None, "can't be read (No such file or directory)"),
        (MISTAKE.encode(), "rules.yaml:2:5: 'reciever' is unknown here; did you mean 'receiver'?"),
        ("rules: [{receiver: 告警}]".encode("gbk"), "isn't UTF-8"),
        (b"rules: [{receiver: a, match: {teem: x}}]", "'teem' is unknown here; did you mean 'team'?"),
        (b"rules: [", "This isn't YAML"),
        (b"calendar: gone.yaml\n", "The calendar 'gone.yaml' can't be read"),
    ],
    ids=["missing", "misspelt", "gbk", "unsupported", "no yaml", "no calendar"],
)
@pytest.mark.parametrize("conn_id", [None, "dingtalk_ops"])
def test_a_broken_file_loses_no_failure(
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    content: bytes | None,
    part: str,
    conn_id: str | None,
) -> None:
    """It goes to the connection for all failures, or the default one; the log says why and where it is."""
    if content is not None:
        file.write_bytes(content)
    if conn_id:
        monkeypatch.setenv("AIRFLOW__DINGPUSH__ALERT_CONN_ID", conn_id)
    with caplog.at_level(logging.ERROR):
        assert routed() == [conn_id or LAST_RESORT]
    assert part in caplog.text
    assert routed(Event.TASK_RETRYING) == []
    with pytest.raises(RulesFileError):
        rules_in(file)


def test_a_folder_is_no_file(file: Path) -> None:
    file.mkdir()
    assert routed() == [LAST_RESORT]


def test_once_it_is_corrected_the_rules_apply(file: Path) -> None:
    """Without a restart."""
    file.write_text(MISTAKE)
    assert routed() == [LAST_RESORT]
    write_later(file, "rules: [{receiver: a}]")
    assert routed() == ["a"]


def test_an_empty_file_has_no_rules(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("")
    assert routed() == []
    monkeypatch.setenv("AIRFLOW__DINGPUSH__ALERT_CONN_ID", "dingtalk_ops")
    assert routed() == ["dingtalk_ops"]
