"""What all tests share: an Airflow of their own, and a sandbox to send to."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# Airflow reads these when it is first imported: tests never meet the Airflow that may be configured on this machine.
for _name in [name for name in os.environ if name.startswith("AIRFLOW")]:
    del os.environ[_name]
_home = tempfile.TemporaryDirectory(prefix="dingpush-tests-")
os.environ.update(
    AIRFLOW_HOME=_home.name,
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__DAGS_FOLDER=str(Path(_home.name, "dags")),
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
)
# A proxy of this machine must not be asked for servers that tests start.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
for _name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy", "REQUESTS_CA_BUNDLE"):
    os.environ.pop(_name, None)

from airflow_provider_dingpush.airflow_compat import is_airflow_3  # noqa: E402 - after the environment is clean
from airflow_provider_dingpush.sandbox import Robot, Sandbox  # noqa: E402

CONN_ID = "dingtalk_default"
SECRET = "SEC0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="session")
def airflow_home() -> Path:
    """The throw-away home that Airflow uses in this test session."""
    return Path(_home.name)


@pytest.fixture(autouse=True)
def _masked_anew() -> Iterator[None]:
    """What one test has masked, the next may say: Airflow 2 masks a password that is a blank, and then every blank."""
    if is_airflow_3():
        yield
        return
    from airflow.utils.log.secrets_masker import _secrets_masker  # type: ignore[import-not-found]

    masker = _secrets_masker()
    kept = set(masker.patterns), masker.replacer
    yield
    masker.patterns, masker.replacer = kept


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A group with one robot that demands signatures."""
    with Sandbox(robots=(Robot(secret=SECRET),)) as running:
        yield running


@pytest.fixture
def connected(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The same, and the default connection points to it."""
    # Alerts of one test needn't wait for company.
    url = f"{sandbox.webhook_url}&secret={SECRET}&group_interval_seconds=0"
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", url)
    return sandbox


@pytest.fixture
def app_connected(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The same sandbox, and the default connection of an app points to its app."""
    connection = json.loads(sandbox.connection_of(sandbox.app))
    connection["extra"]["group_interval_seconds"] = 0
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", json.dumps(connection))
    return sandbox
