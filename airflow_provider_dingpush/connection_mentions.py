"""The ``mentions`` of a connection: which values are mobile numbers, which are user ids, and which are neither.

A wrong value must not block the alerts of all other owners, so it is reported instead of refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages.input_text import edges_clean, narrow, visible
from airflow_provider_dingpush.messages.mentions import At
from airflow_provider_dingpush.messages.phone_numbers import looks_like_phone_number, read_mobile, whole_number

_FORCED = re.compile(
    r"\s*(?:(?P<mobile>mobile|phone|tel|手机号?)|(?P<user>user|user[_ ]?id|用户))\s*:\s*(?P<value>.*)",
    re.IGNORECASE | re.DOTALL,
)
_BETWEEN_PEOPLE = re.compile(r"[,;、|\n]")
# Digits that are nearly a Chinese mobile number: a digit lost or doubled, or zeros before it.
_NEARLY = re.compile(r"1[3-9][0-9]{8}|1[3-9][0-9]{10}|01[3-9][0-9]{9}|861[0-9]{8,9}|861[0-9]{11}|00[0-9]{8,}")
# A complete number with other text, such as a name in brackets.
_HOLDS_NUMBER = re.compile(r"(?<![0-9])(?:86)?1[3-9][0-9]{9}(?![0-9])")
_KIND_OF = {"mobiles": "mobile", "atMobiles": "mobile", "user_ids": "user", "atUserIds": "user"}
_FORM = 'must be JSON such as {"zhangsan": "13800000000", "lisi": "user123"}'
_ADVICE = (
    'Write a number as "13800000000" or "+852-51234567", and a user id that looks like one as "user:0123". '
    '手机号请写成 "13800000000" 或 "+852-51234567"；像号码的 userId 请写成 "user:0123"。'
)


@dataclass(frozen=True)
class Mentions:
    """The people in ``mentions``.

    :param people: owner -> who is mentioned.
    :param problems: a text for each value that could not be read, or may have been misread, with its owner.
    """

    people: Mapping[str, At] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def read_mentions(value: Any) -> Mentions:
    """Read the field of the connection's extra.

    :param value: a dict, or one as JSON.
    :raises ValueError: with the rule, if it isn't a dict of people.
    """
    if isinstance(value, str):
        value = _parsed(value)
    if not isinstance(value, Mapping):
        raise ValueError(_FORM)
    problems: list[str] = []
    people: dict[str, At] = {}
    for owner, people_of in value.items():
        name = edges_clean(str(owner))
        people[name] = _people(name, people_of, problems)
    return Mentions(people, tuple(problems))


def by_address(people: Mapping[str, At]) -> Mapping[str, At]:
    """The same people, e-mail addresses in lower case as well: nobody distinguishes them by case."""
    return {**people, **{name.lower(): at for name, at in people.items() if "@" in name}}


def _parsed(text: str) -> Any:
    try:
        return json.loads(visible(text))
    except ValueError:
        pass
    # Quotes, colons and commas may be those of a Chinese keyboard or a word processor.
    plain = re.sub("[“”„]", '"', narrow(visible(text)))
    try:
        return json.loads(plain)
    except ValueError:
        raise ValueError(_FORM) from None


def _people(owner: str, value: Any, problems: list[str]) -> At:
    """A mobile number, a user id, several of them, or the plain form of an :class:`At`."""
    if value is None:
        return At()
    everyone = False
    persons: list[At] = []
    if isinstance(value, Mapping):
        by_field = {name: each for name, each in value.items() if name in _KIND_OF}
        # Refuses unknown names, and a field in both spellings.
        at = At.read({name: () if name in by_field else each for name, each in value.items()})
        everyone = at is not None and at.everyone
        for name, several in by_field.items():
            persons += [_person(owner, each, _KIND_OF[name], problems) for each in _several(several)]
    else:
        persons = [_person(owner, each, None, problems) for each in _several(value)]
    return At(
        mobiles=[number for person in persons for number in person.mobiles],
        user_ids=[user for person in persons for user in person.user_ids],
        everyone=everyone,
    )


def _several(value: Any) -> list[str]:
    if isinstance(value, str):
        return [part for each in _BETWEEN_PEOPLE.split(narrow(visible(value))) if (part := each.strip())]
    several = value if isinstance(value, (list, tuple)) else [value]
    texts = [each if isinstance(each, str) else whole_number(each) for each in several]
    if None in texts:
        raise ValueError("must name each owner's mobile number, user id, or a list of these")
    return [part for each in texts if each for part in _several(each)]


def _person(owner: str, value: str, kind: str | None, problems: list[str]) -> At:
    """One person: a mobile number, or else a user id.

    :param kind: ``mobile`` or ``user`` if the value names its kind.
    """
    if forced := _FORCED.match(value):
        kind, value = "mobile" if forced["mobile"] else "user", forced["value"]
    elif kind is None:
        value = value.removeprefix("@")
    number = None if kind == "user" else read_mobile(value)
    if kind is None and value.isdecimal() and number is not None and _is_doubtful(number, value):
        number = None
    try:
        if number is not None or kind == "mobile":
            return At(mobiles=[number or value])
        if kind is None and looks_like_phone_number(value):
            problems.append(
                f"{value[:40]!r} of {owner!r} is not a valid mobile number, so it is not mentioned. {_ADVICE}"
            )
            return At()
        person = At(user_ids=[value])
    except InvalidMessageError as error:
        problems.append(f"{value[:40]!r} of {owner!r} is left out: {error.problem} {_ADVICE}")
        return At()
    if kind is None and (doubt := _doubt(value)):
        problems.append(f"{value!r} of {owner!r} is used as a user id, but {doubt}. {_ADVICE}")
    return person


def _doubt(user_id: str) -> str | None:
    """Why a user id may be meant as something else; ``None`` for an unambiguous one."""
    if _NEARLY.fullmatch(user_id):
        return "is nearly a mobile number"
    if _HOLDS_NUMBER.search(user_id) and read_mobile(user_id) is None:
        return "contains a mobile number"
    return None if user_id.isascii() else "looks like a person's name"


def _is_doubtful(number: str, digits: str) -> bool:
    """Whether digits, which may be a user id, were read as a number only because zeros before it were dropped."""
    return digits not in (number, f"86{number}", f"0086{number}")
