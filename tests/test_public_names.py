"""The names that users write in their DAGs are those of the documentation."""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle
import subprocess
import sys
from typing import Any

import pytest

import airflow_provider_dingpush
from airflow_provider_dingpush import errors
from airflow_provider_dingpush.errors import DingTalkError
from airflow_provider_dingpush.receipts import Receipt

PUBLIC = {
    "hooks": ["DingTalkAppHook", "DingTalkRobotHook", "hook_of"],
    "decorators": ["dingtalk_task"],
    "operators": [
        "DingTalkFlushOperator",
        "DingTalkOperator",
        "DingTalkReportOperator",
        "SqlToDingTalkOperator",
        "create_daily_digest_dag",
        "create_flush_dag",
        "create_weekly_report_dag",
    ],
    "notifications": ["DingTalkNotifier"],
    "messages": [
        "ActionCard",
        "At",
        "Audio",
        "Button",
        "FeedCard",
        "FeedLink",
        "File",
        "Image",
        "Link",
        "Markdown",
        "Message",
        "OA",
        "Text",
        "Video",
        "browser_link",
    ],
    "receipts": ["DingKind", "DingOutcome", "DingReceipt", "Receipt", "TodoReceipt"],
    "reports.table": ["Frame", "Row", "Table", "read_table"],
    "targets": ["Group", "Target", "Users", "WorkNotification", "read_target"],
    "errors": [
        "AlertsWaitingError",
        "ConfigurationError",
        "ConnectionSettingsError",
        "ContentError",
        "ContentRefusedError",
        "CredentialsError",
        "CreditExhaustedError",
        "DingTalkError",
        "EditionError",
        "InvalidMessageError",
        "IpNotAllowedError",
        "KeywordError",
        "LeadershipLostError",
        "MessageTooLongError",
        "OutboxError",
        "PermissionMissingError",
        "QueryError",
        "QuotaExhaustedError",
        "RulesFileError",
        "SignError",
        "TargetError",
        "ThrottledError",
        "TokenError",
        "UnavailableError",
        "UnknownOutcomeError",
        "UnsupportedMessageError",
    ],
}
ERRORS: list[type[DingTalkError]] = [getattr(errors, name) for name in PUBLIC["errors"]]


@pytest.mark.parametrize(("module", "name"), [(module, name) for module, names in PUBLIC.items() for name in names])
def test_a_public_name_can_be_imported(module: str, name: str) -> None:
    """From its module of the package, with a docstring."""
    value = getattr(importlib.import_module(f"airflow_provider_dingpush.{module}"), name)
    if inspect.isfunction(value):
        assert inspect.getdoc(value)
    elif name not in ("Message", "Target"):
        assert inspect.isclass(value)
        assert value.__name__ == name
        assert inspect.getdoc(value)


@pytest.mark.parametrize("module", sorted(set(PUBLIC) - {"receipts"}))
def test_all_lists_the_public_names(module: str) -> None:
    """No more and no less, so that ``import *`` and the documentation agree."""
    assert sorted(importlib.import_module(f"airflow_provider_dingpush.{module}").__all__) == sorted(PUBLIC[module])


def test_the_package_offers_what_dag_files_use_most() -> None:
    """The very objects that their modules have, so that ``isinstance`` and ``except`` agree."""
    homes = {name: module for module, names in PUBLIC.items() for name in names}
    assert set(airflow_provider_dingpush.__all__) <= set(homes)
    assert {"DingTalkNotifier", "DingTalkOperator", "DingTalkRobotHook", "Markdown", "Users", "Receipt"} <= set(
        airflow_provider_dingpush.__all__
    )
    for name in airflow_provider_dingpush.__all__:
        home = importlib.import_module(f"airflow_provider_dingpush.{homes[name]}")
        assert getattr(airflow_provider_dingpush, name) is getattr(home, name)
    assert {*airflow_provider_dingpush.__all__, "__version__"} <= set(dir(airflow_provider_dingpush))


def test_a_name_that_the_package_does_not_offer_is_missing_as_anywhere() -> None:
    with pytest.raises(AttributeError, match="module 'airflow_provider_dingpush' has no attribute 'DingTalkNotifer'"):
        _ = airflow_provider_dingpush.DingTalkNotifer  # type: ignore[attr-defined]
    with pytest.raises(ImportError, match="cannot import name 'DingTalkNotifer'"):
        from airflow_provider_dingpush import DingTalkNotifer  # type: ignore[attr-defined]  # noqa: F401


def test_importing_the_package_loads_nothing_else() -> None:
    """Airflow does so in each of its processes, and a name that is used loads its own module only."""
    script = (
        "import __future__, importlib, sys, typing\n"
        "before = set(sys.modules)\n"
        "import airflow_provider_dingpush as package\n"
        "print(*(set(sys.modules) - before))\n"
        "package.DingTalkError\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "airflow_provider_dingpush",
        "airflow_provider_dingpush airflow_provider_dingpush.errors",
    ]


