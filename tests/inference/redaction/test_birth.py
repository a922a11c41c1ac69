from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.redaction import Redactor

REDACTOR = Redactor()
FORMS = [
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y-%m-%d", "%d-%m-%Y", "%d. %m. %Y", "%d %B %Y", "%B %d, %Y", "%d.%m.%y"),
    "%d %b %Y",
]


def births(text: str) -> list[str]:
    return [text[finding.start : finding.end] for finding in REDACTOR.find(text) if finding.type == "DATE_OF_BIRTH"]


@pytest.mark.parametrize(
    ("value", "template"),
    [
        ("3 май 1985", "Роден съм на {} г. в София"),
        ("03.05.1985", "дата на раждане: {} г."),
        ("3. května 1985", "Jan Novák, narozen {} v Praze"),
        ("3. 5. 1985", "Datum narození: {}"),
        ("3. maj 1985", "Hun er født den {} i Odense"),
        ("03-05-1985", "Fødselsdato: {}"),
        ("3. Mai 1985", "Ich wurde am {} geboren."),
        ("03.05.1985", "Anna Schmidt, geb. {}, wohnhaft in Köln"),
        ("3.5.85", "Geburtsdatum: {}"),
        ("3 Μαΐου 1985", "Γεννήθηκε στις {} στην Αθήνα"),
        ("03/05/1985", "Ημερομηνία γέννησης: {}"),
        ("3 May 1985", "She was born on {} in Leeds."),
        ("May 3rd, 1985", "Born {}."),
        ("3rd of May 1985", "my birthday is the {}"),
        ("05/23/1985", "DOB {}"),
        ("1985-05-03", "date_of_birth={}"),
        ("3-May-1985", "Date of birth: {}"),
        ("3 May '85", "date of birth {}"),
        ("3 de mayo de 1985", "Nació el {} en Sevilla"),
        ("03/05/1985", "Fecha de nacimiento: {}"),
        ("3. mail 1985", "Sündinud {} Tartus"),
        ("03.05.1985", "sünniaeg {}"),
        ("3. toukokuuta 1985", "Hän on syntynyt {} Turussa"),
        ("3.5.1985", "Syntymäaika: {}"),
        ("3 mai 1985", "Marie Dupont, née le {} à Lyon"),
        ("1er mars 1985", "né(e) le {}"),
        ("03/05/1985", "Date de naissance : {}"),
        ("3 Bealtaine 1985", "Rugadh í ar an {}"),
        ("3/5/1985", "Dáta breithe: {}"),
        ("3. svibnja 1985", "rođena {} u Zagrebu"),
        ("03.05.1985", "Datum rođenja: {}."),
        ("1985. május 3", "Született: {}."),
        ("1985.05.03", "Születési idő: {}."),
        ("1985. május 3", "Kovács Anna {}-án született Pécsett"),
        ("3 maggio 1985", "nata a Roma il {}"),
        ("03/05/1985", "Data di nascita: {}"),
        ("1985 m. gegužės 3", "Gimė {} d. Kaune"),
        ("1985-05-03", "Gimimo data {}"),
        ("1985. gada 3. maijā", "Dzimusi {} Rīgā"),
        ("03.05.1985", "Dzimšanas datums: {}."),
        ("3 ta' Mejju 1985", "Twieldet fit-{}"),
        ("03/05/1985", "Data tat-twelid: {}"),
        ("3 mei 1985", "Zij is geboren op {} te Utrecht"),
        ("03-05-1985", "Geboortedatum: {}"),
        ("3 maja 1985", "Urodzona {} r. w Łodzi"),
        ("3.05.1985", "ur. {} w Łodzi"),
        ("3 V 1985", "data urodzenia {}"),
        ("3 de maio de 1985", "Nasceu a {} no Porto"),
        ("03/05/1985", "Data de nascimento: {}"),
        ("3 mai 1985", "Născută la {} în Cluj"),
        ("03.05.1985", "Data nașterii: {}"),
        ("3. mája 1985", "narodená {} v Žiline"),
        ("3.5.1985", "Dátum narodenia: {}"),
        ("3. maja 1985", "Rojena {} v Celju"),
        ("3. 5. 1985", "Datum rojstva: {}"),
        ("3 maj 1985", "Hon är född den {} i Umeå"),
        ("1985-05-03", "Födelsedatum: {}"),
        ("3. mai 1985", "Han ble født {} i Bergen"),
        ("3. maí 1985", "Hún er fædd {} á Akureyri"),
        ("03.05.1985", "Fæðingardagur: {}"),
        ("1.2.1930", "Max Muster (*{})"),
        ("3 May 1930", "Jane Doe (b. {})"),
        ("3 May 1985", "{} (date of birth)"),
        ("03.05.1985", "Geburtsdatum\n{}"),
        ("3\n  May 1985", "born on {}"),
        ("０３．０５．１９８５", "geboren am {}"),
        ("03\u00a0May\u00a01985", "born {}"),
        ("19850503", '{{"birthDate": "{}"}}'),
        ("1985-05-03", '{{"birthDate": "{}T00:00:00Z"}}'),
    ],
)
def test_a_date_of_birth_in_every_language(value: str, template: str) -> None:
    assert births(template.format(value)) == [value]


