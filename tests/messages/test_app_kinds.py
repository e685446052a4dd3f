"""Images, files, audio, video and forms: what they take, what they refuse, and how little of it they show."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages import OA, ActionCard, Audio, Button, File, Image, Link, Message, Video
from airflow_provider_dingpush.messages.app_kinds import STATUS_COLORS
from airflow_provider_dingpush.messages.field_rules import is_ours
from airflow_provider_dingpush.messages.media_source import describe
from airflow_provider_dingpush.messages.plain_forms import check_rendered, read_message, redacted
from tests.parameter_ids import shown
from tests.rendering import rendered

URL = "https://airflow.example.com/dags/etl"
MEDIA_ID = "@lADOADmaWMzazQKA"
# For what the types don't promise, but the rules take or refuse.
any_oa: Any = OA
PLAIN_KINDS = (
    Image("chart.png"),
    Image(MEDIA_ID),
    Image("https://example.com/chart.png"),
    File("/data/report.xlsx"),
    File(MEDIA_ID, "report.xlsx"),
    Audio("alarm.amr", 4),
    Audio(MEDIA_ID, 1.5),
    Video("video.mp4", 10, "cover.png"),
    OA("etl_daily", URL),
    OA("etl_daily", URL, [("task", "load"), ("rows", "")], "It failed.", "airflow", ("failed", "red")),
    OA("etl_daily", URL, {"task": "load"}, status="failed"),
)
kinds = pytest.mark.parametrize("value", [*PLAIN_KINDS, Image(b"\x89PNG"), File(b"PK", "a.zip")], ids=shown)
SOURCES: dict[str, Callable[[Any], Any]] = {
    "Image.source": Image,
    "File.source": lambda source: File(source, "report.xlsx"),
    "Audio.source": lambda source: Audio(source, 4),
    "Video.source": lambda source: Video(source, 10, "cover.png"),
    "Video.cover": lambda source: Video("video.mp4", 10, source),
}


class Figure:
    """Looks like matplotlib's."""

    def savefig(self, target: Any, **options: Any) -> None:
        """Would draw it."""


class StoredFile:
    """Looks like Airflow's ObjectStoragePath: a path, but of no file system that this machine knows."""

    name = "report.xlsx"

    def __str__(self) -> str:
        return "s3://reports@bucket/report.xlsx"

    def __fspath__(self) -> str:
        return "/bucket/report.xlsx"

    def read_bytes(self) -> bytes:
        """Would ask the store."""
        raise AssertionError("A source is not read before it is sent.")


class XComArg:
    """Named like Airflow's."""


@pytest.mark.parametrize(
    ("source", "kind", "name"),
    [
        ("chart.png", "path", "chart.png"),
        ("/data/2026-01-01/报表.xlsx", "path", "报表.xlsx"),
        (Path("/data/chart.png"), "readable", "chart.png"),
        (StoredFile(), "readable", "report.xlsx"),
        (b"\x89PNG", "bytes", None),
        (bytearray(b"\x89PNG"), "bytes", None),
        (memoryview(b"\x89PNG"), "bytes", None),
        (Figure(), "figure", None),
        (MEDIA_ID, "media_id", None),
        ("$iAEKAqNqcGcDBg", "media_id", None),
        ("https://example.com/chart.png", "url", None),
        ("HTTP://example.com/chart.png", "url", None),
        ("{{ params.chart }}", "template", None),
        ("/data/{{ ds }}.png", "template", None),
        (7, None, None),
        (None, None, None),
    ],
    ids=shown,
)
def test_a_source_is_recognised_by_its_form(source: object, kind: str | None, name: str | None) -> None:
    """Nothing is opened for that."""
    found = describe(source)
    assert (found and found.kind, found and found.name) == (kind, name)


@pytest.mark.parametrize("field", SOURCES)
@pytest.mark.parametrize(
    "source", ["a.bin", Path("a.bin"), b"bytes", bytearray(b"bytes"), StoredFile(), MEDIA_ID, "{{ path }}"], ids=shown
)
def test_every_field_takes_what_can_be_uploaded(field: str, source: Any) -> None:
    """Paths, bytes, stored objects, media ids and templates."""
    kept = getattr(SOURCES[field](source), field.partition(".")[2])
    assert kept == (bytes(source) if isinstance(source, bytearray) else source)


