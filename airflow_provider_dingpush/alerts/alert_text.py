"""The built-in alert: one Markdown message about one event, with every value in it escaped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from airflow_provider_dingpush.alerts.dbt_text import dbt_lines
from airflow_provider_dingpush.alerts.exception_text import gap_in, shortened
from airflow_provider_dingpush.alerts.hints import Hint
from airflow_provider_dingpush.alerts.history_line import Memory
from airflow_provider_dingpush.alerts.kinds import URGENT_MARK
from airflow_provider_dingpush.alerts.markdown import dotted, escape_markdown, plain_line, quoted
from airflow_provider_dingpush.alerts.name_ranges import names_in_brief
from airflow_provider_dingpush.alerts.run_facts import NO_FLUSH, TASKS_FAILED, FailedTask, RunFacts
from airflow_provider_dingpush.alerts.words import Words, day_and_time, duration_text, local_time_text, words_in
from airflow_provider_dingpush.events import Subject, Urgency
from airflow_provider_dingpush.messages.browser_links import MAX_LINK_CHARACTERS
from airflow_provider_dingpush.messages.kinds import Markdown
from airflow_provider_dingpush.messages.sizes import json_bytes

MAX_ALERT_BYTES = 10_000
"""The list of failed tasks or of results of dbt is cut to fit: half of DingTalk's limit, more than anyone reads."""

_LEAST_EXCEPTION_CHARACTERS = 60
"""A shorter part of an exception's text isn't worth showing."""

_SAME_TIME_SECONDS = 600
"""Between the time in a run's id and its start, so that one says nothing beside the other."""

_LIST_CHARACTERS = 120
"""Of the options of a question, and of the people who may answer it."""

_FILES_CHARACTERS = 240
"""Of the paths of files that have the same problem."""

_DEFAULT_OWNER = "airflow"
"""Airflow's owner of a task that names none (``[operators] default_owner``)."""

_TITLE_NAME_CHARACTERS = 60
"""Of each name in a title; a phone shows fewer."""


def built_in_alert(
    facts: RunFacts,
    *,
    language: str,
    hints: frozenset[Hint] = frozenset(),
    memory: Memory | None = None,
    at_most_bytes: int = MAX_ALERT_BYTES,
) -> Markdown:
    """The built-in message about these facts.

    Its title names the event and its subject, because the conversation list and a locked phone show no more. Its text
    begins with what a person needs first, on a phone: what went wrong, where, and the links; then one line per known
    fact. For any facts it is far below DingTalk's limit.

    :param language: any name of Chinese, such as ``zh`` or ``zh-CN``; everything else gets English.
    :param hints: shown at the end; see :mod:`.hints`.
    :param memory: of earlier failures, shown below the title.
    :param at_most_bytes: to fit, fewer failed tasks or results of dbt are listed and less of the exception and the log
        is shown, so that the links stay. The shortest text is returned even if it is longer than this.
    """
    words = words_in(language)
    if words.is_chinese and facts.exception_text_zh:
        facts = facts._replace(exception_text=facts.exception_text_zh)
    title = _title(facts, words)
    listed = len(facts.failed_tasks or facts.dbt_results)
    while True:
        blocks = [
            f"### {_mark(facts)} {escape_markdown(title)}",
            memory.in_words(language) if memory else "",
            *_BODIES[facts.event.subject](facts, words, listed),
            *_hints(hints, words),
        ]
        text = "\n\n".join(block for block in blocks if block).strip()
        shorter = facts._replace(
            exception_text=_shortened(facts.exception_text), body=_shortened(facts.body), log_tail=facts.log_tail[1:]
        )
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


def _mark(facts: RunFacts) -> str:
    is_urgent = facts.severity == Urgency.P1.value and facts.event.is_failure
    return URGENT_MARK if is_urgent else facts.event.mark


def _title(facts: RunFacts, words: Words) -> str:
    what = words.event_in_title(facts.event)
    if facts.event.will_retry and facts.try_text:
        what = words("try_failed", tries=facts.try_text)
    prefix = f"[{_short(facts.environment)}] " if facts.environment else ""
    if facts.severity == Urgency.P1.value:
        prefix = f"[{facts.severity}] {prefix}"
    name = _short(facts.dag_name or words("unknown_dag"))
    if facts.file_count > 1:
        name = words("and_more_files", facts.file_count - 1, name=name)
    if facts.task_name:
        name += f" · {_short(facts.task_name)}"
    if facts.map_index is not None:
        name += f" [{_short(facts.map_label or str(facts.map_index))}]"
    if facts.subject:
        name += f" · {_short(facts.subject)}"
    return plain_line(prefix + words("title", what=what, name=name))


