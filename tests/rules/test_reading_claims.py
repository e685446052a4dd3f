"""For which rules ``ack: read`` can do anything: DingTalk tells who has read what named people got."""

from __future__ import annotations

from datetime import timezone

import pytest

from airflow_provider_dingpush.rules.reading import read_rules
from airflow_provider_dingpush.rules.rule_set import Rule

FILE = """\
people: [{name: zhangsan, user_id: u1}]
rotations: [{name: primary, people: zhangsan}]
rules: [{receiver: a, RULE, ack: read}]
"""
GROUP = "escalate: [{after: 5m, to: group}, {after: 9m, ding: phone, who: on_call}]"


def rule(text: str) -> Rule:
    file = FILE.replace("RULE", text)
    return read_rules(file, "r", zone=timezone.utc, read_file=str, group_labels=()).rules[0]


@pytest.mark.parametrize(
    ("to", "is_read"),
    [
        ("to: {user_ids: [u1]}, ", True),
        ("to: on_call, ", True),
        ("to: {work_notification: {user_ids: [u1]}}, ", True),
        ("to: {work_notification: {department_ids: [1]}}, ", False),
        ("to: {work_notification: {everyone: true}}, ", False),
        ("to: cidAbc==, ", False),
        ("", False),
    ],
)
def test_the_alert_itself(to: str, is_read: bool) -> None:
    found = rule(to + GROUP)
    assert found.reading_claims is is_read
    assert found.sends_what_is_read is is_read


@pytest.mark.parametrize("step", ["to: on_call", "ding: app, who: on_call"])
def test_a_step(step: str) -> None:
    found = rule(f"escalate: [{{after: 5m, {step}}}]")
    assert not found.reading_claims
    assert found.sends_what_is_read
