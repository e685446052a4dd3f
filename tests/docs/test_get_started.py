"""What the page "Get started in 5 minutes" says to type, typed: in an Airflow of its own, against the sandbox."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_dingpush.sandbox import Sandbox
from tests.docs.pages import DOCS, README, README_ZH, ROOT, after_mark, blocks, name_of

PAGES = {"en": DOCS / "en" / "get-started.md", "zh": DOCS / "zh" / "get-started.md"}
READMES = {"en": README, "zh": README_ZH}
MOST_SECONDS = 300


def commands_in(page: Path) -> list[str]:
    return [code for language, code in blocks(page) if language == "bash"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_it_begins_as_the_readme_does(language: str) -> None:
    """The README has the same two commands."""
    clone, demo = commands_in(PAGES[language])[:2]
    assert clone == commands_in(READMES[language])[0]
    assert demo == after_mark(READMES[language], "demo-command")


def test_each_further_command_works(tmp_path: Path, migrated_database: Path) -> None:
    """From the clone, where the package is installed, with the connection of a robot."""
    install, connect, *typed = commands_in(PAGES["en"])[2:]
    assert install == "pip install .\n"
    assert connect.startswith("export AIRFLOW_CONN_DINGTALK_DEFAULT=")
    (tmp_path / "dags").mkdir()
    shutil.copy(migrated_database, tmp_path / "airflow.db")
    with Sandbox() as sandbox:
        environment = {
            **os.environ,
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path / 'airflow.db'}",
            "AIRFLOW_CONN_DINGTALK_DEFAULT": sandbox.webhook_url,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        printed = ""
        for command in typed:
            done = subprocess.run(
                [str(shutil.which("bash")), "-c", command],
                env=environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                timeout=MOST_SECONDS,
                check=False,
            )
            printed += f"$ {command}{done.stdout}"
        messages = [str(each.payload) for each in sandbox.messages]
    assert len(messages) == 2, printed
    assert "来自 Airflow 的第一条消息" in messages[0]
    assert "load_orders" in messages[1]


@pytest.mark.parametrize("page", PAGES.values(), ids=name_of)
def test_the_example_is_the_readmes(page: Path) -> None:
    (example,) = (code for language, code in blocks(page) if language == "python")
    assert example == next(code for language, code in blocks(README) if language == "python")
