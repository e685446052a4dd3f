"""Which process leads next: a waiting successor, or none until a pause ends. And problems of the storage."""

from __future__ import annotations

import logging
from collections.abc import Callable

from airflow_provider_dingpush.delivery import reasons
from airflow_provider_dingpush.delivery.decide import Leave
from airflow_provider_dingpush.errors import LeadershipLostError, OutboxError
from airflow_provider_dingpush.storage.contract import LeadPause, LedgerBook

# Added to the time of a step, to record its result.
_NOTING_SECONDS = 2.0


class Problems:
    """The last problem of a drain; a storage failure that the drain doesn't depend on is only logged.

    :param log: for operators of Airflow.
    """

    def __init__(self, log: logging.Logger) -> None:
        self.last = ""
        self._log = log

    def report_storage(self, problem: OutboxError | None) -> None:
        """Log a problem of the storage, unless it is the last one again."""
        if problem and str(problem) != self.last:
            self.last = str(problem)
            self._log.error("The outbox has a problem: %s", problem)

    def attempt(self, step: Callable[[], None]) -> None:
        """Run a step that the drain doesn't depend on.

        :raises LeadershipLostError: if another process leads.
        """
        try:
            step()
        except LeadershipLostError:
            raise
        except OutboxError as problem:
            self.report_storage(problem)


class Succession:
    """This leader and the next one.

    :param book: has the notes between leaders.
    :param problems: of this drain.
    """

    def __init__(self, book: LedgerBook, problems: Problems) -> None:
        self._book = book
        self._problems = problems
        self._wanted = False

    def begin(self) -> None:
        """Withdraw the request of an earlier leader."""
        self._want(False)

    def want_successor(self) -> None:
        """Ask for a process that waits to lead next."""
        if not self._wanted:
            self._want(True)

    def has_successor(self) -> bool:
        """Whether one was asked for and waits."""
        if not self._wanted:
            return False
        try:
            return self._book.has_successor()
        except OutboxError as problem:
            self._problems.report_storage(problem)
            return False

    def stay_leader(self, seconds: float, book: LedgerBook | None = None) -> None:
        """Keep the lock for a step of so many seconds.

        :param book: of a fallback that is led meanwhile.
        :raises LeadershipLostError: if another process leads now.
        """
        self._problems.attempt(lambda: (book or self._book).keep(seconds + _NOTING_SECONDS))

    def end(self, leave: Leave) -> None:
        """Note a pause if there is one, and withdraw the request for a successor unless it leads next."""
        pause = None
        if leave.pause and leave.again_at is not None:
            pause = LeadPause(leave.again_at, reasons.to_text(leave.reason, leave.detail))
        self._problems.attempt(lambda: self._book.note_pause(pause))
        if self._wanted and not leave.handed_over:
            self._want(False)

    def _want(self, wanted: bool) -> None:
        self._wanted = wanted
        self._problems.attempt(lambda: self._book.ask_for_successor(wanted))
