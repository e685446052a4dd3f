"""The baselines on the page: those of the DAGs that a visitor may read, and why they can't be shown."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from airflow_provider_dingpush.errors import RulesFileError
from airflow_provider_dingpush.oncall.baselines import Outlook
from airflow_provider_dingpush.pipeline import baseline_events
from airflow_provider_dingpush.pipeline.page_baselines import BaselinesOfToday, read_baselines
from airflow_provider_dingpush.timeouts import Deadline
from tests.baselines_in_use import at, dag_run, runs, use_baselines
from tests.web.baselines_of_today import BASELINES, NOT_DUE, note_runs, write_baselines
from tests.web.page_data import Anybody

RULES = """
baselines:
  - {name: daily, dags: report, due: "08:30", margin: 20m, time_zone: Asia/Shanghai}
  - {name: both, dags: [report, city], due: "09:30", upstream: [ods, dwd], time_zone: Asia/Shanghai}
  - {name: published, tasks: city.publish, due: "09:00", time_zone: Asia/Shanghai}
  - {name: asset, assets: orders, due: "10:00", time_zone: Asia/Shanghai}
"""


@pytest.fixture(autouse=True)
def file(outbox_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unhurried: None) -> Path:
    """The rules file of this Airflow."""
    return use_baselines(tmp_path, monkeypatch, RULES)


def read(visitor: Anybody | None = None, now: float | None = None) -> BaselinesOfToday:
    return read_baselines((visitor or Anybody()).may_read, now or at("07:20"), Deadline.after(60))


def names(found: BaselinesOfToday) -> list[str]:
    return [each.name for each in found.rows]


def test_a_row_has_what_the_command_prints() -> None:
    runs(5)
    baseline_events.run_started(dag_run("07:05"))
    row = next(each for each in read(now=at("07:30")).rows if each.name == "daily")
    assert (row.due, row.expected, row.worst) == (at("08:30"), at("08:05"), at("08:05"))
    assert row.texts == (
        "on time (report: running since 07:05, usually takes 1h)",
        "正常（report：07:05 开始运行，通常耗时 1 小时）",
    )
    assert (row.is_open, row.is_done, str(row.zone)) == (False, False, "Asia/Shanghai")


@pytest.mark.parametrize(
    ("reads", "seen"),
    [
        (("report",), ["daily"]),
        (("report", "city"), ["daily", "published", "both"]),
        (("city", "ods", "dwd"), ["published"]),
        ((None,), ["asset"]),
        ((None, "report", "city"), ["daily", "published", "both", "asset"]),
        ((), []),
        (("Report", "report*", "*", "daily"), []),
    ],
)
def test_only_baselines_all_of_whose_dags_may_be_read(reads: tuple[str | None, ...], seen: list[str]) -> None:
    """An asset belongs to no DAG, so all of them must be."""
    found = read(Anybody(reads=reads), now=at("07:30"))
    assert sorted(names(found)) == sorted(seen)
    assert (found.has_file, found.problem) == (True, None)


def test_a_dag_along_the_way_that_may_not_be_read_is_not_named() -> None:
    for each in ("report", "city", "ods", "dwd"):
        runs(5, dag_id=each)
    everything = [each.texts for each in read(now=at("09:00")).rows if each.name == "both"]
    assert "waits for ods" in everything[0][0]
    assert "正在等待 ods" in everything[0][1]
    some = [each.texts for each in read(Anybody(reads=("report", "city")), now=at("09:00")).rows if each.name == "both"]
    assert not any("ods" in text or "dwd" in text for text in some[0])


def test_every_state_the_most_urgent_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    use_baselines(tmp_path, monkeypatch, write_baselines(tmp_path, now).read_text("utf-8"))
    note_runs(now)
    rows = read(now=now).rows
    assert {each.name for each in rows} == {*BASELINES, NOT_DUE}
    assert {each.outlook for each in rows} == set(Outlook)
    assert [each.outlook for each in rows[:2]] == [Outlook.BREACHED, Outlook.AT_RISK]
    assert [each.is_open for each in rows] == [True, True, *[False] * (len(rows) - 2)]
    assert (rows[-1].name, rows[-1].due) == (NOT_DUE, None)
    due = [each.due for each in rows[2:-1]]
    assert due == sorted(due, key=lambda each: each or 0.0)


def test_without_a_rules_file_and_with_one_that_has_none(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_baselines(file.parent, monkeypatch, "rules: []")
    assert read() == BaselinesOfToday(has_file=True)
    monkeypatch.setenv("AIRFLOW__DINGPUSH__RULES_FILE", "")
    assert read() == BaselinesOfToday()


@pytest.mark.parametrize(
    "content", [None, b"baselines: [{name: secret_dag", b"\xff\xfe", b"baselines: 7", b"- - -", b"!!python/object:x"]
)
def test_a_rules_file_that_cannot_be_used(file: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None) -> None:
    """Who may not read every DAG isn't told what stands in it."""
    if content is None:
        file.unlink()
    else:
        use_baselines(file.parent, monkeypatch, "")
        file.write_bytes(content)
    found = read()
    assert isinstance(found.problem, RulesFileError)
    assert (found.has_file, found.rows) == (True, ())
    limited = read(Anybody(reads=("report",))).problem
    assert isinstance(limited, RulesFileError)
    for language in ("en", "zh"):
        assert found.problem.problems_in(language)
        (line,) = limited.problems_in(language)
        assert "secret_dag" not in line
        assert str(file) not in line


def test_a_folder_as_the_rules_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DINGPUSH__RULES_FILE", str(file.parent))
    assert isinstance(read().problem, RulesFileError)


def test_what_nobody_foresaw_hides_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OverflowError("token=abcdef0123456789abcdef0123456789")

    monkeypatch.setattr("airflow_provider_dingpush.pipeline.page_baselines.look_at", broken)
    found = read()
    assert found.rows == ()
    assert "OverflowError" in str(found.problem)
