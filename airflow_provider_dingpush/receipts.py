"""What came of sending a message."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Receipt:
    """Proof that DingTalk took a message, as plain data for XCom.

    :param channel: which way it went: ``custom_robot``.
    :param conn_id: the Airflow connection it went through.
    :param parts: into how many messages it was split; 1 if it fitted.
    :param outcome: ``sent``.
    :param process_query_keys: handles for read status and recall; a custom robot gives none.
    :param task_id: handle of a work notice; a custom robot gives none.
    :param invalid_user_ids: recipients that DingTalk doesn't know.
    :param flow_controlled_user_ids: recipients that DingTalk held back because they get too much.
    """

    channel: str
    conn_id: str
    parts: int = 1
    outcome: str = "sent"
    process_query_keys: tuple[str, ...] = ()
    task_id: str | None = None
    invalid_user_ids: tuple[str, ...] = ()
    flow_controlled_user_ids: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data: strings, numbers and lists."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
