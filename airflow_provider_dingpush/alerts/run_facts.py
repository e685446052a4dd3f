"""The facts of an alert: plain values that can be stored as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from airflow_provider_dingpush.alerts.dbt_results import DbtResult
from airflow_provider_dingpush.alerts.upstreams import Upstream, upstreams_in
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.messages.browser_links import PC_BROWSER, browser_link

FREE_TEXT = (
    "reason",
    "map_label",
    "exception_text",
    "exception_text_zh",
    "exception_summary",
    "source_line",
    "log_tail",
    "subject",
    "body",
    "options",
    "default_options",
    "dbt_results",
)
"""The facts that may contain secrets: texts, and lists of them or of values with a ``message``; all others are ids,
names, times and links."""


MAX_LOG_LINES = 8
"""Of ``log_tail``."""


TASKS_FAILED = "task_failure"
"""Airflow's reason for a failed run, if some of its tasks failed."""

NO_FLUSH = "no_flush"
"""Why alerts aren't sent: neither the flush DAG nor ``dingpush flush`` runs."""


KILLED, NEVER_STARTED = "killed_from_outside", "never_started"
"""The reasons of a failed task that left none itself, as the facts of these names."""


class FailedTask(NamedTuple):
    """One failed task instance of a failed run.

    :param task_id: its task.
    :param map_index: its index among the mapped instances, or ``None`` if the task isn't mapped.
    :param log_url: page with its log.
    :param links: how ``log_link`` opens; as in :class:`RunFacts`.
    """

    task_id: str
    map_index: int | None = None
    log_url: str | None = None
    links: str = PC_BROWSER

    @property
    def log_link(self) -> str | None:
        """``log_url``, in the form of ``links``."""
        return self.log_url and browser_link(self.log_url, self.links)


