"""The language of one run of the command: decided once, before anything is printed, for all output and help."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import zip_longest

LANGUAGES = "zh", "en"


def language_of_run(arguments: Sequence[str]) -> str:
    """``zh`` or ``en``: ``--language``, else the language of the terminal's locale.

    ``[dingpush] language`` of Airflow is the language of alerts, which other people read.

    :param arguments: of the command line; a wrong language is refused later, in the terminal's language.
    """
    return _named(arguments) or _of_terminal()


def _named(arguments: Sequence[str]) -> str | None:
    named = None
    for word, following in zip_longest(arguments, arguments[1:], fillvalue=""):
        if word == "--":
            break
        name, equals, value = word.partition("=")
        if name == "--language":
            named = value if equals else following
    return named if named in LANGUAGES else None


def _of_terminal() -> str:
    locale = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return "zh" if locale.startswith("zh") else "en"
