"""Airflow's own e-mail about a failed task, if neither its subject nor its text was made by a template of ours.

It has the ids, the number of tries and the exception as text: less than a callback's context, but enough for the same
alert. The formats are those of ``models/taskinstance.py`` (2.x, 3.0) and ``sdk/execution_time/task_runner.py`` (3.1 and
later), read 2026-11-28.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

_SUBJECT = re.compile(r"Airflow alert: (?P<ti>.*)", re.DOTALL)
# Airflow 2, and our own template: <TaskInstance: dag.task run_id map_index=1 [failed]>
_OF_2 = re.compile(
    r"<TaskInstance: (?P<dag_id>[\w-]+(?:\.[\w-]+)*?)\.(?P<task_id>[\w.-]+) (?P<run_id>.+?) "
    r"(?:map_index=(?P<map_index>\d+) )?\[(?P<state>[\w.]*)\]>",
    re.DOTALL,
)
# Airflow 3, as pydantic prints a model; a run id has quotes in it only if a person chose it so.
_FIELD_OF_3 = re.compile(
    r"(?:^|\s)(id|dag_id|task_id|run_id|try_number|map_index|state)=(?:UUID\()?('[^']*'|-?\d+|<[^>]*>)"
)
# Airflow 3.0 prints the name of the state's class as well.
_STATE = re.compile(r"\b(failed|up_for_retry|upstream_failed)\b")
_TRIES = re.compile(r"Try (\d+) out of (\d+)")
_LOG = re.compile(r"""Log: <a href=["'](?P<url>[^"'<>\s]{1,4000})["']>""")
_EXCEPTION, _END = "Exception:", "Log: <a "
_BREAK = re.compile(r"<br\s*/?>")
_PAGE_OF_3 = re.compile(
    r"/dags/(?P<dag_id>[^/]+)/runs/(?P<run_id>[^/]+)/tasks/(?P<task_id>[^/]+)(?:/mapped/(?P<map_index>\d+))?/?$"
)
_PAGE_OF_2 = re.compile(r"/dags/(?P<dag_id>[^/]+)/grid/?$")
_MOST_CHARACTERS = 100_000


def failure_in(subject: str, html: str) -> Mapping[str, Any] | None:
    """The context of a callback, as far as an e-mail has it; ``None`` if it isn't Airflow's about a failed task."""
    found = _SUBJECT.match(unescape(subject))
    if found is None:
        return None
    html = html[:_MOST_CHARACTERS]
    ids = {**_ids_in_subject(found["ti"]), **_ids_in_link(html)}
    if not all(ids.get(name) for name in ("dag_id", "run_id", "task_id")):
        return None
    tries = _TRIES.search(html)
    if tries:
        ids |= {"try_number": tries[1], "max_tries": int(tries[2]) - 1}
    _, _, exception = html.partition(_EXCEPTION)
    exception = exception.rpartition(_END)[0]
    text = unescape(_BREAK.sub("\n", exception)).strip()
    ti = SimpleNamespace(
        id=ids.get("id"),
        dag_id=ids["dag_id"],
        task_id=ids["task_id"],
        run_id=ids["run_id"],
        try_number=_number(ids.get("try_number")),
        max_tries=ids.get("max_tries"),
        map_index=_number(ids.get("map_index")),
        state=ids.get("state"),
    )
    return {"ti": ti, "run_id": ti.run_id, "exception": text or None}


def _ids_in_subject(text: str) -> dict[str, Any]:
    old = _OF_2.match(text)
    if old is not None:
        fields = {name: value for name, value in old.groupdict().items() if value}
    else:
        fields = {name: value.strip("'") for name, value in _FIELD_OF_3.findall(text)}
    state = _STATE.search(fields.pop("state", "").lower())
    return {**fields, **({"state": state[1]} if state else {})}


def _ids_in_link(html: str) -> dict[str, Any]:
    """From the address of the log: of dots in ids, the subject doesn't say which one separates DAG and task."""
    link = _LOG.search(html)
    if link is None:
        return {}
    try:
        address = urlsplit(unescape(link["url"]))
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
    except ValueError:
        return {}
    new = _PAGE_OF_3.search(address.path)
    if new is not None:
        named = {name: unquote(value) for name, value in new.groupdict().items() if value}
        return {**named, **{name: query[name] for name in ("try_number",) if name in query}}
    old = _PAGE_OF_2.search(address.path)
    if old is None or not {"dag_run_id", "task_id"} <= query.keys():
        return {}
    mapped = {"map_index": query["map_index"]} if "map_index" in query else {}
    return {"dag_id": unquote(old["dag_id"]), "run_id": query["dag_run_id"], "task_id": query["task_id"], **mapped}


def _number(text: Any) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"-?\d{1,9}", str(text)) else None
