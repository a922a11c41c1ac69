"""Words that announce coordinates, in the official languages of the EU and in programs."""

from __future__ import annotations

from typing import Final

from ..context import Words

_PROGRAMS: Final = (
    "lat", "lats", "lon", "lng", "latlng", "latlon", "latlong", "lnglat", "lonlat", "gps", "geo", "gnss", "geojson", "exif",
    "wgs84", "wgs 84", "epsg 4326", "iso6709", "iso 6709", "geolocation", "geopoint", "geopos", "geoloc", "location", "loc",
    "position", "pos", "poi", "waypoint", "geofence", "osm", "openstreetmap", "google maps",
)  # fmt: skip
_PEOPLE: Final = (
    "breite", "länge", "standort", "aufenthaltsort", "position", "wegpunkt", "treffpunkt", "fundort", "ubicación", "posición",
    "localização", "posição", "posizione", "punto", "emplacement", "lieu", "repère", "sijainti", "sijainnin", "lokalizacja",
    "pozycja", "poloha", "pozice", "pozícia", "locatie", "positie", "locație", "poziție", "τοποθεσία", "θέση", "местоположение",
    "позиция", "lokacija", "položaj", "pozicija", "lokacja", "asukoht", "asend", "atrašanās vieta", "pozīcija", "buvimo vieta",
    "padėtis", "suíomh", "pożizzjoni", "post", "plats", "placering", "posisjon", "plassering", "staðsetning", "hnit", "helyzet",
    "helyszín", "last seen", "last seen at", "last known", "zuletzt gesehen", "dernière position", "meet at", "meet me at",
    "parked at", "geparkt",
)  # fmt: skip
LOCATION_WORDS: Final = Words(
    *_PROGRAMS,
    *_PEOPLE,
    stems=(
        *(
            "latitud",
            "longitud",
            "latitudin",
            "longitudin",
            "coordin",
            "coorden",
            "coordonn",
            "koordin",
            "koordyn",
            "współrz",
        ),
        *(
            "souřadnic",
            "súradnic",
            "breitengrad",
            "längengrad",
            "geografisk",
            "geograph",
            "szerokoś",
            "długoś",
            "zeměpis",
        ),
        *(
            "leveysast",
            "pituusast",
            "breddegrad",
            "breddgrad",
            "lengdegrad",
            "längdgrad",
            "længdegrad",
            "laiuskraa",
            "pikkuskraa",
        ),
        *("szélesség", "hosszúság", "latitūd", "longitūd", "platum", "garum", "ilgum", "συντεταγ", "γεωγραφ"),
        *(
            "координат",
            "ширина",
            "дължина",
            "comhordan",
            "latitúid",
            "domhanleithead",
            "domhanfhad",
            "zemljopis",
            "geolok",
        ),
    ),
)
