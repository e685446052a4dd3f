"""What silences and quiet hours do to alerts, against a plain reference: none is lost, early, or in two counts."""

from __future__ import annotations

import fnmatch
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.alerts.run_alert import RuleEffects, alert_of
from airflow_provider_dingpush.alerts.run_facts import RunFacts
from airflow_provider_dingpush.delivery.drain import Drain
from airflow_provider_dingpush.delivery.drain_result import LeaderRole
from airflow_provider_dingpush.delivery.gate import SEND, GateDecision, Verdict
from airflow_provider_dingpush.delivery.ledger import ReceiverView
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.pipeline import routes
from airflow_provider_dingpush.pipeline.gates import gate_of
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.silences import add_silence, expire_silence, silences_in
from airflow_provider_dingpush.storage.contract import LedgerBook
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.outbox import Outbox
from airflow_provider_dingpush.timeouts import Deadline
from tests.delivery.simulation import MAILBOX, Chat, ChatRobot, Clock, KilledError, WatchedBook, compose

SHANGHAI = ZoneInfo("Asia/Shanghai")
RULES = """\
time_intervals:
  - name: night
    time_intervals: [{times: [{start_time: "22:00", end_time: "08:00"}]}]
rules:
  - {name: quiet, match: {dag_id: "ods_*"}, receiver: dingtalk_default, mute_time_intervals: night}
  - {name: urgent, match: {dag_id: "core_*"}, receiver: dingtalk_default, severity: P1, mute_time_intervals: night}
  - {name: usual, receiver: dingtalk_default}
"""
RULE_OF = {"ods": "quiet", "core": "urgent", "ads": None}
DAGS = ("ods_orders", "ods_users", "core_pay", "ads_report")


@pytest.fixture(autouse=True)
def _rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES, "utf-8")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__RULES_FILE", str(path))
    monkeypatch.setenv("AIRFLOW__DINGPUSH__TIMEZONE", "Asia/Shanghai")
    monkeypatch.setattr(routes, "_known", {})


def alert(dag_id: str, at: float, *, event: Event = Event.TASK_FAILED, run_id: str = "r1", **facts: Any) -> Alert:
    """An alert as a listener writes it: what its rule asks for travels with it."""
    known = {"dag_id": dag_id, "task_id": "load", "run_id": run_id, "try_number": 1, "run_type": "scheduled", **facts}
    every = routes.routes_of(RunFacts(event=event, **known))
    return alert_of(
        RunFacts(event=event, **known),
        MAILBOX,
        at=at,
        message=None,
        mentions=None,
        language=None,
        rule=every[0].rule,
    )


@dataclass
class Silenced:
    """The reference of one silence."""

    pattern: str
    since: float
    until: float


