"""Incidents escalate: the real flow against the sandbox, with a clock that is handed in; and a kill at every step."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timezone
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox, mailbox_of
from airflow_provider_dingpush.alerts.run_alert import alert_of
from airflow_provider_dingpush.alerts.run_facts import RunFacts
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.oncall.claims import ClaimedBy
from airflow_provider_dingpush.oncall.escalation import Outcome
from airflow_provider_dingpush.pipeline import escalation_circumstances, escalation_notes
from airflow_provider_dingpush.pipeline.escalation_circumstances import inhibited_incidents
from airflow_provider_dingpush.pipeline.escalation_notes import calls_in, progress_in
from airflow_provider_dingpush.pipeline.escalations import check, check_store
from airflow_provider_dingpush.pipeline.incidents import Incident, claim, claims_in, incidents_in, leading, unclaim
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.routes import routes_of
from airflow_provider_dingpush.pipeline.silences import add_silence, expire_silence, silences_in
from airflow_provider_dingpush.pipeline.store_flush import flush_stores
from airflow_provider_dingpush.pipeline.stores import Store
from airflow_provider_dingpush.rules.escalations import Way
from airflow_provider_dingpush.rules.reading import read_rules
from airflow_provider_dingpush.sandbox import App, DingPlan, Fault, Robot, Sandbox
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.outbox import Outbox
from airflow_provider_dingpush.timeouts import Deadline
from tests.outbox_in_use import use
from tests.rules_file_in_use import use_rules_file

START = 1_790_000_000.0
PEOPLE = """\
people:
  - {name: zhangsan, user_id: zhangsan}
  - {name: lead, user_id: lisi}
rotations: [{name: primary, people: [zhangsan]}]
"""
NIGHT = """\
escalate:
      - {after: 0m, to: group}
      - {after: 5m, ding: app, who: on_call}
      - {after: 15m, ding: phone, who: on_call}
      - {after: 30m, ding: phone, who: lead}
"""
PERSONAL = """\
escalate: [{after: 1m, to: on_call}, {after: 5m, ding: app, who: on_call}, {after: 9m, ding: phone, who: lead}]
"""


class World:
    """One outbox with its own clock, one rule, and the sandbox."""

    def __init__(self, folder: Path, sandbox: Sandbox, steps: str, more: str = "", more_of_file: str = "") -> None:
        self.now = START
        self.sandbox = sandbox
        self.outbox = Outbox(FileStore(folder, clock=lambda: self.now))
        self.store = Store(self.outbox, None, folder)  # type: ignore[arg-type]
        rule = f"  - name: core\n    receiver: dingtalk_default\n    {steps}    app: dingtalk_app_default\n{more}"
        self.rules = read_rules(
            f"{PEOPLE}{more_of_file}rules:\n{rule}", "r", zone=timezone.utc, read_file=str, group_labels=()
        )

    def fail(self, task_id: str | None = "load", **changes: Any) -> Alert:
        alert = Alert(
            f"{task_id} {self.now}",
            Mailbox("dingtalk_default"),
            Event.TASK_FAILED if task_id else Event.DAG_FAILED,
            self.now,
            dag_id="etl_orders",
            run_id="r1",
            task_id=task_id,
            owners=("zhangsan",),
            summary="no such table",
            log_link="https://airflow.example.com/log",
            rule={"name": "core"},
        )
        self.outbox.put(replace(alert, **changes))
        return replace(alert, **changes)

    def recover(self, task_id: str = "load") -> None:
        self.fail(task_id, key=f"ok {self.now}", occurrence="", event=Event.TASK_SUCCEEDED, resolved=True)

    def tick(self) -> None:
        check_store(self.store, [self.store], self.rules, Deadline.after(60))

    def run(self, minutes: float) -> None:
        """Ticks once a minute until so long after the start."""
        while self.now < START + minutes * 60:
            self.now += 60
            self.tick()

    @property
    def minute(self) -> float:
        return (self.now - START) / 60

    def dings(self) -> list[tuple[str, str]]:
        return [(each.kind, each.person.user_id) for each in self.sandbox.dings]

    def outcomes(self) -> list[tuple[Way, Outcome]]:
        [progress] = progress_in(self.outbox).values()
        return [(each.way, each.outcome) for each in progress.every_attempt]

    def group(self) -> list[str]:
        """The messages that the group has got."""
        return [str(each.payload) for each in self.sandbox.messages if isinstance(each.sender, Robot)]


@pytest.fixture
def world(tmp_path: Path, connected: Sandbox, app_connected: Sandbox) -> Callable[..., World]:
    def make(steps: str = NIGHT, more: str = "", of_file: str = "", folder: str = "outbox") -> World:
        return World(tmp_path / folder, connected, steps, more, of_file)

    return make


def organisation(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, plan: DingPlan, **more: Any
) -> Sandbox:
    sandbox = Sandbox(ding=plan, **more)
    sandbox.__enter__()
    request.addfinalizer(lambda: sandbox.__exit__(None, None, None))
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", f"{sandbox.webhook_url}&group_interval_seconds=0")
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", sandbox.connection_of(sandbox.app))
    return sandbox


def test_a_night_nobody_answers(world: Callable[..., World]) -> None:
    """The alert itself at once, a DING after 5 minutes, a call after 15, the lead's phone after 30; then nothing."""
    night = world()
    night.fail()
    night.run(4)
    assert night.dings() == []
    night.run(5)
    assert night.dings() == [("app", "zhangsan")]
    night.run(14)
    assert len(night.dings()) == 1
    night.run(29)
    assert night.dings()[1:] == [("phone", "zhangsan")]
    night.run(120)
    assert night.dings()[2:] == [("phone", "lisi")]
    assert [each.people for each in calls_in(night.outbox)] == [1, 1]
    ding, call, _ = night.sandbox.dings
    assert "etl\\_orders" not in ding.content
    assert "dingpush ack i-" in ding.content
    assert "etl" in call.content
    assert len(call.content) < 80


