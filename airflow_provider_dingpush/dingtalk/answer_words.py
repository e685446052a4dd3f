"""What DingTalk's words mean where its number doesn't tell: a code that is unknown, or one with several meanings."""

from __future__ import annotations

import re
from enum import Enum


class Sense(Enum):
    """What the words of a refusal speak of."""

    THROTTLED = "too many messages or calls"
    BUSY = "the system"
    EXPIRED_SIGNATURE = "the time of the signature"
    SIGNATURE = "the signature"
    KEYWORD = "the robot's keywords"
    ADDRESS = "this machine's IP address"
    TOKEN = "the access token"  # noqa: S105 - what it is about, no secret
    PARAMETER = "a parameter of the message"


# The first that matches decides. English words don't count as parts of others: "design" is no sign, "script" no IP.
_SENSES = {
    Sense.THROTTLED: re.compile(
        r"too[\s._-]*(?:fast|many|frequent|often)|frequen(?:cy|t)|throttl|rate[\s._-]*limit|times per\b|\bqp[sm]|"
        "频率|频繁|限流|流控|太快|过快|次数超",
        re.IGNORECASE,
    ),
    Sense.EXPIRED_SIGNATURE: re.compile(
        "timestamp|签名[^;；]*过期|时间戳[^;；]*(?:过期|无效|错误|不合法)", re.IGNORECASE
    ),
    Sense.SIGNATURE: re.compile("(?<![a-z])sign(?:ature|ing|ed)?(?![a-z])|签名|加签", re.IGNORECASE),
    Sense.KEYWORD: re.compile("keyword|关键词|关键字", re.IGNORECASE),
    Sense.ADDRESS: re.compile(r"(?<![a-z])ip(?![a-z])|white[\s_-]*list|白名单", re.IGNORECASE),
    Sense.TOKEN: re.compile("token|令牌|session[^;]*expired", re.IGNORECASE),
    Sense.PARAMETER: re.compile("param|参数", re.IGNORECASE),
    Sense.BUSY: re.compile(
        "(?<![a-z])busy(?![a-z])|system|service *unavailable|try (?:again )?later|系统|繁忙|稍后", re.IGNORECASE
    ),
}
# The newer answers of robots: "description:…;solution:…;link:…". A solution names what has nothing to do with it.
_DESCRIPTION = re.compile(r"description:([^;；]*)")


def sense_of(words: str) -> Sense | None:
    """What the words of a refusal speak of; ``None`` if that can't be told."""
    description = _DESCRIPTION.search(words)
    found = description.group(1) if description and description.group(1).strip() else words
    return next((sense for sense, pattern in _SENSES.items() if pattern.search(found)), None)
