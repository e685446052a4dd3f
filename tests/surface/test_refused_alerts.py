"""One alert that DingTalk refuses for an unknown reason: through each channel the others arrive, and none is lost."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from airflow_provider_dingpush.airflow_compat import AirflowFailException
from airflow_provider_dingpush.delivery.drain_result import LeaderRole
from airflow_provider_dingpush.errors import DingTalkError, ThrottledError
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.operators import DingTalkOperator
from airflow_provider_dingpush.pipeline import callback
from airflow_provider_dingpush.pipeline.callback_budget import CallbackBudget
from airflow_provider_dingpush.pipeline.dispatching import flush
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.rate_limit import ledger_of
from airflow_provider_dingpush.targets import Group, Target, Users, WorkNotification
from airflow_provider_dingpush.timeouts import Deadline
from tests.callback_contexts import task_context

REFUSALS: dict[str, Any] = {
    "400402": {"errcode": 400402, "errmsg": "parameter missing"},
    "302033": {"errcode": 302033, "errmsg": "unheard of"},
    "90018": {"errcode": 90018, "errmsg": ""},
    "404": {"errcode": 404, "errmsg": "nothing here"},
    "88": {"errcode": 88},
    "null": {"errcode": None},
    "abc": {"errcode": "abc", "errmsg": "?"},
    "negative": {"errcode": -99, "errmsg": "?"},
    "words": {"errmsg": "parameter missing"},
    "413": None,
}
# These numbers mean something to an app: that it is to wait.
OF_APPS = {name: body for name, body in REFUSALS.items() if name not in ("90018", "88")}
V1_REFUSAL = {"code": "something.new", "message": "unheard of", "requestid": "r"}


class DingTalk:
    """A DingTalk that refuses what holds one of some words, and takes everything else."""

    def __init__(self, refusal: Any) -> None:
        self.refusal = refusal
        self.refuses: Callable[[str], bool] = lambda body: "poison" in body
        self.taken: list[str] = []
        self.posted = 0
        theirs = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                status, answer = theirs.answer(self.path, body)
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def answer(self, path: str, body: str) -> tuple[int, Any]:
        if path.startswith("/v1.0/oauth2"):
            return 200, {"accessToken": "token-of-app", "expireIn": 7200}
        self.posted += 1
        if self.refuses(body):
            return (413, {}) if self.refusal is None else (400 if "code" in self.refusal else 200, self.refusal)
        self.taken.append(body)
        return 200, {"errcode": 0, "errmsg": "ok", "task_id": 1} if "/topapi/" in path or "/robot/send" in path else {
            "processQueryKey": "k"
        }

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join(10)
        self.server.server_close()


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Any], DingTalk]]:
    """Start a DingTalk that two connections point to, with a minute that doesn't bound the test."""
    started: list[DingTalk] = []

    def make(refusal: Any) -> DingTalk:
        server = DingTalk(refusal)
        started.append(server)
        extra = {"group_interval_seconds": 0, "rate_limit_per_minute": 1_000}
        robot = {"conn_type": "dingtalk_robot", "host": server.url, "password": "t" * 64, "extra": extra}
        addresses = {"api_base_url": server.url, "oapi_base_url": server.url, "agent_id": "7"}
        app = {"conn_type": "dingtalk_app", "login": f"ding{server.server.server_port}", "password": "secret-of-app"}
        monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", json.dumps(robot))
        monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", json.dumps({**app, "extra": {**extra, **addresses}}))
        return server

    yield make
    for server in started:
        server.stop()


def fail(task_id: str, conn_id: str = "dingtalk_default", to: Target | None = None) -> None:
    """A task fails."""
    callback._budget = CallbackBudget(ticks=time.monotonic)
    DingTalkNotifier(dingtalk_conn_id=conn_id, to=to)(task_context(task_id))


def flushed(role: LeaderRole = LeaderRole.PERSON) -> list[Any]:
    """What a flush made of each robot."""
    return [drained for _, drained in flush(outbox(), Deadline.after(60.0), role)]


def pending_and_dead_letters(to: Target | None = None, conn_id: str = "dingtalk_default") -> tuple[int, list[str]]:
    """How many alerts wait, and the names of those that don't any more."""
    from airflow_provider_dingpush.alerts.alert import mailbox_of
    from airflow_provider_dingpush.pipeline.receivers import receiver_of_mailbox

    with ledger_of(outbox(), receiver_of_mailbox(mailbox_of(conn_id, to))) as ledger:
        assert ledger is not None
        return ledger.queue.waiting, sorted(each.name for each in ledger.dead_letters.all)


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refused_alert_does_not_stop_the_robot(start: Callable[[Any], DingTalk], name: str) -> None:
    """It was taken for a wrong setting: nothing at all was sent, and each probe repeated the refused alert."""
    server = start(REFUSALS[name])
    for task_id in ("poison", "alpha", "beta"):
        fail(task_id)
    flushed()
    assert pending_and_dead_letters() == (0, ["etl_daily · poison"])
    sent = "\n".join(server.taken)
    assert "alpha" in sent
    assert "beta" in sent


