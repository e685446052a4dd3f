"""A flush of all stores that this machine can reach: the outbox, and its substitutes."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from math import inf
from typing import TYPE_CHECKING

from airflow_provider_dingpush.delivery.drain_result import LeaderRole
from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.pipeline.dispatching import flush
from airflow_provider_dingpush.pipeline.pending import all_alerts
from airflow_provider_dingpush.pipeline.store_moves import carry_over, move_alerts
from airflow_provider_dingpush.pipeline.stores import requeue_copies, stores
from airflow_provider_dingpush.timeouts import Deadline

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Mailbox
    from airflow_provider_dingpush.delivery.drain_result import DrainResult
    from airflow_provider_dingpush.pipeline.stores import Store
    from airflow_provider_dingpush.storage.contract import LedgerBook

Flushed = tuple["Store", "Mailbox", "DrainResult | str | None"]
"""A store, a mailbox with pending alerts in it, and the result or the problem."""

_MOST_MOVED = 10_000
# The limit of one operation, in seconds, and the time after the end in which results may be recorded.
_QUESTION_SECONDS, _NOTING_SECONDS = 10.0, 2.0

_log = logging.getLogger(__name__)


def stores_for_commands(until: float) -> Sequence[Store]:
    """The stores of this machine, with longer time limits than those of a callback.

    :param until: the deadline, in seconds of ``time.monotonic``.
    """
    return stores(Deadline(until + _NOTING_SECONDS), most_seconds=_QUESTION_SECONDS, total_seconds=inf)


def flush_stores(*, until: float, all_now: bool = False) -> Iterator[Flushed]:
    """Move pending alerts from files into the outbox and send them; alerts that stay in files are sent from there.

    :param until: the deadline, in seconds of ``time.monotonic``.
    :param all_now: as for :func:`~airflow_provider_dingpush.pipeline.dispatching.flush`.
    :raises OutboxError: at the end, if the outbox itself can't be used.
    """
    first, *others = stores_for_commands(until)
    trouble: OutboxError | None = None
    role = LeaderRole.PERSON if all_now else LeaderRole.FLUSHER

    def carry_over_others(receiver_id: str, book: LedgerBook) -> None:
        for other in others:
            carry_over(other, receiver_id, book)

    try:
        first.outbox.receivers()  # raises if the outbox is unavailable
        move_alerts(first, others, Deadline((time.monotonic() + until) / 2), at_most=_MOST_MOVED)
        for mailbox, result in flush(first.outbox, Deadline(until), role, carry_over=carry_over_others):
            yield first, mailbox, result
    except OutboxError as problem:
        trouble = problem
    for store in others:
        try:
            if trouble is not None:
                requeue_copies(store)
            if _is_in_use(store):
                for mailbox, result in flush(store.outbox, Deadline(until), role, share=store.share):
                    yield store, mailbox, result
        except OutboxError as problem:
            _log.warning("Pending alerts in %s can't be sent from there: %s", store.folder, problem)
    if trouble is not None:
        raise trouble


def all_pending(*, until: float) -> int:
    """The number of pending alerts in all stores that this machine can reach.

    :param until: the deadline, in seconds of ``time.monotonic``.
    """
    found = 0
    for store in stores_for_commands(until):
        try:
            found += 0 if store.is_empty else all_alerts(store.outbox)
        except OutboxError as problem:
            _log.warning("Pending alerts in %s can't be counted: %s", store.folder or "the outbox", problem)
    return found


def _is_in_use(store: Store) -> bool:
    return not store.is_empty and bool(store.outbox.pending_mailboxes() or store.outbox.receivers())
