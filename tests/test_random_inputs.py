"""20,000 random inputs of each kind: whatever comes in, only our own errors come out, and secrets stay inside."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_dingpush.alerts.airflow_site import AirflowSite
from airflow_provider_dingpush.alerts.alert_text import built_in_alert
from airflow_provider_dingpush.alerts.context_reading import read_run_facts
from airflow_provider_dingpush.alerts.run_facts import RunFacts
from airflow_provider_dingpush.connection_fields import APP_FORM, ROBOT_FORM
from airflow_provider_dingpush.connections import (
    AppSettings,
    RobotSettings,
    credentials_of,
    settings_of,
    unknown_extras,
)
from airflow_provider_dingpush.dingtalk.custom_robot import encoded, mentionable
from airflow_provider_dingpush.dingtalk.signing import sign
from airflow_provider_dingpush.errors import ConnectionSettingsError, DingTalkError, InvalidMessageError
from airflow_provider_dingpush.messages import At
from airflow_provider_dingpush.messages.fitting import cut_to_size, split_to_size
from airflow_provider_dingpush.messages.mentions import with_mentions
from airflow_provider_dingpush.messages.plain_forms import check_rendered, read_message
from airflow_provider_dingpush.targets import read_target
from tests.random_inputs import INPUTS, Inputs

TOKEN = "0123456789abcdef" * 4
SECRET = "SEC" + "fedcba9876543210" * 4
WEBHOOK = f"https://oapi.dingtalk.com/robot/send?access_token={TOKEN}"
EXTRA_NAMES = [*{each.name for form in (ROBOT_FORM, APP_FORM) for each in form.fields}, "access_token"]


@dataclass(frozen=True)
class GivenConnection:
    """A connection as Airflow hands it over, of whatever types: neither of its classes checks any."""

    conn_id: Any
    conn_type: Any
    host: Any
    login: Any
    password: Any
    schema: Any
    port: Any
    extra: Any

    @property
    def extra_dejson(self) -> Any:
        """As Airflow reads it, which is only if it is JSON."""
        try:
            return json.loads(self.extra) if self.extra else {}
        except json.JSONDecodeError:
            return {}


def random_connection(inputs: Inputs) -> Any:
    """Any text, number, nothing or list in every field, and now and then what belongs there."""

    def spoilt(value: str) -> Callable[[], str]:
        return lambda: inputs.text(2) + value + inputs.text(2)

    def extra(name: str) -> Any:
        return inputs.one_of(inputs.text, inputs.plain, spoilt(SECRET), spoilt("13800000000"), lambda: mentions(inputs))

    written = inputs.shaped(EXTRA_NAMES, extra) if inputs.chance.random() < 0.8 else inputs.plain()
    any_field = (None, "", inputs.text, inputs.number, inputs.plain)
    return GivenConnection(
        conn_id="dingtalk_default",
        conn_type=inputs.one_of(
            "dingtalk_robot", "dingtalk_app", "dingtalk-robot", "dingding", "generic", "http", "https", "", *any_field
        ),
        host=inputs.one_of(*any_field, spoilt("https://ding.example.com:8443"), spoilt(WEBHOOK), spoilt("[::1]")),
        login=inputs.one_of(*any_field, "dingabcdefghij012345"),
        password=inputs.one_of(*any_field, WEBHOOK, TOKEN, spoilt(TOKEN), spoilt(WEBHOOK), spoilt(f"&secret={SECRET}")),
        schema=inputs.one_of(*any_field, "https", "robot/send", spoilt(WEBHOOK.replace("://", "//", 1))),
        port=inputs.one_of(None, 8443, inputs.number, inputs.text),
        extra=inputs.one_of(None, inputs.text, lambda: json.dumps(written, default=str)),
    )


def mentions(inputs: Inputs) -> Any:
    """What ``mentions`` of a connection may be."""
    value = inputs.shaped(["zhangsan", inputs.text(2), "lisi"], lambda _: inputs.one_of(inputs.text, inputs.plain))
    return inputs.one_of(value, lambda: json.dumps(value, default=str))


def test_any_connection_is_read_or_refused_with_our_own_error() -> None:
    """What is read can be used, and no error shows a token or secret."""
    inputs, read = Inputs(17), 0
    for _ in range(INPUTS):
        connection = random_connection(inputs)
        try:
            settings = settings_of(connection)
            unknown_extras(connection)
        except ConnectionSettingsError as error:
            shown = f"{error}{error!r}{error.__cause__}"
        else:
            read, shown = read + 1, repr(settings)
            assert usable(settings)
        assert TOKEN not in shown
        assert SECRET not in shown
        credentials = "\n".join(credentials_of(connection))
        for hidden in (TOKEN, SECRET):
            assert hidden in credentials or hidden not in f"{connection.password}{connection.host}{connection.schema}"
    assert read > INPUTS / 50


def usable(settings: RobotSettings | AppSettings) -> bool:
    """Whether the settings can go into a request as they are."""
    if isinstance(settings, AppSettings):
        texts, urls = (
            [settings.app.app_key, settings.app.app_secret.revealed],
            [settings.api_base_url, settings.oapi_base_url],
        )
    else:
        robot = settings.robot
        sign(0, robot.secret) if robot.secret else None
        texts, urls = [robot.access_token.revealed], [settings.base_url]
    plain = all(text and text.isascii() and text.isprintable() and " " not in text for text in [*texts, *urls])
    return plain and all(urlsplit(url).hostname for url in urls)


MSGTYPES = (
    "text",
    "markdown",
    "link",
    "actionCard",
    "feedCard",
    "image",
    "file",
    "voice",
    "audio",
    "video",
    "oa",
    "action_card",
)
FIELDS = (
    "content", "title", "text", "messageUrl", "message_url", "picUrl", "pic_url", "btns", "buttons", "singleTitle",
    "singleURL", "btnOrientation", "horizontal", "links", "media_id", "source", "name", "duration", "cover",
    "form", "body", "status_bar", "author", "status", "markdown", "single_title", "single_url", "btn_json_list",
    "head",
)  # fmt: skip


def random_message(inputs: Inputs) -> Any:
    """Any JSON-like shape, more often than not near one of DingTalk's, and any object."""

    def value(name: str) -> Any:
        if name in ("btns", "buttons", "btn_json_list", "links"):
            keys = ("title", "actionURL", "url", "messageURL", "picURL", "action_url")
            return inputs.one_of(
                inputs.anything, [inputs.shaped(keys, value, 0.02) for _ in range(inputs.chance.randrange(3))]
            )
        if "rl" in name.lower():
            return inputs.one_of(*["https://airflow.example.com/a"] * 4, inputs.text, inputs.anything)
        words = (inputs.text, inputs.long_text, lambda: f"x{inputs.text()}")
        return inputs.one_of(*words, *words, *words, inputs.number, inputs.anything)

    if inputs.chance.random() < 0.2:
        return inputs.anything()
    kind = inputs.one_of(*MSGTYPES, inputs.text, inputs.plain)
    fitting = {
        "text": ("content",), "markdown": ("title", "text"), "link": ("title", "text", "messageUrl", "picUrl"),
        "actionCard": ("title", "text", "singleTitle", "singleURL", "btns"), "feedCard": ("links",),
        "image": ("source",), "file": ("source", "name"), "audio": ("source", "duration"),
        "video": ("source", "duration", "cover"), "oa": ("title", "message_url", "form", "status", "body"),
    }.get(kind if isinstance(kind, str) else "", FIELDS)  # fmt: skip
    message: dict[Any, Any] = {"msgtype": kind}
    if isinstance(kind, str):
        message[kind] = inputs.one_of(
            lambda: inputs.shaped(fitting, value, 0.02),
            {name: value(name) for name in fitting} if fitting is not FIELDS else {},
            {name: f"x{inputs.long_text()}" for name in fitting},
            inputs.anything,
        )
    if inputs.chance.random() < 0.3:
        message["at"] = random_at(inputs)
    return message


