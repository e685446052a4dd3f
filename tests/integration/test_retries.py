"""Airflow's own retries, after answers that came too late: what the group sees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from airflow_provider_dingpush.sandbox import Fault, Robot, Sandbox

RUNS = 2


@pytest.fixture(scope="module")
def run(dag_test: Callable[[Sandbox, str, dict[str, str]], str]) -> Iterator[tuple[Sandbox, str]]:
    """The sandbox after two runs for the same date, and everything that Airflow wrote."""
    with Sandbox(robots=(Robot(messages_per_minute=1000),)) as sandbox:
        url = f"{sandbox.webhook_url}&timeout_seconds=2&rate_limit_per_minute=1000"
        written = ""
        for _ in range(RUNS):
            # Three tries of the first task; its retry and the first part of the next task's text; its second part.
            sandbox.fail_next(Fault.SLOW, times=3, seconds=5)
            sandbox.fail_next(Fault.SLOW, times=2, seconds=0)
            sandbox.fail_next(Fault.HTTP_503, times=3)
            written += dag_test(sandbox, "late_answers", {"AIRFLOW_CONN_DINGTALK_DEFAULT": url})
        yield sandbox, written


def test_each_message_is_there_once_and_each_run_has_its_own(run: tuple[Sandbox, str]) -> None:
    """The late one and both parts of the long one too; but those that are the same on purpose are two."""
    sandbox, written = run
    sent = Counter(message.payload["text"]["content"].partition("\n")[0][:12] for message in sandbox.messages)
    assert sent == {
        "late, in man": RUNS,
        "(1/2)": RUNS,
        "(2/2)": RUNS,
        "mapped": 2 * RUNS,
        "sent twice": 2 * RUNS,
    }, written[-5000:]


def test_repeated_messages_were_really_sent(run: tuple[Sandbox, str]) -> None:
    """Nine requests that the group didn't see, or saw already: it is DingTalk that kept them."""
    sandbox, _ = run
    outcomes = Counter(request.outcome for request in sandbox.requests)
    assert outcomes["repeated"] == 4 * RUNS
    assert [request.fault for request in sandbox.requests].count(Fault.HTTP_503) == 3 * RUNS
