"""The stores for an alert, best first: the outbox, and substitutes for when it is unavailable or too slow.

If Redis can't store an alert in time, files in ``home`` do, and if those can't, files in the folder for temporary ones.
Alerts are sent from where they are, so that none is pending for ever if Redis stays unavailable: by one process of this
machine at a time, merged as usual, and within a quarter of the receiver's rate limit, because other machines may do the
same without knowing of each other. As soon as a callback or a flush reaches the outbox, pending alerts in files are
moved into it (:mod:`~airflow_provider_dingpush.pipeline.store_moves`).

If only some processes of a machine reach the outbox, one event can be sent twice, which is rare and better than not at
all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_dingpush.delivery.reasons import Reason, from_text
from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.pipeline.bounded_store import BoundedStore
from airflow_provider_dingpush.pipeline.homes import home, second_home
from airflow_provider_dingpush.pipeline.outboxes import files_in, opened, outbox_url
from airflow_provider_dingpush.storage import kept_aside
from airflow_provider_dingpush.storage.contract import LeadPause
from airflow_provider_dingpush.storage.files.disk import outbox_errors
from airflow_provider_dingpush.storage.notes import OPEN
from airflow_provider_dingpush.storage.outbox import Outbox

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
    from airflow_provider_dingpush.storage import contract
    from airflow_provider_dingpush.timeouts import Deadline

SHARE_OF_SUBSTITUTE = 1 / 4
"""The part of a receiver's rate limit that a machine uses while others may send unseen: enough for four machines."""
_SLOW_SECONDS = 0.3
COPY_SECONDS = 600.0
"""How long the outbox may be unavailable until its alerts count as lost, in seconds."""
_MOST_COPIES = 100
# The limit for checking files that are usually empty, in seconds.
_ASIDE_SECONDS = 0.5

_log = logging.getLogger(__name__)


