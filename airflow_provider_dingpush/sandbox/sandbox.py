"""The sandbox as its users see it: who there is, the chat, faults, start and stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, final

from . import app_robot, custom_robot, directory, oapi_dialect, v1_dialect, work_notices
from .access_tokens import AccessTokens
from .app_robot import AppRobotDesk
from .chat import Chat, ChatMessage
from .chat_page import ChatPage, reachable_host
from .custom_robot import CustomRobotDoor, Robot
from .directory import Directory
from .exchange import ReceivedRequest, Verdict
from .faults import Fault, FaultQueue
from .gate import Gate
from .media import KEPT_BYTES, UPLOAD_PATH, MediaStore, Medium
from .oapi_dialect import OapiDoor
from .organisation import App, GroupChat, Organisation, Person, connection_json, default_people
from .quotas import Quotas
from .server import Door, Listener, Service
from .token_doors import NEW_TOKEN, OLD_TOKEN, TokenDesk
from .v1_dialect import V1Door
from .work_notices import WorkNoticeDesk


@final
class Sandbox:
    """A local DingTalk of one organisation; use it as a context manager or `start` and `stop` it.

    Both hosts of DingTalk, api.dingtalk.com and oapi.dingtalk.com, are this one server.

    ``robots`` are the custom robots of the first group; there is one with a random token and no security settings if
    none is given. So are ``apps`` (one with all permissions), ``people`` (three, in two departments) and ``groups``
    (one, with the robots of all apps). ``port`` 0 takes a free one, which is kept when the sandbox is started again
    after `stop`. ``minute_seconds`` is the length of the minute of rate limits (60 in DingTalk); ``clock`` returns
    epoch seconds and is read once per request, so that tests of windows, signs and tokens need not wait.
    ``notice_seconds`` is how long a work notice is being sent, ``status_seconds`` how long nobody can say who has read
    the message of an app robot. ``kept_media_bytes`` is how much of all uploads is kept: the oldest ones lose their
    content.

    Raises `ValueError` if two of a kind share an id or a token, or a duration is out of range, `OSError` from `start`
    if the port is taken.
    """

    def __init__(
        self,
        robots: tuple[Robot, ...] = (),
        host: str = "127.0.0.1",
        port: int = 0,
        minute_seconds: float = 60.0,
        clock: Callable[[], float] = time.time,
        *,
        apps: tuple[App, ...] = (),
        people: tuple[Person, ...] = (),
        groups: tuple[GroupChat, ...] = (),
        quotas: Quotas | None = None,
        notice_seconds: float = 0.0,
        status_seconds: float = 0.0,
        kept_media_bytes: int = KEPT_BYTES,
    ) -> None:
        self._robots = tuple(robots) or (Robot(),)
        self._organisation = Organisation(
            tuple(apps) or (App(),), tuple(people) or default_people(), tuple(groups) or (GroupChat(),)
        )
        self._host = host
        self._port = port
        self._clock = clock
        self._chat = Chat(self._robots, self._organisation.apps)
        self._faults = FaultQueue()
        self._stopping = threading.Event()
        self._stopping.set()
        quotas = quotas or Quotas()
        self._tokens = AccessTokens()
        self._gate = Gate(self._tokens, quotas)
        self._media = MediaStore(kept_media_bytes)
        self._custom_robots = CustomRobotDoor(
            self._robots,
            group=self._organisation.conversation_of(self._organisation.groups[0]),
            minute_seconds=minute_seconds,
        )
        self._app_robots = AppRobotDesk(
            self._organisation, self._media, quotas, minute_seconds=minute_seconds, status_seconds=status_seconds
        )
        self._notices = WorkNoticeDesk(
            self._organisation, self._media, quotas, minute_seconds=minute_seconds, notice_seconds=notice_seconds
        )
        self._doors = self._open_doors()
        self._convert_door = self._v1_door(
            Directory(self._organisation).open_conversation_id,
            api=directory.CONVERT_PREFIX + "{chatId}" + directory.CONVERT_SUFFIX,
            permission=directory.CONVERT_PERMISSION,
            reads_body=False,
        )
        page = ChatPage(
            self._chat,
            bound_host=host,
            describe_robots=self._describe_robots,
            is_over=self._stopping.is_set,
            describe_apps=self._describe_apps,
            describe_conversations=self._describe_conversations,
            media=self._media.served,
        )
        self._service = Service(
            chat=self._chat, page=page, door_at=self._door_at, faults=self._faults, clock=clock, stopping=self._stopping
        )
        self._listener: Listener | None = None

    def _open_doors(self) -> dict[str, Door]:
        """Return each door by its path; the next one is one more entry here."""
        tokens = TokenDesk(self._organisation, self._tokens, self._gate)
        robots, notices = self._app_robots, self._notices
        doors: dict[str, Door] = {
            custom_robot.PATH: self._custom_robots,
            NEW_TOKEN: V1Door(tokens.issue_v1),
            OLD_TOKEN: OapiDoor(OLD_TOKEN, tokens.issue_oapi, method="GET"),
            UPLOAD_PATH: self._oapi_door(UPLOAD_PATH, self._media.upload, reads_body=False),
            # Contacts are not on the monthly bill (docs 1432).
            directory.USER_BY_MOBILE: self._oapi_door(
                directory.USER_BY_MOBILE,
                Directory(self._organisation).user_by_mobile,
                permissions=directory.USER_BY_MOBILE_PERMISSIONS,
                counts=False,
            ),
        }
        for path, handle in {
            app_robot.GROUP_SEND: robots.send_to_group,
            app_robot.GROUP_QUERY: robots.query_group,
            app_robot.GROUP_RECALL: robots.recall_from_group,
            app_robot.PEOPLE_SEND: robots.send_to_people,
            app_robot.PEOPLE_RECALL: robots.recall_from_people,
        }.items():
            doors[path] = self._v1_door(handle, api=path, permission=app_robot.PERMISSION)
        doors[app_robot.PEOPLE_READ_STATUS] = self._v1_door(
            robots.read_status_of_people,
            api=app_robot.PEOPLE_READ_STATUS,
            permission=app_robot.PERMISSION,
            method="GET",
        )
        for path, handle_notice in {
            work_notices.SEND: notices.send,
            work_notices.PROGRESS: notices.progress,
            work_notices.RESULT: notices.result,
            work_notices.RECALL: notices.recall,
            work_notices.UPDATE_STATUS: notices.update_status,
        }.items():
            doors[path] = self._oapi_door(path, handle_notice)
        return doors

    def _v1_door(
        self,
        handle: Callable[[v1_dialect.V1Call], Verdict],
        *,
        api: str,
        permission: str,
        method: Literal["GET", "POST"] = "POST",
        reads_body: bool = True,
    ) -> V1Door:
        handle_request = v1_dialect.for_apps(self._gate, handle, permission=permission, api=api, reads_body=reads_body)
        return V1Door(handle_request, method=method, addressee=self._app_robots.addressee)

    def _oapi_door(
        self,
        path: str,
        handle: Callable[[oapi_dialect.OapiCall], Verdict],
        *,
        permissions: tuple[str, ...] = (work_notices.PERMISSION,),
        counts: bool = True,
        reads_body: bool = True,
    ) -> OapiDoor:
        handle_request = oapi_dialect.for_apps(
            self._gate, handle, permissions=permissions, counts=counts, reads_body=reads_body
        )
        return OapiDoor(path, handle_request, addressee=self._notices.addressee)

    def _door_at(self, path: str) -> Door | None:
        if path.startswith(directory.CONVERT_PREFIX) and path.endswith(directory.CONVERT_SUFFIX):
            return self._convert_door
        return self._doors.get(path)

    def __enter__(self) -> Sandbox:
        self.start()
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen and answer in background threads; returns at once. Raises `RuntimeError` if it runs already."""
        if self._listener is not None:
            raise RuntimeError("the sandbox runs already")
        self._listener = Listener(self._host, self._port, self._service)
        self._port = self._listener.port

    def stop(self) -> None:
        """Close port and connections at once, also those that hang; messages and requests can still be read."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()

    @property
    def url(self) -> str:
        """The server's base URL, for a client's "host" setting."""
        if self._port == 0:
            raise RuntimeError("the port is known once the sandbox was started")
        host = reachable_host(self._host)
        return f"http://[{host}]:{self._port}" if ":" in host else f"http://{host}:{self._port}"

    @property
    def page_url(self) -> str:
        """The chat page's URL."""
        return f"{self.url}/"

    @property
    def robot(self) -> Robot:
        """The first robot."""
        return self._robots[0]

    @property
    def robots(self) -> tuple[Robot, ...]:
        """All custom robots of the first group."""
        return self._robots

    @property
    def app(self) -> App:
        """The first app."""
        return self._organisation.apps[0]

    @property
    def apps(self) -> tuple[App, ...]:
        """All apps of the organisation."""
        return self._organisation.apps

    @property
    def people(self) -> tuple[Person, ...]:
        """All people of the organisation."""
        return self._organisation.people

    @property
    def group(self) -> GroupChat:
        """The first group, in which the custom robots are."""
        return self._organisation.groups[0]

    @property
    def groups(self) -> tuple[GroupChat, ...]:
        """All groups."""
        return self._organisation.groups

    @property
    def media(self) -> tuple[Medium, ...]:
        """What was uploaded, in order."""
        return self._media.all()

    def connection_of(self, app: App) -> str:
        """Return an Airflow connection for an app as JSON, with the first group as its own; it holds the secret."""
        return connection_json(app, self.url, self.group)

    @property
    def webhook_url(self) -> str:
        """The first robot's webhook URL, without a sign, as DingTalk's group settings show it."""
        return self.webhook_url_of(self.robot)

    def webhook_url_of(self, robot: Robot) -> str:
        """Return a robot's webhook URL, without a sign."""
        return f"{self.url}{custom_robot.PATH}?{custom_robot.query_of(robot)}"

    @property
    def requests(self) -> tuple[ReceivedRequest, ...]:
        """Everything that reached the server, in order, except what the chat page asks for itself."""
        return self._chat.requests

    @property
    def messages(self) -> tuple[ChatMessage, ...]:
        """What stands in the chat, in order."""
        return self._chat.messages

    def wait_for_messages(self, count: int, timeout_seconds: float = 10) -> tuple[ChatMessage, ...]:
        """Return all messages as soon as there are at least ``count``.

        Raises `TimeoutError` that says what did arrive and why the rest was refused.
        """
        return self._chat.wait_for_messages(count, timeout_seconds)

    def wait_for_requests(self, count: int, timeout_seconds: float = 10) -> tuple[ReceivedRequest, ...]:
        """Return all requests as soon as there are at least ``count``; raises `TimeoutError` as for messages."""
        return self._chat.wait_for_requests(count, timeout_seconds)

    def fail_next(self, fault: Fault, times: int = 1, seconds: float | None = None, path: str | None = None) -> None:
        """Let the next ``times`` requests to a door meet a fault; faults queue up in the order they are asked for.

        ``seconds`` is the length of `Fault.SLOW` and `Fault.DRIP` (3 if not given). With ``path`` only requests to that
        path meet it. Raises `ValueError` if seconds are given for another fault, ``times`` is below 1, or no door
        lives at the path.
        """
        if path is not None and self._door_at(path) is None:
            raise ValueError(f"no door lives at {path!r}")
        self._faults.plan(fault, times=times, seconds=seconds, path=path)

    def expire_tokens(self) -> None:
        """End the life of all access tokens that apps have at the moment."""
        self._tokens.expire()

    def read(self, user_id: str) -> None:
        """Let a person read everything that stands in groups, their private chats and their work notices.

        Raises `ValueError` if there is no such person.
        """
        if self._organisation.person(user_id) is None:
            raise ValueError(f"nobody has the user id {user_id!r}")
        self._app_robots.read(user_id)
        self._notices.read(user_id)

    def clear(self) -> None:
        """Forget messages, requests, planned faults, rate windows, shut-outs, quotas and known ``msgUuid`` values.

        Access tokens and media stay, since clients keep them too.
        """
        self._faults.clear()
        for keeper in (self._custom_robots, self._app_robots, self._notices, self._gate):
            keeper.forget()
        self._chat.clear(at=self._clock())

    def _describe_apps(self) -> list[dict[str, Any]]:
        return [
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

    def _describe_conversations(self) -> list[dict[str, Any]]:
        return [dict(self._organisation.conversation_of(group).to_dict()) for group in self.groups]

    def _describe_robots(self) -> list[dict[str, Any]]:
        return [
            {
                "number": number,
                "name": robot.name,
                # Signed, so that the command on the empty page works as it is; good for one hour.
                "webhook_url": f"{self.url}{custom_robot.PATH}?"
                + custom_robot.query_of(robot, signed_at=self._clock()),
                "keyword": robot.keywords[0] if robot.keywords else None,
            }
            for number, robot in enumerate(self._robots, start=1)
        ]
