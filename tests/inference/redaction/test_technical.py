from __future__ import annotations

import base64

import pytest

from inference.redaction import Redactor

REDACTOR = Redactor()
A40 = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0"
HEX = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
STORAGE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
PGP = (
    "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v1.4.9 (MingW32)\n\nlQOYBE\nabcd==\n=XyZ1\n"
    "-----END PGP PRIVATE KEY BLOCK-----"
)
PUTTY = f"PuTTY-User-Key-File-2: ssh-rsa\nEncryption: none\nPrivate-Lines: 1\nAAAA\nPrivate-MAC: {'0a' * 20}"
PEM_IN_BASE64 = base64.b64encode(b"-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAxyz\n" * 3).decode()


def found(text: str) -> list[tuple[str, str]]:
    return [(finding.type, text[finding.start : finding.end]) for finding in REDACTOR.find(text)]


@pytest.mark.parametrize(
    ("kind", "value", "template"),
    [
        ("BIC", "COBADEFFXXX", "BIC: {}"),
        ("BIC", "DEUTDEFF", "BIC {}"),
        ("BIC", "INGBNL2A", "SWIFT-Code: {}"),
        ("BIC", "BNPAFRPP", "Le code BIC est {}."),
        ("BIC", "deutdeff500", "bic: {}"),
        ("BIC", "DEUT DE FF 500", "BIC: {}"),
        ("BIC", "MARKDEF1100", '{{"bic": "{}"}}'),
        ("BIC", "GENODEF1S02", "swift={}"),
        ("BIC", "RZBAATWW", "an {} überweisen"),
        ("BIC", "CUSTDEFFXXX", "{} is ours"),
        ("BIC", "ＤＥＵＴＤＥＦＦ", "BIC {}"),
        ("MAC", "00:1A:2B:3C:4D:5E", "{}"),
        ("MAC", "00-1a-2b-3c-4d-5e", "mac {}"),
        ("MAC", "001a.2b3c.4d5e", "arp {} dynamic"),
        ("MAC", "00:1A:2B:FF:FE:3C:4D:5E", "EUI {}"),
        ("MAC", "001A2B3C4D5E", "MAC address: {}"),
        ("MAC", "00:11:22:33:44:55", "ether {} brd"),
        ("MAC", "12-34-56-78-90-12", "MAC-Adresse {}"),
        ("URL_CREDENTIALS", "admin:hunter2", "postgres://{}@db.example.com:5432/app"),
        ("URL_CREDENTIALS", "user:p%40ss@w0rd", "https://{}@example.com/x"),
        ("URL_CREDENTIALS", "s3cr3t!", "redis://:{}@cache.example.com:6379/0"),
        ("URL_CREDENTIALS", "root:a/b#c", "mysql://{}@localhost/db"),
        ("URL_CREDENTIALS", "ya2x9QeR81mLpZ", "https://api.example.com/v1?access_token={}&x=1"),
        ("URL_CREDENTIALS", "Sommer2024", "https://x.example/login?user=a&password={}"),
        ("URL_CREDENTIALS", HEX, "https://maps.example/?q=x&key={}"),
        ("URL_CREDENTIALS", HEX, "https://{}@o12345.ingest.example.io/42"),
        ("URL_CREDENTIALS", "scott/tiger", "jdbc:oracle:thin:{}@db:1521:orcl"),
        ("URL_CREDENTIALS", "admin:S3cret", "curl -u {} https://example.com"),
        ("URL_CREDENTIALS", "geheim99", "jdbc:mysql://db/x?password={}"),
        ("SECRET", "hunter2", "DB_PASSWORD={}"),
        ("SECRET", "changeme123", "password={}"),
        ("SECRET", "Sommer2024!", "Passwort: {}"),
        ("SECRET", "swordfish", "password: {}"),
        ("SECRET", "swordfish", "PASSWORD={}"),
        ("SECRET", "hunter2", '"password": "{}"'),
        ("SECRET", "hunter2", r"\"password\": \"{}\""),
        ("SECRET", "hunter2", "password = '{}'"),
        ("SECRET", "hunter2", "<password>{}</password>"),
        ("SECRET", "correct horse battery staple", 'passphrase: "{}"'),
        ("SECRET", "abcDEF123", "PGPASSWORD={} psql -h db"),
        ("SECRET", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "aws_secret_access_key = {}"),
        ("SECRET", HEX, "client_secret: {}"),
        ("SECRET", HEX, "'api_key': '{}',"),
        ("SECRET", A40[:24], 'token = "{}"'),
        ("SECRET", A40[:24], "X-Api-Key: {}"),
        ("SECRET", A40[:24], "Authorization: Bearer {}"),
        ("SECRET", "YWRtaW46aHVudGVyMg==", "Authorization: Basic {}"),
        ("SECRET", "dXNlcjpwYXNzd29yZDEyMw==", '{{"auths": {{"r.io": {{"auth": "{}"}}}}}}'),
        ("SECRET", "aHVudGVyMg==", "kind: Secret\ndata:\n  password: {}\n"),
        ("SECRET", "hunter2", "My password is {}."),
        ("SECRET", "Geheim!23", "Mein Passwort lautet {}"),
        ("SECRET", "motdepasse9", "mot de passe : {}"),
        ("SECRET", "Tajne#88", "hasło: {}"),
        ("SECRET", "Тайна#88".replace("Тайна", "Taina"), "парола: {}"),
        ("SECRET", "Clave#88", "CONTRASEÑA: {}"),
        ("SECRET", "6f5TlOs+^+(G&P", "Passwort: {}"),
        ("SECRET", "*5T_3Knv7V$XN", "das Passwort lautet {}"),
        ("SECRET", "!zV094Owsq", "--password={} -u x"),
        ("SECRET", "Z02WbwA3(x", "DB_PASSWORD={}"),
        ("SECRET", "qwertz", "DB_PASSWORD={}"),
        ("SECRET", HEX + HEX[:8], '"private_key_id": "{}"'),
        ("SECRET", "s3cr3tP4ss", "mysql --password={} -u root"),
        ("SECRET", "django-insecure-x&8z(2k#v!1q", "SECRET_KEY = '{}'"),
        ("SECRET", STORAGE_KEY, "AccountName=x;AccountKey={};EndpointSuffix=core.windows.net"),
        ("SECRET", "Abc3defghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP%3D", "sv=2022-11-02&ss=b&sp=rl&sig={}"),
        ("SECRET", "abc8Q~" + A40[:34], "azure {}"),
        ("SECRET", PGP, "{}\nend"),
        ("SECRET", PGP.partition("\n-----END")[0], "cut off {}"),
        ("SECRET", PUTTY, "{}\n"),
        ("SECRET", PEM_IN_BASE64, "tls.key: {}"),
        ("SECRET", "5KJvsngHeMpm884wtkJNzQGaCErckhHJBGFsvd3VyK5qMZXj3hS", "wif {}"),
        ("SECRET", "glsa_" + A40[:32] + "_0a1b2c3d", "grafana {}"),
        ("SECRET", "dckr_pat_" + A40[:27], "{}"),
        ("SECRET", "xkeysib-" + HEX * 2 + "-" + A40[:16], "{}"),
        ("SECRET", "ATATT3xFfGF0" + A40, "{}"),
        ("SECRET", "SCW0A1B2C3D4E5F6G7H8", "{}"),
        ("CRYPTO", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "pay {}"),
        ("CRYPTO", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", "{}"),
        ("CRYPTO", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "bitcoin:{}?amount=1"),
        ("CRYPTO", "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "{}"),
        ("CRYPTO", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", "{}"),
        ("CRYPTO", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "{}"),
        ("CRYPTO", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359", "{}"),
        ("CRYPTO", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", "ETH wallet {}"),
        ("CRYPTO", "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh", "{}"),
        (
            "CRYPTO",
            "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A",
            "xmr {}",
        ),
        ("CRYPTO", "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV", "Solana {}"),
        ("CRYPTO", "DH5yaieqoZN36fDVciNyRueRGvGLR3mr7L", "doge {}"),
        ("CRYPTO", "LaMT348PWRnrqeeWArpwQPbuanpXDZGEUz", "{}"),
        ("CRYPTO", "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a", "{}"),
        ("CRYPTO", "qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a", "BCH {}"),
        ("CRYPTO", "ppm2qsznhks23z7629mms6s4cwef74vcwvn0h829pq", "BCH {}"),
        ("CRYPTO", "tz1VSUr8wwNhLAzempoch5d6hLRiTh8Cjcjb", "{}"),
        ("CRYPTO", "KT1PWx2mnDueood7fEmfbBDKx1D9BAnnXitn", "contract {}"),
        ("CRYPTO", "15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5", "DOT {}"),
        ("CRYPTO", "HNZata7iMYWmk5RvZRTiAsSDhV8366zq2YGb3tLH5Upf74F", "Kusama {}"),
        ("CRYPTO", "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY", "{}"),
        ("CRYPTO", "EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_sDs", "TON: {}"),
        ("CRYPTO", "nano_3t6k35gi95xu6tergt6p69ck76ogmitsa8mnijtpxm9fkcm736xtoncuohr3", "{}"),
        ("CRYPTO", "xrb_3t6k35gi95xu6tergt6p69ck76ogmitsa8mnijtpxm9fkcm736xtoncuohr3", "{}"),
        ("CRYPTO", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAY5HFKQ", "{}"),
        ("CRYPTO", "cosmos1hsk6jryyqjfhp5dhc55tc9jtckygx0eph6dd02", "{}"),
        ("CRYPTO", "0x1146c4a86228843837f8aca1b087b3ddacab5ada", "INSERT INTO p (id, wallet) VALUES (1, '{}');"),
        ("CRYPTO", "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ", "stellar {}"),
        ("LOCATION", "52.5200, 13.4050", "GPS: {}"),
        ("LOCATION", "52.520008,13.404954", "Koordinaten {}"),
        ("LOCATION", "52.229676, 21.012229", "współrzędne: {}"),
        ("LOCATION", "-33.8688, 151.2093", "location: {}"),
        ("LOCATION", "52.5170365,13.3888599", "https://www.google.com/maps/@{},15z"),
        ("LOCATION", "48.8584,2.2945", "https://maps.google.com/?q={}"),
        ("LOCATION", "52.51704/13.38886", "https://www.openstreetmap.org/#map=15/{}"),
        ("LOCATION", "52.5200° N, 13.4050° E", "{}"),
        ("LOCATION", "52°31'12.0\"N 13°24'18.0\"E", "at {} today"),
        ("LOCATION", "52° 31′ 12″ N, 13° 24′ 18″ O", "bei {}"),
        ("LOCATION", "N 52° 31.200 E 013° 24.300", "{}"),
        ("LOCATION", "48°51′24″N", "{}"),
        ("LOCATION", "geo:48.2010,16.3695;u=35", "<{}>"),
        ("LOCATION", "9F4MGC22+22", "{}"),
        ("LOCATION", "13.4050, 52.5200", '"coordinates": [{}]'),
        ("LOCATION", "52,5200; 13,4050", "Koordinaten: {}"),
        ("LOCATION", "///filled.count.soap", "what3words {}"),
        ("IP", "fe80::1%eth0", "{}"),
        ("IP", "10.1.2.0/24", "net {}"),
        ("IP", "2001:db8::1", "[{}]:443"),
        ("IP", "192[.]168[.]1[.]77", "{}"),
        ("IP", "0xC0.0xA8.0x01.0x4D", "{}"),
        ("IP", "3232235853", "IP: {}"),
        ("IP", "0xC0A8014D", "http://{}/"),
        ("IP", "0300.0250.0001.0115", "ip {}"),
        ("IP", "77.1.168.192.in-addr.arpa", "{}"),
        ("IP", "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "{}"),
        ("IP", "ip-10-0-0-5", "{}.ec2.internal"),
    ],
)  # fmt: skip
def test_found_exactly(kind: str, value: str, template: str) -> None:
    assert found(template.format(value)) == [(kind, value)]


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        (
            "Server=db;Database=x;User Id=sa;Password=Gehe1m;Encrypt=no",
            [("URL_CREDENTIALS", "sa"), ("URL_CREDENTIALS", "Gehe1m")],
        ),
        ("Driver={ODBC};Server=tcp:x;Uid=bob;Pwd={a;b};", [("URL_CREDENTIALS", "bob"), ("URL_CREDENTIALS", "a;b")]),
        (
            "host=localhost port=5432 dbname=x user=bob password=pw12",
            [("URL_CREDENTIALS", "bob"), ("URL_CREDENTIALS", "pw12")],
        ),
        ('{"lat": 52.5200, "lng": 13.4050}', [("LOCATION", "52.5200"), ("LOCATION", "13.4050")]),
        ("latitude=48.8584&longitude=2.2945", [("LOCATION", "48.8584"), ("LOCATION", "2.2945")]),
        (
            "GB29 NWBK 6016 1331 9268 19, NWBKGB2L",
            [("IBAN", "GB29 NWBK 6016 1331 9268 19"), ("BIC", "NWBKGB2L")],
        ),
        ("https://anna@example.com/", [("EMAIL", "anna@example.com")]),
    ],
)
def test_several_in_one_text(text: str, findings: list[tuple[str, str]]) -> None:
    assert found(text) == findings


@pytest.mark.parametrize(
    "text",
    [
        "password=None",
        "password: str",
        "password: Optional[str] = None",
        'password = os.environ["PASSWORD"]',
        'password = os.getenv("DB_PASSWORD", "")',
        "password=<your-password>",
        "password=${PASSWORD}",
        "password: {{ vault_password }}",
        "password=****",
        "password = getpass.getpass()",
        "password = self.password",
        "pwd = (self.password.encode('utf-8') if x else y)",
        "token = tokens[0]",
        "token = self.next_token",
        "def f(user, password=password, token=token):",
        '"password": "Password"',
        '"password": "Your password is too short"',
        "password: required",
        "Enter your password: ",
        "The password is required",
        "Your password is incorrect.",
        "max_tokens=4096",
        "max_password_length = 128",
        "token: identifier",
        'token_type = "Bearer"',
        "api_key=YOUR_API_KEY",
        "PWD=/home/user",
        "The secret: nobody knows",
        'if (token == "abc1234567890defghij"): pass',
        "password_hash: $2b$12$abc",
        "[[SECRET_1]] password: [[SECRET_1]]",
        "bearer of the message was thirteen",
        "Basic information about things",
        "https://x.example/?key=name&token=next",
        "headers['Authorization'] = `Basic ${Buffer.from(auth).toString('base64')}`;",
        "Authorization: `Bearer ${process.env.ACTIONS_ID_TOKEN_REQUEST_TOKEN}`,",
        '"../internals/shared-key":148}],128:[function(require,module,exports){',
        "const redactUrlPassword = (value, replacement) => value",
        "addEventListener(e,l,{passive:!0});t._htmx.preloadListener=l",
        "private_key: PKCS7PrivateKeyTypes,",
        'vocab = {"##pw":28400,"parole":17393,"password":20786,"pasture"',
        'USER_PASSWD = "%s:%s" % (USER, PASSWD)',
        '<a href="#privatekey">x509.checkPrivateKey(privateKey)</a>',
        'printf("Password is correct.");',
        "tokens_ = std::make_unique<std::vector<std::weak_ptr<Token>>>();",
        "definitions for using the POSTGRES copy command",
        "[.44F8.0020.0002] # YI SYLLABLE",
        "http://host:80/path/user@example",
        "https://user:password@example.com/",
        "http://{user}:{password}@host/",
        "CUSTOMER SERVICE",
        "SWIFT TRANSFER REQUIRED",
        "PLEASE GIVE BIC AND BENEFICIARY",
        "DATABASE",
        "the BIC of the customer",
        "import DEUTDEFF_X",
        "10:20:30:40:50",
        "12-34-56-78-90-12",
        "1234.5678.9012",
        "aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd",
        "ff:ff:ff:ff:ff:ff and 00:00:00:00:00:00",
        "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",
        "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
        "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTj",
        "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV",
        "52.5200, 13.4050",
        "1.2345 2.3456 3.4567",
        "GPS week 2.1, 3.4",
        "coordinates 123.4567, 456.7890",
        "x = 3.14159, 2.71828",
        "20° 5 N",
        "45° angle, 3.14 N of force",
        "23456789+22",
        "/// foo.bar.baz",
        "3232235777",
        "01.02.03.04",
        "1.3.6.1.4.1",
        "ip-address-0-1",
        "0xDEADBEEF",
    ],
)
def test_left_alone(text: str) -> None:
    assert found(text) == []


def test_credentials_in_urls_stay_masked() -> None:
    redacted, placeholders = REDACTOR.redact("use postgres://app:hunter2@db/x")

    assert redacted == "use postgres://[[URL_CREDENTIALS_1]]@db/x"
    assert placeholders.restore(redacted) == redacted


@pytest.mark.parametrize(
    "address",
    [
        "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
        "qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
        "tz1VSUr8wwNhLAzempoch5d6hLRiTh8Cjcjb",
        "KT1PWx2mnDueood7fEmfbBDKx1D9BAnnXitn",
        "15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5",
        "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
        "EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_sDs",
        "nano_3t6k35gi95xu6tergt6p69ck76ogmitsa8mnijtpxm9fkcm736xtoncuohr3",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAY5HFKQ",
        "cosmos1hsk6jryyqjfhp5dhc55tc9jtckygx0eph6dd02",
    ],
)
def test_an_address_with_one_wrong_character_is_none(address: str) -> None:
    place = 20
    wrong = next(letter for letter in "q3zP7EB" if letter != address[place])

    assert ("CRYPTO", address) in found(f"pay {address}")
    assert "CRYPTO" not in [kind for kind, _ in found(f"pay {address[:place]}{wrong}{address[place + 1 :]}")]
