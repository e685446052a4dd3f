"""Robots and apps as storm control sees them: encode a message now, post it once, and say what became of it."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.airflow_compat import redact
from airflow_provider_dingpush.delivery.channel import SendResult, SendStatus
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
from airflow_provider_dingpush.messages.kinds import Markdown, Text
from airflow_provider_dingpush.messages.plain_forms import check_rendered, read_message

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Mailbox
    from airflow_provider_dingpush.messages import At, Message
    from airflow_provider_dingpush.targets import Target
    from airflow_provider_dingpush.timeouts import Deadline

_log = logging.getLogger(__name__)
_UNREACHED = {
    "zh": "（无法发送给 to= 指定的接收人，已改发到本群。）",
    "en": "(This could not be sent to whom the notifier's to= names, so it is here.)",
}
# What DingTalk takes, 20,000, 15,000 and 2,048 bytes, without titles, mentions and the JSON around the text.
_ROBOT_TEXT_BYTES = 18_000
_APP_TEXT_BYTES = 13_500
_NOTICE_TEXT_BYTES = 1_700


class RobotSender:
    """A custom robot.

    :param hook: of its connection.
    :param misaddressed: a target that the notifier named although a robot has none; its group gets the alert.
    """

    recognises_repeats = True
    text_bytes = _ROBOT_TEXT_BYTES

    def __init__(self, hook: DingTalkRobotHook, *, misaddressed: bool = False) -> None:
        self.hook = hook
        self.misaddressed = misaddressed
        self.target = None
        self.conn_id = hook.dingtalk_conn_id
        self.timeout_seconds = hook.settings.http.timeout_seconds
        # The window is the token's, whichever connection it comes from.
        self.receiver_id = _named(hook.settings.robot.access_token.revealed)

    def prepared(self, message: Message, *, language: str) -> Message:
        """The message as it is, if a custom robot can carry it.

        :raises ContentError: if it can't.
        """
        self.prepare(message, None, uuid="", language=language)
        return message

    def prepare(self, message: Message, at: At | None, *, uuid: str, language: str) -> bytes:
        """The body of a POST.

        :raises ContentError: if a custom robot can't carry the message.
        """
        return self.hook.custom_robot().encode_cut(message, at, language=language, msg_uuid=uuid)

    def post(self, body: bytes, deadline: Deadline) -> SendResult:
        """Post once."""
        return outcome_of(self.hook.custom_robot().post(body, timeout_seconds=deadline.seconds_left()))


class AppSender:
    """An app and one of its targets.

    :param hook: of its connection.
    :param target: the plain form of the target as JSON; empty for the connection's own group.
    """

    def __init__(self, hook: DingTalkAppHook, target: str) -> None:
        from airflow_provider_dingpush.targets import WorkNotification, read_target

        self.hook = hook
        self.misaddressed = False
        self.conn_id = hook.dingtalk_conn_id
        self.timeout_seconds = hook.settings.http.timeout_seconds
        self._unreachable = ""
        self.target = None
        try:
            self.target = read_target(json.loads(target)) if target else None
            if self.target is not None:
                check_rendered(self.target)
        except InvalidMessageError as problem:
            # Written down by an older version, which didn't look at what was rendered.
            self.target, self._unreachable = None, str(problem)
        is_notice = isinstance(self.target, WorkNotification)
        # DingTalk drops a notice whose content a person got that day, and knows no other repetition.
        self.recognises_repeats = is_notice
        self.text_bytes = _NOTICE_TEXT_BYTES if is_notice else _APP_TEXT_BYTES
        place = target or hook.settings.open_conversation_id or ""
        self.receiver_id = _named(hook.settings.api_base_url, hook.settings.app.app_key, place)

    def prepared(self, message: Message, *, language: str) -> Message:
        """The message as the target can get it, cut with a note if it is too long.

        :raises ContentError: if it can't get such a message.
        """
        from airflow_provider_dingpush.targets import WorkNotification

        if not isinstance(self.target, WorkNotification):
            return _for_robot(message, language)
        from airflow_provider_dingpush.dingtalk import work_notification

        return work_notification.prepared(
            message,
            user_ids=self.target.user_ids,
            department_ids=self.target.department_ids,
            everyone=self.target.everyone,
            language=language,
        )

    def prepare(self, message: Message, at: At | None, *, uuid: str, language: str) -> bytes:  # noqa: ARG002 - a sender's signature
        """What :meth:`post` needs to know: an app's messages are encoded for each target when they are sent.

        :raises ContentError: if the target can't get such a message; mentions, which none can, are left out.
        """
        plain = self.prepared(message, language=language).to_dict()
        return json.dumps({"message": plain, "language": language}, ensure_ascii=False).encode()

    def post(self, body: bytes, deadline: Deadline) -> SendResult:
        """Send once, to the connection's own group if the target can't be reached: better there than nowhere."""
        from airflow_provider_dingpush.dingtalk.attempts import AttemptPlan

        plain = json.loads(body)
        message, _ = read_message(plain["message"])
        plan = AttemptPlan(attempts=1, budget_seconds=deadline.seconds_left())

        def send(to: Any) -> DingTalkError | None:
            try:
                self.hook.send_alert(message, to=to, language=plain["language"], plan=plan, is_redacted=True)
            except DingTalkError as error:
                return error
            return None

        problem = None if self._unreachable else send(self.target)
        unreachable = isinstance(problem, TargetError) and self.target is not None and self.hook.has_own_group
        if self._unreachable or unreachable:
            why = self._unreachable or problem
            _log.warning("The alert can't go where to= says, so the connection's own group gets it: %s", why)
            message = _readable_in_group(message, plain["language"])
            problem = send(None)
        return outcome_of(problem)


def _for_robot(message: Message, language: str) -> Message:
    from airflow_provider_dingpush.dingtalk import app_robot

    return app_robot.prepared(message, language=language)


def _readable_in_group(message: Message, language: str) -> Message:
    """A message that was for somebody else, for the app's robot in a group, with a word of why it is there.

    What only a work notice can carry becomes its words.
    """
    try:
        _for_robot(message, language)
    except ContentError:
        fields = (getattr(message, name, None) for name in ("title", "text", "content", "name", "message_url"))
        rows = (f"{key}: {value}" for key, value in getattr(message, "rows", ()))
        words = [str(each) for each in (*fields, *rows) if each] or [type(message).__name__]
        message = Markdown(words[0], "\n\n".join(words))
    if isinstance(message, Text):
        return replace(message, content=f"{message.content}\n{_UNREACHED[language]}")
    if isinstance(message, Markdown):
        return replace(message, text=f"{message.text}\n\n{_UNREACHED[language]}")
    return message


def sender_for(mailbox: Mailbox) -> RobotSender | AppSender:
    """Look the mailbox's connection up and make a sender of it.

    :raises DingTalkError: if there is no such connection, or it is wrong, or the target can't be read.
    """
    hook = hook_of(mailbox.conn_id)
    if isinstance(hook, DingTalkRobotHook):
        return RobotSender(hook, misaddressed=bool(mailbox.target))
    return AppSender(hook, mailbox.target)


def sender_of(hook: DingTalkRobotHook | DingTalkAppHook, to: Target | None) -> RobotSender | AppSender:
    """The sender of a hook and a target, for its turn in the robot's window."""
    if isinstance(hook, DingTalkRobotHook):
        return RobotSender(hook)
    # Named as its mailbox is, or its alerts and its messages would have a window each.
    from airflow_provider_dingpush.alerts.alert import mailbox_of

    return AppSender(hook, mailbox_of(hook.dingtalk_conn_id, to).target)


def messages_in(message: Any) -> int:
    """Into how many messages a text may be split; rather one too many."""
    told = read_message(message)[0]
    text = str(getattr(told, "content", None) or getattr(told, "text", ""))
    return 1 + len(text.encode()) // _APP_TEXT_BYTES


def outcome_of(problem: DingTalkError | None) -> SendResult:
    """What an error means for the message, for its robot, and for when to try again."""
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


def _named(*parts: str) -> str:
    """A short name that gives nothing away."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
