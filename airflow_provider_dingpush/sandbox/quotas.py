"""How much DingTalk takes: figures that differ between editions or between pages of its docs, hence to be set."""

from __future__ import annotations

from dataclasses import dataclass, fields

# The organisation's day is Beijing's.
CHINA_SECONDS_EAST = 8 * 3600


@dataclass(frozen=True, kw_only=True)
class Quotas:
    """Limits beside the QPS of an app (`App.calls_per_second`); None switches one off where that is allowed.

    The defaults are those of DingTalk's current docs (read 2026-08-22): 20 people per robot call (docs 0714; its error
    table says 100), 100 people and 20 departments per work notice (0769; older pages: 5000 and 500), 500 notices a day
    per person, 3 a day to everybody, 5000 recipients a minute. There is no documented figure for the flow control of
    robot messages to one person, and ``api_calls_a_month`` (5,000 in the standard edition) is off, so that a long demo
    is not cut short.

    Raises `ValueError` for a limit below 1.
    """

    people_per_robot_call: int = 20
    robot_messages_per_person_a_minute: int | None = None
    people_per_notice: int = 100
    departments_per_notice: int = 20
    notices_per_person_a_day: int | None = 500
    notices_to_everyone_a_day: int | None = 3
    notice_recipients_a_minute: int | None = 5000
    same_notice_once_a_day: bool = True
    api_calls_a_month: int | None = None

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if not isinstance(value, bool | None) and value < 1:
                raise ValueError(f"{each.name} must be at least 1, not {value}")


def day_of(now: float) -> int:
    """Return the number of the day in Beijing at ``now`` (epoch seconds)."""
    return int((now + CHINA_SECONDS_EAST) // 86_400)
