"""DAGs with ``@task.dingtalk`` in all its forms; `test_decorator.py` runs them, and mypy checks their types."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

try:
    from airflow.sdk import DAG, task, task_group
    from airflow.sdk.exceptions import AirflowSkipException
except ImportError:  # before 3.2
    from airflow.decorators import task, task_group  # type: ignore[no-redef,attr-defined,unused-ignore]
    from airflow.exceptions import AirflowSkipException  # type: ignore[no-redef,attr-defined,unused-ignore]
    from airflow.models.dag import DAG  # type: ignore[no-redef,unused-ignore]

from airflow_provider_dingpush.messages import At, Markdown, Text
from airflow_provider_dingpush.targets import WorkNotification

FOLDER = Path(os.environ.get("DECORATED_DAGS_FOLDER", "."))
START: Any = {"start_date": datetime(2026, 1, 1, tzinfo=timezone.utc)}


@task(trigger_rule="all_done")
def look(found: dict[str, Any], dag: Any = None) -> None:
    """Write down what XCom holds."""
    plain = {
        name: list(value) if isinstance(value, Iterable) and not isinstance(value, (str, dict)) else value
        for name, value in found.items()
    }
    FOLDER.joinpath(f"{dag.dag_id}.json").write_text(json.dumps(plain), "utf-8")


def called(name: str) -> None:
    """Write down that a function runs."""
    with FOLDER.joinpath(f"{name}.calls").open("a") as file:
        file.write("called\n")


with DAG("forms", schedule=None, **START):

    @task.dingtalk
    def bare() -> str:
        """Its docstring is the task's documentation."""
        return "a text"

    @task.dingtalk()
    def brackets(shop: str, rows: int = 3) -> dict[str, Any]:
        return {"msgtype": "text", "text": {"content": f"{shop}: {rows}"}, "at": {"atUserIds": ["u1"]}}

    @task.dingtalk(at=At(mobiles="13800000000"), retries=1, retry_delay=timedelta(seconds=1))
    def arguments(ds: str | None = None, **context: Any) -> Markdown:
        assert ds is not None
        return Markdown(f"day {ds}", f"{context['ti'].task_id} has **{len(ds)}**")

    sent = {"bare": bare(), "brackets": brackets("north", rows=4), "arguments": arguments()}
    look(sent)

with DAG("mapped", schedule=None, **START):

    @task
    def shops() -> list[str]:
        return ["north", "south"]

    @task.dingtalk
    def closed(shop: str, why: str = "holiday") -> str:
        return f"{shop}: {why}"

    look(
        {
            "expanded": closed.expand(shop=shops()),
            "partial": closed.partial(why="storm").expand(shop=["east", "west"]),
            "kwargs": closed.expand_kwargs([{"shop": "a", "why": "b"}, {"shop": "c", "why": "d"}]),
            "overridden": closed.override(task_id="again", at={"mobiles": ["13800000000"]})("all"),
        }
    )

with DAG("groups", schedule=None, **START):

    @task.dingtalk
    def report(shop: str) -> Text:
        return Text(f"report of {shop}")

    @task_group
    def one(shop: str) -> None:
        report(shop)

    @task_group
    def many(shop: str) -> None:
        report(shop)

    one("x")
    many.expand(shop=["y", "z"])

with DAG("rendered", schedule=None, **START):

    @task.dingtalk(at={"user_ids": ["{{ dag.dag_id }}"]}, dingtalk_conn_id="dingtalk_{{ 'default' }}")
    def rendered(word: str, more: dict[str, Any]) -> str:
        return f"{word} {more['list'][0]} {type(more['pair']).__name__} " + "{{ conn.dingtalk_default.password }}"

    rendered("{{ dag.dag_id }}", more={"list": ["{{ 3 + 4 }}"], "pair": ("{{ 1 }}", 2)})

with DAG("native", render_template_as_native_obj=True, schedule=None, **START):

    @task.dingtalk
    def native(rows: Any, title: Any) -> str:
        return f"{rows!r} {title!r}"

    native("{{ [1, 2] }}", title="{{ dag.dag_id }}")

with DAG("nothing", schedule=None, **START):

    @task.dingtalk(multiple_outputs=True)
    def nothing() -> None:
        called("nothing")

    @task.dingtalk
    def skips() -> str:
        raise AirflowSkipException("not today")

    look({"nothing": nothing()})
    skips()

with DAG("wrong", schedule=None, **START):

    @task.dingtalk(retries=2, retry_delay=timedelta(hours=1))
    def wrong_type() -> set[str]:
        called("wrong_type")
        return {"a"}

    @task.dingtalk(retries=2, retry_delay=timedelta(hours=1))
    def empty() -> str:
        return ""

    wrong_type()
    empty()

with DAG("outputs", schedule=None, **START):

    @task.dingtalk(multiple_outputs=True)
    def several() -> str:
        return "several"

    @task.dingtalk
    async def slowly() -> str:
        return "slowly"

    parts: Any = several()
    look({"whole": parts, "channel": parts["channel"], "slowly": slowly()})

with DAG("waits", schedule=None, **START):

    @task.dingtalk(deferrable=True)
    def waits(secret: str = "") -> dict[str, Any]:
        called("waits")
        pause()
        return {"msgtype": "text", "text": {"content": "{{ late }}"}, "at": {"isAtAll": True}}

    look({"waits": waits()})

with DAG("delivered", schedule=None, **START):

    @task.dingtalk(
        dingtalk_conn_id="dingtalk_app_default",
        to=WorkNotification(user_ids=["zhangsan"]),
        wait_for_delivery=True,
        deferrable=True,
    )
    def delivered() -> str:
        called("delivered")
        return "please confirm"

    look({"delivered": delivered()})

with DAG("defaults", default_args={"at": {"mobiles": ["13800000000"]}}, schedule=None, **START):

    @task.dingtalk
    def defaults(index: int = 0) -> str:
        return f"number {index}"

    defaults()
    defaults.override(task_id="of_many").expand(index=[1, 2])

with DAG("words", default_args={"word": "given"}, schedule=None, **START):

    @task.dingtalk
    def words(word: str = "not given") -> str:
        return word

    words()


def pause() -> None:
    """Let the robot be throttled for some seconds."""
    from airflow_provider_dingpush.alerts.alert import Mailbox
    from airflow_provider_dingpush.pipeline.outboxes import outbox
    from airflow_provider_dingpush.pipeline.rate_limit import ledger_of
    from airflow_provider_dingpush.pipeline.receivers import receiver_of_mailbox

    with ledger_of(outbox(), receiver_of_mailbox(Mailbox("dingtalk_default"))) as ledger:
        assert ledger is not None
        ledger.throttle(ledger.now(), 8.0, "throttled by a test")