def _task(facts: RunFacts, words: Words, listed: int) -> Iterator[str]:
    yield from _problem(facts, words)
    yield from dbt_lines(facts, words, listed)
    yield _links(facts, words)
    yield _lines(
        words,
        {
            **_names(facts),
            "severity": facts.severity,
            "run_id": _run_id(facts, words),
            "iteration": facts.iteration,
            "try": _try(facts, words),
            "started": _time(facts.started_at),
            "duration": _duration(facts.duration_seconds, words),
            "next_try": _time(facts.next_retry_at),
            "owner": _owners(facts, words),
            "host": facts.hostname if facts.killed_from_outside else None,
            "last_success": _last_success(facts, words),
        },
    )


def _problem(facts: RunFacts, words: Words) -> Iterator[str]:
    """What went wrong, where in the author's code, and what the task wrote before."""
    if facts.killed_from_outside:
        yield words("killed")
    if facts.never_started:
        yield words("never_started")
    text = facts.exception_text or ""
    separator = "\n" if gap_in(text.partition("\n")[0]) is not None else ": "
    problem = separator.join(each for each in (facts.exception_type, text) if each)
    if problem:
        yield _quote(problem, words)
    if facts.exception_place:
        yield words("place", place=escape_markdown(facts.exception_place))
    if facts.log_tail:
        yield words("log_tail")
        yield quoted(escape_markdown(line) for line in facts.log_tail)


def _owners(facts: RunFacts, words: Words) -> str:
    """Those whom somebody named."""
    return words("comma").join(str(each) for each in facts.owners if each != _DEFAULT_OWNER)


def _run(facts: RunFacts, words: Words, listed: int) -> Iterator[str]:
    if facts.pausing_after:
        yield words("pausing", facts.pausing_after)
    if facts.failed_tasks is None or facts.reason != TASKS_FAILED:
        # Otherwise the list says it.
        yield _lines(words, {"reason": facts.reason and words.known("reason", facts.reason)})
    if facts.failed_tasks:
        count = facts.failed_task_count or len(facts.failed_tasks)
        yield words("failed_tasks", count)
        tasks = [_failed_task(each, words) for each in facts.failed_tasks[:listed]]
        yield "\n".join([*tasks, *([words("more_tasks", count - listed)] if count > listed else [])])
    elif facts.failed_tasks is None and facts.event.is_run_failure:
        yield words("failed_tasks_unknown")
    yield _links(facts, words)
    yield _lines(
        words,
        {
            **_names(facts),
            "severity": facts.severity,
            "run_id": _run_id(facts, words),
            "started": _time(facts.started_at),
            "duration": _duration(facts.duration_seconds, words),
            "owner": _owners(facts, words),
            "last_success": _last_success(facts, words),
        },
    )


def _failed_task(task: FailedTask, words: Words) -> str:
    index = "" if task.map_index is None else f" [{task.map_index}]"
    log = _link(words("log"), task.log_link)
    return f"- {escape_markdown(task.task_id)}{index}{log and f' {log}'}"


def _deadline(facts: RunFacts, words: Words, listed: int) -> Iterator[str]:  # noqa: ARG001 - same signature for all
    yield _lines(
        words,
        {
            "deadline": _time(facts.deadline_at),
            "late_by": _duration(facts.late_seconds, words),
            "run_state": facts.run_state and words.known("state", facts.run_state),
            "running_for": _duration(facts.duration_seconds, words),
        },
    )
    yield _links(facts, words)
    yield _lines(words, {**_names(facts), "run_id": _run_id(facts, words), "started": _time(facts.started_at)})


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
            **_names(facts),
            "severity": facts.severity,
            "run_id": _run_id(facts, words),
            "owner": _owners(facts, words),
        },
    )
    yield _links(facts, words)


def _airflow(facts: RunFacts, words: Words, listed: int) -> Iterator[str]:  # noqa: ARG001 - same signature for all
    is_over = facts.event.resolves_incident
    last = "last_ran" if facts.reason == NO_FLUSH else "last_heartbeat"
    is_since_heartbeat = not is_over and facts.last_heartbeat_at == facts.started_at
    yield "" if is_over else _lines(words, {"reason": facts.reason and words.known("reason", facts.reason)})
    yield _quote(facts.body, words) if facts.body and not is_over else ""
    yield _lines(
        words,
        {
            last: None if is_over else _time(facts.last_heartbeat_at),
            "unhealthy_since": None if is_since_heartbeat else _time(facts.started_at),
            "was_unhealthy_for" if is_over else "unhealthy_for": _duration(facts.duration_seconds, words),
            "checked": facts.hostname,
        },
    )
    yield _links(facts, words)


