"""The report as a message: complete, short enough for any channel, safe as Markdown, in both languages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_dingpush.alerts.open_failure import OpenFailure
from airflow_provider_dingpush.messages.sizes import json_bytes
from airflow_provider_dingpush.oncall.claims import Claim
from airflow_provider_dingpush.oncall.report import Figures
from airflow_provider_dingpush.pipeline.incidents import Incident
from airflow_provider_dingpush.pipeline.report import ReceiverReport, Report
from airflow_provider_dingpush.pipeline.report_text import open_message, report_message

NOW = 1_790_000_000.0
NAMES = tuple((f"dag_{number}_" + "x" * 40, 90 - number) for number in range(30))
OPEN = tuple(
    Incident(
        f"{number:024x}",
        OpenFailure("task_failed", NOW - 7_200, NOW, dag_id=f"dag_{number}", task_id="load", severity="P1"),
        Claim("zhang*san", NOW) if number % 2 else None,
    )
    for number in range(20)
)
REPORT = Report(
    NOW - 7 * 86_400,
    NOW,
    NOW - 86_400,
    Figures(123, 45, NAMES, NAMES, NAMES, 754.0, 190.0, 7),
    OPEN,
    (ReceiverReport(("dingtalk_default",), 34, 56, 1_204, 3_000, 8),),
    3,
    2,
)
NOTHING = Report(NOW - 86_400, NOW, None, Figures(), (), (), 0, 0)


@pytest.mark.parametrize(
    ("language", "parts"),
    [
        (
            "en",
            [
                *("Failures: 123", "12m 34s", "claimed: 7", "By DAG", "By owner", "again and again"),
                *("nobody has claimed it", "1,204 / 3,000", "People called by phone: 3", "silences: 2", "and 20 more"),
            ],
        ),
        (
            "zh",
            [
                *("失败 123 次", "12 分 34 秒", "认领 7 个", "按 DAG", "按负责人", "反复失败", "无人认领"),
                *("1,204 / 3,000 条", "电话通知 3 人次", "静默规则 2 条", "另有 20 个"),
            ],
        ),
    ],
)
def test_all_of_it(language: str, parts: list[str]) -> None:
    text = report_message(REPORT, language, at_most_bytes=20_000).text
    for each in parts:
        assert each in text
    assert "zhang\\*san" in text
    assert "dag\\_0" in text


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("most", [1_500, 3_000, 5_000])
def test_it_is_shortened_until_it_fits(language: str, most: int) -> None:
    for message_of in (report_message, open_message):
        assert json_bytes(message_of(REPORT, language, at_most_bytes=most).text) <= most


@pytest.mark.parametrize(
    ("language", "words"), [("en", "No alert has been recorded yet."), ("zh", "尚无任何告警记录。")]
)
def test_before_the_first_alert(language: str, words: str) -> None:
    report = replace(NOTHING, complete_since=NOTHING.until)
    assert report_message(report, language, at_most_bytes=5_000).text.endswith(words)
    assert words not in report_message(NOTHING, language, at_most_bytes=5_000).text


@pytest.mark.parametrize(("language", "words"), [("en", "Nothing is open."), ("zh", "当前没有未恢复的故障。")])
def test_nothing(language: str, words: str) -> None:
    assert words in open_message(NOTHING, language, at_most_bytes=5_000).text
    assert "0" in report_message(NOTHING, language, at_most_bytes=5_000).text
    assert "20" in open_message(REPORT, language, at_most_bytes=5_000).title
