"""Operators: a task that says something in DingTalk."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.airflow_compat import AirflowFailException, BaseOperator, defers_by_default
from airflow_provider_dingpush.errors import DingTalkError, InvalidMessageError
from airflow_provider_dingpush.hooks import DingTalkAppHook, DingTalkRobotHook, hook_of
from airflow_provider_dingpush.message_templates import is_constant, is_template_file, rendered_file
from airflow_provider_dingpush.messages.kinds import ActionCard, FeedCard, Link, Markdown, Text
from airflow_provider_dingpush.messages.mentions import At
from airflow_provider_dingpush.messages.plain_forms import is_ours, rebuilt

if TYPE_CHECKING:
    import jinja2

    from airflow_provider_dingpush.airflow_compat import Context
    from airflow_provider_dingpush.messages import Message
    from airflow_provider_dingpush.receipts import Receipt
    from airflow_provider_dingpush.targets import Target

__all__ = ["DingTalkFlushOperator", "DingTalkOperator", "create_flush_dag"]

_log = logging.getLogger(__name__)
_POLL_SECONDS = 3.0
_WORTH_DEFERRING_SECONDS = 5.0
# DingTalk delivers to thousands of people within minutes.
_LONGEST_WAIT = timedelta(hours=1)
_SENT_BUT_UNKNOWN = "The work notice was sent, but DingTalk can't say whom it reached."
_SAYS_THE_SAME = (
    "This work notice says the same each time: DingTalk shows a person only the first of a day and drops the others "
    "without a word. Put {{ ts }} or {{ run_id }} into it. "
    "内容相同的工作通知，同一人一天只会收到一次，请在内容中加入 {{ ts }} 等变量。"
)


class DingTalkOperator(BaseOperator):
    """Sends a message to DingTalk; the task fails if DingTalk doesn't take it.

    Every text may be Jinja. A str that is as a whole the path of a ``.md``, ``.json`` or ``.txt`` file is that
    template: ``.md`` becomes a Markdown titled by its first heading, ``.json`` a message in DingTalk's shape,
    ``.txt`` a Text.

    What a retry can't mend (wrong token, wrong message) fails the task at once, without retries. Returns the receipt as
    plain data, see :class:`~airflow_provider_dingpush.receipts.Receipt`.

    :param message: what is said: a message such as ``Markdown(title, text)``, a str (Text), a dict of DingTalk's
        shape, or the output of another task that is one of these.
    :param dingtalk_conn_id: id of a connection of type ``dingtalk_robot``, or of type ``dingtalk_app`` with ``to``.
    :param at: who is mentioned in a robot's group: an ``At``, or a dict such as ``{"mobiles": ["138…"]}``.
    :param to: who gets a message of an app: ``Group``, ``Users``, ``WorkNotice`` or a plain form of them, such as
        ``{"user_ids": ["…"]}``. A custom robot takes none, it speaks to its own group.
    :param wait_for_delivery: for a work notice: wait until DingTalk has delivered it, and fail if somebody was not
        reached. DingTalk says at first only that it is queued.
    :param deferrable: give the worker slot back while waiting; by default Airflow's ``[operators] default_deferrable``.
    :raises InvalidMessageError: when the DAG is read, if a message, mention or target without Jinja in it is wrong.
    """

    template_fields: Sequence[str] = ("message", "at", "to", "dingtalk_conn_id")
    ui_color = "#e6f4ff"

    def __init__(
        self,
        *,
        message: Message | str | Mapping[str, Any],
        dingtalk_conn_id: str = DingTalkRobotHook.default_conn_name,
        at: At | Mapping[str, Any] | None = None,
        to: Target | str | Mapping[str, Any] | None = None,
        wait_for_delivery: bool = False,
        deferrable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.message = message
        self.dingtalk_conn_id = dingtalk_conn_id
        self.at = at
        self.to = to
        self.wait_for_delivery = wait_for_delivery
        self.deferrable = defers_by_default() if deferrable is None else deferrable
        # Asked now, because rendering puts the outcome in the place of the templates.
        self._says_the_same_always = is_constant(message)
        if isinstance(at, At) and isinstance(message, (Text, Markdown, Link, ActionCard, FeedCard)):
            from airflow_provider_dingpush.dingtalk.custom_robot import refuse_unmentionable

            refuse_unmentionable(message, at)

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Send the message, and wait for its delivery if that is asked for.

        :raises AirflowFailException: for what a retry can't mend.
        :raises DingTalkError: for what it can, such as a network that is down.
        """
        from airflow_provider_dingpush.targets import WorkNotice, read_target

        try:
            target = read_target(self.to)
            is_notice = isinstance(target, WorkNotice)
            if self.wait_for_delivery and not is_notice:
                raise InvalidMessageError(
                    "wait_for_delivery= is for work notices: of other messages DingTalk says at once what came.",
                    "Leave it out, or send to=WorkNotice(...).",
                )
            if is_notice and self._says_the_same_always:
                _log.warning(_SAYS_THE_SAME)
            receipt = self._send_in_turn(target)
            return self._waited_for(receipt) if self.wait_for_delivery else receipt.to_dict()
        except DingTalkError as error:
            if error.retryable:
                raise
            raise AirflowFailException(str(error)) from error

    def execute_in_turn(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Go on after the wait for a turn of the robot."""
        return self.execute(context)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Go on after the wait for a work notice's delivery.

        :raises AirflowFailException: if somebody was not reached or DingTalk can't tell. A retry would send it again.
        """
        if "unknown" in event:
            raise AirflowFailException(f"{_SENT_BUT_UNKNOWN} {event['unknown']}")
        return _all_reached(event["receipt"], event["problems"])

    def _send_in_turn(self, target: Target | None) -> Receipt:
        """Send when it is this message's turn: alerts and messages of one robot share its minute."""
        from airflow_provider_dingpush.delivery.outbox import OutboxError
        from airflow_provider_dingpush.dispatching import free_in, turn
        from airflow_provider_dingpush.outboxes import outbox
        from airflow_provider_dingpush.senders import messages_in, sender_of

        try:
            box = outbox()
            sender = sender_of(self.hook, target)
            wait = free_in(box, sender)
        except OutboxError as trouble:
            _log.warning("This message doesn't wait for its turn: %s", trouble)
            return self.hook.send(self.message, at=self.at, to=target)
        if self.deferrable and wait > _WORTH_DEFERRING_SECONDS:
            from airflow_provider_dingpush.triggers import TurnTrigger

            _log.info("The robot may say nothing for %.0f s; the worker slot is given back until then.", wait)
            self.defer(trigger=TurnTrigger(moment=time.time() + wait), method_name="execute_in_turn")
        with turn(box, sender, messages=messages_in(self.message)):
            return self.hook.send(self.message, at=self.at, to=target)

    def _waited_for(self, receipt: Receipt) -> dict[str, Any]:
        plain = receipt.to_dict()
        if self.deferrable:
            from airflow_provider_dingpush.triggers import WorkNoticeTrigger

            trigger = WorkNoticeTrigger(
                dingtalk_conn_id=self.dingtalk_conn_id, receipt=plain, poll_seconds=_POLL_SECONDS
            )
            # The receipt comes back in the event: in `dag.test()` Airflow 3 forgets the arguments of a deferral.
            self.defer(trigger=trigger, method_name="execute_complete", timeout=_LONGEST_WAIT)
        hook, end = self.hook, time.monotonic() + _LONGEST_WAIT.total_seconds()
        try:
            while (delivery := hook.delivery(receipt)) is None:  # type: ignore[union-attr] # a robot sends no notice
                if time.monotonic() > end:
                    raise AirflowFailException(f"{_SENT_BUT_UNKNOWN} It has not finished within {_LONGEST_WAIT}.")
                time.sleep(_POLL_SECONDS)
        except DingTalkError as error:
            # Not an error to try the task again for: that would send the notice a second time.
            raise AirflowFailException(f"{_SENT_BUT_UNKNOWN} {error}") from error
        return _all_reached(plain, [problem for each in delivery for problem in each.problems])

    @cached_property
    def hook(self) -> DingTalkRobotHook | DingTalkAppHook:
        """The hook that fits the connection's type."""
        return hook_of(self.dingtalk_conn_id)

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


def _all_reached(receipt: dict[str, Any], problems: Sequence[str]) -> dict[str, Any]:
    if problems:
        raise AirflowFailException(f"The work notice did not reach everybody. {' '.join(problems)}")
    return receipt


class DingTalkFlushOperator(BaseOperator):
    """Sends the alerts that callbacks had to leave behind: while a robot was shut out, or when a process was killed.

    Returns how many alerts were sent and how many still wait. It never fails because DingTalk is out of order: what
    waits is safe, and the next run tries again.

    :param within_seconds: the most that it may take, in seconds.
    """

    ui_color = "#e6f4ff"

    def __init__(self, *, within_seconds: float = 50.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.within_seconds = within_seconds

    def execute(self, context: Context) -> dict[str, int]:  # noqa: ARG002 - Airflow's signature
        """Send what waits.

        :raises OutboxError: if the outbox can't be used.
        """
        from airflow_provider_dingpush.dispatching import flush
        from airflow_provider_dingpush.look_ups import look_up_within
        from airflow_provider_dingpush.outboxes import outbox
        from airflow_provider_dingpush.pending import all_alerts

        until = time.monotonic() + self.within_seconds
        sent, box = 0, look_up_within(outbox, self.within_seconds)
        for mailbox, came in flush(box, until=until):
            if isinstance(came, str):
                _log.error("Alerts of connection %r wait: %s", mailbox.conn_id, came)
            elif came is not None:
                sent += came.alerts
                if came.left:
                    _log.warning("%d alert(s) of connection %r wait: %s", came.left, mailbox.conn_id, came.reason)
        return {"sent": sent, "left": all_alerts(box)}


def create_flush_dag(dag_id: str = "dingpush_flush", *, every_minutes: int = 1, **dag_arguments: Any) -> Any:
    """A DAG that sends left-over alerts every minute.

    Two lines in any DAG file are all it takes::

        from airflow_provider_dingpush.operators import create_flush_dag
        flush_dag = create_flush_dag()

    :param every_minutes: minutes between two runs.
    :param dag_arguments: more arguments of the DAG.
    """
    from airflow_provider_dingpush.airflow_compat import DAG

    with DAG(
        dag_id,
        **{
            "description": "Sends DingTalk alerts that callbacks had to leave behind. 发送遗留的钉钉告警。",
            "schedule": timedelta(minutes=every_minutes),
            "start_date": datetime(2026, 1, 1, tzinfo=timezone.utc),
            "catchup": False,
            "max_active_runs": 1,
            "is_paused_upon_creation": False,
            "tags": ["dingpush"],
            **dag_arguments,
        },
    ) as dag:
        DingTalkFlushOperator(task_id="flush")
    return dag
