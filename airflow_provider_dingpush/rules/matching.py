"""What a rule demands of the labels of an event."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from airflow_provider_dingpush.rules.labels import Labels

_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Patterns:
    """The values that a label may have: names, and globs such as ``etl_*``; with ``!`` in front, those it may not have.

    :param patterns: in the order of the file.
    """

    patterns: tuple[str, ...]
    _names: frozenset[str] = field(init=False, repr=False, compare=False)
    _globs: re.Pattern[str] | None = field(init=False, repr=False, compare=False)
    _excluded: re.Pattern[str] | None = field(init=False, repr=False, compare=False)
    _includes_all: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        included = [each for each in self.patterns if not each.startswith("!")]
        # Dataclasses that are frozen are set this way.
        fields = {
            "_names": frozenset(each for each in included if not _GLOB.search(each)),
            "_globs": _any_of([each for each in included if _GLOB.search(each)]),
            "_excluded": _any_of([each[1:] for each in self.patterns if each.startswith("!")]),
            "_includes_all": not included,
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def match(self, values: Sequence[str]) -> bool:
        """Whether one of the values is included and none is excluded. A label without a value matches nothing."""
        if self._excluded is not None and any(map(self._excluded.match, values)):
            return False
        for value in values:
            if self._includes_all or value in self._names or (self._globs is not None and self._globs.match(value)):
                return True
        return False


def _any_of(globs: Sequence[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(map(fnmatch.translate, globs))) if globs else None


@dataclass(frozen=True)
class Match:
    """All labels that a rule demands; without any it matches every event.

    :param wanted: name of each label -> its patterns, in the order of the file.
    """

    wanted: tuple[tuple[str, Patterns], ...] = ()
    _tests: tuple[tuple[int, Patterns], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        places = {name: place for place, name in enumerate(Labels._fields)}
        object.__setattr__(self, "_tests", tuple((places[name], patterns) for name, patterns in self.wanted))

    def matches(self, labels: Labels) -> bool:
        """Whether an event with these labels matches."""
        for place, patterns in self._tests:  # noqa: SIM110 - all() of a generator takes twice as long
            if not patterns.match(labels[place]):
                return False
        return True

    def first_mismatch(self, labels: Labels) -> str | None:
        """The first label that doesn't match; ``None`` if all do."""
        return next((name for name, patterns in self.wanted if not patterns.match(getattr(labels, name))), None)
