"""Make the pictures of README and docs again: what the sandbox shows, and our forms in a real Airflow.

PYTHONPATH=. .venv/bin/python tests/make_pictures.py [NAME …] [--into FOLDER]

A picture is ``alert.png`` in Chinese and ``alert_en.png`` in English. Needs Chromium and its driver, fonts with
Chinese letters and emoji, ``redis-server``, and Airflow 3.2 or later, whose page for connections is clicked through.
Takes two minutes, most of it for Airflow to start.
"""

from __future__ import annotations

import argparse
import http.server
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import redis
from PIL import Image as Picture
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from airflow_provider_dingpush.sandbox import App, GroupChat, Person, Sandbox
from tests.callback_contexts import success_context, task_context
from tests.integration.standalone_airflow import RunningAirflow, standalone
from tests.redis_servers import redis_server
from tests.web.baselines_of_today import PAUSED, Baselines, note_runs, write_baselines

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "example_dags"
OPTIONS = {
    "DINGPUSH__BASE_URL": "https://airflow.example.com",
    "DINGPUSH__ENVIRONMENT": "prod",
    "DINGPUSH__TIMEZONE": "Asia/Shanghai",
}
OWNERS = {"zhangsan": "13800000001", "lisi": "13800000002"}
RUN_ID = "manual__2026-11-27T19:00:00+00:00"
SCALE = 2
LOWEST = 420  # height of a chat that has room to spare, in pixels of the page

DAG_FILE = """
import sqlite3
from datetime import datetime

from airflow.sdk import DAG, task

from airflow_provider_dingpush.notifications import DingTalkNotifier

DAGS = {"orders_daily": ("订单日报", "dingtalk_zh"), "etl_daily": ("Daily orders", "dingtalk_en")}

for dag_id, (name, conn_id) in DAGS.items():
    with DAG(
        dag_id,
        dag_display_name=name,
        start_date=datetime(2026, 1, 1),
        schedule=None,
        default_args={"owner": "zhangsan", "on_failure_callback": DingTalkNotifier(dingtalk_conn_id=conn_id)},
    ):

        @task
        def load_orders():
            orders = sqlite3.connect(":memory:")
            orders.execute("create table orders (order_id integer primary key)")
            orders.executemany("insert into orders values (?)", [(10085,), (10086,), (10086,)])

        load_orders()
"""


@dataclass(frozen=True)
class Language:
    """One language of the docs, and the organisation in whose chats its pictures are taken."""

    code: str
    browser: str
    suffix: str
    group: str
    people: tuple[str, str]
    dag_id: str

    def sandbox(self) -> Sandbox:
        people = tuple(
            Person(user_id=user_id, name=name, mobile=OWNERS[user_id], department_ids=(1001,))
            for user_id, name in zip(OWNERS, self.people, strict=True)
        )
        return Sandbox(apps=(App(name="Airflow"),), people=people, groups=(GroupChat(name=self.group),))

    def either(self, chinese: str, english: str) -> str:
        return chinese if self.code == "zh" else english


LANGUAGES = (
    Language("zh", "zh-CN", "", "数据平台告警群", ("张三", "李四"), "orders_daily"),
    Language("en", "en-US", "_en", "Data platform alerts", ("Zhang San", "Li Si"), "etl_daily"),
)


def robot_connection(sandbox: Sandbox, language: Language) -> str:
    extra = {"language": language.code, "mentions": OWNERS}
    return json.dumps({"conn_type": "dingtalk_robot", "password": sandbox.webhook_url, "extra": extra})


@contextmanager
def browser(language: Language) -> Iterator[Any]:
    """A headless Chromium that goes nowhere but to this machine."""
    with tempfile.TemporaryDirectory() as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
        for argument in (
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--no-proxy-server",
            "--force-prefers-reduced-motion",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            f"--lang={language.browser}",
            f"--user-data-dir={profile}",
        ):
            options.add_argument(argument)
        options.add_experimental_option("prefs", {"intl.accept_languages": language.browser})
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
        try:
            driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": OPTIONS["DINGPUSH__TIMEZONE"]})
            yield driver
        finally:
            driver.quit()


def resize(driver: Any, width: int, height: int, scale: float = SCALE) -> None:
    metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def wait(driver: Any, condition: Callable[[Any], Any]) -> Any:
    return WebDriverWait(driver, 60).until(condition)


def shown(driver: Any, selector: str) -> Any:
    return wait(
        driver,
        lambda d: next((each for each in d.find_elements(By.CSS_SELECTOR, selector) if each.is_displayed()), None),
    )


