"""The lines of an alert about the results of dbt."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_provider_dingpush.alerts.dbt_results import WARN, DbtResult
from airflow_provider_dingpush.alerts.markdown import dotted, escape_markdown
from airflow_provider_dingpush.alerts.run_facts import RunFacts
from airflow_provider_dingpush.alerts.words import Words


def dbt_lines(facts: RunFacts, words: Words, listed: int) -> Iterator[str]:
    """A heading with their number, and the list of them.

    :param listed: how many are listed at most; the others are counted.
    """
    if not facts.dbt_results:
        return
    count = max(facts.dbt_result_count, len(facts.dbt_results))
    are_warnings = all(each.status == WARN for each in facts.dbt_results)
    yield words("dbt_warnings" if are_warnings else "dbt_results", count)
    lines = [_line(each, words) for each in facts.dbt_results[:listed]]
    yield "\n".join([*lines, *([words("more_tasks", count - len(lines))] if count > len(lines) else [])])


def _line(result: DbtResult, words: Words) -> str:
    """``not_null_orders · failed, 3 rows · models/schema.yml``."""
    status = words.known("dbt", result.status)
    if result.failures is not None:
        status = words("dbt_rows", result.failures, status=status)
    parts = [result.name, status, result.path or "", result.message or ""]
    return f"- {dotted(map(escape_markdown, parts))}"
