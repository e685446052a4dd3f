"""The robots of apps: messages to groups and to people, their read status, and recalls.

Facts: DingTalk docs 0699 "message types", 0714, 0716 (sending), 0720, 0722 (read status), 0723, 0725 (recall), read
2026-08-22. Where the docs are silent the choice is named as an assumption.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from airflow_provider_dingpush.sandbox.field_rules import V1, Fields, Media
from airflow_provider_dingpush.sandbox.media import MediaStore
from airflow_provider_dingpush.sandbox.message_kinds import APP_ROBOT_FORMS
from airflow_provider_dingpush.sandbox.model import (
    App,
    AppCall,
    CallResult,
    Conversation,
    Durations,
    GroupChat,
    Person,
    Post,
    Quotas,
    ReceivedRequest,
    RefusedError,
)
from airflow_provider_dingpush.sandbox.organisation import Organisation, private_chat_with
from airflow_provider_dingpush.sandbox.rate_limits import SlidingWindows
from airflow_provider_dingpush.sandbox.v1_dialect import refusal

GROUP_SEND = "/v1.0/robot/groupMessages/send"
GROUP_QUERY = "/v1.0/robot/groupMessages/query"
GROUP_RECALL = "/v1.0/robot/groupMessages/recall"
PEOPLE_SEND = "/v1.0/robot/oToMessages/batchSend"
PEOPLE_READ_STATUS = "/v1.0/robot/oToMessages/readStatus"
# The lower-case "oto" is DingTalk's.
PEOPLE_RECALL = "/v1.0/robot/otoMessages/batchRecall"
PERMISSION = "qyapi_robot_sendmsg"

MAX_MSG_PARAM_BYTES = 15_000
MAX_KEYS_PER_RECALL = 20
MAX_READERS_PER_PAGE = 200
DAY_SECONDS = 86_400


@dataclass(kw_only=True)
class _Sent:
    """One accepted send; ``group`` is None for messages to people."""

    app: App
    people: tuple[Person, ...]
    group: GroupChat | None
    sent_at: float
    read_by: set[str] = field(default_factory=set)
    is_recalled: bool = False


class AppRobotApi:
    """Answers everything about messages of app robots.

    Order of the checks: robot, addressee, message.

    Assumptions, because DingTalk does not document them: a call with only unknown people succeeds and lists them; who
    is not in the app's visible scope is an unknown person; who refuses messages is listed in ``filteredStaffIdList``,
    which the docs leave out and the official SDK knows; recalling a message twice succeeds twice; the read status of a
    group is available for 24 h, as that of people; a group's messages can be recalled at any time.
    """

    def __init__(self, organisation: Organisation, media: MediaStore, quotas: Quotas, durations: Durations) -> None:
        self._organisation = organisation
        self._media = media
        self._quotas = quotas
        self._durations = durations
        self._lock = threading.Lock()
        self._sent: dict[str, _Sent] = {}
        self._sent_to_person = SlidingWindows(durations.minute)

    def handlers(self) -> dict[str, tuple[Literal["GET", "POST"], Callable[[AppCall], CallResult]]]:
        """Return what answers at each path."""
        return {
            GROUP_SEND: ("POST", self.send_to_group),
            GROUP_QUERY: ("POST", self.query_group),
            GROUP_RECALL: ("POST", self.recall_from_group),
            PEOPLE_SEND: ("POST", self.send_to_people),
            PEOPLE_READ_STATUS: ("GET", self.read_status_of_people),
            PEOPLE_RECALL: ("POST", self.recall_from_people),
        }

    def send_to_group(self, call: AppCall) -> CallResult:
        app = _robot_of(self._organisation, call)
        group = _group_of(self._organisation, call, app)
        payload, shown = _message_of(call, self._media)
        key = self._remember(_Sent(app=app, people=(), group=group, sent_at=call.request.received_at))
        conversation = self._organisation.conversation_of(group)
        post = Post(conversation=conversation, sender=app, payload=payload, shown=shown, handle=key)
        return CallResult(outcome="accepted", reply={"processQueryKey": key}, conversation=conversation, posts=(post,))

    def send_to_people(self, call: AppCall) -> CallResult:
        app = _robot_of(self._organisation, call, absent="robot.oto.notExist")
        user_ids = _user_ids_of(call, self._quotas.people_per_robot_call)
        payload, shown = _message_of(call, self._media)
        reached: list[Person] = []
        invalid, filtered, slowed = [], [], []
        for user_id in user_ids:
            person = self._organisation.person(user_id)
            if person is None or not app.sees(user_id):
                invalid.append(user_id)
            elif person.refuses:
                filtered.append(user_id)
            elif not self._admit(app, person, now=call.request.received_at):
                slowed.append(user_id)
            else:
                reached.append(person)
        key = self._remember(_Sent(app=app, people=tuple(reached), group=None, sent_at=call.request.received_at))
        reply: dict[str, Any] = {
            "processQueryKey": key,
            "invalidStaffIdList": invalid,
            "flowControlledStaffIdList": slowed,
        }
        if filtered:
            reply["filteredStaffIdList"] = filtered
        posts = tuple(
            Post(conversation=private_chat_with(person), sender=app, payload=payload, shown=shown, handle=key)
            for person in reached
        )
        return CallResult(outcome="accepted", reply=reply, posts=posts)

    def addressee(self, request: ReceivedRequest) -> Conversation | None:
        """Return the group, or the only person, that a request names."""
        body = request.json if isinstance(request.json, dict) else {}
        group = self._organisation.group(str(body.get("openConversationId")))
        if group is not None:
            return self._organisation.conversation_of(group)
        user_ids = body.get("userIds")
        if isinstance(user_ids, list) and len(user_ids) == 1:
            person = self._organisation.person(str(user_ids[0]))
            return private_chat_with(person) if person is not None else None
        return None

    def query_group(self, call: AppCall) -> CallResult:
        """Answer who of a group has read a message; only its key is required."""
        if call.body.get("robotCode"):
            _robot_of(self._organisation, call)
        sent = self._sent_for_status(call)
        if sent.group is None:
            raise refusal(400, "invalid.processQueryKey", "无效的processQueryKey")
        group_id = call.body.get("openConversationId")
        if group_id and group_id != sent.group.open_conversation_id:
            raise refusal(400, "invalid.openConversationId", "无效的openConversationId")
        size = call.body.get("maxResults") or MAX_READERS_PER_PAGE
        if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= MAX_READERS_PER_PAGE:
            raise refusal(400, "invalidParameter.pageSize.invalid", "无效的maxResults")
        token = str(call.body.get("nextToken") or "0")
        if not re.fullmatch(r"\d{1,9}", token, re.ASCII):
            raise refusal(400, "invalidParameter.cursor.invalid", "无效的nextToken")
        begin = int(token)
        with self._lock:
            readers = [person.user_id for person in self._organisation.people if person.user_id in sent.read_by]
        has_more = len(readers) > begin + size
        reply: dict[str, Any] = {
            "sendStatus": "RECALLED" if sent.is_recalled else "SUCCESS",
            "readUserIds": readers[begin : begin + size],
            "hasMore": has_more,
        }
        if has_more:
            reply["nextToken"] = str(begin + size)
        return CallResult(outcome="answered", reply=reply)

    def read_status_of_people(self, call: AppCall) -> CallResult:
        _robot_of(self._organisation, call)
        sent = self._sent_for_status(call)
        if sent.group is not None:
            raise refusal(400, "invalid.processQueryKey", "无效的processQueryKey")
        with self._lock:
            infos = [
                {
                    "name": person.name,
                    "userId": person.user_id,
                    "readStatus": "READ" if person.user_id in sent.read_by else "UNREAD",
                }
                for person in sent.people
            ]
        status = "RECALLED" if sent.is_recalled else "SUCCESS"
        return CallResult(outcome="answered", reply={"sendStatus": status, "messageReadInfoList": infos})

    def read(self, user_id: str, handle: str | None = None) -> None:
        """Mark all messages that one person can see as read, or those of one call."""
        with self._lock:
            for key, sent in self._sent.items():
                if handle is not None and key != handle:
                    continue
                if sent.group is not None or any(person.user_id == user_id for person in sent.people):
                    sent.read_by.add(user_id)

    def readers(self, handle: str) -> frozenset[str]:
        """Return the user ids of those who have read the messages of one call."""
        with self._lock:
            sent = self._sent.get(handle)
            return frozenset(sent.read_by) if sent is not None else frozenset()

    def recall_from_group(self, call: AppCall) -> CallResult:
        app = _robot_of(self._organisation, call)
        group = _group_of(self._organisation, call, app)
        return self._recall(call, app, group)

    def recall_from_people(self, call: AppCall) -> CallResult:
        return self._recall(call, _robot_of(self._organisation, call, absent="robot.oto.notExist"), None)

    def _recall(self, call: AppCall, app: App, group: GroupChat | None) -> CallResult:
        keys = call.body.get("processQueryKeys")
        if not keys:
            raise refusal(400, "invalidParameter.processQueryKey.missing", "缺少processQueryKey")
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise refusal(400, "invalidParameter.param.invalid", "参数不合法，请检查参数是否为空")
        if len(keys) > MAX_KEYS_PER_RECALL:
            raise refusal(
                400,
                "invalidParameter.processQueryKeys.overMax",
                "processQueryKeys超过数量上限20，请将processQueryKeys拆分成多个长度不超过20的数组，分批次调用此接口",
            )
        recalled: list[str] = []
        failed: dict[str, str] = {}
        with self._lock:
            for key in keys:
                sent = self._sent.get(key)
                if sent is None or (sent.group is None) is not (group is None) or sent.group != group:
                    failed[key] = "无效的processQueryKey，请检查processQueryKey是否正确"
                elif sent.app != app:
                    failed[key] = "待撤回的消息不是robotCode对应的机器人发出的，无权限撤回消息，请传入正确的robotCode"
                elif group is None and call.request.received_at - sent.sent_at > DAY_SECONDS:
                    failed[key] = "processQueryKey已过期，无法撤回消息"
                else:
                    sent.is_recalled = True
                    recalled.append(key)
        reply = {"successResult": recalled, "failedResult": failed}
        return CallResult(outcome="answered", reply=reply, recalled_handles=tuple(recalled))

    def forget(self) -> None:
        """Forget all messages and flow control."""
        with self._lock:
            self._sent.clear()
            self._sent_to_person.clear()

    def _admit(self, app: App, person: Person, *, now: float) -> bool:
        with self._lock:
            key = (app.app_key, person.user_id)
            return self._sent_to_person.take(key, now, self._quotas.robot_messages_per_person_a_minute)

    def _remember(self, sent: _Sent) -> str:
        # Keys may hold characters that mean something in a URL, and these always do.
        key = f"{base64.b64encode(secrets.token_bytes(24)).decode()}/+{secrets.token_hex(2)}="
        with self._lock:
            self._sent[key] = sent
        return key

    def _sent_for_status(self, call: AppCall) -> _Sent:
        key = call.body.get("processQueryKey")
        if not isinstance(key, str) or not key:
            raise refusal(400, "invalidParameter.processQueryKey.missing", "缺少processQueryKey")
        with self._lock:
            sent = self._sent.get(key)
        if sent is None or sent.app != call.app:
            raise refusal(400, "invalid.processQueryKey", "无效的processQueryKey，请检查processQueryKey是否正确")
        age = call.request.received_at - sent.sent_at
        if age < self._durations.read_status or age > DAY_SECONDS:
            raise refusal(
                400, "processQueryKey.expireTime", "processQueryKey还未生成消息查询数据或已过期，无法查询消息"
            )
        return sent


def _robot_of(organisation: Organisation, call: AppCall, *, absent: str = "resource.not.found") -> App:
    robot_code = call.body.get("robotCode")
    if not isinstance(robot_code, str) or not robot_code:
        raise refusal(400, "invalidParameter.robotCode.empty", "机器人robotCode为空")
    app = organisation.app_of_robot_code(robot_code)
    if app is None:
        raise refusal(400, "invalidParameter.robotCode.notExsit", "机器人不存在")
    if app != call.app:
        raise refusal(
            400, "invalidParameter.robotCode.auth", "此应用appkey和机器人robotCode不匹配，请使用机器人应用的appkey"
        )
    if not app.published:
        words = "没有有效的机器人单聊会话" if absent == "robot.oto.notExist" else "机器人不存在"
        raise refusal(400, absent, words)
    return app


def _group_of(organisation: Organisation, call: AppCall, app: App) -> GroupChat:
    group_id = call.body.get("openConversationId")
    if not group_id:
        raise refusal(400, "miss.openConversationId", "缺少openConversationId")
    group = organisation.group(group_id) if isinstance(group_id, str) else None
    if group is None:
        raise refusal(400, "invalid.openConversationId", "无效的openConversationId")
    if not group.has_robot_of(app):
        raise refusal(400, "resource.not.found", "机器人不存在")
    return group


def _user_ids_of(call: AppCall, most: int) -> tuple[str, ...]:
    user_ids = call.body.get("userIds")
    if not user_ids:
        raise refusal(400, "invalidParameter.userIds.empty", "用户userId列表为空")
    if not isinstance(user_ids, list) or not all(isinstance(user_id, str) and user_id for user_id in user_ids):
        raise refusal(400, "illegal.receivers", "接收者名单不合法")
    if len(user_ids) > most:
        raise refusal(
            400,
            "invalidParameter.userIds.overMax",
            f"用户userId列表超过最大限制{most},请将userId拆分成多个长度不超过{most}的数组，分批次调用此接口",
        )
    return tuple(dict.fromkeys(user_ids))


def _message_of(call: AppCall, store: MediaStore) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a valid message as it was sent and in its display form."""
    msg_key, msg_param = call.body.get("msgKey"), call.body.get("msgParam")
    if not msg_key:
        raise refusal(400, "invalidParameter.msgKey.empty", "msgKey为空")
    form = APP_ROBOT_FORMS.get(msg_key) if isinstance(msg_key, str) else None
    if form is None:
        raise refusal(400, "invalidParameter.msgKey.invalid", "msgKey无效，请传入正确的msgKey")
    if not isinstance(msg_param, str):
        raise _not_json()
    if len(msg_param.encode(errors="replace")) > MAX_MSG_PARAM_BYTES:
        raise refusal(400, "invalidParameter.msgParam.tooLong", "消息内容太长，请缩减内容长度")
    try:
        values = json.loads(msg_param)
    except (ValueError, RecursionError):
        raise _not_json() from None
    if not isinstance(values, dict):
        raise _not_json()
    media = Media(lambda media_id: store.find(media_id, call.app))
    Fields(values, V1, media=media).check(form.rules)
    return {"msgKey": msg_key, "msgParam": msg_param}, form.show(values, media)


def _not_json() -> RefusedError:
    return refusal(400, "invalidParameter.msgParam.invalid", "msgParam格式非法，必须是json格式")
