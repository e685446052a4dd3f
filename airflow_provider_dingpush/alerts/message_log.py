"""The alerts of each message as lines in the log."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Alert

_log = logging.getLogger(__name__)


def log_covered(message_id: str, keys: Sequence[str]) -> None:
    """Log the alerts of a message before it is posted, at the level DEBUG.

    :param message_id: the ``msgUuid`` of all its tries.
    :param keys: of its alerts.
    """
    _log.debug("Message %s covers alerts %s.", message_id, " ".join(keys))


def log_reported(message_id: str, alerts: Sequence[Alert]) -> None:
    """Log what a message reports, at the level DEBUG: without the alerts that others of it include.

    :param message_id: as for :func:`log_covered`.
    :param alerts: that it shows or counts.
    """
    if _log.isEnabledFor(logging.DEBUG):
        names = [[str(each.event), each.dag_id, each.task_id, each.map_index] for each in alerts]
        _log.debug("Message %s reports %s.", message_id, json.dumps(names))