def test_a_name_that_no_message_has_is_missing_as_anywhere() -> None:
    """Some kinds are loaded only when they are asked for; a typing error still is an AttributeError."""
    from airflow_provider_dingpush import messages

    with pytest.raises(AttributeError, match="has no attribute 'Picture'"):
        _ = messages.Picture  # type: ignore[attr-defined]


def test_what_only_an_app_sends_is_not_loaded_for_other_messages() -> None:
    """Every DAG file would pay for it on every loop of the DAG processor."""
    script = (
        "import sys, airflow_provider_dingpush.messages.plain_forms as forms\n"
        "forms.read_message('x'), forms.is_message(7)\n"
        "forms.read_message({'msgtype': 'text', 'text': {'content': 'x'}})\n"
        "print('airflow_provider_dingpush.messages.app_kinds' in sys.modules)\n"
        "from airflow_provider_dingpush.messages import Image\n"
        "print(Image('a.png'))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["False", "Image(source='a.png')"]


def test_every_error_of_the_tree_is_public() -> None:
    """None is defined that isn't listed, and each is a DingTalkError."""
    defined = {
        name for name, value in vars(errors).items() if inspect.isclass(value) and value.__module__ == errors.__name__
    }
    assert defined == set(PUBLIC["errors"])
    assert all(issubclass(each, DingTalkError) for each in ERRORS)


def test_the_tree_is_as_drawn() -> None:
    """Whoever catches a branch gets its leaves, and each leaf knows whether a retry makes sense."""
    assert {each.__name__: " ".join(base.__name__ for base in each.__bases__) for each in ERRORS} == {
        "DingTalkError": "Exception",
        "ConfigurationError": "DingTalkError",
        "ConnectionSettingsError": "ConfigurationError",
        "TokenError": "ConfigurationError",
        "SignError": "ConfigurationError",
        "CredentialsError": "ConfigurationError",
        "PermissionMissingError": "ConfigurationError",
        "EditionError": "ConfigurationError",
        "TargetError": "DingTalkError",
        "KeywordError": "ConfigurationError",
        "IpNotAllowedError": "ConfigurationError",
        "ContentError": "DingTalkError",
        "InvalidMessageError": "ContentError ValueError",
        "MessageTooLongError": "ContentError",
        "UnsupportedMessageError": "ContentError",
        "ContentRefusedError": "ContentError",
        "ThrottledError": "DingTalkError",
        "QuotaExhaustedError": "DingTalkError",
        "CreditExhaustedError": "QuotaExhaustedError",
        "RulesFileError": "ConfigurationError",
        "UnknownOutcomeError": "DingTalkError",
        "UnavailableError": "DingTalkError",
        "AlertsWaitingError": "UnavailableError",
        "OutboxError": "DingTalkError",
        "QueryError": "DingTalkError",
        "LeadershipLostError": "OutboxError",
    }
    assert {each.__name__ for each in ERRORS if each.retryable} == {
        "ThrottledError",
        "UnknownOutcomeError",
        "UnavailableError",
        "AlertsWaitingError",
        "OutboxError",
        "LeadershipLostError",
        "QueryError",
    }


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_an_error_survives_pickle_and_copy_with_all_it_knows(kind: type[DingTalkError]) -> None:
    """Executors carry errors from process to process."""
    error = kind(
        "It failed.",
        "Do this. 请这样做。",
        errcode="310000",
        errmsg="sign not match",
        request_id="15r6h7w2ky0s3",
        retryable=not kind.retryable,
        retry_after_seconds=600.0,
    )
    error.tries = 3
    twins: list[Any] = [pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)]  # noqa: S301
    for twin in twins:
        assert type(twin) is kind
        assert vars(twin) == vars(error)
        assert str(twin) == "It failed. (tried 3 times) Do this. 请这样做。 [request_id 15r6h7w2ky0s3]"
        assert twin.retryable is not kind.retryable


def test_an_error_needs_nothing_but_what_happened() -> None:
    """All but the problem may be left out."""
    error = DingTalkError("It failed.")
    assert str(error) == "It failed."
    assert (error.errcode, error.errmsg, error.request_id, error.retry_after_seconds, error.retryable, error.tries) == (
        None,
        None,
        None,
        None,
        False,
        1,
    )


def test_a_receipt_is_plain_data_for_xcom() -> None:
    """Its dict has the documented keys, and lists instead of tuples."""
    receipt = Receipt(channel="custom_robot", conn_id="dingtalk_default", parts=3, process_query_keys=("a", "b"))
    assert receipt.to_dict() == {
        "channel": "custom_robot",
        "conn_id": "dingtalk_default",
        "parts": 3,
        "outcome": "sent",
        "process_query_keys": ["a", "b"],
        "task_id": None,
        "invalid_user_ids": [],
        "flow_controlled_user_ids": [],
    }
