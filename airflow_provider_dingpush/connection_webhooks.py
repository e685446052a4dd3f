"""Webhook URLs in a connection, whole or in parts: the token, the secret and the base URL in them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from airflow_provider_dingpush.connection_text import WrittenConnection, query_of
from airflow_provider_dingpush.dingtalk.defaults import DEFAULT_BASE_URL
from airflow_provider_dingpush.dingtalk.secret import Secret
from airflow_provider_dingpush.errors import ConnectionSettingsError
from airflow_provider_dingpush.messages.input_text import foreign_character, one_word

WHERE_TO_FIND_WEBHOOK = (
    "In DingTalk: group settings > Bot > your custom robot > copy the webhook URL. "
    "钉钉群设置 → 机器人 → 自定义机器人 → 复制 Webhook 地址。"
)
_SEND_PATH = "/robot/send"
# What follows the URL in a command: curl '…' -H 'Content-Type: …'
_OPTION = re.compile(r"\s--?[A-Za-z]")


def token_of(given: WrittenConnection) -> tuple[str, str]:
    """The robot's token, and the field that holds it."""
    in_password = query_of(given.password).get("access_token")
    is_address = "://" in given.password or "access_token=" in given.password
    fields = (
        (in_password, "password"),
        ("" if is_address and not any(each.isspace() for each in given.password) else given.password, "password"),
        (query_of(given.host).get("access_token"), "host"),
        (one_word(given.extra.get("access_token") or ""), "extra field 'access_token'"),
    )
    return next(((token, where) for token, where in fields if token), ("", ""))


def pasted_secret(given: WrittenConnection) -> Secret | None:
    """The secret in the query of a pasted webhook URL.

    :raises ConnectionSettingsError: if it has a character that no secret has.
    """
    for text, where in ((given.password, "password"), (given.host, "host")):
        if secret := query_of(text).get("secret"):
            refuse_foreign(given, "secret", where, secret, f"Copy it again. {WHERE_TO_FIND_WEBHOOK}")
            return Secret(secret)
    return None


def base_url(given: WrittenConnection) -> str:
    """The host field if there is one, else the host of a pasted webhook URL, else DingTalk's.

    :raises ConnectionSettingsError: if it is no base URL.
    """
    if given.host:
        return base_of(given, given.host, "host", schema=given.schema, port=given.port)
    return base_of(given, given.password, "password") if "://" in given.password else DEFAULT_BASE_URL


def base_of(given: WrittenConnection, address: str, where: str, *, schema: str = "", port: int | None = None) -> str:
    """The base URL in an address.

    :param where: the field that holds the address.
    :raises ConnectionSettingsError: if there is none.
    """
    if "://" not in address:
        # The HTTP provider's convention: the scheme in "schema". Airflow leaves the path of a URL in a variable there.
        scheme = schema if schema in ("http", "https") else given.conn_type if given.conn_type == "http" else "https"
        path = "" if schema in ("", "http", "https") else f"/{schema}"
        address = f"{scheme}://{address}{path}"
    character = foreign_character(address)
    if character is None and (base := _without_path_of_api(address, port)):
        return base
    what = f"it contains {character}" if character else "it must start with https:// and name a host"
    if where == "host":
        raise ConnectionSettingsError(
            f"The {given.location('host')} of connection {given.conn_id!r} is not a base URL: {what}.",
            f"Leave it empty for {DEFAULT_BASE_URL}, or write one such as "
            "https://dingtalk-gateway.example.com:8443/prefix. 通常留空即可；如需网关，请填写它的地址。",
        )
    raise ConnectionSettingsError(
        f"The {given.location(where)} of connection {given.conn_id!r} is not a webhook URL: {what}.",
        f"Copy the webhook URL again, whole. {WHERE_TO_FIND_WEBHOOK}",
    )


def _without_path_of_api(address: str, port: int | None) -> str | None:
    """Scheme, host, port and prefix of an address; ``None`` if it is no URL."""
    try:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            return None
        port = parts.port or _separate_port(parts.scheme, port)
        name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        base = f"{parts.scheme}://{name}{f':{port}' if port else ''}{parts.path.rstrip('/').removesuffix(_SEND_PATH)}"
        # Raises now for a port that is out of range, and for an unpaired bracket.
        return base if urlsplit(base).hostname and urlsplit(base).port == port else None
    except ValueError:
        return None


def _separate_port(scheme: str, port: int | None) -> int | None:
    """The port field of a connection, unless it names none.

    Airflow's page tests a connection without a port with port 0. For its Test button, people write 443 beside any
    address; as a port of plain HTTP it means no other than the usual one.
    """
    return None if not port or (scheme == "http" and port == 443) else port


def refuse_foreign(given: WrittenConnection, what: str, where: str, value: str, advice: str) -> None:
    """Refuse a credential with a character that no credential has.

    :param what: the credential's name.
    :param where: the field that holds it.
    :raises ConnectionSettingsError: with that field and the character's name.
    """
    character = foreign_character(value)
    if character is None:
        return
    if any(each.isspace() for each in value):
        whole_command = " A whole command was pasted; paste only the URL in it." if _OPTION.search(value) else ""
        raise ConnectionSettingsError(
            f"The {what} of connection {given.conn_id!r} contains blanks ({character}); it is in the "
            f"{given.location(where)}.{whole_command}",
            advice,
        )
    raise ConnectionSettingsError(
        f"The {what} of connection {given.conn_id!r} contains {character}, which is invalid; it is in the "
        f"{given.location(where)}.",
        advice,
    )
