"""Checks of an app's settings with DingTalk, without sending any message.

Each check is a call that can't succeed: a message or DING without recipients, a message of a kind that doesn't exist,
the progress of a work notification that was never sent, a to-do without a title. The reason of the refusal shows what
DingTalk accepts. In which order it checks isn't documented, so a refusal for another reason counts as "not
contradicted".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_dingpush.errors import (
    ConfigurationError,
    DingTalkError,
    PermissionMissingError,
    QuotaExhaustedError,
    ThrottledError,
    UnavailableError,
    UnknownOutcomeError,
)

if TYPE_CHECKING:
    from airflow_provider_dingpush.dingtalk.app_calls import AppCalls
    from airflow_provider_dingpush.dingtalk.credentials import App

# Chinese mobile numbers never start with 10, so no person has this one.
_UNASSIGNED_MOBILE = "10000000000"
_NO_KIND = "dingpush_connection_test"
_GROUP_CODES = (
    "miss.openConversationId",
    "invalid.openConversationId",
    "conversation.org.notMatch",
    "resource.not.found",
    "group.disbanded",
)
_AGENT_CODES = ("33012", "40056", "41011", "41020", "70003")
_NO_ANSWER = (UnavailableError, UnknownOutcomeError, ThrottledError, QuotaExhaustedError)


Words = tuple[str, str]
"""A text in English and in Chinese."""

_BY_MOBILE: Words = "only Users(mobiles=...) needs it.", "仅 Users(mobiles=...) 需要。"


@dataclass(frozen=True)
class Finding:
    """One thing that was checked.

    :param what: its name.
    :param ok: whether it works; ``None`` if that can't be known.
    :param result: what was found and what to do about it; or the error that it ended with.
    :param problem: the error that the result is about.
    """

    what: Words
    ok: bool | None
    result: Words | DingTalkError
    problem: DingTalkError | None = None

    def reason(self, language: str) -> str:
        """Why it doesn't work, in one language, without a word on who needs it."""
        return self.words(language)[1] if self.problem is None else self.problem.in_language(language)

    @property
    def name(self) -> str:
        """Its name for programs, such as ``robot`` or ``ding``."""
        # "AgentId: work notifications" is "agentid".
        return re.sub(r"\W+", "_", self.what[0].partition(":")[0].lower())

    def __str__(self) -> str:
        result = str(self.result) if isinstance(self.result, DingTalkError) else " ".join(self.result)
        return f"[{ {True: 'ok', False: 'NOT OK', None: '?'}[self.ok] }] {' '.join(self.what)}: {result}"

    def words(self, language: str) -> Words:
        """Name and result in one language, ``zh`` or ``en``."""
        index = 1 if language == "zh" else 0
        if isinstance(self.result, DingTalkError):
            return self.what[index], self.result.in_language(language)
        return self.what[index], self.result[index]


def examine(calls: AppCalls, app: App, open_conversation_id: str | None) -> Iterator[Finding]:
    """Check the settings one by one, the most basic first; ends early if there is no access token.

    :param open_conversation_id: the connection's group, if it has one.
    """
    token = _token(calls)
    yield token
    if not token.ok:
        return
    yield _robot(calls, app)
    yield _group(calls, app, open_conversation_id)
    yield _agent(calls, app)
    yield _contacts(calls)
    yield _ding(calls, app)
    yield _todo(calls)


def _token(calls: AppCalls) -> Finding:
    what = "access token", "访问令牌"
    try:
        calls.token()
    except DingTalkError as error:
        return Finding(what, False, error)
    return Finding(what, True, ("AppKey and AppSecret are right.", "AppKey 与 AppSecret 正确。"))


def _robot(calls: AppCalls, app: App) -> Finding:
    what = "robot: send to groups and people", "机器人发消息"
    # The text lets a sandbox recognise the test.
    text = f'{{"content":"{_NO_KIND}"}}'
    body = {"robotCode": app.robot_code, "userIds": [], "msgKey": "sampleText", "msgParam": text}
    problem = _asked(calls, "/v1.0/robot/oToMessages/batchSend", body)
    code = (problem and problem.errcode) or ""
    if problem is not None and (
        isinstance(problem, ConfigurationError) or code.startswith("invalidParameter.robotCode")
    ):
        return Finding(what, False, problem)
    if isinstance(problem, _NO_ANSWER):
        return Finding(what, None, problem)
    accepted = f"permission granted, robotCode {app.robot_code} accepted.", "权限与 robotCode 正常。"
    return Finding(what, True, accepted)


