"""The built-in alert: one Markdown message about one event, with every value in it escaped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from airflow_provider_dingpush.alerts.exception_text import gap_in, shortened
from airflow_provider_dingpush.alerts.hints import Hint
from airflow_provider_dingpush.alerts.markdown import dotted, escape_markdown, plain_line, quoted
from airflow_provider_dingpush.alerts.run_facts import FailedTask, RunFacts
from airflow_provider_dingpush.alerts.words import Words, duration_text, local_time_text, words_in
from airflow_provider_dingpush.events import Subject
from airflow_provider_dingpush.messages.browser_links import MAX_LINK_CHARACTERS
from airflow_provider_dingpush.messages.kinds import Markdown
from airflow_provider_dingpush.messages.sizes import json_bytes

MAX_ALERT_BYTES = 10_000
"""The list of failed tasks is cut to fit: half of DingTalk's limit, and more than anyone reads."""

_LEAST_EXCEPTION_CHARACTERS = 60
"""A shorter part of an exception's text isn't worth showing."""

_LIST_CHARACTERS = 120
"""Of the options of a question, and of the people who may answer it."""

_TITLE_NAME_CHARACTERS = 60
"""Of each name in a title; a phone shows fewer."""


def built_in_alert(
    facts: RunFacts,
    *,
    language: str,
    hints: frozenset[Hint] = frozenset(),
    at_most_bytes: int = MAX_ALERT_BYTES,
) -> Markdown:
    """The built-in message about these facts.

    Its title names the event and its subject, because the conversation list and a locked phone show no more. Its text
    has one line per known fact, the first lines of the exception and the links; for any facts it is far below
    DingTalk's limit.

    :param language: any name of Chinese, such as ``zh`` or ``zh-CN``; everything else gets English.
    :param hints: shown below the links; see :mod:`.hints`.
    :param at_most_bytes: to fit, fewer failed tasks are listed and less of the exception is shown, so that the links
        at its end stay. The shortest text is returned even if it is longer than this.
    """
    words = words_in(language)
    title = _title(facts, words)
    listed = len(facts.failed_tasks or ())
    while True:
        blocks = [
            f"### {facts.event.mark} {escape_markdown(title)}",
            *_BODIES[facts.event.subject](facts, words, listed),
        ]
        text = "\n\n".join(block for block in (*blocks, *_links(facts, words), *_hints(hints, words)) if block).strip()
        shorter = facts._replace(exception_text=_shortened(facts.exception_text), body=_shortened(facts.body))
        if json_bytes(text) <= at_most_bytes or (listed == 0 and shorter == facts):
            return Markdown(title, text)
        listed //= 2
        facts = shorter


def _shortened(text: str | None) -> str | None:
    """Two thirds of a text, unless that is too short to show."""
    if text is None or len(text) <= _LEAST_EXCEPTION_CHARACTERS:
        return text
    most = len(text) * 2 // 3
    cut = shortened(text, most)
    # Ends for any lines.
    return cut if len(cut) < len(text) else cut[:most]


def _title(facts: RunFacts, words: Words) -> str:
    what = words.event_in_title(facts.event)
    if facts.event.will_retry and facts.try_text:
        what = words("try_failed", tries=facts.try_text)
    prefix = f"[{_short(facts.environment)}] " if facts.environment else ""
    name = _short(facts.dag_name or words("unknown_dag"))
    if facts.task_name:
        name += f" · {_short(facts.task_name)}"
    if facts.map_index is not None:
        name += f" [{_short(facts.map_label or str(facts.map_index))}]"
    if facts.subject:
        name += f" · {_short(facts.subject)}"
    return plain_line(prefix + words("title", what=what, name=name))


def _task(facts: RunFacts, words: Words, listed: int) -> Iterator[str]:  # noqa: ARG001 - same signature for all
    yield _lines(
        words,
        {
            "dag": _known_as(facts.dag_name, facts.dag_id),
            "task": _known_as(facts.task_name, facts.task_id),
            "map_index": _known_as(facts.map_index, facts.map_label),
            "run_id": facts.run_id,
            "try": _try(facts, words),
            "started": _time(facts.started_at),
            "duration": _duration(facts.duration_seconds, words),
            "next_try": _time(facts.next_retry_at),
            "owner": words("comma").join(map(str, facts.owners)),
            "host": facts.hostname if facts.killed_from_outside else None,
            "exception": facts.exception_type,
        },
    )
    if facts.killed_from_outside:
        yield words("killed")
    if facts.exception_text:
        yield _quote(facts.exception_text, words)


def _run(facts: RunFacts, words: Words, listed: int) -> Iterator[str]:
    yield _lines(
        words,
        {
            "dag": _known_as(facts.dag_name, facts.dag_id),
            "run_id": facts.run_id,
            "reason": facts.reason and words.known("reason", facts.reason),
            "started": _time(facts.started_at),
            "duration": _duration(facts.duration_seconds, words),
            "owner": words("comma").join(map(str, facts.owners)),
        },
    )
    if facts.failed_tasks:
        count = facts.failed_task_count or len(facts.failed_tasks)
        yield words("failed_tasks", count)
        tasks = [_failed_task(each, words) for each in facts.failed_tasks[:listed]]
        yield "\n".join([*tasks, *([words("more_tasks", count - listed)] if count > listed else [])])
    elif facts.failed_tasks is None and facts.event.is_run_failure:
        yield words("failed_tasks_unknown")