def random_at(inputs: Inputs) -> Any:
    """Mentions of any shape."""

    def people(name: str) -> Any:
        return inputs.one_of(
            inputs.text, inputs.number, inputs.anything,
            lambda: [inputs.one_of(inputs.text, inputs.number) for _ in range(3)], "13800000000",
            ["+86 138 0000 0000", "852-51234567"], "zhangsan", True, "true",
        )  # fmt: skip

    keys = ("mobiles", "atMobiles", "user_ids", "atUserIds", "everyone", "isAtAll")
    return inputs.one_of(
        lambda: inputs.shaped(keys, people),
        lambda: inputs.shaped(inputs.chance.sample(keys, 1), people),
        inputs.anything,
    )


def random_target(inputs: Inputs) -> Any:
    """Whom a message may be for, of any shape."""

    def value(name: str) -> Any:
        if name == "work_notification" and inputs.chance.random() < 0.8:
            return inputs.shaped(("user_ids", "department_ids", "everyone"), value)
        return inputs.one_of(
            inputs.text,
            inputs.number,
            inputs.anything,
            "zhangsan",
            ["zhangsan", 7.0],
            "cidA==",
            "+86-13800000000",
            "1001",
            "false",
        )

    keys = ("open_conversation_id", "user_ids", "mobiles", "work_notification", "department_ids", "everyone")
    return inputs.one_of(
        lambda: inputs.shaped(inputs.chance.sample(keys, 2), value), "cidA==", inputs.text, inputs.anything
    )


