"""The decorator ``@task.dingtalk``: a Python function whose return value is sent to DingTalk.

Airflow finds it by the provider info. A DAG file writes ``@task.dingtalk`` and needs no import of this module; for a
type checker that should know the arguments it is :func:`dingtalk_task`.
"""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, overload

from airflow_provider_dingpush.airflow_compat import (
    AirflowFailException,
    BaseOperator,
    DecoratedOperator,
    determine_kwargs,
    redact,
    task_decorator_factory,
)
from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.operators import DingTalkOperator
from airflow_provider_dingpush.pipeline.message_keys import is_retry
from airflow_provider_dingpush.templating_filters import add_filters

if TYPE_CHECKING:
    import jinja2

    from airflow_provider_dingpush.airflow_compat import Context, Task, TaskDecorator
    from airflow_provider_dingpush.airflow_compat import FParams as Parameters
    from airflow_provider_dingpush.airflow_compat import FReturn as Returned
    from airflow_provider_dingpush.messages import At
    from airflow_provider_dingpush.targets import Target

__all__ = ["dingtalk_task"]

_log = logging.getLogger(__name__)
# Airflow keeps a trigger's arguments encrypted in a column that takes 65,535 bytes on MySQL: 4/3 of the JSON.
_MOST_STORED_CHARACTERS = 40_000
_NOTHING = "%s() returned None: nothing is sent. 函数返回 None，不发送消息。"
_WAITS_HERE = (
    "The task keeps its worker slot while it waits for the rate limit: a message with a file of this machine, or a "
    "long one, can't be kept in a trigger. 消息含本机文件或过长，等待限流期间任务继续占用 worker。"
)
_SHOWN_ONCE = (
    "This is a retry: if the message of an earlier try has arrived, DingTalk shows only that one, even if %s() now "
    "returned another one. 这是重试：如果上一次的消息已送达，群里只显示上一次的内容。"
)


class _ReturnValue:
    """In the place of the message until the function has returned it."""

    def __repr__(self) -> str:
        # As Airflow's own decorators show it, and the same in every process: it is part of the serialized DAG.
        return "DYNAMIC (set during execution)"


