"""``dingpush send --ding``: one DING to people, as a pop-up, an SMS or a phone call."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from airflow_provider_dingpush.cli.json_output import error_values, print_json
from airflow_provider_dingpush.cli.parsing import UsageError
from airflow_provider_dingpush.cli.problems import in_one_line, undelivered
from airflow_provider_dingpush.cli.screen import Screen, Texts, is_terminal
from airflow_provider_dingpush.cli.standard_output import answers
from airflow_provider_dingpush.receipts import DingKind, DingOutcome, DingReceipt

if TYPE_CHECKING:
    from airflow_provider_dingpush.hooks import DingTalkAppHook
    from airflow_provider_dingpush.targets import Users

TEXTS: Texts = {
    "costs_money": (
        "--ding {kind} costs money: one paid {credit} of the organisation for each person. Add --yes to send it",
        "--ding {kind} 会产生费用：每个接收人消耗企业的一次{credit}权益。确认发送请加上 --yes",
    ),
    "credit_sms": ("SMS", "短信"),
    "credit_phone": ("call", "电话"),
    "ding_app": ("DING in the app", "应用内 DING"),
    "ding_sms": ("DING by SMS", "短信 DING"),
    "ding_phone": ("DING by phone", "电话 DING"),
    "ding_sent": ("{kind} sent to {people} (connection {conn_id})", "已发送{kind}：{people}（连接 {conn_id}）"),
    "ding_uncertain": (
        "{kind}: it is unknown whether it reached {people}: {problem}",
        "{kind}：不清楚是否已发给 {people}：{problem}",
    ),
}


def check_cost(parsed: argparse.Namespace, screen: Screen) -> None:
    """Refuse what costs money, unless ``--yes`` is given.

    :raises UsageError: saying what it costs.
    """
    kind = DingKind(parsed.ding)
    if kind.costs_money and not parsed.yes:
        credit = screen.text(f"credit_{kind.value}")
        raise UsageError(screen.text("costs_money", kind=kind.value, credit=credit))


def send_ding(parsed: argparse.Namespace, hook: DingTalkAppHook, text: str, to: Users, screen: Screen) -> int:
    """Send a DING and print the result; 1 unless DingTalk accepted it for everybody.

    :param text: what it says.
    :param to: the people.
    """
    receipt = hook.dings.try_send(text, to, kind=parsed.ding)
    if parsed.as_json or not is_terminal(answers()):
        error = receipt.error
        errors = {"error": error_values(error, str(error))} if error is not None and not receipt.reached else {}
        print_json({"ding": receipt.to_dict(), **errors})
        _print_failed(receipt, screen)
    else:
        _print_sent(receipt, hook.dingtalk_conn_id, screen)
        _print_failed(receipt, screen)
    return 0 if receipt.outcome is DingOutcome.SENT else 1


def _print_sent(receipt: DingReceipt, conn_id: str, screen: Screen) -> None:
    if receipt.reached:
        kind = screen.text(f"ding_{receipt.kind.value}")
        text = screen.text("ding_sent", kind=kind, people=", ".join(receipt.reached), conn_id=conn_id)
        screen.marked("✓", "green", text)


def _print_failed(receipt: DingReceipt, screen: Screen) -> None:
    """Print to standard error whom it didn't reach, and why."""
    problem = in_one_line(receipt.error, screen.language) if receipt.error is not None else ""
    if receipt.uncertain:
        kind = screen.text(f"ding_{receipt.kind.value}")
        text = screen.text("ding_uncertain", kind=kind, people=", ".join(receipt.uncertain), problem=problem)
        screen.marked("✗", "red", text, error=True)
    if receipt.failed and not receipt.reached and problem:
        text = screen.text("not_sent", people=", ".join(receipt.failed), problem=problem)
        screen.marked("✗", "red", text, error=True)
        return
    for user_id, reason in receipt.failed.items():
        # DingTalk's own reasons are in its language; the one of a refusal is in both.
        known = receipt.error is not None and reason == receipt.error.problem
        why = problem if known else undelivered(f"-: {reason}.", screen.language)[2:].strip(" .")
        text = screen.text("not_sent", people=user_id, problem=why)
        screen.marked("✗", "red", text, error=True)
    if not (receipt.reached or receipt.failed or receipt.uncertain):
        screen.marked("✗", "red", problem, error=True)
