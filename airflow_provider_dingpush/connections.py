"""From an Airflow Connection to settings that are right once they exist, and the one table of form fields.

Whatever a person may reasonably have put into a connection is understood; whatever is wrong gets an error that says
which field to fill in with what.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from airflow_provider_dingpush.dingtalk.custom_robot import DEFAULT_BASE_URL, Robot
from airflow_provider_dingpush.dingtalk.http_post import DEFAULT_TIMEOUT_SECONDS, HttpOptions
from airflow_provider_dingpush.dingtalk.secret import Secret
from airflow_provider_dingpush.errors import ConnectionSettingsError, InvalidMessageError
from airflow_provider_dingpush.messages.mentions import At

if TYPE_CHECKING:
    from airflow_provider_dingpush.airflow_compat import Connection

ROBOT_CONN_TYPE = "dingtalk_robot"
ROBOT_HOOK_NAME = "DingTalk Robot 钉钉机器人"
LANGUAGES = ("zh", "en")
STORED_SECRET_PLACEHOLDER = "RATHER_LONG_SENSITIVE_FIELD_PLACEHOLDER"  # noqa: S105 - it stands for none
"""What the connection form of Airflow 2 sends back for a stored secret that nobody has touched."""

# dingding is the official provider's type; an image without this package stores generic without saying so.
_ROBOT_TYPES = (ROBOT_CONN_TYPE, "dingding", "generic", "http", "https", "")
_SEND_PATH = "/robot/send"
_WHERE_TO_FIND_IT = (
    "In DingTalk: group settings > Bot > your custom robot > copy the webhook URL. "
    "钉钉群设置 → 机器人 → 自定义机器人 → 复制 Webhook 地址。"
)


@dataclass(frozen=True)
class RobotSettings:
    """Everything that a connection of type ``dingtalk_robot`` says.

    :param conn_id: the connection's id, for receipts and errors.
    :param robot: which robot, with its credentials.
    :param base_url: where DingTalk is.
    :param http: time limit, proxy and certificates.
    :param language: ``zh`` or ``en`` for built-in texts, if the connection says so.
    :param mentions: whom an owner of a DAG or task is in DingTalk.
    """

    conn_id: str
    robot: Robot
    base_url: str = DEFAULT_BASE_URL
    http: HttpOptions = field(default_factory=HttpOptions)
    language: str | None = None
    mentions: Mapping[str, At] = field(default_factory=dict)


def _secret(value: Any) -> Secret:
    secret = str(value).strip()
    if secret == STORED_SECRET_PLACEHOLDER:
        raise ValueError("must be the secret itself: a form has put its placeholder in its place")
    return Secret(secret)


def _timeout(value: Any) -> float:
    seconds = float(value)
    if not 0 < seconds <= 60:
        raise ValueError("must be more than 0 and at most 60 (seconds)")
    return seconds


def _verify(value: Any) -> bool | str:
    word = str(value).strip()
    known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    return known.get(word.lower(), word)


def _proxy(value: Any) -> str:
    proxy = str(value).strip()
    if urlsplit(proxy).scheme not in ("http", "https", "socks5", "socks5h") or not urlsplit(proxy).hostname:
        raise ValueError("must be a URL such as http://proxy.example.com:3128")
    return proxy


def read_language(value: Any) -> str:
    """``zh`` or ``en`` from any usual spelling of them.

    :raises ValueError: for another language.
    """
    word = str(value).strip().lower().replace("_", "-").partition("-")[0]
    if word not in LANGUAGES:
        raise ValueError("must be zh or en")
    return word


def _mentions(value: Any) -> dict[str, At]:
    if isinstance(value, str):
        value = json.loads(value)
    if not isinstance(value, Mapping):
        raise ValueError('must be JSON such as {"zhangsan": "13800000000", "lisi": "user123"}')
    return {str(owner).strip(): _people(people) for owner, people in value.items()}


def _people(value: Any) -> At:
    """A mobile number, a user id, a list of either, or the plain form of an :class:`At`."""
    if value is None or isinstance(value, Mapping):
        return At.read(value) or At()
    several = value if isinstance(value, (list, tuple)) else [value]
    if not all(isinstance(each, (str, int)) for each in several):
        raise ValueError("must name each owner's mobile number, user id, or a list of these")
    names = [str(each).strip() for each in several]
    mobiles = [name for name in names if _is_mobile(name)]
    return At(mobiles=tuple(mobiles), user_ids=tuple(name for name in names if name not in mobiles))


def _is_mobile(name: str) -> bool:
    # Chinese mobile numbers have eleven digits and start with 1; foreign ones are written with + and their country.
    # DingTalk user ids may be all digits as well, but rarely of just this form; {"user_ids": [...]} says it plainly.
    digits = name.lstrip("+").replace("-", "")
    return digits.isdigit() and (name.startswith("+") or (len(digits) == 11 and digits.startswith("1")))


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


_TEXT = {"type": ["string", "null"]}

ROBOT_FIELDS: tuple[FormField, ...] = (
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
        lambda value: str(value).strip(),
    ),
    FormField(
        "language",
        "Language 语言",
        "Of built-in alerts: zh or en. 内置告警的语言。",
        {**_TEXT, "enum": list(LANGUAGES)},
        read_language,
    ),
    FormField(
        "mentions",
        "Mentions 负责人",
        'Owner -> mobile number or user id, JSON: {"zhangsan": "13800000000"}. 任务 owner 对应的手机号或 userId。',
        {**_TEXT, "format": "multiline"},
        _mentions,
    ),
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

ROBOT_FORM_BEHAVIOUR: Mapping[str, Any] = {
    "hidden_fields": ["login", "port", "schema"],
    "relabeling": {"password": "Webhook URL or access token", "host": "Base URL (optional)"},
    "placeholders": {
        "password": "https://oapi.dingtalk.com/robot/send?access_token=…",
        "host": DEFAULT_BASE_URL,
    },
}


def credentials_of(connection: Connection) -> tuple[str, ...]:
    """Every string of a connection that might be a token, a secret or a password, wherever it was put by mistake."""
    extra = _extra(connection)
    found = [connection.password, extra.get("secret"), extra.get("access_token")]
    for text in (connection.password, connection.host):
        found.extend(_query_of(text or "").values())
    if not connection.conn_type:
        # A mangled URI leaves the token in the schema.
        found.append(connection.schema)
    proxy = urlsplit(str(extra.get("proxy") or ""))
    found.append(proxy.password and unquote(proxy.password))
    # What is used is used without the blanks around it, and what is masked must be the same.
    return tuple(dict.fromkeys(text for each in found if each and (text := str(each).strip())))


def robot_settings(connection: Connection) -> RobotSettings:
    """Read a connection as a custom robot.

    :raises ConnectionSettingsError: saying which field to fill in with what.
    """
    conn_id = connection.conn_id
    extra = _extra(connection)
    _refuse_other_types(connection)
    pasted = _query_of(connection.password or "")
    pasted_host = _query_of(connection.host or "")
    token = (
        pasted.get("access_token")
        or (None if "://" in (connection.password or "") else (connection.password or "").strip())
        or pasted_host.get("access_token")
        or str(extra.get("access_token") or "").strip()
    )
    if not token:
        raise ConnectionSettingsError(
            f"Connection {conn_id!r} has no access token.",
            f"Put the robot's webhook URL into its password field. {_WHERE_TO_FIND_IT}",
        )
    if any(character.isspace() for character in token):
        raise ConnectionSettingsError(
            f"The access token of connection {conn_id!r} has blanks in it.",
            f"Copy the webhook URL again, whole. {_WHERE_TO_FIND_IT}",
        )
    values = {each.name: _read(conn_id, each, extra[each.name]) for each in ROBOT_FIELDS if _filled(extra, each.name)}
    secret = values.get("secret") or next(
        (Secret(url["secret"]) for url in (pasted, pasted_host) if "secret" in url), None
    )
    return RobotSettings(
        conn_id=conn_id,
        robot=Robot(access_token=Secret(token), secret=secret, keyword=values.get("keyword")),
        base_url=_base_url(connection),
        http=HttpOptions(
            timeout_seconds=values.get("timeout_seconds", DEFAULT_TIMEOUT_SECONDS),
            proxy=values.get("proxy"),
            verify=values.get("verify"),
        ),
        language=values.get("language"),
        mentions=values.get("mentions", {}),
    )


def unknown_extras(connection: Connection) -> list[str]:
    """Names in the connection's extra that mean nothing here, such as misspelt ones."""
    known = {each.name for each in ROBOT_FIELDS} | {"access_token"}
    # Airflow 2 tests a form with its fields under prefixed names as well.
    return sorted(str(name) for name in _extra(connection) if name not in known and not name.startswith("extra__"))


