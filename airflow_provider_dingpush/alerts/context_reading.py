"""Reading the facts from the context of a callback.

The content of a context depends on the Airflow version and on the process that runs the callback: the task's own
(everything), the DAG processor (no times, no state, no exception), the scheduler of 2.x (an exception that is a str), a
deadline (two dicts). So every value is optional: one that is missing, raises, or has an unexpected type is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone, tzinfo
from enum import Enum
from functools import partial, wraps
from typing import Any, NamedTuple, ParamSpec, TypeVar
from uuid import UUID

from airflow_provider_dingpush.alerts.airflow_site import AirflowSite
from airflow_provider_dingpush.alerts.dbt_results import MOST_RESULTS, DbtResult, summary_of
from airflow_provider_dingpush.alerts.dbt_tasks import is_dbt
from airflow_provider_dingpush.alerts.exception_place import exception_place
from airflow_provider_dingpush.alerts.exception_text import WhatWentWrong, read_exception
from airflow_provider_dingpush.alerts.run_facts import FailedTask, RunFacts
from airflow_provider_dingpush.events import Event, Urgency

MAX_LISTED_TASKS = 10

_MAX_ID_CHARACTERS = 250  # Airflow's own columns end there.
_MAX_NAME_CHARACTERS = 120
_MAX_PEOPLE = 10
_MAX_OPTIONS = 10
_MAX_OPTION_CHARACTERS = 60
_MAX_BODY_LINES = 10
_MAX_BODY_CHARACTERS = 600
_LLM_OPTIONS = ["Approve", "Reject"]
_LLM_DEFAULTS = {"approve": ["Approve"], "reject": ["Reject"]}
_MAX_TAGS = 50
_MAX_READ_CHARACTERS = 20_000
"""The most that is read of a text: far more than is shown, so that a secret cut here is never shown."""

_WHOLE = 1_000_000_000

# The scheduler of 2.x reports a task whose process died by ids, as the repr of a dict, or by its executor's text.
_IDS_OF_LOST_TASK = "{'DAG Id'"
_EXECUTOR_REPORT = "Executor "


def _unchanged(text: str) -> str:
    return text


def read_run_facts(
    context: Mapping[str, Any],
    *,
    site: AirflowSite,
    redact: Callable[[str], str] = _unchanged,
    failed_tasks: Sequence[tuple[str, int]] | None = None,
    roots: Sequence[str] = (),
    now: Callable[[], datetime],
) -> RunFacts:
    """The facts in the context of any callback, of any Airflow version. Never raises, for any context.

    :param context: of the callback.
    :param site: the installation.
    :param redact: removes secrets from free text; if it fails, the text is unknown.
    :param failed_tasks: task id and map index (-1 if not mapped) of the run's failed tasks, for DAG-level callbacks;
        ``None`` if Airflow doesn't provide them. They aren't read from the context, whose only task is often the wrong
        one (before 3.2, the last).
    :param roots: folders of DAG files and of modules for them; the place of an exception is shown relative to these.
    :param now: the time, with its zone.
    """
    dag, run, deadline = (_get(context, name) for name in ("dag", "dag_run", "deadline"))
    ti = _first(_anything, (context, "ti"), (context, "task_instance"))
    reason, run_state = _word(_get(context, "reason")), _word(_get(run, "state"))
    is_about_task = deadline is None and reason is None and ti is not None
    any_ti = ti
    if not is_about_task:
        ti = None
    task = _first(_anything, (context, "task"), (ti, "task")) if is_about_task else None

    tries, dbt = _Tries.read(ti, task), _Dbt.read(context, ti, task, redact)
    problem = _Problem() if dbt.is_warning else dbt.told_in(_Problem.read(context, ti, redact))
    if deadline is not None:
        event = Event.DEADLINE_MISSED
    elif is_about_task:
        event = Event.TASK_WARNED if dbt.is_warning else _task_event(_word(_get(ti, "state")), problem, tries)
    else:
        event = Event.DAG_SUCCEEDED if "success" in (reason, run_state) else Event.DAG_FAILED

    dag_id = _first(_word, (ti, "dag_id"), (dag, "dag_id"), (run, "dag_id"), (task, "dag_id")) or ""
    run_id = _first(_word, (context, "run_id"), (ti, "run_id"), (run, "run_id"), (run, "dag_run_id"))
    task_id = _first(_word, (ti, "task_id"), (task, "task_id"))
    map_index = _map_index(_get(ti, "map_index"))
    map_label = _free_text(_get(ti, "rendered_map_index"), redact, _MAX_NAME_CHARACTERS)

    moment = _instant(now())
    question = _Question.read(task, redact, moment) if event.in_progress else None
    if question is not None:
        event = Event.ANSWER_NEEDED
    logical_date = _first(_instant, (run, "logical_date"), (context, "logical_date"))
    started_at, ended_at = (_instant(_get(ti if is_about_task else run, name)) for name in ("start_date", "end_date"))
    run_started_at = _instant(_get(run, "start_date"))
    deadline_at = _instant(_get(deadline, "deadline_time"))
    next_retry_at = _next_retry(task, ended_at) if event.will_retry else None
    local = partial(_local, zone=site.zone)

    def log_url(task_id: str | None, map_index: int | None, try_number: int | None = None) -> str | None:
        if not (dag_id and run_id and task_id):
            return None
        return site.log_url(
            dag_id, run_id, task_id, map_index=map_index, try_number=try_number, logical_date=logical_date
        )

    failed = _task_instances(failed_tasks) if event.is_run_failure else None
    listed = None
    if failed is not None:
        listed = tuple(FailedTask(*each, log_url(*each), site.links) for each in failed[:MAX_LISTED_TASKS])
    return RunFacts(
        event=event,
        environment=_word((site.environment or "").strip(), _MAX_NAME_CHARACTERS),
        dag_id=dag_id,
        dag_name=_name(dag_id, (dag, "dag_display_name"), (run, "dag_display_name")) or "",
        run_id=run_id,
        run_url=site.run_url(dag_id, run_id) if dag_id and run_id else None,
        run_type=_word(_get(run, "run_type")),
        # The first name is that of a task's process, the other that of the scheduler (3.3.2, read 2026-11-28).
        team=_first(_word, (run, "team_name"), (run, "_team_name")),
        run_state=run_state,
        logical_date=local(logical_date),
        reason=_free_text(reason, redact, _MAX_NAME_CHARACTERS),
        owners=_owners(task, dag),
        tags=_tags(dag) or (),
        severity=_severity(dag),
        task_id=task_id,
        task_name=_name(task_id, (task, "task_display_name"), (ti, "task_display_name")),
        map_index=map_index,
        map_label=None if map_label == str(map_index) else map_label,
        try_number=tries.number,
        max_tries=tries.total,
        next_retry_at=local(next_retry_at),
        hostname=_word(_get(ti, "hostname")),
        log_url=log_url(task_id, map_index, tries.number),
        started_at=local(started_at),
        ended_at=local(ended_at),
        duration_seconds=None if event.in_progress else _seconds(started_at, ended_at or moment),
        exception_type=problem.error.type_name,
        exception_text=problem.error.text,
        exception_summary=problem.error.summary,
        exception_place=_place(_get(context, "exception"), roots, dag) if is_about_task else None,
        dbt_results=dbt.results[:MOST_RESULTS],
        dbt_result_count=len(dbt.results),
        killed_from_outside=problem.killed_from_outside,
        failed_tasks=listed,
        failed_task_count=None if failed is None else len(failed),
        deadline_at=local(deadline_at),
        late_seconds=_seconds(deadline_at, moment),
        answer_url=site.answer_url(dag_id, run_id, task_id, map_index=map_index)
        if question and dag_id and run_id and task_id
        else None,
        is_local_link=site.is_local,
        is_utc_by_default=site.is_utc_by_default,
        links=site.links,
        run_started_at=local(run_started_at),
        run_time=local(_time_in(run_id)),
        runbook_url=_runbook(context, task, dag, redact),
        iteration=_iteration(ti),
        occurrence=_occurrence(any_ti, run, deadline, logical_date, is_about_task=is_about_task),
        **(question.facts(local) if question else {}),
    )


def _occurrence(ti: Any, run: Any, deadline: Any, logical_date: datetime | None, *, is_about_task: bool) -> str:
    """Distinguishes an event from another one with the same ids; the same in every process that calls back for it.

    Airflow 3 gives each try an id of its own, also after a task was cleared, and its DAG processor has it too. Without
    one a run is identified by its start, which changes when it is cleared. In ``airflow dags test`` that is always the
    logical date: there the end of the run is used (of its last task on Airflow 2, which doesn't provide the run's own),
    or the times and the process of the task.

    :param ti: that of the context, also if the event is about a whole run.
    """
    run_started_at = _instant(_get(run, "start_date"))
    ti_id = _identifier(_get(ti, "id")) if is_about_task else None
    if deadline is not None:
        names = [(deadline, name) for name in ("id", "deadline_time", "name")]
    elif ti_id:
        names = [(ti, "id")]
    elif run_started_at and run_started_at != logical_date:
        names = [(run, "start_date")]
    elif not is_about_task:
        names = [(run, "end_date"), (ti, "end_date")] if run_started_at else [(run, "end_date")]
    else:
        # A sensor that is rescheduled has a new start each time, so it is used only if needed.
        names = [(ti, name) for name in ("start_date", "end_date", "pid") if run_started_at]
    region_index = _map_index(_get(ti, "region_index")) if is_about_task else None
    if region_index is not None:  # of an iteration of a loop, since Airflow 3.4
        names.append((ti, "region_id"))
    parts = [*(_identifier(_get(*each)) for each in names), region_index]
    return " ".join(str(each) for each in parts if each is not None)


def _iteration(ti: Any) -> int | None:
    """The iteration of a task loop, from 1.

    Since Airflow 3.4 a task instance has an index in its region: of a mapped task that is its map index, of a task in a
    loop that isn't mapped its iteration (``RuntimeTaskInstance.model_post_init`` of 3.4.0b2, read 2026-11-27).
    """
    index = _map_index(_get(ti, "region_index"))
    return None if index is None or _map_index(_get(ti, "map_index")) is not None else index + 1


class _Tries(NamedTuple):
    """The number of this try, and how many there are."""

    number: int | None
    total: int | None

    @property
    def are_left(self) -> bool:
        return bool(self.number and self.total and self.number < self.total)

    @classmethod
    def read(cls, ti: Any, task: Any) -> _Tries:
        number, retries = _int(_get(ti, "try_number")), _int(_get(ti, "max_tries"))
        if _get(ti, "state") is None:
            # The DAG processor may leave ti.max_tries at its default of 0; otherwise it counts retries, and grows when
            # a task is cleared.
            retries = max((each for each in (retries, _int(_get(task, "retries"))) if each is not None), default=None)
        total = None if retries is None else retries + 1
        # A person may run a task more often than it retries by itself; "try 5 of 3" would be wrong.
        return cls(number, None if number and total and number > total else total)


class _Problem(NamedTuple):
    """The problem of a task, as far as the context has it."""

    error: WhatWentWrong = WhatWentWrong()
    killed_from_outside: bool = False

    @classmethod
    def read(cls, context: Any, ti: Any, redact: Callable[[str], str]) -> _Problem:
        if ti is None:
            return cls()
        error = _get(context, "exception")
        if isinstance(error, BaseException):
            return cls(_read_exception(error, redact) or WhatWentWrong(type(error).__name__[:_MAX_NAME_CHARACTERS]))
        text = _word(error, _WHOLE)
        if text is not None:  # 2.x, and not always of a killed task: "Task failed due to SystemExit(1)".
            if text.startswith(_IDS_OF_LOST_TASK):
                return cls(killed_from_outside=True)
            read = _read_exception(text, redact) or WhatWentWrong()
            return cls(read, killed_from_outside=text.startswith(_EXECUTOR_REPORT))
        # A task that ended by itself has a state. Without one, the DAG processor of 3.x calls back for a task whose
        # process died.
        return cls(killed_from_outside=_get(ti, "state") is None)


class _Dbt(NamedTuple):
    """The results of a task that runs dbt, as far as the context has them: those of its exception, or its warnings.

    :param is_warning: whether this is the ``on_warning_callback`` of Cosmos, which runs while the task does.
    """

    results: tuple[DbtResult, ...] = ()
    is_warning: bool = False

    @classmethod
    def read(cls, context: Any, ti: Any, task: Any, redact: Callable[[str], str]) -> _Dbt:
        if ti is None:
            return cls()
        error, names = _get(context, "exception"), _get(context, "test_names")
        # Cosmos on Kubernetes leaves the names in the context of the callbacks that follow.
        if isinstance(names, (list, tuple)) and error is None and not Event.of_task_state(_word(_get(ti, "state"))):
            return cls(_warnings(names, _get(context, "test_results"), redact) or (), is_warning=True)
        return cls(_dbt_results(task, error, redact) or ()) if error is not None else cls()

    def told_in(self, problem: _Problem) -> _Problem:
        """The problem of the task, in whose text the results aren't repeated."""
        if not self.results:
            return problem
        from airflow_provider_dingpush.alerts.dbt_exception import without_results

        told = problem.error._replace(
            text=without_results(problem.error.text), summary=summary_of(self.results, len(self.results))
        )
        return problem._replace(error=told)


