"""The one table of settings. Flags, environment, .env, help and docs come from it.

A value is looked for in this order: flag, environment, `.env` in the working directory,
default. All that is wrong is reported at once, each with the setting's name, its value
(never a secret's), what is allowed and where the value came from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from streamr import parsing
from streamr.errors import SettingsError

HOW_TO_GET_A_KEY = (
    "streamr needs a TMDB key: put TMDB_API_KEY=<your key> into .env or the "
    "environment (free at https://www.themoviedb.org/settings/api). To try it without "
    "a key: streamr demo"
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table. `read` turns text into the value or raises ValueError."""

    name: str
    default: str
    read: Callable[[str], Any]
    help: str
    allowed: str
    secret: bool = False

    @property
    def field(self) -> str:
        """The name of its field in Settings."""
        return self.name.lower().removeprefix("streamr_")

    @property
    def flag(self) -> str | None:
        """The flag's name without dashes; secrets have none, `ps` would show them."""
        return None if self.secret else self.field.replace("_", "-")


TABLE: tuple[Setting, ...] = (
    Setting(
        "TMDB_API_KEY",
        "",
        parsing.key,
        "Your TMDB key. A v4 token pasted here is recognised.",
        "32 hexadecimal digits, or a token that begins with eyJ",
        secret=True,
    ),
    Setting(
        "TMDB_ACCESS_TOKEN",
        "",
        parsing.token,
        "Your TMDB API Read Access Token (v4), used instead of the key.",
        "a token that begins with eyJ",
        secret=True,
    ),
    Setting("PORT", "3001", parsing.port, "Port of the main server.", "0 to 65535"),
    Setting(
        "HOST",
        "127.0.0.1",
        parsing.address,
        "Address that the main server binds.",
        "an IP address or localhost",
    ),
    Setting(
        "PROXY_PORT", "5001", parsing.port, "Port of the TMDB proxy.", "0 to 65535"
    ),
    Setting(
        "PROXY_HOST",
        "127.0.0.1",
        parsing.address,
        "Address that the TMDB proxy binds. Beyond loopback it needs "
        "STREAMR_PROXY_TOKEN.",
        "an IP address or localhost",
    ),
    Setting(
        "STREAMR_ONLY",
        "",
        parsing.choice("", "main", "proxy"),
        "Run one server alone.",
        "main or proxy",
    ),
    Setting(
        "TMDB_BASE_URL",
        "https://api.themoviedb.org/3",
        parsing.tmdb_url,
        "Where the direct attempt goes.",
        "https on TMDB's official hosts or on loopback; http on loopback only",
    ),
    Setting(
        "TMDB_ALTERNATE_URLS",
        "https://api.tmdb.org/3",
        parsing.listed(parsing.tmdb_url),
        "Other official names of TMDB that the proxy tries, with commas between.",
        "as TMDB_BASE_URL",
    ),
    Setting(
        "TMDB_PROXY_URL",
        "",
        parsing.listed(parsing.proxy_url),
        "The proxies that main falls back to, in order, with commas between. Unset: "
        "the proxy on this machine, http://127.0.0.1:5001 or where PROXY_PORT puts it.",
        "https anywhere; http on loopback, private addresses and container names",
    ),
    Setting(
        "STREAMR_PROXY_TOKEN",
        "",
        parsing.shared_token,
        "What callers of the proxy send as Bearer; main sends it to its proxies.",
        "16 to 200 printable characters without spaces",
        secret=True,
    ),
    Setting(
        "STREAMR_ADMIN_TOKEN",
        "",
        parsing.shared_token,
        "Sent as Bearer, it opens to other machines what is for this one alone: "
        "/metrics, and what changes something.",
        "16 to 200 printable characters without spaces",
        secret=True,
    ),
    Setting(
        "TMDB_CA_FILE",
        "",
        parsing.existing_file,
        "Extra trust roots (PEM) beside the platform's.",
        "a readable PEM file",
    ),
    Setting(
        "TMDB_PINS",
        "",
        parsing.pins,
        "Fixed addresses of host names; URL, SNI and verified name stay.",
        "host=address[:port], with commas between",
    ),
    Setting(
        "STREAMR_ADDRESS_FAMILY",
        "auto",
        parsing.choice("auto", "ipv4", "ipv6"),
        "Which addresses are used towards TMDB.",
        "auto, ipv4 or ipv6",
    ),
    Setting(
        "STREAMR_DEADLINE",
        "8",
        parsing.seconds(0.5, 60),
        "Seconds after which every caller has an answer or an honest error.",
        "0.5 to 60",
    ),
    Setting(
        "CORS_ORIGINS",
        "",
        parsing.listed(parsing.origin),
        "Web origins that may read the answers, with commas between. Unset: any origin "
        "on loopback, none beyond it.",
        "https://app.example, with commas between, or * (on loopback only)",
    ),
    Setting(
        "STREAMR_EXTRA_PATHS",
        "",
        parsing.listed(parsing.template),
        "TMDB paths newer than this version, with commas between.",
        "templates such as /movie/{movie_id}/new_thing",
    ),
    Setting(
        "STREAMR_RATE",
        "35",
        parsing.number(1, 1000),
        "Requests a second to each of TMDB's hosts; TMDB allows some 40.",
        "1 to 1000",
    ),
    Setting(
        "STREAMR_CONNECTIONS",
        "15",
        parsing.number(1, 1000),
        "Requests at once to each of TMDB's hosts; TMDB's CDN allows 20 connections.",
        "1 to 1000",
    ),
    Setting(
        "STREAMR_CACHE_MB",
        "64",
        parsing.number(0, 65536),
        "Megabytes of answers that main keeps in memory and on disk; 0 keeps none.",
        "0 to 65536",
    ),
    Setting(
        "STREAMR_STATE_DIR",
        "",
        parsing.folder,
        "Where the cache and the control socket live. Unset: systemd's "
        "STATE_DIRECTORY, or .local/state/streamr in the home directory.",
        "a folder that can be made and written",
    ),
    Setting(
        "STREAMR_WARM",
        "/trending/all/week,/movie/popular,/tv/popular,/movie/top_rated",
        parsing.listed(parsing.tmdb_path),
        "TMDB paths that main fetches at the start and keeps fresh, with commas "
        "between.",
        "paths such as /movie/popular, or none",
    ),
    Setting(
        "STREAMR_ENVIRONMENT",
        "production",
        parsing.word,
        "What /api/health calls this installation.",
        "up to 40 letters, digits, - and _",
    ),
    Setting(
        "STREAMR_LOG_FILE",
        "",
        parsing.log_file,
        "A file for the log beside the console, such as server.log.",
        "a path in an existing folder",
    ),
    Setting(
        "STREAMR_LOG_LEVEL",
        "info",
        parsing.choice("debug", "info", "warn", "error"),
        "The least important lines that are logged.",
        "debug, info, warn or error",
    ),
    Setting(
        "STREAMR_LOG_FORMAT",
        "text",
        parsing.choice("text", "json"),
        "The form of the log.",
        "text or json",
    ),
)
_BY_NAME = {setting.name: setting for setting in TABLE}


