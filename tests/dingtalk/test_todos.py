"""To-dos: created once for each source id, found again, and done."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.dingtalk.on_call_options import TodoOptions
from airflow_provider_dingpush.dingtalk.todos import Todos
from airflow_provider_dingpush.errors import (
    DingTalkError,
    InvalidMessageError,
    PermissionMissingError,
    TargetError,
    UnknownOutcomeError,
)
from airflow_provider_dingpush.receipts import TodoReceipt
from airflow_provider_dingpush.sandbox import App, Fault, Sandbox
from airflow_provider_dingpush.targets import Users
from airflow_provider_dingpush.timeouts import Deadline

GOLDEN = Path(__file__).parents[1] / "golden" / "ding"
URL = "https://airflow.example.com/x"
SUBJECT, SOURCE = "处理 etl_orders 的失败", "etl_orders 2026-11-28"
PAIR = Users(["zhangsan", "lisi"])

StartSandbox = Callable[..., Sandbox]
MakeClient = Callable[..., Any]


def todos_of(sandbox: Sandbox, app_client_of: MakeClient, options: TodoOptions | None = None, **more: Any) -> Todos:
    return Todos(app_client_of(sandbox, **more).calls, options)


def creations(sandbox: Sandbox) -> list[Any]:
    return [each for each in sandbox.requests if each.method == "POST" and each.path.endswith("/tasks")]


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("todo", {}),
        (
            "todo_with_all",
            {
                "description": "OperationalError",
                "due": datetime.fromtimestamp(1795831920, timezone.utc),
                "priority": "very_urgent",
                "pop_up": True,
            },
        ),
    ],
)
def test_what_is_sent(sandbox: Sandbox, app_client_of: MakeClient, name: str, more: dict[str, Any]) -> None:
    """The whole body is as in the golden file, in the name of the first person, and DingTalk keeps it."""
    receipt = todos_of(sandbox, app_client_of).create(SUBJECT, PAIR, source_id=SOURCE, url=URL, **more)
    (request,) = creations(sandbox)
    union_ids = {f"<{person.user_id}>": person.union_id for person in sandbox.people}
    golden = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    golden["executorIds"] = [union_ids[each] for each in golden["executorIds"]]
    assert request.json == golden
    creator = union_ids["<zhangsan>"]
    assert (request.path, request.query) == (f"/v1.0/todo/users/{creator}/tasks", {"operatorId": creator})
    (todo,) = sandbox.todos
    assert receipt == TodoReceipt(todo.task_id, SOURCE, creator, is_new=True)
    assert todo.pops_up is bool(more)


def test_the_creator_of_the_connection(sandbox: Sandbox, app_client_of: MakeClient) -> None:
    """By user id; the union ids are looked up once."""
    todos = todos_of(sandbox, app_client_of, TodoOptions("wangwu"))
    for number in range(2):
        todos.create(SUBJECT, PAIR, source_id=f"{number}", url=URL)
    assert [each.creator.user_id for each in sandbox.todos] == ["wangwu", "wangwu"]
    assert [each.path for each in sandbox.requests].count("/topapi/v2/user/get") == 3


def test_a_second_one_with_its_source_id_is_the_first(sandbox: Sandbox, app_client_of: MakeClient) -> None:
    """So that a task may try again."""
    todos = todos_of(sandbox, app_client_of)
    first = todos.create(SUBJECT, PAIR, source_id="a/b ?中", url=URL)
    second = todos.create(SUBJECT, PAIR, source_id="a/b ?中", url=URL)
    assert (second.task_id, second.is_new) == (first.task_id, False)
    assert len(sandbox.todos) == 1


@pytest.mark.parametrize("fault", [Fault.RESET_AFTER_BODY_ACCEPTED, Fault.HTTP_504, Fault.UNKNOWN_RESULT], ids=str)
def test_a_lost_answer_makes_no_second_one(sandbox: Sandbox, app_client_of: MakeClient, fault: Fault) -> None:
    """It is created again, refused, and found."""
    todos = todos_of(sandbox, app_client_of)
    union_id = sandbox.people[0].union_id
    sandbox.fail_next(fault, path=f"/v1.0/todo/users/{union_id}/tasks")
    receipt = todos.create(SUBJECT, PAIR, source_id=SOURCE, url=URL)
    assert len(creations(sandbox)) == 2
    assert [each.task_id for each in sandbox.todos] == [receipt.task_id]


def test_the_spelling_with_the_text_in_the_code_is_read(
    raw_server: Callable[..., Any], answer: Callable[..., Any], app_client_of: MakeClient
) -> None:
    """As reported in public."""
    exists = {"code": "todo.taskCreate.paramError%!(EXTRA string=task existed sourceId is 34347712)", "message": ""}
    server = raw_server(
        [
            answer(b'{"accessToken": "t", "expireIn": 7200}'),
            answer(b'{"errcode": 0, "result": {"unionid": "uZ"}}'),
            answer(json.dumps(exists).encode(), status="400 Bad Request"),
            answer(b'{"id": "task1"}'),
        ]
    )
    receipt = Todos(app_client_of(server.url).calls).create("x", Users(["u-spelling"]), source_id="s", url=URL)
    assert receipt == TodoReceipt("task1", "s", "uZ", is_new=False)


def test_done(sandbox: Sandbox, app_client_of: MakeClient) -> None:
    """For everybody, also from plain data, and once more without harm."""
    todos = todos_of(sandbox, app_client_of)
    receipt = todos.create(SUBJECT, PAIR, source_id=SOURCE, url=URL)
    todos.complete(json.loads(json.dumps(receipt.to_dict())))
    request = sandbox.requests[-1]
    assert (request.method, request.json, request.query) == ("PUT", {"done": True}, {"operatorId": receipt.creator})
    assert sandbox.todos[0].is_done
    todos.complete(receipt)


def test_one_that_is_gone(start_sandbox: StartSandbox, app_client_of: MakeClient) -> None:
    """Deleted, or of another app."""
    apps = (App(), App())
    sandbox = start_sandbox(apps=apps)
    todos = todos_of(sandbox, app_client_of)
    receipt = todos.create(SUBJECT, PAIR, source_id=SOURCE, url=URL)
    with pytest.raises(TargetError, match="doesn't know this to-do"):
        todos_of(sandbox, app_client_of, app=apps[1]).complete(receipt)
    with pytest.raises(TargetError, match="doesn't know this to-do"):
        todos.complete(TodoReceipt("task404", SOURCE, receipt.creator))
    # Another app may use the same source id.
    assert todos_of(sandbox, app_client_of, app=apps[1]).create(SUBJECT, PAIR, source_id=SOURCE, url=URL).is_new


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"subject": " "}, "needs a subject"),
        ({"source_id": ""}, "needs a subject and a source_id"),
        ({"url": ""}, "URL of a page"),
        ({"url": "ftp://x"}, "URL of a page"),
        ({"url": "https://x/" + "页" * 400}, "URL of a page"),
        ({"priority": "P1"}, "priority can't be 'P1'"),
        ({"due": datetime(2026, 11, 28)}, "needs a time zone"),  # noqa: DTZ001 - that is the mistake
        ({"to": Users([f"u{number}" for number in range(101)])}, "can't have 101 people"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_breaks_a_rule_is_refused_before_it_is_sent(
    sandbox: Sandbox, app_client_of: MakeClient, changes: dict[str, Any], problem: str
) -> None:
    """With what would be right."""
    values: dict[str, Any] = {"subject": SUBJECT, "to": PAIR, "source_id": SOURCE, "url": URL, **changes}
    with pytest.raises(InvalidMessageError, match=problem) as caught:
        todos_of(sandbox, app_client_of).create(values.pop("subject"), values.pop("to"), **values)
    assert caught.value.advice
    assert sandbox.requests == ()


def test_long_texts_are_cut(sandbox: Sandbox, app_client_of: MakeClient) -> None:
    """At DingTalk's limits."""
    todos_of(sandbox, app_client_of).create("题" * 1100, PAIR, source_id="s", url=URL, description="文" * 5000)
    (todo,) = sandbox.todos
    assert (todo.subject, todo.description) == ("题" * 1023 + "…", "文" * 4095 + "…")


def test_problems_are_typed(start_sandbox: StartSandbox, app_client_of: MakeClient) -> None:
    """A permission, a person, a deadline."""
    sandbox = start_sandbox(apps=(App(permissions=("qyapi_get_member",)),))
    with pytest.raises(PermissionMissingError) as caught:
        todos_of(sandbox, app_client_of).create(SUBJECT, PAIR, source_id=SOURCE, url=URL)
    assert caught.value.missing_permissions == ("Todo.Todo.Write",)
    other = start_sandbox()
    with pytest.raises(TargetError):
        todos_of(other, app_client_of).create(SUBJECT, Users(["nobody"]), source_id=SOURCE, url=URL)
    todos = todos_of(other, app_client_of)
    receipt = todos.create(SUBJECT, PAIR, source_id=SOURCE, url=URL)
    other.fail_next(Fault.HANG, path=f"/v1.0/todo/users/{receipt.creator}/tasks/{receipt.task_id}")
    with pytest.raises(UnknownOutcomeError):
        todos.complete(receipt, deadline=Deadline.after(0.5))
    with pytest.raises(DingTalkError):
        todos.create(SUBJECT, PAIR, source_id="later", url=URL, deadline=Deadline.after(-1))