class _Question(NamedTuple):
    """The question of a task: an operator for approvals, or for an LLM whose output is to be approved.

    They are recognised by their attributes, because most installations lack their classes.
    """

    subject: str | None
    body: str | None
    options: tuple[str, ...]
    option_count: int
    several: bool
    defaults: tuple[str, ...]
    form_fields: tuple[str, ...]
    answer_by: datetime | None
    users: tuple[str, ...]
    user_ids: tuple[str, ...]

    @classmethod
    def read(cls, task: Any, redact: Callable[[str], str], moment: datetime | None) -> _Question | None:
        """The question of a running task that has just put it; ``None`` if there is none yet."""
        of_llm = _get(task, "approval_notifiers") is not None or _get(task, "require_approval") is True
        subject = _free_text(_get(task, "subject"), redact, _MAX_NAME_CHARACTERS)
        options = _LLM_OPTIONS if of_llm else _get(task, "options")
        # The on_execute_callback of the same operator comes before that. An LLM's has no subject then.
        summary = _first(_anything, (task, "hitl_summary_extra"), (task, "hitl_summary"))
        is_put = "timeout_datetime" in summary if isinstance(summary, dict) and not of_llm else True
        known = _names(options, redact)
        if subject is None or not known or not is_put:
            return None
        until = _instant(_get(summary, "timeout_datetime"))
        timeout = _get(task, "approval_timeout" if of_llm else "response_timeout")
        if timeout is None and not of_llm and summary is None:
            # The first operators for approvals, of Airflow 3.1, had no other timeout.
            timeout = _get(task, "execution_timeout")
        if until is None and moment is not None and isinstance(timeout, timedelta):
            until = moment + timeout
        defaults = _get(task, "defaults")
        if of_llm:
            defaults = _LLM_DEFAULTS.get(_word(_get(task, "on_approval_timeout")) or "")
        users = _list(_get(task, "approval_assigned_users" if of_llm else "assigned_users"))
        users = [{"id": each} if isinstance(each, str) else each for each in users]
        may_edit = _get(task, "allow_modifications") is True
        return cls(
            subject=subject,
            body=_opening(_get(task, "body"), redact),
            options=known[:_MAX_OPTIONS],
            option_count=len(known),
            several=_get(task, "multiple") is True,
            defaults=_names(defaults, redact)[:_MAX_OPTIONS],
            form_fields=(("output",) if may_edit else ()) if of_llm else _form_fields(_get(task, "params")),
            answer_by=until,
            # Names and ids aren't redacted: a masked one can't be looked up.
            users=_names([_first(_anything, (each, "name"), (each, "id")) for each in users], _unchanged)[:_MAX_PEOPLE],
            user_ids=_names([_get(each, "id") for each in users], _unchanged)[:_MAX_PEOPLE],
        )

    def facts(self, local: Callable[[datetime | None], datetime | None]) -> dict[str, Any]:
        return {
            "subject": self.subject,
            "body": self.body,
            "options": self.options,
            "option_count": self.option_count,
            "several_options": self.several,
            "default_options": self.defaults,
            "form_fields": self.form_fields,
            "answer_by": local(self.answer_by),
            "assigned_users": self.users,
            "assigned_user_ids": self.user_ids,
        }


