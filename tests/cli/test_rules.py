"""``dingpush rules``: what it says about a rules file, in both languages, and of each event."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.airflow_compat import tells_teams
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.sandbox import Sandbox
from tests.cli.conftest import is_chinese

RULES = """\
rules:
  - name: retries
    match: {event: task_retrying}
    receiver: null
  - name: core
    match: {tags: core, severity: P1}
    receiver: dingtalk_default
    at: {mobiles: [13800000001]}
    continue: true
  - name: reports
    match: {dag_id: "ads_*", run_type: "!manual"}
    receiver: dingtalk_app_default
    to: {mobiles: 13800000002}
    language: en
  - name: deadlines
    match: {event: deadline_missed}
    receiver: dingtalk_nowhere
  - match: {owner: "*"}
    receiver: dingtalk_default
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The rules file of this Airflow."""
    path = tmp_path / "rules.yaml"
    path.write_text(RULES, "utf-8")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__RULES_FILE", str(path))
    return path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    """What the command prints on standard output."""
    assert main(["rules", *arguments]) == code
    return capsys.readouterr().out


def plain(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    return json.loads(printed(capsys, *arguments, "--json", code=code))


def test_a_valid_file_is_summed_up(
    file: Path, connected: Sandbox, app_connected: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    """What has no effect is named with its line, one line each."""
    lines = printed(capsys, "check").splitlines()
    assert lines[0] == (
        f"! {file}:15: receiver: there is no connection 'dingtalk_nowhere'. Create it under Admin > Connections."
    )
    assert lines[1].startswith(f"! {file}:15: deadlines: has no effect, rules decide only about task_failed, ")
    assert lines[2] == f"✓ {file} is valid: 5 rules, 3 receivers, 0 time intervals."
    assert lines[3].startswith("– Whether a DAG hits each rule was not checked: the database can't be read (")
    assert len(lines) == 4
    chinese = printed(capsys, "check", "--language", "zh").splitlines()
    assert all(map(is_chinese, chinese))
    assert len(chinese) == 4
    document = plain(capsys, "check")
    assert (document["valid"], document["rules"], document["receivers"], document["dags"]) == (True, 5, 3, None)
    assert [(each["code"], each["line"]) for each in document["warnings"]] == [
        ("receiver_missing", 15),
        ("no_event", 15),
    ]


def test_the_connection_for_everything_else_is_checked_too(
    file: Path, connected: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__DINGPUSH__ALERT_CONN_ID", "dingtalk_gone")
    assert "! [dingpush] alert_conn_id: there is no connection 'dingtalk_gone'." in printed(capsys, "check")


def test_an_interval_that_no_rule_uses_is_named(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("time_intervals: [{name: night, time_intervals: [{days_of_month: 1}]}]\nrules: []\n")
    assert "! time interval 'night': no rule refers to it." in printed(capsys, "check")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_mistake_is_listed_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], language: str
) -> None:
    """And what would be right; a place begins with the path as it was given, so that an editor can open it."""
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("rules:\n  - reciever: x\n  - {receiver: a, severity: P9, match: {teem: x}}\n")
    lines = printed(capsys, "check", str(wrong), "--language", language, code=1).splitlines()
    english = [
        f"{wrong}:2:5: 'reciever' is unknown here; did you mean 'receiver'?",
        f"{wrong}:3:29: severity must be one of P1, P2, P3, P4, not 'P9'.",
        f"{wrong}:3:41: 'teem' is unknown here; did you mean 'team'?",
    ]
    chinese = [
        f"{wrong}:2:5: 这里没有 'reciever'，是否应为 'receiver'？",
        f"{wrong}:3:29: severity 应为 P1, P2, P3, P4 之一，而不是 'P9'。",
        f"{wrong}:3:41: 这里没有 'teem'，是否应为 'team'？",
    ]
    end = f"3 problems in {wrong}." if language == "en" else f"{wrong} 中有 3 项需要修正。"
    assert lines == [*(english if language == "en" else chinese), end]
    document = plain(capsys, "check", str(wrong), code=1)
    assert document["problems"] == english
    assert document["valid"] is False


@pytest.mark.parametrize("is_on", [False, True])
def test_a_rule_for_a_team_needs_an_airflow_that_tells_it(
    file: Path, connected: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, is_on: bool
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__MULTI_TEAM", str(is_on))
    file.write_text("rules:\n  - receiver: dingtalk_default\n    match: {team: data}\n")
    kinds = {each["code"] for each in plain(capsys, "check")["warnings"]}
    assert ("no_team" in kinds) is not (is_on and tells_teams())


QUIET = """\
time_intervals:
  - name: night
    time_intervals: [{times: [{start_time: "22:00", end_time: "08:00"}]}]
  - name: work
    time_intervals: [{times: [{start_time: "09:00", end_time: "18:00"}]}]
