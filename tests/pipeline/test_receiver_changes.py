"""Whoever corrects a connection loses nothing: alerts that wait for the former robot move to the new one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Mailbox
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.delivery.drain_result import LeaderRole
from airflow_provider_dingpush.delivery.ledger import Ledger
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.delivery.record_kinds import Batch
from airflow_provider_dingpush.delivery.window import Try
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.operators import DingTalkFlushOperator
from airflow_provider_dingpush.pipeline.dispatching import serve
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.pending import alerts_of, all_alerts
from airflow_provider_dingpush.pipeline.receivers import receiver_of_mailbox
from airflow_provider_dingpush.sandbox import Fault, GroupChat, Robot, Sandbox
from airflow_provider_dingpush.timeouts import Deadline
from tests.callback_contexts import task_context
from tests.conftest import SECRET
from tests.default_robot import chat
from tests.redis_servers import redis_server

HERE, THERE = Mailbox("dingtalk_default"), Mailbox("dingtalk_other")


@pytest.fixture(params=["files", "redis"], autouse=True)
def _outbox(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Both stores promise the same."""
    if request.param == "files":
        yield
        return
    with redis_server() as server:
        monkeypatch.setenv("AIRFLOW__DINGPUSH__OUTBOX_URL", server.url)
        yield


@pytest.fixture
def two_robots() -> Iterator[tuple[Sandbox, Robot, Robot]]:
    """Two robots of one group, with different names."""
    robots = Robot(secret=SECRET, name="first"), Robot(secret=SECRET, name="second")
    with Sandbox(robots=robots) as sandbox:
        yield sandbox, *robots


def connect(
    sandbox: Sandbox, env: pytest.MonkeyPatch, robot: Robot | None = None, conn_id: str = HERE.conn_id, **extras: Any
) -> None:
    """Point a connection to a robot of the sandbox, or to one that DingTalk doesn't know."""
    url = sandbox.webhook_url_of(robot) if robot else sandbox.webhook_url.partition("=")[0] + "=" + "0" * 64
    query = "".join(f"&{name}={value}" for name, value in {"group_interval_seconds": 0, **extras}.items())
    env.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", f"{url}&secret={SECRET}{query}")


def fail(*task_ids: str, conn_id: str = HERE.conn_id, **given: Any) -> None:
    for task_id in task_ids:
        DingTalkNotifier(dingtalk_conn_id=conn_id, language="en", **given)(task_context(task_id))


def senders_of(sandbox: Sandbox) -> list[str]:
    return [getattr(message.sender, "name", "") for message in sandbox.messages]


def books_with_alerts() -> list[str]:
    """The receivers in whose books alerts wait."""
    box = outbox()
    kinds = ("alert", "transfer", "quarantine", "batch")
    return [robot for robot in box.receivers() if any(kind in kinds for kind, _ in box.records_of(robot))]


