"""Who is mentioned (@) in a message, and how a mention is added to the text.

DingTalk highlights a mention, and notifies the person, only if ``@number`` is in the text **and** the number is in the
``at`` block (docs 0699 and 0717, read 2026-08-22).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages.field_rules import (
    apply_rules,
    flag,
    from_shape,
    mobile,
    one_or_more,
    refuse_task_output,
    ruled,
    short_repr,
    user_id,
)

# A mobile number that a text mentions, in any form without blanks; the full-width @ is of a Chinese keyboard.
_MENTIONED_NUMBER = r"[@＠]([+＋(（0-9０-９][0-9０-９()（）./－-]{5,24}[0-9０-９])(?![0-9A-Za-z_])"
MAX_PEOPLE = 50
"""The most people that can be mentioned in one message (docs 0699, read 2026-08-22)."""


@dataclass(frozen=True, repr=False)
class At:
    """Who is mentioned: people by mobile number or user id (at most 50 together), or everyone in the group.

    :param mobiles: mobile numbers as registered in DingTalk, in any usual form, stored in DingTalk's: ``13800000000``,
        or ``+852-51234567`` of another country; one string counts as a list of one.
    :param user_ids: DingTalk user ids (``userid``).
    :param everyone: mention the whole group (@所有人); a group may allow that to its owner only.
    :raises InvalidMessageError: for more than 50 people, or an element that is not one number or id.
    """

    names: ClassVar = {"atMobiles": "mobiles", "atUserIds": "user_ids", "isAtAll": "everyone"}

    mobiles: Sequence[str] = field(default=(), metadata=ruled(one_or_more(mobile, unique=True)))
    user_ids: Sequence[str] = field(default=(), metadata=ruled(one_or_more(user_id, unique=True)))
    everyone: bool = field(default=False, metadata=ruled(flag))

    def __post_init__(self) -> None:
        apply_rules(self)
        people = len(self.mobiles) + len(self.user_ids)
        if people > MAX_PEOPLE:
            raise InvalidMessageError(
                f"At has {people} people; DingTalk accepts at most {MAX_PEOPLE}.",
                "Use everyone=True, or name fewer. 请减少人数，或用 everyone=True 提醒所有人。",
                problem_zh=f"At 中有 {people} 人，钉钉最多接受 {MAX_PEOPLE} 人。",
            )

    def __bool__(self) -> bool:
        return bool(self.mobiles or self.user_ids or self.everyone)

    __repr__ = short_repr

    def to_dict(self) -> dict[str, Any]:
        """The plain form, which every ``at=`` accepts as well."""
        return {"mobiles": list(self.mobiles), "user_ids": list(self.user_ids), "everyone": self.everyone}

    @staticmethod
    def read(value: At | Mapping[str, Any] | None) -> At | None:
        """Read an ``at=`` argument: an :class:`At`, a plain dict, or DingTalk's own dict.

        :raises InvalidMessageError: for anything else, such as a number, which may be a mobile number or a user id.
        """
        if value is None or isinstance(value, At):
            return value
        refuse_task_output("at", value)
        if not isinstance(value, Mapping):
            raise InvalidMessageError(
                f"at must be an At or a dict, not {type(value).__name__}.",
                'Write at=At(mobiles="138…") or at={"user_ids": ["…"]}. '
                '请写成 at=At(mobiles="138…") 或 at={"user_ids": ["…"]}。',
                problem_zh=f"at 应为 At 或字典，而不是 {type(value).__name__}。",
            )
        made: At = from_shape(At, "at", value)
        return made

    @staticmethod
    def union(several: Iterable[At | None]) -> At | None:
        """All people in these mentions, each once; ``None`` if there are none.

        People beyond the 50 that DingTalk accepts are left out: a merged list must not make a message invalid.
        """
        kept = [at for at in several if at]
        if not kept:
            return None
        mobiles = list(dict.fromkeys(number for at in kept for number in at.mobiles))[:MAX_PEOPLE]
        user_ids = list(dict.fromkeys(user for at in kept for user in at.user_ids))[: MAX_PEOPLE - len(mobiles)]
        return At(mobiles=tuple(mobiles), user_ids=tuple(user_ids), everyone=any(at.everyone for at in kept))

    def named_in(self, text: str) -> At:
        """The people whose ``@…`` is in the text, without ``everyone``."""
        text = _respelled(text, self)
        return At(
            mobiles=tuple(number for number in self.mobiles if mentions(text, number)),
            user_ids=tuple(user for user in self.user_ids if mentions(text, user)),
        )


def mentions(text: str, identifier: str) -> bool:
    """Whether ``@identifier`` is in the text as a whole word; user ids may contain ``-`` and ``.``."""
    return re.search(rf"@{re.escape(identifier)}(?![-.]?[0-9A-Za-z_])", text) is not None


def with_mentions(text: str, at: At | None, *, separator: str) -> str:
    """Add ``@…`` of all people who aren't mentioned yet to the end of the text, after the separator.

    ``@所有人`` needs no text: the ``at`` block is enough. A number that the text mentions in another form than the
    ``at`` block, such as ``@+86-138…``, is rewritten in the form of the block: DingTalk compares the two.
    """
    if not at:
        return text
    text = _respelled(text, at)
    missing = [each for each in (*at.mobiles, *at.user_ids) if not mentions(text, each)]
    return f"{text}{separator}{' '.join(f'@{each}' for each in missing)}" if missing else text


def _respelled(text: str, at: At) -> str:
    if not at.mobiles:
        return text
    from airflow_provider_dingpush.messages.phone_numbers import read_mobile

    def as_known(found: re.Match[str]) -> str:
        written = found.group(1)
        number = written if written in at.user_ids else read_mobile(written)
        return f"@{number}" if number in at.mobiles else found.group()

    return re.sub(_MENTIONED_NUMBER, as_known, text)