@dataclass(frozen=True, slots=True)
class Told:
    """A setting as it may be shown: of a secret only that there is one."""

    setting: Setting
    value: str | None
    origin: str


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, read and checked together."""

    tmdb_api_key: str | None = field(repr=False)
    tmdb_access_token: str | None = field(repr=False)
    port: int
    host: str
    proxy_port: int
    proxy_host: str
    only: str
    tmdb_base_url: str
    tmdb_alternate_urls: tuple[str, ...]
    tmdb_proxy_url: tuple[str, ...]
    proxy_token: str | None = field(repr=False)
    admin_token: str | None = field(repr=False)
    tmdb_ca_file: Path | None
    tmdb_pins: Mapping[str, tuple[tuple[str, int | None], ...]]
    address_family: str
    deadline: float
    cors_origins: tuple[str, ...]
    extra_paths: tuple[str, ...]
    rate: int
    connections: int
    cache_mb: int
    state_dir: Path | None
    warm: tuple[str, ...]
    environment: str
    log_file: Path | None
    log_level: str
    log_format: str
    warnings: tuple[str, ...] = ()
    told: tuple[Told, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every value that must never leave."""
        found = (
            self.tmdb_api_key,
            self.tmdb_access_token,
            self.proxy_token,
            self.admin_token,
        )
        return tuple(each for each in found if each)


