"""Operators: tasks that send a message or a query's result to DingTalk, and one that sends pending alerts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_dingpush.airflow_compat import (
    AirflowFailException,
    AirflowSkipException,
    BaseOperator,
    defers_by_default,
)
from airflow_provider_dingpush.errors import DingTalkError, InvalidMessageError, UnknownOutcomeError
from airflow_provider_dingpush.hooks import DingTalkAppHook, DingTalkRobotHook, hook_of
from airflow_provider_dingpush.messages.field_rules import is_ours
from airflow_provider_dingpush.pipeline.message_keys import is_retry, message_key
from airflow_provider_dingpush.templating import Renderer, is_constant

if TYPE_CHECKING:
    import jinja2

    from airflow_provider_dingpush.airflow_compat import Context
    from airflow_provider_dingpush.messages import At, Message
    from airflow_provider_dingpush.pipeline.receivers import Receiver
    from airflow_provider_dingpush.pipeline.stores import Store
    from airflow_provider_dingpush.receipts import Receipt
    from airflow_provider_dingpush.reports.table import Table, TableLike
    from airflow_provider_dingpush.send_conditions import SendIf
    from airflow_provider_dingpush.sql_queries import RunningQuery
    from airflow_provider_dingpush.targets import Target

__all__ = [
    "DingTalkFlushOperator",
    "DingTalkOperator",
    "DingTalkReportOperator",
    "SqlToDingTalkOperator",
    "create_daily_digest_dag",
    "create_flush_dag",
    "create_weekly_report_dag",
]

_log = logging.getLogger(__name__)
_POLL_SECONDS = 3.0
_REPORT_SECONDS, _DAY_SECONDS = 60.0, 86_400.0
_WORTH_DEFERRING_SECONDS = 5.0
# The limit for one operation of a store, in seconds; all of them may take twice that.
_STORE_SECONDS = 1.5
# DingTalk delivers to thousands of people within minutes.
_LONGEST_WAIT = timedelta(hours=1)
_SENT_BUT_UNKNOWN = "The work notification was sent, but it is unknown whom it reached."
_ONCE = (
    "The task's next try sends it as the same message, which DingTalk shows once as long as it remembers it (expected "
    "for {lifetime:g} s). 任务重试时使用同一 msgUuid，群里只会出现一次（按 {lifetime:g} 秒计）。"
)
_PERHAPS_TWICE = (
    "The task's next try, after {delay:g} s or more, sends it again, and it may then arrive twice: DingTalk is "
    "expected to recognise it for {lifetime:g} s. "
    "任务将在 {delay:g} 秒后重试，届时可能重复送达（去重按 {lifetime:g} 秒计）。"
)
_ONCE_A_DAY = (
    "The task's next try sends it again, and DingTalk shows the same content to a person once a day. "
    "任务将重试；相同内容的工作通知，同一人一天只会收到一次。"
)
_APP_TWICE = (
    "The task's next try sends it again, because the connection has 'resend_unknown', and it may then arrive twice. "
    "连接已设置 resend_unknown，任务将重试，届时可能重复送达。"
)
_SAME_CONTENT = (
    "The content of this work notification is always the same: DingTalk shows a person only the first of a day and "
    "drops the others without an error. Put {{ ts }} or {{ run_id }} into it. "
    "内容相同的工作通知，同一人一天只会收到一次，请在内容中加入 {{ ts }} 等变量。"
)


class _SendingOperator(BaseOperator):
    """What tasks that send have in common: connection, target, rate limit, tries and delivery.

    The parameters are those of :class:`DingTalkOperator`.
    """

    template_fields: Sequence[str] = ("at", "to", "dingtalk_conn_id", "send_if")
    ui_color = "#e6f4ff"

    def __init__(
        self,
        *,
        dingtalk_conn_id: str = DingTalkRobotHook.default_conn_name,
        at: At | Mapping[str, Any] | None = None,
        to: Target | str | Mapping[str, Any] | None = None,
        send_if: SendIf = None,
        wait_for_delivery: bool = False,
        deferrable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dingtalk_conn_id = dingtalk_conn_id
        self.at = at
        self.to = to
        # Airflow calls a function in a template field while it renders, without the rows.
        self._send_if_function = send_if if callable(send_if) else None
        self.send_if = None if callable(send_if) else send_if
        self.wait_for_delivery = wait_for_delivery
        self.deferrable = defers_by_default() if deferrable is None else deferrable
        self._sent_in: tuple[object, int] = (None, 0)
        self._has_same_content = False

    def execute_after_wait(self, context: Context, event: Mapping[str, Any]) -> Any:  # noqa: ARG002 - Airflow's signature
        """Go on after the wait for the receiver's rate limit."""
        return self.execute(context)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Go on after the wait for the delivery of a work notification.

        :raises AirflowFailException: if a person was not reached or that is unknown. A retry would send it again.
        """
        if "unknown" in event:
            raise AirflowFailException(f"{_SENT_BUT_UNKNOWN} {event['unknown']}")
        return _all_reached(event["receipt"], event["problems"])

    def _with_target(self, send: Callable[[Target | None], dict[str, Any]], context: Context) -> dict[str, Any]:
        """Read the target and send to it.

        :raises AirflowFailException: for a problem that a retry can't fix.
        :raises DingTalkError: for one that it can, such as a network that is down.
        """
        from airflow_provider_dingpush.targets import WorkNotification, read_target

        is_work_notification = False
        try:
            target = read_target(self.to)
            is_work_notification = isinstance(target, WorkNotification)
            if self.wait_for_delivery and not is_work_notification:
                raise InvalidMessageError(
                    "wait_for_delivery= is for work notifications: the result of other messages is known at once.",
                    "Leave it out, or send to=WorkNotification(...).",
                )
            if is_work_notification and self._has_same_content:
                _log.warning(_SAME_CONTENT)
            return send(target)
        except DingTalkError as error:
            if error.retryable:
                self._describe_next_try(error, context, is_work_notification)
                raise
            raise AirflowFailException(str(error)) from error

    def _needs_rows(self) -> bool:
        """Whether ``send_if`` can't be decided before the rows are known."""
        from airflow_provider_dingpush.send_conditions import needs_rows

        return self._send_if_function is not None or needs_rows(self.send_if, self.get_template_env)

    def _skip_unless(self, context: Context, rows: Callable[[], Any]) -> None:
        """Skip the task if ``send_if`` says so.

        :param rows: reads the rows, or the message; called if the condition needs it.
        :raises AirflowSkipException: if nothing is to be sent.
        """
        from airflow_provider_dingpush.send_conditions import is_yes, result_of

        result: Any = self.send_if
        if self._send_if_function is not None:
            result = self._send_if_function(rows())
        elif result is None:
            return
        elif self._needs_rows():
            result = result_of(result, self.get_template_env(), context, rows())
        if not is_yes(result):
            _skip("send_if is false", "send_if 为假")

    def _send_within_rate_limit(
        self,
        send: Callable[[str | None], Receipt],
        messages: int,
        target: Target | None,
        context: Context,
        *,
        may_defer: bool = True,
    ) -> dict[str, Any]:
        """Send when the receiver has a free slot: alerts and messages share its window.

        :param send: sends with a key by which DingTalk recognises a repeated message.
        :param messages: as how many messages.
        :param may_defer: whether the task may begin again after the wait.
        """
        receipt = self._sent_within_rate_limit(send, messages, target, context, may_defer)
        return self._after_delivery(receipt) if self.wait_for_delivery else receipt.to_dict()

    def _sent_within_rate_limit(
        self,
        send: Callable[[str | None], Receipt],
        messages: int,
        target: Target | None,
        context: Context,
        may_defer: bool,
    ) -> Receipt:
        from airflow_provider_dingpush.pipeline.rate_limit import rate_limit_slot
        from airflow_provider_dingpush.pipeline.receivers import receiver_of_hook

        receiver, logged = receiver_of_hook(self.hook, target), set[str]()
        # There is no limit on waiting for a slot, but one on each operation of a store.
        while (window := _window_of(receiver, logged)) is not None:
            store, wait = window
            if may_defer:
                self._defer_for(wait)
            if store.is_substitute and wait > _WORTH_DEFERRING_SECONDS:
                # The outbox may be available again before that, and have a free slot.
                _log_once(logged, logging.INFO, f"Waiting for the rate limit, as counted in {store.folder}.")
                time.sleep(_WORTH_DEFERRING_SECONDS)
                continue
            with rate_limit_slot(store.outbox, receiver, messages=messages, share=store.share):
                return self._sent(send, context)
        _log.warning("This message is sent without waiting for the rate limit.")
        return self._sent(send, context)

    def _defer_for(self, wait: float, message: Mapping[str, Any] | None = None) -> None:
        """Release the worker slot, if the wait for the rate limit is worth it.

        :param message: what the trigger keeps; ``None`` if it is rendered again after the wait.
        """
        if self.deferrable and wait > _WORTH_DEFERRING_SECONDS:
            from airflow_provider_dingpush.triggers import RateLimitTrigger

            _log.info("The rate limit allows the next message in %.0f s; the worker slot is free until then.", wait)
            trigger = RateLimitTrigger(moment=time.time() + wait, message=message)
            self.defer(trigger=trigger, method_name="execute_after_wait")

    def _sent(self, send: Callable[[str | None], Receipt], context: Context) -> Receipt:
        key = self._message_key(context) if self._lifetime_seconds else None
        receipt = send(key)
        return replace(receipt, resent=True) if is_retry(context, self.retries) and receipt.task_id else receipt

    def _message_key(self, context: Context) -> str | None:
        ti = context.get("ti")
        this_try = (getattr(ti, "run_id", None), getattr(ti, "map_index", None), getattr(ti, "try_number", None))
        # A subclass may send several messages in one try, one after the other.
        position = self._sent_in[1] + 1 if this_try == self._sent_in[0] else 0
        self._sent_in = (this_try, position)
        return message_key(context, self.dingtalk_conn_id, task_id=self.task_id, position=position)

    @property
    def _lifetime_seconds(self) -> float:
        """How long DingTalk is expected to recognise a message, in seconds; 0 for an app's, which it never does."""
        hook = self.hook
        return hook.settings.delivery.msg_uuid_lifetime_seconds if isinstance(hook, DingTalkRobotHook) else 0.0

    def _describe_next_try(self, error: DingTalkError, context: Context, is_work_notification: bool) -> None:
        """Add to the error what the task's next try does with a message that may have arrived."""
        ti = context.get("ti")
        if not isinstance(error, UnknownOutcomeError) or getattr(ti, "try_number", 0) > getattr(ti, "max_tries", -1):
            return
        lifetime, delay = self._lifetime_seconds, self.retry_delay
        seconds = delay.total_seconds() if isinstance(delay, timedelta) else float(delay)
        if isinstance(self.hook, DingTalkRobotHook):
            advice = _ONCE if seconds < lifetime else _PERHAPS_TWICE
        else:
            advice = _ONCE_A_DAY if is_work_notification else _APP_TWICE
        error.advice = f"{error.advice} {advice.format(lifetime=lifetime, delay=seconds)}"

    def _after_delivery(self, receipt: Receipt) -> dict[str, Any]:
        plain = receipt.to_dict()
        if self.deferrable:
            from airflow_provider_dingpush.triggers import WorkNotificationTrigger

            trigger = WorkNotificationTrigger(
                dingtalk_conn_id=self.dingtalk_conn_id, receipt=plain, poll_seconds=_POLL_SECONDS
            )
            # The receipt is in the event, because `dag.test()` of Airflow 3 drops the arguments of a deferral.
            self.defer(trigger=trigger, method_name="execute_complete", timeout=_LONGEST_WAIT)
        hook, end = self.hook, time.monotonic() + _LONGEST_WAIT.total_seconds()
        try:
            while (delivery := hook.delivery(receipt)) is None:  # type: ignore[union-attr] # a robot sends no such messages
                if time.monotonic() > end:
                    raise AirflowFailException(f"{_SENT_BUT_UNKNOWN} It has not finished within {_LONGEST_WAIT}.")
                time.sleep(_POLL_SECONDS)
        except DingTalkError as error:
            # The task must not be retried: that would send the message a second time.
            raise AirflowFailException(f"{_SENT_BUT_UNKNOWN} {error}") from error
        return _all_reached(plain, [problem for each in delivery for problem in each.problems])

    @cached_property
    def hook(self) -> DingTalkRobotHook | DingTalkAppHook:
        """The hook for the connection's type."""
        return hook_of(self.dingtalk_conn_id)

    def render_template(
        self,
        content: Any,
        context: Context,
        jinja_env: jinja2.Environment | None = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """Render a template field; a message is rebuilt from its rendered fields, never changed in place.

        :raises AirflowFailException: if it can't be rendered or the result breaks a rule; a retry would do the same.
        """
        if seen_oids is not None and id(content) in seen_oids:
            return content

        import jinja2

        from airflow_provider_dingpush.send_conditions import needs_rows
        from airflow_provider_dingpush.templating_filters import add_filters

        env = add_filters(jinja_env or self.get_template_env())

        def as_airflow_does(value: Any) -> Any:
            return super(_SendingOperator, self).render_template(value, context, env, seen_oids)

        try:
            if content is not None and content is self.send_if and needs_rows(content, lambda: env):
                return content  # rendered when the rows are known
            return self._rendered(content, Renderer(env, context, as_airflow_does))
        except (jinja2.TemplateError, InvalidMessageError) as error:
            raise AirflowFailException(f"The message can't be rendered: {error}") from error

    def _rendered(self, content: Any, renderer: Renderer) -> Any:
        return renderer.text(content) if content is self.dingtalk_conn_id else renderer.native(content)


class DingTalkOperator(_SendingOperator):
    """Sends a message to DingTalk; the task fails if DingTalk doesn't accept it.

    Every text may be Jinja. A str that is as a whole the path of a ``.md``, ``.json`` or ``.txt`` file, in ASCII and
    without blanks, is that template: ``.md`` becomes a Markdown titled by its first heading, ``.json`` a message in
    DingTalk's shape, ``.txt`` a Text.

    Each try of the task sends the same message, so a robot's group sees it once even if the reply to an earlier try
    came too late: DingTalk recognises it for a while (the connection's ``msg_uuid_lifetime_seconds``). A task that is
    cleared sends it again. An app's message that may have arrived isn't retried by default.

    What a retry can't fix (wrong token, wrong message) fails the task at once, without retries. Returns the receipt as
    plain data, see :class:`~airflow_provider_dingpush.receipts.Receipt`.

    :param message: what is sent: a message such as ``Markdown(title, text)``, a str (Text), a dict of DingTalk's
        shape, a table (:class:`~airflow_provider_dingpush.reports.table.Table`, a pandas or polars DataFrame, a list
        of dicts), or the output of another task that is one of these.
    :param dingtalk_conn_id: id of a connection of type ``dingtalk_robot``, or of type ``dingtalk_app`` with ``to``.
    :param at: who is mentioned in a robot's group: an ``At``, or a dict such as ``{"mobiles": ["138…"]}``.
    :param to: the target of an app's message: ``Group``, ``Users``, ``WorkNotification`` or a plain form of them, such
        as ``{"user_ids": ["…"]}``. A custom robot accepts none: it can only post to its own group.
    :param send_if: whether it is sent; if not, the task is skipped, and those below it as well. Jinja such as
        ``"{{ ti.xcom_pull('check') > 3 }}"``, a bool, the output of another task, or a function that takes the rows of
        a table, or else the message. Jinja may name the rows, too: ``"{{ rows | length > 0 }}"``.
    :param wait_for_delivery: for a work notification: wait until DingTalk has delivered it, and fail if a person was
        not reached. DingTalk's first reply is only that it is queued.
    :param deferrable: release the worker slot while waiting; by default Airflow's ``[operators] default_deferrable``.
    :raises InvalidMessageError: when the DAG is read, if a message, mention or target without Jinja in it is wrong.
    """

    template_fields: Sequence[str] = ("message", *_SendingOperator.template_fields)

    def __init__(
        self,
        *,
        message: Message | TableLike | str | Mapping[str, Any],
        dingtalk_conn_id: str = DingTalkRobotHook.default_conn_name,
        at: At | Mapping[str, Any] | None = None,
        to: Target | str | Mapping[str, Any] | None = None,
        send_if: SendIf = None,
        wait_for_delivery: bool = False,
        deferrable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            dingtalk_conn_id=dingtalk_conn_id,
            at=at,
            to=to,
            send_if=send_if,
            wait_for_delivery=wait_for_delivery,
            deferrable=deferrable,
            **kwargs,
        )
        self.message = message
        # Now, because rendering replaces the templates by the results.
        self._has_same_content = is_constant(message)
        if is_ours(at) and is_ours(message):
            _refuse_unmentionable(message, at)

    def execute(self, context: Context) -> dict[str, Any]:
        """Send the message, and wait for its delivery with ``wait_for_delivery``.

        :raises AirflowFailException: for a problem that a retry can't fix.
        :raises AirflowSkipException: if ``send_if`` is false.
        :raises DingTalkError: for one that it can, such as a network that is down.
        """
        return self._with_target(lambda target: self._send_message(target, context), context)

    def _send_message(self, target: Target | None, context: Context) -> dict[str, Any]:
        from airflow_provider_dingpush.pipeline.receivers import messages_in
        from airflow_provider_dingpush.report_sending import table_in

        def rows() -> Any:
            table = table_in(self.message)
            if table is None:
                return self.message
            # The rows may be such as can be read once.
            read = table.named_rows()
            self.message = replace(table, rows=read)
            return read

        def send(key: str | None) -> Receipt:
            return self.hook.send(self.message, at=self.at, to=target, message_key=key)

        self._skip_unless(context, rows)
        return self._send_within_rate_limit(send, messages_in(self.message), target, context)

    def _rendered(self, content: Any, renderer: Renderer) -> Any:
        # Only a message that is a str may name a file: "notes.txt" in a dict is just text.
        return renderer.message(content) if content is self.message else super()._rendered(content, renderer)


class SqlToDingTalkOperator(_SendingOperator):
    """Sends the result of a query to DingTalk: as a table, a list, a picture, a workbook or a zipped csv.

    Works with every database whose provider builds on ``apache-airflow-providers-common-sql`` (extra ``sql``). Rows
    are read as they are needed, with a cursor of the server where the driver has one; a killed task cancels its query.
    Of several statements the last result is sent.

    Every text may be Jinja, and ``sql`` the path of a ``.sql`` file. Returns the receipt as
    :class:`DingTalkOperator` does, with the number of ``rows``.

    :param conn_id: id of the database's connection.
    :param sql: the query, several statements, or the path of a ``.sql`` file.
    :param parameters: of the query, in the way of its driver.
    :param render: ``auto`` (a table of up to four columns, else a list), ``table``, ``list``, ``picture``,
        ``workbook`` or ``csv``. The last three need an app: a custom robot can't upload files.
    :param title: above the rows and in the conversation list; also the name of a file.
    :param intro: Markdown between the title and the rows, or before the file.
    :param max_rows: how many rows are shown; how many there are is said. By default 20, in a file all of them.
    :param when_empty: what is done if the query finds no rows: ``send`` says so, ``skip`` skips the task.
    :param dingtalk_conn_id: id of a connection of type ``dingtalk_robot``, or of type ``dingtalk_app`` with ``to``.
    :param at: who is mentioned, as for :class:`DingTalkOperator`.
    :param to: the target of an app's message, as for :class:`DingTalkOperator`.
    :param send_if: whether it is sent, as for :class:`DingTalkOperator`. A function takes all rows, as a list in
        memory: ``send_if=lambda rows: rows[0]["failed"] > 100``.
    :param hook_params: arguments of the database's hook, such as ``{"database": "dw"}``.
    :param wait_for_delivery: for a work notification, as for :class:`DingTalkOperator`.
    :param deferrable: release the worker slot while the rate limit is waited for, before the query begins.
    :raises InvalidMessageError: when the DAG is read, if an argument is wrong.
    """

    template_fields: Sequence[str] = (
        "conn_id",
        "sql",
        "parameters",
        "title",
        "intro",
        *_SendingOperator.template_fields,
    )
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"sql": "sql", "parameters": "json", "intro": "md"}

    def __init__(
        self,
        *,
        conn_id: str,
        sql: str | Sequence[str],
        parameters: Mapping[str, Any] | Sequence[Any] | None = None,
        render: str = "auto",
        title: str | None = None,
        intro: str | None = None,
        max_rows: int | None = None,
        when_empty: str = "send",
        hook_params: Mapping[str, Any] | None = None,
        dingtalk_conn_id: str = DingTalkRobotHook.default_conn_name,
        at: At | Mapping[str, Any] | None = None,
        to: Target | str | Mapping[str, Any] | None = None,
        send_if: SendIf = None,
        wait_for_delivery: bool = False,
        deferrable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            dingtalk_conn_id=dingtalk_conn_id,
            at=at,
            to=to,
            send_if=send_if,
            wait_for_delivery=wait_for_delivery,
            deferrable=deferrable,
            **kwargs,
        )
        from airflow_provider_dingpush.reports.table import check_max_rows, check_render

        check_render(render)
        check_max_rows(max_rows)
        if when_empty not in ("send", "skip"):
            raise InvalidMessageError(f"when_empty must be 'send' or 'skip', not {str(when_empty)[:40]!r}.")
        self.conn_id = conn_id
        self.sql = sql
        self.parameters = parameters
        self.render = render
        self.title = title
        self.intro = intro
        self.max_rows = max_rows
        self.when_empty = when_empty
        self.hook_params = hook_params
        self._query: RunningQuery | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the query and send its result.

        :raises AirflowFailException: for a problem that a retry can't fix.
        :raises AirflowSkipException: if ``send_if`` is false, or there are no rows and ``when_empty="skip"``.
        :raises DingTalkError: for one that it can; a :class:`~.errors.QueryError` if the database refused the query.
        """
        return self._with_target(lambda target: self._query_and_send(target, context), context)

    def on_kill(self) -> None:
        """Cancel the query."""
        if self._query is not None:
            self._query.cancel()

    def _query_and_send(self, target: Target | None, context: Context) -> dict[str, Any]:
        from airflow_provider_dingpush.pipeline.receivers import receiver_of_hook
        from airflow_provider_dingpush.report_sending import prepared, refuse_file, send_report
        from airflow_provider_dingpush.sql_queries import RunningQuery

        refuse_file(self.render, self.hook, target)
        if self.deferrable and (window := _window_of(receiver_of_hook(self.hook, target), set())) is not None:
            # Before the query, because the task begins again after the wait.
            self._defer_for(window[1])
        if not self._needs_rows():
            self._skip_unless(context, list)
        # Before it runs, so that it can be cancelled.
        self._query = RunningQuery(self.conn_id, self.sql, parameters=self.parameters, hook_params=self.hook_params)
        with ExitStack() as files:
            with self._query as query:
                table = self._table_to_send(query, context)
                report = files.enter_context(prepared(self.hook, table, target))
            self._query = None

            def send(key: str | None) -> Receipt:
                return send_report(self.hook, report, at=self.at, to=target, message_key=key)

            _log.info("The query returned %d row(s).", report.rows)
            return self._send_within_rate_limit(send, len(report.messages), target, context, may_defer=False)

    def _table_to_send(self, query: RunningQuery, context: Context) -> Table:
        """The result as a table; skips the task if it is not to be sent."""
        from airflow_provider_dingpush.reports.table import Table

        table = Table(query.columns, query.rows(), self.title, self.intro, self.render, self.max_rows)
        rows = table.first_and_others()
        if rows is None:
            table = replace(table, rows=())
            if self.when_empty == "skip":
                _skip("the query returned no rows (when_empty='skip')", "查询没有返回数据（when_empty='skip'）")
        else:
            table = replace(table, rows=rows)
        if self._needs_rows():
            read = table.named_rows()
            self._skip_unless(context, lambda: read)
            table = replace(table, rows=read)
        return table

    def _rendered(self, content: Any, renderer: Renderer) -> Any:
        if content is not None and any(content is each for each in (self.title, self.intro)):
            return renderer.text(content) if isinstance(content, str) else renderer.otherwise(content)
        if any(content is each for each in (self.at, self.to, self.dingtalk_conn_id)):
            return super()._rendered(content, renderer)
        return renderer.otherwise(content)


def _skip(reason: str, reason_zh: str) -> None:
    """Skip the task, as a ShortCircuitOperator skips the ones below it.

    :raises AirflowSkipException: always.
    """
    text = f"Nothing is sent: {reason}. 没有发送消息：{reason_zh}。"
    _log.info("%s", text)
    raise AirflowSkipException(text)


def _window_of(receiver: Receiver, logged: set[str]) -> tuple[Store, float] | None:
    """The first store in which the receiver's window can be read, and the seconds until it has a free slot.

    :param logged: lines that were logged before.
    """
    from airflow_provider_dingpush.errors import OutboxError
    from airflow_provider_dingpush.pipeline.rate_limit import seconds_until_slot
    from airflow_provider_dingpush.pipeline.stores import stores
    from airflow_provider_dingpush.timeouts import Deadline

    for store in stores(Deadline(inf), most_seconds=_STORE_SECONDS, total_seconds=2 * _STORE_SECONDS):
        try:
            return store, seconds_until_slot(store.outbox, receiver, share=store.share)
        except OutboxError as trouble:
            where = store.folder or "the outbox"
            _log_once(logged, logging.WARNING, f"The receiver's window can't be read in {where}: {trouble}")
    return None


def _log_once(logged: set[str], level: int, line: str) -> None:
    if line not in logged:
        logged.add(line)
        _log.log(level, "%s", line)


def _all_reached(receipt: dict[str, Any], problems: Sequence[str]) -> dict[str, Any]:
    if problems:
        raise AirflowFailException(f"The work notification did not reach everyone. {' '.join(problems)}")
    return receipt


class DingTalkFlushOperator(BaseOperator):
    """Sends pending alerts: those that callbacks could not send while a robot was throttled, or a process was killed.

    Returns how many alerts were sent and how many are still pending. It never fails because DingTalk is unavailable:
    pending alerts are safe, and the next run tries again.

    :param within_seconds: the most that it may take, in seconds.
    """

    ui_color = "#e6f4ff"

    def __init__(self, *, within_seconds: float = 50.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.within_seconds = within_seconds

    def execute(self, context: Context) -> dict[str, int]:  # noqa: ARG002 - Airflow's signature
        """Send pending alerts.

        :raises OutboxError: if the outbox can't be used.
        """
        from airflow_provider_dingpush.pipeline.store_flush import all_pending
        from airflow_provider_dingpush.pipeline.tick import tick

        sent, until = 0, time.monotonic() + self.within_seconds
        for _, mailbox, result in tick(until=until):
            if isinstance(result, str):
                _log.error("Alerts of connection %r are pending: %s", mailbox.conn_id, result)
            elif result is not None:
                sent += result.alerts
                if result.left:
                    reason = result.in_words("en")
                    _log.warning("%d pending alert(s) of connection %r: %s", result.left, mailbox.conn_id, reason)
        return {"sent": sent, "left": all_pending(until=until)}


def _refuse_unmentionable(message: Any, at: Any) -> None:
    from airflow_provider_dingpush.messages.kinds import ROBOT_KINDS
    from airflow_provider_dingpush.messages.mentions import At

    if isinstance(at, At) and isinstance(message, ROBOT_KINDS):
        from airflow_provider_dingpush.dingtalk.custom_robot import refuse_unmentionable

        refuse_unmentionable(message, at)


def create_flush_dag(dag_id: str = "dingpush_flush", *, every_minutes: int = 1, **dag_arguments: Any) -> Any:
    """A DAG that sends pending alerts every minute.

    Two lines in any DAG file are enough::

        from airflow_provider_dingpush.operators import create_flush_dag
        flush_dag = create_flush_dag()

    :param dag_id: id of the DAG.
    :param every_minutes: minutes between two runs.
    :param dag_arguments: more arguments of the DAG.
    """
    from airflow_provider_dingpush.airflow_compat import DAG

    with DAG(
        dag_id,
        **{
            "description": "Sends pending DingTalk alerts. 补发待发送的钉钉告警。",
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


class DingTalkReportOperator(BaseOperator):
    """Sends a report of the failures of the last days, or what is still open.

    Returns the receipt of the message; ``None`` if nothing is open, and only that was asked for.

    :param dingtalk_conn_id: the connection.
    :param days: how many days the report is about, at most 7.
    :param open_only: only what is still open; then nothing is sent if nothing is.
    :param to: the target, if it is an app's connection; by default its group.
    :param language: ``zh`` or ``en``; by default that of the connection.
    """

    template_fields: Sequence[str] = ("dingtalk_conn_id",)
    ui_color = "#e6f4ff"

    def __init__(
        self,
        *,
        dingtalk_conn_id: str = "dingtalk_default",
        days: float = 7,
        open_only: bool = False,
        to: Target | Mapping[str, Any] | None = None,
        language: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dingtalk_conn_id = dingtalk_conn_id
        self.days = days
        self.open_only = open_only
        self.to = to
        self.language = language

    def execute(self, context: Context) -> dict[str, Any] | None:  # noqa: ARG002 - Airflow's signature
        """Send it.

        :raises OutboxError: if the outbox can't be used.
        :raises DingTalkError: of the class for the problem, if DingTalk doesn't accept it.
        """
        from airflow_provider_dingpush.pipeline.look_ups import LookUps
        from airflow_provider_dingpush.pipeline.report import report_of
        from airflow_provider_dingpush.pipeline.report_sends import send_open, send_report
        from airflow_provider_dingpush.pipeline.store_flush import stores_for_commands
        from airflow_provider_dingpush.timeouts import Deadline

        until = time.monotonic() + _REPORT_SECONDS
        report = report_of(stores_for_commands(until), LookUps(Deadline(until)), self.days * _DAY_SECONDS)
        if self.open_only and not report.open:
            _log.info("Nothing is open, so nothing is sent.")
            return None
        send = send_open if self.open_only else send_report
        return send(report, self.dingtalk_conn_id, to=self.to, language=self.language).to_dict()


def create_daily_digest_dag(
    dag_id: str = "dingpush_daily_digest",
    *,
    dingtalk_conn_id: str = "dingtalk_default",
    schedule: str = "0 9 * * *",
    **dag_arguments: Any,
) -> Any:
    """A DAG that sends what is still open, each day at nine; nothing if nothing is.

    Two lines in any DAG file are enough::

        from airflow_provider_dingpush.operators import create_daily_digest_dag
        digest_dag = create_daily_digest_dag()

    :param dag_id: id of the DAG.
    :param dingtalk_conn_id: the connection.
    :param schedule: a cron expression, in the time zone of alerts.
    :param dag_arguments: more arguments of the DAG.
    """
    return _report_dag(dag_id, schedule, dag_arguments, dingtalk_conn_id=dingtalk_conn_id, open_only=True)


def create_weekly_report_dag(
    dag_id: str = "dingpush_weekly_report",
    *,
    dingtalk_conn_id: str = "dingtalk_default",
    schedule: str = "0 9 * * 1",
    **dag_arguments: Any,
) -> Any:
    """A DAG that sends the report of the last seven days, each Monday at nine; used like the daily digest.

    :param dag_id: id of the DAG.
    :param dingtalk_conn_id: the connection.
    :param schedule: a cron expression, in the time zone of alerts.
    :param dag_arguments: more arguments of the DAG.
    """
    return _report_dag(dag_id, schedule, dag_arguments, dingtalk_conn_id=dingtalk_conn_id)


def _report_dag(dag_id: str, schedule: str, dag_arguments: Mapping[str, Any], **report: Any) -> Any:
    from airflow_provider_dingpush.airflow_compat import DAG
    from airflow_provider_dingpush.pipeline.composing import local_zone

    with DAG(
        dag_id,
        **{
            "description": "Reports failures to DingTalk. 向钉钉发送故障报告。",
            "schedule": schedule,
            "start_date": datetime(2026, 1, 1, tzinfo=local_zone()),
            "catchup": False,
            "max_active_runs": 1,
            "is_paused_upon_creation": False,
            "tags": ["dingpush"],
            **dag_arguments,
        },
    ) as dag:
        DingTalkReportOperator(task_id="report", **report)
    return dag
