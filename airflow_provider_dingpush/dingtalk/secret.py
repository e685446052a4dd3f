"""A string that isn't printed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, repr=False)
class Secret:
    """A token or secret. ``repr``, ``str`` and format show ``***``, so logs and tracebacks with locals stay clean.

    :param revealed: the value; read it only to send it or to have Airflow mask it.
    """

    revealed: str

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self.revealed)
