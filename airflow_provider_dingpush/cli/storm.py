"""``dingpush demo --storm``: a thousand failures within seconds, and what a group sees of them."""

from __future__ import annotations

import multiprocessing
import os
import re
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

from airflow_provider_dingpush.cli.demo import Speech
from airflow_provider_dingpush.cli.main import webhook_to_paste
from airflow_provider_dingpush.sandbox import Robot, Sandbox

_AT_ONCE = 16
_FLUSH_SECONDS = 150.0
_SECRET = "SEC-sandbox-storm"  # noqa: S105 - opens nothing but the sandbox
_FAILURES_OF_A_DAG = 40
_REASONS = (
    ("ProgrammingError", 'relation "ods_orders" does not exist'),
    ("OperationalError", "could not connect to server: Connection refused (10.8.0.21:5432)"),
    ("AirflowException", "Bash command failed. The command returned a non-zero exit code 1."),
    ("TimeoutError", "read timed out after 300 seconds"),
)
_COUNT = re.compile(r"([\d,]+) (?:failures?\b|个失败|more not listed|个未列出)")


@dataclass(frozen=True)
class StormOutcome:
    """What became of a storm.

    :param alerts: failures that were to be told.
    :param messages: messages that stand in the chat.
    :param told: failures that stand in them, as lines or inside a count that is printed.
    :param first_seconds: from the first failure to the first message, in seconds.
    :param seconds: until the last message, in seconds.
    :param refused: how often the sandbox refused a message.
    """

    alerts: int
    messages: int
    told: int
    first_seconds: float
    seconds: float
    refused: int

    @property
    def lost(self) -> int:
        """Failures that stand in no message."""
        return max(0, self.alerts - self.told)

    @property
    def repeated(self) -> int:
        """Failures that stand in more than one."""
        return max(0, self.told - self.alerts)


def run_storm(alerts: int, *, wait: bool = True, language: str = "zh", port: int = 0) -> int:
    """Let so many tasks fail at once against the sandbox, and return 0 if each failure is told once, else 1.

    :param alerts: how many failures.
    :param wait: keep the sandbox's page open until Ctrl-C.
    :param language: of what is printed, and of the digests.
    :param port: of the sandbox; 0 takes a free one.
    """
    speech = Speech(language)
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="dingpush-storm-"))
        sandbox = stack.enter_context(Sandbox(robots=(Robot(secret=_SECRET),), port=port))
        speech.say(
            f"[1/3] 钉钉沙箱已启动（每分钟 20 条，超出即禁言十分钟）：{sandbox.page_url}",
            f"[1/3] The sandbox runs (20 messages a minute, then ten minutes shut out): {sandbox.page_url}",
        )
        _prepare(home, sandbox, language)
        speech.say(
            f"[2/3] {alerts:,} 个任务失败，同时有 {_AT_ONCE} 个回调进程",
            f"[2/3] {alerts:,} tasks fail, {_AT_ONCE} callback processes at a time",
        )
        started = time.time()
        _rage(alerts, sandbox, speech)
        with speech.step("[3/3] 发送遗留的告警", "[3/3] Sending what callbacks left behind"):
            left_because = _flush()
        for reason in left_because:
            speech.say(f"      仍有告警未发送：{reason}", f"      some alerts still wait: {reason}")
        outcome = _outcome(alerts, sandbox, started)
        _report(outcome, speech)
        if wait:
            _wait_for_ctrl_c(sandbox, speech)
    return 0 if outcome.lost == outcome.repeated == 0 else 1


def _prepare(home: str, sandbox: Sandbox, language: str) -> None:
    """An Airflow of its own for this process and those that it forks."""
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        del os.environ[name]
    os.environ.update(
        AIRFLOW_HOME=home,
        AIRFLOW__LOGGING__LOGGING_LEVEL="CRITICAL",
        AIRFLOW__DINGPUSH__LANGUAGE=language,
        AIRFLOW__DINGPUSH__BASE_URL="https://airflow.example.com",
        AIRFLOW_CONN_DINGTALK_DEFAULT=webhook_to_paste(sandbox.webhook_url, _SECRET),
        NO_PROXY="127.0.0.1",
    )
    # Loaded once here, so that each forked process is as quick as a task's, which has Airflow loaded too.
    import jinja2  # noqa: F401

    from airflow_provider_dingpush.notifications import DingTalkNotifier  # noqa: F401
    from airflow_provider_dingpush.pipeline import (
        composing,  # noqa: F401
        dispatching,  # noqa: F401
        outboxes,  # noqa: F401
    )


