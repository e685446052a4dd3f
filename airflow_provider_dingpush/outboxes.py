"""Which outbox this Airflow has: files beside it, or Redis for many machines; and whether files can be enough."""

from __future__ import annotations

import logging
import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from airflow_provider_dingpush.airflow_compat import airflow_option, mask_secret

if TYPE_CHECKING:
    from airflow_provider_dingpush.delivery.outbox import Outbox

_log = logging.getLogger(__name__)
_APART = "Celery", "Kubernetes", "Ecs", "Batch", "Edge"
_MOUNTS = Path("/proc/self/mountinfo")


def outbox() -> Outbox:
    """The outbox that ``[dingpush] outbox_url`` or ``home`` name.

    :raises OutboxError: if it can't be used.
    """
    return _opened(airflow_option("dingpush", "outbox_url"), home())


def home() -> Path:
    """Where the files of the outbox are: ``[dingpush] home``, or ``dingpush`` in Airflow's home."""
    named = airflow_option("dingpush", "home")
    airflow_home = os.environ.get("AIRFLOW_HOME") or "~/airflow"
    return Path(named or Path(airflow_home, "dingpush")).expanduser()


def nothing_failed() -> bool:
    """Whether no failure is open here, which every success asks first.

    Told by a look into the folder that :class:`~.delivery.spool_outbox.SpoolOutbox` keeps for it: most tasks succeed,
    and none of them should pay for loading the outbox.
    """
    if airflow_option("dingpush", "outbox_url"):
        return False
    try:
        with os.scandir(home() / "open") as incidents:
            return next(incidents, None) is None
    except OSError:
        return True


def is_one_of_several() -> bool:
    """Whether other machines have outboxes of their own: then nobody there sends what is left here."""
    return not airflow_option("dingpush", "outbox_url") and _why_apart(home()) is not None


@lru_cache(maxsize=4)
def _opened(url: str | None, folder: Path) -> Outbox:
    if url:
        from airflow_provider_dingpush.delivery.redis_outbox import RedisOutbox

        password = urlsplit(url).password
        if password:
            mask_secret(unquote(password))
        return RedisOutbox(url)
    from airflow_provider_dingpush.delivery.spool_outbox import SpoolOutbox

    _warn_if_apart(folder)
    return SpoolOutbox(folder)


def _warn_if_apart(folder: Path) -> None:
    """Files on one machine know nothing of the others: each then counts its robot's minute for itself."""
    reason = _why_apart(folder)
    if reason is None:
        return
    _log.warning(
        "%s, so each of its machines has an outbox of its own in %s: alerts are sent at once where they happen, but "
        "merged and counted for each machine alone. Give all of them one outbox: pip install "
        "'airflow-provider-dingpush[redis]' and set %s 多台机器请使用同一个 outbox_url（Redis）。",
        reason,
        folder,
        _line_to_paste(),
    )


def _why_apart(folder: Path) -> str | None:
    from airflow_provider_dingpush.delivery.spool_outbox import shared_filesystem

    if os.environ.get("AIRFLOW_IS_K8S_EXECUTOR_POD"):
        return "This task runs in a pod of its own"
    executors = airflow_option("core", "executor") or ""
    apart = next((name for name in _APART if name in executors), None)
    if apart is not None:
        return f"The executor is {executors}"
    try:
        kind = shared_filesystem(folder, _MOUNTS.read_text("utf-8"))
    except OSError:
        return None
    return f"{folder} is on a shared file system ({kind}), where locks can't be relied on" if kind else None


def _line_to_paste() -> str:
    broker = airflow_option("celery", "broker_url") or ""
    if not broker.startswith(("redis://", "rediss://")):
        return "AIRFLOW__DINGPUSH__OUTBOX_URL=redis://your-redis:6379/0"
    parts = urlsplit(broker)
    # Whoever reads the log needs the address, not the password.
    secret = ":***@" if parts.password else ""
    port = f":{parts.port}" if parts.port else ""
    url = f"{parts.scheme}://{secret}{parts.hostname}{port}{parts.path}"
    return f"AIRFLOW__DINGPUSH__OUTBOX_URL={url} (Celery's Redis; the whole URL is [celery] broker_url)"
