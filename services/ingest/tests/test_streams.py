"""How the offsets of a batch are shared out among tasks."""

from hypothesis import given
from hypothesis import strategies as st
from podium_contracts.messages import OffsetRange
from podium_ingest.streams import SHARE_ROWS, shares


def offsets(*spans: int) -> tuple[OffsetRange, ...]:
    return tuple(
        OffsetRange(topic="sales", partition=number, start=7, end=7 + span)
        for number, span in enumerate(spans)
    )


@given(st.lists(st.integers(0, 3 * SHARE_ROWS), max_size=5), st.integers(1, 4))
def test_shares_hold_every_offset_once(spans: list[int], most: int) -> None:
    """In order, in no more shares than asked for, and none larger than it must be."""
    found = shares(offsets(*spans), most)
    assert len(found) <= most
    places = [(part.partition, number) for share in found for part in share for number in _ends(part)]
    expected = [(part.partition, number) for part in offsets(*spans) if part.span for number in _ends(part)]
    assert _merged(places) == expected
    sizes = [sum(part.span for part in share) for share in found]
    assert max(sizes) <= max(-(-sum(spans) // most), SHARE_ROWS)


def _ends(part: OffsetRange) -> tuple[int, int]:
    return part.start, part.end


def _merged(ends: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Leave out where one share ends and the next begins."""
    return [end for end in ends if ends.count(end) == 1]


def test_few_messages_are_one_share() -> None:
    """Starting tasks for them would take longer than reading them."""
    assert shares(offsets(SHARE_ROWS // 2, SHARE_ROWS // 2), 8) == [offsets(SHARE_ROWS // 2, SHARE_ROWS // 2)]
