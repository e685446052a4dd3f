"""Appears in DingTalk: all orders of a query as an Excel workbook, in a person's chat with the app's robot."""

from __future__ import annotations

from datetime import datetime, timezone

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG

from airflow_provider_dingpush.operators import SqlToDingTalkOperator
from airflow_provider_dingpush.targets import Users

# Any database with a provider that builds on common-sql: a connection "warehouse", and your own query here.
ORDERS = """
SELECT 20261127000000001 AS 订单号, '上海' AS 城市, 1280.50 AS 金额, 'paid' AS 状态
UNION ALL SELECT 20261127000000002, '北京', 96.00, 'paid'
UNION ALL SELECT 20261127000000003, '广州', -15.25, 'refunded'
"""

with DAG(dag_id="dingpush_workbook_to_person", start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), schedule=None):
    # Needs pip install 'airflow-provider-dingpush[sql,workbooks]'. The 17 digits of an order arrive unrounded.
    SqlToDingTalkOperator(
        task_id="send_orders",
        conn_id="warehouse",
        sql=ORDERS,
        render="workbook",
        title="昨日订单",
        dingtalk_conn_id="dingtalk_app_default",
        to=Users(["zhangsan"]),
    )
