"""The beginning and the end of letters: "Dear Anna," and "Mit freundlichen Grüßen" with the name on the next line."""

from __future__ import annotations

import re
from typing import Final

from ..patterns import Pattern, Verified
from .person import UPPER, holds_any, person_at
from .phrase import Phrases, gap_before
from .titles import after_titles
from .vocabulary import THINGS

SCORE: Final = 0.8

_GREETINGS: Final = Phrases(
    "Dear|Dearest|Hi|Hello|Hey|Good morning|Good afternoon|Good evening|Sehr geehrte|Sehr geehrter|Geehrte|Liebe|"
    "Lieber|Liebster|Werte|Werter|Hallo|Moin|Servus|Guten Tag|Guten Morgen|Guten Abend|Grüß Gott|Cher|Chère|"
    "Très cher|Bonjour|Salut|Bonsoir|Caro|Cara|Carissimo|Carissima|Gentile|Gent.mo|Gent.ma|Egregio|Egregia|"
    "Spettabile|Ciao|Buongiorno|Buonasera|Salve|Estimado|Estimada|Querido|Querida|Apreciado|Apreciada|Hola|"
    "Buenos días|Buenas tardes|Prezado|Prezada|Olá|Oi|Bom dia|Boa tarde|Boa noite|Beste|Geachte|Lieve|Hoi|Dag|"
    "Goedemorgen|Goedemiddag|Goedendag|Bästa|Bäste|Kära|Käre|Hej|Hejsan|God morgon|Kære|Kjære|Hei|God dag|"
    "God morgen|Hyvä|Rakas|Arvoisa|Moi|Terve|Huomenta|Päivää|Lugupeetud|Austatud|Kallis|Tere|Tervist|Cienījamais|"
    "Cienījamā|Godātais|Godātā|Mīļais|Mīļā|Sveiks|Sveika|Sveiki|Labdien|Čau|Gerbiamas|Gerbiama|Gerbiamasis|"
    "Gerbiamoji|Mielas|Miela|Brangus|Brangi|Labas|Sveikas|Szanowny|Szanowna|Drogi|Droga|Kochany|Kochana|Cześć|Witaj|"
    "Dzień dobry|Vážený|Vážená|Milý|Milá|Drahý|Drahá|Ahoj|Dobrý den|Dobrý deň|Kedves|Tisztelt|Szia|Helló|Jó napot|"
    "Dragă|Dragul|Draga|Stimate|Stimată|Stimată doamnă|Bună|Bună ziua|Уважаеми|Уважаема|Скъпи|Скъпа|Драги|Драга|"
    "Здравей|Здравейте|Здрасти|Добър ден|Αγαπητέ|Αγαπητή|Αξιότιμε|Αξιότιμη|Γεια σου|Γεια σας|Γειά σου|Καλημέρα|"
    "Καλησπέρα|Dragi|Poštovani|Poštovana|Štovani|Cijenjeni|Cijenjena|Bok|Dobar dan|Spoštovani|Spoštovana|Živjo|"
    "Zdravo|Pozdravljeni|Pozdravljena|Għażiż|Għażiża|Bonġu|Bongu|Dia duit|A chara"
)
_AFTER_GREETING: Final = re.compile(r"[ \t]*(?:[,;:!.\x1a-]|\r?\n|\Z|['\"])")
_AND: Final = re.compile(r" (?:and|und|et|e|y|en|och|og|ja|i|a|s|un|ir|es|si|ke|kai|&) (?=[" + UPPER + "])")
_LINE_BEGINS: Final = re.compile(r"(?:^|[\n\"'>.!?(:`\x1a]|\\n)[ \t>*]*\Z")


