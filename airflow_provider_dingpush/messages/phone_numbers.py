"""Mobile numbers in the one form that DingTalk accepts: ``13800000000`` of mainland China, else ``+852-51234567``."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from numbers import Rational, Real
from typing import Any

from airflow_provider_dingpush.messages.input_text import narrow, visible

_HOME = "86"
_HOME_NUMBER = re.compile(r"1[0-9]{10}")
# The country codes of ITU-T E.164: those of one and of two digits; all others have three.
_COUNTRY_CODE = re.compile("[17]|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|[2-9][0-9]{2}")
# Countries where a 0 is dialled only within the country, and isn't part of the number (unlike in Italy).
_WITH_TRUNK_ZERO = {
    20, 27, 31, 32, 33, 40, 41, 43, 44, 46, 49, 60, 61, 62, 63, 64, 66, 81, 82, 84, 90, 91, 92, 94, 95, 98,
    212, 213, 234, 251, 254, 255, 256, 263, 353, 355, 358, 359, 380, 381, 385, 386, 387, 389, 421, 855, 856, 880, 886,
    962, 963, 964, 966, 967, 970, 971, 972, 976, 977,
}  # fmt: skip
_LEAST_FOREIGN_DIGITS, _MOST_DIGITS = 7, 15
_PREFIX = re.compile(r"(?:tel|phone|mobile|手机号码?|手机|电话)\s*:\s*|@", re.IGNORECASE)
# Separators between the groups of a number: dashes of all kinds, dots, slashes and brackets.
_BETWEEN = re.compile(r"[\s()\[\]./_\-\u00ad\u00b7\u2010-\u2015\u2212\ufe58\ufe63]+")
_TRUNK_ZERO = re.compile(r"\(\s*0\s*\)")
_SHAPE = re.compile(r"(?P<plus>\+|00)?(?P<groups>[0-9](?:[0-9 ]*[0-9])?)")
_SPREADSHEET = re.compile(r"[0-9]+(?:\.[0-9]+)?[eE]\+?[0-9]+")
# The limits above which a float, or one of half its size, can't represent every whole number.
_EXACT_FLOAT, _EXACT_SMALL_FLOAT = 2**53, 2**24
_LONGEST = 60


def whole_number(value: Any) -> str | None:
    """The digits of a number without fraction, of any type: int, float, Decimal, or one of numpy's.

    ``None`` for anything else, and for a float that is too large to represent all of its digits.
    """
    if isinstance(value, bool) or not isinstance(value, (Real, Decimal)):
        return None
    try:
        if isinstance(value, Decimal):
            # As an int, 1E+999999999 would fill the memory.
            exact = value.is_finite() and value.adjusted() < _LONGEST
        else:
            limit = _EXACT_FLOAT if isinstance(value, float) else _EXACT_SMALL_FLOAT
            exact = isinstance(value, Rational) or abs(float(value)) < limit
        whole = int(value) if exact else -1  # type: ignore[arg-type]
        return str(whole) if whole >= 0 and whole == value else None
    except (ValueError, OverflowError, ArithmeticError):
        return None


def plain_digits(text: str) -> str:
    """A text of digits in ASCII, also if they are full-width or end with the ``.0`` of a float; others unchanged."""
    digits = re.sub(r"\.0+\Z", "", text)
    return "".join(str(unicodedata.decimal(each)) for each in digits) if digits.isdecimal() else text


def read_mobile(value: Any) -> str | None:
    """The number in DingTalk's form, from any usual one; ``None`` if it isn't a valid mobile number.

    :param value: text, with or without country code, separators and brackets; or a number of any type.
    """
    shape = _shape_of(value)
    if shape is None:
        return None
    groups = shape.group("groups").split()
    digits = "".join(groups)
    if shape.group("plus"):
        return _international(digits)
    if groups[0] == "1" and len(groups) > 1:
        return None  # 1-415-555-0100 of America has eleven digits, too; with a + it is accepted.
    if _HOME_NUMBER.fullmatch(digits):
        return digits
    for before in (_HOME, "0"):
        if digits.startswith(before) and _HOME_NUMBER.fullmatch(digits.removeprefix(before)):
            return digits.removeprefix(before)
    # "852-51234567": the country code is a group of its own.
    code = _COUNTRY_CODE.match(digits)
    return _international(digits) if len(groups) > 1 and code and code.group() == groups[0] else None


def mobile_or_digits(value: Any) -> str | None:
    """A value that is meant as a mobile number: in DingTalk's form, or unusual digits unchanged.

    Only DingTalk can check whether it knows a number: digits are never refused here. ``None`` for anything else.
    """
    number = read_mobile(value)
    if number is None:
        digits = whole_number(value) or (plain_digits(_tidied(value)) if isinstance(value, str) else "")
        number = digits if digits.isdecimal() and len(digits) <= _LONGEST else None
    return number


def looks_like_phone_number(value: str) -> bool:
    """Whether a text can only be meant as a number: a ``+``, digits with separators, or a spreadsheet's 1.38E+10."""
    text = _tidied(value)
    if _SPREADSHEET.fullmatch(text) or text.startswith("+"):
        return True
    shape = _shape_of(value)
    return shape is not None and not plain_digits(text).isdecimal()


def _tidied(value: str) -> str:
    text = narrow(visible(value)).strip()
    return _PREFIX.sub("", text, count=1).strip() if _PREFIX.match(text) else text


def _shape_of(value: Any) -> re.Match[str] | None:
    text = whole_number(value) or (_tidied(value) if isinstance(value, str) else "")
    if len(text) > _LONGEST:
        return None
    text = "".join(str(unicodedata.decimal(each)) if each.isdecimal() else each for each in plain_digits(text))
    text = _BETWEEN.sub(" ", _TRUNK_ZERO.sub(" ", text)).strip()
    return _SHAPE.fullmatch(text.replace("+ ", "+"))


def _international(digits: str) -> str | None:
    found = _COUNTRY_CODE.match(digits)
    if found is None:
        return None
    code = found.group()
    number = digits.removeprefix(code)
    if code == _HOME:
        number = number.removeprefix("0")
        return number if _HOME_NUMBER.fullmatch(number) else None
    if int(code) in _WITH_TRUNK_ZERO:
        number = number.removeprefix("0")
    return f"+{code}-{number}" if _LEAST_FOREIGN_DIGITS <= len(digits) <= _MOST_DIGITS else None
