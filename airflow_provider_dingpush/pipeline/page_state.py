"""What the page in Airflow's UI shows, as far as a visitor may see it: read from the outbox and the rules file."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

from airflow_provider_dingpush.errors import DingTalkError, OutboxError
from airflow_provider_dingpush.events import Event, Subject
from airflow_provider_dingpush.pipeline.incidents import Incident, meant_by, of_all, outboxes_of
from airflow_provider_dingpush.pipeline.page_baselines import BaselineRow, read_baselines
from airflow_provider_dingpush.pipeline.receiver_limits import noted_limits
from airflow_provider_dingpush.pipeline.receiver_status import ReceiverState, ReceiverStatus, receivers_of
from airflow_provider_dingpush.pipeline.silences import Silenced, silenced_by, silences_in
from airflow_provider_dingpush.pipeline.store_flush import stores_for_commands
from airflow_provider_dingpush.timeouts import Deadline

if TYPE_CHECKING:
    from airflow_provider_dingpush.delivery.dead_letters import DeadLetter
    from airflow_provider_dingpush.pipeline.stores import Store
    from airflow_provider_dingpush.rules.silences import Silence
    from airflow_provider_dingpush.storage.outbox import Outbox

__all__ = [
    "MOST_ROWS",
    "BaselineRow",
    "IncidentRow",
    "LetterRow",
    "PageState",
    "SilenceRow",
    "Visitor",
    "dag_of",
    "dag_of_letter",
    "matchers_of",
    "read_state",
    "silenced_dags",
]

MOST_ROWS = 200
"""The most incidents, the most dead letters and the most baselines that one page shows."""
# Of an id that Airflow accepts. Anything else, such as a path, is no DAG, and could be taken for a pattern.
_PLAIN_ID = re.compile(r"[\w.~+-]{1,250}")
_OF_A_DAG = (Subject.TASK, Subject.RUN, Subject.DEADLINE, Subject.QUESTION)


class Visitor(Protocol):
    """Who looks at the page: a user of Airflow, with the permissions that Airflow gives."""

    @property
    def user_id(self) -> str:
        """Airflow's id of the user."""

    @property
    def name(self) -> str:
        """As colleagues know the user."""

    def may_read(self, dag_id: str | None) -> bool:
        """Whether the user may read a DAG; ``None``: all DAGs."""

    def may_edit(self, dag_id: str | None) -> bool:
        """Whether the user may edit a DAG; ``None``: all DAGs."""


class SilenceRow(NamedTuple):
    """A silence, and what it has muted so far."""

    silence: Silence
    silenced: Silenced
    may_edit: bool


class IncidentRow(NamedTuple):
    """An open incident.

    :param may_edit: whether the visitor may claim it.
    :param may_silence: whether the visitor may silence its DAG or task.
    """

    incident: Incident
    may_edit: bool
    may_silence: bool


class LetterRow(NamedTuple):
    """A dead letter."""

    receiver_id: str
    letter: DeadLetter
    may_edit: bool


@dataclass(frozen=True)
class PageState:
    """All that the page shows to one visitor.

    :param location: the folder of the outbox; ``None`` if it is in Redis.
    :param receivers: every receiver.
    :param incidents: the most urgent first.
    :param more_incidents: how many more are open.
    :param claimed: how many of all these are claimed.
    :param wanted: which incident the visitor asked for, as commands name one; then the others aren't shown.
    :param silences: those that haven't ended.
    :param letters: dead letters, the latest first.
    :param more_letters: how many more there are.
    :param baselines: those of today, the most urgent first.
    :param more_baselines: how many more there are.
    :param has_rules_file: whether there is a file that may list baselines.
    :param baselines_problem: why they can't be read.
    :param flushed_at: when a flush last ran, in seconds since 1970.
    :param problems: why a part can't be read.
    """

    location: str | None = None
    receivers: Sequence[ReceiverStatus] = ()
    incidents: Sequence[IncidentRow] = ()
    more_incidents: int = 0
    claimed: int = 0
    wanted: str | None = None
    silences: Sequence[SilenceRow] = ()
    letters: Sequence[LetterRow] = ()
    more_letters: int = 0
    baselines: Sequence[BaselineRow] = ()
    more_baselines: int = 0
    has_rules_file: bool = False
    baselines_problem: DingTalkError | None = None
    flushed_at: float | None = None
    problems: Sequence[OutboxError] = ()


