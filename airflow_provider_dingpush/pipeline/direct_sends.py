"""Sending without the outbox: only if the rate limit allows it now, and counted in the first store that can be used."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_dingpush.delivery.reasons import Reason, from_text, words
from airflow_provider_dingpush.errors import OutboxError, ThrottledError
from airflow_provider_dingpush.pipeline.composing import local_zone
from airflow_provider_dingpush.pipeline.rate_limit import rate_limit_slot, seconds_until_slot
from airflow_provider_dingpush.pipeline.stores import Store, known_pause

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Mailbox
    from airflow_provider_dingpush.pipeline.receivers import Receiver
    from airflow_provider_dingpush.timeouts import Deadline

# Another process may be sending, which takes a moment for one message.
_SLOT_SECONDS = 1.0


@contextmanager
def slot_now(receiver: Receiver, mailbox: Mailbox, candidates: Sequence[Store], deadline: Deadline) -> Iterator[None]:
    """Take a slot of the rate limit for a message, in the first of these stores that can be used.

    :param deadline: the caller's; a slot is waited for a second at most.
    :raises ThrottledError: if DingTalk is known to throttle the receiver, or the rate limit is used up.
    """
    pause = known_pause(mailbox, candidates)
    if pause is not None:
        raise _too_early(pause.until - time.time(), *from_text(pause.reason))
    for store in candidates:
        try:
            wait = seconds_until_slot(store.outbox, receiver, share=store.share)
        except OutboxError:
            continue
        if wait > 0:
            raise _too_early(wait, Reason.WINDOW_FULL)
        with rate_limit_slot(store.outbox, receiver, share=store.share, deadline=deadline.sub(_SLOT_SECONDS)):
            yield
        return
    yield


def _too_early(seconds: float, reason: Reason, detail: str = "") -> ThrottledError:
    at = datetime.fromtimestamp(time.time() + seconds, local_zone()).strftime("%H:%M:%S")
    return ThrottledError(
        f"Nothing may be sent before {at} ({words(reason, 'en', detail)}).",
        "It is not tried until then.",
        retry_after_seconds=max(0.0, seconds),
    )