def _refuse_other_types(connection: Connection) -> None:
    conn_id, conn_type = connection.conn_id, (connection.conn_type or "").replace("-", "_")
    # urllib takes no underscore in a scheme, so Airflow finds no type and puts all the rest into the schema.
    if not conn_type and "//" in (connection.schema or ""):
        raise ConnectionSettingsError(
            f"Connection {conn_id!r} was given as a URI that starts with dingtalk_robot://, which can't be parsed.",
            "Write dingtalk-robot:// with a hyphen, or better, JSON: "
            '{"conn_type": "dingtalk_robot", "password": "<webhook URL>", "extra": {"secret": "SEC…"}}. '
            "URI 中请写 dingtalk-robot://（连字符），推荐改用 JSON。",
        )
    if conn_type not in _ROBOT_TYPES:
        raise ConnectionSettingsError(
            f"Connection {conn_id!r} is of type {conn_type!r}, not {ROBOT_CONN_TYPE!r}.",
            f"Choose the type 'DingTalk Robot' in its form. 请将连接类型改为 {ROBOT_CONN_TYPE}。",
        )
    if conn_type not in (ROBOT_CONN_TYPE, "dingding") and connection.login and connection.password:
        raise ConnectionSettingsError(
            f"Connection {conn_id!r} has a login and a password: an app's AppKey and AppSecret, not a robot's.",
            "A custom robot has no login: put its webhook URL into the password field and leave the login empty. "
            f"{_WHERE_TO_FIND_IT}",
        )


