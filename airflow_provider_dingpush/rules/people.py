"""The people of a rules file, whom owners of DAGs, rotations and overrides name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages.field_rules import apply_rules, mobile, optional, ruled, text, user_id
from airflow_provider_dingpush.messages.mentions import At
from airflow_provider_dingpush.targets import Users

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def email(where: str, value: object, rendered: bool) -> str:
    """Rule: an e-mail address."""
    address = text(where, value, rendered).strip()
    if not _EMAIL.fullmatch(address):
        raise InvalidMessageError(f"{where} must be an e-mail address, not {address[:40]!r}.")
    return address


@dataclass(frozen=True)
class Person:
    """Somebody whom DingTalk can reach.

    :param name: by which rotations name the person, and the owner of a DAG or task in Airflow.
    :param user_id: in DingTalk (``userid``).
    :param mobile: number as registered in DingTalk, in any usual form, stored in DingTalk's.
    :param email: another name of the same owner in Airflow.
    :raises InvalidMessageError: if a field breaks its rule, or there is neither user id nor mobile number.
    """

    name: str = field(metadata=ruled(text))
    user_id: str | None = field(default=None, metadata=ruled(optional(user_id)))
    mobile: str | None = field(default=None, metadata=ruled(optional(mobile)))
    email: str | None = field(default=None, metadata=ruled(optional(email)))

    def __post_init__(self) -> None:
        apply_rules(self, rendered=True)
        if self.user_id is None and self.mobile is None:
            raise InvalidMessageError(
                f"{self.name!r} needs a user id or a mobile number: DingTalk knows people by them."
            )

    @property
    def at(self) -> At:
        """A mention of the person: by mobile number, which a robot knows in every group, or else by user id."""
        return At(mobiles=[self.mobile]) if self.mobile is not None else At(user_ids=[self.user_id or ""])

    @property
    def users(self) -> Users:
        """The person as the target of an app: by user id, which needs no look-up, or else by mobile number."""
        return Users(user_ids=[self.user_id]) if self.user_id is not None else Users(mobiles=[self.mobile or ""])


@dataclass(frozen=True)
class People:
    """All people of a file.

    :param persons: in its order; each has a name of its own.
    """

    persons: tuple[Person, ...] = ()
    _by_name: Mapping[str, Person] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_email = {each.email.lower(): each for each in reversed(self.persons) if each.email}
        by_name = {each.name: each for each in reversed(self.persons)}
        object.__setattr__(self, "_by_name", {**by_email, **by_name})

    def named(self, name: str) -> Person | None:
        """The person of this name or e-mail address."""
        name = name.strip()
        return self._by_name.get(name) or self._by_name.get(name.lower() if "@" in name else name)
