"""``dingpush baselines``: today's due times, what is expected, and how much time is left, in both languages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.pipeline import baseline_events
from tests.baselines_in_use import dag_run, runs, use_baselines

RULES = """
baselines:
  - {name: 日报, dags: report, due: "08:30", margin: 20m, time_zone: Asia/Shanghai}
  - {name: both, dags: [report, city], due: "09:30", upstream: ods, time_zone: Asia/Shanghai}
  - {name: month end, dags: report, due: "09:00", days_of_month: -1, time_zone: Asia/Shanghai}
"""


@pytest.fixture(autouse=True)
def file(outbox_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The rules file of this Airflow, and five days of runs."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__TIMEZONE", "Asia/Shanghai")
    path = use_baselines(tmp_path, monkeypatch, RULES)
    runs(5)
    runs(5, dag_id="city", took=30)
    return path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> list[str]:
    """The lines that the command prints, and its complaint."""
    assert main(["baselines", *arguments]) == code
    out, err = capsys.readouterr()
    return [" ".join(each.split()) for each in (out or err).splitlines()]


def test_a_morning_in_english(capsys: pytest.CaptureFixture[str]) -> None:
    baseline_events.run_started(dag_run("07:05"))
    assert printed(capsys, "--at", "2026-11-26T07:30") == [
        "Baselines at 2026-11-26 07:30 (Asia/Shanghai):",
        "",
        "Baseline Due Expected p90 Time left State",
        "日报 08:30 08:05 08:05 25m on time (report: running since 07:05, usually takes 1h)",
        (
            "both 09:30 08:05 08:05 1h 25m on time (report: running since 07:05, usually takes 1h; "
            "city: has not started; usually starts at 07:00)"
        ),
        "month end – – – – not due today",
    ]


def test_a_late_morning_in_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "--at", "2026-11-26T07:20", "--language", "zh")
    assert lines[0] == "2026-11-26 07:20 (Asia/Shanghai) 的基线："
    assert lines[2:4] == [
        "基线 时限 预计 p90 时间 余量 状态",
        "日报 08:30 08:20 08:20 10 分 有延误风险（report：尚未启动，通常 07:00 启动）",
    ]


def test_what_is_done_and_what_is_late(capsys: pytest.CaptureFixture[str]) -> None:
    baseline_events.run_started(dag_run("07:00"))
    baseline_events.run_ended(dag_run("07:00", took=100), "success", "success")
    assert printed(capsys, "--at", "2026-11-26T10:00")[3] == "日报 08:30 08:40 (done) – -10m done late"
    assert printed(capsys, "--at", "2026-11-26T08:35")[3] == (
        "日报 08:30 08:35 08:35 -5m late (report: running since 07:00, usually takes 1h)"
    )


def test_as_json(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    assert main(["baselines", "--at", "2026-11-26T07:20", "--json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (document["file"], document["at"]) == (str(file), "2026-11-26T07:20:00+08:00")
    first, _, last = document["baselines"]
    assert first == {
        "name": "日报",
        "day": "2026-11-26",
        "due": "2026-11-26T08:30:00+08:00",
        "state": "at_risk",
        "expected": "2026-11-26T08:20:00+08:00",
        "p90": "2026-11-26T08:20:00+08:00",
        "time_left_seconds": 600,
        "margin_seconds": 1200.0,
        "estimate": "median",
        "waits_for": None,
        "outputs": [
            {
                "kind": "dag",
                "name": "report",
                "progress": "not_started",
                "expected": "2026-11-26T08:20:00+08:00",
                "p90": "2026-11-26T08:20:00+08:00",
                "run_id": None,
                "started": None,
                "usual_start": "2026-11-26T07:00:00+08:00",
                "usual_seconds": 3600,
                "runs": 5,
                "paused": False,
            }
        ],
    }
    assert (last["state"], last["due"], last["outputs"]) == ("not_due", None, [])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_file_without_baselines(capsys: pytest.CaptureFixture[str], tmp_path: Path, language: str) -> None:
    (tmp_path / "empty.yaml").write_text("rules: []")
    (line,) = printed(capsys, "--file", str(tmp_path / "empty.yaml"), "--language", language, code=1)
    assert "{name: report, dags: report_daily, due:" in line


def test_no_file_and_no_such_year(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--at: a year from 2000 to 2200" in printed(capsys, "--at", "1970-01-01T00:00", code=2)[0]
    monkeypatch.delenv("AIRFLOW__DINGPUSH__RULES_FILE")
    assert "no rules file" in printed(capsys, code=2)[0]


def test_now(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys)[0].startswith("Baselines at ")
