"""What each fault costs at each entrance: the table of the guide, made by trying every cell.

A program, not a test: ``python tests/integration/fault_table.py`` prints the table as Markdown, in English or with
``--language zh`` in Chinese (``both``: one after the other), and ends with 1 if an alert was lost, is in the chat
twice, took longer than its deadline, or no text names the cause. ``--fault`` and ``--entrance`` try only some;
``--details`` prints what each cell logged or raised. The test of it is ``test_fault_table.py``. It takes a few
minutes: most cells wait for something that doesn't come.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import multiprocessing
import os
import re
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow.secrets import BaseSecretsBackend

from airflow_provider_dingpush.airflow_compat import notifier_takes_context
from airflow_provider_dingpush.alerts.alert import Mailbox
from airflow_provider_dingpush.delivery.drain_result import LeaderRole
from airflow_provider_dingpush.errors import ThrottledError
from airflow_provider_dingpush.hooks import DingTalkRobotHook
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.operators import DingTalkFlushOperator, DingTalkOperator
from airflow_provider_dingpush.pipeline.dispatching import flush
from airflow_provider_dingpush.sandbox import Fault, Robot, Sandbox
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.outbox import Outbox
from airflow_provider_dingpush.timeouts import Deadline

TOKEN = "0123456789abcdef" * 4
SECRET = "SEC" + "5" * 40
KEYWORD = "运维告警"
CONN = "AIRFLOW_CONN_DINGTALK_DEFAULT"
AT_ONCE = 12
SECRETS_HANG = "FAULT_TABLE_SECRETS_HANG"
LATER_SECONDS = 3_000.0
"""By then a ban of ten minutes is over. DingTalk takes signs that are an hour old at most."""
SLACK_SECONDS = 3.0
"""What a machine with two cores and a dozen cells at once adds to a deadline."""
HANG_SECONDS = 60.0
LONGEST_SECONDS = 150.0
MARK = "orders_daily"
HANGING = ("notes/flushes/last", f"notes/receivers/{Mailbox('dingtalk_default').name}")
"""Files of the home whose opening never ends when the home hangs."""
BEFORE = ".before"


@dataclass
class World:
    """What one cell happens in: a DingTalk, an Airflow's settings, and a way to fix them.

    :param chat: the sandbox.
    :param folder: of this cell alone.
    :param stack: ends what a fault has started.
    """

    chat: Sandbox
    folder: Path
    stack: ExitStack

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def connect(self, **changes: Any) -> None:
        """Let the connection be right, but for some of its fields."""
        plain: dict[str, Any] = {
            "conn_type": "dingtalk_robot",
            "host": self.chat.url,
            "password": TOKEN,
            "extra": {"secret": SECRET, "keyword": KEYWORD, "language": "en", "timeout_seconds": 5},
        }
        extra = {**plain["extra"], **changes.pop("extra", {})}
        plain.update(changes)
        plain["extra"] = {name: value for name, value in extra.items() if value is not None}
        os.environ[CONN] = json.dumps(plain)

    def fix(self) -> None:
        """Undo what is wrong with settings and storage, as a person would."""
        self.connect()
        for name in ("AIRFLOW__DINGPUSH__OUTBOX_URL", "HTTPS_PROXY", "HTTP_PROXY"):
            os.environ.pop(name, None)
        os.environ["AIRFLOW__DINGPUSH__HOME"] = str(self.home)


@dataclass(frozen=True)
class Trouble:
    """Something that goes wrong.

    :param names: in English and in Chinese.
    :param start: makes it go wrong.
    :param cause: a pattern of the text that names it, unless the message is sent at once and nothing is logged.
    :param group: heading of its table.
    """

    names: tuple[str, str]
    start: Callable[[World], None]
    cause: str = ""
    group: str = "dingtalk"


@dataclass(frozen=True)
class Entrance:
    """A way into the package.

    :param names: in English and in Chinese.
    :param enter: sends or alerts; what it raises is the cell's.
    :param most_seconds: its deadline.
    :param is_alert: whether what fails must be sent later.
    """

    names: tuple[str, str]
    enter: Callable[[World], None]
    most_seconds: float
    is_alert: bool = True


@dataclass
class Cell:
    """The result of one fault at one entrance.

    :param seconds: how long the entrance took.
    :param at_once: how many messages were in the chat then.
    :param in_the_end: how many after everything was fixed and the flush or the task's next try ran.
    :param raised: what the entrance raised.
    :param logged: warnings and errors.
    """

    seconds: float = 0.0
    at_once: int = 0
    in_the_end: int = 0
    raised: str = ""
    logged: list[str] = field(default_factory=list)


# ---------------------------------------------------------------------------------------------------------- faults


def answer_with(fault: Fault, *, times: int = 1, seconds: float | None = None) -> Callable[[World], None]:
    """The next requests meet a fault of the sandbox."""
    return lambda world: world.chat.fail_next(fault, times=times, seconds=seconds)


def connected(**changes: Any) -> Callable[[World], None]:
    """A field of the connection is wrong."""
    return lambda world: world.connect(**changes)


def no_connection(world: World) -> None:
    del os.environ[CONN]


def slow_secrets(world: World) -> None:
    """The secrets backend doesn't answer."""
    os.environ.pop(CONN)
    os.environ[SECRETS_HANG] = "yes"
    os.environ["AIRFLOW__SECRETS__BACKEND"] = f"{__name__ if __name__ != '__main__' else 'fault_table'}.HangingBackend"


