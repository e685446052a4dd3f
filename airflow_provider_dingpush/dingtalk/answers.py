"""The meaning of a reply: an answer of DingTalk, a page of its gateway or of a proxy, or no reply at all.

The meaning of a code depends on the channel: see :mod:`.reply_codes` and :mod:`.app_reply_codes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import quote, quote_plus

from airflow_provider_dingpush.dingtalk.answer_fields import first_text, json_object, shortened
from airflow_provider_dingpush.dingtalk.answer_words import Sense, sense_of
from airflow_provider_dingpush.dingtalk.http_client import NoReply, NoReplyReason, Reply
from airflow_provider_dingpush.dingtalk.secret import Secret
from airflow_provider_dingpush.errors import (
    THROTTLED_SECONDS,
    ConfigurationError,
    DingTalkError,
    ThrottledError,
    UnavailableError,
    UnknownOutcomeError,
)

IP_BAN_SECONDS = 300.0
"""An address that calls too often is banned for five minutes, with a page or JSON of the gateway (docs 1433)."""
UNKNOWN_CODE_SECONDS = 60.0
"""How long to wait after a refusal for an unknown reason before sending again; a minute is a guess."""


class Meaning(NamedTuple):
    """The meaning of a code, and what a person should do about it.

    :ivar error: the class to raise.
    :ivar problem: what happened.
    :ivar advice: what to do, in English and Chinese.
    :ivar retry_after_seconds: how long to send nothing, in seconds.
    :ivar problem_zh: what happened, in Chinese.
    :ivar recognised: whether the code is known; if not, this is a guess from DingTalk's text.
    """

    error: type[DingTalkError]
    problem: str
    advice: str
    retry_after_seconds: float | None = None
    recognised: bool = True
    problem_zh: str = ""

    def as_error(
        self, *, errcode: str | None = None, errmsg: str | None = None, request_id: str | None = None
    ) -> DingTalkError:
        """An error to raise, with DingTalk's code and text if there are any."""
        shown = f" (errcode {errcode}: {errmsg})" if errcode else f" (no errcode: {errmsg})" if errmsg else ""
        shown_zh = f"（errcode {errcode}：{errmsg}）" if errcode else f"（无 errcode：{errmsg}）" if errmsg else ""
        error = self.error(
            f"{self.problem}{shown}",
            self.advice,
            errcode=errcode,
            errmsg=errmsg,
            request_id=request_id,
            # A refusal for an unknown reason may be over soon.
            retryable=True if self.error is DingTalkError and not self.recognised else None,
            retry_after_seconds=self.retry_after_seconds,
            problem_zh=f"{self.problem_zh.removesuffix('。')}{shown_zh}。" if self.problem_zh else "",
        )
        error.recognised = self.recognised
        return error


_GATEWAY_PAGE = Meaning(
    ThrottledError,
    "The reply is a web page: DingTalk's gateway bans this address, or a proxy intercepts the request.",
    "Wait ten minutes; if this persists, check the proxy settings. 请等待十分钟；若仍出现，请检查代理设置。",
    THROTTLED_SECONDS,
    problem_zh="收到的是网页：钉钉网关封禁了本机 IP，或请求被代理拦截。",
)
# A server that answers 200 may have forwarded the message. Tried again while DingTalk still recognises it.
_PAGE_AS_ANSWER = Meaning(
    UnknownOutcomeError,
    "The reply is a web page: DingTalk's gateway bans this address, or a proxy intercepts the request and may have "
    "forwarded the message.",
    "Check in the chat whether it arrived; if this persists, check the proxy settings. "
    "请在会话中确认消息是否已送达；若仍出现，请检查代理设置。",
    IP_BAN_SECONDS,
)
# Statuses with which a proxy, a firewall or a gateway refuses one request but may accept others.
_OF_THIS_REQUEST = (400, 406, 409, 411, 413, 414, 415, 417, 422, 431)
UNKNOWN_CODE = Meaning(
    DingTalkError,
    "DingTalk refused the message with a code unknown to this package.",
    "Look the code up in DingTalk's documentation. 请在钉钉文档中查询该错误码。",
    UNKNOWN_CODE_SECONDS,
    recognised=False,
    problem_zh="钉钉拒收消息，错误码未知。",
)
_NO_CODE = UNKNOWN_CODE._replace(problem="DingTalk refused the message without a code.", advice="")
_GATEWAY_BAN = Meaning(
    ThrottledError,
    "DingTalk's gateway bans this machine's address for about five minutes because of too many calls.",
    "Wait, and find out which program behind this address calls so often. 请等待五分钟，并排查高频调用。",
    IP_BAN_SECONDS,
    problem_zh="调用过于频繁，本机 IP 被钉钉网关封禁约五分钟。",
)
_PROXY_LOGIN = Meaning(
    ConfigurationError,
    "The proxy requires a user name and password (HTTP 407).",
    "Put them into the connection's 'proxy' or into HTTPS_PROXY. 请在连接的 proxy 字段中填写代理的账号密码。",
    problem_zh="代理要求账号和密码（HTTP 407）。",
)
_LOOK = "Check in the chat whether it arrived. 请在会话中确认消息是否已送达。"
_NO_REPLY_ADVICE: dict[NoReplyReason, str] = {
    NoReplyReason.UNREACHABLE: (
        "Nothing was sent. Check that this machine can reach the host: what its name resolves to (DNS), the proxy "
        "settings and the firewall. 消息没有发出：请检查本机网络、域名解析（DNS）、代理设置和防火墙。"
    ),
    NoReplyReason.CERTIFICATE: (
        "If a proxy of your company intercepts TLS, put the path of its CA file into the extra field 'verify'. "
        "若使用公司代理，请在连接的 verify 字段填写 CA 证书路径。"
    ),
    NoReplyReason.BAD_ADDRESS: (
        "Correct the connection's host, 'proxy' or 'verify'. 请修改连接的 Host、proxy 或 verify 字段。"
    ),
    NoReplyReason.CUT_OFF: _LOOK,
    NoReplyReason.TOO_SLOW: (
        "Check in the chat whether it arrived; raise 'timeout_seconds' if the network is slow. "
        "请在会话中确认消息是否已送达；网络较慢时可调大 timeout_seconds。"
    ),
}