@dataclass(frozen=True, slots=True)
class Found:
    """What was given for a setting and where; `problem` says what is wrong with it."""

    setting: Setting
    text: str
    origin: str
    problem: str | None = None

    @property
    def shown(self) -> str | None:
        """The value as it may be printed; None where there is none."""
        if self.setting.secret:
            return "(secret)" if self.text or self.problem else None
        return _masked(self.text) or None


@dataclass(frozen=True, slots=True)
class Stock:
    """Everything that was found. `settings` is None when there are problems."""

    found: tuple[Found, ...]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    settings: Settings | None


def load(
    flags: Mapping[str, str | None],
    environment: Mapping[str, str],
    env_file: Path | None = None,
    *,
    needs_key: bool = True,
) -> Settings:
    """The settings from all their sources.

    `flags` maps setting names to what stood on the command line, None where nothing
    did. A command that only talks to a running daemon needs no key. Raises
    SettingsError with all that is wrong.
    """
    stock = take_stock(flags, environment, env_file, needs_key=needs_key)
    if stock.settings is None:
        raise SettingsError(list(stock.problems))
    return stock.settings


def take_stock(
    flags: Mapping[str, str | None],
    environment: Mapping[str, str],
    env_file: Path | None = None,
    *,
    needs_key: bool = True,
) -> Stock:
    """Each setting's value, origin and problem, and the settings that they make."""
    problems: list[str] = []
    warnings: list[str] = []
    dotenv = _read_dotenv(env_file, problems)
    _look_for_unknown(dotenv, environment, problems, warnings)
    values: dict[str, Any] = {}
    everything = []
    for setting in TABLE:
        found = _find(setting, flags, environment, dotenv)
        try:
            values[setting.field] = _read(found)
        except ValueError as error:
            problems.append(str(error))
            found = replace(found, problem=str(error))
            values[setting.field] = setting.read(setting.default)
        everything.append(found)
    broken = {each.setting.name for each in everything if each.problem}
    _check_together(values, broken, needs_key, problems, warnings)
    more: dict[str, Any] = {
        "warnings": tuple(warnings),
        "told": tuple(Told(e.setting, e.shown, e.origin) for e in everything),
    }
    assert set(values) == {each.name for each in fields(Settings)} - set(more)
    made = None if problems else Settings(**values, **more)
    return Stock(tuple(everything), tuple(problems), tuple(warnings), made)


def _find(
    setting: Setting,
    flags: Mapping[str, str | None],
    environment: Mapping[str, str],
    dotenv: Mapping[str, str],
) -> Found:
    flag = flags.get(setting.name)
    if flag is not None:
        return Found(setting, flag, f"flag --{setting.flag}")
    for source, where in ((environment, "environment"), (dotenv, ".env")):
        text, path = source.get(setting.name), source.get(f"{setting.name}_FILE")
        if text and path and setting.secret:
            problem = (
                f"{setting.name} and {setting.name}_FILE are both set ({where}): "
                "one of them is enough"
            )
            return Found(setting, "", where, problem)
        if text:
            return Found(setting, text, where)
        if path and setting.secret:
            return _secret_file(setting, path, where)
    return Found(setting, setting.default, "default")


def _secret_file(setting: Setting, path: str, where: str) -> Found:
    origin = f"{setting.name}_FILE"
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        problem = (
            f"{origin} ({where}): {path!r} cannot be read: "
            f"{getattr(error, 'strerror', None) or 'not text'}"
        )
        return Found(setting, "", origin, problem)
    return Found(setting, text, origin)


def _read(found: Found) -> Any:
    """The value. Raises ValueError with what is wrong, and what is allowed."""
    if found.problem is not None:
        raise ValueError(found.problem)
    setting, text = found.setting, found.text.strip()
    try:
        return setting.read(text)
    except ValueError as error:
        shown = "(a secret, not shown)" if setting.secret else repr(_masked(text))
        why = f": {_masked(str(error))}" if str(error) else ""
        raise ValueError(
            f"{setting.name} cannot be {shown}{why}; allowed: {setting.allowed} "
            f"(from {found.origin})"
        ) from error


def _masked(text: str) -> str:
    """The text without the user and password that a URL may hold."""
    return re.sub(r"(?s)^.*@", "[redacted]@", text)


