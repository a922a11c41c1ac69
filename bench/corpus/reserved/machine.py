"""What programs write, in the reserved part. Do not tune against it."""

from __future__ import annotations

from typing import Final

TEMPLATES: Final = (
    ("yaml", """applicant:
  full_name: «NAME»
  date-of-birth: «DATE_OF_BIRTH»
  mobile: "«PHONE»"
  contact_email: «EMAIL»
  national_id: "«NATIONAL_ID»"
  bank:
    account: «IBAN»
    swift: «BIC»
application: {number: «-order», received: «-moment», checksum: «-hash», weight: «-decimal»}
"""),
    ("xml", """<Party><Name>«NAME»</Name><TaxNumber>«VAT»</TaxNumber><Phone>«PHONE»</Phone><Mail>«EMAIL»</Mail>
<Payment iban="«IBAN»" bic="«BIC»" amount="«-amount»"/><Doc type="passport" no="«PASSPORT»"/><Ref>«-uuid»</Ref></Party>
"""),
    ("query", """POST /checkout?cart=«-uuid»&qty=«-number» form: card_number=«CARD»&holder=«NAME»&tel=«PHONE»&email=«EMAIL»&dob=«DATE_OF_BIRTH»
Set-Cookie: session=«-hash»; remote_addr=«IP»; geo=«LOCATION»
"""),
    ("csv", """"passport_number","birth_date","vin","mac_address","ip_address","batch"
"«PASSPORT»","«DATE_OF_BIRTH»","«VEHICLE»","«MAC»","«IP»","«-order»"
"«PASSPORT»","«DATE_OF_BIRTH»","«VEHICLE»","«MAC»","«IP»","«-order»"
"""),
    ("log", """[«-moment»] sshd[«-number»]: Accepted publickey for deploy from «IP» port 50022 ssh2
[«-moment»] radius: station «MAC» joined, lease «IP», session «-commit»
[«-moment»] mailer: queued message to <«EMAIL»> id=«-identifier» size=«-number»
[«-moment»] worker: retry amqp://«USERINFO»@broker.internal:5671/%2f in «-decimal» s
"""),
    ("shell", """$ curl -H "X-Api-Key: «TOKEN»" https://«USERINFO»@artifacts.example.org/repo/«-version»/pkg.tar.gz
$ export SECRET_KEY="«OPAQUE»"; pg_dump "mongodb://«USERINFO»@mongo.example/«-identifier»"
$ sha256sum pkg.tar.gz
«-hash»  pkg.tar.gz
"""),
    ("code", """const config = {
  apiKey: '«TOKEN»',
  password: '«PASSWORD»',
  clientSecret: "«OPAQUE»",
  retries: «-number»,
  build: '«-commit»',
};
const ratio = «-decimal» / «-decimal»; // «-formula»
"""),
    ("code", """cat > id_rsa <<KEY
«PEM»
KEY
git checkout «-commit» && make VERSION=«-build»
"""),
    ("headers", """Reply-To: "«NAME»" <«EMAIL»>
Cc: «EMAIL»
X-Originating-IP: [«IP»]
X-Entity-Ref: «-uuid»
Date: Tue, 14 May 2024 10:11:12 +0200
"""),
    ("chain", """Donations: «CRYPTO» or «CRYPTO». Block «-number», tx «-hash», fee «-decimal», gas «-number».
The van with chassis number «VEHICLE» was parked at «LOCATION» at «-moment»; mileage «-number» km.
"""),
)  # fmt: skip
