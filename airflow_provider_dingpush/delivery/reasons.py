"""Why nothing is sent now: one enum and its texts in Chinese and English. Followers load no more of the drain."""

from __future__ import annotations

from enum import Enum


class Reason(Enum):
    """Why a drain ended or waits. The values are stored and never shown."""

    NOTHING_PENDING = "nothing_pending"
    COLLECTING = "collecting"
    RETRY_NOT_DUE = "retry_not_due"
    WINDOW_FULL = "window_full"
    QUARANTINE_WAITS = "quarantine_waits"
    REPEATS_ONLY = "repeats_only"
    WITHHELD = "withheld"
    NO_TIME = "no_time"
    OTHER_LEADER = "other_leader"
    OUTBOX_UNREADABLE = "outbox_unreadable"
    OUTBOX_UNWRITABLE = "outbox_unwritable"
    PAUSED = "paused"
    """Another process noted a pause whose reason can't be read."""
    THROTTLED = "throttled"
    MISCONFIGURED = "misconfigured"
    REFUSING = "refusing"
    DAILY_LIMIT = "daily_limit"


_WORDS = {
    Reason.NOTHING_PENDING: ("没有待发送的告警", "no pending alerts"),
    Reason.COLLECTING: ("正在汇总告警，直到分组间隔结束", "collecting alerts until the group interval ends"),
    Reason.RETRY_NOT_DUE: ("等待下次重试", "waiting for the next retry"),
    Reason.WINDOW_FULL: ("本分钟额度已用完", "the rate limit of this minute is used up"),
    Reason.QUARANTINE_WAITS: (
        "被拒收的告警正在等待每分钟额度",
        "alerts of a rejected notification wait for a slot of the rate limit",
    ),
    Reason.REPEATS_ONLY: ("重复失败仅计数，暂不发送", "repeated failures are only counted"),
    Reason.WITHHELD: ("告警因免打扰时段或静默暂不发送", "alerts wait for the end of quiet hours or of a silence"),
    Reason.NO_TIME: ("剩余时间不足", "no time is left"),
    Reason.OTHER_LEADER: ("其他进程正在发送", "another process is sending"),
    Reason.OUTBOX_UNREADABLE: ("发件箱无法读取", "the outbox can't be read"),
    Reason.OUTBOX_UNWRITABLE: ("发件箱无法写入", "the outbox can't be written"),
    Reason.PAUSED: ("发送已暂停", "sending is paused"),
    Reason.THROTTLED: ("钉钉正在对该接收方限流", "DingTalk throttles the receiver"),
    Reason.MISCONFIGURED: ("该接收方的配置有误", "the receiver is misconfigured"),
    Reason.REFUSING: ("钉钉拒收发往该接收方的所有消息", "DingTalk refuses every message of the receiver"),
    Reason.DAILY_LIMIT: ("今日消息数已达上限", "the daily message limit is reached"),
}


def words(reason: Reason, language: str, detail: str = "") -> str:
    """The text of a reason.

    :param language: ``zh``; anything else gets English.
    :param detail: what DingTalk answered, if the reason is a hold.
    """
    text = _WORDS[reason][0 if language == "zh" else 1]
    return f"{text}{'：' if language == 'zh' else ': '}{detail}" if detail else text


def to_text(reason: Reason, detail: str) -> str:
    """A reason in the form that is noted for other processes."""
    return f"{reason.value} {detail}"


def from_text(text: str) -> tuple[Reason, str]:
    """A noted reason and its detail."""
    name, _, detail = text.partition(" ")
    try:
        return Reason(name), detail
    except ValueError:
        return Reason.PAUSED, text
