"""Appears in DingTalk: a table of sales as a picture for phones, in a group, from the app's robot."""

from __future__ import annotations

from datetime import datetime, timezone

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG

from airflow_provider_dingpush.operators import SqlToDingTalkOperator

# Any database with a provider that builds on common-sql: a connection "warehouse", and your own query here.
SALES = """
SELECT '上海' AS 城市, 1234567.50 AS 销售额, 3021 AS 订单数, 12.3 AS 同比
UNION ALL SELECT '北京', 987654.00, 2876, -1.5
UNION ALL SELECT '广州', 456789.25, 1402, NULL
ORDER BY 2 DESC
"""

with DAG(dag_id="dingpush_picture_to_group", start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), schedule=None):
    # Needs pip install 'airflow-provider-dingpush[sql,pictures]' and a font with Chinese letters, such as the Debian
    # package fonts-noto-cjk. Without `to`, the message goes to the open_conversation_id of the connection.
    SqlToDingTalkOperator(
        task_id="send_sales",
        conn_id="warehouse",
        sql=SALES,
        render="picture",
        title="昨日各城市销售",
        max_rows=20,
        dingtalk_conn_id="dingtalk_app_default",
    )
