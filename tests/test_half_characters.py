"""A test that fails with half a character in its text is reported by a worker like any other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FAILING = r"""
import pytest


@pytest.mark.parametrize("text", ["\ud83d"])
def test_fails(text):
    print("printed", text)
    assert text == "whole", f"half {text}"


def test_passes():
    pass
"""


def test_a_worker_survives_half_a_character(tmp_path: Path) -> None:
    """In the id of a test, in what it compares and in what it prints."""
    pytest.importorskip("xdist", reason="pytest-xdist isn't installed: pip install pytest-xdist")
    (tmp_path / "test_failing.py").write_text(FAILING, "utf-8")
    plugins = ["-p", "xdist", "-p", "tests.half_characters", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, "-n", "1", "-c", os.devnull, "--rootdir", tmp_path, tmp_path],
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert r"half \ud83d" in done.stdout