@pytest.mark.parametrize("field", ["Image.source", "Video.cover"])
def test_figures_are_pictures(field: str) -> None:
    """And neither files nor audio."""
    figure = Figure()
    assert getattr(SOURCES[field](figure), field.partition(".")[2]) is figure


@pytest.mark.parametrize(
    ("field", "source", "problem"),
    [
        *((field, "", "is empty") for field in SOURCES),
        *((field, b"", "is empty") for field in SOURCES),
        *((field, None, "is None") for field in SOURCES),
        *((field, 7, "can't be a int") for field in SOURCES),
        *((field, ["a.png"], "can't be a list") for field in SOURCES),
        *((field, XComArg(), "is a task's output") for field in SOURCES),
        *((field, "s3://bucket/a.png", "begins with s3://") for field in SOURCES),
        *((field, "file:///a.png", "begins with file://") for field in SOURCES),
        *((field, "https://example.com/a", "is a URL") for field in SOURCES if field != "Image.source"),
        *((field, Figure(), "can't be a Figure") for field in ("File.source", "Audio.source", "Video.source")),
    ],
)
def test_what_cannot_be_sent_is_refused_with_field_and_rule(field: str, source: object, problem: str) -> None:
    """At once, and not when the task has run for an hour."""
    with pytest.raises(InvalidMessageError) as caught:
        SOURCES[field](source)
    assert caught.value.problem.startswith(f"{field} {problem}")


def test_bytes_need_a_name_as_a_file() -> None:
    """People see the name, and DingTalk takes the type from its ending."""
    with pytest.raises(InvalidMessageError, match=r"^File\.name is missing"):
        File(b"PK")
    assert File(b"PK", "a.zip").name == "a.zip"


@pytest.mark.parametrize(("given", "kept"), [(4, 4), (4.0, 4), (1.5, 1.5), ("10", 10), ("{{ n }}", "{{ n }}")])
def test_durations_are_numbers_of_seconds(given: Any, kept: object) -> None:
    """Also as text, which is what templates make."""
    assert Audio(MEDIA_ID, given).duration_seconds == kept
    assert Video(MEDIA_ID, given, MEDIA_ID).duration_seconds == kept


@pytest.mark.parametrize("given", [0, -1, "", "long", None, True, float("inf"), float("nan"), [4]], ids=shown)
def test_durations_that_are_none_are_refused(given: Any) -> None:
    """The error explains what is meant."""
    with pytest.raises(InvalidMessageError, match=r"^Audio\.duration_seconds must be a number of seconds above 0"):
        Audio(MEDIA_ID, given)