class _DingTalkDecoratedOperator(DecoratedOperator, DingTalkOperator):
    """Calls a function and sends what it returned, as :class:`~airflow_provider_dingpush.operators.DingTalkOperator`.

    The return value is sent as it is. It isn't rendered and isn't the path of a template file: it often holds data of
    other systems, and a ``{{ conn.… }}`` in it would send a password to the group.

    The function runs once in each try of the task, also if the task defers: its message is kept in the trigger.

    :param python_callable: the function.
    :param op_args: its positional arguments (templated).
    :param op_kwargs: its arguments by name (templated).
    """

    template_fields: Sequence[str] = (*DecoratedOperator.template_fields, *DingTalkOperator.template_fields)
    custom_operator_name = "@task.dingtalk"
    # Airflow 3 shows the message that was sent among the rendered fields.
    overwrite_rtif_after_execution = True

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            python_callable=python_callable, op_args=op_args, op_kwargs=op_kwargs, message=_ReturnValue(), **kwargs
        )

    def execute(self, context: Context) -> dict[str, Any] | None:  # type: ignore[override] # nothing may be sent
        """Call the function and send what it returned; ``None`` sends nothing.

        :raises AirflowFailException: for a return value that can't be sent, and for other problems that a retry can't
            fix.
        :raises DingTalkError: for one that it can, such as a network that is down.
        """
        message = self._return_value(context)
        if message is None:
            _log.info(_NOTHING, self._name)
            return None
        return self._send_returned(message, context)

    def execute_after_wait(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Send the message that the function returned before the wait for the receiver's rate limit."""
        return self._send_returned(event["message"], context)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Go on after the wait for the delivery of a work notification.

        :raises AirflowFailException: if a person was not reached or that is unknown. A retry would send it again.
        """
        return self._as_outputs(super().execute_complete(context, event))

    def _return_value(self, context: Context) -> Any:
        names: Any = context
        names.update(self.op_kwargs)
        returned = self.python_callable(*self.op_args, **determine_kwargs(self.python_callable, self.op_args, names))
        if inspect.iscoroutine(returned):
            import asyncio

            return asyncio.run(returned)
        return returned

    def _send_returned(self, message: Any, context: Context) -> dict[str, Any]:
        self.message = message
        refused = f"The {type(message).__name__} that {self._name}() returned can't be sent"
        if isinstance(message, bool):  # numbers can be
            raise AirflowFailException(f"{refused}: return a message, or None to send nothing.")
        try:
            # Not the one of DecoratedOperator: on Airflow 3.0 that fails after the message was sent.
            return self._as_outputs(DingTalkOperator.execute(self, context))
        except AirflowFailException as failure:
            if not isinstance(failure.__cause__, InvalidMessageError):
                raise
            raise AirflowFailException(f"{refused}: {failure}") from failure.__cause__

    def _message_key(self, context: Context) -> str | None:
        if is_retry(context, self.retries):
            _log.info(_SHOWN_ONCE, self._name)
        return super()._message_key(context)

    def _defer_for(self, wait: float, message: Mapping[str, Any] | None = None) -> None:
        if not self.deferrable or not wait:
            return
        # The trigger keeps the message: the function must not run again.
        message = _plain_form(self.message)
        if message is None:
            _log.info(_WAITS_HERE)
        else:
            super()._defer_for(wait, message)

    def _as_outputs(self, receipt: dict[str, Any]) -> dict[str, Any]:
        # With multiple_outputs each key is an XCom, and Airflow 3.0 can't store None.
        return {key: value for key, value in receipt.items() if value is not None or not self.multiple_outputs}

    @property
    def _name(self) -> str:
        return getattr(self.python_callable, "__name__", self.task_id)

    def render_template(
        self,
        content: Any,
        context: Context,
        jinja_env: jinja2.Environment | None = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """Render a template field: arguments of the function as Airflow does, others as ``DingTalkOperator`` does.

        :raises AirflowFailException: if a field of ``DingTalkOperator`` can't be rendered.
        """
        if content is self.message:
            # The return value, where the same object goes on after a wait, as in ``dag.test()`` of Airflow 2.
            return content
        env = add_filters(jinja_env or self.get_template_env())
        if any(content is getattr(self, each) for each in DingTalkOperator.template_fields):
            return super().render_template(content, context, env, seen_oids)
        return BaseOperator.render_template(self, content, context, env, seen_oids)


def _plain_form(message: Any) -> dict[str, Any] | None:
    """A message as plain data without secrets; ``None`` if a trigger can't keep it.

    Files of this machine may not exist where the task goes on.
    """
    from airflow_provider_dingpush.messages.media_source import describe
    from airflow_provider_dingpush.messages.plain_forms import read_message, redacted

    try:
        whole, at = read_message(message)
        plain = redacted(whole, redact, quietly=True).to_dict()
    except InvalidMessageError:
        return None
    # Only sources of media have another text for their repr.
    sources = [describe(getattr(whole, each.name)) for each in fields(whole) if "shown" in each.metadata]
    if not all(each is not None and each.kind in ("media_id", "url") for each in sources):
        return None
    if at is not None:
        plain["at"] = at.to_dict()
    return plain if len(json.dumps(plain)) <= _MOST_STORED_CHARACTERS else None


@overload
def dingtalk_task(python_callable: Callable[Parameters, Returned]) -> Task[Parameters, Returned]: ...


@overload
def dingtalk_task(
    *,
    dingtalk_conn_id: str = ...,
    at: At | Mapping[str, Any] | None = None,
    to: Target | str | Mapping[str, Any] | None = None,
    wait_for_delivery: bool = False,
    deferrable: bool | None = None,
    multiple_outputs: bool = False,
    **kwargs: Any,
) -> TaskDecorator: ...


def dingtalk_task(
    python_callable: Callable[..., Any] | None = None, *, multiple_outputs: bool = False, **kwargs: Any
) -> Any:
    """``@task.dingtalk``: sends what the function returns to DingTalk; the XCom holds the receipt.

    :param python_callable: the function, of ``@task.dingtalk`` without arguments. It returns a message such as
        ``Markdown(title, text)``, a table, a str (Text), a dict of DingTalk's shape, or ``None``, which sends nothing.
    :param multiple_outputs: store each value of the receipt as an XCom of its own, too.
    :param kwargs: those of :class:`~airflow_provider_dingpush.operators.DingTalkOperator` but ``message``, and those of
        every operator.
    """
    # Without a value Airflow would infer it from the annotation of the function, which describes the message.
    return task_decorator_factory(
        python_callable=python_callable,
        multiple_outputs=bool(multiple_outputs),
        decorated_operator_class=_DingTalkDecoratedOperator,
        **kwargs,
    )
