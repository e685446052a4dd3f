"""Work notifications (工作通知) that an app has sent: whom they reached, and how they are recalled.

Facts from DingTalk's docs 0770 to 0773, read 2026-08-22. Whom one didn't reach is in a separate query only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_dingpush.dingtalk.answer_fields import code, number, objects, text, texts
from airflow_provider_dingpush.dingtalk.app_calls import AppCalls
from airflow_provider_dingpush.dingtalk.app_content import named
from airflow_provider_dingpush.dingtalk.work_notification import PATH, agent_id_of
from airflow_provider_dingpush.errors import InvalidMessageError

_DONE = 2

_TOO_MANY_A_MINUTE = "too many recipients within a minute 每分钟发送人数超限"
_TOO_MANY_A_DAY = "this person's daily number of work notifications is used up 该员工当日接收数已达上限"
_SAME_CONTENT = (
    "the same content was sent to this person today already, perhaps by an earlier try 当日已向该员工发送过相同内容"
)
_SAME_CONTENT_CODES = ("143106", "143206")
_FORBIDDEN = {
    "143103": _TOO_MANY_A_MINUTE,
    "143104": _TOO_MANY_A_MINUTE,
    "143203": _TOO_MANY_A_MINUTE,
    "143204": _TOO_MANY_A_MINUTE,
    "143105": _TOO_MANY_A_DAY,
    "143205": _TOO_MANY_A_DAY,
    **dict.fromkeys(_SAME_CONTENT_CODES, _SAME_CONTENT),
    "1430000": "there are no recipients 没有接收人",
    "1430001": "DingTalk doesn't know the kind of app 应用授权类型无法识别",
    "1430002": "the content is prohibited 内容违规",
    "1430003": "DingTalk's system protection was triggered; try later 触发系统保护，请稍后再试",
    "1430004": "the recipient is an executive whom only some may write to 接收人开启了高管模式",
}


@dataclass(frozen=True)
class Progress:
    """The progress of delivering a work notification.

    :param percent: 0 to 100.
    :param done: whether the delivery has ended.
    """

    percent: int
    done: bool


@dataclass(frozen=True)
class Delivery:
    """Whom a work notification reached and whom not, once it is delivered.

    :param invalid_user_ids: people that DingTalk doesn't know, or who may not see the app.
    :param forbidden: user id -> why DingTalk didn't deliver it to them, in English and Chinese.
    :param failed_user_ids: people for whom it failed for another reason.
    :param read_user_ids: people who have read it.
    :param unread_user_ids: people who have received it and not read it.
    :param invalid_department_ids: departments that DingTalk doesn't know, or that may not see the app.
    """

    invalid_user_ids: tuple[str, ...] = ()
    forbidden: Mapping[str, str] = field(default_factory=dict)
    failed_user_ids: tuple[str, ...] = ()
    read_user_ids: tuple[str, ...] = ()
    unread_user_ids: tuple[str, ...] = ()
    invalid_department_ids: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """A sentence for each reason, with the people it didn't reach; none if it reached everyone."""
        by_reason: dict[str, list[str]] = {}
        for user, reason in self.forbidden.items():
            by_reason.setdefault(reason, []).append(user)
        # DingTalk lists forbidden people among the failed ones as well.
        failed = [each for each in self.failed_user_ids if each not in self.forbidden]
        kinds = {
            "unknown, or out of the app's visible scope 无此员工或不在应用可见范围": self.invalid_user_ids,
            **by_reason,
            "DingTalk gives no reason 钉钉未说明原因": failed,
        }
        problems = [f"{named(users)}: {reason}." for reason, users in kinds.items() if users]
        if self.invalid_department_ids:
            problems.append(f"Departments {named(self.invalid_department_ids)}: unknown or out of scope 部门无效.")
        return tuple(problems)


class SentWorkNotifications:
    """Work notifications that one app has sent.

    :param calls: the app's calls to DingTalk.
    """

    def __init__(self, calls: AppCalls) -> None:
        self._calls = calls

    def progress(self, task_id: str) -> Progress:
        """The progress of delivering one, known for a day.

        :raises DingTalkError: of the class for the problem.
        """
        answer = self._ask("getsendprogress", task_id=_number(task_id), expects="progress")
        percent = min(100.0, max(0.0, number(answer.get("progress_in_percent"), 0.0)))
        return Progress(int(percent), text(answer.get("status")) == str(_DONE))

    def result(self, task_id: str, *, resent: bool = False) -> Delivery:
        """Whom one reached, known for a day and for at most 100 recipients.

        :param resent: an earlier try of it may have arrived: people with the same content today count as reached.
        :raises DingTalkError: of the class for the problem.
        """
        answer = self._ask("getsendresult", task_id=_number(task_id), expects="send_result")

        def ids(name: str) -> tuple[str, ...]:
            return texts(answer.get(name))

        forbidden = dict.fromkeys(ids("forbidden_user_id_list"), "DingTalk gives no reason 钉钉未说明原因")
        reached: set[str] = set()
        for each in objects(answer.get("forbidden_list")):
            if user_id := text(each.get("userid")):
                why = code(each.get("code"))
                if resent and why in _SAME_CONTENT_CODES:
                    reached.add(user_id)
                forbidden[user_id] = f"{_FORBIDDEN.get(why, 'blocked by DingTalk 被钉钉拦截')} ({why})"
        return Delivery(
            ids("invalid_user_id_list"),
            {user: reason for user, reason in forbidden.items() if user not in reached},
            tuple(user for user in ids("failed_user_id_list") if user not in reached),
            ids("read_user_id_list"),
            ids("unread_user_id_list"),
            ids("invalid_dept_id_list"),
        )

    def recall(self, task_id: str) -> None:
        """Recall one, which works for a day.

        :raises DingTalkError: of the class for the problem.
        """
        # Only here does the field have another name.
        self._calls.oapi(
            f"{PATH}/recall",
            body={"agent_id": agent_id_of(self._calls.app), "msg_task_id": _number(task_id)},
            repeatable=True,
        )

    def _ask(self, what: str, *, task_id: int, expects: str) -> dict[str, Any]:
        body = {"agent_id": agent_id_of(self._calls.app), "task_id": task_id}
        answer = self._calls.oapi(f"{PATH}/{what}", body=body, repeatable=True, expects=(expects,))
        found = answer[expects]
        return dict(found) if isinstance(found, Mapping) else {}


def _number(task_id: str) -> int:
    if not str(task_id).strip().isdecimal():
        raise InvalidMessageError("A task_id of a work notification must be a number.", "Take it from the receipt.")
    return int(task_id)
