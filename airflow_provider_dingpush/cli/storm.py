"""``dingpush demo --storm``: a thousand failures within seconds, and the messages about them in a group."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

from airflow_provider_dingpush.cli.demo_pages import DemoPages, Place
from airflow_provider_dingpush.cli.sandbox import served, wait_for_ctrl_c, webhook_to_paste
from airflow_provider_dingpush.cli.screen import Screen, Texts, is_terminal, print_table
from airflow_provider_dingpush.sandbox import ChatMessage, Robot, Sandbox

_AT_ONCE = 16
_FLUSH_SECONDS = 150.0
_SECRET = "SEC-sandbox-storm"  # noqa: S105 - for the sandbox only
_FAILURES_OF_A_DAG = 40
_TASKS_OF_A_DAG = 8  # each is mapped
_RUN_ID = "scheduled__2026-11-22T02:00:00+00:00"
_REASONS = (
    ("ProgrammingError", 'relation "ods_orders" does not exist'),
    ("OperationalError", "could not connect to server: Connection refused (10.8.0.21:5432)"),
    ("AirflowException", "Bash command failed. The command returned a non-zero exit code 1."),
    ("TimeoutError", "read timed out after 300 seconds"),
)
# On Airflow 3 and on Airflow 2, inside a link that opens a browser.
_LOG_LINK = re.compile(r"https?%3A%2F%2F[^&)\s]*(?:tasks%2F|task_id%3D)[^&)\s]*")

_TEXTS: Texts = {
    "sandbox": (
        "[1/3] DingTalk sandbox is running (20 messages a minute, then blocked for ten minutes). Chat page: {page_url}",
        "[1/3] 钉钉沙箱已启动（每分钟 20 条，超出即限流十分钟），聊天页面：{page_url}",
    ),
    "failing": (
        "[2/3] {alerts:,} tasks fail, {at_once} callback processes at a time",
        "[2/3] 模拟 {alerts:,} 个任务失败（{at_once} 个回调进程并发）",
    ),
    "progress": ("{done:,}/{alerts:,} failures, {messages}", "已失败 {done:,}/{alerts:,}，群内 {messages}"),
    "flushing": ("[3/3] Sending pending alerts", "[3/3] 发送待发告警"),
    "pending": ("      some alerts are still pending: {reason}", "      仍有告警未发送：{reason}"),
    "busy": ("another process is sending", "其他进程正在发送"),
    "no_log": (
        "No task ran here: the storm calls the notifier with failures that it makes up.",
        "这里没有运行任务：风暴演示直接用模拟的失败调用通知器。",
    ),
    "failures": ("Failures", "失败任务"),
    "messages": ("Messages in the group", "群内消息"),
    "lost": ("Lost", "丢失"),
    "repeated": ("Sent more than once", "重复发送"),
    "refused": ("Refused by DingTalk", "被钉钉拒绝"),
    "first": ("First message after", "首条送达用时"),
    "last": ("Last message after", "末条送达用时"),
    "seconds": ("{seconds:.1f} s", "{seconds:.1f} 秒"),
    "page": (
        "See the digests in your browser: {page_url} (press Ctrl-C to stop)",
        "在浏览器中查看汇总消息：{page_url}（按 Ctrl-C 结束）",
    ),
}

Failure = tuple[str, str, int]
"""What distinguishes a failure of the storm: DAG, task and map index."""


@dataclass(frozen=True)
class StormResult:
    """The result of a storm.

    :param alerts: how many tasks failed.
    :param messages: how many messages are in the chat.
    :param lost: failures that no message reports.
    :param repeated: failures that more than one message reports.
    :param first_seconds: from the first failure to the first message, in seconds.
    :param seconds: until the last message, in seconds.
    :param refused: how often the sandbox refused a message.
    """

    alerts: int
    messages: int
    lost: int
    repeated: int
    first_seconds: float
    seconds: float
    refused: int


def run_storm(alerts: int, *, wait: bool, language: str, port: int = 0) -> int:
    """Simulate failing tasks that notify the sandbox, and return 0 if each failure is reported once, else 1.

    :param alerts: how many tasks fail.
    :param wait: keep the sandbox's page open until Ctrl-C.
    :param language: of the output, and of the digests.
    :param port: of the sandbox; 0: any free port.
    """
    screen = Screen(language, _TEXTS)
    pages = DemoPages(language, _log_of(screen), lambda place: _tasks_of(place.dag_id, alerts))
    sandbox = Sandbox(robots=(Robot(secret=_SECRET),), port=port, pages=pages)
    with (
        tempfile.TemporaryDirectory(prefix="dingpush-storm-", ignore_cleanup_errors=True) as home,
        served(sandbox, "127.0.0.1", port, language),
    ):
        screen.line("sandbox", page_url=sandbox.page_url)
        _prepare(home, sandbox, language)
        screen.line("failing", alerts=alerts, at_once=_AT_ONCE)
        started = time.time()
        _fail_all(alerts, sandbox, screen)
        with screen.step("flushing"):
            reasons = _flush(screen)
        for reason in reasons:
            screen.line("pending", reason=reason)
        result = _result(alerts, sandbox, started)
        _print_result(result, screen)
        if wait:
            screen.line("page", page_url=sandbox.page_url)
            wait_for_ctrl_c()
    return 0 if result.lost == result.repeated == 0 else 1


def _prepare(home: str, sandbox: Sandbox, language: str) -> None:
    """Set up a separate Airflow for this process and those that it forks."""
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        del os.environ[name]
    os.environ.update(
        AIRFLOW_HOME=home,
        AIRFLOW__LOGGING__LOGGING_LEVEL="CRITICAL",
        AIRFLOW__DINGPUSH__LANGUAGE=language,
        AIRFLOW__DINGPUSH__BASE_URL=sandbox.pages_url,
        AIRFLOW_CONN_DINGTALK_DEFAULT=webhook_to_paste(sandbox.webhook_url, _SECRET),
        NO_PROXY="127.0.0.1",
    )
    # A callback that can't write to its home in time writes there.
    tempfile.tempdir = home
    # Loaded once here, so that each forked process is as fast as a task's, which has Airflow loaded, too.
    import jinja2  # noqa: F401

    from airflow_provider_dingpush.notifications import DingTalkNotifier  # noqa: F401
    from airflow_provider_dingpush.pipeline import (
        composing,  # noqa: F401
        dispatching,  # noqa: F401
        outboxes,  # noqa: F401
    )


def _fail_all(alerts: int, sandbox: Sandbox, screen: Screen) -> None:
    fork = multiprocessing.get_context("fork")
    done = 0
    lock, is_over = threading.Lock(), threading.Event()

    def fail_one(number: int) -> None:
        nonlocal done
        process = fork.Process(target=_fail, args=(number,))
        process.start()
        if is_over.is_set():
            process.kill()
        process.join()
        with lock:
            done += 1
            _print_progress(done, alerts, sandbox, screen)

    # Ctrl-C is for this process, which then ends those that its threads have forked.
    with ThreadPoolExecutor(
        _AT_ONCE, initializer=signal.pthread_sigmask, initargs=(signal.SIG_BLOCK, {signal.SIGINT})
    ) as pool:
        try:
            list(pool.map(fail_one, range(alerts)))
        except BaseException:
            # Or leaving the block would wait for all failures.
            is_over.set()
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.kill()
            raise
        finally:
            print()


def _print_progress(done: int, alerts: int, sandbox: Sandbox, screen: Screen) -> None:
    """Print one line that is updated on a terminal; otherwise only its last state."""
    for_people = is_terminal(sys.stdout)
    if done < alerts and (not for_people or done % max(1, alerts // 50)):
        return
    messages = screen.count(len(sandbox.messages), "message")
    progress = screen.text("progress", done=done, alerts=alerts, messages=messages)
    bar = f"\r      {'█' * (30 * done // alerts):<30}" if for_people else "     "
    print(f"{bar} {progress}", end="", flush=True)


def _fail(number: int) -> None:
    """Call the notifier, as the process of a failed task does at its end."""
    from airflow_provider_dingpush.notifications import DingTalkNotifier

    # The demo doesn't show Airflow's log of a callback.
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - until the process ends
    DingTalkNotifier()(_context(number))


def _failure(number: int) -> Failure:
    dag_number, task_number = divmod(number, _FAILURES_OF_A_DAG)
    return f"ods_sync_{dag_number:02d}", f"load_{task_number % _TASKS_OF_A_DAG}", task_number // _TASKS_OF_A_DAG


def _reason(number: int) -> tuple[str, str]:
    """The class and the text of a failure's exception."""
    return _REASONS[number % len(_REASONS)]


