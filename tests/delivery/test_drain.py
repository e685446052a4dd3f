"""What a drain does: when it sends, what it merges, and how it gets over the failures of the world."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timezone
from itertools import pairwise
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.alerts.digest_notes import Notes
from airflow_provider_dingpush.delivery.channel import SendResult, SendStatus
from airflow_provider_dingpush.delivery.drain_result import Handover, LeaderRole
from airflow_provider_dingpush.delivery.fallbacks import Fallback
from airflow_provider_dingpush.delivery.pace import LONGEST_INTERVAL_SECONDS
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.delivery.reasons import Reason
from airflow_provider_dingpush.delivery.repetitions import remembered
from airflow_provider_dingpush.errors import LeadershipLostError, OutboxError
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.messages import Text
from tests.delivery.drain_world import (
    DISK_FULL,
    START,
    ChatRobot,
    MemoryBook,
    Storage,
    World,
    compose,
    failure,
    failures,
)

# ---------------------------------------------------------------------------------------------------- first and next


def test_the_first_alert_is_sent_at_once_and_alone() -> None:
    world = World()
    world.put(failure("a1"))
    drained = world.drain()
    assert (drained.messages, drained.alerts, drained.left, drained.reason) == (1, 1, 0, Reason.NOTHING_PENDING)
    assert [(each.at - START < 0.2, each.keys) for each in world.chat.shown] == [(True, ("a1",))]
    assert world.clock.waits == []


def test_all_that_comes_within_the_interval_is_one_message() -> None:
    """The first goes at once; the next leader waits as long as its time allows, and sends all that came."""
    world = World()
    world.put(failure("first"))
    world.drain()
    world.put(*failures(300))
    world.arrives(2.0, *failures(100, start=300))
    drained = world.drain(8.0)
    assert (drained.messages, drained.alerts, drained.left) == (1, 400, 0)
    first, second = world.chat.shown
    assert set(second.keys) == {each.key for each in failures(400)}
    # 8 seconds, less the 5 that a POST may take: not one moment later.
    assert 3.0 <= second.at - first.at < 3.3


def test_with_time_the_whole_interval_is_waited_for() -> None:
    world = World()
    world.put(failure("first"))
    world.drain()
    world.put(failure("second"))
    world.arrives(9.0, failure("third"))
    world.arrives(10.15, failure("fourth"))
    assert world.drain(60.0).messages == 2
    at = [each.at - START for each in world.chat.shown]
    assert [each.keys for each in world.chat.shown] == [("first",), ("second", "third"), ("fourth",)]
    assert at[1] - at[0] == pytest.approx(10.0, abs=0.2)
    assert at[2] - at[1] == pytest.approx(10.0, abs=0.2)


def storm(world: World, minutes: int, *, every: float = 2.0) -> None:
    """A callback now and then, and a flusher every minute that it knows of."""
    begin, count = world.clock.now, 0
    while (now := world.clock.now - begin) < 60 * minutes:
        if now >= 60 * count:
            count += 1
            world.drain(50.0, handover=Handover.FLUSHER)
        world.put(failure(f"{begin} {now}"))
        if world.storage.pause is None or world.storage.pause.until <= world.clock.now:
            world.drain(8.0, handover=Handover.FLUSHER)
        world.clock.pass_by(every)
    # Nobody drowned, and what came last waits for the next flush.
    world.clock.pass_by(LONGEST_INTERVAL_SECONDS)
    world.drain(50.0, handover=Handover.FLUSHER)


def test_a_storm_that_lasts_is_reported_less_and_less_often() -> None:
    world = World()
    storm(world, 30)
    put = [key for each in world.chat.shown for key in each.keys]
    assert len(put) == len(set(put)) > 800
    assert world.ledger().queue.waiting == 0
    at = [each.at for each in world.chat.shown]
    gaps = [later - earlier for earlier, later in pairwise(at)]
    # The first three come quickly, whoever is on call shall not wait for what it is about.
    assert max(gaps[:2]) < 5.2
    assert gaps[2:8] == sorted(gaps[2:8])
    assert max(gaps) < LONGEST_INTERVAL_SECONDS + 60
    assert len(at) <= 13


def test_after_a_storm_a_failure_is_sent_at_once() -> None:
    world = World()
    storm(world, 10)
    world.clock.pass_by(2 * LONGEST_INTERVAL_SECONDS)
    before = world.clock.now
    for seconds in (0.0, 1.0):
        world.clock.pass_by(seconds)
        world.put(failure(f"after {seconds}"))
        assert world.drain(handover=Handover.FLUSHER).messages == 1
    assert [each.at - before < 6 for each in world.chat.shown[-2:]] == [True, True]


def stormy_world() -> World:
    """Three messages have followed each other, and an alert waits."""
    world = World()
    for number in range(3):
        world.put(failure(f"before {number}"))
        world.drain()
    world.put(failure("now"))
    return world


def test_without_a_flusher_a_storm_goes_from_one_callback_to_the_next() -> None:
    world = stormy_world()
    began = world.clock.now
    world.clock.at(began - START + 2.5, lambda: setattr(world.storage, "successor_waits", True))
    drained = world.drain(handover=Handover.SUCCESSOR)
    assert (drained.messages, drained.left, drained.handed_over) == (0, 1, True)
    assert 2.5 <= world.clock.now - began < 2.7
    assert world.storage.successor_wanted
    # It leads now, and nobody comes after it.
    world.storage.successor_waits = False
    assert world.drain(handover=Handover.SUCCESSOR).messages == 1
    assert not world.storage.successor_wanted
    assert world.chat.keys[-1] == "now"


@pytest.mark.parametrize(("busy", "wanted_early"), [(True, False), (False, True)])
def test_a_successor_is_wanted_early_where_little_comes(busy: bool, wanted_early: bool) -> None:
    """The next callback may be the last one in time; where they follow each other, the last second is enough."""
    world = stormy_world()
    began = world.clock.now - START
    for tenth in range(1, 80 if busy else 1):
        world.clock.at(began + tenth / 10, lambda tenth=tenth: world.put(failure(f"more {tenth}")))  # type: ignore[misc]
    wanted: list[bool] = []
    for seconds in (2.1, 5.9):
        world.clock.at(began + seconds, lambda: wanted.append(world.storage.successor_wanted))
    assert world.drain(handover=Handover.SUCCESSOR).messages == 1
    assert wanted == [wanted_early, True]
    assert not world.storage.successor_wanted


def test_without_a_flusher_nothing_is_left_pending() -> None:
    """However long the storm: nobody might come who sends it."""
    world = World()
    for number in range(40):
        world.put(failure(f"a{number}"))
        assert world.drain(8.0, handover=Handover.SUCCESSOR).left == 0
        world.clock.pass_by(1.0)
    assert len(world.chat.keys) == 40
    assert world.storage.pause is None


def test_a_leader_that_waits_looks_up_often_enough_to_stay_leader() -> None:
    world = World(DeliveryPolicy(group_interval_seconds=60.0))
    world.put(failure("first"))
    world.drain()
    world.put(failure("second"))
    world.drain(120.0)
    assert len(world.chat.shown) == 2
    assert max(world.clock.waits) <= 5.0


def test_a_machine_that_wakes_late_still_sends() -> None:
    """The POST gets less time then, so that the leader is back when it has to be."""
    world = World()
    world.put(failure("first"))
    world.drain()
    world.put(failure("second"))
    on_time = world.clock.sleep
    world.clock.sleep = lambda seconds: on_time(seconds + 0.4)  # type: ignore[method-assign]
    assert world.drain(8.0).messages == 1
    assert world.robot.given == [5.0, pytest.approx(4.6)]


def test_what_comes_while_the_last_message_is_under_way_is_left_to_the_next_leader() -> None:
    """Not one message after the other in the last second, but the next leader's digest."""
    world = World()
    world.put(failure("first"))
    world.drain()
    world.put(failure("second"))
    world.arrives(3.15, failure("third"))
    drained = world.drain(8.0)
    assert (drained.messages, drained.left, drained.reason) == (1, 1, Reason.NO_TIME)
    assert world.drain(8.0).alerts == 1


