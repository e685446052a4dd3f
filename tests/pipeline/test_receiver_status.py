"""The status of receivers, with the limits of their connections or without them."""

from __future__ import annotations

from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.receiver_status import Usage, receivers_of
from airflow_provider_dingpush.sandbox import Sandbox
from tests.callback_contexts import task_context


def test_limits_come_from_whoever_knows_them(connected: Sandbox, unhurried: None) -> None:
    DingTalkNotifier()(task_context())
    policy = DeliveryPolicy(rate_limit_per_minute=7, max_messages_per_day=9, monthly_quota=11)
    [known] = receivers_of(outbox(), lambda _: policy)
    assert known.usage == Usage(1, 7, 1, 9, 1, 11, has_limits=True)
    [unknown] = receivers_of(outbox(), lambda _: None)
    assert unknown.usage is not None
    assert (unknown.usage.this_month, unknown.usage.has_limits) == (1, False)
    assert (known.conn_ids, known.pending, known.letters) == (("dingtalk_default",), 0, ())
