"""Commands whose output is read only in part, as in ``dingpush status | head -3``."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_dingpush.cli.broken_pipes import closed_pipes_ignored
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.pending import all_alerts
from airflow_provider_dingpush.sandbox import Sandbox
from tests.outbox_in_use import put_alerts


def run_without_reader(*arguments: str, both: bool = False) -> tuple[int, str]:
    """Run the command with a standard output that nobody reads; returns its exit code and its error output.

    :param both: nobody reads standard error either.
    """
    program = shutil.which("dingpush", path=str(Path(sys.executable).parent)) or "dingpush"
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [program, *arguments],
            stdout=writer,
            stderr=writer if both else subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
            # Older Airflows warn of parts of themselves.
            env={**os.environ, "_AIRFLOW_PROCESS_CONTEXT": "server", "PYTHONWARNINGS": "ignore"},
        )
    finally:
        os.close(writer)
    return done.returncode, done.stderr or ""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["status"], 0),
        (["dead-letters"], 0),
        (["doctor", "dingtalk_default"], 0),
        (["send", "hello"], 0),
        (["--help"], 0),
    ],
    ids=lambda each: "_".join(each) if isinstance(each, list) else "",
)
def test_a_command_ends_quietly(connected: Sandbox, arguments: list[str], code: int) -> None:
    """With the exit code of what it has done, and without a traceback."""
    put_alerts(*(f"dingtalk_{number}" for number in range(3)))
    ended, errors = run_without_reader(*arguments)
    assert ended == code
    # Airflow may have a warning of its own.
    assert not any(words in errors for words in ("Traceback", "Error", "dingpush"))


def test_a_flush_goes_on_sending(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads its output, and all is sent."""
    put_alerts("dingtalk_default")
    assert run_without_reader("flush", both=True) == (0, "")
    assert len(connected.messages) == 1
    assert all_alerts(outbox()) == 0


def test_characters_that_the_terminal_lacks_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names may contain lone surrogates."""
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    with closed_pipes_ignored():
        print("钉钉 \udcff")  # noqa: T201 - this is what is tried
    terminal.flush()
    assert terminal.buffer.getvalue() == b"\\u9489\\u9489 \\udcff\n"


@pytest.mark.parametrize(("encoding", "printed"), [("gbk", "√ 钉钉 ? × – …"), ("ascii", r"OK \u9489\u9489 ? x - ...")])
def test_symbols_that_the_terminal_lacks_are_replaced(
    monkeypatch: pytest.MonkeyPatch, encoding: str, printed: str
) -> None:
    """GBK is common in China; it has no emoji."""
    terminal = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", terminal)
    with closed_pipes_ignored():
        print("✓ 钉钉 👋 ✗ – …")  # noqa: T201 - this is what is tried
    assert terminal.buffer.getvalue().decode(encoding) == f"{printed}\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_a_failure() -> None:
    """What was to be in the file isn't."""
    program = shutil.which("dingpush", path=str(Path(sys.executable).parent)) or "dingpush"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([program, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "dingpush: No space left on device\n"


def test_a_stream_that_was_closed_before_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with ``>&-``."""
    monkeypatch.setattr(sys, "stdout", None)
    with closed_pipes_ignored():
        print("nobody reads this")  # noqa: T201 - this is what is tried