def test_a_budget_shorter_than_a_timeout_still_sends() -> None:
    world = World()
    world.put(failure())
    assert world.drain(4.0).messages == 1
    assert world.robot.given == [pytest.approx(3.0)]


def test_no_time_at_all_leaves_everything_where_it_is() -> None:
    world = World()
    world.put(failure())
    drained = world.drain(0.1)
    assert (drained.messages, drained.left, drained.reason) == (0, 1, Reason.NO_TIME)


def test_a_leader_that_does_not_wait_uses_the_free_slots_and_never_waits() -> None:
    world = World()
    for number in range(25):
        world.put(failure(f"a{number}"))
        world.drain(30.0, role=LeaderRole.DAG_PROCESSOR)
    assert len(world.chat.shown) == 18
    assert world.clock.waits == []
    # What didn't fit is sent by the next one that may wait.
    assert world.drain(120.0).messages == 1
    assert sorted(world.chat.keys) == sorted(f"a{number}" for number in range(25))


def test_the_window_is_never_overrun() -> None:
    world = World(DeliveryPolicy(group_interval_seconds=0.0))
    for number in range(60):
        world.arrives(number * 0.5, failure(f"a{number}"))
    while world.clock.now < START + 200:
        world.drain(8.0)
        world.clock.pass_by(0.5)
    assert sorted(world.chat.keys) == sorted(f"a{number}" for number in range(60))
    assert world.chat.most_in_window <= 18


# ---------------------------------------------------------------------------------------------------- sent once


def test_a_second_alert_of_a_key_is_not_sent_again() -> None:
    world = World()
    world.put(failure("a1"))
    world.drain()
    world.put(failure("a1"))
    assert world.drain().messages == 0
    assert world.storage.mail == {}


def test_a_message_whose_answer_was_lost_is_repeated_byte_by_byte_and_stands_there_once() -> None:
    world = World()
    world.robot = ChatRobot(world.chat, lost_answers=[1])
    world.put(failure("a1"))
    world.arrives(0.5, failure("a2"))
    world.drain(60.0)
    assert world.robot.bodies[0] == world.robot.bodies[1]
    assert world.chat.keys == ["a1", "a2"]


@pytest.mark.parametrize("recognises_repeats", [True, False])
def test_a_repetition_says_so_where_it_may_not_be_recognised(recognises_repeats: bool) -> None:
    """After ten minutes even a custom robot may have forgotten; an app robot never knew."""
    world = World()
    world.robot = ChatRobot(world.chat, lost_answers=[1], recognises_repeats=recognises_repeats)
    world.put(failure("a1"))
    world.drain(1.0)
    world.clock.pass_by(601)
    world.drain(5.0)
    notes = [json.loads(json.loads(body)["text"])["notes"] for body in world.robot.bodies]
    assert [each["may_repeat"] for each in notes] == ["", notes[0]["number"]]
    assert world.chat.keys == (["a1"] if recognises_repeats else ["a1", "a1"])


def test_a_message_that_surely_did_not_arrive_is_no_repetition() -> None:
    world = World()
    world.robot = ChatRobot(world.chat, recognises_repeats=False)
    refusals = [SendResult(SendStatus.RETRY, "connection refused")] * 2
    world.robot.answers = lambda _: refusals.pop() if refusals else None
    world.put(failure("a1"))
    world.drain(60.0)
    assert [each.notes["may_repeat"] for each in world.chat.shown] == [""]
    assert len(set(world.robot.bodies)) == 1


def test_waits_between_tries_double_and_each_try_takes_a_slot() -> None:
    world = World()
    tries: list[float] = []

    def down(_: Mapping[str, Any]) -> SendResult:
        tries.append(world.clock.now)
        return SendResult(SendStatus.RETRY, "connection refused")

    world.robot.answers = down
    world.put(failure("a1"))
    world.drain(300.0)
    waits = [round(later - earlier, 1) for earlier, later in pairwise(tries)]
    assert waits == [1.1, 2.1, 4.1, 8.1, 16.1, 32.1, 60.1, 60.1, 60.1]
    assert world.ledger().free_at(world.clock.now) == world.clock.now
    world.robot.answers = lambda _: None
    world.drain(120.0)
    assert world.chat.keys == ["a1"]


# ---------------------------------------------------------------------------------------------------- holds


def test_a_robot_throttled_by_somebody_else_is_left_alone_until_that_is_over() -> None:
    """Exactly one message meets the refusal; afterwards all that came is one message, which says how long it took."""
    world = World()
    world.chat.banned_until[world.robot.receiver_id] = START + 600
    world.put(failure("a1"))
    drained = world.drain()
    assert (drained.messages, drained.left) == (0, 1)
    assert drained.again_at == pytest.approx(START + 615, abs=1)
    for minute in range(1, 10):
        world.clock.pass_by(60)
        world.put(failure(f"b{minute}"))
        assert world.drain().left == 2
    assert len(world.robot.bodies) == 1
    world.clock.pass_by(80)
    world.drain()
    (shown,) = world.chat.shown
    assert len(shown.keys) == 10
    since, until, reason = shown.notes["paused"]
    assert (since, until, reason) == (pytest.approx(START, abs=1), pytest.approx(START + 615, abs=1), "throttled")
    world.clock.pass_by(30)
    world.put(failure("later"))
    world.drain()
    assert world.chat.shown[-1].notes["paused"] is None


def test_the_hold_that_dingtalk_names_is_kept() -> None:
    world = World()
    world.robot.answers = lambda _: SendResult(SendStatus.THROTTLED, "slow down", retry_after_seconds=30.0)
    world.put(failure("a1"))
    assert world.drain().again_at == pytest.approx(START + 45, abs=1)


def test_a_throttled_message_that_may_have_arrived_before_stays_the_same() -> None:
    """It can't be merged with others: DingTalk would not recognise it."""
    world = World()
    world.robot = ChatRobot(world.chat, lost_answers=[1])
    world.put(failure("a1"))
    world.drain(1.0)
    world.robot.answers = lambda _: SendResult(SendStatus.THROTTLED, "slow down", retry_after_seconds=30.0)
    world.clock.pass_by(10)
    world.drain()
    world.robot.answers = lambda _: None
    world.put(failure("a2"))
    world.clock.pass_by(60)
    world.drain(60.0)
    assert len(world.robot.bodies) == 4
    assert len(set(world.robot.bodies[:3])) == 1
    assert world.chat.keys == ["a1", "a2"]


