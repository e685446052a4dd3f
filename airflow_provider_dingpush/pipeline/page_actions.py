"""What the buttons of the page in Airflow's UI do. Each asks Airflow once more whether the visitor may."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING

from airflow_provider_dingpush.errors import InvalidMessageError, OutboxError
from airflow_provider_dingpush.oncall.claims import ClaimedBy
from airflow_provider_dingpush.pipeline.dead_letters import LetterAction, handle_letters
from airflow_provider_dingpush.pipeline.incidents import claim, of_all, outboxes_of, siblings_of, unclaim
from airflow_provider_dingpush.pipeline.page_state import (
    Visitor,
    dag_of,
    dag_of_letter,
    matchers_of,
    silenced_dags,
)
from airflow_provider_dingpush.pipeline.silences import add_silence, expire_silence, silences_in
from airflow_provider_dingpush.pipeline.store_flush import stores_for_commands

if TYPE_CHECKING:
    from airflow_provider_dingpush.delivery.dead_letters import DeadLetter
    from airflow_provider_dingpush.pipeline.stores import Store

SILENCE_MINUTES = (30, 120, 480, 1_440)
"""For how long an incident may be silenced, in minutes."""
_LEADER_SECONDS = 5.0


class PageAction(Enum):
    """A button of the page."""

    CLAIM = "claim"
    UNCLAIM = "unclaim"
    SILENCE = "silence"
    END_SILENCE = "end_silence"
    RETRY = "retry"
    """Send a dead letter once more."""


class PageResult(Enum):
    """What a button has done."""

    CLAIMED = "claimed"
    UNCLAIMED = "unclaimed"
    SILENCED = "silenced"
    SILENCE_ENDED = "silence_ended"
    REQUEUED = "requeued"
    GONE = "gone"
    """There is no such incident, silence or dead letter any more."""
    FORBIDDEN = "forbidden"
    BUSY = "busy"
    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"
    OUTDATED = "outdated"
    """The form is of an older page, or of another site."""
    WRONG = "wrong"
    """No form of the page sends this."""

    @property
    def is_done(self) -> bool:
        """Whether what was asked for is done."""
        return self in _DONE


_DONE = (
    *(PageResult.CLAIMED, PageResult.UNCLAIMED, PageResult.SILENCED),
    *(PageResult.SILENCE_ENDED, PageResult.REQUEUED),
)


def act(form: Mapping[str, str], visitor: Visitor, until: float) -> PageResult:
    """Do what a form asks for.

    :param form: its fields.
    :param until: the deadline, in seconds of ``time.monotonic``.
    """
    wanted = form.get("id", "")
    try:
        action = PageAction(form.get("action", ""))
    except ValueError:
        return PageResult.WRONG
    try:
        stores = stores_for_commands(until)
        if action is PageAction.RETRY:
            return _retry(wanted, visitor, stores)
        if action is PageAction.END_SILENCE:
            return _end_silence(wanted, visitor, stores[0])
        return _on_incident(action, wanted, form, visitor, stores)
    except InvalidMessageError:
        return PageResult.TOO_MANY
    except OutboxError:
        return PageResult.UNAVAILABLE


def _on_incident(
    action: PageAction, wanted: str, form: Mapping[str, str], visitor: Visitor, stores: Sequence[Store]
) -> PageResult:
    every = of_all(outboxes_of(stores))
    _, incident = every.get(wanted, (None, None))
    if incident is None or not visitor.may_read(dag_of(incident)):
        return PageResult.GONE
    if not visitor.may_edit(dag_of(incident)):
        return PageResult.FORBIDDEN
    # Several groups may be notified of one failure.
    siblings = [
        every[each.id]
        for each in siblings_of(incident, (each for _, each in every.values()))
        if visitor.may_edit(dag_of(each))
    ]
    if action is PageAction.CLAIM:
        for outbox, each in siblings:
            claim(outbox, each, visitor.name, outbox.store.now(), how=ClaimedBy.PAGE)
        return PageResult.CLAIMED
    if action is PageAction.UNCLAIM:
        for outbox, each in siblings:
            unclaim(outbox, each)
        return PageResult.UNCLAIMED
    minutes = next((each for each in SILENCE_MINUTES if str(each) == form.get("minutes")), None)
    matchers = matchers_of(incident)
    if minutes is None or matchers is None:
        return PageResult.WRONG
    # Silences are in the outbox that is configured, wherever the incident is.
    why = form.get("why", "")
    add_silence(stores[0].outbox, matchers, seconds=minutes * 60.0, why=why, by=visitor.name)
    return PageResult.SILENCED


def _end_silence(wanted: str, visitor: Visitor, store: Store) -> PageResult:
    for each in silences_in(store.outbox):
        if each.id == wanted:
            if not all(map(visitor.may_edit, silenced_dags(each))):
                return PageResult.FORBIDDEN
            expire_silence(store.outbox, each)
            return PageResult.SILENCE_ENDED
    return PageResult.GONE


def _retry(wanted: str, visitor: Visitor, stores: Sequence[Store]) -> PageResult:
    receiver_id, _, key = wanted.partition("/")
    result = PageResult.GONE
    for store in stores:
        if store.is_empty or receiver_id not in store.outbox.receivers():
            continue
        refused: list[DeadLetter] = []
        letters = handle_letters(
            store.outbox, receiver_id, LetterAction.RETRY, _meant(key, visitor, refused), _LEADER_SECONDS
        )
        if letters is None:
            return PageResult.BUSY
        if refused:
            return PageResult.FORBIDDEN
        if letters:
            result = PageResult.REQUEUED
    return result


def _meant(key: str, visitor: Visitor, refused: list[DeadLetter]) -> Callable[[DeadLetter], bool]:
    def is_meant(letter: DeadLetter) -> bool:
        if letter.key != key:
            return False
        if not visitor.may_edit(dag_of_letter(letter)):
            refused.append(letter)
            return False
        return True

    return is_meant
