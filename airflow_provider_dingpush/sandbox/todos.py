"""To-dos (待办): creating, finding, listing, and marking them as done.

Facts: DingTalk docs 0793 to 0797 (read 2026-11-28), the official SDK for the look-up by ``sourceId``, and public
reports for the text of a second one. Where these are silent the choice is named as an assumption.
"""

from __future__ import annotations

import itertools
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import unquote

from airflow_provider_dingpush.sandbox.ding_model import Todo
from airflow_provider_dingpush.sandbox.model import AppCall, CallResult, ExtraLine, Person, RefusedError
from airflow_provider_dingpush.sandbox.organisation import Organisation, private_chat_with
from airflow_provider_dingpush.sandbox.v1_dialect import refusal

WRITE, READ = "Todo.Todo.Write", "Todo.Todo.Read"
PREFIX = "/v1.0/todo/users/"
MOST_SUBJECT_CHARACTERS = 1_024
MOST_DESCRIPTION_CHARACTERS = 4_096
MOST_URL_BYTES = 1_024
MOST_EXECUTORS = 100
PRIORITIES = (10, 20, 30, 40)
PAGE_SIZE = 50

Route = tuple[re.Pattern[str], Literal["GET", "POST", "PUT"], str, Callable[[AppCall], CallResult]]
"""Paths, method, permission, and what answers."""


class TodoApi:
    """Answers everything about to-dos.

    Assumptions, because DingTalk does not document them: a person who is unknown or not in the app's visible scope is a
    parameter error; a to-do is done as a whole once each of its people has done it; another app can neither find nor
    change it; done ones keep their ``sourceId``.
    """

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._todos: dict[str, Todo] = {}

    def routes(self) -> tuple[Route, ...]:
        """Return what answers at which paths."""
        person = re.escape(PREFIX) + r"[^/]+"
        return (
            (re.compile(f"{person}/tasks"), "POST", WRITE, self.create),
            (re.compile(f"{person}/tasks/sources/[^/]+"), "GET", READ, self.find),
            (re.compile(f"{person}/org/tasks/query"), "POST", READ, self.query),
            (re.compile(f"{person}/tasks/[^/]+"), "PUT", WRITE, self.update),
        )

    @property
    def todos(self) -> tuple[Todo, ...]:
        """All to-dos, in order."""
        with self._lock:
            return tuple(self._todos.values())

    def create(self, call: AppCall) -> CallResult:
        creator = self._owner(call, "todo.taskCreate.paramError")
        todo = self._todo_of(call, creator)
        with self._lock:
            for each in self._todos.values():
                if todo.source_id and (each.app, each.source_id) == (call.app, todo.source_id):
                    raise _wrong("todo.taskCreate.paramError", f"task existed sourceId is {todo.source_id}")
            self._todos[todo.task_id] = todo
        return CallResult(outcome="accepted", reply=described(todo), lines=tuple(_lines_of(todo)))

    def find(self, call: AppCall) -> CallResult:
        source_id = _parts(call)[-1]
        self._owner(call, "todo.taskGet.paramError")
        for each in self.todos:
            if (each.app, each.source_id) == (call.app, source_id):
                return CallResult(outcome="answered", reply=described(each))
        raise _wrong("todo.taskGet.paramError", "task not exist")

    def query(self, call: AppCall) -> CallResult:
        """List the to-dos of one person."""
        owner = self._owner(call, "todo.taskQuery.paramError")
        wanted = call.body.get("isDone")
        token = str(call.body.get("nextToken") or "0")
        begin = int(token) if re.fullmatch(r"\d{1,9}", token, re.ASCII) else 0
        cards = [
            {**described(each), "taskId": each.task_id, "isDone": owner.user_id in each.done_by}
            for each in self.todos
            if owner in each.executors and wanted in (None, owner.user_id in each.done_by)
        ]
        reply: dict[str, Any] = {"todoCards": cards[begin : begin + PAGE_SIZE]}
        if len(cards) > begin + PAGE_SIZE:
            reply["nextToken"] = str(begin + PAGE_SIZE)
        return CallResult(outcome="answered", reply=reply)

    def update(self, call: AppCall) -> CallResult:
        self._owner(call, "todo.taskUpdate.paramError")
        with self._lock:
            todo = self._todos.get(_parts(call)[-1])
            if todo is None:
                raise _wrong("todo.taskUpdate.paramError", "task not exist")
            if todo.app != call.app:
                raise _wrong("todo.taskUpdate.paramError", "task not belong to bizTag")
            done = call.body.get("done")
            if done is not None and not isinstance(done, bool):
                raise _wrong("todo.taskUpdate.paramError", "todo.taskUpdate.paramError")
            everybody = frozenset(person.user_id for person in todo.executors)
            changed = todo if done is None else replace(todo, done_by=everybody if done else frozenset())
            self._todos[todo.task_id] = replace(changed, subject=call.body.get("subject") or todo.subject)
        return CallResult(outcome="answered", reply={"result": True}, lines=(ExtraLine(kind="phone"),))

    def complete(self, user_id: str, number: int) -> None:
        """Let a person do one of the to-dos."""
        with self._lock:
            for task_id, each in self._todos.items():
                if each.number == number and any(person.user_id == user_id for person in each.executors):
                    self._todos[task_id] = replace(each, done_by=each.done_by | {user_id})

    def forget(self) -> None:
        """Forget all to-dos."""
        with self._lock:
            self._todos.clear()

    def _owner(self, call: AppCall, code: str) -> Person:
        union_id = _parts(call)[0]
        person = self._organisation.person_of_union_id(union_id)
        if person is None:
            raise _wrong(code, "unionId is invalid")
        return person

    def _todo_of(self, call: AppCall, creator: Person) -> Todo:
        body, code = call.body, "todo.taskCreate.paramError"
        subject, description = body.get("subject"), body.get("description") or ""
        if not isinstance(subject, str) or not subject:
            raise _wrong(code, "subject is null")
        if len(subject) > MOST_SUBJECT_CHARACTERS:
            raise _wrong(code, "subject is oversize")
        if not isinstance(description, str) or len(description) > MOST_DESCRIPTION_CHARACTERS:
            raise _wrong(code, "description is oversize")
        due = body.get("dueTime")
        if due is not None and (isinstance(due, bool) or not isinstance(due, int) or due < 0):
            raise _wrong(code, "dueTime is invalid")
        priority = body.get("priority") or 20
        if priority not in PRIORITIES:
            raise _wrong(code, "priority is invalid")
        source_id, notify = body.get("sourceId") or "", body.get("notifyConfigs")
        return Todo(
            number=next(self._numbers),
            task_id=f"task{secrets.token_hex(12)}",
            source_id=source_id if isinstance(source_id, str) else str(source_id),
            subject=subject,
            url=_url_of(body, code),
            app=call.app,
            creator=creator,
            executors=self._executors(call, creator, code),
            created_at=call.request.received_at,
            description=description,
            due=None if due is None else due / 1000,
            priority=priority,
            pops_up=isinstance(notify, dict) and notify.get("dingNotify") == "1",
        )

    def _executors(self, call: AppCall, creator: Person, code: str) -> tuple[Person, ...]:
        union_ids = call.body.get("executorIds") or [creator.union_id]
        if not isinstance(union_ids, list) or len(union_ids) > MOST_EXECUTORS:
            raise _wrong(code, "executors is oversize")
        people = [self._organisation.person_of_union_id(str(each)) for each in dict.fromkeys(map(str, union_ids))]
        known = tuple(person for person in people if person is not None and call.app.sees(person.user_id))
        if len(known) < len(people):
            raise _wrong(code, "executors is invalid")
        return known


