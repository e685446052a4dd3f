"""Which outbox this Airflow has: files of this machine, or Redis for many machines; and its substitutes."""

from __future__ import annotations

import logging
import os
import time
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_dingpush.airflow_compat import airflow_option, mask_secret
from airflow_provider_dingpush.pipeline.homes import folders_of_open, have_files_open_incidents, home, second_home

if TYPE_CHECKING:
    from airflow_provider_dingpush.storage.address import Address
    from airflow_provider_dingpush.storage.contract import Notes, Store
    from airflow_provider_dingpush.storage.files.store import FileStore
    from airflow_provider_dingpush.storage.outbox import Outbox

_log = logging.getLogger(__name__)
# Scheme of outbox_url -> the package in storage/ of its store. Any other is read as a Redis URL, and refused as one.
_PACKAGES = {
    "redis": "redis",
}
_DISTRIBUTED = "Celery", "Kubernetes", "Ecs", "Batch", "Edge"
_MOUNTS = Path("/proc/self/mountinfo")
# outbox_url may come from a command or a secrets backend; after one hangs, it isn't called again at once.
_OPTION_SECONDS, _OPTION_PAUSE_SECONDS = 1.0, 60.0
_LOOK_SECONDS = 1.0
_option_hung_at: float | None = None


def outbox() -> Outbox:
    """The outbox that ``[dingpush] outbox_url`` or ``home`` name.

    :raises OutboxError: if it can't be used.
    """
    from airflow_provider_dingpush.storage.outbox import Outbox

    return Outbox(opened(outbox_url(), home()))


def outbox_url() -> str | None:
    """``[dingpush] outbox_url``, ``None`` if files are enough.

    :raises OutboxError: if Airflow takes too long to read it.
    """
    from airflow_provider_dingpush.errors import OutboxError
    from airflow_provider_dingpush.timeouts import call_within

    global _option_hung_at  # noqa: PLW0603 - one process, one configuration
    hung = OutboxError(
        "Airflow takes too long to read [dingpush] outbox_url: check the command or secrets backend that it comes from."
    )
    if _option_hung_at is not None and time.monotonic() - _option_hung_at < _OPTION_PAUSE_SECONDS:
        raise hung
    try:
        url = call_within(_OPTION_SECONDS, lambda: airflow_option("dingpush", "outbox_url"))
    except TimeoutError:
        _option_hung_at = time.monotonic()
        raise hung from None
    _option_hung_at = None
    return url


def has_no_open_incident() -> bool:
    """Whether no incident is open here, which is checked first for every success.

    Found out from the folder in which :class:`~airflow_provider_dingpush.storage.files.store.FileStore` has these
    notes: most tasks succeed, and none of them should pay for loading the outbox.
    """
    from airflow_provider_dingpush.errors import OutboxError
    from airflow_provider_dingpush.timeouts import call_within

    try:
        if outbox_url():
            return False
        return not call_within(_LOOK_SECONDS, have_files_open_incidents)
    except (OutboxError, TimeoutError):
        return False


def may_be_open(incident: str) -> bool:
    """Whether an incident may be open: one look at the outbox, which loads nothing that sends alerts.

    ``False`` is certain; ``True`` also if the outbox doesn't answer. Without another time limit than those of Redis'
    socket: the marker of the task was written there without one.
    """
    from airflow_provider_dingpush.errors import OutboxError

    # Alerts that Redis did not take are in files.
    if any(os.path.lexists(each / incident) for each in folders_of_open()):
        return True
    url = airflow_option("dingpush", "outbox_url")
    if not url:
        return False
    from airflow_provider_dingpush.storage.notes import OPEN

    try:
        return opened_notes(url).note(OPEN, incident) is not None
    except OutboxError:
        return True


def has_host_local_outbox() -> bool:
    """Whether other machines have outboxes of their own: then only this one sends what is pending here."""
    from airflow_provider_dingpush.errors import OutboxError

    try:
        return not outbox_url() and _why_host_local(home()) is not None
    except OutboxError:
        return False


@lru_cache(maxsize=4)
def opened(url: str | None, folder: Path) -> Store:
    """The store of a Redis URL, or of a folder if there is none.

    :raises OutboxError: if it can't be used.
    """
    if url:
        return _masked(address_of(url)).open()
    _warn_if_host_local(folder)
    return files_in(folder)


@lru_cache(maxsize=4)
def opened_notes(url: str) -> Notes:
    """The notes of the store of a URL, which takes less time to open than all of it.

    :raises OutboxError: if it can't be used.
    """
    return _masked(address_of(url)).open_notes()


def _masked(address: Address) -> Address:
    if address.password:
        mask_secret(address.password)
    return address


def address_of(url: str) -> Address:
    """Where the store of a URL is.

    :raises OutboxError: if no store has such a URL.
    """
    package = _PACKAGES.get(url.partition("://")[0], "redis")
    address: Address = import_module(f"airflow_provider_dingpush.storage.{package}").address_of(url)
    return address


@lru_cache(maxsize=8)
def files_in(folder: Path) -> FileStore:
    """The store of one folder."""
    from airflow_provider_dingpush.storage.files.store import FileStore

    return FileStore(folder, in_public=folder == second_home())


def _warn_if_host_local(folder: Path) -> None:
    """Log that each machine then counts the rate limit of a receiver for itself."""
    reason = _why_host_local(folder)
    if reason is None:
        return
    _log.warning(
        "%s, so each machine has an outbox of its own in %s: alerts are sent at once, but merged and counted "
        "for each machine alone. Give all machines one outbox: pip install "
        "'airflow-provider-dingpush[redis]' and set %s 多台机器请使用同一个 outbox_url（Redis）。",
        reason,
        folder,
        _line_to_paste(),
    )


def _why_host_local(folder: Path) -> str | None:
    from airflow_provider_dingpush.storage.files.mounts import shared_filesystem

    if os.environ.get("AIRFLOW_IS_K8S_EXECUTOR_POD"):
        return "This task runs in its own pod"
    executors = airflow_option("core", "executor") or ""
    apart = next((name for name in _DISTRIBUTED if name in executors), None)
    if apart is not None:
        return f"The executor is {executors}"
    try:
        kind = shared_filesystem(folder, _MOUNTS.read_text("utf-8"))
    except OSError:
        return None
    return f"{folder} is on a shared file system ({kind}), whose locks are unreliable" if kind else None


def _line_to_paste() -> str:
    from airflow_provider_dingpush.errors import OutboxError
    from airflow_provider_dingpush.storage.redis import address_of

    broker = airflow_option("celery", "broker_url") or ""
    try:
        address = address_of(broker)
    except OutboxError:
        return "AIRFLOW__DINGPUSH__OUTBOX_URL=redis://your-redis:6379/0"
    # The log shows the URL, not the password.
    url = address.location.replace("://", "://:***@", 1) if address.password else address.location
    return f"AIRFLOW__DINGPUSH__OUTBOX_URL={url} (Celery's Redis; the whole URL is [celery] broker_url)"
