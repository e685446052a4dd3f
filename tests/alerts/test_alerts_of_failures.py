"""From what Airflow calls back with to the whole alert, for each way in which a task or run fails."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.airflow_site import AirflowSite
from airflow_provider_dingpush.alerts.alert_text import built_in_alert
from airflow_provider_dingpush.alerts.context_reading import last_success, read_run_facts
from airflow_provider_dingpush.alerts.log_tail import log_tail
from airflow_provider_dingpush.alerts.run_facts import RunFacts

GOLDEN = Path(__file__).parents[1] / "golden" / "alerts"
SITE = AirflowSite("https://airflow.example.com", environment="生产", timezone="Asia/Shanghai")
RUN_ID = "scheduled__2026-11-20T19:00:00+00:00"
STARTED = datetime(2026, 11, 21, 19, 4, 5, tzinfo=timezone.utc)
WIKI = "https://wiki.example.com/etl"
DAG_FILE = """import orders_client

def load():
    raise ValueError("orders of 2026-11-21: 3 rows without a customer")

def call_library():
    orders_client.fetch("2026-11-21")

def chained():
    try:
        load()
    except ValueError as problem:
        raise RuntimeError("the report can't be published") from problem
"""
LIBRARY = """def fetch(day):
    try:
        import orders_client_native
    except ImportError as problem:
        raise RuntimeError("the driver can't be loaded") from problem
"""
LOG = "\n".join(
    f"[2026-11-21T19:07:1{number}.000+0000] {{{file}}} INFO - {text}"
    for number, (file, text) in enumerate(
        [
            ("subprocess.py:88", "Running command: ['bash', '-c', 'dbt run']"),
            ("subprocess.py:106", "19:07:12  9 of 10 OK created sql table model dev.stg_orders"),
            ("subprocess.py:106", "\x1b[31m19:07:14  Database Error in model orders (models/orders.sql)\x1b[0m"),
            ("subprocess.py:106", '  relation "stg.orders_v2" does not exist'),
            ("subprocess.py:106", "19:07:14  Done. PASS=9 WARN=0 ERROR=1 SKIP=0 TOTAL=10"),
            ("subprocess.py:116", "Command exited with return code 1"),
            ("taskinstance.py:3313", "Task failed with exception"),
        ]
    )
)


@pytest.fixture
def dags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A DAG file, and a library that it uses."""
    for file, text in (("dags/etl_orders.py", DAG_FILE), ("site-packages/orders_client.py", LIBRARY)):
        (tmp_path / file).parent.mkdir()
        (tmp_path / file).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path / "site-packages"))
    monkeypatch.delitem(__import__("sys").modules, "orders_client", raising=False)
    spec = importlib.util.spec_from_file_location("etl_orders", tmp_path / "dags" / "etl_orders.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def context(error: BaseException | str | None = None, **changes: Any) -> dict[str, Any]:
    """What Airflow calls back with in the task's own process."""
    doc_md, params, tags = (changes.pop(name, None) for name in ("doc_md", "params", "tags"))
    dag = SimpleNamespace(
        dag_id="etl_orders", dag_display_name="etl_orders", owner="zhangsan", tags=tags or set(), doc_md=doc_md
    )
    ti = {
        "dag_id": "etl_orders",
        "task_id": "load",
        "run_id": RUN_ID,
        "map_index": -1,
        "try_number": 1,
        "max_tries": 0,
        "state": "failed",
        "start_date": STARTED,
        "end_date": STARTED + timedelta(minutes=3, seconds=12),
        "hostname": "worker-7",
        **changes.pop("ti", {}),
    }
    return {
        "dag": dag,
        "ti": SimpleNamespace(**ti),
        "task": SimpleNamespace(task_id="load", owner="zhangsan", retries=0),
        "dag_run": SimpleNamespace(dag_id="etl_orders", run_id=RUN_ID, start_date=STARTED, state="running"),
        "run_id": RUN_ID,
        "params": params or {},
        "prev_end_date_success": STARTED - timedelta(days=1, minutes=-8),
        "exception": error,
        **changes,
    }


def raised(call: Callable[[], object]) -> BaseException:
    try:
        call()
    except Exception as error:  # noqa: BLE001 - of any class
        return error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)
    raise AssertionError("nothing was raised")


def facts_of(given: Mapping[str, Any], dags: ModuleType, failed: Any = None) -> RunFacts:
    facts = read_run_facts(
        given,
        site=SITE,
        failed_tasks=failed,
        roots=[str(Path(str(dags.__file__)).parent)],
        now=lambda: STARTED + timedelta(minutes=4),
    )
    return facts._replace(last_success_at=last_success(given, SITE.zone))


def bash(dags: ModuleType) -> RunFacts:
    error = type("AirflowException", (Exception,), {})(
        "Bash command failed. The command returned a non-zero exit code 1."
    )
    return facts_of(context(error, tags={"finance", f"runbook:{WIKI}"}), dags)._replace(
        log_tail=log_tail(LOG, lambda text: text)
    )


