"""Output to a pipe whose reader ends early, as in ``dingpush status | head -3``: the command goes on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any, TextIO


@contextmanager
def closed_pipes_ignored() -> Iterator[None]:
    """Drop output of the block once its reader has closed the pipe; work and exit code aren't affected."""
    out, err = _Stream(sys.stdout), _Stream(sys.stderr)
    with ExitStack() as stack:
        # None where a stream was closed before the start: then print() does nothing.
        if sys.stdout is not None:
            stack.enter_context(redirect_stdout(out))
        if sys.stderr is not None:
            stack.enter_context(redirect_stderr(err))
        try:
            yield
        finally:
            out.flush()
            err.flush()


class _Stream:
    """A stream that raises neither for a closed pipe nor for characters that its encoding lacks.

    :param stream: that receives the output while the pipe is open.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except UnicodeEncodeError:
            encoding = self._stream.encoding or "ascii"
            return self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        except BrokenPipeError:
            self._discard()
            return len(text)

    def flush(self) -> None:
        if self._stream is None:
            return
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._discard()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _discard(self) -> None:
        """Redirect the file to the null device, or Python would report the rest of its buffer at exit."""
        with suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)
