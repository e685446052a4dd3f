"""The notifier: what it says, what it never does, and that one instance serves many callbacks.

The numbers in the names of some tests are those of the facts about Airflow that bite hardest (see docs/development.md).
"""

from __future__ import annotations

import asyncio
import copy
import datetime
import logging
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest

from airflow_provider_dingpush import airflow_compat, notifications
from airflow_provider_dingpush.airflow_compat import mask_secret, notifier_takes_context
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.errors import AlertsWaitingError, UnavailableError
from airflow_provider_dingpush.messages import ActionCard, At, Button, Markdown
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline.callback_budget import CallbackBudget
from airflow_provider_dingpush.sandbox import Fault, Robot, Sandbox
from airflow_provider_dingpush.timeouts import call_within

START = datetime.datetime(2026, 11, 22, 1, 2, 3, tzinfo=datetime.timezone.utc)


def task_context(task_id: str = "load_orders", **changes: Any) -> dict[str, Any]:
    """The context of a failed task, as far as a notifier looks at it."""
    env = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    dag = SimpleNamespace(
        dag_id="etl_daily", dag_display_name="etl_daily", owner="zhangsan", tags=set(), get_template_env=lambda: env
    )
    ti = SimpleNamespace(
        dag_id="etl_daily",
        task_id=task_id,
        run_id="manual__1",
        map_index=-1,
        try_number=2,
        max_tries=3,
        state="failed",
        start_date=START,
        end_date=START + datetime.timedelta(seconds=5),
        hostname="worker-1",
    )
    context = {
        "dag": dag,
        "ti": ti,
        "task_instance": ti,
        "task": SimpleNamespace(owner="zhangsan", task_id=task_id, retries=3, task_display_name=task_id),
        "run_id": "manual__1",
        "dag_run": SimpleNamespace(run_id="manual__1", dag_id="etl_daily", run_type="manual", state="running"),
        "exception": ValueError("no such table"),
        "ds": "2026-11-22",
    }
    return {**context, **changes}


def run_context(**changes: Any) -> dict[str, Any]:
    """The context of a failed DAG run; its ``ti`` is a wrong one, as Airflow up to 3.1 gives it (fact 10)."""
    context = task_context("zz_ok", reason="task_failure", **changes)
    context["dag"].task_ids = ["boom", "m", "m_1", "zz_ok"]
    context.pop("exception")
    return context


@pytest.fixture(autouse=True)
def _fresh_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setattr(notifications, "_budget", CallbackBudget(ticks=time.monotonic))


def texts(sandbox: Sandbox) -> list[str]:
    """The texts that stand in the chat."""
    bodies = [message.payload for message in sandbox.messages]
    return [body[body["msgtype"]].get("content") or body[body["msgtype"]].get("text") for body in bodies]


def test_one_line_tells_what_failed_and_why(connected: Sandbox) -> None:
    """The alert that a newcomer gets without configuring anything."""
    DingTalkNotifier()(task_context())
    (message,) = connected.messages
    assert message.payload["markdown"]["title"] == "失败：etl_daily · load_orders"
    text = message.payload["markdown"]["text"]
    for said in ("第 2/4 次", "zhangsan", "ValueError", "no such table", "2026-11-22 01:02:03 +00:00", "5.0 秒"):
        assert said in text


@pytest.mark.parametrize(
    ("state", "title"),
    [
        ("failed", "Failed: etl_daily · load_orders"),
        ("up_for_retry", "Try 2/4 failed, will retry: etl_daily · load_orders"),
        ("skipped", "Skipped: etl_daily · load_orders"),
        ("running", "Started: etl_daily · load_orders"),
    ],
)
def test_it_serves_every_task_callback(connected: Sandbox, state: str, title: str) -> None:
    """on_failure, on_retry, on_success, on_skipped and on_execute."""
    context = task_context()
    context["ti"].state = state
    if state in ("running", "success", "skipped"):
        del context["exception"]
    DingTalkNotifier(language="en")(context)
    assert connected.messages[0].payload["markdown"]["title"] == title