def _rage(alerts: int, sandbox: Sandbox, speech: Speech) -> None:
    fork = multiprocessing.get_context("fork")
    done = 0
    lock = threading.Lock()

    def one(number: int) -> None:
        nonlocal done
        process = fork.Process(target=_fail, args=(number,))
        process.start()
        process.join()
        with lock:
            done += 1
            if done % max(1, alerts // 50) == 0 or done == alerts:
                _show_progress(done, alerts, len(sandbox.messages), speech)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(one, range(alerts)))
    print()


def _show_progress(done: int, alerts: int, messages: int, speech: Speech) -> None:
    words = ("失败", "消息") if speech.language == "zh" else ("failures", "messages")
    bar = "█" * (30 * done // alerts)
    print(f"\r      {bar:<30} {done:,}/{alerts:,} {words[0]}, {messages} {words[1]}", end="", flush=True)


def _fail(number: int) -> None:
    """What the process of a failed task does last."""
    from airflow_provider_dingpush.notifications import DingTalkNotifier

    # Airflow's own log of a callback is not what is to be seen here.
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - until the process ends
    DingTalkNotifier()(_context(number))


def _context(number: int) -> dict[str, Any]:
    """Of the callback of a failed task, as Airflow gives it."""
    dag_number, task_number = divmod(number, _FAILURES_OF_A_DAG)
    dag_id, task_id = f"ods_sync_{dag_number:02d}", f"load_{task_number % 8}"
    kind, words = _REASONS[number % len(_REASONS)]
    ended = datetime.now(timezone.utc)
    run_id = "scheduled__2026-11-22T02:00:00+00:00"
    ti = SimpleNamespace(
        dag_id=dag_id,
        task_id=task_id,
        run_id=run_id,
        map_index=task_number // 8,
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
        "run_id": run_id,
        "exception": type(kind, (Exception,), {})(words),
    }


def _flush() -> list[str]:
    """Send what waits; says why anything is left."""
    from airflow_provider_dingpush.delivery.drain_result import LeaderRole
    from airflow_provider_dingpush.pipeline.dispatching import flush
    from airflow_provider_dingpush.pipeline.outboxes import outbox
    from airflow_provider_dingpush.timeouts import Deadline

    reasons = []
    for _, came in flush(outbox(), Deadline.after(_FLUSH_SECONDS), LeaderRole.PERSON):
        if came is None:
            reasons.append("another process sends 其他进程正在发送")
        elif isinstance(came, str):
            reasons.append(came)
        elif came.left:
            reasons.append(f"{came.in_words('en')} {came.in_words('zh')} {came.problem}".rstrip())
    return reasons


def _outcome(alerts: int, sandbox: Sandbox, started: float) -> StormOutcome:
    times = [message.received_at for message in sandbox.messages]
    return StormOutcome(
        alerts=alerts,
        messages=len(sandbox.messages),
        told=sum(_told_in(message.payload["markdown"]["title"]) for message in sandbox.messages),
        first_seconds=times[0] - started if times else 0.0,
        seconds=times[-1] - started if times else 0.0,
        refused=sum(1 for request in sandbox.requests if request.outcome == "refused"),
    )


def _told_in(title: str) -> int:
    """How many failures a message speaks of, by its title; that of a single alert has no count."""
    counts = [int(count.replace(",", "")) for count in _COUNT.findall(title)]
    return sum(counts) if counts else 1


def _report(outcome: StormOutcome, speech: Speech) -> None:
    rows = (
        ("失败任务", "failures", f"{outcome.alerts:,}"),
        ("群内消息", "messages in the group", f"{outcome.messages}"),
        ("丢失", "lost", f"{outcome.lost}"),
        ("重复", "repeated", f"{outcome.repeated}"),
        ("被限流", "refused by DingTalk", f"{outcome.refused}"),
        ("首条送达", "first message after", f"{outcome.first_seconds:.1f} s"),
        ("末条送达", "last message after", f"{outcome.seconds:.1f} s"),
    )
    print()
    for zh, en, value in rows:
        speech.say(f"  {zh:　<6}{value:>10}", f"  {en:<24}{value:>10}")
    print()


def _wait_for_ctrl_c(sandbox: Sandbox, speech: Speech) -> None:
    speech.say(
        f"在浏览器中查看汇总消息：{sandbox.page_url}（按 Ctrl-C 结束）",
        f"See the digests in your browser: {sandbox.page_url} (Ctrl-C ends it)",
    )
    threading.Event().wait()
