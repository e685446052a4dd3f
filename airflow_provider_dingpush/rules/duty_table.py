"""The duty table of a rules file: its people, and the rotations that say who of them is on call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow_provider_dingpush.rules.people import People, Person
from airflow_provider_dingpush.rules.rotations import Rotation

ON_CALL = "on_call"
"""Stands for whoever is on call: alone, by the first rotation of the file; as a key, by the rotation that it names."""


@dataclass(frozen=True)
class OnCall:
    """Whoever is on call when a message is sent, as the target of an app.

    :param rotation: its name.
    """

    rotation: str

    def to_dict(self) -> dict[str, Any]:
        """The plain form."""
        return {ON_CALL: self.rotation}

    @classmethod
    def read(cls, plain: object) -> OnCall | None:
        """Read what :meth:`to_dict` returns; ``None`` for anything else."""
        if isinstance(plain, Mapping) and set(plain) == {ON_CALL} and isinstance(plain[ON_CALL], str):
            return cls(plain[ON_CALL])
        return None


@dataclass(frozen=True)
class DutyTable:
    """Who is on call.

    :param people: all people of the file.
    :param rotations: in the order of the file; each has a name of its own, which no person has.
    """

    people: People = field(default_factory=People)
    rotations: tuple[Rotation, ...] = ()

    def rotation(self, name: str | None = None) -> Rotation | None:
        """The rotation of that name.

        :param name: by default the first rotation of the file.
        """
        return next((each for each in self.rotations if name is None or each.name == name), None)

    def find(self, who: str, moment: datetime) -> Person | None:
        """A person by a word of the file.

        :param who: ``on_call``, the name of a rotation, or the name or e-mail address of a person.
        :param moment: of which the person on call is meant, a time with its zone.
        """
        rotation = self.rotation(None if who == ON_CALL else who)
        return self.people.named(who) if rotation is None else rotation.on_call(moment)