def test_braces_that_are_left_after_rendering_are_no_path() -> None:
    """What was built may never have been rendered."""
    check_rendered(Image("a.png"))
    with pytest.raises(InvalidMessageError, match=r"^Image\.source is a template that wasn't rendered"):
        check_rendered(Image("{{ path }}"))
    with pytest.raises(InvalidMessageError, match=r"^Audio\.duration_seconds must be a number"):
        check_rendered(Audio(MEDIA_ID, "{{ n }}"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("form", "rows"),
    [
        ((), ()),
        ({"task": "load", "rows": 7}, (("task", "load"), ("rows", "7"))),
        ([("task", "load")], (("task", "load"),)),
        ([["task", "load"]], (("task", "load"),)),
        ([{"key": "task", "value": "load"}], (("task", "load"),)),
        ({"reason": ""}, (("reason", ""),)),
        ({"task": "{{ ti.task_id }}"}, (("task", "{{ ti.task_id }}"),)),
    ],
    ids=shown,
)
def test_forms_are_pairs_however_they_are_written(form: Any, rows: object) -> None:
    """As a dict, as pairs, or as DingTalk's own list."""
    assert OA("t", URL, form).form == rows


@pytest.mark.parametrize(
    ("build", "problem"),
    [
        (lambda: any_oa("", URL), "OA.title is empty"),
        (lambda: any_oa("t", "nowhere"), "OA.message_url must be a complete"),
        (lambda: any_oa("t", URL, "task"), "OA.form must be pairs of name and value, not a str"),
        (lambda: any_oa("t", URL, 7), "OA.form must be pairs of name and value, not a int"),
        (lambda: any_oa("t", URL, XComArg()), "OA.form is a task's output"),
        (lambda: any_oa("t", URL, ["ab"]), "OA.form[0] must be a pair"),
        (lambda: any_oa("t", URL, [("a", "b", "c")]), "OA.form[0] must be a pair"),
        (lambda: any_oa("t", URL, [XComArg()]), "OA.form[0] is a task's output"),
        (lambda: any_oa("t", URL, {"": "b"}), "OA.form[0].key is empty"),
        (lambda: any_oa("t", URL, {"a": None}), "OA.form[0].value is None"),
        (lambda: any_oa("t", URL, content=""), "OA.content is empty"),
        (lambda: any_oa("t", URL, status=("a", "b", "c")), "OA.status must be a text"),
        (lambda: any_oa("t", URL, status=("failed", "pink")), "OA.status has the colour 'pink'; it must be one of"),
        (lambda: any_oa("t", URL, status=("failed", "#F65E5")), "OA.status has the colour '#F65E5'"),
        (lambda: any_oa("t", URL, status=XComArg()), "OA.status is a task's output"),
    ],
)
def test_forms_that_break_a_rule_are_refused(build: Callable[[], object], problem: str) -> None:
    """The error names the field and the place in it."""
    with pytest.raises(InvalidMessageError) as caught:
        build()
    assert caught.value.problem.startswith(problem)


@pytest.mark.parametrize(
    ("status", "color"),
    [(None, None), ("failed", None), (("failed", "red"), "#F65E5E"), (("ok", "#01aBcd"), "#01aBcd")],
)
def test_status_colors_have_names(status: Any, color: str | None) -> None:
    """Those that DingTalk suggests."""
    assert OA("t", URL, status=status).status_color == color
    assert set(STATUS_COLORS) == {"green", "red", "orange", "grey"}


@kinds
def test_values_are_frozen_and_survive_hash_pickle_and_copies(value: Any) -> None:
    """As all other kinds."""
    for field in dataclasses.fields(value):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, field.name, "other")
    for twin in (pickle.loads(pickle.dumps(value)), copy.deepcopy(value), copy.copy(value)):  # noqa: S301 - our own
        assert twin == value
        assert hash(twin) == hash(value)
        assert repr(twin) == repr(value)
    assert [name for name in ("template_fields", "resolve", "serialize") if hasattr(value, name)] == []
    assert not callable(value)
    assert is_ours(value)


def test_arguments_come_in_the_documented_order() -> None:
    """Positional arguments are those of the documentation."""
    assert {kind: [each.name for each in dataclasses.fields(kind)] for kind in (Image, File, Audio, Video, OA)} == {
        Image: ["source"],
        File: ["source", "name"],
        Audio: ["source", "duration_seconds"],
        Video: ["source", "duration_seconds", "cover"],
        OA: ["title", "message_url", "form", "content", "author", "status"],
    }


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Image("chart.png"), "Image(source='chart.png')"),
        (Image(b"\x89PNG" * 5000), "Image(source=<20,000 bytes>)"),
        (Image(Figure()), "Image(source=<Figure>)"),
        (Image("https://a.example.com/c.png?Signature=s3cr3t"), "Image(source='https://a.example.com/c.png?…')"),
        (File(StoredFile()), "File(source=<StoredFile 'report.xlsx'>, name=None)"),
        (File("a" * 500), f"File(source='{'a' * 80}…', name=None)"),
        (Audio(MEDIA_ID, 4), f"Audio(source='{MEDIA_ID}', duration_seconds=4)"),
    ],
)
def test_repr_shows_kind_and_size_but_no_content(value: Message, shown: str) -> None:
    """It lands in the serialized DAG: no bytes, no memory address, and no signature of a URL."""
    assert repr(value) == shown


