"""What the alert of a failure says about those that follow from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.alerts.digest_notes import Followers, Notes
from airflow_provider_dingpush.alerts.markdown import cut, escape_markdown, plain_name
from airflow_provider_dingpush.alerts.name_ranges import names_in_brief
from airflow_provider_dingpush.alerts.words import Words

_NAME_CHARACTERS = 80
"""Of all names together, unless the first one is longer."""


def followers_in(alerts: Sequence[Alert], notes: Notes, words: Words) -> str:
    """What a line about these alerts says of the failures that follow from theirs; empty if there is none."""
    incidents = dict.fromkeys(each.incident for each in alerts if not each.resolved) if notes.followers else {}
    found = [notes.followers[each] for each in incidents if each in notes.followers]
    return followers_text(found, (str(each.facts.get("dag_name") or each.dag_id) for each in alerts), words)


def followers_text(followers: Iterable[Followers], dags: Iterable[str], words: Words) -> str:
    """``12 more failures follow from this: dws_01–09, ads_report``; empty if there is none.

    :param followers: of one failure or of several.
    :param dags: names of the DAGs that the failures are of; of these the tasks are named, of others the DAGs.
    """
    several, own = tuple(followers), set(dags)
    count = sum(each.count for each in several)
    if not count:
        return ""
    named = dict.fromkeys(
        plain_name(task if task and dag in own else dag) for each in several for dag, task in each.names
    )
    texts = names_in_brief(name for name in named if name)
    shown = texts
    while len(shown) > 1 and len(words("comma").join(shown)) > _NAME_CHARACTERS:
        shown = shown[:-1]
    if not shown:
        return words("followers_unnamed", count)
    names = escape_markdown(cut(words("comma").join(shown), _NAME_CHARACTERS))
    is_whole = len(shown) == len(texts)
    return words("followers", count, names=names if is_whole else words("and_more_names", names=names))
