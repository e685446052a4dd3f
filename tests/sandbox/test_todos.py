"""To-dos: created once for each source id, listed, found, and done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from airflow_provider_dingpush.sandbox import App, Sandbox

URL = "https://airflow.example.com"

StartSandbox = Callable[..., Sandbox]


def path_of(sandbox: Sandbox, rest: str = "/tasks", *, person: int = 0) -> str:
    """Return a path below a person's to-dos."""
    return f"/v1.0/todo/users/{sandbox.people[person].union_id}{rest}"


def todo(sandbox: Sandbox, **fields: Any) -> dict[str, Any]:
    """Return a to-do for two people; a field that is None is left out."""
    body = {
        "sourceId": "s1",
        "subject": "fix it",
        "detailUrl": {"appUrl": URL, "pcUrl": URL},
        "executorIds": [person.union_id for person in sandbox.people[:2]],
        **fields,
    }
    return {name: value for name, value in body.items() if value is not None}


def refused(answer: tuple[int, dict[str, Any]]) -> tuple[str, str]:
    """Return code and message of a refusal."""
    status, reply = answer
    assert status == 400
    return reply["code"], reply["message"]


def test_a_to_do(sandbox: Sandbox, client: Any, clock: Any) -> None:
    """The answer describes it."""
    body = todo(sandbox, dueTime=1_800_000_000_000, priority=40, description="d", notifyConfigs={"dingNotify": "1"})
    status, reply = client.v1(path_of(sandbox), body)
    (kept,) = sandbox.todos
    assert (status, reply["id"], reply["sourceId"], reply["done"]) == (200, kept.task_id, "s1", False)
    assert (kept.subject, kept.description, kept.url, kept.due) == ("fix it", "d", URL, 1_800_000_000.0)
    assert (kept.priority, kept.pops_up, kept.created_at, kept.is_done) == (40, True, clock.now, False)
    assert [person.user_id for person in kept.executors] == ["zhangsan", "lisi"]
    assert kept.creator == sandbox.people[0]