def test_fact_7_one_instance_says_two_different_things(connected: Sandbox) -> None:
    """Airflow renders notifiers in place; this one keeps nothing."""
    notifier = DingTalkNotifier(message="{{ ti.task_id }} failed")
    notifier(task_context("a"))
    notifier(task_context("b"))
    assert texts(connected) == ["a failed", "b failed"]
    assert notifier.message == "{{ ti.task_id }} failed"


def test_one_instance_serves_many_threads(connected: Sandbox) -> None:
    """Sixteen callbacks at once: the first ones with their own text, the rest in a digest."""
    notifier = DingTalkNotifier(message="{{ ti.task_id }}")
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: notifier(task_context(f"task_{number}")), range(16)))
    told = "\n".join(texts(connected)).replace("\\", "")
    assert [number for number in range(16) if f"task_{number}" not in told] == []


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda notifier: pickle.loads(pickle.dumps(notifier))])  # noqa: S301
def test_a_copy_works_like_the_original(connected: Sandbox, copied: Any) -> None:
    """default_args are deep-copied, and executors pickle."""
    copied(DingTalkNotifier(message=Markdown("{{ ti.task_id }}", "x"), at=At("13800000000")))(task_context())
    assert connected.messages[0].payload["markdown"]["title"] == "load_orders"


def test_the_context_is_left_as_it_was(connected: Sandbox) -> None:
    """The next callback gets the same context."""
    context = task_context()
    before = dict(context)
    DingTalkNotifier(message="{{ facts.task_id }}")(context)
    assert context == before


def test_it_is_awaited_without_blocking_the_loop(connected: Sandbox) -> None:
    """While DingTalk is slow, the event loop of the triggerer goes on."""
    connected.fail_next(Fault.SLOW, seconds=0.2)

    async def both() -> int:
        notifying = asyncio.ensure_future(DingTalkNotifier().async_notify(task_context()))  # type: ignore[arg-type]
        turns = 0
        while not notifying.done():
            await asyncio.sleep(0)
            turns += 1
        await notifying
        return turns

    assert asyncio.run(both()) > 10
    assert len(connected.messages) == 1


@pytest.mark.skipif(
    not notifier_takes_context(), reason="deadlines need Airflow 3.1 or later: install apache-airflow>=3.1"
)
def test_a_deadline_awaits_it_with_its_own_context(connected: Sandbox) -> None:
    """A deadline knows nothing but a dict of the run and its own time."""
    context = {
        "dag_run": {"dag_id": "etl_daily", "dag_run_id": "manual__1", "state": "running"},
        "deadline": {"id": "1", "deadline_time": START},
    }

    async def wait_for(notifier: Any) -> None:
        await notifier

    asyncio.run(wait_for(DingTalkNotifier(language="en", context=context)))
    assert connected.messages[0].payload["markdown"]["title"] == "Deadline missed: etl_daily"


def test_five_arguments_are_an_sla_of_airflow_2(connected: Sandbox) -> None:
    """An sla_miss_callback isn't given a context."""
    arguments: Any = (task_context()["dag"], "load_orders", "", [], [])
    DingTalkNotifier(message="late: {{ task_list }}")(*arguments)
    DingTalkNotifier(language="en")(*arguments)
    assert texts(connected)[0] == "late: load_orders"
    assert connected.messages[1].payload["markdown"]["title"] == "Deadline missed: etl_daily"


# What it never does: raise, lose a message, take its time.


@pytest.mark.parametrize(
    ("break_it", "error"),
    [
        pytest.param(
            lambda sandbox, env: env.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", "{}"),
            "has no access token",
            id="no token",
        ),
        pytest.param(
            lambda sandbox, env: env.delenv("AIRFLOW_CONN_DINGTALK_DEFAULT"),
            "no Airflow connection",
            id="no connection",
        ),
        pytest.param(
            lambda sandbox, env: env.setenv(
                "AIRFLOW_CONN_DINGTALK_DEFAULT", f"{sandbox.url}/robot/send?access_token=bad"
            ),
            "doesn't know this access token",
            id="wrong token",
        ),
    ],
)
def test_it_logs_what_goes_wrong_and_raises_only_when_asked_to(
    connected: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    break_it: Any,
    error: str,
) -> None:
    """A broken DingTalk never breaks a DAG, and the alert waits for it to be mended."""
    break_it(connected, monkeypatch)
    DingTalkNotifier()(task_context())
    about = "(task_failed etl_daily manual__1 load_orders, connection 'dingtalk_default')"
    assert f"The DingTalk notice waits to be sent {about}" in caplog.text
    with pytest.raises(AlertsWaitingError, match=error):
        DingTalkNotifier(raise_on_failure=True)(task_context("another"))


