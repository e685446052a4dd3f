"""The pages that links in a demo's alerts open, in the place of Airflow's: a run, and the log of a task."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote

from airflow_provider_dingpush.cli.screen import Screen, Texts

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# What `airflow dags test` writes around the log of a task, from Airflow 2.10 to 3.3.
_BEGIN = "[DAG TEST] starting task_id={task_id} "
_TASK = re.compile(r"\[DAG TEST\] starting task_id=(\S+) ")
# Airflow 2 writes no end of a task that failed.
_END = re.compile(r"\[DAG TEST\] (?:end task|starting) task_id=")
_RAISED = re.compile(r"^[\w.]*(?:Error|Exception): .*$", re.MULTILINE)  # the last line of a traceback
_FAILED = re.compile(r"Task failed with exception|Marking task as FAILED")

_TEXTS: Texts = {
    "demo": (
        "A page of this demo, in the place of Airflow's: it is gone when the demo ends.",
        "这是演示提供的页面，代替 Airflow 的页面；演示结束后不再可用。",
    ),
    "log_of": ("Log: {dag_id} · {task}", "日志：{dag_id} · {task}"),
    "run_of": ("Run: {dag_id}", "运行：{dag_id}"),
    "run_id": ("Run id: {run_id}", "运行 ID：{run_id}"),
    "failed": ("failed", "失败"),
    "succeeded": ("succeeded", "成功"),
    "to_run": ("All tasks of this run", "本次运行的全部任务"),
    "to_chat": ("Chat page", "聊天页面"),
}


class Place(NamedTuple):
    """What a link names; no task for the page of a run."""

    dag_id: str
    run_id: str
    task_id: str | None = None
    map_index: int = -1


Rows = Iterable[tuple[str, int, bool]]
"""The tasks of a run: task id, map index (-1: not mapped), and whether it failed."""


@dataclass(frozen=True)
class DemoPages:
    """Makes the pages.

    :param language: ``zh`` or ``en``.
    :param log_of: returns the log of a task; ``None`` if there is no such task.
    :param tasks_of: returns the tasks of a run.
    """

    language: str
    log_of: Callable[[Place], str | None]
    tasks_of: Callable[[Place], Rows]

    def __call__(self, path: str, query: Mapping[str, str]) -> str | None:
        """The HTML of a page, or ``None``; see :data:`~airflow_provider_dingpush.sandbox.chat_page.Pages`."""
        place = place_at(path, query)
        if place is None:
            return None
        return self._run(place) if place.task_id is None else self._log(place)

    def _log(self, place: Place) -> str | None:
        log = self.log_of(place)
        if log is None:
            return None
        text = Screen(self.language, _TEXTS).text
        title = text("log_of", dag_id=place.dag_id, task=_label(place.task_id or "", place.map_index))
        link = f'<p><a href="{_href(place._replace(task_id=None))}">{text("to_run")}</a></p>'
        raised = _RAISED.findall(log)
        reason = f"<p><strong>{escape(raised[-1])}</strong></p>" if raised else ""
        return self._page(title, place, f"{reason}<pre>{escape(log)}</pre>{link}")

    def _run(self, place: Place) -> str | None:
        text = Screen(self.language, _TEXTS).text
        rows = [
            f'<li><a href="{_href(place._replace(task_id=task_id, map_index=map_index))}">'
            f"{escape(_label(task_id, map_index))}</a>: {text('failed' if failed else 'succeeded')}</li>"
            for task_id, map_index, failed in self.tasks_of(place)
        ]
        title = text("run_of", dag_id=place.dag_id)
        return self._page(title, place, f"<ul>{''.join(rows)}</ul>") if rows else None

    def _page(self, title: str, place: Place, body: str) -> str:
        text = Screen(self.language, _TEXTS).text
        return (
            f'<!doctype html><html lang="{self.language}"><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<link rel="stylesheet" href="/chat.css"><link rel="stylesheet" href="/plain_page.css">'
            f"<title>{escape(title)}</title><h1>{escape(title)}</h1>"
            f"<p>{escape(text('run_id', run_id=place.run_id))}</p>{body}"
            f'<p><a href="/">{text("to_chat")}</a></p><p class="note">{text("demo")}</p></html>'
        )


def place_at(path: str, query: Mapping[str, str]) -> Place | None:
    """What an address of Airflow's web pages names, by its path as it was sent; ``None`` if it is another page.

    Airflow 3 has it in the path, Airflow 2 in the query.
    """
    found = re.fullmatch(r"dags/([^/]+)/runs/([^/]+)(?:/tasks/([^/]+)(?:/mapped/(\d{1,9}))?)?", path)
    if found:
        dag_id, run_id, task_id, index = found.groups()
        return Place(unquote(dag_id), unquote(run_id), task_id and unquote(task_id), int(index) if index else -1)
    grid = re.fullmatch(r"dags/([^/]+)/grid", path)
    if grid is None or "dag_run_id" not in query:
        return None
    index = query.get("map_index", "")
    number = int(index) if re.fullmatch(r"\d{1,9}", index) else -1
    return Place(unquote(grid[1]), query["dag_run_id"], query.get("task_id"), number)


@dataclass(frozen=True)
class LogFile:
    """The log of ``airflow dags test``, by task.

    :param path: of the file, which need not exist yet.
    """

    path: Path

    def log_of(self, place: Place) -> str | None:
        """The lines of a task; ``None`` if it didn't run."""
        _, began, rest = self._text().partition(_BEGIN.format(task_id=place.task_id))
        if not began:
            return None
        lines = _END.split(rest, 1)[0].splitlines()
        # The first and the last one are the rest and the beginning of the lines around it.
        return "\n".join(lines[1:-1])

    def tasks_of(self, place: Place) -> Rows:
        """The tasks that ran."""
        for task_id in dict.fromkeys(_TASK.findall(self._text())):
            yield task_id, -1, _FAILED.search(self.log_of(place._replace(task_id=task_id)) or "") is not None

    def _text(self) -> str:
        try:
            return _COLOURS.sub("", self.path.read_text("utf-8", errors="replace"))
        except OSError:
            return ""


def _href(place: Place) -> str:
    run = f"/pages/dags/{quote(place.dag_id, safe='')}/runs/{quote(place.run_id, safe='')}"
    if place.task_id is None:
        return run
    mapped = f"/mapped/{place.map_index}" if place.map_index >= 0 else ""
    return f"{run}/tasks/{quote(place.task_id, safe='')}{mapped}"


def _label(task_id: str, map_index: int) -> str:
    return task_id if map_index < 0 else f"{task_id} [{map_index}]"
