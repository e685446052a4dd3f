"""Reading the duty table of a rules file: people, rotations and overrides, and where rules name who is on call."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta, tzinfo
from difflib import get_close_matches
from typing import Any

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages.field_rules import mobile, user_id
from airflow_provider_dingpush.rules.duty_table import ON_CALL, DutyTable, OnCall
from airflow_provider_dingpush.rules.interval_reading import (
    read_days,
    read_minute,
    read_time_range,
    read_weekdays,
    read_zone,
)
from airflow_provider_dingpush.rules.mistakes import WrongValueError
from airflow_provider_dingpush.rules.people import People, Person, email
from airflow_provider_dingpush.rules.rotations import (
    LAST_START_OF_MONTH,
    LONGEST_TURN,
    Layer,
    Override,
    Rotation,
    Turn,
)
from airflow_provider_dingpush.rules.time_intervals import MINUTES_OF_A_DAY, DayKind, Span
from airflow_provider_dingpush.rules.workdays import Calendar
from airflow_provider_dingpush.rules.yaml_nodes import Document, Node, line_of, one_of

DUTY_KEYS = ("people", "rotations", "overrides")
PERSON_KEYS = ("name", "user_id", "mobile", "email")
LAYER_KEYS = ("people", "every", "start", "days", "weekdays", "times")
ROTATION_KEYS = ("name", "time_zone", "handover", *LAYER_KEYS, "layers")
OVERRIDE_KEYS = ("rotation", "person", "from", "until", "days")
_EVERY = re.compile(r"(?:(\d{1,4})\s*)?(day|week|month|workday|holiday)s?", re.IGNORECASE)
_NO_SPAN = Span(0, -1)
_YEARS = range(2000, 2201)
"""A date beyond them is a typing mistake, and Python can't calculate with the last ones."""


def read_duty_table(document: Document, found: Mapping[str, Node], calendar: Calendar, zone: tzinfo) -> DutyTable:
    """The duty table of a file; wrong values are left out, and noted.

    :param found: the values of the file by key.
    :param calendar: of workdays.
    :param zone: of rotations without a ``time_zone``.
    """
    people = _people(document, found["people"]) if "people" in found else People()
    reader = _RotationReader(document, people, calendar, zone)
    if "rotations" in found:
        for item in document.items(found["rotations"], "rotations"):
            reader.rotation(item)
    if "overrides" in found:
        for item in document.items(found["overrides"], "overrides"):
            reader.override(item)
    return DutyTable(people, tuple(reader.read))


def _people(document: Document, node: Node) -> People:
    persons: dict[str, Person] = {}
    emails: dict[str, str] = {}
    for item in document.items(node, "people"):
        found = document.mapping(item, "A person", PERSON_KEYS)
        if not found:
            continue
        name = document.text(found["name"], "name") if "name" in found else ""
        if not name:
            document.note(item, "person_no_name")
        elif name == ON_CALL:
            document.note(found["name"], "name_reserved", name=name)
        elif name in persons:
            document.note(found["name"], "person_name_twice", name=name)
        values = {key: document.value(found[key], key, _PERSON[key], None) for key in PERSON_KEYS[1:] if key in found}
        if "user_id" not in found and "mobile" not in found:
            document.note(item, "person_unreachable", name=name)
        address = (values.get("email") or "").lower()
        if address and address in emails:
            document.note(found["email"], "email_twice", email=values["email"], name=emails[address])
        emails.setdefault(address, name)
        # What is wrong is noted; the name is known, so that rotations with it aren't wrong as well.
        known = values if values.get("user_id") or values.get("mobile") else {**values, "user_id": "unknown"}
        if name and name not in persons:
            persons[name] = Person(name, **known)
    return People(tuple(persons.values()))


def _by(rule: Callable[[str, object, bool], str], mistake: str) -> Callable[[str], str | None]:
    def read(text: str) -> str | None:
        try:
            return rule("", text, True)
        except InvalidMessageError:
            raise WrongValueError(mistake) from None

    return read


_PERSON: Mapping[str, Callable[[str], str | None]] = {
    "user_id": _by(user_id, "user_id"),
    "mobile": _by(mobile, "mobile"),
    "email": _by(email, "email"),
}


