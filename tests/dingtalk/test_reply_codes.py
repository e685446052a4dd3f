"""Every answer that DingTalk, its gateway, a proxy or silence can give has its own typed error."""

from __future__ import annotations

import json
import pickle
import re
from typing import Any

import pytest

from airflow_provider_dingpush import errors
from airflow_provider_dingpush.dingtalk.http_client import NoReply, NoReplyReason, Reply
from airflow_provider_dingpush.dingtalk.reply_codes import error_of
from airflow_provider_dingpush.dingtalk.secret import Secret
from airflow_provider_dingpush.errors import DingTalkError

HTML = "text/html; charset=utf-8"
TEN_MINUTES, FIVE_MINUTES, MINUTE = 600.0, 300.0, 60.0

MORE = ", more: [https://ding-doc.dingtalk.com/doc#/serverapi2/qf2nxq]"
LINK = "link:请参考本接口对应文档获得具体要求;"

# errcode, errmsg -> class, retryable, seconds to stay silent
CODES: list[Any] = [
    (-1, "系统繁忙", errors.UnavailableError, True, None),
    (15, "isp.top-remote-connection-timeout", errors.UnknownOutcomeError, True, None),
    (40035, "缺少参数 json", errors.ContentError, False, None),
    (43002, "需要POST请求", errors.ContentError, False, None),
    (43004, "无效的HTTP HEADER Content-Type", errors.ContentError, False, None),
    (300001, "token is not exist", errors.TokenError, False, None),
    (300005, "token is not exist", errors.TokenError, False, None),
    (400013, "群已被解散", errors.TokenError, False, None),
    (400101, "access_token不存在", errors.TokenError, False, None),
    (400102, "机器人已停用", errors.TokenError, False, None),
    (400106, "机器人不存在", errors.TokenError, False, None),
    (400105, "不支持的消息类型", errors.UnsupportedMessageError, False, None),
    (410100, "发送速度太快而限流", errors.ThrottledError, True, TEN_MINUTES),
    (130101, "send too fast, exceed 20 times per minute", errors.ThrottledError, True, TEN_MINUTES),
    (660026, "sending too many messages per minute", errors.ThrottledError, True, TEN_MINUTES),
    (430101, "含有不安全的外链", errors.ContentRefusedError, False, None),
    (430102, "含有不合适的文本", errors.ContentRefusedError, False, None),
    (430103, "含有不合适的图片", errors.ContentRefusedError, False, None),
    (430104, "含有不合适的内容", errors.ContentRefusedError, False, None),
    (460101, "message too long, exceed 20000 bytes", errors.MessageTooLongError, False, None),
    (101002, "message too long, exceed 20000 bytes", errors.MessageTooLongError, False, None),
    (90030, "webhook over limit", errors.QuotaExhaustedError, False, None),
    (40001, "不合法的access_token", errors.TokenError, False, None),
    (40014, "不合法的access_token", errors.TokenError, False, None),
    (41001, "缺少access_token", errors.TokenError, False, None),
    (42001, "access_token超时", errors.TokenError, False, None),
    (40035, "缺少参数 access_token", errors.TokenError, False, None),
    (660026, "token is illegal", errors.TokenError, False, None),
    # One number, several meanings.
    (300001, "session expired", errors.TokenError, False, None),
    (300001, "机器人发送签名不匹配", errors.SignError, False, None),
    (300001, "keywords not in content", errors.KeywordError, False, None),
    (300001, "系统错误", errors.UnavailableError, True, None),
    (300001, "参数错误", errors.ContentError, False, None),
    (310000, "token is not exist", errors.TokenError, False, None),
    (310000, "发送频率过快", errors.ThrottledError, True, TEN_MINUTES),
    # Nobody knows these, and where DingTalk's words don't help either, another try may help.
    (424242, "unheard of", errors.DingTalkError, True, MINUTE),
    (302033, "unheard of", errors.DingTalkError, True, MINUTE),
    (404, "unheard of", errors.DingTalkError, True, MINUTE),
    (88, "", errors.DingTalkError, True, MINUTE),
    (-7, "", errors.DingTalkError, True, MINUTE),
    (400402, "parameter missing", errors.ContentError, False, None),
    (90018, "您的请求过于频繁", errors.ThrottledError, True, TEN_MINUTES),
    (302033, "send too fast", errors.ThrottledError, True, TEN_MINUTES),
    (302033, "系统繁忙", errors.UnavailableError, True, None),
    (302033, "bad token", errors.TokenError, False, None),
    (302033, "ip 203.0.113.7 不在白名单中", errors.IpNotAllowedError, False, None),
    (310000, "something new", errors.ConfigurationError, False, None),
    (310000, "", errors.ConfigurationError, False, None),
    # The wording distinguishes what shares this number: older, then newer.
    *(
        (310000, words, kind, False, None)
        for kind, words in [
            (errors.KeywordError, f"keywords not in content{MORE}"),
            (
                errors.KeywordError,
                "description:关键词不匹配;solution:请联系群管理员查看此机器人的关键词，并在发送的信息中包含此关键词;",
            ),
            (errors.SignError, f"sign not match{MORE}"),
            (
                errors.SignError,
                f"description:机器人发送签名不匹配;solution:请确认签名和生成签名的时间戳必须都放在调用的网址中;{LINK}",
            ),
            (errors.SignError, f"invalid timestamp{MORE}"),
            (
                errors.SignError,
                f"description:机器人发送签名过期;solution:签名生成时间和发送时间请保持在一小时以内;{LINK}",
            ),
            (errors.IpNotAllowedError, f"ip 203.0.113.7 not in whitelist{MORE}"),
            (
                errors.IpNotAllowedError,
                f"description:ip 203.0.113.7 不在白名单中;solution:请设置机器人安全ip地址段;{LINK}",
            ),
        ]
    ),
]