_NO_REPLY_ZH: dict[NoReplyReason, str] = {
    NoReplyReason.UNREACHABLE: "无法建立连接",
    NoReplyReason.CERTIFICATE: "TLS 证书校验失败",
    NoReplyReason.BAD_ADDRESS: "连接中的 Host、proxy 或 verify 无法使用",
    NoReplyReason.CUT_OFF: "消息发出后连接中断",
    NoReplyReason.TOO_SLOW: "等待超时",
}


def error_of_no_reply(reason: NoReply) -> DingTalkError:
    """Why there is no answer, as an error to raise."""
    kind: type[DingTalkError] = UnavailableError if reason.why is NoReplyReason.UNREACHABLE else ConfigurationError
    if reason.why.may_have_arrived:
        kind = UnknownOutcomeError
    problem_zh = f"钉钉没有应答：{_NO_REPLY_ZH[reason.why]}{f'（{reason.detail}）' if reason.detail else ''}。"
    return kind(f"No answer from DingTalk: {reason}.", _NO_REPLY_ADVICE[reason.why], problem_zh=problem_zh)


def guess(words: str, senses: Mapping[Sense, Meaning], unknown: Meaning = UNKNOWN_CODE) -> Meaning:
    """The probable meaning of an unknown code, by DingTalk's text.

    :param senses: what each sense means in this channel.
    :param unknown: the meaning if the text is unclear.
    """
    sense = sense_of(words)
    return (senses.get(sense, unknown) if sense else unknown)._replace(recognised=False)


def error_without_code(
    reply: Reply, *, throttled: Meaning, senses: Mapping[Sense, Meaning], hide: Iterable[Secret] = ()
) -> DingTalkError:
    """The meaning of an answer without a code of DingTalk.

    :param throttled: what HTTP 429 means in this channel.
    :param senses: what each sense means in this channel.
    :param hide: secrets to mask in DingTalk's text.
    """
    answer = json_object(reply.body) or {}
    known = _GATEWAY_BAN if "punish" in answer else {407: _PROXY_LOGIN, 429: throttled}.get(reply.status)
    if known:
        return known.as_error()
    if reply.status >= 500:
        return UnknownOutcomeError(f"DingTalk answered HTTP {reply.status}.", _LOOK)
    words = without(first_text(answer, "sub_msg", "errmsg", "message", "Message"), hide)
    is_of_request = reply.status < 300 or reply.status in _OF_THIS_REQUEST
    if is_of_request and words and words.lower() not in ("ok", "success"):
        return guess(words, senses, _NO_CODE).as_error(errmsg=shortened(words))
    return _error_of_status(reply)


def _error_of_status(reply: Reply) -> DingTalkError:
    """The meaning of an answer without any text of DingTalk."""
    status = f"Unexpected HTTP {reply.status}: this does not look like DingTalk."
    if reply.status in _OF_THIS_REQUEST:
        return Meaning(
            DingTalkError,
            status,
            "Check whether a proxy or firewall blocks the message, and check the connection's host. "
            "请检查代理或防火墙是否拦截了消息内容，以及连接的 Host 字段。",
            UNKNOWN_CODE_SECONDS,
            recognised=False,
        ).as_error()
    if reply.status != 404 and _is_page(reply):
        return (_PAGE_AS_ANSWER if reply.status < 300 else _GATEWAY_PAGE).as_error()
    if reply.status >= 400:
        host = "Check the connection's host. 请检查连接的 Host 字段。"
        return Meaning(ConfigurationError, status, host, recognised=False).as_error()
    what = "an empty body" if not reply.body.strip() else "an unreadable body"
    return UnknownOutcomeError(f"DingTalk answered HTTP {reply.status} with {what}.", _LOOK)


def without(words: str, hide: Iterable[Secret]) -> str:
    """DingTalk's text without secrets, in case it quotes what was sent."""
    for secret in hide:
        if secret:
            for spelling in {secret.revealed, quote(secret.revealed, safe=""), quote_plus(secret.revealed)}:
                words = words.replace(spelling, "***")
    return words


def _is_page(reply: Reply) -> bool:
    # A redirect leads to a page. A 404 with a page comes from a web server: the base URL is wrong.
    return 300 <= reply.status < 400 or "html" in reply.content_type.lower() or reply.body.lstrip()[:1] == b"<"
