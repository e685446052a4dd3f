"""DINGs: what is sent, the result, and that nothing is ever sent twice."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.dingtalk.app_calls import AppCalls
from airflow_provider_dingpush.dingtalk.attempts import AttemptPlan
from airflow_provider_dingpush.dingtalk.ding import READ_STATUS_PATH, SEND_PATH, Dings, cut_to_characters
from airflow_provider_dingpush.dingtalk.on_call_options import DingOptions
from airflow_provider_dingpush.errors import (
    ConfigurationError,
    ContentError,
    CreditExhaustedError,
    DingTalkError,
    EditionError,
    InvalidMessageError,
    PermissionMissingError,
    TargetError,
    UnknownOutcomeError,
)
from airflow_provider_dingpush.receipts import DingKind, DingOutcome, DingReceipt
from airflow_provider_dingpush.sandbox import App, DingPlan, Fault, Person, Sandbox
from airflow_provider_dingpush.targets import Users
from airflow_provider_dingpush.timeouts import Deadline

GOLDEN = Path(__file__).parents[1] / "golden" / "ding"
TOKEN_PATH = "/v1.0/oauth2/accessToken"
TEXT = "DAG etl_orders 凌晨 3 点 12 分失败"
PAIR = Users(["zhangsan", "lisi"])
UNCERTAIN = (Fault.RESET_AFTER_BODY_ACCEPTED, Fault.RESET_AFTER_BODY_NOT_ACCEPTED, Fault.HTTP_500, Fault.HTTP_504,
             Fault.UNKNOWN_RESULT, Fault.EMPTY_BODY, Fault.GARBAGE, Fault.HTML_PAGE)  # fmt: skip

StartSandbox = Callable[..., Sandbox]
MakeClient = Callable[..., Any]


def dings_of(sandbox: Sandbox, app_client_of: MakeClient, options: DingOptions | None = None, **more: Any) -> Dings:
    return Dings(app_client_of(sandbox, **more).calls, options)


def sends(sandbox: Sandbox) -> list[dict[str, Any]]:
    """What was sent to the API of DINGs."""
    return [request.json for request in sandbox.requests if request.path == SEND_PATH]


@pytest.mark.parametrize(
    ("name", "options", "arguments"),
    [
        ("app", DingOptions(ding_voice="Standard_Male_Voice"), {}),
        ("sms", DingOptions(ding_voice="Standard_Male_Voice"), {"kind": "sms"}),
        ("phone", DingOptions(), {"kind": DingKind.PHONE}),
        ("phone_with_voice", DingOptions(ding_voice="Standard_Male_Voice"), {"kind": "phone"}),
        ("phone_with_voice", DingOptions("Lovely_Girl_Voice"), {"kind": "PHONE", "voice": "Standard_Male_Voice"}),
    ],
)
def test_what_is_sent(
    start_sandbox: StartSandbox, app_client_of: MakeClient, name: str, options: DingOptions, arguments: dict[str, Any]
) -> None:
    """The whole body is as in the golden file; a voice only with a call."""
    sandbox = start_sandbox(apps=(App(robot_code="dinggolden00000001"),))
    receipt = dings_of(sandbox, app_client_of, options).send(TEXT, PAIR, **arguments)
    assert sends(sandbox) == [json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))]
    assert (receipt.outcome, receipt.reached, receipt.failed) == (DingOutcome.SENT, ("zhangsan", "lisi"), {})
    assert [each.ding_id for each in sandbox.dings] == [*receipt.ding_ids, *receipt.ding_ids]
    assert {each.kind for each in sandbox.dings} == {name.partition("_")[0]}


def test_people_by_mobile_and_in_plain_form(sandbox: Sandbox, app_client_of: MakeClient) -> None:
    """As everywhere."""
    receipt = dings_of(sandbox, app_client_of).send(TEXT, {"user_ids": ["lisi"], "mobiles": ["138-0000-0001"]})
    assert receipt.reached == ("lisi", "zhangsan")


def test_an_unknown_mobile_number_is_a_failure_that_is_reported(sandbox: Sandbox, app_client_of: MakeClient) -> None:
    """The others get it; the number is partly masked."""
    people = Users(["lisi"], mobiles=["13999990000", "13800000001"])
    receipt = dings_of(sandbox, app_client_of).send(TEXT, people, kind="phone")
    assert (receipt.outcome, receipt.reached) == (DingOutcome.PARTLY, ("lisi", "zhangsan"))
    assert list(receipt.failed) == ["139****0000"]
    receipt = dings_of(sandbox, app_client_of).try_send(TEXT, Users(mobiles=["13999990000"]))
    assert (receipt.outcome, list(receipt.failed)) == (DingOutcome.REFUSED, ["139****0000"])
    assert isinstance(receipt.error, TargetError)


def test_who_is_known_by_user_id_gets_it_whatever_the_look_up_says(
    start_sandbox: StartSandbox, app_client_of: MakeClient
) -> None:
    """A missing permission for contacts is no reason to call nobody."""
    sandbox = start_sandbox(apps=(App(permissions=("Premium.Ding.Write",)),))
    receipt = dings_of(sandbox, app_client_of).send(TEXT, Users(["lisi"], mobiles=["13800000001"]))
    assert (receipt.outcome, receipt.reached) == (DingOutcome.PARTLY, ("lisi",))
    assert "qyapi_get_member" in receipt.failed["138****0001"]
    receipt = dings_of(sandbox, app_client_of).try_send(TEXT, Users(mobiles=["13800000001"]))
    assert receipt.outcome is DingOutcome.NO_PERMISSION


@pytest.mark.parametrize("to", ["cidx1y2z3==", {"everyone": True}, None], ids=repr)
def test_only_people_get_a_ding(sandbox: Sandbox, app_client_of: MakeClient, to: Any) -> None:
    """A group or a department has no phone."""
    with pytest.raises(TargetError, match="DINGs and to-dos go to people"):
        dings_of(sandbox, app_client_of).send(TEXT, to)
    assert sandbox.requests == ()


@pytest.mark.parametrize(("kind", "size"), [("app", 200), ("sms", 20), ("phone", 20)])
def test_many_people_are_several_calls(
    start_sandbox: StartSandbox, app_client_of: MakeClient, kind: str, size: int
) -> None:
    """As many as DingTalk accepts in each, nobody twice."""
    ids = [f"u{number}" for number in range(2 * size + 1)]
    people = tuple(Person(user_id=each, name=each, mobile=f"138{n:08}") for n, each in enumerate(ids))
    sandbox = start_sandbox(people=people, ding=DingPlan(sms=None, phone=None))
    receipt = dings_of(sandbox, app_client_of).send(TEXT, Users([*ids, ids[0]]), kind=kind)
    assert [len(each["receiverUserIdList"]) for each in sends(sandbox)] == [size, size, 1]
    assert receipt.reached == tuple(ids)
    assert len(receipt.ding_ids) == 3


def test_some_are_reached(start_sandbox: StartSandbox, app_client_of: MakeClient) -> None:
    """DingTalk answers 200; who failed, and why, is in the receipt."""
    people = (
        Person(user_id="a", name="a", mobile="13800000001"),
        Person(user_id="b", name="b", mobile="13800000002", refuses=True),
    )
    sandbox = start_sandbox(people=people)
    receipt = dings_of(sandbox, app_client_of).send(TEXT, Users(["a", "b"]))
    assert (receipt.outcome, receipt.reached) == (DingOutcome.PARTLY, ("a",))
    assert receipt.failed == {"b": "用户已设置不接收该机器人的DING"}
    assert [each.person.user_id for each in sandbox.dings] == ["a"]


def test_a_total_failure_with_status_200_is_none(start_sandbox: StartSandbox, app_client_of: MakeClient) -> None:
    """The answer has an id, and reached nobody."""
    sandbox = start_sandbox(people=(Person(user_id="b", name="b", mobile="13800000002", refuses=True),))
    dings = dings_of(sandbox, app_client_of)
    receipt = dings.try_send(TEXT, Users(["b"]), kind="phone")
    assert sandbox.requests[-1].outcome == "accepted"
    assert (receipt.outcome, receipt.reached, receipt.ding_ids) == (DingOutcome.REFUSED, (), ())
    with pytest.raises(TargetError, match="reached nobody: 用户已设置") as caught:
        dings.send(TEXT, Users(["b"]), kind="phone")
    assert "没有送达任何人" in caught.value.in_language("zh")


def test_one_unknown_person_does_not_keep_it_from_the_others(
    start_sandbox: StartSandbox, app_client_of: MakeClient
) -> None:
    """DingTalk refuses all of them for one; nobody of the others is called twice."""
    ids = [f"u{number}" for number in range(20)]
    people = tuple(Person(user_id=each, name=each, mobile=f"138{n:08}") for n, each in enumerate(ids))
    sandbox = start_sandbox(people=people)
    asked = [*ids[:7], "gone", *ids[7:19]]
    receipt = dings_of(sandbox, app_client_of).send(TEXT, Users(asked), kind="phone")
    assert receipt.outcome is DingOutcome.PARTLY
    assert receipt.reached == tuple(ids[:19])
    assert list(receipt.failed) == ["gone"]
    assert sorted(each.person.user_id for each in sandbox.dings) == sorted(ids[:19])
    assert len(sends(sandbox)) < 12


def test_many_unknown_people_do_not_cost_hundreds_of_calls(sandbox: Sandbox, app_client_of: MakeClient) -> None:
    """The organisation pays for each of them."""
    receipt = dings_of(sandbox, app_client_of).try_send(TEXT, Users([f"gone{number}" for number in range(200)]))
    assert (receipt.outcome, len(receipt.failed)) == (DingOutcome.REFUSED, 200)
    assert isinstance(receipt.error, TargetError)
    assert len(sends(sandbox)) <= 33


REFUSALS: dict[str, tuple[dict[str, Any], DingOutcome, type[DingTalkError]]] = {
    "credit": ({"ding": DingPlan(phone=0)}, DingOutcome.NO_CREDIT, CreditExhaustedError),
    "edition": ({"ding": DingPlan(in_edition=False)}, DingOutcome.EDITION, EditionError),
    "permission": (
        {"apps": (App(permissions=("qyapi_base",)),)},
        DingOutcome.NO_PERMISSION,
        PermissionMissingError,
    ),
    "robot": ({"apps": (App(published=False),)}, DingOutcome.REFUSED, ConfigurationError),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_of_the_whole_is_asked_about_once(
    start_sandbox: StartSandbox, app_client_of: MakeClient, name: str
) -> None:
    """The second call would be refused for the same reason."""
    options, outcome, kind = REFUSALS[name]
    people = tuple(Person(user_id=f"u{n}", name=f"u{n}", mobile=f"138{n:08}") for n in range(30))
    sandbox = start_sandbox(people=people, **options)
    dings = dings_of(sandbox, app_client_of)
    receipt = dings.try_send(TEXT, Users([each.user_id for each in people]), kind="phone")
    assert (receipt.outcome, receipt.reached, len(receipt.failed)) == (outcome, (), 30)
    assert type(receipt.error) is kind
    assert len(sends(sandbox)) == 1
    assert sandbox.dings == ()
    with pytest.raises(kind) as caught:
        dings.send(TEXT, Users(["u1"]), kind="phone")
    assert re.search(r"[\u4e00-\u9fff]", caught.value.in_language("zh"))


@pytest.mark.parametrize("resend_unknown", [False, True])
@pytest.mark.parametrize("kind", ["app", "sms", "phone"])
@pytest.mark.parametrize("fault", UNCERTAIN, ids=str)
def test_an_unknown_outcome_is_never_repeated(
    sandbox: Sandbox, app_client_of: MakeClient, fault: Fault, kind: str, resend_unknown: bool
) -> None:
    """Not even where the connection allows it for messages."""
    sandbox.fail_next(fault, path=SEND_PATH)
    dings = dings_of(sandbox, app_client_of, resend_unknown=resend_unknown)
    receipt = dings.try_send(TEXT, PAIR, kind=kind)
    assert len(sends(sandbox)) == 1
    assert receipt.outcome is DingOutcome.UNKNOWN_OUTCOME
    assert (receipt.uncertain, receipt.reached, receipt.failed) == (("zhangsan", "lisi"), (), {})
    assert isinstance(receipt.error, UnknownOutcomeError)
    assert not receipt.error.retryable
    assert "resend_unknown" not in str(receipt.error)
    assert "不会自动重发" in receipt.error.in_language("zh")
    assert not re.search("[a-z]{5}", receipt.error.in_language("zh").partition("。")[2].partition(" [request_id")[0])


def test_doubt_about_some_does_not_keep_it_from_the_others(
    start_sandbox: StartSandbox, app_client_of: MakeClient
) -> None:
    """Each person is in one call only."""
    people = tuple(Person(user_id=f"u{n}", name=f"u{n}", mobile=f"138{n:08}") for n in range(25))
    sandbox = start_sandbox(people=people)
    sandbox.fail_next(Fault.RESET_AFTER_BODY_ACCEPTED, path=SEND_PATH)
    receipt = dings_of(sandbox, app_client_of).try_send(TEXT, Users([each.user_id for each in people]), kind="phone")
    assert receipt.outcome is DingOutcome.UNKNOWN_OUTCOME
    assert (len(receipt.uncertain), len(receipt.reached)) == (20, 5)
    assert len(sandbox.dings) == 25


@pytest.mark.parametrize("fault", [Fault.BUSY, Fault.THROTTLED], ids=str)
def test_what_certainly_reached_nobody_is_tried_again(
    sandbox: Sandbox, app_client_of: MakeClient, fault: Fault
) -> None:
    """DingTalk said so."""
    sandbox.fail_next(fault, path=SEND_PATH)
    assert dings_of(sandbox, app_client_of).send(TEXT, PAIR, kind="phone").outcome is DingOutcome.SENT
    assert len(sandbox.dings) == 2


@pytest.mark.parametrize("fault", [Fault.BUSY, Fault.THROTTLED, Fault.THROTTLED_LONG, Fault.GATEWAY_BAN], ids=str)
def test_dingtalk_is_not_available(sandbox: Sandbox, app_client_of: MakeClient, fault: Fault) -> None:
    """It was sent to nobody, and may work later."""
    sandbox.fail_next(fault, times=9, path=SEND_PATH)
    receipt = dings_of(sandbox, app_client_of).try_send(TEXT, PAIR, kind="phone")
    assert receipt.outcome is DingOutcome.UNAVAILABLE
    assert receipt.error is not None
    assert sandbox.dings == ()


@pytest.mark.parametrize("fault", [Fault.HTTP_500, Fault.RESET_AFTER_BODY_ACCEPTED, Fault.GARBAGE], ids=str)
@pytest.mark.parametrize("path", [TOKEN_PATH, "/topapi/v2/user/getbymobile"])
def test_doubt_before_the_send_is_no_doubt_about_it(
    sandbox: Sandbox, app_client_of: MakeClient, fault: Fault, path: str
) -> None:
    """Without a token, or a user id, no phone has rung."""
    sandbox.fail_next(fault, times=9, path=path)
    receipt = dings_of(sandbox, app_client_of).try_send(TEXT, Users(mobiles=["13800000001"]), kind="phone")
    assert receipt.outcome is DingOutcome.UNAVAILABLE
    assert sends(sandbox) == []


def test_a_stopped_server_is_not_available(sandbox: Sandbox, app_client_of: MakeClient) -> None:
    """Nothing was sent."""
    dings = dings_of(sandbox, app_client_of)
    sandbox.stop()
    assert dings.try_send(TEXT, PAIR, kind="phone").outcome is DingOutcome.UNAVAILABLE


def test_a_deadline_holds(sandbox: Sandbox, app_client_of: MakeClient) -> None:
    """For the tick that sends it: a call that hangs is in doubt, one that has no time left isn't made."""
    dings = dings_of(sandbox, app_client_of)
    dings.send(TEXT, PAIR)
    sandbox.fail_next(Fault.HANG, path=SEND_PATH)
    receipt = dings.try_send(TEXT, PAIR, kind="phone", deadline=Deadline.after(0.5))
    assert receipt.outcome is DingOutcome.UNKNOWN_OUTCOME
    before = len(sandbox.requests)
    receipt = dings.try_send(TEXT, PAIR, kind="phone", deadline=Deadline.after(-1))
    assert receipt.outcome is DingOutcome.UNAVAILABLE
    assert len(sandbox.requests) == before


