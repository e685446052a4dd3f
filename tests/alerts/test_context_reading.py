"""Facts read from contexts like those of real Airflow versions.

The fakes below follow what callbacks were given by 2.10.5, 2.11.2, 3.0.6, 3.1.8, 3.2.2 and 3.3.2.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from enum import Enum
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_dingpush.alerts.airflow_site import AirflowSite
from airflow_provider_dingpush.alerts.alert_text import built_in_alert
from airflow_provider_dingpush.alerts.context_reading import read_run_facts
from airflow_provider_dingpush.alerts.run_facts import FailedTask, RunFacts
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.messages.browser_links import LINK_FORMS
from airflow_provider_dingpush.messages.sizes import json_bytes

RUN_ID = "scheduled__2026-11-21T19:00:00+00:00"
STARTED = datetime(2026, 11, 21, 19, 4, 5, 250000, tzinfo=timezone.utc)
ENDED = STARTED + timedelta(minutes=3, seconds=12)
NOW = STARTED + timedelta(minutes=5)
LOGICAL = datetime(2026, 11, 21, 19, tzinfo=timezone.utc)
SITE = AirflowSite("https://airflow.example.com/prod/", "pages", "生产", "Asia/Shanghai")
SHANGHAI = timezone(timedelta(hours=8))


class State(str, Enum):
    """Airflow's states: a str that prints as itself in one version and as ``State.FAILED`` in another."""

    RUNNING = "running"
    FAILED = "failed"
    UP_FOR_RETRY = "up_for_retry"
    SUCCESS = "success"
    SKIPPED = "skipped"


def a_dag() -> Any:
    return SimpleNamespace(dag_id="etl_daily", dag_display_name="日报", owner="wangwu, zhangsan, lisi", tags={"b", "a"})


def a_task(**changes: Any) -> Any:
    given = {
        "task_id": "load_orders",
        "task_display_name": "装载订单",
        "owner": "zhangsan,lisi",
        "retries": 3,
        "retry_delay": timedelta(minutes=5),
        "retry_exponential_backoff": 0,
    }
    return SimpleNamespace(**{**given, **changes})


def a_run(**changes: Any) -> Any:
    given = {
        "dag_id": "etl_daily",
        "run_id": RUN_ID,
        "state": State.RUNNING,
        "run_type": "scheduled",
        "logical_date": LOGICAL,
        "start_date": STARTED,
        "end_date": None,
    }
    return SimpleNamespace(**{**given, **changes})


def a_ti(**changes: Any) -> Any:
    given = {
        "dag_id": "etl_daily",
        "task_id": "load_orders",
        "run_id": RUN_ID,
        "map_index": -1,
        "rendered_map_index": None,
        "try_number": 2,
        "max_tries": 3,
        "state": State.FAILED,
        "start_date": STARTED,
        "end_date": ENDED,
        "hostname": "worker-7",
    }
    return SimpleNamespace(**{**given, **changes})


def task_context(ti: Any, task: Any = None, **more: Any) -> dict[str, Any]:
    """The context in the task's own process."""
    task = task or a_task()
    ti.task = task
    return {"dag": a_dag(), "task": task, "ti": ti, "task_instance": ti, "run_id": RUN_ID, "dag_run": a_run(), **more}


class Params(dict[str, Any]):
    """Airflow's, of which only the names are of interest."""


def an_approval(**changes: Any) -> Any:
    """An operator of Airflow that has put a question."""
    given = {
        "subject": "Publish?",
        "body": "312 rows\n```\npassword is s3cret-word\n```",
        "options": ["Approve", "Reject"],
        "defaults": ["Reject"],
        "multiple": False,
        "params": Params(reason="why"),
        "assigned_users": [{"id": "7", "name": "lisi"}],
        "response_timeout": timedelta(hours=2),
        "hitl_summary_extra": {"timeout_datetime": (NOW + timedelta(hours=2)).isoformat()},
    }
    return a_task(**{**given, **changes})


def asked(task: Any, **ti: Any) -> RunFacts:
    """The facts of a notifier that this task calls while it runs."""
    context = task_context(a_ti(**{"state": State.RUNNING, "end_date": None, "try_number": 1, **ti}), task)
    redact = lambda text: text.replace("s3cret-word", "***")  # noqa: E731
    return read_run_facts(context, site=SITE, redact=redact, now=lambda: NOW)


