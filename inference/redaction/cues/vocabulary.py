"""Vocabulary: capitalised words that are no names, in the fold of `bare`. Not lists of names: those are in `gazetteer`."""

from __future__ import annotations

import unicodedata
from typing import Final

from ..shadow import cast


def _bare_byte(value: int) -> int:
    character = unicodedata.normalize("NFKD", chr(value).lower())[0]
    character = {"ß": "s", "ø": "o", "æ": "a", "ð": "d", "þ": "t"}.get(character, character)
    return ord(character) if character.isascii() and character.isalpha() else value


BARE: Final = bytes(_bare_byte(value) for value in range(256))
"""Table for `bytes.translate`: a shadow without capitals and accents, of the same length."""


def bare(text: str) -> str:
    """A piece of a shadow without capitals and accents."""
    return text.encode("latin-1").translate(BARE).decode("latin-1")


def longest_first(text: str) -> tuple[int, str]:
    """Sorts alternatives so that the longest is tried first, and alike in every process: what is compiled of them is kept."""
    return -len(text), text


def fold(phrases: str) -> list[str]:
    """Phrases as people write them, separated by ``|``, as they stand in a shadow."""
    return [cast(phrase.strip()).text for phrase in phrases.split("|")]


def word_set(words: str) -> frozenset[str]:
    """Words as people write them, separated by spaces, in the fold of `bare`."""
    return frozenset(bare(cast(word).text) for word in words.split())


NEVER: Final = word_set(
    """
    Copyright The A An This That These Those There Here It He She We You They I My Your His Her Our Their And Or But If In On
    At To For Of With From By As Is Are Was Were Be Has Have Had Do Does Did Not No Yes Please Thank Thanks When
    Where Who What Which Why How Could Would Can Shall Should Also Any Each Every Some All Both Re Subject Dear
    Hello Hi Hey Regards Sincerely Sir Madam Sirs Ladies Gentlemen Everyone Everybody Anyone Folks Guys Team
    Customer Customers Client Clients Colleague Colleagues Friend Friends Editor Editors Reader Readers Member
    Members Manager Recruiter Committee Board Support Service Services Staff Department Office Hiring Human
    Resources User Users Admin Administrator Sender Recipient Applicant Parents Students Student Sales Marketing
    Management Group World Assistant Claude Chatgpt Gpt Siri Alexa Copilot Bot Der Die Das Den Dem Des Ein Eine
    Einen Und Oder Aber Wenn Ich Du Er Sie Es Wir Ihr Ihre Ihren Ihrem Ihnen Mein Meine Dein Unser Unsere Bitte
    Danke Vielen Dank Mit Von Zum Zur Im Am Auf Aus Bei Bis Nach Seit Wegen Nicht Kein Keine Hat Ist War Wird Sind
    Haben Wie Wer Wo Wann Warum Damen Herren Herr Herrn Frau Kunde Kundin Kunden Kollege Kollegin Kollegen
    Kolleginnen Freunde Freund Mitglieder Eltern Leser Bescheid Termin Vertrag Rechnung Anfrage Antrag Mitarbeiter
    Mitarbeiterin Abteilung Kundenservice Kundendienst Buchhaltung Personalabteilung Gruppe Redaktion Geehrte
    Geehrter Liebe Lieber Alle Zusammen Welt Betreff Le La Les Un Une Et Ou Mais Je Tu Il Elle Nous Vous Ils Elles
    Mon Ma Mes Votre Vos Notre Nos Merci Avec Pour Dans Sur Monsieur Madame Messieurs Mesdames Equipe Chers Cher
    Bonjour Tous Toutes Monde Objet Cliente Los Las El Una Y Pero Yo Usted Ustedes Nosotros Mi Mis Su Sus Gracias
    Para Por Con Hola Buenos Buenas Senor Senora Senores Equipo Todos Todas Mundo Asunto Atencion Direccion Lo Gli
    Uno Io Voi Noi Lei Grazie Ciao Signore Signora Signori Tutti Tutte Mondo Oggetto Direttore Os Um Uma Eu Voce
    Obrigado Obrigada Senhor Senhora Senhores Equipa Tudo Het Een En Maar Ik Jij U Wij Zij Bedankt Heer Mevrouw
    Meneer Dames Allemaal Iedereen Wereld Klant Collega Collegas Och Jag Vi Ni Tack Alla Det Og Jeg Tak Takk Kollega
    Ja Nie Panstwo Panie Pani Pan Panowie Prosze Dziekuje Zespol Klient Kliencie Swiecie Svete Vsichni Tym European
    American African Asian Arab Pacific Arctic Atlantic International National Global Universe America Monday
    Tuesday Wednesday Thursday Friday Saturday Sunday January February March July September October November
    December Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag Januar Februar Marz Juni Juli Oktober
    Dezember Lundi Mardi Mercredi Jeudi Vendredi Samedi Dimanche Lunes Martes Miercoles Jueves Viernes Sabado
    Domingo Inc Ltd Llc Gmbh Ag Sarl Srl Spa Bv Nv Ab Oy Plc Corp Co Kg Ug Sas Sl Ok Okay Then Now Next After Before
    Since While So Such Because Although During Through Under Over About Only Even Once Mo Fr Sa Cienijamais
    Cienijama Godatais Godata Milais Mila Sveiks Sveika Labdien Kedves Tisztelt Mom Dad Mum Mama Papa Ii Iii Iv Vii
    Viii Ix Xi Xii Phd Msc Mba
    """
)
"""Words that are part of no name, whatever comes before them."""

