"""The folders of the outbox's files, and whether a failure is open there: what the process of every task needs.

A success asks that, so it is answered without loading the outbox.
"""

from __future__ import annotations

import os
from pathlib import Path

from airflow_provider_dingpush.airflow_options import airflow_option


def home() -> Path:
    """The folder of the outbox's files: ``[dingpush] home``, or ``dingpush`` in Airflow's home."""
    named = airflow_option("dingpush", "home")
    airflow_home = os.environ.get("AIRFLOW_HOME") or "~/airflow"
    return Path(named or Path(airflow_home, "dingpush")).expanduser()


def second_home() -> Path:
    """The folder that is used if :func:`home` can't be: one of this user's own in the folder for temporary files.

    Each home has another one, so that two Airflows of one machine don't share it.
    """
    import hashlib
    import tempfile

    name = hashlib.sha256(str(home()).encode()).hexdigest()[:8]
    return Path(tempfile.gettempdir(), f"dingpush-{os.geteuid()}-{name}")


def may_an_incident_be_open() -> bool:
    """Whether any may be open, as far as that is seen in files: Redis has to be asked."""
    return airflow_option("dingpush", "outbox_url") is not None or have_files_open_incidents()


def have_files_open_incidents() -> bool:
    """Whether any incident is open in the files of this machine."""
    return any(_has_entry(each) for each in folders_of_open())


def folders_of_open() -> tuple[Path, ...]:
    """Where :class:`~airflow_provider_dingpush.storage.files.store.FileStore` has notes of open failures."""
    return tuple(each / "notes" / "open" for each in (home(), second_home()))


def _has_entry(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except OSError:
        return False
