"""Words that say of the number after them that it is a thing's: an order, an invoice, a parcel, a batch, a case, a reference."""

from __future__ import annotations

from typing import Final

from ..shadow import cast
from . import Table, words_of

TABLE: Final[Table] = {
    "bg": "поръчк*; пратк*; колет*; фактур*; договор*; заявк*; партид*; сигнал*; референ*",
    "cs": "objednáv*; zásilk*; balík*; faktur*; smlouv*; šarž*; reklamac*; zakázk*",
    "da": "ordre*; bestilling*; pakke*; forsendels*; faktura*; sagsn*; batch*",
    "de": "bestell*; auftrag*; sendung*; paket*; rechnung*; vertragsn*; aktenz*; charge*; lieferung*; vorgang*; referenz*; "
    "artikel*",
    "el": "παραγγελ*; δεμα*; αποστολ*; τιμολογι*; συμβασ*; παρτιδ*; αναφορα*",
    "en": "order*; parcel*; shipment*; tracking*; invoice*; ticket*; incident*; referen*; ref; batch*; serial*; article*; item*; "
    "claim*",
    "es": "pedido*; envío*; envio*; paquete*; factura*; incidencia*; referen*; lote*; albarán*; expediente*",
    "et": "tellimus*; pakk*; saadetis*; arve; arve nr; viitenumb*",
    "fi": "tilau*; lähety*; paket*; lasku*; viite*; toimitus*",
    "fr": "commande*; colis*; facture*; référen*; réf; incident*; dossier*; envoi*; livraison*",
    "ga": "ordú*; beart*; sonrasc*; tagairt*",
    "hr": "narudžb*; pošiljk*; paket*; račun*; ugovor*",
    "hu": "rendelés*; csomag*; számlasz*; számla*; küldemény*; hivatkozás*",
    "it": "ordin*; pacco; pacchi; spedizion*; fattur*; segnalazion*; lotto; pratica; riferiment*",
    "lt": "užsakym*; siunt*; sąskait*; užsak*",
    "lv": "pasūtīj*; sūtīj*; rēķin*; paka",
    "mt": "ordni*; pakkett*; fattur*; kunsinn*",
    "nl": "bestelling*; pakket*; zending*; factuur*; melding*; ordernr*; dossiern*; kenmerk*",
    "pl": "zamówieni*; paczk*; przesyłk*; faktur*; zgłoszeni*; partia; partii; umow*",
    "pt": "encomenda*; pedido*; envio*; fatura*; factura*; lote*; processo*; referên*",
    "ro": "comand*; colet*; factur*; lot nr; dosar*",
    "sk": "objednáv*; zásielk*; balík*; faktúr*; zmluv*",
    "sl": "naročil*; pošiljk*; paket*; račun*; pogodb*",
    "sv": "beställning*; paket*; faktur*; försändels*; ärend*; referens*; följesed*",
    "no": "ordre*; bestilling*; pakke*; sending*; faktura*; saksn*; referanse*",
    "is": "pöntun*; sending*; pakk*; reikning*; tilvísun*",
}
THINGS: Final = words_of(TABLE)

_ENTRIES: Final = tuple(
    cast(entry.strip()).text.lower() for row in TABLE.values() for entry in row.split(";") if " " not in entry.strip()
)
STEMS: Final = tuple(sorted({entry[:-1] for entry in _ENTRIES if entry.endswith("*")}))
"""The beginnings of single words among them, as a shadow has them in lower case."""
WHOLE: Final = frozenset(entry for entry in _ENTRIES if not entry.endswith("*"))
"""The whole words among them."""
