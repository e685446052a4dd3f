"""The meaning of DingTalk's answers to an enterprise app, in both generations of its API.

The older one answers HTTP 200 with ``errcode``, and hides the real code of the gateway in ``sub_code`` below 88; the
v1.0 API answers with an HTTP status and ``code``. The code decides, not the status: rate limits come with 403 and 400.

Codes from DingTalk's documentation (docs 0013, 0033, 0063, 0646, 0714 to 0725, 0769 to 0773 and 1433, read 2026-08-22;
0712, 0713 and 0793 to 0795, read 2026-11-28) and, for undocumented ones, as observed in public reports.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_dingpush.dingtalk.answer_fields import code as code_in
from airflow_provider_dingpush.dingtalk.answer_fields import first_text, is_present, json_object, shortened, text, texts
from airflow_provider_dingpush.dingtalk.answer_words import Sense, sense_of
from airflow_provider_dingpush.dingtalk.answers import (
    IP_BAN_SECONDS,
    Meaning,
    error_of_no_reply,
    error_without_code,
    guess,
    without,
)
from airflow_provider_dingpush.dingtalk.ding_meanings import (
    DING_FAILED,
    EDITION,
    NO_CREDIT,
    NOT_RECALLED,
    TODO_EXISTS,
    TODO_GONE,
)
from airflow_provider_dingpush.dingtalk.http_client import NoReply, Reply
from airflow_provider_dingpush.dingtalk.secret import Secret
from airflow_provider_dingpush.errors import (
    ConfigurationError,
    ContentError,
    ContentRefusedError,
    CredentialsError,
    DingTalkError,
    IpNotAllowedError,
    MessageTooLongError,
    PermissionMissingError,
    QuotaExhaustedError,
    TargetError,
    ThrottledError,
    TokenError,
    UnavailableError,
    UnknownOutcomeError,
    UnsupportedMessageError,
)

_SECOND, _MINUTE = 1.0, 60.0
_OUR_FAULT = "This is a fault of this package: please report it with this text. 这是本软件包的缺陷，请附上此信息反馈。"
_REFUSED_ADVICE = "Change the content; DingTalk's text names the part. 请按钉钉的提示修改消息内容。"
_LOOK = "Check in the chat whether it arrived. 请在会话中确认消息是否已送达。"
_LATER = "Try again later. 请稍后重试。"

_TOKEN = Meaning(
    TokenError,
    "DingTalk refused the app's access token, also a new one.",
    "Check that the connection's 'api_base_url' and 'oapi_base_url' belong to the same environment. "
    "请检查连接的 api_base_url 与 oapi_base_url 是否属于同一环境。",
    problem_zh="钉钉不认可应用的 access token，重新获取后仍不认可。",
)
_CREDENTIALS = Meaning(
    CredentialsError,
    "DingTalk refused the AppKey or the AppSecret.",
    "Copy both again from the app's page in DingTalk's developer console (Credentials: Client ID and Client Secret) "
    "into the connection's login and password. "
    "请在钉钉开发者后台“凭证与基础信息”重新复制 Client ID 与 Client Secret，分别填到连接的 Login 和 Password。",
    problem_zh="AppKey 或 AppSecret 有误。",
)
_ORGANISATION = Meaning(
    ConfigurationError,
    "DingTalk doesn't know the organisation, or it or the app is switched off there.",
    "Ask the DingTalk administrator whether the app is enabled. 请联系钉钉管理员确认应用已启用。",
    problem_zh="钉钉找不到该企业，或企业、应用已停用。",
)
_AGENT_ID = Meaning(
    ConfigurationError,
    "The AgentId is missing, or isn't this app's.",
    "Copy the AgentId of the same app from DingTalk's developer console into the connection's field 'agent_id'. "
    "请在钉钉开发者后台复制同一应用的 AgentId，填到连接的 agent_id 字段。",
    problem_zh="AgentId 缺失，或不属于该应用。",
)
_ROBOT_CODE = Meaning(
    ConfigurationError,
    "The robotCode is missing, unknown, or isn't this app's.",
    "Copy the robotCode of the same app from DingTalk's developer console into the connection's field 'robot_code', "
    "and publish a version of the app. "
    "请在钉钉开发者后台复制同一应用机器人的 robotCode，填到连接的 robot_code 字段，并发布应用版本。",
    problem_zh="robotCode 缺失、不存在，或不属于该应用。",
)
_ROBOT_MISSING = Meaning(
    TargetError,
    "DingTalk finds no such robot: it isn't in the group, or the app's robot isn't published.",
    "Publish a version of the app in the developer console and add its robot to the group. "
    "请在开发者后台发布应用版本，并将其机器人添加到群中。",
    problem_zh="钉钉找不到机器人：不在群里，或应用的机器人未发布。",
)
_ROBOT_OFF = Meaning(
    ConfigurationError,
    "The robot is switched off.",
    "Ask the DingTalk administrator to enable it. 请联系钉钉管理员启用该机器人。",
    problem_zh="机器人已停用。",
)
_GROUP = Meaning(
    TargetError,
    "DingTalk doesn't know this group, or it isn't one of the app's organisation.",
    "Check the openConversationId (cid…): mention the robot in the group and read conversationId in its callback. "
    "请检查 openConversationId：在群里 @机器人，其收到的 conversationId 即是。",
    problem_zh="钉钉找不到这个群，或它不属于该应用的企业。",
)
_GROUP_GONE = Meaning(
    TargetError, "The group was disbanded.", "Use another group. 该群已解散，请改用其他群。", problem_zh="群已解散。"
)
_PEOPLE = Meaning(
    TargetError,
    "DingTalk doesn't know the recipients of the message.",
    "Check the user ids, department ids or mobile numbers: they are those of the app's organisation. "
    "请检查 userId、部门 ID 或手机号是否属于该应用所在的组织。",
    problem_zh="钉钉找不到接收人。",
)
_OUT_OF_SCOPE = Meaning(
    TargetError,
    "The recipients are outside the app's visible scope.",
    "Widen the scope (可见范围) of the app in DingTalk's developer console. 请在钉钉开发者后台扩大应用的可见范围。",
    problem_zh="接收人不在应用的可见范围内。",
)
_NO_PRIVATE_CHAT = Meaning(
    TargetError,
    "The app's robot can't write to these people.",
    "Publish a version of the app with its robot, and put the people into its visible scope. "
    "请发布带机器人的应用版本，并将接收人加入可见范围。",
    problem_zh="应用机器人无法给这些人发消息。",
)
_REFUSING = Meaning(
    TargetError,
    "The recipient has blocked messages.",
    "Ask the person. 接收人已拒收消息，请与其联系。",
    problem_zh="接收人屏蔽了消息。",
)
_TOO_MANY_PEOPLE = Meaning(
    ContentError,
    "DingTalk refuses so many recipients, or none, in one call.",
    _OUR_FAULT,
    problem_zh="没有接收人，或一次的接收人过多。",
)
_EVERYONE = Meaning(
    ConfigurationError,
    "The app may not send to everyone.",
    "Name people or departments, or ask the DingTalk administrator. 请指定人员或部门，或联系钉钉管理员。",
    problem_zh="应用无权发给全员。",
)
_PERMISSION = Meaning(
    PermissionMissingError,
    "The app lacks a permission.",
    "Apply for it in DingTalk's developer console, under Permissions of the app, and publish a version if it asks. "
    "请在钉钉开发者后台的“权限管理”中为该应用申请，并按提示发布版本。",
    problem_zh="应用缺少权限。",
)
_IP = Meaning(
    IpNotAllowedError,
    "The app doesn't accept calls from this machine's IP address.",
    "Add the address that DingTalk names to the app's egress IPs in DingTalk's developer console (Security settings). "
    "请在钉钉开发者后台“安全设置”的服务器出口 IP 中加入提示的地址。",
    problem_zh="本机 IP 不在应用的服务器出口 IP 中。",
)
_POLICY = Meaning(
    ConfigurationError,
    "A setting of the group or of the organisation forbids the robot to send this.",
    "DingTalk's text names it. 请按钉钉的提示检查群或组织的设置。",
    problem_zh="群或企业的设置禁止机器人发送这条消息。",
)
_PARAMETER = Meaning(ContentError, "A parameter is missing or wrong.", _OUR_FAULT, problem_zh="参数缺失或有误。")
_CALL = Meaning(
    ContentError,
    "DingTalk can't read the call.",
    f"Check whether a proxy or gateway changes it. {_OUR_FAULT}",
    problem_zh="钉钉无法解析这次调用。",
)
_CONTENT = Meaning(
    ContentError, "DingTalk doesn't accept the message.", _REFUSED_ADVICE, problem_zh="钉钉不接受这条消息。"
)
_UNSUPPORTED = Meaning(
    UnsupportedMessageError,
    "DingTalk can't carry this kind of message here.",
    "Use another kind, such as Markdown. 请改用其他消息类型，例如 Markdown。",
    problem_zh="此处不支持这类消息。",
)
_TOO_LONG = Meaning(
    MessageTooLongError,
    "The message is longer than DingTalk accepts.",
    "Shorten it. 请缩短消息。",
    problem_zh="消息超过钉钉允许的长度。",
)
_REFUSED = Meaning(
    ContentRefusedError, "DingTalk refused the content.", _REFUSED_ADVICE, problem_zh="钉钉拒收了消息内容。"
)
_UNSAFE_LINK = Meaning(
    ContentRefusedError,
    "DingTalk refused a link as unsafe.",
    _REFUSED_ADVICE,
    problem_zh="钉钉认为链接不安全，拒收消息。",
)
_MEDIA = Meaning(
    ContentError,
    "DingTalk doesn't accept this file: because of its format or size, or it is empty.",
    "Check the file; DingTalk's text names the problem. 请按钉钉的提示检查文件的格式与大小。",
    problem_zh="钉钉不接受这个文件：格式或大小不符，或文件为空。",
)
_MEDIA_ID = Meaning(
    ContentError,
    "DingTalk doesn't know this media_id.",
    "Upload the file through the same app, or pass the file itself. 请用同一应用上传文件，或直接传入文件。",
    problem_zh="钉钉找不到这个 media_id。",
)
_BUSY = Meaning(UnavailableError, "DingTalk is busy.", _LATER, problem_zh="钉钉系统繁忙。")
_UNKNOWN_OUTCOME = Meaning(
    UnknownOutcomeError,
    "DingTalk doesn't know whether the message was delivered.",
    _LOOK,
    problem_zh="钉钉不知道消息是否已送达。",
)
_NOT_READY = Meaning(
    UnavailableError,
    "DingTalk doesn't know the status of the message yet, or no longer (after 24 hours).",
    "Ask again a few seconds later. 请稍后再查询。",
    2.0,
    problem_zh="钉钉还没有，或已不再保留（24 小时后）这条消息的状态。",
)
_TOO_LATE = Meaning(
    DingTalkError,
    "The message is too old for this, or this robot hasn't sent it.",
    "It works within 24 hours, through the app that sent it. 仅限发送后 24 小时内，由同一应用操作。",
    problem_zh="消息发送过久，或不是这个机器人发送的。",
)
_QUOTA = Meaning(
    QuotaExhaustedError,
    "The organisation's monthly quota of API calls is used up.",
    "Ask the DingTalk administrator about the quota. 请联系钉钉管理员处理 API 调用额度。",
    problem_zh="企业本月的 API 调用额度已用完。",
)
_QPS = Meaning(
    ThrottledError,
    "DingTalk receives too many calls per second.",
    "Try again in a moment; spread tasks that run at the same minute. 请稍后重试，并错开同一时刻运行的任务。",
    _SECOND,
    problem_zh="每秒的调用过多。",
)
_QPM = Meaning(
    ThrottledError,
    "DingTalk receives too many messages or calls per minute.",
    "Wait a minute; merge messages. 请等待一分钟，并合并消息。",
    _MINUTE,
    problem_zh="每分钟的消息或调用过多。",
)
_BANNED = Meaning(
    ThrottledError,
    "DingTalk blocks calls for a while because there were too many.",
    "Its text names the time; find out which program calls so often. 请按提示等待，并排查高频调用。",
    IP_BAN_SECONDS,
    problem_zh="调用过多，被钉钉暂时限流。",
)
_WRONG_HOST = Meaning(
    ConfigurationError,
    "DingTalk has no such API at this address.",
    "Check the connection's 'api_base_url' and 'oapi_base_url'. 请检查连接的 api_base_url 与 oapi_base_url。",
    # DingTalk documents neither of these codes.
    recognised=False,
    problem_zh="该地址没有这个钉钉接口。",
)
# The meaning of an unknown code by DingTalk's text.
_SENSES: Mapping[Sense, Meaning] = {
    Sense.THROTTLED: _QPM,
    Sense.BUSY: _BUSY,
    Sense.EXPIRED_SIGNATURE: _POLICY,
    Sense.SIGNATURE: _POLICY,
    Sense.KEYWORD: _POLICY,
    Sense.ADDRESS: _IP,
    Sense.TOKEN: _TOKEN,
    Sense.EDITION: EDITION,
    Sense.PARAMETER: _CONTENT,
}


def _same(meaning: Meaning, codes: str) -> dict[str, Meaning]:
    return dict.fromkeys(codes.split(), meaning)


_OLD_CODES: Mapping[str, Meaning] = {
    **_same(_TOKEN, "40001 40014 42001"),
    **_same(_CREDENTIALS, "40089 40096"),
    **_same(_ORGANISATION, "33001 40013 50003 50005"),
    **_same(_AGENT_ID, "40056 41011 41020 70003"),
    **_same(_PEOPLE, "33012 40003 40009 40031 40104 41009 46004 60121"),
    **_same(_OUT_OF_SCOPE, "50002 50004"),
    **_same(_REFUSING, "81002"),
    **_same(_EVERYONE, "41028"),
    **_same(_TOO_MANY_PEOPLE, "41029"),
    **_same(_PERMISSION, "48002 60011"),
    **_same(_IP, "60020"),
    **_same(_PARAMETER, "40035 400002"),
    **_same(_CALL, "40000 41001 43001 43002 43003 43004 43005 43007 43008 43009"),
    **_same(_WRONG_HOST, "22 404"),
    **_same(_MEDIA, "40004 40005 40006 44001"),
    **_same(_MEDIA_ID, "40007 46001"),
    **_same(_UNSUPPORTED, "40008"),
    **_same(_CONTENT, "40067 44002 44004"),
    **_same(_UNSAFE_LINK, "40048"),
    **_same(_TOO_LONG, "34016"),
    **_same(_TOO_LATE, "41052"),
    # An empty sub_code below 88 is a gateway that couldn't look the token up in time.
    **_same(_BUSY, "-1 88"),
    **_same(_UNKNOWN_OUTCOME, "15 isp.top-remote-connection-timeout"),
    **_same(_QPS, "90002 90018 90019"),
    **_same(_QPM, "41047 41048"),
    **_same(_BANNED, "45009 90001 " + " ".join(str(code) for code in (*range(90003, 90015), 90017))),
    **_same(_QUOTA, "90020"),
}
_V1_CODES: Mapping[str, Meaning] = {
    **_same(_TOKEN, "InvalidAuthentication"),
    **_same(_CREDENTIALS, "invalidClientIdOrSecret invalid.client unauthorized.client"),
    **_same(_CALL, "AuthenticationFailed.MissingParameter"),
    **_same(_ROBOT_CODE, "not.allowed.robotCode invalid.chatbotId"),
    **_same(_ROBOT_MISSING, "resource.not.found"),
    **_same(_ROBOT_OFF, "bot.stopped resource.unavailable template.stopped template.not.existed"),
    **_same(_GROUP, "miss.openConversationId invalid.openConversationId conversation.org.notMatch"),
    **_same(_GROUP_GONE, "group.disbanded"),
    **_same(_PEOPLE, "staffId.notExisted illegal.receivers miss.staffId"),
    **_same(
        _TOO_MANY_PEOPLE,
        "receivers.exceed invalidParameter.userIds.empty invalidParameter.userIds.overMax ding.receivercount.limit",
    ),
    **_same(_NO_PRIVATE_CHAT, "robot.oto.notExist chatbotId.notAllow.sendOTO"),
    **_same(_UNSUPPORTED, "invalidParameter.msgKey.invalid invalidParameter.msg.unsupport"),
    **_same(_CONTENT, "invalidParameter.msgParam.invalid invalidParameter.msgBody.invalid sendMessage.model.notMatch"),
    **_same(_TOO_LONG, "invalidParameter.msgParam.tooLong"),
    **_same(_UNSAFE_LINK, "contain.unsafe.url"),
    **_same(_REFUSED, "contain.notAllowed.text contain.notAllowed.picture contain.notAllowed.content"),
    **_same(_TOO_LATE, "robot.processQueryKey.expired notRevoke.all.messages"),
    **_same(_NOT_READY, "processQueryKey.expireTime"),
    **_same(
        _POLICY,
        "send.forbidden bot.forbidden.sendMessage auth.error unauthorized only.groupAdmin.canAtAll "
        "keywords.not.match sign.not.match",
    ),
    **_same(_IP, "ip.not.match Forbidden.AccessDenied.IpNotInWhiteList"),
    **_same(_PERMISSION, "Forbidden.AccessDenied.AccessTokenPermissionDenied"),
    **_same(_QUOTA, "Forbidden.AccessDenied.ApiCountLimitForOrg"),
    **_same(_BUSY, "system.busy todo.taskCreate.lockError"),
    **_same(_QPM, "toomuch.msg todo.taskCreate.flowControlError"),
    **_same(NO_CREDIT, "ding.serverquota.insufficient"),
    **_same(DING_FAILED, "send.ding.exception"),
    **_same(NOT_RECALLED, "recall.ding.exception"),
    **_same(_UNKNOWN_OUTCOME, "unknown.send.result system.error unknownError"),
}
# Families of codes, for new ones that DingTalk adds; the first match decides.
_V1_FAMILIES: tuple[tuple[str, Meaning], ...] = (
    (r"Qpm", _QPM),
    (r"Qps", _QPS),
    (r"too\.fast|tooFast|too\.many", _QPM),
    (r"CountLimit", _QUOTA),
    (r"^invalidParameter\.robotCode", _ROBOT_CODE),
    (r"^invalidParameter\.|^miss\.param\.", _PARAMETER),
    (r"^contain\.", _REFUSED),
    (r"PermissionDenied", _PERMISSION),
    (r"^Forbidden\.", _POLICY),
    (r"^todo\.task\w+\.systemError", _UNKNOWN_OUTCOME),
    (r"^todo\.task\w+\.paramError", _PARAMETER),
)
# Codes with several meanings, which DingTalk's text tells apart; the first match decides. A to-do's text is sometimes a
# part of its code.
_BY_TEXT: tuple[tuple[str, str, Meaning], ...] = (
    (r"^send\.ding\.exception", r"权益|余额|充值|quota.?insufficient", NO_CREDIT),
    (r"^send\.ding\.exception", r"time.?d?.?out|超时", _UNKNOWN_OUTCOME),
    (r"^todo\.task\w+\.paramError", r"not exist|not belong|is null", TODO_GONE),
    (r"^todo\.taskCreate\.paramError", r"task exist", TODO_EXISTS),
    (r"^todo\.task\w+\.paramError", r"(?:subject|description) is oversize", _TOO_LONG),
)
_MAY_BE_EDITION = (DING_FAILED, _POLICY)
_MOST_PERMISSIONS = 20
_PERMISSION_POINT = re.compile(r"\b(?:qyapi_\w+|[A-Z]\w*(?:\.[A-Z]\w*)*\.(?:Read|Write)(?:\.All)?)\b")


def answer_of(
    reply: Reply | NoReply, *, expects: Iterable[str] = (), hide: Iterable[Secret] = ()
) -> dict[str, Any] | DingTalkError:
    """DingTalk's answer if the call succeeded; otherwise the error to raise.

    :param expects: fields of every answer of success; one without them is unreadable.
    :param hide: secrets to mask in DingTalk's text, in case it quotes what was sent.
    """
    if isinstance(reply, NoReply):
        return error_of_no_reply(reply)
    answer = json_object(reply.body)
    if answer is not None:
        code = _code(answer)
        if code is not None:
            return _error(code, answer, reply.status, hide)
        if reply.status < 300 and "punish" not in answer and all(is_present(answer.get(each)) for each in expects):
            return answer
    return error_without_code(reply, throttled=_QPM, senses=_SENSES, hide=hide)


def _code(answer: Mapping[str, Any]) -> str | None:
    """The code of a refusal; ``None`` if there is none in the answer."""
    if "errcode" in answer:
        # Documented as a number, but a string in the samples.
        code = code_in(answer["errcode"])
        return None if code == "0" else (text(answer.get("sub_code")) if code == "88" else "") or code
    # Gateways and the official SDK use both spellings.
    code = answer.get("code", answer.get("Code"))
    return None if code is None else code_in(code)


def _error(code: str, answer: Mapping[str, Any], status: int, hide: Iterable[Secret]) -> DingTalkError:
    words = without(first_text(answer, "sub_msg", "errmsg", "message", "Message"), hide)
    request_id = first_text(answer, "requestid", "request_id", "RequestId", "requestId")
    error = _meaning(code, status, words).as_error(
        errcode=without(code, hide),
        errmsg=shortened(words),
        request_id=without(shortened(request_id), hide) or None,
    )
    if isinstance(error, PermissionMissingError):
        error.missing_permissions = _permissions(answer, words)
        if error.missing_permissions:
            error.problem = f"The app lacks {', '.join(error.missing_permissions)}: {error.problem}"
            error.problem_zh = f"缺少 {'、'.join(error.missing_permissions)}：{error.problem_zh}"
    return error


def _meaning(code: str, status: int, words: str = "") -> Meaning:
    known = _by_text(code, words) or _OLD_CODES.get(code) or _V1_CODES.get(code)
    if known is None:
        known = next((meaning for marks, meaning in _V1_FAMILIES if re.search(marks, code)), None)
    if known in _MAY_BE_EDITION and sense_of(words) is Sense.EDITION:
        return EDITION
    if status >= 500 and known in (None, _BUSY, DING_FAILED):
        # If the server failed, it is unknown how far it got.
        return _UNKNOWN_OUTCOME
    # The codes of gateways are text, too.
    return known or guess(f"{code} {words}", _SENSES)


def _by_text(code: str, words: str) -> Meaning | None:
    for codes, texts_of_it, meaning in _BY_TEXT:
        if re.search(codes, code) and re.search(texts_of_it, f"{code} {words}", re.IGNORECASE):
            return meaning
    return None


def _permissions(answer: Mapping[str, Any], words: str) -> tuple[str, ...]:
    """The permission points that the app lacks, by the names of DingTalk's console."""
    detail = answer.get("accessdenieddetail")
    scopes = detail.get("requiredScopes") if isinstance(detail, Mapping) else None
    if found := texts(scopes):
        return tuple(shortened(each) for each in found[:_MOST_PERMISSIONS])
    return tuple(dict.fromkeys(_PERMISSION_POINT.findall(words)))[:_MOST_PERMISSIONS]
