"""What a drain does: when it sends, what it merges, and how it recovers from failures."""

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
from airflow_provider_dingpush.delivery.repetitions import remembered_names
from airflow_provider_dingpush.errors import LeadershipLostError, OutboxError
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.messages import At, Message, Text
from tests.delivery.simulation import (
    DISK_FULL,
    START,
    ChatRobot,
    MemoryBook,
    Simulation,
    Storage,
    compose,
    failure,
    failures,
)

# ---------------------------------------------------------------------------------------------------- first and next


def test_the_first_alert_is_sent_at_once_and_alone() -> None:
    sim = Simulation()
    sim.put(failure("a1"))
    result = sim.drain()
    assert (result.messages, result.alerts, result.left, result.reason) == (1, 1, 0, Reason.NOTHING_PENDING)
    assert [(each.at - START < 0.2, each.keys) for each in sim.chat.shown] == [(True, ("a1",))]
    assert sim.clock.waits == []


def test_all_that_comes_within_the_interval_is_one_message() -> None:
    """The first is sent at once; the next leader waits as long as its time allows, and sends all later ones."""
    sim = Simulation()
    sim.put(failure("first"))
    sim.drain()
    sim.put(*failures(300))
    sim.arrives(2.0, *failures(100, start=300))
    result = sim.drain(8.0)
    assert (result.messages, result.alerts, result.left) == (1, 400, 0)
    first, second = sim.chat.shown
    assert set(second.keys) == {each.key for each in failures(400)}
    # 8 seconds, less the 5 that a POST may take: not one moment later.
    assert 3.0 <= second.at - first.at < 3.3


def test_with_time_the_whole_interval_is_waited_for() -> None:
    sim = Simulation()
    sim.put(failure("first"))
    sim.drain()
    sim.put(failure("second"))
    sim.arrives(9.0, failure("third"))
    sim.arrives(10.15, failure("fourth"))
    assert sim.drain(60.0).messages == 2
    at = [each.at - START for each in sim.chat.shown]
    assert [each.keys for each in sim.chat.shown] == [("first",), ("second", "third"), ("fourth",)]
    assert at[1] - at[0] == pytest.approx(10.0, abs=0.2)
    assert at[2] - at[1] == pytest.approx(10.0, abs=0.2)


def storm(sim: Simulation, minutes: int, *, every: float = 2.0) -> None:
    """Callbacks at intervals, and a flusher every minute that they rely on."""
    begin, count = sim.clock.now, 0
    while (now := sim.clock.now - begin) < 60 * minutes:
        if now >= 60 * count:
            count += 1
            sim.drain(50.0, handover=Handover.FLUSHER)
        sim.put(failure(f"{begin} {now}"))
        if sim.storage.pause is None or sim.storage.pause.until <= sim.clock.now:
            sim.drain(8.0, handover=Handover.FLUSHER)
        sim.clock.advance(every)
    # The last alerts wait for the next flush.
    sim.clock.advance(LONGEST_INTERVAL_SECONDS)
    sim.drain(50.0, handover=Handover.FLUSHER)


def test_a_storm_that_lasts_is_reported_less_and_less_often() -> None:
    sim = Simulation()
    storm(sim, 30)
    put = [key for each in sim.chat.shown for key in each.keys]
    assert len(put) == len(set(put)) > 800
    assert sim.ledger().queue.waiting == 0
    at = [each.at for each in sim.chat.shown]
    gaps = [later - earlier for earlier, later in pairwise(at)]
    # The first three come quickly: the person on call needs them.
    assert max(gaps[:2]) < 5.2
    assert gaps[2:8] == sorted(gaps[2:8])
    assert max(gaps) < LONGEST_INTERVAL_SECONDS + 60
    assert len(at) <= 13


def test_after_a_storm_a_failure_is_sent_at_once() -> None:
    sim = Simulation()
    storm(sim, 10)
    sim.clock.advance(2 * LONGEST_INTERVAL_SECONDS)
    before = sim.clock.now
    for seconds in (0.0, 1.0):
        sim.clock.advance(seconds)
        sim.put(failure(f"after {seconds}"))
        assert sim.drain(handover=Handover.FLUSHER).messages == 1
    assert [each.at - before < 6 for each in sim.chat.shown[-2:]] == [True, True]


def storming() -> Simulation:
    """Three messages have followed each other, and one alert is pending."""
    sim = Simulation()
    for number in range(3):
        sim.put(failure(f"before {number}"))
        sim.drain()
    sim.put(failure("now"))
    return sim


def test_without_a_flusher_a_storm_goes_from_one_callback_to_the_next() -> None:
    sim = storming()
    began = sim.clock.now
    sim.clock.at(began - START + 2.5, lambda: setattr(sim.storage, "successor_waits", True))
    result = sim.drain(handover=Handover.SUCCESSOR)
    assert (result.messages, result.left, result.handed_over) == (0, 1, True)
    assert 2.5 <= sim.clock.now - began < 2.7
    assert sim.storage.successor_wanted
    # The successor leads now, and has none itself.
    sim.storage.successor_waits = False
    assert sim.drain(handover=Handover.SUCCESSOR).messages == 1
    assert not sim.storage.successor_wanted
    assert sim.chat.keys[-1] == "now"


@pytest.mark.parametrize(("busy", "wanted_early"), [(True, False), (False, True)])
def test_a_successor_is_wanted_early_where_little_comes(busy: bool, wanted_early: bool) -> None:
    """The next callback may be the last one in time; while many follow each other, the last second is enough."""
    sim = storming()
    began = sim.clock.now - START
    for tenth in range(1, 80 if busy else 1):
        sim.clock.at(began + tenth / 10, lambda tenth=tenth: sim.put(failure(f"more {tenth}")))  # type: ignore[misc]
    wanted: list[bool] = []
    for seconds in (2.1, 5.9):
        sim.clock.at(began + seconds, lambda: wanted.append(sim.storage.successor_wanted))
    assert sim.drain(handover=Handover.SUCCESSOR).messages == 1
    assert wanted == [wanted_early, True]
    assert not sim.storage.successor_wanted


def test_without_a_flusher_nothing_is_left_pending() -> None:
    """However long the storm lasts: a later process might never come."""
    sim = Simulation()
    for number in range(40):
        sim.put(failure(f"a{number}"))
        assert sim.drain(8.0, handover=Handover.SUCCESSOR).left == 0
        sim.clock.advance(1.0)
    assert len(sim.chat.keys) == 40
    assert sim.storage.pause is None


def test_a_leader_that_waits_wakes_up_often_enough_to_stay_leader() -> None:
    sim = Simulation(DeliveryPolicy(group_interval_seconds=60.0))
    sim.put(failure("first"))
    sim.drain()
    sim.put(failure("second"))
    sim.drain(120.0)
    assert len(sim.chat.shown) == 2
    assert max(sim.clock.waits) <= 5.0


def test_a_machine_that_wakes_late_still_sends() -> None:
    """The POST gets less time then, so that the leader is back when it has to be."""
    sim = Simulation()
    sim.put(failure("first"))
    sim.drain()
    sim.put(failure("second"))
    on_time = sim.clock.sleep
    sim.clock.sleep = lambda seconds: on_time(seconds + 0.4)  # type: ignore[method-assign]
    assert sim.drain(8.0).messages == 1
    assert sim.robot.timeouts == [5.0, pytest.approx(4.6)]


def test_what_comes_while_the_last_message_is_under_way_is_sent_by_the_next_leader() -> None:
    """Not one message after the other in the last second, but the next leader's digest."""
    sim = Simulation()
    sim.put(failure("first"))
    sim.drain()
    sim.put(failure("second"))
    sim.arrives(3.15, failure("third"))
    result = sim.drain(8.0)
    assert (result.messages, result.left, result.reason) == (1, 1, Reason.NO_TIME)
    assert sim.drain(8.0).alerts == 1