def test_a_task_with_a_question() -> None:
    facts = asked(an_approval())
    assert facts.event is Event.ANSWER_NEEDED
    assert (facts.subject, facts.body) == ("Publish?", "312 rows\npassword is ***")
    assert (facts.options, facts.option_count, facts.default_options) == (("Approve", "Reject"), 2, ("Reject",))
    assert (facts.form_fields, facts.assigned_users, facts.assigned_user_ids) == (("reason",), ("lisi",), ("7",))
    assert facts.answer_by == datetime(2026, 11, 22, 5, 9, 5, tzinfo=SHANGHAI)
    page = "https://airflow.example.com/prod/dags/etl_daily/runs/scheduled__2026-11-21T19%3A00%3A00%2B00%3A00"
    assert facts.answer_url == f"{page}/tasks/load_orders/required_actions?map_index=-1"
    assert RunFacts.from_dict(json.loads(json.dumps(facts.to_dict()))) == facts


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        pytest.param(
            an_approval(hitl_summary_extra=None, assigned_users={"id": "7", "name": "lisi"}), {}, id="older operator"
        ),
        pytest.param(an_approval(response_timeout=None, hitl_summary_extra=None), {"answer_by": None}, id="no end"),
        pytest.param(an_approval(defaults=None), {"default_options": ()}, id="no defaults"),
        pytest.param(an_approval(multiple=True), {"several_options": True}, id="several"),
        pytest.param(an_approval(body=None), {"body": None}, id="no body"),
        pytest.param(an_approval(body="x" * 5000), {"body": "x" * 600 + "…"}, id="long body"),
        pytest.param(an_approval(options=list(map(str, range(40)))), {"option_count": 40}, id="many options"),
        pytest.param(an_approval(assigned_users=None), {"assigned_users": ()}, id="for all users"),
        pytest.param(an_approval(assigned_users=[{"id": "7"}]), {"assigned_users": ("7",)}, id="without a name"),
    ],
)
def test_fields_of_a_question_are_optional(task: Any, expected: dict[str, Any]) -> None:
    facts = asked(task)
    assert facts.event is Event.ANSWER_NEEDED
    assert {name: getattr(facts, name) for name in expected} == expected


def test_an_llm_whose_output_is_to_be_approved() -> None:
    """Its operator has other names for the same things, and no subject before that."""
    llm = a_task(
        approval_notifiers=[],
        require_approval=True,
        approval_timeout=timedelta(hours=1),
        on_approval_timeout="reject",
        approval_assigned_users=[{"id": "9", "name": "wangwu"}],
        allow_modifications=True,
        params={"not": "asked"},
    )
    assert asked(llm).event is Event.TASK_STARTED
    llm.subject, llm.body = "Review output for task `load_orders`", "```\nPrompt: x\n```"
    facts = asked(llm)
    assert facts.event is Event.ANSWER_NEEDED
    assert (facts.options, facts.default_options, facts.form_fields) == (
        ("Approve", "Reject"),
        ("Reject",),
        ("output",),
    )
    assert (facts.assigned_users, facts.body) == (("wangwu",), "Prompt: x")
    assert facts.answer_by == datetime(2026, 11, 22, 4, 9, 5, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("task", "ti", "event"),
    [
        pytest.param(an_approval(hitl_summary_extra={}), {}, Event.TASK_STARTED, id="on_execute_callback"),
        pytest.param(an_approval(), {"state": State.SUCCESS}, Event.TASK_SUCCEEDED, id="answered"),
        pytest.param(an_approval(), {"state": State.FAILED}, Event.TASK_FAILED, id="not answered"),
        pytest.param(a_task(), {}, Event.TASK_STARTED, id="any other task"),
        pytest.param(a_task(options=["a"]), {}, Event.TASK_STARTED, id="options of something else"),
        pytest.param(a_task(subject="mail", options=None), {}, Event.TASK_STARTED, id="an e-mail has a subject"),
    ],
)
def test_a_task_without_a_question_is_no_question(task: Any, ti: dict[str, Any], event: Event) -> None:
    assert asked(task, **ti).event is event


def test_a_mapped_question_has_its_own_page() -> None:
    url = asked(an_approval(), map_index=3).answer_url
    assert url is not None
    assert url.endswith("/tasks/load_orders/required_actions?map_index=3")


def killed_context(*, try_number: int, known_to_server: bool) -> dict[str, Any]:
    """The context in the DAG processor of 3.x for a task whose process died: no state, times or exception."""
    ti = a_ti(try_number=try_number, state=None, end_date=None, max_tries=3 if known_to_server else 0)
    del ti.start_date
    context = task_context(ti)
    if not known_to_server:
        del context["dag_run"]
    return context


