from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from inference.gateway.documents import MAX_DEPTH, framed, named, rewritten, shown, texts_of, with_texts
from inference.redaction import Framed, Redactor

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(VALUES)
def test_a_document_with_its_own_texts_is_itself(value: object) -> None:
    assert with_texts(value, iter(texts_of(value))) == value
    text = json.dumps(value)
    assert rewritten(text, iter(pieces(text))) == text


@given(VALUES)
def test_the_leaves_of_a_frame_are_the_texts(value: object) -> None:
    assert framed(value).pieces() == texts_of(value)


@given(VALUES)
def test_every_text_can_be_replaced(value: object) -> None:
    changed = with_texts(value, iter(f"#{number}" for number, _ in enumerate(texts_of(value))))
    assert all(text.startswith("#") for text in texts_of(changed))


def test_what_an_escape_hides_is_seen() -> None:
    text = '{"to": "anna\\u0040example.org", "n": [491701234567, 12, true]}'
    assert pieces(text) == ["to", "anna@example.org", "n", "491701234567", "12"]
    assert json.loads(rewritten(text, iter(["to", "[[EMAIL_1]]", "n", "[[PHONE_1]]", "12"]))) == {
        "to": "[[EMAIL_1]]",
        "n": ["[[PHONE_1]]", 12, True],
    }


RECORD = {
    "person": {
        "first_name": "Anna",
        "geburtsdatum": "02.01.1990",
        "hired": "02.01.2015",
        "passport": {"numbers": ["C01X00T47"]},
        "taxId": 15634796605,
        "lat": 52.520008,
        "lng": 13.404954,
        "password": "Tr0ub4dor",
    },
    "letter": f"Dear Anna,\n{'thank you. ' * 9}\nYours sincerely\nJohn Smith",
}


def test_values_are_found_by_their_keys() -> None:
    text = json.dumps(RECORD)

    redacted, placeholders = Redactor().redact_texts([shown(text)])
    document = json.loads(rewritten(text, iter(redacted)))

    assert document["person"] == {
        "first_name": "[[NAME_1]]",
        "geburtsdatum": "[[DATE_OF_BIRTH_1]]",
        "hired": "02.01.2015",
        "passport": {"numbers": ["[[PASSPORT_1]]"]},
        "taxId": "[[NATIONAL_ID_1]]",
        "lat": "[[LOCATION_1]]",
        "lng": "[[LOCATION_2]]",
        "password": "[[SECRET_1]]",
    }
    assert document["letter"].startswith("Dear [[NAME_1]],\nthank you.")
    assert document["letter"].endswith("\nYours sincerely\n[[NAME_2]]")
    assert placeholders.restore("[[DATE_OF_BIRTH_1]] [[LOCATION_1]]") == "02.01.1990 52.520008"


def test_a_finding_over_several_values_leaves_the_document_one() -> None:
    document = {"street": "Hauptstraße 5", "town": "10115 Berlin", "other": "x"}
    frame = framed(document)
    start, end = frame.index("Hauptstr"), frame.index("Berlin") + 6

    inside = frame.within([(start, end, "ADDRESS", 0.8, "cues")])

    found = {leaf: frame.pieces()[leaf][a:b] for leaf, spans in enumerate(inside) for a, b, *_ in spans}
    assert found == {1: "Hauptstraße 5", 3: "10115 Berlin"}


def test_a_schema_stays_one() -> None:
    properties = {
        name: {"type": "string", "description": "as it is", "title": "A Title", "minLength": 8}
        for name in ("password", "first_name", "name", "street", "phone", "iban", "date_of_birth", "token", "tax_id")
    }
    numbers = {
        "lat": {"type": "number", "minimum": -90, "maximum": 90.5},
        "phone": {"type": "integer", "maximum": 10**12},
    }
    schema = {"type": "object", "properties": {**properties, **numbers}, "required": list(properties)}

    redacted, placeholders = Redactor().redact_texts([framed(schema)])

    assert with_texts(schema, iter(redacted)) == schema
    assert not placeholders.evidence.replaced


def test_a_participant_is_a_name() -> None:
    redacted, _ = Redactor().redact_texts([named("name", "Anna Schmidt"), named("name", "example_user")])

    assert redacted == ["[[NAME_1]]", "example_user"]


def test_lone_surrogates_do_not_get_through() -> None:
    text = '{"a": "\\ud800 anna@example.org", "b\\udfff": "\\ud83d\\ude00"}'

    redacted, _ = Redactor().redact_texts([shown(text)])

    assert json.loads(rewritten(text, iter(redacted)).encode()) == {"a": "\ufffd [[EMAIL_1]]", "b\ufffd": "\U0001f600"}


def test_what_is_no_plain_document_is_one_text() -> None:
    deep = "[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2)
    for text in ("", "plain", "12", '{"a": 1, "a": 2}', '{"broken', deep, "[" * 100_000, f"[1{'0' * 5000}]"):
        assert shown(text) == text and not isinstance(shown(text), Framed)
        assert rewritten(text, iter(["other"])) == "other"


def test_what_is_no_plain_document_hides_nothing_either() -> None:
    address = '"anna\\u0040example.org"'
    deep = "[" * (MAX_DEPTH + 2) + address + "]" * (MAX_DEPTH + 2)
    for text in (f'{{"a": {address}, "a": 2}}', f'{{"broken": {address}', deep, f"Result: [{address}]"):
        redacted, _ = Redactor().redact_texts([shown(text)])
        assert rewritten(text, iter(redacted)) == text.replace(address, '"[[EMAIL_1]]"')


def pieces(text: str) -> list[str]:
    read = shown(text)
    return read.pieces() if isinstance(read, Framed) else [read]
