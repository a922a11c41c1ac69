"""Forms of the reserved part. Do not tune against them."""

from __future__ import annotations

from typing import Final

TEMPLATES: Final = (
    ("form", """[1] «?NAME» = «NAME»
[2] «?PHONE» = «PHONE»
[3] «?EMAIL» = «EMAIL»
[4] «?NATIONAL_ID» = «NATIONAL_ID»
[5] IBAN = «IBAN» «-percent»
[6] «?VAT» = «VAT»
"""),
    ("form", """«?CARD» «CARD» (exp. 04/27)
«?DATE_OF_BIRTH» «DATE_OF_BIRTH»
«?HEALTH_INSURANCE» «HEALTH_INSURANCE»
SWIFT «BIC», IBAN «IBAN»
REF «-order» / «-part» / «-moment»
"""),
    ("form", """<table><tr><th>«?NAME»</th><td>«NAME»</td></tr><tr><th>«?DATE_OF_BIRTH»</th><td>«DATE_OF_BIRTH»</td></tr>
<tr><th>«?ADDRESS»</th><td>«ADDRESS»</td></tr><tr><th>«?PASSPORT»</th><td>«PASSPORT»</td></tr>
<tr><th>«?NATIONAL_ID»</th><td>«NATIONAL_ID»</td></tr><tr><th>#</th><td>«-uuid»</td></tr></table>
"""),
    ("form", """**«?DRIVING_LICENCE»** «DRIVING_LICENCE» · **«?VEHICLE»** «VEHICLE» · **«?PHONE»** «PHONE» · **«?VAT»** «VAT»
> «-amount» · «-date» · «-tracking» · «-version»
"""),
    ("form", """- «?NATIONAL_ID» …… «NATIONAL_ID»
- «?EMAIL» …… «EMAIL»
- «?PHONE» …… «PHONE»
- «?ADDRESS» …… «ADDRESS»
- BIC …… «BIC»
- № «-number», «-hash»
"""),
)  # fmt: skip
