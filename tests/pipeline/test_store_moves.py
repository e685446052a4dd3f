"""Alerts and records in the fallback files move into the outbox once it is back."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.messages import At
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline.bounded_store import BoundedStore
from airflow_provider_dingpush.pipeline.receivers import receiver_of_mailbox
from airflow_provider_dingpush.pipeline.store_moves import carry_over, move_alerts
from airflow_provider_dingpush.pipeline.stores import Store
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.outbox import Outbox
from airflow_provider_dingpush.storage.redis.store import RedisStore
from airflow_provider_dingpush.timeouts import Deadline
from tests.callback_contexts import success_context, task_context
from tests.default_robot import chat, connect, titles
from tests.outbox_in_use import HERE, alert_of, away, fail
from tests.redis_servers import SlowNetwork


def test_what_redis_does_not_take_is_sent_from_files_and_moves_when_it_is_back(
    sandbox: Sandbox, network: SlowNetwork, monkeypatch: pytest.MonkeyPatch, outbox_home: Path
) -> None:
    """What was sent from the files isn't sent again, and what was not goes with the next callback."""
    connect(sandbox, monkeypatch, group_interval_seconds=0)
    with away(network.url, monkeypatch):
        fail("sent_from_files")
        monkeypatch.delenv("AIRFLOW_CONN_DINGTALK_DEFAULT")
        fail("kept_in_files")
    assert titles(sandbox) == ["Failed: etl_daily · sent_from_files"]
    connect(sandbox, monkeypatch, group_interval_seconds=0)
    fail("sent_from_files")  # Airflow calls back twice now and then
    fail("after")
    text = chat(sandbox)
    assert [text.count(f"{name}") > 0 for name in ("kept_in_files", "after")] == [True, True]
    assert sum("sent_from_files" in title for title in titles(sandbox)) == 1
    assert list(outbox_home.glob("mail/*/new/*.json")) == []
    assert list(outbox_home.glob("notes/open/*")) == []


