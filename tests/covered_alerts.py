"""Counting the alerts in a chat independently of the language and layout, from the lines about them in the log."""

from __future__ import annotations

import json
import logging
import os
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

LOG = logging.getLogger("airflow_provider_dingpush.alerts.message_log")
_PATTERN = re.compile(r"Message (\S+) covers alerts (.*)\.$", re.MULTILINE)
_REPORTED = re.compile(r"Message (\S+) reports (.*)\.$", re.MULTILINE)
Report = tuple[str, str, str | None, int | None]
"""Event, DAG, task and map index."""


def write_covered_to(path: Path) -> None:
    """Append these lines to a file, also from processes that are forked from this one."""
    handler = _Appender()
    handler.path = path
    LOG.addHandler(handler)
    LOG.setLevel(logging.DEBUG)
    LOG.propagate = False


def covered_alerts(lines: str, message_ids: Iterable[str]) -> Counter[str]:
    """How often each alert is in the chat, by key.

    :param lines: the log.
    :param message_ids: of the messages that were accepted.
    """
    keys = {found[1]: found[2].split() for found in _PATTERN.finditer(lines)}
    return Counter(key for message_id in message_ids for key in keys[message_id])


def reported_alerts(lines: str, message_ids: Iterable[str]) -> Counter[Report]:
    """How often each event was reported in the chat; one that another alert of the same message includes isn't.

    :param lines: the log.
    :param message_ids: of the messages that were accepted.
    """
    reports = {found[1]: json.loads(found[2]) for found in _REPORTED.finditer(lines)}
    return Counter(tuple(report) for message_id in message_ids for report in reports[message_id])


class _Appender(logging.Handler):
    path: Path

    def emit(self, record: logging.LogRecord) -> None:
        # One write for each line: several processes share the file, and any of them may be killed.
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, f"{record.getMessage()}\n".encode("ascii"))
        finally:
            os.close(file)
