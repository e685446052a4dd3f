"""To-dos (待办) in DingTalk: created for people, found again, and done.

Facts from DingTalk's docs 0793 to 0797 (read 2026-11-28), and from its SDK (alibabacloud_dingtalk 2.2.65) for the
look-up by ``sourceId``. A second to-do with the same ``sourceId`` is refused, so that creating one can be repeated
without harm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from airflow_provider_dingpush.dingtalk.answer_fields import text
from airflow_provider_dingpush.dingtalk.app_calls import AppCalls
from airflow_provider_dingpush.dingtalk.ding_meanings import TODO_EXISTS
from airflow_provider_dingpush.dingtalk.on_call_options import TodoOptions
from airflow_provider_dingpush.dingtalk.people import read_people, union_id_of, user_ids_of_users
from airflow_provider_dingpush.errors import DingTalkError, InvalidMessageError
from airflow_provider_dingpush.messages.fitting import whole_characters
from airflow_provider_dingpush.receipts import TodoReceipt
from airflow_provider_dingpush.targets import Users
from airflow_provider_dingpush.timeouts import Deadline

PATH = "/v1.0/todo/users/{union_id}/tasks"
MOST_EXECUTORS = 100
MOST_SUBJECT_CHARACTERS = 1_024
MOST_DESCRIPTION_CHARACTERS = 4_096
MOST_URL_BYTES = 1_024
PRIORITIES = {"low": 10, "normal": 20, "urgent": 30, "very_urgent": 40}


class Todos:
    """The to-dos that one app creates.

    :param calls: the app's calls to DingTalk.
    :param options: what the connection says.
    :param redact: removes from a text what Airflow masks.
    """

    def __init__(
        self,
        calls: AppCalls,
        options: TodoOptions | None = None,
        *,
        redact: Callable[[str], str] = lambda words: words,
    ) -> None:
        self._calls = calls
        self._options = options or TodoOptions()
        self._redact = redact

    def create(
        self,
        subject: str,
        to: Users | Mapping[str, Any],
        *,
        source_id: str,
        url: str,
        description: str = "",
        due: datetime | None = None,
        priority: str = "normal",
        pop_up: bool = False,
        deadline: Deadline | None = None,
    ) -> TodoReceipt:
        """Create a to-do, or return the one that was created with this ``source_id`` before.

        :param subject: its title; cut after 1,024 characters.
        :param to: who is to do it, at most 100 people; it disappears from all their lists when it is done.
        :param source_id: any text that is the same each time that this to-do is created, and used for no other.
        :param url: the page that opens; DingTalk requires one, of at most 1,024 bytes.
        :param description: more text; cut after 4,096 characters.
        :param due: until when, with a time zone.
        :param priority: ``low``, ``normal``, ``urgent`` or ``very_urgent``.
        :param pop_up: show a pop-up in DingTalk as well, which needs no permission for DINGs.
        :param deadline: for all calls; each is then tried only once.
        :raises InvalidMessageError: if a value breaks one of these rules.
        :raises DingTalkError: of the class for any other problem.
        """
        people = read_people(to)
        todo = _Todo(self._redact(subject), source_id, url, self._redact(description), due, priority)
        calls = self._calls if deadline is None else self._calls.once(deadline)
        user_ids = list(dict.fromkeys(user_ids_of_users(calls, people)))
        if len(user_ids) > MOST_EXECUTORS:
            raise InvalidMessageError(
                f"A to-do can't have {len(user_ids)} people.",
                f"DingTalk accepts {MOST_EXECUTORS}. 一个待办最多 {MOST_EXECUTORS} 人。",
            )
        creator = union_id_of(calls, self._options.todo_creator or user_ids[0])
        body = todo.body()
        body["executorIds"] = [union_id_of(calls, user_id) for user_id in user_ids]
        if pop_up:
            body["notifyConfigs"] = {"dingNotify": "1"}
        return _created(calls, body, creator, source_id)

    def complete(self, todo: TodoReceipt | Mapping[str, Any], *, deadline: Deadline | None = None) -> None:
        """Mark a to-do as done for everybody.

        :param todo: that :meth:`create` returned, or its plain form from XCom.
        :param deadline: for the call, which is then tried only once.
        :raises TargetError: if it was deleted, or another app has created it.
        :raises DingTalkError: of the class for any other problem.
        """
        receipt = TodoReceipt.from_dict(todo)
        calls = self._calls if deadline is None else self._calls.once(deadline)
        calls.v1(
            "PUT",
            f"{_path(receipt.creator)}/{quote(receipt.task_id, safe='')}",
            query={"operatorId": receipt.creator},
            body={"done": True},
            repeatable=True,
        )


@dataclass(frozen=True)
class _Todo:
    """One to-do as it is asked for, by DingTalk's rules once it exists."""

    subject: str
    source_id: str
    url: str
    description: str
    due: datetime | None
    priority: str

    def __post_init__(self) -> None:
        if not self.subject.strip() or not self.source_id:
            raise InvalidMessageError(
                "A to-do needs a subject and a source_id.", "Pass both. 请填写待办的 subject 与 source_id。"
            )
        if not self.url.startswith(("http://", "https://")) or len(self.url.encode()) > MOST_URL_BYTES:
            raise InvalidMessageError(
                "A to-do needs the URL of a page, of at most 1,024 bytes.",
                "Pass url=, such as the log's page in Airflow. 请用 url= 给出不超过 1,024 字节的网页地址。",
            )
        if self.priority not in PRIORITIES:
            raise InvalidMessageError(
                f"A to-do's priority can't be {self.priority!r}.",
                f"Use one of {', '.join(PRIORITIES)}. 请使用 {'、'.join(PRIORITIES)} 之一。",
            )
        if self.due is not None and self.due.tzinfo is None:
            raise InvalidMessageError(
                "A to-do's due time needs a time zone.", "Pass an aware datetime. due 必须带时区。"
            )

    def body(self) -> dict[str, Any]:
        """The fields that don't name people."""
        body: dict[str, Any] = {
            "sourceId": self.source_id,
            "subject": _cut(self.subject.strip(), MOST_SUBJECT_CHARACTERS),
            "detailUrl": {"appUrl": self.url, "pcUrl": self.url},
            "priority": PRIORITIES[self.priority],
            # Others in the organisation needn't see it in their lists.
            "isOnlyShowExecutor": True,
        }
        if self.description.strip():
            body["description"] = _cut(self.description.strip(), MOST_DESCRIPTION_CHARACTERS)
        if self.due is not None:
            body["dueTime"] = round(self.due.timestamp() * 1000)
        return body


def _created(calls: AppCalls, body: Mapping[str, Any], creator: str, source_id: str) -> TodoReceipt:
    try:
        answer = calls.v1(
            "POST",
            _path(creator),
            query={"operatorId": creator},
            body=body,
            # DingTalk recognises a repeated one by its sourceId.
            repeatable=True,
            expects=("id",),
        )
    except DingTalkError as error:
        if not error.problem.startswith(TODO_EXISTS.problem):
            raise
        found = calls.v1(
            "GET", f"{_path(creator)}/sources/{quote(source_id, safe='')}", repeatable=True, expects=("id",)
        )
        return TodoReceipt(text(found["id"]), source_id, creator, is_new=False)
    return TodoReceipt(text(answer["id"]), source_id, creator)


def _path(union_id: str) -> str:
    return PATH.format(union_id=quote(union_id, safe=""))


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: whole_characters(words, most - 1)].rstrip()}…"
