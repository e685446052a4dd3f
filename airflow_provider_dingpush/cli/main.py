"""The ``dingpush`` command: reads the command line, then loads and runs the subcommand."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
from collections.abc import Sequence
from importlib import import_module

from airflow_provider_dingpush.cli.broken_pipes import closed_pipes_ignored
from airflow_provider_dingpush.cli.language import language_of_run
from airflow_provider_dingpush.cli.options import COMMANDS, parser_of
from airflow_provider_dingpush.cli.standard_output import reserved_for_answers

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    with closed_pipes_ignored():
        words = sys.argv[1:] if arguments is None else arguments
        language = language_of_run(words)
        parsed = parser_of(language).parse_args(words)
        parsed.language = language
        # SIGTERM ends the command as Ctrl-C does, with everything closed.
        signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        if not COMMANDS[parsed.command].uses_airflow:
            return _run(parsed)
        with reserved_for_answers():
            return _run(parsed)


def _run(parsed: argparse.Namespace) -> int:
    command = COMMANDS[parsed.command]
    try:
        if command.uses_airflow:
            _prepare_airflow()
        code: int = import_module(f"{__package__}.{command.module}").run(parsed)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as problem:
        if not command.uses_airflow:
            raise
        text = _described(problem)
        print(f"dingpush: {text}", file=sys.stderr)
        if parsed.as_json:
            from airflow_provider_dingpush.cli.json_output import print_json_error

            print_json_error(problem, text)
        return 1
    return code


def _prepare_airflow() -> None:
    # Its log lines go to standard error, where only what matters should be.
    os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "WARNING")
    from airflow_provider_dingpush.airflow_compat import search_all_secrets

    search_all_secrets()


def _described(problem: Exception) -> str:
    """A problem in one line, without secrets."""
    try:
        from airflow_provider_dingpush.pipeline.redaction import described
    except Exception:  # noqa: BLE001 - Airflow can't be loaded, for example because of a missing secrets backend
        line = str(problem).partition("\n")[0]
        return f"{type(problem).__name__}: " + re.sub(r"(?<=://)\S*@", "***@", line)
    return described(problem)
