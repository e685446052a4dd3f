"""``dingpush rules replay``: how many messages each receiver had in the last days, and would have had under a file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow_provider_dingpush.airflow_compat import airflow_option
from airflow_provider_dingpush.cli.json_output import error_values, iso_time, print_json
from airflow_provider_dingpush.cli.screen import Screen, Texts, print_table
from airflow_provider_dingpush.cli.standard_output import answers
from airflow_provider_dingpush.errors import in_language
from airflow_provider_dingpush.pipeline.composing import local_zone
from airflow_provider_dingpush.pipeline.look_ups import LookUps
from airflow_provider_dingpush.pipeline.routes import rules_in
from airflow_provider_dingpush.pipeline.rules_replay import Replay, Replayed, recorded_in
from airflow_provider_dingpush.pipeline.store_flush import stores_for_commands
from airflow_provider_dingpush.timeouts import Deadline

_SECONDS = 120.0
_COLUMNS = "receiver", "had", "would_have"
_TEXTS: Texts = {
    "receiver": ("Receiver", "接收方"),
    "had": ("Had", "实际"),
    "would_have": ("Would have had", "按规则"),
    "by_id": ("receiver {receiver_id}", "接收方 {receiver_id}"),
    "pending": ("{sent}, and {alerts} pending", "{sent}，另有 {alerts}待发送"),
    "unusable": ("can't be used: {problem}", "无法使用：{problem}"),
    "total": ("All", "合计"),
    "about": (
        "{file}, {events} recorded from {since} to {until}. Messages with alerts:",
        "{file}，{since} 至 {until} 记录了 {events}。告警消息数：",
    ),
    "nothing": (
        "No event is recorded from {since} to {until}: nobody was notified of any.",
        "{since} 至 {until} 没有记录任何事件：没有通知过任何人。",
    ),
    "only_since": (
        "Complete only since {since}: the recording began then, or what came before was too much to be kept.",
        "{since} 之后的记录才完整：记录从那时开始，或更早的因数量过多未保留。",
    ),
    "unrecorded": (
        "Events that nobody was notified of are not recorded, so they are missing here.",
        "没有通知任何人的事件不会被记录，因此不在其中。",
    ),
}


@dataclass(frozen=True)
class _Result:
    """All that the command shows.

    :param file: of the rules.
    :param since: messages were counted since then, in seconds since 1970.
    :param until: up to when.
    :param recorded_since: since when the record is complete, in seconds since 1970; ``None`` if there is none.
    :param events: how many events are recorded in that time.
    :param receivers: each of them.
    """

    file: Path
    since: float
    until: float
    recorded_since: float | None
    events: int
    receivers: Sequence[Replayed]

    @property
    def is_cut(self) -> bool:
        """Whether a part of the time isn't recorded."""
        return self.recorded_since is not None and self.recorded_since > self.since

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        zone = local_zone()
        return {
            "file": str(self.file),
            "since": iso_time(self.since, zone),
            "until": iso_time(self.until, zone),
            "complete_since": iso_time(
                None if self.recorded_since is None else max(self.since, self.recorded_since), zone
            ),
            "events": self.events,
            "receivers": [
                {
                    "conn_ids": list(each.conn_ids),
                    "receiver_id": each.receiver_id,
                    "had": each.had,
                    "would_have": each.would_have,
                    "pending": each.pending,
                    "problem": each.problem and error_values(each.problem, str(each.problem)),
                }
                for each in self.receivers
            ],
        }


def replay(file: Path, seconds: float, language: str, *, as_json: bool) -> int:
    """Replay the last days with the rules of a file; 0.

    :param seconds: how far back, in seconds.
    :param language: of the output, ``zh`` or ``en``.
    :param as_json: print JSON.
    :raises RulesFileError: if the file can't be read, or has mistakes.
    :raises OutboxError: if the outbox can't be read.
    """
    rules = rules_in(file)
    until = time.monotonic() + _SECONDS
    first, *others = stores_for_commands(until)
    recorded = recorded_in([first.outbox, *(each.outbox for each in others if not each.is_empty)])
    now = time.time()
    since = now - seconds
    alert_conn_id = airflow_option("dingpush", "alert_conn_id")
    run = Replay(rules, alert_conn_id, LookUps(Deadline(until)).receiver, local_zone()).run
    occurrences = {each.alert.occurrence for each in recorded.events if since <= each.taken_at <= now}
    result = _Result(file, since, now, recorded.since, len(occurrences), run(recorded, since=since, now=now))
    if as_json:
        print_json(result.to_dict())
    else:
        _print(result, Screen(language, _TEXTS))
    return 0


def _print(result: _Result, screen: Screen) -> None:
    since, until = _time(result.since), _time(result.until)
    if not result.receivers:
        screen.line("nothing", since=since, until=until)
    else:
        events = screen.count(result.events, "event")
        screen.line("about", file=result.file, events=events, since=since, until=until)
        print(file=answers())
        rows = [(_name(each, screen), f"{each.had:,}", _would_have(each, screen)) for each in result.receivers]
        if len(rows) > 1:
            had, would = (
                sum(each) for each in zip(*((r.had, r.would_have or 0) for r in result.receivers), strict=True)
            )
            rows.append((screen.text("total"), f"{had:,}", f"{would:,}"))
        print_table([screen.text(each) for each in _COLUMNS], rows)
        print(file=answers())
    if result.is_cut and result.recorded_since is not None:
        screen.marked("!", "yellow", screen.text("only_since", since=_time(result.recorded_since)))
    screen.marked("–", "yellow", screen.text("unrecorded"))


def _name(receiver: Replayed, screen: Screen) -> str:
    return ", ".join(receiver.conn_ids) or screen.text("by_id", receiver_id=receiver.receiver_id)


def _would_have(receiver: Replayed, screen: Screen) -> str:
    if receiver.problem is not None:
        return screen.text("unusable", problem=in_language(str(receiver.problem.problem), screen.language))
    sent = f"{receiver.would_have or 0:,}"
    if not receiver.pending:
        return sent
    return screen.text("pending", sent=sent, alerts=screen.count(receiver.pending, "alert"))


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, local_zone()):%Y-%m-%d %H:%M}"