def test_a_context_of_nothing_at_all_is_survived(connected: Sandbox) -> None:
    """Whatever Airflow may call it with."""
    DingTalkNotifier()({})
    assert len(connected.messages) == 1


def test_a_missing_variable_leaves_a_gap_and_not_a_hole(connected: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """``{{ exception }}`` raises in a DAG-level callback; the rest of the message matters."""
    DingTalkNotifier(message="run {{ run_id }}: {{ exception.args[0] }}")(run_context())
    assert texts(connected) == ["run manual__1: {{ exception }}"]
    assert "'exception' is undefined" in caplog.text


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("{{ broken", id="syntax error"),
        pytest.param("{{ 1 / 0 }}", id="exception in the template"),
        pytest.param(Markdown("{{ '' }}", "x"), id="empty title"),
        pytest.param({"msgtype": "nonsense"}, id="no such kind"),
        pytest.param("absent/template.md", id="no such file"),
    ],
)
def test_a_mistake_in_the_message_sends_the_built_in_alert(connected: Sandbox, message: Any) -> None:
    """The alert goes out, and says that the message is broken."""
    DingTalkNotifier(message=message, language="en")(task_context())
    (text,) = texts(connected)
    assert "no such table" in text
    assert "The notifier's own message could not be sent" in text


def test_a_message_that_dingtalk_refuses_sends_the_built_in_alert(connected: Sandbox) -> None:
    """FeedCards that are too long can't be cut."""
    card = {
        "msgtype": "feedCard",
        "feedCard": {"links": [{"title": "x" * 25_000, "messageURL": "https://e.com", "picURL": "https://e.com"}]},
    }
    DingTalkNotifier(message=card)(task_context())
    assert "no such table" in texts(connected)[0]


def test_a_long_message_is_cut_and_says_so(connected: Sandbox) -> None:
    """Alerts are cut, never split."""
    DingTalkNotifier(message=Markdown("t", "{{ 'x' * 30000 }}"))(task_context())
    (message,) = connected.messages
    assert "内容过长：共 30000 字" in message.payload["markdown"]["text"]


def test_mentions_that_a_card_can_not_carry_do_not_cost_the_alert(connected: Sandbox) -> None:
    """A card knows no mobile numbers; it is sent without."""
    DingTalkNotifier(message=ActionCard("t", "x", [Button("b", "https://e.com")]), at=At("13800000000", "u1"))(
        task_context()
    )
    assert connected.messages[0].payload["at"] == {"atMobiles": [], "atUserIds": ["u1"], "isAtAll": False}


