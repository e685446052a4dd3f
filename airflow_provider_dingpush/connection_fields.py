"""The one table of a connection's extra fields: their form labels and help, and how each is read.

A new option is one row here and the field of the same name in the settings value that it fills:
:class:`~.delivery.policy.DeliveryPolicy`, :class:`~.dingtalk.http_client.HttpOptions`, the robot, the app, or the
settings of their connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from airflow_provider_dingpush import connection_values as kinds
from airflow_provider_dingpush.connection_values import ValueKind
from airflow_provider_dingpush.delivery.policy import GROUP_LABELS, DeliveryPolicy
from airflow_provider_dingpush.dingtalk.defaults import DEFAULT_API_BASE_URL, DEFAULT_BASE_URL, DEFAULT_TIMEOUT_SECONDS
from airflow_provider_dingpush.errors import ConnectionSettingsError, InvalidMessageError
from airflow_provider_dingpush.messages.input_text import edges_clean

_ROBOT, _APP = "dingtalk_robot", "dingtalk_app"


class FormField(NamedTuple):
    """One extra field of a connection.

    :param name: its key in the connection's extra.
    :param label: its label in the form, in English; ``label_zh`` in Chinese.
    :param help: the help below it, which is also the advice for a wrong value, in English; ``help_zh`` in Chinese.
    :param kind: how it is read, and its JSON schema.
    :param conn_types: the connection types that have it.
    """

    name: str
    label: str
    label_zh: str
    help: str
    help_zh: str
    kind: ValueKind
    conn_types: tuple[str, ...] = (_ROBOT, _APP)

    @property
    def shown_label(self) -> str:
        """The label, in both languages."""
        return f"{self.label} · {self.label_zh}"

    @property
    def description(self) -> str:
        """The help, in both languages."""
        return f"{self.help} {self.help_zh}"


class ConnectionForm(NamedTuple):
    """The form of one connection type.

    :param conn_type: the connection's type.
    :param hook_name: its name in the list of types.
    :param behaviour: which standard fields are hidden, and the labels of the others.
    """

    conn_type: str
    hook_name: str
    behaviour: Mapping[str, Any]

    @property
    def fields(self) -> tuple[FormField, ...]:
        """The extra fields, in their order."""
        return tuple(each for each in FIELDS if self.conn_type in each.conn_types)

    def read(self, extra: Mapping[str, Any], conn_id: str) -> dict[str, Any]:
        """The settings in the extra, by the names of their fields.

        :raises ConnectionSettingsError: naming the field and its rule.
        """
        return {each.name: _read(conn_id, each, extra[each.name]) for each in self.fields if _filled(extra, each.name)}

    def ui_behaviour(self) -> dict[str, Any]:
        """A copy of the behaviour, which Airflow changes in place."""
        return {key: value.copy() for key, value in self.behaviour.items()}

    def widgets(self) -> dict[str, Any]:
        """The extra fields for the form of Airflow before 3.2; later ones read provider info."""
        from airflow_provider_dingpush.connection_widgets import widget_of

        return {each.name: widget_of(each.shown_label, each.description, each.kind.schema) for each in self.fields}


def _filled(extra: Mapping[str, Any], name: str) -> bool:
    value = extra.get(name)
    # Blanks count as empty: an empty string for "verify" would switch the check of certificates off.
    return bool(edges_clean(value)) if isinstance(value, str) else value not in (None, {})


def _read(conn_id: str, form_field: FormField, value: Any) -> Any:
    try:
        return form_field.kind.read(value)
    except (ValueError, TypeError, ArithmeticError, RecursionError, InvalidMessageError) as error:
        text = str(error)
        rule = text if isinstance(error, InvalidMessageError) or text.startswith("must ") else "can't be read"
    # Outside of the handler, so that the caught error isn't kept as context: its text may show the value, which may be
    # a secret in the wrong field.
    raise ConnectionSettingsError(
        f"The extra field {form_field.name!r} of connection {conn_id!r} is wrong: it {rule}.",
        form_field.description,
        problem_zh=f"连接 {conn_id!r} 的附加字段 {form_field.name!r} 有误（{rule}）。",
    )


FIELDS = (
    FormField(
        "secret",
        "Secret",
        "加签密钥",
        "The robot's secret (SEC…), if 'sign' is among its security settings.",
        "机器人安全设置选择“加签”时填写，以 SEC 开头。",
        kinds.SECRET,
        (_ROBOT,),
    ),
    FormField(
        "agent_id",
        "Agent ID",
        "AgentId",
        "For work notifications: the app's AgentId in the developer console.",
        "发送工作通知时填写，见开发者后台的应用信息。",
        kinds.AGENT_ID,
        (_APP,),
    ),
    FormField(
        "open_conversation_id",
        "Default group",
        "默认群",
        "The group's openConversationId (cid…), for messages without to=.",
        "未指定 to= 时，消息发到此群（openConversationId，以 cid 开头）。",
        kinds.IDENTIFIER,
        (_APP,),
    ),
    FormField(
        "keyword",
        "Keyword",
        "关键词",
        "One of the robot's keywords; added to messages that lack it.",
        "机器人的任一自定义关键词，消息中没有时自动补上。",
        kinds.KEYWORD,
        (_ROBOT,),
    ),
    FormField(
        "mentions",
        "Mentions",
        "@ 负责人",
        'Who is mentioned for which task owner, as JSON: {"zhangsan": "13800000000"} (mobile number or user id).',
        "任务 owner 对应的手机号或 userId，用 JSON 填写。",
        kinds.MENTIONS,
        (_ROBOT,),
    ),
    FormField(
        "robot_code",
        "Robot code",
        "机器人编码",
        "Leave empty to use the AppKey (right for most apps).",
        "留空即使用 AppKey，适用于大多数应用。",
        kinds.IDENTIFIER,
        (_APP,),
    ),
    FormField(
        "language",
        "Language",
        "语言",
        "Language of built-in alerts: zh or en; empty: [dingpush] language, or else zh.",
        "内置告警的语言；留空则使用 [dingpush] language，再没有则为中文。",
        kinds.LANGUAGE,
    ),
    FormField(
        "send_resolved",
        "Report recoveries",
        "恢复通知",
        "Send a message when a failed task recovers (default true).",
        "失败的任务恢复后发送通知，默认开启。",
        kinds.FLAG_ON_BY_DEFAULT,
    ),
    FormField(
        "repeat_interval_seconds",
        "Repeat interval (s)",
        "重复间隔（秒）",
        "Report a repeated failure at most once in this many seconds (0: always).",
        "同一任务再次失败时，多少秒内只计数、不重复发送（0：每次都发）。",
        kinds.seconds_up_to(604_800),
    ),
    FormField(
        "fallback_conn_ids",
        "Fallback robots",
        "备用机器人",
        "Connections of other robots of the same group, separated by commas; used while this one can't send.",
        "同一群内其他机器人的连接 ID，逗号分隔；此机器人无法发送时使用。",
        kinds.WORDS,
        (_ROBOT,),
    ),
    FormField(
        "fallback_conn_ids",
        "Fallback connections",
        "备用连接",
        "Connections that reach the same group, separated by commas; used while this one can't send.",
        "能发到同一个群的其他连接 ID，逗号分隔；此应用无法发送时使用。",
        kinds.WORDS,
        (_APP,),
    ),
    FormField(
        "group_by",
        "Group by",
        "分组",
        f"Sections of a digest, some of {', '.join(GROUP_LABELS)} (default {', '.join(DeliveryPolicy.group_by)}).",
        "汇总消息的分组方式。",
        kinds.GROUPING,
    ),
    FormField(
        "log_tail",
        "Log lines",
        "日志行数",
        "How many of its last log lines an alert shows if a command failed (Bash, Spark, dbt, …), 0 to 8 "
        f"(default {DeliveryPolicy.log_tail}; 0: none).",
        "命令类任务（Bash、Spark、dbt 等）失败时，告警中显示日志最后几行，0–8；0 表示不显示。",
        kinds.whole_number_between(0, 8),
    ),
    FormField(
        "group_interval_seconds",
        "Group interval (s)",
        "合并间隔（秒）",
        "After a message, how long further alerts are merged, in seconds "
        f"(default {DeliveryPolicy.group_interval_seconds:g}).",
        "发出一条消息后，在多少秒内合并后续告警。",
        kinds.seconds_up_to(3600),
    ),
    FormField(
        "rate_limit_per_minute",
        "Rate limit (per minute)",
        "每分钟上限",
        f"Maximum messages in any minute (default {DeliveryPolicy.rate_limit_per_minute}; DingTalk blocks a robot that "
        "sends more than 20).",
        "任意一分钟内最多发送的消息条数；机器人超过 20 条会被钉钉限流。",
        kinds.whole_number_between(1, 1000),
        (_ROBOT,),
    ),
    FormField(
        "rate_limit_per_minute",
        "Rate limit (per minute)",
        "每分钟上限",
        "Maximum messages to one group or to the same people in any minute "
        f"(default {DeliveryPolicy.rate_limit_per_minute}).",
        "任意一分钟内，发往同一个群或同一批人的消息最多条数。",
        kinds.whole_number_between(1, 1000),
        (_APP,),
    ),
    FormField(
        "max_messages_per_day",
        "Daily limit",
        "每日上限",
        "Maximum messages a day; further alerts are merged until the next day (default: no limit).",
        "每日最多发送的消息条数；超出后，告警合并到次日发送；默认不限。",
        kinds.whole_number_between(1, 1_000_000),
    ),
    FormField(
        "monthly_quota",
        "Monthly quota",
        "每月额度",
        f"The organisation's messages a month, shown by dingpush status (default {DeliveryPolicy.monthly_quota}).",
        "组织每月的消息额度，仅用于 dingpush status 显示。",
        kinds.whole_number_between(1, 100_000_000),
    ),
    FormField(
        "resend_unknown",
        "Resend if unknown",
        "结果不明时重发",
        "Send again if it is unknown whether a robot's message arrived; it may then arrive twice (default false).",
        "发送结果不明时重发，可能重复送达；默认关闭。",
        kinds.FLAG,
        (_APP,),
    ),
    FormField(
        "ding_voice",
        "DING voice",
        "DING 语音",
        "Voice of phone calls, such as Standard_Male_Voice; empty: Standard_Female_Voice.",
        "电话 DING 的音色，例如 Standard_Male_Voice；留空为标准女声。",
        kinds.DING_VOICE,
        (_APP,),
    ),
    FormField(
        "ding_max_characters",
        "DING length",
        "DING 长度",
        "Cut a DING after this many characters (default: never; DingTalk documents no limit).",
        "DING 超过多少字时截断；默认不截断（钉钉未公布上限）。",
        kinds.whole_number_between(10, 10_000),
        (_APP,),
    ),
    FormField(
        "todo_creator",
        "To-do creator",
        "待办创建人",
        "User id in whose name to-dos are created; empty: the first person of each to-do.",
        "以谁的名义创建待办（userId）；留空则为每条待办的第一个执行人。",
        kinds.IDENTIFIER,
        (_APP,),
    ),
    FormField(
        "msg_uuid_lifetime_seconds",
        "Deduplication time (s)",
        "去重时长（秒）",
        "How long DingTalk is expected to recognise a message that is sent again (msgUuid), in seconds (default "
        f"{DeliveryPolicy.msg_uuid_lifetime_seconds:g}). 0: each try of a task sends its message again.",
        "预计钉钉在多少秒内能识别重复消息；0 表示任务每次重试都重新发送。",
        kinds.seconds_up_to(86_400),
        (_ROBOT,),
    ),
    FormField(
        "timeout_seconds",
        "Timeout (s)",
        "超时（秒）",
        f"Timeout of one request, in seconds (default {DEFAULT_TIMEOUT_SECONDS:g}).",
        "单次请求的超时时间，单位为秒。",
        kinds.TIMEOUT,
    ),
    FormField(
        "proxy",
        "Proxy",
        "代理",
        "URL of an HTTP proxy, such as http://proxy.example.com:3128; empty: use HTTPS_PROXY and NO_PROXY.",
        "HTTP 代理的 URL；留空则使用 HTTPS_PROXY 和 NO_PROXY。",
        kinds.PROXY,
    ),
    FormField(
        "verify",
        "Verify TLS",
        "校验 TLS 证书",
        "true, false, or the path of a CA file; empty: use REQUESTS_CA_BUNDLE.",
        "true、false 或 CA 文件路径；留空则使用 REQUESTS_CA_BUNDLE。",
        kinds.VERIFY,
    ),
    FormField(
        "api_base_url",
        "API base URL",
        "新版接口地址",
        f"Leave empty to use {DEFAULT_API_BASE_URL}.",
        "留空使用默认地址。",
        kinds.BASE_URL,
        (_APP,),
    ),
    FormField(
        "oapi_base_url",
        "OAPI base URL",
        "旧版接口地址",
        f"Leave empty to use {DEFAULT_BASE_URL}.",
        "留空使用默认地址。",
        kinds.BASE_URL,
        (_APP,),
    ),
)
"""The extra fields of both forms, the most important first; a name may have one entry for each type."""

# For a connection without a port, the Test button of Airflow 3.3.2 sends port 0, and Airflow then refuses the test
# because the stored connection has another (seen 2026-11-27; api_fastapi/core_api/routes/public/connections.py).
_PORT_LABEL, _PORT = "Port · 端口", "443: Airflow 3.3's Test needs it · 3.3 的 Test 需要"

ROBOT_FORM = ConnectionForm(
    conn_type=_ROBOT,
    hook_name="DingTalk Robot 钉钉机器人",
    behaviour={
        "hidden_fields": ["login", "schema"],
        "relabeling": {
            "password": "Webhook URL · 地址",
            "host": "Base URL · 接口地址（选填）",
            "port": _PORT_LABEL,
        },
        "placeholders": {
            "password": "SEC… → Secret (Extra Fields) · 加签密钥填在 Secret",
            "host": DEFAULT_BASE_URL,
            "port": _PORT,
        },
    },
)
APP_FORM = ConnectionForm(
    conn_type=_APP,
    hook_name="DingTalk App 钉钉企业应用",
    behaviour={
        "hidden_fields": ["host", "schema"],
        "relabeling": {
            "login": "AppKey · Client ID",
            "password": "AppSecret · Client Secret",
            "port": _PORT_LABEL,
        },
        "placeholders": {"login": "dingxxxxxxxxxxxxxxxx", "port": _PORT},
    },
)
