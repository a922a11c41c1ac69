"""Credentials that can be told by their form: prefixed API keys and tokens, JSON Web Tokens, private key blocks (PEM, OpenPGP,
SSH2, PuTTY, Base64 of PEM), private keys of wallets. What only a key beside the value tells is in `keyed`.

Where a checksum is published (GitHub, npm, this platform), it raises the score to 1; a token whose checksum is wrong is still
masked, because a mistyped credential is nearly as good as the credential.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from typing import Final

from ..base58 import BASE58, LONG_RUN, decode_checked
from ..checks import crc32_base62
from ..finding import VERIFIED
from .pattern import Pattern, Verified

_SCORE: Final = 0.95
_NOT_INSIDE_A_WORD: Final = "(?:^|[^0-9A-Za-z_-])"
_OWN_KEY: Final = re.compile(r"sk-[a-z0-9]+-[0-9A-Za-z]{12}-[0-9A-Za-z]{38}")
_PRIVATE_KEY_LONGEST: Final = 16_384
_PRIVATE_KEY_BODY: Final = re.compile(
    r"(?:(?:Version|Comment|Proc-Type|DEK-Info|Hash|Subject)\s?:[^\n]*|[A-Za-z0-9+/=\s\\:,-])*"
)


def _form(name: str, trigger: str, shape: str, accept: Callable[[str], float | None] | None = None) -> Pattern:
    """A pattern for values that `shape` describes from start to end and that start with what `trigger` says.

    `accept` judges the whole value: a score, or None to drop it.
    """
    compiled = re.compile(shape)

    def verify(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
        value = compiled.match(shadow, start) or compiled.match(shadow, start + 1)
        if value is None:
            return None
        score = accept(value.group()) if accept else _SCORE
        return None if score is None else (value.start(), value.end(), score)

    return Pattern(name, "SECRET", _NOT_INSIDE_A_WORD + trigger, verify)


def _sk(value: str) -> float | None:
    """Knows this platform's own keys by their checksum, and drops lower-case words joined by hyphens, which no key is."""
    if _OWN_KEY.fullmatch(value) and crc32_base62(value[:-6], value[-6:]):
        return VERIFIED
    words = all(part.isalpha() and part.islower() and len(part) < 20 for part in re.split("[-_]+", value.strip("-_")))
    return None if words else _SCORE


def _github(value: str) -> float:
    random = value.partition("_")[2]
    return VERIFIED if len(random) == 36 and crc32_base62(random[:-6], random[-6:]) else _SCORE


def _jwt(value: str) -> float | None:
    header = value.partition(".")[0]
    try:
        decoded = binascii.a2b_base64(header.replace("-", "+").replace("_", "/") + "=" * (-len(header) % 4))
    except binascii.Error:  # not base64, so not a token
        return None
    return _SCORE if b'"alg"' in decoded else None


def _private_key(shadow: str, start: int, end: int, language: str | None) -> Verified:
    """The block up to its end line; a block that was cut off, as far as anything could still belong to it."""
    limit = start + _PRIVATE_KEY_LONGEST
    footer = shadow.find("-----END", end, limit)
    if footer >= 0:
        closing = shadow.find("-----", footer + 8, footer + 80)
        if closing >= 0:
            return start, closing + 5, VERIFIED
    header = shadow.find("-----", end, end + 20)
    body = _PRIVATE_KEY_BODY.match(shadow, header + 5 if header >= 0 else end, limit)
    stop = body.end() if body else end
    return start, start + len(shadow[start:stop].rstrip()), VERIFIED


_SIGNATURE: Final = re.compile(r"[A-Za-z0-9%/+]{40,80}(?:=|%3[Dd])")


