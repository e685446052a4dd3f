"""A simulation of drains: a clock that advances only while code waits, a book in memory, and robots in a chat."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.alerts.digest_notes import Notes
from airflow_provider_dingpush.delivery.channel import SendResult, SendStatus
from airflow_provider_dingpush.delivery.drain import Drain
from airflow_provider_dingpush.delivery.drain_result import DrainResult, Handover, LeaderRole
from airflow_provider_dingpush.delivery.fallbacks import Fallback
from airflow_provider_dingpush.delivery.gate import Gate
from airflow_provider_dingpush.delivery.ledger import Ledger
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.messages import At, Message, Text
from airflow_provider_dingpush.storage.contract import LeadPause, LedgerBook, RecordId
from airflow_provider_dingpush.timeouts import Deadline

Result = TypeVar("Result")
START = 1_800_000_000.0
MAILBOX = Mailbox("dingtalk_default")
DISK_FULL = OutboxError("/home/dingpush: No space left on device")


class KilledError(BaseException):
    """The simulated death of a process."""


class Clock:
    """A clock with scheduled actions."""

    def __init__(self) -> None:
        self.now = START
        self.waits: list[float] = []
        self._scheduled: list[tuple[float, Callable[[], None]]] = []

    def at(self, seconds: float, action: Callable[[], None]) -> None:
        """Schedule an action so many seconds after the start."""
        self._scheduled.append((START + seconds, action))

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while due := sorted((each for each in self._scheduled if each[0] <= end), key=lambda each: each[0])[:1]:
            self._scheduled.remove(due[0])
            self.now = max(self.now, due[0][0])
            due[0][1]()
        self.now = end

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.advance(seconds)

    def time(self) -> float:
        return self.now

    def ticks(self) -> float:
        return self.now - START


@dataclass
class Storage:
    """The data that outlives a process."""

    mail: dict[str, Alert] = field(default_factory=dict)
    overflow_count: int = 0
    records: dict[RecordId, str] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    pause: LeadPause | None = None
    successor_wanted: bool = False
    successor_waits: bool = False

    def put(self, *alerts: Alert) -> None:
        for each in alerts:
            self.mail.setdefault(f"{each.mailbox.name}/{each.key}", each)


class MemoryBook:
    """A ledger book in memory."""

    def __init__(self, storage: Storage, clock: Callable[[], float]) -> None:
        self._storage = storage
        self._clock = clock

    def now(self) -> float:
        return self._clock()

    def arrivals(self, at_most: int) -> Sequence[tuple[str, Alert]]:
        return list(self._storage.mail.items())[:at_most]

    def overflow_count(self) -> int:
        return self._storage.overflow_count

    def remove_arrivals(self, tickets: Iterable[str]) -> None:
        for each in tickets:
            self._storage.mail.pop(each, None)
        self._storage.overflow_count = 0

    def load(self) -> dict[RecordId, Any]:
        return {place: json.loads(text) for place, text in self._storage.records.items()}

    def write(
        self,
        puts: Mapping[RecordId, Any],
        deletes: Iterable[RecordId] = (),
        keys: Iterable[str] = (),
        forget: Iterable[str] = (),
    ) -> None:
        for place in deletes:
            self._storage.records.pop(place, None)
        self._storage.records.update({place: json.dumps(value) for place, value in puts.items()})
        self._storage.keys = {each for each in self._storage.keys if not each.startswith(tuple(forget))}
        self._storage.keys.update(keys)

    def known(self, keys: Sequence[str]) -> set[str]:
        return self._storage.keys & set(keys)

    def note_pause(self, pause: LeadPause | None) -> None:
        self._storage.pause = pause

    def ask_for_successor(self, wanted: bool) -> None:
        self._storage.successor_wanted = wanted

    def has_successor(self) -> bool:
        return self._storage.successor_waits

    def keep(self, seconds: float) -> None:
        assert seconds > 0


class WatchedBook:
    """Any ledger book; ``on_step`` is called before and after each call takes effect, and may raise."""

    def __init__(self, book: LedgerBook, on_step: Callable[[str], None]) -> None:
        self._book = book
        self._on_step = on_step

    def now(self) -> float:
        return self._book.now()

    def arrivals(self, at_most: int) -> Sequence[tuple[str, Alert]]:
        return self._watched("arrivals", lambda: self._book.arrivals(at_most))

    def overflow_count(self) -> int:
        return self._watched("overflow_count", self._book.overflow_count)

    def remove_arrivals(self, tickets: Iterable[str]) -> None:
        self._watched("remove_arrivals", lambda: self._book.remove_arrivals(tickets))

    def load(self) -> dict[RecordId, Any]:
        return self._watched("load", self._book.load)

    def write(
        self,
        puts: Mapping[RecordId, Any],
        deletes: Iterable[RecordId] = (),
        keys: Iterable[str] = (),
        forget: Iterable[str] = (),
    ) -> None:
        self._watched("write", lambda: self._book.write(puts, deletes, keys, forget))

    def known(self, keys: Sequence[str]) -> set[str]:
        return self._watched("known", lambda: self._book.known(keys))

    def note_pause(self, pause: LeadPause | None) -> None:
        self._watched("note_pause", lambda: self._book.note_pause(pause))

    def ask_for_successor(self, wanted: bool) -> None:
        self._watched("ask_for_successor", lambda: self._book.ask_for_successor(wanted))

    def has_successor(self) -> bool:
        return self._watched("has_successor", self._book.has_successor)

    def keep(self, seconds: float) -> None:
        self._watched("keep", lambda: self._book.keep(seconds))

    def _watched(self, name: str, call: Callable[[], Result]) -> Result:
        self._on_step(f"before {name}")
        result = call()
        self._on_step(f"after {name}")
        return result


@dataclass
class Shown:
    """One message in the chat."""

    at: float
    receiver_id: str
    uuid: str
    keys: tuple[str, ...]
    notes: Mapping[str, Any]
    text: str


class Chat:
    """A group, and DingTalk's limit for its robots: 20 messages in a sliding minute, then blocked for ten minutes."""

    def __init__(self, clock: Clock, *, window: float = 60.0) -> None:
        self.clock = clock
        self.window = window
        self.shown: list[Shown] = []
        self.arrived: list[tuple[str, float]] = []
        self.banned_until: dict[str, float] = {}
        self.most_in_window = 0
        self.uuids: set[tuple[str, str]] = set()

    def arrives(self, robot: str) -> SendResult | None:
        now = self.clock.now
        if now < self.banned_until.get(robot, 0.0):
            return SendResult(SendStatus.THROTTLED, "130101 send too fast")
        self.arrived.append((robot, now))
        within = sum(name == robot and at > now - self.window for name, at in self.arrived)
        self.most_in_window = max(self.most_in_window, within)
        if within > 20:
            self.banned_until[robot] = now + 600
            return SendResult(SendStatus.THROTTLED, "130101 send too fast")
        return None

    @property
    def keys(self) -> list[str]:
        """Keys of all alerts in the chat, repeated ones several times."""
        return [key for each in self.shown for key in each.keys]