def dag_context(reason: str, **run: Any) -> dict[str, Any]:
    """The context of a DAG-level callback: its TI is useless, and before 3.2 isn't even one that failed."""
    ti = a_ti(task_id="zz_ok", state=None, end_date=None)
    del ti.start_date
    return {**task_context(ti), "dag_run": a_run(**run), "reason": reason}


def deadline_context(state: str = "running") -> dict[str, Any]:
    """The context of a deadline's callback: the run as in the REST API, and the deadline."""
    return {
        "dag_run": {
            "dag_id": "etl_daily",
            "dag_display_name": "日报",
            "dag_run_id": RUN_ID,
            "state": state,
            "run_type": "scheduled",
            "logical_date": "2026-11-21T19:00:00Z",
            "start_date": "2026-11-21T19:04:05.250000Z",
            "end_date": None,
        },
        "deadline": {"id": "0199-1", "deadline_time": NOW - timedelta(seconds=4)},
    }


def read(context: Mapping[str, Any], **arguments: Any) -> RunFacts:
    return read_run_facts(context, **{"site": SITE, "now": lambda: NOW, **arguments})


LOST_TASK_2X = str({"DAG Id": "etl_daily", "Task Id": "load_orders", "Run Id": RUN_ID, "Hostname": "worker-7"})
EXECUTOR_2X = "Executor CeleryExecutor(parallelism=32) reported that the task instance <TI> finished with state failed"