def test_an_expired_token_costs_a_new_one_and_no_second_call(sandbox: Sandbox, app_client_of: MakeClient) -> None:
    """DingTalk did nothing with the old one."""
    dings = dings_of(sandbox, app_client_of)
    dings.send(TEXT, PAIR)
    sandbox.expire_tokens()
    assert dings.send(TEXT, PAIR, kind="phone").outcome is DingOutcome.SENT
    assert [each.kind for each in sandbox.dings] == ["app", "app", "phone", "phone"]


def test_who_has_read(sandbox: Sandbox, app_client_of: MakeClient) -> None:
    """From the receipt, or its plain form."""
    dings = dings_of(sandbox, app_client_of)
    receipt = dings.send(TEXT, PAIR)
    sandbox.read("lisi")
    for each in (receipt, json.loads(json.dumps(receipt.to_dict()))):
        status = dings.read_status(each)
        assert (status.read_user_ids, status.unread_user_ids) == (("lisi",), ("zhangsan",))


@pytest.mark.parametrize(
    ("word", "read"),
    [
        ("READ", True),
        ("read", True),
        (True, True),
        (1, True),
        ("UNREAD", False),
        ("", False),
        (None, False),
        ({}, False),
    ],
    ids=repr,
)
def test_a_word_that_is_not_known_is_unread(
    raw_server: Callable[..., Any], answer: Callable[..., Any], app_client_of: MakeClient, word: object, read: bool
) -> None:
    """DingTalk doesn't describe this answer: asking once more costs less than a failure that nobody sees."""
    token = answer(b'{"accessToken": "t", "expireIn": 7200}')
    infos = {"success": True, "result": {"robotDingReadInfoList": [{"userId": "u1", "readStatus": word}, {}, 5]}}
    server = raw_server([token, answer(json.dumps(infos).encode())])
    status = Dings(app_client_of(server.url).calls).read_status(DingReceipt(DingKind.APP, DingOutcome.SENT, ("d1",)))
    assert ("u1" in status.read_user_ids, "u1" in status.unread_user_ids) == (read, not read)


