"""Which rules file a command is about."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_dingpush.airflow_compat import airflow_option
from airflow_provider_dingpush.cli.parsing import Pair, Parser, UsageError

_NO_FILE: Pair = (
    "no rules file: name one, or set [dingpush] rules_file",
    "没有规则文件：请给出文件，或设置 [dingpush] rules_file",
)


def rules_file(named: str | None, parser: Parser) -> Path:
    """The file that the command line names, or else that of ``[dingpush] rules_file``.

    :raises UsageError: if there is neither.
    """
    name = named or airflow_option("dingpush", "rules_file")
    if not name:
        raise UsageError(parser.text(_NO_FILE))
    return Path(name).expanduser()
