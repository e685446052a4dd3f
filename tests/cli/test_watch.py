"""``dingpush watch``: what it prints, its JSON and its exit codes. What it sends is tested with the pipeline."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.cli.options import WATCHED
from airflow_provider_dingpush.pipeline.airflow_health import Component
from airflow_provider_dingpush.sandbox import Sandbox
from tests.health_server import Airflow, health_server

_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:\d\d")
_AGE = re.compile(r"\(\d[^)]*\)|（已持续 [^）]*）")


@pytest.fixture
def airflow() -> Iterator[Airflow]:
    with health_server() as running:
        yield running


def printed(text: str, airflow: Airflow) -> list[str]:
    return _AGE.sub("AGE", _TIME.sub("TIME", text.replace(airflow.url, "URL"))).splitlines()


HEALTHY = {
    "en": [
        "Airflow at URL",
        "✓ web server: healthy",
        "✓ metadata database: healthy",
        "✓ scheduler: healthy, last heartbeat TIME",
        "✓ DAG processor: healthy, last heartbeat TIME",
        "– triggerer: isn't run here",
        "– dingpush flush: isn't run here",
    ],
    "zh": [
        "Airflow 地址：URL",
        "✓ web server：正常",
        "✓ metadata database：正常",
        "✓ scheduler：正常，最近一次心跳 TIME",
        "✓ DAG processor：正常，最近一次心跳 TIME",
        "– triggerer：未使用",
        "– dingpush flush：未使用",
    ],
}


@pytest.mark.parametrize("language", HEALTHY)
def test_what_is_healthy(airflow: Airflow, capsys: pytest.CaptureFixture[str], language: str) -> None:
    airflow.set("triggerer", None)
    assert main(["watch", "--url", airflow.url, "--language", language]) == 0
    assert printed(capsys.readouterr().out, airflow) == HEALTHY[language]


UNHEALTHY = {
    "en": [
        "✗ scheduler: no heartbeat, since TIME AGE; alert written",
        "✗ triggerer: it has never run, since TIME AGE; no alert yet, it must last 2m",
        "1 alert for dingtalk_default: sent",
    ],
    "zh": [
        "✗ scheduler：没有心跳，始于 TIMEAGE；已写入告警",
        "✗ triggerer：从未运行，始于 TIMEAGE；尚未告警，需持续 2 分",
        "1 条告警（dingtalk_default）：已发送",
    ],
}


@pytest.mark.parametrize("language", UNHEALTHY)
def test_what_is_unhealthy(
    airflow: Airflow, connected: Sandbox, capsys: pytest.CaptureFixture[str], language: str
) -> None:
    airflow.set("scheduler", "unhealthy", 500)
    airflow.set("triggerer", "unhealthy", None)
    assert main(["watch", "--url", airflow.url, "--language", language]) == 1
    shown = printed(capsys.readouterr().out, airflow)
    assert [each for each in shown if each.startswith(("✗", "1 "))] == UNHEALTHY[language]
    assert len(connected.messages) == 1
    assert main(["watch", "--url", airflow.url]) == 1
    assert "✗ scheduler: no heartbeat, since TIME AGE; alerted TIME" in printed(capsys.readouterr().out, airflow)
    airflow.set("scheduler", "healthy")
    assert main(["watch", "--url", airflow.url, "--ignore", "triggerer"]) == 0
    assert "✓ scheduler: healthy again, alert written" in printed(capsys.readouterr().out, airflow)
    assert len(connected.messages) == 2


def test_json(airflow: Airflow, connected: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    airflow.set("scheduler", "unhealthy", 500)
    with_login = airflow.url.replace("://", "://me:secret-of-a-proxy@")
    assert main(["watch", "--url", with_login, "--json"]) == 1
    out = capsys.readouterr().out
    assert "secret-of-a-proxy" not in out
    found = json.loads(out)
    (scheduler,) = [each for each in found["components"] if each["component"] == "scheduler"]
    assert scheduler["alerted_at"] >= scheduler["unhealthy_since"] == scheduler["last_heartbeat_at"]
    assert {**scheduler, "alerted_at": None, "unhealthy_since": None, "last_heartbeat_at": None} == {
        "component": "scheduler",
        "health": "unhealthy",
        "step": "alert",
        "reason": "no_heartbeat",
        "detail": None,
        "last_heartbeat_at": None,
        "unhealthy_since": None,
        "alerted_at": None,
    }
    rest = {name: value for name, value in found.items() if name != "components"}
    assert rest == {
        "schema_version": 1,
        "url": airflow.url,
        "healthy": False,
        "conn_ids": ["dingtalk_default"],
        "alerts": 1,
        "left": 0,
        "problems": [],
    }


@pytest.mark.parametrize(
    ("language", "remedy"),
    [("en", "set AIRFLOW_CONN_DINGTALK_DEFAULT for dingpush"), ("zh", "设置环境变量 AIRFLOW_CONN_DINGTALK_DEFAULT")],
)
def test_a_connection_that_cannot_be_read(
    airflow: Airflow, capsys: pytest.CaptureFixture[str], language: str, remedy: str
) -> None:
    """The database that has it is down, perhaps."""
    airflow.set("scheduler", "unhealthy", 500)
    assert main(["watch", "--url", airflow.url, "--language", language]) == 1
    assert remedy in capsys.readouterr().err


def test_an_address_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "--url", "airflow:8080"]) == 1
    assert "--url http://airflow:8080" in capsys.readouterr().err


def test_every_component_can_be_ignored() -> None:
    assert tuple(each.value for each in Component) == WATCHED


def test_it_needs_no_database_and_no_airflow_home(airflow: Airflow, sandbox: Sandbox, tmp_path: Path) -> None:
    """A process of its own, with an Airflow that was never set up, and a database that doesn't answer."""
    airflow.set("scheduler", "unhealthy", 500)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "airflow_provider_dingpush", "watch", "--url", airflow.url],
        env={
            **os.environ,
            "AIRFLOW_HOME": str(tmp_path / "new"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////no/such/folder/airflow.db",
            "AIRFLOW_CONN_DINGTALK_DEFAULT": f"{sandbox.webhook_url}&secret={sandbox.robot.secret}",
            "LC_ALL": "C.UTF-8",
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert len(sandbox.messages) == 1, done.stdout + done.stderr
