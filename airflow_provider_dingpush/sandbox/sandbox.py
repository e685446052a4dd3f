"""The sandbox as its users see it: robots, chat, faults, start and stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, final

from . import custom_robot
from .chat import Chat, ChatMessage
from .chat_page import ChatPage, reachable_host
from .custom_robot import CustomRobotDoor, Robot
from .exchange import ReceivedRequest
from .faults import Fault, FaultQueue
from .server import Listener, Service


@final
class Sandbox:
    """A local DingTalk with one group chat and its custom robots; use it as a context manager or `start` and `stop` it.

    ``robots`` defaults to one robot with a random token and no security settings. ``port`` 0 takes a free one, which is
    kept when the sandbox is started again after `stop`. ``minute_seconds`` is the length of the minute of the robots'
    rate limit (60 in DingTalk); ``clock`` returns epoch seconds and is read once per request, so that tests of windows
    and signs need not wait.

    Raises `ValueError` if two robots share a token or ``minute_seconds`` is not positive, `OSError` from `start` if the
    port is taken.
    """

    def __init__(
        self,
        robots: tuple[Robot, ...] = (),
        host: str = "127.0.0.1",
        port: int = 0,
        minute_seconds: float = 60.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._robots = tuple(robots) or (Robot(),)
        self._host = host
        self._port = port
        self._clock = clock
        self._chat = Chat(self._robots)
        self._faults = FaultQueue()
        self._stopping = threading.Event()
        self._stopping.set()
        # The next door is one more entry here.
        self._doors = {custom_robot.PATH: CustomRobotDoor(self._robots, minute_seconds=minute_seconds)}
        page = ChatPage(
            self._chat, bound_host=host, describe_robots=self._describe_robots, is_over=self._stopping.is_set
        )
        self._service = Service(
            chat=self._chat, page=page, doors=self._doors, faults=self._faults, clock=clock, stopping=self._stopping
        )
        self._listener: Listener | None = None

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
        """All robots of the group."""
        return self._robots

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

    def fail_next(self, fault: Fault, times: int = 1, seconds: float | None = None) -> None:
        """Let the next ``times`` requests to a door meet a fault; faults queue up in the order they are asked for.

        ``seconds`` is the length of `Fault.SLOW` and `Fault.DRIP` (3 if not given). Raises `ValueError` if it is given
        for another fault or ``times`` is below 1.
        """
        self._faults.plan(fault, times=times, seconds=seconds)

    def clear(self) -> None:
        """Forget messages, requests, planned faults, rate windows, shut-outs and known ``msgUuid`` values."""
        self._faults.clear()
        for door in self._doors.values():
            door.forget()
        self._chat.clear(at=self._clock())

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