def full_listener(world: World) -> int:
    """The port of a server that never accepts: its queue is full, so further connections hang."""
    listener = world.stack.enter_context(socket.socket())
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    port: int = listener.getsockname()[1]
    for _ in range(4):
        filler = world.stack.enter_context(socket.socket())
        filler.setblocking(False)
        with suppress(BlockingIOError):
            filler.connect(("127.0.0.1", port))
    return port


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def dead_port(world: World) -> None:
    world.connect(host=f"http://127.0.0.1:{free_port()}")


def hanging_connect(world: World) -> None:
    world.connect(host=f"http://127.0.0.1:{full_listener(world)}")


def unknown_name(world: World) -> None:
    world.connect(host="http://no-such-host.invalid")


def dead_proxy(world: World) -> None:
    world.connect(extra={"proxy": f"http://127.0.0.1:{free_port()}"})


def no_tls(world: World) -> None:
    world.connect(host=world.chat.url.replace("http://", "https://"))


def blocked(world: World) -> None:
    """Somebody else has sent too much through the same robot."""
    hook = DingTalkRobotHook()
    for number in range(21):
        with suppress(ThrottledError):
            hook.send(f"{KEYWORD} {number}")


def home_is_a_file(world: World) -> None:
    """As a home that can't be written, whoever the user is."""
    blocked = world.folder / "blocked"
    blocked.touch()
    os.environ["AIRFLOW__DINGPUSH__HOME"] = str(blocked / "home")


def home_hangs(world: World) -> None:
    """As a mount whose server is gone: opening a file there never ends."""
    for name in HANGING:
        (world.home / name).parent.mkdir(parents=True, exist_ok=True)
        # What is there already comes back with the mount.
        with suppress(FileNotFoundError):
            (world.home / name).rename(world.home / f"{name}{BEFORE}")
        os.mkfifo(world.home / name)


def redis_at(port: int) -> None:
    os.environ["AIRFLOW__DINGPUSH__OUTBOX_URL"] = f"redis://127.0.0.1:{port}/0"


def redis_refuses(world: World) -> None:
    redis_at(free_port())


def redis_answers_nothing(world: World) -> None:
    """As a Redis that was stopped: it accepts and never answers."""
    listener = world.stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=64))
    redis_at(listener.getsockname()[1])


DINGTALK = "DingTalk answers", "钉钉的响应"
NETWORK = "The network", "网络"
SETTINGS = "Settings", "配置"
STORAGE = "The outbox", "发件箱"

