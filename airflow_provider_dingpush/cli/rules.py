"""``dingpush rules``: check the rules file, and explain whom it notifies of an event."""

from __future__ import annotations

import argparse
from pathlib import Path

from airflow_provider_dingpush.airflow_compat import airflow_option
from airflow_provider_dingpush.cli.parsing import Pair, Parser, UsageError
from airflow_provider_dingpush.cli.rules_check import check
from airflow_provider_dingpush.cli.rules_explain import Asked, explain

_OF_EXPLAIN = ("event", "at", "tag", "owner", "run_type", "file")

_NO_ACTION: Pair = ("pass check or explain", "请指定 check 或 explain")
_NO_FILE: Pair = (
    "no rules file: name one, or set [dingpush] rules_file",
    "没有规则文件：请给出文件，或设置 [dingpush] rules_file",
)
_NO_DAG: Pair = (
    "name a DAG, or a task as DAG.TASK",
    "请给出 DAG，或以 DAG.TASK 的形式给出任务",
)
_NOT_OF_CHECK: Pair = ("{option} belongs to 'rules explain'", "{option} 只用于 rules explain")


def run(parsed: argparse.Namespace) -> int:
    """Check or explain.

    :raises UsageError: if the options don't fit together.
    """
    parser: Parser = parsed.parser
    if parsed.action is None:
        raise UsageError(parser.text(_NO_ACTION))
    if parsed.action == "check":
        for name in _OF_EXPLAIN:
            if getattr(parsed, name):
                raise UsageError(parser.text(_NOT_OF_CHECK, option="--" + name.replace("_", "-")))
        return check(_file(parsed.subject, parser), parsed.language, as_json=parsed.as_json)
    if not parsed.subject:
        raise UsageError(parser.text(_NO_DAG))
    asked = Asked(
        parsed.subject,
        event=parsed.event,
        at=parsed.at,
        tags=tuple(parsed.tag),
        owners=tuple(parsed.owner),
        run_type=parsed.run_type or "scheduled",
    )
    return explain(asked, _file(parsed.file, parser), parsed.language, as_json=parsed.as_json)


def _file(named: str | None, parser: Parser) -> Path:
    name = named or airflow_option("dingpush", "rules_file")
    if not name:
        raise UsageError(parser.text(_NO_FILE))
    return Path(name).expanduser()
