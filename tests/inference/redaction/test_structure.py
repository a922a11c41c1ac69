from __future__ import annotations

import pytest

from inference.redaction.context import Words, called, named
from inference.redaction.shadow import cast

IBAN = Words("iban", "konto", stems=("bankverbindung",))
FAR = "x" * 30 + ", " + "y" * 30


def asked(text: str, value: str = "12345") -> tuple[bool, bool]:
    shadow = cast(text).text
    start = shadow.index(value)
    return named(shadow, start, start + len(value), IBAN), called(shadow, start, start + len(value), IBAN)


@pytest.mark.parametrize(
    "text",
    [
        '{"iban": "12345"}',
        f'{{"iban": "{FAR} 12345"}}',
        f'{{"iban": ["{FAR}", "12345"]}}',
        '{"ibans": 1, "iban": [1111111, 2222222, 3333333, 4444444, 5555555, 6666666, 12345]}',
        f'{{"iban": {{"owner": "{FAR}", "number": "12345"}}}}',
        f'{{"iban": [{{"owner": "{FAR}", "number": "12345"}}]}}',
        rf'{{"arguments": "{{\"iban\": \"{FAR} 12345\"}}"}}',
        "{'iban': '12345'}",
        f"{{'iban': '{FAR} 12345'}}",
        "iban=12345&x=1",
        "a=1&iban=12345",
        "X-Iban: 12345",
        "iban: 12345",
        "  - iban: 12345",
        f'<iban note="{FAR}">12345</iban>',
        f'<td class="iban" title="{FAR}">12345</td>',
        '<account iban="12345"/>',
        "name,iban,city\nAnna,12345,Berlin",
        "name;IBAN\nAnna;99\nBen;12345",
        "name\tIBAN\r\nAnna\t12345\r\n",
        '"name","iban"\r\n"Anna, B.","12345"',
        f"| name | {'x' * 40} | IBAN |\n|---|:--|--:|\n| Anna | {'y' * 44} | 12345 |",
        " name | iban \n------+------\n Anna | 12345",
        "Here they are:\n\nname,iban\nAnna,12345\n",
        "name,iban\n" + "Anna,99\n" * 5000 + "Ben,12345",
        "Feld;Wert\nName;Anna\nIBAN;12345",
        f"INSERT INTO people (id, iban) VALUES (1, '{FAR} 12345');",
        f"insert or ignore into `people` (`id`, `iban`, `at`) values (1, '{FAR} 12345', NOW());",
        "INSERT INTO p (name, iban) VALUES ('O''Brien, A.', 'x'),\n"
        + "('Anna', '99'),\n" * 800
        + "('Ben (B)', '12345');",
        "REPLACE INTO p (at, iban, city) VALUES (DATE(1, 2), 12345, 'Ulm')",
    ],
)
def test_a_structure_names_a_value(text: str) -> None:
    assert asked(text) == (True, True)


@pytest.mark.parametrize(
    "text",
    [
        '{"iban": "", "order": "12345"}',
        '{"iban": [1], "order": [12345]}',
        '{"a": {"iban": 1}, "order": 12345}',
        "iban=&order=12345",
        "iban: none\norder: 12345",
        "<iban/><order>12345</order>",
        '<a iban="" order="12345"/>',
        "iban,order\n,12345",
        "| iban | order |\n|---|---|\n| | 12345 |",
        "INSERT INTO t (iban, order_no) VALUES ('', '12345');",
        "INSERT INTO t (iban, order_no) VALUES ('1', '2'), ('3', '12345');",
    ],
)
def test_the_name_of_a_neighbour_is_not_its_own(text: str) -> None:
    assert asked(text)[1] is False


@pytest.mark.parametrize(
    "text",
    [
        '{"type": "iban", "value": "12345"}',
        '{"messages": [{"role": "user", "content": "my iban is 12345"}]}',
        '{"note": "the iban 12345"}',
        "<tr><td>IBAN</td><td>12345</td></tr>",
        "He wrote: my iban is 12345",
        'the "iban" is 12345',
        "it's my iban's number: 12345",
    ],
)
def test_names_that_say_nothing_leave_it_to_the_words(text: str) -> None:
    assert asked(text) == (True, True)


@pytest.mark.parametrize(
    "text",
    [
        "first,second\nAnna,12345",
        f"iban,name\nAnna,Ben\n\n{'x' * 45},y\nAnna,12345",
        f"name,iban\n{'x' * 60},1,12345",
        "We have an iban, and a name.\n" + "Then, later on in this sentence, " + "12345",
        "iban,city\n" + "x" * 5000 + ",12345",
        '{"iban": 1}' + " " * 600 + '"12345"',
        f"INSERT INTO t (iban) VALUES ('1');{' ' * 50}12345",
        f"INSERT INTO t (iban) SELECT {'x' * 50} 12345",
        f"INSERT INTO t (iban) VALUES ('1', {'x' * 50}, '12345')",
    ],
)
def test_no_structure_no_name(text: str) -> None:
    assert asked(text) == (False, False)
