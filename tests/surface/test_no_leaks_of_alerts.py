"""Secrets on the way of an alert: wherever it waits and whatever the result, all that was written is searched."""

from __future__ import annotations

import io
import pickle
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, quote_plus

import pytest

from airflow_provider_dingpush import listeners
from airflow_provider_dingpush.airflow_compat import task_log_file
from airflow_provider_dingpush.alerts.alert import Mailbox
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.dingtalk.attempts import AttemptPlan
from airflow_provider_dingpush.messages import Image, Markdown
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.operators import DingTalkOperator
from airflow_provider_dingpush.pipeline import callback, callback_limits, homes, outboxes
from airflow_provider_dingpush.pipeline.callback_budget import CallbackBudget
from airflow_provider_dingpush.pipeline.receivers import receiver_of_mailbox
from airflow_provider_dingpush.pipeline.stores import stores
from airflow_provider_dingpush.sandbox import Fault, Robot, Sandbox
from airflow_provider_dingpush.timeouts import Deadline
from tests.callback_contexts import task_context
from tests.pipeline.test_airflow_events import stored_task
from tests.pipeline.test_failure_details import as_airflow_logs
from tests.redis_servers import redis_server
from tests.surface.test_no_leaks import _around, _files_in, _quick, everything_logged
from tests.surface.test_questions import approval, running

__all__ = ["everything_logged"]

TOKEN = "0123456789abcdef" * 4
SECRET = "SEC" + "fedcba9876543210" * 4
OTHER_TOKEN, OTHER_SECRET = "9876543210fedcba" * 4, "SEC" + "0f1e2d3c4b5a6978" * 4
REDIS_PASSWORD = "r3dis/pa55?w0rd"
PROXY_PASSWORD = "pr0xy-pa55word"
WEBHOOK = f"https://oapi.dingtalk.com/robot/send?access_token={OTHER_TOKEN}"
_AT_ONCE = "&rate_limit_per_minute=1000&group_interval_seconds=0"
HIDDEN = (TOKEN, SECRET, OTHER_TOKEN, OTHER_SECRET, REDIS_PASSWORD, PROXY_PASSWORD)


@dataclass(frozen=True)
class World:
    """What a failure is made of."""

    sandbox: Sandbox
    robot: Robot
    env: pytest.MonkeyPatch
    home: Path
    redis_url: str

    def connect(self, *, token: str = TOKEN, secret: str = SECRET, more: str = "") -> None:
        """Point the default connection to the sandbox."""
        query = f"access_token={quote_plus(token)}&secret={quote_plus(secret)}&timeout_seconds=0.5{_AT_ONCE}{more}"
        self.env.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", f"{self.sandbox.url}/robot/send?{query}")

    def use(self, url: str) -> None:
        """Let this Redis be the outbox."""
        self.env.setenv("AIRFLOW__DINGPUSH__OUTBOX_URL", url)
        outboxes.opened.cache_clear()
        outboxes.opened_notes.cache_clear()


Change = Callable[[World], None]


def no_home(world: World) -> None:
    """Neither home nor the fallback files take anything."""
    world.home.parent.mkdir(exist_ok=True)
    world.home.write_text("a file where a folder should be", "utf-8")
    homes.second_home().write_text("another one", "utf-8")


STORES: dict[str, Change] = {
    "files": lambda world: None,
    "files elsewhere": lambda world: world.home.touch(),
    "no files": no_home,
    "Redis": lambda world: world.use(world.redis_url),
    "Redis is away": lambda world: world.use(f"redis://:{quote(REDIS_PASSWORD, safe='')}@127.0.0.1:1/0"),
    "wrong password of Redis": lambda world: world.use(
        world.redis_url.replace(quote(REDIS_PASSWORD, safe=""), quote(f"{REDIS_PASSWORD}x", safe=""))
    ),
    "unencoded password of Redis": lambda world: world.use(f"redis://:{REDIS_PASSWORD}@127.0.0.1:1/0"),
    "Redis is a Sentinel": lambda world: world.use(f"redis+sentinel://:{quote_plus(REDIS_PASSWORD)}@127.0.0.1:1/0"),
}