@pytest.mark.parametrize("ends", ["recovery", "claim", "silence"])
def test_what_ends_it(world: Callable[..., World], ends: str) -> None:
    night = world()
    night.fail()
    night.run(10)
    [incident] = incidents_in(night.outbox)
    if ends == "recovery":
        night.recover()
    elif ends == "claim":
        claim(night.outbox, incident, "lisi", night.now)
    else:
        add_silence(night.outbox, {"dag_id": ("etl_*",)}, seconds=86_400, why="", by="a")
    night.run(90)
    assert night.dings() == [("app", "zhangsan")]
    if ends == "recovery":
        assert progress_in(night.outbox) == {}
    if ends == "claim":
        # It goes on where it was: the call came five minutes later.
        unclaim(night.outbox, incident)
        night.run(94)
        assert len(night.dings()) == 1
        night.run(96)
        assert night.dings()[1:] == [("phone", "zhangsan")]
    if ends == "silence":
        [silence] = silences_in(night.outbox)
        expire_silence(night.outbox, silence)
        night.run(96)
        assert night.dings()[1:] == [("phone", "zhangsan")]


def test_after_a_recovery_it_begins_anew(world: Callable[..., World]) -> None:
    night = world()
    night.fail()
    night.run(6)
    night.recover()
    night.run(7)
    night.fail()
    night.run(11)
    assert len(night.dings()) == 1
    night.run(13)
    assert night.dings() == [("app", "zhangsan")] * 2


