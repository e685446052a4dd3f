"""``dingpush silence``: mute alerts for a while, list what is muted, and end a silence."""

from __future__ import annotations

import argparse
import getpass
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from airflow_provider_dingpush.cli.json_output import print_json
from airflow_provider_dingpush.cli.known_dags import KnownDags
from airflow_provider_dingpush.cli.parsing import Pair, Parser, UsageError
from airflow_provider_dingpush.cli.screen import Screen, Texts, print_table
from airflow_provider_dingpush.cli.silence_counts import plain_silence
from airflow_provider_dingpush.cli.status import clock
from airflow_provider_dingpush.delivery.record_kinds import WITHHELD, is_sound
from airflow_provider_dingpush.errors import InvalidMessageError, in_language
from airflow_provider_dingpush.pipeline.silences import (
    Silenced,
    add_silence,
    expire_silence,
    silenced_by,
    silences_in,
)
from airflow_provider_dingpush.pipeline.store_flush import stores_for_commands
from airflow_provider_dingpush.rules.silences import DEFAULT_SECONDS, LONGEST_SECONDS, Silence, read_matchers

if TYPE_CHECKING:
    from airflow_provider_dingpush.storage.outbox import Outbox

_COMMAND_SECONDS = 30.0
_MOST_NAMES = 5

_NO_MATCHER: Pair = (
    "say what to silence, such as 'dag_id=etl_*'",
    "请指明静默什么，例如 'dag_id=etl_*'",
)
_NO_ID: Pair = ("pass an id from 'dingpush silence list'", "请给出编号（见 dingpush silence list）")
_NO_VALUES: Pair = ("list takes no more words", "list 不接受更多参数")
_TOO_LONG: Pair = (
    "a silence lasts at most 7 days; what should never be sent belongs into a rule with 'receiver: null'",
    "静默最长 7 天；始终不需要通知的事件请写成 receiver: null 的规则",
)
_ONLY_ADD: Pair = ("--for and --why belong to 'silence add'", "--for 和 --why 只用于 silence add")

_TEXTS: Texts = {
    "id": ("Id", "编号"),
    "what": ("Silenced", "静默内容"),
    "until": ("Until", "结束时间"),
    "count": ("Alerts", "告警数"),
    "by": ("By", "创建人"),
    "why": ("Why", "原因"),
    "none": ("Nothing is silenced.", "当前没有静默。"),
    "added": ("Silence {id}: {what}, until {until}.", "静默 {id}：{what}，至 {until}。"),
    "end": ("To end it sooner: dingpush silence expire {id}", "提前结束：dingpush silence expire {id}"),
    "matches": ("It matches {dags}: {names}", "匹配 {dags}：{names}"),
    "more": ("{names} …", "{names} 等"),
    "no_dag": (
        "No DAG of Airflow's database matches: nothing may be silenced.",
        "Airflow 数据库中没有匹配的 DAG：可能不会静默任何告警。",
    ),
    "dags_unknown": (
        "Which DAGs match is unknown: the database can't be read ({problem}).",
        "无法得知匹配哪些 DAG：无法读取数据库（{problem}）。",
    ),
    "urgent": (
        "P1 is silenced as well: {names}",
        "其中包括 P1：{names}",
    ),
    "waiting": (
        "{alerts} pending or held now will be silenced as well.",
        "目前待发送或暂缓的 {alerts}也会静默。",
    ),
    "expired": (
        "Silence {id} is over: {alerts} will be reported with the next flush.",
        "静默 {id} 已结束：{alerts}将在下次补发时汇总发送。",
    ),
    "unknown": ("There is no silence {id}.", "没有静默 {id}。"),
    "of_p1": ("{count} ({urgent} of P1)", "{count}（P1 {urgent} 条）"),
}
_COLUMNS = "id", "what", "until", "count", "by", "why"


def run(parsed: argparse.Namespace) -> int:
    """Add, list or expire; 1 if there is no such silence.

    :raises UsageError: if the words don't fit the action.
    """
    parser: Parser = parsed.parser
    action = parsed.action or "list"
    if action != "add" and (parsed.seconds is not None or parsed.why is not None):
        raise UsageError(parser.text(_ONLY_ADD))
    until = time.monotonic() + _COMMAND_SECONDS
    outbox = stores_for_commands(until)[0].outbox
    screen = Screen(parsed.language, _TEXTS)
    if action == "add":
        return _add(outbox, parsed, screen)
    if action == "expire":
        return _expire(outbox, parsed, screen)
    if parsed.values:
        raise UsageError(parser.text(_NO_VALUES))
    return _list(outbox, screen, as_json=parsed.as_json)


