"""Who is mentioned in a message about alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages.mentions import At
from airflow_provider_dingpush.messages.plain_forms import check_rendered


def mentions_of(alerts: Iterable[Alert], people: Callable[[str], At | None]) -> At | None:
    """Everyone whom these alerts mention: the owners of what failed, and whom a notifier names itself.

    Those whom a task asks are mentioned as well. Owners are not mentioned for retries and recoveries. People beyond
    the 50 that DingTalk takes are left out.

    :param people: who an owner is, by the connection's ``mentions``; ``None`` if it isn't there.
    """
    mentioned: list[At | None] = []
    owners: dict[str, None] = {}
    for alert in alerts:
        # Mentions that can't be read, such as a newer version's, must not cost the alert.
        with suppress(InvalidMessageError):
            at = At.read(alert.mentions)
            if at is not None:
                check_rendered(at)
            mentioned.append(at)
        if alert.event.is_failure and not alert.resolved:
            owners.update(dict.fromkeys(alert.owners))
        elif alert.event.is_question and not alert.resolved:
            owners.update(dict.fromkeys(asked_of(alert.facts)))
    return At.union([*mentioned, *map(people, owners)])


def asked_of(facts: Mapping[str, object]) -> tuple[str, ...]:
    """Names and ids of those who may answer what a task asks."""
    lists = (facts.get(name) for name in ("assigned_users", "assigned_user_ids"))
    return tuple(each for names in lists if isinstance(names, (list, tuple)) for each in names if isinstance(each, str))
