from __future__ import annotations

import time

import pytest

from inference.redaction import Policy, Redactor

REDACTOR = Redactor()


def names(text: str) -> list[str]:
    return [text[finding.start : finding.end] for finding in REDACTOR.find(text) if finding.type == "NAME"]


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("Ich sprach mit Herrn {} darüber.", "Müller"),
        ("Geachte heer {},\n\nUw factuur", "van Asten"),
        ("Hoi, met {}! Bel me op", "Zoë Korstman"),
        ("U spreekt met {}.", "Ilse Claessens"),
        ("Cześć, tu {}, mój numer", "Monika Mieszała"),
        ("Ahoj, tady {}, mám dotaz", "Eliška Matějka"),
        ("Γεια σας, είμαι ο {}, κινητό", "Νικόλαος Ματσούρης"),
        ("Hey, this is {}. My card", "Alanis Kneafsey"),
        ("Hallo, hier ist {}.", "Jonas Weber"),
        ("Hej, det är {} från Malmö", "Eva Pettersson"),
        ("Hej, det er {} igen", "Karoline Svendsen"),
        ("Bonjour, ici {}, du service", "Étienne Devaux"),
        ("Buongiorno, qui parla {}", "Rosalia Sagnelli"),
        ("Üdvözlettel\n{}\n", "Zsolt Novák"),
        ("Nafn: {}\nFæðingardagur: 31.01.1966", "Freyja Valþórsdóttir"),
        ("Name: {}\nDate of birth: 19 May 1990", "Nicole English"),
        ("Written by {} (brian@sweetapp.example).", "Brian Quinlan"),
        ("From: as@example.com ({})", "Anna Schmidt"),
        ("Frau Dr. {} kommt.", "Anna Schmidt"),
        ("FRAU {}", "ANNA SCHMIDT"),
        ("Herr Prof. Dr. med. {}.", "Karl-Heinz Groß"),
        ("Herr {} und andere", "von der Leyen"),
        ("Herr\n{} sagte", "Schmidt"),
        ("We met Mr. {}.", "John Q. Public"),
        ("Mr {}'s car", "Smith"),
        ("Ms. {}, please", "O'Connor"),
        ("Ms. {}, please", "O’Connor"),
        ("Mrs {} left", "McDonald"),
        ("Mme {} est là", "Dupont-Moretti"),
        ("M. {} est là", "Jean DUPONT"),
        ("Mlle {}", "d'Arcy"),
        ("il signor {} parla", "De Luca"),
        ("la Sig.ra {}", "Bianchi"),
        ("señora {} vino", "García López"),
        ("D.ª {} vino", "María de la Cruz"),
        ("o Sr. {} disse", "Silva"),
        ("Dra. {} disse", "Maria das Neves"),
        ("meneer {} zei", "de Vries"),
        ("mevrouw {} zei", "Van den Berg"),
        ("herr {} sa", "Åkesson"),
        ("fru {} sa", "Østergård"),
        ("hr. {} sagde", "Sørensen"),
        ("herra {} sanoi", "Virtanen"),
        ("härra {} ütles", "Tamm"),
        ("{} kungs teica", "Bērziņš"),
        ("ponas {} sakė", "Kazlauskas"),
        ("pani {} przyszła", "Kowalska"),
        ("panem {} rozmawiał", "Janem Kowalskim"),
        ("pan {} řekl", "Dvořák"),
        ("pán {} povedal", "Novák"),
        ("{} úr mondta", "Kovács János"),
        ("domnul {} a spus", "Popescu"),
        ("г-н {} каза", "Иванов"),
        ("ο κ. {} είπε", "Παπαδόπουλος"),
        ("gospođa {} kaže", "Horvat"),
        ("gospa {} pravi", "Novak"),
        ("an tUasal {} anseo", "Seán Ó Briain"),
        ("Is-Sur {} qal", "Borg"),
        ("Dear {},\nthank you", "Anna Schmidt"),
        ("Hi {}!", "Anna"),
        ("Hello {}", "Anna"),
        ("Dear Mr. {}:", "Smith"),
        ("Sehr geehrte Frau {},", "Schmidt"),
        ("Liebe {},\ndanke", "Anna"),
        ("Bonjour {},", "Jean-Pierre"),
        ("Cher {},", "Pierre"),
        ("Gentile {},", "Mario Rossi"),
        ("Estimado {}:", "Juan"),
        ("Olá {},", "João"),
        ("Beste {},", "Jan"),
        ("Hej {}!", "Björn"),
        ("Kære {}", "Mette"),
        ("Hyvä {},", "Matti Virtanen"),
        ("Tere {}!", "Jaan"),
        ("Sveiki {}!", "Jānis"),
        ("Labas {},", "Jonas"),
        ("Cześć {},", "Małgorzata"),
        ("Ahoj {},", "Ondřeji"),
        ("Kedves {}!", "László"),
        ("Dragă {},", "Ștefan"),
        ("Здравей {},", "Петър"),
        ("Αγαπητέ {},", "Γιώργο"),
        ("Živjo {},", "Matjaž"),
        ("A {}, a chara,", "Sheáin"),
        ("Għażiż {},", "Ġorġ"),
        ("Text.\n\nBest regards,\n\n{}\nHead of something", "John Smith"),
        ("Kind regards, {}", "John Smith"),
        ("Thanks,\n{}", "Anna"),
        ("Mit freundlichen Grüßen\n\n{}", "Anna Schmidt"),
        ("MfG\n{}", "Schmidt"),
        ("Cordialement,\n{}", "Jean Dupont"),
        ("Cordiali saluti\n{}", "Mario Rossi"),
        ("Atentamente,\n{}", "Ana García"),
        ("Z poważaniem\n{}", "Jan Kowalski"),
        ("Med vänlig hälsning\n{}", "Björn Åkesson"),
        ("С уважение,\n{}", "Петър Иванов"),
        ("Με εκτίμηση,\n{}", "Μαρία Παπαδοπούλου"),
        ("my name is {} and", "Anna"),
        ("I am {}.", "John Smith"),
        ("Ich heiße {}.", "Anna"),
        ("Mein Name ist {}.", "Anna Schmidt"),
        ("je m'appelle {}.", "Jean Dupont"),
        ("mi chiamo {}.", "Mario"),
        ("me llamo {} y", "Ana García"),
        ("chamo-me {} e", "João Silva"),
        ("ik heet {}.", "Jan de Vries"),
        ("nazywam się {}.", "Jan Kowalski"),
        ("jmenuji se {}.", "Jan Novák"),
        ("jag heter {}.", "Björn"),
        ("nimeni on {}.", "Matti"),
        ("a nevem {}.", "Kovács János"),
        ("mă numesc {}.", "Ion Popescu"),
        ("казвам се {}.", "Петър"),
        ("με λένε {}.", "Μαρία"),
        ("Name: {}", "Anna Schmidt"),
        ("Name: {}\n", "Schmidt, Anna"),
        ("Vorname: {}", "Anna"),
        ("Nachname: {}", "de la Cruz"),
        ("Prénom : {}", "Zoë"),
        ("Apellidos: {}", "García López"),
        ("Cognome: {}", "D'Angelo"),
        ("Imię i nazwisko: {}", "Jan Kowalski"),
        ("Ονοματεπώνυμο: {}", "Μαρία Παπαδοπούλου"),
        ("Фамилия: {}", "Иванов"),
        ('{{"name": "{}", "id": 3}}', "Anna Schmidt"),
        ('{{"first_name":"{}"}}', "Anna"),
        ('{{"lastName": "{}"}}', "O'Brien"),
        ('{{"full_name": "{}"}}', "Anna-Lena Schmidt"),
        ("<vorname>{}</vorname>", "Anna"),
        ("surname={}&x=1", "Schmidt"),
        ("From: {} <a@example.com>", "Anna Schmidt"),
        ("{} <office@example.com> wrote", "Xaver Huber"),
        ("{}, geboren am 3. April", "Anna Schmidt"),
        ("{} (né le 3 avril)", "Jean Dupont"),
        ("my wife {} said", "Anna"),
        ("der Patient {} klagt", "Max Mustermann"),
    ],
)
def test_a_cue_tells_a_name(template: str, name: str) -> None:
    assert names(template.format(name)) == [name]


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("id;name;email\n7;Zoran Jović;z@x.example\n8;Mia Macan;m@y.example\n", ["Zoran Jović", "Mia Macan"]),
        ("| Navn | Telefon |\n|---|---|\n| Gro Lunde | 12 99 26 08 |\n| Mona | 40 66 77 97 |", ["Gro Lunde", "Mona"]),
        ('name,phone\n"Anna Schmidt","030 1234567"\n"Ben King","030 7654321"\n', ["Anna Schmidt", "Ben King"]),
        ("Nachname\tVorname\tOrt\nWeber\tJonas\tUlm\nKurz\tEva\tBonn\n", ["Weber", "Jonas", "Kurz", "Eva"]),
        ("Name | Datum narození\n-----+-----\nKvěta Pavlík | 5.7.1938\n", ["Květa Pavlík"]),
        ("vardas,miestas\nJonas Petraitis,Kaunas\n", ["Jonas Petraitis"]),
        ("Name;Geburtsdatum\r\nAnna Weber;1.2.1990\r\nEva Kurz;3.4.1991\r\n", ["Anna Weber", "Eva Kurz"]),
    ],
)
def test_the_cells_of_a_column_of_names_are_names(text: str, cells: list[str]) -> None:
    assert names(text) == cells


