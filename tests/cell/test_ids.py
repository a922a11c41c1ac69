from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cell.ids import ForeignId, MalformedId, Tag, cell_of, tagged, untag, uuid7


def test_ids_sort_by_time_and_are_version_7():
    numbers = [uuid7() for _ in range(1000)]

    assert {number.version for number in numbers} == {7}
    assert {number.variant for number in numbers} == {"specified in RFC 4122"}
    assert [number.int >> 80 for number in numbers] == sorted(number.int >> 80 for number in numbers)
    assert len(set(numbers)) == 1000


@given(number=st.uuids(), tag=st.sampled_from(Tag))
def test_what_is_tagged_can_be_untagged(number: UUID, tag: Tag):
    text = tagged(tag, "eude1", number)

    assert untag(text, tag, "eude1") == number
    assert cell_of(text) == "eude1"


def test_an_id_of_another_cell_names_that_cell():
    with pytest.raises(ForeignId) as caught:
        untag(tagged(Tag.WORKSPACE, "usea1", uuid7()), Tag.WORKSPACE, "eude1")

    assert caught.value.cell == "usea1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ws",
        "ws_eude1_",
        "ws_eude1_" + "g" * 32,
        "ws_eude1_" + "0" * 31,
        "ws_EUDE1_" + "0" * 32,
        "ws_eude1_" + "0" * 33,
    ],
)
def test_a_malformed_id_is_refused_without_repeating_it(text: str):
    with pytest.raises(MalformedId) as caught:
        untag(text, Tag.WORKSPACE, "eude1")

    assert text == "" or text not in str(caught.value) or text in ("ws", "ws_eude1_")


def test_an_id_of_another_kind_is_malformed_here():
    with pytest.raises(MalformedId):
        untag(tagged(Tag.KEY, "eude1", uuid7()), Tag.WORKSPACE, "eude1")
