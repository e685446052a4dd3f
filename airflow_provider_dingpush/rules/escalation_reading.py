"""Reading the escalation of a rule: its steps, what claims an incident, and how many phone calls there may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from airflow_provider_dingpush.rules.duty_table import ON_CALL, DutyTable
from airflow_provider_dingpush.rules.escalations import CallLimits, Escalation, Step, Way
from airflow_provider_dingpush.rules.mistakes import WrongValueError
from airflow_provider_dingpush.rules.yaml_nodes import Document, Node, one_of

OWNER = "owner"
"""Stands for the owners of the DAG or task, as far as ``people`` has them."""
LIMIT_KEYS = ("max_calls_per_night", "max_calls_per_month")
ESCALATION_KEYS = ("escalate", "ack", "app", *LIMIT_KEYS)
"""The keys of a rule that are read here."""
STEP_KEYS = ("after", "to", "ding", "todo", "who")
PRIORITIES = ("low", "normal", "urgent", "very_urgent")

_GROUP = "group"
_DINGS: Mapping[str, Way] = {each.value: each for each in Way if each.is_ding}
_MOST_CALLS = 100_000


class EscalationReader:
    """Reads the escalations of one file.

    :param duty: its people and rotations.
    :param read_duration: reads a duration, in seconds.
    """

    def __init__(self, document: Document, duty: DutyTable, read_duration: Callable[[str], float]) -> None:
        self._document = document
        self._people = tuple(each.name for each in duty.people.persons)
        self._emails = tuple(each.email for each in duty.people.persons if each.email)
        self._rotations = tuple(each.name for each in duty.rotations)
        self._read_duration = read_duration

    def escalation(self, found: Mapping[str, Node]) -> Escalation | None:
        """The escalation of a rule; ``None`` if it has no steps.

        :param found: the values of the rule, by key.
        """
        document = self._document
        reads = "ack" in found and document.value(found["ack"], "ack", one_of({"read": True}), False)
        app = document.text(found["app"], "app") or None if "app" in found else None
        limits = self.limits(found)
        if "escalate" not in found:
            for key in (each for each in ESCALATION_KEYS if each in found):
                document.note(found[key], "escalation_no_steps", name=key)
            return None
        steps = self._steps(found["escalate"])
        return Escalation(steps, reads, app, limits) if steps else None

    def limits(self, found: Mapping[str, Node]) -> CallLimits:
        """How many phone calls there may be.

        :param found: the values of the file or of a rule, by key.
        """
        night, month = (
            self._document.value(found[key], key, _number, None) if key in found else None for key in LIMIT_KEYS
        )
        return CallLimits(night, month)

    def _steps(self, node: Node) -> tuple[Step, ...]:
        steps: list[Step] = []
        items = self._document.items(node, "escalate")
        if node.id == "sequence" and not items:
            self._document.note(node, "escalate_empty")
        for each in items:
            step = self._step(each)
            if step is None:
                continue
            if steps and step.after_seconds < steps[-1].after_seconds:
                self._document.note(each, "step_order")
            elif any(step.key == other.key for other in steps):
                self._document.note(each, "step_twice")
            else:
                steps.append(step)
        return tuple(steps)

    def _step(self, node: Node) -> Step | None:
        document = self._document
        found = document.mapping(node, "A step", STEP_KEYS)
        ways = [each for each in ("to", "ding", "todo") if each in found]
        if not found:
            return None
        if "after" not in found:
            document.note(node, "step_no_after")
        if len(ways) != 1:
            document.note(node, "step_ways")
            return None
        after = document.value(found["after"], "after", self._read_duration, 0.0) if "after" in found else 0.0
        values = self._to(found) if "to" in found else self._ding_or_todo(found, node)
        return None if values is None else Step(after, **values)

    def _to(self, found: Mapping[str, Node]) -> dict[str, Any] | None:
        nodes = self._document.one_or_more(found["to"])
        is_group = any(each.id == "scalar" and each.value == _GROUP for each in nodes)
        if "who" in found:
            self._document.note(found["who"], "step_who_twice")
            return None
        if is_group and len(nodes) == 1:
            return {"way": Way.GROUP}
        who = self._who(found["to"])
        return {"way": Way.PERSON, "who": who} if who else None

    def _ding_or_todo(self, found: Mapping[str, Node], node: Node) -> dict[str, Any] | None:
        values: dict[str, Any]
        if "ding" in found:
            values = {"way": self._document.value(found["ding"], "ding", one_of(_DINGS), Way.APP)}
        else:
            priorities = {each: each for each in PRIORITIES}
            priority = self._document.value(found["todo"], "todo", one_of(priorities), "urgent")
            values = {"way": Way.TODO, "priority": priority}
        if "who" not in found:
            self._document.note(node, "step_no_who")
            return None
        who = self._who(found["who"])
        return {**values, "who": who} if who else None

    def _who(self, node: Node) -> tuple[str, ...]:
        found = (self._one(each) for each in self._document.one_or_more(node))
        return tuple(dict.fromkeys(each for each in found if each))

    def _one(self, node: Node) -> str:
        word = self._document.text(node, "who")
        if word == ON_CALL and not self._rotations:
            self._document.note(node, "no_rotations")
            return ""
        known: Sequence[str] = (OWNER, *((ON_CALL,) if self._rotations else ()), *self._rotations, *self._people)
        if not word or word in known or word.lower() in (each.lower() for each in self._emails):
            return word
        close = get_close_matches(word, known, 1)
        if close:
            self._document.note(node, "who_misspelled", name=word, close=close[0])
        else:
            self._document.note(node, "who_unknown", name=word, known=", ".join(known))
        return ""


def _number(text: str) -> int | None:
    if not text.isascii() or not text.isdigit() or int(text) > _MOST_CALLS:
        raise WrongValueError("calls", most=_MOST_CALLS)
    return int(text)
