"""A replay of the recorded week has the numbers that sending it has: each is compared with the sandbox's own log."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox, mailbox_of
from airflow_provider_dingpush.delivery.drain import Drain
from airflow_provider_dingpush.delivery.drain_result import LeaderRole
from airflow_provider_dingpush.pipeline.composing import composer_for
from airflow_provider_dingpush.pipeline.receivers import receiver_of_mailbox
from airflow_provider_dingpush.pipeline.routes import BY_DEFAULT, effects_of
from airflow_provider_dingpush.pipeline.rules_replay import Replay, Replayed, recorded_in
from airflow_provider_dingpush.rules.labels import labels_of
from airflow_provider_dingpush.rules.reading import read_rules
from airflow_provider_dingpush.rules.rule_set import Rule, RuleSet
from airflow_provider_dingpush.sandbox import Robot, Sandbox
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.outbox import Outbox
from airflow_provider_dingpush.timeouts import Deadline

START = 1_800_000_000.0
DAY, MINUTE = 86_400.0, 60.0
NAMES = "core", "etl", "other"
OLD = """
rules:
  - {name: retries, match: {event: task_retrying}, receiver: null}
  - {name: core, match: {dag_id: "core_*"}, receiver: dingtalk_core, continue: true}
  - {name: etl, match: {dag_id: ["core_*", "etl_*"]}, receiver: dingtalk_etl}
"""
NEW = """
rules:
  - {name: quiet, match: {tags: quiet}, receiver: null}
  - {name: urgent, match: {severity: P1}, receiver: dingtalk_core}
  - {name: all, receiver: dingtalk_other}
"""


class Clock:
    """Advances only while somebody waits; what is scheduled happens then."""

    def __init__(self) -> None:
        self.now = START
        self.later: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.advance_to(self.now + seconds)

    def advance_to(self, moment: float) -> None:
        while self.later and self.later[0][0] <= moment:
            at, action = self.later.pop(0)
            self.now = max(self.now, at)
            action()
        self.now = max(self.now, moment)


@dataclass
class Site:
    """Three robots of a sandbox, a store in files, and leaders that really post, all with one simulated clock.

    :param folder: of the store.
    :param sandbox: with a robot for each of ``NAMES``.
    :param clock: of everything.
    """

    folder: Path
    sandbox: Sandbox
    clock: Clock
    outbox: Outbox = field(init=False)

    def __post_init__(self) -> None:
        self.outbox = Outbox(FileStore(self.folder, clock=self.clock.time))

    def send(self, events: Iterable[Event], rules: RuleSet, *, role: LeaderRole, until: float) -> None:
        """Write the alerts of these events as the rules say, and send them: at once, or once a minute.

        Each receiver has a flusher of its own: one for all of them leads one after the other.
        """
        for name in NAMES:
            self.clock.now = START
            self.clock.later = sorted(
                ((event.at, partial(self._write, event, rules, f"dingtalk_{name}")) for event in events),
                key=lambda each: each[0],
            )
            self._send(f"dingtalk_{name}", role, until)

    def _send(self, conn_id: str, role: LeaderRole, until: float) -> None:
        clock, tick, left = self.clock, START, 0
        while (clock.later or left) and tick <= until:
            while role is LeaderRole.CALLBACK and clock.later and clock.later[0][0] <= tick:
                clock.advance_to(clock.later[0][0])
                left = self._lead(conn_id, role)
            clock.advance_to(tick)
            self.outbox.note_flush(tick)
            if self.outbox.pending_mailboxes() or left:
                left = self._lead(conn_id, LeaderRole.FLUSHER)
            # The next minute at which something may happen.
            wanted = clock.now if left or not clock.later else max(clock.now, clock.later[0][0])
            tick += max(1, -(-(wanted - tick) // MINUTE)) * MINUTE

    def _write(self, event: Event, rules: RuleSet, conn_id: str) -> None:
        """Write what one connection gets."""
        labels = labels_of(
            event.alert.event,
            event.alert.dag_id,
            task_id=event.alert.task_id,
            tags=tuple(event.alert.facts["tags"]),
            owners=(),
            run_type="scheduled",
        )
        applying = rules.applying_to(labels)
        routes = [
            (mailbox_of(rule.receiver, rule.to), effects_of(rule).to_dict()) for rule in applying if rule.receiver
        ]
        if not applying:
            routes = [(Mailbox("dingtalk_other"), BY_DEFAULT.to_dict())]
        for mailbox, rule in [*((Mailbox(each), {}) for each in event.own), *routes]:
            alert = Alert(**{**vars(event.alert), "mailbox": mailbox, "rule": rule})
            if mailbox.conn_id != conn_id:
                continue
            if alert.resolved and not self.outbox.has_open_incident(alert.incident):
                continue
            self.outbox.assign(mailbox, receiver_of_mailbox(mailbox).receiver_id)
            self.outbox.put(alert)

    def _lead(self, conn_id: str, role: LeaderRole) -> int:
        """Send what is pending; returns how many alerts are left."""
        receiver = receiver_of_mailbox(Mailbox(conn_id))
        settings = receiver.hook.settings
        with self.outbox.leadership(receiver.receiver_id) as book:
            assert book is not None
            return (
                Drain(
                    book,
                    receiver,
                    settings.delivery,
                    composer_for(receiver, settings),
                    deadline=Deadline.after(8.0 if role is LeaderRole.CALLBACK else 50.0, self.clock.time),
                    role=role,
                    handover=role.rules.handover(flusher_runs=True),
                    zone=timezone.utc,
                    sleep=self.clock.sleep,
                    chance=lambda: 0.5,
                )
                .run()
                .left
            )

    def counts(self) -> dict[str, int]:
        """The messages in the sandbox's log, by robot."""
        tokens = {robot.access_token: name for robot, name in zip(self.sandbox.robots, NAMES, strict=True)}
        found = dict.fromkeys(NAMES, 0)
        for message in self.sandbox.messages:
            assert isinstance(message.sender, Robot)
            found[tokens[message.sender.access_token]] += 1
        return found