@dataclass(frozen=True)
class Album:
    """Where pictures are put, made small: of at most 256 colours, which is what a page has."""

    folder: Path
    language: Language

    def add(self, name: str, png: bytes, *, most_height: int = 1400) -> None:
        """Put a picture there, cut off at this height (in the pixels of the page)."""
        picture = Picture.open(io.BytesIO(png)).convert("RGB")
        picture = picture.crop((0, 0, picture.width, min(picture.height, most_height * SCALE))).quantize(256)
        path = self.folder / f"{name}{self.language.suffix}.png"
        picture.save(path, optimize=True)
        print(f"{path.name}: {picture.width} x {picture.height}, {path.stat().st_size // 1000} kB")

    def add_chat(
        self, name: str, sandbox: Sandbox, width: int, *, selector: str = "body", conversation: str = ""
    ) -> None:
        """A conversation of the sandbox's page, high enough that nothing scrolls."""
        with browser(self.language) as driver:
            resize(driver, width, LOWEST)
            driver.get(sandbox.page_url)
            shown(driver, ".message")
            if conversation:
                links = driver.find_elements(By.CSS_SELECTOR, "a.conversation")
                next(each for each in links if conversation in each.text).click()
                shown(driver, ".message")
            wait(driver, lambda d: d.execute_script("return [...document.images].every((each) => each.complete)"))
            more = "const s = document.querySelector('.scroller'); return s.scrollHeight - s.clientHeight"
            resize(driver, width, LOWEST + driver.execute_script(more))
            driver.execute_script("document.querySelector('.scroller').scrollTop = 0")
            driver.execute_script("for (const each of document.getAnimations()) each.cancel()")
            self.add(name, driver.find_element(By.CSS_SELECTOR, selector).screenshot_as_png)

    def add_page(self, name: str, airflow_url: str) -> None:
        """The page in Airflow's UI, high enough that nothing scrolls."""
        with browser(self.language) as driver:
            resize(driver, 1400, LOWEST, 1.5)
            driver.get(f"{airflow_url}/auth/token/login")
            driver.get(f"{airflow_url}/dingpush/?language={self.language.code}")
            shown(driver, "footer")
            resize(driver, 1400, driver.execute_script("return document.body.offsetHeight"), 1.5)
            self.add(name, driver.find_element(By.CSS_SELECTOR, "body").screenshot_as_png, most_height=1800)

    def add_form(self, name: str, airflow: RunningAirflow, conn_type: str, values: dict[str, str]) -> None:
        """The dialog of a new connection as Airflow's page draws it: the fields of every connection, and ours."""
        with browser(self.language) as driver:
            resize(driver, 860, 1000)
            driver.get(f"{airflow.url}/auth/token/login")
            driver.get(f"{airflow.url}/connections")
            wait(driver, add_button).click()
            dialog = shown(driver, "[role=dialog]")
            chooser = wait(driver, lambda _: dialog.find_elements(By.CSS_SELECTOR, "[role=combobox]"))[0]
            chooser.send_keys(conn_type)
            shown(driver, "[role=option]")
            chooser.send_keys(Keys.ENTER)
            wait(driver, lambda _: dialog.find_elements(By.CSS_SELECTOR, "input[name=password]"))
            for field, value in values.items():
                for found in dialog.find_elements(By.CSS_SELECTOR, f"input[name={field}]"):
                    found.clear()
                    found.send_keys(value)
            resize(driver, 860, int(dialog.rect["height"]) + 300)
            self.add(name, dialog.screenshot_as_png)
            dialog.find_elements(By.CSS_SELECTOR, "button[aria-expanded=false][data-part=item-trigger]")[0].click()
            wait(driver, lambda _: "Mentions" in dialog.text or "Agent" in dialog.text)
            resize(driver, 860, int(dialog.rect["height"]) + 300)
            self.add(f"{name}_extra", dialog.screenshot_as_png, most_height=900)


def add_button(driver: Any) -> Any:
    words = ("Add Connection", "添加连接")
    found = driver.find_elements(By.XPATH, "//button[" + " or ".join(f"contains(., '{each}')" for each in words) + "]")
    return found[0] if found else None


