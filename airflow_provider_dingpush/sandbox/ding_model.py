"""The values of DINGs and to-dos in the sandbox."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from airflow_provider_dingpush.sandbox.model import App, Person

DingKind = Literal["app", "sms", "phone"]


@dataclass(frozen=True, kw_only=True)
class DingPlan:
    """What the organisation may send as DINGs, and how many.

    DingTalk sells SMS and phone calls in packages; each receiver takes one of them. How many DINGs in the app are free
    is not documented.

    :param in_edition: whether the organisation's edition of DingTalk includes DINGs of apps.
    :param app: DINGs in the app; None: no limit.
    :param sms: DINGs by SMS; None: no limit.
    :param phone: phone calls; None: no limit.
    :param a_minute: DINGs of one robot in a minute (6,000 in DingTalk).
    :raises ValueError: for a negative number.
    """

    in_edition: bool = True
    app: int | None = None
    sms: int | None = 100
    phone: int | None = 100
    a_minute: int = 6_000

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None and value < 0:
                raise ValueError(f"{each.name} must not be negative: {value}")

    def credit(self, kind: DingKind) -> int | None:
        """How many of a kind there are at the start; None: no limit."""
        return {"app": self.app, "sms": self.sms, "phone": self.phone}[kind]


@dataclass(frozen=True, kw_only=True)
class Ding:
    """One DING to one person; ``received_at`` is in epoch seconds.

    :param ding_id: DingTalk's handle, which the receivers of one call share.
    :param voice: of a phone call, as DingTalk names it.
    """

    number: int
    ding_id: str
    kind: DingKind
    person: Person
    content: str
    app: App
    received_at: float
    voice: str = ""
    is_read: bool = False
    is_recalled: bool = False


@dataclass(frozen=True, kw_only=True)
class Todo:
    """One to-do; times are in epoch seconds.

    :param task_id: DingTalk's id of it.
    :param source_id: the id that the app gave it.
    :param creator: in whose name it was created.
    :param executors: who is to do it.
    :param done_by: who has done it; all of them once it is done as a whole.
    :param pops_up: whether a pop-up announced it.
    """

    number: int
    task_id: str
    source_id: str
    subject: str
    url: str
    app: App
    creator: Person
    executors: tuple[Person, ...]
    created_at: float
    description: str = ""
    due: float | None = None
    priority: int = 20
    pops_up: bool = False
    done_by: frozenset[str] = frozenset()

    @property
    def is_done(self) -> bool:
        """Whether everybody has done it."""
        return all(person.user_id in self.done_by for person in self.executors)
