"""What is sent past every outbox: only if the robot may say something now, and counted where that can be noted."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_dingpush.errors import OutboxError, ThrottledError
from airflow_provider_dingpush.pipeline.composing import local_zone
from airflow_provider_dingpush.pipeline.dispatching import AnySender, rate_limit_slot, seconds_until_slot
from airflow_provider_dingpush.pipeline.stores import Store, known_pause

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Mailbox
    from airflow_provider_dingpush.timeouts import Deadline

# Another process may be sending at this moment, and is done with one message in a moment.
_TURN_SECONDS = 1.0


@contextmanager
def room_now(sender: AnySender, mailbox: Mailbox, among: Sequence[Store], deadline: Deadline) -> Iterator[None]:
    """Take a place in the robot's window for a message, in the first of these stores that can be asked.

    :raises ThrottledError: if the robot is known to be shut out or its minute to be used up.
    """
    pause = known_pause(mailbox, among)
    if pause is not None:
        raise _too_early(pause.until - time.time(), pause.reason)
    for store in among:
        try:
            wait = seconds_until_slot(store.outbox, sender, share=store.share)
        except OutboxError:
            continue
        if wait > 0:
            raise _too_early(wait, "the window is full")
        with rate_limit_slot(store.outbox, sender, share=store.share, until=deadline.sub(_TURN_SECONDS).at):
            yield
        return
    yield


def _too_early(seconds: float, reason: str) -> ThrottledError:
    at = datetime.fromtimestamp(time.time() + seconds, local_zone()).strftime("%H:%M:%S")
    return ThrottledError(
        f"The robot may say nothing before {at} ({reason}).",
        "It is not tried until then.",
        retry_after_seconds=max(0.0, seconds),
    )
