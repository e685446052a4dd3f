"""A flush of everything that this machine can reach: the outbox, and what stood in for it while it couldn't be had."""

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
from airflow_provider_dingpush.pipeline.stores import stores, take_up_copies
from airflow_provider_dingpush.timeouts import Deadline

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Mailbox
    from airflow_provider_dingpush.delivery.drain_result import DrainResult
    from airflow_provider_dingpush.pipeline.stores import Store
    from airflow_provider_dingpush.storage.contract import LedgerBook

Flushed = tuple["Store", "Mailbox", "DrainResult | str | None"]
"""Where something waited, in which mailbox, and the result, or what went wrong."""

_MOST_MOVED = 10_000
# One question that takes longer, in seconds, is given up; and so long after the end what was done may be noted.
_QUESTION_SECONDS, _NOTING_SECONDS = 10.0, 2.0

_log = logging.getLogger(__name__)


def stores_for_people(until: float) -> Sequence[Store]:
    """The stores of this machine for whoever has more patience than a callback.

    :param until: when to be back, in seconds of ``time.monotonic``.
    """
    return stores(Deadline(until + _NOTING_SECONDS), most_seconds=_QUESTION_SECONDS, patience_seconds=inf)


def flush_stores(*, until: float, all_now: bool = False) -> Iterator[Flushed]:
    """Move what waits in files into the outbox and send what waits there; what can't be moved is sent from the files.

    :param until: when to be back, in seconds of ``time.monotonic``.
    :param all_now: as for :func:`~airflow_provider_dingpush.pipeline.dispatching.flush`.
    :raises OutboxError: at the end, if the outbox itself can't be used.
    """
    first, *others = stores_for_people(until)
    trouble: OutboxError | None = None
    role = LeaderRole.PERSON if all_now else LeaderRole.FLUSHER

    def bring_in(receiver_id: str, book: LedgerBook) -> None:
        for other in others:
            carry_over(other, receiver_id, book)

    try:
        first.outbox.receivers()  # whether it can be had at all
        move_alerts(first, others, Deadline((time.monotonic() + until) / 2), at_most=_MOST_MOVED)
        for mailbox, result in flush(first.outbox, Deadline(until), role, carry_over=bring_in):
            yield first, mailbox, result
    except OutboxError as problem:
        trouble = problem
    for store in others:
        try:
            if trouble is not None:
                take_up_copies(store)
            if _is_in_use(store):
                for mailbox, result in flush(store.outbox, Deadline(until), role, share=store.share):
                    yield store, mailbox, result
        except OutboxError as problem:
            _log.warning("What waits in %s can't be sent from there: %s", store.folder, problem)
    if trouble is not None:
        raise trouble


def all_pending(*, until: float) -> int:
    """How many alerts wait anywhere that can be reached from this machine.

    :param until: when to be back, in seconds of ``time.monotonic``.
    """
    found = 0
    for store in stores_for_people(until):
        try:
            found += 0 if store.is_empty else all_alerts(store.outbox)
        except OutboxError as problem:
            _log.warning("What waits in %s can't be counted: %s", store.folder or "the outbox", problem)
    return found


def _is_in_use(store: Store) -> bool:
    return not store.is_empty and bool(store.outbox.pending_mailboxes() or store.outbox.receivers())
