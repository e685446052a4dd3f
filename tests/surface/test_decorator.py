"""``@task.dingtalk``: in real runs of DAGs, and what a run can't show: waits, retries, and other channels."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush import decorators
from airflow_provider_dingpush.airflow_compat import AirflowException, AirflowFailException
from airflow_provider_dingpush.errors import UnknownOutcomeError
from airflow_provider_dingpush.messages import At, File, Image, Markdown, Message, Text
from airflow_provider_dingpush.receipts import Receipt
from airflow_provider_dingpush.sandbox import Fault, Robot, Sandbox
from airflow_provider_dingpush.triggers import RateLimitTrigger
from tests.one_of_each_kind import ONE_OF_EACH_KIND
from tests.surface.test_example_dags import WAIT_FOR_API, call, environment_of, robot_connection
from tests.surface.test_repeated_tries import context_of

try:
    from airflow.sdk import task
except ImportError:  # Airflow 2
    from airflow.decorators import task  # type: ignore[no-redef,attr-defined,unused-ignore]

try:
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:  # before 3.2
    from airflow.exceptions import TaskDeferred  # type: ignore[no-redef,attr-defined,unused-ignore]

DAGS = Path(__file__).with_name("decorated_dags.py")
RUN_ALL = (
    WAIT_FOR_API
    + """
import json, os, sys

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:
    from airflow.models.dagbag import DagBag
from airflow_provider_dingpush.airflow_database import task_instances_of

folder, outcome, connections = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
bag = DagBag(folder)
found = {}
for dag_id, dag in bag.dags.items():
    os.environ.update(connections[dag_id])
    try:
        run = dag.test()
        tasks = {f"{each.task_id} {each.map_index}": [str(each.state), each.try_number]
                 for each in task_instances_of(run)}
        found[dag_id] = [str(run.state), tasks]
    except Exception as error:
        print(f"{dag_id}: {error!r}")
with open(outcome, "w") as written:
    json.dump({"import_errors": bag.import_errors, "runs": found}, written)
"""
)
DAG_IDS = (
    *("forms", "mapped", "groups", "rendered", "native", "nothing", "wrong", "outputs", "waits", "delivered"),
    *("defaults", "words"),
)
RECEIPT: dict[str, Any] = {
    "channel": "custom_robot",
    "conn_id": "dingtalk_default",
    "parts": 1,
    "outcome": "sent",
    "process_query_keys": [],
    "task_id": None,
    "invalid_user_ids": [],
    "flow_controlled_user_ids": [],
}
WITHOUT_NONE = {key: value for key, value in RECEIPT.items() if value is not None}


@dataclass(frozen=True)
class Run:
    """The results of running a DAG."""

    state: str
    tasks: dict[str, list[Any]]
    payloads: list[dict[str, Any]]
    xcoms: dict[str, Any]

    @property
    def texts(self) -> list[str]:
        """The texts in the group, in no order: tasks that don't depend on each other have none."""
        return sorted(each["text"]["content"] for each in self.payloads)


@dataclass(frozen=True)
class Runs:
    """The results of all of them."""

    import_errors: dict[str, str]
    of: dict[str, Run]
    calls: dict[str, int]
    log: str


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, migrated_database: Path) -> Runs:
    home = tmp_path_factory.mktemp("decorated")
    log, outcome, folder = home / "log", home / "outcome.json", home / "found"
    folder.mkdir()
    # Airflow 3 runs only DAGs of its own folders.
    (home / "dags").mkdir()
    shutil.copy(DAGS, home / "dags")
    robots = {dag_id: Robot(name=dag_id, secret=f"SEC{dag_id}") for dag_id in DAG_IDS}
    with Sandbox(robots=tuple(robots.values())) as sandbox:
        connections = {
            dag_id: {
                "AIRFLOW_CONN_DINGTALK_DEFAULT": robot_connection(sandbox, robot),
                "AIRFLOW_CONN_DINGTALK_APP_DEFAULT": sandbox.connection_of(sandbox.app),
            }
            for dag_id, robot in robots.items()
        }
        shutil.copy(migrated_database, home / "airflow.db")
        environment = environment_of(home) | {
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "DECORATED_DAGS_FOLDER": str(folder),
        }
        call(
            [sys.executable, "-c", RUN_ALL, str(home / "dags"), str(outcome), json.dumps(connections)],
            environment,
            log,
            most_seconds=1200,
        )
        messages = sandbox.messages
    found = json.loads(outcome.read_text("utf-8"))
    return Runs(
        import_errors=found["import_errors"],
        of={
            dag_id: Run(
                state,
                tasks,
                [without_id(each.payload) for each in messages if each.sender.name == dag_id],
                json.loads(xcoms.read_text("utf-8")) if (xcoms := folder / f"{dag_id}.json").exists() else {},
            )
            for dag_id, (state, tasks) in found["runs"].items()
        },
        calls={each.stem: len(each.read_text("utf-8").splitlines()) for each in folder.glob("*.calls")},
        log=log.read_text("utf-8", "replace"),
    )


