"""Forms: labels and values, in whatever language the labels are."""

from __future__ import annotations

from typing import Final

TEMPLATES: Final = (
    ("form", """«?NAME»: «NAME»
«?DATE_OF_BIRTH»: «DATE_OF_BIRTH»
«?ADDRESS»: «ADDRESS»
«?PHONE»: «PHONE»
«?EMAIL»: «EMAIL»
«?NATIONAL_ID»: «NATIONAL_ID»
«?PASSPORT»: «PASSPORT»
"""),
    ("form", """IBAN: «IBAN»
BIC/SWIFT: «BIC»
«?CARD»: «CARD»
«?VAT»: «VAT»
«?NATIONAL_ID» «NATIONAL_ID»
# «-order», «-date», «-amount»
"""),
    ("form", """| «?NAME» | «?PHONE» | IBAN | «?DATE_OF_BIRTH» |
|---|---|---|---|
| «NAME» | «PHONE» | «IBAN» | «DATE_OF_BIRTH» |
| «OTHER» | «PHONE» | «IBAN» | «DATE_OF_BIRTH» |
"""),
    ("form", """«?PASSPORT»\t«PASSPORT»
«?DRIVING_LICENCE»\t«DRIVING_LICENCE»
«?HEALTH_INSURANCE»\t«HEALTH_INSURANCE»
«?VEHICLE»\t«VEHICLE»
«?DATE_OF_BIRTH»\t«DATE_OF_BIRTH»
«-part»\t«-number»\t«-version»
"""),
    ("form", """1. «?NATIONAL_ID»: «NATIONAL_ID»; «?HEALTH_INSURANCE»: «HEALTH_INSURANCE»
2. «?PHONE»: «PHONE» / «PHONE»; «?EMAIL»: «EMAIL»
3. IBAN «IBAN» (BIC «BIC»), «?VAT» «VAT»
4. «?ADDRESS»: «ADDRESS» («-moment», «-order»)
"""),
)  # fmt: skip
