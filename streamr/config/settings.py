"""The one table of settings. Flags, environment, .env, help and docs come from it.

`load.py` looks for the values and checks them together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streamr.boundaries import DownstreamCache, Egress, Resolver, SharedEngine
from streamr.config import downstream, egress, shared, values
from streamr.config.resolvers import ALLOWED, SYSTEM, resolvers
from streamr.net.networks import Network

HOW_TO_GET_A_KEY = (
    "streamr needs a TMDB key: put TMDB_API_KEY=<your key> into .env or the "
    "environment (free at https://www.themoviedb.org/settings/api). To try it without "
    "a key: streamr demo"
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table. `read` turns text into the value or raises ValueError;
    `shows` makes of a secret's value what may be shown of it, where there is such;
    `flag_name` is the flag's where the setting's own name has another meaning."""

    name: str
    default: str
    read: Callable[[str], object]
    help: str
    allowed: str
    secret: bool = False
    shows: Callable[[Any], str] | None = None
    flag_name: str = ""

    @property
    def field(self) -> str:
        """The name of its field in Settings."""
        return self.name.lower().removeprefix("streamr_")

    @property
    def flag(self) -> str | None:
        """The flag's name without dashes; secrets have none, `ps` would show them."""
        own = self.flag_name or self.field.replace("_", "-")
        return None if self.secret else own


