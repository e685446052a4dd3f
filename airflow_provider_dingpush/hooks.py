"""Hooks: from a connection id to the channel that sends a message.

DAG files import this module, so modules that only sending needs are imported when something is sent.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.airflow_compat import BaseHook, mask_secret, redact
from airflow_provider_dingpush.errors import (
    DingTalkError,
    TargetError,
    UnknownOutcomeError,
)
from airflow_provider_dingpush.log_lines import SENT_LOG_LINE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_dingpush.connections import AppSettings, RobotSettings
    from airflow_provider_dingpush.dingtalk.app_calls import AppCalls
    from airflow_provider_dingpush.dingtalk.app_probes import Finding
    from airflow_provider_dingpush.dingtalk.app_robot import AppRobot
    from airflow_provider_dingpush.dingtalk.attempts import AttemptPlan
    from airflow_provider_dingpush.dingtalk.custom_robot import CustomRobot
    from airflow_provider_dingpush.dingtalk.ding import Dings
    from airflow_provider_dingpush.dingtalk.http_client import HttpClient
    from airflow_provider_dingpush.dingtalk.sent_by_robot import ReadStatus, SentByRobot
    from airflow_provider_dingpush.dingtalk.sent_work_notifications import Delivery, SentWorkNotifications
    from airflow_provider_dingpush.dingtalk.todos import Todos
    from airflow_provider_dingpush.dingtalk.work_notification import WorkNotifications
    from airflow_provider_dingpush.messages import At, Message
    from airflow_provider_dingpush.receipts import Receipt
    from airflow_provider_dingpush.targets import Target

__all__ = ["DingTalkAppHook", "DingTalkRobotHook", "hook_of"]

_log = logging.getLogger(__name__)
_WORK_NOTIFICATION = "work_notification"
# Airflow's page shows the result of a connection test to people of either language.
_TEST_PASSED = (
    "DingTalk accepts the token, the signature and this machine's address; nothing was posted. "
    "钉钉认可 token、加签和本机 IP，没有发送消息。"
)
_KEYWORD_UNTESTED = (
    "If it has keywords (自定义关键词), put one into 'keyword': that can't be tested without posting. "
    "机器人设置了关键词时，请把其中一个填入 keyword：不发消息就无法检查。"
)
_TEST_TIMED_OUT = (
    "Nothing was posted; try again, or raise 'timeout_seconds'. 没有发送消息；请重试，或调大 timeout_seconds。"
)


class DingTalkRobotHook(BaseHook):
    """Sends messages to a group through its custom robot (自定义机器人).

    The connection is read when the first message is sent, and HTTP connections are kept open between messages, so one
    hook for many messages is faster than a hook for each.

    :param dingtalk_conn_id: id of a connection of type ``dingtalk_robot``.
    """

    conn_name_attr = "dingtalk_conn_id"
    default_conn_name = "dingtalk_default"
    conn_type = "dingtalk_robot"
    hook_name = "DingTalk Robot 钉钉机器人"

    def __init__(self, dingtalk_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dingtalk_conn_id = dingtalk_conn_id

    def send(
        self,
        message: Message | str | Mapping[str, Any],
        *,
        at: At | Mapping[str, Any] | None = None,
        to: Target | str | Mapping[str, Any] | None = None,
        message_key: str | None = None,
    ) -> Receipt:
        """Send a message to the group.

        A Text or Markdown of more than 20,000 bytes is split into at most five numbered messages.

        :param message: a message, a str (sent as Text), or a dict of DingTalk's shape.
        :param at: who is mentioned.
        :param to: refused: a custom robot sends only to its own group.
        :param message_key: any text that is the same each time that this message is sent, and used for no other:
            DingTalk shows it once, as long as it remembers it (as ``msgUuid``). By default each call sends a new
            message.
        :raises DingTalkError: of the class for the problem, with advice; see :mod:`airflow_provider_dingpush.errors`.
        """
        from airflow_provider_dingpush.receipts import Receipt

        plain, mentioned = _without_secrets(message, at)
        channel = self.channel(to)
        parts = channel.send(plain, mentioned, key=message_key)
        _log_sent(plain, channel.name, self.dingtalk_conn_id, parts)
        return Receipt(channel.name, self.dingtalk_conn_id, parts=parts)

    def send_alert(
        self,
        message: Message,
        *,
        at: At | None = None,
        to: Target | None = None,
        language: str,
        plan: AttemptPlan,
    ) -> None:
        """Send an alert as one message: cut if it is too long, without mentions that it can't carry.

        :param message: without secrets.
        :param at: who is mentioned.
        :param to: refused: a custom robot sends only to its own group.
        :param language: ``zh`` or ``en``, of the note on what was cut.
        :param plan: how often it is tried, and how long all tries may take.
        :raises DingTalkError: of the class for the problem.
        """
        channel = self.channel(to, plan)
        channel.send_cut(message, at, language=language)
        _log_sent(message, channel.name, self.dingtalk_conn_id)

    def channel(
        self, to: Target | str | Mapping[str, Any] | None = None, plan: AttemptPlan | None = None
    ) -> CustomRobot:
        """The channel to the robot's group.

        :param to: refused: a custom robot sends only to its own group.
        :param plan: how often a message is tried, and how long all tries may take.
        :raises TargetError: if there is a target.
        """
        from airflow_provider_dingpush.dingtalk.custom_robot import CustomRobot

        if to is not None:
            raise TargetError(
                f"Connection {self.dingtalk_conn_id!r} is a custom robot's, which sends only to its own group: "
                "it doesn't accept to=.",
                "Leave out to=, or use a connection of type 'DingTalk App' (AppKey and AppSecret), which reaches "
                "people, departments and groups. "
                "自定义机器人不支持 to=；发给个人、部门或其他群请使用 DingTalk App 类型的连接。",
            )
        return CustomRobot(self.settings.robot, self._http, plan=plan)

    @cached_property
    def settings(self) -> RobotSettings:
        """The settings of the connection.

        :raises ConnectionSettingsError: if it is missing or wrong, with advice on what to fill in where.
        """
        from airflow_provider_dingpush.connections import look_up, robot_settings

        return look_up(self.dingtalk_conn_id, robot_settings)

    def get_conn(self) -> HttpClient:
        """The open HTTP connection to DingTalk."""
        return self._http

    def test_connection(self) -> tuple[bool, str]:
        """Ask DingTalk about token, signature and IP address without posting a message to the group."""
        problem = self.connection_problem()
        if problem is not None:
            return False, str(problem)
        return True, _TEST_PASSED if self.settings.robot.keyword else f"{_TEST_PASSED} {_KEYWORD_UNTESTED}"

    def connection_problem(self) -> DingTalkError | None:
        """Why DingTalk doesn't accept token, signature or IP address; ``None`` if it does. Nothing is posted."""
        try:
            problem = self.channel().probe()
        except DingTalkError as error:
            return error
        if isinstance(problem, UnknownOutcomeError):
            # Its advice is to check the group, but a probe posts nothing.
            return UnknownOutcomeError(problem.problem, _TEST_TIMED_OUT, problem_zh=problem.problem_zh)
        return problem

    @cached_property
    def _http(self) -> HttpClient:
        from airflow_provider_dingpush.dingtalk.http_client import HttpClient

        return HttpClient(self.settings.base_url, self.settings.http)

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """The extra fields of the connection form, for Airflow before 3.2 (later ones read provider info)."""
        from airflow_provider_dingpush.connection_fields import ROBOT_FORM

        return ROBOT_FORM.widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Which standard fields the connection form shows, and their labels, for Airflow before 3.2."""
        from airflow_provider_dingpush.connection_fields import ROBOT_FORM

        return ROBOT_FORM.ui_behaviour()


class DingTalkAppHook(BaseHook):
    """Sends messages as an enterprise app (企业内部应用): to groups, to people, or as work notifications.

    One hook for many messages keeps its HTTP connections open. The app's access token is shared by the whole process.

    :param dingtalk_conn_id: id of a connection of type ``dingtalk_app``.
    """

    conn_name_attr = "dingtalk_conn_id"
    default_conn_name = "dingtalk_app_default"
    conn_type = "dingtalk_app"
    hook_name = "DingTalk App 钉钉企业应用"

    def __init__(self, dingtalk_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dingtalk_conn_id = dingtalk_conn_id

    def send(
        self,
        message: Message | str | Mapping[str, Any],
        *,
        at: At | Mapping[str, Any] | None = None,
        to: Target | str | Mapping[str, Any] | None = None,
        message_key: str | None = None,  # noqa: ARG002 - both hooks are called alike
    ) -> Receipt:
        """Send a message to a group, to people, or as a work notification.

        A Text or Markdown that is too long for a robot's message (15,000 bytes) is split into at most five numbered
        ones; a work notification (2,048 bytes) is refused instead.

        :param message: a message, a str (sent as Text), or a dict of DingTalk's shape.
        :param at: refused: an app's messages can't mention people.
        :param to: ``Group``, ``Users``, ``WorkNotification`` or a plain form of them; by default the
            connection's group.
        :param message_key: ignored: DingTalk doesn't recognise a repeated message of an app. A work notification with
            the content of an earlier one of the same day is always dropped by DingTalk.
        :raises DingTalkError: of the class for the problem, with advice; a :class:`~.errors.TargetError` if no person
            was reached. If only some were, the others are in the receipt.
        """
        from airflow_provider_dingpush.dingtalk.app_content import refuse_mentions
        from airflow_provider_dingpush.receipts import Receipt

        plain, mentioned = _without_secrets(message, at)
        refuse_mentions(mentioned)
        channel = self.channel(to)
        sent = channel.send(plain)
        group = getattr(channel.target, "open_conversation_id", None)
        is_queued = channel.name == _WORK_NOTIFICATION
        _log_sent(plain, channel.name, self.dingtalk_conn_id, sent.parts)
        _log_unreached(sent.invalid_user_ids, sent.flow_controlled_user_ids)
        return Receipt(
            channel.name,
            self.dingtalk_conn_id,
            parts=sent.parts,
            outcome="queued" if is_queued else "sent",
            process_query_keys=sent.process_query_keys,
            task_id=",".join(sent.task_ids) or None,
            invalid_user_ids=sent.invalid_user_ids,
            flow_controlled_user_ids=sent.flow_controlled_user_ids,
            open_conversation_id=group,
            resent=is_queued and sent.resent,
        )

    def send_alert(
        self,
        message: Message,
        *,
        at: At | None = None,
        to: Target | None = None,
        language: str,
        plan: AttemptPlan,
    ) -> None:
        """Send an alert as one message, cut if it is too long.

        :param message: without secrets.
        :param at: left out: an app's messages can't mention people.
        :param to: as for :meth:`send`.
        :param language: ``zh`` or ``en``, of the note on what was cut.
        :param plan: how often it is tried, and how long all tries may take.
        :raises DingTalkError: of the class for the problem.
        """
        channel = self.channel(to, plan)
        channel.send_cut(message, at, language=language)
        _log_sent(message, channel.name, self.dingtalk_conn_id)

    def channel(
        self, to: Target | str | Mapping[str, Any] | None = None, plan: AttemptPlan | None = None
    ) -> AppRobot | WorkNotifications:
        """The channel to a target.

        :param to: ``Group``, ``Users``, ``WorkNotification`` or a plain form of them; by default the
            connection's group.
        :param plan: how often a message is tried, and how long all tries may take.
        :raises InvalidMessageError: if the target breaks a rule.
        :raises TargetError: if there is no target and no default group.
        """
        from airflow_provider_dingpush.dingtalk.media import MediaLibrary
        from airflow_provider_dingpush.messages.plain_forms import check_rendered
        from airflow_provider_dingpush.targets import Group, WorkNotification, read_target

        target = read_target(to)
        if target is None:
            if not self.settings.open_conversation_id:
                raise TargetError(
                    f"No target is given, and connection {self.dingtalk_conn_id!r} has no default group.",
                    'Write to=Group("cid…"), to=Users(["user id"]) or to=WorkNotification(["user id"]), or fill in the '
                    "connection's extra field 'open_conversation_id'. 请写明 to=Group/Users/WorkNotification，"
                    "或在连接的 open_conversation_id 中填写默认群。",
                )
            target = Group(self.settings.open_conversation_id)
        check_rendered(target)
        calls = self._calls(plan)
        if isinstance(target, WorkNotification):
            from airflow_provider_dingpush.dingtalk.work_notification import WorkNotifications

            return WorkNotifications(calls, MediaLibrary(calls), target)
        from airflow_provider_dingpush.dingtalk.app_robot import AppRobot

        return AppRobot(calls, MediaLibrary(calls), target)

    def recall(self, receipt: Receipt | Mapping[str, Any]) -> None:
        """Recall a message, within 24 hours; it disappears from the chat.

        :param receipt: that :meth:`send` returned, or its plain form from XCom.
        :raises DingTalkError: if DingTalk refuses, or can't recall all parts.
        """
        sent = _read_receipt(receipt)
        if sent.channel == _WORK_NOTIFICATION:
            for task_id in sent.task_ids:
                _sent_work_notifications(self._calls()).recall(task_id)
            return
        messages, keys, group = _sent_by_robot(self._calls()), sent.process_query_keys, sent.open_conversation_id
        recalled = messages.recall_from_group(keys, group) if group else messages.recall_from_people(keys)
        recalled.raise_if_any_failed()

    def read_status(self, receipt: Receipt | Mapping[str, Any]) -> tuple[ReadStatus, ...]:
        """Who has read a message: one status for each part, and for each call if it went to many people.

        :param receipt: that :meth:`send` returned, or its plain form from XCom.
        :raises DingTalkError: if DingTalk can't be asked, or refuses, such as after 24 hours.
        """
        from airflow_provider_dingpush.dingtalk.sent_by_robot import ReadStatus

        sent = _read_receipt(receipt)
        if sent.channel == _WORK_NOTIFICATION:
            results = [_sent_work_notifications(self._calls()).result(task_id) for task_id in sent.task_ids]
            return tuple(ReadStatus("sent", each.read_user_ids, each.unread_user_ids) for each in results)
        messages, group = _sent_by_robot(self._calls()), sent.open_conversation_id
        if group:
            return tuple(messages.read_status_of_group(key, group) for key in sent.process_query_keys)
        return tuple(messages.read_status_of_people(key) for key in sent.process_query_keys)

    def delivery(self, receipt: Receipt | Mapping[str, Any]) -> tuple[Delivery, ...] | None:
        """Whom a work notification reached, for each call; ``None`` while DingTalk is still delivering it.

        :param receipt: that :meth:`send` returned, or its plain form from XCom; DingTalk knows it for 24 hours.
        :raises DingTalkError: if DingTalk can't be asked, or refuses.
        """
        notifications, sent = _sent_work_notifications(self._calls()), _read_receipt(receipt)
        if not all(notifications.progress(task_id).done for task_id in sent.task_ids):
            return None
        return tuple(notifications.result(task_id, resent=sent.resent) for task_id in sent.task_ids)

    @property
    def dings(self) -> Dings:
        """DINGs of the app's robot: pop-ups in DingTalk, SMS and phone calls; with recall and read status."""
        from airflow_provider_dingpush.dingtalk.ding import Dings

        return Dings(self._calls(), self.settings.dings, redact=redact)

    @property
    def todos(self) -> Todos:
        """To-dos (待办) that the app creates for people."""
        from airflow_provider_dingpush.dingtalk.todos import Todos

        return Todos(self._calls(), self.settings.todos, redact=redact)

    @cached_property
    def settings(self) -> AppSettings:
        """The settings of the connection.

        :raises ConnectionSettingsError: if it is missing or wrong, with advice on what to fill in where.
        """
        from airflow_provider_dingpush.connections import app_settings, look_up

        return look_up(self.dingtalk_conn_id, app_settings)

    @property
    def has_own_group(self) -> bool:
        """Whether the connection has a default group, for messages without a target."""
        return bool(self.settings.open_conversation_id)

    def get_conn(self) -> AppCalls:
        """Calls to DingTalk with the app's access token, for APIs that this hook has no method for."""
        return self._calls()

    def test_connection(self) -> tuple[bool, str]:
        """Fetch an access token and ask DingTalk about permissions, robot, group and AgentId; nothing is sent."""
        try:
            findings = list(self.findings())
        except DingTalkError as error:
            return False, str(error)
        return all(each.ok is not False for each in findings), " ".join(str(each) for each in findings)

    def findings(self) -> Iterator[Finding]:
        """The result of each check of the connection; nothing is sent.

        :raises ConnectionSettingsError: if the connection is missing or wrong.
        """
        from airflow_provider_dingpush.dingtalk.app_probes import examine

        return examine(self._calls(), self.settings.app, self.settings.open_conversation_id)

    def _calls(self, plan: AttemptPlan | None = None) -> AppCalls:
        from airflow_provider_dingpush.dingtalk.app_calls import AppCalls

        api, oapi = self._http
        resend = self.settings.resend_unknown
        return AppCalls(self.settings.app, api=api, oapi=oapi, plan=plan, resend_unknown=resend, mask=mask_secret)

    @cached_property
    def _http(self) -> tuple[HttpClient, HttpClient]:
        from airflow_provider_dingpush.dingtalk.http_client import HttpClient

        settings = self.settings
        api = HttpClient(settings.api_base_url, settings.http)
        return api, HttpClient(settings.oapi_base_url, settings.http)

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """The extra fields of the connection form, for Airflow before 3.2 (later ones read provider info)."""
        from airflow_provider_dingpush.connection_fields import APP_FORM

        return APP_FORM.widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Which standard fields the connection form shows, and their labels, for Airflow before 3.2."""
        from airflow_provider_dingpush.connection_fields import APP_FORM

        return APP_FORM.ui_behaviour()


def hook_of(dingtalk_conn_id: str) -> DingTalkRobotHook | DingTalkAppHook:
    """The hook for the connection's type; the connection is looked up.

    :raises ConnectionSettingsError: if there is no such connection or it is wrong, with advice.
    """
    from airflow_provider_dingpush.connections import RobotSettings, look_up, settings_of

    settings = look_up(dingtalk_conn_id, settings_of)
    hook: DingTalkRobotHook | DingTalkAppHook
    if isinstance(settings, RobotSettings):
        hook = DingTalkRobotHook(dingtalk_conn_id)
        hook.settings = settings
    else:
        hook = DingTalkAppHook(dingtalk_conn_id)
        hook.settings = settings
    return hook


def _without_secrets(
    message: Message | str | Mapping[str, Any], at: At | Mapping[str, Any] | None
) -> tuple[Message, At | None]:
    """A message without what Airflow masks, and whom it mentions."""
    from airflow_provider_dingpush.messages.mentions import At
    from airflow_provider_dingpush.messages.plain_forms import read_message, redacted

    whole, own_at = read_message(message)
    return redacted(whole, redact), At.union([At.read(at), own_at])


def _read_receipt(receipt: Receipt | Mapping[str, Any]) -> Receipt:
    from airflow_provider_dingpush.receipts import Receipt

    return Receipt.from_dict(receipt)


def _log_sent(message: Message, channel: str, conn_id: str, parts: int = 1) -> None:
    # Without the target: mobile numbers don't belong in a log.
    pieces = f" in {parts} part(s)" if parts > 1 else ""
    _log.info("%s: %s%s as %s through connection %r.", SENT_LOG_LINE, type(message).__name__, pieces, channel, conn_id)


def _sent_by_robot(calls: AppCalls) -> SentByRobot:
    from airflow_provider_dingpush.dingtalk.sent_by_robot import SentByRobot

    return SentByRobot(calls)


def _sent_work_notifications(calls: AppCalls) -> SentWorkNotifications:
    from airflow_provider_dingpush.dingtalk.sent_work_notifications import SentWorkNotifications

    return SentWorkNotifications(calls)


def _log_unreached(unknown: Sequence[str], flow_controlled: Sequence[str]) -> None:
    if unknown or flow_controlled:
        _log.warning(
            "DingTalk did not accept the message for some people: unknown to the app %s, flow-controlled %s.",
            list(unknown),
            list(flow_controlled),
        )