def test_repr_is_the_same_in_every_process() -> None:
    """A memory address in it would make the serialized DAG change on every parse."""
    script = (
        "from pathlib import Path\n"
        "from airflow_provider_dingpush.messages import *\n"
        "Figure = type('Figure', (), {'savefig': print})\n"
        "print([Image(Figure()), File(Path('/a/b.zip')), File(b'x', 'a.zip'), OA('t', 'https://a.b', {'k': 'v'})])"
    )
    outputs = {
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(outputs) == 1
    assert "<Figure>" in outputs.pop()


@pytest.mark.parametrize("message", PLAIN_KINDS, ids=shown)
def test_a_message_and_its_dict_are_the_same_thing(message: Message) -> None:
    """Also after a journey through JSON."""
    assert read_message(json.loads(json.dumps(message.to_dict()))) == (message, None)
    assert read_message(message) == (message, None)


def test_a_path_becomes_plain_data_as_a_str() -> None:
    """Which is what it is read back from."""
    assert File(Path("/data/a.zip")).to_dict() == {"msgtype": "file", "file": {"source": "/data/a.zip"}}


@pytest.mark.parametrize("source", [b"PK", StoredFile()], ids=["bytes", "stored object"])
def test_what_is_no_plain_data_is_an_error(source: Any) -> None:
    """The str of a stored object would be read back as a path of this machine."""
    with pytest.raises(InvalidMessageError, match=r"^File\.source is <.*>, which can't be plain data"):
        File(source, "a.zip").to_dict()
    with pytest.raises(InvalidMessageError, match=r"^Image\.source is <Figure>"):
        Image(Figure()).to_dict()


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"msgtype": "image", "image": {"media_id": MEDIA_ID}}, Image(MEDIA_ID)),
        ({"msgtype": "file", "file": {"media_id": MEDIA_ID}}, File(MEDIA_ID)),
        ({"msgtype": "voice", "voice": {"media_id": MEDIA_ID, "duration": "10"}}, Audio(MEDIA_ID, 10)),
        (
            {
                "msgtype": "action_card",
                "action_card": {"title": "Run", "markdown": "### Run", "single_title": "Open", "single_url": URL},
            },
            ActionCard("Run", "### Run", Button("Open", URL)),  # type: ignore[arg-type]
        ),
        (
            {
                "msgtype": "action_card",
                "action_card": {
                    "title": "Run",
                    "markdown": "### Run",
                    "btn_orientation": "1",
                    "btn_json_list": [{"title": "Log", "action_url": URL}, {"title": "Graph", "action_url": URL}],
                },
            },
            ActionCard("Run", "### Run", [Button("Log", URL), Button("Graph", URL)], horizontal=True),
        ),
        (
            {"msgtype": "link", "link": {"messageUrl": URL, "picUrl": MEDIA_ID, "title": "Run", "text": "details"}},
            Link("Run", "details", URL, MEDIA_ID),
        ),
        (
            {
                "msgtype": "oa",
                "oa": {
                    "message_url": URL,
                    "head": {"bgcolor": "FFBBBBBB", "text": "Airflow"},
                    "status_bar": {"status_value": "failed", "status_bg": "0xFFF65E5E"},
                    "body": {"title": "etl_daily", "form": [{"key": "task:", "value": "load"}], "author": "me"},
                },
            },
            OA("etl_daily", URL, {"task:": "load"}, author="me", status=("failed", "#F65E5E")),
        ),
        (
            {"msgtype": "oa", "oa": {"message_url": URL, "status_bar": {"status_value": "ok"}, "body": {"title": "t"}}},
            OA("t", URL, status="ok"),
        ),
    ],
    ids=lambda value: value["msgtype"] if isinstance(value, dict) else None,
)
def test_the_shapes_of_work_notifications_are_read(shape: dict[str, Any], message: Message) -> None:
    """Whoever has such a dict from DingTalk's documentation can pass it on."""
    assert read_message(shape) == (message, None)


