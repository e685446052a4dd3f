"""The health of Airflow itself, as its health endpoint says, and when a flush last ran.

Neither Airflow nor its database is needed for that. The endpoint needs no login (``/api/v2/monitor/health`` of Airflow
3, ``/api/v1/health`` and ``/health`` of Airflow 2; ``airflow/api/common/airflow_health.py`` of 2.10.5, 2.11.2, 3.0.6
and 3.3.2, read 2026-11-27). A component that has never run has no status there, apart from the scheduler.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from enum import Enum
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from airflow_provider_dingpush.airflow_compat import airflow_option, is_airflow_3
from airflow_provider_dingpush.alerts.airflow_site import AIRFLOW_DEFAULT_BASE_URL
from airflow_provider_dingpush.alerts.run_facts import NO_FLUSH
from airflow_provider_dingpush.errors import ConnectionSettingsError
from airflow_provider_dingpush.timeouts import Deadline, call_within

_PATHS = "/api/v2/monitor/health", "/api/v1/health", "/health"
_EXECUTION = "/execution"
_REQUEST_SECONDS = 10.0
_ADDRESS_SECONDS = 5.0
_HEALTHY = "healthy"


class Component(Enum):
    """What can be unhealthy; the values are the names in rules, and in Airflow's answer."""

    WEB_SERVER = "web_server"
    """The API server of Airflow 3."""
    DATABASE = "metadatabase"
    SCHEDULER = "scheduler"
    DAG_PROCESSOR = "dag_processor"
    TRIGGERER = "triggerer"
    FLUSH = "flush"
    """The flush DAG or ``dingpush flush``, which send what waits."""

    @property
    def title(self) -> str:
        """Its name for people, the same in both languages."""
        return _TITLES[self]


_TITLES = {
    Component.WEB_SERVER: "web server",
    Component.DATABASE: "metadata database",
    Component.SCHEDULER: "scheduler",
    Component.DAG_PROCESSOR: "DAG processor",
    Component.TRIGGERER: "triggerer",
    Component.FLUSH: "dingpush flush",
}


class Health(Enum):
    """The state of a component."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    NOT_RUN = "not_run"
    """It isn't run here, as is usual for some."""
    UNKNOWN = "unknown"
    """It can't be found out now."""


class Trouble(Enum):
    """Why a component is unhealthy; the values are the ``reason`` of an alert, whose words are those of alerts."""

    NO_HEARTBEAT = "no_heartbeat"
    NEVER_RAN = "never_ran"
    NO_ANSWER = "no_answer"
    UNEXPECTED_ANSWER = "unexpected_answer"
    DATABASE_UNREACHABLE = "database_unreachable"
    NO_FLUSH = NO_FLUSH


class Observation(NamedTuple):
    """The state of one component at one time.

    :param component: which one.
    :param health: its state.
    :param trouble: why it is unhealthy.
    :param detail: such as ``HTTP 503``; without secrets.
    :param last_heartbeat: when it was last alive, in seconds since 1970; ``None`` if unknown.
    """

    component: Component
    health: Health
    trouble: Trouble | None = None
    detail: str = ""
    last_heartbeat: float | None = None


def address_of_airflow(url: str | None) -> str:
    """The base URL of Airflow: the given one, ``[dingpush] base_url``, or Airflow's own option.

    :raises ConnectionSettingsError: if it isn't an http(s) URL.
    """
    section = "api" if is_airflow_3() else "webserver"
    options = (airflow_option(*each) for each in (("dingpush", "base_url"), (section, "base_url")))
    address = (url or next(filter(None, options), None) or AIRFLOW_DEFAULT_BASE_URL).strip().rstrip("/")
    with suppress(ValueError):  # such as an IPv6 address without its closing bracket
        parts = urlsplit(address)
        if parts.scheme in ("http", "https") and parts.hostname:
            return address
    raise ConnectionSettingsError(
        "The address of Airflow is not an http(s) URL.",
        "Pass one such as --url http://airflow:8080, or set [dingpush] base_url. "
        "请用 --url 指定，例如 http://airflow:8080，或设置 [dingpush] base_url。",
    )