def _sas(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    """The signature of an Azure shared access signature: Base64 of 32 bytes, usually with its signs escaped."""
    value = _SIGNATURE.match(shadow, start + len("sig="))
    return (value.start(), value.end(), _SCORE) if value else None


_PUTTY: Final = re.compile(r"PuTTY-User-Key-File-[23]: .*?Private-MAC: [0-9a-f]{40,64}", re.DOTALL)


def _putty(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    block = _PUTTY.match(shadow, start, start + _PRIVATE_KEY_LONGEST)
    return (start, block.end(), VERIFIED) if block else None


def _ssh2(shadow: str, start: int, end: int, language: str | None) -> Verified:
    limit = start + _PRIVATE_KEY_LONGEST
    footer = shadow.find("---- END SSH2", end, limit)
    stop = shadow.find("\n", footer, limit) if footer >= 0 else -1
    if footer >= 0 and stop < 0:
        stop = min(len(shadow), limit)
    return start, start + len(shadow[start : stop if stop >= 0 else end].rstrip()), VERIFIED


def _pem_in_base64(value: str) -> float | None:
    head = value[:64]
    return VERIFIED if b"PRIVATE KEY" in binascii.a2b_base64(head[: len(head) // 4 * 4]) else None


_WALLET_KEY: Final = re.compile(
    r"(?:[5KL][1-9A-HJ-NP-Za-km-z]{50,51}|[xyzt]prv[1-9A-HJ-NP-Za-km-z]{107})(?![0-9A-Za-z])"
)


def _wallet(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    """Private keys of Bitcoin and its relatives: WIF (33 or 34 bytes) and extended (78), by Base58Check."""
    key = _WALLET_KEY.match(shadow, start)
    body = decode_checked(key.group()) if key else None
    return (start, start + len(key.group()), VERIFIED) if key and body and len(body) in (33, 34, 78) else None


def _prefixed(name: str, prefix: str, body: str, least: int, most: int | None = None) -> Pattern:
    """`prefix` (an expression without groups of unbounded width) and `least` to `most` characters of the class `body`."""
    upper = "" if most is None else str(most)
    return _form(name, f"(?:{prefix}){body}{{{min(least, 16)}}}", f"(?:{prefix}){body}{{{least},{upper}}}")


PATTERNS: Final = (
    # sk- is OpenAI, Anthropic (sk-ant-), OpenRouter (sk-or-) and this platform (sk-<cell>-).
    _form("sk", r"sk-[A-Za-z0-9_-]{17}", r"sk-[A-Za-z0-9_-]{17,}", _sk),
    _form("aws", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?![A-Za-z0-9])"),
    _form("github", r"gh[opusr]_[A-Za-z0-9]{30}", r"gh[opusr]_[A-Za-z0-9]{30,255}", _github),
    _prefixed("github-pat", "github_pat_", "[A-Za-z0-9_]", 36, 255),
    _prefixed("gitlab", "gl(?:pat|dt|rt|cbt|ptt|ft|soat|imt|agent|oas|ffct)-", "[A-Za-z0-9_.-]", 20, 300),
    _form("slack", r"xox[abceoprs]-[A-Za-z0-9-]{10}", r"xox[abceoprs]-[A-Za-z0-9-]{10,255}"),
    _prefixed("slack-app", "xapp-[0-9]-", "[A-Za-z0-9-]", 20, 255),
    _form("slack-webhook", r"hooks\.slack\.com/services/T", r"hooks\.slack\.com/services/T\w{6,}/B\w{6,}/\w{16,}"),
    _prefixed("google-api", "AIza", "[A-Za-z0-9_-]", 35, 35),
    _prefixed("google-oauth", r"ya29\.", "[A-Za-z0-9_-]", 30),
    _prefixed("google-client", "GOCSPX-", "[A-Za-z0-9_-]", 28, 28),
    _prefixed("stripe", "(?:sk|rk)_(?:live|test|prod)_", "[A-Za-z0-9]", 16, 255),
    _prefixed("stripe-webhook", "whsec_", "[A-Za-z0-9+/=]", 24, 255),
    _prefixed("huggingface", "(?:hf|api_org)_", "[A-Za-z]", 34, 37),
    _form("npm", r"npm_[A-Za-z0-9]{36}", r"npm_[A-Za-z0-9]{36}", _github),
    _prefixed("pypi", "pypi-AgE", "[A-Za-z0-9_-]", 50),
    _form("sendgrid", r"SG\.[A-Za-z0-9_-]{16}", r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}"),
    _prefixed("digitalocean", "do[opr]_v1_", "[a-f0-9]", 64, 64),
    _prefixed("shopify", "shp(?:at|ca|pa|ss|ua)_", "[a-fA-F0-9]", 32, 32),
    _prefixed("databricks", "dapi", "[a-f0-9]", 32, 34),
    _prefixed("groq-xai", "(?:gsk_|xai-|pplx-|nvapi-)", "[A-Za-z0-9_-]", 32),
    _prefixed("replicate", "r8_", "[A-Za-z0-9]", 37, 40),
    _prefixed("vault", r"hv[sbr]\.", "[A-Za-z0-9_-]", 24),
    _prefixed("linear", "lin_(?:api|oauth)_", "[A-Za-z0-9]", 32, 64),
    _prefixed("notion", "ntn_", "[A-Za-z0-9]", 40, 64),
    _prefixed("age", "AGE-SECRET-KEY-1", "[0-9A-Z]", 58, 58),
    _prefixed("telegram", "[0-9]{8,10}:AA", "[A-Za-z0-9_-]", 33, 33),
    # Clouds.
    _prefixed("aws-bedrock", "ABSK", "[A-Za-z0-9+/=]", 100, 300),
    _prefixed("aws-session", "(?:FwoGZXIvYXdz|IQoJb3JpZ2lu)", "[A-Za-z0-9+/=%]", 60, 2048),
    _prefixed("aws-mws", r"amzn\.mws\.", "[0-9a-f-]", 36, 36),
    _form(
        "azure-client",
        r"[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{16}",
        r"[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}",
    ),
    _form("azure-storage", r"[A-Za-z0-9+/]{76}\+ASt", r"[A-Za-z0-9+/]{76}\+ASt[A-Za-z0-9+/]{6}=="),
    _prefixed("google-refresh", "1//0", "[A-Za-z0-9_-]", 40, 120),
    _prefixed("alibaba", "LTAI", "[A-Za-z0-9]", 16, 26),
    _prefixed("tencent", "AKID", "[A-Za-z0-9]", 32, 32),
    _form("scaleway", r"SCW[A-Z0-9]{17}", r"SCW(?=[A-Z]*[0-9])[A-Z0-9]{17}(?![A-Za-z0-9])"),
    _prefixed("fly", "fm[12][ar]?_", "[A-Za-z0-9+/=]", 60, 2048),
    _prefixed("heroku", "HRKU-AA", "[A-Za-z0-9_-]", 50, 80),
    _prefixed("supabase", "(?:sbp_|sb_secret_)", "[A-Za-z0-9_-]", 22, 64),
    _prefixed("planetscale", "pscale_(?:tkn|pw|oauth)_", "[A-Za-z0-9=._-]", 32, 64),
    _prefixed("netlify", "nfp_", "[A-Za-z0-9]", 36, 40),
    _prefixed("cloudflare-origin", r"v1\.0-", "[0-9a-f-]", 171, 171),
    _prefixed("terraform", r"[A-Za-z0-9]{14}\.atlasv1\.", "[A-Za-z0-9_=-]", 60, 70),
    _prefixed("pulumi", "pul-", "[0-9a-f]", 40, 40),
    _prefixed("doppler", r"dp\.(?:pt|st|ct|sa|scim|audit)\.", "[A-Za-z0-9.]", 40, 64),
    _prefixed("dynatrace", r"dt0[a-z][0-9]{2}\.[A-Z2-7]{24}\.", "[A-Z2-7]", 64, 64),
    _form(
        "onepassword",
        r"(?:ops_eyJ[A-Za-z0-9]{16}|A3-[A-Z0-9]{6}-)",
        r"ops_eyJ[A-Za-z0-9+/=_-]{200,2048}|A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}",
    ),
    # Code and its delivery.
    _prefixed("docker", "dckr_(?:pat|oat)_", "[A-Za-z0-9_-]", 27, 64),
    _prefixed("rubygems", "rubygems_", "[0-9a-f]", 48, 48),
    _prefixed("crates", "cio", "[A-Za-z0-9]", 32, 32),
    _prefixed("nuget", "oy2", "[a-z0-9]", 43, 43),
    _prefixed("artifactory", "AKCp", "[A-Za-z0-9]", 69, 73),
    _prefixed("clojars", "CLOJARS_", "[a-z0-9]", 60, 60),
    _prefixed("atlassian", "AT(?:ATT3xFfGF0|CTT3xFfGN0|BB)", "[A-Za-z0-9_=-]", 28, 255),
    _prefixed("sonar", "sq[pua]_", "[0-9a-f]", 40, 40),
    _prefixed("sourcegraph", "sgp_", "[0-9a-fA-F_]", 40, 80),
    _prefixed("buildkite", "bk(?:ua|at|ct)_", "[A-Za-z0-9]", 40, 64),
    _prefixed("circleci", "CCI(?:PAT|PRJ)_", "[A-Za-z0-9_]", 40, 80),
    _prefixed("octopus", "API-", "[A-Z0-9]", 26, 30),
    _prefixed("postman", "PMAK-", "[0-9a-f-]", 59, 59),
    _prefixed("tailscale", "tskey-(?:api|auth|client|scim|webhook)-", "[A-Za-z0-9-]", 20, 80),
    _prefixed("prefect", "pnu_", "[A-Za-z0-9]", 36, 36),
    # What watches it.
    _prefixed("grafana", "gl(?:sa|c)_", "[A-Za-z0-9_+/=]", 32, 400),
    _prefixed("sentry", "sntry[su]_", "[A-Za-z0-9+/=_]", 40, 400),
    _prefixed("newrelic", "NR(?:AK|JS|II|RA|AA)-", "[A-Za-z0-9_-]", 19, 64),
    # Models and data.
    _prefixed("langsmith", "lsv2_(?:pt|sk)_", "[0-9a-f_]", 43, 43),
    _prefixed("pinecone", "pcsk_", "[A-Za-z0-9_]", 50, 80),
    _prefixed("tavily", "tvly-", "[A-Za-z0-9-]", 28, 64),
    _prefixed("elevenlabs", "sk_", "[0-9a-f]", 48, 48),
    _prefixed("airtable", r"pat[A-Za-z0-9]{14}\.", "[0-9a-f]", 64, 64),
    _prefixed("figma", "fig[dour]_", "[A-Za-z0-9_-]", 40, 64),
    _prefixed("contentful", "CFPAT-", "[A-Za-z0-9_-]", 43, 43),
    _prefixed("typeform", "tfp_", "[A-Za-z0-9_.=-]", 44, 80),
    # Mail, messages, customers.
    _prefixed("mailgun", "(?:key|pubkey)-", "[0-9a-f]", 32, 32),
    _form("mailchimp", r"[0-9a-f]{32}-us[0-9]", r"[0-9a-f]{32}-us[0-9]{1,2}(?![0-9A-Za-z])"),
    _prefixed("brevo", "x(?:keysib|smtpsib)-", "[A-Za-z0-9-]", 64, 96),
    _form("resend", r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{16}", r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}(?![A-Za-z0-9])"),
    _form("twilio", r"SK[0-9a-f]{32}", r"SK[0-9a-f]{32}(?![0-9A-Za-z])"),
    _form(
        "discord",
        r"[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27}",
        r"[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}",
    ),
    _form(
        "discord-webhook",
        r"discord(?:app)?\.com/api/webhooks/[0-9]{8}",
        r"discord(?:app)?\.com/api/webhooks/[0-9]{17,20}/[\w-]{60,80}",
    ),
    _form(
        "teams-webhook",
        r"webhook\.office\.com/webhookb2/[0-9a-f]{8}",
        r"webhook\.office\.com/webhookb2/[\w@./-]{80,300}",
    ),
    _prefixed("hubspot", "pat-(?:eu|na)[0-9]-", "[0-9a-f-]", 36, 36),
    _prefixed("salesforce", "00D[A-Za-z0-9]{12,15}!", "[A-Za-z0-9._]", 80, 255),
    # Money and shops.
    _form(
        "mollie", r"(?:live|test)_[A-Za-z0-9]{30}", r"(?:live|test)_(?=[A-Za-z]*[0-9])[A-Za-z0-9]{30}(?![A-Za-z0-9_])"
    ),
    _form(
        "paypal-braintree",
        r"access_token\$(?:production|sandbox)\$",
        r"access_token\$(?:production|sandbox)\$[a-z0-9]{16}\$[0-9a-f]{32}",
    ),
    _prefixed("square", "sq0(?:atp|csp|idp)-", "[A-Za-z0-9_-]", 22, 80),
    _prefixed("facebook", "EAACEdEose0cBA", "[A-Za-z0-9]", 20, 300),
    _prefixed("plaid", "access-(?:sandbox|development|production)-", "[0-9a-f-]", 36, 36),
    _prefixed("woocommerce", "c[ks]_", "[0-9a-f]", 40, 40),
    _prefixed("easypost", "EZ[AT]K", "[A-Za-z0-9]", 54, 54),
    _prefixed("shippo", "shippo_(?:live|test)_", "[0-9a-f]", 40, 40),
    Pattern("wallet-key", "SECRET", rf"\b(?:[5KL]|[xyzt]prv){BASE58}{{24}}", _wallet, sign=LONG_RUN),
    _form(
        "jwt",
        r"eyJ[A-Za-z0-9_-]{10}",
        r"eyJ[A-Za-z0-9_-]{8,2048}\.[A-Za-z0-9_-]{4,16384}(?:\.[A-Za-z0-9_-]*){1,3}",
        _jwt,
    ),
    Pattern("azure-sas", "SECRET", r"\bsig=[A-Za-z0-9%/+]{16}", _sas),
    Pattern("private-key", "SECRET", r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY", _private_key),
    Pattern("private-key-ssh2", "SECRET", r"---- BEGIN SSH2 (?:ENCRYPTED )?PRIVATE KEY ----", _ssh2),
    Pattern("private-key-putty", "SECRET", r"\bPuTTY-User-Key-File-[23]: ", _putty),
    _form(
        "private-key-base64",
        r"LS0tLS1CRUdJTi[A-Za-z0-9+/]{34}",
        r"LS0tLS1CRUdJTi[A-Za-z0-9+/]{50,16384}={0,2}",
        _pem_in_base64,
    ),
)
