"""Links into Airflow's pages, in the forms of Airflow and of DingTalk."""

from __future__ import annotations

from datetime import datetime, timezone
from urllib.parse import urlsplit

import pytest

from airflow_provider_dingpush.alerts.airflow_site import AirflowSite

RUN = "manual__2026-11-22T10:48:49.161845+00:00"
QUOTED_RUN = "manual__2026-11-22T10%3A48%3A49.161845%2B00%3A00"


@pytest.mark.parametrize(
    ("map_index", "try_number", "expected"),
    [
        pytest.param(-1, 2, f"https://af.example.com/x/dags/d/runs/{QUOTED_RUN}/tasks/g.t?try_number=2", id="plain"),
        pytest.param(
            0, 1, f"https://af.example.com/x/dags/d/runs/{QUOTED_RUN}/tasks/g.t/mapped/0?try_number=1", id="mapped"
        ),
        pytest.param(None, None, f"https://af.example.com/x/dags/d/runs/{QUOTED_RUN}/tasks/g.t", id="unknown try"),
        pytest.param(None, 0, f"https://af.example.com/x/dags/d/runs/{QUOTED_RUN}/tasks/g.t", id="no try yet"),
    ],
)
def test_airflow_3_log_url(map_index: int | None, try_number: int | None, expected: str) -> None:
    """Equals ``ti.log_url`` of Airflow 3.1 and later."""
    site = AirflowSite("https://af.example.com/x/", "pages")
    assert site.log_url("d", RUN, "g.t", map_index=map_index, try_number=try_number) == expected


@pytest.mark.parametrize(
    ("map_index", "expected"),
    [
        pytest.param(-1, f"dag_run_id={QUOTED_RUN}&task_id=t", id="plain"),
        pytest.param(3, f"dag_run_id={QUOTED_RUN}&task_id=t&map_index=3", id="mapped"),
    ],
)
def test_airflow_2_log_url(map_index: int, expected: str) -> None:
    """Equals ``ti.log_url`` of Airflow 2.11, the exact base_date included."""
    site = AirflowSite("https://af.example.com", "grid")
    logical_date = datetime(2026, 11, 22, 10, 48, 49, 161845, tzinfo=timezone.utc)
    assert site.log_url("d", RUN, "t", map_index=map_index, try_number=2, logical_date=logical_date) == (
        f"https://af.example.com/dags/d/grid?{expected}&base_date=2026-11-22T10%3A48%3A49.161845%2B0000&tab=logs"
    )
    assert site.log_url("d", RUN, "t", map_index=map_index) == f"https://af.example.com/dags/d/grid?{expected}&tab=logs"


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        ("pages", f"https://af.example.com/dags/d/runs/{QUOTED_RUN}"),
        ("grid", f"https://af.example.com/dags/d/grid?dag_run_id={QUOTED_RUN}"),
    ],
)
def test_run_url(layout: str, expected: str) -> None:
    """The page of a run, in both layouts."""
    assert AirflowSite("https://af.example.com", layout).run_url("d", RUN) == expected  # type: ignore[arg-type]


def test_odd_ids_stay_one_part_of_the_path() -> None:
    """Chinese ids are encoded, and a slash or a question mark in a run id doesn't start a new part."""
    assert AirflowSite("https://a.b").run_url("日报", "手动/1?x#y") == (
        "https://a.b/dags/%E6%97%A5%E6%8A%A5/runs/%E6%89%8B%E5%8A%A8%2F1%3Fx%23y"
    )


@pytest.mark.parametrize(
    "base_url",
    [
        None,
        "",
        "http://localhost:8080",
        "http://LocalHost/x",
        "http://airflow.localhost",
        "https://127.0.0.1:8443/",
        "http://127.8.8.8",
        "http://0.0.0.0:8080",
        "http://[::1]:8080",
        "http://[::",
        "airflow.example.com",
        "ftp://airflow.example.com",
    ],
)
def test_local_or_unusable_base_url(base_url: str | None) -> None:
    """Links are marked as local, and still are http links."""
    site = AirflowSite(base_url)
    assert site.is_local
    assert urlsplit(site.run_url("d", "r")).scheme in ("http", "https")


@pytest.mark.parametrize("base_url", ["https://airflow.example.com", "http://10.1.2.3:8080/a/b/", "http://[fd00::1]"])
def test_reachable_base_url(base_url: str) -> None:
    """A name or an address of the network isn't local, and its path prefix is kept."""
    site = AirflowSite(base_url)
    assert not site.is_local
    assert site.run_url("d", "r") == f"{base_url.rstrip('/')}/dags/d/runs/r"


@pytest.mark.parametrize("name", ["utc", "UTC"])
def test_utc_however_it_is_spelled(name: str) -> None:
    """Airflow's own default is "utc", for which there is no zone file."""
    assert AirflowSite(timezone=name).zone is timezone.utc


@pytest.mark.parametrize("name", ["Asia/Nowhere", "", "../etc/passwd", "Asia", "\0", "x" * 500])
def test_unknown_zone_is_utc(name: str) -> None:
    """A wrong zone name must not lose an alert."""
    assert AirflowSite(timezone=name).zone is timezone.utc
