"""The operator that sends the result of a query, on real SQLite and real PostgreSQL."""

from __future__ import annotations

import json
import os
import pickle
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest

from airflow_provider_dingpush.airflow_compat import AirflowFailException, AirflowSkipException, mask_secret
from airflow_provider_dingpush.errors import InvalidMessageError, QueryError
from airflow_provider_dingpush.operators import DingTalkOperator, SqlToDingTalkOperator
from airflow_provider_dingpush.reports.table import Table
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.sql_queries import RunningQuery, Statements
from airflow_provider_dingpush.targets import Users, WorkNotification
from tests.masked_secrets import masked_anew
from tests.postgres_servers import PASSWORD, PostgresServer, postgres_server

GOLDEN = Path(__file__).parents[1] / "golden" / "reports"
CONTEXT: Any = {"ds": "2026-11-28", "params": {"limit": 3}, "folder": "."}
SALES = [("上海", 20261128001, 1204.5), ("北京", 20261128002, None), ("深圳", 20261128003, 88.0)]
AWKWARD = """
SELECT NULL AS "无", 'a|b' || chr(10) || '`c` [d](https://example.com/) *e* 🙂' AS "文本", 1e20 AS x,
    12345.60 AS amount, '=1+1' AS formula, 1 AS a, 2 AS a, '{"k": [1, null]}' AS j, 20261128001 AS order_id,
    repeat('汉', 350000) AS wide
"""


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def warehouse(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> PostgresServer:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(postgres.connection()))
    return postgres


@pytest.fixture
def lite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A SQLite database with a table of sales."""
    pytest.importorskip(
        "airflow.providers.sqlite", reason="the provider isn't installed: pip install apache-airflow-providers-sqlite"
    )
    path = tmp_path / "sales.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE sales (city TEXT, order_id INTEGER, amount REAL)")
    connection.executemany("INSERT INTO sales VALUES (?, ?, ?)", SALES)
    connection.commit()
    connection.close()
    monkeypatch.setenv("AIRFLOW_CONN_LITE", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    return path


def run(operator: Any, context: Any = CONTEXT) -> dict[str, Any]:
    """Render and run the operator as a task would."""
    operator.render_template_fields(context, jinja2.Environment(undefined=jinja2.StrictUndefined))
    result: dict[str, Any] = operator.execute(context)
    return result


def query(**arguments: Any) -> SqlToDingTalkOperator:
    return SqlToDingTalkOperator(**{"task_id": "t", "conn_id": "lite", "sql": "SELECT * FROM sales", **arguments})


def text_in(sandbox: Sandbox) -> str:
    text: str = sandbox.messages[-1].payload["markdown"]["text"]
    return text


def test_a_table_is_sent(connected: Sandbox, lite: Path) -> None:
    """Ids as they are, amounts grouped, NULL visible; the receipt counts the rows."""
    receipt = run(query(title="日报 {{ ds }}", intro="昨日 **{{ params.limit }}** 城", max_rows=2))
    assert connected.messages[-1].payload["markdown"]["title"] == "日报 2026-11-28"
    assert text_in(connected) == (
        "### 日报 2026-11-28\n\n昨日 **3** 城\n\n| city | order\\_id | amount |  \n| :-- | --: | --: |  \n"
        "| 上海 | 20261128001 | 1,204.5 |  \n| 北京 | 20261128002 | NULL |  \n\n前 2 行，共 3 行"
    )
    assert (receipt["channel"], receipt["rows"]) == ("custom_robot", 3)


def test_parameters_and_people(connected: Sandbox, lite: Path) -> None:
    """As the driver takes them; a mention stands at the end."""
    sql = "SELECT city FROM sales WHERE amount > :least"
    run(query(sql=sql, parameters={"least": 100}, at={"mobiles": ["13800000000"]}))
    assert text_in(connected) == "| city |  \n| :-- |  \n| 上海 |  \n\n@13800000000"


def test_a_file_of_sql(connected: Sandbox, lite: Path, tmp_path: Path) -> None:
    """Beside the DAG, with Jinja in it."""
    (tmp_path / "daily.sql").write_text("SELECT city, '{{ ds }}' AS day FROM sales LIMIT {{ params.limit - 2 }}")
    operator = query(sql="daily.sql")
    operator.render_template_fields(CONTEXT, jinja2.Environment(loader=jinja2.FileSystemLoader(tmp_path)))
    operator.execute(CONTEXT)
    assert "| 上海 | 2026-11-28 |" in text_in(connected)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("render", ["table", "list"])
def test_awkward_data_of_postgres_is_the_golden_one(
    connected: Sandbox, warehouse: PostgresServer, monkeypatch: pytest.MonkeyPatch, render: str, language: str
) -> None:
    """After a change on purpose: run once with UPDATE_GOLDEN=1 and read the difference."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__LANGUAGE", language)
    monkeypatch.setenv("AIRFLOW__DINGPUSH__TIMEZONE", "Asia/Shanghai")
    more = """, DATE '1899-12-31' AS old, TIMESTAMPTZ '2026-11-28 01:00:00+00' AS at, '\\xff00'::bytea AS b, true AS ok,
        '{"k": {"城": 1.5}}'::jsonb AS jb, ARRAY[1, 2] AS arr, INTERVAL '1 day 2 hours' AS span, 'NaN'::float AS nan"""
    run(query(conn_id="warehouse", sql=AWKWARD + more, render=render))
    _compare(f"awkward_postgres_{render}.{language}.md", text_in(connected))


