"""Whether the message or the receiver is the cause of a refusal for an unknown reason."""

from __future__ import annotations

import json

import pytest

from airflow_provider_dingpush.delivery.refusals import Refusals
from tests.delivery.simulation import Simulation

Refused = tuple[str, str]


def after(*messages: Refused) -> Refusals:
    """The refusals after these messages were refused: each a code, and the keys of its alerts."""
    refusals = Refusals()
    for code, keys in messages:
        refusals = Refusals.from_record(json.loads(json.dumps(refusals.with_one(code, keys).to_record())))
    return refusals


@pytest.mark.parametrize(
    ("messages", "of_receiver"),
    [
        ([("7", "a")], False),
        ([("7", "a"), ("7", "a")], False),
        ([("7", "abcd"), ("7", "ab")], False),
        ([("7", "abcd"), ("7", "ab"), ("7", "a")], False),
        # Two halves may each have a refused alert; two single alerts prove it.
        ([("7", "abcd"), ("7", "ab"), ("7", "cd")], False),
        ([("7", "abcd"), ("7", "ab"), ("7", "cd"), ("7", "a")], True),
        ([("7", "ab"), ("7", "a"), ("7", "b")], True),
        ([("7", "a"), ("7", "b")], True),
        ([("7", "a"), ("8", "b")], False),
        ([("7", "a"), ("8", "b"), ("7", "c")], True),
        ([("7", "a"), ("7", "bc")], False),
        ([("7", "abcdefgh"), ("7", "abcd"), ("7", "efgh"), ("7", "ab"), ("7", "cd")], False),
        ([("7", "abcdefgh"), ("7", "abcd"), ("7", "efgh"), ("7", "ab"), ("7", "cd"), ("7", "ef")], True),
        ([("7", "a"), ("7", "b"), ("8", "c")], True),
        # Another code each time.
        ([(str(number), "abcdefghijk"[number]) for number in range(11)], False),
        ([(str(number), "abcdefghijkl"[number]) for number in range(12)], True),
        ([(str(number), "a") for number in range(20)], False),
    ],
    ids=lambda each: "-".join(code + keys for code, keys in each) if isinstance(each, list) else None,
)
def test_the_receiver_is_the_cause_when_another_message_is_refused(messages: list[Refused], of_receiver: bool) -> None:
    refusals = after(*messages)
    assert refusals.of_receiver is of_receiver
    assert refusals.keys == {key for _, keys in messages for key in keys} or refusals.keys < set("abcdefghijkl")


def test_proven_alerts_are_remembered_and_are_no_sign_of_the_receiver() -> None:
    refusals = Refusals().with_proven("a").with_one("7", "b")
    assert not refusals.of_receiver
    assert refusals.keys == {"a", "b"}


def test_an_answer_about_the_receiver_needs_no_second_message() -> None:
    assert Refusals().with_one("7", "a", of_receiver=True).of_receiver


def test_a_receiver_without_a_record_has_no_refusals() -> None:
    assert Simulation().ledger().refusals == Refusals()