def no_answer(world: World) -> None:
    """DingTalk answers nothing, and callbacks soon leave the alerts to the flush."""
    world.sandbox.fail_next(Fault.HANG, times=50)
    world.env.setattr(callback_limits, "CALLBACK_SECONDS", 3.0)


FAILURES: dict[str, Change] = {
    "nothing is wrong": lambda world: None,
    "wrong token": lambda world: world.connect(token=OTHER_TOKEN),
    "wrong secret": lambda world: world.connect(secret=OTHER_SECRET),
    "no answer": no_answer,
    "nobody there": lambda world: world.sandbox.stop(),
    "a whole command": lambda world: world.env.setenv(
        "AIRFLOW_CONN_DINGTALK_DEFAULT",
        f"curl '{WEBHOOK}' -H 'Content-Type: application/json' -d '{{\"secret\": \"{SECRET}\"}}'",
    ),
    "secret in another field": lambda world: world.connect(more=f"&mentions={quote_plus(SECRET)}"),
    "secret for a language": lambda world: world.connect(more=f"&language={quote_plus(SECRET)}"),
    "unusable proxy": lambda world: world.connect(
        more=f"&proxy={quote_plus(f'http://u:{PROXY_PASSWORD}[@127.0.0.1:1')}"
    ),
}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, outbox_home: Path) -> Iterator[World]:
    """A robot whose messages are signed, and a Redis that wants a password."""
    monkeypatch.setattr(AttemptPlan, "__init__", _quick(AttemptPlan.__init__))
    robot = Robot(access_token=TOKEN, secret=SECRET, messages_per_minute=1000)
    with Sandbox(robots=(robot,)) as sandbox, redis_server("--requirepass", REDIS_PASSWORD) as server:
        url = f"unix://:{quote(REDIS_PASSWORD, safe='')}@{server.socket}"
        made = World(sandbox, robot, monkeypatch, outbox_home, url)
        made.connect()
        yield made
        outboxes.opened.cache_clear()
        outboxes.opened_notes.cache_clear()


def exceptions() -> Iterator[BaseException]:
    """With secrets in each place that an alert quotes, and Airflow masks none of them."""
    request = f"Max retries exceeded with url: /robot/send?access_token={OTHER_TOKEN}&timestamp=1700000000000&sign=x"
    yield ValueError(request)
    noted = ValueError("no answer")
    noted.__notes__ = [f"asked {WEBHOOK}", f"signed with {OTHER_SECRET}"]  # type: ignore[attr-defined]
    yield noted
    caused = RuntimeError("not masked")
    caused.__cause__ = ConnectionError(f"redis://:{quote(REDIS_PASSWORD, safe='')}@127.0.0.1 of {WEBHOOK}")
    yield caused
    group: Any = type("ExceptionGroup", (Exception,), {"exceptions": (KeyError(WEBHOOK), OSError(OTHER_SECRET))})
    yield group(f"{WEBHOOK} and another one")
    yield subprocess.CalledProcessError(1, ["curl", WEBHOOK], stderr=f"proxy http://u:{PROXY_PASSWORD}@h:1".encode())


