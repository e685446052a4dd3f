"""Every error of this package, in one tree.

::

    DingTalkError
    ├── ConfigurationError          a person must change a setting; a retry can't help
    │   ├── ConnectionSettingsError   the Airflow Connection is missing or filled in wrong
    │   ├── TokenError                DingTalk doesn't know the token, or its robot was removed
    │   ├── SignError                 the signature was refused (secret or clock)
    │   ├── CredentialsError          AppKey or AppSecret of the app is wrong
    │   ├── PermissionMissingError    the app was not granted a permission; names it
    │   ├── EditionError              the organisation's edition of DingTalk doesn't include this API
    │   ├── KeywordError              the robot requires a keyword that the message lacks
    │   ├── IpNotAllowedError         the robot or app accepts messages from listed addresses only
    │   └── RulesFileError            the file of [dingpush] rules_file has mistakes; names line and column
    ├── ContentError                the message must change; a retry can't help
    │   ├── InvalidMessageError       a field breaks a rule; found before anything is sent (also a ValueError)
    │   ├── MessageTooLongError       more bytes than DingTalk accepts
    │   ├── UnsupportedMessageError   this channel can't carry this kind of message
    │   └── ContentRefusedError       DingTalk's content filter refused it
    ├── TargetError                 DingTalk can't reach the target
    ├── ThrottledError              too many messages; has the time to wait
    ├── QuotaExhaustedError         the organisation's monthly quota is used up
    │   └── CreditExhaustedError      the organisation has no paid credit left, such as for phone calls
    ├── UnknownOutcomeError         sent, but without a readable reply: it may or may not have arrived
    ├── UnavailableError            DingTalk could not be reached, or is unavailable
    │   └── AlertsWaitingError        alerts are pending; the next callback or flush sends them
    └── OutboxError                 alerts can't be stored or read: disk full, Redis unavailable
        └── LeadershipLostError       another process leads by now

Errors have fields, so that no text needs parsing: ``retryable``, ``retry_after_seconds``, ``errcode``, ``advice``.
No error text ever holds a token, a secret, a signature or a URL with one of them.
"""

from __future__ import annotations

__all__ = [
    "AlertsWaitingError",
    "ConfigurationError",
    "ConnectionSettingsError",
    "ContentError",
    "ContentRefusedError",
    "CredentialsError",
    "CreditExhaustedError",
    "DingTalkError",
    "EditionError",
    "InvalidMessageError",
    "IpNotAllowedError",
    "KeywordError",
    "LeadershipLostError",
    "MessageTooLongError",
    "OutboxError",
    "PermissionMissingError",
    "QuotaExhaustedError",
    "RulesFileError",
    "SignError",
    "TargetError",
    "ThrottledError",
    "TokenError",
    "UnavailableError",
    "UnknownOutcomeError",
    "UnsupportedMessageError",
]


THROTTLED_SECONDS = 600.0
"""How long DingTalk takes nothing from a robot that sent too much, in seconds (docs 0702 and 0717, read 2026-08-22)."""


class DingTalkError(Exception):
    """Root of everything this package raises on purpose.

    ``tries`` is how often the message was sent before giving up. ``recognised`` is false for a refusal whose code
    this package doesn't know: the class is then a guess from DingTalk's text, and it may concern this message only.

    :param problem: what happened, in one sentence.
    :param problem_zh: the same in Chinese, for a command that prints Chinese; logs have ``problem``.
    :param advice: what a person should do about it, in one sentence (English, then Chinese where it is about
        settings).
    :param errcode: DingTalk's code, if DingTalk replied with one.
    :param errmsg: DingTalk's text, without secrets.
    :param request_id: DingTalk's id of the call, which its support asks for.
    :param retryable: whether sending the same message again may succeed; by default that of the class.
    :param retry_after_seconds: how long to wait before that, in seconds; ``None`` if that is unknown.
    """

    retryable: bool = False
    recognised: bool = True

    def __init__(
        self,
        problem: str,
        advice: str = "",
        *,
        errcode: str | None = None,
        errmsg: str | None = None,
        request_id: str | None = None,
        retryable: bool | None = None,
        retry_after_seconds: float | None = None,
        problem_zh: str = "",
    ) -> None:
        # Both positional arguments go to ``args`` and the rest to ``__dict__``, and pickle keeps both.
        super().__init__(problem, advice)
        self.problem = problem
        self.problem_zh = problem_zh
        self.advice = advice
        self.errcode = errcode
        self.errmsg = errmsg
        self.request_id = request_id
        self.retry_after_seconds = retry_after_seconds
        self.tries = 1
        if retryable is not None:
            self.retryable = retryable

    def __str__(self) -> str:
        tried = f" (tried {self.tries} times)" if self.tries > 1 else ""
        asked_for = f" [request_id {self.request_id}]" if self.request_id else ""
        return f"{self.problem}{tried} {self.advice}".rstrip() + asked_for

    def in_language(self, language: str) -> str:
        """The text in one language; the problem is in English where it has no other.

        :param language: ``zh`` or ``en``.
        """
        asked_for = f" [request_id {self.request_id}]" if self.request_id else ""
        advice = in_language(self.advice, language)
        if language == "zh" and self.problem_zh:
            tried = f"（已尝试 {self.tries} 次）" if self.tries > 1 else ""
            return f"{self.problem_zh.removesuffix('。')}{tried}。{advice}{asked_for}"
        return str(self).replace(self.advice, advice).rstrip() if self.advice else str(self)


