"""A real DAG run on the installed Airflow, with every callback: what arrives in the group."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from airflow_provider_dingpush.airflow_compat import is_airflow_3
from airflow_provider_dingpush.sandbox import Robot, Sandbox

RUN_ID = "manual__2026-11-22T00:00:00+00:00"
SECRET = "SEC-of-a-real-run-0123456789"


@pytest.fixture(scope="module")
def run(dag_test: Callable[[Sandbox, str, dict[str, str]], str]) -> Iterator[tuple[Sandbox, str]]:
    """The sandbox after the run, and everything that Airflow wrote."""
    with Sandbox(robots=(Robot(secret=SECRET),)) as sandbox:
        connections = {
            "AIRFLOW_CONN_DINGTALK_DEFAULT": f"{sandbox.webhook_url}&secret={SECRET}&group_interval_seconds=0"
        }
        yield sandbox, dag_test(sandbox, "every_callback", connections)


def alerts(sandbox: Sandbox) -> dict[str, str]:
    """Title and text of each Markdown message."""
    bodies = [message.payload["markdown"] for message in sandbox.messages if message.payload["msgtype"] == "markdown"]
    return {body["title"]: body["text"] for body in bodies}


def test_each_ending_has_its_alert_and_each_word_its_message(run: tuple[Sandbox, str]) -> None:
    """Nothing is missing, nothing comes twice."""
    sandbox, written = run
    sent = [message.payload["text"]["content"] for message in sandbox.messages if message.payload["msgtype"] == "text"]
    titles = [message.payload["markdown"]["title"] for message in sandbox.messages if "markdown" in message.payload]
    titles = [title.partition(" manual__")[0] for title in titles]
    assert (sorted(sent), sorted(titles)) == (
        ["b 1", "first", "notes.txt"],
        [
            "Failed: every_callback · fails",
            "Failed: every_callback · some_fail [1]",
            "Good morning",
            "Run",
            "Run failed: every_callback",
            "Skipped: every_callback · is_skipped",
            "Try 1/2 failed, will retry: every_callback · recovers",
            "a 0",
        ],
    ), written[-5000:]


def test_an_alert_names_the_run_and_links_to_it(run: tuple[Sandbox, str]) -> None:
    """What the person on call needs."""
    text = alerts(run[0])["Failed: every_callback · fails"]
    for words in ("every\\_callback", "zhangsan", "log", "localhost%3A8080%2Fdags%2Fevery_callback"):
        assert words in text


@pytest.mark.skipif(
    # This module is new in 3.3.
    is_airflow_3() and find_spec("airflow.sdk.definitions.retry_policy") is None,
    reason="dags test of Airflow 3.0 to 3.2 gives callbacks no exception: install apache-airflow>=3.3",
)
def test_an_alert_says_where_in_the_dag_file_it_failed(run: tuple[Sandbox, str]) -> None:
    """The traceback of the real exception, through all of Airflow's own frames."""
    lines = (Path(__file__).with_name("dags") / "every_callback.py").read_text().splitlines()
    for title, raised, function in (
        ("Failed: every_callback · fails", "raise ValueError(", "fails"),
        ("Failed: every_callback · some_fail [1]", "raise LookupError(", "some\\_fail"),
        ("Try 1/2 failed, will retry: every_callback · recovers", "raise RuntimeError(", "recovers"),
    ):
        line = next(number for number, text in enumerate(lines, 1) if raised in text)
        assert f"At: every\\_callback.py:{line} in {function}\n" in alerts(run[0])[title]


def test_the_alert_of_the_run_names_its_failed_tasks(run: tuple[Sandbox, str]) -> None:
    """Also in ``airflow dags test`` of Airflow 3, whose process has no supervisor to ask."""
    text = alerts(run[0])["Run failed: every_callback"]
    assert "Failed tasks (2):" in text, run[1][-5000:]
    assert "- fails" in text
    assert "- some\\_fail [1]" in text


def test_the_messages_of_operators_are_rendered(run: tuple[Sandbox, str]) -> None:
    """Jinja in a message, in a mapped message and in a file beside the DAG."""
    sandbox, _ = run
    texts = alerts(sandbox)
    assert texts["Good morning"].startswith("## Good morning\n\nRun `manual__")
    assert any(text == "owner **zhangsan**\n\n@13800000000" for text in texts.values())


def test_no_secret_was_written(run: tuple[Sandbox, str]) -> None:
    """Neither Airflow's logs at DEBUG nor its output show token, secret or signature."""
    sandbox, written = run
    # In ``dags test`` Airflow 3 prints each secret that it is given to mask, of whatever connection.
    ours = "\n".join(line for line in written.splitlines() if "MaskSecret(" not in line)
    signs = {request.query["sign"] for request in sandbox.requests}
    for secret in {SECRET, sandbox.robot.access_token, *signs}:
        assert secret not in ours