def without_id(payload: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in payload.items() if key != "msgUuid"}


def text(content: str, **at: Any) -> dict[str, Any]:
    """A text as it arrives, with mentions in DingTalk's names."""
    return {"msgtype": "text", "text": {"content": content}, **mentioning(**at)}


def mentioning(**at: Any) -> dict[str, Any]:
    return {"at": {"atMobiles": [], "atUserIds": [], "isAtAll": False, **at}} if at else {}


def test_all_dags_run(runs: Runs) -> None:
    assert runs.import_errors == {}
    assert {dag_id: run.state for dag_id, run in runs.of.items()} == {
        dag_id: "failed" if dag_id == "wrong" else "success" for dag_id in DAG_IDS
    }, runs.log[-6000:]


def test_each_form_of_a_message_is_sent_and_its_receipt_is_in_xcom(runs: Runs) -> None:
    run = runs.of["forms"]
    day = next(each["markdown"]["title"] for each in run.payloads if each["msgtype"] == "markdown")
    assert sorted(run.payloads, key=str) == sorted(
        [
            text("a text"),
            text("north: 4\n@u1", atUserIds=["u1"]),
            {
                "msgtype": "markdown",
                "markdown": {"title": day, "text": f"arguments has **{len(day) - 4}**\n\n@13800000000"},
                **mentioning(atMobiles=["13800000000"]),
            },
        ],
        key=str,
    )
    assert run.xcoms == {"bare": RECEIPT, "brackets": RECEIPT, "arguments": RECEIPT}


def test_a_function_is_mapped_and_overridden(runs: Runs) -> None:
    run = runs.of["mapped"]
    assert sorted(run.payloads, key=str) == sorted(
        [
            *(text("north: holiday"), text("south: holiday"), text("east: storm"), text("west: storm")),
            *(text("a: b"), text("c: d"), text("all: holiday\n@13800000000", atMobiles=["13800000000"])),
        ],
        key=str,
    )
    assert run.xcoms == {
        **{name: [RECEIPT, RECEIPT] for name in ("expanded", "partial", "kwargs")},
        "overridden": RECEIPT,
    }
    assert "again -1" in run.tasks


def test_task_groups_may_be_mapped_too(runs: Runs) -> None:
    run = runs.of["groups"]
    assert run.texts == ["report of x", "report of y", "report of z"]
    assert set(run.tasks) == {"one.report -1", "many.report 0", "many.report 1"}


def test_arguments_are_rendered_as_airflow_does_and_the_return_value_is_not(runs: Runs) -> None:
    """The braces in it came from somewhere: rendering them would have sent the password."""
    assert runs.of["rendered"].payloads == [
        text("rendered 7 tuple {{ conn.dingtalk_default.password }}\n@rendered", atUserIds=["rendered"])
    ]


def test_native_rendering_gives_the_function_lists(runs: Runs) -> None:
    assert runs.of["native"].payloads == [text("[1, 2] 'native'")]


def test_none_sends_nothing_and_the_task_succeeds(runs: Runs) -> None:
    run = runs.of["nothing"]
    assert (run.payloads, run.xcoms) == ([], {"nothing": None})
    assert {name: state for name, (state, _) in run.tasks.items()} == {
        "nothing -1": "success",
        "skips -1": "skipped",
        "look -1": "success",
    }
    assert "nothing() returned None: nothing is sent. 函数返回 None，不发送消息。" in runs.log


