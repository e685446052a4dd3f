"""Hooks: from a connection id to a message sent.

A DAG file imports this module, so whatever only sending needs is imported when something is sent.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.airflow_compat import (
    AirflowNotFoundException,
    BaseHook,
    mask_secret,
    redact,
)
from airflow_provider_dingpush.errors import ConnectionSettingsError, DingTalkError, UnknownOutcomeError
from airflow_provider_dingpush.log_lines import SENT_LOG_LINE
from airflow_provider_dingpush.messages.mentions import At
from airflow_provider_dingpush.messages.plain_forms import read_message, rebuilt

if TYPE_CHECKING:
    from airflow_provider_dingpush.connections import RobotSettings
    from airflow_provider_dingpush.dingtalk.attempts import AttemptPlan
    from airflow_provider_dingpush.dingtalk.custom_robot import CustomRobot
    from airflow_provider_dingpush.dingtalk.http_post import HttpPost
    from airflow_provider_dingpush.messages import Message
    from airflow_provider_dingpush.receipts import Receipt

__all__ = ["DingTalkRobotHook"]

_log = logging.getLogger(__name__)


class DingTalkRobotHook(BaseHook):
    """Sends messages to a group through its custom robot (自定义机器人).

    The connection is read when the first message is sent, and HTTP connections are kept open between messages, so one
    hook for many messages is faster than a hook for each.

    :param dingtalk_conn_id: id of a connection of type ``dingtalk_robot``.
    """

    conn_name_attr = "dingtalk_conn_id"
    default_conn_name = "dingtalk_default"
    conn_type = "dingtalk_robot"
    hook_name = "DingTalk Robot 钉钉机器人"

    def __init__(self, dingtalk_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dingtalk_conn_id = dingtalk_conn_id

    def send(
        self,
        message: Message | str | Mapping[str, Any],
        at: At | Mapping[str, Any] | None = None,
    ) -> Receipt:
        """Send a message to the group.

        A Text or Markdown of more than 20,000 bytes is split into at most five numbered messages.

        :param message: a message, a str (sent as Text), or a dict of DingTalk's shape.
        :param at: who is mentioned.
        :raises DingTalkError: typed by what went wrong, with advice; see :mod:`airflow_provider_dingpush.errors`.
        """
        from airflow_provider_dingpush.receipts import Receipt

        told, told_at = read_message(message)
        parts = self._robot().send(_redacted(told), At.union([At.read(at), told_at]))
        _log.info(
            "%s: %s in %d part(s) through connection %r.",
            SENT_LOG_LINE,
            type(told).__name__,
            parts,
            self.dingtalk_conn_id,
        )
        return Receipt(channel="custom_robot", conn_id=self.dingtalk_conn_id, parts=parts)

    def send_alert(self, message: Message, at: At | None = None, *, language: str, budget_seconds: float) -> Receipt:
        """Send an alert in one piece within a time budget: cut if it is too long, without mentions it can't carry.

        :param language: ``zh`` or ``en``, of the note that says what was cut.
        :param budget_seconds: the most that all tries together may take, in seconds.
        :raises DingTalkError: typed by what went wrong.
        """
        from airflow_provider_dingpush.dingtalk.attempts import AttemptPlan
        from airflow_provider_dingpush.receipts import Receipt

        self._robot(AttemptPlan(budget_seconds=budget_seconds)).send_cut(_redacted(message), at, language=language)
        _log.info("%s: %s through connection %r.", SENT_LOG_LINE, type(message).__name__, self.dingtalk_conn_id)
        return Receipt(channel="custom_robot", conn_id=self.dingtalk_conn_id)

    @cached_property
    def settings(self) -> RobotSettings:
        """What the connection says.

        :raises ConnectionSettingsError: if it is missing or wrong, saying what to fill in where.
        """
        problem: ConnectionSettingsError
        try:
            return self._read_connection()
        except ConnectionSettingsError as error:
            # Loggers that print local variables must not find a token in the frames below.
            problem = error.with_traceback(None)
        raise problem

    def _read_connection(self) -> RobotSettings:
        from airflow_provider_dingpush import connections

        try:
            connection = self.get_connection(self.dingtalk_conn_id)
        except AirflowNotFoundException:
            raise ConnectionSettingsError(
                f"There is no Airflow connection {self.dingtalk_conn_id!r}.",
                "Create it under Admin > Connections: type 'DingTalk Robot', the robot's webhook URL as password, "
                f"or set AIRFLOW_CONN_{self.dingtalk_conn_id.upper()} to that URL. "
                "请在 Admin > Connections 新建该连接，类型选 DingTalk Robot，Password 填机器人的 Webhook 地址。",
            ) from None
        for credential in connections.credentials_of(connection):
            mask_secret(credential)
        settings = connections.robot_settings(connection)
        unknown = connections.unknown_extras(connection)
        if unknown:
            known = ", ".join(each.name for each in connections.ROBOT_FIELDS)
            _log.warning(
                "%r has extra fields %s that mean nothing here; known are: %s.", settings.conn_id, unknown, known
            )
        return settings

    def get_conn(self) -> HttpPost:
        """The open HTTP connection to DingTalk."""
        return self._http

    def test_connection(self) -> tuple[bool, str]:
        """Ask DingTalk about token, signature and IP address without posting a message to the group."""
        try:
            settings = self.settings
            problem = self._robot().probe()
        except DingTalkError as error:
            return False, str(error)
        if isinstance(problem, UnknownOutcomeError):
            # Its advice is to look into the group, where nothing can be.
            return False, f"{problem.problem} Nothing was posted; try again, or raise 'timeout_seconds'."
        if problem is not None:
            return False, str(problem)
        untested = "If it has keywords (自定义关键词), put one into 'keyword': that can't be tested without posting."
        accepted = "DingTalk accepts the token, the signature and this machine's address; nothing was posted."
        return True, accepted if settings.robot.keyword else f"{accepted} {untested}"

    @cached_property
    def _http(self) -> HttpPost:
        from airflow_provider_dingpush.dingtalk.http_post import HttpPost

        return HttpPost(self.settings.base_url, self.settings.http)

    def _robot(self, plan: AttemptPlan | None = None) -> CustomRobot:
        from airflow_provider_dingpush.dingtalk.custom_robot import CustomRobot

        return CustomRobot(self.settings.robot, self._http, plan=plan)

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """The extra fields of the connection form, for Airflow before 3.2 (later ones read provider info)."""
        from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
        from flask_babel import lazy_gettext
        from wtforms import PasswordField, StringField
        from wtforms.validators import Optional

        from airflow_provider_dingpush.connections import ROBOT_FIELDS, STORED_SECRET_PLACEHOLDER, FormField

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

        return {each.name: widget(each) for each in ROBOT_FIELDS}

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Which standard fields the connection form shows and what it calls them, for Airflow before 3.2."""
        from airflow_provider_dingpush.connections import ROBOT_FORM_BEHAVIOUR

        return {key: value.copy() for key, value in ROBOT_FORM_BEHAVIOUR.items()}


def _redacted(message: Message) -> Message:
    """Take out what Airflow masks in logs: exception texts hold passwords, and a group chat is no vault."""
    clean: Message = rebuilt(message, lambda value: redact(value) if isinstance(value, str) else value)
    return clean
