"""From an Airflow Connection to settings, which are valid once they exist.

Common mistakes in a connection are corrected; for any other, an error names the field and what to fill in.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

from airflow_provider_dingpush.airflow_compat import AirflowNotFoundException, BaseHook, mask_secret
from airflow_provider_dingpush.connection_fields import APP_FORM, ROBOT_FORM, ConnectionForm
from airflow_provider_dingpush.connection_ids import NO_CONNECTION_ID, read_connection_id
from airflow_provider_dingpush.connection_text import (
    WrittenConnection,
    credentials_in,
    extra_of,
    query_of,
    written,
)
from airflow_provider_dingpush.connection_values import STORED_SECRET_PLACEHOLDER
from airflow_provider_dingpush.connection_webhooks import (
    WHERE_TO_FIND_WEBHOOK,
    base_of,
    base_url,
    pasted_secret,
    refuse_foreign,
    token_of,
)
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.dingtalk.credentials import App, Robot
from airflow_provider_dingpush.dingtalk.defaults import DEFAULT_API_BASE_URL, DEFAULT_BASE_URL
from airflow_provider_dingpush.dingtalk.http_client import HttpOptions
from airflow_provider_dingpush.dingtalk.on_call_options import DingOptions, TodoOptions
from airflow_provider_dingpush.dingtalk.secret import Secret
from airflow_provider_dingpush.errors import ConnectionSettingsError, DingTalkError, UnavailableError
from airflow_provider_dingpush.messages.input_text import one_word
from airflow_provider_dingpush.pipeline.redaction import described

if TYPE_CHECKING:
    from airflow_provider_dingpush.airflow_compat import Connection
    from airflow_provider_dingpush.messages.mentions import At

_log = logging.getLogger(__name__)
_Settings = TypeVar("_Settings")
# An image without this package stores generic without a warning; a URL in an environment variable makes http or https.
_UNTYPED = ("generic", "http", "https", "")
_TYPES = {ROBOT_FORM.conn_type: ROBOT_FORM, "dingding": ROBOT_FORM, APP_FORM.conn_type: APP_FORM}
_FIELDS = ("conn_type", "host", "schema", "login", "password", "port", "extra")
_WHERE_TO_FIND_THEM = (
    "In DingTalk's developer console: your app > Credentials: AppKey (Client ID) and AppSecret (Client Secret). "
    "钉钉开发者后台 → 应用 → 凭证与基础信息：AppKey 填到 Login，AppSecret 填到 Password。"
)


@dataclass(frozen=True)
class RobotSettings:
    """The settings in a connection of type ``dingtalk_robot``.

    :param conn_id: the connection's id, for receipts and errors.
    :param robot: which robot, with its credentials.
    :param base_url: where DingTalk is.
    :param http: time limit, proxy and certificates.
    :param language: ``zh`` or ``en`` for built-in texts, if the connection names one.
    :param mentions: owner of a DAG or task -> who is mentioned.
    :param mention_problems: a text for each value of ``mentions`` that can't be read, or may have been misread.
    :param delivery: how alerts are merged and limited.
    :param fallback_conn_ids: connections of other robots of the same group.
    """

    conn_id: str
    robot: Robot
    base_url: str = DEFAULT_BASE_URL
    http: HttpOptions = field(default_factory=HttpOptions)
    language: str | None = None
    mentions: Mapping[str, At] = field(default_factory=dict)
    delivery: DeliveryPolicy = field(default_factory=DeliveryPolicy)
    fallback_conn_ids: tuple[str, ...] = ()
    mention_problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class AppSettings:
    """The settings in a connection of type ``dingtalk_app``.

    :param conn_id: the connection's id, for receipts and errors.
    :param app: which enterprise app, with its credentials.
    :param open_conversation_id: the group that gets messages without a target.
    :param api_base_url: where DingTalk's newer API is.
    :param oapi_base_url: where its older one is, for work notifications, uploads and look-ups of people.
    :param resend_unknown: send a robot's message again if it is unknown whether it arrived.
    :param http: time limit, proxy and certificates.
    :param language: ``zh`` or ``en`` for built-in texts, if the connection names one.
    :param delivery: how alerts are merged and limited.
    :param fallback_conn_ids: more connections that reach the same group.
    :param dings: the voice and the length of DINGs.
    :param todos: who creates to-dos.
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
    dings: DingOptions = field(default_factory=DingOptions)
    todos: TodoOptions = field(default_factory=TodoOptions)

    @property
    def mentions(self) -> Mapping[str, At]:
        """None: an app's messages can't mention people."""
        return {}