CASES: dict[str, Callable[[ModuleType], RunFacts]] = {
    "failure_python": lambda dags: facts_of(
        context(raised(dags.load), doc_md=f"# Orders\n\nIf it fails, see [here]({WIKI})."), dags
    ),
    "failure_bash": bash,
    "failure_in_library": lambda dags: facts_of(context(raised(dags.call_library), params={"runbook": WIKI}), dags),
    "failure_chained": lambda dags: facts_of(context(raised(dags.chained), ti={"try_number": 4, "max_tries": 3}), dags),
    "failure_mapped": lambda dags: facts_of(
        context(raised(dags.load), ti={"map_index": 3, "rendered_map_index": "华东"}), dags
    ),
    "failure_killed": lambda dags: facts_of(
        context("{'DAG Id': 'etl_orders', 'Task Id': 'load'}", prev_end_date_success=None), dags
    ),
    "failure_killed_text": lambda dags: facts_of(
        context("Executor LocalExecutor reported that the task instance finished with state failed", tags=set()), dags
    ),
    "failure_run": lambda dags: facts_of(
        context(None, reason="task_failure", doc_md=f"<{WIKI}>"), dags, [("load", -1), ("split", 0), ("split", 2)]
    ),
    "failure_run_unknown_tasks": lambda dags: facts_of(context(None, reason="task_failure"), dags),
}


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("case", CASES)
def test_alert_equals_its_golden_file(case: str, language: str, dags: ModuleType) -> None:
    """After a change on purpose: run once with UPDATE_GOLDEN=1 and read the difference."""
    alert = built_in_alert(CASES[case](dags), language=language)
    path = GOLDEN / f"{case}.{language}.md"
    written = f"{alert.title}\n\n{alert.text}\n"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(written, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == written


def test_the_place_is_relative_to_the_bundle(dags: ModuleType) -> None:
    """Whose folder has another name on each machine and for each version."""
    given = context(raised(dags.load))
    file = Path(str(dags.__file__))
    for relative in ("dags/etl_orders.py", "etl_orders.py", "other.py", "", None):
        given["dag"].fileloc, given["dag"].relative_fileloc = str(file), relative
        facts = read_run_facts(given, site=SITE, now=lambda: STARTED)
        shown = relative if relative and "dags" in relative else "etl_orders.py"
        assert facts.exception_place == f"{shown}:4 in load"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_went_wrong_stands_above_all_that_is_known_anyway(language: str, dags: ModuleType) -> None:
    """On a phone the first lines decide whether a person gets up."""
    text = built_in_alert(CASES["failure_bash"](dags), language=language).text
    order = ["non-zero exit code", "orders\\_v2", "page/link", "scheduled\\_\\_", "zhangsan"]
    places = [text.index(each) for each in order]
    assert places == sorted(places)


def test_one_try_of_one_is_no_news(dags: ModuleType) -> None:
    assert "Try" not in built_in_alert(CASES["failure_python"](dags), language="en").text
    assert "Try: 4/4" in built_in_alert(CASES["failure_chained"](dags), language="en").text


@pytest.mark.parametrize(
    ("run_id", "zone", "shown"),
    [
        (RUN_ID, "Asia/Shanghai", "scheduled\\_\\_2026-11-20T19:00:00+00:00 (11-21 03:00)"),
        (RUN_ID, "UTC", "scheduled\\_\\_2026-11-20T19:00:00+00:00"),
        ("manual__2026-11-21T19:04:00.123456+00:00", "Asia/Shanghai", "manual\\_\\_2026-11-21T19:04:00.123456+00:00"),
        (
            "manual__2026-11-20T19:04:00+00:00_Ab3d",
            "Asia/Shanghai",
            "manual\\_\\_2026-11-20T19:04:00+00:00\\_Ab3d (11-21 03:04)",
        ),
        ("my run", "Asia/Shanghai", "my run"),
        ("backfill__soon", "Asia/Shanghai", "backfill\\_\\_soon"),
    ],
    ids=["scheduled", "UTC", "started then", "with a suffix", "own", "no time"],
)
def test_the_run_id_in_local_time_only_where_it_helps(run_id: str, zone: str, shown: str) -> None:
    """Not if the start, which is shown as well, is the same time."""
    given = {**context(ValueError("x")), "run_id": run_id}
    facts = read_run_facts(given, site=SITE._replace(timezone=zone), now=lambda: STARTED)
    assert f"- Run: {shown}\n" in built_in_alert(facts, language="en").text


@pytest.mark.parametrize(
    ("before", "shown"),
    [
        (timedelta(hours=1), "today 02:07"),
        (timedelta(hours=12), "yesterday 15:07"),
        (timedelta(days=3), "11-19 03:07"),
        (timedelta(days=400), "2025-10-18 03:07"),
    ],
)
def test_the_last_success_is_named_as_people_do(before: timedelta, shown: str, dags: ModuleType) -> None:
    given = context(ValueError("x"))
    given["prev_end_date_success"] = given["ti"].end_date - before
    assert f"- Last success: {shown}" in built_in_alert(facts_of(given, dags), language="en").text


def test_a_message_too_short_for_all_keeps_the_links(dags: ModuleType) -> None:
    """A work notification holds 2,048 bytes."""
    facts = CASES["failure_bash"](dags)._replace(log_tail=("日" * 150,) * 8)
    text = built_in_alert(facts, language="zh", at_most_bytes=1_400).text
    assert len(text.encode()) <= 1_400
    assert text.count("page/link") == 3
    assert "non-zero exit code" in text