@pytest.mark.parametrize(
    ("reasons", "outcome"),
    [
        ({"DING权益不足": ["u1"]}, DingOutcome.NO_CREDIT),
        ({"server quota insufficient": ["u1"]}, DingOutcome.NO_CREDIT),
        ({"手机号为空": ["u1"]}, DingOutcome.REFUSED),
        ({"": ["u1"]}, DingOutcome.REFUSED),
    ],
)
def test_a_total_failure_for_lack_of_credit_is_named(
    raw_server: Callable[..., Any],
    answer: Callable[..., Any],
    app_client_of: MakeClient,
    reasons: dict[str, list[str]],
    outcome: DingOutcome,
) -> None:
    """Its reasons are DingTalk's texts."""
    token = answer(b'{"accessToken": "t", "expireIn": 7200}')
    body = json.dumps({"openDingId": "d1", "failedList": reasons}).encode()
    receipt = Dings(app_client_of(raw_server([token, answer(body)]).url).calls).try_send(TEXT, Users(["u1"]))
    assert (receipt.outcome, list(receipt.failed)) == (outcome, ["u1"])
    assert receipt.failed["u1"]


def test_questions_have_a_deadline(sandbox: Sandbox, app_client_of: MakeClient) -> None:
    """A tick asks who has read, and takes back what nobody needs any more."""
    dings = dings_of(sandbox, app_client_of)
    receipt = dings.send(TEXT, PAIR)
    before = len(sandbox.requests)
    for ask in (dings.read_status, dings.recall):
        with pytest.raises(DingTalkError, match="no time left"):
            ask(receipt, deadline=Deadline.after(-1))
    assert len(sandbox.requests) == before
    dings.recall(receipt, deadline=Deadline.after(5))
    assert dings.read_status(receipt, deadline=Deadline.after(5)).unread_user_ids == ("zhangsan", "lisi")


