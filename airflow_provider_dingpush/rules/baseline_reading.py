"""Reading the baselines of a rules file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import tzinfo
from difflib import get_close_matches
from typing import Any

from airflow_provider_dingpush.rules.baselines import (
    LATEST_DUE_MINUTES,
    RUN_TYPES,
    Baseline,
    Estimate,
    Output,
    OutputKind,
)
from airflow_provider_dingpush.rules.interval_reading import read_days_of_interval, read_zone
from airflow_provider_dingpush.rules.mistakes import WrongValueError
from airflow_provider_dingpush.rules.workdays import Calendar
from airflow_provider_dingpush.rules.yaml_nodes import Document, Node, line_of, one_of

DAY_KEYS = ("days", "weekdays", "days_of_month", "months")
RECIPIENT_KEYS = ("receiver", "to", "at", "language", "severity")
BASELINE_KEYS = (
    *("name", "dags", "tasks", "assets", "due", "time_zone", *DAY_KEYS, "margin", "estimate", "upstream", "run_types"),
    *RECIPIENT_KEYS,
)
TASK_KEYS = ("dag", "task")
_DUE = re.compile(r"(\d{1,2}):([0-5]\d)")


def read_baselines(
    document: Document,
    node: Node,
    calendar: Calendar,
    zone: tzinfo,
    *,
    read_duration: Callable[[str], float],
    recipient_of: Callable[[Mapping[str, Node]], Mapping[str, Any]],
) -> tuple[Baseline, ...]:
    """The baselines of a file; wrong values are left out, and noted.

    :param calendar: of workdays.
    :param zone: of baselines without a ``time_zone``.
    :param read_duration: reads ``20m``, in seconds.
    :param recipient_of: reads the values of a rule that say who is notified.
    """
    reader = _BaselineReader(document, calendar, zone, read_duration)
    found: dict[str, Baseline] = {}
    for item in document.items(node, "baselines"):
        values = document.mapping(item, "A baseline", BASELINE_KEYS)
        if not values:
            continue
        recipient = recipient_of({key: values[key] for key in RECIPIENT_KEYS if key in values})
        baseline = reader.baseline(item, values, recipient)
        if not baseline.name:
            continue
        if baseline.name in found:
            document.note(values["name"], "baseline_name_twice", name=baseline.name)
        found[baseline.name] = baseline
    return tuple(found.values())


class _BaselineReader:
    """Reads the baselines of one file.

    :param calendar: of workdays.
    :param zone: of baselines without one.
    :param read_duration: reads a duration, in seconds.
    """

    def __init__(
        self, document: Document, calendar: Calendar, zone: tzinfo, read_duration: Callable[[str], float]
    ) -> None:
        self._document = document
        self._calendar = calendar
        self._zone = zone
        self._read_duration = read_duration

    def baseline(self, node: Node, found: Mapping[str, Node], recipient: Mapping[str, Any]) -> Baseline:
        """One baseline; without a name if it has none that is right."""
        document = self._document
        name = document.text(found["name"], "name") if "name" in found else ""
        if "name" not in found:
            document.note(node, "baseline_no_name")
        due = document.value(found["due"], "due", _due, 0) if "due" in found else 0
        if "due" not in found:
            document.note(node, "baseline_no_due")
        outputs = tuple(self._outputs(node, found))
        values: dict[str, Any] = {}
        if "margin" in found:
            values["margin_seconds"] = document.value(found["margin"], "margin", self._read_duration, 0.0)
        if "estimate" in found:
            estimates = {each.value: each for each in Estimate}
            values["estimate"] = document.value(found["estimate"], "estimate", one_of(estimates), Estimate.MEDIAN)
        if "upstream" in found:
            named = (document.text(each, "upstream") for each in document.one_or_more(found["upstream"]))
            values["upstream"] = tuple(filter(None, named))
        if "run_types" in found:
            types = one_of({each: each for each in RUN_TYPES})
            nodes = document.one_or_more(found["run_types"])
            read = (document.value(each, "run_types", types, "") for each in nodes)
            values["run_types"] = tuple(dict.fromkeys(filter(None, read)))
        if recipient.get("receiver") is None and (lost := [key for key in ("to", "at", "language") if key in found]):
            document.note(found[lost[0]], "baseline_no_receiver", key=lost[0])
        return Baseline(name, outputs, due, self._days(found), line=line_of(node), **values, **recipient)

    def _days(self, found: Mapping[str, Node]) -> Any:
        zone = self._zone
        if "time_zone" in found:
            zone = self._document.value(found["time_zone"], "time_zone", read_zone, zone)
        return read_days_of_interval(self._document, found, self._calendar, zone)

    def _outputs(self, node: Node, found: Mapping[str, Node]) -> dict[Output, None]:
        document = self._document
        outputs: dict[Output, None] = {}
        for kind in OutputKind:
            for each in document.one_or_more(found[kind.value]) if kind.value in found else ():
                output = self._task(each) if kind is OutputKind.TASK else self._named(each, kind)
                if output in outputs:
                    document.note(each, "output_twice", name=output.text)
                elif output is not None:
                    outputs[output] = None
        named = [found[kind.value] for kind in OutputKind if kind.value in found]
        if not any(document.one_or_more(each) for each in named) and not _has_misspelled_outputs(node):
            document.note(node, "baseline_no_outputs")
        return outputs

    def _named(self, node: Node, kind: OutputKind) -> Output | None:
        name = self._document.text(node, kind.value)
        if not name:
            return None
        return Output(kind, name, name if kind is OutputKind.DAG else "")

    def _task(self, node: Node) -> Output | None:
        document = self._document
        if node.id == "mapping":
            found = document.mapping(node, "A task", TASK_KEYS)
            dag_id, task_id = (document.text(found[key], key) if key in found else "" for key in TASK_KEYS)
            if found and len(found) < len(TASK_KEYS):
                document.note(node, "task_incomplete")
        else:
            dag_id, task_id = document.value(node, "tasks", _dag_and_task, ("", ""))
        return Output(OutputKind.TASK, task_id, dag_id) if dag_id and task_id else None


def _has_misspelled_outputs(node: Node) -> bool:
    """Whether a key is noted as a misspelled ``dags``, ``tasks`` or ``assets``: these aren't missing as well."""
    kinds = {kind.value for kind in OutputKind}
    keys = [key.value for key, _ in node.value if key.id == "scalar" and key.value not in BASELINE_KEYS]
    return any(kinds.intersection(get_close_matches(key, BASELINE_KEYS, 1)) for key in keys)


def _due(text: str) -> int:
    found = _DUE.fullmatch(text)
    minutes = int(found[1]) * 60 + int(found[2]) if found else LATEST_DUE_MINUTES
    if minutes >= LATEST_DUE_MINUTES:
        raise WrongValueError("due")
    return minutes


def _dag_and_task(text: str) -> tuple[str, str]:
    dag_id, _, task_id = text.partition(".")
    if not dag_id or not task_id:
        raise WrongValueError("task")
    return dag_id, task_id
