"""What messages say about withheld alerts and about P1, and how the rules of alerts divide a digest."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.alerts.composer import Composer, ReceiverSettings
from airflow_provider_dingpush.alerts.digest_notes import Notes, WithheldNote
from airflow_provider_dingpush.messages import Markdown

AT = 1_796_061_600.0  # 2026-12-01 02:00 in Shanghai
HELD = WithheldNote("held", "night", 12, AT - 3_600, AT, is_over=True)
SILENCED = WithheldNote("silenced", "etl_*（dba 停机维护）", 3, AT - 600, AT + 7_200)


class _Channel:
    text_bytes, misaddressed = 18_000, False

    def check(self, message: Any, *, language: str) -> None:
        """It carries everything."""


def failure(task_id: str, dag_id: str = "ods", at: float = AT, **given: Any) -> Alert:
    facts = {"task_id": task_id, "task_name": task_id, "dag_name": dag_id, **given.pop("facts", {})}
    return Alert(task_id, Mailbox("c"), "task_failed", at, dag_id, "r", task_id, facts=facts, **given)  # type: ignore[arg-type]


def composed(*alerts: Alert, language: str = "zh", withheld: tuple[WithheldNote, ...] = ()) -> Markdown:
    settings = ReceiverSettings(language, ZoneInfo("Asia/Shanghai"))
    composer = Composer(_Channel(), settings, lambda alert: alert, str)
    message, _ = composer(alerts, Notes(number="3f9a", withheld=withheld))
    assert isinstance(message, Markdown)
    return message


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "zh",
            [
                "静默 3 条：etl\\_\\*（dba 停机维护），至 04:00",
                "免打扰时段已结束：night；01:00 起暂缓的 12 条列在这里",
            ],
        ),
        (
            "en",
            [
                "silenced: 3 alerts, etl\\_\\*（dba 停机维护）, until 04:00",
                "quiet hours ended: night; 12 alerts held since 01:00 are listed here",
            ],
        ),
    ],
)
def test_a_digest_says_what_is_and_what_was_withheld(language: str, expected: list[str]) -> None:
    text = composed(failure("a"), failure("b"), language=language, withheld=(HELD, SILENCED)).text
    assert [each for each in expected if each not in text] == []


def test_a_single_alert_stays_whole_beside_it() -> None:
    facts = {"exception_type": "TimeoutError", "exception_text": "orders-db"}
    text = composed(failure("a", facts=facts), withheld=(SILENCED,)).text
    assert "> TimeoutError: orders\\-db" in text or "> TimeoutError: orders-db" in text
    assert text.endswith("静默 3 条：etl\\_\\*（dba 停机维护），至 12-01 04:00")


def test_p1_stands_out_and_comes_first() -> None:
    alone = composed(failure("pay", "core", facts={"severity": "P1"}))
    assert alone.title.startswith("[P1] 失败")
    assert alone.text.startswith("### 🚨 ")
    many = [failure(f"t{number}", at=AT + number) for number in range(5)]
    urgent = failure("pay", "core", AT + 9, facts={"severity": "P1"})
    digest = composed(*many, failure("x", "ads"), urgent)
    assert digest.title.startswith("[P1] ")
    lines = digest.text.splitlines()
    first = next(line for line in lines if line.startswith(("- ", "#### ")))
    assert first.startswith("- 🚨 P1 **core**")


def test_what_is_not_urgent_or_is_over_does_not_stand_out() -> None:
    assert "🚨" not in composed(failure("a", facts={"severity": "P2"})).text
    assert "级别：P2" in composed(failure("a", facts={"severity": "P2"})).text
    over = Alert("k", Mailbox("c"), "task_succeeded", AT, "d", resolved=True, facts={"severity": "P1"})  # type: ignore[arg-type]
    assert "🚨" not in composed(over, failure("b")).text


def test_a_digest_is_divided_as_all_its_rules_say() -> None:
    rule = {"name": "r", "group_by": ["owner"]}
    several = [failure(f"t{number}", owners=(f"o{number % 2}",), rule=rule) for number in range(4)]
    assert "#### o0" in composed(*several).text
    assert "#### o0" not in composed(*several, failure("other")).text
