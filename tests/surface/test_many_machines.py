"""Settings in the guides: YAML that can be read, options and fields that exist, an outbox that can be opened."""

from __future__ import annotations

import importlib
import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.connection_fields import FIELDS
from airflow_provider_dingpush.operators import create_flush_dag
from airflow_provider_dingpush.pipeline import dispatching
from airflow_provider_dingpush.provider_info import get_provider_info
from airflow_provider_dingpush.storage.redis import address_of

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*/**/*.md"))]
OPTIONS = get_provider_info()["config"]["dingpush"]["options"]
FENCED = re.compile(r"^ *```yaml\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
YAML = [
    pytest.param(found[1], id=f"{page.relative_to(ROOT)}-{number}")
    for page in PAGES
    for number, found in enumerate(FENCED.finditer(page.read_text("utf-8")), 1)
]
VARIABLE = re.compile(r"AIRFLOW__DINGPUSH__(\w+)")
CONNECTION = re.compile(r"'(\{\"conn_type\".*?\})'")


def read(block: str) -> Any:
    return importlib.import_module("yaml").safe_load(block)


def names_in(value: Any) -> set[str]:
    """Each key and each str of a document."""
    if isinstance(value, dict):
        return set().union(*({str(name)} | names_in(each) for name, each in value.items()))
    if isinstance(value, list):
        return set().union(*map(names_in, value))
    return {value} if isinstance(value, str) else set()


def known(variable: str) -> bool:
    """Of a sensitive option Airflow reads a command or the name of a secret as well."""
    option = variable.lower()
    sensitive = [name for name, each in OPTIONS.items() if each["sensitive"]]
    return option in OPTIONS or option in {f"{name}{ending}" for name in sensitive for ending in ("_cmd", "_secret")}


@pytest.mark.parametrize("block", YAML)
def test_a_yaml_block_names_options_that_exist(block: str) -> None:
    document = read(block)
    assert isinstance(document, dict)
    assert set(document.get("config", {}).get("dingpush", {})) <= set(OPTIONS)
    variables = [name for text in names_in(document) for name in VARIABLE.findall(text)]
    assert [name for name in variables if not known(name)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_variables_and_fields_in_a_page_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    assert [name for name in VARIABLE.findall(text) if not known(name)] == []
    for connection in CONNECTION.findall(text):
        fields = json.loads(connection.replace("{…}", "{}"))
        of_type = {each.name for each in FIELDS if fields["conn_type"] in each.conn_types}
        assert set(fields) <= {"conn_type", "login", "password", "host", "extra"}
        assert set(fields.get("extra", {})) <= of_type


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_outbox_of_the_compose_file_can_be_opened(language: str) -> None:
    """The service ``redis`` of Airflow's file, but another database than Celery's."""
    page = (ROOT / "docs" / language / "many-machines.md").read_text("utf-8")
    (url,) = re.findall(r"^    AIRFLOW__DINGPUSH__OUTBOX_URL: (\S+)$", page, re.MULTILINE)
    assert address_of(url).location == url
    assert url != "redis://redis:6379/0"


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "within the last three minutes"), ("zh", "最近三分钟内")],
)
def test_intervals_of_the_page_on_the_flush_dag_are_those_of_the_code(language: str, words: str) -> None:
    page = (ROOT / "docs" / language / "flush-cost.md").read_text("utf-8")
    assert (words in page, dispatching._FLUSHER_RUNS_SECONDS) == (True, 180)
    assert ("1,440" in page, inspect.signature(create_flush_dag).parameters["every_minutes"].default) == (True, 1)