def of_running_airflow(albums: list[Album], wanted: Callable[[str], bool]) -> None:
    """The alert of a task that failed, the forms of both connection types, and the page in Airflow's UI."""
    if not any(map(wanted, ("alert", "form_robot", "form_app", "page"))):
        return
    with ExitStack() as open_ones:
        home = Path(open_ones.enter_context(tempfile.TemporaryDirectory()))
        sandboxes = {album: open_ones.enter_context(album.language.sandbox()) for album in albums}
        connections = {
            f"AIRFLOW_CONN_DINGTALK_{album.language.code.upper()}": robot_connection(sandbox, album.language)
            for album, sandbox in sandboxes.items()
        }
        # The outbox is in Redis, as on a cluster: a page about files would show a folder of this machine.
        outbox_url = open_ones.enter_context(redis_server()).url
        options = {**OPTIONS, "DINGPUSH__OUTBOX_URL": outbox_url, "DINGPUSH__RULES_FILE": str(home / "rules.yaml")}
        airflow = open_ones.enter_context(standalone(home, {"etl.py": DAG_FILE}, options, connections))
        os.environ.update({f"AIRFLOW__{name}": value for name, value in options.items()})
        for album, sandbox in sandboxes.items():
            if wanted("form_robot"):
                values = {
                    "connection_id": "dingtalk_default",
                    "password": "https://oapi.dingtalk.com/robot/send",
                    "port": "443",
                }
                album.add_form("form_robot", airflow, "DingTalk Robot", values)
            if wanted("form_app"):
                values = {
                    "connection_id": "dingtalk_app_default",
                    "login": "dingoajqzx",
                    "password": "AppSecret",
                    "port": "443",
                }
                album.add_form("form_app", airflow, "DingTalk App", values)
            if wanted("alert"):
                runs = f"/api/v2/dags/{album.language.dag_id}/dagRuns"
                airflow.wait_until(runs, lambda: airflow.call(runs, {"dag_run_id": RUN_ID, "logical_date": None}), 180)  # noqa: B023
                sandbox.wait_for_messages(1, 120)
                album.add_chat("alert", sandbox, 900)
            if wanted("page"):
                redis.Redis.from_url(outbox_url).flushall()
                fill_outbox(album, sandbox, home)
                album.add_page("page", airflow.url)


def fill_outbox(album: Album, sandbox: Sandbox, home: Path) -> None:
    """One of each that the page in Airflow's UI shows."""
    import airflow.configuration  # noqa: F401 - an outbox gives its options less time than the first import takes

    from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
    from airflow_provider_dingpush.events import Event
    from airflow_provider_dingpush.pipeline.incidents import claim, incidents_in
    from airflow_provider_dingpush.pipeline.outboxes import outbox
    from airflow_provider_dingpush.pipeline.silences import add_silence
    from airflow_provider_dingpush.sandbox import Fault

    os.environ["AIRFLOW_CONN_DINGTALK_DEFAULT"] = robot_connection(sandbox, album.language)
    either, now, box = album.language.either, time.time(), outbox()
    refused = "ConnectionError: could not connect to server: Connection refused (10.8.0.21:5432)"
    failures = [
        ("orders_daily", "check_totals", 5_400, "ValueError: 3 orders without a customer", "lisi"),
        ("ods_sync_04", "copy_users", 900, refused, "zhangsan"),
        ("report_daily", "render_charts", 300, "KeyError: 'gross_margin'", "wangwu"),
    ]
    for number, (dag_id, task_id, age, summary, owner) in enumerate(failures):
        facts = {"run_id": "scheduled__2026-11-27T19:00:00+00:00", "summary": summary, "owners": (owner,)}
        links = {"log_link": "https://airflow.example.com/log", "run_link": "https://airflow.example.com/run"}
        mailbox = Mailbox("dingtalk_oncall" if number == 2 else "dingtalk_default")
        values: dict[str, Any] = {"dag_id": dag_id, "task_id": task_id, **facts, **links}
        box.put(Alert(str(number), mailbox, Event.TASK_FAILED, now - age, **values))
    claimed = next(each for each in incidents_in(box) if each.failure.dag_id == "orders_daily")
    note = either("上游补数中，10:00 前恢复", "upstream is being refilled")
    claim(box, claimed, "lisi", now - 4_000, note=note)
    why = either("开发环境迁移", "the development cluster moves")
    add_silence(box, {"dag_id": ("dev_*",)}, seconds=7_200.0, why=why, by="zhangsan")
    fill_baselines(album, home)
    sandbox.fail_next(Fault.THROTTLED)
    subprocess.run([Path(sys.executable).with_name("dingpush"), "flush"], check=False, stdout=subprocess.DEVNULL)


def fill_baselines(album: Album, home: Path) -> None:
    """Baselines of today: late, at risk, on time, done and paused."""
    either = album.language.either
    baselines: Baselines = {
        either("销售日报", "Sales report"): ("report_sales", 25, 40, None),
        either("库存同步", "Stock sync"): ("inventory_sync", -30, None, None),
        either("订单明细", "Order details"): ("dwd_orders", 95, 100, 50),
        either("财务对账", "Reconciliation"): ("finance_daily", 185, 20, None),
        either("开发环境副本", "Copy for development"): (PAUSED, 240, None, None),
    }
    now = time.time() // 300 * 300
    write_baselines(home, now, ZoneInfo(OPTIONS["DINGPUSH__TIMEZONE"]), baselines)
    note_runs(now, baselines)