def _base_url(connection: Connection) -> str:
    """The host field if there is one, else the host of a pasted webhook URL, else DingTalk's."""
    host = (connection.host or "").strip()
    if host:
        return _base_of(connection, host, schema=connection.schema, port=connection.port)
    password = (connection.password or "").strip()
    return _base_of(connection, password) if "://" in password else DEFAULT_BASE_URL


def _base_of(connection: Connection, address: str, *, schema: str | None = None, port: int | None = None) -> str:
    if "://" not in address:
        # The HTTP provider's habit: the scheme in "schema". A pasted URL in an environment variable leaves its path
        # there.
        scheme = (
            schema
            if schema in ("http", "https")
            else connection.conn_type
            if connection.conn_type == "http"
            else "https"
        )
        path = "" if schema in (None, "", "http", "https") else f"/{schema}"
        address = f"{scheme}://{address}{path}"
    try:
        parts = urlsplit(address)
        port = parts.port or port
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConnectionSettingsError(
            f"The host of connection {connection.conn_id!r} is not a base URL.",
            f"Leave it empty for {DEFAULT_BASE_URL}, or write one such as https://dingtalk-gateway.example.com:8443/prefix.",
        )
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{name}{f':{port}' if port else ''}{path.removesuffix(_SEND_PATH)}"


def _query_of(address: str) -> dict[str, str]:
    """What stands in the query of a pasted webhook URL; an old timestamp and sign in it mean nothing."""
    if "?" not in address:
        return {}
    query = parse_qs(address.strip().partition("?")[2].partition("#")[0])
    return {name: query[name][0].strip() for name in ("access_token", "secret") if name in query}


def _extra(connection: Connection) -> dict[str, Any]:
    """The extra as a dict. Airflow's own reading of it also masks values whose names sound secret."""
    extra = connection.extra_dejson
    return extra if isinstance(extra, dict) else {}


def _filled(extra: Mapping[str, Any], name: str) -> bool:
    value = extra.get(name)
    # Blanks count as nothing: an empty string for "verify" would switch the check of certificates off.
    return bool(value.strip()) if isinstance(value, str) else value not in (None, {})


def _read(conn_id: str, form_field: FormField, value: Any) -> Any:
    try:
        return form_field.read(value)
    except (ValueError, TypeError, InvalidMessageError) as error:
        said = str(error)
        rule = said if isinstance(error, InvalidMessageError) or said.startswith("must ") else "can't be read"
    # Out here the error that Python raised isn't kept as context: its text may show the value, and that may be a secret
    # in the wrong field.
    raise ConnectionSettingsError(
        f"The extra field {form_field.name!r} of connection {conn_id!r} is wrong: it {rule}.", form_field.description
    )