def test_a_budget_shorter_than_a_timeout_still_sends() -> None:
    sim = Simulation()
    sim.put(failure())
    assert sim.drain(4.0).messages == 1
    assert sim.robot.timeouts == [pytest.approx(3.0)]


def test_without_time_everything_stays_pending() -> None:
    sim = Simulation()
    sim.put(failure())
    result = sim.drain(0.1)
    assert (result.messages, result.left, result.reason) == (0, 1, Reason.NO_TIME)


def test_a_leader_that_does_not_wait_uses_the_free_slots_and_never_waits() -> None:
    sim = Simulation()
    for number in range(25):
        sim.put(failure(f"a{number}"))
        sim.drain(30.0, role=LeaderRole.DAG_PROCESSOR)
    assert len(sim.chat.shown) == 18
    assert sim.clock.waits == []
    # What didn't fit is sent by the next one that may wait.
    assert sim.drain(120.0).messages == 1
    assert sorted(sim.chat.keys) == sorted(f"a{number}" for number in range(25))


def test_the_window_is_never_overrun() -> None:
    sim = Simulation(DeliveryPolicy(group_interval_seconds=0.0))
    for number in range(60):
        sim.arrives(number * 0.5, failure(f"a{number}"))
    while sim.clock.now < START + 200:
        sim.drain(8.0)
        sim.clock.advance(0.5)
    assert sorted(sim.chat.keys) == sorted(f"a{number}" for number in range(60))
    assert sim.chat.most_in_window <= 18


# ---------------------------------------------------------------------------------------------------- sent once


def test_a_second_alert_of_a_key_is_not_sent_again() -> None:
    sim = Simulation()
    sim.put(failure("a1"))
    sim.drain()
    sim.put(failure("a1"))
    assert sim.drain().messages == 0
    assert sim.storage.mail == {}


def test_a_message_whose_answer_was_lost_is_repeated_byte_by_byte_and_shown_once() -> None:
    sim = Simulation()
    sim.robot = ChatRobot(sim.chat, lost_answers=[1])
    sim.put(failure("a1"))
    sim.arrives(0.5, failure("a2"))
    sim.drain(60.0)
    assert sim.robot.bodies[0] == sim.robot.bodies[1]
    assert sim.chat.keys == ["a1", "a2"]


@pytest.mark.parametrize("recognises_repeats", [True, False])
def test_a_possible_repeat_is_marked_where_it_may_not_be_recognised(recognises_repeats: bool) -> None:
    """After ten minutes a custom robot may not recognise it; an app robot never does."""
    sim = Simulation()
    sim.robot = ChatRobot(sim.chat, lost_answers=[1], recognises_repeats=recognises_repeats)
    sim.put(failure("a1"))
    sim.drain(1.0)
    sim.clock.advance(601)
    sim.drain(5.0)
    notes = [json.loads(json.loads(body)["text"])["notes"] for body in sim.robot.bodies]
    assert [each["may_repeat"] for each in notes] == ["", notes[0]["number"]]
    assert sim.chat.keys == (["a1"] if recognises_repeats else ["a1", "a1"])


def test_a_message_that_surely_did_not_arrive_is_no_repetition() -> None:
    sim = Simulation()
    sim.robot = ChatRobot(sim.chat, recognises_repeats=False)
    refusals = [SendResult(SendStatus.RETRY, "connection refused")] * 2
    sim.robot.answers = lambda _: refusals.pop() if refusals else None
    sim.put(failure("a1"))
    sim.drain(60.0)
    assert [each.notes["may_repeat"] for each in sim.chat.shown] == [""]
    assert len(set(sim.robot.bodies)) == 1


def test_waits_between_tries_double_and_each_try_takes_a_slot() -> None:
    sim = Simulation()
    tries: list[float] = []

    def down(_: Mapping[str, Any]) -> SendResult:
        tries.append(sim.clock.now)
        return SendResult(SendStatus.RETRY, "connection refused")

    sim.robot.answers = down
    sim.put(failure("a1"))
    sim.drain(300.0)
    waits = [round(later - earlier, 1) for earlier, later in pairwise(tries)]
    assert waits == [1.1, 2.1, 4.1, 8.1, 16.1, 32.1, 60.1, 60.1, 60.1]
    assert sim.ledger().free_at(sim.clock.now) == sim.clock.now
    sim.robot.answers = lambda _: None
    sim.drain(120.0)
    assert sim.chat.keys == ["a1"]


# ---------------------------------------------------------------------------------------------------- holds


def test_to_a_robot_throttled_because_of_others_nothing_is_sent_until_that_ends() -> None:
    """One message is refused; afterwards all alerts are in one message, which reports the pause."""
    sim = Simulation()
    sim.chat.banned_until[sim.robot.receiver_id] = START + 600
    sim.put(failure("a1"))
    result = sim.drain()
    assert (result.messages, result.left) == (0, 1)
    assert result.again_at == pytest.approx(START + 615, abs=1)
    for minute in range(1, 10):
        sim.clock.advance(60)
        sim.put(failure(f"b{minute}"))
        assert sim.drain().left == 2
    assert len(sim.robot.bodies) == 1
    sim.clock.advance(80)
    sim.drain()
    (shown,) = sim.chat.shown
    assert len(shown.keys) == 10
    since, until, reason = shown.notes["paused"]
    assert (since, until, reason) == (pytest.approx(START, abs=1), pytest.approx(START + 615, abs=1), "throttled")
    sim.clock.advance(30)
    sim.put(failure("later"))
    sim.drain()
    assert sim.chat.shown[-1].notes["paused"] is None


def test_the_hold_that_dingtalk_asks_for_is_kept() -> None:
    sim = Simulation()
    sim.robot.answers = lambda _: SendResult(SendStatus.THROTTLED, "slow down", retry_after_seconds=30.0)
    sim.put(failure("a1"))
    assert sim.drain().again_at == pytest.approx(START + 45, abs=1)


def test_a_throttled_message_that_may_have_arrived_before_stays_the_same() -> None:
    """It can't be merged with others: DingTalk would not recognise it."""
    sim = Simulation()
    sim.robot = ChatRobot(sim.chat, lost_answers=[1])
    sim.put(failure("a1"))
    sim.drain(1.0)
    sim.robot.answers = lambda _: SendResult(SendStatus.THROTTLED, "slow down", retry_after_seconds=30.0)
    sim.clock.advance(10)
    sim.drain()
    sim.robot.answers = lambda _: None
    sim.put(failure("a2"))
    sim.clock.advance(60)
    sim.drain(60.0)
    assert len(sim.robot.bodies) == 4
    assert len(set(sim.robot.bodies[:3])) == 1
    assert sim.chat.keys == ["a1", "a2"]


def test_a_misconfigured_robot_is_probed_less_and_less_often(caplog: pytest.LogCaptureFixture) -> None:
    """All alerts are kept, the log has the reason, and a batch frozen for the wrong settings isn't repeated."""
    sim = Simulation()
    sim.robot.answers = lambda _: SendResult(SendStatus.MISCONFIGURED, "310000 keywords not in content")
    sim.put(failure("a1"))
    probes = []
    for _ in range(9):
        result = sim.drain()
        assert result.again_at is not None
        probes.append(round(result.again_at - sim.clock.now))
        sim.clock.now = result.again_at
    assert probes == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    errors = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert len(errors) == 9
    assert "310000" in errors[0].getMessage()
    assert "dingtalk_default" in errors[0].getMessage()
    sim.robot.answers = lambda _: None
    sim.put(failure("a2"))
    sim.drain()
    assert sim.chat.keys == ["a1", "a2"]
    assert sim.chat.shown[0].notes["paused"][2] == "misconfigured"


def test_after_a_setting_was_changed_a_person_need_not_wait_for_the_probe() -> None:
    sim = Simulation()
    sim.robot.answers = lambda _: SendResult(SendStatus.MISCONFIGURED, "310000 sign not match")
    sim.put(failure("a1"))
    sim.drain()
    sim.robot.answers = lambda _: None
    sim.ledger().lift_hold()
    assert sim.drain().messages == 1


