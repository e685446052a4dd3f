"""Receivers as the drain uses them: prepare a message, post it once, and return the result.

A receiver is what has a rate limit: a custom robot, or an app and one target. Its hook picks the channel.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.airflow_compat import redact
from airflow_provider_dingpush.errors import (
    ConfigurationError,
    ContentError,
    DingTalkError,
    InvalidMessageError,
    TargetError,
    ThrottledError,
    UnavailableError,
    UnknownOutcomeError,
)
from airflow_provider_dingpush.hooks import DingTalkAppHook, DingTalkRobotHook, hook_of
from airflow_provider_dingpush.messages.kinds import Markdown, Text, long_text_of
from airflow_provider_dingpush.messages.plain_forms import check_rendered, read_message

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Mailbox
    from airflow_provider_dingpush.delivery.channel import SendResult
    from airflow_provider_dingpush.dingtalk.app_robot import AppRobot
    from airflow_provider_dingpush.dingtalk.work_notification import WorkNotifications
    from airflow_provider_dingpush.messages import At, Message
    from airflow_provider_dingpush.targets import Target
    from airflow_provider_dingpush.timeouts import Deadline

_log = logging.getLogger(__name__)
_REDIRECTED = {
    "zh": "（无法发送给 to= 指定的接收人，已改发到本群。）",
    "en": "(Sent to this group because the target in to= could not be reached.)",
}


class RobotReceiver:
    """A custom robot.

    :param hook: of its connection.
    :param misaddressed: whether the notifier names a target, which a robot doesn't have; the alert goes to its group.
    """

    target = None

    def __init__(self, hook: DingTalkRobotHook, *, misaddressed: bool = False) -> None:
        self.hook = hook
        self.misaddressed = misaddressed
        self.conn_id = hook.dingtalk_conn_id
        self.timeout_seconds = hook.settings.http.timeout_seconds
        self._channel = hook.channel()
        self.recognises_repeats = self._channel.recognises_repeats
        self.text_bytes = self._channel.text_bytes
        # The window belongs to the token, in whichever connection it is.
        self.receiver_id = _digest(hook.settings.robot.access_token.revealed)

    def check(self, message: Message, *, language: str) -> None:
        """Refuse what a custom robot can't carry.

        :raises ContentError: if it can't carry the message.
        """
        self._channel.prepare(message, None, uuid="", language=language)

    def prepare(self, message: Message, at: At | None, *, uuid: str, language: str) -> bytes:
        """The bytes to post.

        :raises ContentError: if a custom robot can't carry the message.
        """
        return self._channel.prepare(message, at, uuid=uuid, language=language)

    def post(self, body: bytes, deadline: Deadline) -> SendResult:
        """Post once. Never raises."""
        return result_of(self._channel.post(body, deadline))


class AppReceiver:
    """An app and one target.

    :param hook: of its connection.
    :param target: the plain form of the target as JSON; empty for the connection's own group. Whoever is on call is
        looked up now.
    """

    misaddressed = False

    def __init__(self, hook: DingTalkAppHook, target: str) -> None:
        self.hook = hook
        self.conn_id = hook.dingtalk_conn_id
        self.timeout_seconds = hook.settings.http.timeout_seconds
        self.target: Target | None = None
        self._unreadable: InvalidMessageError | TargetError | None = None
        try:
            self.target = _target_in(json.loads(target)) if target else None
            if self.target is not None:
                check_rendered(self.target)
        except (InvalidMessageError, TargetError) as problem:
            # Written by an older version, which didn't check what was rendered; or nobody is on call.
            self.target, self._unreadable = None, problem
        self._channel = self._channel_of_target()
        self.recognises_repeats = self._channel.recognises_repeats
        self.text_bytes = self._channel.text_bytes
        address = target or hook.settings.open_conversation_id or ""
        self.receiver_id = _digest(hook.settings.api_base_url, hook.settings.app.app_key, address)

    def check(self, message: Message, *, language: str) -> None:
        """Refuse what the channel to the target can't carry.

        :raises ContentError: if it can't carry the message.
        """
        self._channel.check(message, language=language)

    def prepare(self, message: Message, at: At | None, *, uuid: str, language: str) -> bytes:
        """The bytes for :meth:`post`, which uploads media; mentions are left out, as no channel of an app has them.

        :raises ContentError: if the channel can't carry the message.
        """
        return self._channel.prepare(message, at, uuid=uuid, language=language)

    def post(self, body: bytes, deadline: Deadline) -> SendResult:
        """Post once, to the connection's default group if the target can't be reached. Never raises."""
        self._handles: tuple[str, ...] = ()
        problem = self._unreadable or self._post(self.target, lambda: body, deadline)
        has_target = self.target is not None or self._unreadable is not None
        is_unreachable = isinstance(problem, TargetError) and has_target and self.hook.has_own_group
        if isinstance(self._unreadable, InvalidMessageError) or is_unreachable:
            _log.warning("The target in to= can't be reached, the connection's default group is used: %s", problem)
            problem = self._post(None, lambda: _body_for_group(body), deadline)
        result = result_of(problem)
        return result if problem is not None else replace(result, handles=self._handles)

    def _post(self, target: Target | None, body: Callable[[], bytes], deadline: Deadline) -> DingTalkError | None:
        try:
            channel = self.hook.channel(target)
            problem = channel.post(body(), deadline)
            self._handles = getattr(channel, "handles", ())
            return problem
        except DingTalkError as problem:
            return problem

    def _channel_of_target(self) -> AppRobot | WorkNotifications | type[AppRobot]:
        """The channel to the target; without one and without a default group, that to any group."""
        if self.target is not None:
            return self.hook.channel(self.target)
        from airflow_provider_dingpush.dingtalk.app_robot import AppRobot

        return AppRobot


def _target_in(plain: object) -> Target | None:
    """The target in its plain form.

    :raises InvalidMessageError: if it is none.
    :raises TargetError: if it is whoever is on call, and nobody is.
    """
    from airflow_provider_dingpush.targets import read_target

    if isinstance(plain, dict) and "on_call" in plain:
        from airflow_provider_dingpush.pipeline.duty import KnownDuty
        from airflow_provider_dingpush.rules.duty_table import OnCall

        if (on_call := OnCall.read(plain)) is not None:
            return KnownDuty().users_on_call(on_call.rotation)
    return read_target(plain)


def _body_for_group(body: bytes) -> bytes:
    from airflow_provider_dingpush.dingtalk.app_content import body_of, message_in

    message, language = message_in(body)
    return body_of(_readable_in_group(message, language), language)


def _readable_in_group(message: Message, language: str) -> Message:
    """A message for another target, as one for the app's robot in a group, with a note why it is there.

    A message that only a work notification can carry is reduced to its text.
    """
    from airflow_provider_dingpush.dingtalk.app_robot import AppRobot

    try:
        AppRobot.check(message, language=language)
    except ContentError:
        fields = (getattr(message, name, None) for name in ("title", "text", "content", "name", "message_url"))
        rows = (f"{key}: {value}" for key, value in getattr(message, "rows", ()))
        words = [str(each) for each in (*fields, *rows) if each] or [type(message).__name__]
        message = Markdown(words[0], "\n\n".join(words))
    if isinstance(message, Text):
        return replace(message, content=f"{message.content}\n{_REDIRECTED[language]}")
    if isinstance(message, Markdown):
        return replace(message, text=f"{message.text}\n\n{_REDIRECTED[language]}")
    return message


Receiver = RobotReceiver | AppReceiver
"""What has a rate limit."""


def receiver_of_mailbox(mailbox: Mailbox) -> Receiver:
    """Look the mailbox's connection up, for its receiver.

    :raises DingTalkError: if there is no such connection, or it is wrong, or the target can't be read.
    """
    hook = hook_of(mailbox.conn_id)
    if isinstance(hook, DingTalkRobotHook):
        return RobotReceiver(hook, misaddressed=bool(mailbox.target))
    return AppReceiver(hook, mailbox.target)


def receiver_of_hook(hook: DingTalkRobotHook | DingTalkAppHook, to: Target | None) -> Receiver:
    """The receiver of a hook and a target, for a slot in its window."""
    if isinstance(hook, DingTalkRobotHook):
        return RobotReceiver(hook)
    # The same form as in its mailbox, or its alerts and its messages would each have a window.
    from airflow_provider_dingpush.alerts.alert import mailbox_of

    return AppReceiver(hook, mailbox_of(hook.dingtalk_conn_id, to).target)


def messages_in(message: Any) -> int:
    """Into how many messages a text may be split, rounded up; or as how many a table is sent."""
    from airflow_provider_dingpush.dingtalk.app_robot import AppRobot
    from airflow_provider_dingpush.report_sending import messages_of_table, table_in

    if (table := table_in(message)) is not None:
        return messages_of_table(table)
    return 1 + len(long_text_of(read_message(message)[0]).encode()) // AppRobot.text_bytes


def result_of(problem: DingTalkError | None) -> SendResult:
    """What an error means for the message, for its receiver, and for when to try again."""
    # Imported here because DAG files load this module without sending.
    from airflow_provider_dingpush.delivery.channel import SendResult, SendStatus

    if problem is None:
        return SendResult(SendStatus.SENT)
    status = SendStatus.MISCONFIGURED
    if isinstance(problem, ThrottledError):
        status = SendStatus.THROTTLED
    elif isinstance(problem, UnknownOutcomeError):
        status = SendStatus.UNKNOWN
    elif isinstance(problem, UnavailableError):
        status = SendStatus.RETRY
    elif not problem.recognised and not isinstance(problem, ConfigurationError):
        status = SendStatus.UNRECOGNISED
    elif isinstance(problem, ContentError):
        status = SendStatus.REJECTED
    elif isinstance(problem, TargetError) and problem.retryable:
        status = SendStatus.RETRY
    unknown_code = None if problem.recognised else problem.errcode or ""
    return SendResult(status, redact(str(problem)), problem.retry_after_seconds, unknown_code)


def _digest(*parts: str) -> str:
    """A short name that reveals nothing about the parts."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