@dataclass(frozen=True)
class Event:
    """One event, and the connections of the DAG's own notifiers."""

    alert: Alert
    own: tuple[str, ...] = ()

    @property
    def at(self) -> float:
        return self.alert.at


def week(seed: int, storms: int = 2) -> list[Event]:
    """Failures that recover or not, retries, storms, and DAGs with a notifier of their own."""
    chance = random.Random(seed)  # noqa: S311 - repeatable
    events: list[Event] = []

    def add(event: str, at: float, dag: str, task: str, run: str, try_number: int = 1) -> None:
        tags = {"core_a": ["severity:P1"], "etl_b": ["quiet"]}.get(dag, [])
        alert = Alert(
            key=f"{dag}/{task}/{run}/{event}/{try_number}",
            mailbox=Mailbox("nobody"),
            event=event,  # type: ignore[arg-type]
            at=round(at, 3),
            dag_id=dag,
            task_id=task,
            run_id=run,
            try_number=try_number,
            resolved=event == "task_succeeded",
            summary="ValueError: x",
            facts={"tags": tags, "run_type": "scheduled", "event": event, "dag_id": dag, "task_id": task},
        )
        events.append(Event(alert, ("dingtalk_other",) if dag == "etl_own" else ()))

    dags = ["core_a", "core_b", "etl_a", "etl_b", "etl_own", "ads_a"]
    for number in range(60):
        at, dag, task = START + chance.uniform(0, 7 * DAY - 7_200), chance.choice(dags), f"t{chance.randrange(3)}"
        add("task_retrying", at, dag, task, f"r{number}")
        if chance.random() < 0.5:
            add("task_succeeded", at + chance.uniform(30, 3_000), dag, task, f"r{number}", 2)
        else:
            add("task_failed", at + chance.uniform(1, 300), dag, task, f"r{number}", 2)
    for number in range(storms):
        at = START + chance.uniform(0, 6 * DAY)
        for place in range(40):
            add("task_failed", at + chance.uniform(0, 900), chance.choice(dags), f"s{place}", f"storm{number}")
    return sorted(events, key=lambda each: each.at)


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Sandbox]:
    """Connect ``NAMES`` to three robots of a sandbox with the simulated clock; pass each robot's extras."""

    def connect(sandbox: Sandbox, extras: Mapping[str, Mapping[str, Any]]) -> Sandbox:
        for name, robot in zip(NAMES, sandbox.robots, strict=True):
            more = urlencode(extras.get(name, {}))
            monkeypatch.setenv(f"AIRFLOW_CONN_DINGTALK_{name.upper()}", f"{sandbox.webhook_url_of(robot)}&{more}")
        return sandbox

    return connect


def rules_of(text: str) -> RuleSet:
    return read_rules(text, "rules.yaml", zone=timezone.utc, read_file=lambda _: "", group_labels=("dag_id",))


def replayed(outbox: Outbox, rules: RuleSet, *, since: float = START, until: float = START + 8 * DAY) -> list[Replayed]:
    replay = Replay(rules, "dingtalk_other", receiver_of_mailbox, timezone.utc)
    return replay.run(recorded_in([outbox]), since=since, now=until)


def by_name(rows: Iterable[Replayed], column: str) -> dict[str, int]:
    found = dict.fromkeys(NAMES, 0)
    for row in rows:
        (conn_id,) = row.conn_ids
        found[conn_id.removeprefix("dingtalk_")] += getattr(row, column)
    return found


EXTRAS: dict[str, dict[str, Any]] = {
    "core": {"repeat_interval_seconds": 7_200},
    "etl": {"group_interval_seconds": 30, "max_messages_per_day": 12},
    "other": {"send_resolved": "false", "rate_limit_per_minute": 3},
}


