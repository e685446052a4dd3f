"""Appears in DingTalk: a report as a file, in two people's chats with the app's robot. A CSV must be zipped."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime, timezone

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

from airflow_provider_dingpush.hooks import DingTalkAppHook
from airflow_provider_dingpush.messages import File
from airflow_provider_dingpush.targets import Users

with DAG(dag_id="dingpush_report_file_to_people", start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), schedule=None):

    @task(multiple_outputs=False)  # one XCom, the receipt; otherwise a dict becomes one for each key
    def send_report() -> dict[str, object]:
        """Creates and sends the file in one task, because the next task may run on another machine."""
        table = "sku,left\nSKU-001,3\nSKU-002,0\n"
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("stock.csv", table)
        receipt = DingTalkAppHook("dingtalk_app_default").send(
            File(packed.getvalue(), name="库存.zip"), to=Users(["zhangsan", "lisi"])
        )
        return receipt.to_dict()

    send_report()