CONTEXTS: dict[str, tuple[Callable[[], dict[str, Any]], Event, dict[str, Any]]] = {
    "failed": (
        lambda: task_context(a_ti(), exception=ValueError("bad row")),
        Event.TASK_FAILED,
        {"exception_type": "ValueError", "exception_text": "bad row", "killed_from_outside": False},
    ),
    "failed, state is a str (2.x)": (
        lambda: task_context(a_ti(state="failed"), exception=ValueError("bad row")),
        Event.TASK_FAILED,
        {"exception_type": "ValueError"},
    ),
    "failed, no exception key (3.0.0, dag.test of 3.1)": (
        lambda: task_context(a_ti()),
        Event.TASK_FAILED,
        {"exception_type": None, "killed_from_outside": False},
    ),
    "failed, exits with a code (2.x)": (
        lambda: task_context(a_ti(), exception="Task failed due to SystemExit(1)"),
        Event.TASK_FAILED,
        {"exception_text": "Task failed due to SystemExit(1)", "killed_from_outside": False},
    ),
    "failed, start unknown (dag.test of 2.x)": (
        lambda: task_context(a_ti(start_date=None), exception=ValueError()),
        Event.TASK_FAILED,
        {"duration_seconds": None, "exception_text": None, "exception_type": "ValueError"},
    ),
    "retrying": (
        lambda: task_context(a_ti(state=State.UP_FOR_RETRY), exception=ValueError("x")),
        Event.TASK_RETRYING,
        {"next_retry_at": (ENDED + timedelta(minutes=5)).replace(microsecond=0)},
    ),
    "retrying, growing delay": (
        lambda: task_context(a_ti(state=State.UP_FOR_RETRY), a_task(retry_exponential_backoff=2.0)),
        Event.TASK_RETRYING,
        {"next_retry_at": None},
    ),
    "retrying by a policy (3.3)": (
        lambda: task_context(a_ti(state=State.UP_FOR_RETRY), a_task(retry_policy=object())),
        Event.TASK_RETRYING,
        {"next_retry_at": None},
    ),
    "succeeded": (
        lambda: task_context(a_ti(state=State.SUCCESS), exception=None),
        Event.TASK_SUCCEEDED,
        {"duration_seconds": 192.0, "killed_from_outside": False},
    ),
    "skipped, end unknown (3.x)": (
        lambda: task_context(a_ti(state=State.SKIPPED, end_date=None)),
        Event.TASK_SKIPPED,
        {"ended_at": None, "duration_seconds": 300.0},
    ),
    "started": (
        lambda: task_context(a_ti(state=State.RUNNING, end_date=None)),
        Event.TASK_STARTED,
        {"duration_seconds": None},
    ),
    "killed, tries left (3.1+)": (
        lambda: killed_context(try_number=2, known_to_server=True),
        Event.TASK_RETRYING,
        {"killed_from_outside": True, "started_at": None, "max_tries": 4, "next_retry_at": None},
    ),
    "killed, last try (3.x)": (
        lambda: killed_context(try_number=4, known_to_server=True),
        Event.TASK_FAILED,
        {"killed_from_outside": True, "hostname": "worker-7"},
    ),
    "killed, tries left, no data of the server (3.x)": (
        lambda: killed_context(try_number=1, known_to_server=False),
        Event.TASK_RETRYING,
        {"killed_from_outside": True, "max_tries": 4, "run_state": None, "logical_date": None},
    ),
    "killed (2.x)": (
        lambda: task_context(a_ti(), exception=LOST_TASK_2X),
        Event.TASK_FAILED,
        {"killed_from_outside": True, "exception_text": None, "exception_type": None},
    ),
    "killed, reported by the executor (2.x)": (
        lambda: task_context(a_ti(state=State.UP_FOR_RETRY), exception=EXECUTOR_2X),
        Event.TASK_RETRYING,
        {"killed_from_outside": True, "exception_text": EXECUTOR_2X},
    ),
    "run failed": (
        lambda: dag_context("task_failure", state=State.FAILED, end_date=ENDED),
        Event.DAG_FAILED,
        {"reason": "task_failure", "run_state": "failed", "duration_seconds": 192.0, "task_id": None, "log_url": None},
    ),
    "run failed, end unknown (dag.test of 2.x)": (
        lambda: dag_context("task_failure"),
        Event.DAG_FAILED,
        {"ended_at": None, "duration_seconds": 300.0, "try_number": None, "killed_from_outside": False},
    ),
    "run failed, minimal context (3.x)": (
        lambda: {"dag": a_dag(), "run_id": RUN_ID, "reason": "timed_out"},
        Event.DAG_FAILED,
        {"reason": "timed_out", "dag_name": "日报", "started_at": None, "owners": ("lisi", "wangwu", "zhangsan")},
    ),
    "run succeeded": (
        lambda: dag_context("success", state=State.SUCCESS, end_date=ENDED),
        Event.DAG_SUCCEEDED,
        {"failed_tasks": None, "exception_type": None},
    ),
    "run succeeded, only its state": (
        lambda: {"dag": a_dag(), "dag_run": a_run(state="success")},
        Event.DAG_SUCCEEDED,
        {"run_id": RUN_ID},
    ),
    "deadline missed": (
        deadline_context,
        Event.DEADLINE_MISSED,
        {
            "deadline_at": (NOW - timedelta(seconds=4)).replace(microsecond=0),
            "late_seconds": 4.0,
            "run_state": "running",
            "dag_name": "日报",
            "started_at": STARTED.replace(microsecond=0),
            "duration_seconds": 300.0,
        },
    ),
    "empty": (dict, Event.DAG_FAILED, {"dag_id": "", "run_url": None, "run_id": None}),
}


@pytest.mark.parametrize(("context", "event", "facts"), CONTEXTS.values(), ids=CONTEXTS.keys())
def test_context(context: Callable[[], dict[str, Any]], event: Event, facts: dict[str, Any]) -> None:
    """Each kind of callback of each version is recognised."""
    found = read(context())
    assert found.event is event
    assert {name: getattr(found, name) for name in facts} == facts


def test_everything_of_a_failed_task() -> None:
    """All facts of one alert, compared whole."""
    context = task_context(a_ti(map_index=3, rendered_map_index="华东"), exception=KeyError("order_id"))
    run_url = "https://airflow.example.com/prod/dags/etl_daily/runs/scheduled__2026-11-21T19%3A00%3A00%2B00%3A00"
    assert read(context) == RunFacts(
        event=Event.TASK_FAILED,
        dag_id="etl_daily",
        dag_name="日报",
        run_id=RUN_ID,
        run_url=run_url,
        run_type="scheduled",
        run_state="running",
        logical_date=datetime(2026, 11, 22, 3, 0, tzinfo=SHANGHAI),
        owners=("zhangsan", "lisi"),
        tags=("a", "b"),
        task_id="load_orders",
        task_name="装载订单",
        map_index=3,
        map_label="华东",
        try_number=2,
        max_tries=4,
        hostname="worker-7",
        log_url=f"{run_url}/tasks/load_orders/mapped/3?try_number=2",
        started_at=datetime(2026, 11, 22, 3, 4, 5, tzinfo=SHANGHAI),
        ended_at=datetime(2026, 11, 22, 3, 7, 17, tzinfo=SHANGHAI),
        duration_seconds=192.0,
        exception_type="KeyError",
        exception_text="'order_id'",
        exception_summary="KeyError: 'order_id'",
        environment="生产",
        run_started_at=datetime(2026, 11, 22, 3, 4, 5, tzinfo=SHANGHAI),
        run_time=datetime(2026, 11, 22, 3, 0, tzinfo=SHANGHAI),
        occurrence="2026-11-21T19:04:05.250000+00:00",
    )