def test_a_broken_mention_is_left_out(connected: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """Better an alert that pings nobody than none."""
    DingTalkNotifier(at={"mobiles": "two words"})(task_context())
    assert "at" not in connected.messages[0].payload
    assert "mentions are left out" in caplog.text


def test_facts_1_and_2_notifiers_of_one_callback_share_their_time(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Airflow 3 kills a process that dawdles in callbacks, and may run its task again."""
    passed = [0.0]
    monkeypatch.setattr(notifications, "_budget", CallbackBudget(ticks=lambda: passed[0]))
    # The clock of this test stands still while the connection is looked up, however busy the machine is.
    monkeypatch.setattr(notifications, "look_up_within", lambda find, seconds: find())

    def slow_rendering(seconds: float) -> str:
        passed[0] += seconds
        return "late"

    notifier = DingTalkNotifier(message="{{ slow(5) }}")
    for _ in range(3):
        notifier(task_context(slow=slow_rendering))
    assert texts(connected) == ["late"]
    assert caplog.text.count("The time that all notifiers of one callback share is used up") == 2
    notifier(task_context("another_task", slow=slow_rendering))
    assert texts(connected) == ["late", "late"]


def test_a_robot_that_hangs_is_left_when_the_time_is_up(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The notifier comes back although the server never answers; the alert waits for the next one."""
    monkeypatch.setattr(notifications, "CALLBACK_SECONDS", 2.0)
    connected.fail_next(Fault.HANG, times=3)
    DingTalkNotifier()(task_context())
    assert "The DingTalk notice waits to be sent" in caplog.text
    assert "it took too long" in caplog.text
    assert len(connected.requests) == 1


def test_it_takes_half_of_airflows_patience_at_most(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Airflow was told to kill a task's process sooner, its callbacks have less time."""
    shared: list[float] = []
    share = CallbackBudget.share

    def note(self: CallbackBudget, budget_key: Any, seconds: float) -> Any:
        shared.append(seconds)
        return share(self, budget_key, seconds)

    monkeypatch.setattr(CallbackBudget, "share", note)
    DingTalkNotifier()(task_context("usual"))
    for overtime in ("6", "soon"):
        monkeypatch.setenv("AIRFLOW__CORE__TASK_SUCCESS_OVERTIME", overtime)
        DingTalkNotifier()(task_context(f"overtime_{overtime}"))
    assert shared == [8.0, 3.0, 8.0]


def test_a_secrets_backend_that_hangs_is_left_when_the_time_is_up(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The connection is looked up within the same time."""
    for_ever = threading.Event()
    monkeypatch.setattr(airflow_compat.BaseHook, "get_connection", classmethod(lambda cls, conn_id: for_ever.wait()))
    monkeypatch.setattr(notifications, "_budget", CallbackBudget(ticks=lambda: 0.0))
    monkeypatch.setattr(notifications, "CALLBACK_SECONDS", 0.3)
    DingTalkNotifier()(task_context())
    for_ever.set()
    assert "Looking up the Airflow connection took too long" in caplog.text


def test_fact_6_a_question_that_is_never_answered_does_not_hold_up_the_alert(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A supervisor that doesn't know a question never answers; the alert then says that Airflow can't tell."""
    for_ever = threading.Event()
    monkeypatch.setattr(airflow_compat, "_task_states", lambda context: call_within(0.05, for_ever.wait))
    DingTalkNotifier(language="en")(run_context())
    for_ever.set()
    # It is safe, and on a machine that isn't busy sent by now.
    assert main(["flush", "--now"]) == 0
    assert "Airflow doesn't tell here which tasks failed" in texts(connected)[0]


def test_fact_10_a_failed_run_names_the_tasks_that_failed(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to Airflow 3.1 the context's own task is a wrong one."""
    states = {"boom": "failed", "m_1": "success", "m_2": "failed", "zz_ok": "success"}
    monkeypatch.setattr(airflow_compat, "_task_states", lambda context: states)
    DingTalkNotifier(language="en")(run_context())
    (message,) = connected.messages
    assert message.payload["markdown"]["title"] == "Run failed: etl_daily"
    text = message.payload["markdown"]["text"]
    assert "Failed tasks (2)" in text
    assert "boom" in text
    assert "zz" not in text


def test_fact_8_an_exception_text_is_redacted(connected: Sandbox) -> None:
    """Airflow redacts what it logs, not what is sent."""
    mask_secret("pa55word-of-the-warehouse")
    DingTalkNotifier()(task_context(exception=ValueError("login failed: pa55word-of-the-warehouse")))
    assert "login failed: \\*\\*\\*" in texts(connected)[0]


# Whom, in which language, with which links.


def test_the_owner_of_a_failure_is_mentioned(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection knows which owner is who in DingTalk; good news pings nobody."""
    mentions = "&mentions=%7B%22zhangsan%22%3A%20%2213800000000%22%7D"
    monkeypatch.setenv(
        "AIRFLOW_CONN_DINGTALK_DEFAULT", f"{connected.webhook_url}&secret={connected.robot.secret}{mentions}"
    )
    DingTalkNotifier(at=At(user_ids="boss"))(task_context())
    assert connected.messages[0].payload["at"] == {
        "atMobiles": ["13800000000"],
        "atUserIds": ["boss"],
        "isAtAll": False,
    }
    context = task_context()
    context["ti"].state = "success"
    DingTalkNotifier()(context)
    assert "at" not in connected.messages[1].payload


@pytest.mark.parametrize(
    ("argument", "connection", "option", "title"),
    [
        pytest.param("en", "zh", "zh", "Failed", id="the notifier's word counts first"),
        pytest.param(None, "en", "zh", "Failed", id="then the connection's"),
        pytest.param(None, None, "en", "Failed", id="then the option's"),
        pytest.param(None, None, None, "失败", id="Chinese otherwise"),
        pytest.param(None, None, "klingon", "失败", id="an unknown option is Chinese"),
    ],
)
def test_language(
    connected: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    argument: str | None,
    connection: str | None,
    option: str | None,
    title: str,
) -> None:
    """Who decides in which language the alert is."""
    if connection:
        url = f"{connected.webhook_url}&secret={connected.robot.secret}&language={connection}"
        monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", url)
    if option:
        monkeypatch.setenv("AIRFLOW__DINGPUSH__LANGUAGE", option)
    DingTalkNotifier(language=argument)(task_context())
    assert connected.messages[0].payload["markdown"]["title"].startswith(title)


def test_options_shape_links_label_and_times(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """``[dingpush]`` says where Airflow is, what it is called, and what time it is there."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__BASE_URL", "https://airflow.example.com/prod/")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__ENVIRONMENT", "生产")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__TIMEZONE", "Asia/Shanghai")
    DingTalkNotifier()(task_context())
    (message,) = connected.messages
    assert message.payload["markdown"]["title"] == "[生产] 失败：etl_daily · load_orders"
    assert "2026-11-22 09:02:03 +08:00" in message.payload["markdown"]["text"]
    assert "https%3A%2F%2Fairflow.example.com%2Fprod%2Fdags%2Fetl_daily" in message.payload["markdown"]["text"]
    assert "本机地址" not in message.payload["markdown"]["text"]


def test_a_text_of_ones_own_sees_the_facts(connected: Sandbox, tmp_path: Path) -> None:
    """The facts are the same as those of the built-in alert, also in a file beside the DAG."""
    (tmp_path / "alert.md").write_text("### {{ facts.dag_id }}\n\n{{ facts.try_text }} {{ facts.exception_type }}\n")
    context = task_context()
    env = jinja2.Environment(loader=jinja2.FileSystemLoader(tmp_path))
    context["dag"].get_template_env = lambda: env
    DingTalkNotifier(message="alert.md")(context)
    markdown = connected.messages[0].payload["markdown"]
    assert markdown["title"] == "etl_daily"
    assert markdown["text"].startswith("### etl_daily\n\n2/4 ValueError")


def test_a_text_of_ones_own_can_escape_what_it_shows(connected: Sandbox) -> None:
    """The underscores of an id are not emphasis."""
    DingTalkNotifier(message="{{ facts.dag_id | escape_markdown }}")(task_context())
    assert texts(connected) == ["etl\\_daily"]


def test_an_unknown_argument_is_refused() -> None:
    """A typo doesn't pass in silence."""
    with pytest.raises(TypeError, match="mesage"):
        DingTalkNotifier(mesage="x")
    with pytest.raises(ValueError, match="must be zh or en"):
        DingTalkNotifier(language="fr")


def test_a_keyword_robot_gets_its_keyword(monkeypatch: pytest.MonkeyPatch) -> None:
    """The built-in alert passes a robot with keywords."""
    with Sandbox(robots=(Robot(keywords=("报警",)),)) as sandbox:
        monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", f"{sandbox.webhook_url}&keyword=%E6%8A%A5%E8%AD%A6")
        DingTalkNotifier()(task_context())
        assert texts(sandbox)[0].endswith("报警")


def test_a_network_that_is_down_is_logged_with_advice(
    connected: Sandbox, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log says what to look at, at ERROR."""
    connected.stop()
    monkeypatch.setattr("airflow_provider_dingpush.dingtalk.attempts.AttemptPlan.first_wait_seconds", 0.0)
    with caplog.at_level(logging.ERROR), pytest.raises(UnavailableError):
        DingTalkNotifier(raise_on_failure=True)(task_context())
    assert "检查本机网络" in caplog.text


def test_a_question_that_takes_a_cold_start_is_waited_for(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The DAG processor answers the first one only when it has loaded what answers."""
    loading = threading.Event()

    def states(context: Any) -> dict[str, str]:
        assert not loading.wait(3.5)
        return {"boom": "failed"}

    monkeypatch.setattr(airflow_compat, "_task_states", states)
    DingTalkNotifier(language="en")(run_context())
    assert "Failed tasks (1)" in texts(connected)[0]


def test_a_question_leaves_half_of_the_time_for_the_alert(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """However long it may take."""
    for_ever = threading.Event()
    monkeypatch.setattr(notifications, "DAG_PROCESSOR_SECONDS", 4.0)
    monkeypatch.setattr(airflow_compat, "_task_states", lambda context: for_ever.wait())
    with caplog.at_level(logging.INFO):
        DingTalkNotifier(language="en")(run_context())
    for_ever.set()
    # It is safe, and on a machine that isn't busy sent by now.
    assert main(["flush", "--now"]) == 0
    assert "Airflow doesn't tell here which tasks failed" in texts(connected)[0]
    assert "The failed tasks of the run can't be listed" in caplog.text


@pytest.mark.parametrize(("timeout", "most"), [(None, 10.0), ("600", 10.0), ("10", 4.0), ("nonsense", 10.0)])
def test_the_alert_is_safe_long_before_the_dag_processor_is_killed(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, timeout: str | None, most: float
) -> None:
    """Reading the file may have taken half of its 50 seconds, and Airflow may be told to grant less."""
    section = "DAG_PROCESSOR" if airflow_compat.is_airflow_3() else "CORE"
    if timeout:
        monkeypatch.setenv(f"AIRFLOW__{section}__DAG_FILE_PROCESSOR_TIMEOUT", timeout)
    asked: list[float] = []
    monkeypatch.setattr(notifications, "failed_task_ids", lambda _, seconds: asked.append(seconds))
    DingTalkNotifier()(run_context())
    assert len(connected.messages) == 1
    assert most / 2 < asked[0] <= most


def test_an_sla_of_airflow_2_shares_the_time_of_the_dag_processor() -> None:
    """It is called there, and not in the triggerer, which nobody kills."""
    sla = notifications._sla_context(task_context()["dag"], "load_orders", "", [], [])
    missed = {"dag_run": {"dag_id": "etl_daily"}, "deadline": {"deadline_time": START}}
    occasions = [notifications._budget_key(notifications._facts(each)) for each in (sla, missed, run_context())]
    assert occasions[0] == occasions[2] == ("DAG processor", notifications.DAG_PROCESSOR_SECONDS)
    assert occasions[1][1] == notifications.DEADLINE_SECONDS


def test_all_failed_tasks_are_counted(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only some of them are named."""
    monkeypatch.setattr(airflow_compat, "_task_states", lambda _: {f"m_{number}": "failed" for number in range(1500)})
    DingTalkNotifier(language="en")(run_context())
    assert "Failed tasks (1500)" in texts(connected)[0]


@pytest.mark.parametrize("states", [{"boom": "failed", None: "failed"}, {5: "failed"}, ["failed"], "failed", 7])
def test_an_odd_answer_about_the_failed_tasks_costs_no_alert(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, states: Any
) -> None:
    monkeypatch.setattr(airflow_compat, "_task_states", lambda _: states)
    DingTalkNotifier(language="en")(run_context())
    assert len(connected.messages) == 1


def test_a_dag_whose_tasks_are_not_known_costs_no_alert(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airflow_compat, "_task_states", lambda _: {"boom": "failed"})
    context = run_context()
    del context["dag"].task_ids
    DingTalkNotifier(language="en")(context)
    assert len(connected.messages) == 1
