"""A real dbt project in Cosmos, in a task of one's own and in Bash: a test fails, another warns, a model is broken."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

try:
    from airflow.sdk import DAG, task
except ImportError:
    from airflow import DAG
    from airflow.decorators import task  # type: ignore[attr-defined,no-redef]

try:
    from airflow.providers.standard.operators.bash import BashOperator
except ImportError:
    from airflow.operators.bash import BashOperator  # type: ignore[import-not-found,no-redef]

from airflow_provider_dingpush.notifications import DingTalkNotifier

PROJECT = os.environ.get("SHOP_PROJECT")

# Other tests read this folder without Cosmos.
if PROJECT:
    from cosmos import ProfileConfig
    from cosmos.constants import InvocationMode
    from cosmos.operators.local import DbtBuildLocalOperator, DbtRunLocalOperator, DbtTestLocalOperator

    project, database = Path(PROJECT), os.environ["SHOP_DATABASE"]
    profile = ProfileConfig(profile_name="shop", target_name="dev", profiles_yml_filepath=project / "profiles.yml")
    notifier = DingTalkNotifier(language="en")

    with DAG(
        "dbt_shop",
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        schedule=None,
        default_args={"on_failure_callback": notifier},
    ):
        for mode in InvocationMode:
            name = mode.name.lower()
            of_cosmos = {
                "project_dir": str(project),
                "profile_config": profile,
                "install_deps": False,
                "emit_datasets": False,
                "invocation_mode": mode,
                # DuckDB lets one process in.
                "env": {"SHOP_DATABASE": f"{database}.{name}"},
                "append_env": True,
                "dbt_executable_path": os.environ["SHOP_DBT"],
            }
            orders = DbtRunLocalOperator(task_id=f"run_in_{name}", select="stg_orders daily_sales", **of_cosmos)
            orders >> [
                DbtTestLocalOperator(task_id=f"test_in_{name}", select="not_null_stg_orders_customer_id", **of_cosmos),
                DbtTestLocalOperator(
                    task_id=f"warning_in_{name}",
                    select="unique_stg_orders_order_id",
                    on_warning_callback=notifier,
                    **of_cosmos,
                ),
                DbtRunLocalOperator(task_id=f"broken_in_{name}", select="broken_report+", **of_cosmos),
                # In a subprocess Cosmos names no test to the callback.
                DbtBuildLocalOperator(
                    task_id=f"build_in_{name}",
                    select="unique_stg_orders_order_id",
                    on_warning_callback=notifier,
                    **of_cosmos,
                ),
                # Cosmos calls for it without any warning as well.
                DbtBuildLocalOperator(
                    task_id=f"quiet_in_{name}", select="daily_sales", on_warning_callback=notifier, **of_cosmos
                ),
            ]

        @task
        def own_runner() -> None:
            from dbt.cli.main import dbtRunner

            result = dbtRunner().invoke(["build", "--project-dir", str(project), "--profiles-dir", str(project)])
            if not result.success:
                raise RuntimeError("dbt failed")

        own_runner()
        BashOperator(
            task_id="in_bash",
            bash_command="cd $SHOP_PROJECT && dbt build --profiles-dir .",
            env={
                "SHOP_DATABASE": f"{database}_bash",
                "PATH": f"{Path(os.environ['SHOP_DBT']).parent}{os.pathsep}{os.environ['PATH']}",
            },
            append_env=True,
        )
