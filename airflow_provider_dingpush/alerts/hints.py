"""Hints: sentences about settings of Airflow that concern many alerts, shown in one of them and not in each."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from math import inf

from airflow_provider_dingpush.alerts.alert import Alert


class Hint(Enum):
    """A hint; its text is the word ``hint_<value>``.

    A new one has a value, a text in both languages, an interval below, and the fact of an alert that calls for it.
    """

    LOCAL_LINKS = "local_links"
    """The links open only on the machine that runs Airflow."""
    UTC = "utc"
    """Times are in UTC, because nobody has set a time zone."""


HINT_SECONDS: dict[Hint, float] = {Hint.LOCAL_LINKS: 86_400.0, Hint.UTC: inf}
"""For how long a hint isn't shown to a receiver again, in seconds; ``math.inf``: it is shown once."""

_FACTS = {Hint.LOCAL_LINKS: "is_local_link", Hint.UTC: "is_utc_by_default"}


def hints_about(alerts: Sequence[Alert]) -> frozenset[Hint]:
    """The hints that these alerts call for.

    A notifier's own message that is sent alone gets none: nothing is added to a text that somebody wrote.
    """
    written = alerts if len(alerts) > 1 else [each for each in alerts if each.message is None]
    return frozenset(hint for hint, fact in _FACTS.items() if any(each.facts.get(fact) for each in written))
