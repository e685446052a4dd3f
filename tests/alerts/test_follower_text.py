"""What alerts and digests say about the failures that follow from theirs."""

from __future__ import annotations

from datetime import timezone

import pytest

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.alerts.composer import Composer, ReceiverSettings
from airflow_provider_dingpush.alerts.digest_notes import Followers, Notes
from airflow_provider_dingpush.alerts.follower_text import followers_text
from airflow_provider_dingpush.alerts.words import words_in
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.messages import Message
from airflow_provider_dingpush.messages.kinds import Markdown

MANY = Followers(12, (("etl_daily", "publish"), *(("dws_orders", f"t{n}") for n in range(9)), ("ads_report", "")))


class Anything:
    """A channel that carries everything."""

    text_bytes = 18_000
    misaddressed = False

    def check(self, message: Message, *, language: str) -> None:
        """Accept it."""


def failure(task_id: str, **more: object) -> Alert:
    return Alert(
        f"key of {task_id}",
        Mailbox("dingtalk_default"),
        Event.TASK_FAILED,
        1_800_000_000.0,
        dag_id="etl_daily",
        run_id="r1",
        task_id=task_id,
        summary="TimeoutError",
        facts={"dag_name": "etl_daily", "task_name": task_id, "run_id": "r1", "task_id": task_id},
        **more,  # type: ignore[arg-type]
    )


def text_of(alerts: list[Alert], notes: Notes, language: str) -> str:
    settings = ReceiverSettings(language=language, zone=timezone.utc)
    message, _ = Composer(Anything(), settings, lambda alert: alert, str)(alerts, notes)
    assert isinstance(message, Markdown)
    return message.text


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh", "另有 12 个下游失败由它引起：publish、dws\\_orders、ads\\_report"),
        ("en", "12 more failures follow from this: publish, dws\\_orders, ads\\_report"),
    ],
)
def test_an_alert_and_a_digest_name_what_follows(language: str, text: str) -> None:
    """Of its own DAG the tasks, of others the DAGs, each once."""
    load = failure("load")
    notes = Notes(followers={load.incident: MANY, "another": Followers(3)})
    alone = text_of([load], notes, language)
    assert text in alone.splitlines()
    assert "3" not in alone.partition(text)[2]
    in_digest = text_of([load, failure("check")], notes, language)
    assert f"· {text}" in in_digest
    assert in_digest.count(text) == 1


def test_a_recovery_says_nothing_of_it() -> None:
    load = failure("load")
    over = Alert.from_json(load.to_json().replace("task_failed", "task_succeeded").replace(":false", ":true"))
    assert over.resolved
    assert "follow" not in text_of([over], Notes(followers={load.incident: MANY}), "en")


@pytest.mark.parametrize(
    ("followers", "en", "zh"),
    [
        (Followers(1, (("ads", ""),)), "1 more failure follows from this: ads", "另有 1 个下游失败由它引起：ads"),
        (Followers(1_234), "1,234 more failures follow from this", "另有 1,234 个下游失败由它引起"),
        (Followers(0, (("ads", ""),)), "", ""),
        (
            Followers(9, tuple((f"dws_{n:02}", "") for n in range(1, 10))),
            "9 more failures follow from this: dws\\_01–09",
            "另有 9 个下游失败由它引起：dws\\_01–09",
        ),
        (
            Followers(3, tuple((each * 45, "") for each in "abc")),
            f"3 more failures follow from this: {'a' * 45}, …",
            f"另有 3 个下游失败由它引起：{'a' * 45} 等",
        ),
        (Followers(1, (("[x](y)\n#", ""),)), "1 more failure follows from this: \\[x\\](y) \\#", None),
    ],
)
def test_many_names_are_few_words(followers: Followers, en: str, zh: str | None) -> None:
    assert followers_text([followers], ["p"], words_in("en")) == en
    if zh is not None:
        assert followers_text([followers], ["p"], words_in("zh")) == zh


def test_the_followers_of_several_are_counted_together() -> None:
    several = [Followers(2, (("p", "a"), ("q", "x"))), Followers(1, (("q", "y"),))]
    assert followers_text(several, ["p"], words_in("en")) == "3 more failures follow from this: a, q"
    assert followers_text([], ["p"], words_in("en")) == ""