def reply(body: object, status: int = 200, content_type: str = "application/json") -> Reply:
    """What the server answered."""
    return Reply(status, body if isinstance(body, bytes) else json.dumps(body).encode(), content_type)


def assert_advises(error: DingTalkError) -> None:
    """The error explains what to do: in English, and where a person must change something, in Chinese too."""
    assert re.search(r"[A-Za-z]{3}", error.advice)
    assert re.search(r"[\u4e00-\u9fff]{3}", error.advice)
    assert str(error) == f"{error.problem} {error.advice}"


@pytest.mark.parametrize("as_string", [False, True], ids=["number", "string"])
@pytest.mark.parametrize(("code", "words", "kind", "retryable", "silent_seconds"), CODES, ids=str)
def test_a_code_has_its_error(
    code: int,
    words: str,
    kind: type[DingTalkError],
    retryable: bool,
    silent_seconds: float | None,
    as_string: bool,
) -> None:
    """The number decides, as number or string; DingTalk's own words are kept."""
    error = error_of(reply({"errcode": str(code) if as_string else code, "errmsg": words}))
    assert type(error) is kind
    assert error is not None
    assert (error.retryable, error.retry_after_seconds) == (retryable, silent_seconds)
    assert (error.errcode, error.errmsg) == (str(code), words)
    assert f"(errcode {code}: {words})" in error.problem
    if not isinstance(error, errors.UnavailableError):
        assert_advises(error)


@pytest.mark.parametrize("code", [0, "0", " 0 "], ids=repr)
def test_only_errcode_0_is_a_yes(code: object) -> None:
    """As number, or as the string that a sample in the documentation shows, with or without words."""
    assert error_of(reply({"errcode": code, "errmsg": "ok"})) is None
    assert error_of(reply({"errcode": code})) is None


@pytest.mark.parametrize("code", [None, True, False, "", "ok", 0.5, [0], {"a": 0}], ids=repr)
def test_a_code_that_is_none_is_no_yes(code: object) -> None:
    """What merely looks like zero isn't taken for it."""
    error = error_of(reply({"errcode": code, "errmsg": "ok"}))
    assert type(error) is DingTalkError
    assert_advises(error)