def test_where_the_read_status_does_not_exist_it_is_an_error(
    raw_server: Callable[..., Any], answer: Callable[..., Any], app_client_of: MakeClient
) -> None:
    """And not a list of people who haven't read."""
    token = answer(b'{"accessToken": "t", "expireIn": 7200}')
    server = raw_server([token, answer(b'{"errcode": 404, "errmsg": "x"}')])
    with pytest.raises(ConfigurationError):
        Dings(app_client_of(server.url).calls).read_status(DingReceipt(DingKind.APP, DingOutcome.SENT, ("d1",)))
    assert READ_STATUS_PATH.encode() in server.requests[1]


def test_a_recall(sandbox: Sandbox, app_client_of: MakeClient) -> None:
    """All of its calls."""
    dings = dings_of(sandbox, app_client_of)
    dings.recall(dings.send(TEXT, PAIR))
    assert all(each.is_recalled for each in sandbox.dings)
    with pytest.raises(DingTalkError, match="could not recall the DING"):
        dings.recall(DingReceipt(DingKind.APP, DingOutcome.SENT, ("nothing",)))


@pytest.mark.parametrize("content", ["", "  \n", None, 7], ids=repr)
def test_a_ding_needs_a_text(sandbox: Sandbox, app_client_of: MakeClient, content: Any) -> None:
    """It is refused before anything is asked."""
    with pytest.raises(InvalidMessageError, match="needs a text"):
        dings_of(sandbox, app_client_of).try_send(content, PAIR)
    assert sandbox.requests == ()