def _task_event(state: str | None, problem: _Problem, tries: _Tries) -> Event:
    event = Event.of_task_state(state)
    if event is not None:
        return event
    if state is None or problem != _Problem():
        return Event.TASK_RETRYING if tries.are_left else Event.TASK_FAILED
    return Event.TASK_STARTED


_Params = ParamSpec("_Params")
_Value = TypeVar("_Value")


def _unknown_if_it_raises(read: Callable[_Params, _Value]) -> Callable[_Params, _Value | None]:
    """Return ``None`` instead of raising: values of foreign classes may raise anything when they are read.

    A timeout or a signal that Airflow raises meanwhile isn't an ``Exception``, and is passed on.
    """

    @wraps(read)
    def answer(*args: _Params.args, **kwargs: _Params.kwargs) -> _Value | None:
        try:
            return read(*args, **kwargs)
        except Exception:  # noqa: BLE001 - see above
            return None

    return answer


@_unknown_if_it_raises
def _get(source: Any, name: str) -> Any:
    """The value of this name in a mapping (recognised as ``dict()`` does it) or an object."""
    # isinstance(…, Mapping) would call every class registered as one: 0.5 ms for each new class of objects.
    return source.get(name) if hasattr(type(source), "keys") else getattr(source, name)


def _anything(value: Any) -> Any:
    return value