def _file(facts: RunFacts, words: Words, listed: int) -> Iterator[str]:  # noqa: ARG001 - same signature for all
    yield from _problem(facts, words)
    if facts.source_line:
        yield quoted([escape_markdown(facts.source_line)])
    if facts.reason:
        yield words.known("reason", facts.reason)
    yield _link(_marked_if_local(words("view_import_errors"), facts, words), facts.page_link)
    yield _lines(
        words,
        {
            "files": _files(facts, words),
            "bundle": facts.bundle,
            "broken_since": _time(facts.started_at),
            "fixed_at": _time(facts.ended_at),
            "broken_for": _duration(facts.duration_seconds, words),
            "host": facts.hostname,
        },
    )


def _baseline(facts: RunFacts, words: Words, listed: int) -> Iterator[str]:  # noqa: ARG001 - same signature for all
    if facts.exception_text:
        yield _quote(facts.exception_text, words)
    yield _links(facts, words)
    late = facts.late_seconds if not facts.event.resolves_incident else None
    yield _lines(
        words,
        {
            "due": _time(facts.deadline_at),
            "late_by": _duration(late, words) if late is not None and late >= 0 else None,
            "margin_left": _duration(-late, words) if late is not None and late < 0 else None,
            "in_dags_of_baseline": _brief(facts.baseline_dags, words),
            "severity": facts.severity,
            "owner": _owners(facts, words),
        },
    )


def _files(facts: RunFacts, words: Words) -> str:
    """The path of the file, unless the title shows it whole; and those of others with the same problem."""
    if facts.file_count <= 1:
        return "" if _is_in_title(facts.dag_name, facts.file or "") else facts.file or ""
    known = names_in_brief(sorted([facts.file or "", *facts.more_files]))
    names = known[:1]
    for each in known[1:]:
        if len(words("comma").join([*names, each])) > _FILES_CHARACTERS:
            break
        names.append(each)
    text = words("comma").join(names)
    if len(names) < len(known) or facts.file_count > 1 + len(facts.more_files):
        text = words("and_more_names", names=text)
    return words("file_count", facts.file_count, names=text)


_BODIES: Mapping[Subject, Callable[[RunFacts, Words, int], Iterator[str]]] = {
    Subject.TASK: _task,
    Subject.RUN: _run,
    Subject.DEADLINE: _deadline,
    Subject.QUESTION: _question,
    Subject.AIRFLOW: _airflow,
    Subject.FILE: _file,
    Subject.BASELINE: _baseline,
}
"""Subject of an event -> the paragraphs between title and footer, with at most so many failed tasks or dbt results."""


def _names(facts: RunFacts) -> dict[str, object]:
    """The names of DAG and task that the title doesn't show whole."""
    of_map_index = None if facts.map_label is None else _known_as(facts.map_index, facts.map_label)
    return {
        "dag": None if _is_in_title(facts.dag_name, facts.dag_id) else _known_as(facts.dag_name, facts.dag_id),
        "task": None if _is_in_title(facts.task_name, facts.task_id) else _known_as(facts.task_name, facts.task_id),
        "map_index": of_map_index,
    }


def _is_in_title(name: str | None, own_id: str | None) -> bool:
    return name == own_id and len(name or "") <= _TITLE_NAME_CHARACTERS


def _links(facts: RunFacts, words: Words) -> str:
    log = _link(_marked_if_local(words("view_log"), facts, words), facts.log_link)
    run = _link(_marked_if_local(words("view_run"), facts, words), facts.run_link)
    return dotted([log, _link(words("view_runbook"), facts.runbook_link), run])


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
    if facts.try_number is None or facts.max_tries == 1:  # The only try is no news.
        return ""
    name = "try_number" if facts.max_tries is None else "try_of"
    return words(name, number=facts.try_number, total=facts.max_tries)


def _run_id(facts: RunFacts, words: Words) -> str:
    """The run id, with the time in it as local time, unless that is in the id already or the run started about then."""
    run, time = facts.run_id or "", facts.run_time
    if not run or time is None or not time.utcoffset():
        return run
    started_at = facts.run_started_at or facts.started_at
    if started_at and abs((started_at - time).total_seconds()) < _SAME_TIME_SECONDS:
        return run
    return words("run_at", run=run, time=f"{time:%m-%d %H:%M}")


def _last_success(facts: RunFacts, words: Words) -> str:
    now = facts.ended_at or facts.started_at
    return day_and_time(facts.last_success_at, now, words) if facts.last_success_at else ""


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
