"""Where options of ``[dingpush]`` are set: in environment variables, or in ``airflow.cfg``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from configparser import Error, RawConfigParser
from dataclasses import dataclass, field
from pathlib import Path

from airflow_provider_dingpush.provider_info import get_provider_info

SECTION = "dingpush"
_PREFIX = "AIRFLOW__"
# Airflow also takes a sensitive option from a command or a secrets backend.
_INDIRECT = "_cmd", "_secret"


@dataclass(frozen=True)
class OptionSources:
    """The options that are set, as far as they can be seen without Airflow.

    :param places: the section and name of each option that isn't empty, in lower case -> where it is set.
    :param file: Airflow's configuration file.
    :param problem: why the file can't be read.
    """

    file: Path
    places: Mapping[tuple[str, str], str] = field(default_factory=dict)
    problem: str | None = None

    @classmethod
    def read(cls) -> OptionSources:
        """Look into the environment and the file of this process."""
        home = os.environ.get("AIRFLOW_HOME") or "~/airflow"
        named = os.environ.get("AIRFLOW_CONFIG") or os.path.join(home, "airflow.cfg")
        file = Path(os.path.expandvars(named)).expanduser()
        config, problem = RawConfigParser(strict=False, allow_no_value=True), None
        try:
            with file.open(encoding="utf-8-sig") as text:
                config.read_file(text)
        except FileNotFoundError:
            pass
        except OSError as error:
            problem = error.strerror or type(error).__name__
        except (Error, UnicodeError) as error:
            problem = type(error).__name__
        places = {
            (section.lower(), name): f"{file} [{section}] {name}"
            for section in config.sections()
            for name in config.options(section)
            if config.get(section, name)  # Airflow writes a file with all options, most of them empty
        }
        # The environment goes before the file.
        places.update(_variables())
        return cls(file, places, problem)

    def where(self, name: str) -> str | None:
        """The variable or file that sets an option of ``[dingpush]``; ``None`` if neither does."""
        for ending in ("", *_INDIRECT):
            place = self.places.get((SECTION, name + ending))
            if place is not None:
                return place
        return None


def known_options() -> list[str]:
    """All options of ``[dingpush]``, with the indirect forms of those that have them."""
    options = get_provider_info()["config"][SECTION]["options"]
    indirect = [name + ending for name, each in options.items() if each["sensitive"] for ending in _INDIRECT]
    return [*options, *indirect]


def _variables() -> dict[tuple[str, str], str]:
    found = {}
    for variable, value in os.environ.items():
        if value and variable.startswith(_PREFIX):
            section, separator, name = variable[len(_PREFIX) :].lower().partition("__")
            if separator:
                found[section, name] = variable
    return found
