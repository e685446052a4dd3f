"""Who there is: the apps of the organisation, its people and departments, and its group chats."""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_dingpush.sandbox.model import ROOT_DEPARTMENT_ID, App, Conversation, GroupChat, Person


def default_people() -> tuple[Person, ...]:
    """Three people in two departments."""
    return (
        Person(user_id="zhangsan", name="张三", mobile="13800000001", department_ids=(1001,)),
        Person(user_id="lisi", name="李四", mobile="13800000002", department_ids=(1001,)),
        Person(user_id="wangwu", name="王五", mobile="13800000003", department_ids=(1002,)),
    )


class Organisation:
    """Finds apps, people, departments and groups by the ids that calls name, and the conversation of a group.

    There is a department for each id that a person names, and the root (1), which holds everybody. Departments are not
    nested further.

    :raises ValueError: if two of a kind share an id.
    """

    def __init__(self, apps: tuple[App, ...], people: tuple[Person, ...], groups: tuple[GroupChat, ...]) -> None:
        self.apps = apps
        self.people = people
        self.groups = groups
        self._apps = {app.app_key: app for app in apps}
        self._people = {person.user_id: person for person in people}
        self._groups = {group.open_conversation_id: group for group in groups}
        unique = {
            **dict.fromkeys(("app_key", "robot_code", "agent_id"), apps),
            **dict.fromkeys(("user_id", "mobile"), people),
            **dict.fromkeys(("open_conversation_id", "chat_id"), groups),
        }
        for name, holders in unique.items():
            if len({getattr(each, name) for each in holders}) < len(holders):
                raise ValueError(f"two have the same {name}")

    def app(self, app_key: str) -> App | None:
        return self._apps.get(app_key)

    def app_of_robot_code(self, robot_code: str) -> App | None:
        return next((app for app in self.apps if app.robot_code == robot_code), None)

    def app_of_agent_id(self, agent_id: int) -> App | None:
        return next((app for app in self.apps if app.agent_id == agent_id), None)

    def person(self, user_id: str) -> Person | None:
        return self._people.get(user_id)

    def person_of_mobile(self, mobile: str) -> Person | None:
        return next((person for person in self.people if person.mobile == mobile), None)

    def person_of_union_id(self, union_id: str) -> Person | None:
        return next((person for person in self.people if person.union_id == union_id), None)

    def members_of(self, department_id: int) -> tuple[Person, ...] | None:
        """Return the people of a department and those below it, or None if there is no such department."""
        if department_id == ROOT_DEPARTMENT_ID:
            return self.people
        return tuple(person for person in self.people if department_id in person.department_ids) or None

    def group(self, open_conversation_id: str) -> GroupChat | None:
        return self._groups.get(open_conversation_id)

    def group_of_chat_id(self, chat_id: str) -> GroupChat | None:
        return next((group for group in self.groups if group.chat_id == chat_id), None)

    def conversation_of(self, group: GroupChat) -> Conversation:
        number = self.groups.index(group) + 1
        return Conversation(key=f"group:{number}", kind="group", name=group.name)

    def describe(self) -> dict[str, list[dict[str, Any]]]:
        """Return the apps and groups as the chat page needs them to suggest a first message."""
        apps = [
            {
                "number": number,
                "name": app.name,
                "app_key": app.app_key,
                "agent_id": app.agent_id,
                "robot_code": app.robot_code,
                "group": next((group.open_conversation_id for group in self.groups if group.has_robot_of(app)), None),
            }
            for number, app in enumerate(self.apps, start=1)
        ]
        return {"apps": apps, "conversations": [dict(self.conversation_of(group).to_dict()) for group in self.groups]}


def private_chat_with(person: Person) -> Conversation:
    """Return the conversation of app robots with one person."""
    return Conversation(key=f"private:{person.user_id}", kind="private", name=person.name)


def notifications_to(person: Person) -> Conversation:
    """Return the conversation in which one person reads work notifications."""
    return Conversation(key=f"notification:{person.user_id}", kind="notification", name=person.name)


def connection_json(app: App, url: str, group: GroupChat) -> str:
    """Return an Airflow connection for an app as JSON to paste; ``url`` is the base URL of both generations of APIs."""
    connection = {
        "conn_type": "dingtalk_app",
        "login": app.app_key,
        "password": app.app_secret,
        "extra": {
            "robot_code": app.robot_code,
            "agent_id": str(app.agent_id),
            "open_conversation_id": group.open_conversation_id,
            "api_base_url": url,
            "oapi_base_url": url,
        },
    }
    return json.dumps(connection, ensure_ascii=False)
