"""Alerts in files: the effects of filesystem, kernel and SQLite."""

from __future__ import annotations

import json
import logging
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.errors import LeadershipLostError, OutboxError
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.storage.contract import LeadPause
from airflow_provider_dingpush.storage.files.mounts import shared_filesystem
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.kept_aside import RECOVERED, keep_success, kept
from airflow_provider_dingpush.storage.outbox import INCIDENT_SECONDS, Outbox

RECEIVER = "0123456789ab"
HERE = Mailbox("dingtalk_default")
NOW = 1_800_000_000.0
DAY = 24 * 3600.0

MakeAlert = Callable[..., Alert]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "dingpush"


@pytest.fixture
def outbox(home: Path) -> Outbox:
    """An outbox at a fixed time whose mailbox has a receiver."""
    outbox = Outbox(FileStore(home, clock=lambda: NOW))
    outbox.assign(HERE, RECEIVER)
    return outbox


@pytest.fixture
def state(home: Path) -> Path:
    return home / "books" / RECEIVER / "state.db"


@pytest.fixture(params=[0o000, 0o022, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_only_its_user_may_read_it(home: Path, umask: int, make_alert: MakeAlert) -> None:
    """Every folder and file, with any umask."""
    outbox = Outbox(FileStore(home), most_alerts=1)
    for key in ("k1", "k2"):
        outbox.put(make_alert(key))
    outbox.assign(HERE, RECEIVER)
    outbox.note_flush(NOW)
    with outbox.resolving(HERE), outbox.leadership(RECEIVER) as book:
        assert book is not None
        book.write({("a", "b"): 1}, keys=["k1"])
        assert book.overflow_count() == 1
        book.remove_arrivals([])
    made = [home, *home.rglob("*")]
    rights = {path.relative_to(home).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in made}
    assert {"notes/flushes/last", f"books/{RECEIVER}/state.db", f"mail/{HERE.name}/overflow.acknowledged"} <= set(
        rights
    )
    assert {name for name, mode in rights.items() if mode != (0o700 if (home / name).is_dir() else 0o600)} == set()


def test_new_alerts_can_be_read_with_ls_and_cat(home: Path, outbox: Outbox, make_alert: MakeAlert) -> None:
    """One file each, named by its key, in a labelled mailbox."""
    outbox.put(make_alert("k1", summary="销售"))
    folder = home / "mail" / HERE.name
    assert "销售" in (folder / "new" / "k1.json").read_text("utf-8")
    assert json.loads((folder / "about.json").read_bytes()) == {"conn_id": "dingtalk_default", "target": ""}
    assert list((home / "tmp").iterdir()) == []


def test_a_removed_folder_is_created_again(home: Path, outbox: Outbox, make_alert: MakeAlert) -> None:
    """By a clean-up job, for example."""
    outbox.put(make_alert("k1"))
    home.rename(home.with_name("removed"))
    outbox.put(make_alert("k2"))
    outbox.assign(HERE, RECEIVER)
    with outbox.leadership(RECEIVER) as book:
        assert book is not None
        assert [alert.key for _, alert in book.arrivals(9)] == ["k2"]


def test_drafts_of_processes_that_died_are_removed(home: Path, outbox: Outbox, make_alert: MakeAlert) -> None:
    """After an hour, by a leader; younger ones may still be written."""
    outbox.put(make_alert("k1"))
    drafts = home / "tmp"
    for name, age in (("old", 3601), ("young", 3599)):
        (drafts / name).write_text("{", "utf-8")
        os.utime(drafts / name, (NOW - age, NOW - age))
    with outbox.leadership(RECEIVER) as book:
        assert book is not None
        assert len(book.arrivals(9)) == 1
    assert [path.name for path in drafts.iterdir()] == ["young"]


def test_what_can_not_be_swept_does_not_prevent_leading(home: Path, outbox: Outbox, make_alert: MakeAlert) -> None:
    outbox.put(make_alert("k1"))
    (home / "swept").mkdir()
    os.utime(home / "swept", (0, 0))
    with outbox.leadership(RECEIVER) as book:
        assert book is not None
        assert len(book.arrivals(9)) == 1


def test_failures_that_are_not_fixed_are_forgotten_after_three_months(home: Path, make_alert: MakeAlert) -> None:
    """Or the folder would only grow. It is checked once a day."""
    left: list[set[str]] = []
    for day, age in enumerate((90.5, 89.5, 91.0)):
        outbox = Outbox(FileStore(home, clock=lambda day=day: NOW + 0.6 * DAY * day))  # type: ignore[misc]
        alert = make_alert(f"k{day}", mailbox=HERE)
        outbox.put(alert)
        outbox.assign(HERE, RECEIVER)
        expires = NOW - age * DAY + INCIDENT_SECONDS
        os.utime(home / "notes" / "open" / alert.incident, (expires, expires))
        with outbox.leadership(RECEIVER) as book:
            assert book is not None
            book.arrivals(9)
        left.append({name for name in ("k0", "k1", "k2") if _is_there(home, make_alert(name, mailbox=HERE))})
    assert left == [set(), {"k1"}, set()]


def _is_there(home: Path, alert: Alert) -> bool:
    return (home / "notes" / "open" / alert.incident).exists()


@pytest.mark.parametrize("note", ["", "later because", f"{NOW + 901} too long", f"{NOW} over", "\udcff"])
def test_an_impossible_pause_is_ignored(home: Path, outbox: Outbox, note: str) -> None:
    """A power cut has emptied the file, or the clock was set back: the next process leads."""
    with outbox.leadership(RECEIVER) as book:
        assert book is not None
        book.note_pause(LeadPause(NOW + 900, "130101"))
        assert outbox.pause_of(RECEIVER) == LeadPause(NOW + 900, "130101")
        pause = home / "notes" / "pauses" / RECEIVER
        pause.write_bytes(note.encode("utf-8", "surrogateescape"))
        expires = NOW + {f"{NOW + 901} too long": 901, f"{NOW} over": 0}.get(note, 60)
        os.utime(pause, (expires, expires))
        assert outbox.pause_of(RECEIVER) is None
        book.note_pause(None)
        book.note_pause(None)
    assert outbox.pause_of(RECEIVER) is None


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[]", b'{"v": 1, "key": "k1"}', b"[" * 100_000])
def test_an_unreadable_alert_is_set_aside(
    home: Path, outbox: Outbox, make_alert: MakeAlert, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    """It never blocks the rest, and a log line names the file."""
    outbox.put(make_alert("k1"))
    new = home / "mail" / HERE.name / "new"
    (new / "broken.json").write_bytes(content)
    with outbox.leadership(RECEIVER) as book, caplog.at_level(logging.ERROR):
        assert book is not None
        assert [alert.key for _, alert in book.arrivals(9)] == ["k1"]
    (aside,) = (home / "mail" / HERE.name / "dead").iterdir()
    assert aside.read_bytes() == content
    assert str(aside) in caplog.text
    assert [path.name for path in new.iterdir()] == ["k1.json"]


def test_many_unreadable_alerts_hide_no_alert(home: Path, outbox: Outbox, make_alert: MakeAlert) -> None:
    """A leader that lists two gets the third."""
    for key in ("b1", "b2", "b3", "k1"):
        outbox.put(make_alert(key))
    for key in ("b1", "b2", "b3"):
        os.truncate(home / "mail" / HERE.name / "new" / f"{key}.json", 0)
    with outbox.leadership(RECEIVER) as book:
        assert book is not None
        assert [alert.key for _, alert in book.arrivals(2)] == ["k1"]


def test_an_alert_that_cannot_be_set_aside_delays_no_other(home: Path, outbox: Outbox, make_alert: MakeAlert) -> None:
    """It is listed again each time."""
    for key in ("b1", "b2", "k1"):
        outbox.put(make_alert(key))
    for key in ("b1", "b2"):
        os.truncate(home / "mail" / HERE.name / "new" / f"{key}.json", 0)
    (home / "mail" / HERE.name / "dead").write_text("this is no folder")
    with outbox.leadership(RECEIVER) as book:
        assert book is not None
        for _ in range(2):
            assert [alert.key for _, alert in book.arrivals(1)] == ["k1"]
        book.remove_arrivals([ticket for ticket, _ in book.arrivals(1)])
        assert list(book.arrivals(1)) == []


def test_an_alert_of_a_newer_version_is_read(home: Path, outbox: Outbox, make_alert: MakeAlert) -> None:
    """Unknown fields are ignored."""
    outbox.put(make_alert("k1"))
    path = home / "mail" / HERE.name / "new" / "k1.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "v": 2, "colour": "red"}), "utf-8")
    with outbox.leadership(RECEIVER) as book:
        assert book is not None
        assert [alert for _, alert in book.arrivals(9)] == [make_alert("k1")]


@pytest.mark.parametrize("note", [b"", b"{", b"[]", None])
def test_a_mailbox_without_its_label_is_identified_by_its_alerts(
    home: Path, outbox: Outbox, make_alert: MakeAlert, note: bytes | None
) -> None:
    """A power cut may have emptied it."""
    outbox.put(make_alert("k1"))
    about = home / "mail" / HERE.name / "about.json"
    about.unlink()
    if note is not None:
        about.write_bytes(note)
    assert list(outbox.pending_mailboxes()) == [HERE]


def test_a_process_that_dies_while_it_assigns_a_mailbox_leaves_one_receiver(
    home: Path, outbox: Outbox, make_alert: MakeAlert
) -> None:
    """One file has the receiver and is replaced in one step; the draft of another one doesn't count."""
    outbox.put(make_alert("k1"))
    (home / "tmp" / f"{HERE.name}.draft").write_text(json.dumps(["ba9876543210", HERE.conn_id, HERE.target]))
    with outbox.leadership("ba9876543210") as book:
        assert book is not None
        assert list(book.arrivals(9)) == []
    assert list(outbox.mailboxes_of("ba9876543210")) == []
    assert list(outbox.mailboxes_of(RECEIVER)) == [HERE]
    outbox.assign(HERE, "ba9876543210")
    assert list(outbox.mailboxes_of("ba9876543210")) == [HERE]
    assert list(outbox.mailboxes_of(RECEIVER)) == []


def test_a_stopped_leader_delays_no_other_process(home: Path, outbox: Outbox, make_alert: MakeAlert) -> None:
    """Others put their alerts and see that they don't lead."""
    script = """
import os, signal, sys
from pathlib import Path
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.outbox import Outbox
with Outbox(FileStore(Path(sys.argv[1]))).leadership(sys.argv[2]) as book:
    book.arrivals(9)
    os.kill(os.getpid(), signal.SIGSTOP)
"""
    with subprocess.Popen([sys.executable, "-c", script, str(home), RECEIVER], env=_environment()) as leader:
        assert os.WIFSTOPPED(os.waitpid(leader.pid, os.WUNTRACED)[1])
        try:
            outbox.put(make_alert("k1"))
            assert list(outbox.pending_mailboxes()) == [HERE]
            with outbox.leadership(RECEIVER) as book:
                assert book is None
        finally:
            leader.send_signal(signal.SIGKILL)
    with outbox.leadership(RECEIVER) as book:
        assert book is not None
        assert [alert.key for _, alert in book.arrivals(9)] == ["k1"]


def test_without_its_lock_file_a_leader_loses_the_lead(home: Path, outbox: Outbox) -> None:
    """Others lock a new file of that name, so the old leader must not write."""
    with outbox.leadership(RECEIVER) as book:
        assert book is not None
        (home / "locks" / f"leader-{RECEIVER}").unlink()
        with outbox.leadership(RECEIVER) as other:
            assert other is not None
            with pytest.raises(LeadershipLostError, match=rf"leader-{RECEIVER}"):
                book.write({("a", "b"): 1})
            with pytest.raises(LeadershipLostError):
                book.keep(1)
            other.write({("a", "b"): 2})
            assert other.load() == {("a", "b"): 2}


def test_keys_are_known_for_seven_days(home: Path) -> None:
    """And then forgotten, so that the file doesn't grow for ever."""
    now = [NOW]
    outbox = Outbox(FileStore(home, clock=lambda: now[0]))
    with outbox.leadership(RECEIVER) as book:
        assert book is not None
        assert book.now() == NOW
        book.write({}, keys=["k1"])
        now[0] += 6 * DAY
        book.write({}, keys=["k2"])
        now[0] += 1 * DAY - 1
        assert book.known(["k1", "k2"]) == {"k1", "k2"}
        now[0] += 2
        assert book.known(["k1", "k2"]) == {"k2"}
        book.write({}, keys=["k3"])
    with closing(sqlite3.connect(home / "books" / RECEIVER / "state.db")) as file:
        assert file.execute("SELECT key FROM known ORDER BY key").fetchall() == [("k2",), ("k3",)]


def test_the_state_is_a_durable_rollback_journal(outbox: Outbox, state: Path) -> None:
    """No write-ahead log appears, and the file has its format number."""
    with outbox.leadership(RECEIVER) as book:
        assert book is not None
        book.write({("a", "b"): 1})
        assert {path.name for path in state.parent.iterdir()} >= {"state.db", "state.db-journal"}
        assert not state.with_name("state.db-wal").exists()
    with closing(sqlite3.connect(state)) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (1,)


def _garbage(state: Path) -> None:
    state.write_bytes(b"this is no database, and quite long enough to be one" * 100)


def _cut_off(state: Path) -> None:
    os.truncate(state, state.stat().st_size - 4096)


def _holes(state: Path) -> None:
    content = bytearray(state.read_bytes())
    content[4096:] = b"\x55" * (len(content) - 4096)
    state.write_bytes(content)


def _tables_gone(state: Path) -> None:
    with closing(sqlite3.connect(state)) as file:
        file.execute("DROP TABLE record")


def _newer(state: Path) -> None:
    with closing(sqlite3.connect(state)) as file:
        file.execute("PRAGMA user_version = 2")


def _record_is_no_json(state: Path) -> None:
    with closing(sqlite3.connect(state, isolation_level=None)) as file:
        file.execute("UPDATE record SET value = '{'")


@pytest.mark.parametrize("harm", [_garbage, _cut_off, _holes, _tables_gone, _newer, _record_is_no_json])
def test_a_state_that_cannot_be_used_is_set_aside(
    outbox: Outbox, state: Path, caplog: pytest.LogCaptureFixture, harm: Callable[[Path], None]
) -> None:
    """A new one is started, records when, and works; the log has the path of the old one."""
    with outbox.leadership(RECEIVER) as book:
        assert book is not None
        book.write({("batch", str(number)): "x" * 100 for number in range(200)}, keys=["k1"])
    harm(state)
    spoiled = state.read_bytes()
    with outbox.leadership(RECEIVER) as book, caplog.at_level(logging.ERROR):
        assert book is not None
        assert book.load() == {("restart", "at"): NOW}
        assert book.known(["k1"]) == set()
        book.write({("a", "b"): 1}, deletes=[("restart", "at")], keys=["k2"])
        assert book.load() == {("a", "b"): 1}
    assert state.with_name("state.db.bad").read_bytes() == spoiled
    assert "state.db.bad" in caplog.text


def test_damage_found_while_writing_fails_one_step(outbox: Outbox, state: Path) -> None:
    """The caller gets an error, and its next write is kept for the next leader."""
    records = {("batch", str(number)): "x" * 100 for number in range(500)}
    with outbox.leadership(RECEIVER) as book:
        assert book is not None
        book.write(records)
    with state.open("r+b") as file:
        file.seek(-2 * 4096, os.SEEK_END)
        file.write(b"\x55" * 2 * 4096)
    with outbox.leadership(RECEIVER) as book:
        assert book is not None
        with pytest.raises(OutboxError, match=r"state\.db"):
            book.write({}, deletes=records)
        book.write({("attempt", "1"): NOW})
    with outbox.leadership(RECEIVER) as book:
        assert book is not None
        assert book.load() == {("restart", "at"): NOW, ("attempt", "1"): NOW}


def test_a_write_that_fails_in_the_middle_changes_nothing(outbox: Outbox) -> None:
    """And the next one works."""
    with outbox.leadership(RECEIVER) as book:
        assert book is not None
        book.write({("a", "b"): 1})
        with pytest.raises(OutboxError):
            book.write({("a", object()): 2}, deletes=[("a", "b")])  # type: ignore[dict-item]
        assert book.load() == {("a", "b"): 1}
        book.write({("a", "c"): 3})
        assert book.load() == {("a", "b"): 1, ("a", "c"): 3}


@pytest.mark.parametrize("look", [True, False], ids=["read first", "led at once"])
def test_a_write_that_was_cut_off_is_undone(outbox: Outbox, state: Path, look: bool) -> None:
    """A leader killed within a commit leaves a journal, which restores the former state; also for readers."""
    with outbox.leadership(RECEIVER) as book:
        assert book is not None
        book.write({("batch", str(number)): "before" * 100 for number in range(500)})
    script = """
import os, signal, sqlite3, sys
file = sqlite3.connect(sys.argv[1], isolation_level=None)
file.execute("PRAGMA journal_mode = TRUNCATE")
file.execute("PRAGMA cache_size = 1")  # so that pages are written before the commit
file.execute("BEGIN IMMEDIATE")
file.execute("UPDATE record SET value = replace(value, 'before', 'after_')")
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", script, str(state)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert b"after_" in state.read_bytes()
    if look:
        assert set(outbox.records_of(RECEIVER).values()) == {"before" * 100}
    with outbox.leadership(RECEIVER) as book:
        assert book is not None
        assert set(book.load().values()) == {"before" * 100}


def test_a_journal_is_set_aside_with_its_state(outbox: Outbox, state: Path) -> None:
    """SQLite would apply it to the new file."""
    with outbox.leadership(RECEIVER):
        pass
    _newer(state)
    state.with_name("state.db-journal").write_bytes(bytes(600))
    with outbox.leadership(RECEIVER) as book:
        assert book is not None
        assert book.load() == {("restart", "at"): NOW}
    assert state.with_name("state.db.bad-journal").stat().st_size == 600


def test_no_right_to_write_is_an_outbox_error(tmp_path: Path) -> None:
    """A read-only folder and an unknown uid: the error has the path and the remedy."""
    tmp_path.chmod(0o555)
    _let_others_in(tmp_path.parent)
    done = _as_another_user(
        """
for what in (lambda: outbox.put(alert), lambda: outbox.assign(alert.mailbox, "abc"), lambda: outbox.note_flush(1.0)):
    try:
        what()
    except OutboxError as problem:
        print(problem)
for which in (outbox.leadership("abc"), outbox.resolving(alert.mailbox)):
    try:
        with which:
            print("entered")
    except OutboxError as problem:
        print(problem)
print(outbox.has_open_incident(alert.incident), outbox.last_flush(), outbox.pending_mailboxes(), outbox.receivers())
""",
        tmp_path / "dingpush",
    )
    *problems, looks = done.splitlines()
    uid = os.getuid() or 65534
    advice = (
        f"Let uid {uid} write there, or set [dingpush] home to a folder where it may. "
        f"请允许 uid {uid} 写入，或将 [dingpush] home 设为可写的目录。"
    )
    assert problems == [f"{tmp_path / 'dingpush'}: Permission denied. {advice}"] * 5
    assert looks == "False None [] []"


def test_a_full_disk_is_an_outbox_error(tmp_path: Path, make_alert: MakeAlert) -> None:
    """Nothing half-written is left, and the alert may be put again when there is space."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)],  # noqa: S607 - where it is differs
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("a disk that is full soon is mounted as root only")
    try:
        outbox = Outbox(FileStore(tmp_path / "dingpush"))
        with pytest.raises(OutboxError, match=r"No space left on device\. Free some space there"):
            outbox.put(make_alert("k1", summary="x" * 100_000))
        assert list((tmp_path / "dingpush" / "mail").rglob("*k1*")) == []
        outbox.assign(HERE, RECEIVER)
        with outbox.leadership(RECEIVER) as book:
            assert book is not None
            with pytest.raises(OutboxError, match="full"):
                book.write({("a", "b"): "x" * 100_000})
            book.write({("a", "b"): 1})
            assert book.load() == {("a", "b"): 1}
        outbox.put(make_alert("k1"))
        assert list(outbox.pending_mailboxes()) == [HERE]
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)  # noqa: S607 - where it is differs


MOUNTS = r"""22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:26 / /data rw shared:2 master:1 - nfs4 server:/export rw,vers=4.2
31 30 254:1 / /data/local rw - xfs /dev/vdb rw
32 22 0:40 / /with\040blank rw - cifs //server/share rw
33 22 0:41 / /fuse rw - fuse.s3fs s3fs rw
34 22 0:42 / /plain rw - fuse /dev/fuse rw
35 22 8:1 / /windows rw - fuseblk /dev/sda1 rw
36 22 0:43 / /srv/less rw - fuse.fuse-overlayfs fuse-overlayfs rw
37 22 0:44 / /twice rw - ext4 /dev/vdc rw
38 37 0:45 / /twice rw - nfs server:/other rw
39 22 0:46 / /mac rw - virtiofs mac rw
40 22 0:47 / /pod rw - overlay overlay rw
broken line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/opt/airflow/dingpush", None),
        ("/data/airflow/dingpush", "nfs4"),
        ("/data", "nfs4"),
        ("/database", None),
        ("/data/local/airflow", None),
        ("/with blank/x", "cifs"),
        ("/fuse/x", "fuse.s3fs"),
        ("/plain/x", "fuse"),
        ("/windows/x", None),
        ("/srv/less/x", None),
        ("/twice/x", "nfs"),
        ("/mac/x", "virtiofs"),
        ("/pod/x", None),
    ],
)
def test_a_shared_filesystem_is_named(path: str, kind: str | None) -> None:
    """The filesystem of a path, by the longest and last mount."""
    assert shared_filesystem(Path(path), MOUNTS) == kind


def test_the_mounts_of_this_machine_can_be_read() -> None:
    """As the kernel writes them; /proc is never shared."""
    assert shared_filesystem(Path("/proc"), Path("/proc/self/mountinfo").read_text("utf-8")) is None
    assert shared_filesystem(Path("/x"), "") is None


def _let_others_in(folder: Path) -> None:
    """Open the folders that pytest made for this run, one more for each of several processes, to every user."""
    while folder != Path(tempfile.gettempdir()):
        folder.chmod(0o755)
        folder = folder.parent


def _as_another_user(script: str, home: Path) -> str:
    """The output of a process that runs as a user without a name."""
    beginning = f"""
import os, sys
from pathlib import Path
from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.outbox import Outbox
os.setuid({os.getuid() or 65534})
outbox = Outbox(FileStore(Path(sys.argv[1])))
alert = Alert(key="k1", mailbox=Mailbox("dingtalk_default"), event=Event.TASK_FAILED, at=1.0)
"""
    command = [sys.executable, "-c", beginning + script, str(home)]
    done = subprocess.run(command, capture_output=True, text=True, env=_environment(), check=False)
    assert done.stderr == ""
    return done.stdout


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


@pytest.mark.parametrize(
    "prepared",
    [
        "notes/open/{incident}",
        "mail/{mailbox}/overflow",
        "notes/receivers/{mailbox}",
        "locks/resolving-{mailbox}",
        "locks/leader-{robot}",
        "locks/successor-{robot}",
        "books/{robot}/state.db",
        "books/{robot}/state.db-journal",
        "notes/pauses/{robot}",
        "notes/successors/{robot}",
        "notes/flushes/last",
        "swept",
        "notes/recovered/{incident}",
    ],
)
@pytest.mark.parametrize("there", [True, False], ids=["to-a-file", "to-nothing"])
def test_no_file_is_opened_through_a_link(
    home: Path, tmp_path: Path, make_alert: MakeAlert, prepared: str, there: bool
) -> None:
    """A user who may or could write into the home must not choose which files are created or change permissions."""
    alert = make_alert()
    outbox = Outbox(FileStore(home), most_alerts=1)
    outbox.put(make_alert("k0"))
    names = {"incident": alert.incident, "mailbox": HERE.name, "robot": RECEIVER}
    link, target = home / prepared.format(**names), tmp_path / "of another user"
    if there:
        target.write_text("x")
        target.chmod(0o644)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)
    for step in (
        lambda: outbox.put(alert),
        lambda: outbox.put(make_alert("k3")),
        lambda: outbox.assign(HERE, RECEIVER),
        lambda: _led(outbox),
        lambda: outbox.resolving(HERE).__enter__(),
        lambda: outbox.pause_of(RECEIVER),
        lambda: outbox.note_flush(NOW),
        lambda: keep_success(outbox, alert),
        lambda: outbox.records_of(RECEIVER),
    ):
        with suppress(OutboxError):
            step()
    if there:
        assert (target.read_text(), stat.S_IMODE(target.stat().st_mode)) == ("x", 0o644)
    else:
        assert not target.exists()


def _led(outbox: Outbox) -> None:
    with outbox.leadership(RECEIVER) as book:
        if book is not None:
            book.write({("a", "b"): 1}, keys=["k1"])
            book.arrivals(9)
            book.note_pause(LeadPause(NOW + 5, "x"))
            book.ask_for_successor(True)
            book.remove_arrivals([])


@pytest.mark.parametrize(
    "name", ["mail", "notes", "notes/open", "notes/receivers", "mail/{mailbox}", "mail/{mailbox}/new", "tmp"]
)
def test_no_folder_is_a_link(home: Path, tmp_path: Path, make_alert: MakeAlert, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = home / name.format(mailbox=HERE.name, robot=RECEIVER)
    link.parent.mkdir(parents=True)
    link.symlink_to(elsewhere)
    outbox = Outbox(FileStore(home))
    with pytest.raises(OutboxError, match=r"is a symbolic link.*\[dingpush\] home"):
        outbox.assign(HERE, RECEIVER) if "receivers" in name else outbox.put(make_alert())
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("name", ["books", "books/{robot}", "locks"])
def test_no_folder_of_a_leader_is_a_link(home: Path, tmp_path: Path, outbox: Outbox, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = home / name.format(robot=RECEIVER)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(elsewhere)
    with pytest.raises(OutboxError, match=r"is a symbolic link.*\[dingpush\] home"), outbox.leadership(RECEIVER):
        pytest.fail("a process led through a link")
    assert list(elsewhere.iterdir()) == []


def test_the_home_may_be_a_link_of_the_same_user(home: Path, tmp_path: Path, make_alert: MakeAlert) -> None:
    """To a larger disk, for example."""
    (tmp_path / "large").mkdir()
    home.symlink_to(tmp_path / "large")
    outbox = Outbox(FileStore(home))
    outbox.put(make_alert())
    assert outbox.pending_in(HERE) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("name", ["", "mail", "tmp", "notes", "notes/receivers"])
def test_a_folder_of_another_user_is_refused(home: Path, make_alert: MakeAlert, name: str) -> None:
    """A task that runs as root must not follow links that a user prepared."""
    folder = home / name
    folder.mkdir(parents=True)
    os.chown(folder, 12345, 12345)
    outbox = Outbox(FileStore(home))
    with pytest.raises(OutboxError, match=rf"belongs to uid 12345.*uid {os.geteuid()}.*run_as_user"):
        outbox.put(make_alert()) if name == "mail" else outbox.assign(HERE, RECEIVER)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_public_folder_of_another_user_has_no_open_failure(home: Path, make_alert: MakeAlert) -> None:
    """Every success reads it, and must neither trust it nor take it for an unavailable outbox."""
    alert = make_alert()
    Outbox(FileStore(home)).put(alert)
    public = Outbox(FileStore(home, in_public=True))
    assert public.has_open_incident(alert.incident)
    os.chown(home, 12345, 12345)
    assert not public.has_open_incident(alert.incident)


def test_successes_for_an_unavailable_outbox_are_bounded(tmp_path: Path) -> None:
    """The newest ones are kept."""
    outbox = Outbox(FileStore(tmp_path), most_incidents=20)

    def success(number: int) -> Alert:
        return Alert(
            f"k{number}", Mailbox("c"), Event.TASK_SUCCEEDED, 0.0, dag_id="d", task_id=str(number), resolved=True
        )

    # One put in many counts them.
    counting = next(each for each in map(success, range(40, 10_000)) if each.incident.startswith(("00", "80")))
    for each in (*map(success, range(40)), counting):
        keep_success(outbox, each)
    left = {alert.key for _, alert in kept(outbox, RECOVERED, 100)}
    assert len(left) == 20
    assert counting.key in left
