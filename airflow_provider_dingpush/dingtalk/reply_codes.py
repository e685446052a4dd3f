"""What DingTalk's answers to a custom robot mean.

Codes from DingTalk's documentation of custom robots (docs 0699 and 0717, read 2026-08-22) and, where that is silent, as
observed in public reports. The number decides; the wording has changed over the years and only tells apart what
shares a number.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from airflow_provider_dingpush.dingtalk.http_post import NoReply, Reply, Silence
from airflow_provider_dingpush.dingtalk.secret import Secret
from airflow_provider_dingpush.errors import (
    ConfigurationError,
    ContentError,
    ContentRefusedError,
    DingTalkError,
    IpNotAllowedError,
    KeywordError,
    MessageTooLongError,
    QuotaExhaustedError,
    SignError,
    ThrottledError,
    TokenError,
    UnavailableError,
    UnknownOutcomeError,
    UnsupportedMessageError,
)

SHUT_OUT_SECONDS = 600.0
"""A robot that says more than 20 messages in a minute is shut out for ten (docs 0702 and 0717)."""
IP_BAN_SECONDS = 300.0
"""An address that calls too often is banned for five minutes, with a page or JSON of the gateway (docs 1433)."""


@dataclass(frozen=True)
class Meaning:
    """What a code means and what a person should do about it.

    :param error: the class to raise.
    :param problem: what happened.
    :param advice: what to do, in English and Chinese.
    :param retry_after_seconds: how long to stay silent, in seconds.
    """

    error: type[DingTalkError]
    problem: str
    advice: str
    retry_after_seconds: float | None = None


_SECURITY_ADVICE = (
    "Compare the robot's security settings in DingTalk with the connection's fields. "
    "请核对机器人的安全设置与 Airflow 连接的字段。"
)
_TOKEN = Meaning(
    TokenError,
    "DingTalk doesn't know this access token.",
    "Copy the webhook URL again from the robot's page in the group settings into the connection's password field. "
    "请在群设置的机器人页面重新复制 Webhook 地址，填到连接的 Password 字段。",
)
_ROBOT_GONE = (
    "Add a robot to the group again and put its webhook URL into the connection. "
    "请在群里重新添加机器人，并更新连接中的 Webhook 地址。"
)
_THROTTLED = Meaning(
    ThrottledError,
    "DingTalk has shut the robot out for ten minutes because it said more than 20 messages in a minute.",
    "Send nothing until then; merge messages, or use another robot. 请等待十分钟，合并消息或改用其他机器人。",
    SHUT_OUT_SECONDS,
)
_REFUSED_ADVICE = "Change what the message says; DingTalk's words tell which part. 请按钉钉的提示修改消息内容。"
_OUR_FAULT = "This is a fault of this package: please report it with this text. 这是本软件包的缺陷，请附上此信息反馈。"

_MEANINGS: dict[str, Meaning] = {
    "-1": Meaning(UnavailableError, "DingTalk says that it is busy.", "Try again later. 请稍后重试。"),
    "40035": Meaning(ContentError, "DingTalk says that a parameter is missing or wrong.", _OUR_FAULT),
    "43002": Meaning(ContentError, "DingTalk wants a POST.", f"Does a proxy change the request? {_OUR_FAULT}"),
    "43004": Meaning(ContentError, "DingTalk wants JSON.", f"Does a proxy change the request? {_OUR_FAULT}"),
    "300001": _TOKEN,
    "300005": _TOKEN,
    "400101": _TOKEN,
    "400013": Meaning(TokenError, "The group of this robot was disbanded.", _ROBOT_GONE),
    "400102": Meaning(
        TokenError,
        "The robot is switched off.",
        "Switch it on in the group settings. 请在群设置中启用该机器人。",
    ),
    "400106": Meaning(TokenError, "The robot is no longer in the group.", _ROBOT_GONE),
    "400105": Meaning(
        UnsupportedMessageError,
        "A custom robot can't carry this kind of message.",
        "Use Text, Markdown, Link, ActionCard or FeedCard. 自定义机器人只支持这五种消息。",
    ),
    "410100": _THROTTLED,
    "130101": _THROTTLED,
    "660026": Meaning(
        ThrottledError,
        "DingTalk says that the robot sends too many messages per minute (or that its token is malformed).",
        "Wait ten minutes; if it persists, copy the webhook URL again. 请等待十分钟；若仍出现，请重新复制地址。",
        SHUT_OUT_SECONDS,
    ),
    "430101": Meaning(ContentRefusedError, "DingTalk refused a link as unsafe.", _REFUSED_ADVICE),
    "430102": Meaning(ContentRefusedError, "DingTalk refused the text.", _REFUSED_ADVICE),
    "430103": Meaning(ContentRefusedError, "DingTalk refused a picture.", _REFUSED_ADVICE),
    "430104": Meaning(ContentRefusedError, "DingTalk refused the content.", _REFUSED_ADVICE),
    "460101": Meaning(MessageTooLongError, "The message is longer than DingTalk takes.", "Shorten it. 请缩短消息。"),
    "101002": Meaning(MessageTooLongError, "The message is longer than DingTalk takes.", "Shorten it. 请缩短消息。"),
    "90030": Meaning(
        QuotaExhaustedError,
        "The organisation's monthly allowance of webhook messages is used up.",
        "Ask the DingTalk administrator about the quota. 请联系钉钉管理员处理 Webhook 调用额度。",
    ),
}

_SECURITY: tuple[tuple[tuple[str, ...], Meaning], ...] = (
    (
        ("timestamp", "过期"),
        Meaning(
            SignError,
            "DingTalk says that the signature is out of date.",
            "Set this machine's clock; it may be off by less than an hour. 请校准本机时间。",
        ),
    ),
    (
        ("sign", "签名"),
        Meaning(
            SignError,
            "DingTalk refused the signature.",
            "Copy the whole secret (SEC…) from the robot's security settings into the connection's field 'secret'. "
            "请从机器人安全设置中完整复制以 SEC 开头的密钥，填到连接的 secret 字段。",
        ),
    ),
    (
        ("keyword", "关键词"),
        Meaning(
            KeywordError,
            "The robot takes only messages with one of its keywords.",
            "Put one of them into the connection's extra field 'keyword'. "
            "请把机器人的任一自定义关键词填到连接的 keyword 字段。",
        ),
    ),
    (
        ("whitelist", "白名单", "ip "),
        Meaning(
            IpNotAllowedError,
            "The robot doesn't take messages from this machine's IP address.",
            "Add the address that DingTalk names to the robot's security settings. "
            "请把提示中的 IP 加入机器人的 IP 地址段。",
        ),
    ),
)
_OTHER_SECURITY = Meaning(ConfigurationError, "A security setting of the robot refused the message.", _SECURITY_ADVICE)
_UNKNOWN_CODE = Meaning(
    DingTalkError,
    "DingTalk refused the message with a code unknown to this package.",
    "Look the code up in DingTalk's documentation. 请在钉钉文档中查询该错误码。",
)
_GATEWAY_PAGE = Meaning(
    ThrottledError,
    "A web page came back instead of an answer: DingTalk's gateway bans this address, or a proxy stands between.",
    "Wait ten minutes; if it persists, check the proxy settings. 请等待十分钟；若仍出现，请检查代理设置。",
    SHUT_OUT_SECONDS,
)
_GATEWAY_BAN = Meaning(
    ThrottledError,
    "DingTalk's gateway bans this machine's address for about five minutes because of too many calls.",
    "Wait, and find out which program behind this address calls so often. 请等待五分钟，并排查高频调用。",
    IP_BAN_SECONDS,
)
_PROXY_LOGIN = Meaning(
    ConfigurationError,
    "The proxy wants a name and password (HTTP 407).",
    "Put them into the connection's 'proxy' or into HTTPS_PROXY. 请在连接的 proxy 字段中填写代理的账号密码。",
)
_SILENCES: dict[Silence, tuple[type[DingTalkError], str]] = {
    Silence.UNREACHABLE: (
        UnavailableError,
        "Check that this machine can reach the host, and the proxy settings. 请检查本机网络与代理设置。",
    ),
    Silence.CERTIFICATE: (
        ConfigurationError,
        (
            "Behind a company proxy put the path of its CA file into the connection's extra field 'verify'. "
            "若使用公司代理，请在连接的 verify 字段填写 CA 证书路径。"
        ),
    ),
    Silence.BAD_ADDRESS: (
        ConfigurationError,
        "Correct the connection's host, 'proxy' or 'verify'. 请修改连接的 Host、proxy 或 verify 字段。",
    ),
    Silence.CUT_OFF: (
        UnknownOutcomeError,
        "Look into the group whether it arrived. 请在群里确认消息是否已送达。",
    ),
    Silence.TOO_SLOW: (
        UnknownOutcomeError,
        (
            "Look into the group whether it arrived; raise 'timeout_seconds' if the network is slow. "
            "请在群里确认消息是否已送达；网络较慢时可调大 timeout_seconds。"
        ),
    ),
}
_UNREADABLE_ADVICE = "Look into the group whether it arrived. 请在群里确认消息是否已送达。"


def error_of(reply: Reply | NoReply, *, hide: Iterable[Secret] = ()) -> DingTalkError | None:
    """What went wrong, as an error to raise, or ``None`` if DingTalk took the message.

    Only ``errcode`` 0 in a JSON object is a yes: DingTalk answers HTTP 200 to refusals as well.

    :param hide: what DingTalk's own words must not show, should they ever quote what was sent.
    """
    if isinstance(reply, NoReply):
        kind, advice = _SILENCES[reply.why]
        return kind(f"No answer from DingTalk: {reply.why.value}.", advice)
    answer = _json_object(reply.body)
    if answer is not None and "errcode" in answer:
        return _error_of_answer(answer, hide)
    if answer is not None and "punish" in answer:
        return _raised(_GATEWAY_BAN)
    return _error_of_status(reply)


def _error_of_answer(answer: dict[str, object], hide: Iterable[Secret]) -> DingTalkError | None:
    # The documentation says number, its own sample shows a string.
    code = str(answer["errcode"]).strip()
    if code == "0":
        return None
    errmsg = str(answer.get("errmsg") or "")
    for secret in hide:
        errmsg = errmsg.replace(secret.revealed, "***")
    request_id = answer.get("request_id")
    meaning = _security(errmsg) if code == "310000" else _MEANINGS.get(code)
    if meaning is None:
        meaning = _UNKNOWN_CODE
    return _raised(meaning, errcode=code, errmsg=errmsg, request_id=str(request_id) if request_id else None)


def _error_of_status(reply: Reply) -> DingTalkError:
    if reply.status == 407:
        return _raised(_PROXY_LOGIN)
    if reply.status == 429:
        return _raised(_THROTTLED)
    if reply.status >= 500:
        return UnknownOutcomeError(f"DingTalk answered HTTP {reply.status}.", _UNREADABLE_ADVICE)
    if reply.status != 404 and _is_page(reply):
        return _raised(_GATEWAY_PAGE)
    if reply.status >= 400:
        return ConfigurationError(
            f"The server answered HTTP {reply.status}, which DingTalk doesn't.",
            "Is the connection's host right? 请检查连接的 Host 字段。",
        )
    what = "an empty body" if not reply.body.strip() else "something unreadable"
    return UnknownOutcomeError(f"DingTalk answered HTTP {reply.status} with {what}.", _UNREADABLE_ADVICE)


def _is_page(reply: Reply) -> bool:
    # A redirect leads to one. A 404 with one is a web server's own: the base URL is wrong.
    return 300 <= reply.status < 400 or "html" in reply.content_type.lower() or reply.body.lstrip()[:1] == b"<"


def _security(errmsg: str) -> Meaning:
    words = errmsg.lower()
    for marks, meaning in _SECURITY:
        if any(mark in words for mark in marks):
            return meaning
    return _OTHER_SECURITY


def _raised(
    meaning: Meaning, *, errcode: str | None = None, errmsg: str | None = None, request_id: str | None = None
) -> DingTalkError:
    said = f" (errcode {errcode}: {errmsg})" if errcode else ""
    return meaning.error(
        f"{meaning.problem}{said}",
        meaning.advice,
        errcode=errcode,
        errmsg=errmsg,
        request_id=request_id,
        retry_after_seconds=meaning.retry_after_seconds,
    )


def _json_object(body: bytes) -> dict[str, object] | None:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):  # the latter for thousands of brackets
        return None
    return answer if isinstance(answer, dict) else None
