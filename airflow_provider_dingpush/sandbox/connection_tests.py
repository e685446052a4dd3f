"""Recognises requests that only test a connection: calls that can't succeed, so that nothing is sent.

``dingpush doctor`` and the Test button of Airflow make them. A robot is sent a message of a kind that doesn't exist; an
app also sends one and a DING to nobody, asks for a mobile number and a work notification that nobody has, and for a
to-do of a person whom nobody knows.
"""

from __future__ import annotations

from typing import Any

from airflow_provider_dingpush.sandbox.model import ReceivedRequest

_MARK = "dingpush_connection_test"
# Chinese mobile numbers never start with 10, and task ids don't start at 1.
_QUESTIONS = {
    "/topapi/v2/user/getbymobile": ("mobile", "10000000000"),
    "/topapi/message/corpconversation/getsendprogress": ("task_id", "1"),
}
_EXPECTED = frozenset(
    {
        400105,
        "invalidParameter.msgKey.invalid",
        "invalidParameter.userIds.empty",
        60121,
        "invalidParameter.param.invalid",
        "todo.taskCreate.paramError",
    }
)


def is_connection_test(request: ReceivedRequest) -> bool:
    """Whether a request is known to test a connection."""
    body = request.json
    if not isinstance(body, dict):
        return False
    if request.path in _QUESTIONS:
        name, value = _QUESTIONS[request.path]
        return str(body.get(name)) == value
    marked = (body.get("msgtype"), body.get("msgKey"), body.get("content"), *request.path.split("/"))
    return _MARK in marked or _MARK in str(body.get("msgParam"))


def has_passed(request: ReceivedRequest) -> bool:
    """Whether the request was refused only for what can't succeed in any test: everything else was right."""
    reply: dict[str, Any] = request.reply or {}
    unknown_task = request.path in _QUESTIONS and "task_id" in str(reply.get("errmsg"))
    return unknown_task or reply.get("errcode", reply.get("code")) in _EXPECTED
