"""Appears in DingTalk: yesterday's sales of each city as a table, or nothing if there are too few to be true."""

from __future__ import annotations

from datetime import datetime, timezone

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG

from airflow_provider_dingpush.operators import SqlToDingTalkOperator

with DAG(
    dag_id="dingpush_daily_sales_table",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    schedule=None,  # every morning: "0 9 * * *", with catchup=False
    params={"day": "2026-11-27"},  # in a DAG with a schedule write {{ ds }} below
):
    SqlToDingTalkOperator(
        task_id="sales_by_city",
        conn_id="warehouse",  # any database: PostgreSQL, MySQL, Hive, Trino, ClickHouse …
        sql="""
            SELECT city AS 城市, COUNT(*) AS 订单数, SUM(amount) AS 销售额
            FROM orders WHERE order_date = '{{ params.day }}'
            GROUP BY city ORDER BY 3 DESC
        """,
        title="{{ params.day }} 销售日报",
        intro="按城市汇总，单位：元",
        max_rows=10,
        when_empty="skip",
        send_if=lambda rows: sum(row["订单数"] for row in rows) > 1,
    )
