"""The sandbox as its users see it: who there is, the chat, faults, start and stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, final
from urllib.parse import urlencode

from airflow_provider_dingpush.sandbox.apis import Apis
from airflow_provider_dingpush.sandbox.chat import Chat
from airflow_provider_dingpush.sandbox.chat_page import PAGES_PATH_PREFIX, ChatPage, Pages, no_pages, reachable_host
from airflow_provider_dingpush.sandbox.custom_robot import PATH, query_of
from airflow_provider_dingpush.sandbox.ding_model import Ding, DingPlan, Todo
from airflow_provider_dingpush.sandbox.media import KEPT_BYTES
from airflow_provider_dingpush.sandbox.model import (
    App,
    ChatMessage,
    Durations,
    Fault,
    GroupChat,
    Medium,
    Person,
    Quotas,
    ReceivedRequest,
    Robot,
)
from airflow_provider_dingpush.sandbox.organisation import Organisation, connection_json, default_people
from airflow_provider_dingpush.sandbox.phones import Phones
from airflow_provider_dingpush.sandbox.server import Server
from airflow_provider_dingpush.sandbox.service import Service


@final
class Sandbox:
    """A local DingTalk of one organisation; use it as a context manager or `start` and `stop` it.

    Both hosts of DingTalk, api.dingtalk.com and oapi.dingtalk.com, are this one server. The attributes ``robots``,
    ``apps``, ``people`` and ``groups`` are what there is; ``robot``, ``app`` and ``group`` are the first of each.

    :param robots: the custom robots of the first group; by default one with a random token and no security settings.
    :param port: 0 takes a free one, which is kept when the sandbox is started again after `stop`.
    :param minute_seconds: the length of the minute of rate limits (60 in DingTalk).
    :param clock: returns epoch seconds and is read once per request, so that tests of windows, signs and tokens need
        not wait.
    :param apps: by default one with all permissions.
    :param people: by default three, in two departments.
    :param groups: by default one, with the robots of all apps.
    :param notification_seconds: how long a work notification is being sent.
    :param status_seconds: how long the read status of an app robot's message is not available.
    :param ding: which DINGs the organisation may send, and how many; by default 100 SMS and 100 phone calls.
    :param kept_media_bytes: how much of all uploads is kept: the oldest ones lose their content.
    :param pages: finds the pages below `pages_url`, which links in messages may open; called in several threads.
    :raises ValueError: if two of a kind share an id or a token, or a duration is out of range.
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
        notification_seconds: float = 0.0,
        status_seconds: float = 0.0,
        ding: DingPlan | None = None,
        kept_media_bytes: int = KEPT_BYTES,
        pages: Pages = no_pages,
    ) -> None:
        self.robots = tuple(robots) or (Robot(),)
        self.robot = self.robots[0]
        self.apps = tuple(apps) or (App(),)
        self.app = self.apps[0]
        self.people = tuple(people) or default_people()
        self.groups = tuple(groups) or (GroupChat(),)
        self.group = self.groups[0]
        self._organisation = Organisation(self.apps, self.people, self.groups)
        self._host = host
        self._port = port
        self._clock = clock
        self._chat = Chat(self.robots, self.apps)
        self._stopping = threading.Event()
        self._stopping.set()
        durations = Durations(minute=minute_seconds, notification=notification_seconds, read_status=status_seconds)
        self._apis = Apis(
            self._organisation, self.robots, quotas or Quotas(), durations, kept_media_bytes, ding=ding or DingPlan()
        )
        self._phones = Phones(self._organisation, self._chat, self._apis, clock)
        page = ChatPage(
            self._chat,
            bound_host=host,
            describe=self._describe,
            media=self._apis.media.served,
            phones=self._phones,
            is_over=self._stopping.is_set,
            pages=pages,
        )
        self._service = Service(
            chat=self._chat, page=page, endpoint_at=self._apis.at, clock=clock, stopping=self._stopping
        )
        self._server: Server | None = None

    def __enter__(self) -> Sandbox:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen and answer in background threads; returns at once.

        :raises RuntimeError: if it is running.
        :raises OSError: if the port is taken.
        """
        if self._server is not None:
            raise RuntimeError("the sandbox is running already")
        self._server = Server(self._host, self._port, self._service)
        self._port = self._server.port

    def stop(self) -> None:
        """Close port and connections at once, also those that hang; messages and requests stay available."""
        server, self._server = self._server, None
        if server is not None:
            server.stop(reachable_host(self._host))

    @property
    def url(self) -> str:
        """The server's base URL, for a client's "host" setting."""
        if self._port == 0:
            raise RuntimeError("the port is known once the sandbox has been started")
        host = reachable_host(self._host)
        return f"http://[{host}]:{self._port}" if ":" in host else f"http://{host}:{self._port}"

    @property
    def page_url(self) -> str:
        """The chat page's URL."""
        return f"{self.url}/"

    @property
    def pages_url(self) -> str:
        """The URL under which there are other pages than the chat's, without a slash at its end."""
        return self.url + PAGES_PATH_PREFIX.rstrip("/")

    @property
    def media(self) -> tuple[Medium, ...]:
        """What was uploaded, in order."""
        return self._apis.media.all()

    @property
    def dings(self) -> tuple[Ding, ...]:
        """The DINGs that were accepted, one for each receiver, in order."""
        return self._apis.dings.dings

    @property
    def todos(self) -> tuple[Todo, ...]:
        """The to-dos, in order."""
        return self._apis.todos.todos

    def phone_url_of(self, person: Person) -> str:
        """Return the URL of the page that shows a person's phone."""
        return f"{self.url}/phone.html?{urlencode({'user': person.user_id})}"

    def connection_of(self, app: App) -> str:
        """Return an Airflow connection for an app as JSON, with the first group as its own; it holds the secret."""
        return connection_json(app, self.url, self.group)

    @property
    def webhook_url(self) -> str:
        """The first robot's webhook URL, without a sign, as DingTalk's group settings show it."""
        return self.webhook_url_of(self.robot)

    def webhook_url_of(self, robot: Robot) -> str:
        """Return a robot's webhook URL, without a sign."""
        return f"{self.url}{PATH}?{query_of(robot)}"

    @property
    def requests(self) -> tuple[ReceivedRequest, ...]:
        """Everything that reached the server, in order, except what the chat page asks for itself."""
        return self._chat.requests

    @property
    def messages(self) -> tuple[ChatMessage, ...]:
        """The messages in the chat, in order."""
        return self._chat.messages

    def wait_for_messages(self, count: int, timeout_seconds: float = 10) -> tuple[ChatMessage, ...]:
        """Return all messages as soon as there are at least ``count``.

        :raises TimeoutError: with what did arrive and why the rest was refused.
        """
        return self._chat.wait_for_messages(count, timeout_seconds)

    def wait_for_requests(self, count: int, timeout_seconds: float = 10) -> tuple[ReceivedRequest, ...]:
        """Return all requests as soon as there are at least ``count``; raises `TimeoutError` as for messages."""
        return self._chat.wait_for_requests(count, timeout_seconds)

    def fail_next(self, fault: Fault, times: int = 1, seconds: float | None = None, path: str | None = None) -> None:
        """Let the next ``times`` requests to an API meet a fault; faults queue up in the order they are requested.

        :param seconds: the length of `Fault.SLOW` and `Fault.DRIP` (3 if not given).
        :param path: only requests to this path meet it.
        :raises ValueError: if seconds are given for another fault, ``times`` is below 1, or the path has no API.
        """
        if path is not None and self._apis.at(path) is None:
            raise ValueError(f"no API at {path!r}")
        self._service.faults.plan(fault, times=times, seconds=seconds, path=path)

    def expire_tokens(self) -> None:
        """Let all access tokens expire that apps have at the moment."""
        self._apis.tokens.expire()

    def read(self, user_id: str) -> None:
        """Let a person read everything: in groups, their private chats, their work notifications, and their DINGs.

        :raises ValueError: if there is no such person.
        """
        if not self._phones.read(user_id):
            raise ValueError(f"nobody has the user id {user_id!r}")

    def clear(self) -> None:
        """Forget messages, requests, planned faults, rate windows, blocks, quotas and known ``msgUuid`` values.

        Access tokens and media stay, since clients keep them too.
        """
        self._service.faults.clear()
        self._apis.forget()
        self._chat.clear(at=self._clock())

    def _describe(self) -> dict[str, list[dict[str, Any]]]:
        robots = [
            {
                "number": number,
                "name": robot.name,
                # Signed, so that the command on the empty page works as it is; good for one hour.
                "webhook_url": f"{self.url}{PATH}?{query_of(robot, signed_at=self._clock())}",
                "keyword": robot.keywords[0] if robot.keywords else None,
            }
            for number, robot in enumerate(self.robots, start=1)
        ]
        people = [{"user_id": each.user_id, "name": each.name} for each in self.people]
        return {"robots": robots, "people": people, **self._organisation.describe()}
