"""What is said of a baseline, in both languages, and to whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_dingpush.alerts.airflow_site import AirflowSite
from airflow_provider_dingpush.events import Event, Urgency
from airflow_provider_dingpush.oncall.baselines import BaselineDay, Forecast, Notice, Outlook, Progress
from airflow_provider_dingpush.oncall.run_history import Run, RunHistory, Usual
from airflow_provider_dingpush.pipeline.baseline_alerts import facts_of, output_text, routes_of_baseline, text_of
from airflow_provider_dingpush.pipeline.routes import Route
from airflow_provider_dingpush.rules.baselines import Baseline, Output, OutputKind
from airflow_provider_dingpush.rules.time_intervals import TimeInterval

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 6, 10)
REPORT = Output(OutputKind.DAG, "report", "report")
USUAL = Usual(30, (5, 9), (4_800, 5_400))
WHOLE = Baseline("销售日报", (REPORT,), 510, TimeInterval(zone=SHANGHAI))
SITE = AirflowSite("https://airflow.example.com", timezone="UTC")


def at(clock: str, day: int = 10) -> float:
    return datetime.fromisoformat(f"2026-06-{day:02}T{clock}").replace(tzinfo=SHANGHAI).timestamp()


def run(clock: str = "07:21", **more: Any) -> Run:
    return Run("r", "scheduled", at(clock))._replace(**more)


def moment(clock: str | None) -> float | None:
    return None if clock is None else at(clock)


def day(
    outlook: Outlook,
    *forecasts: Forecast,
    expected: str | None = "08:41",
    worst: str | None = "09:10",
    late_upstream: str | None = None,
) -> BaselineDay:
    ordinary = Forecast(REPORT, Progress.RUNNING, at("08:41"), at("09:10"), run(), None, False, USUAL)
    return BaselineDay(
        WHOLE,
        DAY,
        at("08:30"),
        outlook,
        moment(expected),
        moment(worst),
        forecasts or (ordinary,),
        late_upstream,
    )


def said(standing: BaselineDay, notice: Notice, language: str, now: str = "08:10") -> list[str]:
    return text_of(standing, notice, language, now=at(now), zone=SHANGHAI).splitlines()


@pytest.mark.parametrize(
    ("standing", "notice", "english", "chinese"),
    [
        (
            day(Outlook.AT_RISK),
            Notice.AT_RISK,
            "Expected at 08:41, in 9 of 10 cases by 09:10; due at 08:30.",
            "预计 08:41 完成，九成情况下不晚于 09:10；时限 08:30。",
        ),
        (
            day(Outlook.AT_RISK, expected="08:10"),
            Notice.AT_RISK,
            "It takes longer than usual and may be done at any time, in 9 of 10 cases by 09:10; due at 08:30.",
            "已超出通常耗时，随时可能完成，九成情况下不晚于 09:10；时限 08:30。",
        ),
        (
            day(Outlook.AT_RISK, expected="08:10", worst="08:10"),
            Notice.AT_RISK,
            "It takes longer than nine of ten runs, so its end can't be foreseen; due at 08:30.",
            "耗时已超过历史上九成的运行，无法预计完成时间；时限 08:30。",
        ),
        (
            day(Outlook.AT_RISK, expected=None, worst=None),
            Notice.AT_RISK,
            "Too few runs so far to expect an end; due at 08:30.",
            "历史运行太少，无法预计完成时间；时限 08:30。",
        ),
        (
            day(Outlook.BREACHED),
            Notice.BREACHED,
            "It was due at 08:30 and isn't done. Expected at 08:41, in 9 of 10 cases by 09:10.",
            "已过时限 08:30，仍未完成。预计 08:41 完成，九成情况下不晚于 09:10。",
        ),
        (
            day(Outlook.BREACHED, expected=None, worst=None),
            Notice.BREACHED,
            "It was due at 08:30 and isn't done. Too few runs so far to expect an end.",
            "已过时限 08:30，仍未完成。历史运行太少，无法预计完成时间。",
        ),
        (
            day(Outlook.MET, expected="08:12"),
            Notice.MET,
            "Done at 08:12, 18m before it was due (08:30).",
            "08:12 完成，比时限（08:30）提前 18 分。",
        ),
        (
            day(Outlook.MET_LATE),
            Notice.MET,
            "Done at 08:41, 11m after it was due (08:30).",
            "08:41 完成，比时限（08:30）晚 11 分。",
        ),
    ],
)
def test_what_is_said_first(standing: BaselineDay, notice: Notice, english: str, chinese: str) -> None:
    assert said(standing, notice, "en")[0] == english
    assert said(standing, notice, "zh")[0] == chinese


ASSET = Output(OutputKind.ASSET, "s3://orders")


@pytest.mark.parametrize(
    ("forecast", "english", "chinese"),
    [
        (
            Forecast(REPORT, Progress.RUNNING, run=run(), usual=USUAL),
            "report: running since 07:21, usually takes 1h 20m",
            "report：07:21 开始运行，通常耗时 1 小时 20 分",
        ),
        (Forecast(REPORT, Progress.RUNNING, run=run()), "report: running since 07:21", "report：07:21 开始运行"),
        (
            Forecast(REPORT, Progress.FAILED, run=run(ended=at("23:12", 9)), usual=USUAL),
            "report: its run failed at 06-09 23:12; a run takes 1h 20m",
            "report：运行已于 06-09 23:12 失败；一次运行耗时 1 小时 20 分",
        ),
        (
            Forecast(REPORT, Progress.NOT_STARTED, usual_start=at("06:00"), usual=USUAL),
            "report: has not started; usually starts at 06:00",
            "report：尚未启动，通常 06:00 启动",
        ),
        (Forecast(REPORT, Progress.NOT_STARTED), "report: has not started", "report：尚未启动"),
        (
            Forecast(ASSET, Progress.NOT_STARTED, usual_start=at("06:00")),
            "s3://orders: has not been updated; usually is at 06:00",
            "s3://orders：尚未更新，通常 06:00 更新",
        ),
        (Forecast(ASSET, Progress.NOT_STARTED), "s3://orders: has not been updated", "s3://orders：尚未更新"),
    ],
)
def test_how_far_an_output_is(forecast: Forecast, english: str, chinese: str) -> None:
    standing = day(Outlook.AT_RISK, forecast)
    for language, text in (("en", english), ("zh", chinese)):
        assert output_text(standing, forecast, language, now=at("08:10"), zone=SHANGHAI) == text
        assert said(standing, Notice.AT_RISK, language)[1:] == [text]


def test_tasks_that_are_under_way_are_named() -> None:
    forecast = Forecast(REPORT, Progress.RUNNING, run=Run("r1", "scheduled", at("07:05")), tasks=("b", "c", "d", "e"))
    standing = day(Outlook.AT_RISK, forecast)
    texts = [output_text(standing, forecast, each, now=at("08:10"), zone=SHANGHAI) for each in ("en", "zh")]
    assert texts == ["report: running since 07:05; now at b, c, d…", "report：07:05 开始运行，当前任务：b、c、d…"]


def test_the_latest_outputs_are_named_first_and_the_others_counted() -> None:
    ends = ["08:20", "08:50", None, "08:40", "08:45"]
    forecasts = [
        Forecast(Output(OutputKind.DAG, f"d{each}", f"d{each}"), Progress.RUNNING, moment(end), None, run())
        for each, end in enumerate(ends)
    ]
    done = Forecast(REPORT, Progress.DONE, at("08:00"), at("08:00"), run())
    standing = day(Outlook.AT_RISK, done, *forecasts, late_upstream="ods")
    assert said(standing, Notice.AT_RISK, "en")[1:] == [
        "It waits for ods.",
        "d2: running since 07:21",
        "d1: running since 07:21",
        "d4: running since 07:21",
        "… and 2 more",
    ]
    assert said(standing, Notice.AT_RISK, "zh")[1] == "正在等待 ods。"
    assert said(standing, Notice.AT_RISK, "zh")[-1] == "……另有 2 项"


def test_its_facts() -> None:
    history = RunHistory(owners=("zhangsan",), tags=("finance", "severity:P3"))
    standing = replace(day(Outlook.AT_RISK), baseline=replace(WHOLE, severity=Urgency.P1))
    facts = facts_of(standing, Notice.AT_RISK, {"report": history}, now=at("08:10"), site=SITE)
    assert (facts.event, facts.dag_id, facts.dag_name, facts.baseline) == (
        Event.BASELINE_AT_RISK,
        "",
        "销售日报",
        "销售日报",
    )
    assert (facts.owners, facts.tags, facts.severity) == (("zhangsan",), ("finance", "severity:P1"), "P1")
    assert (facts.late_seconds, facts.occurrence, facts.baseline_dags) == (-1_200, "2026-06-10", ("report",))
    assert facts.deadline_at is not None
    assert facts.deadline_at.isoformat() == "2026-06-10T08:30:00+08:00"
    assert facts.run_url == SITE.run_url("report", "r")
    unknown = facts_of(
        day(Outlook.AT_RISK, Forecast(ASSET, Progress.NOT_STARTED)), Notice.AT_RISK, {}, now=0, site=SITE
    )
    assert (unknown.run_url, unknown.severity, unknown.owners) == (None, None, ())


def test_its_own_receiver() -> None:
    facts = facts_of(day(Outlook.AT_RISK), Notice.AT_RISK, {}, now=at("08:10"), site=SITE)
    mine = replace(WHOLE, receiver="boss", language="en")
    (route,) = routes_of_baseline(mine, facts)
    assert isinstance(route, Route)
    assert (route.conn_id, route.language, route.rule.name) == ("boss", "en", "baseline 销售日报")
    alert = route.alert(facts, at=at("08:10"))
    assert (alert.dag_id, alert.opens_incident, alert.run_id) == ("baseline 销售日报", True, None)


def test_its_receiver_mentions_whoever_is_on_call() -> None:
    """Who that is, is looked up when the alert is sent."""
    facts = facts_of(day(Outlook.AT_RISK), Notice.AT_RISK, {}, now=at("08:10"), site=SITE)
    (route,) = routes_of_baseline(replace(WHOLE, receiver="boss", on_call=("primary",)), facts)
    assert route.rule.on_call == ("primary",)
    (other,) = routes_of_baseline(replace(WHOLE, receiver="boss"), facts)
    assert other.rule.on_call is None
