"""What this machine's proxy is known by, when it has TLS."""

from __future__ import annotations

from streamr.config.settings import Settings
from streamr.net.keypins import PinFile
from streamr.web.server.tls import ServerTLS

# Its certificate with the key, where it runs in this process; elsewhere its key's pin.
ProxyIdentity = ServerTLS | PinFile


def identity_of(settings: Settings, *, runs_here: bool) -> ProxyIdentity | None:
    """Read the files of the settings; None without any. Raises SettingsError."""
    certificate, key = settings.proxy_tls_cert, settings.proxy_tls_key
    if certificate is None:
        return None
    if runs_here and key is not None:
        return ServerTLS(certificate, key)
    return PinFile(certificate)
