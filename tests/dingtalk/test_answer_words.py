"""Words beside a code whose meaning isn't known: what they name, and what they don't."""

from __future__ import annotations

import pytest

from airflow_provider_dingpush.dingtalk.answer_words import Sense, sense_of

MORE = ", more: [https://ding-doc.dingtalk.com/doc#/serverapi2/qf2nxq]"
LINK = "link:请参考本接口对应文档获得具体要求，或者在https://open.dingtalk.com/document/  搜索相关文档;"

WORDS: dict[Sense | None, list[str]] = {
    Sense.THROTTLED: [
        "send too fast, exceed 20 times per minute",
        "sending too many messages per minute",
        "发送速度太快而限流",
        "您的请求过于频繁",
        "您访问的频率过高",
        "request frequency is too high, system busy",
        "Too Many Requests",
        "qps limit of this api",
        "接口调用频率超过限制，请稍后再试",
        "ip 203.0.113.7 calls too frequently",
        "Throttling.User",
        "rate-limit reached",
    ],
    Sense.EXPIRED_SIGNATURE: [
        f"invalid timestamp{MORE}",
        f"description:机器人发送签名过期;solution:签名生成时间和发送时间请保持在一小时以内;{LINK}",
    ],
    Sense.SIGNATURE: [
        f"sign not match{MORE}",
        f"description:机器人发送签名不匹配;solution:请确认签名和生成签名的时间戳必须都放在调用的网址中，请确认机器人的密钥;{LINK}",
        "该机器人启用了加签",
        "invalid Signature",
        "missing parameter: sign",
    ],
    Sense.KEYWORD: [
        f"keywords not in content{MORE}",
        "description:关键词不匹配;solution:请联系群管理员查看此机器人的关键词，并在发送的信息中包含此关键词;",
    ],
    Sense.ADDRESS: [
        f"ip 203.0.113.7 not in whitelist{MORE}",
        f"description:ip 203.0.113.7 不在白名单中;solution:请联系对应群的管理员，设置机器人安全ip地址段;{LINK}",
        "request ip is not allowed",
    ],
    Sense.TOKEN: [
        "token is not exist",
        "access_token不存在",
        "不合法的access_token",
        "缺少参数 access_token",
        "AccessToken expired",
    ],
    Sense.PARAMETER: [
        "parameter missing",
        "参数错误",
        "缺少参数 msgtype",
        "invalidParameter.something.new",
        "miss param: title",
        "系统参数错误",
        f"description:缺少参数;solution:请确认签名，关键词和token;{LINK}",
    ],
    Sense.BUSY: [
        "系统繁忙",
        "System Error",
        "system busy",
        "服务繁忙，请稍后再试",
        "ServiceUnavailable",
        "please try again later",
    ],
    None: [
        "",
        "unheard of",
        "robot is designed otherwise",
        "assigned to nobody",
        "a script or description is shipped",
        "message too long, exceed 20000 bytes",
        "webhook over limit",
        "机器人发送失败",
        "business closed",
        "群已被解散",
    ],
}


@pytest.mark.parametrize(
    ("sense", "words"), [(sense, words) for sense, several in WORDS.items() for words in several], ids=str
)
def test_words_show_what_is_refused(sense: Sense | None, words: str) -> None:
    """As DingTalk writes them, in any case; nothing else is taken for it."""
    assert sense_of(words) is sense
    assert sense_of(words.upper().replace("DESCRIPTION:", "description:")) is sense
