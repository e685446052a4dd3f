"""Work notices (工作通知): sending, how far that is, what came of it, taking back, and the status of an OA message.

Facts: DingTalk docs 0769-0775 and 0013 (read 2026-08-22). Where the docs are silent the choice is named as an
assumption.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import display_forms
from .conversations import Change, Conversation, Post
from .exchange import ReceivedRequest, RefusedError, Verdict
from .media import MediaKind, MediaStore, Medium
from .oapi_dialect import OapiCall, invalid, missing, refusal, succeeded
from .organisation import App, Organisation, Person, notices_to
from .payload_fields import object_in, objects_in, text_in
from .quotas import Quotas, day_of

SEND = "/topapi/message/corpconversation/asyncsend_v2"
PROGRESS = "/topapi/message/corpconversation/getsendprogress"
RESULT = "/topapi/message/corpconversation/getsendresult"
RECALL = "/topapi/message/corpconversation/recall"
UPDATE_STATUS = "/topapi/message/corpconversation/status_bar/update"
PERMISSION = "qyapi_base"

MAX_MSG_BYTES = 2048
MAX_FILE_BYTES = 10 * 1024 * 1024
MAX_PEOPLE_WITH_STATUS = 5
DAY_SECONDS = 86_400


@dataclass(kw_only=True)
class _Task:
    """One accepted send and what came of it."""

    number: int
    app: App
    msg: dict[str, Any]
    shown: dict[str, Any]
    sent_at: float
    invalid_user_ids: tuple[str, ...]
    invalid_department_ids: tuple[int, ...]
    reached: tuple[Person, ...] = ()
    repeated: tuple[Person, ...] = ()
    failed_user_ids: tuple[str, ...] = ()
    forbidden: tuple[dict[str, Any], ...] = ()
    read_by: set[str] = field(default_factory=set)
    is_recalled: bool = False


class WorkNoticeDesk:
    """Answers everything about work notices.

    Order of the checks: agent, recipients, message. A notice stands in the conversations of its recipients at once, but
    for ``notice_seconds`` the task says that it is still being sent.

    Assumptions, because DingTalk does not document them: people outside of the app's visible scope are invalid users;
    who refuses messages is a failed user; until a task is done its result is empty; taking back twice succeeds twice;
    a day is Beijing's; a minute's recipients are counted per app; a status can be changed for 24 h.
    """

    def __init__(
        self,
        organisation: Organisation,
        media: MediaStore,
        quotas: Quotas,
        *,
        minute_seconds: float,
        notice_seconds: float,
    ) -> None:
        if notice_seconds < 0:
            raise ValueError(f"notice_seconds must not be negative: {notice_seconds}")
        self._organisation = organisation
        self._media = media
        self._quotas = quotas
        self._minute_seconds = minute_seconds
        self._notice_seconds = notice_seconds
        self._numbers = itertools.count(256_271_667_526)
        self._lock = threading.Lock()
        self._tasks: dict[int, _Task] = {}
        self._sent_on_day: dict[tuple[int, str, str], set[str]] = {}
        self._counts_of_day: dict[tuple[int, str, str], int] = {}
        self._recipients_at: dict[str, deque[float]] = {}

    def send(self, call: OapiCall) -> Verdict:
        """Answer ``asyncsend_v2``: what passes is queued, and what became of it shows in the result only."""
        app = self._app_of(call)
        user_ids, department_ids, everyone = self._recipients_of(call)
        msg = _msg_of(call)

        def find(media_id: str) -> Medium | None:
            return self._media.find(media_id, app)

        check_msg(msg, find)
        if "status_bar" in msg.get("oa", {}) and (everyone or department_ids or len(user_ids) > MAX_PEOPLE_WITH_STATUS):
            raise refusal(41052, "本次发送人数过多,不再返回发送结果")
        people, invalid_user_ids, invalid_department_ids = self._people_for(app, user_ids, department_ids, everyone)

        shown = display_forms.of_notice(msg, display_forms.Media(find))
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
            Post(conversation=notices_to(person), sender=app, payload=msg, shown=shown, handle=handle)
            for person in task.reached
        )
        return Verdict(
            outcome="accepted",
            reply=succeeded(call.request.path, task_id=task.number),
            posts=posts,
            already_in=tuple(notices_to(person) for person in task.repeated),
        )

    def addressee(self, request: ReceivedRequest) -> Conversation | None:
        """Return the notices of the only person that a request names."""
        body = request.json if isinstance(request.json, dict) else {}
        person = self._organisation.person(str(body.get("userid_list")))
        return notices_to(person) if person is not None else None

    def progress(self, call: OapiCall) -> Verdict:
        task = self._task_of(call, "task_id", unknown=invalid("task_id"))
        percent = self._percent(task, call.request.received_at)
        status = 2 if percent == 100 else 1 if percent else 0
        progress = {"progress_in_percent": percent, "status": status}
        return Verdict(outcome="answered", reply=succeeded(call.request.path, progress=progress))

    def result(self, call: OapiCall) -> Verdict:
        task = self._task_of(call, "task_id", unknown=invalid("task_id"))
        is_done = self._percent(task, call.request.received_at) == 100
        with self._lock:
            read = [person.user_id for person in task.reached if person.user_id in task.read_by]
            unread = [person.user_id for person in task.reached if person.user_id not in task.read_by]
        forbidden = [dict(each) for each in task.forbidden] if is_done else []
        result = {
            "invalid_user_id_list": list(task.invalid_user_ids) if is_done else [],
            "forbidden_user_id_list": [each["userid"] for each in forbidden],
            "failed_user_id_list": list(task.failed_user_ids) if is_done else [],
            "read_user_id_list": read if is_done else [],
            "unread_user_id_list": unread if is_done else [],
            "invalid_dept_id_list": list(task.invalid_department_ids) if is_done else [],
            "forbidden_list": forbidden,
        }
        return Verdict(outcome="answered", reply=succeeded(call.request.path, send_result=result))

    def recall(self, call: OapiCall) -> Verdict:
        """Answer ``recall``, whose task is in the field ``msg_task_id``."""
        task = self._task_of(call, "msg_task_id", unknown=refusal(400002, "agentId不合法或taskId不合法"))
        with self._lock:
            task.is_recalled = True
        return Verdict(outcome="answered", reply=succeeded(call.request.path), recalled_handles=(str(task.number),))

    def update_status(self, call: OapiCall) -> Verdict:
        """Answer ``status_bar/update``: other words and another colour for an OA message."""
        task = self._task_of(call, "task_id", unknown=invalid("task_id"))
        if task.msg["msgtype"] != "oa":
            raise invalid("task_id")
        if self._percent(task, call.request.received_at) < 100 or len(task.reached) > MAX_PEOPLE_WITH_STATUS:
            raise refusal(41052, "本次发送人数过多,不再返回发送结果")
        value = text_in(call.body, "status_value", "status_value")
        background = text_in(call.body, "status_bg", "status_bg", required=False)
        _check_status_background(background, "status_bg")
        with self._lock:
            status = display_forms.status_of(value, background)
            task.shown = {**task.shown, "oa": {**task.shown["oa"], "status": status}}
        change = Change(handle=str(task.number), shown=task.shown)
        return Verdict(outcome="answered", reply=succeeded(call.request.path), changes=(change,))

    def read(self, user_id: str) -> None:
        """Mark all notices to one person as read."""
        with self._lock:
            for task in self._tasks.values():
                task.read_by.add(user_id)

    def forget(self) -> None:
        """Forget all tasks, and what was sent today."""
        with self._lock:
            self._tasks.clear()
            self._sent_on_day.clear()
            self._counts_of_day.clear()
            self._recipients_at.clear()

    # Who sends and who gets it

    def _app_of(self, call: OapiCall) -> App:
        value = call.body.get("agent_id")
        if value is None or value == "":
            raise refusal(41011, "缺少agentid")
        agent_id = _integer(value)
        app = self._organisation.app_of_agent_id(agent_id) if agent_id is not None else None
        if app is None:
            raise refusal(40056, "不合法的agentid")
        if app != call.app:
            raise refusal(41020, "agentid与access_token对应的应用不一致")
        return app

    def _recipients_of(self, call: OapiCall) -> tuple[tuple[str, ...], tuple[int, ...], bool]:
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
        if len(user_ids) > self._quotas.people_per_notice:
            raise refusal(41029, f"超过消息接收者人数上限: userid_list, {self._quotas.people_per_notice}")
        if len(department_ids) > self._quotas.departments_per_notice:
            raise refusal(41029, f"超过消息接收者人数上限: dept_id_list, {self._quotas.departments_per_notice}")
        return user_ids, tuple(department_ids), bool(everyone)

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
        """Sort the people by what becomes of the notice to them; the caller holds the lock."""
        day, key = day_of(task.sent_at), task.app.app_key
        content = json.dumps(task.msg, sort_keys=True)
        is_one_too_many = to_everyone and not self._count((day, key, ""), self._quotas.notices_to_everyone_a_day)
        reached, repeated, failed, forbidden = [], [], [], []
        for person in people:
            sent = self._sent_on_day.setdefault((day, key, person.user_id), set())
            if person.refuses:
                failed.append(person.user_id)
            elif self._quotas.same_notice_once_a_day and content in sent:
                repeated.append(person)
                forbidden.append({"code": "143106", "count": 1, "userid": person.user_id})
            elif is_one_too_many or not self._admit(key, task.sent_at):
                count = self._quotas.notice_recipients_a_minute or 0
                forbidden.append({"code": "143103", "count": count, "userid": person.user_id})
            elif not self._count((day, key, person.user_id), self._quotas.notices_per_person_a_day):
                count = self._quotas.notices_per_person_a_day or 0
                forbidden.append({"code": "143105", "count": count, "userid": person.user_id})
            else:
                sent.add(content)
                reached.append(person)
        task.reached, task.repeated = tuple(reached), tuple(repeated)
        task.failed_user_ids, task.forbidden = tuple(failed), tuple(forbidden)

    def _count(self, counter: tuple[int, str, str], most: int | None) -> bool:
        count = self._counts_of_day.get(counter, 0)
        if most is not None and count >= most:
            return False
        self._counts_of_day[counter] = count + 1
        return True

    def _admit(self, app_key: str, now: float) -> bool:
        recipients_at = self._recipients_at.setdefault(app_key, deque())
        while recipients_at and recipients_at[0] <= now - self._minute_seconds:
            recipients_at.popleft()
        most = self._quotas.notice_recipients_a_minute
        if most is not None and len(recipients_at) >= most:
            return False
        recipients_at.append(now)
        return True

    # Tasks

    def _task_of(self, call: OapiCall, name: str, *, unknown: RefusedError) -> _Task:
        app = self._app_of(call)
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
        passed = now - task.sent_at
        if passed >= self._notice_seconds:
            return 100
        return int(100 * passed / self._notice_seconds)


def check_msg(msg: dict[str, Any], medium: Callable[[str], Medium | None]) -> None:
    """Refuse a message whose type, fields, lengths or media are not as DingTalk docs 0775 and 0013 want them."""
    msgtype = text_in(msg, "msgtype", "msg.msgtype")
    check = _CHECKS.get(msgtype)
    if check is None:
        raise refusal(40008, "不合法的消息类型")
    if others := [name for name in _CHECKS if name in msg and name != msgtype]:
        raise invalid(f"msg.{others[0]}")
    check(object_in(msg, msgtype, f"msg.{msgtype}"), medium)


def _msg_of(call: OapiCall) -> dict[str, Any]:
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
    # The number for this is not on record; 34016 is what longer fields are told. Blanks between the values don't count.
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


def _limited(holder: dict[str, Any], name: str, path: str, most: int, *, required: bool = True) -> str:
    value = text_in(holder, name, path, required=required)
    if len(value) > most:
        raise refusal(34016, f"会话消息的内容超长: {path}, {len(value)} > {most}")
    return value


def _check_medium(
    holder: dict[str, Any],
    name: str,
    path: str,
    find: Callable[[str], Medium | None],
    kind: MediaKind,
    *,
    most: int | None = None,
) -> None:
    medium = find(text_in(holder, name, path))
    if medium is None or medium.kind != kind:
        raise refusal(40007, "不合法的媒体文件id")
    if most is not None and medium.size > most:
        raise refusal(40006, "不合法的文件大小")


def _check_status_background(value: str, path: str) -> None:
    if value and not re.fullmatch(r"0x[0-9A-Fa-f]{8}", value):
        raise invalid(path)


def _check_text(content: dict[str, Any], find: Callable[[str], Medium | None]) -> None:  # noqa: ARG001 - others need it
    if not content.get("content"):
        raise refusal(44004, "文本消息内容为空")
    text_in(content, "content", "msg.text.content")


def _check_image(content: dict[str, Any], find: Callable[[str], Medium | None]) -> None:
    _check_medium(content, "media_id", "msg.image.media_id", find, "image")


def _check_voice(content: dict[str, Any], find: Callable[[str], Medium | None]) -> None:
    _check_medium(content, "media_id", "msg.voice.media_id", find, "voice")
    duration = text_in(content, "duration", "msg.voice.duration")
    if not re.fullmatch(r"[1-5]?\d", duration, re.ASCII) or int(duration) == 0:
        raise invalid("msg.voice.duration")


def _check_file(content: dict[str, Any], find: Callable[[str], Medium | None]) -> None:
    _check_medium(content, "media_id", "msg.file.media_id", find, "file", most=MAX_FILE_BYTES)


def _check_link(content: dict[str, Any], find: Callable[[str], Medium | None]) -> None:
    for name in ("messageUrl", "title", "text"):
        text_in(content, name, f"msg.link.{name}")
    _check_medium(content, "picUrl", "msg.link.picUrl", find, "image")


def _check_markdown(content: dict[str, Any], find: Callable[[str], Medium | None]) -> None:  # noqa: ARG001
    _limited(content, "title", "msg.markdown.title", 64)
    _limited(content, "text", "msg.markdown.text", 5000)


def _check_action_card(content: dict[str, Any], find: Callable[[str], Medium | None]) -> None:  # noqa: ARG001
    path = "msg.action_card"
    _limited(content, "title", f"{path}.title", 64, required=False)
    _limited(content, "markdown", f"{path}.markdown", 5000)
    if content.get("single_title") or content.get("single_url"):
        _limited(content, "single_title", f"{path}.single_title", 20)
        _limited(content, "single_url", f"{path}.single_url", 500)
        return
    if text_in(content, "btn_orientation", f"{path}.btn_orientation") not in ("0", "1"):
        raise invalid(f"{path}.btn_orientation")
    buttons = objects_in(content, "btn_json_list", f"{path}.btn_json_list")
    for index, button in enumerate(buttons):
        _limited(button, "title", f"{path}.btn_json_list[{index}].title", 20)
        _limited(button, "action_url", f"{path}.btn_json_list[{index}].action_url", 700)
    size = len(json.dumps(buttons, ensure_ascii=False, separators=(",", ":")))
    if size > 1000:
        raise refusal(34016, f"会话消息的内容超长: {path}.btn_json_list, {size} > 1000")


def _check_oa(content: dict[str, Any], find: Callable[[str], Medium | None]) -> None:
    path = "msg.oa"
    text_in(content, "message_url", f"{path}.message_url")
    text_in(content, "pc_message_url", f"{path}.pc_message_url", required=False)
    head = object_in(content, "head", f"{path}.head")
    if not re.fullmatch(r"[0-9A-Fa-f]{8}", text_in(head, "bgcolor", f"{path}.head.bgcolor")):
        raise invalid(f"{path}.head.bgcolor")
    text_in(head, "text", f"{path}.head.text")
    if content.get("status_bar") is not None:
        status = object_in(content, "status_bar", f"{path}.status_bar")
        text_in(status, "status_value", f"{path}.status_bar.status_value")
        background = text_in(status, "status_bg", f"{path}.status_bar.status_bg", required=False)
        _check_status_background(background, f"{path}.status_bar.status_bg")
    body = object_in(content, "body", f"{path}.body")
    for name in ("title", "content", "author", "file_count"):
        text_in(body, name, f"{path}.body.{name}", required=False)
    if body.get("form") is not None:
        for index, row in enumerate(objects_in(body, "form", f"{path}.body.form")):
            for name in ("key", "value"):
                text_in(row, name, f"{path}.body.form[{index}].{name}", required=False)
    if body.get("rich") is not None:
        rich = object_in(body, "rich", f"{path}.body.rich")
        for name in ("num", "unit"):
            text_in(rich, name, f"{path}.body.rich.{name}", required=False)
    if body.get("image"):
        _check_medium(body, "image", f"{path}.body.image", find, "image")


_CHECKS: dict[str, Callable[[dict[str, Any], Callable[[str], Medium | None]], None]] = {
    "text": _check_text,
    "image": _check_image,
    "voice": _check_voice,
    "file": _check_file,
    "link": _check_link,
    "markdown": _check_markdown,
    "action_card": _check_action_card,
    "oa": _check_oa,
}