def _failed_task(task: FailedTask, words: Words) -> str:
    index = "" if task.map_index is None else f" [{task.map_index}]"
    log = _link(words("log"), task.log_link)
    return f"- {escape_markdown(task.task_id)}{index}{log and f' {log}'}"


def _deadline(facts: RunFacts, words: Words, listed: int) -> Iterator[str]:  # noqa: ARG001 - same signature for all
    yield _lines(
        words,
        {
            "dag": _known_as(facts.dag_name, facts.dag_id),
            "run_id": facts.run_id,
            "deadline": _time(facts.deadline_at),
            "late_by": _duration(facts.late_seconds, words),
            "run_state": facts.run_state and words.known("state", facts.run_state),
            "started": _time(facts.started_at),
            "running_for": _duration(facts.duration_seconds, words),
        },
    )


def _question(facts: RunFacts, words: Words, listed: int) -> Iterator[str]:  # noqa: ARG001 - same signature for all
    subject = escape_markdown(facts.subject or "")
    # Asterisks without text would become a horizontal rule.
    yield f"**{subject}**" if subject else ""
    if facts.body:
        yield _quote(facts.body, words)
    yield _link(_marked_if_local(words("answer"), facts, words), facts.answer_link)
    options = _brief(facts.options, words)
    if facts.option_count > len(facts.options):
        options = words("option_count", facts.option_count, options=options)
    if facts.several_options:
        options = words("several_options", options=options)
    default = words("task_fails")
    if facts.default_options:
        default = words("default_chosen", options=_brief(facts.default_options, words))
    yield _lines(
        words,
        {
            "option_label": options,
            "form_fields": _brief(facts.form_fields, words),
            "answer_until": _time(facts.answer_by),
            "without_answer": default if facts.answer_by else "",
            "assigned_to": _brief(facts.assigned_users, words),
            "dag": _known_as(facts.dag_name, facts.dag_id),
            "task": _known_as(facts.task_name, facts.task_id),
            "map_index": _known_as(facts.map_index, facts.map_label),
            "run_id": facts.run_id,
            "owner": words("comma").join(map(str, facts.owners)),
        },
    )


_BODIES: Mapping[Subject, Callable[[RunFacts, Words, int], Iterator[str]]] = {
    Subject.TASK: _task,
    Subject.RUN: _run,
    Subject.DEADLINE: _deadline,
    Subject.QUESTION: _question,
}
"""Subject of an event -> the paragraphs between title and links, with at most so many failed tasks."""


def _links(facts: RunFacts, words: Words) -> Iterator[str]:
    links = (("view_log", facts.log_link), ("view_run", facts.run_link))
    yield dotted(_link(_marked_if_local(words(name), facts, words), address) for name, address in links)


def _hints(hints: frozenset[Hint], words: Words) -> Iterator[str]:
    for hint in Hint:
        if hint in hints:
            yield escape_markdown(words(f"hint_{hint.value}"))


def _marked_if_local(label: str, facts: RunFacts, words: Words) -> str:
    return words("local_address", label=label) if facts.is_local_link else label


def _link(label: str, address: str | None) -> str:
    """A link, unless its address is missing or too long."""
    return f"[{label}]({address})" if address and len(address) <= MAX_LINK_CHARACTERS else ""


def _lines(words: Words, values: Mapping[str, object]) -> str:
    """One line for each known value, by the name of its label."""
    known = ((label, value) for label, value in values.items() if value)
    return "\n".join(words("line", label=words(label), value=escape_markdown(str(value))) for label, value in known)


def _quote(text: str, words: Words) -> str:
    return quoted(_gap(line, words) or escape_markdown(line) for line in text.splitlines())


def _gap(line: str, words: Words) -> str:
    """The text for omitted lines; empty for a line of the text itself."""
    left_out = gap_in(line)
    return "" if left_out is None else words("gap", left_out)


def _try(facts: RunFacts, words: Words) -> str:
    if facts.try_number is None:
        return ""
    name = "try_number" if facts.max_tries is None else "try_of"
    return words(name, number=facts.try_number, total=facts.max_tries)


def _time(time: datetime | None) -> str:
    return local_time_text(time) if time else ""


def _duration(seconds: float | None, words: Words) -> str:
    return "" if seconds is None else duration_text(seconds, words)


def _short(text: str) -> str:
    return text if len(text) <= _TITLE_NAME_CHARACTERS else f"{text[:_TITLE_NAME_CHARACTERS]}…"


def _brief(names: Iterable[str], words: Words) -> str:
    text = words("comma").join(map(str, names))
    return text if len(text) <= _LIST_CHARACTERS else f"{text[:_LIST_CHARACTERS]}…"


def _known_as(name: str | int | None, other: str | None) -> str:
    """Both names of a thing if it has two: ``订单日报 (etl_daily)``."""
    if name is None:
        return ""
    return f"{name} ({other})" if other not in (None, name) else str(name)
