"""Which outbox this Airflow has, and what its options may hold."""

from __future__ import annotations

import logging
import os
import time
from itertools import pairwise
from pathlib import Path

import pytest

from airflow_provider_dingpush.airflow_compat import airflow_option
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline import homes
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.kept_aside import keep_copy, keep_success
from airflow_provider_dingpush.storage.outbox import Outbox
from tests.callback_contexts import run_context, task_context
from tests.default_robot import connect, times_named
from tests.outbox_in_use import alert_of, fail, use
from tests.redis_servers import SlowNetwork


def test_an_option_that_hangs_is_given_up(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """outbox_url may come from a command; one that hangs costs a second, and then nobody asks again at once."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__OUTBOX_URL_CMD", "echo here")
    if airflow_option("dingpush", "outbox_url") is None:
        pytest.skip("this Airflow runs no command for a provider's option: install apache-airflow>=3.2")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__OUTBOX_URL_CMD", "sleep 5")
    began = time.monotonic()
    fail("t")
    fail("t2")
    assert time.monotonic() - began < 5
    assert len(connected.messages) == 2
    assert "too long to read [dingpush] outbox_url" in caplog.text


def test_a_cluster_is_named_and_the_alert_is_sent(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Or an address that only looks like one."""
    use("sentinel://:pa55word@a:26379;sentinel://b:26379", monkeypatch)
    fail("t")
    assert len(connected.messages) == 1
    assert "names Sentinels or a Redis Cluster" in caplog.text
    assert "pa55word" not in caplog.text


@pytest.mark.parametrize("url", ["redis://:Secr3t@ru1n/x?y#z@host", "redis://:Secr3t[@ru1n]/0", "redis://:Secr3t"])
def test_no_piece_of_a_password_is_logged(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    """The alert is sent from the files, and the log shows how to write the URL."""
    use(url, monkeypatch)
    monkeypatch.setenv("AIRFLOW__CELERY__BROKER_URL", url)
    with caplog.at_level(logging.DEBUG):
        fail("t")
        monkeypatch.delenv("AIRFLOW__DINGPUSH__OUTBOX_URL")
        monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
        fail("t2")
    assert len(connected.messages) == 2
    assert "percent-encoded" in caplog.text
    assert [piece for piece in ("Secr3t", "ru1n", "z@host") if piece in caplog.text] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_home_of_somebody_else_is_named_and_the_alert_is_sent(
    connected: Sandbox, outbox_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As with run_as_user."""
    outbox_home.mkdir()
    os.chown(outbox_home, 12345, 12345)
    fail("t")
    assert len(connected.messages) == 1
    assert "belongs to uid 12345" in caplog.text
    assert list(outbox_home.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "warning"),
    [
        ({"AIRFLOW__CORE__EXECUTOR": "CeleryExecutor"}, "The executor is CeleryExecutor"),
        ({"AIRFLOW_IS_K8S_EXECUTOR_POD": "True"}, "This task runs in its own pod"),
    ],
    ids=["Celery", "Kubernetes"],
)
def test_many_machines_are_sent_to_share_one_outbox(
    connected: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    settings: dict[str, str],
    warning: str,
) -> None:
    """With the line to paste, whose password is left out; and the alert is sent all the same."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AIRFLOW__CELERY__BROKER_URL", "redis://:pa55word@redis.example.com:6379/0")
    with caplog.at_level(logging.WARNING):
        DingTalkNotifier()(task_context())
    assert warning in caplog.text
    assert "AIRFLOW__DINGPUSH__OUTBOX_URL=redis://:***@redis.example.com:6379/0" in caplog.text
    assert "pa55word" not in caplog.text
    assert len(connected.messages) == 1


def test_where_each_machine_has_an_outbox_of_its_own_nothing_is_left_in_it(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flusher that was here runs on another machine next time, and nobody else empties a DAG processor's outbox."""
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    connect(sandbox, monkeypatch, group_interval_seconds=0.3)
    main(["flush"])
    for number in range(4):
        DingTalkNotifier(language="en")(task_context(f"task_{number}"))
    DingTalkNotifier(language="en", message="the run is over")(run_context())
    assert len(sandbox.messages) == 5
    at = [message.received_at for message in sandbox.messages]
    assert min(later - earlier for earlier, later in pairwise(at)) > 0.27


def test_nothing_is_taken_from_a_folder_of_somebody_else(
    connected: Sandbox, network: SlowNetwork, monkeypatch: pytest.MonkeyPatch, outbox_home: Path
) -> None:
    """Everybody may make a folder below the one for temporary files, and its name can be guessed."""
    second = homes.second_home()
    planted = Outbox(FileStore(second))
    keep_copy(planted, alert_of("planted_copy"))
    planted.put(alert_of("planted_mail"))
    keep_success(planted, alert_of("planted_success", event="task_succeeded", resolved=True))
    for each in (second, *second.rglob("*")):
        os.chown(each, 65534, 65534)
    fail("real")
    assert main(["flush", "--now"]) == 0
    assert main(["status"]) == 0
    assert times_named(connected, "planted") == 0
    assert times_named(connected, "real") == 1
