"""What a check of ``dingpush doctor`` finds, and the table that says how it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

from airflow_provider_dingpush.cli.doctor_words import CHECKS, RESULTS, Words
from airflow_provider_dingpush.pipeline.redaction import described

Subject = TypeVar("Subject")


class Severity(Enum):
    """How much a finding matters."""

    OK = "ok"
    WARNING = "warning"
    """It works, but not as well as it could."""
    ERROR = "error"
    """It doesn't work until a person fixes it."""
    SKIPPED = "skipped"
    """It can't be checked, or isn't used."""


@dataclass(frozen=True)
class Finding:
    """One thing that was checked.

    :param check: the name of the check, for programs.
    :param severity: how much it matters.
    :param code: what was found, for programs.
    :param name: of what was checked, for people, in English and Chinese.
    :param text: what was found and what to do about it, in English and Chinese.
    :param set_in: the environment variable or file that sets the value.
    """

    check: str
    severity: Severity
    code: str
    name: Words
    text: Words
    set_in: str | None = None

    def to_dict(self, conn_id: str | None = None) -> dict[str, Any]:
        """Plain data; the text in English.

        :param conn_id: the connection that was checked.
        """
        return {
            "conn_id": conn_id,
            "check": self.check,
            "severity": self.severity.value,
            "code": self.code,
            "message": self.text[0],
            "set_in": self.set_in,
        }


@dataclass(frozen=True)
class Check(Generic[Subject]):
    """One entry in a table of checks.

    :param name: of the check, for programs; its name for people is in the table of words.
    :param run: looks at the subject, and returns what it finds; nothing if there is nothing to check.
    """

    name: str
    run: Callable[[Subject], Iterable[Finding]]


def found(check: str, severity: Severity, code: str, *, set_in: str | None = None, **values: object) -> Finding:
    """A finding with its words from the table.

    :param values: for the placeholders of the text.
    """
    english, chinese = RESULTS[code]
    text = english.format(**values), chinese.format(**values)
    return Finding(check, severity, code, CHECKS[check], text, set_in)


def found_problem(check: str, severity: Severity, code: str, text: str, *, set_in: str | None = None) -> Finding:
    """A finding with the text of an error, which holds the advice in both languages."""
    return Finding(check, severity, code, CHECKS[check], (text, text), set_in)


def run_checks(checks: Iterable[Check[Subject]], subject: Subject) -> Iterator[Finding]:
    """What each check finds; one that fails is a finding as well, and doesn't end the others."""
    for check in checks:
        try:
            yield from check.run(subject)
        except Exception as error:  # noqa: BLE001 - any error is a finding
            yield found_problem(check.name, Severity.ERROR, "check_failed", described(error))
