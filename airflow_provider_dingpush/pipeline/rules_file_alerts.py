"""The alerts about the rules file itself: that it is broken, and that it is right again.

A broken file is noticed by the process in which an event happens and by the check; both write the same alert, once for
each broken version of the file. It goes where all failures go meanwhile.
"""

from __future__ import annotations

import hashlib
import json
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from math import inf
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.alerts.alert import Mailbox
from airflow_provider_dingpush.alerts.run_facts import RunFacts
from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.storage.notes import Note

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_dingpush.errors import RulesFileError
    from airflow_provider_dingpush.pipeline.stores import Store
    from airflow_provider_dingpush.storage.notes import FoundNote

NOTED_SECONDS = 30 * 86_400.0
"""How long is remembered what was told, in seconds."""
_BROKEN = "rules_file"
# Another machine's file may still be broken: only after so long without a word of it is it taken to be right, too.
_OTHER_MACHINE_SECONDS = 3_600.0
# A process notes again that the file is still broken, but not at each event.
_AGAIN_SECONDS = 600.0
_MOST_PROBLEMS = 4

_told: dict[tuple[Path, str], float] = {}


def tell_mistake(mistake: RulesFileError, path: Path, fallback: str) -> None:
    """Write the alert that the rules file is broken, unless this version of it was told.

    :param path: of the file.
    :param fallback: the connection to which failures go meanwhile.
    :raises OutboxError: if no store takes it.
    """
    from airflow_provider_dingpush.pipeline.scheduler_writing import change_note

    version, now, host = _version_of(path, mistake), time.time(), socket.gethostname()
    if 0 <= now - _told.get((path, version), -inf) < _AGAIN_SECONDS:
        return

    def change(found: FoundNote | None) -> Note:
        before = read_plain(found)
        since, conn_id = before.get("since", now), before.get("conn_id", fallback)
        if before.get("version") != version:
            conn_id = fallback
            write(_facts_of_mistake(path, mistake, version, since=since, now=now, host=host), conn_id)
        plain = {"version": version, "since": since, "host": host, "conn_id": conn_id, "file": path.name}
        return Note(_BROKEN, _name(path), json.dumps({**plain, "at": now}).encode(), NOTED_SECONDS, durable=True)

    change_note(_BROKEN, _name(path), change)
    _told.clear()
    _told[path, version] = now


def _version_of(path: Path, mistake: RulesFileError) -> str:
    """Identifies the content of the broken file; or why it has none, and a mistake in the calendar that it names."""
    try:
        content = path.read_bytes()
    except OSError as error:
        content = str(error.strerror).encode()
    parts = content, *(each.encode("utf-8", "surrogatepass") for each in mistake.problems)
    return hashlib.sha256(b"\n".join(parts)).hexdigest()[:24]


def _facts_of_mistake(
    path: Path, mistake: RulesFileError, version: str, *, since: float, now: float, host: str
) -> RunFacts:
    return facts_of(
        Event.RULES_FILE_ERROR,
        path.name,
        since=since,
        now=now,
        occurrence=version,
        exception_text=_listed(mistake.problems_in("en")),
        exception_text_zh=_listed(mistake.problems_in("zh")),
        reason="rules_file_broken",
        hostname=host,
    )


def _listed(problems: Sequence[str]) -> str:
    from airflow_provider_dingpush.pipeline.redaction import redact_log

    shown = [redact_log(each) for each in problems[:_MOST_PROBLEMS]]
    left_out = len(problems) - len(shown)
    return "\n".join([*shown, *([f"… {left_out} …"] if left_out else [])])


def tell_it_is_right(path: Path | None, usable: Sequence[Store]) -> None:
    """Write the end of each broken version that was told; that of another machine only when it is quiet for long.

    :param path: of the file, which has no mistakes; ``None`` if there is no rules file any more.
    :param usable: the stores of this process.
    """
    now, host = time.time(), socket.gethostname()
    for store in usable:
        with suppress(OutboxError):
            for name, found in store.bounded.notes(_BROKEN, 10).items():
                before = read_plain(found)
                is_ours = before.get("host") == host or path is None
                if not is_ours and now - before.get("at", 0.0) < _OTHER_MACHINE_SECONDS:
                    continue
                facts = facts_of(
                    Event.RULES_FILE_FIXED,
                    str(before.get("file") or (path.name if path else "")),
                    since=before.get("since", now),
                    now=now,
                    occurrence=str(before.get("version")),
                )
                write(facts, str(before.get("conn_id")))
                store.bounded.remove_notes([(_BROKEN, name)])
                _told.clear()


def facts_of(event: Event, file: str, *, since: float, now: float, occurrence: str, **more: Any) -> RunFacts:
    """The facts of an alert about the rules file.

    :param file: names the incident.
    :param since: since when it is broken, in seconds since 1970.
    :param now: in seconds since 1970.
    :param occurrence: the same for the same mistake.
    """
    from airflow_provider_dingpush.pipeline.callback_context import site_here

    site = site_here()
    is_over = event.resolves_incident
    return RunFacts(
        event,
        "",
        dag_name=file,
        file=file,
        started_at=datetime.fromtimestamp(int(since), site.zone),
        ended_at=datetime.fromtimestamp(int(now), site.zone) if is_over else None,
        duration_seconds=float(int(now - since)) or None if is_over else None,
        environment=site.environment,
        is_utc_by_default=site.is_utc_by_default,
        links=site.links,
        occurrence=occurrence,
        **more,
    )


def write(facts: RunFacts, conn_id: str) -> None:
    """Write an alert past all rules."""
    from airflow_provider_dingpush.alerts.run_alert import alert_of
    from airflow_provider_dingpush.pipeline.alert_sizes import bounded
    from airflow_provider_dingpush.pipeline.scheduler_writing import write_alert

    alert = alert_of(facts, Mailbox(conn_id), at=time.time(), message=None, mentions=None, language=None)
    write_alert(bounded(alert))


def _name(path: Path) -> str:
    return hashlib.sha256(str(path).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def read_plain(found: FoundNote | None) -> dict[str, Any]:
    """The plain data of a note; empty if there is none, or it is damaged."""
    with suppress(ValueError, RecursionError):
        plain = json.loads(found.value) if found else {}
        return plain if isinstance(plain, dict) else {}
    return {}
