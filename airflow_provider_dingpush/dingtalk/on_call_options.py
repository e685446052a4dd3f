"""What an app's connection says about DINGs and to-dos."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DingOptions:
    """What a connection says about DINGs.

    :param ding_voice: the voice of phone calls, one of DingTalk's names; ``None`` for DingTalk's usual one.
    :param ding_max_characters: how long a text may be, in characters: a longer one is cut; ``None``: it is never cut.
    """

    ding_voice: str | None = None
    ding_max_characters: int | None = None


@dataclass(frozen=True)
class TodoOptions:
    """What a connection says about to-dos.

    :param todo_creator: the user id in whose name they are created; ``None``: of the first person who is to do it.
    """

    todo_creator: str | None = None