# Client ids of apps; tokens of custom robots are hexadecimal digits (docs 0717 and G/0001, read 2026-08-22).
_APP_KEY = re.compile(r"ding[0-9a-z]{12,24}")


def look_up(conn_id: str, read: Callable[[Any], _Settings]) -> _Settings:
    """Look a connection up, have its credentials masked, and read it.

    :param read: :func:`robot_settings`, :func:`app_settings` or :func:`settings_of`.
    :raises ConnectionSettingsError: if it is missing or wrong, with advice on what to fill in where.
    :raises UnavailableError: if Airflow can't look it up, for any error of its secrets backend.
    """
    problem: DingTalkError
    try:
        return _read_connection(_plain_id(conn_id), read)
    except DingTalkError as error:
        # Loggers that print local variables must not find a token in the frames below.
        problem = error.with_traceback(None)
    raise problem


def _plain_id(conn_id: object) -> str:
    try:
        return read_connection_id(conn_id)
    except ValueError as problem:
        raise ConnectionSettingsError(f"dingtalk_conn_id {problem}.", NO_CONNECTION_ID) from None


def _read_connection(conn_id: str, read: Callable[[Any], _Settings]) -> _Settings:
    connection = _get(conn_id)
    try:
        for credential in credentials_of(connection):
            mask_secret(credential)
        settings = read(connection)
        unknown, known = unknown_extras(connection)
    except DingTalkError:
        raise
    except Exception as error:  # noqa: BLE001 - a damaged connection must not stop a flush of others
        what, kind = _unreadable_field(connection), type(error).__name__
        # Without its text, which may quote what was read.
        raise ConnectionSettingsError(
            f"The {what} of connection {conn_id!r} can't be read ({kind}).",
            "Fill it in again; if it was stored with another [core] fernet_key, save the whole connection again. "
            "请重新填写该字段；若 fernet_key 已更换，请重新保存该连接。",
        ) from None
    if unknown:
        _log.warning(
            "%r has unknown extra fields %s, which are ignored; known are: %s.", conn_id, unknown, ", ".join(known)
        )
    for problem in getattr(settings, "mention_problems", ()):
        _log.warning("The extra field 'mentions' of connection %r: %s", conn_id, problem)
    return settings


def _get(conn_id: str) -> Connection:
    """The connection that Airflow has under an id.

    :raises ConnectionSettingsError: if there is none.
    :raises UnavailableError: if that is unknown: a secrets backend may raise anything, also when it is imported.
    """
    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        _refuse_unreadable_variable(conn_id)
        raise ConnectionSettingsError(
            f"There is no Airflow connection {conn_id!r}.",
            "Create it under Admin > Connections: type 'DingTalk Robot' with the robot's webhook URL as password, or "
            "type 'DingTalk App' with AppKey and AppSecret; "
            f"or set AIRFLOW_CONN_{conn_id.upper()} to the webhook URL. "
            "请在 Admin > Connections 新建该连接：类型选 DingTalk Robot（Password 填机器人的 Webhook 地址）"
            "或 DingTalk App（填 AppKey 和 AppSecret）。",
            problem_zh=f"Airflow 中没有连接 {conn_id!r}。",
        ) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - raised again, as an error of this package
        what = described(error)
    raise UnavailableError(
        f"Airflow can't look connection {conn_id!r} up ({what}).",
        "Check the secrets backend ([secrets] backend), the metadata database, and AIRFLOW_CONN_… if it is set. "
        "请检查 secrets backend、元数据库以及 AIRFLOW_CONN_… 环境变量。",
    )


def _unreadable_field(connection: Connection) -> str:
    """The field that can't be read, such as one that was encrypted with another key."""
    for name in _FIELDS:
        try:
            getattr(connection, name)
        except Exception:  # noqa: BLE001 - this is what is looked for
            return f"field {name!r}"
    return "extra" if _cannot_be_parsed(connection) else "content"


def _cannot_be_parsed(connection: Connection) -> bool:
    try:
        extra_of(connection)
    except Exception:  # noqa: BLE001 - this is what is looked for
        return True
    return False


def settings_of(connection: Connection) -> RobotSettings | AppSettings:
    """Read a connection by its type: a custom robot or an enterprise app.

    :raises ConnectionSettingsError: with advice on which field to fill in with what.
    """
    given = written(connection)
    return _app_settings(given) if _form_of(given) is APP_FORM else _robot_settings(given)


