"""What people do with dead letters, while others send."""

from __future__ import annotations

from airflow_provider_dingpush.pipeline.dead_letters import LetterAction, handle_letters
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.sandbox import Sandbox
from tests.web.page_data import dead_letter


def test_only_those_that_are_meant_are_changed(connected: Sandbox, unhurried: None) -> None:
    box = outbox()
    for task_id in ("one", "two"):
        dead_letter(task_id)
    [receiver_id] = box.receivers()
    listed = handle_letters(box, receiver_id, LetterAction.LIST, lambda _: True)
    assert listed is not None
    assert len(listed) == 2
    first = listed[0].key
    assert handle_letters(box, receiver_id, LetterAction.DROP, lambda one: one.key == first) == [listed[0]]
    assert handle_letters(box, receiver_id, LetterAction.RETRY, lambda _: True) == [listed[1]]
    assert handle_letters(box, receiver_id, LetterAction.LIST, lambda _: True) == []


def test_another_leader_is_not_waited_for_longer_than_that(connected: Sandbox, unhurried: None) -> None:
    dead_letter()
    box = outbox()
    [receiver_id] = box.receivers()
    with box.leadership(receiver_id):
        assert handle_letters(box, receiver_id, LetterAction.DROP, lambda _: True, seconds=0.0) is None