def test_a_misconfigured_robot_is_probed_less_and_less_often(caplog: pytest.LogCaptureFixture) -> None:
    """Everything is kept, whoever reads the log sees why, and what was frozen for the wrong settings isn't repeated."""
    world = World()
    world.robot.answers = lambda _: SendResult(SendStatus.MISCONFIGURED, "310000 keywords not in content")
    world.put(failure("a1"))
    probes = []
    for _ in range(9):
        drained = world.drain()
        assert drained.again_at is not None
        probes.append(round(drained.again_at - world.clock.now))
        world.clock.now = drained.again_at
    assert probes == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    errors = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert len(errors) == 9
    assert "310000" in errors[0].getMessage()
    assert "dingtalk_default" in errors[0].getMessage()
    world.robot.answers = lambda _: None
    world.put(failure("a2"))
    world.drain()
    assert world.chat.keys == ["a1", "a2"]
    assert world.chat.shown[0].notes["paused"][2] == "misconfigured"


def test_somebody_who_changed_a_setting_need_not_wait_for_the_probe() -> None:
    world = World()
    world.robot.answers = lambda _: SendResult(SendStatus.MISCONFIGURED, "310000 sign not match")
    world.put(failure("a1"))
    world.drain()
    world.robot.answers = lambda _: None
    world.ledger().lift_hold()
    assert world.drain().messages == 1


def test_followers_of_a_held_robot_read_nothing_in() -> None:
    """The bound of the mailboxes holds, and a leader is gone at once."""
    world = World()
    world.robot.answers = lambda _: SendResult(SendStatus.THROTTLED, "130101")
    world.put(failure("a1"))
    world.drain()
    world.put(*failures(500, start=10))
    world.drain()
    assert len(world.storage.mail) == 500


# ---------------------------------------------------------------------------------------------------- refused


def test_a_refused_message_is_isolated_and_the_rest_is_sent() -> None:
    world = World()
    world.robot.answers = lambda content: (
        SendResult(SendStatus.REJECTED, "430102") if "a77" in content["keys"] and "names_only" not in content else None
    )
    world.put(*failures(200))
    world.drain(600.0)
    assert sorted(world.chat.keys) == sorted(each.key for each in failures(200))
    assert world.chat.most_in_window <= 18
    (names_only,) = [each for each in world.chat.shown if each.keys == ("a77",)]
    assert names_only.text == f"🔴 sales · a77\n#{names_only.uuid[:4]}"
    assert world.ledger().dead_letters.all == ()


@pytest.mark.parametrize(
    ("event", "mark"),
    [
        ("task_failed", "🔴"),
        ("answer_needed", "🔵"),
        ("task_retrying", "🟡"),
        ("task_started", "⚪"),
        ("deadline_missed", "🟠"),
    ],
)
def test_names_have_the_mark_of_what_happened(event: str, mark: str) -> None:
    """A question, a retry and good news were marked as failures."""
    world = World()
    world.robot.answers = lambda content: None if "names_only" in content else SendResult(SendStatus.REJECTED, "430102")
    world.put(replace(failures(1)[0], event=Event(event)))
    world.drain(60.0)
    (shown,) = world.chat.shown
    assert shown.text.startswith(f"{mark} sales · ")


@pytest.mark.parametrize(("names_pass", "sent", "dead"), [(True, 50, 0), (False, 0, 400)])
def test_a_filter_that_refuses_everything_takes_few_messages(names_pass: bool, sent: int, dead: int) -> None:
    """Each alert holds a link that is forbidden, say: not a thousand messages, and not hours of sorting out."""
    world = World()
    refusal = SendResult(SendStatus.REJECTED, "430102")
    world.robot.answers = lambda content: None if names_pass and "names_only" in content else refusal
    world.put(*failures(400))
    world.drain(600.0)
    assert len(world.robot.bodies) <= 13
    assert (len(world.chat.keys), len(world.ledger().dead_letters.all), world.ledger().queue.waiting) == (sent, dead, 0)
    if names_pass:
        (shown,) = world.chat.shown
        assert shown.text.splitlines()[-2:] == ["+350", f"#{shown.uuid[:4]}"]


def unrecognised(code: str = "400402") -> SendResult:
    """A refusal whose reason nobody knows."""
    return SendResult(SendStatus.UNRECOGNISED, f"{code} parameter missing", unknown_code=code)


def test_what_is_refused_for_an_unknown_reason_is_isolated_and_the_rest_is_sent() -> None:
    """One alert that nobody knows what DingTalk minds about: it doesn't stop the robot."""
    world = World()
    world.robot.answers = lambda content: unrecognised() if "a77" in content["keys"] else None
    world.put(*failures(200))
    world.drain(900.0)
    assert sorted(world.chat.keys) == sorted(each.key for each in failures(200) if each.key != "a77")
    assert [each.key for each in world.ledger().dead_letters.all] == ["a77"]
    assert world.ledger().holds.current(world.clock.now) is None
    assert world.ledger().queue.waiting == 0


@pytest.mark.parametrize("refused_ones", [("a3", "a150"), ("a3", "a60", "a110", "a150", "a199")])
def test_several_alerts_that_are_refused_for_an_unknown_reason_do_not_stop_the_others(
    refused_ones: Sequence[str],
) -> None:
    world = World()
    world.robot.answers = lambda content: unrecognised() if set(refused_ones) & set(content["keys"]) else None
    world.put(*failures(200))
    for _ in range(5):
        world.drain(900.0)
        world.clock.pass_by(120)
    assert sorted(world.chat.keys) == sorted(each.key for each in failures(200) if each.key not in refused_ones)
    assert sorted(each.key for each in world.ledger().dead_letters.all) == sorted(refused_ones)
    assert len(world.robot.bodies) < 90