class _RotationReader:
    """Reads the rotations of one file, and then its overrides.

    :param people: of the file.
    :param calendar: of workdays.
    :param zone: of rotations without one.
    :ivar read: the rotations so far.
    """

    def __init__(self, document: Document, people: People, calendar: Calendar, zone: tzinfo) -> None:
        self._document = document
        self._people = people
        self._calendar = calendar
        self._zone = zone
        self.read: list[Rotation] = []

    def rotation(self, node: Node) -> None:
        """Read a rotation."""
        document = self._document
        found = document.mapping(node, "A rotation", ROTATION_KEYS)
        if not found:
            return
        name = self._name(node, found)
        zone = self._zone
        if "time_zone" in found:
            zone = document.value(found["time_zone"], "time_zone", read_zone, zone)
        handover = document.value(found["handover"], "handover", read_minute, 0) if "handover" in found else 0
        if handover == MINUTES_OF_A_DAY:
            document.note(found["handover"], "handover_too_late")
            handover = 0
        if "layers" in found and (others := [key for key in LAYER_KEYS if key in found]):
            document.note(found["layers"], "layers_and_more", others=", ".join(others))
        nodes = document.items(found["layers"], "layers") if "layers" in found else (node,)
        if not nodes and "layers" in found and found["layers"].id == "sequence":
            document.note(found["layers"], "rotation_no_people")
        layers = [self._layer(each, found if each is node else None) for each in nodes]
        if name:
            self.read.append(Rotation(name, tuple(filter(None, layers)), handover, zone, line=line_of(node)))

    def _name(self, node: Node, found: Mapping[str, Node]) -> str:
        document = self._document
        name = document.text(found["name"], "name") if "name" in found else ""
        if not name:
            document.note(node, "rotation_no_name")
        elif name == ON_CALL:
            document.note(found["name"], "name_reserved", name=name)
        elif name in self._names:
            document.note(found["name"], "rotation_name_twice", name=name)
        elif self._people.named(name) is not None:
            document.note(found["name"], "rotation_as_person", name=name)
        else:
            return name
        return ""

    @property
    def _names(self) -> Sequence[str]:
        return [each.name for each in self.read]

    def _layer(self, node: Node, found: Mapping[str, Node] | None) -> Layer | None:
        """A layer.

        :param found: the values of the rotation, if it has one layer, which is written into the rotation itself.
        """
        document = self._document
        if found is None and not (found := document.mapping(node, "A layer", LAYER_KEYS)):
            return None
        people = [self._person(each) for each in document.one_or_more(found["people"])] if "people" in found else []
        if not people:
            document.note(node, "rotation_no_people")
        every, length = Turn.WEEK, 1
        if "every" in found:
            every, length = document.value(found["every"], "every", _every, (every, length))
        start = document.value(found["start"], "start", _date, None) if "start" in found else None
        if len(people) > 1 and "start" not in found:
            document.note(node, "start_missing")
        if every is Turn.MONTH and start is not None and start.day > LAST_START_OF_MONTH:
            document.note(found["start"], "start_late_in_month")
            start = None
        values = self._conditions(found)
        known = tuple(each for each in people if each is not None)
        if not known or (start is None and len(known) > 1):
            return None
        return Layer(known, every, length, start, calendar=self._calendar, **values)

    def _conditions(self, found: Mapping[str, Node]) -> dict[str, Any]:
        """On which days, and at which times of the day, a layer has somebody."""
        document = self._document
        values: dict[str, Any] = {}
        if "days" in found:
            kinds: Mapping[str, DayKind | None] = {each.value: each for each in DayKind}
            values["days"] = document.value(found["days"], "days", one_of(kinds), None)
        if "weekdays" in found:
            nodes = document.one_or_more(found["weekdays"])
            values["weekdays"] = tuple(document.value(each, "weekdays", read_weekdays, _NO_SPAN) for each in nodes)
        if "times" in found:
            values["times"] = tuple(read_time_range(document, each) for each in document.items(found["times"], "times"))
        return values

    def _person(self, node: Node) -> Person | None:
        document = self._document
        name = document.text(node, "people")
        person = self._people.named(name)
        if name and person is None:
            _note_unknown(document, node, name, "person", [each.name for each in self._people.persons])
        return person

    def override(self, node: Node) -> None:
        """Read an override, and add it to its rotation."""
        document = self._document
        found = document.mapping(node, "An override", OVERRIDE_KEYS)
        if not found:
            return
        place = self._place(node, found)
        person = self._person(found["person"]) if "person" in found else None
        if "person" not in found:
            document.note(node, "override_no_person")
        rotation = Rotation("", (), zone=self._zone) if place is None else self.read[place]
        times = self._times(node, found, rotation)
        if place is None or person is None or times is None:
            return
        if times[0] >= times[1]:
            document.note(found.get("until", node), "override_order")
            return
        self.read[place] = replace(rotation, overrides=(*rotation.overrides, Override(*times, person)))

    def _place(self, node: Node, found: Mapping[str, Node]) -> int | None:
        """Which rotation an override is of; the only one needs no name."""
        document = self._document
        if "rotation" not in found:
            if len(self.read) == 1:
                return 0
            if self.read:
                document.note(node, "override_no_rotation", known=", ".join(self._names))
            else:
                document.note(node, "no_rotations")
            return None
        name = document.text(found["rotation"], "rotation")
        if name and name not in self._names:
            _note_unknown(document, found["rotation"], name, "rotation", self._names)
        return self._names.index(name) if name in self._names else None

    def _times(self, node: Node, found: Mapping[str, Node], rotation: Rotation) -> tuple[datetime, datetime] | None:
        document = self._document
        limits = [each for each in ("from", "until") if each in found]
        if len(limits) != (0 if "days" in found else 2):
            document.note(node, "override_no_time")
            return None
        if "days" in found:
            none: tuple[date, ...] = ()
            days = document.value(found["days"], "days", _days, none)
            return (rotation.begins(days[0]), rotation.begins(days[-1] + timedelta(days=1))) if days else None
        start, end = (document.value(found[each], each, _moment_in(rotation.zone), None) for each in limits)
        return None if start is None or end is None else (start, end)