def test_what_can_not_be_sent_fails_the_task_without_retries(runs: Runs) -> None:
    run = runs.of["wrong"]
    assert (run.payloads, runs.calls["wrong_type"]) == ([], 1)
    assert {name: state for name, (state, _) in run.tasks.items()} == {"wrong_type -1": "failed", "empty -1": "failed"}
    words = " ".join(runs.log.split())  # Airflow 3.0 wraps its lines
    assert "The set that wrong_type() returned can't be sent: message must be a str, a dict of DingTalk's" in words
    assert "The str that empty() returned can't be sent: Text.content is empty" in words


def test_the_receipt_is_one_xcom_unless_several_are_asked_for(runs: Runs) -> None:
    """The annotation of the function describes the message, not the receipt."""
    run = runs.of["outputs"]
    assert run.xcoms == {"whole": WITHOUT_NONE, "channel": "custom_robot", "slowly": RECEIPT}
    assert run.texts == ["several", "slowly"]


def test_a_function_runs_once_though_its_task_waits_for_the_rate_limit(runs: Runs) -> None:
    """What it returned is sent after the wait, with its mentions and without being rendered."""
    run = runs.of["waits"]
    assert "the worker slot is free until then" in runs.log
    assert runs.calls["waits"] == 1
    assert run.payloads == [text("{{ late }}", isAtAll=True)]
    assert run.xcoms == {"waits": RECEIPT}


def test_a_function_runs_once_though_its_task_waits_for_the_delivery(runs: Runs) -> None:
    assert runs.calls["delivered"] == 1
    receipt = runs.of["delivered"].xcoms["delivered"]
    assert receipt["task_id"]
    assert receipt == {
        **RECEIPT,
        "channel": "work_notification",
        "conn_id": "dingtalk_app_default",
        "outcome": "queued",
        "task_id": receipt["task_id"],
    }


def test_default_args_are_arguments_of_the_operator_and_of_the_function(runs: Runs) -> None:
    """Of a mapped task too."""
    assert runs.of["defaults"].texts == [f"number {index}\n@13800000000" for index in (0, 1, 2)]
    assert runs.of["words"].texts == ["given"]


# What a run can't show


def task_of(function: Callable[..., Any], **arguments: Any) -> Any:
    """The operator that the decorator makes of a function."""
    made: Any = decorators.dingtalk_task(task_id="t", **arguments)(function)
    return made().operator


def returning(message: Any, **arguments: Any) -> Any:
    """The operator of a function that returns this."""

    def function() -> Any:
        return message

    return task_of(function, **arguments)


def kept_by(trigger: Any) -> dict[str, Any]:
    """The event of a trigger that was stored and read again, and whose time has come."""
    path, arguments = trigger.serialize()
    assert path == "airflow_provider_dingpush.triggers.RateLimitTrigger"
    read = RateLimitTrigger(**{**json.loads(json.dumps(arguments)), "moment": 0.0})

    async def events() -> list[Any]:
        return [each.payload async for each in read.run()]

    (payload,) = asyncio.run(events())
    plain: dict[str, Any] = json.loads(json.dumps(payload))
    return plain


@pytest.fixture
def throttled(connected: Sandbox) -> Sandbox:
    """A group whose robot must not send for ten minutes."""
    connected.fail_next(Fault.THROTTLED)
    with pytest.raises(Exception, match="130101"):
        returning("too much").execute(context_of())
    return connected


def another_minute(env: pytest.MonkeyPatch, folder: Path) -> None:
    """An outbox in which the robot may send again."""
    env.setenv("AIRFLOW__DINGPUSH__HOME", str(folder))


