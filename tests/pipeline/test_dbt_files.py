"""The files that dbt writes on this machine: where they are found, and which of them count."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_dingpush.pipeline import dbt_files
from airflow_provider_dingpush.pipeline.dbt_files import results_in_files

GOLDEN = Path(__file__).parents[1] / "golden" / "dbt"
WRITTEN = datetime(2026, 11, 28, 1, 2, 3, tzinfo=timezone.utc)
BEFORE = WRITTEN - timedelta(minutes=1)

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes what dbt wrote, as if then, and returns the folder of the project."""

    def written(
        target: str = "target", *, name: str = "run_results.json", at: datetime = WRITTEN, generated: str | None = None
    ) -> Path:
        project = tmp_path / "shop"
        folder = project / target
        folder.mkdir(parents=True, exist_ok=True)
        artifact = json.loads((GOLDEN / "build_results.json").read_text("utf-8"))
        artifact["metadata"]["generated_at"] = generated or at.isoformat().replace("+00:00", "Z")
        (folder / name).write_text(json.dumps(artifact))
        os.utime(folder / name, (at.timestamp(), at.timestamp()))
        return project

    return written


def found(started_at: datetime = BEFORE, **task: Any) -> list[str]:
    return [each.status for each in results_in_files(SimpleNamespace(**task), started_at, lambda text: text)]


ALL = ["fail", "warn", "skipped", "skipped", "skipped"]


@pytest.mark.parametrize(
    "command",
    [
        "cd {project} && dbt build",
        "cd {project}; dbt build --select tag:daily",
        "(cd {project}&&dbt build)",
        'cd "{project}" && dbt build || exit 2',
        "dbt build --project-dir {project}",
        "dbt build --project-dir={project} --profiles-dir /etc/dbt",
        "export X='it isn't closed; cd {project} && dbt build",
    ],
)
def test_a_command_names_the_project(write: Write, command: str) -> None:
    assert found(bash_command=command.format(project=write())) == ALL


def test_an_operator_names_the_project(write: Write) -> None:
    project = write()
    assert found(bash_command="dbt build", cwd=str(project)) == ALL
    # Of airflow-dbt and airflow-dbt-python.
    assert found(dir=str(project)) == ALL
    assert found(project_dir=project) == ALL
    assert found(bash_command="dbt build --project-dir shop", cwd=str(project.parent)) == ALL


def test_the_environment_names_the_project(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    project = write("built")
    environment = {"DBT_PROJECT_DIR": str(project), "DBT_TARGET_PATH": "built", "other": 5}
    assert found(bash_command="dbt build", env=environment) == ALL
    assert found(bash_command="cd ${SHOP} && dbt build --target-path built", env={"SHOP": str(project)}) == ALL
    monkeypatch.setenv("SHOP", str(project))
    assert found(bash_command="cd $SHOP && dbt build --target-path built") == ALL


def test_the_manifest_beside_them_names_the_files(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    project = write()
    manifest = project / "target" / "manifest.json"
    nodes = {"model.shop.daily_sales": {"original_file_path": "models/daily_sales.sql"}}

    def paths() -> list[str | None]:
        task = SimpleNamespace(bash_command=f"cd {project} && dbt build")
        results = results_in_files(task, BEFORE, lambda text: text)
        return [each.path for each in results if each.name == "daily_sales"]

    manifest.write_text(json.dumps({"nodes": nodes}))
    assert paths() == ["models/daily_sales.sql"]
    for damaged in ("{", "[]", '{"nodes": 5}', '{"nodes": {"model.shop.daily_sales": {}}}'):
        manifest.write_text(damaged)
        assert paths() == [None]
    manifest.write_text(json.dumps({"nodes": nodes}))
    monkeypatch.setattr(dbt_files, "_MOST_MANIFEST_BYTES", 10)
    assert paths() == [None]


def test_a_source_that_is_too_old_has_a_file_of_its_own(write: Write) -> None:
    assert found(bash_command=f"cd {write(name='sources.json')} && dbt build") == ALL


def test_what_was_written_before_the_task_started_is_of_another_run(write: Write) -> None:
    """Neither by the time of the file nor by that in it: a project may be copied with its folder."""
    after = WRITTEN + timedelta(seconds=1)
    command = f"cd {write()} && dbt build"
    assert found(after, bash_command=command) == []
    write(at=after, generated=WRITTEN.isoformat())
    assert found(after, bash_command=command) == []


def test_what_another_command_wrote_is_of_another_task(write: Write) -> None:
    assert found(bash_command=f"cd {write()} && dbt test") == []


def test_a_huge_file_is_not_read(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dbt_files, "_MOST_BYTES", 100)
    assert found(bash_command=f"cd {write()} && dbt build") == []


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"metadata": 5}', '{"metadata": {"generated_at": "today"}}'])
def test_a_damaged_file_has_no_results(write: Write, text: str) -> None:
    project = write()
    (project / "target" / "run_results.json").write_text(text)
    assert found(bash_command=f"cd {project} && dbt build") == []


class Evil:
    @property
    def cwd(self) -> Any:
        raise RuntimeError("cwd")


@pytest.mark.parametrize("task", [None, Evil(), SimpleNamespace(bash_command=None, cwd=5, env="x")])
def test_an_operator_of_any_class_can_be_asked(task: Any) -> None:
    assert results_in_files(task, BEFORE, lambda text: text) == ()