def _first(convert: Callable[[Any], Any], *sources: tuple[Any, str]) -> Any:
    """The first value of these sources that can be converted."""
    return next((value for value in (convert(_get(*source)) for source in sources) if value is not None), None)


@_unknown_if_it_raises
def _word(value: Any, most: int = _MAX_ID_CHARACTERS) -> str | None:
    """An id, a state (which Airflow gives as an Enum here and as a str there) or a name; ``None`` for anything else."""
    plain = value.value if isinstance(value, Enum) else value
    if not isinstance(plain, str):
        return None
    # Characters that UTF-8 can't encode would break the file and the message.
    return str(plain)[:most].encode("utf-8", "replace").decode() or None


def _word_of_any_length(value: Any) -> str | None:
    return _word(value, _MAX_READ_CHARACTERS)


def _name(own_id: str | None, *sources: tuple[Any, str]) -> str | None:
    """The display name in one of these sources, or else the id."""
    return own_id and (_first(partial(_word, most=_MAX_NAME_CHARACTERS), *sources) or own_id)


@_unknown_if_it_raises
def _free_text(value: Any, redact: Callable[[str], str], most: int) -> str | None:
    """A text that may hold secrets. It is redacted before it is cut, because half a secret isn't recognised."""
    word = _word(value, _MAX_READ_CHARACTERS)
    return _word(redact(word), most) if word is not None else None