def size_of(message: Any, at: At | None) -> int:
    """How many bytes a message takes as a body."""
    return len(encoded(message, at, keyword=None, msg_uuid="0"))


def test_any_message_is_read_or_refused_with_our_own_error() -> None:
    """What is read can be written as JSON, cut and split."""
    inputs, sent, texts = Inputs(18), 0, list[str]()
    for _ in range(INPUTS):
        try:
            message, at = read_message(random_message(inputs))
            assert repr(message)
            check_rendered(message)
            message.to_dict()
            at = mentionable(message, at)
            body = encoded(message, at, keyword=inputs.one_of(None, "告警"), msg_uuid="0")
        except DingTalkError as error:
            texts.append(str(error))
        else:
            sent += 1
            assert json.loads(body)["msgtype"]
            size = partial(size_of, at=at)
            for fit in (partial(cut_to_size, language="zh"), split_to_size):
                try:
                    fitted: Any = fit(message, 2_000, size_of=size)
                except DingTalkError as error:
                    texts.append(str(error))
                else:
                    assert all(size(part) <= 2_000 for part in (fitted if isinstance(fitted, tuple) else (fitted,)))
    assert all(each.encode() for each in texts)
    assert sent > INPUTS / 20


def test_any_mention_is_read_or_refused_with_our_own_error() -> None:
    """What is read is in the text as it is in the block."""
    inputs, read, texts = Inputs(19), 0, list[str]()
    for _ in range(INPUTS):
        text = inputs.text()
        try:
            at = At.read(random_at(inputs))
        except InvalidMessageError as error:
            texts.append(str(error))
            continue
        assert repr(at)
        if at:
            read += 1
            assert At.read(json.loads(json.dumps(at.to_dict()))) == at
            placed = with_mentions(text, at, separator=" ")
            named = at.named_in(placed)
            assert (named.mobiles, named.user_ids) == (at.mobiles, at.user_ids)
    assert all(each.encode() for each in texts)
    assert read > INPUTS / 20


def test_any_target_is_read_or_refused_with_our_own_error() -> None:
    """What is read means the same after a journey through JSON."""
    inputs, read, texts = Inputs(20), 0, list[str]()
    for _ in range(INPUTS):
        try:
            target = read_target(random_target(inputs))
        except InvalidMessageError as error:
            texts.append(str(error))
            continue
        assert repr(target)
        if target is not None:
            read += 1
            assert read_target(json.loads(json.dumps(target.to_dict()))) == target
    assert all(each.encode() for each in texts)
    assert read > INPUTS / 20


FACTS_OF_TI = (
    "state", "dag_id", "run_id", "task_id", "map_index", "rendered_map_index", "try_number", "max_tries", "task",
    "start_date", "end_date", "hostname", "task_display_name", "id", "pid", "region_id", "region_index",
)  # fmt: skip
HUMAN = (
    "subject", "body", "options", "defaults", "multiple", "params", "assigned_users", "response_timeout",
    "hitl_summary_extra", "require_approval", "approval_notifiers", "approval_timeout", "on_approval_timeout",
    "approval_assigned_users", "allow_modifications",
)  # fmt: skip
FACTS_OF_OTHERS = (
    "dag_id", "run_id", "dag_run_id", "state", "run_type", "logical_date", "start_date", "end_date", "owner",
    "tags", "retries", "retry_delay", "task_id", "fileloc", "dag_display_name", "deadline_time",
    "get_template_env", "task_ids", "get_task_instances", "id", "name", *HUMAN,
)  # fmt: skip
CONTEXT_KEYS = (
    "dag", "dag_run", "ti", "task_instance", "task", "exception", "reason", "deadline", "run_id", "logical_date",
    "params", "var",
)  # fmt: skip


FIRST, LAST = datetime.min, datetime.max  # noqa: DTZ901 - a context's time may have no zone


