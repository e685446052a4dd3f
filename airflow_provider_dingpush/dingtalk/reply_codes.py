"""The meaning of DingTalk's answers to a custom robot.

Codes from DingTalk's documentation of custom robots (docs 0699 and 0717, read 2026-08-22) and, for undocumented ones,
as observed in public reports. The code decides; the text, which has changed over the years, is used only for codes that
are unknown or have several meanings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from airflow_provider_dingpush.dingtalk.answer_fields import code, first_text, json_object, shortened
from airflow_provider_dingpush.dingtalk.answer_words import Sense, sense_of
from airflow_provider_dingpush.dingtalk.answers import (
    Meaning,
    error_of_no_reply,
    error_without_code,
    guess,
    without,
)
from airflow_provider_dingpush.dingtalk.http_client import NoReply, Reply
from airflow_provider_dingpush.dingtalk.secret import Secret
from airflow_provider_dingpush.errors import (
    THROTTLED_SECONDS,
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

_SECURITY_ADVICE = (
    "Compare the robot's security settings in DingTalk with the connection's fields. "
    "请核对机器人的安全设置与 Airflow 连接的字段。"
)
_TOKEN = Meaning(
    TokenError,
    "DingTalk doesn't know this access token.",
    "Copy the webhook URL again from the robot's page in the group settings into the connection's password field. "
    "请在群设置的机器人页面重新复制 Webhook 地址，填到连接的 Password 字段。",
    problem_zh="钉钉不认识这个 access token。",
)
_ROBOT_GONE = (
    "Add a robot to the group again and put its webhook URL into the connection. "
    "请在群里重新添加机器人，并更新连接中的 Webhook 地址。"
)
_THROTTLED = Meaning(
    ThrottledError,
    "DingTalk blocks the robot for ten minutes because it sent more than 20 messages in a minute.",
    "Send nothing until then; merge messages, or use another robot. 请等待十分钟，合并消息或改用其他机器人。",
    THROTTLED_SECONDS,
    problem_zh="机器人一分钟内发送超过 20 条消息，被钉钉限流十分钟。",
)
_REFUSED_ADVICE = "Change the content; DingTalk's text names the part. 请按钉钉的提示修改消息内容。"
_OUR_FAULT = "This is a fault of this package: please report it with this text. 这是本软件包的缺陷，请附上此信息反馈。"

_MEANINGS: dict[str, Meaning] = {
    "-1": Meaning(UnavailableError, "DingTalk is busy.", "Try again later. 请稍后重试。", problem_zh="钉钉系统繁忙。"),
    "15": Meaning(
        UnknownOutcomeError,
        "DingTalk's gateway timed out; the message may have been delivered.",
        "Check in the group whether it arrived. 请在群里确认消息是否已送达。",
        problem_zh="钉钉网关超时，消息可能已送达。",
    ),
    "40035": Meaning(ContentError, "A parameter is missing or wrong.", _OUR_FAULT, problem_zh="参数缺失或有误。"),
    "43002": Meaning(
        ContentError,
        "DingTalk requires a POST.",
        f"Check whether a proxy changes it. {_OUR_FAULT}",
        problem_zh="钉钉要求使用 POST。",
    ),
    "43004": Meaning(
        ContentError,
        "DingTalk requires JSON.",
        f"Check whether a proxy changes it. {_OUR_FAULT}",
        problem_zh="钉钉要求使用 JSON。",
    ),
    "300001": _TOKEN,
    "300005": _TOKEN,
    "400101": _TOKEN,
    # Codes for an app's token; a robot's are about the one in the webhook URL.
    "40001": _TOKEN,
    "40014": _TOKEN,
    "41001": _TOKEN,
    "42001": _TOKEN,
    "400013": Meaning(
        TokenError, "The group of this robot was disbanded.", _ROBOT_GONE, problem_zh="机器人所在的群已解散。"
    ),
    "400102": Meaning(
        TokenError,
        "The robot is switched off.",
        "Switch it on in the group settings. 请在群设置中启用该机器人。",
        problem_zh="机器人已停用。",
    ),
    "400106": Meaning(TokenError, "The robot is no longer in the group.", _ROBOT_GONE, problem_zh="机器人已不在群里。"),
    "400105": Meaning(
        UnsupportedMessageError,
        "A custom robot can't carry this kind of message.",
        "Use Text, Markdown, Link, ActionCard or FeedCard. 自定义机器人只支持这五种消息。",
        problem_zh="自定义机器人不支持这类消息。",
    ),
    "410100": _THROTTLED,
    "130101": _THROTTLED,
    "660026": Meaning(
        ThrottledError,
        "The robot sends too many messages per minute (or its token is malformed).",
        "Wait ten minutes; if this persists, copy the webhook URL again. 请等待十分钟；若仍出现，请重新复制地址。",
        THROTTLED_SECONDS,
        problem_zh="机器人每分钟发送的消息过多（或 token 格式有误）。",
    ),
    "430101": Meaning(
        ContentRefusedError,
        "DingTalk refused a link as unsafe.",
        _REFUSED_ADVICE,
        problem_zh="钉钉认为链接不安全，拒收消息。",
    ),
    "430102": Meaning(
        ContentRefusedError, "DingTalk refused the text.", _REFUSED_ADVICE, problem_zh="钉钉拒收了文字。"
    ),
    "430103": Meaning(
        ContentRefusedError, "DingTalk refused an image.", _REFUSED_ADVICE, problem_zh="钉钉拒收了图片。"
    ),
    "430104": Meaning(
        ContentRefusedError, "DingTalk refused the content.", _REFUSED_ADVICE, problem_zh="钉钉拒收了消息内容。"
    ),
    "460101": Meaning(
        MessageTooLongError,
        "The message is longer than DingTalk accepts.",
        "Shorten it. 请缩短消息。",
        problem_zh="消息超过钉钉允许的长度。",
    ),
    "101002": Meaning(
        MessageTooLongError,
        "The message is longer than DingTalk accepts.",
        "Shorten it. 请缩短消息。",
        problem_zh="消息超过钉钉允许的长度。",
    ),
    "90030": Meaning(
        QuotaExhaustedError,
        "The organisation's monthly quota of webhook messages is used up.",
        "Ask the DingTalk administrator about the quota. 请联系钉钉管理员处理 Webhook 调用额度。",
        problem_zh="企业本月的 Webhook 消息额度已用完。",
    ),
}

_SECURITY: Mapping[Sense, Meaning] = {
    Sense.EXPIRED_SIGNATURE: Meaning(
        SignError,
        "The signature is out of date.",
        "Set this machine's clock; it may be off by less than an hour. 请校准本机时间。",
        problem_zh="签名已过期。",
    ),
    Sense.SIGNATURE: Meaning(
        SignError,
        "DingTalk refused the signature.",
        "Copy the whole secret (SEC…) from the robot's security settings into the connection's field 'secret'. "
        "请从机器人安全设置中完整复制以 SEC 开头的密钥，填到连接的 secret 字段。",
        problem_zh="签名错误。",
    ),
    Sense.KEYWORD: Meaning(
        KeywordError,
        "The robot accepts only messages with one of its keywords.",
        "Put one of them into the connection's extra field 'keyword'. "
        "请把机器人的任一自定义关键词填到连接的 keyword 字段。",
        problem_zh="消息中没有机器人的关键词。",
    ),
    Sense.ADDRESS: Meaning(
        IpNotAllowedError,
        "The robot doesn't accept messages from this machine's IP address.",
        "Add the address that DingTalk names to the robot's security settings. "
        "请把提示中的 IP 加入机器人的 IP 地址段。",
        problem_zh="本机 IP 不在机器人允许的范围内。",
    ),
}
_SECRET_MISSING = Meaning(
    SignError,
    "This robot requires a signature (加签), and the connection has no secret.",
    "Copy the whole secret (SEC…) from the robot's security settings into the connection's field 'secret'. "
    "该机器人启用了“加签”，而连接没有密钥：请从机器人安全设置中完整复制以 SEC 开头的密钥，填到连接的 secret 字段。",
    problem_zh="机器人要求加签。",
)
_OTHER_SECURITY = Meaning(
    ConfigurationError,
    "A security setting of the robot refused the message.",
    _SECURITY_ADVICE,
    problem_zh="机器人的安全设置拒绝了消息。",
)
_PARAMETER = _MEANINGS["40035"]
_SENSES: Mapping[Sense, Meaning] = {
    **_SECURITY,
    Sense.TOKEN: _TOKEN,
    Sense.PARAMETER: Meaning(
        ContentError,
        "A parameter is missing or wrong.",
        "DingTalk's text names it; if it isn't one of yours, please report it with this text. "
        "请按钉钉的提示检查参数；若非您填写的内容，请附上此信息反馈。",
        recognised=False,
        problem_zh="参数缺失或有误。",
    ),
    Sense.THROTTLED: Meaning(
        ThrottledError,
        "The robot sends too many messages.",
        "Send nothing for ten minutes; merge messages, or use another robot. 请等待十分钟，合并消息或改用其他机器人。",
        THROTTLED_SECONDS,
        problem_zh="机器人发送的消息过多。",
    ),
    Sense.BUSY: _MEANINGS["-1"],
}
# Codes with several meanings, and the meaning if the text is unclear.
_SEVERAL: Mapping[str, tuple[Mapping[Sense, Meaning], Meaning]] = {
    "310000": (_SENSES, _OTHER_SECURITY),
    "300001": (_SENSES, _TOKEN),
    "300005": (_SENSES, _TOKEN),
    "40035": ({Sense.TOKEN: _TOKEN, **_SECURITY}, _PARAMETER),
    "660026": ({Sense.TOKEN: _TOKEN}, _MEANINGS["660026"]),
}


def error_of(reply: Reply | NoReply, *, signed: bool = True, hide: Iterable[Secret] = ()) -> DingTalkError | None:
    """The error to raise, or ``None`` if DingTalk accepted the message.

    Only ``errcode`` 0 in a JSON object means success: DingTalk answers HTTP 200 to refusals as well.

    :param signed: whether the message was signed; if not, neither the clock nor a wrong secret is the cause.
    :param hide: secrets to mask in DingTalk's text, in case it quotes what was sent.
    """
    if isinstance(reply, NoReply):
        return error_of_no_reply(reply)
    answer = json_object(reply.body)
    if answer is None or "errcode" not in answer:
        return error_without_code(reply, throttled=_THROTTLED, senses=_SENSES, hide=hide)
    # Documented as a number, but a string in the sample.
    errcode = without(code(answer["errcode"]), hide)
    if errcode == "0":
        return None
    errmsg = without(first_text(answer, "errmsg", "sub_msg", "message"), hide)
    meaning = _meaning(errcode, errmsg)
    if meaning.error is SignError and not signed:
        meaning = _SECRET_MISSING
    request_id = without(shortened(first_text(answer, "request_id")), hide)
    return meaning.as_error(errcode=errcode, errmsg=shortened(errmsg), request_id=request_id or None)


def _meaning(errcode: str, errmsg: str) -> Meaning:
    if errcode in _SEVERAL:
        senses, usual = _SEVERAL[errcode]
        sense = sense_of(errmsg)
        return senses.get(sense, usual) if sense else usual
    return _MEANINGS.get(errcode) or guess(errmsg, _SENSES)
