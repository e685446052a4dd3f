"""``dingpush incidents``: what is open, since when, and who takes care of it."""

from __future__ import annotations

import argparse
import time

from airflow_provider_dingpush.cli.json_output import print_json
from airflow_provider_dingpush.cli.plain_incidents import COLUMNS, INCIDENT_TEXTS, cells_of, plain_incident
from airflow_provider_dingpush.cli.screen import Screen, Texts, print_table
from airflow_provider_dingpush.pipeline.incidents import Incident, leading, of_all, outboxes_of
from airflow_provider_dingpush.pipeline.store_flush import stores_for_commands

COMMAND_SECONDS = 30.0

_TEXTS: Texts = {
    **INCIDENT_TEXTS,
    "none": ("Nothing is open: every failure has recovered.", "当前没有未恢复的故障。"),
    "more": (
        "… and {count} more, less urgent or more recent; --limit 0 lists all of them.",
        "……另有 {count}，级别较低或时间较近；--limit 0 可列出全部。",
    ),
    "total": ("{open}, of which {claimed} claimed.", "{open}，其中 {claimed} 个已认领。"),
    "how": ("To claim one: dingpush ack {id}", "认领：dingpush ack {id}"),
}


def run(parsed: argparse.Namespace) -> int:
    """Print the open incidents, the most urgent first."""
    incidents = open_incidents(time.monotonic() + COMMAND_SECONDS, parsed.conn_id)
    if parsed.as_json:
        print_json({"incidents": [plain_incident(each) for each in incidents]})
        return 0
    screen = Screen(parsed.language, _TEXTS)
    if not incidents:
        screen.line("none")
        return 0
    shown = incidents[: parsed.limit or len(incidents)]
    print_table([screen.text(each) for each in COLUMNS], [cells_of(each, screen) for each in shown])
    if len(incidents) > len(shown):
        screen.line("more", count=screen.count(len(incidents) - len(shown), "incident"))
    claimed = sum(each.claim is not None for each in incidents)
    screen.line("total", open=screen.count(len(incidents), "open incident"), claimed=f"{claimed:,}")
    unclaimed = next((each for each in leading(incidents) if each.claim is None), None)
    if unclaimed is not None:
        screen.line("how", id=unclaimed.short_id)
    return 0


def open_incidents(until: float, conn_id: str | None = None) -> list[Incident]:
    """The open incidents of all stores of this machine, the most urgent first.

    :param until: the deadline, in seconds of ``time.monotonic``.
    :param conn_id: only those whose alerts go to this connection.
    :raises OutboxError: if they can't be read.
    """
    every = of_all(outboxes_of(stores_for_commands(until))).values()
    found = (each for _, each in every if conn_id in (None, each.failure.conn_id))
    return sorted(found, key=lambda each: each.order)