@pytest.mark.parametrize(
    ("returned", "sent"),
    [
        pytest.param("plain {{ 1 }}", text("plain {{ 1 }}"), id="str"),
        pytest.param(7, text("7"), id="number"),
        pytest.param(Text("a"), text("a"), id="Text"),
        pytest.param(
            {**text("a"), "at": {"atMobiles": ["13800000000"]}},
            text("a\n@13800000000", atMobiles=["13800000000"]),
            id="dict with mentions",
        ),
        *(
            pytest.param(each, None, id=type(each).__name__)
            for each in ONE_OF_EACH_KIND
            if type(each).__name__ in ("Markdown", "Link", "ActionCard", "FeedCard")
        ),
    ],
)
def test_each_kind_survives_the_wait(
    throttled: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, returned: Any, sent: Any
) -> None:
    """It waits twice here: another process took the free slot."""
    calls = []

    def function() -> Any:
        calls.append(1)
        return returned

    with pytest.raises(TaskDeferred) as first:
        task_of(function, deferrable=True).execute(context_of())
    with pytest.raises(TaskDeferred) as second:
        task_of(function, deferrable=True).execute_after_wait(context_of(), kept_by(first.value.trigger))
    assert second.value.method_name == "execute_after_wait"
    another_minute(monkeypatch, tmp_path / "another")
    receipt = task_of(function, deferrable=True).execute_after_wait(context_of(), kept_by(second.value.trigger))
    assert (receipt, len(calls)) == (RECEIPT, 1)
    direct = sent or returned.to_dict()
    assert without_id(throttled.messages[-1].payload) == direct


@pytest.mark.parametrize("message", ONE_OF_EACH_KIND, ids=lambda each: type(each).__name__)
def test_every_kind_has_a_form_that_a_trigger_keeps(message: Message) -> None:
    """The same message comes back from it."""
    from airflow_provider_dingpush.messages.plain_forms import read_message

    assert read_message(json.loads(json.dumps(decorators._plain_form(message))))[0] == message


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(File("/tmp/report.xlsx"), id="path"),  # noqa: S108 - it is never opened
        pytest.param(Image(b"GIF89a"), id="bytes"),
        pytest.param(File(Path("report.xlsx")), id="Path"),
        pytest.param({"msgtype": "file", "file": {"source": "a.xlsx"}}, id="dict"),
        pytest.param(Text("长" * 7000), id="longer than a column of MySQL takes"),
        pytest.param([{"a": 1}], id="no message"),
    ],
)
def test_what_a_trigger_can_not_keep_waits_in_the_worker(message: Any) -> None:
    """A file of this machine isn't there on the next worker."""
    assert decorators._plain_form(message) is None