class RunFacts(NamedTuple):
    """The facts about the run, task or deadline of an alert.

    A template sees this as ``facts``: ``{{ facts.dag_id }}``, ``{{ facts.log_link }}``. What Airflow doesn't provide is
    ``None`` (or an empty tuple). Times have the site's zone and no fractions of a second; free text has gone through
    Airflow's redaction.

    **What happened**

    :param event: a :class:`~airflow_provider_dingpush.events.Event`; prints as ``task_failed``, ``dag_succeeded``, ...
    :param environment: label of this Airflow, such as ``生产``.
    :param severity: ``P1`` to ``P4``, if a rule or a tag of the DAG such as ``severity:P1`` names it.

    **The run**

    :param dag_id: id of the DAG; empty if Airflow names none.
    :param dag_name: its display name, or its id if it has none.
    :param run_id: id of the run.
    :param run_url: its page in Airflow; see also ``run_link``.
    :param run_type: ``scheduled``, ``manual``, ``backfill``, ``asset_triggered``, ...
    :param team: that the DAG belongs to, where Airflow has several teams (3.3 and later).
    :param run_state: ``running``, ``success``, ``failed``, ``queued``.
    :param logical_date: of the run; a run that was triggered by hand or by an asset may have none in Airflow 3.
    :param run_started_at: when the run started, for the last time if it was cleared since.
    :param run_time: the time in ``run_id``, which Airflow writes there in UTC.
    :param last_success_at: when the last successful run before this one ended.
    :param reason: of a finished run, in Airflow's words: ``task_failure``, ``all_tasks_deadlocked``, ``timed_out``,
        ``success``.
    :param owners: of the task, or of the DAG if the event is about the whole run.
    :param tags: of the DAG.

    **The task**, if the event is about one

    :param task_id: id of the task, task groups included.
    :param task_name: its display name, or its id if it has none.
    :param map_index: index among the mapped instances; ``None`` if the task isn't mapped.
    :param map_label: the rendered ``map_index_template``.
    :param iteration: which one of a task loop, from 1 (Airflow 3.4 and later); ``None`` outside of one.
    :param try_number: number of this try, from 1.
    :param max_tries: number of all tries: retries + 1.
    :param next_retry_at: when the next try is due; ``None`` if it isn't simply ``retry_delay`` later.
    :param hostname: the machine that ran it.
    :param log_url: page with its log; see also ``log_link``.

    **Times**, of the task or else of the run

    :param started_at: when it started.
    :param ended_at: when it ended.
    :param duration_seconds: from the start to the end, or to the moment of the event if it hasn't ended.

    **What went wrong**

    :param exception_type: name of the exception's class.
    :param exception_text: its text, with its sub-exceptions, causes and notes if it has any; of a long one the first
        and the last lines, and for the others a line such as ``… 120 …``.
    :param exception_text_zh: the same in Chinese, if it is one of ours.
    :param exception_summary: its most informative line, with the class.
    :param exception_place: the last place in the author's own code, such as ``etl_orders.py:12 in load``.
    :param log_tail: the last lines that the task wrote, at most eight, if the exception itself gives no reason.
    :param dbt_results: of a task that runs dbt, the tests and models that failed, have warnings or were skipped, the
        worst first and at most ten. Each has ``name``, ``status``, ``failures``, ``path``, ``message`` and ``kind``:
        :class:`~airflow_provider_dingpush.alerts.dbt_results.DbtResult`.
    :param dbt_result_count: how many there are in all.
    :param killed_from_outside: the task's process was killed, so there is no exception.
    :param never_started: the task failed before it started: stuck in the queue, or no worker could start it.
    :param failed_tasks: of a failed run, its first failed tasks (at most ten); ``None`` if they aren't known.
    :param failed_task_count: how many failed in all; ``None`` if unknown.
    :param pausing_after: this is the last of so many failed runs in a row, after which Airflow pauses the DAG
        (``max_consecutive_failed_dag_runs``); ``None`` if it doesn't, or that is unknown.
    :param deadline_at: the deadline that was missed.
    :param late_seconds: how long ago that was.
    :param upstreams: of a failure, what it may follow from (at most 50), each with ``dag_id``, ``task_id`` (``None``:
        any task) and ``run_id`` (``None``: any run).

    :param recipients: the addresses of Airflow's e-mail about it, if the alert is sent instead of one.

    **The question** of a task that waits for a person's answer (Airflow 3.1 and later)

    :param subject: the question.
    :param body: the first lines of its explanation.
    :param options: the answers to choose from, at most ten.
    :param option_count: how many there are in all.
    :param several_options: whether more than one can be chosen.
    :param default_options: chosen without an answer in time.
    :param form_fields: names of the values that can be filled in.
    :param answer_by: the deadline of an answer; ``None`` without one.
    :param assigned_users: names of the people who may answer; empty if every user with the permission may.
    :param assigned_user_ids: their ids in Airflow.
    :param answer_url: the page where it is answered; see also ``answer_link``.

    **A component of Airflow**, if the event is about one: ``task_id`` names it, ``reason`` and ``body`` say what
    is wrong, and ``hostname`` is where Airflow was asked

    :param last_heartbeat_at: when it was last alive; of the flush, when it last ran.

    **The file**, if the event is about one: a DAG file that can't be imported, or the rules file

    :param file: its path, relative to the folder or bundle of DAGs.
    :param bundle: name of its DAG bundle (Airflow 3), unless that is Airflow's default one.
    :param source_line: the line that failed; ``exception_place`` has its file and number.
    :param file_count: how many files have the same problem.
    :param more_files: the paths of the others, at most a thousand.
    :param page_url: the page of Airflow that lists import errors; see also ``page_link``.

    **The baseline**, if the event is about one: ``deadline_at`` is its due time, ``late_seconds`` is how long ago that
    was, negative before it, and ``exception_text`` says when what is expected

    :param baseline: its name.
    :param baseline_dags: the DAGs that it waits for.

    **Links**

    :param runbook_url: the page that a param ``runbook``, a tag ``runbook:https://…`` or ``doc_md`` names; see also
        ``runbook_link``.
    :param is_local_link: the links open only on the machine that runs Airflow, because no base URL is configured.
    :param is_utc_by_default: times are in UTC only because nobody has set a time zone.
    :param links: how ``log_link`` and ``run_link`` open: ``pc_browser``, ``browser``, ``plain``, or an address with
        ``{url}`` in it.

    **Identity**

    :param occurrence: distinguishes this event from another one of the same DAG, run, task and try, such as that of a
        run which was deleted and created again; the same for each callback. Empty if unknown.
    """

    event: Event
    dag_id: str
    dag_name: str = ""
    run_id: str | None = None
    run_url: str | None = None
    run_type: str | None = None
    team: str | None = None
    run_state: str | None = None
    logical_date: datetime | None = None
    reason: str | None = None
    owners: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    task_id: str | None = None
    task_name: str | None = None
    map_index: int | None = None
    map_label: str | None = None
    try_number: int | None = None
    max_tries: int | None = None
    next_retry_at: datetime | None = None
    hostname: str | None = None
    log_url: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    duration_seconds: float | None = None
    exception_type: str | None = None
    exception_text: str | None = None
    exception_text_zh: str | None = None
    exception_summary: str | None = None
    killed_from_outside: bool = False
    failed_tasks: tuple[FailedTask, ...] | None = None
    failed_task_count: int | None = None
    deadline_at: datetime | None = None
    late_seconds: float | None = None
    subject: str | None = None
    body: str | None = None
    options: tuple[str, ...] = ()
    option_count: int = 0
    several_options: bool = False
    default_options: tuple[str, ...] = ()
    form_fields: tuple[str, ...] = ()
    answer_by: datetime | None = None
    assigned_users: tuple[str, ...] = ()
    assigned_user_ids: tuple[str, ...] = ()
    answer_url: str | None = None
    environment: str | None = None
    is_local_link: bool = False
    is_utc_by_default: bool = False
    links: str = PC_BROWSER
    run_started_at: datetime | None = None
    occurrence: str = ""
    exception_place: str | None = None
    log_tail: tuple[str, ...] = ()
    runbook_url: str | None = None
    last_success_at: datetime | None = None
    run_time: datetime | None = None
    last_heartbeat_at: datetime | None = None
    iteration: int | None = None
    file: str | None = None
    bundle: str | None = None
    source_line: str | None = None
    file_count: int = 1
    more_files: tuple[str, ...] = ()
    page_url: str | None = None
    never_started: bool = False
    pausing_after: int | None = None
    severity: str | None = None
    upstreams: tuple[Upstream, ...] = ()
    dbt_results: tuple[DbtResult, ...] = ()
    dbt_result_count: int = 0
    recipients: tuple[str, ...] = ()
    baseline: str | None = None
    baseline_dags: tuple[str, ...] = ()

    @property
    def log_link(self) -> str | None:
        """``log_url``, in the form of ``links``: by default in a PC's browser instead of inside DingTalk."""
        return self.log_url and browser_link(self.log_url, self.links)

    @property
    def run_link(self) -> str | None:
        """``run_url``, in the form of ``links``: by default in a PC's browser instead of inside DingTalk."""
        return self.run_url and browser_link(self.run_url, self.links)

    @property
    def answer_link(self) -> str | None:
        """``answer_url``, in the form of ``links``."""
        return self.answer_url and browser_link(self.answer_url, self.links)

    @property
    def runbook_link(self) -> str | None:
        """``runbook_url``, in the form of ``links``."""
        return self.runbook_url and browser_link(self.runbook_url, self.links)

    @property
    def page_link(self) -> str | None:
        """``page_url``, in the form of ``links``."""
        return self.page_url and browser_link(self.page_url, self.links)

    @property
    def try_text(self) -> str:
        """``2/4`` for the second of four tries, ``2`` if their number is unknown; empty if both are."""
        if self.try_number is None:
            return ""
        return str(self.try_number) if self.max_tries is None else f"{self.try_number}/{self.max_tries}"

    def duration_text(self, language: str = "zh") -> str:
        """``duration_seconds`` as text, such as ``3 分 12 秒`` or ``3m 12s``; empty if unknown."""
        # A process that only writes an alert into the outbox needs no words.
        from airflow_provider_dingpush.alerts.words import duration_text, words_in

        return "" if self.duration_seconds is None else duration_text(self.duration_seconds, words_in(language))

    def to_dict(self) -> dict[str, Any]:
        """These facts as JSON data: times as ISO 8601, tuples as lists; without unknown ones."""
        unknown = self._field_defaults
        known = (each for each in self._asdict().items() if each[0] not in unknown or each[1] != unknown[each[0]])
        return {name: _to_json(value) for name, value in known}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RunFacts:
        """The facts of :meth:`to_dict`; unknown names, of a newer version, are ignored.

        :raises ValueError: if these aren't facts.
        """
        return _read(data)


