"""The sandbox as its users see it: start and stop, waiting for what arrives, clearing, URLs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from airflow_provider_dingpush.sandbox import Fault, Robot, Sandbox

OK = {"errcode": 0, "errmsg": "ok"}
TEXT = {"msgtype": "text", "text": {"content": "hello"}}

Post = Callable[..., dict[str, Any]]
StartSandbox = Callable[..., Sandbox]


def test_waiting_returns_as_soon_as_enough_is_there(sandbox: Sandbox, post: Post) -> None:
    """A waiter is woken by the message it waits for."""
    sender = threading.Thread(target=lambda: [post(sandbox.webhook_url, TEXT) for _ in range(3)])
    sender.start()
    assert len(sandbox.wait_for_messages(3)) == 3
    assert len(sandbox.wait_for_requests(3)) == 3
    sender.join()


def test_waiting_in_vain_lists_what_came_instead(start_sandbox: StartSandbox, post: Post) -> None:
    """The error lists what arrived, what was refused and why, and no token."""
    sandbox = start_sandbox(Robot(keywords=("alert",)))
    with pytest.raises(TimeoutError, match="nothing received"):
        sandbox.wait_for_messages(1, timeout_seconds=0)
    post(sandbox.webhook_url, TEXT)
    sandbox.fail_next(Fault.BUSY)
    post(sandbox.webhook_url, TEXT)
    with pytest.raises(TimeoutError) as caught:
        sandbox.wait_for_messages(2, timeout_seconds=0)
    assert "0 of 2 messages within 0 s" in str(caught.value)
    assert "refused: POST /robot/send, text, 310000 description:关键词不匹配" in str(caught.value)
    assert "fault: POST /robot/send, text, Fault.BUSY, -1" in str(caught.value)
    assert sandbox.robot.access_token not in str(caught.value)
    with pytest.raises(TimeoutError, match="2 of 3 requests"):
        sandbox.wait_for_requests(3, timeout_seconds=0)


def test_clear_makes_it_as_good_as_new(start_sandbox: StartSandbox, post: Post) -> None:
    """Messages, requests, faults, windows, bans and known msgUuids are gone."""
    sandbox = start_sandbox(Robot(messages_per_minute=1))
    message = {**TEXT, "msgUuid": "a"}
    post(sandbox.webhook_url, message)
    assert post(sandbox.webhook_url, TEXT)["errcode"] == 130101
    sandbox.fail_next(Fault.BUSY)
    sandbox.clear()
    assert (sandbox.messages, sandbox.requests) == ((), ())
    assert post(sandbox.webhook_url, message) == OK
    assert sandbox.messages[0].number == 1


def test_it_can_stop_and_start_again_at_the_same_address(sandbox: Sandbox, post: Post) -> None:
    """An outage: refused while it is down, as before when it is back, and nothing forgotten."""
    url = sandbox.webhook_url
    post(url, TEXT)
    sandbox.stop()
    with pytest.raises(ConnectionRefusedError):
        post(url, TEXT)
    assert len(sandbox.messages) == 1
    sandbox.start()
    assert sandbox.webhook_url == url
    assert post(url, TEXT) == OK
    assert len(sandbox.messages) == 2


def test_start_and_stop_are_hard_to_get_wrong() -> None:
    """A second start is an error, a second stop is none, and there is no URL before the start."""
    sandbox = Sandbox()
    with pytest.raises(RuntimeError, match="started"):
        _ = sandbox.url
    sandbox.stop()
    with sandbox, pytest.raises(RuntimeError, match="already"):
        sandbox.start()
    sandbox.stop()


def test_a_taken_port_is_an_error_of_start(sandbox: Sandbox) -> None:
    """And the sandbox can still be started elsewhere in time."""
    other = Sandbox(port=urlsplit(sandbox.url).port or 0)
    with pytest.raises(OSError, match="in use"):
        other.start()
    other.stop()


def test_urls(start_sandbox: StartSandbox) -> None:
    """The robots' URLs look as DingTalk's settings show them."""
    robot = Robot(access_token="a b", secret="SECx")
    sandbox = start_sandbox(Robot(), robot)
    assert sandbox.webhook_url == f"{sandbox.url}/robot/send?access_token={sandbox.robot.access_token}"
    assert sandbox.webhook_url_of(robot) == f"{sandbox.url}/robot/send?access_token=a+b"
    assert sandbox.page_url == f"{sandbox.url}/"
