"""Documents in which nothing is to be found."""

from __future__ import annotations

from typing import Final

TEMPLATES: Final = (
    ("negative", """Order confirmation «-order»
Item «-part», EAN «-ean», 2 x «-amount»
Total «-amount» incl. 19 % tax, due «-date»
Tracking number «-tracking», reference «-order»
"""),
    ("negative", """Bestellung Nr. «-order» vom «-date»: Artikel «-part» (Chargennummer «-order»), Menge «-number», Betrag «-amount» EUR.
Die Sendung «-tracking» wird am «-date» zugestellt. Rechnungsnummer «-order», Vorgang «-number».
"""),
    ("negative", """commit «-hash»
Merge: «-commit» «-commit»
Date: «-moment»

    Bump version «-build» to «-version», see #«-number» and issue «-number»

diff --git a/«-identifier».py b/«-identifier».py
index «-commit»..«-commit» 100644
@@ -«-number»,8 +«-number»,9 @@ def «-identifier»(x):
"""),
    ("negative", """«-formula»
«-formula»
x = «-decimal», y = «-decimal», z = «-number»
«-table»
"""),
    ("negative", """Isbn «-isbn», pages «-years», vol. «-number». In «-years» output rose by «-percent» to «-amount» units,
from «-number» in the year before; see table 3.«-number» and section 4.2.1.
«-table»
"""),
    ("negative", """{"id": "«-uuid»", "etag": "«-hash»", "size": «-number», "modified": "«-moment»", "version": "«-version»", "ratio": «-decimal»,
 "items": [«-number», «-number», «-number»], "serial": "«-part»"}"""),
    ("negative", """def «-identifier»(a, b=«-number»):
    return a[1::2] + b * 0x«-commit» - «-decimal»  # «-formula»

RELEASES = {"«-version»": "«-date»", "«-version»": "«-date»"}
assert hashlib.md5(data).hexdigest() == "«-hash»"
"""),
    ("negative", """Commande n° «-order» du «-date»: référence «-part», quantité «-number», montant «-amount» €. Colis «-tracking». Facture «-order».
Pedido «-order», factura «-order», importe «-amount» euros, envío «-tracking», lote «-part».
"""),
    ("negative", """Zamówienie nr «-order» z dnia «-date», faktura «-order», kwota «-amount» zł, przesyłka «-tracking», partia «-part».
Ordine n. «-order» del «-date», fattura «-order», importo «-amount» euro, spedizione «-tracking», lotto «-part».
Bestelling «-order» van «-date», factuur «-order», bedrag «-amount» euro, pakket «-tracking», artikel «-part».
"""),
)  # fmt: skip