@dataclass
class World:
    """A receiver with a real file store, a clock, and what the reference knows."""

    folder: Path
    chance: random.Random
    clock: Clock = field(default_factory=Clock)
    written: list[Alert] = field(default_factory=list)
    silenced: dict[str, Silenced] = field(default_factory=dict)
    frozen_at: dict[str, float] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    runs: int = 0

    def __post_init__(self) -> None:
        self.outbox = Outbox(FileStore(self.folder, clock=self.clock.time))
        self.robot = ChatRobot(Chat(self.clock))
        self.outbox.assign(MAILBOX, self.robot.receiver_id)

    def fails(self) -> None:
        self.runs += 1
        dag_id = self.chance.choice(DAGS)
        self.write(alert(dag_id, self.clock.now, run_id=f"r{self.runs}"))
        self.failing.add(dag_id)

    def recovers(self) -> None:
        if self.failing:
            self.runs += 1
            dag_id = self.chance.choice(sorted(self.failing))
            self.failing.discard(dag_id)
            self.write(alert(dag_id, self.clock.now, event=Event.TASK_SUCCEEDED, run_id=f"r{self.runs}"))

    def write(self, new: Alert) -> None:
        self.outbox.put(new)
        self.written.append(new)

    def silences(self) -> None:
        pattern, seconds = self.chance.choice(("ods_*", "core_*", "*")), self.chance.uniform(600, 30_000)
        matchers = {"dag_id": (pattern,)}
        self.clock.advance(0.001)  # what was frozen at the same instant was frozen before
        silence = add_silence(self.outbox, matchers, seconds=seconds, why="maintenance", by="lisi")
        self.silenced[silence.id] = Silenced(pattern, self.clock.now, silence.until)

    def expires(self) -> None:
        for silence in silences_in(self.outbox)[:1]:
            expire_silence(self.outbox, silence)
            self.silenced[silence.id].until = self.clock.now

    def waits(self) -> None:
        self.clock.advance(self.chance.uniform(30, 9_000))

    def drains(self, *, dies: bool = True) -> None:
        steps = self.chance.randrange(25) if dies and self.chance.random() < 0.4 else 10_000
        try:
            with self.leading() as book:
                Drain(
                    WatchedBook(book, self.dying_after(steps)),
                    self.robot,
                    DeliveryPolicy(),
                    compose,
                    deadline=Deadline.after(30.0, self.clock.ticks),
                    role=LeaderRole.FLUSHER,
                    gate=gate_of(self.outbox),
                    sleep=self.clock.sleep,
                    new_uuid=self.new_uuid,
                    chance=lambda: 1.0,
                ).run()
        except KilledError:
            return

    @contextmanager
    def leading(self) -> Iterator[LedgerBook]:
        with self.outbox.leadership(self.robot.receiver_id) as book:
            assert book is not None
            yield book

    def dying_after(self, steps: int) -> Any:
        left = iter(range(steps))

        def on_step(_: str) -> None:
            if next(left, None) is None:
                raise KilledError

        return on_step

    def new_uuid(self) -> str:
        number = f"{len(self.frozen_at):032x}"
        self.frozen_at[number] = self.clock.now
        return number

    # the plain reference

    def is_quiet(self, dag_id: str, at: float) -> bool:
        hour = datetime.fromtimestamp(at, SHANGHAI).hour
        return dag_id.startswith("ods_") and (hour >= 22 or hour < 8)

    def is_silenced(self, dag_id: str, at: float) -> bool:
        return any(
            each.since <= at < each.until and fnmatch.fnmatch(dag_id, each.pattern) for each in self.silenced.values()
        )

    def check(self) -> None:
        """Each alert that was taken in is in one count; nothing was sent while it was to wait."""
        records = self.outbox.records_of(self.robot.receiver_id) if self.outbox.receivers() else {}
        found = ReceiverView(records, DeliveryPolicy(), zone=timezone.utc, now=self.clock.now)
        pending = sum(kind == "alert" for kind, _ in records)
        totals = found.totals
        parts = totals.notified + totals.counted + pending + len(found.dead_letters) + sum(found.withheld.values())
        assert totals.written == parts
        assert totals.written <= len(self.written) <= totals.written + self.outbox.pending_in(MAILBOX)
        assert len(set(self.robot.chat.keys)) == len(self.robot.chat.keys)
        by_key = {each.key: each for each in self.written}
        for message in self.robot.chat.shown:
            at = self.frozen_at[message.uuid]
            for key in message.keys:
                if not by_key[key].resolved:
                    assert not self.is_quiet(by_key[key].dag_id, at)
                    assert not self.is_silenced(by_key[key].dag_id, at)

    def is_shown(self, each: Alert) -> bool:
        """Whether an alert was shown, or its failure only as recovered."""
        shown = set(self.robot.chat.keys)
        later = (end for end in self.written if end.resolved and end.dag_id == each.dag_id and end.at >= each.at)
        return each.key in shown or any(end.key in shown for end in later)


