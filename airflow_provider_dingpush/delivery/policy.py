"""How alerts of one receiver are sent: the connection's delivery options, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass

GROUP_LABELS = ("dag_id", "run_id", "task_id", "owner", "summary")
"""The labels that a digest can be grouped by."""


@dataclass(frozen=True)
class DeliveryPolicy:
    """The delivery options of one receiver, in Alertmanager's words.

    :param rate_limit_per_minute: the most messages within any sliding minute. DingTalk takes 20 (docs 0717, read
        2026-08-22); two are left to other senders to the same receiver.
    :param group_by: labels by which a digest is divided into sections; some of :data:`GROUP_LABELS`.
    :param group_interval_seconds: after a message, how long further alerts are collected, in seconds.
    :param repeat_interval_seconds: how long a failure that was sent is only counted when it happens again, in seconds;
        0 sends each.
    :param send_resolved: whether the end of a failure is sent.
    :param max_messages_per_day: the most messages within one day of the receiver's time zone; ``None``: no limit.
    :param monthly_quota: how many messages a month the organisation has, for ``dingpush status``; DingTalk's standard
        edition has 3,000 (docs 1435, read 2026-08-22).
    :param msg_uuid_lifetime_seconds: how long DingTalk is counted on to recognise a repeated message, in seconds. Not
        documented; ten minutes are an assumption.
    :param log_tail: how many of the last lines of a failed command's log an alert shows; 0 shows none.
    :param minute_seconds: the length of the minute of the rate limit, in seconds; shorter only in tests.
    """

    rate_limit_per_minute: int = 18
    group_by: tuple[str, ...] = ("dag_id",)
    group_interval_seconds: float = 10.0
    repeat_interval_seconds: float = 0.0
    send_resolved: bool = True
    max_messages_per_day: int | None = None
    monthly_quota: int = 3_000
    msg_uuid_lifetime_seconds: float = 600.0
    log_tail: int = 8
    minute_seconds: float = 60.0