def test_during_a_hold_no_alert_is_taken_in() -> None:
    """The mailboxes stay bounded, and a leader leaves at once."""
    sim = Simulation()
    sim.robot.answers = lambda _: SendResult(SendStatus.THROTTLED, "130101")
    sim.put(failure("a1"))
    sim.drain()
    sim.put(*failures(500, start=10))
    sim.drain()
    assert len(sim.storage.mail) == 500


# ---------------------------------------------------------------------------------------------------- refused


def test_a_refused_message_is_isolated_and_the_rest_is_sent() -> None:
    sim = Simulation()
    sim.robot.answers = lambda content: (
        SendResult(SendStatus.REJECTED, "430102") if "a77" in content["keys"] and "names_only" not in content else None
    )
    sim.put(*failures(200))
    sim.drain(600.0)
    assert sorted(sim.chat.keys) == sorted(each.key for each in failures(200))
    assert sim.chat.most_in_window <= 18
    (names_only,) = [each for each in sim.chat.shown if each.keys == ("a77",)]
    assert names_only.text == f"🔴 sales · a77\n#{names_only.uuid[:4]}"
    assert sim.ledger().dead_letters.all == ()


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
def test_names_have_the_mark_of_their_event(event: str, mark: str) -> None:
    """Questions, retries and recoveries aren't marked as failures."""
    sim = Simulation()
    sim.robot.answers = lambda content: None if "names_only" in content else SendResult(SendStatus.REJECTED, "430102")
    sim.put(replace(failures(1)[0], event=Event(event)))
    sim.drain(60.0)
    (shown,) = sim.chat.shown
    assert shown.text.startswith(f"{mark} sales · ")


@pytest.mark.parametrize(("names_pass", "sent", "dead"), [(True, 50, 0), (False, 0, 400)])
def test_a_filter_that_refuses_everything_takes_few_messages(names_pass: bool, sent: int, dead: int) -> None:
    """Each alert has a forbidden link, for example: neither a thousand messages, nor hours of splitting."""
    sim = Simulation()
    refusal = SendResult(SendStatus.REJECTED, "430102")
    sim.robot.answers = lambda content: None if names_pass and "names_only" in content else refusal
    sim.put(*failures(400))
    sim.drain(600.0)
    assert len(sim.robot.bodies) <= 13
    assert (len(sim.chat.keys), len(sim.ledger().dead_letters.all), sim.ledger().queue.waiting) == (sent, dead, 0)
    if names_pass:
        (shown,) = sim.chat.shown
        assert shown.text.splitlines()[-2:] == ["+350", f"#{shown.uuid[:4]}"]


def unrecognised(code: str = "400402") -> SendResult:
    """A refusal for an unknown reason."""
    return SendResult(SendStatus.UNRECOGNISED, f"{code} parameter missing", unknown_code=code)


def test_what_is_refused_for_an_unknown_reason_is_isolated_and_the_rest_is_sent() -> None:
    """One alert doesn't stop the robot."""
    sim = Simulation()
    sim.robot.answers = lambda content: unrecognised() if "a77" in content["keys"] else None
    sim.put(*failures(200))
    sim.drain(900.0)
    assert sorted(sim.chat.keys) == sorted(each.key for each in failures(200) if each.key != "a77")
    assert [each.key for each in sim.ledger().dead_letters.all] == ["a77"]
    assert sim.ledger().holds.current(sim.clock.now) is None
    assert sim.ledger().queue.waiting == 0


@pytest.mark.parametrize("refused_ones", [("a3", "a150"), ("a3", "a60", "a110", "a150", "a199")])
def test_several_alerts_that_are_refused_for_an_unknown_reason_do_not_stop_the_others(
    refused_ones: Sequence[str],
) -> None:
    sim = Simulation()
    sim.robot.answers = lambda content: unrecognised() if set(refused_ones) & set(content["keys"]) else None
    sim.put(*failures(200))
    for _ in range(5):
        sim.drain(900.0)
        sim.clock.advance(120)
    assert sorted(sim.chat.keys) == sorted(each.key for each in failures(200) if each.key not in refused_ones)
    assert sorted(each.key for each in sim.ledger().dead_letters.all) == sorted(refused_ones)
    assert len(sim.robot.bodies) < 90


