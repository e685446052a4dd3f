"""Which reasons are alike, and a short name for all that are."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Alert


@lru_cache(maxsize=4_096)
def likeness_of(reason: str) -> str:
    """The reason without words that have digits: "order 10086 not found" and "order 10087 not found" are alike."""
    # Anchored at the start of the word, or a long word without a digit would take quadratic time.
    return re.sub(r"\b[^\W\d]*\d\w*", "0", reason)


def reason_mark(alert: Alert) -> str:
    """Eight characters that are equal for alerts whose reasons are alike; empty for one without a reason.

    The reason is the class of the exception with its most informative line; of a run, why it failed and in which tasks.
    """
    reason = " ".join(alert.summary.split())
    tasks = alert.facts.get("failed_tasks") if alert.task_id is None else None
    names = sorted({str(each.get("task_id")) for each in tasks if isinstance(each, dict)}) if tasks else []
    if not reason and not names:
        return ""
    return hashlib.sha256("\n".join([likeness_of(reason), *names]).encode("utf-8", "replace")).hexdigest()[:8]
