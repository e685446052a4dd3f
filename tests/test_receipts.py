"""A receipt goes into XCom and comes back as what it was."""

from __future__ import annotations

import json

import pytest

from airflow_provider_dingpush.errors import DingTalkError, InvalidMessageError, TargetError
from airflow_provider_dingpush.receipts import DingKind, DingOutcome, DingReceipt, Receipt, TodoReceipt

RECEIPTS = (
    Receipt(channel="custom_robot", conn_id="dingtalk_default", parts=3),
    Receipt("app_robot_group", "dingtalk_app_default", process_query_keys=("k/+=",), open_conversation_id="cid1=="),
    Receipt("app_robot_users", "c", 2, "sent", ("k1", "k2"), None, ("nobody",), ("busy",)),
    Receipt("work_notification", "c", task_id="1,2"),
)


@pytest.mark.parametrize("receipt", RECEIPTS, ids=lambda receipt: receipt.channel)
def test_a_receipt_survives_xcom(receipt: Receipt) -> None:
    """JSON makes lists of tuples."""
    assert Receipt.from_dict(json.loads(json.dumps(receipt.to_dict()))) == receipt
    assert Receipt.from_dict(receipt) is receipt


def test_the_group_is_named_only_where_there_is_one() -> None:
    """Its handles are worth nothing without it."""
    assert ["open_conversation_id" in each.to_dict() for each in RECEIPTS] == [False, True, False, False]


def test_a_work_notification_in_several_calls_has_several_tasks() -> None:
    """DingTalk answers for each of them."""
    assert [each.task_ids for each in RECEIPTS] == [(), (), (), ("1", "2")]


@pytest.mark.parametrize("plain", [None, "sent", {}, {"channel": "custom_robot"}, {"message": "x"}, 7], ids=repr)
def test_what_is_no_receipt_is_refused(plain: object) -> None:
    """With a word of where to get one."""
    with pytest.raises(InvalidMessageError, match=r"not the receipt of a message.*xcom_pull"):
        Receipt.from_dict(plain)  # type: ignore[arg-type]


def test_an_unknown_field_is_refused() -> None:
    """It isn't a receipt of this version."""
    with pytest.raises(InvalidMessageError, match="not the receipt"):
        Receipt.from_dict({**RECEIPTS[0].to_dict(), "more": 1})


DING = DingReceipt(DingKind.PHONE, DingOutcome.PARTLY, ("d1",), ("a",), {"b": "no"}, ("c",))
TODO = TodoReceipt("t1", "s", "u1", is_new=False)


def test_receipts_of_dings_and_to_dos_survive_xcom() -> None:
    """The error of a DING stays behind."""
    assert DingReceipt.from_dict(json.loads(json.dumps(DING.to_dict()))) == DING
    assert DingReceipt.from_dict(DING) is DING
    assert TodoReceipt.from_dict(json.loads(json.dumps(TODO.to_dict()))) == TODO
    assert TodoReceipt.from_dict(TODO) is TODO


@pytest.mark.parametrize("plain", [None, "sent", {}, {"kind": "fax"}, {**DING.to_dict(), "outcome": "?"}, 7], ids=repr)
def test_what_is_no_receipt_of_a_ding_or_to_do_is_refused(plain: object) -> None:
    """With a word of where to get one."""
    with pytest.raises(InvalidMessageError, match=r"receipt of a DING.*hook\.dings"):
        DingReceipt.from_dict(plain)  # type: ignore[arg-type]
    with pytest.raises(InvalidMessageError, match=r"receipt of a to-do.*hook\.todos"):
        TodoReceipt.from_dict(plain)  # type: ignore[arg-type]


@pytest.mark.parametrize("outcome", DingOutcome)
def test_a_ding_that_is_lost_raises(outcome: DingOutcome) -> None:
    """Its own error, or one with the outcome."""
    receipt = DingReceipt(DingKind.APP, outcome)
    if outcome in (DingOutcome.SENT, DingOutcome.PARTLY):
        receipt.raise_if_lost()
        return
    with pytest.raises(TargetError, match=outcome.words("en")):
        receipt.raise_if_lost()
    error = DingTalkError("It failed.")
    with pytest.raises(DingTalkError) as caught:
        DingReceipt(DingKind.APP, outcome, error=error).raise_if_lost()
    assert caught.value is error
