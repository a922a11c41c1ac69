"""Letters, chats and tickets, by language."""

from __future__ import annotations

from typing import Final

TEMPLATES: Final = {
    "de": (
        ("letter", """Sehr geehrte Frau «LAST»,

vielen Dank für Ihr Schreiben vom «-date». Bitte überweisen Sie den Betrag von «-amount» EUR bis zum «-date» auf unser Konto
«IBAN» (BIC «BIC») unter Angabe der Rechnungsnummer «-order». Ihre Steuernummer laut Akte: «?NATIONAL_ID» «NATIONAL_ID».
Bei Fragen erreichen Sie uns unter «PHONE» oder «EMAIL».

Mit freundlichen Grüßen
«OTHER»
«ADDRESS»
"""),
        ("chat", """Hi, ich bin's, «NAME», geboren am «DATE_OF_BIRTH». Kannst du mich unter «PHONE» zurückrufen? Die Bestellung «-order»
ist immer noch nicht da, Sendung «-tracking». Meine Karte ist die «CARD», das Geld bitte auf «IBAN». Danke!"""),
        ("ticket", """Ticket #«-number» (Version «-version»): Kunde meldet Fehler nach Update am «-moment». USt-IdNr. des Kunden: «VAT».
Rückruf unter «PHONE», E-Mail «EMAIL». Krankenversicherung «HEALTH_INSURANCE», Reisepass «PASSPORT». Log-Hash «-hash»."""),
    ),
    "fr": (
        ("letter", """Madame, Monsieur,

Je soussigné «NAME», né le «DATE_OF_BIRTH», demeurant «ADDRESS», vous demande de bien vouloir rembourser la somme de «-amount» €
relative à la commande «-order» du «-date» sur mon compte «IBAN» (BIC : «BIC»). Vous pouvez me joindre au «PHONE».

Cordialement,
«NAME»
"""),
        ("chat", """Bonjour, mon «?NATIONAL_ID» est le «NATIONAL_ID» et mon mail «EMAIL». J'ai payé «-amount» euros avec la carte «CARD»
le «-date», facture «-order». Rappelez-moi au «PHONE» svp, après 18h30."""),
        ("ticket", """Incident «-order» ouvert le «-moment» : version «-version», «?VAT» «VAT». Contact : «EMAIL», tél. «PHONE».
Passeport n° «PASSPORT», réf. «-part», colis «-tracking»."""),
    ),
    "es": (
        ("letter", """Estimado señor «LAST»:

Le confirmamos el pedido «-order» por importe de «-amount» euros, con fecha «-date». Para la devolución necesitamos su IBAN; el que
consta es «IBAN» y su DNI «NATIONAL_ID», nacido el «DATE_OF_BIRTH». Puede llamarnos al «PHONE» o escribir a «EMAIL».

Atentamente,
«OTHER»
"""),
        ("chat", """Hola, soy «NAME», mi móvil es «PHONE» y mi tarjeta «CARD». El paquete «-tracking» no ha llegado a «ADDRESS»."""),
        ("ticket", """Incidencia «-number»: el cliente con CIF «VAT» indica error en la versión «-version». Pasaporte «PASSPORT». Correo «EMAIL»."""),
    ),
    "it": (
        ("letter", """Gentile Signora «LAST»,

in riferimento alla fattura n. «-order» del «-date» di «-amount» euro, La preghiamo di versare l'importo sul conto «IBAN», BIC «BIC».
Il Suo codice fiscale risulta «NATIONAL_ID», nata il «DATE_OF_BIRTH». Per informazioni: tel. «PHONE», «EMAIL».

Cordiali saluti
«OTHER»
"""),
        ("chat", """Ciao, sono «NAME», abito in «ADDRESS». Il mio cellulare è «PHONE», ho pagato con la carta «CARD» l'ordine «-order»."""),
        ("ticket", """Segnalazione «-number» del «-moment»: cliente con partita IVA «VAT», passaporto «PASSPORT», patente «DRIVING_LICENCE»."""),
    ),
    "nl": (
        ("letter", """Geachte heer «LAST»,

Uw factuur «-order» van «-date» ter hoogte van «-amount» euro is niet betaald. Maak het bedrag over naar «IBAN» (BIC «BIC»).
In ons systeem staat «?NATIONAL_ID» «NATIONAL_ID», geboren op «DATE_OF_BIRTH». Bel ons op «PHONE» of mail «EMAIL».

Met vriendelijke groet,
«OTHER»
"""),
        ("chat", """Hoi, met «NAME»! Bel me op «PHONE», mijn pas is «CARD». Pakket «-tracking» moet naar «ADDRESS», bestelling «-order»."""),
        ("ticket", """Melding «-number»: versie «-version», btw-nummer «VAT», rijbewijsnummer «DRIVING_LICENCE», paspoortnummer «PASSPORT»."""),
    ),
    "pl": (
        ("letter", """Szanowny Panie «LAST»,

dziękujemy za zamówienie «-order» z dnia «-date» na kwotę «-amount» zł. Zwrot prześlemy na konto «IBAN» (BIC «BIC»).
W umowie podano «?NATIONAL_ID» «NATIONAL_ID», ur. «DATE_OF_BIRTH», zam. «ADDRESS». Kontakt: «PHONE», «EMAIL».

Z poważaniem
«OTHER»
"""),
        ("chat", """Cześć, tu «NAME», mój numer to «PHONE», karta «CARD». Paczka «-tracking» nie doszła, faktura «-order»."""),
        ("ticket", """Zgłoszenie «-number» («-moment»): NIP UE «VAT», paszport «PASSPORT», wersja «-version», skrót «-hash»."""),
    ),
    "pt": (
        ("letter", """Exmo. Senhor «LAST»,

Confirmamos a encomenda «-order» de «-date», no valor de «-amount» euros. O reembolso será feito para «IBAN», BIC «BIC».
Consta no processo o «?NATIONAL_ID» «NATIONAL_ID», nascido a «DATE_OF_BIRTH». Contacte-nos: «PHONE» ou «EMAIL».

Com os melhores cumprimentos,
«OTHER»
"""),
        ("chat", """Olá, sou a «NAME», o meu telemóvel é «PHONE» e o cartão «CARD». Moro em «ADDRESS», encomenda «-order»."""),
    ),
    "sv": (
        ("letter", """Hej «FIRST»,

Tack för din beställning «-order» den «-date» på «-amount» kr. Återbetalning sker till «IBAN» (BIC «BIC»).
Vi har noterat personnummer «NATIONAL_ID» och adress «ADDRESS». Ring «PHONE» eller skriv till «EMAIL».

Med vänlig hälsning
«OTHER»
"""),
        ("chat", """Hej, jag heter «NAME», född «DATE_OF_BIRTH». Mobil «PHONE», kort «CARD». Paket «-tracking» saknas."""),
    ),
    "da": (
        ("letter", """Kære «NAME»

Din ordre «-order» af «-date» på «-amount» kr. er afsendt med «-tracking». Beløbet trækkes fra konto «IBAN».
Vi har registreret CPR-nr. «NATIONAL_ID» og adressen «ADDRESS». Ring på tlf. «PHONE» eller skriv til «EMAIL».

Venlig hilsen
«OTHER»
"""),
        ("chat", """Hej, det er «NAME», født den «DATE_OF_BIRTH». Kortet er «CARD», pas nr. «PASSPORT», CVR/SE-nr. «VAT»."""),
    ),
    "fi": (
        ("letter", """Hyvä «NAME»,

Tilauksenne «-order» («-date», «-amount» euroa) on lähetetty. Hyvitys maksetaan tilille «IBAN», BIC «BIC».
Henkilötunnuksenne on «NATIONAL_ID» ja osoitteenne «ADDRESS». Soittakaa: puh. «PHONE», sähköposti «EMAIL».

Ystävällisin terveisin
«OTHER»
"""),
        ("chat", """Moi, olen «NAME», syntynyt «DATE_OF_BIRTH». Kortti «CARD», passi «PASSPORT», lähetys «-tracking»."""),
    ),
    "cs": (
        ("letter", """Vážený pane «LAST»,

potvrzujeme objednávku «-order» ze dne «-date» za «-amount» Kč. Částku vrátíme na účet «IBAN» (BIC «BIC»).
Evidujeme rodné číslo «NATIONAL_ID», narozen «DATE_OF_BIRTH», bytem «ADDRESS». Kontakt: tel. «PHONE», e-mail «EMAIL».

S pozdravem
«OTHER»
"""),
        ("chat", """Ahoj, tady «NAME», moje číslo je «PHONE», karta «CARD», DIČ «VAT». Balík «-tracking» nedorazil."""),
    ),
    "el": (
        ("letter", """Αξιότιμε κύριε «LAST»,

Η παραγγελία «-order» της «-date» ύψους «-amount» ευρώ εστάλη. Η επιστροφή θα γίνει στον λογαριασμό «IBAN» (BIC «BIC»).
Στα αρχεία μας: «?NATIONAL_ID» «NATIONAL_ID», ημερομηνία γέννησης «DATE_OF_BIRTH». Καλέστε στο τηλ. «PHONE» ή γράψτε στο «EMAIL».

Με εκτίμηση
«OTHER»
"""),
        ("chat", """Γεια σας, είμαι ο «NAME», κινητό «PHONE», κάρτα «CARD», διαβατήριο «PASSPORT», δέμα «-tracking»."""),
    ),
    "bg": (
        ("letter", """Уважаеми господин «LAST»,

Поръчка «-order» от «-date» на стойност «-amount» лв. е изпратена. Сумата ще върнем по сметка «IBAN» (BIC «BIC»).
При нас сте с ЕГН «NATIONAL_ID», роден на «DATE_OF_BIRTH», адрес «ADDRESS». Телефон «PHONE», имейл «EMAIL».

С уважение
«OTHER»
"""),
        ("chat", """Здравейте, аз съм «NAME», моят телефон е «PHONE», картата е «CARD», ДДС номер «VAT», пратка «-tracking»."""),
    ),
    "ro": (
        ("letter", """Stimate domnule «LAST»,

Comanda «-order» din «-date» în valoare de «-amount» lei a fost expediată. Suma va fi returnată în contul «IBAN» (BIC «BIC»).
Aveți înregistrat CNP «NATIONAL_ID», născut la «DATE_OF_BIRTH», domiciliat în «ADDRESS». Telefon «PHONE», e-mail «EMAIL».

Cu stimă,
«OTHER»
"""),
        ("chat", """Bună, sunt «NAME», numărul meu e «PHONE», cardul «CARD», pașaport «PASSPORT», colet «-tracking»."""),
    ),
    "hu": (
        ("letter", """Tisztelt «NAME»!

A(z) «-order» számú, «-date» napján kelt, «-amount» Ft értékű rendelését feladtuk. A visszatérítést a(z) «IBAN» számlára utaljuk.
Nyilvántartásunkban: adóazonosító jel «NATIONAL_ID», született «DATE_OF_BIRTH», lakcím «ADDRESS». Telefon: «PHONE», e-mail: «EMAIL».

Üdvözlettel
«OTHER»
"""),
    ),
    "hr": (
        ("letter", """Poštovani gospodine «LAST»,

Narudžba «-order» od «-date» u iznosu «-amount» eura je poslana. Povrat ćemo uplatiti na «IBAN» (BIC «BIC»).
Vaš OIB je «NATIONAL_ID», datum rođenja «DATE_OF_BIRTH», adresa «ADDRESS». Nazovite «PHONE» ili pišite na «EMAIL».

Srdačan pozdrav
«OTHER»
"""),
    ),
    "en": (
        ("letter", """Dear Ms «LAST»,

Thank you for your letter of «-date» about order «-order». We will refund «-amount» pounds to «IBAN» (SWIFT «BIC»).
Our records show «?NATIONAL_ID» «NATIONAL_ID», born on «DATE_OF_BIRTH», of «ADDRESS». Call us on «PHONE» or write to «EMAIL».

Yours sincerely,
«OTHER»
"""),
        ("chat", """Hey, this is «NAME». My card is «CARD», cell «PHONE», passport number «PASSPORT». Parcel «-tracking» never came, order «-order»."""),
        ("ticket", """Ticket «-number» opened «-moment»: app «-version» crashes, device «MAC» at «IP». Customer VAT number «VAT», «?HEALTH_INSURANCE» «HEALTH_INSURANCE».
Driver's license «DRIVING_LICENCE», VIN «VEHICLE», last seen at «LOCATION». Core dump «-hash»."""),
    ),
}  # fmt: skip
"""By language; each template is ``(kind, text)``."""
