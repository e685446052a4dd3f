"""One reading of mobile numbers for all places, and what can't be read as one."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from numbers import Integral, Real
from typing import Any

import pytest

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages import At
from airflow_provider_dingpush.messages.phone_numbers import looks_like_phone_number, read_mobile, whole_number
from airflow_provider_dingpush.targets import Users, WorkNotification, read_target
from tests.parameter_ids import shown

HOME = "13800138000"
HONG_KONG = "+852-51234567"


class Int64:
    """As numpy's: no int, but a number by its own word."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __int__(self) -> int:
        return self.value

    def __eq__(self, other: object) -> bool:
        return self.value == other

    def __hash__(self) -> int:
        return hash(self.value)


class Float32:
    """As numpy's of half size, which holds whole numbers up to 2**24 only."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __int__(self) -> int:
        return self.value

    def __float__(self) -> float:
        return float(self.value)


Integral.register(Int64)
Real.register(Float32)

SPELLINGS: dict[Any, str] = {
    HOME: HOME,
    f" {HOME}\n": HOME,
    f"86-{HOME}": HOME,
    f"86{HOME}": HOME,
    f"+86{HOME}": HOME,
    f"+86-{HOME}": HOME,
    f"0086{HOME}": HOME,
    f"0086 {HOME}": HOME,
    f"0{HOME}": HOME,
    "+86 138 0013 8000": HOME,
    "138-0013-8000": HOME,
    "138 0013 8000": HOME,
    "138.0013.8000": HOME,
    "(+86)13800138000": HOME,
    "(86) 138 0013 8000": HOME,
    "（86）138－0013－8000": HOME,
    "+86 (0)138 0013 8000": HOME,
    "+86\u00a0138\u20110013\u20118000": HOME,
    "１３８００１３８０００": HOME,
    "＋８６－１３８００１３８０００": HOME,
    "\u0661\u0663\u0668\u0660\u0660\u0661\u0663\u0668\u0660\u0660\u0660": HOME,
    f"\ufeff{HOME}\u200b": HOME,
    "138\u200b0013\u20608000": HOME,
    f"\u202d{HOME}\u202c": HOME,
    f"{HOME}.0": HOME,
    f"@{HOME}": HOME,
    f"tel:{HOME}": HOME,
    f"手机：{HOME}": HOME,
    13800138000: HOME,
    8613800138000: HOME,
    Decimal("13800138000.00"): HOME,
    Int64(13800138001): "13800138001",
    Fraction(13800138002): "13800138002",
    HONG_KONG: HONG_KONG,
    "+85251234567": HONG_KONG,
    "+852 5123 4567": HONG_KONG,
    "0085251234567": HONG_KONG,
    "852-51234567": HONG_KONG,
    "+1-4155550100": "+1-4155550100",
    "+1 (415) 555-0100": "+1-4155550100",
    "+44 (0)20 7946 0958": "+44-2079460958",
    "+44 07911 123456": "+44-7911123456",
    "0081 090-1234-5678": "+81-9012345678",
    "886-0912-345-678": "+886-912345678",
    "+39 06 1234 5678": "+39-0612345678",
    "+225 07 12 34 56 78": "+225-0712345678",
    "+971 050 123 4567": "+971-501234567",
    "+7 912 345-67-89": "+7-9123456789",
}


@pytest.mark.parametrize(("written", "number"), SPELLINGS.items(), ids=shown)
def test_a_number_has_one_form_however_it_is_written(written: Any, number: str) -> None:
    """In every place that takes one."""
    assert read_mobile(written) == number
    assert At(mobiles=written).mobiles == (number,)
    assert At.read({"atMobiles": [written]}) == At(mobiles=number)
    assert Users(mobiles=written).mobiles == (number,)
    assert read_target({"mobiles": [written]}) == Users(mobiles=number)


def test_a_float_is_its_digits() -> None:
    """Such as pandas makes of a column of numbers with gaps, which equals the int and so has no place in a dict."""
    assert At(mobiles=[13800138000.0]).mobiles == (HOME,)  # type: ignore[list-item]
    assert Users(mobiles=[13800138000.0]).mobiles == (HOME,)  # type: ignore[list-item]


def test_a_number_in_two_spellings_is_one_person() -> None:
    """Nobody is mentioned twice."""
    assert At(mobiles=[HOME, f"86-{HOME}", f"+86 {HOME}"]).mobiles == (HOME,)
    assert Users(mobiles=[HOME, f"86-{HOME}"]).mobiles == (HOME,)


@pytest.mark.parametrize(
    "written",
    ["zhangsan", "138-0013-800", "+86 1380", "+86-21-61234567", "1.38E+10", "021-6123 4567", "1-415-555-0100", "++1",
     "400-820-8820", "138,139", "1" * 61, f"{HOME} {HOME}", True, 1.5, float("nan"), float("inf"), -1, 1e300,
     Decimal("NaN"), Decimal("1E+999999999"), Float32(1380013800), b"13800138000", None, "", "\u200b"],
    ids=shown,
)  # fmt: skip
def test_what_is_no_mobile_number_is_refused(written: Any) -> None:
    """By the name of the field, wherever it is given."""
    assert read_mobile(written) is None
    for build, field in ((At, "At.mobiles[0]"), (Users, "Users.mobiles[0]")):
        with pytest.raises(InvalidMessageError) as caught:
            build(mobiles=[written])
        assert caught.value.problem.startswith(field)


@pytest.mark.parametrize("digits", ["138", "51234567", "85251234567"])
def test_digits_alone_stay_as_they_are(digits: str) -> None:
    """Which numbers DingTalk knows is its own business."""
    assert read_mobile(digits) is None
    assert At(mobiles=digits).mobiles == (digits,)
    assert Users(mobiles=digits).mobiles == (digits,)


@pytest.mark.parametrize(
    ("written", "user_id"),
    [
        (12345.0, "12345"),
        ("12345.0", "12345"),
        (Int64(12345), "12345"),
        (Decimal("12345.0"), "12345"),
        ("\u200bzhangsan\ufeff", "zhangsan"),
        ("\u00a0zhangsan\u00a0", "zhangsan"),
        ("ｕｓｅｒ１２", "user12"),
        ("0123", "0123"),
        ("a.0", "a.0"),
    ],
    ids=shown,
)
def test_a_user_id_is_what_was_meant(written: Any, user_id: str) -> None:
    """Numbers of any type are their digits, and nothing that nobody sees is part of one."""
    assert At(user_ids=[written]).user_ids == (user_id,)
    assert Users([written]).user_ids == (user_id,)
    assert WorkNotification([written]).user_ids == (user_id,)


@pytest.mark.parametrize("written", [True, 1.5, 1e300, float("nan"), 12345678901234567.0], ids=shown)
def test_a_number_that_has_lost_digits_is_no_id(written: Any) -> None:
    """A float can't hold the digits of a long id; somebody else might have the id that is left."""
    for build in (At, Users, WorkNotification):
        with pytest.raises(InvalidMessageError, match=r"user_ids\[0\] must be"):
            build(user_ids=[written])


@pytest.mark.parametrize(
    ("written", "number"), [(1001.0, "1001"), (Int64(1001), "1001"), ("１００１", "1001")], ids=shown
)
def test_a_department_is_a_number_of_any_type(written: Any, number: str) -> None:
    """Departments too come out of XCom and data frames."""
    assert WorkNotification(department_ids=[written]).department_ids == (number,)


def test_what_can_only_be_a_phone_number_is_distinguished_from_an_id() -> None:
    """An id may be digits, and may have a dash between letters."""
    assert all(map(looks_like_phone_number, ["138-000", "+86 1", "138 000", "1.38E+10", "(021) 6123"]))
    assert not any(map(looks_like_phone_number, ["138000", "zhangsan", "user-1", "a+b", "", "张三"]))


def test_zero_is_a_whole_number() -> None:
    """It is false, and still a number."""
    assert whole_number(0) == "0"