def test_a_rerun_ends_it_until_it_fails_again(world: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> None:
    states = {"load": "failed"}

    def running_again(incidents: Iterable[Incident]) -> frozenset[str]:
        return frozenset(each.id for each in incidents if states[str(each.failure.task_id)] != "failed")

    monkeypatch.setattr(escalation_circumstances, "running_again", running_again)
    night = world()
    night.fail()
    night.run(6)
    states["load"] = "running"
    night.run(60)
    assert len(night.dings()) == 1
    states["load"] = "failed"
    night.run(70)
    assert len(night.dings()) == 1, "it is the same failure still"
    night.fail(key="again", occurrence="")
    night.run(76)
    assert night.dings()[1:] == [("app", "zhangsan")]


def test_read_claims_if_the_rule_says_so(world: Callable[..., World]) -> None:
    """A personal message that is read; and one question for each step, not for each minute."""
    night = world(PERSONAL, "    ack: read\n")
    night.fail()
    night.run(4)
    path = "/v1.0/robot/oToMessages/readStatus"
    assert not [each for each in night.sandbox.requests if each.path == path]
    [message] = night.sandbox.messages
    assert "阅读本消息即视为认领" in str(message.payload) + str(message)
    night.sandbox.read("zhangsan")
    night.run(30)
    assert night.dings() == []
    assert len([each for each in night.sandbox.requests if each.path == path]) == 1
    [made] = claims_in(night.outbox).values()
    assert (made.by, made.how) == ("zhangsan", ClaimedBy.READ)


def test_unread_goes_on(world: Callable[..., World]) -> None:
    night = world(PERSONAL, "    ack: read\n")
    night.fail()
    night.run(7)
    assert night.dings() == [("app", "zhangsan")]
    night.sandbox.read("zhangsan")
    night.run(30)
    assert night.dings() == [("app", "zhangsan")], "the DING was read"


def test_the_alert_itself_is_a_message_that_may_be_read(
    tmp_path: Path, connected: Sandbox, app_connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rule whose receiver is a person: the alert goes through the outbox, and reading it claims it."""
    file = tmp_path / "rules.yaml"
    rule = "{name: core, receiver: dingtalk_app_default, to: {user_ids: [zhangsan]}, ack: read, escalate: [STEP]}"
    file.write_text(f"{PEOPLE}rules: [{rule}]\n".replace("STEP", "{after: 1s, ding: phone, who: lead}"))
    use_rules_file(file, monkeypatch)
    to = Mailbox("dingtalk_app_default", json.dumps({"mobiles": [], "user_ids": ["zhangsan"]}, sort_keys=True))
    rule_of = {"name": "core", "escalates": True}
    now = outbox().store.now()
    outbox().put(Alert("k", to, Event.TASK_FAILED, now - 60, dag_id="etl", task_id="load", rule=rule_of))
    list(flush_stores(until=time.monotonic() + 60))
    assert "认领：dingpush ack" in str(connected.messages[0].payload)
    connected.read("zhangsan")
    check(Deadline.after(30))
    assert not connected.dings
    [made] = claims_in(outbox()).values()
    assert (made.by, made.how) == ("zhangsan", ClaimedBy.READ)


def test_a_work_notification_that_is_read_claims(
    tmp_path: Path, connected: Sandbox, app_connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of people, each named; DingTalk is asked once, when a step is due."""
    file, to = tmp_path / "rules.yaml", "{work_notification: {user_ids: [zhangsan, lisi]}}"
    rule = f"{{name: core, receiver: dingtalk_app_default, to: {to}, ack: read, escalate: [STEP]}}"
    file.write_text(f"{PEOPLE}rules: [{rule}]\n".replace("STEP", "{after: 1s, ding: phone, who: lead}"))
    use_rules_file(file, monkeypatch)
    facts = RunFacts(Event.TASK_FAILED, dag_id="etl", run_id="r", task_id="load")
    [route] = routes_of(facts)
    now = outbox().store.now()
    mailbox = mailbox_of(route.conn_id, route.to)
    alert = alert_of(facts, mailbox, at=now - 60, message=None, mentions=route.at, language="zh", rule=route.rule)
    outbox().put(alert)
    list(flush_stores(until=time.monotonic() + 60))
    assert {each.conversation.kind for each in connected.messages} == {"notification"}
    assert "阅读本消息即视为认领" in str(connected.messages[0].payload)
    connected.read("lisi")
    check(Deadline.after(30))
    assert not connected.dings
    [made] = claims_in(outbox()).values()
    assert (made.by, made.how) == ("lead", ClaimedBy.READ)
    path = "/topapi/message/corpconversation/getsendresult"
    assert len([each for each in connected.requests if each.path == path]) == 1


def test_without_ack_read_nobody_is_asked(world: Callable[..., World]) -> None:
    steps = "escalate: [{after: 1m, to: on_call}, {after: 5m, ding: app, who: on_call}]\n"
    night = world(steps)
    night.fail()
    night.run(2)
    night.sandbox.read("zhangsan")
    night.run(6)
    assert night.dings() == [("app", "zhangsan")]


@pytest.mark.parametrize(
    ("plan", "dings", "words"),
    [
        (DingPlan(phone=0), [("sms", "lisi")], "电话 DING 未发出：DING 权益不足"),
        (DingPlan(phone=0, sms=0), [("app", "lisi")], "短信 DING 未发出：DING 权益不足"),
        (DingPlan(phone=0, sms=0, app=0), [], "应用内 DING 未发出：DING 权益不足"),
        (DingPlan(in_edition=False), [], "电话 DING 未发出：企业的钉钉版本不支持应用发 DING"),
    ],
)
def test_what_reached_nobody_falls_back_with_a_word_about_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    plan: DingPlan,
    dings: list[tuple[str, str]],
    words: str,
) -> None:
    sandbox = organisation(monkeypatch, request, plan)
    night = World(tmp_path, sandbox, "escalate: [{after: 5m, ding: phone, who: lead}]\n")
    night.fail()
    night.run(20)
    assert night.dings() == dings
    said = sandbox.dings[0].content if dings else "".join(night.group())
    assert words in said
    assert "dingpush ack" in said


def test_the_limit_of_calls(world: Callable[..., World]) -> None:
    night = world(NIGHT, "", "max_calls_per_night: 1\n")
    night.fail()
    night.run(40)
    assert night.dings() == [("app", "zhangsan"), ("phone", "zhangsan"), ("sms", "lisi")]
    assert "已达电话次数上限" in night.sandbox.dings[2].content


def test_a_call_that_reached_nobody_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Neither in the report nor for the limit."""
    sandbox = organisation(monkeypatch, request, DingPlan(phone=0))
    steps = "escalate: [{after: 1m, ding: phone, who: lead}, {after: 3m, ding: phone, who: on_call}]\n"
    night = World(tmp_path, sandbox, steps, "", "max_calls_per_night: 1\n")
    night.fail()
    night.run(5)
    assert night.dings() == [("sms", "lisi"), ("sms", "zhangsan")]
    assert calls_in(night.outbox) == []
    assert "DING 权益不足" in night.sandbox.dings[1].content, "and not: the limit is reached"


def test_without_the_permission_the_group_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """At once, as no other DING would work either; and once."""
    sandbox = organisation(monkeypatch, request, DingPlan(), apps=(App(permissions=("qyapi_robot_sendmsg",)),))
    night = World(tmp_path, sandbox, "escalate: [{after: 5m, ding: phone, who: lead}]\n")
    night.fail()
    night.run(30)
    assert night.dings() == []
    [said] = night.group()
    assert "电话 DING 未发出：应用缺少权限" in said
    assert calls_in(night.outbox) == []


def test_a_clock_that_is_set_back_repeats_nothing(world: Callable[..., World]) -> None:
    night = world()
    night.fail()
    night.run(16)
    assert len(night.dings()) == 2
    night.now -= 14 * 60
    night.run(29)
    assert len(night.dings()) == 2
    night.run(31)
    assert night.dings()[2:] == [("phone", "lisi")]


def test_two_ticks_at_once_do_a_step_once(world: Callable[..., World]) -> None:
    night = world("escalate: [{after: 1m, ding: phone, who: lead}]\n")
    night.fail()
    night.now += 120
    with ThreadPoolExecutor(4) as threads:
        for each in [threads.submit(night.tick) for _ in range(8)]:
            each.result()
    assert night.dings() == [("phone", "lisi")]
    assert len(calls_in(night.outbox)) == 1


def test_several_incidents_are_one_call(world: Callable[..., World]) -> None:
    night = world()
    for task_id in ("load", "clean", "check"):
        night.fail(task_id)
    night.fail(None)
    night.run(31)
    assert night.dings() == [("app", "zhangsan"), ("phone", "zhangsan"), ("phone", "lisi")]
    assert "2" in night.sandbox.dings[1].content


def test_the_run_of_a_failed_task_is_not_escalated_itself(world: Callable[..., World]) -> None:
    night = world()
    night.fail("load")
    night.fail(None)
    assert [each.failure.task_id for each in leading(incidents_in(night.outbox))] == ["load"]
    night.recover("load")
    assert [each.failure.task_id for each in leading(incidents_in(night.outbox))] == [None]


def test_a_to_do_is_closed_when_it_recovers(world: Callable[..., World]) -> None:
    night = world("escalate: [{after: 1m, todo: urgent, who: owner}]\n")
    night.fail()
    night.run(3)
    [todo] = night.sandbox.todos
    assert (todo.executors[0].user_id, todo.is_done) == ("zhangsan", False)
    night.recover()
    night.run(4)
    assert night.sandbox.todos[0].is_done
    assert progress_in(night.outbox) == {}


def test_if_nobody_is_on_call_the_group_is_told(world: Callable[..., World]) -> None:
    night = world("escalate: [{after: 1m, ding: phone, who: owner}]\n")
    night.fail(owners=("nobody",))
    night.run(2)
    assert "没有可通知的人" in "".join(night.group())


def test_a_robot_alone_reaches_the_group(tmp_path: Path, connected: Sandbox) -> None:
    """Without a connection of an app every step falls back to the group, which is told why."""
    night = World(tmp_path, connected, "escalate: [{after: 1m, ding: phone, who: lead}, {after: 3m, to: group}]\n")
    night.fail()
    night.run(5)
    assert len(night.group()) == 2
    assert "无人认领" in night.group()[1]


def test_while_dingtalk_is_away_nothing_is_lost(world: Callable[..., World]) -> None:
    night = world("escalate: [{after: 1m, ding: app, who: lead}]\n")
    night.fail()
    night.sandbox.fail_next(Fault.THROTTLED, times=2, path="/v1.0/robot/ding/send")
    night.run(6)
    assert night.dings() == [("app", "lisi")]
    assert night.outcomes() == [(Way.APP, Outcome.UNAVAILABLE), (Way.APP, Outcome.DONE)]


@pytest.mark.parametrize(
    "fault", [Fault.RESET_AFTER_BODY_ACCEPTED, Fault.RESET_AFTER_BODY_NOT_ACCEPTED, Fault.HTTP_504]
)
def test_a_call_of_unknown_outcome_is_never_repeated(world: Callable[..., World], fault: Fault) -> None:
    night = world("escalate: [{after: 1m, ding: phone, who: lead}]\n")
    night.fail()
    night.sandbox.fail_next(fault, path="/v1.0/robot/ding/send")
    night.run(60)
    assert len(night.dings()) <= 1
    assert night.outcomes() == [(Way.PHONE, Outcome.UNKNOWN), (Way.GROUP, Outcome.DONE)]
    assert len(night.group()) == 1
    assert "电话 DING：不清楚是否送达" in night.group()[0]


class KilledError(BaseException):
    """The process was killed."""


def test_a_kill_at_every_step_repeats_nothing(world: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> None:
    """The tick dies before and after each write, and each call, in turn; no DING is ever sent twice."""
    real_note = escalation_notes.note_progress
    from airflow_provider_dingpush.pipeline.escalation_sends import Sends

    real_send = Sends.send
    count, kill_at = 0, -1

    def point() -> None:
        nonlocal count
        count += 1
        if count == kill_at:
            raise KilledError

    def note(*arguments: Any) -> None:
        point()
        real_note(*arguments)
        point()

    def send(*arguments: Any) -> Any:
        point()
        result = real_send(*arguments)
        point()
        return result

    monkeypatch.setattr(escalation_notes, "note_progress", note)
    monkeypatch.setattr(Sends, "send", send)
    for kill_at in range(1, 19):
        count = 0
        night = world(NIGHT, "", "", f"outbox-{kill_at}")
        before = len(night.sandbox.dings)
        night.fail()
        while night.minute < 40:
            night.now += 60
            with suppress(KilledError):
                night.tick()
        sent = night.dings()[before:]
        wanted = [("app", "zhangsan"), ("phone", "zhangsan"), ("phone", "lisi")]
        assert len(sent) == len(set(sent)), kill_at
        assert set(sent) <= set(wanted)
        # Only a kill between the note that it begins and the call itself loses one.
        assert len(sent) >= len(wanted) - 1, kill_at


def test_quiet_hours_hold_it_back_but_for_p1(world: Callable[..., World]) -> None:
    interval = (
        "time_intervals:\n  - {name: always, time_intervals: [{times: [{start_time: '00:00', end_time: '24:00'}]}]}\n"
    )
    night = world(NIGHT, "    mute_time_intervals: always\n", interval)
    night.fail()
    night.run(20)
    assert night.dings() == []
    night.fail(facts={"severity": "P1"}, key="p1", occurrence="", task_id="urgent")
    night.run(26)
    assert night.dings() == [("app", "zhangsan")]


def test_what_is_inhibited_does_not_climb(world: Callable[..., World]) -> None:
    night = world()
    assert list(inhibited_incidents(night.outbox)) == []
    alert = night.fail()
    with night.outbox.leadership("r") as book:
        assert book is not None
        record = {"alert": alert.to_json(), "verdict": "inhibited", "by": "x", "until": START + 9_999, "about": ""}
        book.write({("withheld", alert.key): record})
    night.run(20)
    assert night.dings() == []
    with night.outbox.leadership("r") as book:
        assert book is not None
        book.write({}, [("withheld", alert.key)])
    night.run(40)
    assert night.dings()[0] == ("app", "zhangsan")


@pytest.mark.parametrize("kind", ["files", "redis"])
def test_the_check_reads_the_rules_file(
    kind: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    connected: Sandbox,
    app_connected: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if kind == "redis":
        use(request.getfixturevalue("server").url, monkeypatch)
    file = tmp_path / "rules.yaml"
    check(Deadline.after(30))
    file.write_text(
        f"{PEOPLE}rules:\n  - name: core\n    receiver: dingtalk_default\n    escalate: [{{after: 1s, to: group}}]\n"
    )
    use_rules_file(file, monkeypatch)
    now = outbox().store.now()
    alert = Alert("k", Mailbox("dingtalk_default"), Event.TASK_FAILED, now - 60, dag_id="etl", rule={"name": "core"})
    outbox().put(alert)
    for _ in range(3):
        check(Deadline.after(30))
    assert len(connected.messages) == 1
    assert "故障无人认领" in str(connected.messages[0].payload)
    file.write_text("rules: {")
    check(Deadline.after(30))
    assert len(connected.messages) == 1