def credentials_of(connection: Connection) -> tuple[str, ...]:
    """Every string of a connection that might be a token, a secret or a password, also in a wrong field."""
    extra = extra_of(connection)
    found: list[Any] = [connection.password, extra.get("secret"), extra.get("access_token")]
    # Values are cleaned before they are used, and the cleaned ones must be masked, too.
    found += [one_word(each) for each in found if each]
    for text in (connection.password, connection.host, connection.schema, connection.extra):
        found += credentials_in(str(text or ""))
    try:
        fields_as_meant = written(connection, extra)
    except ConnectionSettingsError:
        fields_as_meant = WrittenConnection("")
    found += [fields_as_meant.password, fields_as_meant.extra.get("secret"), fields_as_meant.extra.get("access_token")]
    for text in (fields_as_meant.password, fields_as_meant.host):
        found += query_of(text).values()
    if not connection.conn_type and connection.schema:
        # A mangled URI leaves the token, or name and password, in the schema.
        found += [connection.schema, *_passwords_in(str(connection.schema))]
    found += _passwords_in(str(extra.get("proxy") or ""))
    return tuple(dict.fromkeys(text for each in found if each and (text := str(each).strip())))


def _passwords_in(address: str) -> Iterator[str]:
    """The password of an address, as it is written and as it is meant; also of an address that can't be parsed."""
    login = address.partition("://")[2].rpartition("@")[0]
    password = login.partition(":")[2]
    yield password
    yield unquote(password)


def robot_settings(connection: Connection) -> RobotSettings:
    """Read a connection as a custom robot.

    :raises ConnectionSettingsError: with advice on which field to fill in with what.
    """
    return _robot_settings(written(connection))


def _robot_settings(given: WrittenConnection) -> RobotSettings:
    conn_id = given.conn_id
    if _form_of(given) is not ROBOT_FORM:
        raise ConnectionSettingsError(
            f"Connection {conn_id!r} is an app's (AppKey and AppSecret), not a custom robot's.",
            "Use DingTalkAppHook, or DingTalkOperator and DingTalkNotifier with to=; for a robot put its webhook URL "
            f"into the password field and leave the login empty. {WHERE_TO_FIND_WEBHOOK}",
        )
    token, place = token_of(given)
    if not token:
        raise ConnectionSettingsError(
            f"Connection {conn_id!r} has no access token.",
            f"Put the robot's webhook URL into its password field. {WHERE_TO_FIND_WEBHOOK}",
        )
    refuse_foreign(given, "access token", place, token, f"Copy the webhook URL again, whole. {WHERE_TO_FIND_WEBHOOK}")
    if _APP_KEY.fullmatch(token) or _APP_KEY.fullmatch(given.login):
        raise ConnectionSettingsError(
            f"Connection {conn_id!r} holds an app's AppKey, which a custom robot's webhook doesn't take.",
            "For an app make a connection of type 'DingTalk App' with AppKey as login and AppSecret as password, and "
            "name the receiver with to=. AppKey 不能当作机器人的 access_token：请新建 "
            "DingTalk App 类型的连接，并用 to= 指定接收人。"
            f" {WHERE_TO_FIND_WEBHOOK}",
        )
    values = ROBOT_FORM.read(given.extra, conn_id)
    mentions = values.pop("mentions", None)
    secret = values.pop("secret", None) or pasted_secret(given)
    return _filled(
        RobotSettings,
        values,
        conn_id=conn_id,
        robot=_filled(Robot, values, access_token=Secret(token), secret=secret),
        base_url=base_url(given),
        http=_filled(HttpOptions, values),
        delivery=_filled(DeliveryPolicy, values),
        mentions=mentions.people if mentions else {},
        mention_problems=mentions.problems if mentions else (),
    )


def app_settings(connection: Connection) -> AppSettings:
    """Read a connection as an enterprise app.

    :raises ConnectionSettingsError: with advice on which field to fill in with what.
    """
    return _app_settings(written(connection))


