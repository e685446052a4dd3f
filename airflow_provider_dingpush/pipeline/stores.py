"""Where an alert may wait, best first: the outbox, and what stands in for it when it can't be had in time.

What Redis doesn't take goes into the files of ``home``, and what those don't take into files below the folder for
temporary ones. It is sent from where it is, so that nothing waits for ever if Redis stays away: by one process of this
machine at a time, merged as usual, and within a quarter of the receiver's rate limit, because other machines may be
doing the same and none of them knows. As soon as a callback or a flush reaches the outbox, whatever waits in the files
moves into it (:mod:`~airflow_provider_dingpush.pipeline.store_moves`).

Several processes of one machine may find themselves on two sides: then one event can be sent from both, which is rare
and better than not at all.
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
from airflow_provider_dingpush.pipeline.outboxes import files_in, home, opened, outbox_url, second_home
from airflow_provider_dingpush.storage import kept_aside
from airflow_provider_dingpush.storage.contract import LeadPause
from airflow_provider_dingpush.storage.outbox import Outbox

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
    from airflow_provider_dingpush.storage import contract
    from airflow_provider_dingpush.timeouts import Deadline

SHARE_OF_STAND_IN = 1 / 4
"""Of a receiver's rate limit, what a machine uses while it can't know what the others send: four may do so at once."""
_SLOW_SECONDS = 0.3
COPY_SECONDS = 600.0
"""How long an outbox may be away until the alerts that were put into it are taken for lost, in seconds."""
_MOST_COPIES = 100
# A look into files that most probably hold nothing isn't worth more, in seconds.
_ASIDE_SECONDS = 0.5

_log = logging.getLogger(__name__)


class Store(NamedTuple):
    """One outbox, asked in time.

    :param outbox: it.
    :param asked: its store.
    :param folder: of its files; ``None`` if it is Redis.
    :param share: of the receiver's rate limit, what may be sent from here.
    """

    outbox: Outbox
    asked: BoundedStore
    folder: Path | None
    share: float = 1.0

    @property
    def stands_in(self) -> bool:
        """Whether it is there for another one that can't be had."""
        return self.share < 1

    @property
    def lost(self) -> str | None:
        """Why it can't be used any more; ``None`` if nothing is known of that."""
        return self.asked.lost

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever put here."""
        folder = self.folder
        return folder is not None and not self.asked.ask(
            lambda _: any((folder / each).exists() for each in _IN_USE), at_most=_ASIDE_SECONDS
        )


# What the files of an outbox have once something was put there.
_IN_USE = "mail", "books", f"notes/{kept_aside.RECOVERED}", f"notes/{kept_aside.COPIES}"


def stores(
    deadline: Deadline, *, most_seconds: float = 2.0, patience_seconds: float = 8.0, lost: str | None = None
) -> Sequence[Store]:
    """All stores of this process, best first; the first is the outbox that is configured.

    :param deadline: of everything that is asked of them.
    :param most_seconds: how long one question may take, in seconds.
    :param patience_seconds: how long all questions of one store may take together, in seconds.
    :param lost: why the first one needn't be asked, if that is known.
    """

    def store(
        opener: Callable[[], contract.Store], folder: Path | None, share: float = 1.0, slow_seconds: float | None = None
    ) -> Store:
        asked = BoundedStore(
            opener, deadline, most_seconds=most_seconds, patience_seconds=patience_seconds, slow_seconds=slow_seconds
        )
        return Store(Outbox(asked), asked, folder, share)

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
    found += [store(partial(files_in, folder), folder, SHARE_OF_STAND_IN) for folder in others]
    found[0].asked.lost = lost
    return found


def keep(alert: Alert, among: Sequence[Store]) -> Store:
    """Put an alert into the first store that takes it.

    :raises OutboxError: if none does.
    """
    troubles = []
    for store in among:
        try:
            store.outbox.put(alert)
        except OutboxError as trouble:
            troubles.append(str(trouble))
            continue
        _forget_elsewhere(alert, [each for each in among if each is not store])
        if troubles:
            _log.warning(
                "The outbox can't be had, so the alert waits in %s, and is sent from there: %s",
                store.folder,
                " ".join(troubles),
            )
        return store
    raise OutboxError(" ".join(troubles))


def keep_elsewhere(alert: Alert, store: Store, among: Sequence[Store], trouble: OutboxError) -> Store | None:
    """Put an alert into the next files as well, because those that took it answer and can't be sent from.

    Whoever can use those again learns from the others' book that it was sent.

    :param trouble: why they can't.
    """
    others = among[among.index(store) + 1 :]
    if store.folder is None or store.lost is not None or not others:
        return None
    with suppress(OutboxError):
        other = keep(alert, others)
        _log.warning(
            "Nothing can be sent from %s, so the alert is sent from %s: %s", store.folder, other.folder, trouble
        )
        return other
    return None


def keep_a_copy(alert: Alert, among: Sequence[Store]) -> None:
    """Keep an alert in files as well, because the outbox that has it went away a moment ago, and may come back empty.

    It was perhaps sent, so it isn't sent from there: whoever moves it finds out by its key. Only if the outbox stays
    away for longer than :data:`COPY_SECONDS` it is taken for lost.
    """
    for store in among:
        try:
            kept_aside.keep_copy(store.outbox, alert)
        except OutboxError:
            continue
        _log.info("The outbox went away, so a copy of the alert is kept in %s.", store.folder)
        return


def take_up_copies(store: Store) -> None:
    """Let copies wait as alerts of their own, if the outbox that has them has been away for long."""
    with suppress(OutboxError):
        for name, alert in kept_aside.kept(store.outbox, kept_aside.COPIES, _MOST_COPIES, older_than=COPY_SECONDS):
            store.outbox.put(alert)
            kept_aside.remove(store.outbox, kept_aside.COPIES, name)


def _forget_elsewhere(alert: Alert, others: Sequence[Store]) -> None:
    """What other files have noted of this failure is older than the alert."""
    if not alert.resolved and not alert.opens_incident:
        return
    for store in others:
        if store.folder is not None and store.lost is None:
            with suppress(OutboxError):
                kept_aside.remove(store.outbox, kept_aside.RECOVERED, alert.incident)
                if not alert.opens_incident:  # that it failed is no reason to forget that it is open
                    store.outbox.forget_incidents([alert.incident])


def ends_a_failure(alert: Alert, among: Sequence[Store]) -> bool:
    """Whether a failure is open that this success ends.

    If the outbox can't answer, the success is kept in files until it can: a thousand tasks that succeed can't all be
    sent, and the end of a failure can't be left out.
    """
    trouble: OutboxError | None = None
    for store in among:
        try:
            if store.outbox.has_open_incident(alert.incident):
                return True
        except OutboxError as problem:
            trouble = trouble or problem
    if trouble is None:
        return False
    for store in among:
        try:
            if store.folder is not None:
                kept_aside.keep_success(store.outbox, alert)
                _log.info("Whether this ends a failure can't be asked now; it is kept until it can: %s", trouble)
                return False
        except OutboxError:
            continue
    _log.warning("Whether this ends a failure can't be asked, and it can't be kept, so it isn't sent: %s", trouble)
    return False


def known_pause(mailbox: Mailbox, among: Sequence[Store]) -> LeadPause | None:
    """Why the mailbox's receiver must not be used now, if any of the stores knows."""
    for store in among:
        try:
            receiver_id = store.outbox.receiver_of(mailbox)
            pause = None if receiver_id is None else store.outbox.pause_of(receiver_id)
        except OutboxError:
            continue
        if pause is not None:
            return pause
    return None


def note_known_pause(mailbox: Mailbox, among: Sequence[Store]) -> None:
    """Let this machine know even when Redis can't be reached that DingTalk throttles a receiver."""
    if among[0].folder is not None:
        return
    try:
        receiver_id = among[0].outbox.receiver_of(mailbox)
        pause = None if receiver_id is None else among[0].outbox.pause_of(receiver_id)
    except OutboxError:
        return
    # Other pauses are a storm's, in which a flusher is relied on that reaches Redis.
    if receiver_id is None or pause is None or from_text(pause.reason)[0] is not Reason.THROTTLED:
        return
    for store in among[1:]:
        try:
            if store.outbox.pause_of(receiver_id) != pause:
                store.outbox.note_pause_of(mailbox, receiver_id, pause)
        except OutboxError as trouble:
            _log.debug("It can't be noted that a receiver is throttled: %s", trouble)
            continue
        return
