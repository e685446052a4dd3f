"""Every event that an alert can be about, with all properties that other modules need.

A new event is one entry here and its words in ``alerts/words_zh.py`` and ``alerts/words_en.py``.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple


class Severity(Enum):
    """How bad an event is, the worst first. The value is the mark that a message shows."""

    FAILURE = "🔴"
    LATE = "🟠"
    RISK = "⏰"
    """Something will be late."""
    QUESTION = "🔵"
    """A task waits for a person's answer."""
    WARNING = "⚠️"
    """Something is wrong, and nothing failed because of it."""
    RETRY = "🟡"
    GOOD = "🟢"
    INFO = "⚪"


class Subject(Enum):
    """What an event is about; alerts about the same subject have the same lines."""

    TASK = "task"
    RUN = "run"
    DEADLINE = "deadline"
    QUESTION = "question"
    AIRFLOW = "airflow"
    """A component of Airflow itself, or the flush."""
    FILE = "file"
    """A DAG file, or the rules file."""
    BASELINE = "baseline"
    """What must be done by a time of the day."""


class Traits(NamedTuple):
    """The properties of an event.

    :param severity: how bad it is.
    :param subject: what it is about.
    :param task_states: Airflow's states of a task instance in whose callbacks it happens.
    :param opens_incident: whether it opens an incident, which a success resolves.
    :param resolves_incident: whether it resolves an open incident of the same task or run.
    :param repeated_by_airflow: whether Airflow may call back for it more than once. An alert of a running task that
        calls a notifier itself is sent each time.
    :param in_progress: whether the task goes on after it.
    """

    severity: Severity
    subject: Subject
    task_states: tuple[str, ...] = ()
    opens_incident: bool = False
    resolves_incident: bool = False
    repeated_by_airflow: bool = True
    in_progress: bool = False


class Event(str, Enum):
    """What happened. ``Event(name)`` of a name that only a newer version has is an event too, and keeps its name."""

    TASK_STARTED = "task_started"
    TASK_FAILED = "task_failed"
    TASK_RETRYING = "task_retrying"
    TASK_SUCCEEDED = "task_succeeded"
    TASK_SKIPPED = "task_skipped"
    TASK_WARNED = "task_warned"
    DAG_FAILED = "dag_failed"
    DAG_SUCCEEDED = "dag_succeeded"
    DEADLINE_MISSED = "deadline_missed"
    ANSWER_NEEDED = "answer_needed"
    AIRFLOW_UNHEALTHY = "airflow_unhealthy"
    AIRFLOW_HEALTHY = "airflow_healthy"
    DAG_IMPORT_ERROR = "dag_import_error"
    DAG_IMPORT_FIXED = "dag_import_fixed"
    RULES_FILE_ERROR = "rules_file_error"
    RULES_FILE_FIXED = "rules_file_fixed"
    BASELINE_AT_RISK = "baseline_at_risk"
    BASELINE_BREACHED = "baseline_breached"
    BASELINE_MET = "baseline_met"

    @classmethod
    def _missing_(cls, value: object) -> Event | None:
        if not isinstance(value, str):
            return None
        event = str.__new__(cls, value)
        event._name_ = event._value_ = value
        return event

    def __str__(self) -> str:
        return self.value

    def __reduce_ex__(self, protocol: object) -> tuple[type[Event], tuple[str]]:
        """By its value: Python 3.11.2 pickles a member by its name, which one of a newer version hasn't here."""
        return type(self), (self.value,)

    @property
    def traits(self) -> Traits:
        """Its properties."""
        return _TRAITS.get(self, _UNKNOWN)

    @property
    def is_known(self) -> bool:
        """Whether this version has it."""
        return self in _TRAITS

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return self.traits.severity

    @property
    def subject(self) -> Subject:
        """What it is about."""
        return self.traits.subject

    @property
    def mark(self) -> str:
        """The emoji in front of its alert."""
        return self.severity.value

    @property
    def opens_incident(self) -> bool:
        """Whether it opens an incident, which a success resolves."""
        return self.traits.opens_incident

    @property
    def resolves_incident(self) -> bool:
        """Whether it resolves an open incident of the same task or run."""
        return self.traits.resolves_incident

    @property
    def repeated_by_airflow(self) -> bool:
        """Whether Airflow may call back for it more than once."""
        return self.traits.repeated_by_airflow

    @property
    def in_progress(self) -> bool:
        """Whether the task goes on after it."""
        return self.traits.in_progress

    @property
    def is_failure(self) -> bool:
        """Whether something failed, is late or will be, and stays so until it is resolved."""
        return self.severity in (Severity.FAILURE, Severity.LATE, Severity.RISK)

    @property
    def is_warning(self) -> bool:
        """Whether something is wrong although nothing failed."""
        return self.severity is Severity.WARNING

    @property
    def is_task_failure(self) -> bool:
        """Whether a task failed for good."""
        return self.severity is Severity.FAILURE and self.subject is Subject.TASK

    @property
    def is_run_failure(self) -> bool:
        """Whether a whole run failed."""
        return self.severity is Severity.FAILURE and self.subject is Subject.RUN

    @property
    def is_about_file(self) -> bool:
        """Whether it is about a file rather than a run or task."""
        return self.subject is Subject.FILE

    @property
    def is_about_baseline(self) -> bool:
        """Whether it is about a baseline rather than a run or task."""
        return self.subject is Subject.BASELINE

    @property
    def is_deadline(self) -> bool:
        """Whether a deadline was missed."""
        return self.subject is Subject.DEADLINE

    @property
    def is_question(self) -> bool:
        """Whether a person is asked."""
        return self.subject is Subject.QUESTION

    @property
    def will_retry(self) -> bool:
        """Whether Airflow tries again."""
        return self.severity is Severity.RETRY

    @property
    def ends_with_recovery(self) -> bool:
        """Whether it is over once the same task or run recovers."""
        return self.is_failure or self.will_retry

    @classmethod
    def of_task_state(cls, state: str | None) -> Event | None:
        """The event in whose callback a task instance has that state; ``None`` if there is none."""
        return next((event for event, traits in _TRAITS.items() if state in traits.task_states), None)