@pytest.mark.parametrize(
    "text",
    [
        "name,version\nRed Hat,9.1\nUbuntu Server,22.04\n",
        "name;price\nGreen Tea;3.20\nEarl Grey;4.10\n",
        "name,size\nBerlin,891\n",
        "Please send name, address, and phone.\nThank You, Everyone, and Good Luck\n",
        "| name | type | default |\n|---|---|---|\n| Max Tokens | int | 16 |\n",
    ],
)
def test_the_cells_of_a_column_of_things_are_none(text: str) -> None:
    assert names(text) == []


def test_a_long_column_of_names_stays_linear() -> None:
    rows = "".join(f"{number};Anna Weber;a{number}@x.example\n" for number in range(5_000))

    started = time.process_time()
    count = len(names("id;name;email\n" + rows))

    assert count == 5_000
    assert time.process_time() - started < 5


def test_the_layer_of_a_name_is_cues() -> None:
    (finding,) = REDACTOR.find("Frau Schmidt")

    assert (finding.type, finding.layer) == ("NAME", "cues")
    assert 0 < finding.score < 1


@pytest.mark.parametrize(
    "text",
    [
        "Dear Sir or Madam,",
        "Dear Team,",
        "Dear Customer,",
        "Dear Hiring Manager,",
        "Dear all,",
        "Hello World!",
        "Hi there,",
        "Hello, World",
        "Sehr geehrte Damen und Herren,",
        "Liebe Kolleginnen und Kollegen,",
        "Hallo Team,",
        "Hallo zusammen,",
        "Madame, Monsieur,",
        "Bonjour à tous,",
        "Estimados señores:",
        "Szanowni Państwo,",
        "Best regards,\n\nThe Support Team",
        "Best regards,\nAcme Support",
        "Mit freundlichen Grüßen\nIhr Kundenservice",
        "Thanks,\nthat works.",
        "Thanks. However, it does not.",
        "Give my regards to Broadway",
        "Dr. Oetker Pizza",
        "Dr. Pepper",
        "Dr. Martens boots",
        "Ms Word and MS Office",
        "Pan American flights",
        "Frau und Herr",
        "Herr der Ringe",
        "e.g. Some thing",
        "Section M. The rest",
        "10 g. Then stir",
        "via p. IV",
        "Mo Tu We Th Fr Sa Su",
        "name: Build Docker Image",
        "name: Run Tests",
        "- name: Install Python",
        '{"name": "lodash", "version": "4.17.21"}',
        '{"name": "Visual Studio Code"}',
        '{"name": "Acme Rocket", "price": 3}',
        '{"name": "New York", "population": 8}',
        '{"type": "function", "name": "get_weather", "description": "Gets it"}',
        "Product name: Clever Cleaner",
        "Company name: Muster Bau",
        "File name: Anna Schmidt",
        "filename: Anna Schmidt",
        "class_name = Anna Schmidt",
        "hostname: Foo",
        "name = Foo",
        "def name(self): return Name",
        "Name: string",
        "First name | Last name",
        "first_name = First",
        "I am Legend",
        "I am Happy To Help",
        "I'm German. I am English",
        "ich bin Deutscher",
        "This is New York",
        "The meeting is on Monday in April. May I?",
        "Anna Schmidt",
        "class AnnaSchmidt(Base): pass",
        "John Deere, Mercedes Benz and Jack Daniels",
        "Berlin, Paris und Wien",
        "ORDER 12 FROM: MAIN STREET",
    ],
)
def test_no_cue_no_name(text: str) -> None:
    assert names(text) == []