def _read(data: Mapping[str, Any]) -> RunFacts:
    try:
        return RunFacts(**{each: _FROM_JSON.get(each, _same)(data[each]) for each in data.keys() & RunFacts._fields})
    except (TypeError, KeyError, AttributeError) as problem:
        raise ValueError("this isn't a dict made by RunFacts.to_dict()") from problem


def _to_json(value: Any) -> Any:
    if isinstance(value, Event):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, FailedTask):
        return value._asdict()
    if isinstance(value, DbtResult):
        return {name: each for name, each in value._asdict().items() if each is not None}
    if isinstance(value, tuple):
        return [_to_json(each) for each in value]
    return value


def _same(value: Any) -> Any:
    return value


def _known_event(value: Any) -> Event:
    event = Event(value)
    if not event.is_known:
        raise ValueError(f"{event} is not an event of this version")
    return event


def _time(value: Any) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def _failed_tasks(value: Any) -> tuple[FailedTask, ...] | None:
    if value is None:
        return None
    return tuple(
        FailedTask(each["task_id"], each.get("map_index"), each.get("log_url"), each.get("links") or PC_BROWSER)
        for each in value
    )


def _dbt_results(value: Any) -> tuple[DbtResult, ...]:
    return tuple(map(DbtResult.read, value))


def _upstreams(value: Any) -> tuple[Upstream, ...]:
    return upstreams_in({"upstreams": value})


_FROM_JSON: dict[str, Any] = {
    "event": _known_event,
    "owners": tuple,
    "tags": tuple,
    **dict.fromkeys(
        (
            *("options", "default_options", "form_fields", "assigned_users", "assigned_user_ids"),
            *("log_tail", "more_files", "recipients", "baseline_dags"),
        ),
        tuple,
    ),
    "failed_tasks": _failed_tasks,
    "upstreams": _upstreams,
    "dbt_results": _dbt_results,
    **dict.fromkeys(
        (
            *("logical_date", "next_retry_at", "started_at", "ended_at", "deadline_at", "answer_by"),
            *("run_started_at", "last_success_at", "run_time", "last_heartbeat_at"),
        ),
        _time,
    ),
}