@pytest.fixture
def command_log(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The context of a task whose command failed, after it had printed secrets into its log."""
    monkeypatch.setenv("AIRFLOW__LOGGING__BASE_LOG_FOLDER", str(tmp_path_factory.mktemp("logs")))
    context = task_context("command", exception=RuntimeError("The command returned a non-zero exit code 1."))
    file = Path(task_log_file(context["ti"]) or "")
    file.parent.mkdir(parents=True)
    lines = (
        *("sure of nothing", f"curl '{WEBHOOK}'", f"signed with {OTHER_SECRET}", f"+ export X_PASS={REDIS_PASSWORD}"),
        *(f"proxy http://u:{PROXY_PASSWORD}@h:1", f'"token": "{TOKEN}", "secret": "{SECRET} x"'),
        f"redis-cli --password {REDIS_PASSWORD}",
    )
    file.write_text(as_airflow_logs(*lines))
    return context


def contexts() -> Sequence[dict[str, Any]]:
    """What notifiers are called with."""
    failed = [{**task_context(f"t{place}"), "exception": each} for place, each in enumerate(exceptions())]
    words = f"use {WEBHOOK} with {OTHER_SECRET}?"
    return [*failed, running(approval(subject=words, body=words, options=[words, "no"], defaults=[words]))]


PAIRS = [(store, failure) for place, failure in enumerate(FAILURES) for store in (list(STORES)[place % len(STORES)],)]
"""Each failure with one store, and each store with a failure that leaves something in it."""


@pytest.mark.parametrize(("store", "failure"), [*PAIRS, *((store, "wrong token") for store in STORES)])
def test_no_alert_shows_a_secret(
    world: World,
    store: str,
    failure: str,
    everything_logged: io.StringIO,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    command_log: dict[str, Any],
) -> None:
    """Logs, files of either home, Redis, what is printed, returned or raised, and the chat itself."""
    STORES[store](world)
    FAILURES[failure](world)
    written: list[str] = []
    notifiers = [
        *[DingTalkNotifier(raise_on_failure=True)] * 2,
        DingTalkNotifier(message=Image(b"\x89PNG\r\n\x1a\n")),
        DingTalkNotifier(message="{{ facts.exception_text }} {{ oops.x }}"),
        DingTalkNotifier(at={"mobiles": OTHER_SECRET}),
    ]
    for place, context in enumerate([*contexts(), command_log]):
        world.env.setattr(callback, "_budget", CallbackBudget(ticks=time.monotonic))
        notifier = notifiers[place % len(notifiers)]
        logged(lambda notifier=notifier, context=context: notifier(context), written)  # type: ignore[misc]
        written.append(repr(vars(notifier)).replace(WEBHOOK, "").replace(OTHER_SECRET, ""))
    candidates = stores(Deadline.after(1.0))
    written += [repr(candidates), *(repr(each._asdict()) for each in candidates)]
    operator, nothing = DingTalkOperator(task_id="t", message=Markdown("t", "x")), cast("Any", {})
    logged(lambda: operator.execute(nothing), written)
    logged(lambda: written.append(repr(vars(receiver_of_mailbox(Mailbox("dingtalk_default"))))), written)
    run(("--verbose", "send", "hello"), ("send", "hello", "--json"), ("doctor",), ("doctor", "--json"), written=written)
    world.connect()
    run(("status",), ("doctor",), ("flush", "--now", "--within", "2"), written=written)
    run(("--verbose", "status", "--json"), ("flush", "--json", "--within", "2"), written=written)
    run(("dead-letters", "list", "--json"), ("dead-letters", "show", "all"), written=written)
    written += [*_files_in(tmp_path), everything_logged.getvalue(), *capfd.readouterr()]
    written += dump(world.redis_url)
    written += [repr(message.payload) for message in world.sandbox.messages]
    signs = {request.query["sign"] for request in world.sandbox.requests if "sign" in request.query}
    text = "\n".join(written)
    assert "t0" in text
    if failure == "nothing is wrong":
        assert "sure of " in text
    for secret in (*HIDDEN, *signs):
        for spelling in {secret, quote(secret, safe=""), quote_plus(secret), quote(secret)}:
            assert spelling not in text, f"{store}, {failure}: a secret was written: {_around(text, spelling)}"


RULES = f"""
rules:
  - name: {OTHER_SECRET}
    match: {{task_id: t1}}
    receiver: {WEBHOOK}
  - receiver: dingtalk_default
"""
MISTAKES = {
    "a webhook as receiver": RULES,
    "a receiver that doesn't exist": "rules: [{match: {task_id: t1}, receiver: gone}, {receiver: dingtalk_default}]",
    "an unknown key": f"{RULES}    {OTHER_SECRET}: 1\n",
    "a value": f"{RULES}    severity: {OTHER_SECRET}\n",
    "a webhook as target": f"{RULES}    to: {{{{user_ids: ['{WEBHOOK}'], access_token: {OTHER_TOKEN}}}}}\n",
    "no YAML": f"rules: [{WEBHOOK}\n  {OTHER_SECRET}: [\n",
}
TRACEBACK = f"""Traceback (most recent call last):
  File "/dags/etl.py", line 1, in <module>
    connect("{WEBHOOK}", secret="{OTHER_SECRET}", redis="redis://:{quote(REDIS_PASSWORD, safe="")}@h")
ConnectionError: {WEBHOOK} through http://u:{PROXY_PASSWORD}@h:1
"""


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("store", ["files", "Redis", "Redis is away", "wrong password of Redis"])
def test_nothing_about_all_dags_shows_a_secret(
    world: World,
    store: str,
    mistake: str,
    everything_logged: io.StringIO,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """Neither alerts of listeners and of the flush, nor commands about rules, silences and Airflow itself."""
    STORES[store](world)
    rules = tmp_path / "rules.yaml"
    rules.write_text(MISTAKES[mistake])
    world.env.setenv("AIRFLOW__DINGPUSH__RULES_FILE", str(rules))
    written: list[str] = []
    for place, error in enumerate(exceptions()):
        failed = stored_task(task_id=f"t{place}", retries_left=False)
        logged(partial(listeners.on_task_instance_failed, "running", failed, error), written)
    logged(lambda: listeners.on_new_dag_import_error("/dags/etl.py", TRACEBACK), written)
    why = ("silence", "add", "dag_id=other", "--why", f"{WEBHOOK} {OTHER_SECRET}")
    run(why, ("silence", "list"), ("silence", "list", "--json"), written=written)
    run(("rules", "check"), ("rules", "check", "--json"), ("rules", "explain", "etl_daily.t1"), written=written)
    run(("flush", "--now", "--within", "5"), ("status", "--json"), ("rules", "replay", "--json"), written=written)
    address = f"http://u:{PROXY_PASSWORD}@127.0.0.1:1/?token={OTHER_TOKEN}"
    run(("watch", "--for", "0s", "--url", address), ("watch", "--json", "--url", address), written=written)
    run(("doctor",), ("flush", "--now", "--within", "5"), ("dead-letters", "show", "all"), written=written)
    rules.unlink()
    written += [*_files_in(tmp_path), everything_logged.getvalue(), *capfd.readouterr()]
    written += dump(world.redis_url)
    written += [repr(message.payload) for message in world.sandbox.messages]
    text = "\n".join(written)
    assert "t0" in text
    for secret in HIDDEN:
        for spelling in {secret, quote(secret, safe=""), quote_plus(secret), quote(secret)}:
            assert spelling not in text, f"{store}, {mistake}: a secret was written: {_around(text, spelling)}"


def run(*commands: Sequence[str], written: list[str]) -> None:
    """Run commands as a person or a script does."""
    for command in commands:
        logged(lambda command=command: main(command), written)  # type: ignore[misc]


def logged(call: Callable[[], Any], written: list[str]) -> None:
    """What a call returns or raises; not the frames, which hold the exceptions that it was given."""
    try:
        written.append(repr(call()))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - each kind of them is looked at
        while error is not None:
            written += [repr(error), str(error), repr(pickle.dumps(error)), repr(vars(error))]
            error = error.__cause__ or error.__context__  # type: ignore[assignment]


def dump(url: str) -> list[str]:
    """All that a Redis holds."""
    import redis

    server: Any = redis.Redis.from_url(url)
    everything = [f"{key}{server.dump(key)}" for key in server.scan_iter()]
    server.close()
    return everything