def _note_unknown(document: Document, node: Node, name: str, kind: str, known: Sequence[str]) -> None:
    """Note a name that nobody has: with the one that was meant, or with all there are."""
    close = get_close_matches(name, known, 1)
    if close:
        document.note(node, f"{kind}_misspelled", name=name, close=close[0])
    elif known:
        document.note(node, f"{kind}_unknown", name=name, known=", ".join(known))
    else:
        document.note(node, f"{kind}_unknown_none", name=name)


def _every(text: str) -> tuple[Turn, int]:
    found = _EVERY.fullmatch(text)
    length = int(found[1] or 1) if found else 0
    if found is None or not 1 <= length <= LONGEST_TURN:
        raise WrongValueError("every")
    return Turn(found[2].lower()), length


def _date(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise WrongValueError("date") from None
    if day.year not in _YEARS:
        raise WrongValueError("date")
    return day


def _days(text: str) -> tuple[date, ...]:
    days = read_days(text)
    if not all(each.year in _YEARS for each in days):
        raise WrongValueError("day")
    return days


def _moment_in(zone: tzinfo) -> Callable[[str], datetime | None]:
    def read(text: str) -> datetime | None:
        # A day alone would leave open whether it is included.
        if not re.match(r"\d{4}-\d{2}-\d{2}[T ]", text):
            raise WrongValueError("moment")
        try:
            moment = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text))
        except ValueError:
            raise WrongValueError("moment") from None
        if moment.year not in _YEARS:
            raise WrongValueError("moment")
        return moment if moment.tzinfo else moment.replace(tzinfo=zone)

    return read


class OnCallReader:
    """Reads where a rule names who is on call: ``at: on_call``, ``at: {on_call: ROTATION}``, the same for ``to``.

    :param rotations: the names of all rotations of the file.
    """

    def __init__(self, document: Document, rotations: Iterable[str]) -> None:
        self._document = document
        self._rotations = tuple(rotations)

    def named_in(self, node: Node) -> bool:
        """Whether a value names who is on call."""
        return self._is_alone(node) or self._named_by(node) is not None

    def mentioned(self, node: Node) -> tuple[str, ...]:
        """The rotations that ``at`` names."""
        if self._is_alone(node):
            return self._default(node)
        named = self._named_by(node)
        if named is None:
            return ()
        nodes = self._document.one_or_more(named)
        return tuple(dict.fromkeys(name for each in nodes for name in self._rotation(each)))

    def others(self, node: Node) -> dict[str, Any] | None:
        """What else stands in ``at``; ``None`` for nothing."""
        if self._is_alone(node):
            return None
        plain: dict[str, Any] = self._document.plain(node)
        return {key: value for key, value in plain.items() if key != ON_CALL} or None

    def target(self, node: Node) -> OnCall | None:
        """The rotation that ``to`` names."""
        if self._is_alone(node):
            names = self._default(node)
        else:
            if len(node.value) > 1:
                self._document.note(node, "on_call_not_alone")
            names = self._rotation(self._named_by(node))
        return OnCall(names[0]) if names else None

    def _is_alone(self, node: Node) -> bool:
        return bool(node.id == "scalar" and node.value == ON_CALL)

    def _named_by(self, node: Node) -> Node | None:
        pairs = node.value if node.id == "mapping" else ()
        return next((value for key, value in pairs if key.id == "scalar" and key.value == ON_CALL), None)

    def _default(self, node: Node) -> tuple[str, ...]:
        if not self._rotations:
            self._document.note(node, "no_rotations")
        return self._rotations[:1]

    def _rotation(self, node: Node) -> tuple[str, ...]:
        name = self._document.text(node, ON_CALL)
        if name in self._rotations:
            return (name,)
        if name:
            _note_unknown(self._document, node, name, "rotation", self._rotations)
        return ()