@pytest.mark.parametrize(
    ("exception", "expected"),
    [
        pytest.param(ValueError("a\n\n  b\r\nc"), "a\nb\nc", id="blank lines"),
        pytest.param(ValueError("1\n2\n3\n4\n5\n6\n7\n8\n9"), "1\n2\n3\n… 2 …\n6\n7\n8\n9", id="many lines"),
        pytest.param(ValueError("x" * 1_000_000), "x" * 300 + " … " + "x" * 300, id="a megabyte"),
        pytest.param(ValueError("half \udcff"), "half ?", id="no UTF-8"),
        pytest.param(ValueError("the password is hunter2"), "the password is ***", id="secret"),
        pytest.param(
            ValueError("x" * 297 + "hunter2" + "y" * 400), "x" * 297 + "*** … " + "y" * 300, id="secret at the cut"
        ),
    ],
)
def test_exception_text(exception: Exception, expected: str) -> None:
    """Head and tail, redacted before they are cut."""
    found = read(task_context(a_ti(), exception=exception), redact=lambda text: text.replace("hunter2", "***"))
    assert found.exception_text == expected


def test_text_that_cannot_be_redacted_is_withheld() -> None:
    """A broken redaction loses the text of the exception, not the alert."""

    def broken(text: str) -> str:
        raise RuntimeError(text)

    found = read(task_context(a_ti(rendered_map_index="secret"), exception=ValueError("secret")), redact=broken)
    assert (found.exception_type, found.exception_text, found.map_label) == ("ValueError", None, None)


def test_exception_that_cannot_be_printed() -> None:
    """Its type is still known."""

    class UnprintableError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    found = read(task_context(a_ti(), exception=UnprintableError()))
    assert (found.exception_type, found.exception_text) == ("UnprintableError", None)


def test_failed_tasks_of_a_run() -> None:
    """The first ten with their logs, and the count of all; duplicates count once."""
    given = [("m", index) for index in range(10_000)] + [("m", 3), ("load", -1)]
    found = read(dag_context("task_failure"), failed_tasks=[("load", -1), *given])
    assert found.failed_task_count == 10_001
    assert found.failed_tasks is not None
    assert len(found.failed_tasks) == 10
    assert found.failed_tasks[0] == FailedTask("load", None, f"{found.run_url}/tasks/load")
    assert found.failed_tasks[1] == FailedTask("m", 0, f"{found.run_url}/tasks/m/mapped/0")


@pytest.mark.parametrize(("given", "expected"), [(None, None), ([], ()), (["rubbish"], None), ([(None, 1)], ())])
def test_failed_tasks_unknown_none_or_odd(given: Any, expected: Any) -> None:
    """Unknown failed tasks differ from none."""
    assert read(dag_context("timed_out"), failed_tasks=given).failed_tasks == expected


def test_failed_tasks_are_about_failed_runs_only() -> None:
    """A task's or a succeeded run's alert doesn't list them."""
    assert read(task_context(a_ti()), failed_tasks=[("a", -1)]).failed_tasks is None
    assert read(dag_context("success"), failed_tasks=[("a", -1)]).failed_tasks is None


@pytest.mark.parametrize(
    ("ti", "number", "total"),
    [
        pytest.param({"try_number": 1, "max_tries": 0}, 1, 1, id="no retries"),
        pytest.param({"try_number": 5, "max_tries": 7}, 5, 8, id="cleared once"),
        pytest.param({"try_number": 5, "max_tries": 3}, 5, None, id="more than it would retry"),
        pytest.param({"try_number": None, "max_tries": None}, None, None, id="unknown"),
        pytest.param({"try_number": "2", "max_tries": True}, None, None, id="odd types"),
    ],
)
def test_tries(ti: dict[str, Any], number: int | None, total: int | None) -> None:
    """Airflow counts retries; people count tries."""
    found = read(task_context(a_ti(**ti)))
    assert (found.try_number, found.max_tries) == (number, total)