@pytest.mark.parametrize("seed", range(6))
def test_the_sum_always_adds_up_and_nothing_is_lost_or_early(tmp_path: Path, seed: int) -> None:
    """Failures, recoveries, silences, nights and leaders that die, in any order; many of them at the same instant."""
    world = World(tmp_path / "outbox", random.Random(seed))  # noqa: S311 - nothing depends on it
    steps = (
        *([world.fails] * 5),
        *([world.recovers] * 2),
        *([world.drains] * 6),
        *([world.waits] * 3),
        world.silences,
        world.expires,
    )
    for _ in range(90):
        world.chance.choice(steps)()
        world.check()
    # A morning after the last silence.
    for _ in range(3):
        world.clock.advance(86_400.0)
        while world.is_quiet("ods_orders", world.clock.now) or world.is_silenced("core_pay", world.clock.now):
            world.clock.advance(3_600.0)
        world.drains(dies=False)
        world.check()
    assert world.outbox.pending_in(MAILBOX) == 0
    assert all(map(world.is_shown, world.written))
    assert len(world.silenced) > 0


def at(hour: int) -> float:
    return datetime(2026, 12, 1, hour, 30, tzinfo=SHANGHAI).timestamp()


def decided(dag_id: str, moment: float, before: GateDecision | None = None, **facts: Any) -> GateDecision:
    gate = gate_of(outbox())
    assert gate is not None
    return gate(alert(dag_id, moment, **facts), moment, before)


def test_quiet_hours_are_those_of_the_alerts_rule() -> None:
    end = datetime(2026, 12, 1, 8, tzinfo=SHANGHAI).timestamp()
    held = GateDecision(Verdict.HELD, "night", end, "night")
    assert decided("ods_orders", at(3)) == held
    assert decided("ods_orders", at(9)) == SEND
    assert decided("core_pay", at(3)) == SEND
    assert decided("ads_report", at(3)) == SEND
    assert decided("ods_orders", at(3), severity="P1", tags=("severity:P1",)) == SEND


def test_a_rule_that_is_changed_applies_to_what_waits(tmp_path: Path) -> None:
    before = decided("ods_orders", at(3))
    waiting = alert("ods_orders", at(3))
    (tmp_path / "rules.yaml").write_text(RULES.replace(", mute_time_intervals: night}", "}"), "utf-8")
    gate = gate_of(outbox())
    assert gate is not None
    assert gate(waiting, at(3), before) == SEND


@pytest.mark.parametrize("text", ["rules: [", "rules: [{name: renamed, receiver: dingtalk_default}]"])
def test_a_broken_file_ends_no_night_and_holds_nothing_new(tmp_path: Path, text: str) -> None:
    before = decided("ods_orders", at(3))
    waiting = alert("ods_orders", at(3))
    (tmp_path / "rules.yaml").write_text(text, "utf-8")
    gate = gate_of(outbox())
    assert gate is not None
    assert gate(waiting, at(3), None) == SEND
    assert gate(waiting, at(3), before) == before
    assert gate(waiting, at(9), before) == SEND


def test_a_silence_comes_before_quiet_hours_and_silences_p1_too() -> None:
    now = outbox().store.now()
    silence = add_silence(outbox(), {"severity": ("P1",)}, seconds=600, why="dba 停机维护", by="lisi")
    decision = decided("core_pay", now, severity="P1")
    assert (decision.verdict, decision.by) == (Verdict.SILENCED, silence.id)
    assert decision.about == "severity=P1（dba 停机维护）"
    assert decided("ads_report", now) == SEND


def test_without_rules_and_silences_there_is_no_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__DINGPUSH__RULES_FILE")
    assert gate_of(outbox()) is None


def test_an_alert_of_a_rule_says_what_it_asks_for(tmp_path: Path) -> None:
    """Only what isn't said elsewhere; it survives being stored, and another version needs none of it."""
    assert alert("ads_report", 0.0).rule == {"name": "usual"}
    assert alert("core_pay", 0.0).rule == {"name": "urgent", "severity": "P1", "has_quiet_hours": True}
    (tmp_path / "rules.yaml").write_text(
        "rules: [{receiver: a, group_by: [owner, dag_id], repeat_interval: 0s}]", "utf-8"
    )
    known = Alert.from_json(alert("ads_report", 0.0).to_json())
    assert known.rule == {"name": "rule 1", "group_by": ["owner", "dag_id"], "repeat_interval_seconds": 0.0}
    assert known.repeat_interval_seconds == 0.0
    assert RuleEffects("r").to_dict() == {"name": "r"}
