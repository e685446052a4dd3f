"""A process that puts alerts and leads, killed at its first step, at its second, and so on until it finishes.

A program, not a test: ``python tests/delivery/crash_steps.py FOLDER`` prints as JSON the result of each. The test of
it is in ``test_crashes.py``. A step is what Python's audit hooks see (files opened, renamed, removed, locked), each
call of the book, and each POST.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow_provider_dingpush.timeouts import Deadline

sys.path.insert(0, str(Path(__file__).parents[2]))

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.delivery.channel import SendResult, SendStatus
from airflow_provider_dingpush.delivery.drain import Drain
from airflow_provider_dingpush.delivery.drain_result import LeaderRole
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.messages import At, Message, Text
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.outbox import Outbox
from tests.delivery.simulation import MAILBOX, WatchedBook, compose, failure

RECEIVER = "0123456789ab"
STEPS = {"open", "os.rename", "os.remove", "os.mkdir", "fcntl.flock", "os.listdir", "os.scandir", "sqlite3.connect"}
POLICY = DeliveryPolicy(group_interval_seconds=0.0)


class FileRobot:
    """A chat in a file, with one message for each uuid."""

    receiver_id = RECEIVER
    conn_id = "dingtalk_default"
    recognises_repeats = True
    timeout_seconds = 1.0
    text_bytes = 18_000

    def __init__(self, chat: Path, on_step: Callable[[str], None]) -> None:
        self._chat = chat
        self._on_step = on_step

    def prepare(self, message: Message, at: At | None, *, uuid: str, language: str) -> bytes:
        assert isinstance(message, Text)
        return json.dumps({"uuid": uuid, "keys": json.loads(message.content)["keys"]}).encode()

    def post(self, body: bytes, deadline: Deadline) -> SendResult:
        self._on_step("before post")
        uuid = json.loads(body)["uuid"]
        if not any(each["uuid"] == uuid for each in messages(self._chat)):
            with self._chat.open("ab") as file:
                file.write(body + b"\n")
        self._on_step("after post")
        return SendResult(SendStatus.SENT)


def messages(chat: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in chat.read_text().splitlines()] if chat.exists() else []


def lead(outbox: Outbox, chat: Path, on_step: Callable[[str], None]) -> None:
    with outbox.leadership(RECEIVER) as book:
        assert book is not None
        robot, deadline = FileRobot(chat, on_step), Deadline.after(8)
        watched = WatchedBook(book, on_step)
        Drain(watched, robot, POLICY, compose, deadline=deadline, role=LeaderRole.DAG_PROCESSOR).run()


def first_process(folder: Path, die_at: int, notes: int) -> None:
    """Put, lead, put again, lead again; notes in a pipe what was put and where it died."""
    outbox, steps = Outbox(FileStore(folder / "home")), 0

    def note(**what: Any) -> None:
        os.write(notes, json.dumps(what).encode() + b"\n")

    def step(name: str) -> None:
        nonlocal steps
        steps += 1
        if steps == die_at:
            note(died_at=name)
            os.kill(os.getpid(), signal.SIGKILL)

    def put(alert: Alert) -> None:
        outbox.put(alert)
        note(recorded=alert.key)

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if (event in STEPS and str(folder) in str(arguments)) or event == "fcntl.flock":
            step(event)

    sys.addaudithook(audit)
    outbox.assign(MAILBOX, RECEIVER)
    put(failure("a1"))
    put(failure("a2"))
    lead(outbox, folder / "chat", step)
    put(failure("a3"))
    lead(outbox, folder / "chat", step)


def next_process(folder: Path) -> None:
    outbox = Outbox(FileStore(folder / "home"))
    outbox.assign(MAILBOX, RECEIVER)
    outbox.put(failure("late"))
    for _ in range(2):
        lead(outbox, folder / "chat", lambda _: None)


def in_a_process(work: Callable[[], None]) -> None:
    child = os.fork()
    if not child:
        try:
            work()
        except BaseException as problem:
            logging.getLogger(__name__).critical("a process ended by an error", exc_info=problem)
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, status


def outcome(folder: Path, die_at: int) -> dict[str, Any]:
    """The result of a process that was killed at this step."""
    folder.mkdir()
    reading, writing = os.pipe()
    in_a_process(lambda: first_process(folder, die_at, writing))
    os.close(writing)
    with open(reading) as file:
        notes = [json.loads(line) for line in file]
    in_a_process(lambda: next_process(folder))
    return {
        "died_at": next((each["died_at"] for each in notes if "died_at" in each), None),
        "recorded": [each["recorded"] for each in notes if "recorded" in each],
        "sent": [key for each in messages(folder / "chat") for key in each["keys"]],
        "left": len(Outbox(FileStore(folder / "home")).pending_mailboxes()),
    }


def main(folder: Path) -> None:
    logging.basicConfig(level=logging.ERROR)
    outcomes: list[dict[str, Any]] = []
    while not outcomes or outcomes[-1]["died_at"] is not None:
        outcomes.append(outcome(folder / str(len(outcomes)), len(outcomes) + 1))
    sys.stdout.write(json.dumps(outcomes))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
