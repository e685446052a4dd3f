"""The limits of receivers as the flush last saw them, for whoever reads no connections: these hold tokens as well."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.storage.notes import Note

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_dingpush.alerts.mailboxes import Mailbox
    from airflow_provider_dingpush.storage.outbox import Outbox

LIMITS = "limits"
"""The family of their notes, one of each receiver."""
_NAMES = ("rate_limit_per_minute", "max_messages_per_day", "monthly_quota")
_LIFETIME_SECONDS = 40 * 86_400.0
# A note that lasts no longer than this is written anew.
_LEAST_SECONDS = 10 * 86_400.0


def note_limits(outbox: Outbox, receiver_id: str, policy: DeliveryPolicy) -> None:
    """Remember the limits of a receiver, if they have changed. Never raises: nothing depends on it."""
    value = json.dumps({name: getattr(policy, name) for name in _NAMES}).encode()
    try:
        known = outbox.store.note(LIMITS, receiver_id)
        if known is None or known.value != value or known.seconds_left < _LEAST_SECONDS:
            outbox.store.set_notes([Note(LIMITS, receiver_id, value, _LIFETIME_SECONDS)])
    except OutboxError:
        return


def noted_limits(outbox: Outbox) -> Callable[[Mailbox], DeliveryPolicy | None]:
    """Finds the limits of a mailbox's receiver; ``None`` if none are noted."""

    def policy_of(mailbox: Mailbox) -> DeliveryPolicy | None:
        receiver_id = outbox.receiver_of(mailbox)
        note = None if receiver_id is None else outbox.store.note(LIMITS, receiver_id)
        return None if note is None else _read(note.value)

    return policy_of


def _read(value: bytes) -> DeliveryPolicy | None:
    try:
        plain = json.loads(value)
        minute, day, month = (plain[name] for name in _NAMES)
        if isinstance(minute, int) and isinstance(month, int) and (day is None or isinstance(day, int)):
            return DeliveryPolicy(rate_limit_per_minute=minute, max_messages_per_day=day, monthly_quota=month)
    except (ValueError, TypeError, KeyError):
        pass  # of another version
    return None
