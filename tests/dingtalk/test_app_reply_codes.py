"""Every answer that DingTalk gives an app, in both generations of its API, has its own typed error."""

from __future__ import annotations

import copy
import json
import pickle
import re
from typing import Any

import pytest

from airflow_provider_dingpush import errors
from airflow_provider_dingpush.dingtalk import app_reply_codes
from airflow_provider_dingpush.dingtalk.app_reply_codes import answer_of
from airflow_provider_dingpush.dingtalk.http_client import NoReply, NoReplyReason, Reply
from airflow_provider_dingpush.dingtalk.secret import Secret
from airflow_provider_dingpush.errors import DingTalkError

SECOND, MINUTE, FIVE_MINUTES, TEN_MINUTES = 1.0, 60.0, 300.0, 600.0


def reply(body: object, status: int = 200, content_type: str = "application/json") -> Reply:
    """What the server answered."""
    return Reply(status, body if isinstance(body, bytes) else json.dumps(body).encode(), content_type)


def error_of(body: object, status: int = 200, **options: Any) -> DingTalkError:
    """The error that an answer means."""
    error = answer_of(reply(body, status), **options)
    assert isinstance(error, DingTalkError)
    return error


# codes -> class, seconds to stay silent; retryable is as in the class
OLD: list[tuple[str, type[DingTalkError], float | None]] = [
    ("40001 40014 42001", errors.TokenError, None),
    ("40089 40096", errors.CredentialsError, None),
    ("33001 40013 50003 50005", errors.ConfigurationError, None),
    ("40056 41011 41020 70003 41028", errors.ConfigurationError, None),
    ("33012 40003 40009 40031 40104 41009 46004 60121", errors.TargetError, None),
    ("50002 50004 81002", errors.TargetError, None),
    ("48002 60011", errors.PermissionMissingError, None),
    ("60020", errors.IpNotAllowedError, None),
    ("22 404", errors.ConfigurationError, None),
    ("40035 400002 41001 43001 43002 43005 43009 41029", errors.ContentError, None),
    ("40004 40005 40006 40007 44001 46001", errors.ContentError, None),
    ("40008", errors.UnsupportedMessageError, None),
    ("40067 44002 44004", errors.ContentError, None),
    ("40048", errors.ContentRefusedError, None),
    ("34016", errors.MessageTooLongError, None),
    ("41052", errors.DingTalkError, None),
    ("-1", errors.UnavailableError, None),
    ("15 isp.top-remote-connection-timeout", errors.UnknownOutcomeError, None),
    ("90002 90018 90019", errors.ThrottledError, SECOND),
    ("41047 41048", errors.ThrottledError, MINUTE),
    ("45009 90001 90003 90009 90014 90017", errors.ThrottledError, FIVE_MINUTES),
    ("90020", errors.QuotaExhaustedError, None),
    ("424242 302033 400402 300001 310000", errors.DingTalkError, MINUTE),
]
V1: list[tuple[int, str, type[DingTalkError], float | None]] = [
    (400, "InvalidAuthentication", errors.TokenError, None),
    (400, "invalidClientIdOrSecret invalid.client", errors.CredentialsError, None),
    (401, "unauthorized.client", errors.CredentialsError, None),
    (400, "AuthenticationFailed.MissingParameter", errors.ContentError, None),
    (400, "invalidParameter.robotCode.empty invalidParameter.robotCode.auth", errors.ConfigurationError, None),
    (400, "invalidParameter.robotCode.invalid invalidParameter.robotCode.notExsit", errors.ConfigurationError, None),
    (400, "invalidParameter.robotCode.coolApp not.allowed.robotCode", errors.ConfigurationError, None),
    (
        400,
        "invalidParameter.userIds.empty invalidParameter.userIds.overMax receivers.exceed",
        errors.ContentError,
        None,
    ),
    (400, "illegal.receivers staffId.notExisted", errors.TargetError, None),
    (400, "robot.oto.notExist chatbotId.notAllow.sendOTO", errors.TargetError, None),
    (400, "invalidParameter.msgKey.invalid invalidParameter.msg.unsupport", errors.UnsupportedMessageError, None),
    (400, "invalidParameter.msgKey.empty invalidParameter.msgParam.invalid", errors.ContentError, None),
    (400, "invalidParameter.msgBody.invalid invalidParameter.param.invalid", errors.ContentError, None),
    (400, "sendMessage.model.notMatch miss.param.title", errors.ContentError, None),
    (400, "invalidParameter.processQueryKeys.overMax", errors.ContentError, None),
    (400, "invalidParameter.msgParam.tooLong", errors.MessageTooLongError, None),
    (400, "miss.openConversationId invalid.openConversationId conversation.org.notMatch", errors.TargetError, None),
    (400, "resource.not.found group.disbanded", errors.TargetError, None),
    (400, "resource.unavailable bot.stopped template.stopped template.not.existed", errors.ConfigurationError, None),
    (400, "send.forbidden bot.forbidden.sendMessage auth.error unauthorized", errors.ConfigurationError, None),
    (400, "only.groupAdmin.canAtAll keywords.not.match sign.not.match", errors.ConfigurationError, None),
    (400, "ip.not.match", errors.IpNotAllowedError, None),
    (403, "Forbidden.AccessDenied.IpNotInWhiteList", errors.IpNotAllowedError, None),
    (403, "Forbidden.AccessDenied.AccessTokenPermissionDenied", errors.PermissionMissingError, None),
    (403, "Forbidden.AccessDenied.SomethingNew", errors.ConfigurationError, None),
    (
        400,
        "contain.unsafe.url contain.notAllowed.text contain.notAllowed.picture contain.notAllowed.content",
        errors.ContentRefusedError,
        None,
    ),
    (400, "send.too.fast send.byToken.tooFast too.many.people too.many.group", errors.ThrottledError, MINUTE),
    (403, "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi", errors.ThrottledError, SECOND),
    (403, "Forbidden.AccessDenied.QpsLimitForApi", errors.ThrottledError, SECOND),
    (403, "Forbidden.AccessDenied.QpsLimitForSuitekeyAndApi", errors.ThrottledError, SECOND),
    (403, "Forbidden.AccessDenied.QpmLimitForAppkeyAndApi", errors.ThrottledError, MINUTE),
    (403, "Forbidden.AccessDenied.ApiCountLimitForOrg", errors.QuotaExhaustedError, None),
    (400, "processQueryKey.expireTime", errors.UnavailableError, 2.0),
    (400, "robot.processQueryKey.expired notRevoke.all.messages", errors.DingTalkError, None),
    (400, "unknown.send.result", errors.UnknownOutcomeError, None),
    (400, "system.busy", errors.UnavailableError, None),
    (429, "system.busy", errors.UnavailableError, None),
    (500, "system.busy system.error unknownError ServiceUnavailable", errors.UnknownOutcomeError, None),
    (503, "something.new", errors.UnknownOutcomeError, None),
    (400, "something.new", errors.DingTalkError, MINUTE),
    (400, "invalid.chatbotId", errors.ConfigurationError, None),
    (400, "miss.staffId", errors.TargetError, None),
    (400, "ding.receivercount.limit", errors.ContentError, None),
    (400, "toomuch.msg todo.taskCreate.flowControlError", errors.ThrottledError, MINUTE),
    (400, "ding.serverquota.insufficient", errors.CreditExhaustedError, None),
    (400, "send.ding.exception recall.ding.exception", errors.DingTalkError, None),
    (500, "send.ding.exception todo.taskCreate.systemError", errors.UnknownOutcomeError, None),
    (400, "todo.taskCreate.systemError todo.taskUpdate.systemError", errors.UnknownOutcomeError, None),
    (400, "todo.taskCreate.lockError", errors.UnavailableError, None),
    (400, "todo.taskCreate.paramError todo.taskUpdate.paramError", errors.ContentError, None),
    (400, "Throttling.User", errors.ThrottledError, MINUTE),
    (400, "isv.missing-parameter:msg", errors.ContentError, None),
]
OLD_CASES = [(code, kind, silent) for codes, kind, silent in OLD for code in codes.split()]
V1_CASES = [(status, code, kind, silent) for status, codes, kind, silent in V1 for code in codes.split()]