def read_state(visitor: Visitor, until: float, wanted: str | None = None) -> PageState:
    """Read it; what can't be read is a problem of the state.

    :param until: the deadline, in seconds of ``time.monotonic``.
    :param wanted: show this incident only, named as commands name one.
    """
    first, *others = stores = stores_for_commands(until)
    state = PageState(location=None if first.folder is None else str(first.folder))
    problems: list[OutboxError] = []
    try:
        receivers = list(receivers_of(first.outbox, noted_limits(first.outbox)))
        silences = tuple(_silences(first.outbox, visitor))
        state = replace(state, silences=silences, flushed_at=first.outbox.last_flush())
    except OutboxError as problem:
        problems.append(problem)
        receivers = []
    for store in others:
        try:
            receivers += _in_files(store)
        except OutboxError as problem:
            problems.append(problem)
    try:
        incidents = [each for _, each in of_all(outboxes_of(stores)).values()]
    except OutboxError as problem:
        incidents = []
        if str(problem) not in map(str, problems):
            problems.append(problem)
    letters = sorted(_letters(receivers, visitor), key=lambda each: -each.letter.at)
    state = replace(
        state,
        receivers=receivers,
        letters=letters[:MOST_ROWS],
        more_letters=max(0, len(letters) - MOST_ROWS),
        problems=problems,
    )
    return _with_baselines(_with_incidents(state, incidents, visitor, wanted), visitor, Deadline(until))


def _with_incidents(state: PageState, incidents: list[Incident], visitor: Visitor, wanted: str | None) -> PageState:
    seen = [each for each in sorted(incidents, key=lambda each: each.order) if visitor.may_read(dag_of(each))]
    shown = seen if wanted is None else meant_by(wanted, seen)
    return replace(
        state,
        incidents=[_incident_row(each, visitor) for each in shown[:MOST_ROWS]],
        more_incidents=max(0, len(shown) - MOST_ROWS),
        claimed=sum(each.claim is not None for each in shown),
        wanted=wanted,
    )


def _with_baselines(state: PageState, visitor: Visitor, deadline: Deadline) -> PageState:
    found = read_baselines(visitor.may_read, time.time(), deadline)
    is_known = str(found.problem) in map(str, state.problems)
    return replace(
        state,
        baselines=found.rows[:MOST_ROWS],
        more_baselines=max(0, len(found.rows) - MOST_ROWS),
        has_rules_file=found.has_file,
        baselines_problem=None if is_known else found.problem,
    )


def dag_of(incident: Incident) -> str | None:
    """The DAG whose permissions count for an incident; ``None`` if it isn't about one."""
    failure = incident.failure
    return failure.dag_id if Event(failure.event).subject in _OF_A_DAG and failure.dag_id else None


def dag_of_letter(letter: DeadLetter) -> str | None:
    """The DAG whose permissions count for a dead letter; ``None`` if it isn't about one, or can't be read."""
    alert = letter.alert
    return alert.dag_id if alert is not None and alert.event.subject in _OF_A_DAG and alert.dag_id else None


def silenced_dags(silence: Silence) -> list[str | None]:
    """The DAGs whose permissions count for a silence; ``None`` stands for all."""
    names = silence.matchers.get("dag_id", ())
    return list(names) if names and all(map(_PLAIN_ID.fullmatch, names)) else [None]


def matchers_of(incident: Incident) -> dict[str, tuple[str, ...]] | None:
    """What a silence of an incident mutes: its DAG and, if it has one, its task; ``None`` if it can't be silenced."""
    dag_id, task_id = dag_of(incident), incident.failure.task_id
    if dag_id is None or not all(_PLAIN_ID.fullmatch(each) for each in (dag_id, task_id) if each):
        return None
    return {"dag_id": (dag_id,), **({"task_id": (task_id,)} if task_id else {})}


def _incident_row(incident: Incident, visitor: Visitor) -> IncidentRow:
    may_edit = visitor.may_edit(dag_of(incident))
    return IncidentRow(incident, may_edit, may_edit and matchers_of(incident) is not None)


def _silences(outbox: Outbox, visitor: Visitor) -> Iterator[SilenceRow]:
    silences = silences_in(outbox)
    counts = silenced_by(outbox) if silences else {}
    for each in silences:
        dags = silenced_dags(each)
        if all(map(visitor.may_read, dags)):
            yield SilenceRow(each, counts.get(each.id, Silenced()), all(map(visitor.may_edit, dags)))


def _letters(receivers: Sequence[ReceiverStatus], visitor: Visitor) -> Iterator[LetterRow]:
    for receiver in receivers:
        for letter in receiver.letters:
            dag_id = dag_of_letter(letter)
            if receiver.receiver_id is not None and visitor.may_read(dag_id):
                yield LetterRow(receiver.receiver_id, letter, visitor.may_edit(dag_id))


def _in_files(store: Store) -> list[ReceiverStatus]:
    """Receivers whose alerts wait in files of this machine until the outbox is available again."""
    found = [] if store.is_empty else list(receivers_of(store.outbox, noted_limits(store.outbox)))
    is_shown = (each for each in found if each.pending or each.letters or each.state is ReceiverState.UNREADABLE)
    return [replace(each, folder=store.folder) for each in is_shown]
