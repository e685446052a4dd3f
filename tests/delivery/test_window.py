"""However slow or fast each message is under way, the receiver never counts more than the limit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_dingpush.delivery.window import RateWindow


def test_a_window_with_a_free_slot_is_free_at_once() -> None:
    window = RateWindow(3, 60.0)
    assert window.next_free([], 100.0) == 100.0
    assert window.next_free([99.0, 100.0], 100.0) == 100.0


def test_a_full_window_is_free_when_its_oldest_message_leaves_it() -> None:
    window = RateWindow(3, 60.0)
    assert window.next_free([90.0, 70.0, 80.0], 100.0) == 130.0
    assert window.next_free([90.0, 70.0, 80.0], 130.0) == 130.0


def test_only_the_latest_messages_count() -> None:
    assert RateWindow(2, 60.0).next_free([10.0, 20.0, 90.0, 95.0], 100.0) == 150.0


def test_one_that_is_under_way_counts_until_its_latest_end() -> None:
    assert RateWindow(1, 60.0).next_free([105.0], 100.0) == 165.0


@given(
    limit=st.integers(1, 20),
    window=st.floats(0.5, 120),
    messages=st.lists(st.tuples(st.floats(0, 30), st.floats(0, 1), st.floats(0, 90)), max_size=60),
)
def test_the_receiver_never_sees_more_than_the_limit_in_any_window(
    limit: int, window: float, messages: list[tuple[float, float, float]]
) -> None:
    """Each message takes some time, arrives somewhere within it, and the next one is wanted a while after its end."""
    rate = RateWindow(limit, window)
    now = 1000.0
    ended: list[float] = []
    arrived: list[float] = []
    for took, arrives_after, pause in messages:
        now = rate.next_free(ended, now)
        arrived.append(now + took * arrives_after)
        now += took
        ended.append(now)
        now += pause
    for place in range(len(arrived) - limit):
        # The clock's own resolution at this size of number.
        assert arrived[place + limit] - arrived[place] >= window - 1e-9


@given(
    limit=st.integers(1, 5),
    window=st.floats(0.5, 120),
    timeout=st.floats(0.1, 10),
    messages=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 20), st.booleans()), max_size=40),
)
def test_the_limit_holds_for_many_senders_that_may_die(
    limit: int, window: float, timeout: float, messages: list[tuple[float, float, float, bool]]
) -> None:
    """Senders that hold a slot without leading overlap; a dead one keeps its slot until its timeout."""
    rate = RateWindow(limit, window)
    now = 1000.0
    slots: list[list[float]] = []
    ends: list[tuple[float, list[float]]] = []
    arrived: list[float] = []
    for took_share, arrives_share, pause, dies in messages:
        for true_end, slot in ends:
            if true_end <= now:
                slot[0] = true_end
        free = rate.next_free([end for (end,) in slots], now)
        if free > now:
            now = free
            continue
        took = timeout * took_share
        arrived.append(now + took * arrives_share)
        slot = [now + timeout]
        slots.append(slot)
        if not dies:
            ends.append((now + took, slot))
        now += pause
    arrived.sort()
    for place in range(len(arrived) - limit):
        assert arrived[place + limit] - arrived[place] >= window - 1e-9


def test_counting_from_the_start_would_let_too_many_through() -> None:
    """A slow first message and a fast later one arrive together although they started apart."""
    by_start = RateWindow(1, 60.0).next_free([100.0], 100.0)
    by_end = RateWindow(1, 60.0).next_free([104.0], 104.0)
    arrived_at_the_end_of_its_way = 104.0
    assert by_start - arrived_at_the_end_of_its_way < 60.0
    assert by_end - arrived_at_the_end_of_its_way >= 60.0