def test_a_robot_that_refuses_every_message_for_an_unknown_reason_is_held_and_loses_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Few messages are refused, probes get rarer, no alert becomes a dead letter, and all are sent when it ends."""
    sim = Simulation()
    sim.robot.answers = lambda _: unrecognised()
    sim.put(*failures(40))
    again_at = sim.drain(600.0).again_at
    first = len(sim.robot.bodies)
    assert first <= 6
    assert "400402" in caplog.text
    probes = []
    for _ in range(4):
        assert again_at is not None
        probes.append(round(again_at - sim.clock.now))
        sim.clock.now = again_at
        again_at = sim.drain(600.0).again_at
    assert probes == [60, 120, 240, 480]
    assert len(sim.robot.bodies) == first + 4
    assert (sim.ledger().queue.waiting, sim.ledger().dead_letters.all) == (40, ())
    sim.robot.answers = lambda _: None
    assert again_at is not None
    sim.clock.now = again_at
    sim.drain(600.0)
    assert sorted(sim.chat.keys) == sorted(each.key for each in failures(40))
    assert len(sim.chat.shown) <= 3
    assert sim.chat.shown[0].notes["paused"][2] == "refusing"


def test_a_dead_letter_is_pending_again_when_another_message_is_refused_too() -> None:
    """The first alert became a dead letter before the receiver was found to be the reason."""
    sim = Simulation()
    sim.robot.answers = lambda _: unrecognised("302033")
    sim.put(failure("a1"))
    sim.drain(60.0)
    assert [each.key for each in sim.ledger().dead_letters.all] == ["a1"]
    sim.put(failure("a2"))
    result = sim.drain(60.0)
    assert (sim.ledger().dead_letters.all, sim.ledger().queue.waiting, result.left) == ((), 2, 2)
    sim.robot.answers = lambda _: None
    sim.ledger().lift_hold()
    sim.drain(60.0)
    assert sorted(sim.chat.keys) == ["a1", "a2"]


def test_probes_are_sent_with_other_alerts() -> None:
    """Two refused alerts cause a hold; the next alert clears the robot, and they become dead letters."""
    sim = Simulation()
    sim.robot.answers = lambda content: unrecognised() if {"a1", "a2"} & set(content["keys"]) else None
    sim.put(failure("a1"), failure("a2"))
    result = sim.drain(60.0)
    assert result.left == 2
    posted = len(sim.robot.bodies)
    sim.put(failure("b1"))
    assert sim.drain(60.0).messages == 0
    assert len(sim.robot.bodies) == posted
    sim.clock.advance(61)
    sim.drain(60.0)
    assert sim.chat.keys == ["b1"]
    assert json.loads(json.loads(sim.robot.bodies[posted])["text"])["keys"] == ["b1"]
    assert sorted(each.key for each in sim.ledger().dead_letters.all) == ["a1", "a2"]
    posted = len(sim.robot.bodies)
    sim.put(failure("b2"))
    sim.drain(60.0)
    assert (sim.chat.keys, len(sim.robot.bodies)) == (["b1", "b2"], posted + 1)


def test_probes_without_other_alerts_take_turns() -> None:
    sim = Simulation()
    sim.robot.answers = lambda _: unrecognised()
    sim.put(*failures(3))
    sim.drain(60.0)
    probed = []
    for _ in range(6):
        sim.clock.advance(4000)
        posted = len(sim.robot.bodies)
        sim.drain(60.0)
        assert len(sim.robot.bodies) == posted + 1
        probed.extend(json.loads(json.loads(sim.robot.bodies[-1])["text"])["keys"])
    assert sorted(probed) == ["a0", "a0", "a1", "a1", "a2", "a2"]


def test_two_messages_refused_with_different_codes_are_refused_for_their_content() -> None:
    sim = Simulation()
    codes = {"a1": "400402", "a2": "302033"}
    sim.robot.answers = lambda content: next(
        (unrecognised(codes[key]) for key in content["keys"] if key in codes), None
    )
    sim.put(failure("a1"))
    sim.drain(60.0)
    sim.put(failure("a2"))
    sim.drain(60.0)
    assert sorted(each.key for each in sim.ledger().dead_letters.all) == ["a1", "a2"]
    assert sim.ledger().holds.current(sim.clock.now) is None


def test_a_text_about_a_setting_holds_the_robot_but_no_alert_for_ever() -> None:
    """The meaning of an unknown code is guessed: other alerts are tried first, and clear the robot."""
    sim = Simulation()
    guess = SendResult(SendStatus.MISCONFIGURED, "404404 bad token", unknown_code="404404")
    sim.robot.answers = lambda content: guess if "a1" in content["keys"] else None
    sim.put(failure("a1"))
    result = sim.drain(60.0)
    assert (result.messages, result.left, sim.ledger().dead_letters.all) == (0, 1, ())
    assert len(sim.robot.bodies) == 1
    sim.put(failure("a2"))
    sim.clock.advance(61)
    sim.drain(60.0)
    assert sim.chat.keys == ["a2"]
    assert [each.key for each in sim.ledger().dead_letters.all] == ["a1"]


def test_a_message_that_is_always_busy_is_refused_for_its_content() -> None:
    """With a known code DingTalk is really busy, and all alerts wait."""
    sim = Simulation()
    busy = SendResult(SendStatus.RETRY, "302999 system error", unknown_code="302999")
    sim.robot.answers = lambda content: busy if "a1" in content["keys"] else None
    sim.put(failure("a1"), failure("a2"))
    for _ in range(40):
        sim.drain(60.0)
        sim.clock.advance(60)
    assert sim.chat.keys == ["a2"]
    assert [each.key for each in sim.ledger().dead_letters.all] == ["a1"]


def test_the_name_of_a_dead_letter_is_no_second_refused_message() -> None:
    """The message that lists a dead letter is refused for its name, and not because of the robot."""
    sim = Simulation()

    def refuse(content: Mapping[str, Any]) -> SendResult | None:
        is_refused = "bad" in content["keys"] or any("bad" in name for name in content.get("notes", {}).get("dead", ()))
        return unrecognised() if is_refused else None

    sim.robot.answers = refuse
    sim.put(failure("bad"))
    sim.drain(60.0)
    sim.put(failure("a1"), failure("a2"))
    sim.drain(60.0)
    assert sim.chat.keys == ["a1", "a2"]
    assert [each.key for each in sim.ledger().dead_letters.all] == ["bad"]


def test_an_operators_message_that_is_sent_clears_the_robot() -> None:
    sim = Simulation()
    sim.robot.answers = lambda content: unrecognised() if {"a1", "a2"} & set(content["keys"]) else None
    sim.put(failure("a1"), failure("a2"))
    sim.drain(60.0)
    ledger = sim.ledger()
    hold = ledger.holds.current(sim.clock.now)
    assert hold is not None
    assert hold.reason is Reason.REFUSING
    slot = ledger.take_slot(sim.clock.now, 5.0)
    assert slot is not None
    ledger.give_back(slot, sim.clock.now)
    assert sim.ledger().holds.current(sim.clock.now) is None
    sim.drain(60.0)
    assert sorted(each.key for each in sim.ledger().dead_letters.all) == ["a1", "a2"]


def test_after_an_unknown_outcome_with_a_pause_the_same_message_is_repeated() -> None:
    """After a gateway's page nothing is sent for a while, then the same message again, which DingTalk recognises."""
    sim = Simulation()
    page = [SendResult(SendStatus.UNKNOWN, "a web page", retry_after_seconds=300.0)]

    def arrived_behind_a_page(content: Mapping[str, Any]) -> SendResult | None:
        if not page:
            return None
        body = json.loads(sim.robot.bodies[-1])
        sim.chat.uuids.add((sim.robot.receiver_id, body["uuid"]))
        return page.pop()

    sim.robot.answers = arrived_behind_a_page
    sim.put(failure("a1"))
    result = sim.drain(60.0)
    assert result.again_at == pytest.approx(START + 315, abs=1)
    sim.put(failure("a2"))
    assert sim.drain(60.0).messages == 0
    sim.clock.advance(316)
    sim.drain(60.0)
    assert sim.robot.bodies[0] == sim.robot.bodies[1]
    assert sim.chat.keys == ["a2"]


def test_an_alert_refused_even_by_name_is_a_dead_letter_that_the_next_message_lists() -> None:
    sim = Simulation()
    sim.robot.answers = lambda content: (
        SendResult(SendStatus.REJECTED, "430102 banned word") if "a1" in content["keys"] else None
    )
    sim.put(failure("a0"), failure("a1"), failure("a2"))
    result = sim.drain(300.0)
    assert sorted(sim.chat.keys) == ["a0", "a2"]
    (letter,) = sim.ledger().dead_letters.all
    assert (letter.key, letter.problem, letter.name) == ("a1", "430102 banned word", "sales · a1")
    assert result.problem == "430102 banned word"
    sim.put(failure("a3"))
    sim.drain(300.0)
    sim.put(failure("a4"))
    sim.drain(300.0)
    named = [each.notes["dead"] for each in sim.chat.shown if each.keys in (("a3",), ("a4",))]
    assert named == [["sales · a1"], []]


@pytest.mark.parametrize("names_only", [True, False])
def test_a_refused_batch_whose_alert_is_gone_from_a_damaged_book_is_dropped(names_only: bool) -> None:
    sim = Simulation()
    sim.robot.answers = lambda _: SendResult(SendStatus.RETRY, "503")
    sim.put(failure("gone"))
    sim.drain(3.0)
    batch = json.loads(sim.storage.records["batch", ""])
    sim.storage.records["batch", ""] = json.dumps({**batch, "names_only": names_only})
    del sim.storage.records["alert", "gone"]
    sim.robot.answers = lambda content: SendResult(SendStatus.REJECTED, "430102") if "gone" in content["keys"] else None
    sim.put(failure("good"))
    assert sim.drain(300.0).reason is Reason.NOTHING_PENDING
    assert sim.chat.keys == ["good"]


def test_fresh_alerts_overtake_quarantined_ones() -> None:
    """Splitting takes many messages; later alerts are sent after the usual interval."""
    sim = Simulation()
    sim.robot.answers = lambda content: (
        SendResult(SendStatus.REJECTED, "430102") if any(k.startswith("bad") for k in content["keys"]) else None
    )
    sim.put(*[failure(f"bad{number}") for number in range(40)])
    sim.arrives(1.0, failure("good"))
    sim.drain(600.0)
    (shown,) = sim.chat.shown
    assert shown.keys == ("good",)
    assert shown.at < START + 5
    assert len(sim.ledger().dead_letters.all) == 40


def test_the_name_of_a_dead_letter_does_not_block_later_alerts() -> None:
    """A filter refuses the task's name: it isn't listed, and every other alert is sent."""
    sim = Simulation()

    def refuse(content: Mapping[str, Any]) -> SendResult | None:
        is_refused = "bad" in content["keys"] or any("bad" in name for name in content.get("notes", {}).get("dead", ()))
        return SendResult(SendStatus.REJECTED, "430102") if is_refused else None

    sim.robot.answers = refuse
    sim.put(failure("bad"))
    sim.drain(60.0)
    sim.put(failure("a1"), failure("a2"))
    sim.drain(60.0)
    assert sim.chat.keys == ["a1", "a2"]
    assert [each.key for each in sim.ledger().dead_letters.all] == ["bad"]


