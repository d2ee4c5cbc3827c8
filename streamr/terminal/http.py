"""One HTTP request by a command: blocking, with a timeout, by the standard library."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamr.config.addresses import reachable
from streamr.net.keypins import PinFile, pin_of


class ServerRefused(Exception):
    """A server shows a certificate that is not acceptable; the text says why."""


@dataclass(frozen=True, slots=True)
class ServerReply:
    """What a server of ours said."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """The body's value. Raises ValueError."""
        return json.loads(self.body)


def ask(
    host: str,
    port: int,
    path: str,
    seconds: float,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    certificate: Path | None = None,
) -> ServerReply:
    """Ask the server that is bound to `host`, over TLS when it has a `certificate`.

    Raises OSError and HTTPException when nobody answers in time, CertificateRefused
    when another certificate is shown, and SettingsError when the file cannot be read.
    """
    where = reachable(host)
    connection = http.client.HTTPConnection(where, port, timeout=seconds)
    if certificate is not None:
        context = _trusting(where, port, PinFile(certificate).pin, seconds)
        connection = http.client.HTTPSConnection(
            where, port, timeout=seconds, context=context
        )
    try:
        return exchange(connection, method, path, headers or {})
    except ssl.SSLCertVerificationError as error:
        raise ServerRefused(error.verify_message) from error


def _trusting(host: str, port: int, pin: str, seconds: float) -> ssl.SSLContext:
    """A context that trusts the certificate that is shown there, and no other, when its
    key is the right one. Raises OSError and CertificateRefused.

    It is looked at first, on a connection that carries nothing else: the one that does
    is verified as any other, dates included.
    """
    shown = ssl.get_server_certificate((host, port), timeout=seconds)
    if pin_of(ssl.PEM_cert_to_DER_cert(shown)) != pin:
        raise ServerRefused("its public key is not that of PROXY_TLS_CERT")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # it may be for a name that others reach this machine by
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=shown)
    return context


def exchange(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    headers: Mapping[str, str],
) -> ServerReply:
    """One request on a connection, which ends with it. Raises as `ask` does."""
    try:
        connection.request(method, path, headers=dict(headers))
        response = connection.getresponse()
        return ServerReply(response.status, response.headers, response.read())
    finally:
        connection.close()


def why(error: Exception) -> str:
    """What went wrong, without the number that the system has for it."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
