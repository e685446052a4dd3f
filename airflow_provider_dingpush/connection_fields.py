"""The one table of what a connection's extra may hold: in the form, in the docs, and how each field is read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_dingpush.connection_mentions import read_mentions
from airflow_provider_dingpush.delivery.policy import GROUP_LABELS
from airflow_provider_dingpush.dingtalk.credentials import DEFAULT_API_BASE_URL, DEFAULT_BASE_URL
from airflow_provider_dingpush.dingtalk.http_client import DEFAULT_TIMEOUT_SECONDS
from airflow_provider_dingpush.dingtalk.secret import Secret
from airflow_provider_dingpush.errors import ConnectionSettingsError, InvalidMessageError
from airflow_provider_dingpush.messages.input_text import (
    edges_clean,
    foreign_character,
    narrow,
    one_word,
    visible,
    without_label,
)
from airflow_provider_dingpush.messages.phone_numbers import whole_number

LANGUAGES = ("zh", "en")
STORED_SECRET_PLACEHOLDER = "RATHER_LONG_SENSITIVE_FIELD_PLACEHOLDER"  # noqa: S105 - it stands for none
"""What the connection form of Airflow 2 sends back for a stored secret that nobody has touched."""

_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def _secret(value: Any) -> Secret:
    secret = _identifier(value)
    if secret == STORED_SECRET_PLACEHOLDER:
        raise ValueError("must be the secret itself: a form has put its placeholder in its place")
    return Secret(secret)


def _identifier(value: Any) -> str:
    """A secret or an id: one word of plain characters."""
    text = without_label(one_word(whole_number(value) or value))
    character = foreign_character(text)
    if character is not None:
        raise ValueError(f"must be one word of plain letters, digits and signs, but holds {character}")
    return text


def _keyword(value: Any) -> str:
    # Whatever stands inside may be meant: DingTalk compares the keyword as it is.
    return edges_clean(str(value))


def _agent_id(value: Any) -> str:
    digits = _identifier(value)
    if not digits.isdecimal():
        raise ValueError("must be a number, the app's AgentId (not its AppKey)")
    return digits


def _flag(value: Any) -> bool:
    word = one_word(value).lower()
    if word not in _FLAGS:
        raise ValueError("must be true or false")
    return _FLAGS[word]


def _base_url(value: Any) -> str:
    address = one_word(value).rstrip("/")
    _refuse_foreign_in_url(address)
    if not _has_host(address, ("http", "https")):
        raise ValueError("must be a base URL such as https://dingtalk-gateway.example.com:8443/prefix")
    return address


def _number(value: Any) -> float:
    try:
        return float(one_word(value) if isinstance(value, str) else value)
    except OverflowError:
        return float("inf")


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        number = _number(value)
        if not number.is_integer() or not least <= number <= most:
            raise ValueError(f"must be a whole number from {least:,} to {most:,}")
        return int(number)

    return read


def _seconds(most: float) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        seconds = _number(value)
        if not 0 <= seconds <= most:
            raise ValueError(f"must be 0 to {most:,.0f} (seconds)")
        return seconds

    return read


def _words(value: Any) -> tuple[str, ...]:
    """One word, several with commas, a list, or that as JSON."""
    if isinstance(value, str) and narrow(visible(value)).strip().startswith("["):
        value = json.loads(narrow(visible(value)))
    several = re.split(r"[,;、\n]", narrow(value)) if isinstance(value, str) else value
    if not isinstance(several, (list, tuple)) or not all(isinstance(each, str) for each in several):
        raise ValueError('must be words with commas between them, or a list such as ["a", "b"]')
    return tuple(dict.fromkeys(word for each in several if (word := one_word(each))))


def _group_by(value: Any) -> tuple[str, ...]:
    labels = _words(value)
    if not labels or not set(labels) <= set(GROUP_LABELS):
        raise ValueError(f"must be some of {', '.join(GROUP_LABELS)}")
    return labels


def _timeout(value: Any) -> float:
    seconds = _number(value)
    if not 0 < seconds <= 60:
        raise ValueError("must be more than 0 and at most 60 (seconds)")
    return seconds


def _verify(value: Any) -> bool | str:
    word = edges_clean(str(value))
    return _FLAGS.get(one_word(word).lower(), word)


def _proxy(value: Any) -> str:
    # Its password may hold any sign that is seen.
    proxy = edges_clean(visible(str(value)))
    _refuse_foreign_in_url(proxy.rpartition("@")[2])
    # Reserved characters in a password end the host too early: requests would look a part of the password up.
    if not _has_host(proxy, ("http", "https", "socks5", "socks5h")) or "@" in "".join(urlsplit(proxy)[2:]):
        raise ValueError(
            "must be a URL such as http://proxy.example.com:3128 or http://user:password@proxy.example.com:3128 with a "
            "password that is percent-encoded"
        )
    return proxy


def _has_host(address: str, schemes: Sequence[str]) -> bool:
    """Whether this is a URL of such a scheme, with a host and, if there is one, a port that is a number."""
    try:
        parts = urlsplit(address)
        return parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def read_language(value: Any) -> str:
    """``zh`` or ``en`` from any usual spelling of them.

    :raises ValueError: for another language.
    """
    word = one_word(value).lower().replace("_", "-").partition("-")[0]
    if word not in LANGUAGES:
        raise ValueError("must be zh or en")
    return word


def _refuse_foreign_in_url(address: str) -> None:
    character = foreign_character(address)
    if character is not None:
        raise ValueError(f"must be a URL of plain characters, but holds {character}")


@dataclass(frozen=True)
class FormField:
    """One extra field of the connection: in the form, in the docs, and how it is read.

    :param name: its key in the connection's extra.
    :param label: what the form calls it.
    :param description: what the form says below it.
    :param schema: JSON schema for the form of Airflow 3.2 and later.
    :param read: turns what was filled in (a string, or JSON) into the setting; raises ``ValueError`` with the rule.
    """

    name: str
    label: str
    description: str
    schema: Mapping[str, Any]
    read: Callable[[Any], Any]


@dataclass(frozen=True)
class ConnectionForm:
    """The form of one connection type.

    :param conn_type: the connection's type.
    :param hook_name: what the list of types calls it.
    :param fields: the extra fields, in their order.
    :param behaviour: which standard fields are hidden, and what the others are called.
    """

    conn_type: str
    hook_name: str
    fields: tuple[FormField, ...]
    behaviour: Mapping[str, Any]

    def read(self, extra: Mapping[str, Any], conn_id: str) -> dict[str, Any]:
        """The settings that the extra gives, by the names of their fields.

        :raises ConnectionSettingsError: naming the field and its rule.
        """
        return {each.name: _read(conn_id, each, extra[each.name]) for each in self.fields if _filled(extra, each.name)}

    def ui_behaviour(self) -> dict[str, Any]:
        """A copy of the behaviour, which Airflow changes in place."""
        return {key: value.copy() for key, value in self.behaviour.items()}

    def widgets(self) -> dict[str, Any]:
        """The extra fields for the form of Airflow before 3.2; later ones read provider info."""
        from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
        from flask_babel import lazy_gettext
        from wtforms import PasswordField, StringField
        from wtforms.validators import Optional

        class StoredSecretWidget(BS3PasswordFieldWidget):  # type: ignore[misc,unused-ignore]
            """Shows Airflow 2's placeholder for a stored secret: an empty field would erase it on saving."""

            def __init__(self) -> None:
                super().__init__(hide_value=False)

            def __call__(self, form_field: Any, **attributes: Any) -> Any:
                stored = STORED_SECRET_PLACEHOLDER if form_field.data else ""
                return super().__call__(form_field, **{**attributes, "value": stored})

        def widget(each: FormField) -> Any:
            is_secret = each.schema.get("format") == "password"
            kind, shown = (PasswordField, StoredSecretWidget) if is_secret else (StringField, BS3TextFieldWidget)
            return kind(lazy_gettext(each.label), widget=shown(), validators=[Optional()], description=each.description)

        return {each.name: widget(each) for each in self.fields}