@pytest.mark.parametrize("among", [0, 3])
def test_a_refused_message_of_a_notifier_is_replaced_by_the_built_in_alert(among: int) -> None:
    """With the reason of the refusal; a name alone would not show the problem."""
    sim = Simulation()

    def compose(alerts: Any, notes: Any) -> Any:
        keys = [each.key for each in alerts]
        own = [each.key for each in alerts if each.message]
        problems = [each.problems for each in alerts if each.problems]
        return Text(json.dumps({"keys": keys, "own": own, "notes": {"problems": problems}})), None

    sim.compose = compose
    sim.robot.answers = lambda content: (
        SendResult(SendStatus.REJECTED, "430102 banned word") if content.get("own") else None
    )
    own = {"msgtype": "text", "text": {"content": "banned"}}
    sim.put(failure("own", message=own, problems={"at": "no number"}), *failures(among))
    sim.drain(60.0)
    assert sorted(sim.chat.keys) == sorted(["own", *(f"a{number}" for number in range(among))])
    assert all("notes" in json.loads(each.text) for each in sim.chat.shown)
    (problems,) = [each.notes["problems"] for each in sim.chat.shown if each.keys == ("own",)]
    assert problems == [{"at": "no number", "message": "430102 banned word"}]
    assert sim.ledger().dead_letters.all == ()


def test_an_alert_that_cannot_be_composed_does_not_hold_the_others() -> None:
    """And it takes no slot."""
    sim = Simulation()
    sound = sim.compose

    def compose(alerts: Any, notes: Any) -> Any:
        if any(each.key == "a3" for each in alerts):
            raise KeyError("unexpected")
        return sound(alerts, notes)

    sim.compose = compose
    sim.put(*failures(8))
    sim.drain(60.0)
    assert sorted(sim.chat.keys) == [f"a{number}" for number in range(8)]
    assert len(sim.robot.bodies) == 4


def test_a_dead_letter_can_be_sent_again_or_dropped() -> None:
    sim = Simulation()
    sim.robot.answers = lambda _: SendResult(SendStatus.REJECTED, "430102")
    sim.put(failure("a1"), failure("a2"))
    sim.drain(60.0)
    sim.robot.answers = lambda _: None
    ledger = sim.ledger()
    assert [each.key for each in ledger.dead_letters.all] == ["a1", "a2"]
    assert ledger.dead_letters.requeue("a1")
    assert ledger.dead_letters.drop("a2")
    assert not ledger.dead_letters.drop("a2")
    assert not ledger.dead_letters.requeue("a2")
    sim.drain(60.0)
    assert sim.chat.keys == ["a1"]
    assert sim.ledger().dead_letters.all == ()


# ---------------------------------------------------------------------------------------------------- merging


def dag_failure(key: str = "d1", **given: Any) -> Alert:
    return failure(key, **{"event": "dag_failed", "task_id": None, "at": START + 1, **given})


def recovery(key: str, task_id: str, **given: Any) -> Alert:
    values = {"event": "task_succeeded", "resolved": True, "at": START + 420, "task_id": task_id, "try_number": 3}
    return failure(key, **{**values, **given})


def test_a_run_is_a_remark_in_the_lines_of_its_tasks() -> None:
    sim = Simulation()
    sim.put(failure("a1"), failure("a2"), dag_failure())
    sim.drain()
    (shown,) = sim.chat.shown
    assert shown.keys == ("a1", "a2")
    assert shown.notes["folded"] == {"sales/r1": "dag_failed"}
    assert sim.ledger().queue.waiting == 0


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
    ids=["all sent", "another one", "more than are listed", "no task failed", "unknown", "no facts"],
)
def test_a_run_whose_failed_tasks_were_all_sent_needs_no_message(known: dict[str, Any], messages: int) -> None:
    sim = Simulation()
    sim.put(failure("a1"), failure("a2"))
    sim.drain()
    sim.put(dag_failure(facts=known))
    sim.drain(60.0)
    assert len(sim.chat.shown) == messages
    assert sim.ledger().queue.waiting == 0


def test_a_run_with_a_message_of_its_own_is_sent() -> None:
    sim = Simulation()
    sim.put(failure("a1"), dag_failure(message={"msgtype": "text", "text": {"content": "call me"}}))
    sim.drain()
    assert sim.chat.keys == ["a1", "d1"]


def test_a_run_with_mentions_is_a_remark_and_its_people_are_mentioned() -> None:
    """``at=`` of the DAG's notifier is for the whole run, and so for its tasks."""
    mentions: list[Any] = []

    def composed(alerts: Sequence[Alert], notes: Notes) -> tuple[Message, At | None]:
        mentions.append([each.mentions for each in alerts])
        return compose(alerts, notes)

    sim = Simulation(compose=composed)
    theirs, ours = {"mobiles": ["13800000001"]}, {"mobiles": ["13800000002"]}
    sim.put(failure("a1", mentions=theirs), failure("a2"), failure("b1", run_id="r2"), dag_failure(mentions=ours))
    sim.drain()
    (shown,) = sim.chat.shown
    assert shown.keys == ("a1", "a2", "b1")
    assert shown.notes["folded"] == {"sales/r1": "dag_failed"}
    people = At(("13800000001", "13800000002")).to_dict()
    assert mentions == [[people, None, None]]
    assert sim.ledger().queue.waiting == 0


def test_a_run_with_mentions_is_sent_if_its_tasks_were_sent_without_them() -> None:
    """Or nobody would be called."""
    sim = Simulation()
    sim.put(failure("a1"))
    sim.drain()
    sim.put(dag_failure(facts=facts("a1"), mentions={"mobiles": ["13800000002"]}))
    sim.drain(60.0)
    assert [each.keys for each in sim.chat.shown] == [("a1",), ("d1",)]


def test_a_run_with_a_message_of_a_second_notifier_is_sent() -> None:
    """The plain notifier of the same DAG doesn't hide it."""
    own = {"msgtype": "text", "text": {"content": "call me"}}
    sim = Simulation()
    sim.put(failure("a1"), dag_failure(), dag_failure("d2", occurrence="d1", message=own))
    sim.drain()
    assert sim.chat.keys == ["a1", "d1"]


def test_a_recovery_is_joined_with_its_pending_failure() -> None:
    sim = Simulation()
    sim.put(failure("a1"), failure("a2"), failure("b1", at=START + 500), recovery("r1", "a1"))
    sim.put(replace(failure("b1late", at=START + 600, task_id="a1"), try_number=1, run_id="r2"))
    sim.drain()
    (shown,) = sim.chat.shown
    # A failure after the recovery is a new one.
    assert shown.keys == ("a2", "r1", "b1", "b1late")
    assert shown.notes["recovered"] == {"r1": [START, 3]}


def test_a_recovery_of_a_sent_failure_is_sent() -> None:
    sim = Simulation()
    sim.put(failure("a1"))
    sim.drain()
    sim.put(recovery("r1", "a1"))
    sim.drain(60.0)
    assert sim.chat.keys == ["a1", "r1"]
    assert sim.chat.shown[1].notes["recovered"] == {}


def test_recoveries_are_left_out_with_send_resolved_off() -> None:
    sim = Simulation(DeliveryPolicy(send_resolved=False))
    sim.put(failure("a1"), recovery("r1", "a1"))
    sim.drain()
    assert sim.chat.keys == ["a1"]
    assert sim.storage.mail == {}


def test_a_dag_that_fails_every_minute_is_one_notification_and_a_count() -> None:
    sim = Simulation(DeliveryPolicy(repeat_interval_seconds=3600.0))
    for minute in range(123):
        sim.put(dag_failure(f"d{minute}", run_id=f"r{minute}", at=START + 60 * minute))
        sim.drain()
        sim.clock.advance(START + 60 * (minute + 1) - sim.clock.now)
    shown = [(each.keys, sum(each.notes["repeats"].values())) for each in sim.chat.shown]
    # Those pending when the hour ends are listed with their links.
    assert shown == [(("d0",), 0), (("d60", "d61"), 59), (("d121", "d122"), 59)]


