"""Words for passports, identity cards and other travel documents."""

from __future__ import annotations

from typing import Final

from . import Table, words_of

TABLE: Final[Table] = {
    "bg": "паспорт*; лична карта; личната карта; лк номер; документ за самоличност",
    "cs": "cestovní pas; cestovního pasu; číslo pasu; č pasu; občanský průkaz; občanského průkazu; občank*; číslo op",
    "da": "pas nr; pas nummer; pasnr*; pasnummer*; mit pas; rejsepas*; rejsedokument*; legitimationskort*",
    "de": "reisepass*; reisepäss*; reisepaß*; personalausweis*; ausweis*; pass nr; pass nummer; passnr*; passnummer*; mein pass; "
    "meinen pass; meines passes; identitätskarte*; kinderreisepass*; perso nr",
    "el": "διαβατηρι*; ταυτοτητ*; αδτ; α δ τ",
    "en": "passport*; identity card*; id card*; identification card*; identity document*; travel document*; id document*",
    "es": "pasaporte*; documento de identidad; carné de identidad; carnet de identidad; número de soporte; num soporte; "
    "soporte del dni; soporte dni; idesp",
    "et": "passi number*; passi nr; passinumb*; pass nr; minu pass; reisidokument*; id kaart; id kaardi; isikutunnistus*",
    "fi": "passi; passin; passini; passinumero*; passinro; henkilökort*; matkustusasiakirj*",
    "fr": "passeport*; carte d identité; carte nationale d identité; carte identité; cni; pièce d identité; titre de séjour",
    "ga": "uimhir phas; uimhir an phas; mo phas; cárta aitheantais; doiciméad taistil; pas éireannach",
    "hr": "putovnic*; osobna iskaznica; osobne iskaznice; osobnu iskaznicu; osobnoj iskaznici",
    "hu": "útlev*; személyi igazolvány*; személyazonosító igazolvány*; szem ig*; személyi szám; okmányazonosító*",
    "it": "passaport*; carta d identità; carta di identità; carta identità; documento d identità; documento di identità; cie",
    "lt": "pasas; paso nr; paso numer*; tapatybės kortel*; kelionės dokument*; mano pasas",
    "lv": "pase nr; pases nr; pases numur*; mana pase; personas apliec*; identitātes kart*; ceļošanas dokument*; id karte*",
    "mt": "passaport*; karta tal identità; tal identità; dokument tal ivvjaġġar",
    "nl": "paspoort*; identiteitskaart*; identiteitsbewijs*; id kaart; idkaart; reisdocument*",
    "pl": "paszport*; dowód osobisty; dowodu osobistego; dowodem osobistym; nr dowodu; numer dowodu; dowód tożsamości; "
    "dowodu tożsamości; seria i nr dowodu",
    "pt": "passaporte*; bilhete de identidade; cartão de cidadão; cartão do cidadão; documento de identificação; "
    "documento de identidade",
    "ro": "pașaport*; carte de identitate; cărții de identitate; cartea de identitate; carte identitate; buletin*; "
    "seria ci; ci seria",
    "sk": "cestovný pas; cestovného pasu; číslo pasu; občiansky preukaz; občianskeho preukazu; číslo op",
    "sl": "potni list; potnega lista; osebna izkaznica; osebne izkaznice; osebno izkaznico",
    "sv": "passnummer*; passnr*; pass nr; mitt pass; id kort; idkort*; id kortet; nationellt id kort*; identitetskort*; "
    "resehandling*",
    "no": "passnummer*; passnr*; pass nr; mitt pass; passet mitt; id kort; idkort*; nasjonalt id kort*; reisedokument*",
    "is": "vegabréf*; nafnskírtein*; persónuskilrík*",
}
PASSPORT: Final = words_of(TABLE)