def assert_error(error: DingTalkError, kind: type[DingTalkError], code: str, silent_seconds: float | None) -> None:
    """The error is of this class and keeps code, words and id; its advice is in English and Chinese."""
    assert type(error) is kind
    assert (error.errcode, error.errmsg, error.request_id) == (code, "钉钉说", "15r6h7w2ky0s3")
    # What nobody knows the reason of may be over soon.
    retryable = kind.retryable if error.recognised else kind is DingTalkError or kind.retryable
    assert (error.retryable, error.retry_after_seconds) == (retryable, silent_seconds)
    assert f"(errcode {code}: 钉钉说)" in str(error)
    assert re.search(r"[A-Za-z]{3}", error.advice)
    assert re.search(r"[\u4e00-\u9fff]{3}", error.advice)


@pytest.mark.parametrize("shape", ["number", "string", "wrapped"])
@pytest.mark.parametrize(("code", "kind", "silent_seconds"), OLD_CASES)
def test_a_code_of_the_older_api_has_its_error(
    code: str, kind: type[DingTalkError], silent_seconds: float | None, shape: str
) -> None:
    """As number or string, and as the string that topapi hides below 88."""
    number = int(code) if code.lstrip("-").isdigit() and shape == "number" else code
    body = {"errcode": number, "errmsg": "钉钉说", "request_id": "15r6h7w2ky0s3"}
    if shape == "wrapped":
        body |= {"errcode": 88, "sub_code": code, "sub_msg": "钉钉说", "errmsg": "ding talk error[…]"}
    assert_error(error_of(body), kind, code, silent_seconds)


