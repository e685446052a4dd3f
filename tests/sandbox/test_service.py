"""Which answer a request gets, without a network."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from airflow_provider_dingpush.sandbox.chat import Chat
from airflow_provider_dingpush.sandbox.chat_page import ChatPage
from airflow_provider_dingpush.sandbox.model import CallResult, Conversation, Fault, ReceivedRequest
from airflow_provider_dingpush.sandbox.service import Service

GROUP = Conversation(key="group:1", kind="group", name="g")


@dataclass
class OneApi:
    """An API that answers every request with success, and words one fault."""

    answered: int = 0

    def answer(self, request: ReceivedRequest) -> CallResult:
        self.answered += 1
        return CallResult(outcome="answered", reply={"errcode": 0}, conversation=GROUP)

    def addressee(self, request: ReceivedRequest) -> Conversation | None:
        return GROUP

    def reply_to(self, fault: Fault) -> tuple[int, dict[str, object]] | None:
        return (429, {"code": "busy"}) if fault is Fault.BUSY else None


@pytest.fixture
def api() -> OneApi:
    return OneApi()


@pytest.fixture
def service(api: OneApi) -> Service:
    chat = Chat((), ())
    page = ChatPage(chat, bound_host="127.0.0.1", describe=dict, media=lambda _: None, is_over=bool)
    at = {"/api": api}.get
    return Service(chat=chat, page=page, endpoint_at=at, clock=lambda: 0.0, stopping=threading.Event())


@pytest.fixture
def ask(service: Service) -> Callable[[str, str], tuple[int, bytes] | None]:
    """Answer a request as the server does: the fault first, then the rest."""

    def ask(method: str, path: str) -> tuple[int, bytes] | None:
        request = ReceivedRequest(
            method=method,
            path=path,
            query={},
            headers={"host": "localhost"},
            body=b"",
            json=None,
            received_at=0.0,
            connection=1,
            client_address="127.0.0.1",
        )
        answer = service.answer(request, service.next_fault(request))
        return None if answer is None else (answer.status, answer.body)

    return ask


Ask = Callable[[str, str], "tuple[int, bytes] | None"]


@pytest.mark.parametrize("fault", Fault)
def test_a_fault_decides_whether_the_api_is_called(service: Service, api: OneApi, ask: Ask, fault: Fault) -> None:
    """The API sees the request if the message is accepted, and the record names the fault either way."""
    service.faults.plan(fault, times=1, seconds=None)
    ask("POST", "/api")
    assert api.answered == fault.message_accepted
    (request,) = service.chat.requests
    assert (request.fault, request.outcome) == (fault, "answered" if fault.message_accepted else "fault")
    assert ask("POST", "/api") == (200, b'{"errcode": 0}')


def test_an_api_words_its_own_faults(service: Service, ask: Ask) -> None:
    """Its status and reply win over those that are the same everywhere; without any there is no answer."""
    for fault in (Fault.BUSY, Fault.HTTP_500, Fault.GATEWAY_BAN, Fault.HANG):
        service.faults.plan(fault, times=1, seconds=None)
    assert ask("POST", "/api") == (429, b'{"code": "busy"}')
    assert ask("POST", "/api") == (500, b"Internal Server Error")
    banned = ask("POST", "/api")
    assert banned is not None
    assert json.loads(banned[1])["punish"] == "deny"
    assert ask("POST", "/api") is None


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("POST", "/elsewhere"), ("HEAD", "/api")])
def test_what_reaches_no_api_meets_no_fault(service: Service, api: OneApi, ask: Ask, method: str, path: str) -> None:
    """The planned fault waits for its request."""
    service.faults.plan(Fault.BUSY, times=1, seconds=None)
    answer = ask(method, path)
    assert answer is not None
    assert answer[0] != 429
    assert ask("POST", "/api") == (429, b'{"code": "busy"}')
    assert api.answered == 0
