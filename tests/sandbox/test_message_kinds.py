"""A kind of message is one entry: every name leads to its rules, and the page can draw what each displays."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from airflow_provider_dingpush import sandbox as sandbox_package
from airflow_provider_dingpush.sandbox.field_rules import OAPI, V1, Fields, Refusals
from airflow_provider_dingpush.sandbox.message_kinds import APP_ROBOT_FORMS, KINDS, NOTIFICATION_FORMS, WEBHOOK_FORMS
from airflow_provider_dingpush.sandbox.model import RefusedError


def test_every_kind_has_a_channel_and_no_name_is_taken_twice() -> None:
    """Nothing of an entry is lost in the look-ups."""
    assert all(kind.webhook or kind.app_robot or kind.notification for kind in KINDS)
    assert len(WEBHOOK_FORMS) == sum(len(kind.webhook) for kind in KINDS)
    assert len(APP_ROBOT_FORMS) == sum(len(kind.app_robot) for kind in KINDS)
    assert len(NOTIFICATION_FORMS) == sum(len(kind.notification) for kind in KINDS)


@pytest.mark.parametrize("msgtype", [name for name, form in WEBHOOK_FORMS.items() if form.show is None])
def test_the_page_draws_what_is_shown_as_it_was_sent(msgtype: str) -> None:
    """The payload of such a webhook is a display form, which has a case in the page's own table."""
    bubbles = (resources.files(sandbox_package) / "page" / "bubbles.js").read_text("utf-8")
    assert re.search(rf'case "{msgtype}":', bubbles)


@pytest.mark.parametrize(
    ("forms", "refusals"), [(APP_ROBOT_FORMS, V1), (NOTIFICATION_FORMS, OAPI)], ids=["app robot", "notification"]
)
def test_nothing_is_no_message(forms: dict[str, object], refusals: Refusals) -> None:
    """Every kind requires at least one field."""
    for form in forms.values():
        with pytest.raises(RefusedError):
            Fields({}, refusals).check(form.rules)  # type: ignore[attr-defined]