@pytest.mark.parametrize(("status", "code", "kind", "silent_seconds"), V1_CASES)
def test_a_code_of_the_v1_api_has_its_error(
    status: int, code: str, kind: type[DingTalkError], silent_seconds: float | None
) -> None:
    """The code decides, not the status."""
    error = error_of({"code": code, "message": "钉钉说", "requestid": "15r6h7w2ky0s3"}, status)
    assert_error(error, kind, code, silent_seconds)


def test_the_spelling_of_gateways_is_read_as_well() -> None:
    """The official SDK knows it too."""
    error = error_of({"Code": "InvalidAuthentication", "Message": "钉钉说", "RequestId": "15r6h7w2ky0s3"}, 400)
    assert_error(error, errors.TokenError, "InvalidAuthentication", None)


@pytest.mark.parametrize("more", [{}, {"sub_code": ""}, {"sub_code": None}], ids=str)
def test_an_88_without_more_is_a_busy_gateway(more: dict[str, Any]) -> None:
    """It couldn't look the token up in time; nothing was done."""
    error = error_of({"errcode": 88, "errmsg": "auth timeout", **more})
    assert type(error) is errors.UnavailableError
    assert error.errcode == "88"


@pytest.mark.parametrize(
    ("body", "expects"),
    [
        ({"errcode": 0, "task_id": 1}, ("errcode", "task_id")),
        ({"errcode": "0"}, ("errcode",)),
        ({"processQueryKey": "k"}, ("processQueryKey",)),
        ({"processQueryKey": "k"}, ()),
        ({}, ()),
    ],
)
def test_a_yes_comes_back_as_it_is(body: dict[str, Any], expects: tuple[str, ...]) -> None:
    """The answer itself holds what was asked for."""
    assert answer_of(reply(body), expects=expects) == body