def test_what_waited_for_a_wrong_token_is_sent_once_it_is_corrected(
    two_robots: tuple[Sandbox, Robot, Robot], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All three, and the book of the former robot is empty."""
    sandbox, first, _ = two_robots
    connect(sandbox, monkeypatch)
    fail("one", "two", "three")
    former = receiver_of_mailbox(HERE).receiver_id
    assert main(["flush", "--now"]) == 1
    assert sandbox.messages == ()
    connect(sandbox, monkeypatch, first)
    capsys.readouterr()
    assert main(["flush", "--now", "--language", "en"]) == 0
    assert ", 0 alerts left" in capsys.readouterr().out
    assert all(name in chat(sandbox) for name in ("one", "two", "three"))
    assert books_with_alerts() == []
    assert not any(kind == "alert" for kind, _ in outbox().records_of(former))
    assert main(["status"]) == 0
    printed = capsys.readouterr().out
    assert "?" not in printed
    assert [line.split()[0] for line in printed.splitlines()].count("dingtalk_default") == 1


def test_the_next_callback_takes_them_along(
    two_robots: tuple[Sandbox, Robot, Robot], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any flusher."""
    sandbox, first, _ = two_robots
    connect(sandbox, monkeypatch)
    fail("one", "two", "three")
    connect(sandbox, monkeypatch, first)
    fail("four")
    assert all(name in chat(sandbox) for name in ("one", "two", "three", "four"))
    assert all_alerts(outbox()) == 0


def test_the_flush_dag_does_the_same(two_robots: tuple[Sandbox, Robot, Robot], monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that ran before."""
    sandbox, first, _ = two_robots
    connect(sandbox, monkeypatch)
    fail("one", "two", "three")
    context: Any = {}
    operator = DingTalkFlushOperator(task_id="flush", within_seconds=20)
    assert operator.execute(context) == {"sent": 0, "left": 3}
    connect(sandbox, monkeypatch, first)
    assert operator.execute(context) == {"sent": 3, "left": 0}


def test_only_the_corrected_one_of_two_connections_goes_along(
    two_robots: tuple[Sandbox, Robot, Robot], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each alert knows whose it is, and the same event may be in both."""
    sandbox, first, second = two_robots
    for mailbox in (HERE, THERE):
        connect(sandbox, monkeypatch, conn_id=mailbox.conn_id)
    fail("mine", "common")
    fail("theirs", "common", conn_id=THERE.conn_id)
    main(["flush", "--now"])
    connect(sandbox, monkeypatch, first)
    capsys.readouterr()
    assert main(["flush", "--now"]) == 1
    assert set(senders_of(sandbox)) == {"first"}
    assert ("mine" in chat(sandbox), "theirs" in chat(sandbox)) == (True, False)
    assert alerts_of(outbox(), HERE) == 0
    assert alerts_of(outbox(), THERE) >= 1
    capsys.readouterr()
    main(["status", "--json"])
    receivers = json.loads(capsys.readouterr().out)["receivers"]
    assert sorted(each["conn_ids"] for each in receivers) == [["dingtalk_default"], ["dingtalk_other"]]
    connect(sandbox, monkeypatch, second, THERE.conn_id)
    assert main(["flush", "--now"]) == 0
    assert "theirs" in chat(sandbox)
    assert all_alerts(outbox()) == 0


@pytest.mark.parametrize("perhaps_arrived", [False, True])
def test_a_message_that_was_frozen_is_made_anew(
    two_robots: tuple[Sandbox, Robot, Robot], monkeypatch: pytest.MonkeyPatch, perhaps_arrived: bool
) -> None:
    """It was made for the former robot. If it may have arrived, the new one has a note: DingTalk can't recognise it."""
    sandbox, _, second = two_robots
    connect(sandbox, monkeypatch)
    connect(sandbox, monkeypatch, conn_id=THERE.conn_id)
    fail("one", "two")
    fail("theirs", conn_id=THERE.conn_id)
    receiver_id, box = receiver_of_mailbox(HERE).receiver_id, outbox()
    with box.leadership(receiver_id) as book:
        assert book is not None
        ledger = Ledger(book, DeliveryPolicy())
        now = ledger.now()
        ledger.take_in(now)
        members = tuple(key for kind, key in book.load() if kind == "alert")
        assert len(members) == 3
        batch, _ = ledger.begin(Batch("3f9a" * 8, receiver_id, b"{}", members, created=now, due=now), now, None)
        if not perhaps_arrived:
            ledger.keep(batch, Try(None, now), due=now, perhaps_arrived=False)
    connect(sandbox, monkeypatch, second)
    assert main(["flush", "--now"]) == 1
    assert set(senders_of(sandbox)) == {"second"}
    assert [name in chat(sandbox) for name in ("one", "two", "theirs")] == [True, True, False]
    assert ("You may have seen this already, as #3f9a" in chat(sandbox)) == perhaps_arrived
    (theirs,) = [key for kind, key in box.records_of(receiver_id) if kind == "alert"]
    frozen = box.records_of(receiver_id).get(("batch", ""))
    # The other connection's alert goes on in the same message, which DingTalk recognises by its name.
    assert frozen is None or frozen["members"] == [theirs]


def test_a_quarantine_and_dead_letters_go_along(
    two_robots: tuple[Sandbox, Robot, Robot], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As they are: what was refused is sent apart, and what was refused for good can be put back."""
    sandbox, first, second = two_robots
    connect(sandbox, monkeypatch, first)
    fail("quiet")
    connect(sandbox, monkeypatch)
    fail("one", "two")
    receiver_id = receiver_of_mailbox(HERE).receiver_id
    box = outbox()
    with box.leadership(receiver_id) as book:
        assert book is not None
        ledger = Ledger(book, DeliveryPolicy())
        ledger.lift_hold()
        ledger.take_in(ledger.now())
        one, two = sorted(key for kind, key in book.load() if kind == "alert")
        dead = {"alert": book.load()["alert", one], "problem": "refused", "at": 1.0, "reported": False}
        quarantine = {"keys": [two], "names_only": False, "created": 1.0}
        book.write({("quarantine", "p"): quarantine, ("dead", one): dead}, [("alert", one)])
    connect(sandbox, monkeypatch, second)
    assert main(["flush", "--now"]) == 0
    assert senders_of(sandbox)[-1] == "second"
    assert not {kind for kind, _ in box.records_of(receiver_id)} & {"quarantine", "dead", "alert", "transfer"}
    capsys.readouterr()
    main(["dead-letters", "list"])
    key = capsys.readouterr().out.splitlines()[-1].split()[0]
    assert main(["dead-letters", "retry", key]) == 0
    assert main(["flush", "--now"]) == 0
    assert all(name in chat(sandbox) for name in ("one", "two"))


def test_an_app_gets_another_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """For an app, the receiver is the app and where it sends to."""
    groups = GroupChat(name="old"), GroupChat(name="new")
    with Sandbox(groups=groups) as sandbox:
        connection = json.loads(sandbox.connection_of(sandbox.app))
        connection["extra"]["group_interval_seconds"] = 0

        def point_to(open_conversation_id: str) -> None:
            connection["extra"]["open_conversation_id"] = open_conversation_id
            monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", json.dumps(connection))

        point_to("cidNobodyKnowsThisGroup==")
        fail("one", "two", conn_id="dingtalk_app_default")
        assert all_alerts(outbox()) == 2
        point_to(groups[1].open_conversation_id)
        assert main(["flush", "--now"]) == 0
        assert len(sandbox.messages) >= 1
        assert all_alerts(outbox()) == 0


def test_a_token_that_is_put_back_finds_what_left(
    two_robots: tuple[Sandbox, Robot, Robot], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two mistakes in a row, then the first robot again, which knows the keys already: nothing is lost."""
    sandbox, first, _ = two_robots
    connect(sandbox, monkeypatch, first)
    sandbox.fail_next(Fault.TOKEN_REFUSED)
    fail("one", "two")
    assert sandbox.messages == ()
    connect(sandbox, monkeypatch)
    assert main(["flush", "--now"]) == 1
    connect(sandbox, monkeypatch, first)
    assert main(["flush", "--now"]) == 0
    assert all(name in chat(sandbox) for name in ("one", "two"))
    assert books_with_alerts() == []


def test_a_connection_that_is_gone_is_named(
    two_robots: tuple[Sandbox, Robot, Robot],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What waits for it is kept and counted, and sent when there is a connection of this id again."""
    sandbox, first, _ = two_robots
    connect(sandbox, monkeypatch)
    fail("one", "two", "three")
    monkeypatch.delenv("AIRFLOW_CONN_DINGTALK_DEFAULT")
    assert main(["flush", "--now", "--language", "en"]) == 1
    printed = capsys.readouterr().err
    assert "There is no Airflow connection 'dingtalk_default'" in printed
    assert "3 alerts left" in printed
    assert main(["status"]) == 0
    assert re.search(r"^dingtalk_default +3 ", capsys.readouterr().out, re.MULTILINE)
    connect(sandbox, monkeypatch, first)
    assert main(["flush", "--now"]) == 0
    assert all(name in chat(sandbox) for name in ("one", "two", "three"))


def test_a_book_whose_mailbox_is_lost_is_served(
    two_robots: tuple[Sandbox, Robot, Robot], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As one that a former version wrote: its alerts name their mailboxes."""
    sandbox, first, _ = two_robots
    connect(sandbox, monkeypatch)
    fail("one")
    box, receiver_id = outbox(), receiver_of_mailbox(HERE).receiver_id
    assert [kind for kind, _ in box.records_of(receiver_id)].count("alert") == 1
    box.assign(HERE, "0123456789ab")
    assert box.mailboxes_of(receiver_id) == []
    assert main(["status"]) == 0
    printed = capsys.readouterr().out
    assert "?" not in printed
    assert "dingtalk_default" in printed
    connect(sandbox, monkeypatch, first)
    assert main(["flush"]) == 0
    assert "one" in chat(sandbox)


def test_while_somebody_leads_the_former_robot_the_rest_stays_for_the_next_flush(
    two_robots: tuple[Sandbox, Robot, Robot], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody waits for the other lock; and "left 0" is printed only when it is true."""
    sandbox, first, _ = two_robots
    connect(sandbox, monkeypatch)
    fail("one")
    former = receiver_of_mailbox(HERE).receiver_id
    connect(sandbox, monkeypatch, first)
    with outbox().leadership(former) as book:
        assert book is not None
        assert main(["flush", "--now", "--within", "5"]) == 1
    assert main(["flush", "--now"]) == 0
    assert "one" in chat(sandbox)


def test_a_leader_of_the_former_robot_does_not_send_what_leaves_it(
    two_robots: tuple[Sandbox, Robot, Robot], monkeypatch: pytest.MonkeyPatch, outbox_home: Path
) -> None:
    """A process that ended in the middle of a transfer leaves it to the next flush, whoever leads meanwhile."""
    from airflow_provider_dingpush.delivery import transfer

    sandbox, first, second = two_robots
    connect(sandbox, monkeypatch, first)
    connect(sandbox, monkeypatch, first, THERE.conn_id)
    sandbox.fail_next(Fault.TOKEN_REFUSED)
    fail("one")
    receiver_id = receiver_of_mailbox(HERE).receiver_id
    connect(sandbox, monkeypatch, second)
    box = outbox()
    with box.leadership(receiver_id) as book:
        assert book is not None
        box.assign(HERE, receiver_of_mailbox(HERE).receiver_id)
        with monkeypatch.context() as dying:
            dying.setattr(transfer, "_taken_in", _die)
            with pytest.raises(KeyboardInterrupt):
                transfer.move(book, book, HERE, last=False)
        Ledger(book, DeliveryPolicy()).lift_hold()
    fail("theirs", conn_id=THERE.conn_id)
    assert (senders_of(sandbox), "one" in chat(sandbox)) == (["first"], False)
    came = serve(box, HERE, Deadline.after(8), LeaderRole.CALLBACK)
    assert came is not None
    assert main(["flush", "--now"]) == 0
    assert "one" in chat(sandbox)
    assert senders_of(sandbox)[-1] == "second"


def _die(*_: object) -> Any:
    raise KeyboardInterrupt
