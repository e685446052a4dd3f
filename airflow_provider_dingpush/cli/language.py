"""The language of one run of the command: decided once, before anything is printed, for all output and help."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from configparser import Error, RawConfigParser
from pathlib import Path

LANGUAGES = "zh", "en"


def language_of_run(arguments: Sequence[str]) -> str:
    """``zh`` or ``en``: ``--language``, else ``[dingpush] language`` of Airflow, else the terminal's language.

    Airflow isn't loaded for this: that takes seconds, and it returns the default if the option isn't set.

    :param arguments: of the command line.
    """
    return _named(arguments) or _configured() or _of_terminal()


def _named(arguments: Sequence[str]) -> str | None:
    reader = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    reader.add_argument("--language", nargs="?")
    try:
        language: str | None = reader.parse_known_args(arguments)[0].language
    except argparse.ArgumentError:
        return None
    return language if language in LANGUAGES else None


def _configured() -> str | None:
    language = os.environ.get("AIRFLOW__DINGPUSH__LANGUAGE")
    if language is None:
        home = os.environ.get("AIRFLOW_HOME") or "~/airflow"
        file = Path(os.environ.get("AIRFLOW_CONFIG") or Path(home, "airflow.cfg")).expanduser()
        config = RawConfigParser(strict=False)
        try:
            config.read(file, "utf-8")
        except (Error, OSError, UnicodeError):
            return None
        language = config.get("dingpush", "language", fallback="")
    language = language.strip().lower()
    return language if language in LANGUAGES else None


def _of_terminal() -> str:
    locale = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return "zh" if locale.startswith("zh") else "en"
