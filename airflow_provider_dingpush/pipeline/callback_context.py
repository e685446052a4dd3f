"""The context of a callback: whether arguments hold one, which success it reports, and the facts of its run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.airflow_compat import airflow_option, attribute_of, folders_of_own_code, is_airflow_3

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.airflow_site import AirflowSite
    from airflow_provider_dingpush.alerts.run_facts import RunFacts

# Every callback context has one of these; an SLA callback of Airflow 2 has five arguments instead.
_IN_EVERY_CONTEXT, _SLA_ARGUMENTS = ("dag", "dag_run", "ti", "task_instance"), 5


def are_callback_arguments(arguments: Sequence[Any]) -> bool:
    """Whether these are what Airflow passes to a callback, rather than a setting passed without its name."""
    first = arguments[0]
    is_context = hasattr(type(first), "keys") and any(name in first for name in _IN_EVERY_CONTEXT)
    return is_context or len(arguments) == _SLA_ARGUMENTS


def context_of(arguments: Sequence[Any]) -> Any:
    """The context that Airflow calls a callback with.

    :param arguments: the context alone; for an ``sla_miss_callback`` of Airflow 2 five others, which become the context
        of a missed deadline.
    """
    if len(arguments) == 1:
        return arguments[0]
    names = ("dag", "task_list", "blocking_task_list", "slas", "blocking_tis")
    return {**dict(zip(names, arguments, strict=False)), "deadline": {}}


def success_in(context: Mapping[str, Any]) -> tuple[str, str | None, int | None] | None:
    """DAG, task and map index of a success; ``None`` if the context isn't clearly about one."""
    ti, reason = context.get("ti"), context.get("reason")
    if reason is not None:
        is_success = isinstance(reason, str) and reason == "success"
        return (str(attribute_of(context.get("dag"), "dag_id") or ""), None, None) if is_success else None
    state = attribute_of(ti, "state")
    state, dag_id, task_id = (
        attribute_of(state, "value") or state,
        attribute_of(ti, "dag_id"),
        attribute_of(ti, "task_id"),
    )
    if not (isinstance(state, str) and state == "success" and isinstance(dag_id, str) and isinstance(task_id, str)):
        return None
    index = attribute_of(ti, "map_index")
    return dag_id, task_id, index if isinstance(index, int) and index >= 0 else None


def facts_of(context: Mapping[str, Any], failed_tasks: Sequence[tuple[str, int]] | None = None) -> RunFacts:
    """The facts of the run or task that the context is about.

    :param failed_tasks: task id and map index of each failed task of the run; ``None`` if they are unknown.
    """
    from airflow_provider_dingpush.alerts.context_reading import read_run_facts
    from airflow_provider_dingpush.pipeline.redaction import redact_text

    facts = read_run_facts(
        context,
        site=site_here(),
        redact=redact_text,
        failed_tasks=failed_tasks,
        roots=folders_of_own_code(),
        now=lambda: datetime.now(timezone.utc),
    )
    if not facts.event.ends_with_recovery:
        return facts
    from airflow_provider_dingpush.alerts.upstream_reading import upstreams_of

    return facts._replace(upstreams=upstreams_of(context, facts))


def site_here() -> AirflowSite:
    """This Airflow, as alerts name it and link to it."""
    from airflow_provider_dingpush.alerts.airflow_site import AirflowSite
    from airflow_provider_dingpush.pipeline.composing import is_utc_by_default, link_form, local_zone

    section = "api" if is_airflow_3() else "webserver"
    return AirflowSite(
        base_url=airflow_option("dingpush", "base_url") or airflow_option(section, "base_url"),
        layout="pages" if is_airflow_3() else "grid",
        environment=airflow_option("dingpush", "environment") or airflow_option(section, "instance_name"),
        timezone=str(local_zone()),
        links=link_form(),
        is_utc_by_default=is_utc_by_default(),
    )