class ChatRobot:
    """A robot in the chat, with the interface of a channel.

    :param answers: returns the reply to a message that it refuses; the message counts nevertheless.
    :param lost_answers: tries, counted from 1, whose message arrives but whose reply is lost.
    """

    def __init__(
        self,
        chat: Chat,
        *,
        name: str = "0123456789ab",
        conn_id: str = "dingtalk_default",
        recognises_repeats: bool = True,
        latency: Callable[[], float] = lambda: 0.1,
        answers: Callable[[Mapping[str, Any]], SendResult | None] = lambda _: None,
        lost_answers: Iterable[int] = (),
        timeout_seconds: float = 5.0,
        on_step: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.chat = chat
        self.receiver_id = name
        self.conn_id = conn_id
        self.recognises_repeats = recognises_repeats
        self.timeout_seconds = timeout_seconds
        self.text_bytes = 18_000
        self.answers = answers
        self.bodies: list[bytes] = []
        self.timeouts: list[float] = []
        self._latency = latency
        self._lost_answers = set(lost_answers)
        self.on_step = on_step

    def prepare(self, message: Message, at: At | None, *, uuid: str, language: str) -> bytes:
        assert isinstance(message, Text)
        return json.dumps({"uuid": uuid, "text": message.content}, ensure_ascii=False).encode()

    def post(self, body: bytes, deadline: Deadline) -> SendResult:
        self.on_step("before post")
        self.bodies.append(body)
        timeout_seconds = deadline.seconds_left()
        self.timeouts.append(timeout_seconds)
        took = self._latency()
        self.chat.clock.advance(min(took, timeout_seconds) / 2)
        outcome = self._taken(json.loads(body))
        self.chat.clock.advance(min(took, timeout_seconds) / 2)
        self.on_step("after post")
        if took > timeout_seconds or len(self.bodies) in self._lost_answers:
            return SendResult(SendStatus.UNKNOWN, "the answer never came")
        return outcome

    def _taken(self, body: Mapping[str, Any]) -> SendResult:
        refused = self.chat.arrives(self.receiver_id)
        if refused:
            return refused
        text = body["text"]
        content = json.loads(text) if text.startswith("{") else {"names_only": text, "keys": _names(text)}
        answer = self.answers(content)
        if answer:
            return answer
        if self.recognises_repeats and (self.receiver_id, body["uuid"]) in self.chat.uuids:
            return SendResult(SendStatus.SENT)
        self.chat.uuids.add((self.receiver_id, body["uuid"]))
        self.chat.shown.append(
            Shown(
                self.chat.clock.now,
                self.receiver_id,
                body["uuid"],
                tuple(content["keys"]),
                content.get("notes", {}),
                text,
            )
        )
        return SendResult(SendStatus.SENT)


def _names(text: str) -> list[str]:
    """The keys in a message of names only; a task is named like the alert's key here."""
    return [line.split(" · ")[1] for line in text.splitlines() if " · " in line]


def compose(alerts: Sequence[Alert], notes: Notes) -> tuple[Message, At | None]:
    """Prints keys and notes, for tests to read."""
    plain = asdict(notes)
    plain["folded"] = {"/".join(run): event for run, event in notes.folded.items()}
    plain["memories"] = {key: memory.in_words("en") for key, memory in notes.memories.items()}
    plain["hints"] = sorted(each.value for each in notes.hints)
    return Text(json.dumps({"keys": [each.key for each in alerts], "notes": plain}, ensure_ascii=False)), None


@dataclass
class Simulation:
    """A robot, its book and its chat."""

    policy: DeliveryPolicy = field(default_factory=DeliveryPolicy)
    clock: Clock = field(default_factory=Clock)
    storage: Storage = field(default_factory=Storage)
    on_step: Callable[[str], None] = lambda _: None
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("drain"))
    fallbacks: tuple[Fallback, ...] = ()
    compose: Callable[[Sequence[Alert], Notes], tuple[Message, At | None]] = compose
    chat: Chat = field(init=False)
    robot: ChatRobot = field(init=False)
    uuids: int = 0

    def __post_init__(self) -> None:
        self.chat = Chat(self.clock, window=self.policy.minute_seconds)
        self.robot = ChatRobot(self.chat)

    def book(self) -> LedgerBook:
        return WatchedBook(MemoryBook(self.storage, self.clock.time), self.on_step)

    def ledger(self) -> Ledger:
        return Ledger(self.book(), self.policy)

    def put(self, *alerts: Alert) -> None:
        self.storage.put(*alerts)

    def arrives(self, seconds: float, *alerts: Alert) -> None:
        """Schedule the arrival of alerts so many seconds after the start."""
        self.clock.at(seconds, lambda: self.storage.put(*alerts))

    def drain(
        self,
        seconds: float = 8.0,
        *,
        role: LeaderRole = LeaderRole.CALLBACK,
        handover: Handover = Handover.NONE,
        book: LedgerBook | None = None,
        gate: Gate | None = None,
    ) -> DrainResult:
        """Run one leader for so many seconds."""
        return Drain(
            book or self.book(),
            self.robot,
            self.policy,
            self.compose,
            deadline=Deadline.after(seconds, self.clock.ticks),
            role=role,
            handover=handover,
            fallbacks=self.fallbacks,
            gate=gate,
            sleep=self.clock.sleep,
            new_uuid=self.new_uuid,
            chance=lambda: 1.0,
            log=self.log,
        ).run()

    def new_uuid(self) -> str:
        self.uuids += 1
        return f"{self.uuids:04x}" * 8

    def snapshot(self) -> Storage:
        """A copy of the current storage."""
        return copy.deepcopy(self.storage)


def failure(key: str = "a1", **given: Any) -> Alert:
    """A failed task, named like its key."""
    values: dict[str, Any] = {
        "event": "task_failed",
        "at": START,
        "dag_id": "sales",
        "run_id": "r1",
        "task_id": key,
        "try_number": 1,
    }
    return Alert(key=key, mailbox=MAILBOX, **{**values, **given})


def failures(count: int, start: int = 0) -> list[Alert]:
    return [failure(f"a{number}", at=START + number / 1000) for number in range(start, start + count)]
