"""Who there is: the apps of the organisation, its people and departments, and its group chats."""

from __future__ import annotations

import base64
import ipaddress
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .conversations import Conversation

PERMISSIONS = (
    "qyapi_base",
    "qyapi_robot_sendmsg",
    "qyapi_get_member",
    "qyapi_get_member_by_mobile",
    "qyapi_chat_read",
)
"""The permission points that the sandbox's doors ask for, as DingTalk's console names them."""

TOKEN_SECONDS = 7200
ROOT_DEPARTMENT_ID = 1


@dataclass(frozen=True, kw_only=True)
class App:
    """One enterprise app (企业内部应用) with robot ability, and what its developers set in DingTalk's console.

    ``permissions`` are the permission points that were granted, ``published`` tells whether a version is out (an
    unpublished robot can't send), ``visible_user_ids`` whom the app may reach (None: everybody), ``allowed_ips`` the
    "server egress IPs" as IPv4 addresses or CIDR ranges (none: every address may call). Access tokens live for
    ``token_seconds``. ``calls_per_second`` is the limit of each API for this app (20 in DingTalk's standard edition);
    None switches it off. ``robot_code`` is the AppKey unless another is given, as in DingTalk. The secret does not
    appear in ``repr``.

    Raises `ValueError` for what the console would not store and `TypeError` for a str where a tuple is meant.
    """

    app_key: str = field(default_factory=lambda: f"dingsandbox{secrets.token_hex(4)}")
    app_secret: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)
    agent_id: int = field(default_factory=lambda: 100_000_000 + secrets.randbelow(900_000_000))
    robot_code: str = ""
    name: str = "Airflow"
    permissions: tuple[str, ...] = PERMISSIONS
    token_seconds: float = TOKEN_SECONDS
    calls_per_second: int | None = None
    published: bool = True
    visible_user_ids: tuple[str, ...] | None = None
    allowed_ips: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field_name in ("permissions", "visible_user_ids", "allowed_ips"):
            value = getattr(self, field_name)
            if isinstance(value, str):
                raise TypeError(f"{field_name} must be a tuple of str, not one str")
            if value is not None:
                object.__setattr__(self, field_name, tuple(value))
        if not self.app_key or not self.app_secret:
            raise ValueError("app_key and app_secret must not be empty")
        if not self.robot_code:
            object.__setattr__(self, "robot_code", self.app_key)
        if isinstance(self.agent_id, bool) or not isinstance(self.agent_id, int) or self.agent_id < 1:
            raise ValueError(f"agent_id must be a positive int, not {self.agent_id!r}")
        if self.token_seconds <= 0:
            raise ValueError(f"token_seconds must be positive: {self.token_seconds}")
        if self.calls_per_second is not None and self.calls_per_second < 1:
            raise ValueError(f"calls_per_second must be at least 1, not {self.calls_per_second}")
        for allowed in self.allowed_ips:
            ipaddress.IPv4Network(allowed, strict=False)

    def sees(self, user_id: str) -> bool:
        """Whether a person is in the app's visible scope."""
        return self.visible_user_ids is None or user_id in self.visible_user_ids

    def missing(self, wanted: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of the wanted permission points that were not granted."""
        return tuple(permission for permission in wanted if permission not in self.permissions)


@dataclass(frozen=True, kw_only=True)
class Person:
    """One employee; ``refuses`` is somebody who switched off messages of robots and apps."""

    user_id: str
    name: str
    mobile: str
    department_ids: tuple[int, ...] = (ROOT_DEPARTMENT_ID,)
    refuses: bool = False

    def __post_init__(self) -> None:
        if not self.user_id or "," in self.user_id:
            raise ValueError(f"user_id must be a word without a comma, not {self.user_id!r}")
        object.__setattr__(self, "department_ids", tuple(self.department_ids))


@dataclass(frozen=True, kw_only=True)
class GroupChat:
    """One internal group; all people are in it, and the robots of ``app_keys`` (None: the robot of every app)."""

    open_conversation_id: str = field(
        default_factory=lambda: f"cid{base64.b64encode(secrets.token_bytes(16)).decode()}"
    )
    chat_id: str = field(default_factory=lambda: f"chat{secrets.token_hex(16)}")
    name: str = "数据平台告警群"
    app_keys: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.app_keys, str):
            raise TypeError("app_keys must be a tuple of str, not one str")
        if not self.open_conversation_id or not self.chat_id:
            raise ValueError("open_conversation_id and chat_id must not be empty")

    def has_robot_of(self, app: App) -> bool:
        return self.app_keys is None or app.app_key in self.app_keys


def default_people() -> tuple[Person, ...]:
    """Three people in two departments."""
    return (
        Person(user_id="zhangsan", name="张三", mobile="13800000001", department_ids=(1001,)),
        Person(user_id="lisi", name="李四", mobile="13800000002", department_ids=(1001,)),
        Person(user_id="wangwu", name="王五", mobile="13800000003", department_ids=(1002,)),
    )


class Organisation:
    """Finds apps, people, departments and groups by the ids that calls name, and says where a message stands.

    There is a department for each id that a person names, and the root (1), which holds everybody. Departments are not
    nested further.

    Raises `ValueError` if two of a kind share an id.
    """

    def __init__(self, apps: Iterable[App], people: Iterable[Person], groups: Iterable[GroupChat]) -> None:
        self.apps = tuple(apps)
        self.people = tuple(people)
        self.groups = tuple(groups)
        self._apps = {app.app_key: app for app in self.apps}
        self._people = {person.user_id: person for person in self.people}
        self._groups = {group.open_conversation_id: group for group in self.groups}
        ids_of: dict[str, Sequence[object]] = {
            "app_key": [app.app_key for app in self.apps],
            "robot_code": [app.robot_code for app in self.apps],
            "agent_id": [app.agent_id for app in self.apps],
            "user_id": [person.user_id for person in self.people],
            "mobile": [person.mobile for person in self.people],
            "open_conversation_id": [group.open_conversation_id for group in self.groups],
            "chat_id": [group.chat_id for group in self.groups],
        }
        for name, ids in ids_of.items():
            if len(set(ids)) < len(ids):
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


def private_chat_with(person: Person) -> Conversation:
    """Return where the messages of app robots to one person stand."""
    return Conversation(key=f"private:{person.user_id}", kind="private", name=person.name)


def notices_to(person: Person) -> Conversation:
    """Return where one person reads work notices."""
    return Conversation(key=f"notice:{person.user_id}", kind="notice", name=person.name)


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
