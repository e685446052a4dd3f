"""The address of an Airflow installation, and the links to its web pages.

Links are built here and never taken from ``ti.log_url``: that is malformed in 3.0, missing in DAG-level callbacks of
3.0, and points to localhost on workers without a configured base URL, regardless of our option.

A log link opens the page that is best on a PC, and none is better on a phone (Airflow 2.11.2 and 3.3.2 in Chromium at
390 x 844 pixels, 2026-11-27):

- Airflow 2: the grid with ``tab=logs`` scrolls to the end of the last try's log by itself, so the traceback is in view.
  The older page ``/log`` begins at the top, and ``task`` and the REST API's plain text (in 980 pixels) show less.
- Airflow 3.2 and later: below 768 pixels every page of a DAG, run or task is laid out 1,280 pixels wide and shows the
  grid first; no parameter of the URL changes that. The REST API answers a browser with 406: it has JSON only. In
  landscape most phones are wider, and the log's full-screen button shows it whole. The alert's own lines have to do.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timezone, tzinfo
from typing import Literal, NamedTuple
from urllib.parse import quote, urlencode, urlsplit
from zoneinfo import ZoneInfo

from airflow_provider_dingpush.messages.browser_links import PC_BROWSER

PAGE_PATH = "/dingpush"
"""Of this package's own page, below Airflow's URL."""
AIRFLOW_DEFAULT_BASE_URL = "http://localhost:8080"
"""Where ``airflow standalone`` serves its pages by default."""


class AirflowSite(NamedTuple):
    """The address of the installation, and how its times and links are shown.

    :param base_url: of the web pages as browsers reach them; a path prefix and a trailing slash are fine. Without one,
        or with one that isn't an http(s) URL, links point to Airflow's default on this machine and are marked as
        local.
    :param layout: ``pages`` is the URL layout of Airflow 3, ``grid`` that of Airflow 2.
    :param environment: the label that distinguishes production from test in a message, such as ``生产``.
    :param timezone: IANA name of the zone in which times are shown; an unknown name means UTC.
    :param links: one of :data:`~airflow_provider_dingpush.messages.browser_links.LINK_FORMS`.
    :param is_utc_by_default: whether ``timezone`` is UTC only because nobody has set one.
    """

    base_url: str | None = None
    layout: Literal["grid", "pages"] = "pages"
    environment: str | None = None
    timezone: str = "UTC"
    links: str = PC_BROWSER
    is_utc_by_default: bool = False

    @property
    def is_local(self) -> bool:
        """Whether links open only on the machine that runs Airflow."""
        host = urlsplit(self._base()).hostname or ""
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")
        return address.is_loopback or address.is_unspecified

    @property
    def zone(self) -> tzinfo:
        """The zone in which times are shown."""
        return zone_named(self.timezone)

    def run_url(self, dag_id: str, run_id: str) -> str:
        """Page of a DAG run."""
        if self.layout == "pages":
            return f"{self._base()}/dags/{_quoted(dag_id)}/runs/{_quoted(run_id)}"
        return f"{self._base()}/dags/{_quoted(dag_id)}/grid?{_query(dag_run_id=run_id)}"

    def log_url(
        self,
        dag_id: str,
        run_id: str,
        task_id: str,
        *,
        map_index: int | None = None,
        try_number: int | None = None,
        logical_date: datetime | None = None,
    ) -> str:
        """Page with the log of a task instance.

        :param map_index: of a mapped task instance; ``None`` or negative for any other.
        :param try_number: which try's log; without it Airflow 3 shows the latest one. Airflow 2 has no such parameter.
        :param logical_date: of the run, exactly; the grid of Airflow 2 needs it for runs that aren't among the
            latest.
        """
        mapped = map_index if map_index is not None and map_index >= 0 else None
        if self.layout == "pages":
            index = "" if mapped is None else f"/mapped/{mapped}"
            tried = f"?try_number={try_number}" if try_number and try_number > 0 else ""
            return f"{self.run_url(dag_id, run_id)}/tasks/{_quoted(task_id)}{index}{tried}"
        query = _query(
            task_id=task_id,
            map_index=None if mapped is None else str(mapped),
            base_date=logical_date.strftime("%Y-%m-%dT%H:%M:%S.%f%z") if logical_date else None,
            tab="logs",
        )
        return f"{self.run_url(dag_id, run_id)}&{query}"

    def answer_url(self, dag_id: str, run_id: str, task_id: str, *, map_index: int | None = None) -> str | None:
        """Page where a person answers a task's question; ``None`` for Airflow 2, which has no such tasks.

        :param map_index: of a mapped task instance; ``None`` for any other.
        """
        if self.layout != "pages":
            return None
        query = _query(map_index=str(-1 if map_index is None else map_index))
        return f"{self.run_url(dag_id, run_id)}/tasks/{_quoted(task_id)}/required_actions?{query}"

    @property
    def import_errors_url(self) -> str:
        """The page that lists the files which can't be imported: that of all DAGs."""
        return f"{self._base()}/{'dags' if self.layout == 'pages' else 'home'}"

    def incidents_url(self, incidents: Sequence[str]) -> str | None:
        """This package's page in Airflow, of one incident or of all that are open; ``None`` for links to this machine.

        :param incidents: their ids.
        """
        if self.is_local:
            return None
        query = f"?{_query(incident=incidents[0])}" if len(incidents) == 1 else ""
        return f"{self._base()}{PAGE_PATH}/{query}"

    def _base(self) -> str:
        base = (self.base_url or "").strip().rstrip("/")
        try:
            parts = urlsplit(base)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:  # Such as an IPv6 address without its closing bracket.
            usable = False
        return base if usable else AIRFLOW_DEFAULT_BASE_URL


def zone_named(name: str) -> tzinfo:
    """The zone of that IANA name; UTC if there is none."""
    if name.upper() == "UTC":  # Airflow's default is "utc", for which zoneinfo would search all folders.
        return timezone.utc
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # An unknown name or no zone data, an odd name, the name of a folder.
        return timezone.utc


def _quoted(part: str) -> str:
    return quote(part, safe="")


def _query(**parameters: str | None) -> str:
    given = {name: value for name, value in parameters.items() if value is not None}
    return urlencode(given, quote_via=quote, safe="")