@_unknown_if_it_raises
def _read_exception(error: BaseException | str, redact: Callable[[str], str]) -> WhatWentWrong:
    return read_exception(error, redact)


@_unknown_if_it_raises
def _warnings(names: Any, messages: Any, redact: Callable[[str], str]) -> tuple[DbtResult, ...]:
    from airflow_provider_dingpush.alerts.dbt_warnings import warnings_of

    return warnings_of(names, messages, redact)


@_unknown_if_it_raises
def _dbt_results(task: Any, error: Any, redact: Callable[[str], str]) -> tuple[DbtResult, ...]:
    if not is_dbt(task, error):
        return ()
    from airflow_provider_dingpush.alerts.dbt_exception import results_in_exception

    return results_in_exception(error, redact)


@_unknown_if_it_raises
def _opening(text: Any, redact: Callable[[str], str]) -> str | None:
    """The first lines of a text, cut to a readable size."""
    lines = (_free_text(text, redact, _MAX_READ_CHARACTERS) or "").strip().splitlines()
    kept = "\n".join(line for line in lines[:_MAX_BODY_LINES] if line.strip("`~ "))  # a fence isn't shown
    cut = kept[:_MAX_BODY_CHARACTERS]
    return (f"{cut}…" if len(kept) > len(cut) else f"{kept}\n…" if len(lines) > _MAX_BODY_LINES else kept) or None


def _list(value: Any) -> list[Any]:
    if isinstance(value, (str, Mapping)):
        return [value]
    return list(value) if isinstance(value, (list, tuple, set, frozenset)) else []


def _names(values: Any, redact: Callable[[str], str]) -> tuple[str, ...]:
    """Those of these values that can be shown as text, each of a readable length."""
    numbers = (str(each) if isinstance(each, (int, float)) else each for each in _list(values))
    shown = (_free_text(each, redact, _MAX_OPTION_CHARACTERS) for each in numbers)
    return tuple(each for each in shown if each)


@_unknown_if_it_raises
def _params(params: Any) -> list[str]:
    return [str(each)[:_MAX_OPTION_CHARACTERS] for each in params][:_MAX_OPTIONS]


def _form_fields(params: Any) -> tuple[str, ...]:
    return tuple(_params(params) or ()) if params is not None else ()


def _int(value: Any) -> int | None:
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _map_index(value: Any) -> int | None:
    index = _int(value)
    return None if index is None or index < 0 else index