@pytest.mark.parametrize(
    "to", [Group("cid1"), Users(["u1"]), WorkNotification(["u1"])], ids=lambda to: type(to).__name__
)
@pytest.mark.parametrize("name", [*OF_APPS, "v1"])
def test_a_refused_alert_does_not_stop_an_app(start: Callable[[Any], DingTalk], name: str, to: Target) -> None:
    server = start(OF_APPS.get(name, V1_REFUSAL))
    for task_id in ("poison", "alpha", "beta"):
        fail(task_id, "dingtalk_app_default", to)
    flushed()
    assert pending_and_dead_letters(to, "dingtalk_app_default") == (0, ["etl_daily · poison"])
    sent = "\n".join(server.taken)
    assert "alpha" in sent
    assert "beta" in sent


def test_a_robot_that_refuses_everything_keeps_everything_and_a_person_can_have_it_tried(
    start: Callable[[Any], DingTalk],
) -> None:
    server = start(REFUSALS["302033"])
    server.refuses = lambda _: True
    for task_id in ("alpha", "beta", "gamma", "delta"):
        fail(task_id)
    assert pending_and_dead_letters()[1] == []
    posted = server.posted
    assert posted <= 6
    fail("epsilon")
    flushed(LeaderRole.FLUSHER)
    assert server.posted == posted
    flushed()
    assert server.posted == posted + 1
    assert pending_and_dead_letters()[1] == []
    server.refuses = lambda _: False
    (drained,) = flushed()
    assert drained.left == 0
    assert pending_and_dead_letters() == (0, [])
    sent = "\n".join(server.taken)
    assert all(task_id in sent for task_id in ("alpha", "beta", "gamma", "delta", "epsilon"))


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        ({"errcode": 302033, "errmsg": "send too fast"}, ThrottledError),
        ({"errcode": 302033, "errmsg": "系统繁忙"}, DingTalkError),
        ({"errcode": 302033, "errmsg": "unheard of"}, DingTalkError),
        ({"errcode": 400402, "errmsg": "parameter missing"}, AirflowFailException),
        ({"errcode": 302033, "errmsg": "token is bad"}, AirflowFailException),
    ],
    ids=str,
)
def test_an_operator_raises_dingtalks_words_and_airflow_may_try_again(
    start: Callable[[Any], DingTalk], refusal: dict[str, Any], kind: type[Exception]
) -> None:
    """Only what the words call this message's or a setting's fault can't be over by the next try."""
    server = start(refusal)
    with pytest.raises(kind) as caught:
        DingTalkOperator(task_id="send", message="poison").execute({})
    assert str(refusal["errcode"]) in str(caught.value)
    assert refusal["errmsg"] in str(caught.value)
    assert server.posted == (3 if "系统" in refusal["errmsg"] else 1)


def test_a_receiver_that_refuses_everything_costs_no_own_text(start: Callable[[Any], DingTalk]) -> None:
    """They were given up for the built-in text before the second message was refused, and stayed so."""
    server = start(REFUSALS["302033"])
    server.refuses = lambda _: True
    for task_id in ("alpha", "beta"):
        context = task_context(task_id)
        context["ti"].state = "success"
        del context["exception"]
        callback._budget = CallbackBudget(ticks=time.monotonic)
        DingTalkNotifier(message=f"312 rows of {task_id}", language="en")(context)
    assert pending_and_dead_letters() == (2, [])
    server.refuses = lambda _: False
    flushed()
    sent = "\n".join(server.taken)
    assert "312 rows of alpha" in sent
    assert "312 rows of beta" in sent
    assert pending_and_dead_letters() == (0, [])


def test_a_receiver_with_another_code_each_time_keeps_everything(start: Callable[[Any], DingTalk]) -> None:
    """All alerts once became dead letters, one after the other."""
    server, codes = start({}), iter(range(700_000, 800_000))
    server.refuses = lambda _: True
    answer = server.answer

    def refuse(path: str, body: str) -> tuple[int, Any]:
        server.refusal = {"errcode": next(codes), "errmsg": "?"}
        return answer(path, body)

    server.answer = refuse  # type: ignore[method-assign]
    for number in range(8):
        fail(f"task_{number}")
    assert pending_and_dead_letters()[1] == []
    server.refuses = lambda _: False
    flushed()
    sent = "\n".join(server.taken)
    assert all(f"task_{number}" in sent or f"task\\\\_{number}" in sent for number in range(8))
    assert pending_and_dead_letters() == (0, [])
