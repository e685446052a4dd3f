"""When somebody is notified of an unhealthy component of Airflow: once it lasts, again after a while, and when it ends.

Incidents are kept as notes of the outbox, so that each call of ``dingpush watch`` knows of those before it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.pipeline.airflow_health import Component, Health, Observation
from airflow_provider_dingpush.storage.notes import Note

if TYPE_CHECKING:
    from airflow_provider_dingpush.pipeline.stores import Store

NOTES = "watch"
"""The family of notes that keeps incidents."""
_KEPT_SECONDS = 90 * 86_400.0
# A timer isn't exact: what is due in less than that, in seconds, needn't wait for its next call.
_JITTER_SECONDS = 5.0
# After a gap in which nobody looked, in seconds, it is unknown whether a component was unhealthy all the time.
_LONGEST_GAP_SECONDS = 900.0


class Step(Enum):
    """What is done about a component."""

    NOTHING = "nothing"
    WAIT = "wait"
    """It is unhealthy, but not for long enough."""
    ALERT = "alert"
    KEEP = "keep"
    """It is unhealthy still, and somebody was notified."""
    RESOLVE = "resolve"


class Incident(NamedTuple):
    """A component that is unhealthy, or was.

    :param since: since when, in seconds since 1970.
    :param seen: when that was last seen, in seconds since 1970.
    :param alerted: when somebody was last notified, in seconds since 1970; ``None`` if nobody was.
    :param alerts: how many alerts there were.
    :param is_over: whether it has ended.
    """

    since: float
    seen: float
    alerted: float | None = None
    alerts: int = 0
    is_over: bool = False


class Decision(NamedTuple):
    """What is done about a component, and its incident afterwards.

    :param step: what is done.
    :param incident: ``None`` if there is none to be noted.
    """

    step: Step
    incident: Incident | None = None


def decide(
    known: Incident | None, observation: Observation, *, now: float, patience_seconds: float, repeat_seconds: float
) -> Decision:
    """What is done about a component.

    :param known: its incident so far.
    :param observation: its state now.
    :param now: in seconds since 1970.
    :param patience_seconds: how long it must be unhealthy before somebody is notified, in seconds.
    :param repeat_seconds: after how long somebody is notified again, in seconds.
    """
    is_open = known is not None and not known.is_over
    if observation.health is Health.UNKNOWN:
        return Decision(Step.KEEP if is_open and known and known.alerted else Step.NOTHING)
    if observation.health is not Health.UNHEALTHY:
        if known is None or not is_open:
            return Decision(Step.NOTHING)
        was_alerted = known.alerted is not None and observation.health is Health.HEALTHY
        return Decision(Step.RESOLVE if was_alerted else Step.NOTHING, known._replace(seen=now, is_over=True))
    if known is None or not is_open or (known.alerted is None and now - known.seen > _LONGEST_GAP_SECONDS):
        known = Incident(now, now)
    # A heartbeat tells more than the first look did.
    since = min(known.since, now if observation.last_heartbeat is None else observation.last_heartbeat)
    incident = known._replace(since=since if known.alerted is None else known.since, seen=now)
    if incident.alerted is None:
        is_due, step = now - since >= patience_seconds - _JITTER_SECONDS, Step.WAIT
    else:
        is_due, step = now - incident.alerted >= repeat_seconds - _JITTER_SECONDS, Step.KEEP
    if not is_due:
        return Decision(step, incident)
    return Decision(Step.ALERT, incident._replace(alerted=now, alerts=incident.alerts + 1))


def known_incidents(stores: Sequence[Store], address: str) -> dict[Component, Incident]:
    """The incidents of earlier calls; where two stores know of one, the newer.

    :param address: of the Airflow that is watched: several may have one outbox.
    :raises OutboxError: if no store can be read.
    """
    found: dict[Component, Incident] = {}
    trouble: OutboxError | None = None
    reads = 0
    for store in stores:
        try:
            for component in Component:
                note = store.outbox.store.note(NOTES, _name(component, address))
                incident = None if note is None else _read(note.value)
                if incident and (component not in found or incident.seen > found[component].seen):
                    found[component] = incident
            reads += 1
        except OutboxError as problem:
            trouble = trouble or problem
    if trouble is not None and not reads:
        raise trouble
    return found


def note_incidents(stores: Sequence[Store], address: str, incidents: Mapping[Component, Incident]) -> None:
    """Note incidents for the next call, in the first store that takes them.

    :raises OutboxError: if none does.
    """
    notes = [
        Note(NOTES, _name(component, address), json.dumps(incident._asdict()).encode(), _KEPT_SECONDS)
        for component, incident in incidents.items()
    ]
    trouble: OutboxError | None = None
    for store in stores if notes else ():
        try:
            store.outbox.store.set_notes(notes)
            return
        except OutboxError as problem:
            trouble = trouble or problem
    if trouble is not None:
        raise trouble


def _name(component: Component, address: str) -> str:
    """The name of a note; the flush belongs to the outbox rather than to an address."""
    if component is Component.FLUSH:
        return str(component.value)
    return f"{component.value}-{hashlib.sha256(address.encode()).hexdigest()[:16]}"


def _read(value: bytes) -> Incident | None:
    """An incident from its note; ``None`` if that can't be read, as if there was none."""
    try:
        incident = Incident(**json.loads(value))
        return incident if all(isinstance(each, (int, float)) for each in incident[:2]) else None
    except (ValueError, TypeError):
        return None