def test_awkward_data_of_sqlite_is_the_golden_one(connected: Sandbox, lite: Path) -> None:
    """The same query, but for what SQLite has another name for."""
    run(
        query(
            sql=AWKWARD.replace("chr(", "char(").replace(
                "repeat('汉', 350000)", "replace(hex(zeroblob(175000)), '0', '汉')"
            )
        )
    )
    _compare("awkward_sqlite.zh.md", text_in(connected))


def _compare(name: str, text: str) -> None:
    golden = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(f"{text}\n", "utf-8")
    assert f"{text}\n" == golden.read_text("utf-8")


def test_300_columns_fit_into_a_work_notification(app_connected: Sandbox, warehouse: PostgresServer) -> None:
    """Of 2,048 bytes; what is left out is said."""
    columns = ", ".join(f"{number} AS column_{number}" for number in range(300))
    to = WorkNotification(user_ids=[app_connected.people[0].user_id])
    operator = query(
        conn_id="warehouse", sql=f"SELECT {columns}", dingtalk_conn_id="dingtalk_app_default", to=to, title="{{ ds }}"
    )
    assert run(operator)["channel"] == "work_notification"
    payload = json.dumps(app_connected.messages[-1].payload, ensure_ascii=False)
    assert len(payload.encode()) <= 2_048
    assert "共 300 列" in payload


def test_the_last_result_of_several_statements(connected: Sandbox, warehouse: PostgresServer) -> None:
    """What comes after it, such as cleaning up, is run when the rows were read; and all of it is committed."""
    warehouse.query("DROP TABLE IF EXISTS log; CREATE TABLE log (line text)")
    sql = """
        INSERT INTO log VALUES ('begun');
        CREATE TABLE numbers AS SELECT generate_series(1, 5000) AS n;
        SELECT 'first';
        SELECT n FROM numbers ORDER BY n; -- this one; it is the last
        DROP TABLE numbers;
        INSERT INTO log VALUES ('done')
    """
    assert run(query(conn_id="warehouse", sql=sql, max_rows=1))["rows"] == 5000
    assert "前 1 行，共 5,000 行" in text_in(connected)
    assert warehouse.query("SELECT line FROM log") == [("begun",), ("done",)]
    assert run(query(conn_id="warehouse", sql=["SELECT 1", "SELECT 2 AS two"]))["rows"] == 1
    assert "two" in text_in(connected)
    returning = "INSERT INTO log VALUES ('x') RETURNING line"
    run(query(conn_id="warehouse", sql=returning))
    assert "| x |" in text_in(connected)
    assert ("x",) in warehouse.query("SELECT line FROM log")


def test_rows_come_through_a_cursor_of_the_server(warehouse: PostgresServer) -> None:
    """Those that nobody has read are in the database, and so is the query itself."""
    with RunningQuery("warehouse", "SELECT name FROM pg_cursors") as running:
        ((name,),) = running.rows()
    assert name.startswith("dingpush_")
    writes = "WITH a AS (INSERT INTO pg_temp.t VALUES (1) RETURNING 1) SELECT * FROM a"
    with RunningQuery("warehouse", ["CREATE TEMP TABLE t (n int)", writes]) as running:
        assert [tuple(row) for row in running.rows()] == [(1,)]


def test_nobody_waits_for_rows_that_nobody_reads(warehouse: PostgresServer) -> None:
    """Leaving the block ends the query in the database."""
    with RunningQuery("warehouse", "SELECT generate_series(1, 1000000000)") as running:
        assert tuple(next(running.rows())) == (1,)
    assert _becomes_idle(warehouse)


