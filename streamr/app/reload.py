"""What is read again while it serves: secrets in files, certificates, the log files.

Whatever cannot be used leaves in place what there was. Other settings need a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from twisted.logger import Logger

from streamr.app.identity import ProxyIdentity
from streamr.app.routes import Upstream
from streamr.app.supervisor import Supervisor
from streamr.boundaries import Egress
from streamr.config.load import reread
from streamr.config.settings import Settings
from streamr.errors import SettingsError
from streamr.gateway.gateway import Gateway
from streamr.observe.log import LineObserver
from streamr.policy.redact import Redactor
from streamr.web.api.resource import GatewayResource

_log = Logger(namespace="streamr")


@dataclass(frozen=True, slots=True)
class Served:
    """What a server has that uses a secret."""

    resource: GatewayResource
    gateway: Gateway


class Reloader:
    """Reads the files again, and hands out what is in them."""

    def __init__(
        self,
        settings: Settings,
        lines: LineObserver,
        upstream: Upstream,
        served: Mapping[str, Served],
        supervisor: Supervisor,
        identity: ProxyIdentity | None = None,
        renew_caches: Callable[[Settings], object] = lambda _settings: None,
    ) -> None:
        """`served` is by "main" and "proxy"; `identity` is what this machine's proxy
        shows, if it has TLS; `renew_caches` tells the caches in front with another
        token."""
        self._settings = settings
        self._lines = lines
        self._upstream = upstream
        self._served = served
        self._supervisor = supervisor
        self._identity = identity
        self._renew_caches = renew_caches
        # an old one may still be in what is written
        self._secrets = set(settings.secrets)

    def reload(self) -> None:
        """Do so now."""
        self._supervisor.reloading()
        try:
            self._reload()
        finally:
            # systemd waits for it, whatever came of this
            self._supervisor.ready()

    def _reload(self) -> None:
        self._lines.reopen()
        found, problems = reread(self._settings)
        if _places(found) != _places(self._settings):
            # the routes are made of it
            problems.append(
                "STREAMR_EGRESS_FILE names other outbound proxies than before, or in "
                "another order: that needs a restart, and only a new user and password "
                "of the same ones do not"
            )
            found = replace(found, egress=self._settings.egress)
        if _usable(found) != _usable(self._settings):
            self._use(found)
        renewals = [self._upstream.renew_trust]
        if self._identity is not None:
            renewals.append(self._identity.renew)
        for renew in renewals:
            try:
                renew()
            except SettingsError as error:
                problems += error.problems
        for problem in problems:
            _log.warn(
                "not reloaded, the old value stays in use: {problem}",
                problem=problem,
                code="not-reloaded",
            )
        for each in self._served.values():
            # what was refused is tried now, and not by the next caller
            each.gateway.failover.health.look_again()
        if not problems:
            _log.info("reloaded: {files}", files=", ".join(_files(found)))

    def _use(self, settings: Settings) -> None:
        self._settings = settings
        self._secrets.update(settings.secrets)
        self._lines.redact = Redactor(self._secrets)
        self._upstream.renew(settings)
        self._renew_caches(settings)
        for name, each in self._served.items():
            token = settings.proxy_token if name == "proxy" else None
            each.resource.renew(token, settings.admin_token)


def _usable(settings: Settings) -> tuple[object, ...]:
    """What may be another one now, and how it is used."""
    return settings.secrets, settings.egress, settings.purge_token


def _places(settings: Settings) -> list[Egress]:
    """The outbound proxies but for their users and passwords."""
    return [replace(each, user=None, password=None) for each in settings.egress]


def _files(settings: Settings) -> Iterator[str]:
    """What has been read again, by the names of the settings."""
    yield from (f"{each.setting.name}_FILE" for each in settings.secret_files)
    has_own = settings.tmdb_ca_file is not None
    yield "TMDB_CA_FILE" if has_own else "the platform's certificates"
    if settings.proxy_tls_cert is not None:
        yield "PROXY_TLS_CERT"
    if settings.proxy_tls_key is not None:
        yield "PROXY_TLS_KEY"
    if settings.log_file is not None:
        yield "STREAMR_LOG_FILE"