def _read_dotenv(path: Path | None, problems: list[str]) -> dict[str, str]:
    if path is None:
        return {}
    try:
        if not path.is_file():
            return {}
        pairs = dotenv_values(path, interpolate=False, encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        problems.append(f"{path.name} cannot be read: {error}")
        return {}
    return {name: value or "" for name, value in pairs.items()}


def _look_for_unknown(
    dotenv: Mapping[str, str],
    environment: Mapping[str, str],
    problems: list[str],
    warnings: list[str],
) -> None:
    """A misspelt setting is an error where a person wrote it. In the environment it is
    a warning: Kubernetes injects names such as STREAMR_SERVICE_HOST."""
    for source, where, report in (
        (dotenv, ".env", problems),
        (environment, "environment", warnings),
    ):
        for name in source:
            if name.startswith("STREAMR_") and not _known(name):
                report.append(f"{name} ({where}) is no setting{_did_you_mean(name)}")


def _did_you_mean(name: str) -> str:
    """A hint at the setting that was probably meant, or nothing."""
    # without the prefix, which would make everything look alike
    short = {each.name.removeprefix("STREAMR_"): each.name for each in TABLE}
    wanted = name.removeprefix("STREAMR_")
    meant = parsing.closest(wanted, short)
    return f"; did you mean {short[meant]}?" if meant else ""


def _known(name: str) -> bool:
    setting = _BY_NAME.get(name) or _BY_NAME.get(name.removesuffix("_FILE"))
    return setting is not None and (setting.name == name or setting.secret)


def _check_together(
    values: dict[str, Any],
    broken: set[str],
    needs_key: bool,
    problems: list[str],
    warnings: list[str],
) -> None:
    """What no setting can decide alone, as far as those concerned could be read."""
    _sort_credentials(values)
    has_key = values["tmdb_access_token"] or values["tmdb_api_key"]
    if needs_key and not has_key and not broken & {"TMDB_API_KEY", "TMDB_ACCESS_TOKEN"}:
        problems.append(HOW_TO_GET_A_KEY)
    if "STREAMR_ONLY" in broken:
        return
    if values["only"] != "main" and not broken & {"PROXY_HOST", "STREAMR_PROXY_TOKEN"}:
        _check_proxy(values, problems)
    if values["only"] != "proxy" and not broken & {"HOST", "CORS_ORIGINS"}:
        _check_main(values, problems, warnings)
    if values["only"] == "" and 0 != values["port"] == values["proxy_port"]:
        problems.append(
            f"PORT and PROXY_PORT cannot both be {values['port']}: one port each"
        )


def _sort_credentials(values: dict[str, Any]) -> None:
    """A v4 token that was pasted into TMDB_API_KEY goes where it belongs."""
    key = values["tmdb_api_key"]
    pasted = key is not None and key.startswith("eyJ")
    if pasted and values["tmdb_access_token"] is None:
        values["tmdb_access_token"], values["tmdb_api_key"] = key, None


def _check_proxy(values: dict[str, Any], problems: list[str]) -> None:
    host = values["proxy_host"]
    if not parsing.is_loopback(host) and values["proxy_token"] is None:
        problems.append(
            f"PROXY_HOST {host!r} is open to others, and the proxy answers with your "
            "key: set STREAMR_PROXY_TOKEN (16 characters or more) or PROXY_HOST "
            "127.0.0.1"
        )


def _check_main(
    values: dict[str, Any], problems: list[str], warnings: list[str]
) -> None:
    host, origins = values["host"], values["cors_origins"]
    if "*" in origins and len(origins) > 1:
        problems.append("CORS_ORIGINS cannot be * and a list at the same time")
    if parsing.is_loopback(host):
        values["cors_origins"] = origins or ("*",)
    elif "*" in origins:
        problems.append(
            f"CORS_ORIGINS cannot be * while HOST is {host!r}: name the web origins "
            "that may use your key, such as https://app.example"
        )
    for url in values["tmdb_proxy_url"]:
        if parsing.is_plain_beyond_loopback(url):
            warnings.append(
                f"TMDB_PROXY_URL {url} is plain http beyond this machine: what passes "
                "there, STREAMR_PROXY_TOKEN too, can be read on the way"
            )
