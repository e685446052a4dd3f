"""Work notifications (工作通知): sending, its progress and result, recalls, and the status of an OA message.

Facts: DingTalk docs 0769-0775 and 0013 (read 2026-08-22). Where the docs are silent the choice is named as an
assumption.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_dingpush.sandbox.field_rules import OAPI, Fields, Media
from airflow_provider_dingpush.sandbox.media import MediaStore
from airflow_provider_dingpush.sandbox.message_kinds import NOTIFICATION_FORMS, STATUS_RULES, status_of
from airflow_provider_dingpush.sandbox.model import (
    App,
    AppCall,
    CallResult,
    Conversation,
    Durations,
    Person,
    Post,
    Quotas,
    ReceivedRequest,
    RefusedError,
)
from airflow_provider_dingpush.sandbox.oapi_dialect import invalid, missing, refusal, succeeded
from airflow_provider_dingpush.sandbox.organisation import Organisation, notifications_to
from airflow_provider_dingpush.sandbox.rate_limits import SlidingWindows, day_of

SEND = "/topapi/message/corpconversation/asyncsend_v2"
PROGRESS = "/topapi/message/corpconversation/getsendprogress"
RESULT = "/topapi/message/corpconversation/getsendresult"
RECALL = "/topapi/message/corpconversation/recall"
UPDATE_STATUS = "/topapi/message/corpconversation/status_bar/update"
PERMISSION = "qyapi_base"

MAX_MSG_BYTES = 2048
MAX_PEOPLE_WITH_STATUS = 5
DAY_SECONDS = 86_400


@dataclass(kw_only=True)
class _Task:
    """One accepted send and its result."""

    number: int
    app: App
    msg: dict[str, Any]
    shown: dict[str, Any]
    sent_at: float
    invalid_user_ids: tuple[str, ...]
    invalid_department_ids: tuple[int, ...]
    reached: list[Person] = field(default_factory=list)
    repeated: list[Person] = field(default_factory=list)
    failed_user_ids: list[str] = field(default_factory=list)
    forbidden: list[dict[str, Any]] = field(default_factory=list)
    read_by: set[str] = field(default_factory=set)

    def forbid(self, person: Person, code: str, count: int | None) -> None:
        self.forbidden.append({"code": code, "count": count or 0, "userid": person.user_id})


class WorkNotificationApi:
    """Answers everything about work notifications.

    Order of the checks: agent, recipients, message. A notification is in the conversations of its recipients at once,
    but for `Durations.notification` its task reports that it is still being sent.

    Assumptions, because DingTalk does not document them: people outside of the app's visible scope are invalid users;
    who refuses messages is a failed user; until a task is done its result is empty; recalling twice succeeds twice; a
    day is Beijing's; a minute's recipients are counted per app; a status can be changed for 24 h.
    """

    def __init__(self, organisation: Organisation, media: MediaStore, quotas: Quotas, durations: Durations) -> None:
        self._organisation = organisation
        self._media = media
        self._quotas = quotas
        self._durations = durations
        self._numbers = itertools.count(256_271_667_526)
        self._lock = threading.Lock()
        self._tasks: dict[int, _Task] = {}
        self._sent_on_day: dict[tuple[int, str, str], set[str]] = {}
        self._sends_of_day = SlidingWindows(DAY_SECONDS)
        self._recipients = SlidingWindows(durations.minute)

    def handlers(self) -> dict[str, Callable[[AppCall], CallResult]]:
        """Return what answers the POST at each path."""
        return {
            SEND: self.send,
            PROGRESS: self.progress,
            RESULT: self.result,
            RECALL: self.recall,
            UPDATE_STATUS: self.update_status,
        }

    def send(self, call: AppCall) -> CallResult:
        """Answer ``asyncsend_v2``: what passes is queued, and only the result tells who got it."""
        app = _app_of(self._organisation, call)
        user_ids, department_ids, everyone = _recipients_of(call, self._quotas)
        msg = _msg_of(call)
        shown = show_valid(msg, Media(lambda media_id: self._media.find(media_id, app)))
        if "status_bar" in msg.get("oa", {}) and (everyone or department_ids or len(user_ids) > MAX_PEOPLE_WITH_STATUS):
            raise refusal(41052, "本次发送人数过多,不再返回发送结果")
        people, invalid_user_ids, invalid_department_ids = self._people_for(app, user_ids, department_ids, everyone)
        task = _Task(
            number=next(self._numbers),
            app=app,
            msg=msg,
            shown=shown,
            sent_at=call.request.received_at,
            invalid_user_ids=invalid_user_ids,
            invalid_department_ids=invalid_department_ids,
        )
        with self._lock:
            self._tasks[task.number] = task
            self._deliver(task, people, to_everyone=everyone)
        handle = str(task.number)
        posts = tuple(
            Post(conversation=notifications_to(person), sender=app, payload=msg, shown=shown, handle=handle)
            for person in task.reached
        )
        return CallResult(
            outcome="accepted",
            reply=succeeded(call.request.path, task_id=task.number),
            posts=posts,
            already_in=tuple(notifications_to(person) for person in task.repeated),
        )

    def addressee(self, request: ReceivedRequest) -> Conversation | None:
        """Return the work notifications of the only person that a request names."""
        body = request.json if isinstance(request.json, dict) else {}
        person = self._organisation.person(str(body.get("userid_list")))
        return notifications_to(person) if person is not None else None

    def progress(self, call: AppCall) -> CallResult:
        task = self._task_of(call, "task_id", unknown=invalid("task_id"))
        percent = self._percent(task, call.request.received_at)
        status = 2 if percent == 100 else 1 if percent else 0
        progress = {"progress_in_percent": percent, "status": status}
        return CallResult(outcome="answered", reply=succeeded(call.request.path, progress=progress))

    def result(self, call: AppCall) -> CallResult:
        task = self._task_of(call, "task_id", unknown=invalid("task_id"))
        is_done = self._percent(task, call.request.received_at) == 100
        with self._lock:
            read = [person.user_id for person in task.reached if person.user_id in task.read_by]
            unread = [person.user_id for person in task.reached if person.user_id not in task.read_by]
        result: dict[str, list[Any]] = {
            "invalid_user_id_list": list(task.invalid_user_ids),
            "forbidden_user_id_list": [each["userid"] for each in task.forbidden],
            "failed_user_id_list": task.failed_user_ids,
            "read_user_id_list": read,
            "unread_user_id_list": unread,
            "invalid_dept_id_list": list(task.invalid_department_ids),
            "forbidden_list": task.forbidden,
        }
        if not is_done:
            result = {name: [] for name in result}
        return CallResult(outcome="answered", reply=succeeded(call.request.path, send_result=result))

    def recall(self, call: AppCall) -> CallResult:
        """Answer ``recall``, whose task is in the field ``msg_task_id``."""
        task = self._task_of(call, "msg_task_id", unknown=refusal(400002, "agentId不合法或taskId不合法"))
        return CallResult(outcome="answered", reply=succeeded(call.request.path), recalled_handles=(str(task.number),))

    def update_status(self, call: AppCall) -> CallResult:
        """Answer ``status_bar/update``: other words and another colour for an OA message."""
        task = self._task_of(call, "task_id", unknown=invalid("task_id"))
        if task.msg["msgtype"] != "oa":
            raise invalid("task_id")
        if self._percent(task, call.request.received_at) < 100 or len(task.reached) > MAX_PEOPLE_WITH_STATUS:
            raise refusal(41052, "本次发送人数过多,不再返回发送结果")
        Fields(call.body, OAPI).check(STATUS_RULES)
        with self._lock:
            status = status_of(call.body["status_value"], call.body.get("status_bg") or "")
            task.shown = {**task.shown, "oa": {**task.shown["oa"], "status": status}}
        changes = {str(task.number): task.shown}
        return CallResult(outcome="answered", reply=succeeded(call.request.path), changes=changes)

    def read(self, user_id: str, handle: str | None = None) -> None:
        """Mark all notifications to one person as read, or that of one call."""
        with self._lock:
            for task in self._tasks.values():
                if handle in (None, str(task.number)):
                    task.read_by.add(user_id)

    def readers(self, handle: str) -> frozenset[str]:
        """Return the user ids of those who have read the notification of one call."""
        with self._lock:
            return frozenset().union(*(task.read_by for task in self._tasks.values() if str(task.number) == handle))

    def forget(self) -> None:
        """Forget all tasks, and what was sent today."""
        with self._lock:
            self._tasks.clear()
            self._sent_on_day.clear()
            self._sends_of_day.clear()
            self._recipients.clear()

    def _people_for(
        self, app: App, user_ids: tuple[str, ...], department_ids: tuple[int, ...], everyone: bool
    ) -> tuple[tuple[Person, ...], tuple[str, ...], tuple[int, ...]]:
        found: dict[str, Person] = {}
        invalid_user_ids, invalid_department_ids = [], []
        for user_id in user_ids:
            person = self._organisation.person(user_id)
            if person is None or not app.sees(user_id):
                invalid_user_ids.append(user_id)
            else:
                found[user_id] = person
        members: list[Person] = list(self._organisation.people) if everyone else []
        for department_id in department_ids:
            those = self._organisation.members_of(department_id)
            if those is None:
                invalid_department_ids.append(department_id)
            members.extend(those or ())
        found |= {person.user_id: person for person in members if app.sees(person.user_id)}
        return tuple(found.values()), tuple(invalid_user_ids), tuple(invalid_department_ids)

    def _deliver(self, task: _Task, people: tuple[Person, ...], *, to_everyone: bool) -> None:
        """Sort the people by whether the notification reaches them; the caller holds the lock."""
        day, key = day_of(task.sent_at), task.app.app_key
        content = json.dumps(task.msg, sort_keys=True)
        to_all_a_day = self._quotas.notifications_to_everyone_a_day
        is_one_too_many = to_everyone and not self._sends_of_day.take((day, key), task.sent_at, to_all_a_day)
        a_minute, a_day = self._quotas.notification_recipients_a_minute, self._quotas.notifications_per_person_a_day
        for person in people:
            sent = self._sent_on_day.setdefault((day, key, person.user_id), set())
            if person.refuses:
                task.failed_user_ids.append(person.user_id)
            elif self._quotas.same_notification_once_a_day and content in sent:
                task.repeated.append(person)
                task.forbid(person, "143106", 1)
            elif is_one_too_many or not self._recipients.take(key, task.sent_at, a_minute):
                task.forbid(person, "143103", a_minute)
            elif not self._sends_of_day.take((day, key, person.user_id), task.sent_at, a_day):
                task.forbid(person, "143105", a_day)
            else:
                sent.add(content)
                task.reached.append(person)

    def _task_of(self, call: AppCall, name: str, *, unknown: RefusedError) -> _Task:
        app = _app_of(self._organisation, call)
        value = call.body.get(name)
        if value is None or value == "":
            raise missing(name)
        number = _integer(value)
        with self._lock:
            task = self._tasks.get(number) if number is not None else None
        if task is None or task.app != app or call.request.received_at - task.sent_at > DAY_SECONDS:
            raise unknown
        return task

    def _percent(self, task: _Task, now: float) -> int:
        passed, whole = now - task.sent_at, self._durations.notification
        return 100 if passed >= whole else int(100 * passed / whole)


def _app_of(organisation: Organisation, call: AppCall) -> App:
    value = call.body.get("agent_id")
    if value is None or value == "":
        raise refusal(41011, "缺少agentid")
    agent_id = _integer(value)
    app = organisation.app_of_agent_id(agent_id) if agent_id is not None else None
    if app is None:
        raise refusal(40056, "不合法的agentid")
    if app != call.app:
        raise refusal(41020, "agentid与access_token对应的应用不一致")
    return app


def _recipients_of(call: AppCall, quotas: Quotas) -> tuple[tuple[str, ...], tuple[int, ...], bool]:
    user_ids = _words(call.body.get("userid_list"), "userid_list")
    department_ids = []
    for word in _words(call.body.get("dept_id_list"), "dept_id_list"):
        department_id = _integer(word)
        if department_id is None or department_id < 1:
            raise refusal(40009, "不合法的部门id")
        department_ids.append(department_id)
    everyone = call.body.get("to_all_user")
    if call.is_form and everyone in ("true", "false"):
        everyone = everyone == "true"
    if not isinstance(everyone, bool | None):
        raise invalid("to_all_user")
    if not (user_ids or department_ids or everyone):
        raise missing("userid_list, dept_id_list, to_all_user")
    # Which number the limits of page 0769 have is not on record.
    if len(user_ids) > quotas.people_per_notification:
        raise refusal(41029, f"超过消息接收者人数上限: userid_list, {quotas.people_per_notification}")
    if len(department_ids) > quotas.departments_per_notification:
        raise refusal(41029, f"超过消息接收者人数上限: dept_id_list, {quotas.departments_per_notification}")
    return user_ids, tuple(department_ids), bool(everyone)


def show_valid(msg: dict[str, Any], media: Media) -> dict[str, Any]:
    """Return the display form of a message; refuse what is not as DingTalk docs 0775 and 0013 want it."""
    fields = Fields(msg, OAPI, "msg.", media)
    msgtype = fields.text("msgtype")
    form = NOTIFICATION_FORMS.get(msgtype)
    if form is None:
        raise refusal(40008, "不合法的消息类型")
    if others := [name for name in NOTIFICATION_FORMS if name in msg and name != msgtype]:
        raise fields.invalid(others[0])
    fields.part(msgtype).check(form.rules)
    return form.show(msg[msgtype], media)


def _msg_of(call: AppCall) -> dict[str, Any]:
    msg = call.body.get("msg")
    if call.is_form and isinstance(msg, str):
        try:
            msg = json.loads(msg)
        except (ValueError, RecursionError):
            raise invalid("msg") from None
    if msg is None:
        raise missing("msg")
    if not isinstance(msg, dict):
        raise invalid("msg")
    # The code for this is not on record; 34016 is that of longer fields. Blanks between the values don't count.
    try:
        size = len(json.dumps(msg, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"))
    except RecursionError:
        raise invalid("msg") from None
    if size > MAX_MSG_BYTES:
        raise refusal(34016, f"会话消息的内容超长: msg, {size} > {MAX_MSG_BYTES}")
    return msg


def _words(value: Any, name: str) -> tuple[str, ...]:
    """Return the parts of a comma-separated text; an array is what people write by mistake."""
    if value is None:
        return ()
    if not isinstance(value, str):
        raise invalid(name)
    return tuple(dict.fromkeys(word for word in value.split(",") if word))


def _integer(value: Any) -> int | None:
    """Return a number, which old SDKs write as text; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,18}", value, re.ASCII) else None
