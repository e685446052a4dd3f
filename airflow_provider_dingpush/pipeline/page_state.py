"""What the page in Airflow's UI shows, as far as a visitor may see it: read from the outbox, and from nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.events import Event, Subject
from airflow_provider_dingpush.pipeline.incidents import Incident, of_all, outboxes_of
from airflow_provider_dingpush.pipeline.receiver_limits import noted_limits
from airflow_provider_dingpush.pipeline.receiver_status import ReceiverState, ReceiverStatus, receivers_of
from airflow_provider_dingpush.pipeline.silences import Silenced, silenced_by, silences_in
from airflow_provider_dingpush.pipeline.store_flush import stores_for_commands

if TYPE_CHECKING:
    from airflow_provider_dingpush.delivery.dead_letters import DeadLetter
    from airflow_provider_dingpush.pipeline.stores import Store
    from airflow_provider_dingpush.rules.silences import Silence
    from airflow_provider_dingpush.storage.outbox import Outbox

MOST_ROWS = 200
"""The most incidents, and the most dead letters, that one page shows."""
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


class BaselineRow(NamedTuple):
    """How a baseline stands today.

    :param name: of the baseline.
    :param due: in seconds since 1970; ``None`` if it isn't due today.
    :param expected: when all is expected to be done, or was, in seconds since 1970; ``None`` if that is unknown.
    :param texts: how it stands, in English and in Chinese.
    :param is_open: whether it is at risk or late.
    """

    name: str
    due: float | None
    expected: float | None
    texts: tuple[str, str]
    is_open: bool


@dataclass(frozen=True)
class PageState:
    """All that the page shows to one visitor.

    :param location: the folder of the outbox; ``None`` if it is in Redis.
    :param receivers: every receiver.
    :param incidents: the most urgent first.
    :param more_incidents: how many more are open.
    :param silences: those that haven't ended.
    :param letters: dead letters, the latest first.
    :param more_letters: how many more there are.
    :param baselines: those of today.
    :param flushed_at: when a flush last ran, in seconds since 1970.
    :param problems: why a part can't be read.
    """

    location: str | None = None
    receivers: Sequence[ReceiverStatus] = ()
    incidents: Sequence[IncidentRow] = ()
    more_incidents: int = 0
    silences: Sequence[SilenceRow] = ()
    letters: Sequence[LetterRow] = ()
    more_letters: int = 0
    baselines: Sequence[BaselineRow] = ()
    flushed_at: float | None = None
    problems: Sequence[OutboxError] = ()

    @property
    def claimed(self) -> int:
        """How many of the incidents are claimed."""
        return sum(each.incident.claim is not None for each in self.incidents)


def read_state(visitor: Visitor, until: float) -> PageState:
    """Read it; what can't be read is a problem of the state.

    :param until: the deadline, in seconds of ``time.monotonic``.
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
    seen = [each for each in sorted(incidents, key=lambda each: each.order) if visitor.may_read(dag_of(each))]
    letters = sorted(_letters(receivers, visitor), key=lambda each: -each.letter.at)
    return replace(
        state,
        receivers=receivers,
        incidents=[_incident_row(each, visitor) for each in seen[:MOST_ROWS]],
        more_incidents=max(0, len(seen) - MOST_ROWS),
        letters=letters[:MOST_ROWS],
        more_letters=max(0, len(letters) - MOST_ROWS),
        problems=problems,
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