@pytest.mark.parametrize("name", ["warehouse", "lite"])
def test_a_killed_task_cancels_its_query(
    connected: Sandbox, request: pytest.FixtureRequest, name: str, postgres: PostgresServer
) -> None:
    """In the database, at once."""
    request.getfixturevalue(name)
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c WHERE x > 0"
    sql = "SELECT pg_sleep(3600)" if name == "warehouse" else endless
    operator = query(conn_id=name, sql=sql)

    def kill_once_it_runs() -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            begun = operator._query is not None and operator._query._cursor is not None
            if begun and (name != "warehouse" or _busy(postgres)):
                break
            time.sleep(0.01)
        operator.on_kill()

    killer = threading.Thread(target=kill_once_it_runs)
    killer.start()
    with pytest.raises(QueryError, match="was cancelled, because its task ended"):
        run(operator)
    killer.join()
    assert _becomes_idle(postgres)
    assert not connected.messages


def _busy(server: PostgresServer) -> list[tuple[Any, ...]]:
    """The queries that run; of a cursor only that it fetches."""
    return server.query(
        "SELECT query FROM pg_stat_activity "
        "WHERE backend_type = 'client backend' AND state = 'active' AND pid <> pg_backend_pid()"
    )


def _becomes_idle(server: PostgresServer) -> bool:
    end = time.monotonic() + 60
    while _busy(server) and time.monotonic() < end:
        time.sleep(0.01)
    return not _busy(server)


def test_no_rows_are_said_or_skipped(connected: Sandbox, lite: Path) -> None:
    """As a task that a ShortCircuitOperator skips."""
    none = "SELECT * FROM sales WHERE 1 = 2"
    assert run(query(sql=none, title="日报"))["rows"] == 0
    assert text_in(connected) == "### 日报\n\n没有数据（0 行）。"
    with pytest.raises(AirflowSkipException, match=r"returned no rows \(when_empty='skip'\).*没有发送消息"):
        run(query(sql=none, when_empty="skip"))
    assert len(connected.messages) == 1


@pytest.mark.parametrize(
    ("send_if", "sends"),
    [
        (lambda rows: len(rows) > 2, True),
        (lambda rows: len(rows) > 3, False),
        (lambda rows: any(row["amount"] is None for row in rows), True),
        (lambda rows: rows[0][1] == 0, False),
        ("{{ rows | length > params.limit - 1 }}", True),
        ("{{ rows[0]['city'] == '北京' }}", False),
        ("{{ rows | selectattr('amount', 'none') | list | length > 5 }}", False),
        ("{{ ds == '2026-11-28' }}", True),
        ("{{ params.limit > 5 }}", False),
        (True, True),
        (False, False),
    ],
)
def test_a_threshold_in_one_line(connected: Sandbox, lite: Path, send_if: Any, sends: bool) -> None:
    """A function or Jinja; what isn't sent is skipped, and says so."""
    operator = query(send_if=send_if)
    if sends:
        run(operator)
    else:
        with pytest.raises(AirflowSkipException, match=r"send_if is false.*send_if 为假"):
            run(operator)
    assert len(connected.messages) == sends


def test_a_threshold_without_rows_is_decided_before_the_query(connected: Sandbox, lite: Path) -> None:
    """Which may take an hour."""
    with pytest.raises(AirflowSkipException):
        run(query(sql="SELECT * FROM no_such_table", send_if="{{ params.limit > 5 }}"))


def test_a_wrong_threshold_fails_the_task_for_good(connected: Sandbox, lite: Path) -> None:
    """A retry would do the same."""
    with pytest.raises(AirflowFailException, match="must result in true or false"):
        run(query(send_if="rows > 0"))


@pytest.mark.parametrize("message", [[{"n": 1}], Table(["n"], [(1,)])], ids=["dicts", "table"])
@pytest.mark.parametrize("sends", [True, False])
def test_a_threshold_of_any_message(connected: Sandbox, message: Any, sends: bool) -> None:
    """A function takes the rows of a table, or else the message; rows that can be read once are still sent."""
    operator = DingTalkOperator(task_id="t", message=message, send_if=lambda rows: (rows[0]["n"] == 1) == sends)
    if sends:
        run(operator)
        assert "| 1 |" in text_in(connected)
    else:
        with pytest.raises(AirflowSkipException):
            run(operator)
    words = DingTalkOperator(task_id="t", message="{{ ds }}", send_if=lambda message: message == "2026-11-28")
    assert run(words)["outcome"] == "sent"


