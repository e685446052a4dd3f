"""DINGs: accepted and refused as DingTalk documents it, read states, credit and editions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_dingpush.sandbox import App, DingPlan, Fault, Person, Sandbox
from airflow_provider_dingpush.sandbox.ding import VOICES

SEND = "/v1.0/robot/ding/send"
RECALL = "/v1.0/robot/ding/recall"
READ_STATUS = "/v1.0/robot/ding/readStatuses/query"

StartSandbox = Callable[..., Sandbox]


def ding(sandbox: Sandbox, *user_ids: Any, **fields: Any) -> dict[str, Any]:
    """Return a DING in the app; a field that is None is left out."""
    body = {
        "robotCode": sandbox.app.robot_code,
        "remindType": 1,
        "receiverUserIdList": list(user_ids) or ["zhangsan"],
        "content": "hello",
        **fields,
    }
    return {name: value for name, value in body.items() if value is not None}


def refused(answer: tuple[int, dict[str, Any]]) -> tuple[str, str]:
    """Return code and message of a refusal."""
    status, reply = answer
    assert status == 400
    assert set(reply) == {"code", "message", "requestid"}
    return reply["code"], reply["message"]


@pytest.mark.parametrize(("number", "kind"), [(1, "app"), (2, "sms"), (3, "phone")])
def test_a_ding(sandbox: Sandbox, client: Any, clock: Any, number: int, kind: str) -> None:
    """One for each receiver; a call has a voice."""
    status, reply = client.v1(SEND, ding(sandbox, "zhangsan", "lisi", "lisi", remindType=number))
    assert status == 200
    assert reply == {"openDingId": sandbox.dings[0].ding_id, "failedList": {}}
    assert [each.person.user_id for each in sandbox.dings] == ["zhangsan", "lisi"]
    for each in sandbox.dings:
        assert (each.kind, each.content, each.received_at, each.app) == (kind, "hello", clock.now, sandbox.app)
        assert (each.voice, each.is_read, each.is_recalled) == (VOICES[0] if kind == "phone" else "", False, False)
    assert sandbox.messages == ()
    assert sandbox.requests[-1].outcome == "accepted"


@pytest.mark.parametrize("voice", [*VOICES, f"● {VOICES[0]}"])
def test_a_voice(sandbox: Sandbox, client: Any, voice: str) -> None:
    """Also with the bullet of the page's own sample."""
    client.v1(SEND, ding(sandbox, remindType=3, callVoice=voice))
    assert sandbox.dings[0].voice == voice.removeprefix("● ")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"robotCode": None}, "invalid.chatbotId"),
        ({"robotCode": "other"}, "invalid.chatbotId"),
        ({"robotCode": 5}, "invalid.chatbotId"),
        ({"remindType": None}, "invalidParameter.param.invalid"),
        ({"remindType": 4}, "invalidParameter.param.invalid"),
        ({"remindType": "1"}, "invalidParameter.param.invalid"),
        ({"remindType": True}, "invalidParameter.param.invalid"),
        ({"receiverUserIdList": []}, "invalidParameter.param.invalid"),
        ({"receiverUserIdList": "zhangsan"}, "invalidParameter.param.invalid"),
        ({"receiverUserIdList": [1]}, "invalidParameter.param.invalid"),
        ({"receiverUserIdList": ["zhangsan", "nobody"]}, "miss.staffId"),
        ({"receiverUserIdList": [str(n) for n in range(201)]}, "ding.receivercount.limit"),
        ({"receiverUserIdList": [str(n) for n in range(21)], "remindType": 2}, "ding.receivercount.limit"),
        ({"receiverUserIdList": [str(n) for n in range(21)], "remindType": 3}, "ding.receivercount.limit"),
        ({"content": None}, "invalidParameter.param.invalid"),
        ({"content": " "}, "invalidParameter.param.invalid"),
        ({"content": 5}, "invalidParameter.param.invalid"),
        ({"remindType": 3, "callVoice": "Robot"}, "invalidParameter.param.invalid"),
        ({"remindType": 3, "callVoice": 5}, "invalidParameter.param.invalid"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_rule_that_is_broken(sandbox: Sandbox, client: Any, fields: dict[str, Any], code: str) -> None:
    """With the codes of the page."""
    assert refused(client.v1(SEND, ding(sandbox, **fields)))[0] == code
    assert sandbox.dings == ()


def test_who_refuses_is_listed_and_costs_nothing(start_sandbox: StartSandbox, client_of: Any) -> None:
    """With status 200, even if nobody is left."""
    people = (
        Person(user_id="a", name="a", mobile="13800000001"),
        Person(user_id="b", name="b", mobile="13800000002", refuses=True),
    )
    sandbox = start_sandbox(people=people, ding=DingPlan(sms=1))
    client = client_of(sandbox)
    status, reply = client.v1(SEND, ding(sandbox, "b", remindType=2))
    assert (status, list(reply["failedList"].values())) == (200, [["b"]])
    status, reply = client.v1(SEND, ding(sandbox, "a", "b", remindType=2))
    assert (status, list(reply["failedList"].values())) == (200, [["b"]])
    assert [each.person.user_id for each in sandbox.dings] == ["a"]


def test_credit_is_for_each_receiver(start_sandbox: StartSandbox, client_of: Any) -> None:
    """What does not suffice is refused whole; a clear gives it back."""
    sandbox = start_sandbox(ding=DingPlan(sms=2, phone=0))
    client = client_of(sandbox)
    assert client.v1(SEND, ding(sandbox, "zhangsan", remindType=2))[0] == 200
    answer = client.v1(SEND, ding(sandbox, "zhangsan", "lisi", remindType=2))
    assert refused(answer) == ("ding.serverquota.insufficient", "ding server quota insufficient")
    assert client.v1(SEND, ding(sandbox, "lisi", remindType=2))[0] == 200
    assert refused(client.v1(SEND, ding(sandbox, remindType=3)))[0] == "ding.serverquota.insufficient"
    assert client.v1(SEND, ding(sandbox))[0] == 200
    assert len(sandbox.dings) == 3
    sandbox.clear()
    assert not sandbox.dings
    assert client.v1(SEND, ding(sandbox, "zhangsan", "lisi", remindType=2))[0] == 200


def test_an_edition_without_dings(start_sandbox: StartSandbox, client_of: Any) -> None:
    """With the sentence of DingTalk's page."""
    sandbox = start_sandbox(ding=DingPlan(in_edition=False))
    code, message = refused(client_of(sandbox).v1(SEND, ding(sandbox)))
    assert code == "send.ding.exception"
    assert "专业版" in message


def test_the_permission(start_sandbox: StartSandbox, client_of: Any) -> None:
    """Of all three calls."""
    sandbox = start_sandbox(apps=(App(permissions=("qyapi_robot_sendmsg",)),))
    for path in (SEND, RECALL, READ_STATUS):
        status, reply = client_of(sandbox).v1(path, ding(sandbox))
        assert (status, reply["accessdenieddetail"]) == (403, {"requiredScopes": ["Premium.Ding.Write"]})


def test_people_out_of_sight(start_sandbox: StartSandbox, client_of: Any) -> None:
    """As unknown as nobody."""
    sandbox = start_sandbox(apps=(App(visible_user_ids=("lisi",)),))
    client = client_of(sandbox)
    assert refused(client.v1(SEND, ding(sandbox, "lisi", "zhangsan"))) == ("miss.staffId", "miss.staffId zhangsan")
    assert client.v1(SEND, ding(sandbox, "lisi"))[0] == 200


def test_too_many_in_a_minute(start_sandbox: StartSandbox, client_of: Any, clock: Any) -> None:
    """The window slides."""
    sandbox = start_sandbox(ding=DingPlan(a_minute=2))
    client = client_of(sandbox)
    assert [client.v1(SEND, ding(sandbox))[0] for _ in range(3)] == [200, 200, 400]
    assert sandbox.requests[-1].reply is not None
    assert sandbox.requests[-1].reply["code"] == "toomuch.msg"
    clock.now += 61
    assert client.v1(SEND, ding(sandbox))[0] == 200


def test_who_has_read(sandbox: Sandbox, client: Any) -> None:
    """Of this DING, and by its sender only."""
    ids = [client.v1(SEND, ding(sandbox, "zhangsan", "lisi"))[1]["openDingId"] for _ in range(2)]
    sandbox.read("lisi")
    for ding_id in ids:
        status, reply = client.v1(READ_STATUS, {"robotCode": sandbox.app.robot_code, "openDingId": ding_id})
        assert (status, reply) == (
            200,
            {
                "success": True,
                "result": {
                    "robotDingReadInfoList": [
                        {"userId": "zhangsan", "readStatus": "UNREAD"},
                        {"userId": "lisi", "readStatus": "READ"},
                    ]
                },
            },
        )


@pytest.mark.parametrize("path", [RECALL, READ_STATUS])
@pytest.mark.parametrize("ding_id", [None, "", "nothing", 5], ids=repr)
def test_a_ding_that_is_none(sandbox: Sandbox, client: Any, path: str, ding_id: Any) -> None:
    """It can neither be asked about nor be recalled."""
    body = {"robotCode": sandbox.app.robot_code, "openDingId": ding_id}
    expected = "recall.ding.exception" if path == RECALL else "invalidParameter.param.invalid"
    assert refused(client.v1(path, body))[0] == expected


def test_a_recall_is_the_senders(start_sandbox: StartSandbox, client_of: Any) -> None:
    """And may be repeated."""
    apps = (App(), App())
    sandbox = start_sandbox(apps=apps)
    mine, other = (client_of(sandbox, app) for app in apps)
    ding_id = mine.v1(SEND, ding(sandbox))[1]["openDingId"]
    assert refused(other.v1(RECALL, {"robotCode": apps[1].robot_code, "openDingId": ding_id}))[0].startswith("recall")
    for _ in range(2):
        assert mine.v1(RECALL, {"robotCode": apps[0].robot_code, "openDingId": ding_id}) == (
            200,
            {"openDingId": ding_id},
        )
    assert sandbox.dings[0].is_recalled


def test_an_answer_that_is_lost_after_the_call(sandbox: Sandbox, client: Any) -> None:
    """The phone rings all the same."""
    sandbox.fail_next(Fault.HTTP_504, path=SEND)
    with pytest.raises(ValueError, match="Expecting value"):  # the answer is no JSON
        client.v1(SEND, ding(sandbox, remindType=3))
    assert [each.kind for each in sandbox.dings] == ["phone"]
    sandbox.fail_next(Fault.HTTP_500, path=SEND)
    with pytest.raises(ValueError, match="Expecting value"):
        client.v1(SEND, ding(sandbox, remindType=3))
    assert len(sandbox.dings) == 1


@pytest.mark.parametrize("values", [{"sms": -1}, {"phone": -1}, {"app": -2}, {"a_minute": -1}], ids=str)
def test_a_plan_with_a_negative_number(values: dict[str, int]) -> None:
    """It makes no sense."""
    with pytest.raises(ValueError, match="must not be negative"):
        DingPlan(**values)  # type: ignore[arg-type]