PAGE = b"<!DOCTYPE html><html><body>blocked</body></html>"
BAN = {"status": 1111, "wait": 5, "source": "x5", "punish": "deny", "uuid": "xxxxxxxx"}
ANSWERS: dict[str, tuple[Reply | NoReply, type[DingTalkError], float | None]] = {
    "page": (reply(PAGE, content_type="text/html"), errors.UnknownOutcomeError, FIVE_MINUTES),
    "redirect": (reply(b"", 302, ""), errors.ThrottledError, TEN_MINUTES),
    "ban": (reply(BAN), errors.ThrottledError, FIVE_MINUTES),
    "429": (reply(b"", 429), errors.ThrottledError, MINUTE),
    "407": (reply(PAGE, 407, "text/html"), errors.ConfigurationError, None),
    "404": (reply(b"no", 404, "text/plain"), errors.ConfigurationError, None),
    "no code in a 400": (reply({"success": False}, 400), errors.DingTalkError, MINUTE),
    "413 page": (reply(PAGE, 413, "text/html"), errors.DingTalkError, MINUTE),
    "403": (reply(b"no", 403, "text/plain"), errors.ConfigurationError, None),
    "null for what was expected": (reply({"key": None}), errors.UnknownOutcomeError, None),
    "500": (reply(b"Internal Server Error", 500, "text/plain"), errors.UnknownOutcomeError, None),
    "502 page": (reply(PAGE, 502, "text/html"), errors.UnknownOutcomeError, None),
    "504": (reply(b"", 504), errors.UnknownOutcomeError, None),
    "nothing": (reply(b""), errors.UnknownOutcomeError, None),
    "not what was expected": (reply({"success": True}), errors.UnknownOutcomeError, None),
    "list": (reply([{"key": 1}]), errors.UnknownOutcomeError, None),
    "no UTF-8": (reply(b'\xff{"key":0}'), errors.UnknownOutcomeError, None),
    "unreachable": (NoReply(NoReplyReason.UNREACHABLE), errors.UnavailableError, None),
    "cut off": (NoReply(NoReplyReason.CUT_OFF), errors.UnknownOutcomeError, None),
    "too slow": (NoReply(NoReplyReason.TOO_SLOW), errors.UnknownOutcomeError, None),
}


@pytest.mark.parametrize(("answer", "kind", "silent_seconds"), ANSWERS.values(), ids=ANSWERS)
def test_what_is_no_answer_of_dingtalk_has_its_error(
    answer: Reply | NoReply, kind: type[DingTalkError], silent_seconds: float | None
) -> None:
    """As with custom robots."""
    error = answer_of(answer, expects=("key",))
    assert type(error) is kind
    assert isinstance(error, DingTalkError)
    assert (error.errcode, error.retry_after_seconds) == (None, silent_seconds)


@pytest.mark.parametrize(
    ("body", "permissions"),
    [
        (
            {
                "code": "Forbidden.AccessDenied.AccessTokenPermissionDenied",
                "message": "没有调用该接口的权限",
                "accessdenieddetail": {"requiredScopes": ["qyapi_robot_sendmsg", "Card.Instance.Write"]},
            },
            ("qyapi_robot_sendmsg", "Card.Instance.Write"),
        ),
        (
            {
                "errcode": 88,
                "sub_code": "60011",
                "sub_msg": "应用尚未开通所需的权限：[qyapi_get_member_by_mobile,qyapi_get_member]，点击链接申请："
                "https://open-dev.dingtalk.com/appscope/apply?content=ding%23qyapi_get_member_by_mobile",
            },
            ("qyapi_get_member_by_mobile", "qyapi_get_member"),
        ),
        ({"errcode": 60011, "errmsg": "no permission, requiredScopes: Contact.User.Read"}, ("Contact.User.Read",)),
        ({"errcode": 60011, "errmsg": "没有调用该接口的权限"}, ()),
        ({"code": "Forbidden.AccessDenied.AccessTokenPermissionDenied", "accessdenieddetail": "?"}, ()),
    ],
    ids=["v1", "topapi", "words", "not given", "unreadable"],
)
def test_a_missing_permission_is_named(body: dict[str, Any], permissions: tuple[str, ...]) -> None:
    """Wherever DingTalk writes it; and the names survive what workers do to exceptions."""
    error = error_of(body, 403)
    for same in (error, copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301 - our own
        assert type(same) is errors.PermissionMissingError
        assert same.missing_permissions == permissions
        assert all(each in str(same) for each in permissions)


def test_words_that_quote_what_was_sent_show_no_secret() -> None:
    """Neither as it is nor as in a URL; a secret that is empty hides nothing."""
    body = {"errcode": 40014, "errmsg": "no t0k/en+x, no access_token=t0k%2Fen%2Bx, no s3cret"}
    error = error_of(body, hide=[Secret("t0k/en+x"), Secret("s3cret"), Secret("")])
    assert error.errmsg == "no ***, no access_token=***, no ***"
    assert "t0k" not in f"{error}{error!r}{vars(error)}"


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("发送频率过快", errors.ThrottledError),
        ("系统错误", errors.UnavailableError),
        ("parameter missing", errors.ContentError),
        ("缺少参数 title", errors.ContentError),
        ("bad access_token", errors.TokenError),
        ("sign not match", errors.ConfigurationError),
        ("ip 203.0.113.7 不在白名单中", errors.IpNotAllowedError),
        ("unheard of", DingTalkError),
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        {"errcode": 302033},
        {"errcode": None},
        {"errcode": "abc"},
        {"errcode": 88, "sub_code": "77"},
        {"code": "new"},
        {},
    ],
    ids=str,
)
def test_words_show_what_an_unknown_code_may_mean(body: dict[str, Any], words: str, kind: type[DingTalkError]) -> None:
    """A guess, in both generations, and for work notifications; also where there is no code at all."""
    error = error_of({**body, "errmsg" if "code" not in body else "message": words}, expects=("errcode",))
    assert type(error) is kind
    assert not error.recognised
    assert words in str(error)


