"""The one redaction. It stands before every sink and in every text that leaves.

Secrets that are known are struck out in each form they can take on the wire: raw,
URL-encoded and inside base64 (`Authorization: Basic`). Secrets that are not known, a
caller's own key for instance, are recognised by the words in front of them.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "[redacted]"

# Shorter strings than this are not struck out: they would blot out ordinary words.
LEAST_SECRET = 8

_NAMED = re.compile(
    r"(?i)((?:api(?:[_-]|%5f)?key|(?:guest(?:[_-]|%5f)?)?session(?:[_-]|%5f)?id|"
    r"access(?:[_-]|%5f)?token|request(?:[_-]|%5f)?token|password)"
    r"(?:\\*[\"'])?\s*(?:=|%3d|:)\s*(?:\\*[\"'])?)"
    r"[^\s&\"'<>,;\\]+"
)
_BEARER = re.compile(r"(?i)\b(bearer)(\s+|%20|\+)[A-Za-z0-9._~+/=%-]{8,}")
# "basic authentication" is no credential: base64 has capitals, digits or a padding
_BASIC = re.compile(
    r"\b([Bb]asic|BASIC)(\s+|%20|\+)(?=\S*[A-Z0-9=])[A-Za-z0-9._~+/=%-]{8,}"
)
# a JSON Web Token begins with the base64 of `{"`; dots join its parts. Inside a word
# only the first beginning is tried: 8 kB of `eyJeyJ…` would take a second with each
_JWT = re.compile(
    r"\beyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]+){0,2}|"
    r"(?<![A-Za-z0-9_-])(?>([A-Za-z0-9_-]*?)(?=eyJ))"
    r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+){1,2}"
)


# What a text has to hold, in small letters, for each of these to find anything.
_SIGNS = (
    (("key", "session", "token", "password"), _NAMED, rf"\1{MASK}"),
    (("bearer",), _BEARER, rf"\1\2{MASK}"),
    (("basic",), _BASIC, rf"\1\2{MASK}"),
    (("eyj",), _JWT, rf"\1{MASK}"),
)


class Redactor:
    """Replaces secrets in a text by a mask.

    Nearly all lines of the log hold none, and are looked through for the signs of one
    first: that takes a tenth of the time.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms: set[str] = set()
        for secret in secrets:
            if len(secret) >= LEAST_SECRET:
                forms |= _forms(secret)
        longest_first = sorted(forms, key=len, reverse=True)
        self._known = (
            re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)
            if longest_first
            else None
        )
        self._signs = tuple({form.lower() for form in forms})
        # of letters beyond ASCII some are small forms of others
        self._plain = all(form.isascii() for form in forms)

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        # None for a text that has to be read whole
        low = text.lower() if text.isascii() else None
        if self._known is not None and (
            low is None or not self._plain or any(sign in low for sign in self._signs)
        ):
            text = self._known.sub(MASK, text)
        for signs, pattern, masked in _SIGNS:
            if low is None or any(sign in low for sign in signs):
                text = pattern.sub(masked, text)
        return text


def _forms(secret: str) -> set[str]:
    """The secret as it may stand in a text."""
    raw = secret.encode()
    forms = {
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        quote(secret),
        quote(secret, safe="-_.!~*'()"),
        repr(raw)[2:-1],
        repr(secret)[1:-1],
        json.dumps(secret)[1:-1],
    }
    for offset in range(3):
        # base64 of anything that holds the secret: the three ways it can be aligned,
        # without the characters that depend on its neighbours
        padded = b"\0" * offset + raw
        padded = padded[: len(padded) - len(padded) % 3]
        start = 0 if offset == 0 else 4
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            forms.add(encode(padded).decode()[start:])
    return {form for form in forms if len(form) >= LEAST_SECRET}
