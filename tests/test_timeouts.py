"""A deadline as one value."""

from __future__ import annotations

from airflow_provider_dingpush.timeouts import Deadline


def test_a_deadline_tells_what_is_left_of_it() -> None:
    now = [100.0]
    deadline = Deadline.after(8, clock=lambda: now[0])
    assert deadline.seconds_left() == 8
    now[0] += 9
    assert deadline.seconds_left() == -1


def test_a_part_ends_no_later_than_the_whole() -> None:
    now = [100.0]
    deadline = Deadline.after(8, clock=lambda: now[0])
    assert deadline.sub(3).seconds_left() == 3
    assert deadline.sub(30).seconds_left() == 8