@pytest.mark.parametrize(
    ("arguments", "error", "problem"),
    [
        ({"sql": "SELECT * FROM nope"}, QueryError, r"'lite' failed: OperationalError: no such table: nope"),
        ({"sql": "CREATE TABLE IF NOT EXISTS x (n)"}, AirflowFailException, r"returns no rows.*SELECT 结尾"),
        ({"sql": " ; -- nothing"}, AirflowFailException, "has no statement"),
        ({"conn_id": "nope"}, AirflowFailException, "no connection 'nope' for the query"),
        (
            {"conn_id": "dingtalk_default"},
            AirflowFailException,
            "(?s)for which this Airflow has no hook|isn't a database's",
        ),
        (
            {"render": "picture"},
            AirflowFailException,
            r"can't upload files.*'dingtalk_app'.*Image\(\"https://…\"\).*公网",
        ),
        ({"render": "workbook"}, AirflowFailException, r"can't upload files.*'dingtalk_app'.*render='table'.*企业应用"),
        ({"render": "csv"}, AirflowFailException, "can't upload files"),
        ({"to": Users(["u"])}, AirflowFailException, "doesn't accept to="),
    ],
)
def test_a_problem_says_what_to_do(
    connected: Sandbox, lite: Path, arguments: Any, error: type[Exception], problem: str
) -> None:
    """And whether a retry may help."""
    with pytest.raises(error, match=problem):
        run(query(**arguments))
    assert not connected.messages


def test_a_file_through_a_robot_is_refused_before_the_query(connected: Sandbox, lite: Path) -> None:
    """Which may take an hour."""
    with pytest.raises(AirflowFailException, match="can't upload files"):
        run(query(sql="SELECT * FROM no_such_table", render="workbook"))


def test_a_missing_extra_is_named(connected: Sandbox, lite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, "airflow.providers.common.sql.hooks.sql", None)
    with pytest.raises(AirflowFailException, match=r"pip install 'airflow-provider-dingpush\[sql\]'"):
        run(query())


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"render": "html"}, "render must be one of"),
        ({"when_empty": "fail"}, "when_empty must be 'send' or 'skip'"),
        ({"max_rows": 0}, "max_rows must be"),
    ],
)
def test_a_wrong_argument_is_found_when_the_dag_is_read(arguments: Any, problem: str) -> None:
    """Not at 09:00."""
    with pytest.raises(InvalidMessageError, match=problem):
        query(**arguments)


def test_the_operator_can_be_copied() -> None:
    """Airflow does so for each mapped task."""
    assert pickle.loads(pickle.dumps(query(send_if="{{ rows }}"))).send_if == "{{ rows }}"  # noqa: S301


def test_a_password_in_an_error_of_the_driver_is_masked(
    connected: Sandbox, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In any form: as it is, quoted as in an address, and although Airflow masks only what it has seen."""
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(postgres.connection()))
    quoted = "p%40ss%3Aword%2Fof%23warehouse"
    for text in (PASSWORD, quoted, f"postgresql://airflow:{quoted}@db/dw"):
        # PostgreSQL repeats what it can't read.
        with masked_anew(), pytest.raises(QueryError) as caught:
            run(query(conn_id="warehouse", sql=f"SELECT CAST('{text}' AS int)"))
        for shown in (str(caught.value), repr(caught.value), caught.value.in_language("zh"), caplog.text):
            assert PASSWORD not in shown
            assert quoted not in shown
        assert "***" in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None


def test_a_secret_in_the_data_is_masked(connected: Sandbox, lite: Path) -> None:
    """Everything sent goes through Airflow's redaction."""
    mask_secret("hunter_2_secret")
    run(query(sql="SELECT 'hunter_2_secret' AS a, '{\"p\": \"hunter_2_secret\"}' AS b", title="hunter_2_secret"))
    assert "hunter" not in json.dumps(connected.messages[-1].payload)


class Splits:
    @staticmethod
    def split_sql_string(sql: str) -> list[str]:
        return [each for each in sql.split(";") if each.strip()]


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT 1;", ((), "SELECT 1", ())),
        ("SELECT /*+ hint */ 1", ((), "SELECT /*+ hint */ 1", ())),
        ("SET x = 1; (SELECT 1); DROP TABLE a", (("SET x = 1",), " (SELECT 1)", (" DROP TABLE a",))),
        ("CREATE TABLE a; INSERT INTO a", (("CREATE TABLE a",), " INSERT INTO a", ())),
        ("-- a\nDELETE FROM a RETURNING b; UPDATE c", ((), "-- a\nDELETE FROM a RETURNING b", (" UPDATE c",))),
        (["SHOW TABLES", "USE a"], ((), "SHOW TABLES", ("USE a",))),
    ],
)
def test_which_statement_is_the_query(sql: Any, found: Any) -> None:
    """The last that returns rows."""
    statements = Statements.read(sql, Splits)
    assert (statements.before, statements.query, statements.after) == found