def of_digest(album: Album, sandbox: Sandbox) -> None:
    """A digest of failures that came while the connection was wrong, so that all of them wait for the flush."""
    from airflow_provider_dingpush.notifications import DingTalkNotifier

    notifier = DingTalkNotifier(language=album.language.code)
    os.environ["AIRFLOW_CONN_DINGTALK_DEFAULT"] = '{"conn_type": "dingtalk_robot"}'
    refused = "could not connect to server: Connection refused (10.8.0.21:5432)"
    failures = [
        *(("etl_daily", "load_orders", index, ConnectionError(refused)) for index in range(12)),
        ("etl_daily", "check_totals", -1, ValueError("3 orders without a customer")),
        *((f"ods_sync_{number:02}", "copy_users", -1, ConnectionError(refused)) for number in range(4, 10)),
        ("report_daily", "render_charts", -1, KeyError("gross_margin")),
        ("user_sync", "publish", -1, TimeoutError("no answer from crm.example.com after 60 s")),
    ]
    for dag_id, task_id, map_index, error in failures:
        notifier(failure(dag_id, task_id, map_index, exception=error))
    notifier(failure("user_sync", "publish", -1, context=success_context("publish")))
    os.environ["AIRFLOW_CONN_DINGTALK_DEFAULT"] = robot_connection(sandbox, album.language)
    subprocess.run(
        [Path(sys.executable).with_name("dingpush"), "flush", "--now"], check=True, stdout=subprocess.DEVNULL
    )
    album.add_chat("digest", sandbox, 760, selector=".chat")


def failure(
    dag_id: str, task_id: str, map_index: int, context: dict[str, Any] | None = None, **changes: Any
) -> dict[str, Any]:
    """A context of this task of this DAG."""
    found = context or task_context(task_id, **changes)
    for each in (found["dag"], found["ti"], found["dag_run"]):
        each.dag_id = dag_id
    found["dag"].dag_display_name = dag_id
    found["ti"].map_index = map_index
    return found


@contextmanager
def picture_server() -> Iterator[str]:
    """A public URL of the example's picture, as far as this machine is concerned."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nothing: the pictures are what this prints about."""

    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Quiet, directory=str(EXAMPLES / "pictures"))
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/sales.png"
        server.shutdown()


def of_messages(album: Album, sandbox: Sandbox) -> None:
    """One message of each kind that a custom robot carries."""
    from airflow_provider_dingpush.hooks import DingTalkRobotHook
    from airflow_provider_dingpush.messages import ActionCard, At, Button, FeedCard, FeedLink, Link, Markdown, Text

    either, page = album.language.either, "https://bi.example.com/daily"
    os.environ["AIRFLOW_CONN_DINGTALK_DEFAULT"] = robot_connection(sandbox, album.language)
    hook = DingTalkRobotHook()
    with picture_server() as picture:
        hook.send(
            Text(either("请确认今天的订单数据", "Please check today's orders")), at=At(mobiles=OWNERS["zhangsan"])
        )
        hook.send(
            Markdown(
                either("订单日报", "Daily orders"),
                either(
                    "### 订单日报 2026-11-27\n\n- 订单：**10,086**\n- 退款：42\n\n> 数据截至 03:00",
                    "### Daily orders 2026-11-27\n\n- orders: **10,086**\n- refunds: 42\n\n> data until 03:00",
                ),
            )
        )
        hook.send(Link(either("销售日报", "Daily sales"), either("点击查看明细", "Click for details"), page, picture))
        buttons = [Button(either("查看", "Show"), page), Button(either("重跑", "Run again"), page)]
        hook.send(
            ActionCard(
                either("发布确认", "Release"),
                either("### 发布 v2？\n\n全部检查已通过。", "### Release v2?\n\nAll checks passed."),
                buttons,
                horizontal=True,
            )
        )
        titles = either("销售日报,库存周报", "Daily sales,Weekly stock").split(",")
        hook.send(FeedCard([FeedLink(title, page, picture) for title in titles]))
        album.add_chat("messages", sandbox, 760, selector=".chat")


