"""Words for health insurance and its cards."""

from __future__ import annotations

from typing import Final

from . import Table, words_of

TABLE: Final[Table] = {
    "bg": "здравноосигур*; здравна осигуровка; здравна каса; нзок; европейска здравноосигурителна карта",
    "cs": "zdravotní pojišt*; číslo pojištěnce; pojištěnc*; průkaz pojištěnce; pojištěnec",
    "da": "sygesikring*; sundhedskort*; sygeforsikring*",
    "de": "krankenvers*; kvnr; kv nr; kv nummer; versichertennummer*; versichertennr*; versicherten nr; versicherten nummer; "
    "versicherten id; krankenkasse*; gesundheitskarte*; egk; e card; ecard; versichertenkarte*; kvk",
    "el": "ασφαλιση υγειας; ασφαλισης υγειας; καρτα ασφαλισης ασθενειας; ασφαλισης ασθενειας; εοπυυ; εκαα",
    "en": "health insurance; health card*; health plan*; ehic; ghic; medicare; mbi; medical card; medical insurance; "
    "insurance member id; health insurer*",
    "es": "tarjeta sanitaria*; seguro médico; seguro de salud; tse; asistencia sanitaria; número de asegurado",
    "et": "ravikindlust*; haigekassa*; tervisekassa*; tervisekindlust*",
    "fi": "sairausvakuutu*; sairaanhoitokort*; kela kort*; kelakort*; sairasvakuutu*",
    "fr": "carte vitale; assurance maladie; mutuelle*; ceam; numéro d assuré; numéro d adhérent; n adhérent; numéro adhérent; "
    "complémentaire santé",
    "ga": "árachas sláinte; árachais sláinte; cárta leighis; cárta sláinte; árachais sláinte",
    "hr": "zdravstveno osiguran*; zdravstvenog osiguran*; zdravstvena iskaznica; hzzo; mbo; ekzo",
    "hu": "taj szám*; taj; tajszám*; egészségbiztosít*; eü kártya",
    "it": "tessera sanitaria; assicurazione sanitaria; tessera team; assicurazione malattia; tessera europea",
    "lt": "sveikatos draudim*; esdk; sveikatos draustum*",
    "lv": "veselības apdrošināš*; evak",
    "mt": "assigurazzjoni tas saħħa; tas saħħa; karta ewropea",
    "nl": "zorgpolis*; zorgverzeker*; zorgpas*; verzekerdennummer*; verzekerdenummer*; ziekenfonds*; mutualiteit*; ziektekosten*; "
    "ziekteverzeker*",
    "pl": "ubezpieczenie zdrowotne; ubezpieczenia zdrowotnego; ubezpieczeniu zdrowotnym; ekuz; nfz; ubezpieczenie medyczne",
    "pt": "seguro de saúde; seguro de doença; cesd; número de utente; utente; cartão de saúde; nº de utente",
    "ro": "asigurare de sănătate; asigurări de sănătate; asigurarea de sănătate; card de sănătate; cardul de sănătate; "
    "cardului de sănătate; cnas; ceass",
    "sk": "zdravotné poisten*; zdravotného poisten*; preukaz poistenca; poistenc*; poistenec; zdravotná poisť*; zdravotnej poisť*",
    "sl": "zdravstveno zavarovan*; zdravstvenega zavarovan*; zzzs; kartica zdravstvenega",
    "sv": "sjukförsäkring*; eu kort; sjukvårdskort*; vårdförsäkring*",
    "no": "helsetrygd*; helseforsikring*; europeisk helsekort; trygdekort*",
    "is": "sjúkratrygg*; evrópska sjúkra*",
}
HEALTH: Final = words_of(TABLE)
