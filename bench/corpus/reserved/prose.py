"""Letters, chats and notes of the reserved part, by language. Do not tune against them."""

from __future__ import annotations

from typing import Final

TEMPLATES: Final = {
    "de": (
        ("letter", """Guten Tag,

hiermit kündige ich, «NAME» («DATE_OF_BIRTH» geboren, wohnhaft «ADDRESS»), den Vertrag «-order» zum «-date». Erstatten Sie das Guthaben von
«-amount» Euro bitte auf mein Konto: «IBAN», «BIC». Rückfragen an «EMAIL» oder telefonisch «PHONE». Meine «?NATIONAL_ID»: «NATIONAL_ID».

Viele Grüße, «FIRST»
"""),
        ("note", """Aufnahme: Patient «NAME», geb. «DATE_OF_BIRTH», versichert unter «HEALTH_INSURANCE» («?HEALTH_INSURANCE»). Angehörige: «OTHER», Handy «PHONE».
Zahlung mit Karte «CARD». Blutdruck 128/84, Puls 72, Protokoll «-version», Beleg «-order»."""),
    ),
    "fr": (
        ("letter", """Objet : résiliation du contrat «-order»

Monsieur, je, «NAME», née le «DATE_OF_BIRTH», vous informe de mon départ au «-date». Merci de virer les «-amount» euros restants
vers «IBAN» (code BIC «BIC»). Mon nouveau domicile : «ADDRESS». Portable : «PHONE», courriel : «EMAIL».
"""),
        ("chat", """Salut ! Pour l'inscription il te faut mon n° fiscal ou de sécu : «NATIONAL_ID». CB : «CARD». Si souci, appelle le «PHONE» ou écris à «EMAIL». Réf. «-order»."""),
    ),
    "es": (
        ("letter", """A la atención de Recursos Humanos: adjunto los datos de «NAME», con NIF «NATIONAL_ID» y domicilio en «ADDRESS», nacida el
«DATE_OF_BIRTH». Cuenta para la nómina: «IBAN». Teléfono de contacto «PHONE». Expediente «-order», salario «-amount» euros."""),
        ("note", """Llamar a «NAME» al «PHONE» antes del «-date». Tarjeta «CARD», pasaporte número «PASSPORT», e-mail «EMAIL», presupuesto «-amount» €, NIF-IVA «VAT»."""),
    ),
    "it": (
        ("letter", """Oggetto: richiesta di rimborso, pratica «-order»

Il sottoscritto «NAME», nato il «DATE_OF_BIRTH», C.F. «NATIONAL_ID», residente in «ADDRESS», chiede il rimborso di «-amount» euro
sul conto corrente «IBAN». Recapiti: cell. «PHONE», e-mail «EMAIL».
"""),
        ("chat", """Buongiorno, il fornitore ha P.IVA «VAT» e paga con la carta «CARD». Il telefono è «PHONE»; il DDT è «-order» del «-date»."""),
    ),
    "nl": (
        ("letter", """Beste collega,

Wil je «NAME» inschrijven? Geboortedatum «DATE_OF_BIRTH», burgerservicenummer of rijksregisternummer «NATIONAL_ID», woont op «ADDRESS».
Salaris op rekening «IBAN». Mobiel «PHONE», e-mail «EMAIL». Dossier «-order», ingangsdatum «-date».

Groeten, «OTHER»
"""),
        ("note", """Creditcard «CARD», paspoort «PASSPORT», btw «VAT», telefoon «PHONE». Referentie «-part», bedrag «-amount»."""),
    ),
    "pl": (
        ("letter", """Dzień dobry,

proszę o zmianę danych: «NAME», PESEL lub NIP «NATIONAL_ID», data ur. «DATE_OF_BIRTH», nowy adres «ADDRESS». Rachunek: «IBAN».
Telefon kom. «PHONE», mail «EMAIL». Nr umowy «-order» z «-date».

Pozdrawiam, «FIRST»
"""),
        ("note", """Płatność kartą «CARD», kontrahent «VAT», paszport nr «PASSPORT». Zadzwonić: «PHONE». Kwota «-amount» zł, dokument «-order»."""),
    ),
    "pt": (
        ("letter", """Bom dia,

Junto envio os dados da «NAME»: data de nascimento «DATE_OF_BIRTH», contribuinte «NATIONAL_ID», morada «ADDRESS», IBAN «IBAN».
Pode ligar para «PHONE» ou responder para «EMAIL». Processo «-order», valor «-amount» €.
"""),
    ),
    "sv": (
        ("letter", """Till Skatteverket

Jag, «NAME» (personbeteckning/personnummer «NATIONAL_ID»), har flyttat till «ADDRESS» den «-date». Utbetalning till «IBAN», «BIC».
Nås på «PHONE» eller «EMAIL». Ärende «-order».
"""),
        ("note", """Kund född «DATE_OF_BIRTH», betalkort «CARD», momsnr «VAT», pass «PASSPORT», tel «PHONE», faktura «-order»."""),
    ),
    "da": (
        ("letter", """Hermed opsiges lejemålet af «NAME», cpr «NATIONAL_ID», «ADDRESS», pr. «-date». Depositum «-amount» kr. overføres til «IBAN».
Kontakt mig på «EMAIL» eller telefon «PHONE». Sag «-order»."""),
    ),
    "fi": (
        ("letter", """Hei, ohessa tiedot: «NAME», hetu «NATIONAL_ID», kotiosoite «ADDRESS», tilinumero «IBAN». Puhelinnumero «PHONE», sposti «EMAIL».
Vakuutus «-order», alkaen «-date», summa «-amount» €."""),
    ),
    "cs": (
        ("letter", """Dobrý den, jmenuji se «NAME», r. č. «NATIONAL_ID», nar. «DATE_OF_BIRTH», bydliště «ADDRESS». Peníze pošlete na «IBAN».
Mobil «PHONE», mail «EMAIL». Smlouva «-order» ze dne «-date», částka «-amount» Kč."""),
    ),
    "sk": (
        ("letter", """Dobrý deň, volám sa «NAME», rodné číslo «NATIONAL_ID», narodená «DATE_OF_BIRTH», bytom «ADDRESS». Účet «IBAN», IČ DPH «VAT».
Mobil «PHONE», mail «EMAIL». Objednávka «-order», suma «-amount» €."""),
    ),
    "sl": (
        ("letter", """Pozdravljeni, sem «NAME», EMŠO «NATIONAL_ID», rojen «DATE_OF_BIRTH», stanujem na naslovu «ADDRESS». Račun «IBAN».
Mobilni «PHONE», e-naslov «EMAIL». Naročilo «-order» z dne «-date»."""),
    ),
    "el": (
        ("letter", """Καλημέρα σας, ονομάζομαι «NAME», «?NATIONAL_ID»: «NATIONAL_ID», γεννήθηκα στις «DATE_OF_BIRTH», διαμένω στη διεύθυνση «ADDRESS».
Λογαριασμός «IBAN». Κινητό «PHONE», email «EMAIL». Αρ. φακέλου «-order», ποσό «-amount» €."""),
    ),
    "bg": (
        ("letter", """Здравейте, казвам се «NAME», с единен граждански номер «NATIONAL_ID», родена на «DATE_OF_BIRTH», живея на «ADDRESS».
Банкова сметка «IBAN». Мобилен «PHONE», поща «EMAIL». Договор «-order» от «-date», сума «-amount» лв."""),
    ),
    "ro": (
        ("letter", """Bună ziua, mă numesc «NAME», cod numeric personal «NATIONAL_ID», născută pe «DATE_OF_BIRTH», locuiesc în «ADDRESS».
Cont «IBAN». Mobil «PHONE», mail «EMAIL». Dosar «-order» din «-date», suma «-amount» lei."""),
    ),
    "hu": (
        ("letter", """Jó napot, a nevem «NAME», adóazonosítóm «NATIONAL_ID», születtem «DATE_OF_BIRTH», lakcímem «ADDRESS», TAJ számom «HEALTH_INSURANCE».
Bankszámla «IBAN». Mobilszám «PHONE», e-mail «EMAIL». Ügyszám «-order», összeg «-amount» Ft."""),
    ),
    "en": (
        ("letter", """To whom it may concern,

I am «NAME», born «DATE_OF_BIRTH», living at «ADDRESS», and I want to close contract «-order» as of «-date». Please pay the balance of
«-amount» into «IBAN», BIC «BIC». My «?NATIONAL_ID» is «NATIONAL_ID». Phone me on «PHONE» or email «EMAIL».
"""),
        ("note", """Visitor badge for «OTHER», passport «PASSPORT», driving licence «DRIVING_LICENCE», car VIN «VEHICLE», card «CARD», mobile «PHONE».
Laptop MAC «MAC», last IP «IP», build «-version», asset tag «-part», receipt «-order»."""),
    ),
}  # fmt: skip
"""By language; each template is ``(kind, text)``."""