def test_a_second_one_with_the_same_source_id(start_sandbox: StartSandbox, client_of: Any) -> None:
    """It is refused; another app, or one without a source id, is free to."""
    apps = (App(), App())
    sandbox = start_sandbox(apps=apps)
    client = client_of(sandbox)
    assert client.v1(path_of(sandbox), todo(sandbox))[0] == 200
    answer = client.v1(path_of(sandbox, person=1), todo(sandbox, subject="other"))
    assert refused(answer) == ("todo.taskCreate.paramError", "task existed sourceId is s1")
    assert client_of(sandbox, apps[1]).v1(path_of(sandbox), todo(sandbox))[0] == 200
    assert [client.v1(path_of(sandbox), todo(sandbox, sourceId=None))[0] for _ in range(2)] == [200, 200]
    assert len(sandbox.todos) == 4


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"subject": None}, "subject is null"),
        ({"subject": 5}, "subject is null"),
        ({"subject": "x" * 1025}, "subject is oversize"),
        ({"description": "x" * 4097}, "description is oversize"),
        ({"dueTime": "tomorrow"}, "dueTime is invalid"),
        ({"dueTime": -1}, "dueTime is invalid"),
        ({"priority": 15}, "priority is invalid"),
        ({"detailUrl": None}, "detailUrl is invalid"),
        ({"detailUrl": {"appUrl": URL}}, "detailUrl is invalid"),
        ({"detailUrl": {"appUrl": URL, "pcUrl": "x" * 1025}}, "detailUrl is invalid"),
        ({"executorIds": ["nobody"]}, "executors is invalid"),
        ({"executorIds": [str(n) for n in range(101)]}, "executors is oversize"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_rule_that_is_broken(sandbox: Sandbox, client: Any, fields: dict[str, Any], message: str) -> None:
    """One code for all, told apart by its text."""
    answer = client.v1(path_of(sandbox), todo(sandbox, **fields))
    assert refused(answer) == ("todo.taskCreate.paramError", message)
    assert sandbox.todos == ()


def test_a_person_whom_nobody_knows(sandbox: Sandbox, client: Any) -> None:
    """Whoever is named in the path must exist."""
    answer = client.v1("/v1.0/todo/users/nobody/tasks", todo(sandbox))
    assert refused(answer) == ("todo.taskCreate.paramError", "unionId is invalid")


def test_finding_it(start_sandbox: StartSandbox, client_of: Any) -> None:
    """By its source id, by the app that created it."""
    apps = (App(), App())
    sandbox = start_sandbox(apps=apps)
    client_of(sandbox).v1(path_of(sandbox), todo(sandbox, sourceId="a/b 中"))
    path = path_of(sandbox, f"/tasks/sources/{quote('a/b 中', safe='')}")
    status, reply = client_of(sandbox).v1(path, {}, method="GET")
    assert (status, reply["id"]) == (200, sandbox.todos[0].task_id)
    answer = client_of(sandbox, apps[1]).v1(path, {}, method="GET")
    assert refused(answer) == ("todo.taskGet.paramError", "task not exist")


def test_listing_and_doing(sandbox: Sandbox, client: Any) -> None:
    """Each person has a list; an update is for all."""
    for number in range(60):
        client.v1(path_of(sandbox), todo(sandbox, sourceId=str(number)))
    query = path_of(sandbox, "/org/tasks/query", person=1)
    _, first = client.v1(query, {})
    _, second = client.v1(query, {"nextToken": first["nextToken"]})
    assert (len(first["todoCards"]), len(second["todoCards"]), "nextToken" in second) == (50, 10, False)
    assert client.v1(path_of(sandbox, "/org/tasks/query", person=2), {})[1] == {"todoCards": []}
    task_id = sandbox.todos[0].task_id
    assert client.v1(path_of(sandbox, f"/tasks/{task_id}"), {"done": True}, method="PUT") == (200, {"result": True})
    assert sandbox.todos[0].is_done
    assert [each["id"] for each in client.v1(query, {"isDone": True})[1]["todoCards"]] == [task_id]
    client.v1(path_of(sandbox, f"/tasks/{task_id}"), {"done": False, "subject": "again"}, method="PUT")
    assert (sandbox.todos[0].is_done, sandbox.todos[0].subject) == (False, "again")


def test_updates_that_are_refused(start_sandbox: StartSandbox, client_of: Any) -> None:
    """Another app's, one that doesn't exist, a wrong type."""
    apps = (App(), App())
    sandbox = start_sandbox(apps=apps)
    client = client_of(sandbox)
    client.v1(path_of(sandbox), todo(sandbox))
    path = path_of(sandbox, f"/tasks/{sandbox.todos[0].task_id}")
    answer = client_of(sandbox, apps[1]).v1(path, {"done": True}, method="PUT")
    assert refused(answer) == ("todo.taskUpdate.paramError", "task not belong to bizTag")
    answer = client.v1(path_of(sandbox, "/tasks/task404"), {"done": True}, method="PUT")
    assert refused(answer) == ("todo.taskUpdate.paramError", "task not exist")
    assert refused(client.v1(path, {"done": "yes"}, method="PUT"))[0] == "todo.taskUpdate.paramError"
    assert not sandbox.todos[0].is_done


def test_permissions_and_methods(start_sandbox: StartSandbox, client_of: Any) -> None:
    """Writing and reading are two; another method is another path."""
    sandbox = start_sandbox(apps=(App(permissions=("Todo.Todo.Write",)),))
    client = client_of(sandbox)
    assert client.v1(path_of(sandbox), todo(sandbox))[0] == 200
    assert client.v1(path_of(sandbox, "/tasks/sources/s1"), {}, method="GET")[0] == 403
    assert client.v1(path_of(sandbox), {}, method="GET")[1]["errcode"] == 404
    sandbox.clear()
    assert sandbox.todos == ()


def test_details_of_a_user(sandbox: Sandbox, client: Any) -> None:
    """The union id is among them."""
    reply = client.oapi("/topapi/v2/user/get", {"userid": "lisi"})
    person = sandbox.people[1]
    assert reply["result"] == {"userid": "lisi", "unionid": person.union_id, "name": "李四"}
    assert client.oapi("/topapi/v2/user/get", {"userid": "nobody"})["errcode"] == 60121
    assert client.oapi("/topapi/v2/user/get", {})["errcode"] == 40035
    assert len({each.union_id for each in sandbox.people}) == 3
