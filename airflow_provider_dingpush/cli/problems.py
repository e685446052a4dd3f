"""An error that ends a command: one line for people, and its traceback for those who ask; never with a secret."""

from __future__ import annotations

import re
import sys
import traceback

from airflow_provider_dingpush.cli.parsing import Pair, Parser
from airflow_provider_dingpush.errors import DingTalkError

_UNEXPECTED: Pair = (
    "(--verbose shows where it happened)",
    "（加上 --verbose 可查看出错位置）",
)
# After the end of a sentence.
_CHINESE_PART = re.compile(r"(?<=[.!?。]) (?=\S*[\u4e00-\u9fff])")
_LOGIN_OR_QUERY = re.compile(r"(?<=://)\S*@|(?<=\?)\S+")


def report(problem: Exception, parser: Parser, *, verbose: bool) -> None:
    """Print an error to standard error.

    :param parser: of the command that it ends.
    :param verbose: print its traceback as well.
    """
    if verbose:
        for line in traceback.format_exception(problem):
            print(_without_secrets(line), end="", file=sys.stderr)
    print(f"{parser.prog}: {in_one_line(problem, parser.language)}", file=sys.stderr)
    if not verbose and not isinstance(problem, (DingTalkError, OSError)):
        print(parser.text(_UNEXPECTED), file=sys.stderr)


def in_one_line(problem: BaseException, language: str) -> str:
    """A problem in one line, without secrets.

    :param language: ``zh`` or ``en``; a problem itself may be in English only.
    """
    if isinstance(problem, DingTalkError) and problem.advice:
        return str(problem).replace(problem.advice, in_language(problem.advice, language))
    if isinstance(problem, OSError) and problem.strerror:
        where = f": {problem.filename}" if problem.filename is not None else ""
        return _without_secrets(f"{problem.strerror}{where}")
    try:
        from airflow_provider_dingpush.pipeline.redaction import described
    except Exception:  # noqa: BLE001 - Airflow can't be loaded, for example because of a missing secrets backend
        return _without_secrets(f"{type(problem).__name__}: {str(problem).partition(chr(10))[0]}".rstrip(": "))
    return described(problem)


def in_language(advice: str, language: str) -> str:
    """The part of an advice in one language: most are written in English, then in Chinese.

    :param language: ``zh`` or ``en``.
    """
    english, *chinese = _CHINESE_PART.split(advice, 1)
    return chinese[0] if chinese and language == "zh" else english


def _without_secrets(text: str) -> str:
    try:
        from airflow_provider_dingpush.pipeline.redaction import redact_text
    except Exception:  # noqa: BLE001 - as above
        return _LOGIN_OR_QUERY.sub("***", text)
    return redact_text(text)