def test_a_robot_that_refuses_every_message_for_an_unknown_reason_is_held_and_loses_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Few messages meet the refusal, probes get rarer, no alert becomes a dead letter, and all is sent when it ends."""
    world = World()
    world.robot.answers = lambda _: unrecognised()
    world.put(*failures(40))
    again_at = world.drain(600.0).again_at
    first = len(world.robot.bodies)
    assert first <= 6
    assert "400402" in caplog.text
    probes = []
    for _ in range(4):
        assert again_at is not None
        probes.append(round(again_at - world.clock.now))
        world.clock.now = again_at
        again_at = world.drain(600.0).again_at
    assert probes == [60, 120, 240, 480]
    assert len(world.robot.bodies) == first + 4
    assert (world.ledger().queue.waiting, world.ledger().dead_letters.all) == (40, ())
    world.robot.answers = lambda _: None
    assert again_at is not None
    world.clock.now = again_at
    world.drain(600.0)
    assert sorted(world.chat.keys) == sorted(each.key for each in failures(40))
    assert len(world.chat.shown) <= 3
    assert world.chat.shown[0].notes["paused"][2] == "refusing"


def test_what_was_taken_for_the_messages_fault_waits_again_when_another_is_refused_too() -> None:
    """The first alert became a dead letter before anybody could know better."""
    world = World()
    world.robot.answers = lambda _: unrecognised("302033")
    world.put(failure("a1"))
    world.drain(60.0)
    assert [each.key for each in world.ledger().dead_letters.all] == ["a1"]
    world.put(failure("a2"))
    drained = world.drain(60.0)
    assert (world.ledger().dead_letters.all, world.ledger().queue.waiting, drained.left) == ((), 2, 2)
    world.robot.answers = lambda _: None
    world.ledger().lift_hold()
    world.drain(60.0)
    assert sorted(world.chat.keys) == ["a1", "a2"]


def test_probes_go_out_with_other_alerts() -> None:
    """Two refused_ones hold the robot; the next alert clears it, and they are sorted out and never tried again."""
    world = World()
    world.robot.answers = lambda content: unrecognised() if {"a1", "a2"} & set(content["keys"]) else None
    world.put(failure("a1"), failure("a2"))
    drained = world.drain(60.0)
    assert drained.left == 2
    posted = len(world.robot.bodies)
    world.put(failure("b1"))
    assert world.drain(60.0).messages == 0
    assert len(world.robot.bodies) == posted
    world.clock.pass_by(61)
    world.drain(60.0)
    assert world.chat.keys == ["b1"]
    assert json.loads(json.loads(world.robot.bodies[posted])["text"])["keys"] == ["b1"]
    assert sorted(each.key for each in world.ledger().dead_letters.all) == ["a1", "a2"]
    posted = len(world.robot.bodies)
    world.put(failure("b2"))
    world.drain(60.0)
    assert (world.chat.keys, len(world.robot.bodies)) == (["b1", "b2"], posted + 1)


def test_probes_without_other_alerts_take_turns() -> None:
    world = World()
    world.robot.answers = lambda _: unrecognised()
    world.put(*failures(3))
    world.drain(60.0)
    probed = []
    for _ in range(6):
        world.clock.pass_by(4000)
        posted = len(world.robot.bodies)
        world.drain(60.0)
        assert len(world.robot.bodies) == posted + 1
        probed.extend(json.loads(json.loads(world.robot.bodies[-1])["text"])["keys"])
    assert sorted(probed) == ["a0", "a0", "a1", "a1", "a2", "a2"]


def test_two_messages_refused_with_different_codes_are_two_messages_faults() -> None:
    world = World()
    codes = {"a1": "400402", "a2": "302033"}
    world.robot.answers = lambda content: next(
        (unrecognised(codes[key]) for key in content["keys"] if key in codes), None
    )
    world.put(failure("a1"))
    world.drain(60.0)
    world.put(failure("a2"))
    world.drain(60.0)
    assert sorted(each.key for each in world.ledger().dead_letters.all) == ["a1", "a2"]
    assert world.ledger().holds.current(world.clock.now) is None


def test_words_that_speak_of_a_setting_hold_the_robot_but_no_alert_for_ever() -> None:
    """What an unknown code means is a guess then: other alerts are tried first, and clear the robot."""
    world = World()
    guess = SendResult(SendStatus.MISCONFIGURED, "404404 bad token", unknown_code="404404")
    world.robot.answers = lambda content: guess if "a1" in content["keys"] else None
    world.put(failure("a1"))
    drained = world.drain(60.0)
    assert (drained.messages, drained.left, world.ledger().dead_letters.all) == (0, 1, ())
    assert len(world.robot.bodies) == 1
    world.put(failure("a2"))
    world.clock.pass_by(61)
    world.drain(60.0)
    assert world.chat.keys == ["a2"]
    assert [each.key for each in world.ledger().dead_letters.all] == ["a1"]


def test_a_message_that_is_always_busy_is_refused_for_what_it_says() -> None:
    """Where the code is known, DingTalk is really busy, and all waits."""
    world = World()
    busy = SendResult(SendStatus.RETRY, "302999 system error", unknown_code="302999")
    world.robot.answers = lambda content: busy if "a1" in content["keys"] else None
    world.put(failure("a1"), failure("a2"))
    for _ in range(40):
        world.drain(60.0)
        world.clock.pass_by(60)
    assert world.chat.keys == ["a2"]
    assert [each.key for each in world.ledger().dead_letters.all] == ["a1"]


def test_the_name_of_what_was_refused_does_not_speak_of_the_robot() -> None:
    """The message that names a dead letter is refused for the name: that is no second message."""
    world = World()

    def refuse(content: Mapping[str, Any]) -> SendResult | None:
        is_refused = "bad" in content["keys"] or any("bad" in name for name in content.get("notes", {}).get("dead", ()))
        return unrecognised() if is_refused else None

    world.robot.answers = refuse
    world.put(failure("bad"))
    world.drain(60.0)
    world.put(failure("a1"), failure("a2"))
    world.drain(60.0)
    assert world.chat.keys == ["a1", "a2"]
    assert [each.key for each in world.ledger().dead_letters.all] == ["bad"]


def test_an_operators_message_that_arrives_clears_the_robot() -> None:
    world = World()
    world.robot.answers = lambda content: unrecognised() if {"a1", "a2"} & set(content["keys"]) else None
    world.put(failure("a1"), failure("a2"))
    world.drain(60.0)
    ledger = world.ledger()
    hold = ledger.holds.current(world.clock.now)
    assert hold is not None
    assert hold.reason is Reason.REFUSING
    slot = ledger.take_slot(world.clock.now, 5.0)
    assert slot is not None
    ledger.give_back(slot, world.clock.now)
    assert world.ledger().holds.current(world.clock.now) is None
    world.drain(60.0)
    assert sorted(each.key for each in world.ledger().dead_letters.all) == ["a1", "a2"]


def test_an_answer_that_may_hide_an_arrival_stops_the_robot_and_is_repeated_as_it_is() -> None:
    """A page of a gateway: nothing is sent for a while, and then the same message again, which DingTalk recognises."""
    world = World()
    page = [SendResult(SendStatus.UNKNOWN, "a web page", retry_after_seconds=300.0)]

    def arrived_behind_a_page(content: Mapping[str, Any]) -> SendResult | None:
        if not page:
            return None
        body = json.loads(world.robot.bodies[-1])
        world.chat.uuids.add((world.robot.receiver_id, body["uuid"]))
        return page.pop()

    world.robot.answers = arrived_behind_a_page
    world.put(failure("a1"))
    drained = world.drain(60.0)
    assert drained.again_at == pytest.approx(START + 315, abs=1)
    world.put(failure("a2"))
    assert world.drain(60.0).messages == 0
    world.clock.pass_by(316)
    world.drain(60.0)
    assert world.robot.bodies[0] == world.robot.bodies[1]
    assert world.chat.keys == ["a2"]


def test_what_is_refused_even_by_name_is_a_dead_letter_that_the_next_message_names() -> None:
    world = World()
    world.robot.answers = lambda content: (
        SendResult(SendStatus.REJECTED, "430102 banned word") if "a1" in content["keys"] else None
    )
    world.put(failure("a0"), failure("a1"), failure("a2"))
    drained = world.drain(300.0)
    assert sorted(world.chat.keys) == ["a0", "a2"]
    (letter,) = world.ledger().dead_letters.all
    assert (letter.key, letter.problem, letter.name) == ("a1", "430102 banned word", "sales · a1")
    assert drained.problem == "430102 banned word"
    world.put(failure("a3"))
    world.drain(300.0)
    world.put(failure("a4"))
    world.drain(300.0)
    named = [each.notes["dead"] for each in world.chat.shown if each.keys in (("a3",), ("a4",))]
    assert named == [["sales · a1"], []]


@pytest.mark.parametrize("names_only", [True, False])
def test_a_refused_batch_whose_alert_is_gone_from_a_damaged_book_is_over(names_only: bool) -> None:
    world = World()
    world.robot.answers = lambda _: SendResult(SendStatus.RETRY, "503")
    world.put(failure("gone"))
    world.drain(3.0)
    batch = json.loads(world.storage.records["batch", ""])
    world.storage.records["batch", ""] = json.dumps({**batch, "names_only": names_only})
    del world.storage.records["alert", "gone"]
    world.robot.answers = lambda content: (
        SendResult(SendStatus.REJECTED, "430102") if "gone" in content["keys"] else None
    )
    world.put(failure("good"))
    assert world.drain(300.0).reason is Reason.NOTHING_PENDING
    assert world.chat.keys == ["good"]


def test_fresh_alerts_pass_by_those_that_are_sorted_out() -> None:
    """Sorting out takes many messages; what comes meanwhile is sent after the usual interval."""
    world = World()
    world.robot.answers = lambda content: (
        SendResult(SendStatus.REJECTED, "430102") if any(k.startswith("bad") for k in content["keys"]) else None
    )
    world.put(*[failure(f"bad{number}") for number in range(40)])
    world.arrives(1.0, failure("good"))
    world.drain(600.0)
    (shown,) = world.chat.shown
    assert shown.keys == ("good",)
    assert shown.at < START + 5
    assert len(world.ledger().dead_letters.all) == 40


def test_the_name_of_a_dead_letter_does_not_refused_what_comes_after() -> None:
    """The filter refuses the task's very name: it is named no more, and every other alert is sent."""
    world = World()

    def refuse(content: Mapping[str, Any]) -> SendResult | None:
        is_refused = "bad" in content["keys"] or any("bad" in name for name in content.get("notes", {}).get("dead", ()))
        return SendResult(SendStatus.REJECTED, "430102") if is_refused else None

    world.robot.answers = refuse
    world.put(failure("bad"))
    world.drain(60.0)
    world.put(failure("a1"), failure("a2"))
    world.drain(60.0)
    assert world.chat.keys == ["a1", "a2"]
    assert [each.key for each in world.ledger().dead_letters.all] == ["bad"]