@_unknown_if_it_raises
def _instant(value: Any) -> datetime | None:
    """A time from a datetime or an ISO 8601 text; one without a zone is UTC, as everything inside Airflow is."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value.replace("Z", "+00:00"))
    if not isinstance(value, datetime):
        return None
    aware = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
    # Converted through text, because Airflow's times are of a subclass, which isn't plain data.
    return datetime.fromisoformat(aware.astimezone(timezone.utc).isoformat())


@_unknown_if_it_raises
def _identifier(value: Any) -> str | None:
    """An id or a time as text."""
    if isinstance(value, datetime):
        moment = _instant(value)
        return moment.isoformat() if moment else None
    return str(value) if isinstance(value, (UUID, int)) else _word(value)


@_unknown_if_it_raises
def _local(time: datetime | None, zone: tzinfo) -> datetime | None:
    """The time in that zone, in whole seconds, with a fixed offset, as JSON can store it."""
    return datetime.fromisoformat(time.astimezone(zone).isoformat(timespec="seconds")) if time else None


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return max((end - start).total_seconds(), 0.0) if start and end else None


@_unknown_if_it_raises
def _next_retry(task: Any, ended_at: datetime | None) -> datetime | None:
    delay = _get(task, "retry_delay")
    is_plain = not _get(task, "retry_exponential_backoff") and _get(task, "retry_policy") is None
    return ended_at + delay if ended_at and isinstance(delay, timedelta) and is_plain else None


def _owners(task: Any, dag: Any) -> tuple[str, ...]:
    of_task = _word(_get(task, "owner"), _MAX_READ_CHARACTERS)
    if of_task:
        return _people(of_task)
    # Airflow joins the owners of a DAG's tasks in arbitrary order.
    of_dag = _word(_get(dag, "owner"), _MAX_READ_CHARACTERS) or ""
    return _people(",".join(sorted(of_dag.split(", "))))


def _people(text: str) -> tuple[str, ...]:
    names = (name.strip()[:_MAX_NAME_CHARACTERS] for name in text.split(","))
    return tuple(dict.fromkeys(name for name in names if name))[:_MAX_PEOPLE]


@_unknown_if_it_raises
def _place(error: Any, roots: Sequence[str], dag: Any) -> str | None:
    if not isinstance(error, BaseException):
        return None
    bundle, dag_file = _bundle_folder(dag), _word_of_any_length(_get(dag, "fileloc"))
    return exception_place(error, [*roots, bundle] if bundle else roots, dag_file=dag_file)


@_unknown_if_it_raises
def _bundle_folder(dag: Any) -> str | None:
    """The folder of the DAG's bundle, which may be another one on each machine and for each version."""
    file, relative = (_word_of_any_length(_get(dag, name)) for name in ("fileloc", "relative_fileloc"))
    return file[: -len(relative)] if file and relative and file.endswith(f"/{relative}") else None


def _time_in(run_id: str | None) -> datetime | None:
    """The time in a run id such as ``scheduled__2026-11-21T19:00:00+00:00``."""
    _, separator, time = (run_id or "").partition("__")
    return _instant(time.partition("_")[0]) if separator else None


@_unknown_if_it_raises
def _runbook(context: Any, task: Any, dag: Any, redact: Callable[[str], str]) -> str | None:
    params = (_get(each, "params") for each in (context, task, dag))
    param = _first(_word_of_any_length, *((each, "runbook") for each in params))
    tags, documents = _list(_get(dag, "tags")), [_get(task, "doc_md"), _get(dag, "doc_md")]
    if not any((param, tags, *documents)):
        return None
    # Not loaded for a DAG that has none of them.
    from airflow_provider_dingpush.alerts.runbook import runbook_url

    return runbook_url(param=param, tags=tags, documents=documents, redact=redact)


def last_success(context: Mapping[str, Any], zone: tzinfo) -> datetime | None:
    """When the last successful run before that of the context ended; ``None`` if unknown.

    Airflow 3 reads it when it is looked at, which asks another process.
    """
    names = ("prev_end_date_success", "prev_start_date_success")
    return _local(_first(_instant, *((context, name) for name in names)), zone)


def _severity(dag: Any) -> str | None:
    urgency = Urgency.tagged(_tags(dag) or ())
    return urgency and urgency.value


@_unknown_if_it_raises
def _tags(dag: Any) -> tuple[str, ...] | None:
    words = [_word(tag, _MAX_NAME_CHARACTERS) for tag in _get(dag, "tags") or ()]
    return tuple(sorted(word for word in words if word))[:_MAX_TAGS]


@_unknown_if_it_raises
def _task_instances(given: Any) -> tuple[tuple[str, int | None], ...] | None:
    """Each task instance once, as task id and map index; other values are skipped."""
    found = [(_word(task_id), _map_index(map_index)) for task_id, map_index in given]
    return tuple(dict.fromkeys((task_id, map_index) for task_id, map_index in found if task_id))
