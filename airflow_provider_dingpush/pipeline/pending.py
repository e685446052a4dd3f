"""Pending alerts, and where they are: in mailboxes, and in the books of their receivers or former receivers."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from airflow_provider_dingpush.delivery.transfer import alerts_in
from airflow_provider_dingpush.pipeline.redaction import described

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Mailbox
    from airflow_provider_dingpush.storage.outbox import Outbox

_log = logging.getLogger(__name__)


def holders_of_alerts(outbox: Outbox) -> dict[Mailbox, list[str]]:
    """Every mailbox with pending or withheld alerts, and the receivers whose books hold some of them.

    An alert that can't be read counts for one mailbox of its receiver.
    """
    found: dict[Mailbox, list[str]] = {mailbox: [] for mailbox in outbox.pending_mailboxes()}
    for receiver_id, mailboxes in _books(outbox, with_withheld=True):
        owners = set(mailboxes.values())
        others = outbox.mailboxes_of(receiver_id)[:1] if None in owners else []
        for mailbox in sorted({*(each for each in owners if each), *others}, key=lambda each: each.name):
            found.setdefault(mailbox, []).append(receiver_id)
    return found


def alerts_of(outbox: Outbox, mailbox: Mailbox) -> int:
    """The number of pending alerts of a mailbox, in the mailbox and in books."""
    in_books = sum(list(mailboxes.values()).count(mailbox) for _, mailboxes in _books(outbox))
    return in_books + outbox.pending_in(mailbox)


def all_alerts(outbox: Outbox) -> int:
    """The number of pending alerts, in mailboxes and in books."""
    in_mailboxes = sum(outbox.pending_in(mailbox) for mailbox in outbox.pending_mailboxes())
    return in_mailboxes + sum(len(mailboxes) for _, mailboxes in _books(outbox))


def _books(outbox: Outbox, *, with_withheld: bool = False) -> Iterator[tuple[str, dict[str, Mailbox | None]]]:
    """The alerts in each book. One that can't be read counts as one with an alert that can't be read."""
    for receiver_id in outbox.receivers():
        try:
            yield receiver_id, alerts_in(outbox.records_of(receiver_id), with_withheld=with_withheld)
        except Exception as problem:  # noqa: BLE001 - a problem with one book must not hide the others
            _log.error("The book of receiver %s can't be read: %s", receiver_id, described(problem))
            yield receiver_id, {"": None}