@pytest.mark.parametrize("code", [400402, 302033, 90018, 404, 88, -7, None, "abc", "", True, [0], {"a": 0}], ids=repr)
@pytest.mark.parametrize(
    "words", ["", "parameter missing", "unheard of", "send too fast", "token", None, 5, {}], ids=repr
)
def test_what_a_code_that_nobody_knows_means_is_a_guess(code: object, words: object) -> None:
    """Storm control knows by that whether the message or the robot is to blame."""
    error = error_of(reply({"errcode": code, "errmsg": words}))
    assert error is not None
    assert not error.recognised
    assert not pickle.loads(pickle.dumps(error)).recognised  # noqa: S301 - our own
    known = error_of(reply({"errcode": 300005, "errmsg": words}))
    assert known is not None
    assert known.recognised or isinstance(known, errors.ContentError)


@pytest.mark.parametrize("status", [200, 400, 422])
def test_words_without_a_code_are_a_refusal(status: int) -> None:
    error = error_of(reply({"errmsg": "unheard of: t0ken", "success": False}, status), hide=[Secret("t0ken")])
    assert type(error) is DingTalkError
    assert error is not None
    assert (error.recognised, error.retryable, error.errcode) == (False, True, None)
    assert error.errmsg == "unheard of: ***"
    assert "unheard of: ***" in str(error)
    assert isinstance(error_of(reply({"errmsg": "parameter missing"}, status)), errors.ContentError)
    assert isinstance(error_of(reply({"errmsg": "ok"})), errors.UnknownOutcomeError)


@pytest.mark.parametrize(
    "words",
    [
        "description:机器人发送签名过期;",
        "description:机器人发送签名不匹配;solution:…",
        "invalid timestamp",
        "sign not match",
    ],
)
def test_a_robot_that_wants_a_secret_is_recognised(words: str) -> None:
    """Without one, neither the clock nor a mistake in the secret can be to blame."""
    for code in (310000, 300001):
        error = error_of(reply({"errcode": code, "errmsg": words}), signed=False)
        assert isinstance(error, errors.SignError)
        assert "加签" in error.problem
        assert "the connection has no secret" in error.problem
        assert "clock" not in str(error)
        assert "'secret'" in error.advice
        assert_advises(error)


def test_an_expired_signature_advises_to_look_at_the_clock() -> None:
    """Same class as a wrong secret, but another remedy."""
    expired = error_of(reply({"errcode": 310000, "errmsg": "description:机器人发送签名过期;"}))
    wrong = error_of(reply({"errcode": 310000, "errmsg": "sign not match"}))
    assert expired is not None
    assert wrong is not None
    assert "clock" in expired.advice
    assert "SEC" in wrong.advice


BAN = {"status": 1111, "wait": 5, "source": "x5", "punish": "deny", "uuid": "xxxxxxxx"}
PAGE = b"<!DOCTYPE html><html><body>blocked</body></html>"