rules:
  - {name: quiet, match: {dag_id: "ods_*"}, receiver: dingtalk_default, severity: P3, group_by: owner,
     repeat_interval: 4h, mute_time_intervals: night}
  - {name: loud, match: {dag_id: "core_*"}, receiver: dingtalk_default, severity: P1, mute_time_intervals: night}
  - {name: office, receiver: dingtalk_default, active_time_intervals: work}
"""


@pytest.mark.parametrize(
    ("dag", "language", "expected"),
    [
        ("ods_orders", "en", ["waits until 2026-12-01 08:00, quiet hours 'night'", "severity P3", "digests by owner"]),
        ("ods_orders", "zh", ["等到 2026-12-01 08:00 再发，免打扰时段 'night'", "级别 P3", "重复失败仅计数"]),
        ("core_pay", "en", ["P1: quiet hours 'night' don't apply"]),
        ("ads_x", "en", ["waits until 2026-12-01 09:00, outside of 'work'"]),
    ],
)
def test_the_effects_of_a_rule_are_explained(
    file: Path,
    connected: Sandbox,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    dag: str,
    language: str,
    expected: list[str],
) -> None:
    """In the time zone of the site: until when it waits, and why it doesn't."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__TIMEZONE", "Asia/Shanghai")
    file.write_text(QUIET, "utf-8")
    given = (f"{dag}.load", "--at", "2026-12-01T03:00", "--tag", "a", "--owner", "b")
    text = printed(capsys, "explain", *given, "--language", language)
    assert [each for each in expected if each not in text] == []


def test_a_silence_is_explained(file: Path, connected: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["silence", "add", "dag_id=ads_*", "--why", "moving house"]) == 0
    capsys.readouterr()
    given = ("ads_x.load", "--tag", "a", "--owner", "b")
    assert "Silenced until " in printed(capsys, "explain", *given)
    assert len(plain(capsys, "explain", *given)["silenced_by"]) == 1
    assert plain(capsys, "explain", *given, "--at", "2020-01-01T00:00")["silenced_by"] == []


@pytest.mark.parametrize(("language", "why"), [("en", "can't be read (No such file"), ("zh", "No such file")])
def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str], language: str, why: str) -> None:
    lines = printed(capsys, "check", "/nowhere/rules.yaml", "--language", language, code=1)
    assert why in lines
    assert "[dingpush] rules_file" in lines


