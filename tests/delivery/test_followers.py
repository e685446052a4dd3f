"""A follower leaves within milliseconds: what only a leader needs isn't loaded for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from airflow_provider_dingpush.alerts.alert import Mailbox
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.outbox import Outbox

SCRIPT = """
import sys
import airflow_provider_dingpush.pipeline.dispatching
package = "airflow_provider_dingpush."
print(*sorted(name.removeprefix(package) for name in sys.modules if name.startswith(package)))
"""
CALLBACK = """
import sys
from types import SimpleNamespace as Thing
from airflow_provider_dingpush.notifications import DingTalkNotifier
ti = Thing(dag_id="d", task_id="t", run_id="r", map_index=-1, try_number=1, max_tries=0, state="failed")
DingTalkNotifier()({"ti": ti, "task": Thing(owner="airflow", retries=0), "dag": Thing(dag_id="d"), "run_id": "r"})
package = "airflow_provider_dingpush."
print(*sorted(name.removeprefix(package) for name in sys.modules if name.startswith(package)))
"""


def loaded_by(script: str, **environment: str) -> set[str]:
    """The modules of this package that a new process has loaded after this program."""
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_a_follower_loads_nothing_of_the_drain() -> None:
    loaded = loaded_by(SCRIPT)
    assert {each for each in loaded if each.startswith("delivery.")} <= {
        "delivery.drain_result",
        "delivery.policy",
        "delivery.reasons",
    }
    assert not {"pipeline.composing", "pipeline.pending", "pipeline.receivers", "hooks"}.intersection(loaded)


def test_a_callback_that_follows_loads_no_messages_and_no_way_of_sending(tmp_path: Path) -> None:
    outbox, mailbox = Outbox(FileStore(tmp_path / "dingpush")), Mailbox("dingtalk_default")
    outbox.assign(mailbox, "led")
    with outbox.leadership("led") as book:
        assert book is not None
        loaded = loaded_by(CALLBACK, AIRFLOW_HOME=str(tmp_path))
        assert outbox.pending_in(mailbox) == 1
    assert "pipeline.dispatching" in loaded
    assert {each for each in loaded if each.startswith("delivery.")} <= {
        "delivery.drain_result",
        "delivery.policy",
        "delivery.reasons",
    }
    assert {each for each in loaded if each.startswith("messages.")} <= {
        "messages.browser_links",
        "messages.field_rules",
        "messages.input_text",
    }
    assert {each for each in loaded if each.startswith("dingtalk.")} <= {"dingtalk.defaults"}
    assert not {"connections", "templating", "targets", "alerts.words", "pipeline.receivers"}.intersection(loaded)


def test_a_failure_with_a_reason_loads_nothing_that_reads_logs(tmp_path: Path) -> None:
    """Nor what finds a runbook, for a DAG that has no tag, no documentation and no params."""
    failed = CALLBACK.replace('"run_id": "r"}', '"run_id": "r", "exception": ValueError("no such table")}')
    loaded = loaded_by(failed, AIRFLOW_HOME=str(tmp_path))
    assert "alerts.exception_place" in loaded
    assert not {"alerts.log_tail", "alerts.runbook"} & loaded
