"""``dingpush baselines``: what must be done by when today, when it is expected, and how much time is left."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.cli.json_output import iso_time, print_json
from airflow_provider_dingpush.cli.parsing import Pair, Parser, UsageError
from airflow_provider_dingpush.cli.rules_file import rules_file
from airflow_provider_dingpush.cli.screen import Screen, Texts, print_table
from airflow_provider_dingpush.cli.standard_output import answers
from airflow_provider_dingpush.oncall.baselines import Outlook
from airflow_provider_dingpush.pipeline.baseline_text import margin_text, state_text
from airflow_provider_dingpush.pipeline.baselines import look_at
from airflow_provider_dingpush.pipeline.composing import local_zone
from airflow_provider_dingpush.pipeline.routes import rules_in
from airflow_provider_dingpush.timeouts import Deadline

if TYPE_CHECKING:
    from airflow_provider_dingpush.oncall.baselines import BaselineDay, Forecast

_FAR_AWAY: Pair = ("{option}: a year from 2000 to 2200", "{option}：年份应在 2000 到 2200 之间")
_YEARS = range(2000, 2201)
_LOOK_SECONDS = 30.0
_NO_VALUE = "–"

_TEXTS: Texts = {
    "now": ("Baselines at {time}:", "{time} 的基线："),
    "baseline": ("Baseline", "基线"),
    "due": ("Due", "时限"),
    "expected": ("Expected", "预计"),
    "p90": ("p90", "p90 时间"),
    "margin": ("Time left", "余量"),
    "state": ("State", "状态"),
    "done": ("{clock} (done)", "{clock}（已完成）"),
    "none": (
        '{file} has no baselines. Add some, such as {{name: report, dags: report_daily, due: "08:30"}}.',
        '{file} 中没有 baselines。请添加，例如 {{name: report, dags: report_daily, due: "08:30"}}。',
    ),
}
_STYLES = {
    Outlook.AT_RISK: "yellow",
    Outlook.BREACHED: "red",
    Outlook.MET_LATE: "yellow",
    Outlook.MET: "green",
    Outlook.ON_TIME: "green",
}


def run(parsed: argparse.Namespace) -> int:
    """Show today's baselines; 1 if the file has none.

    :raises UsageError: if there is no rules file, or the time is too far away.
    :raises RulesFileError: if the file can't be read, or has mistakes.
    :raises OutboxError: if what is noted of runs can't be read.
    """
    parser: Parser = parsed.parser
    zone = local_zone()
    if parsed.at is not None and parsed.at.year not in _YEARS:
        raise UsageError(parser.text(_FAR_AWAY, option="--at"))
    now = time.time() if parsed.at is None else _in_zone(parsed.at, zone).timestamp()
    file = rules_file(parsed.file, parser)
    rules = rules_in(file)
    days = look_at(rules, now, Deadline.after(_LOOK_SECONDS)) if rules.baselines else ()
    if parsed.as_json:
        print_json({"file": str(file), "at": iso_time(now, zone), "baselines": [_plain(each) for each in days]})
    else:
        _print(days, file, now, zone, Screen(parsed.language, _TEXTS))
    return 0 if rules.baselines else 1


def _in_zone(moment: datetime, zone: tzinfo) -> datetime:
    # A time without a zone is one of the site.
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _print(days: Sequence[BaselineDay], file: Path, now: float, zone: tzinfo, screen: Screen) -> None:
    if not days:
        screen.line("none", file=file)
        return
    screen.line("now", time=f"{datetime.fromtimestamp(now, zone):%Y-%m-%d %H:%M} ({zone})")
    print(file=answers())
    names = ["baseline", "due", "expected", "p90", "margin", "state"]
    styles = [_STYLES.get(each.outlook, "") for each in days]
    print_table([screen.text(each) for each in names], [_row(each, now, screen) for each in days], styles)


def _row(day: BaselineDay, now: float, screen: Screen) -> tuple[str, ...]:
    name = day.baseline.name
    if day.outlook is Outlook.NOT_DUE:
        return name, *[_NO_VALUE] * 4, day.outlook.in_language(screen.language)

    def clock(at: float | None) -> str:
        """The time of the day, with the day if it isn't that of the baseline."""
        if at is None:
            return _NO_VALUE
        moment = datetime.fromtimestamp(at, day.baseline.zone)
        return f"{moment:%H:%M}" if moment.date() == day.day else f"{moment:%m-%d %H:%M}"

    expected = screen.text("done", clock=clock(day.expected)) if day.is_done else clock(day.expected)
    worst = _NO_VALUE if day.is_done else clock(day.worst)
    return name, clock(day.due), expected, worst, _margin(day, screen), state_text(day, screen.language, now=now)


def _margin(day: BaselineDay, screen: Screen) -> str:
    return _NO_VALUE if day.margin_seconds is None else margin_text(day.margin_seconds, screen.language)


def _plain(day: BaselineDay) -> dict[str, Any]:
    baseline = day.baseline

    def moment(at: float | None) -> str | None:
        return iso_time(at, baseline.zone)

    is_due = day.outlook is not Outlook.NOT_DUE
    return {
        "name": baseline.name,
        "day": day.day.isoformat(),
        "due": moment(day.due) if is_due else None,
        "state": day.outlook.value,
        "expected": moment(day.expected),
        "p90": moment(day.worst),
        "time_left_seconds": None if day.margin_seconds is None else round(day.margin_seconds),
        "margin_seconds": baseline.margin_seconds,
        "estimate": baseline.estimate.value,
        "waits_for": day.late_upstream,
        "outputs": [_plain_output(each, baseline.zone) for each in day.forecasts],
    }


def _plain_output(forecast: Forecast, zone: tzinfo) -> dict[str, Any]:
    run, usual = forecast.run, forecast.usual
    return {
        "kind": forecast.output.kind.value[:-1],
        "name": forecast.output.text,
        "progress": forecast.progress.value,
        "expected": iso_time(forecast.expected, zone),
        "p90": iso_time(forecast.worst, zone),
        "run_id": run.run_id if run and forecast.output.dag_id else None,
        "started": iso_time(run.started, zone) if run else None,
        "usual_start": iso_time(forecast.usual_start, zone),
        "usual_seconds": round(usual.took[0]) if usual else None,
        "runs": usual.runs if usual else 0,
        "paused": forecast.is_paused,
    }