@pytest.mark.parametrize("among", [0, 3])
def test_own_words_that_are_refused_give_way_to_the_built_in_alert(among: int) -> None:
    """With the reason of the refusal; a name alone would show nobody what failed."""
    world = World()

    def compose(alerts: Any, notes: Any) -> Any:
        keys = [each.key for each in alerts]
        own = [each.key for each in alerts if each.message]
        problems = [each.problems for each in alerts if each.problems]
        return Text(json.dumps({"keys": keys, "own": own, "notes": {"problems": problems}})), None

    world.compose = compose
    world.robot.answers = lambda content: (
        SendResult(SendStatus.REJECTED, "430102 banned word") if content.get("own") else None
    )
    own = {"msgtype": "text", "text": {"content": "banned"}}
    world.put(failure("own", message=own, problems={"at": "no number"}), *failures(among))
    world.drain(60.0)
    assert sorted(world.chat.keys) == sorted(["own", *(f"a{number}" for number in range(among))])
    assert all("notes" in json.loads(each.text) for each in world.chat.shown)
    (problems,) = [each.notes["problems"] for each in world.chat.shown if each.keys == ("own",)]
    assert problems == [{"at": "no number", "message": "430102 banned word"}]
    assert world.ledger().dead_letters.all == ()


def test_an_alert_that_breaks_the_words_does_not_hold_the_others() -> None:
    """It takes no slot to find that out."""
    world = World()
    sound = world.compose

    def compose(alerts: Any, notes: Any) -> Any:
        if any(each.key == "a3" for each in alerts):
            raise KeyError("nobody thought of this")
        return sound(alerts, notes)

    world.compose = compose
    world.put(*failures(8))
    world.drain(60.0)
    assert sorted(world.chat.keys) == [f"a{number}" for number in range(8)]
    assert len(world.robot.bodies) == 4


def test_a_dead_letter_can_be_sent_again_or_dropped() -> None:
    world = World()
    world.robot.answers = lambda _: SendResult(SendStatus.REJECTED, "430102")
    world.put(failure("a1"), failure("a2"))
    world.drain(60.0)
    world.robot.answers = lambda _: None
    ledger = world.ledger()
    assert [each.key for each in ledger.dead_letters.all] == ["a1", "a2"]
    assert ledger.dead_letters.requeue("a1")
    assert ledger.dead_letters.drop("a2")
    assert not ledger.dead_letters.drop("a2")
    assert not ledger.dead_letters.requeue("a2")
    world.drain(60.0)
    assert world.chat.keys == ["a1"]
    assert world.ledger().dead_letters.all == ()


# ---------------------------------------------------------------------------------------------------- merging


def dag_failure(key: str = "d1", **given: Any) -> Alert:
    return failure(key, **{"event": "dag_failed", "task_id": None, "at": START + 1, **given})


def recovery(key: str, task_id: str, **given: Any) -> Alert:
    values = {"event": "task_succeeded", "resolved": True, "at": START + 420, "task_id": task_id, "try_number": 3}
    return failure(key, **{**values, **given})


def test_a_run_is_a_remark_at_its_tasks() -> None:
    world = World()
    world.put(failure("a1"), failure("a2"), dag_failure())
    world.drain()
    (shown,) = world.chat.shown
    assert shown.keys == ("a1", "a2")
    assert shown.notes["folded"] == {"sales/r1": "dag_failed"}
    assert world.ledger().queue.waiting == 0


def facts(*tasks: str, count: int | None = None) -> dict[str, Any]:
    named = [{"task_id": task, "map_index": None, "log_url": None} for task in tasks]
    return {"failed_tasks": named, "failed_task_count": len(named) if count is None else count}


@pytest.mark.parametrize(
    ("known", "messages"),
    [
        (facts("a1", "a2"), 1),
        (facts("a1", "a3"), 2),
        (facts("a1", "a2", count=3), 2),
        (facts(), 2),
        ({"failed_tasks": None}, 2),
        ({}, 2),
    ],
    ids=["all sent", "another one", "more than are named", "no task failed", "Airflow can't tell", "no facts"],
)
def test_a_run_whose_failed_tasks_were_all_sent_needs_no_message(known: dict[str, Any], messages: int) -> None:
    world = World()
    world.put(failure("a1"), failure("a2"))
    world.drain()
    world.put(dag_failure(facts=known))
    world.drain(60.0)
    assert len(world.chat.shown) == messages
    assert world.ledger().queue.waiting == 0


def test_a_run_with_words_of_its_own_is_sent() -> None:
    world = World()
    world.put(failure("a1"), dag_failure(message={"msgtype": "text", "text": {"content": "call me"}}))
    world.drain()
    assert world.chat.keys == ["a1", "d1"]


def test_a_recovery_joins_the_failure_that_still_waits() -> None:
    world = World()
    world.put(failure("a1"), failure("a2"), failure("b1", at=START + 500), recovery("r1", "a1"))
    world.put(replace(failure("b1late", at=START + 600, task_id="a1"), try_number=1, run_id="r2"))
    world.drain()
    (shown,) = world.chat.shown
    # What failed again after the recovery is news.
    assert shown.keys == ("a2", "r1", "b1", "b1late")
    assert shown.notes["recovered"] == {"r1": [START, 3]}


def test_a_recovery_of_what_was_sent_is_sent() -> None:
    world = World()
    world.put(failure("a1"))
    world.drain()
    world.put(recovery("r1", "a1"))
    world.drain(60.0)
    assert world.chat.keys == ["a1", "r1"]
    assert world.chat.shown[1].notes["recovered"] == {}