TROUBLES: dict[str, Trouble] = {
    "none": Trouble(("nothing goes wrong", "一切正常"), lambda world: None),
    "http_500": Trouble(("HTTP 500", "HTTP 500"), answer_with(Fault.HTTP_500), cause="HTTP 500"),
    "http_503": Trouble(("HTTP 503", "HTTP 503"), answer_with(Fault.HTTP_503), cause="HTTP 503"),
    "http_504": Trouble(
        ("HTTP 504, the message arrived", "HTTP 504，消息已送达"), answer_with(Fault.HTTP_504), cause="HTTP 504"
    ),
    "busy": Trouble(("system busy (-1)", "系统繁忙（-1）"), answer_with(Fault.BUSY), cause="busy"),
    "throttled": Trouble(
        ("too fast (130101), once", "发送过快（130101），一次"), answer_with(Fault.THROTTLED), cause="130101"
    ),
    "blocked": Trouble(("blocked for ten minutes", "被限流十分钟"), blocked, cause="130101"),
    "quota": Trouble(
        ("the month's quota is used up", "当月额度用完"), answer_with(Fault.QUOTA_USED_UP), cause="allowance|quota"
    ),
    "html": Trouble(
        ("a web page instead of an answer", "返回网页而不是响应"), answer_with(Fault.HTML_PAGE), cause="web page"
    ),
    "redirect": Trouble(("a redirect", "重定向"), answer_with(Fault.REDIRECT), cause="web page"),
    "empty": Trouble(("an empty answer", "空响应"), answer_with(Fault.EMPTY_BODY), cause="empty body"),
    "garbage": Trouble(("an unreadable answer", "无法解析的响应"), answer_with(Fault.GARBAGE), cause="unreadable"),
    "no_errcode": Trouble(
        ("an answer without errcode", "响应中没有 errcode"), answer_with(Fault.NO_ERRCODE), cause="unreadable"
    ),
    "reset_before": Trouble(
        ("connection reset before the body", "发送正文前连接被重置"),
        answer_with(Fault.RESET_BEFORE_BODY),
        cause="connection broke",
        group="network",
    ),
    "reset_accepted": Trouble(
        ("connection reset, the message arrived", "连接被重置，消息已送达"),
        answer_with(Fault.RESET_AFTER_BODY_ACCEPTED),
        cause="connection broke",
        group="network",
    ),
    "reset_lost": Trouble(
        ("connection reset, the message is lost", "连接被重置，消息未送达"),
        answer_with(Fault.RESET_AFTER_BODY_NOT_ACCEPTED),
        cause="connection broke",
        group="network",
    ),
    "slow": Trouble(
        ("the answer comes too late", "响应超时到达"),
        answer_with(Fault.SLOW, seconds=30),
        cause="did not answer within",
        group="network",
    ),
    "drip": Trouble(
        ("the response arrives byte by byte", "响应逐字节到达"),
        answer_with(Fault.DRIP, seconds=30),
        cause="did not answer within",
        group="network",
    ),
    "hang": Trouble(
        ("no answer at all", "没有任何响应"), answer_with(Fault.HANG), cause="did not answer within", group="network"
    ),
    "refused": Trouble(
        ("the port is closed", "主机端口没有监听"),
        dead_port,
        cause="did not accept a connection",
        group="network",
    ),
    "connect_hangs": Trouble(
        ("connecting hangs", "连接一直挂起"),
        hanging_connect,
        cause="did not accept a connection within",
        group="network",
    ),
    "no_name": Trouble(
        ("the host name is unknown", "域名无法解析"), unknown_name, cause="could not be looked up", group="network"
    ),
    "dead_proxy": Trouble(
        ("the proxy is down", "代理不可用"), dead_proxy, cause="the proxy .* did not accept", group="network"
    ),
    "no_tls": Trouble(("TLS fails", "TLS 握手失败"), no_tls, cause="TLS handshake", group="network"),
    "token": Trouble(
        ("the token is wrong", "token 错误"), connected(password="f" * 64), cause="access token", group="settings"
    ),
    "secret": Trouble(
        ("the secret is wrong", "加签密钥错误"),
        connected(extra={"secret": "SEC0"}),
        cause="signature",
        group="settings",
    ),
    "no_secret": Trouble(
        ("the secret is missing", "未填加签密钥"),
        connected(extra={"secret": None}),
        cause="has no secret",
        group="settings",
    ),
    "keyword": Trouble(
        ("the keyword is missing", "缺少关键词"), connected(extra={"keyword": None}), cause="keyword", group="settings"
    ),
    "no_connection": Trouble(
        ("there is no connection", "连接不存在"),
        no_connection,
        cause="There is no Airflow connection",
        group="settings",
    ),
    "slow_secrets": Trouble(
        ("the secrets backend hangs", "secrets backend 无响应"),
        slow_secrets,
        cause="took too long|There is no Airflow connection",
        group="settings",
    ),
    "home_unwritable": Trouble(
        ("the home can't be written", "目录不可写"), home_is_a_file, cause="Not a directory", group="storage"
    ),
    "home_hangs": Trouble(
        ("the home hangs", "目录所在挂载无响应"), home_hangs, cause="has not answered within", group="storage"
    ),
    "redis_refuses": Trouble(
        ("Redis is away", "Redis 不可用"), redis_refuses, cause="Connection refused", group="storage"
    ),
    "redis_hangs": Trouble(
        ("Redis doesn't answer", "Redis 无响应"),
        redis_answers_nothing,
        cause="has not answered within|Timeout reading",
        group="storage",
    ),
}
GROUPS = {"dingtalk": DINGTALK, "network": NETWORK, "settings": SETTINGS, "storage": STORAGE}