def test_the_last_repeat_is_sent_when_the_interval_ends() -> None:
    """No repeat is lost, also if it never fails again."""
    sim = Simulation(DeliveryPolicy(repeat_interval_seconds=3600.0))
    sim.put(failure("a1"))
    sim.drain()
    for number in (2, 3, 4):
        sim.put(failure(f"a{number}", task_id="a1", run_id=f"r{number}", at=START + number))
    result = sim.drain()
    assert (result.messages, result.left) == (0, 1)
    assert result.again_at is not None
    assert result.again_at == pytest.approx(START + 3600, abs=1)
    sim.clock.now = result.again_at
    sim.drain()
    assert [(each.keys, list(each.notes["repeats"].values())) for each in sim.chat.shown] == [
        (("a1",), []),
        (("a4",), [2]),
    ]


def test_a_recovery_ends_the_repeat_interval() -> None:
    sim = Simulation(DeliveryPolicy(repeat_interval_seconds=3600.0))
    sim.put(failure("a1"))
    sim.drain()
    sim.put(
        failure("a2", task_id="a1", run_id="r2", at=START + 2), failure("a3", task_id="a1", run_id="r3", at=START + 3)
    )
    sim.drain()
    sim.put(recovery("ok", "a1", run_id="r4", try_number=1))
    sim.drain(60.0)
    shown = sim.chat.shown[-1]
    assert shown.keys == ("ok",)
    assert list(shown.notes["repeats"].values()) == [1]
    assert shown.notes["recovered"]["ok"][0] == START + 3
    sim.clock.advance(500)
    sim.put(failure("a5", task_id="a1", run_id="r5", at=START + 900))
    sim.drain(60.0)
    assert sim.chat.keys[-1] == "a5"


def test_two_notifiers_of_one_try_are_no_repetition() -> None:
    sim = Simulation(DeliveryPolicy(repeat_interval_seconds=3600.0))
    sim.put(failure("a1"))
    sim.drain()
    sim.put(failure("a1 in other words", task_id="a1", occurrence="a1"))
    sim.drain(60.0)
    assert len(sim.chat.keys) == 2


def test_repeats_are_counted_by_occurrence() -> None:
    """And not by notifier."""
    sim = Simulation(DeliveryPolicy(repeat_interval_seconds=3600.0))
    sim.put(failure("a1"))
    sim.drain()
    for number in (2, 3, 4):
        for words in ("", " in other words"):
            key, occurrence = f"a{number}{words}", f"a{number}"
            sim.put(failure(key, task_id="a1", occurrence=occurrence, run_id=occurrence, at=START + number))
    assert sim.drain().messages == 0
    sim.clock.now = START + 3700
    sim.drain()
    assert [list(each.notes["repeats"].values()) for each in sim.chat.shown] == [[], [2]]


# ---------------------------------------------------------------------------------------------------- occurrences


def repetitions(caplog: pytest.LogCaptureFixture) -> int:
    return sum("repetition" in each.getMessage() for each in caplog.records)