def _add(outbox: Outbox, parsed: argparse.Namespace, screen: Screen) -> int:
    parser: Parser = parsed.parser
    if not parsed.values:
        raise UsageError(parser.text(_NO_MATCHER))
    seconds = DEFAULT_SECONDS if parsed.seconds is None else parsed.seconds
    if seconds > LONGEST_SECONDS:
        raise UsageError(parser.text(_TOO_LONG))
    try:
        matchers = read_matchers(parsed.values)
        silence = add_silence(outbox, matchers, seconds=seconds, why=parsed.why or "", by=_user())
    except InvalidMessageError as problem:
        raise UsageError(f"{problem.problem} {in_language(problem.advice, screen.language)}".strip()) from None
    dags = KnownDags.read()
    matching, urgent = _matching(silence, dags)
    waiting = _waiting(outbox, silence)
    if parsed.as_json:
        more = {"dags": None if dags.problem else matching, "urgent_dags": None if dags.problem else urgent}
        print_json({"action": "add", "silences": [plain_silence(silence, Silenced())], **more, "waiting": waiting})
        return 0
    screen.marked("✓", "green", screen.text("added", id=silence.id, what=silence.what, until=clock(silence.until)))
    if dags.problem:
        screen.marked("–", "yellow", screen.text("dags_unknown", problem=dags.problem))
    elif matching:
        names = _names(matching, screen)
        screen.marked("–", "yellow", screen.text("matches", dags=screen.count(len(matching), "DAG"), names=names))
    else:
        screen.marked("!", "yellow", screen.text("no_dag"))
    if urgent:
        screen.marked("!", "yellow", screen.text("urgent", names=_names(urgent, screen)))
    if waiting:
        screen.marked("–", "yellow", screen.text("waiting", alerts=screen.count(waiting, "alert")))
    screen.line("end", id=silence.id)
    return 0


def _expire(outbox: Outbox, parsed: argparse.Namespace, screen: Screen) -> int:
    if len(parsed.values) != 1:
        raise UsageError(parsed.parser.text(_NO_ID))
    wanted = parsed.values[0]
    found = [each for each in silences_in(outbox) if each.id == wanted]
    counts = silenced_by(outbox)
    for silence in found:
        expire_silence(outbox, silence)
    if parsed.as_json:
        print_json({"action": "expire", "silences": [plain_silence(each, counts.get(each.id)) for each in found]})
    elif found:
        count = counts.get(wanted, Silenced()).count
        screen.line("expired", id=wanted, alerts=screen.count(count, "alert"))
    else:
        screen.line("unknown", id=wanted)
    return 0 if found else 1


def _list(outbox: Outbox, screen: Screen, *, as_json: bool) -> int:
    silences, counts = silences_in(outbox), silenced_by(outbox)
    if as_json:
        print_json({"action": "list", "silences": [plain_silence(each, counts.get(each.id)) for each in silences]})
    elif silences:
        rows = [_cells(each, counts.get(each.id, Silenced()), screen) for each in silences]
        print_table([screen.text(each) for each in _COLUMNS], rows)
    else:
        screen.line("none")
    return 0


def _cells(silence: Silence, silenced: Silenced, screen: Screen) -> list[str]:
    count = f"{silenced.count:,}"
    if silenced.urgent:
        count = screen.text("of_p1", count=count, urgent=silenced.urgent)
    return [silence.id, silence.what, clock(silence.until), count, silence.by, silence.why]


def _matching(silence: Silence, dags: KnownDags) -> tuple[list[str], list[str]]:
    """The known DAGs that a silence matches with some event, and those of them that are of P1."""
    labels = [each for each in dags.labels() if silence.matches(each)]
    matching = dict.fromkeys(each.dag_id[0] for each in labels)
    urgent = dict.fromkeys(each.dag_id[0] for each in labels if each.severity == ("P1",))
    return sorted(matching), sorted(urgent)


def _waiting(outbox: Outbox, silence: Silence) -> int:
    """How many alerts that aren't sent yet it matches, in books."""
    from airflow_provider_dingpush.alerts.alert import Alert
    from airflow_provider_dingpush.delivery.record_kinds import ALERT
    from airflow_provider_dingpush.pipeline.gates import labels_of_alert

    found = 0
    for receiver_id in outbox.receivers():
        for (kind, _), record in outbox.records_of(receiver_id).items():
            if kind not in (ALERT.name, WITHHELD.name) or not is_sound(kind, record):
                continue
            with suppress(ValueError):
                alert = Alert.from_json(record if kind == ALERT.name else record["alert"])
                found += silence.matches(labels_of_alert(alert))
    return found


def _names(names: Sequence[str], screen: Screen) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    return screen.text("more", names=shown) if len(names) > _MOST_NAMES else shown


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return "?"
