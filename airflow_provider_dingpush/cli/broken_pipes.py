"""Output that the other side doesn't take: a closed pipe, a full disk, an encoding without a character.

The command goes on in each case, as in ``dingpush status | head -3``; a full disk makes its exit code 1.
"""

from __future__ import annotations

import codecs
import os
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any, TextIO

# For the terminal of a Chinese Windows (GBK) first, then for plain ASCII.
_SUBSTITUTES: Mapping[str, tuple[str, ...]] = {
    "✓": ("√", "OK"),
    "✔": ("√", "OK"),
    "✗": ("×", "x"),
    "✘": ("×", "x"),
    "–": ("-",),
    "…": ("...",),
    "·": (".",),
    "│": ("|",),
    "█": ("#",),
}


class Output:
    """Whether all output of a command could be written.

    :param problem: why it couldn't; ``None`` if it could. A pipe that was closed is none.
    """

    problem: OSError | None = None


@contextmanager
def closed_pipes_ignored(output: Output | None = None) -> Iterator[Output]:
    """Drop output of the block that can't be written; its work isn't affected. The result is complete at its end.

    :param output: of the block around it, which is told about problems as well.
    """
    output = output or Output()
    streams: list[_Stream] = []
    with ExitStack() as stack:
        # None where a stream was closed before the start: then print() does nothing.
        if sys.stdout is not None:
            streams.append(stack.enter_context(redirect_stdout(_Stream(sys.stdout, output))))
        if sys.stderr is not None:
            streams.append(stack.enter_context(redirect_stderr(_Stream(sys.stderr, output))))
        try:
            yield output
        finally:
            for stream in streams:
                stream.flush()


class _Stream:
    """A stream that raises neither for a reader or disk that is gone nor for characters that its encoding lacks.

    :param stream: that receives the output while it can be written.
    :param output: is told about a problem.
    """

    def __init__(self, stream: TextIO, output: Output) -> None:
        self._stream = stream
        self._output = output

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except UnicodeEncodeError:
            encoding = self._stream.encoding or "ascii"
            return self._stream.write("".join(_written(each, encoding) for each in text))
        except OSError as problem:
            self._discard(problem)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as problem:
            self._discard(problem)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _discard(self, problem: OSError) -> None:
        """Redirect the file to the null device, or Python would report the rest of its buffer at exit."""
        if not isinstance(problem, BrokenPipeError):
            self._output.problem = problem
        with suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)


def _written(character: str, encoding: str) -> str:
    """A character, or what stands for it in an encoding that lacks it: a similar one, or its escape."""
    symbol = ("?",) if unicodedata.category(character) in ("So", "Mn") else ()
    escape = character.encode("ascii", "backslashreplace").decode()
    return next(each for each in (character, *_SUBSTITUTES.get(character, symbol), escape) if _can(each, encoding))


def _can(text: str, encoding: str) -> bool:
    try:
        codecs.encode(text, encoding)
    except UnicodeEncodeError:
        return False
    return True