def _verify_greeting(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    begin = _GREETINGS.before(shadow, gap_before(shadow, end - 1))
    if begin is None or not _LINE_BEGINS.search(shadow, max(0, begin - 12), begin):
        return None
    person = person_at(shadow, after_titles(shadow, end - 1))
    if person is None or holds_any(shadow, person, THINGS):
        return None
    finish = person.end
    second = _AND.match(shadow, finish)
    if second is not None:
        other = person_at(shadow, second.end(), THINGS)
        finish = other.end if other else finish
    return (person.start, finish, SCORE) if _AFTER_GREETING.match(shadow, finish) else None


_CLOSINGS: Final = Phrases(
    "regards|best wishes|warm wishes|sincerely|sincerely yours|yours sincerely|yours faithfully|yours truly|"
    "respectfully|many thanks|cheers|mit freundlichen Grüßen|mit freundlichem Gruß|mit besten Grüßen|"
    "freundliche Grüße|viele Grüße|beste Grüße|liebe Grüße|herzliche Grüße|schöne Grüße|hochachtungsvoll|herzlichst|"
    "MfG|LG|VG|i. A.|i.A.|gez.|cordialement|bien cordialement|bien à vous|salutations distinguées|"
    "sentiments distingués|meilleures salutations|amicalement|bien à toi|sincères salutations|respectueusement|"
    "cordiali saluti|distinti saluti|cordialmente|un caro saluto|a presto|saluti|saludos|un saludo|"
    "saludos cordiales|atentamente|un cordial saludo|un abrazo|atenciosamente|cumprimentos|"
    "com os melhores cumprimentos|abraços|um abraço|met vriendelijke groet|met vriendelijke groeten|"
    "vriendelijke groeten|groeten|groetjes|hoogachtend|mvg|vänliga hälsningar|med vänlig hälsning|"
    "med vänliga hälsningar|hälsningar|mvh|med venlig hilsen|venlig hilsen|mange hilsner|vennlig hilsen|"
    "med vennlig hilsen|hilsen|ystävällisin terveisin|terveisin|parhain terveisin|lugupidamisega|parimate soovidega|"
    "tervitades|ar cieņu|ar labākajiem novēlējumiem|pagarbiai|geriausi linkėjimai|su pagarba|z poważaniem|"
    "pozdrawiam|z wyrazami szacunku|serdecznie pozdrawiam|s pozdravem|s přátelským pozdravem|s pozdravom|s úctou|"
    "üdvözlettel|tisztelettel|szívélyes üdvözlettel|cu stimă|cu respect|cu drag|toate cele bune|с уважение|поздрави|"
    "с най-добри пожелания|με εκτίμηση|φιλικά|με φιλικούς χαιρετισμούς|s poštovanjem|srdačan pozdrav|lijep pozdrav|"
    "lep pozdrav|s spoštovanjem|prijazen pozdrav|is mise le meas|le gach dea-ghuí|dejjem tiegħek|tislijiet|best|"
    "thanks|thank you|danke|merci|grazie|gracias|obrigado|bedankt|tack|kind greetings|greetings",
    caseless=True,
)
_SIGNATURE: Final = re.compile(r"(?:[,.!]*[ \t]*\r?\n(?:[ \t>*-]*\r?\n)?[ \t>*-]*|[,:] {1,2})")
_LINE_ENDS: Final = re.compile(r"[ \t*]*(?:\r?\n|\Z|[,|(]|[\"'\\]| - )")


def _verify_closing(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    stop = end - 1
    gap = _SIGNATURE.match(shadow, stop)
    if gap is None:
        return None
    # The person first: "thanks," is in many a sentence, and rarely before a name.
    person = person_at(shadow, after_titles(shadow, gap.end()), THINGS)
    if person is None or not _LINE_ENDS.match(shadow, person.end):
        return None
    if person.words == 1 and "\n" not in gap.group():
        return None
    begin = _CLOSINGS.before(shadow, stop)
    if begin is None or shadow[begin - 1 : begin] == ".":
        return None
    return person.start, person.end, SCORE


PATTERNS: Final = (
    Pattern(
        "greeting", "NAME", rf"\b{_GREETINGS.trigger} [{UPPER}]", _verify_greeting, start_known=False, layer="cues"
    ),
    Pattern(
        "closing",
        "NAME",
        rf"\b{_CLOSINGS.trigger}[,.!:\r\n]",
        _verify_closing,
        start_known=False,
        layer="cues",
    ),
)