def test_recoveries_are_left_out_where_nobody_wants_them() -> None:
    world = World(DeliveryPolicy(send_resolved=False))
    world.put(failure("a1"), recovery("r1", "a1"))
    world.drain()
    assert world.chat.keys == ["a1"]
    assert world.storage.mail == {}


def test_a_dag_that_fails_every_minute_is_one_notification_and_a_count() -> None:
    world = World(DeliveryPolicy(repeat_interval_seconds=3600.0))
    for minute in range(123):
        world.put(dag_failure(f"d{minute}", run_id=f"r{minute}", at=START + 60 * minute))
        world.drain()
        world.clock.pass_by(START + 60 * (minute + 1) - world.clock.now)
    shown = [(each.keys, sum(each.notes["repeats"].values())) for each in world.chat.shown]
    # Those that wait when the hour is over are named, with their links.
    assert shown == [(("d0",), 0), (("d60", "d61"), 59), (("d121", "d122"), 59)]


def test_the_last_of_a_muted_failure_is_sent_when_the_interval_is_over() -> None:
    """Nothing is dropped silently, also if it never fails again."""
    world = World(DeliveryPolicy(repeat_interval_seconds=3600.0))
    world.put(failure("a1"))
    world.drain()
    for number in (2, 3, 4):
        world.put(failure(f"a{number}", task_id="a1", run_id=f"r{number}", at=START + number))
    drained = world.drain()
    assert (drained.messages, drained.left) == (0, 1)
    assert drained.again_at is not None
    assert drained.again_at == pytest.approx(START + 3600, abs=1)
    world.clock.now = drained.again_at
    world.drain()
    assert [(each.keys, list(each.notes["repeats"].values())) for each in world.chat.shown] == [
        (("a1",), []),
        (("a4",), [2]),
    ]


def test_a_recovery_ends_the_muting() -> None:
    world = World(DeliveryPolicy(repeat_interval_seconds=3600.0))
    world.put(failure("a1"))
    world.drain()
    world.put(
        failure("a2", task_id="a1", run_id="r2", at=START + 2), failure("a3", task_id="a1", run_id="r3", at=START + 3)
    )
    world.drain()
    world.put(recovery("ok", "a1", run_id="r4", try_number=1))
    world.drain(60.0)
    shown = world.chat.shown[-1]
    assert shown.keys == ("ok",)
    assert list(shown.notes["repeats"].values()) == [1]
    assert shown.notes["recovered"]["ok"][0] == START + 3
    world.clock.pass_by(500)
    world.put(failure("a5", task_id="a1", run_id="r5", at=START + 900))
    world.drain(60.0)
    assert world.chat.keys[-1] == "a5"


def test_two_notifiers_of_one_try_are_no_repetition() -> None:
    world = World(DeliveryPolicy(repeat_interval_seconds=3600.0))
    world.put(failure("a1"))
    world.drain()
    world.put(failure("a1 in other words", task_id="a1", occurrence="a1"))
    world.drain(60.0)
    assert len(world.chat.keys) == 2


def test_repetitions_are_counted_by_what_happened() -> None:
    """And not by how many notifiers have it."""
    world = World(DeliveryPolicy(repeat_interval_seconds=3600.0))
    world.put(failure("a1"))
    world.drain()
    for number in (2, 3, 4):
        for words in ("", " in other words"):
            key, occurrence = f"a{number}{words}", f"a{number}"
            world.put(failure(key, task_id="a1", occurrence=occurrence, run_id=occurrence, at=START + number))
    assert world.drain().messages == 0
    world.clock.now = START + 3700
    world.drain()
    assert [list(each.notes["repeats"].values()) for each in world.chat.shown] == [[], [2]]


# ---------------------------------------------------------------------------------------------------- occurrences


def repetitions(caplog: pytest.LogCaptureFixture) -> int:
    return sum("repetition" in each.getMessage() for each in caplog.records)