_TRAITS = {
    Event.TASK_STARTED: Traits(Severity.INFO, Subject.TASK, repeated_by_airflow=False, in_progress=True),
    Event.TASK_FAILED: Traits(Severity.FAILURE, Subject.TASK, ("failed", "upstream_failed"), opens_incident=True),
    Event.TASK_RETRYING: Traits(Severity.RETRY, Subject.TASK, ("up_for_retry",), opens_incident=True),
    Event.TASK_SUCCEEDED: Traits(Severity.GOOD, Subject.TASK, ("success",), resolves_incident=True),
    Event.TASK_SKIPPED: Traits(Severity.INFO, Subject.TASK, ("skipped",)),
    Event.TASK_WARNED: Traits(Severity.WARNING, Subject.TASK, repeated_by_airflow=False, in_progress=True),
    Event.DAG_FAILED: Traits(Severity.FAILURE, Subject.RUN, opens_incident=True),
    Event.DAG_SUCCEEDED: Traits(Severity.GOOD, Subject.RUN, resolves_incident=True),
    Event.DEADLINE_MISSED: Traits(Severity.LATE, Subject.DEADLINE),
    Event.ANSWER_NEEDED: Traits(Severity.QUESTION, Subject.QUESTION, repeated_by_airflow=False, in_progress=True),
    Event.AIRFLOW_UNHEALTHY: Traits(Severity.FAILURE, Subject.AIRFLOW, opens_incident=True),
    Event.AIRFLOW_HEALTHY: Traits(Severity.GOOD, Subject.AIRFLOW, resolves_incident=True),
    Event.DAG_IMPORT_ERROR: Traits(Severity.FAILURE, Subject.FILE, opens_incident=True),
    Event.DAG_IMPORT_FIXED: Traits(Severity.GOOD, Subject.FILE, resolves_incident=True),
    Event.RULES_FILE_ERROR: Traits(Severity.FAILURE, Subject.FILE, opens_incident=True),
    Event.RULES_FILE_FIXED: Traits(Severity.GOOD, Subject.FILE, resolves_incident=True),
    Event.BASELINE_AT_RISK: Traits(Severity.RISK, Subject.BASELINE, opens_incident=True),
    Event.BASELINE_BREACHED: Traits(Severity.LATE, Subject.BASELINE, opens_incident=True),
    Event.BASELINE_MET: Traits(Severity.GOOD, Subject.BASELINE, resolves_incident=True),
}
KNOWN_EVENTS = tuple(_TRAITS)
"""All events of this version."""
_UNKNOWN = Traits(Severity.INFO, Subject.TASK, repeated_by_airflow=False)
"""Of an event that only a newer version has."""


class Urgency(Enum):
    """How urgent an alert is, the most urgent first. Rules, tags and messages call it severity, as people do."""

    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"

    @classmethod
    def named(cls, name: str) -> Urgency | None:
        """The urgency of that name, also in lower case; ``None`` for another one."""
        return cls.__members__.get(name.strip().upper())

    @classmethod
    def tagged(cls, tags: Iterable[str]) -> Urgency | None:
        """That of a tag of the DAG, such as ``severity:P1``, the most urgent of several; ``None`` without one."""
        named = (cls.named(tag[len(_TAG) :]) for tag in tags if tag.lower().startswith(_TAG))
        return min(filter(None, named), key=lambda each: each.value, default=None)

    @classmethod
    def of(cls, event: Event, tags: Iterable[str] = ()) -> Urgency:
        """That of a tag of the DAG; otherwise that of the event."""
        return cls.tagged(tags) or _URGENCIES[event.severity]


_TAG = "severity:"
_URGENCIES = {
    Severity.FAILURE: Urgency.P2,
    Severity.LATE: Urgency.P2,
    Severity.RISK: Urgency.P2,
    Severity.QUESTION: Urgency.P3,
    Severity.WARNING: Urgency.P3,
    Severity.RETRY: Urgency.P4,
    Severity.GOOD: Urgency.P4,
    Severity.INFO: Urgency.P4,
}