def test_a_task_whose_message_can_not_be_kept_waits_and_sends(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It says so."""
    operator = returning("长" * 7000, deferrable=True)
    connected.fail_next(Fault.THROTTLED)
    with pytest.raises(Exception, match="130101"):
        returning("too much").execute(context_of())
    waits: list[float] = []
    monkeypatch.setattr("airflow_provider_dingpush.pipeline.rate_limit.time.sleep", lambda _: wait(waits, monkeypatch))

    def wait(waits: list[float], env: pytest.MonkeyPatch) -> None:
        waits.append(1)
        shutil.rmtree(tmp_path / "outbox")

    with caplog.at_level("INFO"):
        assert operator.execute(context_of()) == {**RECEIPT, "parts": 2}
    assert waits
    assert "消息含本机文件或过长" in caplog.text


def test_a_secret_is_not_kept_in_the_trigger(throttled: Sandbox) -> None:
    """The event lies unencrypted in Airflow's database."""
    secret = throttled.robot.secret
    assert secret
    with pytest.raises(TaskDeferred) as deferred:
        returning(Markdown("t", f"it is {secret}"), deferrable=True).execute(context_of())
    kept = kept_by(deferred.value.trigger)
    assert kept["message"]["markdown"]["text"] == "it is ***"
    assert secret not in json.dumps(kept)


def test_a_retry_that_returns_another_text_is_one_message(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As with the operator: the first that arrived stays, and the log says so."""
    monkeypatch.setattr("airflow_provider_dingpush.dingtalk.attempts.AttemptPlan.first_wait_seconds", 0.0)
    connected.fail_next(Fault.RESET_AFTER_BODY_ACCEPTED, times=3)
    with pytest.raises(UnknownOutcomeError):
        returning("100 rows", retries=1).execute(context_of(1))
    assert "This is a retry" not in caplog.text
    with caplog.at_level("INFO"):
        returning("101 rows", retries=1).execute(context_of(2))
    assert [each.payload["text"]["content"] for each in connected.messages] == ["100 rows"]
    assert "DingTalk shows only that one, even if function() now returned another one" in caplog.text


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (True, "The bool that function() returned can't be sent"),
        (False, "The bool that function() returned can't be sent"),
        (b"bytes", "The bytes that function() returned can't be sent: message must be a str"),
        (object(), "The object that function() returned can't be sent: message must be a str"),
        ((each for each in "ab"), "The generator that function() returned can't be sent: message must be a str"),
        ({"msgtype": "poem"}, "The dict that function() returned can't be sent: message has msgtype 'poem'"),
        ({}, "The dict that function() returned can't be sent: message has msgtype None"),
        (Receipt("custom_robot", "dingtalk_default"), "The Receipt that function() returned can't be sent"),
        (Markdown("t", "{{ unknown }}"), None),
        ("reports/daily.md", None),
    ],
)
def test_a_return_value_is_a_message_or_a_clear_error(connected: Sandbox, returned: Any, words: str | None) -> None:
    """A str that looks like a path is text: it isn't the DAG's author who wrote it."""
    if words is None:
        assert returning(returned).execute(context_of()) == RECEIPT
        assert len(connected.messages) == 1
        return
    with pytest.raises(AirflowFailException) as caught:
        returning(returned).execute(context_of())
    assert str(caught.value).startswith(words)
    assert connected.messages == ()


def test_an_error_of_the_function_is_left_to_airflow(connected: Sandbox) -> None:
    """With its retries."""

    def function() -> str:
        raise ConnectionError("the database is down")

    with pytest.raises(ConnectionError, match="the database is down"):
        task_of(function).execute(context_of())


def test_a_mention_that_the_kind_can_not_carry_names_the_function(connected: Sandbox) -> None:
    link = {"msgtype": "link", "link": {"title": "t", "text": "x", "messageUrl": "https://example.com"}}
    with pytest.raises(AirflowFailException, match="Text or Markdown"):
        returning(link, at=At("13800000000")).execute(context_of())


def test_the_message_is_shown_among_the_rendered_fields(connected: Sandbox) -> None:
    """Before the function has run its place is the same text in every process: it is part of the serialized DAG."""
    operator = returning("hello")
    assert str(operator.message) == "DYNAMIC (set during execution)"
    assert "message" in operator.template_fields
    operator.execute(context_of())
    assert operator.message == "hello"


def test_airflow_knows_the_decorator() -> None:
    """By the provider info of the installed distribution."""

    def function() -> str:
        return "hello"

    made: Any = task.dingtalk(function)()
    operator = made.operator
    assert isinstance(operator, decorators._DingTalkDecoratedOperator)
    assert operator.custom_operator_name == "@task.dingtalk"
    assert operator.task_id == "function"


@pytest.mark.parametrize("arguments", [{"message": "x"}, {"colour": "blue"}])
def test_an_argument_that_it_does_not_have_is_refused_when_the_dag_is_read(arguments: dict[str, Any]) -> None:
    """``message`` is what the function returns."""
    with pytest.raises((TypeError, AirflowException)):
        returning("x", **arguments)


def test_a_function_may_render_a_template_of_its_own(connected: Sandbox) -> None:
    """As the guide shows it."""

    def function(**context: Any) -> Any:
        return context["task"].render_template("day {{ ds }}", context)

    operator = task_of(function)
    operator.execute({**context_of(), "task": operator})
    assert connected.messages[-1].payload["text"] == {"content": "day 2026-11-22"}


def test_a_return_value_is_not_rendered_where_the_same_object_goes_on(connected: Sandbox) -> None:
    """As in ``dag.test()`` of Airflow 2, which renders all fields again after a wait."""
    operator = returning({"msgtype": "text", "text": {"content": "{{ ds }}"}}, at={"user_ids": ["{{ ds }}"]})
    operator.render_template_fields(context_of())
    operator.execute(context_of())
    operator.render_template_fields(context_of())
    assert operator.execute_after_wait(context_of(), {"message": operator.message}) == RECEIPT
    assert connected.messages[-1].payload["text"] == {"content": "{{ ds }}\n@2026-11-22"}
