"""From an Airflow Connection to settings that are right once they exist.

Whatever a person may reasonably have put into a connection is understood; whatever is wrong gets an error that says
which field to fill in with what.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from airflow_provider_dingpush.airflow_compat import AirflowNotFoundException, BaseHook, mask_secret
from airflow_provider_dingpush.connection_fields import (
    APP_FORM,
    ROBOT_FORM,
    STORED_SECRET_PLACEHOLDER,
    ConnectionForm,
)
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.dingtalk.app import DEFAULT_API_BASE_URL, App
from airflow_provider_dingpush.dingtalk.custom_robot import DEFAULT_BASE_URL, Robot
from airflow_provider_dingpush.dingtalk.http_client import DEFAULT_TIMEOUT_SECONDS, HttpOptions
from airflow_provider_dingpush.dingtalk.secret import Secret
from airflow_provider_dingpush.errors import ConnectionSettingsError, DingTalkError, UnavailableError
from airflow_provider_dingpush.look_ups import described
from airflow_provider_dingpush.messages.mentions import At

if TYPE_CHECKING:
    from airflow_provider_dingpush.airflow_compat import Connection

_log = logging.getLogger(__name__)
_Settings = TypeVar("_Settings")
# An image without this package stores generic without saying so; a URL in an environment variable makes http or https.
_UNTYPED = ("generic", "http", "https", "")
_TYPES = {ROBOT_FORM.conn_type: ROBOT_FORM, "dingding": ROBOT_FORM, APP_FORM.conn_type: APP_FORM}
_SEND_PATH = "/robot/send"
_FIELDS = ("conn_type", "host", "schema", "login", "password", "port", "extra")
_WHERE_TO_FIND_IT = (
    "In DingTalk: group settings > Bot > your custom robot > copy the webhook URL. "
    "钉钉群设置 → 机器人 → 自定义机器人 → 复制 Webhook 地址。"
)
_WHERE_TO_FIND_THEM = (
    "In DingTalk's developer console: your app > Credentials: AppKey (Client ID) and AppSecret (Client Secret). "
    "钉钉开发者后台 → 应用 → 凭证与基础信息：AppKey 填到 Login，AppSecret 填到 Password。"
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
    :param delivery: how alerts are merged and limited.
    :param fallback_conn_ids: connections of more robots of the same group.
    """

    conn_id: str
    robot: Robot
    base_url: str = DEFAULT_BASE_URL
    http: HttpOptions = field(default_factory=HttpOptions)
    language: str | None = None
    mentions: Mapping[str, At] = field(default_factory=dict)
    delivery: DeliveryPolicy = field(default_factory=DeliveryPolicy)
    fallback_conn_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class AppSettings:
    """Everything that a connection of type ``dingtalk_app`` says.

    :param conn_id: the connection's id, for receipts and errors.
    :param app: which enterprise app, with its credentials.
    :param open_conversation_id: the group that gets messages without a target.
    :param api_base_url: where DingTalk's newer API is.
    :param oapi_base_url: where its older one is, for work notices, uploads and look-ups of people.
    :param resend_unknown: send a robot's message again if nobody knows whether it arrived.
    :param http: time limit, proxy and certificates.
    :param language: ``zh`` or ``en`` for built-in texts, if the connection says so.
    :param delivery: how alerts are merged and limited.
    :param fallback_conn_ids: more connections that reach the same group.
    """

    conn_id: str
    app: App
    open_conversation_id: str | None = None
    api_base_url: str = DEFAULT_API_BASE_URL
    oapi_base_url: str = DEFAULT_BASE_URL
    resend_unknown: bool = False
    http: HttpOptions = field(default_factory=HttpOptions)
    language: str | None = None
    delivery: DeliveryPolicy = field(default_factory=DeliveryPolicy)
    fallback_conn_ids: tuple[str, ...] = ()


# Client ids of apps look so, tokens of custom robots are hexadecimal digits (docs 0717 and G/0001, read 2026-08-22).
_APP_KEY = re.compile(r"ding[0-9a-z]{12,24}")


