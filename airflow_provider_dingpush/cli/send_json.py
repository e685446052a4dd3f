"""The JSON of ``dingpush send --json``: the receipt, and after ``--wait`` whom the message reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_dingpush.cli.json_output import error_values

if TYPE_CHECKING:
    from airflow_provider_dingpush.errors import DingTalkError
    from airflow_provider_dingpush.receipts import Receipt


class Delivery(Protocol):
    """Whom a work notification reached, as :meth:`.DingTalkAppHook.delivery` returns it."""

    @property
    def invalid_user_ids(self) -> Sequence[str]:
        """People that DingTalk doesn't know, or who may not see the app."""

    @property
    def forbidden(self) -> Mapping[str, str]:
        """User id -> why DingTalk didn't deliver it to them."""

    @property
    def failed_user_ids(self) -> Sequence[str]:
        """People for whom it failed for any reason."""

    @property
    def invalid_department_ids(self) -> Sequence[str]:
        """Departments that DingTalk doesn't know, or that may not see the app."""

    @property
    def problems(self) -> Sequence[str]:
        """A sentence for each reason."""


def sent_document(
    receipt: Receipt, deliveries: Sequence[Delivery] | None = None, problem: DingTalkError | None = None
) -> dict[str, Any]:
    """The result of one message, as plain data.

    :param receipt: of the message that was sent.
    :param deliveries: whom a work notification reached, after ``--wait``; ``None`` if that isn't known.
    :param problem: why it isn't known, although it was waited for.
    """
    return {
        "receipt": receipt.to_dict(),
        "delivered": None if deliveries is None else not any(each.problems for each in deliveries),
        "unreached": [_unreached(each) for each in deliveries or () if each.problems],
        **({"error": error_values(problem, str(problem))} if problem else {}),
    }


def _unreached(delivery: Delivery) -> dict[str, Any]:
    return {
        "invalid_user_ids": list(delivery.invalid_user_ids),
        "forbidden_user_ids": list(delivery.forbidden),
        "failed_user_ids": [each for each in delivery.failed_user_ids if each not in delivery.forbidden],
        "invalid_department_ids": list(delivery.invalid_department_ids),
        "problems": list(delivery.problems),
    }