@pytest.mark.parametrize("kind", ["call", "", 3, None], ids=repr)
def test_a_kind_that_is_none(sandbox: Sandbox, app_client_of: MakeClient, kind: Any) -> None:
    """The three there are named."""
    with pytest.raises(InvalidMessageError, match="'app', 'sms' or 'phone'"):
        dings_of(sandbox, app_client_of).try_send(TEXT, PAIR, kind=kind)


def test_a_long_text_is_cut_only_where_the_connection_says_so(sandbox: Sandbox, app_client_of: MakeClient) -> None:
    """DingTalk documents no limit."""
    dings_of(sandbox, app_client_of).send("字" * 9000, PAIR)
    assert sandbox.dings[-1].content == "字" * 9000
    dings_of(sandbox, app_client_of, DingOptions(ding_max_characters=10)).send("字" * 9000, PAIR)
    assert sandbox.dings[-1].content == "字" * 9 + "…"


@pytest.mark.parametrize(
    ("words", "most", "cut"),
    [
        ("short", 5, "short"),
        ("longer", 5, "long…"),
        ("a b c d", 4, "a b…"),
        ("12345👩‍👩‍👧", 8, "12345…"),
        ("1🇨🇳3", 3, "1…"),
    ],
)
def test_no_character_is_halved(words: str, most: int, cut: str) -> None:
    """Nor a sequence of joined ones."""
    assert cut_to_characters(words, most) == cut