def test_a_found_name_is_found_wherever_it_is_repeated() -> None:
    redacted, placeholders = REDACTOR.redact_texts(
        [
            "You help Frau Anna Schmidt.",
            "Anna said: SCHMIDT is my surname. Write Anna Schmidt, or Schmidt, Anna.",
            "Annas Hut",
        ]
    )

    assert redacted[0] == "You help Frau [[NAME_1]]."
    assert "nna" not in redacted[1]
    assert "chmidt" not in redacted[1].lower()
    assert "[[NAME_1]]" in redacted[1]
    assert redacted[2] == "[[NAME_2]]s Hut"
    assert placeholders.restore(redacted[1]).startswith("Anna said: SCHMIDT is my surname")


def test_small_letters_are_a_name_only_together() -> None:
    assert names("Frau Anna Schmidt. anna schmidt") == ["Anna Schmidt", "anna schmidt"]
    assert names("Frau Schmidt. The schmidt trigger") == ["Schmidt"]


@pytest.mark.parametrize(
    "text",
    [
        "Herr Richter kam. Der Richter entschied.",
        "Ms. Rose came. Rose petals fell.",
        "Mr. Young left. Young people stay.",
        "Frau Sommer liebt Sommer.",
        "Mr. Apple ate. Apple sells phones; an apple a day.",
        "Mr. Paris. In Paris.",
        "Mr. Bolt; bolts, bolt and Bolt",
        "Mr. Knuth; knuth_plass(Knuth) and Knuth.py",
    ],
)
def test_words_that_mean_something_else_do_not_repeat_a_name(text: str) -> None:
    assert len(names(text)) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("anna.schmidt@example.com: Anna Schmidt, then Anna", ["Anna Schmidt", "Anna"]),
        ("Ask Jürgen Müller (juergen.mueller@example.com)", ["Jürgen Müller"]),
        ("a.schmidt@example.com or Alma Schmidt", ["Schmidt"]),
        ("aschmidt@example.com or Alma Schmidt", ["Alma Schmidt"]),
        ("schmidtanna@example.com or Anna Schmidt", ["Anna Schmidt"]),
        ("Marc-André Dupont and marc.dupont@example.com", ["Marc-André Dupont"]),
        ("anna@example.com. Anna will call.", ["Anna"]),
        ("acme@acme.example makes Acme anvils", []),
        ("info@example.com gives Info", []),
        ("data.protection@example.com does Data Protection", []),
        ("python@example.com, written in Python", []),
        ("mark@example.com: Mark this", []),
    ],
)
def test_the_words_of_an_address_are_looked_for(text: str, expected: list[str]) -> None:
    assert names(text) == expected