def _tasks_of(dag_id: str, alerts: int) -> Iterator[tuple[str, int, bool]]:
    """The failed tasks of a DAG, for the page of its run."""
    for number in range(alerts):
        of_dag, task_id, map_index = _failure(number)
        if of_dag == dag_id:
            yield task_id, map_index, True


def _log_of(screen: Screen) -> Callable[[Place], str | None]:
    """Finds what a page shows in the place of a task's log."""

    def find(place: Place) -> str | None:
        try:
            dag_number, task_number = (int((name or "").rpartition("_")[2]) for name in (place.dag_id, place.task_id))
        except ValueError:
            return None
        number = dag_number * _FAILURES_OF_A_DAG + place.map_index * _TASKS_OF_A_DAG + task_number
        if number < 0 or _failure(number) != (place.dag_id, place.task_id, place.map_index):
            return None
        return f"{': '.join(_reason(number))}\n\n{screen.text('no_log')}"

    return find


def _context(number: int) -> dict[str, Any]:
    """The context of a failed task's callback, as Airflow passes it."""
    dag_id, task_id, map_index = _failure(number)
    kind, words = _reason(number)
    ended = datetime.now(timezone.utc)
    ti = SimpleNamespace(
        dag_id=dag_id,
        task_id=task_id,
        run_id=_RUN_ID,
        map_index=map_index,
        try_number=1,
        max_tries=0,
        state="failed",
        start_date=ended - timedelta(seconds=42),
        end_date=ended,
    )
    return {
        "dag": SimpleNamespace(dag_id=dag_id, owner="data-team", fileloc=None),
        "ti": ti,
        "task": SimpleNamespace(task_id=task_id, owner="data-team", retries=0),
        "run_id": _RUN_ID,
        "exception": type(kind, (Exception,), {})(words),
    }