def _filled(extra: Mapping[str, Any], name: str) -> bool:
    value = extra.get(name)
    # Blanks count as nothing: an empty string for "verify" would switch the check of certificates off.
    return bool(edges_clean(value)) if isinstance(value, str) else value not in (None, {})


def _read(conn_id: str, form_field: FormField, value: Any) -> Any:
    try:
        return form_field.read(value)
    except (ValueError, TypeError, ArithmeticError, RecursionError, InvalidMessageError) as error:
        said = str(error)
        rule = said if isinstance(error, InvalidMessageError) or said.startswith("must ") else "can't be read"
    # Out here the error that Python raised isn't kept as context: its text may show the value, and that may be a secret
    # in the wrong field.
    raise ConnectionSettingsError(
        f"The extra field {form_field.name!r} of connection {conn_id!r} is wrong: it {rule}.", form_field.description
    )


_TEXT = {"type": ["string", "null"]}

_ROBOT_ONLY = (
    FormField(
        "secret",
        "Secret 加签密钥",
        "The robot's secret (SEC…), if 'sign' is among its security settings. 机器人安全设置选择“加签”时填写。",
        {**_TEXT, "format": "password"},
        _secret,
    ),
    FormField(
        "keyword",
        "Keyword 关键词",
        "One of the robot's keywords; added to messages that lack it. 自定义关键词之一，消息中没有时自动补上。",
        _TEXT,
        _keyword,
    ),
    FormField(
        "msg_uuid_lifetime_seconds",
        "Repeats known (s) 去重时长",
        "How long DingTalk is counted on to recognise a message sent again (msgUuid), in seconds (default 600). "
        "0: each try of a task sends its message again. 认为钉钉能识别重复消息的秒数；0 表示任务每次重试都重新发送。",
        {"type": ["number", "null"], "minimum": 0, "maximum": 86_400},
        _seconds(86_400),
    ),
)
_MENTIONS = FormField(
    "mentions",
    "Mentions 负责人",
    'Owner -> mobile number or user id, JSON: {"zhangsan": "13800000000"}. 任务 owner 对应的手机号或 userId。',
    {**_TEXT, "format": "multiline"},
    read_mentions,
)
_LANGUAGE = FormField(
    "language",
    "Language 语言",
    "Of built-in alerts: zh or en. 内置告警的语言。",
    {**_TEXT, "enum": list(LANGUAGES)},
    read_language,
)
_HTTP = (
    FormField(
        "timeout_seconds",
        "Timeout (s) 超时",
        f"The most that one request may take, in seconds (default {DEFAULT_TIMEOUT_SECONDS:g}). 单次请求的最长秒数。",
        {"type": ["number", "null"], "exclusiveMinimum": 0, "maximum": 60},
        _timeout,
    ),
    FormField(
        "proxy",
        "Proxy 代理",
        "URL of an HTTP proxy; empty: HTTPS_PROXY and NO_PROXY hold. 留空则使用环境变量。",
        _TEXT,
        _proxy,
    ),
    FormField(
        "verify",
        "Verify TLS 校验证书",
        "true, false, or the path of a CA file; empty: REQUESTS_CA_BUNDLE holds. 证书校验，或 CA 文件路径。",
        _TEXT,
        _verify,
    ),
)
_DELIVERY = (
    FormField(
        "rate_limit_per_minute",
        "Rate limit 每分钟上限",
        "The most messages within any minute (default 18; DingTalk takes 20). 每分钟最多发送条数。",
        {"type": ["integer", "null"], "minimum": 1, "maximum": 1000},
        _whole(1, 1000),
    ),
    FormField(
        "group_by",
        "Group by 分组",
        f"Sections of a digest, some of {', '.join(GROUP_LABELS)} (default dag_id). 汇总消息的分组方式。",
        _TEXT,
        _group_by,
    ),
    FormField(
        "group_interval_seconds",
        "Group interval (s) 合并间隔",
        "After a message, how long further alerts are merged, in seconds (default 10). 发出一条后合并后续告警的秒数。",
        {"type": ["number", "null"], "minimum": 0, "maximum": 3600},
        _seconds(3600),
    ),
    FormField(
        "repeat_interval_seconds",
        "Repeat interval (s) 重复间隔",
        "How long a failure that was told is only counted when it happens again, in seconds (default 0: each is told). "
        "同一任务再次失败时，多少秒内只计数不重复发送。",
        {"type": ["number", "null"], "minimum": 0, "maximum": 604_800},
        _seconds(604_800),
    ),
    FormField(
        "send_resolved",
        "Send resolved 恢复通知",
        "Whether the end of a failure is told (default true). 失败恢复后是否通知。",
        {"type": ["boolean", "string", "null"]},
        _flag,
    ),
    FormField(
        "max_messages_per_day",
        "Daily cap 每日上限",
        "The most messages a day; what comes beyond is merged until the next day. 每日最多条数，超出的合并到次日。",
        {"type": ["integer", "null"], "minimum": 1, "maximum": 1_000_000},
        _whole(1, 1_000_000),
    ),
    FormField(
        "monthly_quota",
        "Monthly quota 每月额度",
        "The organisation's messages a month, for dingpush status (default 3000). 组织每月的调用额度，用于状态显示。",
        {"type": ["integer", "null"], "minimum": 1, "maximum": 100_000_000},
        _whole(1, 100_000_000),
    ),
    FormField(
        "fallback_conn_ids",
        "Fallback robots 备用机器人",
        "Connections of more robots of the same group, with commas; used when this one may not send. "
        "同一群内其他机器人的连接 ID，逗号分隔。",
        _TEXT,
        _words,
    ),
)
_APP_ONLY = (
    FormField(
        "agent_id",
        "Agent ID 应用 AgentId",
        "For work notices: the app's AgentId in the developer console. 发送工作通知时填写，见开发者后台的应用信息。",
        _TEXT,
        _agent_id,
    ),
    FormField(
        "open_conversation_id",
        "Default group 默认群",
        "The group's openConversationId (cid…), for messages without to=. 未写 to= 时发往的群。",
        _TEXT,
        _identifier,
    ),
    FormField(
        "robot_code",
        "Robot code 机器人编码",
        "Empty: the AppKey, which it usually is. 留空即为 AppKey。",
        _TEXT,
        _identifier,
    ),
)
_APP_WAY = (
    FormField(
        "resend_unknown",
        "Resend unknown 未知时重发",
        "true: send again when nobody knows whether a robot's message arrived; it may then come twice (default false). "
        "结果未知时是否重发，可能重复送达。",
        {"type": ["boolean", "null"]},
        _flag,
    ),
    FormField(
        "api_base_url",
        "API base URL 新版接口地址",
        f"Empty: {DEFAULT_API_BASE_URL}. 留空使用默认地址。",
        _TEXT,
        _base_url,
    ),
    FormField(
        "oapi_base_url",
        "OAPI base URL 旧版接口地址",
        f"Empty: {DEFAULT_BASE_URL}. 留空使用默认地址。",
        _TEXT,
        _base_url,
    ),
)

ROBOT_FORM = ConnectionForm(
    conn_type="dingtalk_robot",
    hook_name="DingTalk Robot 钉钉机器人",
    fields=(*_ROBOT_ONLY, _LANGUAGE, _MENTIONS, *_HTTP, *_DELIVERY),
    behaviour={
        "hidden_fields": ["login", "port", "schema"],
        "relabeling": {"password": "Webhook URL or access token", "host": "Base URL (optional)"},
        "placeholders": {
            "password": "https://oapi.dingtalk.com/robot/send?access_token=…",
            "host": DEFAULT_BASE_URL,
        },
    },
)
APP_FORM = ConnectionForm(
    conn_type="dingtalk_app",
    hook_name="DingTalk App 钉钉企业应用",
    fields=(*_APP_ONLY, _LANGUAGE, *_HTTP, *_APP_WAY, *_DELIVERY),
    behaviour={
        "hidden_fields": ["host", "port", "schema"],
        "relabeling": {"login": "AppKey (Client ID)", "password": "AppSecret (Client Secret)"},
        "placeholders": {"login": "dingxxxxxxxxxxxxxxxx"},
    },
)
