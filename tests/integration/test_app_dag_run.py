"""A real DAG run that sends as an app: what arrives where, deferred tasks and mapped ones included."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from airflow_provider_dingpush.sandbox import Sandbox


@pytest.fixture(scope="module")
def run(dag_test: Callable[[Sandbox, str, dict[str, str]], str]) -> Iterator[tuple[Sandbox, str]]:
    """The sandbox after the run, and everything that Airflow wrote."""
    with Sandbox() as sandbox:
        connection = json.loads(sandbox.connection_of(sandbox.app))
        connection["extra"]["group_interval_seconds"] = 0
        connections = {"AIRFLOW_CONN_DINGTALK_APP_DEFAULT": json.dumps(connection)}
        yield sandbox, dag_test(sandbox, "through_an_app", connections)


def shown(sandbox: Sandbox, place: str) -> list[tuple[str, str]]:
    """Kind and first words of the messages in a conversation."""
    shown = [each.shown for each in sandbox.messages if each.conversation.key == place]
    words = [
        (kind["msgtype"], body.get("content") or body.get("title") or body.get("name") or "")
        for kind in shown
        for body in [kind[kind["msgtype"]]]
    ]
    return sorted(words)


def test_everybody_got_what_is_theirs(run: tuple[Sandbox, str]) -> None:
    """Templates, mapped messages, mapped people, uploads, another task's output as the target."""
    sandbox, written = run
    places = {each.conversation.key for each in sandbox.messages}
    ((_, in_group),) = shown(sandbox, "group:1") or [("", written[-5000:])]
    assert in_group.startswith("run manual__"), in_group
    assert {place: shown(sandbox, place) for place in places if place.startswith("private")} == {
        "private:lisi": [("text", "2026-11-22"), ("text", "hello")],
        "private:wangwu": [("file", "2026-11-22.zip"), ("image", ""), ("text", "2026-11-22")],
        "private:zhangsan": [("link", "b"), ("markdown", "a"), ("text", "c 2")],
    }, written[-5000:]


def test_the_owner_gets_the_failures_as_work_notifications(run: tuple[Sandbox, str]) -> None:
    """That of the task which fails, and that of the work notification which missed somebody."""
    sandbox, written = run
    titles = [words for _, words in shown(sandbox, "notification:zhangsan")]
    assert titles == ["Failed: through_an_app · fails", "Failed: through_an_app · misses_somebody"], written[-5000:]
    messages = [each for each in sandbox.messages if each.conversation.key == "notification:zhangsan"]
    texts = [each.shown["markdown"]["text"] for each in messages]
    assert all("Owner: zhangsan" in text and "[View log" in text for text in texts)


def test_a_deferred_work_notification_arrives_once(run: tuple[Sandbox, str]) -> None:
    """Going on after the wait doesn't send it again."""
    sandbox, _ = run
    assert [kind for kind, _ in shown(sandbox, "notification:lisi")] == ["oa", "text"]
    asked = [request for request in sandbox.requests if request.path.endswith("getsendresult")]
    assert len(asked) == 2


def test_no_secret_was_written(run: tuple[Sandbox, str]) -> None:
    """Neither Airflow's logs at DEBUG nor its output show AppSecret or access token."""
    sandbox, written = run
    ours = "\n".join(line for line in written.splitlines() if "MaskSecret(" not in line)
    tokens = {reply["accessToken"] for request in sandbox.requests if "accessToken" in (reply := request.reply or {})}
    assert tokens
    for secret in {sandbox.app.app_secret, *tokens}:
        assert secret not in ours