@pytest.mark.parametrize(
    ("shape", "problem"),
    [
        ({"msgtype": "image", "image": {}}, "image lacks ['source']."),
        ({"msgtype": "image", "image": {"source": "a", "media_id": "b"}}, "image has a field twice"),
        ({"msgtype": "image", "image": {"url": "a"}}, "image has unknown keys ['url']"),
        ({"msgtype": "voice", "audio": {}}, "message has unknown keys ['audio'] beside 'msgtype', 'voice' and 'at'."),
        ({"msgtype": "oa", "oa": {"message_url": URL, "body": "x"}}, "oa has a body that is no dict."),
        ({"msgtype": "oa", "oa": {"message_url": URL, "body": {}}}, "oa lacks ['title']."),
        ({"msgtype": "oa", "oa": {"message_url": URL, "body": {"title": "t", "rich": {}}}}, "oa has unknown keys"),
        (
            {"msgtype": "action_card", "action_card": {"title": "t", "markdown": "x", "btn_json_list": "x"}},
            "ActionCard.buttons[0] must be a Button",
        ),
    ],
)
def test_shapes_that_lack_something_are_refused(shape: dict[str, Any], problem: str) -> None:
    """The error explains what is wrong with it."""
    with pytest.raises(InvalidMessageError) as caught:
        read_message(shape)
    assert caught.value.problem.startswith(problem)


def test_rendering_leaves_alone_what_is_no_text() -> None:
    """Bytes, figures and stored objects come out as they went in, and texts beside them are rendered."""
    figure, stored, ds = Figure(), StoredFile(), "2026-01-01"
    assert rendered(Image(figure), ds=ds).source is figure
    assert rendered(File(stored, "{{ ds }}.xlsx"), ds=ds) == File(stored, "2026-01-01.xlsx")
    assert rendered(File(b"PK", "{{ ds }}.zip"), ds=ds) == File(b"PK", "2026-01-01.zip")
    assert rendered(Image("/data/{{ ds }}.png"), ds=ds) == Image("/data/2026-01-01.png")
    form = OA("{{ ds }}", URL, {"{{ ds }}": "{{ ds }}"}, status=("{{ ds }}", "red"))
    assert rendered(form, ds=ds) == OA("2026-01-01", URL, {"2026-01-01": "2026-01-01"}, status=("2026-01-01", "red"))


def test_a_template_that_renders_to_nothing_sendable_is_refused() -> None:
    """When it is rendered, with the field's name."""
    with pytest.raises(InvalidMessageError, match=r"^Image\.source is None"):
        rendered(Image("{{ nothing }}"), nothing=None)
    with pytest.raises(InvalidMessageError, match=r"^File\.source is a URL"):
        rendered(File("{{ url }}"), url="https://example.com/a.zip")


def test_secrets_are_taken_out_of_what_is_read_but_not_out_of_paths() -> None:
    """A path with stars in it leads nowhere."""

    def redact(text: str) -> str:
        return text.replace("s3cr3t", "***")

    assert redacted(File("/s3cr3t/a.zip", "s3cr3t.zip"), redact) == File("/s3cr3t/a.zip", "***.zip")
    assert redacted(Image(b"s3cr3t"), redact) == Image(b"s3cr3t")
    form = OA("s3cr3t", URL, {"password": "s3cr3t"}, content="s3cr3t", status=("s3cr3t", "red"))
    assert redacted(form, redact) == OA("***", URL, {"password": "***"}, content="***", status=("***", "red"))


def test_a_picture_of_a_url_has_a_form_in_markdown() -> None:
    """For channels without pictures; brackets in the URL would end it."""
    markdown = Image("https://example.com/a_(1).png").as_markdown()
    assert (markdown.title, markdown.text) == ("[图片]", "![](https://example.com/a_%281%29.png)")


def test_airflows_own_paths_are_taken(tmp_path: Path) -> None:
    """A real ObjectStoragePath; its str names a store and would be read back as something else."""
    from airflow_provider_dingpush.airflow_compat import is_airflow_3

    module = importlib.import_module("airflow.sdk" if is_airflow_3() else "airflow.io.path")
    try:
        stored = module.ObjectStoragePath(f"file://{tmp_path}/report.xlsx")
    except TypeError:
        pytest.skip(
            "ObjectStoragePath of this Airflow can't be made: needs an older one, pip install 'universal_pathlib<0.3'"
        )
    found = describe(stored)
    assert found is not None
    assert (found.kind, found.name) == ("readable", "report.xlsx")
    with pytest.raises(InvalidMessageError, match="can't be plain data"):
        File(stored).to_dict()