def test_the_words_of_an_address_are_looked_for_in_the_other_texts() -> None:
    redacted, _ = REDACTOR.redact_texts(["mail to anna.schmidt@example.com", "Who is Anna Schmidt?"])

    assert redacted == ["mail to [[EMAIL_1]]", "Who is [[NAME_1]]?"]


def test_a_policy_that_allows_names_looks_for_none() -> None:
    policy = Policy.from_json({"version": 1, "entities": {"NAME": {"action": "allow"}}})

    redacted, placeholders = Redactor(policy).redact("Frau Anna Schmidt, anna.schmidt@example.com, Anna")

    assert redacted == "Frau Anna Schmidt, [[EMAIL_1]], Anna"
    assert placeholders.evidence.layers == ("patterns", "cues")


def test_decomposed_accents_belong_to_the_name() -> None:
    assert names("Dear Rene\u0301, hello") == ["Rene\u0301"]


@pytest.mark.parametrize(
    "unit",
    [
        *("name;email\nAnna Weber;x\n", "name;email\nAnna Weber;x\nAnna"),
        *("Dear Anna, ", "Frau Schmidt ", "Mr. A. ", "Herr Dr. ", "name: Anna Schmidt\n", "Best regards,\n"),
        *("my name is ", "Anna-"),
        *("Anna Schmidt <anna.schmidt@x.de> ", "van der ", "úr ", "né le, ", "O'", "Frau "),
    ],
)  # fmt: skip
def test_hostile_repetition_stays_linear(unit: str) -> None:
    text = (unit * 100_000)[:100_000]

    start = time.process_time()
    REDACTOR.redact("Frau Anna Schmidt " + text)

    assert time.process_time() - start < 10


def test_many_names_stay_linear() -> None:
    letters = "abcdefghijklmnop"
    text = " ".join(
        f"Frau {a.upper()}{b}{c}{d} {a.upper()}{d}{b}ann."
        for a in letters
        for b in letters
        for c in letters
        for d in "aeio"
    )

    start = time.process_time()
    REDACTOR.redact(text)

    assert time.process_time() - start < 10