def test_airflow_2_links_reach_runs_that_are_not_among_the_latest() -> None:
    """The grid gets the exact logical date, not the shortened one of the facts."""
    run = a_run(logical_date=LOGICAL + timedelta(microseconds=1500))
    found = read(task_context(a_ti()) | {"dag_run": run}, site=AirflowSite("https://a.b", "grid"))
    assert found.log_url == (
        "https://a.b/dags/etl_daily/grid?dag_run_id=scheduled__2026-11-21T19%3A00%3A00%2B00%3A00&task_id=load_orders"
        "&base_date=2026-11-21T19%3A00%3A00.001500%2B0000&tab=logs"
    )


def test_times_of_airflows_own_class_become_plain() -> None:
    """Airflow's times are of a subclass of datetime that isn't plain JSON data."""

    class DateTime(datetime):
        pass

    start = DateTime(2026, 11, 21, 19, 4, 5, tzinfo=timezone.utc)
    found = read(task_context(a_ti(start_date=start)))
    assert type(found.started_at) is datetime
    assert found.started_at.isoformat() == "2026-11-22T03:04:05+08:00"


class Hostile:
    """A value that raises on every access."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def _raise(self, *args: Any) -> Any:
        raise RuntimeError("don't touch")

    __str__ = __repr__ = __bool__ = __iter__ = __len__ = __eq__ = __hash__ = __getitem__ = __add__ = __radd__ = _raise


class HostileMapping(dict[str, Any]):
    def get(self, key: str, default: Any = None) -> Any:
        raise RuntimeError(key)


KEYS = ["dag", "dag_run", "ti", "task_instance", "task", "reason", "deadline", "exception", "run_id", "logical_date"]
NAMES = [
    *(
        "dag_id",
        "run_id",
        "dag_run_id",
        "task_id",
        "state",
        "map_index",
        "rendered_map_index",
        "try_number",
        "max_tries",
    ),
    *("start_date", "end_date", "logical_date", "hostname", "owner", "tags", "dag_display_name", "task_display_name"),
    *("retries", "retry_delay", "retry_exponential_backoff", "deadline_time", "run_type", "task"),
]
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=300),
    st.sampled_from(["failed", "up_for_retry", "success", "running", State.FAILED, "\udcff", "x" * 100_000]),
    st.datetimes(timezones=st.none() | st.timezones()),
    st.timedeltas(),
    st.lists(st.text(max_size=5), max_size=3),
    st.builds(Hostile),
    st.builds(HostileMapping),
    st.builds(ValueError, st.text(max_size=900)),
    st.builds(ValueError, st.builds(Hostile)),
)
THINGS = ODD | st.dictionaries(st.sampled_from(NAMES), ODD).flatmap(
    lambda given: st.sampled_from([given, SimpleNamespace(**given)])
)


@given(
    context=st.dictionaries(st.sampled_from(KEYS), THINGS) | st.builds(HostileMapping),
    failed_tasks=st.none() | st.lists(st.tuples(st.text(min_size=1, max_size=300), st.integers(-1, 9)), max_size=30),
    site=st.builds(
        AirflowSite,
        base_url=st.none() | st.text(max_size=60) | st.just("https://airflow.example.com/prod"),
        layout=st.sampled_from(["grid", "pages"]),
        environment=st.none() | st.text(max_size=300),
        timezone=st.text(max_size=20) | st.just("Asia/Shanghai"),
        links=st.sampled_from(sorted(LINK_FORMS)),
    ),
)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_no_context_is_too_odd(context: Any, failed_tasks: Any, site: AirflowSite) -> None:
    """For any context there are facts, which survive JSON and make a message in both languages."""
    facts = read_run_facts(context, site=site, failed_tasks=failed_tasks, now=lambda: NOW)
    assert RunFacts.from_dict(json.loads(json.dumps(facts.to_dict(), allow_nan=False))) == facts
    for language in ("zh", "en"):
        alert = built_in_alert(facts, language=language)
        assert json_bytes(alert.title) + json_bytes(alert.text) < 18_000


def test_a_timeout_is_not_swallowed() -> None:
    """An exception of Airflow that ends the callback isn't taken for a missing fact."""

    class TaskTimeout(BaseException):
        pass

    class Slow:
        @property
        def state(self) -> str:
            raise TaskTimeout

    with pytest.raises(TaskTimeout):
        read({"ti": Slow()})
