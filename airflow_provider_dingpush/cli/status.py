"""``dingpush status``: pending alerts, why they are held, and message counts of each receiver."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.cli.json_output import error_values, iso_time, print_json
from airflow_provider_dingpush.cli.outbox_place import OutboxPlace, place_of
from airflow_provider_dingpush.cli.receiver_status import plain_receiver
from airflow_provider_dingpush.cli.screen import Screen, Texts, print_table
from airflow_provider_dingpush.cli.silence_counts import plain_silences
from airflow_provider_dingpush.delivery.reasons import words
from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.pipeline.composing import local_zone
from airflow_provider_dingpush.pipeline.incidents import Incident, incidents_in
from airflow_provider_dingpush.pipeline.look_ups import LookUps
from airflow_provider_dingpush.pipeline.receiver_status import (
    RECEIVER_TEXTS,
    ReceiverState,
    ReceiverStatus,
    limits_from,
    receivers_of,
)
from airflow_provider_dingpush.pipeline.store_flush import stores_for_commands
from airflow_provider_dingpush.timeouts import Deadline

if TYPE_CHECKING:
    from airflow_provider_dingpush.pipeline.stores import Store

_STATUS_SECONDS = 30.0
_MOST_CLAIMS = 10

_TEXTS: Texts = {
    **RECEIVER_TEXTS,
    "connections": ("Connection", "连接"),
    "files": ("Outbox: files in {location}", "发件箱：文件，位于 {location}"),
    "redis": ("Outbox: {location}", "发件箱：{location}"),
    "unwritable": ("The outbox can't be written: {problem}", "发件箱无法写入：{problem}"),
    "unused": ("No alert was ever written to this outbox.", "这个发件箱从未写入过告警。"),
    "all_sent": ("No pending alerts: everything was sent.", "没有待发送的告警：全部已发送。"),
    "never_flushed": ("flush DAG or cron: never ran", "补发：从未运行"),
    "flushed": ("flush DAG or cron: last ran {time}", "补发：最近一次运行于 {time}"),
    "withheld": ("{state}; {withheld}", "{state}；{withheld}"),
    "held_alerts": ("{count} held by quiet hours", "免打扰时段暂缓 {count}"),
    "silenced_alerts": ("{count} silenced", "静默 {count}"),
    "inhibited_alerts": ("{count} inhibited", "抑制 {count}"),
    "silence": (
        "Silence {id}: {what}, {alerts}, until {until}, by {by}{why}",
        "静默 {id}：{what}，{alerts}，至 {until}，创建人 {by}{why}",
    ),
    "why": (": {why}", "：{why}"),
    "incidents": (
        "{open}, {claimed} claimed: dingpush incidents",
        "{open}，已认领 {claimed} 个：dingpush incidents",
    ),
    "claimed": ("{id} {name}: claimed by {by} at {time}{why}", "{id} {name}：由 {by} 认领于 {time}{why}"),
    "in_files": (
        "{state}; in files of this machine until the outbox is available: {folder}",
        "{state}；发件箱恢复前暂存于本机文件：{folder}",
    ),
}
_COLUMNS = "connections", "pending", "window", "today", "month", "dead_letters", "state"
_STYLES = {ReceiverState.READY: "green", ReceiverState.UNREADABLE: "red"}


@dataclass(frozen=True)
class _Status:
    """All that the command shows.

    :param place: the outbox.
    :param receivers: of the outbox, and of files that have alerts until it is available again.
    :param flushed_at: when a flush last ran, in seconds since 1970.
    :param problems: why the outbox can't be read, or files that are used while it is unavailable.
    :param is_readable: whether the outbox itself can be read.
    :param silences: those that haven't ended, in plain form.
    :param incidents: what is open, the most urgent first.
    """

    place: OutboxPlace
    receivers: Sequence[ReceiverStatus]
    flushed_at: float | None
    problems: Sequence[OutboxError]
    is_readable: bool
    silences: Sequence[Mapping[str, Any]] = ()
    incidents: Sequence[Incident] = ()

    @property
    def has_failed(self) -> bool:
        """Whether the outbox or a receiver in it can't be read."""
        return not self.is_readable or any(each.state is ReceiverState.UNREADABLE for each in self.receivers)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "outbox": self.place.to_dict(),
            "last_flush_at": iso_time(self.flushed_at, local_zone()),
            "receivers": [plain_receiver(each) for each in self.receivers],
            "silences": list(self.silences),
            "incidents": self._incidents(),
            "problems": [error_values(each, str(each)) for each in self.problems],
        }

    def _incidents(self) -> dict[str, Any]:
        """How many are open, and who takes care of which; ``dingpush incidents --json`` has all of them."""
        claims = [(each, each.claim) for each in self.incidents if each.claim is not None]
        shown = [
            {
                "id": each.id,
                "short_id": each.short_id,
                "name": each.failure.name,
                "by": claimed.by,
                "at": iso_time(claimed.at, local_zone()),
                "note": claimed.note or None,
                "how": claimed.how.value,
            }
            for each, claimed in claims[:_MOST_CLAIMS]
        ]
        return {"open": len(self.incidents), "claimed": len(claims), "claims": shown}


