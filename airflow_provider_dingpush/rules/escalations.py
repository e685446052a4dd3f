"""Escalation as a rule has it: what happens when, for whom and in which way, while nobody has claimed a failure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Way(Enum):
    """How a step reaches somebody."""

    GROUP = "group"
    PERSON = "person"
    TODO = "todo"
    APP = "app"
    SMS = "sms"
    PHONE = "phone"

    @property
    def is_ding(self) -> bool:
        """Whether it is a DING."""
        return self in (Way.APP, Way.SMS, Way.PHONE)

    def words(self, language: str) -> str:
        """The way as a text.

        :param language: ``zh`` or ``en``.
        """
        return _WAY_WORDS[self][language == "zh"]


_WAY_WORDS = {
    Way.GROUP: ("message to the group", "群消息"),
    Way.PERSON: ("personal message", "单聊消息"),
    Way.TODO: ("to-do", "待办"),
    Way.APP: ("DING in the app", "应用内 DING"),
    Way.SMS: ("DING by SMS", "短信 DING"),
    Way.PHONE: ("phone call", "电话 DING"),
}


@dataclass(frozen=True)
class Step:
    """One step.

    :param after_seconds: how long after the failure, in seconds.
    :param way: how somebody is reached.
    :param who: words of the rules file for people: ``on_call``, ``owner``, a rotation or a person; none for the group.
    :param priority: of a to-do.
    """

    after_seconds: float
    way: Way
    who: tuple[str, ...] = ()
    priority: str = "urgent"

    @property
    def key(self) -> str:
        """Identifies it also after the file was changed."""
        return " ".join((f"{self.after_seconds:g}", self.way.value, ",".join(self.who))).strip()

    @property
    def is_the_alert(self) -> bool:
        """Whether it is what the alert itself does: the group is notified at once."""
        return self.way is Way.GROUP and self.after_seconds == 0


@dataclass(frozen=True)
class CallLimits:
    """How many phone calls there may be; each person who is called counts.

    :param per_night: from noon to noon.
    :param per_month: of the calendar.
    """

    per_night: int | None = None
    per_month: int | None = None


@dataclass(frozen=True)
class Escalation:
    """The steps of a rule.

    :param steps: in their order.
    :param ack_read: whether reading a personal message or a DING claims the incident.
    :param app: the connection of the app that reaches people; ``None`` for that of the rule, or else the default one.
    :param limits: of the phone calls of this rule.
    """

    steps: tuple[Step, ...] = ()
    ack_read: bool = False
    app: str | None = None
    limits: CallLimits = field(default_factory=CallLimits)