def test_a_refused_text_is_an_error_of_the_content(sandbox: Sandbox, app_client_of: MakeClient) -> None:
    """A voice that DingTalk doesn't know, for one."""
    receipt = dings_of(sandbox, app_client_of).try_send(TEXT, PAIR, kind="phone", voice="Robot_Voice")
    assert receipt.outcome is DingOutcome.REFUSED
    assert isinstance(receipt.error, ContentError)


def test_logs_name_no_mobile_number_and_no_text(
    sandbox: Sandbox, app_client_of: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Who did not get it is named by user id."""
    with caplog.at_level(logging.INFO):
        dings_of(sandbox, app_client_of).send(TEXT, Users(["nobody"], mobiles=["13800000001"]))
    assert "DING (app): sent to some only" in caplog.text
    assert "did not send the DING to nobody" in caplog.text
    assert "etl_orders" not in caplog.text
    assert "13800000001" not in caplog.text


def test_every_attempt_is_within_the_plan(sandbox: Sandbox, app_client_of: MakeClient) -> None:
    """The wrapped calls keep the plan, and the app's other calls their own choice."""
    client = app_client_of(sandbox, resend_unknown=True, plan=AttemptPlan(attempts=1))
    calls: AppCalls = client.calls
    sandbox.fail_next(Fault.BUSY, path=SEND_PATH)
    assert Dings(calls).try_send(TEXT, PAIR).outcome is DingOutcome.UNAVAILABLE
    assert len(sends(sandbox)) == 1
    assert calls._resend_unknown


@pytest.mark.parametrize("outcome", DingOutcome)
def test_every_outcome_has_words(outcome: DingOutcome) -> None:
    """In both languages, each its own."""
    assert re.fullmatch(r"[ -~]+", outcome.words("en"))
    assert re.search(r"[\u4e00-\u9fff]", outcome.words("zh"))
    assert len({each.words("zh") for each in DingOutcome}) == len(DingOutcome)
    assert outcome.may_have_reached is (outcome.value in ("sent", "partly", "unknown_outcome"))