EDITION = "当前接口仅限钉钉专业版和钉钉专属版客户使用"


@pytest.mark.parametrize(
    ("code", "words", "kind"),
    [
        ("send.ding.exception", f"send.ding.exception {EDITION}", errors.EditionError),
        ("send.ding.exception", "your edition has no DING", errors.EditionError),
        ("Forbidden.AccessDenied.Something", EDITION, errors.EditionError),
        ("unheard.of", EDITION, errors.EditionError),
        ("send.ding.exception", "发送DING权益不足，需充值", errors.CreditExhaustedError),
        ("send.ding.exception", "invoke timed out", errors.UnknownOutcomeError),
        ("send.ding.exception", "HSF 调用超时", errors.UnknownOutcomeError),
        ("Forbidden.AccessDenied.ApiCountLimitForOrg", "额度已用完，请升级专业版", errors.QuotaExhaustedError),
        ("Forbidden.AccessDenied.AccessTokenPermissionDenied", "标准版没有权限", errors.PermissionMissingError),
        ("todo.taskUpdate.paramError", "task not exist", errors.TargetError),
        ("todo.taskUpdate.paramError", "task not belong to bizTag", errors.TargetError),
        ("todo.taskUpdate.paramError%!(EXTRA string=todoUpdateVO is null)", "", errors.TargetError),
        ("todo.taskCreate.paramError", "task exist", DingTalkError),
        ("todo.taskCreate.paramError%!(EXTRA string=task existed sourceId is 3)", "", DingTalkError),
        ("todo.taskCreate.paramError", "subject is oversize", errors.MessageTooLongError),
        ("todo.taskCreate.paramError", "executors is oversize", errors.ContentError),
    ],
)
def test_dingtalks_text_tells_the_meanings_of_a_code_apart(code: str, words: str, kind: type[DingTalkError]) -> None:
    """Of DINGs and to-dos."""
    error = error_of({"code": code, "message": words}, 400)
    assert type(error) is kind
    assert re.search(r"[\u4e00-\u9fff]{3}", error.advice)
    assert re.search(r"[\u4e00-\u9fff]{3}", error.in_language("zh"))
    if kind is DingTalkError:
        assert error.problem.startswith("There is a to-do with this sourceId already.")


def test_tables_name_each_code_once() -> None:
    """A code in both tables would have two meanings."""
    old, new = app_reply_codes._OLD_CODES, app_reply_codes._V1_CODES
    assert not old.keys() & new.keys()