@pytest.mark.parametrize("first_is_sent", [True, False])
@pytest.mark.parametrize("plain_is_first", [True, False])
def test_one_occurrence_is_sent_with_all_that_is_added(
    plain_is_first: bool, first_is_sent: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Together if both wait; if the first one is sent already, the other only if it adds something."""
    caplog.set_level(logging.INFO)
    people = {"mobiles": ["13800000000"], "user_ids": [], "everyone": False}
    plain, adds = failure("a1"), failure("a1 @", task_id="a1", occurrence="a1", mentions=people)
    mentions: list[Any] = []

    def compose_it(alerts: Sequence[Alert], notes: Notes) -> Any:
        mentions.extend(each.mentions for each in alerts)
        return compose(alerts, notes)

    world = World(compose=compose_it)
    first, second = (plain, adds) if plain_is_first else (adds, plain)
    world.put(first)
    if first_is_sent:
        world.drain()
    world.put(second)
    world.drain(60.0)
    assert people in mentions
    assert len(world.chat.keys) == (2 if first_is_sent and plain_is_first else 1)
    assert repetitions(caplog) == (1 if first_is_sent and not plain_is_first else 0)
    assert world.ledger().queue.waiting == 0


def test_words_that_were_refused_do_not_cost_the_built_in_alert() -> None:
    """A notifier whose own words DingTalk doesn't take is no reason to drop what the other one says."""
    world = World()
    world.robot.answers = lambda content: (
        SendResult(SendStatus.REJECTED, "refused") if "a1 bad" in content["keys"] else None
    )
    world.put(failure("a1 bad", task_id="a1 bad", occurrence="a1"))
    world.drain(60.0)
    assert [each.key for each in world.ledger().dead_letters.all] == ["a1 bad"]
    world.put(failure("a1"))
    world.drain(60.0)
    assert "a1" in world.chat.keys


@pytest.mark.parametrize("send_resolved", [True, False])
def test_what_recovered_and_fails_again_is_news(send_resolved: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Failed, cleared, succeeded, cleared, failed: in the context one run looks like the next."""
    caplog.set_level(logging.INFO)
    world = World(DeliveryPolicy(send_resolved=send_resolved))
    for number in range(3):
        world.put(failure("a1", at=START + 20 * number))
        world.drain(60.0)
        world.put(recovery("r1", "a1", at=START + 20 * number + 10))
        world.drain(60.0)
    assert world.chat.keys == (["a1", "r1"] if send_resolved else ["a1"]) * 3
    assert repetitions(caplog) == 0


def test_what_fails_again_before_its_recovery_is_sent_is_sent_last(caplog: pytest.LogCaptureFixture) -> None:
    """Or the group would stay green over a red run."""
    caplog.set_level(logging.INFO)
    world = World()
    for number in range(3):
        world.put(failure("a1", at=START + 20 * number))
        world.ledger().take_in(world.clock.now)
        world.put(recovery("r1", "a1", at=START + 20 * number + 10))
        world.ledger().take_in(world.clock.now)
    world.put(failure("a1", at=START + 100))
    world.drain(60.0)
    assert world.chat.keys[-1].startswith("a1")
    assert repetitions(caplog) == 0
    world.put(failure("a1", at=START + 101))
    world.drain(60.0)
    assert repetitions(caplog) == 1


def test_an_alert_whose_leader_died_is_no_repetition(caplog: pytest.LogCaptureFixture) -> None:
    """It stands in the book and still lies in its mailbox."""
    caplog.set_level(logging.INFO)
    world = World(meets=failing("remove_arrivals"))
    world.put(failure("a1"))
    world.ledger().take_in(world.clock.now)
    assert world.storage.mail
    world.meets = failing()
    world.drain()
    assert (world.chat.keys, repetitions(caplog)) == (["a1"], 0)


def test_forgetting_survives_a_full_disk() -> None:
    """What couldn't be forgotten is forgotten with the next change."""
    world = World()
    world.put(failure("a1"))
    world.drain()
    world.put(recovery("r1", "a1"))
    calls: list[str] = []

    def full_once(call: str) -> None:
        calls.append(call)
        if calls.count("before write") == 1 and call == "before write":
            raise DISK_FULL

    world.meets = full_once
    world.drain(60.0)
    assert world.storage.keys == set(remembered(recovery("r1", "a1")))


def test_a_run_that_starts_anew_is_sent_though_its_tasks_were_sent() -> None:
    """The task may have been killed the second time, and then nobody calls back for it."""
    world = World()
    world.put(failure("a1", facts={"run_started_at": "1"}))
    world.drain()
    world.put(dag_failure(facts={**facts("a1"), "run_started_at": "1"}))
    world.drain(60.0)
    assert world.chat.keys == ["a1"]
    world.put(dag_failure("d2", facts={**facts("a1"), "run_started_at": "2"}))
    world.drain(60.0)
    assert world.chat.keys == ["a1", "d2"]


# ---------------------------------------------------------------------------------------------------- a day's messages


def test_the_last_message_of_the_day_says_so_and_the_rest_is_merged_until_tomorrow() -> None:
    world = World(DeliveryPolicy(max_messages_per_day=3, group_interval_seconds=0.0))
    for number in range(6):
        world.put(failure(f"a{number}", at=world.clock.now))
        drained = world.drain()
        world.clock.pass_by(60)
    assert [each.notes["merged_until_tomorrow"] for each in world.chat.shown] == [False, False, True]
    midnight = datetime(2027, 1, 16, tzinfo=timezone.utc).timestamp()
    assert drained.again_at == midnight
    world.clock.now = midnight + 5
    world.drain()
    assert world.chat.shown[3].keys == ("a3", "a4", "a5")
    assert world.chat.shown[3].notes["paused"][1:] == [midnight, "daily_limit"]
    ledger = world.ledger()
    assert (ledger.holds.sent_today(world.clock.now), ledger.holds.sent_this_month(world.clock.now)) == (1, 4)


def test_a_higher_cap_counts_at_once() -> None:
    world = World(DeliveryPolicy(max_messages_per_day=1, group_interval_seconds=0.0))
    world.put(failure("a1"))
    world.drain()
    world.put(failure("a2"))
    assert world.drain().messages == 0
    world.policy = replace(world.policy, max_messages_per_day=2)
    assert world.drain().messages == 1


# ---------------------------------------------------------------------------------------------------- operators


def test_operators_and_alerts_share_one_window() -> None:
    world = World(DeliveryPolicy(rate_limit_per_minute=3))
    taken = [world.ledger().take_slot(world.clock.now, 5.0) for _ in range(3)]
    assert None not in taken
    assert len(set(taken)) == 3
    assert world.ledger().take_slot(world.clock.now, 5.0) is None
    assert world.ledger().slots.taken_within_window(world.clock.now) == 3
    # Three are under way and may take 5 seconds.
    assert world.ledger().free_at(world.clock.now) == START + 65
    world.clock.pass_by(1)
    world.ledger().give_back(str(taken[0]), world.clock.now)
    # A message whose end nobody hears of counts, one that surely wasn't sent doesn't.
    assert world.ledger().holds.sent_today(world.clock.now) == 3
    world.ledger().give_back(str(taken[1]), world.clock.now, sent=False)
    assert world.ledger().holds.sent_today(world.clock.now) == 2
    assert world.ledger().free_at(world.clock.now) == START + 61
    world.put(failure("a1"))
    assert world.drain().messages == 0
    world.clock.pass_by(61)
    assert world.drain().messages == 1
    assert world.ledger().holds.sent_today(world.clock.now) == 3


def test_an_operator_that_is_throttled_stops_the_alerts_too() -> None:
    world = World()
    world.ledger().throttle(world.clock.now, 600.0, "130101")
    world.put(failure("a1"))
    assert world.drain().messages == 0
    assert world.ledger().free_at(world.clock.now) == START + 600


# ---------------------------------------------------------------------------------------------------- fallbacks


class Group:
    """A world whose group has other robots."""

    def __init__(self, *fallbacks: ChatRobot, world: World) -> None:
        self.storages = [Storage() for _ in fallbacks]
        world.fallbacks = tuple(
            Fallback(robot, world.policy, lambda storage=storage: nullcontext(MemoryBook(storage, world.clock.time)))  # type: ignore[misc]
            for robot, storage in zip(fallbacks, self.storages, strict=True)
        )


def fallback_robot(world: World, number: int = 1, **given: Any) -> ChatRobot:
    return ChatRobot(world.chat, name=f"{number}" * 12, conn_id=f"fallback_{number}", **given)


def test_windows_of_several_robots_add_up() -> None:
    world = World(DeliveryPolicy(rate_limit_per_minute=2, group_interval_seconds=0.0))
    Group(fallback_robot(world, 1), fallback_robot(world, 2), world=world)
    for number in range(8):
        world.put(failure(f"a{number}"))
        world.drain(6.0)
    assert [each.receiver_id[0] for each in world.chat.shown] == ["0", "0", "1", "1", "2", "2"]
    assert all(each.notes["skipped"] == [] for each in world.chat.shown)
    assert world.drain(6.0).left == 2


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (SendResult(SendStatus.THROTTLED, "130101"), "throttled"),
        (SendResult(SendStatus.MISCONFIGURED, "300005 token"), "misconfigured"),
        (SendResult(SendStatus.MISCONFIGURED, "404404 token", unknown_code="404404"), "misconfigured"),
    ],
)
def test_a_robot_that_takes_nothing_is_skipped_and_named(outcome: SendResult, reason: str) -> None:
    world = World()
    first, second = fallback_robot(world, 1, answers=lambda _: outcome), fallback_robot(world, 2)
    Group(first, second, world=world)
    world.robot.answers = lambda _: outcome
    world.put(failure("a1"))
    drained = world.drain()
    assert (drained.messages, drained.left) == (1, 0)
    (shown,) = world.chat.shown
    assert shown.receiver_id == second.receiver_id
    assert shown.notes["skipped"] == [["dingtalk_default", reason], ["fallback_1", reason]]
    assert len(first.bodies) == 1


def test_a_message_that_may_have_arrived_through_a_fallback_is_repeated_there() -> None:
    """Another robot's message would stand beside it."""
    world = World()
    fallback = fallback_robot(world, 1, lost_answers=[1])
    Group(fallback, world=world)
    world.ledger().throttle(world.clock.now, 5.0, "130101")
    world.put(failure("a1"))
    world.drain(1.0)
    world.clock.pass_by(10)
    world.drain()
    assert len(fallback.bodies) == 2
    assert world.chat.keys == ["a1"]


