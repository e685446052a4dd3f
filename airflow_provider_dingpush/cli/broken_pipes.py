"""Commands whose reader leaves early, as in ``dingpush status | head -3``: they go on quietly with what they do."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any, TextIO


@contextmanager
def readers_may_leave() -> Iterator[None]:
    """Drop what is printed within the block once nobody reads it any more; the work and its exit code stay."""
    out, err = _Stream(sys.stdout), _Stream(sys.stderr)
    with ExitStack() as stack:
        # None where a stream was closed before the start: print() says nothing then.
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
    """A stream that takes everything, also when its reader is gone, and letters that its encoding doesn't know.

    :param stream: where it goes while somebody reads.
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
            self._give_up()
            return len(text)

    def flush(self) -> None:
        if self._stream is None:
            return
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._give_up()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _give_up(self) -> None:
        """Let the file lead nowhere, or Python would complain at its end of what is left in the buffer."""
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
