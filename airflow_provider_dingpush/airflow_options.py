"""Options of Airflow, and attributes of its objects: all that the process of every task needs of it."""

from __future__ import annotations

from typing import Any

from airflow_provider_dingpush.messages.input_text import visible


def attribute_of(source: object, name: str) -> Any:
    """An attribute of one of Airflow's objects, or of anything that a context may hold instead.

    ``None`` if it has none, or if reading it raises: SQLAlchemy does so if the session of an object is gone.
    """
    try:
        return getattr(source, name, None)
    except Exception:  # noqa: BLE001 - a foreign class may raise anything
        return None


def airflow_option(section: str, key: str) -> str | None:
    """An option of ``airflow.cfg`` or ``AIRFLOW__…``; ``None`` if it is unset, empty or unknown to this Airflow."""
    try:  # 3.2
        from airflow.sdk.configuration import conf
    except ImportError:
        from airflow.configuration import conf
    value = conf.get(section, key, fallback=None)
    # An invisible character, such as a byte order mark, would change a URL or a time zone.
    return visible(str(value)).strip() or None if value is not None else None