def look_up(conn_id: str, read: Callable[[Any], _Settings]) -> _Settings:
    """Look a connection up, have its credentials masked, and read it.

    :param read: :func:`robot_settings`, :func:`app_settings` or :func:`settings_of`.
    :raises ConnectionSettingsError: if it is missing or wrong, saying what to fill in where.
    :raises UnavailableError: if Airflow can't look it up, whatever its secrets backend raises.
    """
    problem: DingTalkError
    try:
        return _read_connection(conn_id, read)
    except DingTalkError as error:
        # Loggers that print local variables must not find a token in the frames below.
        problem = error.with_traceback(None)
    raise problem


def _read_connection(conn_id: str, read: Callable[[Any], _Settings]) -> _Settings:
    connection = _asked_for(conn_id)
    try:
        for credential in credentials_of(connection):
            mask_secret(credential)
        settings = read(connection)
        unknown, known = unknown_extras(connection)
    except DingTalkError:
        raise
    except Exception as error:  # noqa: BLE001 - one connection, whatever is in it, must not stop what serves many
        what, kind = _unreadable_field(connection), type(error).__name__
        # Without its text, which may quote what was read.
        raise ConnectionSettingsError(
            f"The {what} of connection {conn_id!r} can't be read ({kind}).",
            "Fill it in again; if it was stored with another [core] fernet_key, store the whole connection anew. "
            "请重新填写该字段；若 fernet_key 已更换，请重新保存该连接。",
        ) from None
    if unknown:
        _log.warning(
            "%r has extra fields %s that mean nothing here; known are: %s.", conn_id, unknown, ", ".join(known)
        )
    return settings


def _asked_for(conn_id: str) -> Connection:
    """What Airflow knows under an id.

    :raises ConnectionSettingsError: if that is nothing.
    :raises UnavailableError: if it can't tell: a secrets backend may raise anything, also when it is imported.
    """
    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        raise ConnectionSettingsError(
            f"There is no Airflow connection {conn_id!r}.",
            "Create it under Admin > Connections: type 'DingTalk Robot' with the robot's webhook URL as password, or "
            "type 'DingTalk App' with AppKey and AppSecret; "
            f"or set AIRFLOW_CONN_{conn_id.upper()} to the webhook URL. "
            "请在 Admin > Connections 新建该连接：类型选 DingTalk Robot（Password 填机器人的 Webhook 地址）"
            "或 DingTalk App（填 AppKey 和 AppSecret）。",
        ) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - raised again, as an error that everybody here expects
        said = described(error)
    raise UnavailableError(
        f"Airflow can't look connection {conn_id!r} up ({said}).",
        "Look at the secrets backend ([secrets] backend), the metadata database, and AIRFLOW_CONN_… if it is set. "
        "请检查 secrets backend、元数据库以及 AIRFLOW_CONN_… 环境变量。",
    )


def _unreadable_field(connection: Connection) -> str:
    """The field that can't even be asked for, as one that was encrypted with another key."""
    for name in _FIELDS:
        try:
            getattr(connection, name)
        except Exception:  # noqa: BLE001 - this is what is looked for
            return f"field {name!r}"
    return "extra" if _cannot_be_parsed(connection) else "content"


def _cannot_be_parsed(connection: Connection) -> bool:
    try:
        _extra(connection)
    except Exception:  # noqa: BLE001 - this is what is looked for
        return True
    return False


def settings_of(connection: Connection) -> RobotSettings | AppSettings:
    """Read a connection as what it is: a custom robot or an enterprise app.

    :raises ConnectionSettingsError: saying which field to fill in with what.
    """
    return app_settings(connection) if _form_of(connection) is APP_FORM else robot_settings(connection)