THINGS: Final = NEVER | word_set(
    """
    Access Account Action Active Address Agent Analysis Android App Apple Application Array Article Audio Author
    Backup Bank Bar Base Batch Beta Binary Block Blog Blue Boolean Box Branch Browser Build Bus Business Button
    Cache Camera Card Center Central Centre Chapter Chart Check Chrome City Class Classic Clean Cloud Cluster Code
    College Color Column Command Company Component Conference Config Configuration Console Contact Container Content
    Control Copy Core Corporation Council Country Court Create Credit Custom Daily Dark Dashboard Data Database Date
    Debug Default Delete Deploy Design Desktop Device Digital Directory Docker Document Domain Download Driver East
    Edition Editor Element Email Engine Enterprise Entry Error Europe Event Example Exchange Express External
    Factory False Feature Field File Filter Final First Firefox Float Folder Form Format Forum Foundation Frame Free
    Full Function Game Gateway General Get Git Github Given Go Google Graph Green Grid Guide Handler Health Help
    High History Home Host Hotel House Html Http Image Import Index Info Information Input Inside Instance Institute
    Integer Integration Internal Internet Item Java Javascript Job Json Kernel Key Kit Label Language Last Layer
    Layout Legal Level Library License Light Limited Line Link Linux List Live Local Log Login Mac Machine Mail Main
    Master Maximum Media Memory Menu Message Meta Method Micro Microsoft Middle Mini Mobile Mode Model Module
    Monitor Multi Music Name Network New News Next Node North None Notes Null Number Object Old Online Open
    Operating Option Options Oracle Order Organization Output Overview Package Page Panel Parameter Park Password
    Path Payment Phone Photo Plan Platform Player Plugin Point Policy Pool Port Portal Power Press Pro Process
    Processing Product Production Profile Program Project Property Protocol Public Python Quality Query Queue Quick
    React Read Record Red Release Remote Report Request Research Reset Resource Response Restaurant Return Review
    Role Room Route Row Rule Run Sample Sans Save Scale Schedule Schema School Score Screen Script Search Second
    Section Security Select Serif Server Session Set Settings Setup Shared Shell Shop Show Simple Site Size Smart
    Social Society Software Solutions Source South Space Special Stack Standard Start State Status Step Stop Storage
    Store Stream Street String Studio Style Sub Suite Summary Super Surname Switch System Systems Tab Table Tag
    Target Task Technologies Technology Template Terminal Test Tests Text Theme Time Title Tool Tools Top Total
    Training Transfer Tree Trial True Type Ubuntu Ui Unit United University Unknown Untitled Update Upload Url
    Utility Value Variable Version Video View Virtual Visual Web Website West Widget Wifi Window Windows Wireless
    Word Work Workflow Workspace Xml Yaml Year Zone Ihnen Firma Verein Stadt Straße Datei Produkt Projekt Beispiel
    Vorname Nachname Nom Prenom Happy Sorry Sure Afraid Looking Writing Very Just Currently Still Interested Pleased
    Glad Based Good Great Best Kind Warm Yours German French Italian Spanish English Polish Dutch Swedish Danish
    Finnish Greek Irish Portuguese Romanian Czech Hungarian British York Francisco Angeles Jersey Kingdom States
    Republic Union Germany France Italy Spain Poland London Paris Berlin Hamburg Munich Madrid Barcelona Roma Rome
    Milano Wien Vienna Brussels Amsterdam Rotterdam Lisbon Lisboa Porto Prague Praha Warsaw Warszawa Budapest
    Bucharest Athens Dublin Cork Helsinki Stockholm Oslo Copenhagen Tallinn Riga Vilnius Zagreb Ljubljana
    Bratislava Luxembourg Geneva Zurich Basel Lyon Marseille Köln Frankfurt Stuttgart Düsseldorf Leipzig Dresden
    Washington Boston Chicago Texas California Deutschland Osterreich Schweiz Italia Espana Polska Nederland
    Belgique Norway Sweden Denmark Finland Austria Switzerland
    """
)
"""Words that make it a thing, a firm or a place where nothing says that a person comes."""

