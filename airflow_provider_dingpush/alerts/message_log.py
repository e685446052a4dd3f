"""The alerts of each message as a line in the log."""

from __future__ import annotations

import logging
from collections.abc import Sequence

_log = logging.getLogger(__name__)


def log_covered(message_id: str, keys: Sequence[str]) -> None:
    """Log the alerts of a message before it is posted, at the level DEBUG.

    :param message_id: the ``msgUuid`` of all its tries.
    :param keys: of its alerts.
    """
    _log.debug("Message %s covers alerts %s.", message_id, " ".join(keys))