def credentials_of(connection: Connection) -> tuple[str, ...]:
    """Every string of a connection that might be a token, a secret or a password, wherever it was put by mistake."""
    extra = _extra(connection)
    found = [connection.password, extra.get("secret"), extra.get("access_token")]
    for text in (connection.password, connection.host):
        found.extend(_query_of(text or "").values())
    if not connection.conn_type and connection.schema:
        # A mangled URI leaves the token, or name and password, in the schema.
        found.append(connection.schema)
        found.extend(_passwords_in(connection.schema))
    found.extend(_passwords_in(str(extra.get("proxy") or "")))
    # What is used is used without the blanks around it, and what is masked must be the same.
    return tuple(dict.fromkeys(text for each in found if each and (text := str(each).strip())))


def _passwords_in(address: str) -> Iterator[str]:
    """The password of an address, as it is written and as it is meant; also of an address that can't be parsed."""
    login = address.partition("://")[2].rpartition("@")[0]
    password = login.partition(":")[2]
    yield password
    yield unquote(password)


def robot_settings(connection: Connection) -> RobotSettings:
    """Read a connection as a custom robot.

    :raises ConnectionSettingsError: saying which field to fill in with what.
    """
    conn_id = connection.conn_id
    extra = _extra(connection)
    if _form_of(connection) is not ROBOT_FORM:
        raise ConnectionSettingsError(
            f"Connection {conn_id!r} is an app's (AppKey and AppSecret), not a custom robot's.",
            "Use DingTalkAppHook, or DingTalkOperator and DingTalkNotifier with to=; for a robot put its webhook URL "
            f"into the password field and leave the login empty. {_WHERE_TO_FIND_IT}",
        )
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
    if _APP_KEY.fullmatch(token) or _APP_KEY.fullmatch((connection.login or "").strip()):
        raise ConnectionSettingsError(
            f"Connection {conn_id!r} holds an app's AppKey, which a custom robot's webhook doesn't take.",
            "For an app make a connection of type 'DingTalk App' with AppKey as login and AppSecret as password, and "
            "say to whom with to=. AppKey 不能当作机器人的 access_token：请新建 "
            "DingTalk App 类型的连接，并用 to= 指定接收人。"
            f" {_WHERE_TO_FIND_IT}",
        )
    values = ROBOT_FORM.read(extra, conn_id)
    secret = values.get("secret") or next(
        (Secret(url["secret"]) for url in (pasted, pasted_host) if "secret" in url), None
    )
    return RobotSettings(
        conn_id=conn_id,
        robot=Robot(access_token=Secret(token), secret=secret, keyword=values.get("keyword")),
        base_url=_base_url(connection),
        http=_http_options(values),
        language=values.get("language"),
        mentions=values.get("mentions", {}),
        delivery=_policy(values),
        fallback_conn_ids=values.get("fallback_conn_ids", ()),
    )


def app_settings(connection: Connection) -> AppSettings:
    """Read a connection as an enterprise app.

    :raises ConnectionSettingsError: saying which field to fill in with what.
    """
    conn_id = connection.conn_id
    if _form_of(connection) is not APP_FORM:
        raise ConnectionSettingsError(
            f"Connection {conn_id!r} is a custom robot's, not an app's.",
            "A custom robot speaks only to its own group. To reach people, departments or other groups make a "
            "connection of type 'DingTalk App' with AppKey as login and AppSecret as password. "
            f"自定义机器人只能发到所在的群；发给个人或部门请使用 DingTalk App 类型的连接。{_WHERE_TO_FIND_THEM}",
        )
    app_key, app_secret = (connection.login or "").strip(), (connection.password or "").strip()
    if not app_key or not app_secret:
        lacking = " and no ".join(
            name for name, value in (("AppKey (login)", app_key), ("AppSecret (password)", app_secret)) if not value
        )
        raise ConnectionSettingsError(f"Connection {conn_id!r} has no {lacking}.", _WHERE_TO_FIND_THEM)
    if app_secret == STORED_SECRET_PLACEHOLDER or any(each.isspace() for each in app_key + app_secret):
        raise ConnectionSettingsError(
            f"The AppKey or AppSecret of connection {conn_id!r} has blanks in it or is a form's placeholder.",
            f"Copy both again. {_WHERE_TO_FIND_THEM}",
        )
    if "access_token=" in app_secret:
        raise ConnectionSettingsError(
            f"Connection {conn_id!r} is of an app's type, but its password is a robot's webhook URL.",
            f"Change its type to 'DingTalk Robot', or put AppKey and AppSecret into it. {_WHERE_TO_FIND_THEM}",
        )
    values = APP_FORM.read(_extra(connection), conn_id)
    # A gateway or a sandbox in the host field stands for both of DingTalk's APIs.
    host = (connection.host or "").strip()
    both = _base_of(connection, host, schema=connection.schema, port=connection.port) if host else None
    return AppSettings(
        conn_id=conn_id,
        app=App(app_key, Secret(app_secret), robot_code=values.get("robot_code", ""), agent_id=values.get("agent_id")),
        open_conversation_id=values.get("open_conversation_id"),
        api_base_url=values.get("api_base_url") or both or DEFAULT_API_BASE_URL,
        oapi_base_url=values.get("oapi_base_url") or both or DEFAULT_BASE_URL,
        resend_unknown=values.get("resend_unknown", False),
        http=_http_options(values),
        language=values.get("language"),
        delivery=_policy(values),
        fallback_conn_ids=values.get("fallback_conn_ids", ()),
    )


