"""``dingpush report``: what failed in the last days, how long it lasted, what it cost; on the screen or to a group."""

from __future__ import annotations

import argparse
import time
from typing import Any

from airflow_provider_dingpush.cli.json_output import iso_time, print_json
from airflow_provider_dingpush.cli.parsing import Pair, UsageError
from airflow_provider_dingpush.cli.plain_incidents import plain_incident
from airflow_provider_dingpush.cli.screen import Screen, Texts
from airflow_provider_dingpush.cli.standard_output import answers
from airflow_provider_dingpush.pipeline.composing import local_zone
from airflow_provider_dingpush.pipeline.look_ups import LookUps
from airflow_provider_dingpush.pipeline.report import LONGEST_SECONDS, Report, report_of
from airflow_provider_dingpush.pipeline.report_sends import send_report
from airflow_provider_dingpush.pipeline.report_text import report_message
from airflow_provider_dingpush.pipeline.store_flush import stores_for_commands
from airflow_provider_dingpush.timeouts import Deadline

_SECONDS = 60.0
_SCREEN_BYTES = 1_000_000
_NO_CONNECTION: Pair = (
    "say to which connection: --send --conn-id dingtalk_default",
    "请指明发送到哪个连接：--send --conn-id dingtalk_default",
)
_TOO_LONG: Pair = ("a report goes back 7 days at most", "报告最长为 7 天")
_TEXTS: Texts = {"sent": ("Sent through connection {conn_id}.", "已通过连接 {conn_id} 发送。")}


def run(parsed: argparse.Namespace) -> int:
    """Print the report, or send it.

    :raises UsageError: if no connection is named, or the period is too long.
    """
    if parsed.send and parsed.conn_id is None:
        raise UsageError(parsed.parser.text(_NO_CONNECTION))
    if parsed.since > LONGEST_SECONDS:
        raise UsageError(parsed.parser.text(_TOO_LONG))
    until = time.monotonic() + _SECONDS
    only = None if parsed.send else parsed.conn_id
    report = report_of(stores_for_commands(until), LookUps(Deadline(until)), parsed.since, only)
    if parsed.send:
        send_report(report, parsed.conn_id)
    if parsed.as_json:
        print_json(plain_report(report, sent_through=parsed.conn_id if parsed.send else None))
        return 0
    screen = Screen(parsed.language, _TEXTS)
    if parsed.send:
        screen.marked("✓", "green", screen.text("sent", conn_id=parsed.conn_id))
    else:
        print(_on_screen(report, parsed.language), file=answers(), flush=True)
    return 0


def plain_report(report: Report, *, sent_through: str | None = None) -> dict[str, Any]:
    """The report as ``--json`` shows it.

    :param sent_through: the connection through which it was sent.
    """
    figures, zone = report.figures, local_zone()
    return {
        "since": iso_time(report.since, zone),
        "until": iso_time(report.until, zone),
        "complete_since": iso_time(report.complete_since, zone),
        "failures": figures.failures,
        "recovered": figures.recovered,
        "median_seconds_to_recover": figures.seconds_to_recover,
        "claimed": figures.claimed,
        "median_seconds_to_claim": figures.seconds_to_claim,
        "by_dag": dict(figures.by_dag),
        "by_owner": dict(figures.by_owner),
        "flapping": dict(figures.flapping),
        "open": [plain_incident(each) for each in report.open],
        "receivers": [
            {
                "conn_ids": list(each.conn_ids),
                "messages": each.messages,
                "alerts": each.alerts,
                "sent_this_month": each.this_month,
                "monthly_quota": each.monthly_quota,
                "silenced": each.silenced,
            }
            for each in report.receivers
        ],
        "people_called": report.calls,
        "silences": report.silences,
        "sent_through": sent_through,
    }


def _on_screen(report: Report, language: str) -> str:
    """The message without its Markdown."""
    text = report_message(report, language, at_most_bytes=_SCREEN_BYTES).text
    lines = (line.removeprefix("### ").replace("**", "").replace("\\", "") for line in text.split("\n\n"))
    return "\n".join(lines)
