"""How each country writes addresses: words for streets and post boxes, and the form of its postcodes.

Covers the 27 states of the Union, Iceland, Liechtenstein, Norway, Switzerland, the United Kingdom and the United States. Forms of
postcodes: Universal Postal Union, addressing systems of the members.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Country:
    """Words are separated by ``|`` and in lower case.

    `after` stand before the number as a word's end or a word ("Hauptstraße 5", "Kossuth utca 7"), `before` before the street's name
    ("rue de la Paix", "ul. Długa"), `last` end a street that its number begins ("10 Downing Street"), as written. `boxes` are
    post boxes. `postcode` stands before the town, `postcode_last` after it; both are expressions over a shadow.
    """

    code: str
    after: str = ""
    before: str = ""
    last: str = ""
    boxes: str = ""
    postcode: str = ""
    postcode_last: str = ""


_GERMAN: Final = (
    "straße|strasse|str.|str|weg|gasse|platz|allee|ring|damm|ufer|chaussee|steig|stieg|promenade|markt|graben|"
    "zeile|pfad|landstr.|hof|"
    "winkel|kamp|twiete|anger|kai|steg"
)
_FRENCH: Final = (
    "rue|avenue|av.|boulevard|bd|bld|place|chemin|allée|allées|impasse|quai|cours|route|square|passage|faubourg|"
    "ruelle|sentier|lotissement|"
    "résidence|rond-point|esplanade|voie|cité|chaussée|clos|drève"
)
_ITALIAN: Final = (
    "via|viale|incrocio|stretto|canale|rotonda|passaggio|v.le|piazza|p.za|p.zza|piazzale|p.le|corso|c.so|largo|vicolo|strada|lungomare|lungotevere|contrada|"
    "salita|borgo|calle|"
    "fondamenta|località|loc."
)
_DUTCH: Final = (
    "straat|str.|laan|boulevard|steeg|ring|kaai|weg|plein|gracht|kade|singel|dijk|dreef|steenweg|hof|baan|plantsoen|park|pad|lei|markt|wal|"
    "burgwal|erf|hoek|stationsplein"
)
_GREEK: Final = "οδός|οδ.|λεωφόρος|λεωφ.|λεωφορος|πλατεία|πλ.|odos|leoforos|plateia"
_ENGLISH: Final = (
    "Street|St|St.|Road|Rd|Rd.|Avenue|Ave|Ave.|Lane|Ln|Drive|Dr|Dr.|Court|Ct|Place|Pl|Square|Sq|Close|Crescent|"
    "Terrace|Gardens|Grove|Way|"
    "Boulevard|Blvd|Blvd.|Parkway|Pkwy|Highway|Hwy|Circle|Cir|Trail|Row|Walk|Mews|Hill|Green|Quay|Parade|Rise|View|"
    "Broadway|Heights"
)
_SCANDINAVIAN: Final = (
    "gade|vej|vei|veien|gate|gata|gaten|allé|plads|plass|stræde|torv|torvet|torg|vegen|veg|svingen|bakken|brygge"
)
_SWEDISH: Final = "gatan|vägen|gränd|torget|stigen|allén|backen|plan|gata|väg|torg|kajen|leden|esplanaden|esplanad"
_FOUR: Final = r"[0-9]{4}"
_FIVE: Final = r"[0-9]{5}"
_THREE_TWO: Final = r"[0-9]{3} [0-9]{2}"

COUNTRIES: Final = (
    Country("AT", after=_GERMAN, boxes="postfach", postcode=rf"(?:A-)?{_FOUR}"),
    Country("BE", after=_DUTCH, before=_FRENCH, boxes="bp|boîte postale|postbus", postcode=rf"(?:B-)?{_FOUR}"),
    Country(
        "BG",
        before="ул.|улица|бул.|булевард|пл.|площад|ж.к.|ж. к.|ul.|bul.",
        boxes="п.к.",
        postcode=rf"(?:BG-)?{_FOUR}",
    ),
    Country(
        "CH",
        after=_GERMAN,
        before=f"{_FRENCH}|{_ITALIAN}",
        boxes="postfach|case postale|cp|casella postale",
        postcode=rf"(?:CH-)?{_FOUR}",
    ),
    Country("CY", before=_GREEK, boxes="τ.θ.|p.o. box", postcode=rf"(?:CY-)?{_FOUR}"),
    Country(
        "CZ",
        after="náměstí|třída|tř.|nábřeží|ulice|nám.",
        before="ulice|ul.|náměstí|nám.|třída|tř.|nábřeží",
        boxes="p.o. box|poštovní přihrádka",
        postcode=rf"(?:CZ-?)?{_THREE_TWO}|(?:CZ-)?{_FIVE}",
    ),
    Country("DE", after=_GERMAN, before="", boxes="postfach", postcode=rf"(?:D-|DE-)?{_FIVE}"),
    Country("DK", after=_SCANDINAVIAN, boxes="postboks", postcode=rf"(?:DK-)?{_FOUR}"),
    Country(
        "EE",
        after="tänav|tn|tn.|tee|mnt|mnt.|maantee|puiestee|pst|väljak",
        boxes="postkast",
        postcode=rf"(?:EE-)?{_FIVE}",
    ),
    Country(
        "ES",
        before=(
            "calle|c/|c.|cuesta|vial|acceso|cañada|pasaje|pasadizo|alameda|costanilla|via|vía|cl.|avenida|avda.|avda|av.|plaza|pza.|plza.|paseo|pº|carrer|ronda|camino|travesía|carretera|"
            "ctra.|rúa|glorieta|callejón|rambla|urbanización"
        ),
        boxes="apartado|apartado de correos|apdo.",
        postcode=rf"(?:E-|ES-)?{_FIVE}",
        postcode_last=r"[0-9]{5}",
    ),
    Country(
        "FI",
        after="katu|tie|kuja|polku|tori|kaari|rinne|raitti|kuja|väylä",
        before="",
        boxes="pl|postilokero",
        postcode=rf"(?:FI-)?{_FIVE}",
    ),
    Country("FR", before=_FRENCH, boxes="bp|boîte postale|cs", postcode=rf"(?:F-|FR-)?{_FIVE}"),
    Country(
        "GB", last=_ENGLISH, boxes="p.o. box|po box|p o box", postcode_last=r"[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}"
    ),
    Country("GR", before=_GREEK, boxes="τ.θ.|ταχ. θυρίδα", postcode=rf"(?:GR-)?{_THREE_TWO}|(?:GR-)?{_FIVE}"),
    Country(
        "HR",
        after="ulica|cesta|trg|put|avenija",
        before="ulica|ul.|trg|cesta|avenija|put",
        boxes="p.p.|pretinac",
        postcode=rf"(?:HR-)?{_FIVE}",
    ),
    Country(
        "HU",
        after="utca|u.|út|útja|tér|tere|köz|körút|krt.|sor|fasor|sétány|rakpart|liget|sugárút",
        boxes="pf.|postafiók",
        postcode=rf"(?:H-)?{_FOUR}",
    ),
    Country(
        "IE",
        before="sráid|bóthar",
        last=_ENGLISH,
        boxes="p.o. box|po box",
        postcode_last=r"[A-Z][0-9][0-9W] ?[A-Z0-9]{4}",
    ),
    Country("IS", after="gata|vegur|stígur|braut|stræti", boxes="pósthólf", postcode=r"(?:IS-)?[0-9]{3}"),
    Country("IT", before=_ITALIAN, boxes="casella postale|c.p.", postcode=rf"(?:I-|IT-)?{_FIVE}"),
    Country("LI", after=_GERMAN, boxes="postfach", postcode=rf"(?:FL-|LI-)?{_FOUR}"),
    Country(
        "LT",
        after="g.|gatvė|gatvės|pr.|prospektas|al.|alėja|pl.|plentas|aikštė",
        boxes="a.d.",
        postcode=rf"(?:LT-)?{_FIVE}",
    ),
    Country("LU", after=_GERMAN, before=_FRENCH, boxes="bp|b.p.", postcode=rf"(?:L-|LU-)?{_FOUR}"),
    Country(
        "LV",
        after="iela|bulvāris|gatve|prospekts|laukums|ceļš|šoseja|krastmala",
        boxes="a/k",
        postcode=r"LV-[0-9]{4}",
        postcode_last=r"LV-[0-9]{4}",
    ),
    Country(
        "MT", before="triq|it-triq|vjal|pjazza", last=_ENGLISH, boxes="p.o. box", postcode_last=r"[A-Z]{3} ?[0-9]{4}"
    ),
    Country("NL", after=_DUTCH, boxes="postbus|antwoordnummer", postcode=r"(?:NL-)?[0-9]{4} ?[A-Z]{2}"),
    Country("NO", after=_SCANDINAVIAN, boxes="postboks|pb.", postcode=rf"(?:NO-|N-)?{_FOUR}"),
    Country(
        "PL",
        before="ul.|ulica|al.|aleja|aleje|pl.|plac|os.|osiedle|rondo",
        boxes="skr. poczt.|skrytka pocztowa",
        postcode=r"[0-9]{2}-[0-9]{3}",
    ),
    Country(
        "PT",
        before="rua|r.|av|avenida|av.|praça|pç.|largo|travessa|estrada|alameda|rotunda|beco|calçada|urbanização|bairro",
        boxes="apartado",
        postcode=r"[0-9]{4}-[0-9]{3}",
    ),
    Country(
        "RO",
        before="strada|str.|bulevardul|bd.|b-dul|bdul|calea|șoseaua|șos.|piața|aleea|splaiul|intrarea|drumul|fundătura",
        boxes="căsuța poștală|c.p.",
        postcode=r"[0-9]{6}",
        postcode_last=r"[0-9]{6}",
    ),
    Country("SE", after=_SWEDISH, boxes="box|postbox", postcode=rf"(?:SE-|S-)?{_THREE_TWO}|(?:SE-)?{_FIVE}"),
    Country("SI", after="ulica|cesta|trg|pot|steza|nabrežje", boxes="p.p.|poštni predal", postcode=rf"(?:SI-)?{_FOUR}"),
    Country(
        "SK",
        after="ulica|námestie|nám.|cesta|nábrežie|trieda",
        before="ulica|ul.|námestie|nám.|cesta",
        boxes="p.o. box|priečinok",
        postcode=rf"(?:SK-)?{_THREE_TWO}|(?:SK-)?{_FIVE}",
    ),
    Country("US", last=_ENGLISH, boxes="p.o. box|po box", postcode_last=r"[A-Z]{2},? [0-9]{5}(?:-[0-9]{4})?"),
)
"""One row a country, by its ISO 3166 code."""

COUNTRY_NAMES: Final = (
    "Germany|Deutschland|Allemagne|Germania|Alemania|Duitsland|Austria|Österreich|Autriche|Switzerland|Schweiz|"
    "Suisse|Svizzera|France|Frankreich|"
    "Italy|Italia|Italien|Spain|España|Spanien|Espagne|Portugal|Belgium|Belgique|België|Belgien|Netherlands|"
    "The Netherlands|Nederland|Niederlande|"
    "Luxembourg|Luxemburg|Ireland|Éire|Irland|United Kingdom|UK|England|Scotland|Wales|USA|United States|Denmark|"
    "Danmark|Dänemark|Sweden|Sverige|"
    "Schweden|Norway|Norge|Norwegen|Finland|Suomi|Finnland|Estonia|Eesti|Latvia|Latvija|Lithuania|Lietuva|Poland|"
    "Polska|Polen|Czech Republic|"
    "Czechia|Česko|Česká republika|Slovakia|Slovensko|Hungary|Magyarország|Ungarn|Romania|România|Bulgaria|"
    "България|Greece|Ελλάδα|Cyprus|Κύπρος|Malta|"
    "Croatia|Hrvatska|Slovenia|Slovenija|Liechtenstein|Iceland|Ísland"
)
"""Names of countries as the last line of an address has them."""

_RARE: Final = """
    Alley Arcade Bend Bluff Branch Bridge Brook Bypass Canyon Cape Causeway Center Cliff Club Common Corner Cove
    Creek Crest Crossing Crossroad Curve Dale Dam Divide Estate Expressway Extension Fall Field Flat Ford Forest
    Forge Fork Fort Freeway Garden Gateway Glen Harbor Haven Hollow Inlet Island Isle Junction Key Knoll Lake
    Land Landing Light Loaf Lock Lodge Loop Mall Manor Meadow Mill Mission Motorway Mount Mountain Neck Orchard
    Oval Overpass Park Pass Passage Path Pike Pine Plain Plaza Point Port Prairie Radial Ramp Ranch Rapid Rest
    Ridge River Route Run Shoal Shore Skyway Spring Spur Station Stravenue Stream Summit Throughway Trace Track
    Trafficway Tunnel Turnpike Underpass Union Valley Viaduct Village Ville Vista Well Square Road Drive Court
    Street Groves Shoals
"""
SUFFIXES: Final = frozenset(form for word in _RARE.split() for form in (word, f"{word}s"))
"""Rarer words that end a street (USPS publication 28, appendix C1): they count only where a postcode follows."""