def _policy(values: Mapping[str, Any]) -> DeliveryPolicy:
    return DeliveryPolicy(**{each.name: values[each.name] for each in fields(DeliveryPolicy) if each.name in values})


def _http_options(values: Mapping[str, Any]) -> HttpOptions:
    return HttpOptions(
        timeout_seconds=values.get("timeout_seconds", DEFAULT_TIMEOUT_SECONDS),
        proxy=values.get("proxy"),
        verify=values.get("verify"),
    )


def unknown_extras(connection: Connection) -> tuple[list[str], list[str]]:
    """Names in the connection's extra that mean nothing here, such as misspelt ones, and the names that do."""
    form = _form_of(connection)
    known = [each.name for each in form.fields]
    # What a robot's connection says stays harmless when its type is changed, and the other way round.
    silent = {*known, "access_token", *(each.name for each in ROBOT_FORM.fields if form is APP_FORM)}
    # Airflow 2 tests a form with its fields under prefixed names as well.
    unknown = [str(name) for name in _extra(connection) if name not in silent and not name.startswith("extra__")]
    return sorted(unknown), known


def _form_of(connection: Connection) -> ConnectionForm:
    """Whether the connection is a robot's or an app's.

    :raises ConnectionSettingsError: if it is neither.
    """
    conn_id, conn_type = connection.conn_id, (connection.conn_type or "").replace("-", "_")
    # urllib takes no underscore in a scheme, so Airflow finds no type and puts all the rest into the schema.
    if not conn_type and "//" in (connection.schema or ""):
        raise ConnectionSettingsError(
            f"Connection {conn_id!r} was given as a URI that starts with dingtalk_robot:// or dingtalk_app://, which "
            "can't be parsed.",
            "Write dingtalk-robot:// or dingtalk-app:// with a hyphen, or better, JSON: "
            '{"conn_type": "dingtalk_robot", "password": "<webhook URL>", "extra": {"secret": "SEC…"}}. '
            "URI 中请写 dingtalk-robot:// 或 dingtalk-app://（连字符），推荐改用 JSON。",
        )
    form = _TYPES.get(conn_type)
    if form is None and conn_type in _UNTYPED:
        password = (connection.password or "").strip()
        form = APP_FORM if (connection.login or "").strip() and password and "://" not in password else ROBOT_FORM
    if form is None:
        raise ConnectionSettingsError(
            f"Connection {conn_id!r} is of type {conn_type!r}, not {ROBOT_FORM.conn_type!r} or {APP_FORM.conn_type!r}.",
            "Choose 'DingTalk Robot' (a group's custom robot) or 'DingTalk App' (AppKey and AppSecret) in its form. "
            "请将连接类型改为 DingTalk Robot（群自定义机器人）或 DingTalk App（企业应用）。",
        )
    return form


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
