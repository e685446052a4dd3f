"""What a type checker sees of the public names. Checked by mypy, never run.

A line with ``type: ignore`` is a mistake that must be an error: mypy complains of an ignore that isn't needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import airflow_provider_dingpush
from airflow_provider_dingpush.errors import DingTalkError
from airflow_provider_dingpush.hooks import DingTalkAppHook, DingTalkRobotHook
from airflow_provider_dingpush.messages import (
    OA,
    ActionCard,
    At,
    Audio,
    Button,
    FeedCard,
    FeedLink,
    File,
    Image,
    Link,
    Markdown,
    Text,
    Video,
)
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.operators import DingTalkFlushOperator, DingTalkOperator, create_flush_dag
from airflow_provider_dingpush.receipts import DingKind, DingOutcome, DingReceipt, Receipt, TodoReceipt
from airflow_provider_dingpush.targets import Group, Users, WorkNotification

if TYPE_CHECKING:
    from typing_extensions import assert_type

URL = "https://example.com"


def messages_are_frozen_values() -> None:
    assert_type(Text("a"), Text)
    assert_type(Text("a").content, str)
    assert_type(Markdown("a", "b").title, str)
    assert_type(Link("a", "b", URL, pic_url=URL).pic_url, str | None)
    assert_type(ActionCard("a", "b", [Button("c", URL)], horizontal=True).buttons, Sequence[Button])
    assert_type(FeedCard([FeedLink("a", URL, URL)]).links, Sequence[FeedLink])
    assert_type(File(Path("a.csv"), name="b.csv").name, str | None)
    assert_type(Image(b"GIF89a").to_dict(), dict[str, Any])
    assert_type(Audio("a.amr", 10).to_dict(), dict[str, Any])
    assert_type(Video("a.mp4", 10, "a.png").to_dict(), dict[str, Any])
    assert_type(OA("a", URL, form={"b": "c"}, content="d", author="e").title, str)
    Text("a").content = "b"  # type: ignore[misc]
    Text(1)  # type: ignore[arg-type]
    Text()  # type: ignore[call-arg]
    Text("a", "b")  # type: ignore[call-arg]
    Markdown("a")  # type: ignore[call-arg]
    Markdown("a", text=None)  # type: ignore[arg-type]
    ActionCard("a", "b", [("c", URL)])  # type: ignore[list-item]
    FeedCard([Link("a", "b", URL)])  # type: ignore[list-item]
    Audio("a.amr")  # type: ignore[call-arg]


def mentions_and_targets_are_frozen_values() -> None:
    assert_type(At(mobiles=["13800000000"]).mobiles, Sequence[str])
    assert_type(At(user_ids="zhangsan", everyone=True).everyone, bool)
    assert_type(Group("cid=="), Group)
    assert_type(Users(["zhangsan"], mobiles="13800000000").user_ids, Sequence[str])
    assert_type(WorkNotification(user_ids=["zhangsan"], department_ids=[1]).to_dict(), dict[str, Any])
    At(13800000000)  # type: ignore[arg-type]
    At(all=True)  # type: ignore[call-arg]
    Group()  # type: ignore[call-arg]
    Users([1])  # type: ignore[list-item]
    WorkNotification(everyone="yes")  # type: ignore[arg-type]


def both_hooks_send_alike(hook: DingTalkRobotHook | DingTalkAppHook) -> None:
    assert_type(hook.send(Text("a")), Receipt)
    assert_type(hook.send("a", at=At(everyone=True)), Receipt)
    assert_type(hook.send({"msgtype": "text", "text": {"content": "a"}}, at={"mobiles": ["138"]}), Receipt)
    assert_type(hook.send(Image("a.png"), to=Users(["zhangsan"])), Receipt)
    assert_type(hook.send("a", to={"user_ids": ["zhangsan"]}), Receipt)
    assert_type(hook.test_connection(), tuple[bool, str])
    hook.send()  # type: ignore[call-arg]
    hook.send(1)  # type: ignore[arg-type]
    hook.send("a", None)  # type: ignore[call-arg]
    hook.send("a", to=At())  # type: ignore[arg-type]
    hook.send("a", at="13800000000")  # type: ignore[arg-type]


def hooks_take_a_connection_id() -> None:
    assert_type(DingTalkRobotHook("dingtalk_default").dingtalk_conn_id, str)
    assert_type(DingTalkAppHook(dingtalk_conn_id="dingtalk_app_default"), DingTalkAppHook)
    DingTalkRobotHook(None)  # type: ignore[arg-type]


def a_receipt_is_plain_data(receipt: Receipt) -> None:
    assert_type(receipt.to_dict(), dict[str, Any])
    assert_type(receipt.channel, str)
    assert_type(receipt.parts, int)
    assert_type(receipt.process_query_keys, tuple[str, ...])
    assert_type(receipt.task_id, str | None)
    receipt.outcome = "sent"  # type: ignore[misc]


def operators_take_keywords() -> None:
    operator = DingTalkOperator(task_id="a", message="{{ ds }}")
    assert_type(operator, DingTalkOperator)
    assert_type(operator.execute({}), dict[str, Any])
    DingTalkOperator(task_id="a", message=Markdown("a", "b"), at=At(everyone=True), to=None, deferrable=True)
    DingTalkOperator(task_id="a", message="a", to=WorkNotification(["zhangsan"]), wait_for_delivery=True)
    assert_type(DingTalkFlushOperator(task_id="a", within_seconds=30).execute({}), dict[str, int])
    create_flush_dag(every_minutes=5)
    DingTalkOperator(task_id="a")  # type: ignore[call-arg]
    DingTalkOperator(task_id="a", message=1)  # type: ignore[arg-type]
    DingTalkOperator(task_id="a", message="a", at="13800000000")  # type: ignore[arg-type]
    DingTalkOperator(task_id="a", message="a", wait_for_delivery="no")  # type: ignore[arg-type]


def a_notifier_takes_keywords() -> None:
    assert_type(DingTalkNotifier(), DingTalkNotifier)
    DingTalkNotifier(dingtalk_conn_id="dingtalk_default", message="a", at=At(everyone=True), language="en")
    DingTalkNotifier(message=Text("a"), to=Group("cid=="), raise_on_failure=True)
    DingTalkNotifier(message=1)  # type: ignore[arg-type]
    DingTalkNotifier(at="13800000000")  # type: ignore[arg-type]
    DingTalkNotifier(to=At())  # type: ignore[arg-type]


def errors_answer_questions(error: DingTalkError) -> None:
    assert_type(error.errcode, str | None)
    assert_type(error.errmsg, str | None)
    assert_type(error.request_id, str | None)
    assert_type(error.retryable, bool)
    assert_type(error.retry_after_seconds, float | None)
    assert_type(error.advice, str)


def the_package_offers_the_most_used_names() -> None:
    assert_type(airflow_provider_dingpush.DingTalkNotifier(), DingTalkNotifier)
    assert_type(airflow_provider_dingpush.__version__, str)
    airflow_provider_dingpush.NoSuchName  # type: ignore[attr-defined]  # noqa: B018
    airflow_provider_dingpush.messages.NoSuchName  # type: ignore[attr-defined]  # noqa: B018


def dings_and_todos() -> None:
    hook = DingTalkAppHook()
    assert_type(hook.dings.send("a", Users(["u"])), DingReceipt)
    assert_type(hook.dings.try_send("a", {"user_ids": ["u"]}, kind=DingKind.PHONE).outcome, DingOutcome)
    assert_type(hook.dings.read_status({"kind": "app"}).unread_user_ids, tuple[str, ...])
    assert_type(hook.todos.create("a", Users(["u"]), source_id="s", url=URL, pop_up=True), TodoReceipt)
    hook.todos.complete({"task_id": "t"})
    hook.dings.send("a", Group("cid1=="))  # type: ignore[arg-type]
    hook.todos.create("a", Users(["u"]))  # type: ignore[call-arg]