def random_context(inputs: Inputs) -> Any:
    """What Airflow may call a callback with, and what it never would: wrong types, no keys, properties that raise."""

    def fact(name: str) -> Any:
        return inputs.one_of(
            inputs.text, inputs.long_text, inputs.number, inputs.anything, "failed", "success", "up_for_retry", 1,
            3, -1, "2026-01-01T00:00:00Z", datetime(2026, 1, 1, tzinfo=timezone.utc), LAST, FIRST,
            timedelta(seconds=5), timedelta.max, "load", {"a", "b"}, lambda: lambda *_, **__: 1 / 0,
        )  # fmt: skip

    def value(name: str) -> Any:
        if name == "exception":
            words = inputs.long_text()
            if inputs.chance.random() < 0.5:
                return random_exception(inputs)
            return inputs.one_of(
                None,
                words,
                ValueError(words),
                SystemExit(words),
                KeyError(inputs.anything()),
                UnprintableError(),
                inputs.anything,
            )
        if name in ("ti", "task_instance"):
            return of_class(inputs, inputs.shaped(FACTS_OF_TI, fact))
        if name in ("dag", "dag_run", "task", "deadline"):
            return of_class(inputs, inputs.shaped(FACTS_OF_OTHERS, fact))
        return inputs.one_of(None, "success", "task_failure", inputs.text, inputs.anything)

    if inputs.chance.random() < 0.02:
        return {}
    return inputs.shaped(inputs.chance.sample(CONTEXT_KEYS, inputs.chance.randrange(1, len(CONTEXT_KEYS))), value, 0.2)


def random_exception(inputs: Inputs, depth: int = 0) -> BaseException:
    """One with notes, causes and sub-exceptions of any kind, chained in circles now and then."""

    def other() -> BaseException:
        return random_exception(inputs, depth + 1) if depth < 3 else ValueError(inputs.text())

    kinds = (ValueError, KeyError, SystemExit, KeyboardInterrupt, UnprintableError, BytesError, OSError)
    made: BaseException = inputs.one_of(*kinds)(inputs.anything())
    more: dict[str, Callable[[], Any]] = {
        "__notes__": lambda: inputs.one_of(inputs.long_text, inputs.anything, lambda: [inputs.long_text(), 5]),
        "exceptions": lambda: inputs.one_of(inputs.anything, lambda: [other(), other()], lambda: (made, other())),
        "stderr": lambda: inputs.one_of(inputs.long_text, b"\xff\n", inputs.anything),
    }
    for name, value in more.items():
        if inputs.chance.random() < 0.3:
            setattr(made, name, value())
    for name in ("__cause__", "__context__"):
        if inputs.chance.random() < 0.3:
            setattr(made, name, made if inputs.chance.random() < 0.1 else other())
    return made


class BytesError(Exception):
    """An exception of somebody's driver, whose text is none."""

    def __str__(self) -> Any:
        return b"bytes"  # noqa: PLE0307 - that is the point


class UnprintableError(Exception):
    """An exception of somebody's driver, whose text can't be had."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def of_class(inputs: Inputs, facts: dict[str, Any]) -> Any:
    """An object with these attributes, a dict of them, or an object that raises at some of them."""
    plain = {name: each for name, each in facts.items() if name.isidentifier()}
    raising = {name: property(lambda _: 1 / 0) for name in inputs.chance.sample(sorted(plain), min(len(plain), 2))}
    made = type("Given", (), {**plain, **raising})()
    return inputs.one_of(SimpleNamespace(**plain), SimpleNamespace(**plain), made, facts, None, inputs.anything)


def test_any_context_makes_an_alert() -> None:
    """Whatever is missing or wrong is simply not known; the alert is made, in both languages, and is plain data."""
    inputs = Inputs(21)
    site = AirflowSite(
        base_url="https://airflow.example.com", layout="pages", environment=None, timezone="Asia/Shanghai"
    )

    def redact(text: str) -> str:
        if inputs.chance.random() < 0.01:
            raise RuntimeError("a masker that fails")
        return text

    for _ in range(INPUTS):
        facts = read_run_facts(
            random_context(inputs),
            site=site,
            redact=redact,
            failed_tasks=inputs.one_of(None, [("load", 1), ("x", -1)], inputs.anything),
            now=lambda: datetime(2026, 1, 2, tzinfo=timezone.utc),
        )
        language = inputs.one_of("zh", "en")
        alert = built_in_alert(facts, language=language, at_most_bytes=inputs.one_of(1_700, 18_000))
        assert alert.text.encode()
        assert RunFacts.from_dict(json.loads(json.dumps(facts.to_dict()))) == facts
