"""Writing an alert in Airflow's scheduler: directly and without a thread, because the scheduler forks.

Nothing is sent from there. If Redis doesn't answer within its socket's time limits (about three seconds), the alert is
written into the files of ``home``, and so are those of the next half minute, so that the scheduler isn't held up by
each of them. A ``dingpush flush`` on the scheduler's machine sends them from there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from airflow_provider_dingpush.airflow_compat import airflow_option
from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.pipeline.homes import home, second_home
from airflow_provider_dingpush.pipeline.outboxes import files_in, opened

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_dingpush.alerts.alert import Alert
    from airflow_provider_dingpush.storage.contract import Store
    from airflow_provider_dingpush.storage.notes import FoundNote, Note

_PAUSE_SECONDS = 30.0

_log = logging.getLogger(__name__)


class SchedulerWriter:
    """Writes alerts into the first store that takes them.

    :param ticks: seconds that only go forward.
    """

    def __init__(self, *, ticks: Callable[[], float]) -> None:
        self._ticks = ticks
        self._failed_at: float | None = None

    def write(self, alert: Alert) -> None:
        """Write an alert, to be sent by the flush DAG or the next callback; a recovery only if it ends something.

        :raises OutboxError: if no store takes it.
        """
        from airflow_provider_dingpush.storage.outbox import Outbox

        def put(store: Store) -> bool:
            outbox = Outbox(store)
            if alert.resolved and not outbox.has_open_incident(alert.incident):
                return False
            outbox.put(alert)
            return True

        self._in_first_store(put, "The alert")

    def note(self, note: Note) -> None:
        """Set a note.

        :raises OutboxError: if no store takes it.
        """

        def put(store: Store) -> bool:
            store.set_notes([note])
            return True

        self._in_first_store(put, "A note about failed tasks")

    def _in_first_store(self, put: Callable[[Store], bool], what: str) -> None:
        troubles = []
        for folder, store in self._stores():
            try:
                if not put(store()):
                    continue
            except OutboxError as trouble:
                troubles.append(str(trouble))
                if folder is None:
                    self._failed_at = self._ticks()
                continue
            if troubles:
                _log.warning("%s is written into %s instead: %s", what, folder, " ".join(troubles))
            return
        if troubles:
            raise OutboxError(" ".join(troubles))

    def change_note(self, family: str, name: str, change: Callable[[FoundNote | None], Note]) -> None:
        """Set a note, which is read before, in the first store that answers.

        :param change: makes the new note of the present one; ``None`` if there is none. It may be called again.
        :raises OutboxError: if no store takes it.
        """

        def put(store: Store) -> bool:
            store.set_notes([change(store.note(family, name))])
            return True

        self._in_first_store(put, "A note about DAG files")

    def _stores(self) -> Iterator[tuple[Path | None, Callable[[], Store]]]:
        """The folder of each store, which Redis hasn't, and how to open it."""
        first, second = home(), second_home()
        url = airflow_option("dingpush", "outbox_url")
        paused = self._failed_at is not None and self._ticks() - self._failed_at < _PAUSE_SECONDS
        if url and not paused:
            yield None, lambda: opened(url, first)
        yield first, lambda: files_in(first)
        yield second, lambda: files_in(second)


_writer = SchedulerWriter(ticks=time.monotonic)
write_alert = _writer.write
write_note, change_note = _writer.note, _writer.change_note