def run(parsed: argparse.Namespace) -> int:
    """Print each receiver's status; 1 if a part of it can't be read."""
    until = time.monotonic() + _STATUS_SECONDS
    status = _read(stores_for_commands(until), LookUps(Deadline(until)))
    if parsed.as_json:
        print_json(status.to_dict())
    else:
        _print(status, Screen(parsed.language, _TEXTS))
    for problem in status.problems:
        print(f"dingpush: {problem.in_language(parsed.language)}", file=sys.stderr)
    return 1 if status.has_failed else 0


def clock(at: float) -> str:
    """A time in the time zone of alerts, with its offset from UTC.

    :param at: in seconds since 1970.
    """
    moment = datetime.fromtimestamp(at, local_zone())
    offset = moment.strftime("%z")
    return f"{moment:%Y-%m-%d %H:%M:%S} {offset[:3]}:{offset[3:5]}"


def _read(stores: Sequence[Store], look_ups: LookUps) -> _Status:
    first, *others = stores
    receivers: list[ReceiverStatus] = []
    problems: list[OutboxError] = []
    flushed_at = None
    silences: Sequence[Mapping[str, Any]] = ()
    incidents: Sequence[Incident] = ()
    try:
        receivers += receivers_of(first.outbox, limits_from(look_ups))
        flushed_at = first.outbox.last_flush()
        silences = plain_silences(first.outbox)
        incidents = incidents_in(first.outbox)
    except OutboxError as problem:
        problems.append(problem)
    is_readable = not problems
    for store in others:
        try:
            found = [] if store.is_empty else list(receivers_of(store.outbox, limits_from(look_ups)))
        except OutboxError as problem:
            problems.append(problem)
            continue
        is_shown = [each for each in found if each.pending or each.state is ReceiverState.UNREADABLE]
        receivers += [replace(each, folder=store.folder) for each in is_shown]
    return _Status(place_of(first), receivers, flushed_at, problems, is_readable, silences, incidents)


def _print(status: _Status, screen: Screen) -> None:
    if status.place.location is not None:
        screen.line(status.place.kind.value, location=status.place.location)
    if status.receivers:
        styles = [_STYLES.get(each.state, "yellow") for each in status.receivers]
        print_table(
            [screen.text(name) for name in _COLUMNS], [_cells(each, screen) for each in status.receivers], styles
        )
    # What can't be read is reported, and then it is unknown whether something is pending.
    if not status.has_failed and not status.problems and not any(each.pending for each in status.receivers):
        screen.line("all_sent" if status.place.was_used else "unused")
    for each in status.silences:
        _print_silence(each, screen)
    if status.incidents:
        _print_incidents(status.incidents, screen)
    if status.is_readable:
        if status.flushed_at is None:
            screen.line("never_flushed")
        else:
            screen.line("flushed", time=clock(status.flushed_at))
    reported = {str(each) for each in status.problems}
    if status.place.write_problem is not None and str(status.place.write_problem) not in reported:
        screen.line("unwritable", problem=status.place.write_problem.in_language(screen.language), error=True)


def _print_silence(silence: Mapping[str, Any], screen: Screen) -> None:
    screen.line(
        "silence",
        id=silence["id"],
        what=silence["what"],
        alerts=screen.count(silence["alerts"], "alert"),
        until=clock(datetime.fromisoformat(silence["until"]).timestamp()),
        by=silence["by"],
        why=screen.text("why", why=silence["why"]) if silence["why"] else "",
    )


def _print_incidents(incidents: Sequence[Incident], screen: Screen) -> None:
    claimed = [(each, each.claim) for each in incidents if each.claim is not None]
    opened = screen.count(len(incidents), "open incident")
    screen.line("incidents", open=opened, claimed=f"{len(claimed):,}")
    for each, claim in claimed[:_MOST_CLAIMS]:
        screen.line(
            "claimed",
            id=each.short_id,
            name=each.failure.name,
            by=claim.by,
            time=clock(claim.at),
            why=screen.text("why", why=claim.note) if claim.note else "",
        )


def _cells(status: ReceiverStatus, screen: Screen) -> list[str]:
    usage = status.usage
    name = "\n".join(status.conn_ids) or screen.text("receiver", receiver_id=status.receiver_id)
    return [
        name,
        _number(status.pending),
        f"{usage.last_minute}/{usage.rate_limit_per_minute}" if usage else "",
        _of(usage.today, usage.max_messages_per_day) if usage else "",
        _of(usage.this_month, usage.monthly_quota) if usage else "",
        _number(status.dead_letters),
        _state(status, screen),
    ]


def _state(status: ReceiverStatus, screen: Screen) -> str:
    values: dict[str, object] = {"problem": status.problem}
    if status.reason is not None and status.until is not None:
        reason = words(status.reason, screen.language, status.detail)
        values = {"time": clock(status.until), "reason": reason}
    text = screen.text(status.state.value, **values)
    withheld = [
        screen.text(f"{verdict.value}_alerts", count=screen.count(count, "alert"))
        for verdict, count in (status.withheld or {}).items()
        if count
    ]
    if withheld:
        text = screen.text("withheld", state=text, withheld=("、" if screen.language == "zh" else ", ").join(withheld))
    return screen.text("in_files", state=text, folder=status.folder) if status.folder else text


def _number(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _of(count: int, most: int | None) -> str:
    return f"{count:,}" if most is None else f"{count:,} / {most:,}"
