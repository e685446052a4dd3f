"""Who there is: apps, people, departments and groups, and the connection of an app."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_dingpush.sandbox import App, GroupChat, Person, Sandbox
from airflow_provider_dingpush.sandbox.organisation import Organisation, default_people


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("app_key", {"apps": (App(app_key="a", robot_code="b"), App(app_key="a", robot_code="c"))}),
        ("robot_code", {"apps": (App(robot_code="a"), App(robot_code="a"))}),
        ("agent_id", {"apps": (App(agent_id=1), App(agent_id=1))}),
        ("user_id", {"people": (Person(user_id="a", name="", mobile="1"), Person(user_id="a", name="", mobile="2"))}),
        ("mobile", {"people": (Person(user_id="a", name="", mobile="1"), Person(user_id="b", name="", mobile="1"))}),
        (
            "open_conversation_id",
            {"groups": (GroupChat(open_conversation_id="a"), GroupChat(open_conversation_id="a"))},
        ),
        ("chat_id", {"groups": (GroupChat(chat_id="a"), GroupChat(chat_id="a"))}),
    ],
)
def test_an_id_names_one(name: str, options: dict[str, Any]) -> None:
    """Two of a kind can't share an id, and the error names which."""
    with pytest.raises(ValueError, match=f"two have the same {name}$"):
        Sandbox(**options)


def test_members_of_departments() -> None:
    """The root holds everybody, and a department that nobody is in does not exist."""
    people = default_people()
    organisation = Organisation((), people, ())
    assert organisation.members_of(1) == people
    assert organisation.members_of(1001) == people[:2]
    assert organisation.members_of(7) is None


def test_a_connection_to_paste(sandbox: Sandbox) -> None:
    """Everything that Airflow needs for the first app, both hosts being the sandbox."""
    app = sandbox.app
    assert json.loads(sandbox.connection_of(app)) == {
        "conn_type": "dingtalk_app",
        "login": app.app_key,
        "password": app.app_secret,
        "extra": {
            "robot_code": app.robot_code,
            "agent_id": str(app.agent_id),
            "open_conversation_id": sandbox.group.open_conversation_id,
            "api_base_url": sandbox.url,
            "oapi_base_url": sandbox.url,
        },
    }
