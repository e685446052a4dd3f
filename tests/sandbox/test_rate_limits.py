"""Sliding windows, and the day and month of Beijing."""

from __future__ import annotations

import pytest

from airflow_provider_dingpush.sandbox.rate_limits import SlidingWindows, day_of, month_of

NEW_YEAR_IN_BEIJING = 1767196800.0


def test_a_window_slides() -> None:
    """What is as old as the window counts no longer."""
    windows = SlidingWindows(60.0)
    assert [windows.take("a", now, 2) for now in (0.0, 30.0, 59.9, 60.0, 89.9, 90.0)] == [
        *(True, True, False),
        *(True, False, True),
    ]


def test_each_key_has_its_window() -> None:
    """One that is full does not fill another, and all are empty after a clear."""
    windows = SlidingWindows(60.0)
    assert windows.take("a", 0.0, 1)
    assert windows.is_full("a", 0.0, 1)
    assert windows.take("b", 0.0, 1)
    windows.clear()
    assert windows.take("a", 0.0, 1)


def test_without_a_limit_a_window_is_never_full() -> None:
    """Everything is taken, and counts once there is a limit."""
    windows = SlidingWindows(60.0)
    assert all(windows.take("a", 0.0, None) for _ in range(100))
    assert windows.is_full("a", 0.0, 100)


@pytest.mark.parametrize(("seconds", "day", "month"), [(-1.0, 20453, (2025, 12)), (0.0, 20454, (2026, 1))])
def test_day_and_month_are_those_of_beijing(seconds: float, day: int, month: tuple[int, int]) -> None:
    """Both change at Beijing's midnight."""
    assert day_of(NEW_YEAR_IN_BEIJING + seconds) == day
    assert month_of(NEW_YEAR_IN_BEIJING + seconds) == month