@pytest.mark.parametrize("role", [LeaderRole.FLUSHER, LeaderRole.CALLBACK])
def test_a_replay_is_a_recount_of_the_sandboxs_log(
    tmp_path: Path, connections: Callable[..., Sandbox], role: LeaderRole
) -> None:
    """With the same rules, and with others: these are really sent to another sandbox."""
    events, end = week(1), START + 8 * DAY
    for name, text in (("old", OLD), ("new", NEW)):
        clock = Clock()
        with Sandbox(robots=tuple(Robot() for _ in NAMES), clock=clock.time) as sandbox:
            connections(sandbox, EXTRAS)
            site = Site(tmp_path / name, sandbox, clock)
            site.send(events, rules_of(text), role=role, until=end)
            rows = replayed(site.outbox, rules_of(text))
            counts = site.counts()
            assert sum(counts.values()) > 20
            assert by_name(rows, "had") == counts
            assert by_name(rows, "would_have") == counts
            assert all(each.problem is None for each in rows)
            if name == "old":
                # Other retries were sent to nobody, so no other rule can get them back.
                recorded = [each for each in events if each.own or each.alert.event != "task_retrying"]
                predicted = by_name(replayed(site.outbox, rules_of(NEW)), "would_have")
                second = Clock()
                with Sandbox(robots=sandbox.robots, clock=second.time) as other:
                    connections(other, EXTRAS)
                    really = Site(tmp_path / "really", other, second)
                    really.send(recorded, rules_of(NEW), role=role, until=end)
                    assert predicted == really.counts()


def test_an_unknown_connection_is_a_row_with_its_problem(tmp_path: Path, connections: Callable[..., Sandbox]) -> None:
    clock = Clock()
    with Sandbox(robots=tuple(Robot() for _ in NAMES), clock=clock.time) as sandbox:
        connections(sandbox, {})
        site = Site(tmp_path, sandbox, clock)
        site.send(week(2)[:20], rules_of(OLD), role=LeaderRole.FLUSHER, until=START + 8 * DAY)
        rows = replayed(site.outbox, rules_of("rules: [{receiver: dingtalk_nowhere}]"))
        unusable = [each for each in rows if each.problem is not None]
        assert [(each.conn_ids, each.had, each.would_have) for each in unusable] == [(("dingtalk_nowhere",), 0, None)]
        assert sum(each.had for each in rows) == sum(site.counts().values())
        # The DAG's own notifier goes on.
        own = [each for each in rows if each.conn_ids == ("dingtalk_other",)]
        assert all(each.would_have is not None for each in own)


def test_only_the_time_asked_for_is_counted(tmp_path: Path, connections: Callable[..., Sandbox]) -> None:
    clock = Clock()
    with Sandbox(robots=tuple(Robot() for _ in NAMES), clock=clock.time) as sandbox:
        connections(sandbox, EXTRAS)
        site = Site(tmp_path, sandbox, clock)
        site.send(week(3), rules_of(OLD), role=LeaderRole.FLUSHER, until=START + 8 * DAY)
        whole = sum(by_name(replayed(site.outbox, rules_of(OLD)), "would_have").values())
        parts = [
            replayed(site.outbox, rules_of(OLD), since=START + 4 * DAY),
            replayed(site.outbox, rules_of(OLD), until=START + 4 * DAY - 0.001),
        ]
        for column in ("had", "would_have"):
            assert sum(sum(by_name(part, column).values()) for part in parts) == whole


def test_what_a_rule_holds_goes_as_one_message_when_it_ends(
    tmp_path: Path, connections: Callable[..., Sandbox]
) -> None:
    """The gate is handed in; by default it is that of the rule's time intervals."""
    clock = Clock()
    with Sandbox(robots=tuple(Robot() for _ in NAMES), clock=clock.time) as sandbox:
        connections(sandbox, {})
        site = Site(tmp_path, sandbox, clock)
        site.send(week(4, storms=0), rules_of(OLD), role=LeaderRole.FLUSHER, until=START + 8 * DAY)

        def until_the_end(rule: Rule, labels: Any, moment: datetime) -> datetime | None:
            return datetime.fromtimestamp(START + 7.5 * DAY, timezone.utc) if rule.name == "etl" else None

        replay = Replay(rules_of(OLD), "dingtalk_other", receiver_of_mailbox, timezone.utc, until_the_end)
        rows = replay.run(recorded_in([site.outbox]), since=START, now=START + 8 * DAY)
        assert by_name(rows, "would_have")["etl"] == 1
        assert by_name(rows, "would_have")["core"] == site.counts()["core"]
        rows = replay.run(recorded_in([site.outbox]), since=START, now=START + 7 * DAY)
        (etl,) = (each for each in rows if each.conn_ids == ("dingtalk_etl",))
        assert (etl.would_have, etl.pending > 10) == (0, True)


def test_nothing_recorded(tmp_path: Path) -> None:
    outbox = Outbox(FileStore(tmp_path / "empty"))
    assert recorded_in([outbox]).since is None
    assert replayed(outbox, rules_of(OLD)) == []