@pytest.mark.parametrize(
    "text",
    [
        "Signed on 3 May 1985 in Berlin.",
        "am 03.05.1985 eingestellt",
        "Eintritt am 03.05.2015, Austritt 04.06.2019",
        "Date: 1985-05-03",
        "geboren am 31.02.1985",
        "born on 12/13/14/15",
        "born 1.2.1985.4",
        "Version 1.2.85 was born",
        "a star was born: log of 2020-13-45",
        '{"dateOfBirth": null, "createdAt": "2020-01-02"}',
        "Date of birth: unknown\nDate of issue: 03.05.2015",
        "dob=&start=2015-05-03",
        "<born/><hired>2015-05-03</hired>",
        "name;born;hired\nAnna;;2015-05-03",
        "born in 1985",
        "Born to run (1975), released 25 August",
        "born x" + " x" * 60 + " 03.05.1985",
        "The child is due: birth expected, 03.05.2150",
        "reborn on 3 May 1985",
    ],
)
def test_any_other_date_is_left_alone(text: str) -> None:
    assert births(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("geboren am 01.02.1990, eingestellt am 03.04.2015", ["01.02.1990"]),
        ("Joined 2015-05-03, born 1990-02-01, left 2020-01-01", ["1990-02-01"]),
        ("Geburtsdaten: 1.2.1990, 3.4.1991 und 5.6.1992; Termin am 7.8.2023", ["1.2.1990", "3.4.1991", "5.6.1992"]),
        ("On 3 May 2020, born 1 June 1990 in Bonn", ["1 June 1990"]),
        ('{"dateOfBirth": "1990-01-02", "createdAt": "2020-01-02"}', ["1990-01-02"]),
        ('{"createdAt": "2020-01-02", "dateOfBirth": "1990-01-02"}', ["1990-01-02"]),
        ('{"note": "born 1990-01-02, seen 2020-02-03"}', ["1990-01-02"]),
        ('{"type": "date of birth", "value": "1990-01-02"}', ["1990-01-02"]),
        ("geburtsdatum=01.02.1990&start=02.03.2020", ["01.02.1990"]),
        ("Geburtsdatum: 1.2.1990\nEintritt: 3.4.2015\n", ["1.2.1990"]),
        ("<birthDate>1990-01-02</birthDate><hired>2015-02-03</hired>", ["1990-01-02"]),
        ('<person dob="1990-01-02" hired="2015-02-03"/>', ["1990-01-02"]),
        ("name;dob;joined\nAnna;1990-01-01;2015-01-01\nBen;1991-01-01;2016-01-01", ["1990-01-01", "1991-01-01"]),
        ("| Name | Geburtsdatum | Eintritt |\n|---|---|---|\n| Anna | 1.2.1990 | 3.4.2015 |", ["1.2.1990"]),
        ("id,card,dob\n7,4190611426173148,1990-01-01\n8,4158497217807841,2.3.1991\n", ["1990-01-01", "2.3.1991"]),
        ("| Feld | Wert |\n|---|---|\n| Geburtsdatum | 1.2.1990 |\n| Eintritt | 3.4.2015 |", ["1.2.1990"]),
    ],
)
def test_of_several_dates_the_one_of_birth(text: str, expected: list[str]) -> None:
    assert births(text) == expected


def test_a_date_of_birth_lies_between_1900_and_today() -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    today = tomorrow - timedelta(days=1)

    assert births(f"born {today:%d.%m.%Y}") == [f"{today:%d.%m.%Y}"]
    assert births(f"born {tomorrow:%d.%m.%Y}") == []
    assert births("born 01.01.1900") == ["01.01.1900"]


@settings(max_examples=500, deadline=None)
@given(
    st.dates(min_value=datetime(1900, 1, 1).date(), max_value=datetime(2024, 12, 31).date()),  # noqa: DTZ001 - a calendar's date
    st.sampled_from(FORMS),
    st.sampled_from(["born {}", "geboren am {}", "Fecha de nacimiento: {}", "DOB: {}", '{{"birth_date":"{}"}}']),
)
def test_every_day_in_every_form(day: object, form: str, template: str) -> None:
    value = format(day, form)

    assert births(template.format(value)) == [value]
    assert births(f"Signed {value}") == []