def _group(calls: AppCalls, app: App, open_conversation_id: str | None) -> Finding:
    what = "default group", "默认群"
    if not open_conversation_id:
        unset = "none set: messages need to=, or fill in 'open_conversation_id'.", "未设置默认群，发送时需写 to=。"
        return Finding(what, None, unset)
    body = {
        "robotCode": app.robot_code,
        "openConversationId": open_conversation_id,
        "msgKey": _NO_KIND,
        "msgParam": "{}",
    }
    problem = _asked(calls, "/v1.0/robot/groupMessages/send", body)
    if problem is not None and (problem.errcode in _GROUP_CODES or isinstance(problem, PermissionMissingError)):
        return Finding(what, False, problem)
    if isinstance(problem, _NO_ANSWER):
        return Finding(what, None, problem)
    accepted = "DingTalk accepted the group id; nothing was posted.", "群 ID 未见异常，未发送任何消息。"
    return Finding(what, True, accepted)


def _agent(calls: AppCalls, app: App) -> Finding:
    what = "AgentId: work notifications", "AgentId：工作通知"
    if not app.agent_id:
        unset = "none set: WorkNotification needs 'agent_id'.", "未设置 agent_id，无法发送工作通知。"
        return Finding(what, None, unset)
    path = "/topapi/message/corpconversation/getsendprogress"
    try:
        calls.oapi(path, body={"agent_id": int(app.agent_id), "task_id": 1}, repeatable=True)
    except DingTalkError as error:
        if isinstance(error, ConfigurationError) or error.errcode in _AGENT_CODES:
            return Finding(what, False, error)
        if isinstance(error, _NO_ANSWER):
            return Finding(what, None, error)
    return Finding(what, True, (f"AgentId {app.agent_id} belongs to this app.", f"AgentId {app.agent_id} 正常。"))


def _contacts(calls: AppCalls) -> Finding:
    what = "contacts: find people by mobile", "通讯录：按手机号查找"
    try:
        calls.oapi("/topapi/v2/user/getbymobile", body={"mobile": _UNASSIGNED_MOBILE}, repeatable=True)
    except PermissionMissingError as error:
        return Finding(what, False, _needed_by(_BY_MOBILE, error), error)
    except DingTalkError as error:
        if isinstance(error, (ConfigurationError, *_NO_ANSWER)):
            return Finding(what, None, error)
    return Finding(what, True, ("permission granted.", "权限正常。"))


def _ding(calls: AppCalls, app: App) -> Finding:
    # Without receivers there is nobody whom it could reach. Credit for SMS and calls shows only when one is sent.
    body = {"robotCode": app.robot_code, "remindType": 1, "receiverUserIdList": [], "content": _NO_KIND}
    problem = _asked(calls, "/v1.0/robot/ding/send", body)
    granted = (
        "permission granted; credit for SMS and calls can't be checked.",
        "权限正常；短信与电话权益无法在不发送的情况下检查。",
    )
    return _optional(
        ("DING: pop-ups, SMS, phone calls", "DING：应用内、短信、电话"),
        problem,
        granted,
        ("only DINGs need it.", "仅发 DING 需要。"),
    )


def _todo(calls: AppCalls) -> Finding:
    problem = _asked(calls, f"/v1.0/todo/users/{_NO_KIND}/tasks", {})
    granted = "permission granted.", "权限正常。"
    return _optional(("to-dos", "待办"), problem, granted, ("only to-dos need it.", "仅创建待办需要。"))


def _optional(what: Words, problem: DingTalkError | None, granted: Words, needed_by: Words) -> Finding:
    """The result for a permission that most apps don't need: lacking it is not wrong."""
    if isinstance(problem, (ConfigurationError, *_NO_ANSWER)):
        return Finding(what, None, _needed_by(needed_by, problem), problem)
    return Finding(what, True, granted)


def _needed_by(needed_by: Words, problem: DingTalkError) -> Words:
    english, chinese = needed_by
    return f"{english} {problem.in_language('en')}", f"{chinese}{problem.in_language('zh')}"


def _asked(calls: AppCalls, path: str, body: Mapping[str, object]) -> DingTalkError | None:
    try:
        calls.v1("POST", path, body=body, repeatable=False)
    except DingTalkError as error:
        return error
    return None
