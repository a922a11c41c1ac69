"""Words that say that a date is a date of birth."""

from __future__ import annotations

from typing import Final

from . import Table, words_of

TABLE: Final[Table] = {
    "bg": "роден*; рожден*; рожд; дата на раждане; раждане; роди се",
    "cs": "narozen*; narodil*; nar; dat nar; datum nar",
    "da": "født; fødselsdat*; fødselsdag*; fødsels dato",
    "de": "geboren*; geb; geburtsdat*; geburtstag*; gebdat*; geburts datum; geburtstermin",
    "el": "γενν*; γενεθλ*; ημ γεν",
    "en": "born; date of birth; birth dat*; birthdat*; birthday*; dob; d o b; date birth; bday; birth day",
    "es": "nacido; nacida; nació; nací; nacimiento; cumpleaños; nac; f nac",
    "et": "sündin*; sündis*; sünd; sünniae*; sünniaja*; sünnikuupäev*; sünnipäev*",
    "fi": "synty*; synt",
    "fr": "né le; née le; né e le; né en; née en; né à; née à; naissance; anniversaire*; ddn",
    "ga": "rugadh; breithe; breithlá; saolaíodh",
    "hr": "rođen*; rođ; rođendan*",
    "hu": "szület*; szül; szülidő; szül idő",
    "it": "nato il; nata il; nato a; nata a; nato; nata; nascita; compleanno",
    "lt": "gimęs; gimusi; gimė; gimiau; gimimo; gimtadien*; gim data",
    "lv": "dzimis; dzimusi; dzimu; dzimšan*; dzim; dzimt*",
    "mt": "twieled*; twield*; imwieled*; mwield*; twelid*",
    "nl": "geboren; geboorte*; geb; verjaardag*",
    "pl": "urodz*; ur; data ur",
    "pt": "nascid*; nasceu; nasci; nascimento; aniversário; nasc",
    "ro": "născut*; naștere*; nașterii; ziua de naștere",
    "sk": "naroden*; narodil*; nar; dát nar",
    "sl": "rojen*; rojst*; roj",
    "sv": "född*; födelsedat*; födelsedag*; födelsetid*",
    "no": "født; fødd; fødselsdat*; fødselsdag*; bursdag*",
    "is": "fædd*; fætt; fæðing*; afmæl*; fæð",
}
BIRTH: Final = words_of(TABLE)
