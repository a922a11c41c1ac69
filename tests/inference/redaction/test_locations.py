from __future__ import annotations

import random

import pytest

from inference.redaction import Redactor

REDACTOR = Redactor()


def places(text: str) -> list[str]:
    return [text[finding.start : finding.end] for finding in REDACTOR.find(text) if finding.type == "LOCATION"]


@pytest.mark.parametrize(
    ("template", "place"),
    [
        # As maps give them to be copied.
        ("last seen at {}.", "51.78549, 25.02043"),
        ("The parcel left the depot at {} on 15.02.2024.", "44.18839, -1.66964"),
        ("Da war ich gestern: {} (Foto anbei)", "52.520008, 13.404954"),
        ("{}\n", "59.9138688,10.7522454"),
        ("We are at ({}).", "52.3702157, 4.8951679"),
        # A word or a key.
        ('"position":"{}"', "58.1300,15.6380"),
        ("Standort: {}", "52,51628; 13,37771"),
        ("Treffpunkt {}", "52.5163 13.3777"),
        ("Η θέση μου: {}", "37.9838, 23.7275"),
        ("Позиция: {}", "42.6977, 23.3219"),
        ("Sijainti {}", "60.1699, 24.9384"),
        ("Hnit: {}", "64.1466, -21.9426"),
        ('{"type":"Point","coordinates":[{}]}', "13.3777,52.5163"),
        ("POINT({})", "13.3777 52.5163"),
        ("SRID=4326;POINT({})", "13.3777 52.5163"),
        # Maps.
        ("https://www.google.com/maps/@{},17z", "52.5163,13.3777"),
        ("https://www.google.com/maps/place/X/data={}", "!3d52.5163!4d13.3777"),
        ("https://www.openstreetmap.org/#map=17/{}", "52.51628/13.37771"),
        ("https://www.openstreetmap.org/?mlat={}", "52.51628&mlon=13.37771"),
        ("https://maps.apple.com/?ll={}&z=10", "52.5163,13.3777"),
        ("https://waze.com/ul?ll={}&navigate=yes", "52.5163%2C13.3777"),
        ("https://bing.com/maps?cp={}&lvl=16", "52.5163~13.3777"),
        ("https://mapy.cz/zakladni?x={}&z=17", "14.4213&y=50.0875"),
        ("https://share.here.com/l/{}", "52.5163,13.3777"),
        ("<{}>", "geo:52.5163,13.3777;u=35"),
        # Degrees, whatever north and east are called.
        ("{}", "52°31'12\"N 13°24'17\"E"),
        ("bei {}", "52° 31′ 12″ N, 13° 24′ 17″ O"),
        ("Cache: {}", "N 52° 31.200' E 013° 24.300'"),
        ("Paikka {}", "60°10′15″P 24°56′15″I"),
        ("Στίγμα {}", "37°58′45″Β 23°43′00″Α"),
        ("op {}", "52°22' NB 4°54' OL"),
        ("ved {}", "55° 40' 34\" N, 12° 34' 06\" Ø"),
        ("GPS Position: {}", "52 deg 31' 12.00\" N, 13 deg 24' 17.00\" E"),
        ("GPSLatitude: {}", "52 deg 31' 12.00\" N"),
        ("{}", "52 31 12 N 13 24 17 E"),
        ("{}", "50.0875253N, 14.4213503E"),
        ("Praha {} v. d.", "50.0875° s. š., 14.4214°"),
        ("Koordinaten: {}", "52.5163 N, 13.3777 O"),
        # ISO 6709, in the metadata of photographs and videos.
        ("location={}", "+52.5200+013.4050/"),
        ("com.apple.quicktime.location.ISO6709: {}", "+48.8577+002.2950+035.1/"),
        ("{}", "+48.8577+002.2950+035.1CRSWGS_84/"),
        ("{}", "+401213.1-0750015.1/"),
        # Grids.
        ("Einsatzort {}", "32U 691831 5334761"),
        ("{}", "33U 389880mE 5819700mN"),
        ("UTMREF {}", "33U UU 89851 19717"),
        ("MGRS: {}", "33UUU8985119717"),
        ("Grid ref {}", "TQ 30080 80460"),
        ("OS grid reference {}.", "NN 166 712"),
        ("LV95: {}", "2600000 / 1200000"),
        ("Koordinaten {}", "2'600'000, 1'200'000"),
        ("LV03 {}", "600 000 / 200 000"),
    ],
)
def test_places_are_found_in_every_form(template: str, place: str) -> None:
    text = template.replace("{}", place)
    covered = "".join(places(text))

    assert covered.strip("!") in (place.strip("!"), place.removeprefix("!3d"))


@pytest.mark.parametrize(
    "text",
    [
        '"lat": 52.5163, "lng": 13.3777',
        "Latitudine: 52.5163, Longitudine: 13.3777",
        "Breitengrad: 52.5163\nLängengrad: 13.3777",
        "Latitud: 52.5163\nLongitud: 13.3777",
        "Leveysaste: 52.5163, pituusaste: 13.3777",
        "szerokość geogr.: 52.5163\ndługość geogr.: 13.3777",
        "user_lat=52.5163; user_lon=13.3777",
    ],
)
def test_each_number_with_a_name_is_found_by_itself(text: str) -> None:
    assert places(text) == ["52.5163", "13.3777"]


@pytest.mark.parametrize(
    "text",
    [
        "x = 12.34567, 45.67890",
        "f(12.34567, 45.67890)",
        "Polygon(Point(1.220, -0.827), Point(-1.490, -4.503))",
        "[ 9.        , 12.98024613, 18.72075441, 27.        ]",
        "95 % CI 12.34567, 45.67890",
        "mean and median were 12.34567, 45.67890",
        "[12.34567, 45.67890]",
        "12.34567, 45.67890, 33.11111",
        "33.11111, 12.34567, 45.67890",
        "12.34567, 45.67890 kg",
        "0.12345, 0.98765",
        "12.3456, 45.6789",
        "95.12345, 45.67890",
        "version 1.23456, 2.34567",
        "temperatures of 36.6512°, 37.1234° C",
        "angles of 45.1234° and 60.4321°",
        "turn by 45° 30' and then on",
        "order 33UUU8985119717",
        "part TQ 30080 80460",
        "2600000 / 1200000",
        "+12.3+4.5/",
        "+991234.5+0013012.1/",
        "99U 691831 5334761",
        "Länge: 12.345 m, Breite: 3.456 m",
        "lat 52.5163",
    ],
)
def test_other_numbers_are_no_places(text: str) -> None:
    assert places(text) == []


def test_places_all_over_europe_are_found_in_the_forms_of_maps() -> None:
    chance = random.Random(5)
    for _ in range(500):
        north, east = chance.uniform(35, 71), chance.uniform(-24, 40)
        digits = chance.choice((5, 6, 7))
        for text in (
            f"{north:.{digits}f}, {east:.{digits}f}",
            f"{north:.{digits}f}° N, {abs(east):.{digits}f}° {'E' if east >= 0 else 'W'}",
            f"{north:+08.4f}{east:+09.4f}/",
        ):
            assert places(f"Here: {text} it was.") == [text]