class HangingBackend(BaseSecretsBackend):
    """A secrets backend that doesn't answer in time."""

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> None:
        if os.environ.get(SECRETS_HANG):
            time.sleep(HANG_SECONDS)


# ------------------------------------------------------------------------------------------------------- entrances


def failed_task() -> dict[str, Any]:
    """The context of a failed task's callback, as the task's own process gives it."""
    ended = datetime.now(timezone.utc)
    ti = SimpleNamespace(
        dag_id=MARK,
        task_id="load",
        run_id="r1",
        map_index=-1,
        try_number=1,
        max_tries=0,
        state="failed",
        start_date=ended - timedelta(seconds=42),
        end_date=ended,
    )
    return {
        "dag": SimpleNamespace(dag_id=MARK, owner="data-team", fileloc=None),
        "ti": ti,
        "task": SimpleNamespace(task_id="load", owner="data-team", retries=0),
        "run_id": "r1",
        "exception": ConnectionError("could not connect to server: Connection refused"),
    }


def failed_run() -> dict[str, Any]:
    """The context of a failed run's callback, as the DAG processor gives it."""
    run = SimpleNamespace(dag_id=MARK, run_id="r1", run_type="scheduled", state="failed")
    dag = SimpleNamespace(dag_id=MARK, owner="data-team", fileloc=None, task_ids=["load"])
    return {"dag": dag, "dag_run": run, "run_id": "r1", "reason": "task_failure"}


def missed_deadline() -> dict[str, Any]:
    """The context of a missed deadline's callback, as the triggerer gives it."""
    return {
        "dag_run": {"dag_id": MARK, "dag_run_id": "r1"},
        "deadline": {"id": "d1", "deadline_time": datetime.now(timezone.utc).isoformat()},
    }


def operate(world: World) -> None:
    operator: Any = DingTalkOperator(task_id="send", message=f"{MARK} is ready")
    operator.execute(failed_task())


def notify(context: Any) -> None:
    DingTalkNotifier().notify(context)


def alert_from_task(world: World) -> None:
    notify(failed_task())


def alert_from_dag_processor(world: World) -> None:
    notify(failed_run())


def alert_from_triggerer(world: World) -> None:
    context = missed_deadline()
    keywords: dict[str, Any] = {"context": context} if notifier_takes_context() else {}
    notifier: Any = DingTalkNotifier(**keywords)

    async def wait() -> None:
        await notifier.async_notify(context)

    asyncio.run(wait())


def flush_pending(world: World) -> None:
    """Send what a callback wrote before, when all was well but the network."""
    operator: Any = DingTalkFlushOperator(task_id="flush", within_seconds=20)
    operator.execute({})


ENTRANCES: dict[str, Entrance] = {
    "operator": Entrance(("operator", "operator"), operate, 90.0, is_alert=False),
    "task": Entrance(("notifier in a task", "任务回调中的 notifier"), alert_from_task, 8.0),
    "dag": Entrance(("DAG callback", "DAG 回调"), alert_from_dag_processor, 40.0),
    "triggerer": Entrance(("async notifier", "异步 notifier"), alert_from_triggerer, 60.0),
    "flush": Entrance(("flush", "补发"), flush_pending, 20.0),
}


# ----------------------------------------------------------------------------------------------------------- cells