def described(todo: Todo) -> dict[str, Any]:
    """Return a to-do as DingTalk's answers describe it."""
    return {
        "id": todo.task_id,
        "sourceId": todo.source_id,
        "subject": todo.subject,
        "description": todo.description,
        "createdTime": int(todo.created_at * 1000),
        "creatorId": todo.creator.union_id,
        "executorIds": [person.union_id for person in todo.executors],
        "detailUrl": {"appUrl": todo.url, "pcUrl": todo.url},
        "dueTime": None if todo.due is None else int(todo.due * 1000),
        "priority": todo.priority,
        "done": todo.is_done,
        "bizTag": f"todo_open_{todo.app.app_key}",
    }


def _url_of(body: dict[str, Any], code: str) -> str:
    urls = body.get("detailUrl")
    found = [urls.get(name) for name in ("appUrl", "pcUrl")] if isinstance(urls, dict) else []
    if len(found) != 2 or not all(isinstance(url, str) and 0 < len(url.encode()) <= MOST_URL_BYTES for url in found):
        raise _wrong(code, "detailUrl is invalid")
    return str(found[0])


def _lines_of(todo: Todo) -> list[ExtraLine]:
    about = {"subject": todo.subject, "sender": todo.app.name}
    return [
        ExtraLine(kind="todo", conversation=private_chat_with(person), fields={"todo": about})
        for person in todo.executors
    ]


def _parts(call: AppCall) -> list[str]:
    """The parts of a path behind its prefix: the person first."""
    return [unquote(part) for part in call.request.path[len(PREFIX) :].split("/")]


def _wrong(code: str, message: str) -> RefusedError:
    return refusal(400, code, message)