class Store(NamedTuple):
    """One outbox with its store.

    :param outbox: built on the store.
    :param bounded: the store, with time limits.
    :param folder: of its files; ``None`` if it is Redis.
    :param share: the part of the receiver's rate limit that may be used from here.
    """

    outbox: Outbox
    bounded: BoundedStore
    folder: Path | None
    share: float = 1.0

    @property
    def is_substitute(self) -> bool:
        """Whether it is used only while the outbox is unavailable."""
        return self.share < 1

    @property
    def lost(self) -> str | None:
        """Why it can't be used any more; ``None`` if it can, as far as is known."""
        return self.bounded.lost

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever put here.

        :raises OutboxError: if that can't be read.
        """
        folder = self.folder
        return folder is not None and not self.bounded.run(lambda _: _was_used(folder), at_most=_ASIDE_SECONDS)


# Folders that exist in a file store once something was put there.
_IN_USE = "mail", "books", f"notes/{kept_aside.RECOVERED}", f"notes/{kept_aside.COPIES}"


def _was_used(folder: Path) -> bool:
    with outbox_errors(folder):
        return any((folder / each).exists() for each in _IN_USE)


def stores(
    deadline: Deadline, *, most_seconds: float = 2.0, total_seconds: float = 8.0, lost: str | None = None
) -> Sequence[Store]:
    """All stores of this process, best first; the first is the outbox that is configured.

    :param deadline: of all their operations.
    :param most_seconds: how long one operation may take, in seconds.
    :param total_seconds: how long all operations of one store may take together, in seconds.
    :param lost: why the first one can't be used, if that is known.
    """

    def store(
        opener: Callable[[], contract.Store], folder: Path | None, share: float = 1.0, slow_seconds: float | None = None
    ) -> Store:
        bounded = BoundedStore(
            opener, deadline, most_seconds=most_seconds, total_seconds=total_seconds, slow_seconds=slow_seconds
        )
        return Store(Outbox(bounded), bounded, folder, share)

    first_home = home()
    try:
        url = outbox_url()
    except OutboxError as trouble:
        url, lost = "unknown", str(trouble)
    found = [
        store(partial(opened, url, first_home), None, slow_seconds=_SLOW_SECONDS)
        if url
        else store(partial(opened, None, first_home), first_home)
    ]
    others = (first_home, second_home())[0 if url else 1 :]
    found += [store(partial(files_in, folder), folder, SHARE_OF_SUBSTITUTE) for folder in others]
    found[0].bounded.lost = lost
    return found


def store_alert(alert: Alert, candidates: Sequence[Store]) -> Store:
    """Put an alert into the first store that can be written.

    :raises OutboxError: if none can.
    """
    troubles = []
    for store in candidates:
        try:
            store.outbox.put(alert)
        except OutboxError as trouble:
            troubles.append(str(trouble))
            continue
        _forget_elsewhere(alert, [each for each in candidates if each is not store])
        if troubles:
            _log.warning(
                "The outbox is unavailable, so the alert is stored in %s, and is sent from there: %s",
                store.folder,
                " ".join(troubles),
            )
        return store
    raise OutboxError(" ".join(troubles))


def store_elsewhere(alert: Alert, store: Store, candidates: Sequence[Store], trouble: OutboxError) -> Store | None:
    """Put an alert into the next file store as well, because the one that has it can't be sent from.

    Once that one can be used again, the other's book shows that the alert was sent.

    :param trouble: why it can't be sent from.
    """
    others = candidates[candidates.index(store) + 1 :]
    if store.folder is None or store.lost is not None or not others:
        return None
    with suppress(OutboxError):
        other = store_alert(alert, others)
        _log.warning(
            "Nothing can be sent from %s, so the alert is sent from %s: %s", store.folder, other.folder, trouble
        )
        return other
    return None


def store_copy(alert: Alert, candidates: Sequence[Store]) -> None:
    """Keep a copy of an alert in files, because the outbox that has it became unavailable, and may restart empty.

    The alert was perhaps sent, so the copy isn't: when it is moved into the outbox, its key shows that. Only if the
    outbox stays unavailable for longer than :data:`COPY_SECONDS` does the alert count as lost.
    """
    for store in candidates:
        try:
            kept_aside.keep_copy(store.outbox, alert)
        except OutboxError:
            continue
        _log.info("The outbox became unavailable, so a copy of the alert is kept in %s.", store.folder)
        return


def requeue_copies(store: Store) -> None:
    """Make copies pending alerts, if the outbox that has the originals has been unavailable for long."""
    with suppress(OutboxError):
        for name, alert in kept_aside.kept(store.outbox, kept_aside.COPIES, _MOST_COPIES, older_than=COPY_SECONDS):
            store.outbox.put(alert)
            kept_aside.remove(store.outbox, kept_aside.COPIES, name)


def _forget_elsewhere(alert: Alert, others: Sequence[Store]) -> None:
    """Remove what other file stores have noted about this incident, which is older than the alert."""
    if not alert.resolved and not alert.opens_incident:
        return
    # That it failed is no reason to forget that it is open.
    families = (kept_aside.RECOVERED,) if alert.opens_incident else (kept_aside.RECOVERED, OPEN)
    places = [(family, alert.incident) for family in families]
    for store in others:
        if store.folder is not None and store.lost is None:
            with suppress(OutboxError):
                store.bounded.run(lambda files: files.remove_notes(places), at_most=_ASIDE_SECONDS)


def resolves_incident(alert: Alert, candidates: Sequence[Store]) -> bool:
    """Whether this success resolves an open incident.

    If the outbox can't answer, the success is kept in files until it can: not every success can be sent, and a recovery
    must not be lost.
    """
    trouble: OutboxError | None = None
    for store in candidates:
        try:
            if store.outbox.has_open_incident(alert.incident):
                return True
        except OutboxError as problem:
            trouble = trouble or problem
    if trouble is None:
        return False
    for store in candidates:
        try:
            if store.folder is not None:
                kept_aside.keep_success(store.outbox, alert)
                _log.info("It is unknown now whether this success resolves a failure, so it is kept: %s", trouble)
                return False
        except OutboxError:
            continue
    _log.warning(
        "It is unknown whether this success resolves a failure, and it can't be kept, so it isn't sent: %s", trouble
    )
    return False


def known_pause(mailbox: Mailbox, candidates: Sequence[Store]) -> LeadPause | None:
    """Why the mailbox's receiver must not be used now, if any of the stores knows."""
    for store in candidates:
        try:
            receiver_id = store.outbox.receiver_of(mailbox)
            pause = None if receiver_id is None else store.outbox.pause_of(receiver_id)
        except OutboxError:
            continue
        if pause is not None:
            return pause
    return None


def note_known_pause(mailbox: Mailbox, candidates: Sequence[Store]) -> None:
    """Copy into files that DingTalk throttles a receiver, for when Redis is unavailable."""
    if candidates[0].folder is not None:
        return
    try:
        receiver_id = candidates[0].outbox.receiver_of(mailbox)
        pause = None if receiver_id is None else candidates[0].outbox.pause_of(receiver_id)
    except OutboxError:
        return
    # Other pauses belong to a storm, in which this machine relies on a flusher that reaches Redis.
    if receiver_id is None or pause is None or from_text(pause.reason)[0] is not Reason.THROTTLED:
        return

    def note(files: contract.Store) -> None:
        Outbox(files).note_pause_of(mailbox, receiver_id, pause)

    for store in candidates[1:]:
        try:
            if store.outbox.pause_of(receiver_id) != pause:
                store.bounded.run(note, at_most=_ASIDE_SECONDS)
        except OutboxError as trouble:
            _log.debug("The throttling of a receiver can't be recorded: %s", trouble)
            continue
        return
