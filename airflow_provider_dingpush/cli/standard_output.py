"""Standard output holds the answer of a command only; what Airflow or a library prints goes to standard error.

Airflow 2 logs to standard output, Airflow 3 writes its warnings there, and a secrets backend or a library in C may
print anything. So while a command runs, ``sys.stdout`` and file descriptor 1 both are standard error, and the answer
goes to a file that only this package knows.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from typing import TextIO

from airflow_provider_dingpush.cli.broken_pipes import Output, closed_pipes_ignored

_STDOUT, _STDERR = 1, 2
_reserved: TextIO | None = None


def answers() -> TextIO:
    """The file that a command prints its answer to: standard output as it was at the start."""
    return _reserved or sys.stdout or io.StringIO()


@contextmanager
def reserved_for_answers(output: Output) -> Iterator[None]:
    """Within the block, only what is printed to :func:`answers` reaches standard output.

    :param output: gets output that can't be written as its problem.
    """
    global _reserved  # noqa: PLW0603 - one process has one standard output
    before = _reserved
    with ExitStack() as stack:
        stdout = answers()
        _reserved = stack.enter_context(_moved(stdout, output)) if _descriptor(stdout) == _STDOUT else stdout
        stack.enter_context(redirect_stdout(sys.stderr))
        try:
            yield
        finally:
            _reserved.flush()
            _reserved = before


@contextmanager
def _moved(stdout: TextIO, output: Output) -> Iterator[TextIO]:
    """Standard output under a descriptor of its own, while descriptor 1 is standard error."""
    stdout.flush()
    own = os.dup(_STDOUT)
    try:
        _point_to_stderr(_STDOUT)
        file = open(own, "w", encoding=stdout.encoding, errors=stdout.errors, closefd=False)  # noqa: SIM115
        with redirect_stdout(file), closed_pipes_ignored(output):
            yield sys.stdout
    finally:
        # What a library has written to the file itself is still in its buffer, and doesn't belong to the answer.
        for each in (stdout, sys.__stdout__):
            if each is not None:
                with suppress(OSError, ValueError):
                    each.flush()
        os.dup2(own, _STDOUT)
        os.close(own)


def _point_to_stderr(descriptor: int) -> None:
    try:
        os.dup2(_STDERR, descriptor)
    except OSError:  # standard error was closed before the start
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, descriptor)
        os.close(null)


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError):  # a stream in memory
        return None