@pytest.mark.parametrize("first_is_sent", [True, False])
@pytest.mark.parametrize("plain_is_first", [True, False])
def test_one_occurrence_is_sent_with_all_additions(
    plain_is_first: bool, first_is_sent: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Together if both are pending; after the first was sent, the second only if it adds something."""
    caplog.set_level(logging.INFO)
    people = {"mobiles": ["13800000000"], "user_ids": [], "everyone": False}
    plain, adds = failure("a1"), failure("a1 @", task_id="a1", occurrence="a1", mentions=people)
    mentions: list[Any] = []

    def compose_it(alerts: Sequence[Alert], notes: Notes) -> Any:
        mentions.extend(each.mentions for each in alerts)
        return compose(alerts, notes)

    sim = Simulation(compose=compose_it)
    first, second = (plain, adds) if plain_is_first else (adds, plain)
    sim.put(first)
    if first_is_sent:
        sim.drain()
    sim.put(second)
    sim.drain(60.0)
    assert people in mentions
    assert len(sim.chat.keys) == (2 if first_is_sent and plain_is_first else 1)
    assert repetitions(caplog) == (1 if first_is_sent and not plain_is_first else 0)
    assert sim.ledger().queue.waiting == 0


def test_a_refused_message_does_not_lose_the_built_in_alert() -> None:
    """A refused message of one notifier is no reason to drop another notifier's."""
    sim = Simulation()
    sim.robot.answers = lambda content: (
        SendResult(SendStatus.REJECTED, "refused") if "a1 bad" in content["keys"] else None
    )
    sim.put(failure("a1 bad", task_id="a1 bad", occurrence="a1"))
    sim.drain(60.0)
    assert [each.key for each in sim.ledger().dead_letters.all] == ["a1 bad"]
    sim.put(failure("a1"))
    sim.drain(60.0)
    assert "a1" in sim.chat.keys


@pytest.mark.parametrize("send_resolved", [True, False])
def test_a_failure_after_a_recovery_is_new(send_resolved: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Failed, cleared, succeeded, cleared, failed: in the context one run looks like the next."""
    caplog.set_level(logging.INFO)
    sim = Simulation(DeliveryPolicy(send_resolved=send_resolved))
    for number in range(3):
        sim.put(failure("a1", at=START + 20 * number))
        sim.drain(60.0)
        sim.put(recovery("r1", "a1", at=START + 20 * number + 10))
        sim.drain(60.0)
    assert sim.chat.keys == (["a1", "r1"] if send_resolved else ["a1"]) * 3
    assert repetitions(caplog) == 0


def test_a_new_failure_before_the_recovery_is_sent_is_sent_last(caplog: pytest.LogCaptureFixture) -> None:
    """Or the group would see a failed run as recovered."""
    caplog.set_level(logging.INFO)
    sim = Simulation()
    for number in range(3):
        sim.put(failure("a1", at=START + 20 * number))
        sim.ledger().take_in(sim.clock.now)
        sim.put(recovery("r1", "a1", at=START + 20 * number + 10))
        sim.ledger().take_in(sim.clock.now)
    sim.put(failure("a1", at=START + 100))
    sim.drain(60.0)
    assert sim.chat.keys[-1].startswith("a1")
    assert repetitions(caplog) == 0
    sim.put(failure("a1", at=START + 101))
    sim.drain(60.0)
    assert repetitions(caplog) == 1


def test_an_alert_whose_leader_died_is_no_repetition(caplog: pytest.LogCaptureFixture) -> None:
    """It is in the book and still in its mailbox."""
    caplog.set_level(logging.INFO)
    sim = Simulation(on_step=failing("remove_arrivals"))
    sim.put(failure("a1"))
    sim.ledger().take_in(sim.clock.now)
    assert sim.storage.mail
    sim.on_step = failing()
    sim.drain()
    assert (sim.chat.keys, repetitions(caplog)) == (["a1"], 0)


def test_keys_are_forgotten_after_a_full_disk() -> None:
    """With the next change that is written."""
    sim = Simulation()
    sim.put(failure("a1"))
    sim.drain()
    sim.put(recovery("r1", "a1"))
    calls: list[str] = []

    def full_once(call: str) -> None:
        calls.append(call)
        if calls.count("before write") == 1 and call == "before write":
            raise DISK_FULL

    sim.on_step = full_once
    sim.drain(60.0)
    assert sim.storage.keys == set(remembered_names(recovery("r1", "a1")))


def test_a_run_that_starts_again_is_sent_though_its_tasks_were_sent() -> None:
    """The task may have been killed the second time, without a callback."""
    sim = Simulation()
    sim.put(failure("a1", facts={"run_started_at": "1"}))
    sim.drain()
    sim.put(dag_failure(facts={**facts("a1"), "run_started_at": "1"}))
    sim.drain(60.0)
    assert sim.chat.keys == ["a1"]
    sim.put(dag_failure("d2", facts={**facts("a1"), "run_started_at": "2"}))
    sim.drain(60.0)
    assert sim.chat.keys == ["a1", "d2"]


# ---------------------------------------------------------------------------------------------------- a day's messages


def test_the_last_message_of_the_day_is_marked_and_later_alerts_wait_until_tomorrow() -> None:
    sim = Simulation(DeliveryPolicy(max_messages_per_day=3, group_interval_seconds=0.0))
    for number in range(6):
        sim.put(failure(f"a{number}", at=sim.clock.now))
        result = sim.drain()
        sim.clock.advance(60)
    assert [each.notes["merged_until_tomorrow"] for each in sim.chat.shown] == [False, False, True]
    midnight = datetime(2027, 1, 16, tzinfo=timezone.utc).timestamp()
    assert result.again_at == midnight
    sim.clock.now = midnight + 5
    sim.drain()
    assert sim.chat.shown[3].keys == ("a3", "a4", "a5")
    assert sim.chat.shown[3].notes["paused"][1:] == [midnight, "daily_limit"]
    ledger = sim.ledger()
    assert (ledger.holds.sent_today(sim.clock.now), ledger.holds.sent_this_month(sim.clock.now)) == (1, 4)


def test_a_higher_limit_applies_at_once() -> None:
    sim = Simulation(DeliveryPolicy(max_messages_per_day=1, group_interval_seconds=0.0))
    sim.put(failure("a1"))
    sim.drain()
    sim.put(failure("a2"))
    assert sim.drain().messages == 0
    sim.policy = replace(sim.policy, max_messages_per_day=2)
    assert sim.drain().messages == 1


# ---------------------------------------------------------------------------------------------------- operators


def test_operators_and_alerts_share_one_window() -> None:
    sim = Simulation(DeliveryPolicy(rate_limit_per_minute=3))
    taken = [sim.ledger().take_slot(sim.clock.now, 5.0) for _ in range(3)]
    assert None not in taken
    assert len(set(taken)) == 3
    assert sim.ledger().take_slot(sim.clock.now, 5.0) is None
    assert sim.ledger().slots.taken_within_window(sim.clock.now) == 3
    # Three are under way and may take 5 seconds.
    assert sim.ledger().free_at(sim.clock.now) == START + 65
    sim.clock.advance(1)
    sim.ledger().give_back(str(taken[0]), sim.clock.now)
    # A message whose end is unknown counts; one that surely wasn't sent doesn't.
    assert sim.ledger().holds.sent_today(sim.clock.now) == 3
    sim.ledger().give_back(str(taken[1]), sim.clock.now, sent=False)
    assert sim.ledger().holds.sent_today(sim.clock.now) == 2
    assert sim.ledger().free_at(sim.clock.now) == START + 61
    sim.put(failure("a1"))
    assert sim.drain().messages == 0
    sim.clock.advance(61)
    assert sim.drain().messages == 1
    assert sim.ledger().holds.sent_today(sim.clock.now) == 3


def test_an_operator_that_is_throttled_stops_the_alerts_too() -> None:
    sim = Simulation()
    sim.ledger().throttle(sim.clock.now, 600.0, "130101")
    sim.put(failure("a1"))
    assert sim.drain().messages == 0
    assert sim.ledger().free_at(sim.clock.now) == START + 600


# ---------------------------------------------------------------------------------------------------- fallbacks


class Group:
    """Fallbacks of a simulation."""

    def __init__(self, *fallbacks: ChatRobot, sim: Simulation) -> None:
        self.storages = [Storage() for _ in fallbacks]
        sim.fallbacks = tuple(
            Fallback(robot, sim.policy, lambda storage=storage: nullcontext(MemoryBook(storage, sim.clock.time)))  # type: ignore[misc]
            for robot, storage in zip(fallbacks, self.storages, strict=True)
        )


def fallback_robot(sim: Simulation, number: int = 1, **given: Any) -> ChatRobot:
    return ChatRobot(sim.chat, name=f"{number}" * 12, conn_id=f"fallback_{number}", **given)


def test_windows_of_several_robots_add_up() -> None:
    sim = Simulation(DeliveryPolicy(rate_limit_per_minute=2, group_interval_seconds=0.0))
    Group(fallback_robot(sim, 1), fallback_robot(sim, 2), sim=sim)
    for number in range(8):
        sim.put(failure(f"a{number}"))
        sim.drain(6.0)
    assert [each.receiver_id[0] for each in sim.chat.shown] == ["0", "0", "1", "1", "2", "2"]
    assert all(each.notes["skipped"] == [] for each in sim.chat.shown)
    assert sim.drain(6.0).left == 2


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (SendResult(SendStatus.THROTTLED, "130101"), "throttled"),
        (SendResult(SendStatus.MISCONFIGURED, "300005 token"), "misconfigured"),
        (SendResult(SendStatus.MISCONFIGURED, "404404 token", unknown_code="404404"), "misconfigured"),
    ],
)
def test_a_robot_on_hold_is_skipped_and_listed(outcome: SendResult, reason: str) -> None:
    sim = Simulation()
    first, second = fallback_robot(sim, 1, answers=lambda _: outcome), fallback_robot(sim, 2)
    Group(first, second, sim=sim)
    sim.robot.answers = lambda _: outcome
    sim.put(failure("a1"))
    result = sim.drain()
    assert (result.messages, result.left) == (1, 0)
    (shown,) = sim.chat.shown
    assert shown.receiver_id == second.receiver_id
    assert shown.notes["skipped"] == [["dingtalk_default", reason], ["fallback_1", reason]]
    assert len(first.bodies) == 1


def test_a_message_that_may_have_arrived_through_a_fallback_is_repeated_there() -> None:
    """Another robot's message would be a duplicate."""
    sim = Simulation()
    fallback = fallback_robot(sim, 1, lost_answers=[1])
    Group(fallback, sim=sim)
    sim.ledger().throttle(sim.clock.now, 5.0, "130101")
    sim.put(failure("a1"))
    sim.drain(1.0)
    sim.clock.advance(10)
    sim.drain()
    assert len(fallback.bodies) == 2
    assert sim.chat.keys == ["a1"]


def test_a_message_that_its_robot_cannot_repeat_is_marked() -> None:
    sim = Simulation()
    fallback = fallback_robot(sim, 1, lost_answers=[1])
    Group(fallback, sim=sim)
    sim.ledger().throttle(sim.clock.now, 5.0, "130101")
    sim.put(failure("a1"))
    sim.drain(1.0)
    sim.clock.advance(10)
    sim.fallbacks = ()
    sim.drain()
    assert [each.notes["may_repeat"] for each in sim.chat.shown] == ["", sim.chat.shown[0].notes["number"]]


def test_a_message_that_may_have_arrived_waits_for_its_own_robot() -> None:
    """The others' windows are free, but their message would be a duplicate."""
    sim = Simulation(DeliveryPolicy(rate_limit_per_minute=1))
    sim.robot = ChatRobot(sim.chat, lost_answers=[1])
    fallback = fallback_robot(sim)
    Group(fallback, sim=sim)
    sim.put(failure("a1"))
    sim.drain(120.0)
    assert (sim.chat.keys, len(sim.robot.bodies), fallback.bodies) == (["a1"], 2, [])


def test_a_fallback_does_not_replace_a_damaged_book() -> None:
    sim = Simulation(DeliveryPolicy(group_interval_seconds=0.0))
    sim.storage.records["restart", "at"] = json.dumps(START - 20)
    Group(fallback_robot(sim), sim=sim)
    sim.put(failure("a1"))
    assert sim.drain().messages == 1
    sim.fallbacks = ()
    sim.put(failure("a2"))
    assert sim.drain().again_at == START + 40


def test_a_busy_fallback_is_skipped() -> None:
    sim = Simulation()
    sim.fallbacks = (Fallback(fallback_robot(sim), sim.policy, lambda: nullcontext(None)),)
    sim.ledger().throttle(sim.clock.now, 600.0, "130101")
    sim.put(failure("a1"))
    assert sim.drain().left == 1


# ---------------------------------------------------------------------------------------------------- storage


def failing(*calls: str) -> Any:
    def on_step(call: str) -> None:
        if call in {f"before {each}" for each in calls}:
            raise DISK_FULL

    return on_step


def test_a_full_disk_stops_no_leader() -> None:
    """Alerts that can't be recorded are sent and removed from their mailbox, so that not every leader sends them."""
    sim = Simulation(on_step=failing("write"))
    sim.put(*failures(3))
    result = sim.drain()
    assert (result.messages, result.alerts) == (1, 3)
    assert "No space left" in result.problem
    assert sim.storage.mail == {}
    sim.drain()
    assert sim.chat.keys == ["a0", "a1", "a2"]


def test_a_leader_without_a_book_sends_one_message_only() -> None:
    """The window isn't recorded then."""
    sim = Simulation(DeliveryPolicy(group_interval_seconds=0.0), on_step=failing("write", "remove_arrivals"))
    sim.put(failure("a1"))
    sim.arrives(0.05, failure("a2"))
    assert sim.drain(60.0).messages == 1


def test_a_disk_with_space_again_gets_all_changes() -> None:
    """The book never has a later change without the earlier one."""
    sim = Simulation()
    calls: list[str] = []

    def full_once(call: str) -> None:
        calls.append(call)
        if calls.count("before write") == 1 and call == "before write":
            raise DISK_FULL

    sim.on_step = full_once
    sim.put(*failures(3))
    sim.drain()
    assert sim.chat.keys == ["a0", "a1", "a2"]
    assert sim.storage.mail == {}
    assert sim.storage.keys == {name for each in failures(3) for name in remembered_names(each)}
    assert not any(kind in ("alert", "batch") for kind, _ in sim.storage.records)


def test_a_book_that_cannot_be_read_is_not_overwritten() -> None:
    sim = Simulation()
    sim.put(failure("a1"))
    sim.robot.answers = lambda _: SendResult(SendStatus.RETRY, "connection refused")
    sim.drain(3.0)
    before = sim.snapshot().records
    sim.robot.answers = lambda _: None
    sim.on_step = failing("load")
    sim.put(failure("a2"))
    assert sim.drain().alerts == 1
    assert sim.storage.records == before
    sim.on_step = failing()
    sim.drain(60.0)
    assert sorted(sim.chat.keys) == ["a1", "a2"]


def test_alerts_that_cannot_be_read_are_reported() -> None:
    sim = Simulation(on_step=failing("arrivals"))
    sim.put(failure("a1"))
    result = sim.drain()
    assert (result.messages, "No space left" in result.problem) == (0, True)
    assert len(sim.storage.mail) == 1


@pytest.mark.parametrize("call", ["load", "arrivals", "known", "write", "remove_arrivals", "keep"])
def test_a_leader_that_lost_its_lock_stops_at_once(call: str) -> None:
    sim = Simulation()

    def on_step(met: str) -> None:
        if met == f"before {call}":
            raise LeadershipLostError("another process leads")

    sim.on_step = on_step
    sim.put(failure("a1"))
    result = sim.drain()
    assert (result.messages, result.reason) == (0, Reason.OTHER_LEADER)
    assert sim.robot.bodies == []


def test_after_a_damaged_book_one_window_is_waited_for() -> None:
    """The messages of the last minute are unknown."""
    sim = Simulation()
    sim.storage.records["restart", "at"] = json.dumps(START - 20)
    sim.put(failure("a1"))
    result = sim.drain()
    assert (result.messages, result.again_at) == (0, START + 40)
    sim.clock.advance(40)
    assert sim.drain().messages == 1
    assert ("restart", "at") not in sim.storage.records


def test_a_clock_that_was_set_back_costs_no_more_than_a_window() -> None:
    sim = Simulation(DeliveryPolicy(group_interval_seconds=0.0))
    for number in range(18):
        sim.put(failure(f"a{number}"))
        sim.drain()
    sim.clock.now -= 3600
    sim.put(failure("later", at=START - 3000))
    result = sim.drain()
    assert result.again_at is not None
    assert result.again_at <= sim.clock.now + 65
    sim.clock.now = result.again_at
    assert sim.drain().messages == 1


def test_a_clock_that_was_set_back_does_not_prolong_a_hold() -> None:
    sim = Simulation()
    sim.ledger().throttle(sim.clock.now, 600.0, "130101")
    sim.clock.now -= 86_400
    sim.put(failure("a1"))
    assert sim.drain().again_at == sim.clock.now + 600


def test_the_overflow_count_is_reported_once() -> None:
    sim = Simulation()
    sim.storage.overflow_count = 5321
    sim.put(failure("a1"))
    sim.drain()
    sim.put(failure("a2"))
    sim.drain(60.0)
    assert [each.notes["overflow_count"] for each in sim.chat.shown] == [5321, 0]


def test_an_alert_that_cannot_be_read_is_kept_for_people() -> None:
    sim = Simulation()
    sim.storage.records["alert", "k9"] = json.dumps("{broken")
    sim.put(failure("a1"))
    sim.drain(60.0)
    assert sim.chat.keys == ["a1"]
    assert [(each.key, each.alert, each.problem) for each in sim.ledger().dead_letters.all] == [
        ("k9", None, "unreadable")
    ]


class SmallSteps(MemoryBook):
    """A book that fails when many alerts are removed at once, as a callback's on a busy disk."""

    def remove_arrivals(self, tickets: Iterable[str]) -> None:
        tickets = list(tickets)
        if len(tickets) > 250:
            raise OutboxError("it took too long")
        super().remove_arrivals(tickets)


def test_mailboxes_are_emptied_in_small_steps(caplog: pytest.LogCaptureFixture) -> None:
    sim = Simulation()
    sim.put(*failures(1_200))
    sim.storage.overflow_count = 7
    result = sim.drain(book=SmallSteps(sim.storage, sim.clock.time))
    assert (result.alerts, result.left) == (1_200, 0)
    assert sim.storage.mail == {}
    assert sim.chat.shown[-1].notes["overflow_count"] == 7
    assert sim.storage.overflow_count == 0
    assert "can't be removed" not in caplog.text


# ---------------------------------------------------------------------------------------------------- hints


def test_the_hint_about_local_links_is_shown_once_a_day() -> None:
    """To the whole group, by whichever leader, and not in each alert."""
    sim = Simulation()
    for number, wait in enumerate((0.0, 30.0, 3600.0, 86_400.0)):
        sim.clock.advance(wait)
        sim.put(failure(f"a{number}", facts={"is_local_link": True}))
        sim.drain()
    assert [each.notes["hints"] for each in sim.chat.shown] == [["local_links"], [], [], ["local_links"]]


def test_a_hint_that_did_not_arrive_is_shown_again() -> None:
    """What counts is the message that was sent."""
    sim = Simulation()
    sim.robot.answers = lambda content: (
        SendResult(SendStatus.REJECTED, "430102") if content["keys"] == ["a1"] and "names_only" not in content else None
    )
    sim.put(failure("a1", facts={"is_local_link": True}))
    sim.drain()
    sim.clock.advance(60.0)
    sim.put(failure("a2", facts={"is_local_link": True}))
    sim.drain()
    assert [each.notes.get("hints") for each in sim.chat.shown if each.keys == ("a2",)] == [["local_links"]]


def test_an_alert_without_local_links_gets_no_hint() -> None:
    sim = Simulation()
    sim.put(failure("a1"))
    sim.drain()
    assert sim.chat.shown[0].notes["hints"] == []
