"""Claims: what ends them, what a damaged one is, and which incident a word means."""

from __future__ import annotations

import pytest

from airflow_provider_dingpush.oncall.claims import Claim, ClaimedBy, is_meant

ID = "7f3ac20000000000000000ff"


def test_it_survives_as_bytes() -> None:
    claim = Claim("张三", 12.5, "on it", ClaimedBy.READ, "etl · load", "abc")
    assert Claim.from_bytes(claim.to_bytes()) == claim


def test_it_covers_what_began_before() -> None:
    assert Claim("a", 10.0).covers(10.0)
    assert not Claim("a", 10.0).covers(10.1)


@pytest.mark.parametrize(
    "value", [b"", b"{}", b"[]", b"\xff", b'{"by": 1, "at": 1, "how": "command"}', b'{"by": "a", "at": 1, "how": "x"}']
)
def test_what_is_damaged_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Claim.from_bytes(value)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("7f3a", True),
        ("I-7F3A", True),
        ("i-7", True),
        (ID, True),
        (f"{ID}0", False),
        ("8", False),
        ("etl", True),
        ("etl.load", True),
        ("etl.load[2]", True),
        ("etl.load[3]", False),
        ("et", False),
        ("load", False),
        ("i-", False),
    ],
)
def test_which_incident_a_word_means(word: str, meant: bool) -> None:
    assert is_meant(word, ID, "etl", "load", 2) is meant
