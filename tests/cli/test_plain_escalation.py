"""The steps of a rule as the commands show them."""

from __future__ import annotations

import pytest

from airflow_provider_dingpush.cli.plain_escalation import plain_steps, steps_in_words
from airflow_provider_dingpush.rules.escalations import Escalation, Step, Way

STEPS = Escalation((Step(0, Way.GROUP), Step(300, Way.APP, ("on_call",)), Step(5_400, Way.PHONE, ("lead", "owner"))))


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "en",
            "message to the group at once, DING in the app after 5m (on_call), phone call after 1h 30m (lead, owner)",
        ),
        ("zh", "立即群消息，5 分后应用内 DING（on_call），1 小时 30 分后电话 DING（lead, owner）"),
    ],
)
def test_in_words(language: str, words: str) -> None:
    assert steps_in_words(STEPS, language) == words


def test_as_data() -> None:
    assert plain_steps(None) == []
    assert plain_steps(STEPS)[1] == {"after_seconds": 300, "way": "app", "who": ["on_call"]}