AMBIGUOUS: Final = THINGS | word_set(
    """
    Mark Rose May April Grant Wolf Paris Will Bill Grace Hope Faith Joy Young King Brown Green White Black Gray Grey
    Baker Cook Smith Page Price Rich Frank Jack Art Ray Dean Drew Chase Hunter Mason Carter Cooper Taylor Miller
    Parker Bush Wood Woods Stone Hill Banks Field Fields Rivers Lake Forest Bell Cross Day Knight Bishop Pope Pearl
    Ruby Amber Iris Ivy Lily Violet Daisy Dawn Eve Summer Autumn Winter Angel Christian Jordan Chelsea Brooklyn
    Georgia Virginia Florence Sydney Victoria Charlotte India Chad Israel Kent Lance Rob Sue Pat Don Gene Penny Dale
    Glen Cliff Reed Read Ward Law Long Short Small Strong Swift Sharp Wise Noble Good Love Koch Bauer Fischer Weber
    Richter Kaiser Konig Jung Klein Gross Lang Lange Kurz Braun Schwarz Weiss Roth Sommer Herbst Vogel Fuchs Stein
    Berg Bach Wald Baum Blum Schneider Schmied Muller Maler Schreiber Jager Graf Herzog Ritter Engel Teufel Sonntag
    Freitag Ernst Petit Grand Blanc Noir Leblanc Roi Rossi Bianchi Neri Verde Blanco Rey Leon Cruz Flores Rios
    Santos Silva Costa Luna Sol Marina Bogen Dag Bo Per An Lo So Si Jo Max Mia Ben Sam Lee Tim Ian Uma Eva Ida June
    August Mai Per
    """
)
"""Words that are names and something else as well: alone, they do not repeat a name."""

ROLES: Final = word_set(
    """
    info information contact kontakt mail email post office support service services help helpdesk hello hallo hi
    sales marketing team admin administrator webmaster postmaster hostmaster root abuse security noreply reply
    donotreply no nobody newsletter news press presse media jobs career careers bewerbung hr personal billing
    invoice invoices rechnung rechnungen buchhaltung accounting finance order orders bestellung shop store customer
    customers kunde kunden kundenservice client clients user users test tests demo example dev developer developers
    api bot system server alert alerts notification notifications privacy datenschutz dpo legal data protection
    compliance feedback survey events event booking reservation reservations reception empfang secretary secretariat
    sekretariat direction director management board group list lists members member membership student students
    academy school department public web www name first last surname vorname nachname someone somebody anyone person
    people me you my your the and pass non mailer daemon python github git bugs issues dist docs doc owner foo bar
    baz spam eggs account accounts subject sender recipient hotline callcenter kontor posta contacto contato
    contatti ufficio amministrazione segreteria ventas compras vendite biuro sklep obsluga klient redakcja
    """
)
"""Words of an address's local part that say what it is for and not whose it is."""
