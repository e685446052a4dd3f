"""Whom an e-mail goes to in DingTalk: the connection, and the people behind the addresses."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from airflow_provider_dingpush.airflow_compat import airflow_option
from airflow_provider_dingpush.connection_mentions import by_address
from airflow_provider_dingpush.pipeline.redaction import described

if TYPE_CHECKING:
    from airflow_provider_dingpush.connections import AppSettings, RobotSettings
    from airflow_provider_dingpush.messages.mentions import At
    from airflow_provider_dingpush.pipeline.routes import Route
    from airflow_provider_dingpush.targets import Target, Users

_log = logging.getLogger(__name__)
_SMTP_DEFAULT = "smtp_default"
"""What Airflow passes if nobody chose a connection."""
_LOOK_UP_SECONDS = 2.0
_MOST_USERS = 50


def own_connection(conn_id: str | None) -> str | None:
    """The id, if it is that of a DingTalk connection; ``None`` for an SMTP server's."""
    if not conn_id or conn_id == _SMTP_DEFAULT:
        return None
    from airflow_provider_dingpush.connections import is_dingtalk_connection
    from airflow_provider_dingpush.pipeline.look_ups import look_up_within

    try:
        is_ours = look_up_within(lambda: is_dingtalk_connection(conn_id), _LOOK_UP_SECONDS)
    except Exception as problem:  # noqa: BLE001 - a secrets backend may raise anything
        _log.info("Connection %r can't be looked up, and counts as an SMTP server's (%s).", conn_id, described(problem))
        return None
    return conn_id if is_ours else None


def default_connection() -> str:
    """The connection for an e-mail that names none."""
    from airflow_provider_dingpush.pipeline.routes import LAST_RESORT

    return airflow_option("dingpush", "alert_conn_id") or LAST_RESORT


def people_behind(addresses: Iterable[str], settings: RobotSettings | AppSettings) -> At | None:
    """The people of these addresses, from the connection's ``mentions``; ``None`` if none of them is there.

    :param addresses: in lower case.
    """
    from airflow_provider_dingpush.messages.mentions import At

    people = by_address(settings.mentions)
    return At.union([people[each] for each in addresses if each in people])


def unknown_among(addresses: Iterable[str], settings: RobotSettings | AppSettings) -> list[str]:
    """Those of these addresses that ``mentions`` doesn't have."""
    people = by_address(settings.mentions)
    return [each for each in addresses if not people.get(each)]


def users_of(at: At | None) -> Users | None:
    """These people as the target of an app's message."""
    from airflow_provider_dingpush.targets import Users

    if at is None or not (at.user_ids or at.mobiles):
        return None
    return Users(at.user_ids[:_MOST_USERS], at.mobiles[: max(0, _MOST_USERS - len(at.user_ids))])


def addressed(route: Route, recipients: Iterable[str]) -> Route:
    """The route of an alert to the recipients of its e-mail, if it is an app's and the app has no group of its own."""
    if route.to is not None:
        return route
    target: Target | None = None
    try:
        from airflow_provider_dingpush.connections import AppSettings, look_up, settings_of
        from airflow_provider_dingpush.pipeline.look_ups import look_up_within

        settings = look_up_within(lambda: look_up(route.conn_id, settings_of), _LOOK_UP_SECONDS)
        if isinstance(settings, AppSettings) and not settings.open_conversation_id:
            target = users_of(people_behind(recipients, settings))
    except Exception as problem:  # noqa: BLE001 - whoever sends the alert looks the connection up again
        _log.info("Connection %r can't be looked up now (%s).", route.conn_id, described(problem))
    return route if target is None else route._replace(to=target)