def of_app(album: Album, sandbox: Sandbox) -> None:
    """A person's chat with the app's robot, beside the person's work notifications and the group."""
    from airflow_provider_dingpush.hooks import DingTalkAppHook
    from airflow_provider_dingpush.messages import OA, File, Image, Markdown
    from airflow_provider_dingpush.targets import Group, Users, WorkNotification

    either, person = album.language.either, Users("zhangsan")
    os.environ["AIRFLOW_CONN_DINGTALK_APP_DEFAULT"] = sandbox.connection_of(sandbox.app)
    hook = DingTalkAppHook()
    title = either("订单日报", "Daily orders")
    hook.send(
        Markdown(title, f"### {title}\n\n- {either('订单', 'orders')}: **10,086**"),
        to=Group(sandbox.group.open_conversation_id),
    )
    page, rows = "https://bi.example.com/daily", {either("订单", "Orders"): "10,086", either("退款", "Refunds"): "42"}
    hook.send(OA(title, page, form=rows), to=WorkNotification(user_ids="zhangsan"))
    hook.send(
        Markdown(title, f"### {title}\n\n{either('图和明细见下。', 'The chart and the details are below.')}"), to=person
    )
    hook.send(Image(EXAMPLES / "pictures" / "sales.png"), to=person)
    hook.send(File(b"PK\x03\x04" + bytes(24_000), name=either("订单明细.xlsx", "orders.xlsx")), to=person)
    album.add_chat("app", sandbox, 900, conversation=album.language.people[0])


def of_report(album: Album, sandbox: Sandbox) -> None:
    """A table in a group; a picture and a workbook of the same rows for a person."""
    from airflow_provider_dingpush.hooks import DingTalkAppHook, DingTalkRobotHook
    from airflow_provider_dingpush.reports.table import Table
    from airflow_provider_dingpush.targets import Users

    os.environ["AIRFLOW_CONN_DINGTALK_DEFAULT"] = robot_connection(sandbox, album.language)
    connection = json.loads(sandbox.connection_of(sandbox.app))
    connection["extra"]["language"] = album.language.code
    os.environ["AIRFLOW_CONN_DINGTALK_APP_DEFAULT"] = json.dumps(connection)
    either = album.language.either
    cities = either("上海 北京 广州 深圳 杭州 成都", "Shanghai Beijing Guangzhou Shenzhen Hangzhou Chengdu").split()
    numbers = ((1204, 350_211_850), (988, 287_003_400), (871, 213_499_005), (866, 240_816_000), (640, 158_020_050))
    rows: list[Any] = [
        (city, count, Decimal(cents).scaleb(-2)) for city, (count, cents) in zip(cities, numbers, strict=False)
    ]
    rows.append((cities[-1], 402, None))
    columns = either("城市 订单数 销售额", "city orders sales").split()
    title = either("2026-11-27 各城市销售额", "Sales by city, 2026-11-27")
    intro = either("单位：元。成都的数据尚未到达。", "In yuan. The data of Chengdu has not arrived.")
    DingTalkRobotHook().send(Table(columns, rows, title, intro))
    album.add_chat("report", sandbox, 900)
    hook, person = DingTalkAppHook(), Users("zhangsan")
    hook.send(Table(columns, rows, title, render="picture"), to=person)
    hook.send(Table(columns, rows, title, render="workbook"), to=person)
    album.add_chat("report_files", sandbox, 900, conversation=album.language.people[0])


def require_fonts() -> None:
    """End with what to install, rather than make pictures with boxes instead of letters and marks."""
    for language, package in (("zh-cn", "fonts-noto-cjk"), ("und-zsye", "fonts-noto-color-emoji")):
        if not subprocess.run(["fc-list", f":lang={language}"], capture_output=True, check=True).stdout:  # noqa: S607
            sys.exit(f"No font has letters of {language!r}. Debian: apt-get install {package}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="alert, digest, messages, app, report, form_robot, form_app, page"
    )
    parser.add_argument("--into", type=Path, default=ROOT / "docs" / "images", metavar="FOLDER")
    given = parser.parse_args()
    require_fonts()
    albums = [Album(given.into, language) for language in LANGUAGES]

    def wanted(name: str) -> bool:
        return not given.names or name in given.names

    with tempfile.TemporaryDirectory() as home:
        # Before Airflow is imported by what is sent from this process.
        os.environ.update(
            {
                "AIRFLOW_HOME": home,
                "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
                **{f"AIRFLOW__{name}": value for name, value in OPTIONS.items()},
            }
        )
        for name, make in (("digest", of_digest), ("messages", of_messages), ("app", of_app), ("report", of_report)):
            for album in albums:
                if wanted(name):
                    with album.language.sandbox() as sandbox:
                        make(album, sandbox)
    of_running_airflow(albums, wanted)


if __name__ == "__main__":
    main()