def test_an_event_is_explained(
    file: Path, connected: Sandbox, app_connected: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of each rule why, and in the end to whom."""
    arguments = ["ads_report.load", "--tag", "core", "--tag", "severity:P1", "--owner", "lisi"]
    lines = printed(capsys, "explain", *arguments).splitlines()
    assert "severity  P1" in lines
    explained = {line.split()[1]: line for line in lines if line[:1].isdigit()}
    assert explained["retries"].endswith("event is task_failed; the rule wants task_retrying")
    assert "mentions mobile 138****0001; later rules apply as well" in explained["core"]
    assert 'dingtalk_app_default, in English; to {"mobiles": ["138****0002"]}' in explained["reports"]
    assert explained["deadlines"].endswith("an earlier rule applies")
    assert lines[-1] == "Sent to: dingtalk_default, dingtalk_app_default"
    chinese = printed(capsys, "explain", *arguments, "--language", "zh")
    assert "event 为 task_failed，规则要求 task_retrying" in chinese
    assert chinese.splitlines()[-1] == "发给：dingtalk_default, dingtalk_app_default"
    assert "13800000001" not in chinese


def test_explained_as_json(
    file: Path, connected: Sandbox, app_connected: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    document = plain(capsys, "explain", "ads_report", "--run-type", "manual", "--tag", "t", "--owner", "x")
    assert (document["dag_id"], document["task_id"], document["event"]) == ("ads_report", None, "dag_failed")
    assert [each["applies"] for each in document["rules"]] == ["mismatch"] * 4 + ["yes"]
    assert document["rules"][2]["label"] == "run_type"
    assert (document["rules"][2]["has"], document["rules"][2]["wanted"]) == (["manual"], ["!manual"])
    assert [(each["conn_id"], each["language"]) for each in document["receivers"]] == [("dingtalk_default", "zh")]


@pytest.mark.parametrize("name", ["ods/etl.py", "{dags}/ods/etl.py"])
def test_an_import_error_is_explained(
    file: Path,
    connected: Sandbox,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
) -> None:
    """Of a file named as Airflow shows it, or as on this machine. It has no DAG, so nothing is read of the database."""
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(tmp_path / "dags"))
    file.write_text(
        "rules: [{match: {owner: '*'}, receiver: a}, {match: {file: 'ods/*'}, receiver: dingtalk_default}]", "utf-8"
    )
    given = ["explain", name.format(dags=tmp_path / "dags"), "--event", "dag_import_error"]
    lines = printed(capsys, *given).splitlines()
    assert lines[:3] == ["event     dag_import_error", "severity  P2", "file      ods/etl.py"]
    assert any(line.endswith("the event has no owner; the rule wants *") for line in lines)
    assert lines[-1] == "Sent to: dingtalk_default"
    document = plain(capsys, *given)
    assert (document["dag_id"], document["task_id"], document["problem"]) == (None, None, None)
    assert document["labels"]["file"] == ["ods/etl.py"]
    assert document["labels"]["run_type"] == []


def test_a_file_named_from_the_folder_of_the_shell_is_explained(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(tmp_path / "dags"))
    (tmp_path / "dags" / "ods").mkdir(parents=True)
    (tmp_path / "dags" / "ods" / "etl.py").write_text("")
    monkeypatch.chdir(tmp_path)
    assert "ods/etl.py" in printed(capsys, "explain", "dags/ods/etl.py", "--event", "dag_import_fixed").splitlines()[2]


def test_an_event_of_airflow_is_explained(
    file: Path, connected: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("rules: [{match: {event: 'airflow_*', task_id: triggerer}, receiver: null}]", "utf-8")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__ALERT_CONN_ID", "dingtalk_default")
    given = "--event", "airflow_unhealthy"
    lines = printed(capsys, "explain", "triggerer", *given).splitlines()
    assert lines[:3] == ["task_id   triggerer", "event     airflow_unhealthy", "severity  P2"]
    assert lines[-1] == "Nobody is notified: rule 1 has no receiver."
    lines = printed(capsys, "explain", "scheduler", *given).splitlines()
    assert lines[-1] == "No rule applies: sent to dingtalk_default of [dingpush] alert_conn_id."


def test_a_rule_without_a_receiver_notifies_nobody(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "explain", "d.t", "--event", "task_retrying").splitlines()
    assert lines[-1] == "Nobody is notified: retries has no receiver."


@pytest.mark.parametrize(
    ("event", "result"),
    [
        ("task_failed", "No rule applies: sent to dingtalk_default of [dingpush] alert_conn_id."),
        ("task_retrying", "No rule applies: nobody is notified."),
    ],
)
def test_what_no_rule_decides_goes_to_the_connection_for_all_failures(
    file: Path,
    connected: Sandbox,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    event: str,
    result: str,
) -> None:
    file.write_text("rules: [{match: {dag_id: other}, receiver: x}]")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__ALERT_CONN_ID", "dingtalk_default")
    assert printed(capsys, "explain", "d.t", "--event", event).splitlines()[-1] == result
    document = plain(capsys, "explain", "d.t", "--event", event)
    assert document["by_default"] is (event == "task_failed")
    assert "can't be read" in document["problem"]


def test_a_connection_that_does_not_exist_is_said(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "explain", "d.t", "--tag", "core", "--tag", "severity:P1", "--owner", "x")
    assert "dingtalk_default, which can't be used (There is no Airflow connection 'dingtalk_default'.)" in text


def test_a_muted_rule_says_until_when(
    file: Path, connected: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(
        'time_intervals: [{name: night, time_intervals: [{times: [{start_time: "22:00", end_time: "08:00"}]}]}]\n'
        "rules: [{receiver: dingtalk_default, mute_time_intervals: night}]"
    )
    given = ["explain", "d.t", "--tag", "x", "--owner", "y"]
    assert "waits until 2026-12-02 08:00" in printed(capsys, *given, "--at", "2026-12-01T23:00")
    assert "waits" not in printed(capsys, *given, "--at", "2026-12-01T12:00Z")
    (receiver,) = plain(capsys, *given, "--at", "2026-12-01T23:00+00:00")["receivers"]
    assert receiver["muted_until"] == "2026-12-02T08:00:00+00:00"


@pytest.mark.parametrize(
    ("arguments", "english", "chinese"),
    [
        ([], "pass check, explain or replay", "请指定 check、explain 或 replay"),
        (["explain"], "name a DAG, or a task as DAG.TASK", "请给出 DAG"),
        (["check", "--tag", "x"], "--tag doesn't belong to 'rules check'", "--tag 不用于 rules check"),
        (["check"], "no rules file: name one", "没有规则文件"),
        (["explain", "--event", "dag_import_error"], "name a DAG file, such as ods/orders.py", "请给出 DAG 文件"),
        (["explain", "d.t", "--event", "airflow_healthy"], "name a component: web_server, ", "请给出组件：web_server"),
        (
            ["explain", "a.py", "--event", "dag_import_error", "--run-type", "manual"],
            "--run-type doesn't belong to --event dag_import_error, which is about no DAG",
            "--run-type 不用于 --event dag_import_error，该事件与 DAG 无关",
        ),
        (["explain", "d", "--at", "soon"], "--at must be a time such as", "--at 应为时间"),
        (["explain", "d", "--event", "task_faild"], "did you mean 'task_failed'?", "是否想输入 'task_failed'"),
    ],
)
def test_wrong_options(capsys: pytest.CaptureFixture[str], arguments: list[str], english: str, chinese: str) -> None:
    """Exit code 2, and nothing on standard output."""
    for language, text in (("en", english), ("zh", chinese)):
        assert printed(capsys, *arguments, "--language", language, code=2) == ""
        assert main(["rules", *arguments, "--language", language]) == 2
        assert text in capsys.readouterr().err


def test_an_explanation_needs_a_valid_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r.yaml").write_text("rules: 1")
    assert main(["rules", "explain", "d", "--file", str(tmp_path / "r.yaml")]) == 1
    assert "r.yaml:1:8: rules must be a list" in capsys.readouterr().err


BASELINES = """\
baselines:
  - {name: fine, dags: etl_orders, tasks: etl_orders.load, assets: orders, due: "08:30"}
  - {name: lost, dags: etl_gone, tasks: etl_orders.gone, assets: gone, upstream: ods_gone, due: "08:30",
     receiver: dingtalk_nowhere}
  - {name: resting, dags: paused, due: "08:30"}
"""


DAGS = """\
import datetime
try:
    from airflow.sdk import DAG, Asset
    from airflow.providers.standard.operators.empty import EmptyOperator
except ImportError:
    from airflow import DAG
    from airflow.datasets import Dataset as Asset
    from airflow.operators.empty import EmptyOperator

start = datetime.datetime(2026, 1, 1)
with DAG("etl_orders", schedule=None, start_date=start, is_paused_upon_creation=False):
    EmptyOperator(task_id="load", outlets=[Asset("orders")])
with DAG("paused", schedule=None, start_date=start, is_paused_upon_creation=True):
    EmptyOperator(task_id="t")
"""


def test_baselines_are_compared_with_the_database(migrated_database: Path, tmp_path: Path) -> None:
    """DAGs, tasks and assets that don't exist, and a DAG that is paused: in a real Airflow with files of DAGs."""
    home, dags = tmp_path / "home", tmp_path / "home" / "dags"
    dags.mkdir(parents=True)
    shutil.copy(migrated_database, home / "airflow.db")
    (dags / "etl.py").write_text(DAGS)
    rules = tmp_path / "rules.yaml"
    rules.write_text(BASELINES)
    env = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "PYTHONWARNINGS": "ignore",
    }
    run = [sys.executable, "-m"]
    done = subprocess.run(
        [*run, "airflow", "dags", "reserialize"], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    checked = subprocess.run(
        [*run, "airflow_provider_dingpush", "rules", "check", str(rules), "--json"],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    document = json.loads(checked.stdout)
    assert (document["baselines"], document["dags"]) == (3, 2)
    found = [(each["code"], each["name"]) for each in document["warnings"]]
    assert found == [
        ("receiver_missing", "dingtalk_nowhere"),
        *[("no_output", "lost")] * 4,
        ("dag_paused", "resting"),
    ]
    texts = " ".join(each["message"] for each in document["warnings"])
    assert all(each in texts for each in ("DAG etl_gone", "DAG ods_gone", "task etl_orders.gone", "asset gone"))
