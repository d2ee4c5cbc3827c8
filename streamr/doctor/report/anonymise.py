"""PURE: evidence for the public: who and where you are is taken out, the rest stays.

An address becomes another one of the same kind, so that evidence stays evidence: the
judge comes to the same verdicts over it. Equal stays equal.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from urllib.parse import urlsplit

from streamr.doctor.diagnosis.facts import Facts
from streamr.doctor.evidence import (
    LITERAL,
    NO_PROXY,
    NOBODY,
    Certificate,
    Evidence,
    House,
    Place,
    PortState,
    SettingRow,
    special,
)

# Settings whose values say nothing of a person or a place.
HARMLESS = frozenset(
    {
        "PORT",
        "PROXY_PORT",
        "STREAMR_ONLY",
        "TMDB_BASE_URL",
        "TMDB_ALTERNATE_URLS",
        "STREAMR_ADDRESS_FAMILY",
        "STREAMR_DEADLINE",
        "STREAMR_RATE",
        "STREAMR_CONNECTIONS",
        "STREAMR_CACHE_MB",
        "STREAMR_LOG_LEVEL",
        "STREAMR_LOG_FORMAT",
    }
)
# The networks from which masked addresses are taken: one for each kind.
_ORDINARY = ("203.0.113.0", "2001:db8::")
_KINDS = {
    "this machine": ("127.0.1.0", "::1"),
    "a private network": ("10.0.0.0", "fd00::"),
    "a provider's inner network": ("100.64.0.0", ""),
    "link-local": ("169.254.0.0", "fe80::"),
    "a proxy program's fake address": ("198.18.0.0", ""),
    "no address": ("0.0.0.0", "::"),
    "no host": ("240.0.0.0", ""),
}
# Block pages tell the country: they are shown as an address of a private network.
_OTHER = _KINDS["a private network"]
_ADDRESS = re.compile(
    r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\d)|"
    r"(?<![\w:.])[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}(?![\w:])"
)
# Whose certificate was shown, in the words of `upstream/tls.py`.
_CERTIFICATE_OF = re.compile(r"(?<=the certificate is for )[^()]+?(?= \(|$)")


class Mask:
    """Gives each address, certificate and proxy another name, always the same."""

    def __init__(self) -> None:
        self._addresses: dict[str, str] = {}
        self._words: dict[str, str] = {}

    def evidence(self, found: Evidence) -> Evidence:
        """The same evidence for the public."""
        for proxy in found.proxies:
            name = self._word(urlsplit(proxy.url).hostname or "-", "proxy-{}.invalid")
            self._words.setdefault(proxy.url, f"http://{name}")
        for each in (*found.lookups, *found.second, *found.pictures):
            self._resolver(each.by)
        for resolver in found.resolvers:
            self._resolver(resolver.name)
            self._words.setdefault(resolver.written, self.text(resolver.name))
        for egress in found.egress:
            if egress.name != NO_PROXY.name:
                name = self._word(egress.name, "egress-{}")
                self._words.setdefault(egress.written, name)
        for shaken in (*Facts(found).handshakes(), *found.picture_checks):
            if shaken.certificate is not None:
                self._certificate(shaken.certificate)
            if shaken.issuer:
                self._word(shaken.issuer, "certificate-{}")
        masked = self.value(found)
        assert isinstance(masked, Evidence)
        return masked

    def value(self, value: object) -> object:
        """Any part of it."""
        match value:
            case Place():
                return Place(self.address(value.address), value.port)
            case Certificate():
                return self._certificate(value)
            case House():
                return self._house(value)
            case str():
                return self.text(value)
            case Mapping():
                return {key: self.value(each) for key, each in value.items()}
            case tuple():
                return tuple(self.value(each) for each in value)
        if is_dataclass(value) and not isinstance(value, type):
            parts = {f.name: self.value(getattr(value, f.name)) for f in fields(value)}
            return replace(value, **parts)
        return value

    def address(self, address: str) -> str:
        """Another address of the same kind and family."""
        known = self._addresses.get(address)
        if known is None:
            kind = special(address)
            networks = _ORDINARY if kind is None else _KINDS.get(kind, _OTHER)
            base = networks[":" in address] or networks[0]
            number = len(self._addresses) + 1
            known = self._addresses[address] = _numbered(base, number)
        return known

    def text(self, text: str) -> str:
        """A text without the names that are known and without any address."""
        for word in sorted(self._words, key=len, reverse=True):
            text = text.replace(word, self._words[word])
        text = _CERTIFICATE_OF.sub("another name", text)
        return _ADDRESS.sub(self._found_address, text)

    def _found_address(self, match: re.Match[str]) -> str:
        try:
            return self.address(str(ipaddress.ip_address(match.group())))
        except ValueError:
            return match.group()

    def _word(self, word: str, shape: str) -> str:
        if word not in self._words:
            self._words[word] = shape.format(len(self._words) + 1)
        return self._words[word]

    def _resolver(self, name: str) -> None:
        if name not in ("system", "TMDB_PINS", LITERAL, NOBODY):
            self._word(name, "resolver-{}")

    def _certificate(self, found: Certificate) -> Certificate:
        return replace(
            found,
            problem=_CERTIFICATE_OF.sub("another name", found.problem),
            subject=self._word(found.subject, "certificate-{}"),
            issuer=self._word(found.issuer, "certificate-{}"),
        )

    def _house(self, found: House) -> House:
        return House(
            tuple(_setting(each) for each in found.settings),
            tuple(self._port(each) for each in found.ports),
            "(a folder)" if found.state else "",
            found.state_problem,
            found.plugin,
            found.internet,
            found.gateway,
        )

    def _port(self, found: PortState) -> PortState:
        held = re.sub(r" \(pid \d+\)", "", found.holder) if found.holder else None
        return replace(found, holder=held, problem=self.text(found.problem))


def _setting(row: SettingRow) -> SettingRow:
    return row if row.name in HARMLESS else replace(row, shown="(set)")


def _numbered(base: str, number: int) -> str:
    """The address `number` above a base; ::1 and :: have no like neighbours."""
    if base in ("::1", "::"):
        return base
    return str(ipaddress.ip_address(int(ipaddress.ip_address(base)) + number))
