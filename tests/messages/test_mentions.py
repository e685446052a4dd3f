"""Who can be mentioned, how mentions get into a text, and how several lists of people become one."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages import At
from airflow_provider_dingpush.messages.mentions import MAX_PEOPLE, mentions, with_mentions
from airflow_provider_dingpush.messages.plain_forms import check_rendered


@pytest.mark.parametrize(
    ("at", "mobiles", "user_ids"),
    [
        (At("13800000000"), ("13800000000",), ()),
        (At(["138", "139"]), ("138", "139"), ()),
        (At(mobiles=13800000000), ("13800000000",), ()),  # type: ignore[arg-type]
        (At(user_ids="user1"), (), ("user1",)),
        (At(("138",), ("user1",)), ("138",), ("user1",)),
        (At(mobiles=["138", "139", "138"]), ("138", "139"), ()),
        (At(mobiles=[" 138 ", "138"]), ("138",), ()),
        (At(mobiles=[["138", "139"]]), ("138", "139"), ()),  # type: ignore[list-item]
    ],
    ids=["one str", "list", "number", "one user", "positional", "twice", "blanks around", "list rendered in a list"],
)
def test_people_are_kept_once_and_in_order(at: At, mobiles: tuple[str, ...], user_ids: tuple[str, ...]) -> None:
    """One string counts as a list of one, numbers become strings, repetitions go."""
    assert (at.mobiles, at.user_ids, at.everyone) == (mobiles, user_ids, False)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"mobiles": ""}, "At.mobiles[0] is empty"),
        ({"mobiles": ["138", " "]}, "At.mobiles[1] is empty"),
        ({"mobiles": None}, "At.mobiles[0] is None."),
        ({"mobiles": "138 139"}, "At.mobiles[0] must be one id or number without blanks, commas or '@'"),
        ({"mobiles": "138,139"}, "At.mobiles[0] must be one id or number"),
        ({"user_ids": ["@user1"]}, "At.user_ids[0] must be one id or number"),
        ({"user_ids": [{"id": 1}]}, "At.user_ids[0] must be text, not a dict."),
        ({"user_ids": ["a\ud800"]}, "At.user_ids[0] contains a lone surrogate"),
        ({"everyone": "perhaps"}, "At.everyone must be true or false, not 'perhaps'."),
        ({"everyone": None}, "At.everyone must be true or false, not None."),
    ],
    ids=[
        "empty",
        "blank",
        "None",
        "blank inside",
        "comma",
        "at sign",
        "dict",
        "surrogate",
        "everyone perhaps",
        "everyone None",
    ],
)
def test_a_mention_that_breaks_a_rule_is_refused(arguments: dict[str, Any], problem: str) -> None:
    """The error names the field, the place in it and the rule."""
    with pytest.raises(InvalidMessageError) as caught:
        At(**arguments)
    assert caught.value.problem.startswith(problem)


def test_fifty_people_are_fine_and_one_more_is_refused() -> None:
    """The limit holds for mobile numbers and user ids together, after repetitions are gone."""
    mobiles, users = [f"138{number:08}" for number in range(30)], [f"user{number}" for number in range(20)]
    assert len(At(mobiles + mobiles, users).mobiles) == 30
    with pytest.raises(InvalidMessageError) as caught:
        At(mobiles, [*users, "one more"[:3]])
    assert caught.value.problem == f"At has 51 people; DingTalk accepts at most {MAX_PEOPLE}."
    assert "everyone=True" in caught.value.advice


@pytest.mark.parametrize(
    ("at", "truth"),
    [(At(), False), (At(mobiles="1"), True), (At(user_ids="u"), True), (At(everyone=True), True)],
    ids=["nobody", "mobile", "user", "everyone"],
)
def test_nobody_is_false(at: At, truth: bool) -> None:
    """An empty mention counts as none."""
    assert bool(at) is truth


def test_jinja_in_mentions_waits_for_rendering() -> None:
    """A template is taken when built, and refused by the rules if it is still there afterwards."""
    at = At(mobiles="{{ params.on_duty }}", everyone="{{ params.loud }}")  # type: ignore[arg-type]
    assert at.mobiles == ("{{ params.on_duty }}",)
    with pytest.raises(InvalidMessageError, match=r"^At\.mobiles\[0\] must be one id or number"):
        check_rendered(at)


@pytest.mark.parametrize(
    "plain",
    [
        {"mobiles": ["138"], "user_ids": ["u"], "everyone": True},
        {"atMobiles": ["138"], "atUserIds": ["u"], "isAtAll": True},
        {"atMobiles": "138", "user_ids": "u", "isAtAll": "true"},
        At("138", "u", True),
    ],
    ids=["ours", "DingTalk's", "mixed", "built"],
)
def test_plain_forms_of_a_mention_are_read(plain: Any) -> None:
    """Both spellings of the keys work wherever a mention is taken."""
    assert At.read(plain) == At(mobiles=("138",), user_ids=("u",), everyone=True)


def test_reading_what_a_mention_writes_gives_the_same() -> None:
    """``to_dict`` is a plain form."""
    at = At(["138", "139"], "u", everyone=True)
    assert at.to_dict() == {"mobiles": ["138", "139"], "user_ids": ["u"], "everyone": True}
    assert At.read(at.to_dict()) == at
    assert At.read(None) is None


@pytest.mark.parametrize(
    ("plain", "problem"),
    [
        ("13800000000", "at must be an At or a dict, not str."),
        (["138"], "at must be an At or a dict, not list."),
        ({"mobile": "138"}, "at has unknown keys ['mobile']"),
        ({"mobiles": "1", "atMobiles": "2"}, "at has a field twice"),
    ],
    ids=["bare number", "bare list", "unknown key", "both spellings"],
)
def test_what_is_no_mention_is_refused(plain: Any, problem: str) -> None:
    """A bare number may be a mobile number or a user id."""
    with pytest.raises(InvalidMessageError) as caught:
        At.read(plain)
    assert caught.value.problem.startswith(problem)


@pytest.mark.parametrize(
    ("text", "person", "found"),
    [
        ("@138", "138", True),
        ("hello @138, look", "138", True),
        ("hello @138请看", "138", True),
        ("@138.", "138", True),
        ("@138-", "138", True),
        ("@138\n", "138", True),
        ("@1380", "138", False),
        ("@138a", "138", False),
        ("@138_", "138", False),
        ("@138-2", "138", False),
        ("@138.2", "138", False),
        ("138", "138", False),
        ("@ 138", "138", False),
        ("@1380 and @138", "138", True),
        ("@a.c", "a+c", False),
        ("@abc", "a.c", False),
        ("@a+c", "a+c", True),
    ],
)
def test_a_mention_is_in_a_text_as_a_whole_word(text: str, person: str, found: bool) -> None:
    """``@138`` isn't mentioned by the ``@1380`` or ``@138-2`` of somebody else."""
    assert mentions(text, person) is found


