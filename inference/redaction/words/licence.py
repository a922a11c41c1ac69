"""Words for driving licences."""

from __future__ import annotations

from typing import Final

from . import Table, words_of

TABLE: Final[Table] = {
    "bg": "шофьорска книжка; шофьорската книжка; шофьорск*; свидетелство за управление; сумпс",
    "cs": "řidičský průkaz*; řidičského průkazu; řidičák*; řidičsk*",
    "da": "kørekort*",
    "de": "führerschein*; fuehrerschein*; fahrerlaubnis*; führerausweis*; lenkberechtigung*",
    "el": "διπλωμα οδηγησης; διπλωματος οδηγησης; αδεια οδηγησης; αδειας οδηγησης; αδεια ικανοτητας οδηγησης",
    "en": "driving licen*; driver licen*; drivers licen*; driver s licen*; driving permit*; dl number; dl no; driver number; dvla",
    "es": "permiso de conducir; permiso de conducción; carné de conducir; carnet de conducir; licencia de conducir; "
    "permiso conducir",
    "et": "juhiluba*; juhiloa*; juhilub*",
    "fi": "ajokort*; ajoluv*; ajolup*",
    "fr": "permis de conduire; permis conduire; numéro de permis; n de permis; permis n",
    "ga": "ceadúnas tiomána; cheadúnas tiomána; ceadúnais tiomána; cheadúnais tiomána",
    "hr": "vozačka dozvola; vozačke dozvole; vozačku dozvolu; vozačk*",
    "hu": "jogosítvány*; vezetői engedély*; jogsi*",
    "it": "patente; patente di guida; patenti di guida; numero patente",
    "lt": "vairuotojo pažymėjim*",
    "lv": "vadītāja apliecīb*; autovadītāja apliecīb*; tiesības nr",
    "mt": "liċenzja tas sewqan; tas sewqan",
    "nl": "rijbewijs*; rijbewijzen",
    "pl": "prawo jazdy; prawa jazdy; prawem jazdy",
    "pt": "carta de condução; carta condução; licença de condução; título de condução",
    "ro": "permis de conducere; permisul de conducere; permisului de conducere; permis auto; carnet de conducere",
    "sk": "vodičský preukaz; vodičského preukazu; vodičsk*; vodičák*",
    "sl": "vozniško dovoljenje; vozniškega dovoljenja; vozniš*",
    "sv": "körkort*",
    "no": "førerkort*; førarkort*",
    "is": "ökuskírtein*; ökuréttind*",
}
LICENCE: Final = words_of(TABLE)
