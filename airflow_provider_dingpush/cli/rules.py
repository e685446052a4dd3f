"""``dingpush rules``: check the rules file, explain whom it notifies of an event, and replay the last days."""

from __future__ import annotations

import argparse

from airflow_provider_dingpush.cli.options import WATCHED
from airflow_provider_dingpush.cli.parsing import Pair, Parser, UsageError
from airflow_provider_dingpush.cli.rules_check import check
from airflow_provider_dingpush.cli.rules_explain import Asked, explain
from airflow_provider_dingpush.cli.rules_file import rules_file
from airflow_provider_dingpush.cli.rules_replay import replay
from airflow_provider_dingpush.events import Event, Subject

_OF_DAG = ("tag", "owner", "run_type", "team")
_OF_EXPLAIN = ("event", "at", *_OF_DAG)
_MOST_DAYS = 7

_NO_ACTION: Pair = ("pass check, explain or replay", "请指定 check、explain 或 replay")
_NO_DAG: Pair = (
    "name a DAG, or a task as DAG.TASK",
    "请给出 DAG，或以 DAG.TASK 的形式给出任务",
)
_NO_DAG_FILE: Pair = (
    "name a DAG file, such as ods/orders.py",
    "请给出 DAG 文件，例如 ods/orders.py",
)
_NO_COMPONENT: Pair = ("name a component: {components}", "请给出组件：{components}")
_NO_DAG_OF_EVENT: Pair = (
    "{option} doesn't belong to --event {event}, which is about no DAG",
    "{option} 不用于 --event {event}，该事件与 DAG 无关",
)
_NOT_HERE: Pair = ("{option} doesn't belong to 'rules {action}'", "{option} 不用于 rules {action}")
_NO_SUBJECT: Pair = ("replay takes a file with --file: {subject}", "replay 的文件请用 --file 给出：{subject}")
_TOO_LONG: Pair = (
    "--since: at most {days}d, because no more is recorded",
    "--since：最长 {days}d，更早的没有记录",
)


def run(parsed: argparse.Namespace) -> int:
    """Check, explain or replay.

    :raises UsageError: if the options don't fit together.
    """
    parser: Parser = parsed.parser
    if parsed.action is None:
        raise UsageError(parser.text(_NO_ACTION))
    _refuse_others(parsed, parser)
    if parsed.action == "replay":
        return _replay(parsed, parser)
    if parsed.action == "check":
        return check(rules_file(parsed.subject, parser), parsed.language, as_json=parsed.as_json)
    _require_subject(parsed, parser)
    asked = Asked(
        parsed.subject,
        event=parsed.event,
        at=parsed.at,
        tags=tuple(parsed.tag),
        owners=tuple(parsed.owner),
        run_type=parsed.run_type or "scheduled",
        team=parsed.team,
    )
    return explain(asked, rules_file(parsed.file, parser), parsed.language, as_json=parsed.as_json)


_NOT_OF_ACTION = {"check": (*_OF_EXPLAIN, "file", "since"), "explain": ("since",), "replay": _OF_EXPLAIN}


def _refuse_others(parsed: argparse.Namespace, parser: Parser) -> None:
    for name in _NOT_OF_ACTION[parsed.action]:
        if getattr(parsed, name):
            raise UsageError(parser.text(_NOT_HERE, option=_option(name), action=parsed.action))


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _require_subject(parsed: argparse.Namespace, parser: Parser) -> None:
    """Refuse an explanation without what its event is about."""
    event = Event(parsed.event or Event.TASK_FAILED)
    is_of_airflow = event.subject is Subject.AIRFLOW
    if is_of_airflow and parsed.subject not in WATCHED:
        raise UsageError(parser.text(_NO_COMPONENT, components=", ".join(WATCHED)))
    if not parsed.subject:
        raise UsageError(parser.text(_NO_DAG_FILE if event.is_about_file else _NO_DAG))
    if is_of_airflow or event.is_about_file:
        for name in _OF_DAG:
            if getattr(parsed, name):
                raise UsageError(parser.text(_NO_DAG_OF_EVENT, option=_option(name), event=event.value))


def _replay(parsed: argparse.Namespace, parser: Parser) -> int:
    if parsed.subject:
        raise UsageError(parser.text(_NO_SUBJECT, subject=parsed.subject))
    most = _MOST_DAYS * 86_400.0
    if (parsed.since or 0.0) > most:
        raise UsageError(parser.text(_TOO_LONG, days=_MOST_DAYS))
    return replay(rules_file(parsed.file, parser), parsed.since or most, parsed.language, as_json=parsed.as_json)
