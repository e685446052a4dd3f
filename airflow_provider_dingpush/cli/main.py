"""The ``dingpush`` command: reads the command line, then loads and runs the subcommand."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

from airflow_provider_dingpush.cli.broken_pipes import Output, closed_pipes_ignored
from airflow_provider_dingpush.cli.language import language_of_run
from airflow_provider_dingpush.cli.options import COMMANDS, parser_of
from airflow_provider_dingpush.cli.parsing import Pair, Parser, UsageError
from airflow_provider_dingpush.cli.standard_output import reserved_for_answers

_WRONG_USAGE, _INTERRUPTED = 2, 130

_HELP_ON: Pair = ("help: {prog} --help", "帮助：{prog} --help")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 2 if the command line is wrong, 130 after Ctrl-C or SIGTERM."""
    try:
        with closed_pipes_ignored() as output:
            code = _main(sys.argv[1:] if arguments is None else arguments, output)
    except KeyboardInterrupt:  # before or after the command itself
        return _INTERRUPTED
    if output.problem is not None and sys.stderr is not None:
        with suppress(OSError):
            print(f"dingpush: {output.problem.strerror}", file=sys.stderr)
    return code or int(output.problem is not None)


def _main(words: Sequence[str], output: Output) -> int:
    language = language_of_run(words)
    parser = parser_of(language)
    try:
        parsed = parser.parse_args(words)
    except UsageError as wrong:
        return _refuse(wrong, wrong.parser or parser)
    except SystemExit:  # after --help or --version
        return 0
    if parsed.command is None:
        parser.print_help()
        return 0
    parsed.language = language
    # SIGTERM ends the command as Ctrl-C does, with everything closed.
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    if not COMMANDS[parsed.command].uses_airflow:
        return _run(parsed)
    with reserved_for_answers(output):
        return _run(parsed)


def _run(parsed: argparse.Namespace) -> int:
    command = COMMANDS[parsed.command]
    try:
        if command.uses_airflow:
            _prepare_airflow()
        code: int = import_module(f"{__package__}.{command.module}").run(parsed)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except UsageError as wrong:
        return _refuse(wrong, parsed.parser)
    except Exception as problem:  # noqa: BLE001 - one line for people, whatever it is
        from airflow_provider_dingpush.cli.problems import report

        report(problem, parsed.parser, verbose=parsed.verbose)
        if getattr(parsed, "as_json", False):
            from airflow_provider_dingpush.cli.json_output import print_json_error
            from airflow_provider_dingpush.cli.problems import in_one_line

            print_json_error(problem, in_one_line(problem, "en"))
        return 1
    return code


def _refuse(wrong: UsageError, parser: Parser) -> int:
    print(f"{parser.prog}: {wrong}", file=sys.stderr)
    # A command that found the problem itself has named the options already.
    if wrong.parser is not None:
        parser.print_usage(sys.stderr)
    print(parser.text(_HELP_ON, prog=parser.prog), file=sys.stderr)
    return _WRONG_USAGE


def _prepare_airflow() -> None:
    # Its log lines go to standard error, where only what matters should be.
    os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "WARNING")
    from airflow_provider_dingpush.airflow_compat import search_all_secrets

    search_all_secrets()