def test_slots_of_the_window_are_carried_over(
    sandbox: Sandbox, network: SlowNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent without Redis counts in its minute, or DingTalk would throttle the robot."""
    connect(sandbox, monkeypatch, group_interval_seconds=0)
    with away(network.url, monkeypatch):
        for number in range(3):
            fail(f"t{number}")
    fail("after")
    receiver_id = receiver_of_mailbox(HERE).receiver_id
    records = Outbox(RedisStore(network.url)).records_of(receiver_id)
    assert sum(kind == "slot" for kind, _ in records) == 4
    assert [value["sent"] for (kind, _), value in records.items() if kind == "day"] == [4]
    assert [value["failures"] for (kind, _), value in records.items() if kind == "storm"] == [4]


def test_a_recovery_is_sent_though_redis_was_away_then(
    sandbox: Sandbox, network: SlowNetwork, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And a success that resolves nothing isn't: both are kept until it is known which is which."""
    connect(sandbox, monkeypatch, group_interval_seconds=0)
    fail("broken")
    with away(network.url, monkeypatch), caplog.at_level(logging.INFO):
        for task_id in ("broken", "never_broken"):
            DingTalkNotifier(language="en")(success_context(task_id))
    assert caplog.text.count("resolves a failure, so it is kept") == 2
    fail("another")
    text = chat(sandbox)
    assert "never_broken" not in text
    assert "recovered" in text.lower() or "Succeeded: etl_daily · broken" in " ".join(titles(sandbox))
    before = len(sandbox.messages)
    DingTalkNotifier(language="en")(success_context("broken"))
    assert len(sandbox.messages) == before


def test_a_failure_after_a_success_that_was_kept_stays_open(
    sandbox: Sandbox, network: SlowNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or its own end would come before it."""
    connect(sandbox, monkeypatch, group_interval_seconds=0)
    fail("broken")
    with away(network.url, monkeypatch):
        DingTalkNotifier(language="en")(success_context("broken"))
    context = task_context("broken", run_id="manual__2")
    context["ti"].run_id = context["dag_run"].run_id = "manual__2"
    DingTalkNotifier(language="en")(context)
    assert titles(sandbox) == ["Failed: etl_daily · broken"] * 2
    DingTalkNotifier(language="en")(success_context("broken"))
    assert len(sandbox.messages) == 3


def test_what_failed_before_a_recovery_that_was_sent_from_files_is_sent_again(
    sandbox: Sandbox, network: SlowNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sent through Redis, recovered while it was away, and failed again once it is back: the runs look the same."""
    connect(sandbox, monkeypatch, group_interval_seconds=0)
    fail("broken")
    with away(network.url, monkeypatch):
        fail("broken")  # the files know nothing of the first one
        DingTalkNotifier(language="en")(success_context("broken"))
    fail("broken")
    assert [each.partition(":")[0] for each in titles(sandbox)] == ["Failed", "Failed", "Succeeded", "Failed"]


def test_what_two_notifiers_add_to_a_success_that_is_kept_is_joined(
    sandbox: Sandbox, network: SlowNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(sandbox, monkeypatch, group_interval_seconds=0)
    fail("broken")
    with away(network.url, monkeypatch):
        for mobile in ("13800000001", "13800000002"):
            DingTalkNotifier(language="en", at=At(mobile))(success_context("broken"))
        DingTalkNotifier(language="en")(success_context("broken"))
    fail("another")
    mobiles = [each for message in sandbox.messages for each in message.payload.get("at", {}).get("atMobiles", ())]
    assert sorted(mobiles) == ["13800000001", "13800000002"]


def test_a_recovery_of_a_failure_that_only_files_know(
    sandbox: Sandbox, network: SlowNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It failed while Redis was away, and succeeds when it is back."""
    connect(sandbox, monkeypatch, group_interval_seconds=0)
    with away(network.url, monkeypatch):
        fail("broken")
    for _ in range(3):
        DingTalkNotifier(language="en")(success_context("broken"))
    assert len(sandbox.messages) == 2


def waiting_in_redis(network: SlowNetwork) -> int:
    return Outbox(RedisStore(network.url)).pending_in(HERE)


def test_a_callback_moves_no_more_than_it_has_time_for(
    sandbox: Sandbox, network: SlowNetwork, monkeypatch: pytest.MonkeyPatch, outbox_home: Path
) -> None:
    """The next one moves the rest."""
    from airflow_provider_dingpush.pipeline import store_moves

    monkeypatch.delenv("AIRFLOW_CONN_DINGTALK_DEFAULT", raising=False)
    with away(network.url, monkeypatch):
        for number in range(5):
            fail(f"t{number}")
    left = []
    monkeypatch.setattr(store_moves, "MOST_MOVED", 2)
    for number in range(3):
        fail(f"after{number}")
        left.append(len(list(outbox_home.glob("mail/*/new/*.json"))))
    assert left == [3, 1, 0]
    assert waiting_in_redis(network) == 8


def test_a_success_of_before_the_failure_does_not_end_it(
    sandbox: Sandbox, network: SlowNetwork, monkeypatch: pytest.MonkeyPatch, outbox_home: Path
) -> None:
    """One machine keeps a success aside, and the task fails again on another one before that is moved."""
    connect(sandbox, monkeypatch, group_interval_seconds=0)
    fail("load")
    with away(network.url, monkeypatch):
        DingTalkNotifier(language="en")(success_context("load"))
    monkeypatch.setenv("AIRFLOW__DINGPUSH__HOME", str(outbox_home / "other"))
    context = task_context("load", run_id="manual__2")
    context["ti"].run_id = context["dag_run"].run_id = "manual__2"
    DingTalkNotifier(language="en")(context)
    monkeypatch.setenv("AIRFLOW__DINGPUSH__HOME", str(outbox_home))
    assert main(["flush", "--now"]) == 0
    assert titles(sandbox) == ["Failed: etl_daily · load"] * 2
    DingTalkNotifier(language="en")(success_context("load"))
    assert len(sandbox.messages) == 3


def test_a_failure_and_its_end_that_move_together(
    sandbox: Sandbox, network: SlowNetwork, monkeypatch: pytest.MonkeyPatch, outbox_home: Path
) -> None:
    """It failed on one machine and succeeded on another while Redis was away: whichever is moved first."""
    connect(sandbox, monkeypatch, group_interval_seconds=0)
    with away(network.url, monkeypatch):
        fail("load")
        monkeypatch.setenv("AIRFLOW__DINGPUSH__HOME", str(outbox_home / "other"))
        DingTalkNotifier(language="en")(success_context("load"))
    monkeypatch.setenv("AIRFLOW__DINGPUSH__HOME", str(outbox_home))
    assert main(["flush", "--now"]) == 0
    monkeypatch.setenv("AIRFLOW__DINGPUSH__HOME", str(outbox_home / "other"))
    assert main(["flush", "--now"]) == 0
    assert [each.partition(":")[0] for each in titles(sandbox)] == ["Failed", "Succeeded"]


def _store_in(folder: Path, share: float = 1.0) -> Store:
    bounded = BoundedStore(lambda: FileStore(folder), Deadline.after(60), most_seconds=30, total_seconds=60)
    return Store(Outbox(bounded), bounded, folder, share)


def test_withheld_alerts_move_and_are_decided_about_anew(tmp_path: Path) -> None:
    """What is held in files of one machine is an alert of the outbox once that is back, and in one count only."""
    first, files = _store_in(tmp_path / "first"), _store_in(tmp_path / "files", 0.25)
    held = {"alert": alert_of("held").to_json(), "verdict": "held", "by": "night", "until": 9e9, "about": "night"}
    totals = {"written": 3, "notified": 2, "counted": 0, "dropped": 0}
    with files.outbox.leadership("r") as book:
        assert book is not None
        book.write({("withheld", "key-held"): held, ("totals", ""): totals})
    assert move_alerts(first, [files], Deadline.after(60)) == 1
    assert first.outbox.pending_in(HERE) == 1
    assert files.outbox.records_of("r") == {("totals", ""): {**totals, "written": 2}}
    with first.outbox.leadership("r") as book:
        assert book is not None
        book.write({("totals", ""): totals})
        carry_over(files, "r", book)
        assert book.load() == {("totals", ""): {"written": 5, "notified": 4, "counted": 0, "dropped": 0}}
