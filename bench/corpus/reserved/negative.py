"""Documents of the reserved part in which nothing is to be found. Do not tune against them."""

from __future__ import annotations

from typing import Final

TEMPLATES: Final = (
    ("negative", """PACKING LIST «-order» | carton 3/7 | gross «-decimal» kg
«-part» x «-number» | «-ean» | lot «-order»
«-part» x «-number» | «-ean» | lot «-order»
Carrier ref. «-tracking», pickup «-moment», value «-amount»
"""),
    ("negative", """Lieferschein «-order»: Seriennummer «-part», Zählerstand «-number», Abschlag «-amount» €, fällig «-date», Auftrag «-order».
Bon de livraison «-order» : lot «-part», quantité «-number», total «-amount» €, expédié le «-date» sous «-tracking».
"""),
    ("negative", """Changelog
## «-version» («-date»)
- fix overflow for values above «-number» (#«-number»)
- drop support for «-version», checksum «-hash»
- speed: «-decimal» ms → «-decimal» ms (−«-percent»)
"""),
    ("negative", """Lemma 3. Let a = «-number» and b = «-number». Then «-formula».
Proof. «-formula», and by (2.14) the sum is «-decimal». ∎
«-table»
"""),
    ("negative", """See Smith's survey («-years»), ISBN «-isbn», ch. 12, pp. «-number»; DOI 10.1000/«-identifier»; arXiv:2401.0«-identifier».
Population «-amount», area «-amount» km², GDP «-amount» (est. «-years»).
"""),
    ("negative", """metrics{job="api",instance="node-7"} «-decimal» «-number»
histogram_bucket{le="«-decimal»"} «-number»
trace=«-hash» span=«-commit» parent=«-commit» dur=«-number»us
seed: «-number», step «-number», loss «-decimal», lr «-decimal»
"""),
    ("negative", """uint32_t table[] = { 0x«-commit», 0x«-commit», «-number», «-number» };
#define VERSION "«-build»"
static const char *id = "«-uuid»"; /* «-moment» */
if (x > «-number» && y < «-decimal») return «-number» + «-number»;
"""),
    ("negative", """Factura «-order» de «-date», importe total «-amount» €, albarán «-order», referencia «-part».
Fattura «-order» del «-date», totale «-amount» €, DDT «-order», codice articolo «-part», matricola «-part».
Faktura «-order», «-date», suma «-amount» zł, nr seryjny «-part», list przewozowy «-tracking».
Faktuur «-order», «-date», totaal «-amount» €, serienummer «-part», zending «-tracking».
"""),
)  # fmt: skip