def try_cell(trouble: Trouble, entrance: Entrance) -> Cell:
    """One fault at one entrance, in this process, which is used for nothing else."""
    cell = Cell()

    later = 0.0

    def clock() -> float:
        return time.time() + later

    robot = Robot(access_token=TOKEN, secret=SECRET, keywords=(KEYWORD,))
    with ExitStack() as stack, tempfile.TemporaryDirectory(prefix="dp-cell-") as folder:
        chat = stack.enter_context(Sandbox((robot,), clock=clock))
        world = World(chat, Path(folder), stack)
        world.fix()
        if entrance.enter is flush_pending:
            write_pending(world)
        lines = stack.enter_context(log_lines())
        trouble.start(world)
        began = time.monotonic()
        try:
            entrance.enter(world)
        except Exception as error:  # noqa: BLE001 - what comes out is what the cell is about
            cell.raised = f"{type(error).__name__}: {error}"
        cell.seconds = time.monotonic() - began
        cell.logged = list(lines)
        # An answer that comes late is in the chat before it is sent.
        cell.at_once = messages_of_ours(chat)
        later = LATER_SECONDS
        fix_and_flush(world, entrance, cell)
        cell.in_the_end = messages_of_ours(chat)
    return cell


def fix_and_flush(world: World, entrance: Entrance, cell: Cell) -> None:
    """Fix everything; then Airflow tries the task again, or a flush runs an hour later."""
    for name in HANGING:
        if (world.home / name).is_fifo():
            (world.home / name).unlink()
            with suppress(FileNotFoundError):
                (world.home / f"{name}{BEFORE}").rename(world.home / name)
    world.fix()
    os.environ.pop(SECRETS_HANG, None)
    if not entrance.is_alert:
        if cell.raised and "AirflowFailException" not in cell.raised:
            # Airflow waits for retry_delay first: with an outbox that remembers nothing it needn't be waited for here.
            os.environ["AIRFLOW__DINGPUSH__HOME"] = str(world.folder / "later")
            with suppress(Exception):
                entrance.enter(world)
        return
    box = Outbox(FileStore(world.home, clock=lambda: time.time() + LATER_SECONDS))
    for _ in flush(box, Deadline.after(20), LeaderRole.PERSON):
        pass


def write_pending(world: World) -> None:
    """Let a callback write an alert and leave without sending it."""
    world.connect(host=f"http://127.0.0.1:{free_port()}")
    logging.disable(logging.CRITICAL)
    alert_from_task(world)
    logging.disable(logging.NOTSET)
    world.fix()


def messages_of_ours(chat: Sandbox) -> int:
    """How many messages of ours are in the chat."""
    return sum(MARK in json.dumps(message.payload) for message in chat.messages)


@contextmanager
def log_lines() -> Iterator[list[str]]:
    """What the package logs as a warning or worse."""
    lines: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    keeper = Keeper(logging.WARNING)
    logger = logging.getLogger("airflow_provider_dingpush")
    logger.addHandler(keeper)
    try:
        yield lines
    finally:
        logger.removeHandler(keeper)


def verdict(cell: Cell, trouble: Trouble, entrance: Entrance) -> str | None:
    """What is wrong with a cell, if anything is."""
    if cell.seconds > entrance.most_seconds + SLACK_SECONDS:
        return f"took {cell.seconds:.1f} s of {entrance.most_seconds:g}"
    if cell.in_the_end > 1:
        return f"in the chat {cell.in_the_end} times"
    if cell.in_the_end == 0 and (entrance.is_alert or not cell.raised):
        return "lost"
    if cell.raised and entrance.is_alert and entrance.enter is not flush_pending:
        return f"raised {cell.raised}"
    written = " ".join([*cell.logged, cell.raised])
    if (written.strip() or not cell.at_once) and not re.search(trouble.cause, written):
        return f"doesn't name the cause: {trouble.cause}"
    return None


def words(cell: Cell, entrance: Entrance, language: str) -> str:
    """A cell as the guide shows it."""
    zh = language == "zh"
    if cell.at_once:
        text = "已发送" if zh else "sent"
    elif cell.in_the_end and entrance.is_alert:
        text = "补发时发送" if zh else "sent by a later flush"
    elif cell.in_the_end:
        text = "任务重试时发送" if zh else "sent by the task's retry"
    elif entrance.is_alert:
        text = "**丢失**" if zh else "**lost**"
    else:
        text = "任务失败，不重试" if zh else "task fails, no retry"
    twice = " ×2" if cell.in_the_end > 1 else ""
    return f"{text}{twice} ({cell.seconds:.0f} s)"


