"""The meaning of DingTalk's error text, for codes that are unknown or have several meanings."""

from __future__ import annotations

import re
from enum import Enum


class Sense(Enum):
    """What the text of a refusal is about."""

    THROTTLED = "too many messages or calls"
    BUSY = "the system"
    EXPIRED_SIGNATURE = "the time of the signature"
    SIGNATURE = "the signature"
    KEYWORD = "the robot's keywords"
    ADDRESS = "this machine's IP address"
    TOKEN = "the access token"  # noqa: S105 - what it is about, no secret
    PARAMETER = "a parameter of the message"
    EDITION = "the edition that the organisation uses"


# The first match decides. English words count only as whole words: "design" is no sign, "script" no IP.
# Compiled when they are needed, which is after a refusal.
_SENSES = {
    Sense.THROTTLED: (
        r"too[\s._-]*(?:fast|many|frequent|often)|frequen(?:cy|t)|throttl|rate[\s._-]*limit|times per\b|\bqp[sm]|"
        "频率|频繁|限流|流控|太快|过快|次数超"
    ),
    Sense.EXPIRED_SIGNATURE: "timestamp|签名[^;；]*过期|时间戳[^;；]*(?:过期|无效|错误|不合法)",
    Sense.SIGNATURE: "(?<![a-z])sign(?:ature|ing|ed)?(?![a-z])|签名|加签",
    Sense.KEYWORD: "keyword|关键词|关键字",
    Sense.ADDRESS: r"(?<![a-z])ip(?![a-z])|white[\s_-]*list|白名单",
    Sense.TOKEN: "token|令牌|session[^;]*expired",
    Sense.EDITION: "专业版|专属版|旗舰版|标准版|版本[^;；]{0,9}(?:不支持|过低|升级)|(?<![a-z])edition(?![a-z])",
    Sense.PARAMETER: "param|参数",
    Sense.BUSY: "(?<![a-z])busy(?![a-z])|system|service *unavailable|try (?:again )?later|系统|繁忙|稍后",
}
# The newer answers of robots: "description:…;solution:…;link:…". A solution also mentions other problems.
_DESCRIPTION = r"description:([^;；]*)"


def sense_of(words: str) -> Sense | None:
    """What the text of a refusal is about; ``None`` if that is unclear."""
    description = re.search(_DESCRIPTION, words)
    found = description.group(1) if description and description.group(1).strip() else words
    return next((sense for sense, pattern in _SENSES.items() if re.search(pattern, found, re.IGNORECASE)), None)