TABLE: tuple[Setting, ...] = (
    Setting(
        "TMDB_API_KEY",
        "",
        values.key,
        "Your TMDB key. A v4 token pasted here is recognised.",
        "32 hexadecimal digits, or a token that begins with eyJ",
        secret=True,
    ),
    Setting(
        "TMDB_ACCESS_TOKEN",
        "",
        values.token,
        "Your TMDB API Read Access Token (v4), used instead of the key.",
        "a token that begins with eyJ",
        secret=True,
    ),
    Setting("PORT", "3001", values.port, "Port of the main server.", "0 to 65535"),
    Setting(
        "HOST",
        "127.0.0.1",
        values.address,
        "Address that the main server listens on.",
        "an IP address or localhost",
    ),
    Setting("PROXY_PORT", "5001", values.port, "Port of the TMDB proxy.", "0 to 65535"),
    Setting(
        "PROXY_HOST",
        "127.0.0.1",
        values.address,
        "Address that the TMDB proxy listens on. Any address other than loopback "
        "requires STREAMR_PROXY_TOKEN.",
        "an IP address or localhost",
    ),
    Setting(
        "PROXY_TLS_CERT",
        "",
        values.existing_file,
        "The TMDB proxy's certificate (PEM), followed by the intermediate "
        "certificates, if there are any. With it, the proxy speaks https only. "
        "streamr peer new makes one.",
        "a readable PEM file",
    ),
    Setting(
        "PROXY_TLS_KEY",
        "",
        values.existing_file,
        "The private key of PROXY_TLS_CERT (PEM).",
        "a readable PEM file, not encrypted",
    ),
    Setting(
        "STREAMR_DOOR",
        "0",
        values.switch,
        "Whether streamr also answers under TMDB's own names over TLS, for apps that "
        "have them built in: the door (docs/apps.md). streamr door init makes the "
        "authority that they have to trust.",
        "1 or 0",
    ),
    Setting("DOOR_PORT", "443", values.port, "Port of the door.", "0 to 65535"),
    Setting(
        "DOOR_HOST",
        "127.0.0.1",
        values.address,
        "Address that the door listens on. Beyond loopback it serves callers on "
        "private addresses only.",
        "an IP address or localhost",
    ),
    Setting(
        "STREAMR_ONLY",
        "",
        values.choice("", "main", "proxy"),
        "Run only one of the two servers.",
        "main or proxy",
    ),
    Setting(
        "TMDB_BASE_URL",
        "https://api.themoviedb.org/3",
        values.tmdb_url,
        "TMDB's base URL for the direct route.",
        "https on TMDB's official hosts or on loopback; http on loopback only",
    ),
    Setting(
        "TMDB_ALTERNATE_URLS",
        "https://api.tmdb.org/3",
        values.listed(values.tmdb_url),
        "TMDB's other official base URLs, which the proxy tries, separated by commas.",
        "the same as for TMDB_BASE_URL",
    ),
    Setting(
        "TMDB_IMAGE_BASE_URL",
        "https://image.tmdb.org",
        values.image_url,
        "The base URL of TMDB's pictures, without /t/p.",
        "https on image.tmdb.org or on loopback; http on loopback only",
    ),
    Setting(
        "TMDB_PROXY_URL",
        "",
        values.listed(values.proxy_url),
        "The proxies that main falls back to, separated by commas: in this order until "
        "it is known which of them work, and how quickly. "
        "This machine's own proxy comes after them; unset, it is the only one, at "
        "http://127.0.0.1:5001 or the port set by PROXY_PORT. An https URL may end in "
        "the pin of the proxy's public key: then its certificate needs neither an "
        "authority nor the right name.",
        "https anywhere; http on loopback, on private addresses, and on names that "
        "exist only in private networks: single-label names, and names that end in "
        ".internal, .local, .lan, .home.arpa and the like; a pin has the form "
        "https://proxy.example:5001#sha256//… as streamr peer new and peer show print "
        "it, several separated by ;",
    ),
    Setting(
        "STREAMR_PROXY_TOKEN",
        "",
        values.shared_token,
        "The bearer token that callers of the proxy must send; main sends it to its "
        "proxies.",
        "16 to 200 printable characters without spaces",
        secret=True,
    ),
    Setting(
        "STREAMR_ADMIN_TOKEN",
        "",
        values.shared_token,
        "Sent as a bearer token, it gives other machines access to pages otherwise "
        "restricted to this one: /metrics, and everything that changes something.",
        "16 to 200 printable characters without spaces",
        secret=True,
    ),
    Setting(
        "TMDB_CA_FILE",
        "",
        values.existing_file,
        "Certificate authorities (PEM) to trust in addition to the platform's.",
        "a readable PEM file",
    ),
    Setting(
        "TMDB_PINS",
        "",
        values.pins,
        "Fixed addresses for host names; the URL, SNI and the verified name do not "
        "change.",
        "host=address[:port], separated by commas",
    ),
    Setting(
        "STREAMR_EGRESS",
        "direct",
        egress.egresses,
        "How connections to TMDB leave, separated by commas: directly, or through an "
        "outbound proxy (HTTP, SOCKS5), which also looks the names up. Only what is "
        "listed is used, and only for TMDB's hosts; env is what HTTPS_PROXY and "
        "NO_PROXY say.",
        "direct, env, and http://[user:password@]host:port, https://… (TLS to the "
        "proxy), socks5://… or socks5h://…, each optionally followed by #name; in user "
        "and password, characters other than letters, digits and -._~ are "
        "percent-encoded (a comma is %2C)",
        secret=True,
        shows=egress.shown,
    ),
    Setting(
        "STREAMR_ADDRESS_FAMILY",
        "auto",
        values.choice("auto", "ipv4", "ipv6"),
        "Which IP version to use for TMDB.",
        "auto, ipv4 or ipv6",
    ),
    Setting(
        "STREAMR_RESOLVERS",
        SYSTEM.name,
        resolvers,
        "The resolvers that are asked for the addresses of TMDB's hosts, separated by "
        "commas. Only those in the list are asked; system is this machine's own.",
        ALLOWED,
    ),
    Setting(
        "STREAMR_DEADLINE",
        "8",
        values.seconds(0.5, 60),
        "Seconds within which every caller gets an answer or an error.",
        "0.5 to 60",
    ),
    Setting(
        "STREAMR_STOP_DELAY",
        "0",
        values.seconds(0, 60),
        "Seconds between the signal to stop and the closing of the ports. During this "
        "time /readyz answers 503, so that load balancers send requests elsewhere.",
        "0 to 60",
    ),
    Setting(
        "CORS_ORIGINS",
        "",
        values.listed(values.origin),
        "Web origins that may read the answers, separated by commas, also with "
        "credentials. The first label of a host may be a star, but then credentials "
        "are not allowed. Unset: any origin while HOST is a loopback address, none "
        "otherwise.",
        "https://app.example, https://*.app.example, tauri://localhost and the other "
        "schemes of apps and extensions, separated by commas, or * (on loopback only)",
    ),
    Setting(
        "STREAMR_PUBLIC_URL",
        "",
        values.public_url,
        "The URL at which others reach main, behind a reverse proxy or by a name of "
        "your network. The status page is served under its host, and the examples of "
        "/docs use it.",
        "an http or https URL, such as https://film.example/tmdb",
    ),
    Setting(
        "STREAMR_ALLOWED_HOSTS",
        "",
        values.listed(values.host_name),
        "Further host names under which the status page and the other pages about "
        "streamr itself are served, separated by commas. Once it is set, answers from "
        "TMDB are served only under a name that is known: one of these, a loopback "
        "name, an address, or a host of STREAMR_PUBLIC_URL and CORS_ORIGINS.",
        "host names without scheme, port or star, separated by commas",
    ),
    Setting(
        "STREAMR_TRUSTED_PROXIES",
        "",
        values.networks,
        "The reverse proxies in front of streamr, separated by commas. Only from them "
        "is X-Forwarded-For believed, which says whose request it is when limits are "
        "counted for each address, and, as from loopback, X-Forwarded-Prefix.",
        "addresses, ranges such as 172.18.0.0/16, and the word private_ranges for "
        "loopback, private and link-local addresses",
    ),
    Setting(
        "STREAMR_MAX_CONNECTIONS",
        "2000",
        values.number(1, 1_000_000),
        "Connections that each server takes at once; further ones get a 503. At start "
        "it is lowered to what the limit on open files allows.",
        "1 to 1000000",
    ),
    Setting(
        "STREAMR_CALLER_RATE",
        "0",
        values.number(0, 100_000),
        "Requests per second that one caller's address may make, after a burst of ten "
        "times as many; further ones get a 429. 0: no limit. Loopback, private "
        "addresses and trusted proxies have none, nor on the proxy do callers with "
        "STREAMR_PROXY_TOKEN.",
        "0 to 100000",
    ),
    Setting(
        "STREAMR_EXTRA_PATHS",
        "",
        values.listed(values.template),
        "TMDB paths that this version does not know yet, separated by commas.",
        "templates such as /movie/{movie_id}/new_thing",
    ),
    Setting(
        "STREAMR_RATE",
        "35",
        values.number(1, 1000),
        "Requests per second to each of TMDB's hosts; TMDB allows about 40.",
        "1 to 1000",
    ),
    Setting(
        "STREAMR_CONNECTIONS",
        "15",
        values.number(1, 1000),
        "Simultaneous requests to each of TMDB's hosts; TMDB's CDN allows 20 "
        "connections.",
        "1 to 1000",
    ),
    Setting(
        "STREAMR_CACHE_MB",
        "64",
        values.number(0, 65536),
        "Megabytes of answers that main keeps in memory and on disk; 0 keeps none.",
        "0 to 65536",
    ),
    Setting(
        "STREAMR_IMAGES",
        "1",
        values.switch,
        "Whether both servers also serve TMDB's pictures, below /t/p.",
        "1 or 0",
        # streamr cache purge --images
        flag_name="serve-images",
    ),
    Setting(
        "STREAMR_REWRITE_IMAGES",
        "0",
        values.switch,
        "Whether /3/configuration names main's own address for pictures: "
        "STREAMR_PUBLIC_URL, or else the Host of the request, if that is a loopback "
        "name, an address, or one of STREAMR_ALLOWED_HOSTS and CORS_ORIGINS.",
        "1 or 0",
    ),
    Setting(
        "STREAMR_IMAGE_CACHE_MB",
        "",
        values.optional(values.number(0, 1_000_000)),
        "Megabytes of pictures that main keeps on disk, in STREAMR_STATE_DIR; 0 keeps "
        "none. Unset: 1024, or a tenth of the free space if that is less.",
        "0 to 1000000",
    ),
    Setting(
        "STREAMR_TAGS",
        "",
        values.tag_format,
        "The header in which main names the tags of each answer, by which a cache in "
        "front of it can purge it (docs/scaling.md).",
        "cache-tag (Cloudflare), surrogate-key (Fastly, Varnish, Souin) or "
        "edge-cache-tag (Akamai)",
    ),
    Setting(
        "STREAMR_PURGE_URL",
        "",
        downstream.caches,
        "The caches in front of main that are told to drop what streamr cache purge "
        "drops, separated by commas: each a method and a URL. {tag} in it stands for "
        "the tag, which PURGE and BAN also carry as Surrogate-Key.",
        "PURGE, BAN, POST, PUT or DELETE, a space, and an https URL; http on loopback, "
        "on private addresses and on names of private networks",
    ),
    Setting(
        "STREAMR_PURGE_BODY",
        "",
        downstream.body,
        "What is sent with POST and PUT to the caches in STREAMR_PURGE_URL.",
        'JSON with {tag} in it, such as {"tags":["{tag}"]}',
    ),
    Setting(
        "STREAMR_PURGE_TOKEN",
        "",
        downstream.credential,
        "The token for the caches in STREAMR_PURGE_URL. If one of their URLs is https, "
        "the token is sent only to those that are.",
        "a token of 8 or more printable characters without spaces, sent as "
        "Authorization: Bearer, or a field with it, such as Fastly-Key: TOKEN",
        secret=True,
    ),
    Setting(
        "STREAMR_SHARED",
        "",
        shared.engine,
        "The Valkey or Redis that several streamr share (docs/scaling.md): stored "
        "answers, one request to TMDB for a page that several need, purges, and TMDB's "
        "limits. env is what REDIS_URL says.",
        "env, or redis://[user:password@]host:port[/database], valkey:// on private "
        "addresses and names of private networks, rediss:// or valkeys:// (TLS) "
        "anywhere, unix:///path; in user and password, characters other than letters, "
        "digits and -._~ are percent-encoded",
        secret=True,
        shows=shared.shown,
    ),
    Setting(
        "STREAMR_EGRESS_ID",
        "default",
        values.word,
        "The name of the address by which TMDB counts this streamr: those that share "
        "both it and STREAMR_SHARED share TMDB's limits.",
        "up to 40 letters, digits, - and _",
    ),
    Setting(
        "STREAMR_STATE_DIR",
        "",
        values.folder,
        "Folder for the cache and the control socket. Unset: systemd's "
        "STATE_DIRECTORY, or .local/state/streamr in the home directory.",
        "a folder",
    ),
    Setting(
        "STREAMR_WARM",
        "/trending/all/week,/movie/popular,/tv/popular,/movie/top_rated",
        values.listed(values.tmdb_path),
        "TMDB paths that main fetches at startup and keeps fresh, separated by commas.",
        "paths such as /movie/popular, or the word none",
    ),
    Setting(
        "STREAMR_WARM_IMAGES",
        "",
        values.listed(values.image_size),
        "Sizes in which main fetches the posters of the lists in STREAMR_WARM before "
        "anyone asks, separated by commas.",
        "sizes such as w342,w500",
    ),
    Setting(
        "STREAMR_ENVIRONMENT",
        "production",
        values.word,
        "The name that /api/health gives this installation.",
        "up to 40 letters, digits, - and _",
    ),
    Setting(
        "STREAMR_LOG_FILE",
        "",
        values.log_file,
        "A file to log to in addition to the console, such as server.log.",
        "a path in an existing folder",
    ),
    Setting(
        "STREAMR_LOG_LEVEL",
        "info",
        values.choice("debug", "info", "warn", "error"),
        "The lowest level that is logged.",
        "debug, info, warn or error",
    ),
    Setting(
        "STREAMR_LOG_FORMAT",
        "text",
        values.choice("text", "json"),
        "The format of the log.",
        "text or json",
    ),
)
BY_NAME = {setting.name: setting for setting in TABLE}


