"""Silences: what a person muted for a while, in the labels of rules."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.rules.labels import Labels
from airflow_provider_dingpush.rules.matching import Match, Patterns

DEFAULT_SECONDS = 2 * 3_600.0
"""How long a silence lasts if nobody says so, in seconds."""
LONGEST_SECONDS = 7 * 86_400.0
"""The longest silence, in seconds: a longer one is forgotten, and a rule says it better."""
MOST_MATCHERS = 20
MOST_CHARACTERS = 200
"""Of each pattern, and of the reason."""

_ALIASES = {"tag": "tags", "owners": "owner", "dag": "dag_id", "task": "task_id"}
_FORM = (
    "Write label=pattern, such as 'dag_id=etl_*'; 'dag_id!=etl_tmp' excludes. "
    "请写成 标签=取值，例如 'dag_id=etl_*'；'dag_id!=etl_tmp' 表示排除。"
)


@dataclass(frozen=True)
class Silence:
    """What is muted, until when, by whom and why.

    :param id: short, for people.
    :param matchers: label -> patterns; all labels must match, each by one of its patterns.
    :param why: the reason.
    :param by: the user who made it.
    :param since: when it was made, in seconds since 1970.
    :param until: when it ends, in seconds since 1970.
    """

    id: str
    matchers: Mapping[str, tuple[str, ...]]
    why: str
    by: str
    since: float
    until: float
    _match: Match = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        wanted = tuple((label, Patterns(tuple(patterns))) for label, patterns in self.matchers.items())
        object.__setattr__(self, "_match", Match(wanted))

    def matches(self, labels: Labels) -> bool:
        """Whether an alert with these labels is muted."""
        return self._match.matches(labels)

    @property
    def what(self) -> str:
        """What it mutes: ``dag_id=etl_*, severity=P4``."""
        return ", ".join(_in_words(label, each) for label, patterns in self.matchers.items() for each in patterns)

    @property
    def about(self) -> str:
        """What it mutes and why, for messages: ``etl_* (database maintenance)``."""
        named = self.what.removeprefix("dag_id=")
        if not self.why:
            return named
        return f"{named} ({self.why})" if self.why.isascii() else f"{named}（{self.why}）"

    def to_bytes(self) -> bytes:
        """Its plain form, without what the store keeps beside it."""
        plain = {"matchers": {name: list(each) for name, each in self.matchers.items()}, "why": self.why, "by": self.by}
        return json.dumps({**plain, "since": self.since}, ensure_ascii=False).encode("utf-8", "replace")

    @classmethod
    def from_bytes(cls, silence_id: str, value: bytes, until: float) -> Silence:
        """Read what :meth:`to_bytes` wrote.

        :param until: when it ends, in seconds since 1970.
        :raises ValueError: if it is anything else.
        """
        try:
            plain: Any = json.loads(value)
            matchers = {str(name): tuple(map(str, each)) for name, each in plain["matchers"].items()}
            if not matchers or not matchers.keys() <= set(Labels._fields):
                raise ValueError("this silence has other labels than this version knows")
            return cls(silence_id, matchers, str(plain["why"]), str(plain["by"]), float(plain["since"]), until)
        except (TypeError, KeyError, AttributeError, RecursionError) as problem:
            raise ValueError("this isn't a silence") from problem


def _in_words(label: str, pattern: str) -> str:
    return f"{label}!={pattern[1:]}" if pattern.startswith("!") else f"{label}={pattern}"


def read_matchers(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Matchers such as ``dag_id=etl_*``; several patterns of one label mean any of them.

    :raises InvalidMessageError: if a label is unknown, or nothing is named.
    """
    if not texts:
        raise InvalidMessageError("A silence needs at least one matcher.", _FORM)
    if len(texts) > MOST_MATCHERS:
        raise InvalidMessageError(f"A silence has at most {MOST_MATCHERS} matchers, not {len(texts)}.", _FORM)
    found: dict[str, list[str]] = {}
    for text in texts:
        name, separator, pattern = text.partition("=")
        excludes = name.endswith("!")
        name = name.removesuffix("!").strip()
        label, pattern = _ALIASES.get(name, name), pattern.strip()
        if not separator or not pattern:
            raise InvalidMessageError(f"{text!r} is no matcher.", _FORM)
        if label not in Labels._fields:
            known = ", ".join(Labels._fields)
            raise InvalidMessageError(f"There is no label {name!r}.", f"The labels are {known}. 标签为：{known}。")
        if len(pattern) > MOST_CHARACTERS:
            raise InvalidMessageError(f"A pattern has at most {MOST_CHARACTERS} characters.", _FORM)
        if label == "severity":
            pattern = pattern.upper()
        found.setdefault(label, []).append(f"!{pattern.removeprefix('!')}" if excludes else pattern)
    return {label: tuple(patterns) for label, patterns in found.items()}