def _flush(screen: Screen) -> list[str]:
    """Send pending alerts, and return why some are still pending."""
    from airflow_provider_dingpush.delivery.drain_result import LeaderRole
    from airflow_provider_dingpush.pipeline.dispatching import flush
    from airflow_provider_dingpush.pipeline.outboxes import outbox
    from airflow_provider_dingpush.timeouts import Deadline

    reasons = []
    for _, result in flush(outbox(), Deadline.after(_FLUSH_SECONDS), LeaderRole.PERSON):
        if result is None:
            reasons.append(screen.text("busy"))
        elif isinstance(result, str):
            reasons.append(result)
        elif result.left:
            reasons.append(f"{result.in_words(screen.language)} {result.problem}".rstrip())
    return reasons


def _result(alerts: int, sandbox: Sandbox, started: float) -> StormResult:
    messages = sandbox.messages
    times = [message.received_at for message in messages]
    return StormResult(
        alerts=alerts,
        messages=len(messages),
        lost=len({_failure(number) for number in range(alerts)} - _notified()),
        repeated=_repeated(messages),
        first_seconds=times[0] - started if times else 0.0,
        seconds=times[-1] - started if times else 0.0,
        refused=sum(1 for request in sandbox.requests if request.outcome == "refused"),
    )


def _notified() -> set[Failure]:
    """The failures that are recorded as notified in the ledger: the failed tasks of each run."""
    from airflow_provider_dingpush.pipeline.outboxes import outbox

    found: set[Failure] = set()
    box = outbox()
    for receiver_id in box.receivers():
        for (kind, key), record in box.records_of(receiver_id).items():
            if kind == "run":
                found.update((json.loads(key)[0], task_id, map_index) for task_id, map_index in record["tasks"])
    return found


def _repeated(messages: Sequence[ChatMessage]) -> int:
    """How many links to a log are in more than one message, in any language."""
    links = [link for message in messages for link in set(_LOG_LINK.findall(message.payload["markdown"]["text"]))]
    return len(links) - len(set(links))


def _print_result(result: StormResult, screen: Screen) -> None:
    rows = [
        ("failures", f"{result.alerts:,}"),
        ("messages", f"{result.messages:,}"),
        ("lost", f"{result.lost:,}"),
        ("repeated", f"{result.repeated:,}"),
        ("refused", f"{result.refused:,}"),
        ("first", screen.text("seconds", seconds=result.first_seconds)),
        ("last", screen.text("seconds", seconds=result.seconds)),
    ]
    print()
    print_table((), [(f"  {screen.text(name)}", value) for name, value in rows])
    print()