ANSWERS: dict[str, tuple[Reply | NoReply, type[DingTalkError], bool, float | None]] = {
    "page": (reply(PAGE, content_type=HTML), errors.UnknownOutcomeError, True, FIVE_MINUTES),
    "page without type": (reply(b"\n <html>", content_type=""), errors.UnknownOutcomeError, True, FIVE_MINUTES),
    "empty page": (reply(b"", content_type=HTML), errors.UnknownOutcomeError, True, FIVE_MINUTES),
    "redirect": (reply(b"", 302, "text/html"), errors.ThrottledError, True, TEN_MINUTES),
    "bare redirect": (reply(b"", 301, ""), errors.ThrottledError, True, TEN_MINUTES),
    "403 page": (reply(PAGE, 403, HTML), errors.ThrottledError, True, TEN_MINUTES),
    "502 page": (reply(PAGE, 502, HTML), errors.UnknownOutcomeError, True, None),
    "ban": (reply(BAN), errors.ThrottledError, True, FIVE_MINUTES),
    "ban as page": (reply(BAN, content_type=HTML), errors.ThrottledError, True, FIVE_MINUTES),
    "429": (reply(b"", 429), errors.ThrottledError, True, TEN_MINUTES),
    "407": (reply(PAGE, 407, HTML), errors.ConfigurationError, False, None),
    "400": (reply(b"bad", 400, "text/plain"), DingTalkError, True, MINUTE),
    "413 page": (reply(PAGE, 413, HTML), DingTalkError, True, MINUTE),
    "403": (reply(b"no", 403, "text/plain"), errors.ConfigurationError, False, None),
    "404": (reply(b"not found", 404, "text/plain"), errors.ConfigurationError, False, None),
    "404 page": (reply(PAGE, 404, HTML), errors.ConfigurationError, False, None),
    "500": (reply(b"Internal Server Error", 500, "text/plain"), errors.UnknownOutcomeError, True, None),
    "503": (reply(b"", 503), errors.UnknownOutcomeError, True, None),
    "504": (reply(b"", 504), errors.UnknownOutcomeError, True, None),
    "nothing": (reply(b""), errors.UnknownOutcomeError, True, None),
    "blanks": (reply(b" \r\n"), errors.UnknownOutcomeError, True, None),
    "no errcode": (reply({"success": True}), errors.UnknownOutcomeError, True, None),
    "list": (reply([{"errcode": 0}]), errors.UnknownOutcomeError, True, None),
    "number": (reply(0), errors.UnknownOutcomeError, True, None),
    "null": (reply(None), errors.UnknownOutcomeError, True, None),
    "half a JSON": (reply(b'{"errcode":0'), errors.UnknownOutcomeError, True, None),
    "no UTF-8": (reply(b'\xff\xfe{"errcode":0}'), errors.UnknownOutcomeError, True, None),
    "two JSONs": (reply(b'{"errcode":0}{"errcode":0}'), errors.UnknownOutcomeError, True, None),
    "unreachable": (NoReply(NoReplyReason.UNREACHABLE), errors.UnavailableError, True, None),
    "certificate": (NoReply(NoReplyReason.CERTIFICATE), errors.ConfigurationError, False, None),
    "bad address": (NoReply(NoReplyReason.BAD_ADDRESS), errors.ConfigurationError, False, None),
    "cut off": (NoReply(NoReplyReason.CUT_OFF), errors.UnknownOutcomeError, True, None),
    "too slow": (NoReply(NoReplyReason.TOO_SLOW), errors.UnknownOutcomeError, True, None),
}


@pytest.mark.parametrize(("answer", "kind", "retryable", "silent_seconds"), ANSWERS.values(), ids=ANSWERS)
def test_what_is_no_answer_of_dingtalk_has_its_error(
    answer: Reply | NoReply, kind: type[DingTalkError], retryable: bool, silent_seconds: float | None
) -> None:
    """Pages, silence and unreadable bodies are failures, and each knows whether a retry makes sense."""
    error = error_of(answer)
    assert type(error) is kind
    assert error is not None
    assert (error.retryable, error.retry_after_seconds, error.errcode) == (retryable, silent_seconds, None)
    assert_advises(error)


def test_a_code_beside_an_odd_status_still_counts() -> None:
    """A gateway may change the status, but not DingTalk's answer."""
    assert isinstance(error_of(reply({"errcode": 130101}, 403)), errors.ThrottledError)
    assert error_of(reply({"errcode": 0}, 201, HTML)) is None


def test_a_deeply_nested_answer_is_unreadable() -> None:
    """A body that is made to break the parser is just another unreadable one."""
    assert isinstance(error_of(reply(b"[" * 60_000)), errors.UnknownOutcomeError)


def test_words_that_quote_what_was_sent_show_no_secret() -> None:
    """Token and secret are taken out of DingTalk's words; its id of the call is kept for its support."""
    error = error_of(
        reply({"errcode": 300001, "errmsg": "no token t0ken with SECabc", "request_id": "15r6h7w2ky0s3"}),
        hide=[Secret("t0ken"), Secret("SECabc")],
    )
    assert error is not None
    assert error.errmsg == "no token *** with ***"
    assert "t0ken" not in f"{error}{error!r}{error.__dict__}"
    assert error.request_id == "15r6h7w2ky0s3"
    assert str(error).endswith("[request_id 15r6h7w2ky0s3]")
