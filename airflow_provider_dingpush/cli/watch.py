"""``dingpush watch``: look at Airflow from outside, and notify of what is unhealthy; for cron or a systemd timer."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from typing import Any

from airflow_provider_dingpush.airflow_compat import airflow_option
from airflow_provider_dingpush.alerts.words import duration_text, words_in
from airflow_provider_dingpush.cli.json_output import error_values, iso_time, print_json
from airflow_provider_dingpush.cli.known_connections import variable_of
from airflow_provider_dingpush.cli.problems import in_one_line
from airflow_provider_dingpush.cli.screen import Screen, Texts
from airflow_provider_dingpush.cli.status import clock
from airflow_provider_dingpush.pipeline.airflow_health import (
    Component,
    Health,
    Observation,
    address_of_airflow,
    shown_address,
)
from airflow_provider_dingpush.pipeline.airflow_health_alerts import Watched, WatchOptions, WatchResult, watch
from airflow_provider_dingpush.pipeline.airflow_health_incidents import Step
from airflow_provider_dingpush.pipeline.composing import local_zone

_TEXTS: Texts = {
    "address": ("Airflow at {address}", "Airflow 地址：{address}"),
    "component": ("{name}: {state}", "{name}：{state}"),
    "healthy": ("healthy", "正常"),
    "alive": ("healthy, last heartbeat {time}", "正常，最近一次心跳 {time}"),
    "flushed": ("runs, last at {time}", "正常，最近一次运行 {time}"),
    "not_run": ("isn't run here", "未使用"),
    "unknown": ("unknown", "未知"),
    "trouble": ("{trouble}{detail}", "{trouble}{detail}"),
    "detail": (" ({detail})", "（{detail}）"),
    "since": ("{state}, since {time} ({duration})", "{state}，始于 {time}（已持续 {duration}）"),
    "wait": ("no alert yet, it must last {patience}", "尚未告警，需持续 {patience}"),
    "alert": ("alert written", "已写入告警"),
    "keep": ("alerted {time}", "已于 {time} 告警"),
    "resolve": ("healthy again, alert written", "恢复正常，已写入告警"),
    "nobody": ("No rule sends this to anybody.", "没有规则把它发给任何人。"),
    "sent": ("{alerts} for {conn_ids}: sent", "{alerts}（{conn_ids}）：已发送"),
    "left": (
        "{alerts} can't be sent now, and will be with the next call.",
        "{alerts}暂时无法发出，下次运行时再发送。",
    ),
    "in_environment": (
        (
            "If Airflow's database is down, the connection can't be read from there: set {variable} for dingpush "
            "watch, or use a secrets backend."
        ),
        "元数据库不可用时无法从中读取连接：请为 dingpush watch 设置环境变量 {variable}，或使用 secrets backend。",
    ),
}
_MARKS = {
    Health.HEALTHY: ("✓", "green"),
    Health.UNHEALTHY: ("✗", "red"),
    Health.NOT_RUN: ("–", "yellow"),
    Health.UNKNOWN: ("–", "yellow"),
}


def run(parsed: argparse.Namespace) -> int:
    """Look once, notify, and print what was found; 0 if everything is healthy and sent, else 1.

    :raises ConnectionSettingsError: if the address of Airflow isn't a URL.
    """
    until = time.monotonic() + parsed.within
    options = WatchOptions(
        address_of_airflow(parsed.url),
        parsed.conn_id,
        parsed.patience,
        parsed.repeat,
        parsed.flush_within,
        frozenset(map(Component, parsed.ignore)),
    )
    result = watch(options, until=until)
    screen = Screen(parsed.language, _TEXTS)
    if parsed.as_json:
        print_json(_plain(options, result))
    else:
        _print(screen, options, result)
    for about, problem in result.problems:
        print(f"dingpush: {about}: {in_one_line(problem, parsed.language)}", file=sys.stderr)
    # Named while it can still be done: once the database is down it is too late.
    for variable in _needed_variables(options, result):
        screen.line("in_environment", variable=variable, error=True)
    return 0 if result.is_fine else 1


def _print(screen: Screen, options: WatchOptions, result: WatchResult) -> None:
    screen.line("address", address=shown_address(options.address))
    for each in result.components:
        text = screen.text("component", name=each.observation.component.title, state=_state(screen, options, each))
        screen.marked(*_MARKS[each.observation.health], text)
    due = [each for each in result.components if each.step in (Step.ALERT, Step.RESOLVE)]
    if due and not result.written and not result.problems:
        screen.line("nobody")
    if result.written and not result.left:
        screen.line("sent", alerts=screen.count(result.written, "alert"), conn_ids=", ".join(result.conn_ids))
    elif result.left:
        screen.line("left", alerts=screen.count(result.left, "alert"))


def _state(screen: Screen, options: WatchOptions, watched: Watched) -> str:
    observation, step, incident = watched
    if observation.health is not Health.UNHEALTHY:
        plain = _plain_state(screen, observation)
        if step is Step.RESOLVE:
            return screen.text("resolve")
        return plain
    words = words_in(screen.language)
    state = words.known("reason", observation.trouble.value) if observation.trouble else screen.text("unknown")
    detail = screen.text("detail", detail=observation.detail) if observation.detail else ""
    parts = [screen.text("trouble", trouble=state, detail=detail)]
    if incident is not None:
        duration = duration_text(time.time() - incident.since, words)
        parts = [screen.text("since", state=parts[0], time=clock(incident.since), duration=duration)]
        told = clock(incident.alerted) if incident.alerted else ""
        patience = duration_text(options.patience_seconds, words)
        parts.append(screen.text(step.value, time=told, patience=patience))
    return words("semicolon").join(parts)


def _plain_state(screen: Screen, observation: Observation) -> str:
    if observation.health is Health.HEALTHY and observation.last_heartbeat is not None:
        name = "flushed" if observation.component is Component.FLUSH else "alive"
        return screen.text(name, time=clock(observation.last_heartbeat))
    return screen.text(observation.health.value)


def _needed_variables(options: WatchOptions, result: WatchResult) -> Iterator[str]:
    """The environment variables that would make this command independent of Airflow's database."""
    if airflow_option("secrets", "backend"):
        return
    for conn_id in sorted({*result.conn_ids, *([options.conn_id] if options.conn_id else [])}):
        if variable_of(conn_id) is None:
            yield f"AIRFLOW_CONN_{conn_id.upper()}"


def _plain(options: WatchOptions, result: WatchResult) -> dict[str, Any]:
    zone = local_zone()
    return {
        "url": shown_address(options.address),
        "healthy": result.is_fine,
        "components": [
            {
                "component": watched.observation.component.value,
                "health": watched.observation.health.value,
                "step": watched.step.value,
                "reason": watched.observation.trouble and watched.observation.trouble.value,
                "detail": watched.observation.detail or None,
                "last_heartbeat_at": iso_time(watched.observation.last_heartbeat, zone),
                "unhealthy_since": iso_time(incident.since, zone) if incident and not incident.is_over else None,
                "alerted_at": iso_time(incident.alerted, zone) if incident and not incident.is_over else None,
            }
            for watched in result.components
            for incident in [watched.incident]
        ],
        "conn_ids": list(result.conn_ids),
        "alerts": result.written,
        "left": result.left,
        "problems": [{"about": about, **error_values(each, str(each))} for about, each in result.problems],
    }
