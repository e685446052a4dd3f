"""Operators: a task that says something in DingTalk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.airflow_compat import AirflowFailException, BaseOperator
from airflow_provider_dingpush.errors import DingTalkError, InvalidMessageError
from airflow_provider_dingpush.hooks import DingTalkRobotHook
from airflow_provider_dingpush.message_templates import is_template_file, rendered_file
from airflow_provider_dingpush.messages.kinds import ActionCard, FeedCard, Link, Markdown, Text
from airflow_provider_dingpush.messages.mentions import At
from airflow_provider_dingpush.messages.plain_forms import is_ours, rebuilt

if TYPE_CHECKING:
    import jinja2

    from airflow_provider_dingpush.airflow_compat import Context
    from airflow_provider_dingpush.messages.kinds import Message

__all__ = ["DingTalkOperator"]


class DingTalkOperator(BaseOperator):
    """Sends a message to DingTalk; the task fails if DingTalk doesn't take it.

    Every text may be Jinja. A str that is as a whole the path of a ``.md``, ``.json`` or ``.txt`` file is that
    template: ``.md`` becomes a Markdown titled by its first heading, ``.json`` a message in DingTalk's shape,
    ``.txt`` a Text.

    What a retry can't mend (wrong token, wrong message) fails the task at once, without retries. Returns the receipt as
    plain data, see :class:`~airflow_provider_dingpush.receipts.Receipt`.

    :param message: what is said: a message such as ``Markdown(title, text)``, a str (Text), a dict of DingTalk's
        shape, or the output of another task that is one of these.
    :param dingtalk_conn_id: id of a connection of type ``dingtalk_robot``.
    :param at: who is mentioned: an ``At``, or a dict such as ``{"mobiles": ["138…"]}``.
    :raises InvalidMessageError: when the DAG is read, if a message or mention without Jinja in it is wrong.
    """

    template_fields: Sequence[str] = ("message", "at", "dingtalk_conn_id")
    ui_color = "#e6f4ff"

    def __init__(
        self,
        *,
        message: Message | str | Mapping[str, Any],
        dingtalk_conn_id: str = DingTalkRobotHook.default_conn_name,
        at: At | Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.message = message
        self.dingtalk_conn_id = dingtalk_conn_id
        self.at = at
        if isinstance(at, At) and isinstance(message, (Text, Markdown, Link, ActionCard, FeedCard)):
            from airflow_provider_dingpush.dingtalk.custom_robot import refuse_unmentionable

            refuse_unmentionable(message, at)

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Send the message.

        :raises AirflowFailException: for what a retry can't mend.
        :raises DingTalkError: for what it can, such as a network that is down.
        """
        try:
            return self.hook.send(self.message, self.at).to_dict()
        except DingTalkError as error:
            if error.retryable:
                raise
            raise AirflowFailException(str(error)) from error

    @cached_property
    def hook(self) -> DingTalkRobotHook:
        """The hook of the connection."""
        return DingTalkRobotHook(self.dingtalk_conn_id)

    def render_template(
        self,
        content: Any,
        context: Context,
        jinja_env: jinja2.Environment | None = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """Render a template field; a message is built anew from its rendered fields, never changed in place.

        :raises AirflowFailException: if it can't be rendered or the outcome breaks a rule; a retry would do the same.
        """
        if seen_oids is not None and id(content) in seen_oids:
            return content

        def render(value: Any) -> Any:
            return super(DingTalkOperator, self).render_template(value, context, jinja_env, seen_oids)

        import jinja2

        try:
            # Of all strings only the message as a whole may name a file: "notes.txt" in a dict is just words.
            if content is self.message and isinstance(content, str) and is_template_file(content):
                return rendered_file(content, jinja_env or self.get_template_env(), render)
            return rebuilt(content, render) if is_ours(content) else render(content)
        except (jinja2.TemplateError, InvalidMessageError) as error:
            raise AirflowFailException(f"The message can't be rendered: {error}") from error