# --------------------------------------------------------------------------------------------------------- program


def _child(pair: tuple[str, str], pipe: Any) -> None:
    trouble, entrance = TROUBLES[pair[0]], ENTRANCES[pair[1]]
    # What Airflow prints is no part of the table.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    try:
        pipe.send(asdict(try_cell(trouble, entrance)))
    finally:
        # A call that was given up in a thread must not delay the end.
        os._exit(0)


def try_all(pairs: Sequence[tuple[str, str]], *, at_once: int = AT_ONCE) -> dict[tuple[str, str], Cell]:
    """Each pair in a process of its own, forked before anything has started a thread."""
    context: Any = multiprocessing.get_context("fork")
    waiting = list(pairs)
    running: dict[tuple[str, str], tuple[Any, Any, float]] = {}
    found: dict[tuple[str, str], Cell] = {}
    while waiting or running:
        while waiting and len(running) < at_once:
            pair = waiting.pop(0)
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=_child, args=(pair, sender))
            process.start()
            sender.close()
            running[pair] = (process, receiver, time.monotonic() + LONGEST_SECONDS)
        for pair, (process, receiver, until) in list(running.items()):
            if receiver.poll(0.02):
                try:
                    found[pair] = Cell(**receiver.recv())
                except EOFError:
                    found[pair] = Cell(raised="the process ended without a word")
                process.join()
                del running[pair]
            elif time.monotonic() > until:
                process.kill()
                found[pair] = Cell(seconds=LONGEST_SECONDS, raised="no end")
                del running[pair]
            if pair not in running and sys.stderr.isatty():
                print(f"\r{len(found)}/{len(pairs)}", end="", file=sys.stderr, flush=True)
    return found


def table(found: dict[tuple[str, str], Cell], language: str) -> str:
    """All cells as Markdown."""
    number = 1 if language == "zh" else 0
    entrances = [each for each in ENTRANCES if any(key[1] == each for key in found)]
    lines = []
    for group, headings in GROUPS.items():
        troubles = [each for each in TROUBLES if TROUBLES[each].group == group and any(key[0] == each for key in found)]
        if not troubles:
            continue
        lines += [
            "",
            f"| {headings[number]} | " + " | ".join(ENTRANCES[each].names[number] for each in entrances) + " |",
        ]
        lines.append("|---" * (len(entrances) + 1) + "|")
        for each in troubles:
            cells = [words(found[each, name], ENTRANCES[name], language) for name in entrances]
            lines.append(f"| {TROUBLES[each].names[number]} | " + " | ".join(cells) + " |")
    return "\n".join(lines).strip()


def main(arguments: Sequence[str] | None = None) -> int:
    """Try what was asked for, print the table, and return what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fault", action="append", choices=[*TROUBLES], help="only this one; may be repeated")
    parser.add_argument("--entrance", action="append", choices=[*ENTRANCES], help="only this one; may be repeated")
    parser.add_argument("--language", choices=("en", "zh", "both"), default="en")
    parser.add_argument("--details", action="store_true", help="print what each cell logged or raised")
    parsed = parser.parse_args(arguments)
    pairs = [(fault, name) for fault in parsed.fault or TROUBLES for name in parsed.entrance or ENTRANCES]
    found = try_all(pairs)
    languages = ("en", "zh") if parsed.language == "both" else (parsed.language,)
    print("\n\n".join(table(found, language) for language in languages))
    if parsed.details:
        for fault, name in pairs:
            cell = found[fault, name]
            print(f"\n{fault} x {name}: {cell.seconds:.1f} s, {cell.at_once} then {cell.in_the_end}")
            print(
                "\n".join(f"    {line}" for line in [*cell.logged, *([f"raised {cell.raised}"] if cell.raised else [])])
            )
    wrong = [
        f"{fault} x {name}: {problem}. {' / '.join(found[fault, name].logged)} {found[fault, name].raised}"
        for fault, name in pairs
        if (problem := verdict(found[fault, name], TROUBLES[fault], ENTRANCES[name]))
    ]
    print("\n".join(["", *wrong]), file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
