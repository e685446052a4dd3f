"""How a baseline of today reads: the same in the command and on the page."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_dingpush.oncall.baselines import BaselineDay, Forecast, Outlook, Progress
from airflow_provider_dingpush.oncall.run_history import Run, Usual
from airflow_provider_dingpush.pipeline.baseline_text import margin_text, state_text
from airflow_provider_dingpush.rules.baselines import Baseline, Output, OutputKind
from airflow_provider_dingpush.rules.time_intervals import TimeInterval

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 6, 10, 8, 0, tzinfo=SHANGHAI).timestamp()
REPORT, CITY = (Output(OutputKind.DAG, name, name) for name in ("report", "city"))
RUN = Run("r", "scheduled", NOW - 3_600)
RUNNING = Forecast(REPORT, Progress.RUNNING, NOW, NOW, RUN, None, False, Usual(9, (5, 9), (4_800, 5_400)))
WAITING = Forecast(CITY, Progress.WAITING, NOW, NOW, None, NOW + 600)
DONE = Forecast(CITY, Progress.DONE, NOW, NOW, RUN)
DAY = BaselineDay(
    Baseline("daily", (REPORT, CITY), 510, TimeInterval(zone=SHANGHAI)), date(2026, 6, 10), NOW + 1_800, Outlook.ON_TIME
)


@pytest.mark.parametrize(
    ("outlook", "forecasts", "upstream", "texts"),
    [
        (
            Outlook.ON_TIME,
            (RUNNING, WAITING),
            None,
            (
                "on time (report: running since 07:00, usually takes 1h 20m)",
                "正常（report：07:00 开始运行，通常耗时 1 小时 20 分）",
            ),
        ),
        (
            Outlook.AT_RISK,
            (DONE, WAITING),
            "ods",
            (
                "at risk (waits for ods; city: has not started; usually starts at 08:10)",
                "有延误风险（正在等待 ods；city：尚未启动，通常 08:10 启动）",
            ),
        ),
        (Outlook.ON_TIME, (DONE, WAITING), None, ("on time", "正常")),
        (Outlook.MET, (DONE,), None, ("done in time", "已按时完成")),
        (Outlook.NOT_DUE, (), None, ("not due today", "今天不要求")),
    ],
)
def test_a_state_says_what_it_waits_for(
    outlook: Outlook, forecasts: tuple[Forecast, ...], upstream: str | None, texts: tuple[str, str]
) -> None:
    day = replace(DAY, outlook=outlook, forecasts=forecasts, late_upstream=upstream)
    assert (state_text(day, "en", now=NOW), state_text(day, "zh", now=NOW)) == texts


@pytest.mark.parametrize(
    ("seconds", "texts"),
    [
        (5_100.0, ("1h 25m", "1 小时 25 分")),
        (659.0, ("10m", "10 分")),
        (-600.0, ("-10m", "-10 分")),
        (-59.0, ("<1m", "不到 1 分")),
        (-90_000.0, ("-1d 1h", "-1 天 1 小时")),
    ],
)
def test_a_margin_is_in_whole_minutes(seconds: float, texts: tuple[str, str]) -> None:
    assert (margin_text(seconds, "en"), margin_text(seconds, "zh")) == texts
