"""Who leads after this process: a successor that waits, or nobody before a pause is over. And storage that fails."""

from __future__ import annotations

import logging
from collections.abc import Callable

from airflow_provider_dingpush.delivery import reasons
from airflow_provider_dingpush.delivery.decide import Leave
from airflow_provider_dingpush.errors import LeadershipLostError, OutboxError
from airflow_provider_dingpush.storage.contract import LeadPause, LedgerBook

# Beyond what a step may take: the time to write down its result.
_NOTING_SECONDS = 2.0


class Problems:
    """What went wrong last; a failure of the storage that the work doesn't depend on is logged, and no error.

    :param log: takes what people should know.
    """

    def __init__(self, log: logging.Logger) -> None:
        self.last = ""
        self._log = log

    def report_storage(self, problem: OutboxError | None) -> None:
        """Log a problem of the storage, unless it was the last one already."""
        if problem and str(problem) != self.last:
            self.last = str(problem)
            self._log.error("The outbox can't be used as it should: %s", problem)

    def attempt(self, step: Callable[[], None]) -> None:
        """Do something that the work doesn't depend on.

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

    :param book: where they leave notes to each other.
    :param problems: takes what goes wrong with that.
    """

    def __init__(self, book: LedgerBook, problems: Problems) -> None:
        self._book = book
        self._problems = problems
        self._wanted = False

    def begin(self) -> None:
        """Forget what a former leader wanted."""
        self._want(False)

    def want_successor(self) -> None:
        """Let one of those who come next wait to lead."""
        if not self._wanted:
            self._want(True)

    def has_successor(self) -> bool:
        """Whether one is wanted and waits."""
        if not self._wanted:
            return False
        try:
            return self._book.has_successor()
        except OutboxError as problem:
            self._problems.report_storage(problem)
            return False

    def stay_leader(self, seconds: float, book: LedgerBook | None = None) -> None:
        """Stay leader for a step of so many seconds.

        :param book: of another receiver that is led meanwhile.
        :raises LeadershipLostError: if another process leads by now.
        """
        self._problems.attempt(lambda: (book or self._book).keep(seconds + _NOTING_SECONDS))

    def end(self, leave: Leave) -> None:
        """Note whether nobody needs to lead for a while, and let nobody wait who isn't handed over to."""
        pause = None
        if leave.pause and leave.again_at is not None:
            pause = LeadPause(leave.again_at, reasons.to_text(leave.reason, leave.detail))
        self._problems.attempt(lambda: self._book.note_pause(pause))
        if self._wanted and not leave.handed_over:
            self._want(False)

    def _want(self, wanted: bool) -> None:
        self._wanted = wanted
        self._problems.attempt(lambda: self._book.ask_for_successor(wanted))