def test_a_message_that_no_other_robot_can_repeat_says_so() -> None:
    world = World()
    fallback = fallback_robot(world, 1, lost_answers=[1])
    Group(fallback, world=world)
    world.ledger().throttle(world.clock.now, 5.0, "130101")
    world.put(failure("a1"))
    world.drain(1.0)
    world.clock.pass_by(10)
    world.fallbacks = ()
    world.drain()
    assert [each.notes["may_repeat"] for each in world.chat.shown] == ["", world.chat.shown[0].notes["number"]]


def test_a_message_that_may_have_arrived_waits_for_its_own_robot() -> None:
    """The others' windows are free, but in their messages it would stand there twice."""
    world = World(DeliveryPolicy(rate_limit_per_minute=1))
    world.robot = ChatRobot(world.chat, lost_answers=[1])
    fallback = fallback_robot(world)
    Group(fallback, world=world)
    world.put(failure("a1"))
    world.drain(120.0)
    assert (world.chat.keys, len(world.robot.bodies), fallback.bodies) == (["a1"], 2, [])


def test_a_fallback_does_not_make_up_for_a_damaged_book() -> None:
    world = World(DeliveryPolicy(group_interval_seconds=0.0))
    world.storage.records["restart", "at"] = json.dumps(START - 20)
    Group(fallback_robot(world), world=world)
    world.put(failure("a1"))
    assert world.drain().messages == 1
    world.fallbacks = ()
    world.put(failure("a2"))
    assert world.drain().again_at == START + 40


def test_a_busy_fallback_is_passed_over() -> None:
    world = World()
    world.fallbacks = (Fallback(fallback_robot(world), world.policy, lambda: nullcontext(None)),)
    world.ledger().throttle(world.clock.now, 600.0, "130101")
    world.put(failure("a1"))
    assert world.drain().left == 1


# ---------------------------------------------------------------------------------------------------- storage


def failing(*calls: str) -> Any:
    def meets(call: str) -> None:
        if call in {f"before {each}" for each in calls}:
            raise DISK_FULL

    return meets


def test_a_full_disk_stops_nobody() -> None:
    """What can't be written down is sent, and removed from its mailbox, so that it isn't sent by every leader."""
    world = World(meets=failing("write"))
    world.put(*failures(3))
    drained = world.drain()
    assert (drained.messages, drained.alerts) == (1, 3)
    assert "No space left" in drained.problem
    assert world.storage.mail == {}
    world.drain()
    assert world.chat.keys == ["a0", "a1", "a2"]


def test_one_message_is_all_that_a_leader_without_a_book_sends() -> None:
    """Nobody keeps count of the window then."""
    world = World(DeliveryPolicy(group_interval_seconds=0.0), meets=failing("write", "remove_arrivals"))
    world.put(failure("a1"))
    world.arrives(0.05, failure("a2"))
    assert world.drain(60.0).messages == 1


def test_a_disk_that_has_room_again_gets_everything() -> None:
    """The later change never stands in the book without the earlier one."""
    world = World()
    calls: list[str] = []

    def full_once(call: str) -> None:
        calls.append(call)
        if calls.count("before write") == 1 and call == "before write":
            raise DISK_FULL

    world.meets = full_once
    world.put(*failures(3))
    world.drain()
    assert world.chat.keys == ["a0", "a1", "a2"]
    assert world.storage.mail == {}
    assert world.storage.keys == {name for each in failures(3) for name in remembered(each)}
    assert not any(kind in ("alert", "batch") for kind, _ in world.storage.records)


def test_a_book_that_cannot_be_read_is_not_written_over() -> None:
    world = World()
    world.put(failure("a1"))
    world.robot.answers = lambda _: SendResult(SendStatus.RETRY, "connection refused")
    world.drain(3.0)
    before = world.snapshot().records
    world.robot.answers = lambda _: None
    world.meets = failing("load")
    world.put(failure("a2"))
    assert world.drain().alerts == 1
    assert world.storage.records == before
    world.meets = failing()
    world.drain(60.0)
    assert sorted(world.chat.keys) == ["a1", "a2"]


def test_alerts_that_cannot_be_read_are_reported() -> None:
    world = World(meets=failing("arrivals"))
    world.put(failure("a1"))
    drained = world.drain()
    assert (drained.messages, "No space left" in drained.problem) == (0, True)
    assert len(world.storage.mail) == 1


@pytest.mark.parametrize("call", ["load", "arrivals", "known", "write", "remove_arrivals", "keep"])
def test_a_leader_that_leads_no_more_stops_at_once(call: str) -> None:
    world = World()

    def meets(met: str) -> None:
        if met == f"before {call}":
            raise LeadershipLostError("another process leads")

    world.meets = meets
    world.put(failure("a1"))
    drained = world.drain()
    assert (drained.messages, drained.reason) == (0, Reason.OTHER_LEADER)
    assert world.robot.bodies == []


def test_after_a_damaged_book_one_window_is_waited_for() -> None:
    """What the old book knew of the last minute is gone."""
    world = World()
    world.storage.records["restart", "at"] = json.dumps(START - 20)
    world.put(failure("a1"))
    drained = world.drain()
    assert (drained.messages, drained.again_at) == (0, START + 40)
    world.clock.pass_by(40)
    assert world.drain().messages == 1
    assert ("restart", "at") not in world.storage.records


def test_a_clock_that_was_set_back_costs_no_more_than_a_window() -> None:
    world = World(DeliveryPolicy(group_interval_seconds=0.0))
    for number in range(18):
        world.put(failure(f"a{number}"))
        world.drain()
    world.clock.now -= 3600
    world.put(failure("later", at=START - 3000))
    drained = world.drain()
    assert drained.again_at is not None
    assert drained.again_at <= world.clock.now + 65
    world.clock.now = drained.again_at
    assert world.drain().messages == 1


def test_a_clock_that_was_set_back_does_not_prolong_a_hold() -> None:
    world = World()
    world.ledger().throttle(world.clock.now, 600.0, "130101")
    world.clock.now -= 86_400
    world.put(failure("a1"))
    assert world.drain().again_at == world.clock.now + 600


def test_what_was_only_counted_is_said_once() -> None:
    world = World()
    world.storage.overflow_count = 5321
    world.put(failure("a1"))
    world.drain()
    world.put(failure("a2"))
    world.drain(60.0)
    assert [each.notes["overflow_count"] for each in world.chat.shown] == [5321, 0]


def test_an_alert_that_nobody_can_read_any_more_is_kept_for_people() -> None:
    world = World()
    world.storage.records["alert", "k9"] = json.dumps("{broken")
    world.put(failure("a1"))
    world.drain(60.0)
    assert world.chat.keys == ["a1"]
    assert [(each.key, each.alert, each.problem) for each in world.ledger().dead_letters.all] == [
        ("k9", None, "unreadable")
    ]


class SmallSteps(MemoryBook):
    """A book that is given up when it is asked to empty much at once, as a callback's on a busy disk."""

    def remove_arrivals(self, tickets: Iterable[str]) -> None:
        tickets = list(tickets)
        if len(tickets) > 250:
            raise OutboxError("it took too long")
        super().remove_arrivals(tickets)


def test_mailboxes_are_emptied_in_small_steps(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.put(*failures(1_200))
    world.storage.overflow_count = 7
    drained = world.drain(book=SmallSteps(world.storage, world.clock.time))
    assert (drained.alerts, drained.left) == (1_200, 0)
    assert world.storage.mail == {}
    assert world.chat.shown[-1].notes["overflow_count"] == 7
    assert world.storage.overflow_count == 0
    assert "can't be removed" not in caplog.text
