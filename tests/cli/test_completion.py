"""``dingpush completion``: what Tab completes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.cli.options import COMMANDS, command_parsers
from tests.cli.conftest import is_chinese

BASH = shutil.which("bash")


def script(shell: str, capsys: pytest.CaptureFixture[str], language: str = "en") -> str:
    assert main(["completion", shell, "--language", language]) == 0
    return capsys.readouterr().out


@pytest.mark.skipif(BASH is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["dingpush", "s"], {"send", "silence", "status", "sandbox"}),
        (["dingpush", "--language", "zh", "st"], {"status"}),
        (["dingpush", "--language", "="], {"zh", "en"}),
        (["dingpush", "--language", "=", "z"], {"zh"}),
        (["dingpush", "status", "--j"], {"--json"}),
        (["dingpush", "status", "--language", ""], {"zh", "en"}),
        (["dingpush", "send", "--notify-u"], {"--notify-user"}),
        (["dingpush", "send", "--image", "cha"], {"chart.png"}),
        (["dingpush", "send", "--title", ""], set()),
        (["dingpush", "completion", ""], {"bash", "zsh", "fish"}),
        (["dingpush", "dead-letters", "r"], {"retry"}),
        (["dingpush", "--v"], {"--version", "--verbose"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bash_completes(
    words: list[str], completed: set[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A real one, with the words as readline splits them."""
    (tmp_path / "chart.png").touch()
    code = (
        f'{script("bash", capsys)}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _dingpush\n'
        'complete -p dingpush >/dev/null && printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        [BASH or "bash", "--norc", "-eu", "-c", code, "bash", *words],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert set(done.stdout.split()) == completed
    assert done.stderr == ""


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_know_every_option(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = script(shell, capsys)
    for name, parser in command_parsers("en").items():
        lines = [line for line in text.splitlines() if name in line.split("_arguments")[0]]
        for each in parser.arguments:
            spelled = each.names[-1].lstrip("-") if each.is_option else ""
            assert any(spelled in line for line in lines), (name, each)
    assert set(COMMANDS) <= {word.strip("'\"()").partition(":")[0] for word in text.split()}


@pytest.mark.parametrize(("shell", "check"), [("bash", ["-n"]), ("zsh", ["-n"]), ("fish", ["--no-execute"])])
def test_a_script_is_valid(shell: str, check: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """In both languages, of which it has the help."""
    for language in ("en", "zh"):
        text = script(shell, capsys, language)
        assert shell == "bash" or is_chinese(text) is (language == "zh")
        program = shutil.which(shell)
        if program is not None:
            (tmp_path / "script").write_text(text, "utf-8")
            subprocess.run([program, *check, str(tmp_path / "script")], check=True)


@pytest.mark.parametrize(("language", "text"), [("en", "name your shell: bash, zsh, fish"), ("zh", "请指定 shell")])
def test_a_shell_is_needed(language: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "--language", language]) == 2
    assert text in capsys.readouterr().err