def shown_address(address: str) -> str:
    """An address without user and password."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))


def observed(address: str, deadline: Deadline) -> list[Observation]:
    """The state of everything that Airflow's health endpoint knows, and of the web server that has it.

    :param address: the base URL of Airflow.
    :param deadline: of all requests.
    """
    problem = ""
    for path in _PATHS:
        seconds = min(_REQUEST_SECONDS, deadline.seconds_left())
        try:
            # The limit of a request doesn't cover a slow name lookup, nor an answer that comes byte by byte.
            status, answer = call_within(max(seconds, 0.1), lambda: _asked(f"{address}{path}", seconds))  # noqa: B023
        except Exception as error:  # noqa: BLE001 - whatever it is, there was no answer
            return _without_answer(Trouble.NO_ANSWER, _in_brief(error, seconds))
        if status == 200 and isinstance(answer, Mapping) and isinstance(answer.get("scheduler"), Mapping):
            return [Observation(Component.WEB_SERVER, Health.HEALTHY), *_components_in(answer)]
        # The last path that exists says most: other versions of Airflow have others.
        if status != 404 or not problem:
            problem = f"{path}: HTTP {status}"
        if status >= 500:
            break
    return _without_answer(Trouble.UNEXPECTED_ANSWER, problem)


def dag_processor_works(deadline: Deadline) -> bool | None:
    """Whether the DAG processor of Airflow 3 works; ``None`` if that can't be found out.

    :param deadline: of all requests.
    """
    for address in dict.fromkeys(_addresses_from_inside()):
        if deadline.seconds_left() <= 0:
            break
        found = {each.component: each.health for each in observed(address, deadline.sub(_ADDRESS_SECONDS))}
        health = found[Component.DAG_PROCESSOR]
        if health in (Health.HEALTHY, Health.UNHEALTHY):
            return health is Health.HEALTHY
    return None


def _addresses_from_inside() -> Iterator[str]:
    """Where Airflow's API may be for a process of Airflow: a worker reaches it at least for its tasks."""
    server = (airflow_option("core", "execution_api_server_url") or "").rstrip("/")
    known = (server.removesuffix(_EXECUTION), airflow_option("api", "base_url"), airflow_option("dingpush", "base_url"))
    for each in filter(None, known):
        with suppress(ConnectionSettingsError):
            yield address_of_airflow(each)


def _asked(url: str, seconds: float) -> tuple[int, Any]:
    """The status and the JSON of an answer; ``None`` if it isn't JSON."""
    import requests

    with requests.get(url, timeout=seconds, headers={"Accept": "application/json"}) as response:
        try:
            return response.status_code, response.json()
        except ValueError:
            return response.status_code, None


def _without_answer(trouble: Trouble, detail: str) -> list[Observation]:
    others = (Component.DATABASE, Component.SCHEDULER, Component.DAG_PROCESSOR, Component.TRIGGERER)
    return [
        Observation(Component.WEB_SERVER, Health.UNHEALTHY, trouble, detail),
        *(Observation(each, Health.UNKNOWN) for each in others),
    ]


def _components_in(answer: Mapping[str, Any]) -> Sequence[Observation]:
    """The components of Airflow's answer. Without its database Airflow calls all others unhealthy as well."""
    of_database = _status_of(answer.get("metadatabase"))
    is_reachable = of_database in (None, _HEALTHY)
    database = (
        Observation(Component.DATABASE, Health.HEALTHY)
        if is_reachable
        else Observation(Component.DATABASE, Health.UNHEALTHY, Trouble.DATABASE_UNREACHABLE)
    )
    others = (Component.SCHEDULER, Component.DAG_PROCESSOR, Component.TRIGGERER)
    return [database, *(_component(each, answer.get(each.value), is_reachable=is_reachable) for each in others)]


def _component(component: Component, found: Any, *, is_reachable: bool) -> Observation:
    status = _status_of(found)
    heartbeat = _seconds(found.get(f"latest_{component.value}_heartbeat")) if isinstance(found, Mapping) else None
    if status is None:
        return Observation(component, Health.NOT_RUN)
    if status == _HEALTHY:
        return Observation(component, Health.HEALTHY, last_heartbeat=heartbeat)
    if not is_reachable:
        return Observation(component, Health.UNKNOWN)
    trouble = Trouble.NEVER_RAN if heartbeat is None else Trouble.NO_HEARTBEAT
    return Observation(component, Health.UNHEALTHY, trouble, last_heartbeat=heartbeat)


def observed_flush(last_flush: float | None, now: float, within_seconds: float) -> Observation:
    """The state of the flush.

    :param last_flush: when it last ran, in seconds since 1970; ``None`` if it never has.
    :param within_seconds: how long ago that may be, in seconds.
    """
    if last_flush is None:
        return Observation(Component.FLUSH, Health.NOT_RUN)
    if now - last_flush <= within_seconds:
        return Observation(Component.FLUSH, Health.HEALTHY, last_heartbeat=last_flush)
    return Observation(Component.FLUSH, Health.UNHEALTHY, Trouble.NO_FLUSH, last_heartbeat=last_flush)


def _status_of(found: Any) -> str | None:
    status = found.get("status") if isinstance(found, Mapping) else None
    return status if isinstance(status, str) else None


def _seconds(time: Any) -> float | None:
    with suppress(ValueError, TypeError, AttributeError, OverflowError):
        moment = datetime.fromisoformat(time.replace("Z", "+00:00"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
    return None


def _in_brief(error: BaseException, seconds: float) -> str:
    """Why there was no answer, without the URL, which may have a password."""
    inner: BaseException | None = error
    seen: list[BaseException] = []
    while inner is not None and inner not in seen:
        seen.append(inner)
        inner = next((each for each in inner.args if isinstance(each, BaseException)), None) or inner.__context__
        inner = inner or getattr(seen[-1], "reason", None)
    if any("timeout" in type(each).__name__.lower() for each in seen):
        return f"no answer within {seconds:.0f} s"
    texts = (each.strerror for each in reversed(seen) if isinstance(each, OSError) and each.strerror)
    return next(texts, type(error).__name__)
