"""What a visitor may do with DAGs. Airflow decides; its versions are asked in different ways."""

from __future__ import annotations

from collections.abc import Callable

_ANY_DAG = "*"
"""No DAG can have this id."""


class DagPermissions:
    """What one user may do with DAGs, for one request.

    :param ask: asks Airflow's auth manager: a method such as ``GET``, and the id of a DAG or ``None``.
    """

    def __init__(self, ask: Callable[[str, str | None], bool]) -> None:
        self._ask = ask
        self._known: dict[tuple[str, str | None], bool] = {}

    def may_read(self, dag_id: str | None) -> bool:
        """Whether the user may read a DAG; ``None``: all DAGs."""
        if dag_id is not None:
            return self._may("GET", dag_id)
        try:
            # Without an id, auth managers say whether any DAG may be read.
            return self._may("GET", _ANY_DAG)
        except Exception:  # noqa: BLE001 - an auth manager may not accept it
            return self.may_edit(None)

    def may_edit(self, dag_id: str | None) -> bool:
        """Whether the user may edit a DAG; ``None``: all DAGs."""
        return self._may("PUT", dag_id)

    def _may(self, method: str, dag_id: str | None) -> bool:
        if (method, dag_id) not in self._known:
            self._known[method, dag_id] = bool(self._ask(method, dag_id))
        return self._known[method, dag_id]
