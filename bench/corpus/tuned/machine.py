"""What programs write: JSON, CSV, logs, headers, configuration, code. Keys are English or German, as they are in practice."""

from __future__ import annotations

from typing import Final

TEMPLATES: Final = (
    ("json", """{"customer": {"id": «-number», "firstName": "«FIRST»", "lastName": "«LAST»", "email": "«EMAIL»", "phone": "«PHONE»",
  "birthDate": "«DATE_OF_BIRTH»", "iban": "«IBAN»", "bic": "«BIC»", "taxId": "«NATIONAL_ID»", "vatNumber": "«VAT»"},
 "order": {"id": "«-uuid»", "number": "«-order»", "total": "«-amount»", "createdAt": "«-moment»", "sku": "«-part»", "ean": "«-ean»"}}"""),
    ("json", """{"kunde":{"name":"«NAME»","anschrift":"«ADDRESS»","geburtsdatum":"«DATE_OF_BIRTH»","telefon":"«PHONE»","reisepass":"«PASSPORT»"},
"sendung":"«-tracking»","pruefsumme":"«-hash»","version":"«-version»"}"""),
    ("json", """[{"ts":"«-moment»","client_ip":"«IP»","mac":"«MAC»","user":"«EMAIL»","trace_id":"«-hash»","latency_ms":«-decimal»},
{"ts":"«-moment»","client_ip":"«IP»","position":"«LOCATION»","span_id":"«-commit»","version":"«-build»"}]"""),
    ("csv", """id;name;email;phone;iban;vat;created
«-number»;«NAME»;«EMAIL»;«PHONE»;«IBAN»;«VAT»;«-date»
«-number»;«OTHER»;«EMAIL»;«PHONE»;«IBAN»;«VAT»;«-date»
"""),
    ("csv", """order_id,sku,quantity,amount,tracking,sha,card_number,date_of_birth
«-order»,«-part»,3,«-number»,«-tracking»,«-commit»,«CARD»,«DATE_OF_BIRTH»
«-order»,«-part»,1,«-number»,«-tracking»,«-commit»,«CARD»,«DATE_OF_BIRTH»
"""),
    ("log", """«-moment» INFO  [worker-3] request «-uuid» from «IP» took «-decimal» ms
«-moment» WARN  [auth] login failed for «EMAIL» from «IP» (attempt 3)
«-moment» DEBUG [cache] key «-hash» version «-version» evicted after «-number» hits
«-moment» ERROR [db] could not connect to postgresql://«USERINFO»@db.internal:5432/app: timeout after 30000 ms
"""),
    ("log", """«IP» - - [«-moment»] "GET /api/v2/items/«-number»?page=2 HTTP/1.1" 200 «-number» "-" "Mozilla/5.0 (X11; Linux x86_64) Chrome/121.0.0.0"
dhcpd: DHCPACK on «IP» to «MAC» via eth0
kernel: [«-decimal»] usb 1-1: new device, idVendor=046d, idProduct=c52b, bcdDevice=12.11
"""),
    ("headers", """From: «NAME» <«EMAIL»>
To: «OTHER» <«EMAIL»>
Subject: Order «-order» shipped
Message-Ref: «-hash»
Received: from mx.example ([«IP»]) by relay; «-moment»
X-Mailer: Evolution/«-build»

"""),
    ("env", """DEBUG=false
RELEASE=«-version»
GIT_SHA=«-hash»
DATABASE_URL=mysql://«USERINFO»@db.example:3306/shop
API_TOKEN=«TOKEN»
CLIENT_SECRET=«OPAQUE»
DB_PASSWORD=«PASSWORD»
BUILD_ID=«-uuid»
"""),
    ("code", """import requests

TIMEOUT = 30  # seconds
CHECKSUM = "«-hash»"
client = connect("https://«USERINFO»@api.example.net/v1")
headers = {"Authorization": "Bearer «TOKEN»", "X-Request-Id": "«-uuid»"}
assert compute(«-number», «-number») == «-number»  # «-formula»
matrix = [[«-number», «-decimal»], [«-decimal», «-number»]]
"""),
    ("code", """-----
ssh_key: |
«PEM»
fingerprint: «-hash»
version: «-version»
"""),
    ("sql", """INSERT INTO persons (ssn, vin, passport_no, wallet) VALUES ('«NATIONAL_ID»', '«VEHICLE»', '«PASSPORT»', '«CRYPTO»');
UPDATE stock SET amount = «-number», ean = '«-ean»', updated = '«-moment»' WHERE part = '«-part»' AND batch = '«-order»';
"""),
    ("mail", """Payment of «-amount» to wallet «CRYPTO» received. Transaction «-hash». Card «CARD» was not charged.
Parcel «-tracking» left the depot at «LOCATION» on «-moment».
"""),
)  # fmt: skip
