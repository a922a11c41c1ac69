"""What a form calls each type, in the 24 official languages of the EU, Norwegian and Icelandic."""

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
    "bg": "Име|Адрес|Телефон|Имейл|Дата на раждане|Номер на карта|Паспорт №|Свидетелство за управление №|Здравна осигуровка №|VIN номер",
    "cs": "Jméno|Adresa|Telefon|E-mail|Datum narození|Číslo karty|Číslo pasu|Číslo řidičského průkazu|Číslo pojištěnce|VIN",
    "da": "Navn|Adresse|Telefon|E-mail|Fødselsdato|Kortnummer|Pasnummer|Kørekortnummer|Sygesikringsnummer|Stelnummer",
    "de": "Name|Anschrift|Telefon|E-Mail|Geburtsdatum|Kreditkarte|Reisepassnummer|Führerscheinnummer|Krankenversicherungsnummer|Fahrgestellnummer",
    "el": "Ονοματεπώνυμο|Διεύθυνση|Τηλέφωνο|Email|Ημερομηνία γέννησης|Αριθμός κάρτας|Αριθμός διαβατηρίου|Αριθμός διπλώματος οδήγησης|ΑΜΑ ασφάλισης|Αριθμός πλαισίου",
    "en": "Name|Address|Phone|Email|Date of birth|Card number|Passport number|Driving licence number|Health insurance number|VIN",
    "es": "Nombre|Dirección|Teléfono|Correo electrónico|Fecha de nacimiento|Número de tarjeta|Número de pasaporte|Permiso de conducir|Tarjeta sanitaria|Número de bastidor",
    "et": "Nimi|Aadress|Telefon|E-post|Sünniaeg|Kaardi number|Passi number|Juhiloa number|Ravikindlustuse number|VIN-kood",
    "fi": "Nimi|Osoite|Puhelin|Sähköposti|Syntymäaika|Kortin numero|Passin numero|Ajokortin numero|Sairausvakuutusnumero|Valmistenumero",
    "fr": "Nom|Adresse|Téléphone|E-mail|Date de naissance|Numéro de carte|Numéro de passeport|Numéro de permis de conduire|Numéro d'assurance maladie|Numéro de châssis",
    "ga": "Ainm|Seoladh|Fón|Ríomhphost|Dáta breithe|Uimhir chárta|Uimhir phas|Uimhir cheadúnas tiomána|Uimhir árachas sláinte|VIN",
    "hr": "Ime i prezime|Adresa|Telefon|E-mail|Datum rođenja|Broj kartice|Broj putovnice|Broj vozačke dozvole|Broj zdravstvenog osiguranja|Broj šasije",
    "hu": "Név|Cím|Telefon|E-mail|Születési dátum|Kártyaszám|Útlevélszám|Jogosítvány száma|TAJ szám|Alvázszám",
    "it": "Nome e cognome|Indirizzo|Telefono|E-mail|Data di nascita|Numero di carta|Numero di passaporto|Numero di patente|Tessera sanitaria|Numero di telaio",
    "lt": "Vardas|Adresas|Telefonas|El. paštas|Gimimo data|Kortelės numeris|Paso numeris|Vairuotojo pažymėjimo numeris|Sveikatos draudimo numeris|VIN kodas",
    "lv": "Vārds|Adrese|Tālrunis|E-pasts|Dzimšanas datums|Kartes numurs|Pases numurs|Vadītāja apliecības numurs|Veselības apdrošināšanas numurs|VIN numurs",
    "mt": "Isem|Indirizz|Telefown|Email|Data tat-twelid|Numru tal-karta|Numru tal-passaport|Numru tal-liċenzja tas-sewqan|Numru tal-assigurazzjoni tas-saħħa|VIN",
    "nl": "Naam|Adres|Telefoon|E-mail|Geboortedatum|Kaartnummer|Paspoortnummer|Rijbewijsnummer|Zorgverzekeringsnummer|Chassisnummer",
    "pl": "Imię i nazwisko|Adres|Telefon|E-mail|Data urodzenia|Numer karty|Numer paszportu|Numer prawa jazdy|Numer ubezpieczenia zdrowotnego|Numer VIN",
    "pt": "Nome|Morada|Telefone|E-mail|Data de nascimento|Número do cartão|Número do passaporte|Carta de condução n.º|Número de utente|Número de chassis",
    "ro": "Nume|Adresă|Telefon|E-mail|Data nașterii|Număr card|Număr pașaport|Permis de conducere nr.|Număr asigurare de sănătate|Serie șasiu",
    "sk": "Meno|Adresa|Telefón|E-mail|Dátum narodenia|Číslo karty|Číslo pasu|Číslo vodičského preukazu|Číslo poistenca|VIN",
    "sl": "Ime in priimek|Naslov|Telefon|E-pošta|Datum rojstva|Številka kartice|Številka potnega lista|Številka vozniškega dovoljenja|Številka zdravstvenega zavarovanja|Številka šasije",
    "sv": "Namn|Adress|Telefon|E-post|Födelsedatum|Kortnummer|Passnummer|Körkortsnummer|Sjukförsäkringsnummer|Chassinummer",
    "nb": "Navn|Adresse|Telefon|E-post|Fødselsdato|Kortnummer|Passnummer|Førerkortnummer|Helsetrygdkort|Understellsnummer",
    "is": "Nafn|Heimilisfang|Sími|Netfang|Fæðingardagur|Kortanúmer|Vegabréfsnúmer|Ökuskírteinisnúmer|Sjúkratryggingaskírteini|Verksmiðjunúmer",
}  # fmt: skip
LABELS: Final = {language: dict(zip(_TYPES, row.split("|"), strict=True)) for language, row in _ROWS.items()}
