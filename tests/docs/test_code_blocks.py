"""Code blocks run as they are, and a schedule in them starts nothing but the next run."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_dingpush.airflow_compat import notifier_takes_context
from airflow_provider_dingpush.sandbox import Sandbox
from tests.docs.pages import PAGES, README, README_ZH, ROOT, blocks, name_of

PYTHON_BLOCKS = [
    pytest.param(code, id=f"{name_of(page)}-{number}")
    for page in PAGES
    for number, (language, code) in enumerate(blocks(page), 1)
    if language == "python"
]
SOURCES = [*sorted(ROOT.glob("example_dags/*.py")), *sorted(ROOT.glob("airflow_provider_dingpush/**/*.py"))]


@pytest.mark.parametrize("code", PYTHON_BLOCKS)
def test_python_block_runs(code: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each block is run as it is; what it sends goes to the sandbox, and test functions in it are run as well."""
    if "operators.hitl" in code and not notifier_takes_context():
        pytest.skip("approvals need Airflow 3.1 or later: install apache-airflow>=3.1")
    compiled = compile(code, "<docs>", "exec")
    if "from cosmos import" in code:
        pytest.skip(
            "it needs Cosmos and a dbt project: tests/integration/test_dbt_run.py runs one (dependency group 'dbt')"
        )
    (tmp_path / "templates").mkdir()
    monkeypatch.chdir(tmp_path)
    with Sandbox() as sandbox:
        monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", sandbox.webhook_url)
        monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", sandbox.connection_of(sandbox.app))
        namespace: dict[str, object] = {"__name__": "docs"}
        try:
            exec(compiled, namespace)  # noqa: S102 - our own docs
        except ImportError as error:
            if "airflow.sdk" in str(error):
                pytest.skip(f"not on this Airflow: {error}")
            raise
        for name, function in namespace.items():
            if name.startswith("test_") and callable(function):
                function(monkeypatch)


def scheduled_without_catchup(code: str) -> list[str]:
    """DAGs with a schedule that run for the days since their start date, where Airflow 2 does so by default."""
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    wrong = []
    for call in calls:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        given = {each.arg: ast.unparse(each.value) for each in call.keywords}
        if name in {"DAG", "dag"} and given.get("schedule", "None") != "None" and given.get("catchup") != "False":
            wrong.append(ast.unparse(call))
    return wrong


def snippets_in(source: str) -> Iterator[str]:
    """Code in the docstrings of a module that makes a DAG."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node) or ""
            for block in re.findall(r"::\n\n((?: {4}.*\n?|\n)+)", docstring):
                if re.search(r"\b[Dd][Aa][Gg]\(", block):
                    yield textwrap.dedent(block)


@pytest.mark.parametrize("code", PYTHON_BLOCKS)
def test_a_snippet_does_not_catch_up(code: str) -> None:
    assert scheduled_without_catchup(code) == []


@pytest.mark.parametrize("file", SOURCES, ids=name_of)
def test_an_example_does_not_catch_up(file: Path) -> None:
    source = file.read_text("utf-8")
    assert [wrong for code in (source, *snippets_in(source)) for wrong in scheduled_without_catchup(code)] == []


def test_a_schedule_without_catchup_is_found() -> None:
    code = 'DAG("a", schedule="@daily")\nDAG("b", schedule="@daily", catchup=False)\nDAG("c", schedule=None)\nDAG("d")'
    assert scheduled_without_catchup(code) == ["DAG('a', schedule='@daily')"]


@pytest.mark.parametrize("page", [README, README_ZH], ids=name_of)
def test_the_readme_begins_from_a_clone(page: Path) -> None:
    """Whoever types the commands in their order has the repository first; PyPI is named with its first version."""
    commands = [code for language, code in blocks(page) if language == "bash"]
    assert commands[0].startswith("git clone https://github.com/airflow-provider-dingpush/airflow-provider-dingpush")
    assert commands[0].endswith("&& cd airflow-provider-dingpush\n")
    text = page.read_text("utf-8")
    for place in re.finditer("pip install airflow-provider-dingpush", text):
        assert "0.1.0" in text[place.start() - 120 : place.end() + 120]
