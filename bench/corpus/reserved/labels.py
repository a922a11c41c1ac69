"""What forms call the types: words of the reserved part. Do not tune against them."""

from __future__ import annotations

from typing import Final

_TYPES: Final = (
    "NAME",
    "ADDRESS",
    "PHONE",
    "EMAIL",
    "DATE_OF_BIRTH",
    "CARD",
    "PASSPORT",
    "DRIVING_LICENCE",
    "HEALTH_INSURANCE",
    "VEHICLE",
)
_ROWS: Final = {
    "bg": "Имена|Адрес за кореспонденция|Мобилен телефон|E-mail адрес|Роден на|Банкова карта|Номер на паспорт|Шофьорска книжка №|Здравноосигурителен номер|Номер на рама",
    "cs": "Jméno a příjmení|Bydliště|Mobil|E-mailová adresa|Datum nar.|Platební karta|Cestovní pas č.|Řidičský průkaz č.|Zdravotní pojištění č.|Číslo karoserie",
    "da": "Fulde navn|Bopæl|Mobil|Mailadresse|Født|Betalingskort|Pas nr.|Kørekort nr.|Sundhedskort nr.|VIN-nummer",
    "de": "Vor- und Nachname|Adresse|Mobilnummer|Mailadresse|Geb.|Kartennummer|Pass-Nr.|Führerschein-Nr.|KV-Nummer|FIN",
    "el": "Όνομα και επώνυμο|Κατοικία|Κινητό|Ηλ. ταχυδρομείο|Ημ. γέννησης|Πιστωτική κάρτα|Διαβατήριο|Άδεια οδήγησης|Αρ. ασφάλισης υγείας|VIN",
    "en": "Full name|Home address|Mobile number|E-mail address|DOB|Credit card|Passport no.|Driver's licence no.|Insurance member number|Chassis number",
    "es": "Nombre y apellidos|Domicilio|Móvil|E-mail|Nacimiento|Tarjeta de crédito|Pasaporte n.º|Carnet de conducir|N.º de afiliación a la seguridad social|VIN",
    "et": "Ees- ja perekonnanimi|Elukoht|Mobiiltelefon|E-posti aadress|Sündinud|Krediitkaart|Pass nr|Juhiluba nr|Haigekassa kaart|Tehasetähis",
    "fi": "Etu- ja sukunimi|Kotiosoite|Matkapuhelin|Sähköpostiosoite|Synt.aika|Luottokortti|Passi nro|Ajokortti nro|Sairaanhoitokortti|Alustanumero",
    "fr": "Nom et prénom|Domicile|Portable|Courriel|Né(e) le|Carte bancaire|Passeport n°|Permis n°|N° d'assuré|N° VIN",
    "ga": "Ainm iomlán|Seoladh baile|Fón póca|Seoladh ríomhphoist|Dáta breithe|Cárta creidmheasa|Pas uimh.|Ceadúnas tiomána uimh.|Árachas sláinte uimh.|Uimhir VIN",
    "hr": "Ime|Prebivalište|Mobitel|E-pošta|Rođen|Kreditna kartica|Putovnica br.|Vozačka br.|Zdravstvena iskaznica|VIN oznaka",
    "hu": "Teljes név|Lakcím|Mobil|E-mail cím|Szül. dátum|Bankkártya|Útlevél szám|Vezetői engedély száma|TB szám|VIN",
    "it": "Nominativo|Residenza|Cellulare|Posta elettronica|Nato il|Carta di credito|Passaporto n.|Patente n.|Tessera sanitaria n.|Telaio",
    "lt": "Vardas ir pavardė|Gyvenamoji vieta|Mobilusis|Elektroninis paštas|Gimė|Kredito kortelė|Paso Nr.|Vairuotojo pažymėjimas Nr.|Sveikatos draudimo kortelė|Kėbulo numeris",
    "lv": "Vārds, uzvārds|Dzīvesvieta|Mobilais|Elektroniskais pasts|Dzimis|Kredītkarte|Pase Nr.|Autovadītāja apliecība Nr.|Veselības apdrošināšanas karte|Šasijas numurs",
    "mt": "Isem u kunjom|Residenza|Mobajl|Indirizz elettroniku|Twieled fi|Karta ta' kreditu|Passaport Nru|Liċenzja tas-sewqan Nru|Karta tas-saħħa|Numru tax-chassis",
    "nl": "Volledige naam|Woonadres|Mobiel|E-mailadres|Geboren|Creditcard|Paspoort nr.|Rijbewijs nr.|Polisnummer zorg|VIN",
    "pl": "Nazwisko i imię|Adres zamieszkania|Komórka|Adres e-mail|Urodzony|Karta płatnicza|Paszport nr|Prawo jazdy nr|Karta EKUZ|Numer nadwozia",
    "pt": "Nome completo|Endereço|Telemóvel|Correio eletrónico|Nascido em|Cartão de crédito|Passaporte n.º|Carta de condução|Cartão europeu de saúde|VIN",
    "ro": "Nume și prenume|Domiciliu|Mobil|Adresă e-mail|Născut la|Card bancar|Pașaport nr.|Permis auto|Card de sănătate|VIN",
    "sk": "Meno a priezvisko|Bydlisko|Mobil|E-mailová adresa|Narodený|Platobná karta|Cestovný pas č.|Vodičský preukaz č.|Zdravotné poistenie č.|Číslo karosérie",
    "sl": "Ime|Prebivališče|Mobilni telefon|Elektronska pošta|Rojen|Kreditna kartica|Potni list št.|Vozniško dovoljenje št.|Zdravstvena kartica|VIN",
    "sv": "För- och efternamn|Bostadsadress|Mobil|E-postadress|Född|Betalkort|Pass nr|Körkort nr|EU-sjukförsäkringskort|VIN",
    "nb": "Fullt navn|Bostedsadresse|Mobil|E-postadresse|Født|Betalingskort|Pass nr.|Førerkort nr.|Europeisk helsetrygdkort|VIN",
    "is": "Fullt nafn|Lögheimili|Farsími|Tölvupóstur|Fæddur|Kreditkort|Vegabréf nr.|Ökuskírteini nr.|Sjúkratryggingakort|VIN",
}  # fmt: skip
_OWN: Final = {
    # What else the countries' own numbers are called.
    "SVNR": "Sozialversicherungsnummer", "Abgabenkontonummer": "Steuernummer", "Rijksregisternummer": "Rijksregisternr.", "ЕГН": "Единен граждански номер",
    "AHV-Nummer": "AHV-Nr.", "Rodné číslo": "r.č.", "Steuer-ID": "Identifikationsnummer", "CPR-nr.": "Personnummer (CPR)",
    "Isikukood": "IK", "DNI": "Documento nacional de identidad", "Henkilötunnus": "Hetu", "N° de sécurité sociale": "NIR",
    "Numéro fiscal": "N° fiscal de référence", "National Insurance number": "NI number", "UTR": "Unique Taxpayer Reference", "ΑΦΜ": "Α.Φ.Μ.",
    "Adóazonosító jel": "Adóazonosító", "PPS number": "PPSN", "Codice fiscale": "C.F.", "Asmens kodas": "A. k.", "Matricule": "Matricule nationale",
    "Personas kods": "p.k.", "BSN": "Burgerservicenummer", "Fødselsnummer": "Personnummer", "PESEL": "Nr PESEL", "NIP": "Numer identyfikacji podatkowej",
    "NIF": "Número de contribuinte", "Cartão de Cidadão": "Cartão de cidadão n.º", "CNP": "Cod numeric personal", "Personnummer": "Pers.nr",
    "EMŠO": "Enotna matična številka občana", "SSN": "Social Security number", "Versichertennummer": "Krankenversichertennummer",
    "NHS number": "NHS no.", "TAJ szám": "TAJ", "EHIC": "European Health Insurance Card", "UID-Nummer": "UID", "USt-IdNr.": "Umsatzsteuer-ID",
    "BTW-nummer": "btw-id", "N° TVA": "TVA intracommunautaire", "Partita IVA": "P.IVA", "DIČ": "Daňové identifikační číslo", "VAT number": "VAT reg. no.",
}  # fmt: skip
LABELS: Final = {
    language: {**dict(zip(_TYPES, row.split("|"), strict=True)), **_OWN} for language, row in _ROWS.items()
}
