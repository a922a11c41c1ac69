"""Words for vehicles: for the number of the chassis, and for number plates."""

from __future__ import annotations

from typing import Final

from . import Table, words_of

CHASSIS_TABLE: Final[Table] = {
    "bg": "рама; шаси; номер на рама; вин",
    "cs": "karoseri*; číslo podvozku; podvozku",
    "da": "stelnummer*; stelnr*; stel nr; chassisnummer*",
    "de": "fahrgestell*; fin; fahrzeugident*; fahrzeug ident*; fahrzeug id*; fzg ident*; rahmennummer*",
    "el": "πλαισιο*; αριθμος πλαισιου; πλαισιου",
    "en": "vin; chassis*; vehicle identification; vehicle id; frame number; vehicle*; car",
    "es": "bastidor; número de bastidor; chasis; vehículo*",
    "et": "tehasetähis*; kerenumb*; vin kood*; sõiduki*",
    "fi": "alustanumer*; valmistenumer*; runkonumer*; ajoneuvo*",
    "fr": "châssis; numéro de châssis; numéro de série du véhicule; véhicule*",
    "ga": "fonnaidh; fonnadh; feithicle; feithicil",
    "hr": "šasij*; broj šasije; vozil*",
    "hu": "alvázszám*; jármű*",
    "it": "telaio; numero di telaio; veicol*",
    "lt": "kėbulo; važiuoklės; transporto priemon*",
    "lv": "šasij*; virsbūves; transportlīdzek*",
    "mt": "xażi; tax xażi; vettura",
    "nl": "chassis*; voertuigidentificatie*; voertuig*; meldcode*",
    "pl": "nadwozi*; podwozi*; pojazd*",
    "pt": "chassi*; número de quadro; quadro; veículo*",
    "ro": "șasiu*; serie șasiu; vehicul*; autovehicul*",
    "sk": "karosér*; podvozku; vozidl*",
    "sl": "šasij*; vozil*",
    "sv": "chassi*; fordon*",
    "no": "understell*; chassis*; kjøretøy*",
    "is": "verksmiðjunúmer*; grindarnúmer*; ökutæk*",
}
PLATE_TABLE: Final[Table] = {
    "bg": "регистрационен номер; регистрационния номер; рег номер; регистрационна табела; табел*; автомобил с номер",
    "cs": "spz; registrační značk*; poznávací značk*; státní poznávací; espézetk*",
    "da": "nummerplade*; registreringsnummer*; reg nr; regnr*",
    "de": "kennzeichen*; kfz*; nummernschild*; autokennzeichen*; autonummer*; kontrollschild*; fahrzeugkennzeichen*",
    "el": "πινακιδ*; αριθμος κυκλοφοριας; αρ κυκλοφοριας; κυκλοφοριας",
    "en": "license plate*; licence plate*; number plate*; numberplate*; plate number*; registration plate*; plate; plates; "
    "vehicle registration; car registration; reg no; vrm; vehicle reg; registration mark; car reg",
    "es": "matrícula*; placa; placas",
    "et": "registreerimismär*; numbrimär*; autonumb*; reg nr; reg number",
    "fi": "rekisterinumer*; rekisteritunnu*; rekisterikilp*; rekkari*; rek nro",
    "fr": "immatricul*; plaque*",
    "ga": "uimhir chláraithe; pláta uimhreach; cláruimhir*; uimhirphlát*; uimhirphláta",
    "hr": "registarsk*; registracijsk*; tablic*; registracija",
    "hu": "rendszám*; frsz",
    "it": "targa; targhe; targat*",
    "lt": "valstybinis numeris; valstybinio numerio; valst nr; valstybin*; numerio ženkl*",
    "lv": "reģistrācijas numur*; numurzīm*; valsts numur*; auto numur*; reģ nr; numura zīm*",
    "mt": "numru tar reġistrazzjoni; reġistrazzjoni; plejt*; pjanċ*",
    "nl": "kenteken*; nummerplaat; nummerplaten; nummerbord*",
    "pl": "rejestracyjn*; tablic*; nr rej; rejestracja",
    "pt": "matrícula*; placa; placas",
    "ro": "înmatricul*; plăcuț*; număr auto; numărul auto",
    "sk": "evidenčné číslo; ečv; špz; poznávacia značka; poznávacej značky; evč",
    "sl": "registrsk*; registrska tablica; tablic*",
    "sv": "registreringsnummer*; registreringsskylt*; regnr*; regnummer*; regskylt*; reg nr; nummerplåt*",
    "no": "registreringsnummer*; regnr*; reg nr; skiltnummer*; bilskilt*; nummerskilt*; kjennemerke*; nummerplate*",
    "is": "bílnúmer*; skráningarnúmer*; númeraplat*; skráningarmerk*",
}
CHASSIS: Final = words_of(CHASSIS_TABLE)
PLATE: Final = words_of(PLATE_TABLE)