def _app_settings(given: WrittenConnection) -> AppSettings:
    conn_id = given.conn_id
    if _form_of(given) is not APP_FORM:
        raise ConnectionSettingsError(
            f"Connection {conn_id!r} is a custom robot's, not an app's.",
            "A custom robot can only post to its own group. To reach people, departments or other groups make a "
            "connection of type 'DingTalk App' with AppKey as login and AppSecret as password. "
            f"自定义机器人只能发到所在的群；发给个人或部门请使用 DingTalk App 类型的连接。{_WHERE_TO_FIND_THEM}",
        )
    app_key, app_secret = given.login, given.password
    if not app_key or not app_secret:
        lacking = " and no ".join(
            name for name, value in (("AppKey (login)", app_key), ("AppSecret (password)", app_secret)) if not value
        )
        raise ConnectionSettingsError(f"Connection {conn_id!r} has no {lacking}.", _WHERE_TO_FIND_THEM)
    if app_secret == STORED_SECRET_PLACEHOLDER:
        raise ConnectionSettingsError(
            f"The AppSecret of connection {conn_id!r} is a form's placeholder.",
            f"Copy it again. {_WHERE_TO_FIND_THEM}",
        )
    if "access_token=" in app_secret:
        raise ConnectionSettingsError(
            f"Connection {conn_id!r} is of an app's type, but its password is a robot's webhook URL.",
            f"Change its type to 'DingTalk Robot', or put AppKey and AppSecret into it. {_WHERE_TO_FIND_THEM}",
        )
    refuse_foreign(given, "AppKey", "login", app_key, f"Copy it again. {_WHERE_TO_FIND_THEM}")
    refuse_foreign(given, "AppSecret", "password", app_secret, f"Copy it again. {_WHERE_TO_FIND_THEM}")
    values = APP_FORM.read(given.extra, conn_id)
    if given.host:
        # A gateway or a sandbox in the host field is used for both of DingTalk's APIs.
        both = base_of(given, given.host, "host", schema=given.schema, port=given.port)
        values = {"api_base_url": both, "oapi_base_url": both, **values}
    return _filled(
        AppSettings,
        values,
        conn_id=conn_id,
        app=_filled(App, values, app_key=app_key, app_secret=Secret(app_secret)),
        http=_filled(HttpOptions, values),
        delivery=_filled(DeliveryPolicy, values),
        dings=_filled(DingOptions, values),
        todos=_filled(TodoOptions, values),
    )


def _filled(kind: type[_Settings], values: Mapping[str, Any], **known: Any) -> _Settings:
    """A settings value of this kind, its fields filled from the values of the same names in the connection's extra."""
    named = {each.name for each in fields(kind)} & values.keys() - known.keys()  # type: ignore[arg-type]
    return kind(**known, **{name: values[name] for name in named})


def unknown_extras(connection: Connection) -> tuple[list[str], list[str]]:
    """Unknown names in the connection's extra, such as misspelt ones, and all known names."""
    given = written(connection)
    form = _form_of(given)
    known = [each.name for each in form.fields]
    # A connection whose type was changed to an app's may still have fields of a robot's.
    expected = {*known, "access_token", *(each.name for each in ROBOT_FORM.fields if form is APP_FORM)}
    # Airflow 2 tests a form with its fields under prefixed names as well.
    unknown = [name for name in given.extra if name not in expected and not name.startswith("extra__")]
    return sorted(unknown), known


def _form_of(given: WrittenConnection) -> ConnectionForm:
    """Whether the connection is a robot's or an app's.

    :raises ConnectionSettingsError: if it is neither.
    """
    form = _TYPES.get(given.conn_type)
    if form is None and given.conn_type in _UNTYPED:
        form = APP_FORM if given.login and given.password and "://" not in given.password else ROBOT_FORM
    if form is None:
        raise ConnectionSettingsError(
            f"Connection {given.conn_id!r} is of type {given.conn_type!r}, not {ROBOT_FORM.conn_type!r} or "
            f"{APP_FORM.conn_type!r}.",
            "Choose 'DingTalk Robot' (a group's custom robot) or 'DingTalk App' (AppKey and AppSecret) in its form. "
            "请将连接类型改为 DingTalk Robot（群自定义机器人）或 DingTalk App（企业应用）。",
        )
    return form


def _refuse_unreadable_variable(conn_id: str) -> None:
    """Airflow ignores an environment variable that it can't read, and then reports that there is no connection."""
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    if os.environ.get(variable, "").strip():
        raise ConnectionSettingsError(
            f"The environment variable {variable} is set, but Airflow can't read it as a connection.",
            "Put the robot's whole webhook URL into it, or JSON: "
            '{"conn_type": "dingtalk_robot", "password": "<webhook URL>", "extra": {"secret": "SEC…"}}. '
            "请填写完整的 Webhook 地址，或上面这样的 JSON。",
        )
