"""Connections looked up within a time limit; errors are described without secrets."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_dingpush.errors import DingTalkError, UnavailableError
from airflow_provider_dingpush.pipeline.receivers import Receiver, receiver_of_mailbox
from airflow_provider_dingpush.pipeline.redaction import described
from airflow_provider_dingpush.timeouts import call_within

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Mailbox
    from airflow_provider_dingpush.timeouts import Deadline

Result = TypeVar("Result")

# A look-up in a process that has loaded nothing yet can take ten seconds.
_LONGEST_SECONDS, _LEAST_SECONDS = 10.0, 0.2


def look_up_within(find: Callable[[], Result], seconds: float) -> Result:
    """Look something up, but don't wait for a secrets backend any longer than this.

    :param seconds: the most that it may take, in seconds; then it goes on in its thread without being waited for.
    :raises UnavailableError: if it took longer.
    """
    try:
        return call_within(seconds, find)
    except TimeoutError:
        raise UnavailableError(
            "Looking up the Airflow connection took too long.",
            "Check for a slow secrets backend or metadata database. 请检查 secrets backend 或元数据库是否过慢。",
        ) from None


class LookUps:
    """The connections of one flush: each is looked up once, and one that hangs leaves time for the others.

    :param deadline: of the flush.
    """

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._found: dict[Mailbox, Receiver | DingTalkError] = {}

    def receiver(self, mailbox: Mailbox) -> Receiver:
        """The receiver of a mailbox.

        :raises DingTalkError: if there is no such connection, or it is wrong, or the look-up takes too long.
        """
        if mailbox not in self._found:
            self._found[mailbox] = self._looked_up(mailbox)
        found = self._found[mailbox]
        if isinstance(found, DingTalkError):
            raise found
        return found

    def _looked_up(self, mailbox: Mailbox) -> Receiver | DingTalkError:

        seconds = min(_LONGEST_SECONDS, self._deadline.seconds_left() / 2)
        if seconds < _LEAST_SECONDS:
            return UnavailableError("No time is left to look up the Airflow connection.", "Give the flush more time.")
        try:
            return look_up_within(lambda: receiver_of_mailbox(mailbox), seconds)
        except DingTalkError as problem:
            return problem
        except Exception as problem:  # noqa: BLE001 - a problem with one connection must not stop the others
            return UnavailableError(f"The connection can't be used ({described(problem)}).")
