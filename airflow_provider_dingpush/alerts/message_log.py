"""The alerts of each message as a line in the log, to count alerts independently of the language."""

from __future__ import annotations

import logging
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

_log = logging.getLogger(__name__)
_LINE = "Message %s covers alerts %s."
_PATTERN = re.compile(r"Message (\S+) covers alerts (.*)\.$", re.MULTILINE)


def log_covered(message_id: str, keys: Sequence[str]) -> None:
    """Log the alerts of a message before it is posted, at the level DEBUG.

    :param message_id: the ``msgUuid`` of all its tries.
    :param keys: of its alerts.
    """
    _log.debug(_LINE, message_id, " ".join(keys))


def write_covered_to(path: Path) -> None:
    """Append these lines to a file, also from processes that are forked from this one."""
    handler = _Appender()
    handler.path = path
    _log.addHandler(handler)
    _log.setLevel(logging.DEBUG)
    _log.propagate = False


def covered_alerts(lines: str, message_ids: Iterable[str]) -> Counter[str]:
    """How often each alert is in the chat, by key.

    :param lines: the log.
    :param message_ids: of the messages that were accepted.
    """
    keys = {found[1]: found[2].split() for found in _PATTERN.finditer(lines)}
    return Counter(key for message_id in message_ids for key in keys[message_id])


class _Appender(logging.Handler):
    path: Path

    def emit(self, record: logging.LogRecord) -> None:
        # One write for each line: several processes share the file, and any of them may be killed.
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, f"{record.getMessage()}\n".encode("ascii"))
        finally:
            os.close(file)
