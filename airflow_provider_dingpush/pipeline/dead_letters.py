"""What people do with dead letters: alerts that DingTalk refused even alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING

from airflow_provider_dingpush.delivery.ledger import Ledger
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.pipeline.composing import local_zone

if TYPE_CHECKING:
    from airflow_provider_dingpush.delivery.dead_letters import DeadLetter
    from airflow_provider_dingpush.storage.outbox import Outbox

# A leader is done within a callback's budget.
_LEADER_SECONDS, _POLL_SECONDS = 10.0, 0.2


class LetterAction(Enum):
    """What is done with a dead letter."""

    LIST = "list"
    SHOW = "show"
    RETRY = "retry"
    """It becomes a pending alert again."""
    DROP = "drop"


def handle_letters(
    box: Outbox,
    receiver_id: str,
    action: LetterAction,
    is_meant: Callable[[DeadLetter], bool],
    seconds: float | None = None,
) -> Sequence[DeadLetter] | None:
    """Apply an action to dead letters of one receiver, and return them; ``None`` if another process leads for too long.

    :param is_meant: chooses dead letters.
    :param seconds: how long another leader is waited for, in seconds; by default as long as it may take at most.
    :raises OutboxError: if the outbox can't be used.
    """
    with _ledger(box, receiver_id, _LEADER_SECONDS if seconds is None else seconds) as ledger:
        if ledger is None:
            return None
        letters = [each for each in ledger.dead_letters.all if is_meant(each)]
        changes = {LetterAction.RETRY: ledger.dead_letters.requeue, LetterAction.DROP: ledger.dead_letters.drop}
        change = changes.get(action)
        if change is not None:
            for letter in letters:
                change(letter.key)
        return letters


@contextmanager
def _ledger(box: Outbox, receiver_id: str, seconds: float) -> Iterator[Ledger | None]:
    """The receiver's ledger, led by this process; ``None`` if another one leads for too long."""
    end = time.monotonic() + seconds
    while True:
        with box.leadership(receiver_id) as book:
            if book is not None:
                yield Ledger(book, DeliveryPolicy(), zone=local_zone())
                return
        if time.monotonic() > end:
            yield None
            return
        time.sleep(_POLL_SECONDS)