# After the end of a sentence. Compiled when needed, and `re` loaded then: every DAG file imports this module.
_CHINESE_PART = r"(?<=[.!?。]) (?=\S*[\u4e00-\u9fff])"


def in_language(advice: str, language: str) -> str:
    """The part of an advice in one language: most are written in English, then in Chinese.

    :param language: ``zh`` or ``en``.
    """
    import re

    english, *chinese = re.split(_CHINESE_PART, advice, maxsplit=1)
    return chinese[0] if chinese and language == "zh" else english


class ConfigurationError(DingTalkError):
    """A person must change a setting; sending again can't help."""


class ConnectionSettingsError(ConfigurationError):
    """The Airflow Connection is missing, or a field of it is filled in wrong."""


class TokenError(ConfigurationError):
    """DingTalk doesn't know the access token, or its robot was removed or switched off."""


class CredentialsError(ConfigurationError):
    """DingTalk doesn't know the AppKey (Client ID), or the AppSecret (Client Secret) isn't the app's."""


class PermissionMissingError(ConfigurationError):
    """The app was not granted a permission point (权限点) that the call needs.

    ``missing_permissions`` names them as DingTalk's console does, such as ``qyapi_robot_sendmsg``; it is empty if
    DingTalk named none.
    """

    missing_permissions: tuple[str, ...] = ()


class EditionError(ConfigurationError):
    """The edition of DingTalk that the organisation uses doesn't include this API."""


class SignError(ConfigurationError):
    """The signature was refused: wrong or missing secret, or this machine's clock is off by more than an hour."""


class KeywordError(ConfigurationError):
    """The robot accepts only messages with one of its keywords, and this one has none of them."""


class IpNotAllowedError(ConfigurationError):
    """The robot or app accepts calls only from listed IP addresses, and this machine's isn't one of them."""


class RulesFileError(ConfigurationError):
    """The rules file can't be read, or has mistakes.

    ``problems`` has each of them, with file, line, column and what would be right; ``problems_zh`` in Chinese.
    """

    problems: tuple[str, ...] = ()
    problems_zh: tuple[str, ...] = ()

    def problems_in(self, language: str) -> tuple[str, ...]:
        """Each mistake in one language; or why the file can't be read, and what to do about it.

        :param language: ``zh`` or ``en``.
        """
        return (self.problems_zh if language == "zh" else self.problems) or (self.in_language(language),)


class ContentError(DingTalkError):
    """The message itself must change; sending it again can't help."""


class InvalidMessageError(ContentError, ValueError):
    """A field of a message, mention or target breaks a rule; found before anything is sent."""


class MessageTooLongError(ContentError):
    """The message has more bytes than DingTalk accepts, and can't be split into few enough parts."""


class UnsupportedMessageError(ContentError):
    """The channel can't carry this kind of message or mention."""


class ContentRefusedError(ContentError):
    """DingTalk's content filter refused the message."""


class TargetError(DingTalkError):
    """DingTalk can't reach the target: unknown, outside the app's visible range, or a group without the robot."""


class ThrottledError(DingTalkError):
    """Too many messages in too short a time: send nothing for ``retry_after_seconds``."""

    retryable = True


class QuotaExhaustedError(DingTalkError):
    """The organisation's monthly quota of messages is used up."""


class CreditExhaustedError(QuotaExhaustedError):
    """The organisation has no paid credit left for this: SMS and phone calls of DING are sold in packages."""


class UnknownOutcomeError(DingTalkError):
    """The message was sent but there was no readable reply, so it may or may not have arrived."""

    retryable = True


class UnavailableError(DingTalkError):
    """DingTalk could not be reached or reported that it is unavailable; the message did not arrive."""

    retryable = True


class AlertsWaitingError(UnavailableError):
    """Alerts could not be sent now. They are pending: the next callback or a flusher sends them."""


class OutboxError(DingTalkError):
    """The outbox can't be used: disk full, read-only, no permission, Redis unavailable. The text has the details."""

    retryable = True


class LeadershipLostError(OutboxError):
    """Another process leads the receiver by now, so this one may write nothing any more."""
