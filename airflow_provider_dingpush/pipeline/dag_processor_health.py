"""Whether Airflow's DAG processor works, as Airflow's own health page says, which needs no login.

``/api/v2/monitor/health`` of Airflow 3 (``api_fastapi/core_api/routes/public/monitor.py``, read 2026-11-27).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from airflow_provider_dingpush.airflow_compat import airflow_option
from airflow_provider_dingpush.timeouts import call_within

if TYPE_CHECKING:
    from airflow_provider_dingpush.timeouts import Deadline

_MOST_SECONDS = 5.0
_MOST_BYTES = 100_000
_HEALTH = "/api/v2/monitor/health"
_EXECUTION = "/execution"


def dag_processor_works(deadline: Deadline) -> bool | None:
    """Whether the DAG processor works; ``None`` if that can't be found out.

    :param deadline: of the question.
    """
    for address in dict.fromkeys(_addresses()):
        seconds = min(_MOST_SECONDS, deadline.seconds_left())
        if seconds <= 0:
            return None
        try:
            status = call_within(seconds, lambda: _status(address, seconds))  # noqa: B023
        except Exception:  # noqa: BLE001, S112 - no answer, or none of Airflow's
            continue
        if status is not None:
            return status == "healthy"
    return None


def _addresses() -> Iterator[str]:
    """Where Airflow's API may be: a worker reaches it at least for its tasks."""
    server = (airflow_option("core", "execution_api_server_url") or "").rstrip("/")
    known = (server.removesuffix(_EXECUTION), airflow_option("api", "base_url"), airflow_option("dingpush", "base_url"))
    yield from (each.rstrip("/") for each in known if each and each.startswith(("http://", "https://")))


def _status(address: str, seconds: float) -> str | None:
    from urllib.request import urlopen

    with urlopen(f"{address}{_HEALTH}", timeout=seconds) as answer:  # noqa: S310 - http or https, see above
        status = json.loads(answer.read(_MOST_BYTES))["dag_processor"]["status"]
    return status if isinstance(status, str) else None
