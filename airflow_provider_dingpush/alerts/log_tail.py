"""The last lines that a task wrote before it failed, from the end of its log file.

A command's exception often holds an exit code only; the reason is what the command printed. Airflow 3 logs JSON, one
record a line; Airflow 2 plain text, ``[time] {file:line} LEVEL - text`` with further lines below it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from airflow_provider_dingpush.alerts.exception_text import cut_to, is_named_error, is_position, shown_lines
from airflow_provider_dingpush.alerts.run_facts import MAX_LOG_LINES

MAX_LOG_CHARACTERS = 600
"""Of all lines together."""

TASK_FAILED_LINE = "Task failed with exception"
"""What Airflow logs at the end of a failed task, before it calls back."""

_ERROR = re.compile(
    r"""(?ix) \b(?:error|exception|fatal|failed|failure|denied|refused|killed|aborted|unable|cannot)\b (?!\s*=)
    | \b(?:not\ found|no\ such|does\ not\ exist|can't|timed\ out|out\ of\ memory)\b | 错误|失败|异常|超时"""
)
_MOST_REASON_CHARACTERS = 140
# Airflow's own records. Of Airflow 3 the names of loggers; of Airflow 2 the names of files.
_OWN_LOGGERS = re.compile(
    r"task|supervisor|airflow\.(?!task\b|providers\b).*|airflow_provider_dingpush.*|py\.warnings|dag(?:\..*)?"
)
_OWN_FILES = frozenset(
    (
        *("taskinstance.py", "dagbag.py", "task_command.py", "local_task_job_runner.py", "standard_task_runner.py"),
        *("task_context_logger.py", "providers_manager.py", "plugins_manager.py", "secrets_masker.py"),
    )
)
# What the hooks of Bash and others log around the output of a command.
_AROUND_OUTPUT = re.compile(
    r"Command exited with return code \S+|Output:|Running command: .*|Tmp dir root location: .*|::(?:end)?group::.*"
    r"|Pushing xcom .*|Done\. Returned value was: .*|Sending SIGTERM .*|Using [\w ]*connection.*",
    re.DOTALL,
)
_PLAIN_RECORD = re.compile(r"\[\d{4}-\d\d-\d\d[T ][^\]]*\] \{(?P<file>[^}:]*):\d+\} [A-Z]+ - (?P<text>.*)")
_CHANGING = re.compile(r"[\d\s.,:/|\\=#>\u2580-\u259f-]+")
_LEADER = re.compile(r"([.=#_-])\1{4,}")
_PROGRESS = re.compile(r"\d{1,3}\s?%|\d+\s?/\s?\d+|[\u2588#=]{3,}")


class _Record(NamedTuple):
    text: str
    is_own: bool


def has_failure(log: str) -> bool:
    """Whether the end of a log has the line with which Airflow ends a failed task."""
    return TASK_FAILED_LINE in log


def log_tail(log: str, redact: Callable[[str], str], *, shown: str = "") -> tuple[str, ...]:
    """The last lines that a task wrote, at most :data:`MAX_LOG_LINES`; no lines of Airflow's own.

    :param log: the end of a log file, whose first line may be a part of one.
    :param redact: removes secrets.
    :param shown: the text of the exception; its lines aren't repeated.
    """
    known = {line.strip() for line in shown.splitlines()}
    lines = [_LEADER.sub(r"\1\1\1", line) for line in shown_lines("\n".join(texts_of(log)), redact)]
    lines = _without_progress([line for line in lines if line not in known and not _AROUND_OUTPUT.fullmatch(line)])
    informative = [line for line in lines if not is_position(line) and re.search(r"[^\W\d_]", line)] or lines
    return tuple(cut_to(informative[-MAX_LOG_LINES:], MAX_LOG_CHARACTERS))


def summary_with(tail: Sequence[str], exception_summary: str | None, *, was_killed: bool = False) -> str | None:
    """One line about a failure: the most telling line of the log's end before what the exception says.

    :param was_killed: then the last line is only where the task was, and no reason.
    """
    reason = _telling_line(tail) or ("" if was_killed or not tail else tail[-1])
    if not reason:
        return exception_summary
    name, _, text = (exception_summary or "").partition(": ")
    summary = ": ".join(each for each in (name, reason[:_MOST_REASON_CHARACTERS]) if each)
    return f"{summary} ({text})" if text else summary


def _telling_line(lines: Sequence[str]) -> str:
    """The exception that ended a program, or the first line that names an error."""
    named = next((line for line in reversed(lines) if is_named_error(line)), None)
    return named or next((line for line in lines if _ERROR.search(line)), "")


def texts_of(log: str) -> list[str]:
    """The texts of the task's own records, up to the one with which Airflow ends it."""
    records = _records(log.split("\n"))
    # A file may have several: a task that was marked and runs again writes into the same one.
    ends = [index for index, each in enumerate(records) if each.is_own and each.text.startswith(TASK_FAILED_LINE)]
    start, end = (ends[-2] + 1 if len(ends) > 1 else 0, ends[-1]) if ends else (0, len(records))
    return [each.text for each in records[start:end] if not each.is_own]


def _records(lines: Sequence[str]) -> list[_Record]:
    """The records of a log of either format; a line that is only partly there is left out."""
    # Plain text first: a task may print JSON into it, but no line of JSON begins like a plain record.
    return list(_plain_records(lines)) or [each for each in map(_json_record, lines) if each]


def _plain_records(lines: Iterable[str]) -> Iterator[_Record]:
    texts: list[str] = []
    is_own = False
    for line in lines:
        found = _PLAIN_RECORD.match(line)
        if found is None:
            if texts:
                texts.append(line)
            continue
        if texts:
            yield _Record("\n".join(texts), is_own)
        texts, is_own = [found["text"]], found["file"] in _OWN_FILES
    if texts:
        yield _Record("\n".join(texts), is_own)


def _json_record(line: str) -> _Record | None:
    if not line.startswith("{"):
        return None
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or "event" not in record:
        return None
    return _Record(str(record["event"]), _OWN_LOGGERS.fullmatch(str(record.get("logger", ""))) is not None)


def _without_progress(lines: Sequence[str]) -> list[str]:
    """The lines, without all but the last of several that show the progress of the same thing."""
    kept: list[str] = []
    for line in lines:
        if kept and _PROGRESS.search(line) and _CHANGING.sub("", line) == _CHANGING.sub("", kept[-1]):
            kept[-1] = line
        else:
            kept.append(line)
    return kept
