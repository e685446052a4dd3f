"""An error that ends a command: one line for people, and its traceback for those who ask; never with a secret."""

from __future__ import annotations

import re
import sys
import traceback
from functools import cache
from importlib import import_module
from types import ModuleType

from airflow_provider_dingpush.cli.parsing import Pair, Parser
from airflow_provider_dingpush.errors import DingTalkError

_UNEXPECTED: Pair = (
    "(--verbose shows where it happened)",
    "（加上 --verbose 可查看出错位置）",
)
# Such as: zhangsan: the content is prohibited 内容违规 (1430002).
_BOTH_LANGUAGES = re.compile(r"(?P<who>.+?): (?P<en>[ -~]+?) (?P<zh>[\u4e00-\u9fff][^(]*?)(?P<code> \(\w+\))?\.")
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
    if isinstance(problem, DingTalkError):
        return problem.in_language(language)
    if isinstance(problem, OSError) and problem.strerror:
        where = f": {problem.filename}" if problem.filename is not None else ""
        return _without_secrets(f"{problem.strerror}{where}")
    redaction = _redaction()
    if redaction is None:
        return _without_secrets(f"{type(problem).__name__}: {str(problem).partition(chr(10))[0]}".rstrip(": "))
    line: str = redaction.described(problem)
    return line


def undelivered(problem: str, language: str) -> str:
    """Why a work notification wasn't delivered to somebody, in one of the two languages of the sentence.

    :param language: ``zh`` or ``en``.
    """
    found = _BOTH_LANGUAGES.fullmatch(problem)
    if found is None:
        return problem
    if language == "zh":
        return f"{found['who']}：{found['zh']}{found['code'] or ''}"
    return f"{found['who']}: {found['en']}{found['code'] or ''}"


def _without_secrets(text: str) -> str:
    redaction = _redaction()
    plain: str = _LOGIN_OR_QUERY.sub("***", text) if redaction is None else redaction.redact_text(text)
    return plain


@cache
def _redaction() -> ModuleType | None:
    """The module that redacts; ``None`` if Airflow can't be loaded, such as with a secrets backend that is missing.

    Tried once: each try takes a second, and Airflow prints why it failed into the middle of a traceback.
    """
    try:
        found = import_module("airflow_provider_dingpush.pipeline.redaction")
        found.redact_text("")  # which loads Airflow
    except Exception:  # noqa: BLE001 - whatever is wrong with it
        return None
    return found
