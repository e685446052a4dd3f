"""What a visitor may do with DAGs, as an auth manager says."""

from __future__ import annotations

from airflow_provider_dingpush.web.permissions import DagPermissions


def test_airflow_is_asked_once_for_each_dag() -> None:
    asked: list[tuple[str, str | None]] = []

    def ask(method: str, dag_id: str | None) -> bool:
        asked.append((method, dag_id))
        return method == "GET"

    dags = DagPermissions(ask)
    assert [dags.may_read("etl"), dags.may_edit("etl"), dags.may_read("etl"), dags.may_edit("etl")] == [
        *(True, False, True, False)
    ]
    assert asked == [("GET", "etl"), ("PUT", "etl")]


def test_all_dags_are_those_of_any_id() -> None:
    """Without an id an auth manager says whether there is one that may be read."""
    dags = DagPermissions(lambda method, dag_id: (method, dag_id) in {("GET", "etl"), ("GET", None)})
    assert not dags.may_read(None)
    assert not dags.may_edit(None)
    assert DagPermissions(lambda *_: True).may_read(None)


def test_an_auth_manager_may_not_know_such_an_id() -> None:
    def ask(method: str, dag_id: str | None) -> bool:
        if dag_id == "*":
            raise LookupError(dag_id)
        return True

    assert DagPermissions(ask).may_read(None)
