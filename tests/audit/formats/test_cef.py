from __future__ import annotations

import hashlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.actions import Action
from audit.entry import Entry
from audit.formats import Format, cef, forms
from audit.merkle import leaf_hash
from tests.audit.formats.entries import BY_KEY, KEY, LOG, PSEUDONYM, REQUEST, SYSTEM, entry, fields, of_every_action

_LENGTHS = {
    "act": 63,
    "cat": 1023,
    "cn1Label": 1023,
    "deviceExternalId": 255,
    "duid": 1023,
    "dvchost": 100,
    "externalId": 40,
    "flexString1": 1023,
    "flexString1Label": 128,
    "outcome": 63,
    "reason": 1023,
    "requestContext": 2048,
    "sourceServiceName": 1023,
    "spriv": 1023,
    "suid": 1023,
    **{f"cs{number}": 4000 for number in range(1, 7)},
    **{f"cs{number}Label": 1023 for number in range(1, 7)},
}
"""Of the strings in the format's dictionary, in characters."""


def parse(line: str) -> tuple[list[str], dict[str, str]]:
    """As a reader does that knows the format and not the writer: header fields first, then keys by the ` key=` before them."""
    fields, rest = [], line
    for _ in range(7):
        match = re.match(r"((?:[^\\|]|\\[\\|])*)\|", rest)
        assert match is not None, "a header field that does not end, or an escape that the format does not know"
        fields.append(re.sub(r"\\([\\|])", r"\1", match[1]))
        rest = rest[match.end() :]
    # Unescaped, so that an escaped equals sign is none.
    places = [*re.finditer(r"(?:^| )([A-Za-z0-9_.]+)(?<!\\)=", rest)]
    assert not places or places[0].start() == 0, "an extension that begins with no key"
    ends = [*(place.start() for place in places[1:]), len(rest)]
    values = [rest[place.end() : end] for place, end in zip(places, ends, strict=True)]
    assert all(re.fullmatch(r"(?:[^\\=\n\r]|\\[\\=nr])*", value) for value in values), "a value that is not escaped"
    keys = [place[1] for place in places]
    assert len(set(keys)) == len(keys), "a key twice"
    return fields, {key: _plain(value) for key, value in zip(keys, values, strict=True)}


def _plain(value: str) -> str:
    return re.sub(r"\\(.)", lambda match: {"n": "\n", "r": "\r"}.get(match[1], match[1]), value)


def _line(found: Entry, seq: int = 41) -> str:
    (form,) = forms([Format.CEF], LOG)
    return form.line(found.body(), seq).decode()


def test_every_action_by_anybody_is_a_line_within_the_dictionary() -> None:
    for action, found in of_every_action():
        line = _line(found)
        header, extension = parse(line)

        assert "\n" not in line and "\r" not in line
        assert header[:5] == ["CEF:0", "Bailiwick", "Bailiwick", "1", action.value]
        assert header[6].isdecimal() and 0 <= int(header[6]) <= 10
        for key, text in extension.items():
            if key in ("rt", "cn1"):
                assert text.isdecimal()
            else:
                assert 0 < len(text) <= _LENGTHS[key], key
            if key.endswith("Label"):
                assert key.removesuffix("Label") in extension


def test_a_line_leads_back_to_the_entry_that_is_proven() -> None:
    found = entry(Action.REDACTION_CHANGED.value, after=fields(Action.REDACTION_CHANGED))

    _, extension = parse(_line(found, seq=123_456))

    assert extension["externalId"] == found.id[-32:]
    assert (extension["cn1"], extension["cs1"]) == ("123456", LOG.origin)
    assert extension["cs2"] == hashlib.sha256(found.body()).hexdigest()
    assert extension["flexString1"] == leaf_hash(found.body()).hex()
    assert json.loads(extension["cs6"]) == found.after
    assert extension["rt"] == "1795256937496"


def test_the_actor_is_a_pseudonym_a_key_or_nobody() -> None:
    lines = [
        parse(_line(entry(Action.INFERENCE_REQUESTED.value, actor)))[1] for actor in (entry("").actor, BY_KEY, SYSTEM)
    ]

    assert [line.get("suid") for line in lines] == [PSEUDONYM, KEY, None]
    assert [line["sourceServiceName"] for line in lines] == ["password+totp", "key", "job"]
    assert all(line["requestContext"] == REQUEST for line in lines)


def test_fields_too_long_for_a_custom_string_are_left_out_whole() -> None:
    found = entry(Action.REDACTION_CHANGED.value, after={"deny": ["x" * 100] * 60})

    _, extension = parse(_line(found))

    assert "cs6" not in extension and "cs6Label" not in extension


@pytest.mark.parametrize(
    ("plain", "in_header", "in_value"),
    [
        ("a|b", "a\\|b", "a|b"),
        ("a=b", "a=b", "a\\=b"),
        ("a\\b", "a\\\\b", "a\\\\b"),
        ("a\nb\rc", "a b c", "a\\nb\\rc"),
        ("\\|=", "\\\\\\|=", "\\\\|\\="),
        ("a key=b", "a key=b", "a key\\=b"),
    ],
)
def test_the_header_and_a_value_are_escaped_each_in_its_own_way(plain: str, in_header: str, in_value: str) -> None:
    assert cef.header(plain) == in_header
    assert cef.value(plain) == in_value


@given(st.text(), st.text())
def test_whatever_stands_in_a_field_is_read_back(name: str, text: str) -> None:
    line = f"CEF:0|v|p|1|{cef.header(name)}|n|3|one={cef.value(text)} two=x"

    header, extension = parse(line)

    assert header[4] == re.sub(r"[\n\r]", " ", name)
    assert extension == {"one": text, "two": "x"}
