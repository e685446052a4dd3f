"""The DingTalk connections that can be found: in environment variables, the database and the outbox."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from airflow_provider_dingpush.airflow_compat import AirflowNotFoundException, BaseHook
from airflow_provider_dingpush.airflow_database import connection_types
from airflow_provider_dingpush.hooks import DingTalkAppHook, DingTalkRobotHook
from airflow_provider_dingpush.messages.input_text import visible
from airflow_provider_dingpush.timeouts import call_within

_PREFIX = "AIRFLOW_CONN_"
_OURS = re.compile(r"ding(?:talk|ding|push)", re.IGNORECASE)
_TYPES = "dingtalk_robot", "dingtalk_app", "dingding"
# What a connection without our type is read as a robot or an app from.
_UNTYPED = "generic", "http", "https", ""
_DATABASE_SECONDS = 15.0

ROBOT_DEFAULT, APP_DEFAULT = DingTalkRobotHook.default_conn_name, DingTalkAppHook.default_conn_name
"""The ids that hooks, operators and notifiers use by default."""


@dataclass(frozen=True)
class Variable:
    """An environment variable that has a DingTalk connection.

    :param name: of the variable.
    :param conn_id: the connection's id.
    :param json_problem: why it is no JSON, although it begins like it.
    """

    name: str
    conn_id: str
    json_problem: str | None = None


def variable_of(conn_id: str) -> Variable | None:
    """The environment variable that has a connection, of whatever type; ``None`` if there is none."""
    name = f"{_PREFIX}{conn_id.upper()}"
    text = _plain(os.environ.get(name, ""))
    return Variable(name, conn_id, _json_problem(text)) if text else None


def variables() -> Iterator[Variable]:
    """All environment variables that seem to have a DingTalk connection."""
    for name in sorted(os.environ):
        conn_id = name[len(_PREFIX) :].lower()
        text = _plain(os.environ[name])
        if name.startswith(_PREFIX) and conn_id and text and _is_ours(conn_id, text):
            yield Variable(name, conn_id, _json_problem(text))


def stored_connections() -> list[str]:
    """The ids of DingTalk connections in Airflow's database.

    :raises TimeoutError: if it doesn't answer in time.
    :raises Exception: of the database.
    """
    found = call_within(_DATABASE_SECONDS, connection_types)
    return sorted(
        conn_id
        for conn_id, kind in found.items()
        if kind in _TYPES or (kind in _UNTYPED and _OURS.search(conn_id) is not None)
    )


def exists(conn_id: str) -> bool:
    """Whether Airflow has a connection of this id; also if that can't be found out now."""
    try:
        BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        return False
    except Exception:  # noqa: BLE001 - its check reports why
        return True
    return True


def _is_ours(conn_id: str, text: str) -> bool:
    if conn_id in (ROBOT_DEFAULT, APP_DEFAULT) or _OURS.search(text):
        return True
    # Such as a database of DingTalk's data.
    return _OURS.search(conn_id) is not None and _type_in(text) in _UNTYPED


def _type_in(text: str) -> str:
    if text.startswith("{"):
        try:
            read = json.loads(text)
        except ValueError:
            return ""
        return str(read.get("conn_type") or "") if isinstance(read, Mapping) else ""
    return text.partition("://")[0].lower() if "://" in text else ""


def _json_problem(text: str) -> str | None:
    """Why a text that begins like JSON is none: without the text, which has credentials."""
    if not text.startswith("{"):
        return None
    try:
        json.loads(text)
    except json.JSONDecodeError as problem:
        return f"{problem.msg}, character {problem.pos + 1}"
    except (ValueError, RecursionError):
        return "nested too deeply"
    return None


def _plain(text: str) -> str:
    return visible(text).strip()