@pytest.mark.parametrize(
    ("text", "at", "with_them"),
    [
        ("hello", At("138"), "hello|@138"),
        ("hello", At(["138", "139"], "u"), "hello|@138 @139 @u"),
        ("hello @138", At("138"), "hello @138"),
        ("hello @138", At(["138", "139"]), "hello @138|@139"),
        ("hello @1380", At("138"), "hello @1380|@138"),
        ("hello", At(everyone=True), "hello"),
        ("hello", At("138", everyone=True), "hello|@138"),
        ("hello", At(), "hello"),
        ("hello", None, "hello"),
    ],
    ids=[
        "one",
        "several",
        "there already",
        "one of two there",
        "longer one there",
        "all",
        "all and one",
        "none",
        "None",
    ],
)
def test_mentions_are_put_into_the_text_once(text: str, at: At | None, with_them: str) -> None:
    """Who isn't named yet is named at the end; everyone needs no words."""
    placed = with_mentions(text, at, separator="|")
    assert placed == with_them
    assert with_mentions(placed, at, separator="|") == placed


def test_those_named_in_a_text_are_distinguished_from_the_others() -> None:
    """A part of a long message mentions those whom its text names, and not everyone."""
    at = At(["138", "139"], ["u", "v"], everyone=True)
    assert at.named_in("@139 and @v, not @1380") == At("139", "v")
    assert not at.named_in("nobody")


def test_a_union_names_everybody_once() -> None:
    """Lists that are merged keep their order, and everyone stays everyone."""
    joined = At.union([At("138", "u"), None, At(["139", "138"], everyone=True), At()])
    assert joined == At(["138", "139"], "u", everyone=True)
    assert At.union([None, At()]) is None
    assert At.union([]) is None


def test_a_union_of_more_than_fifty_leaves_people_out() -> None:
    """Merging lists never makes a message impossible."""
    mobiles = [At(f"138{number:08}") for number in range(40)]
    users = [At(user_ids=f"user{number}") for number in range(40)]
    joined = At.union([*mobiles, *users])
    assert joined is not None
    assert (len(joined.mobiles), len(joined.user_ids)) == (40, 10)


@pytest.mark.parametrize(
    "written",
    ["@86-13800000000", "@+8613800000000", "@８６－13800000000", "@138-0000-0000", "＠13800000000", "@(86)13800000000"],
)
def test_a_number_that_the_text_mentions_is_written_as_in_the_block(written: str) -> None:
    """DingTalk compares the two: another form mentions nobody."""
    at = At(mobiles=["86-13800000000"])
    assert with_mentions(f"hello {written}，请看", at, separator="|") == "hello @13800000000，请看"
    assert at.named_in(f"hello {written}") == At("13800000000")


@pytest.mark.parametrize("text", ["@86-13900000000", "@13800000000a", "mail a@138000000001"])
def test_the_number_of_somebody_else_stays_as_it_is_written(text: str) -> None:
    """Only who is mentioned is."""
    assert with_mentions(text, At("13800000000"), separator="|") == f"{text}|@13800000000"


def test_a_foreign_number_is_the_same_in_text_and_block() -> None:
    """Plus and dash are part of it."""
    at = At(mobiles="+852 5123 4567")
    assert with_mentions("hello", at, separator="|") == "hello|@+852-51234567"
    assert at.named_in("hello @+852-51234567.") == at