@dataclass(frozen=True, slots=True)
class Told:
    """A setting as it may be shown: of a secret only that there is one."""

    setting: Setting
    value: str | None
    origin: str


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A file that a secret is in; `where` is the source that names it."""

    setting: Setting
    path: str
    where: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What an operator should know at the start, in a sentence. `code` is the anchor of
    its row in docs/troubleshooting.md."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, read and checked together."""

    tmdb_api_key: str | None = field(repr=False)
    tmdb_access_token: str | None = field(repr=False)
    port: int
    host: str
    proxy_port: int
    proxy_host: str
    proxy_tls_cert: Path | None
    proxy_tls_key: Path | None
    door: bool
    door_port: int
    door_host: str
    only: str
    tmdb_base_url: str
    tmdb_alternate_urls: tuple[str, ...]
    tmdb_image_base_url: str
    tmdb_proxy_url: tuple[str, ...]
    proxy_token: str | None = field(repr=False)
    admin_token: str | None = field(repr=False)
    tmdb_ca_file: Path | None
    tmdb_pins: Mapping[str, tuple[tuple[str, int | None], ...]]
    egress: tuple[Egress, ...]
    address_family: str
    resolvers: tuple[Resolver, ...]
    deadline: float
    stop_delay: float
    cors_origins: tuple[str, ...]
    public_url: str | None
    allowed_hosts: tuple[str, ...]
    trusted_proxies: tuple[Network, ...]
    max_connections: int
    caller_rate: int
    extra_paths: tuple[str, ...]
    rate: int
    connections: int
    cache_mb: int
    images: bool
    rewrite_images: bool
    image_cache_mb: int | None
    tags: str
    purge_url: tuple[DownstreamCache, ...]
    purge_body: str
    purge_token: tuple[str, str] | None = field(repr=False)
    shared: SharedEngine | None
    egress_id: str
    state_dir: Path | None
    warm: tuple[str, ...]
    warm_images: tuple[str, ...]
    environment: str
    log_file: Path | None
    log_level: str
    log_format: str
    warnings: tuple[Notice, ...] = ()
    told: tuple[Told, ...] = ()
    secret_files: tuple[SecretFile, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every value that must never leave."""
        engine = self.shared
        purge = () if self.purge_token is None else self.purge_token[1:]
        found = (
            self.tmdb_api_key,
            self.tmdb_access_token,
            self.proxy_token,
            self.admin_token,
            *(each.removeprefix("Bearer ") for each in purge),
            None if engine is None else engine.password,
            *(each.password for each in self.egress),
            *(f"{e.user}:{e.password}" for e in self.egress if e.password),
        )
        return tuple(each for each in found if each)
