"""Triggers: waiting for DingTalk without holding a worker slot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_dingpush.airflow_compat import run_in_thread
from airflow_provider_dingpush.errors import DingTalkError
from airflow_provider_dingpush.hooks import DingTalkAppHook

__all__ = ["RateLimitTrigger", "WorkNotificationTrigger"]


class RateLimitTrigger(BaseTrigger):
    """Waits until the rate limit of a receiver allows the next message.

    :param moment: until when, in seconds since 1970.
    :param message: what the task sends afterwards, as plain data, if it can't make it again. It is part of the event,
        because ``dag.test()`` of Airflow 3 drops the arguments of a deferral.
    """

    def __init__(self, *, moment: float, message: Mapping[str, Any] | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call,unused-ignore]
        self.moment = moment
        self.message = None if message is None else dict(message)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and arguments that Airflow stores."""
        arguments = {"moment": self.moment, "message": self.message}
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait."""
        await asyncio.sleep(max(0.0, self.moment - time.time()))
        yield TriggerEvent({"moment": self.moment, "message": self.message})  # type: ignore[no-untyped-call,unused-ignore]


class WorkNotificationTrigger(BaseTrigger):
    """Waits until DingTalk has delivered a work notification, and reports whom it did not reach.

    Its event is ``{"receipt": …, "problems": [a text for each reason]}``, or ``{"receipt": …, "unknown": text}`` if
    DingTalk can't be reached.

    :param dingtalk_conn_id: id of the connection that sent it, of type ``dingtalk_app``.
    :param receipt: the receipt as plain data.
    :param poll_seconds: the pause between two requests, in seconds.
    """

    def __init__(self, *, dingtalk_conn_id: str, receipt: Mapping[str, Any], poll_seconds: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call,unused-ignore]
        self.dingtalk_conn_id = dingtalk_conn_id
        self.receipt = dict(receipt)
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and arguments that Airflow stores: no credentials, only the connection's id."""
        arguments = {
            "dingtalk_conn_id": self.dingtalk_conn_id,
            "receipt": self.receipt,
            "poll_seconds": self.poll_seconds,
        }
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Ask DingTalk until it has delivered the message."""
        hook = DingTalkAppHook(self.dingtalk_conn_id)
        while True:
            try:
                delivery = await run_in_thread(lambda: hook.delivery(self.receipt))
            except DingTalkError as error:
                yield TriggerEvent({"receipt": self.receipt, "unknown": str(error)})  # type: ignore[no-untyped-call,unused-ignore]
                return
            if delivery is not None:
                problems = [problem for each in delivery for problem in each.problems]
                yield TriggerEvent({"receipt": self.receipt, "problems": problems})  # type: ignore[no-untyped-call,unused-ignore]
                return
            await asyncio.sleep(self.poll_seconds)
