"""Reads the settings: flag, environment, `.env` in the working directory, default.

All that is wrong is reported at once, each with the setting's name, its value (never a
secret's), what is allowed and where the value came from.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from dotenv.parser import parse_stream

from streamr.config import shared
from streamr.config.addresses import place
from streamr.config.egress import FROM_ENVIRONMENT, egresses, names_proxy, settled
from streamr.config.settings import (
    HOW_TO_GET_A_KEY,
    TABLE,
    Notice,
    SecretFile,
    Setting,
    Settings,
    Told,
)
from streamr.config.sockets import ORIGIN
from streamr.config.typos import unknown
from streamr.config.values import is_plain_beyond_loopback
from streamr.errors import SettingsError
from streamr.net.networks import is_loopback

# One of them is needed.
CREDENTIALS = ("TMDB_API_KEY", "TMDB_ACCESS_TOKEN")
# They belong together.
PROXY_TLS = ("PROXY_TLS_CERT", "PROXY_TLS_KEY")
# So do these: without the first the others do nothing.
PURGES = ("STREAMR_PURGE_URL", "STREAMR_PURGE_BODY", "STREAMR_PURGE_TOKEN")
NOT_IN_THE_TABLE = {"warnings", "told", "secret_files"}
# The settings' values by their fields' names: each row of the table reads its own type.
Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """What was given for a setting and where; `problem` says what is wrong with it, and
    `file` is where a secret was read."""

    setting: Setting
    text: str
    origin: str
    problem: str | None = None
    file: SecretFile | None = None

    @property
    def shown(self) -> str | None:
        """The value as it may be printed; None where there is none."""
        shows = self.setting.shows
        if shows is not None and self.text and not self.problem:
            return shows(self.setting.read(self.text.strip()))
        if self.setting.secret:
            return "(secret)" if self.text or self.problem else None
        return _masked(self.text) or None


@dataclass(frozen=True, slots=True)
class Stock:
    """Everything that was found. `settings` is None when there are problems."""

    found: tuple[Found, ...]
    problems: tuple[str, ...]
    warnings: tuple[Notice, ...]
    settings: Settings | None


def load(
    flags: Mapping[str, str | None],
    environment: Mapping[str, str],
    env_file: Path | None = None,
    *,
    needs_key: bool = True,
    sockets: Mapping[str, str] | None = None,
) -> Settings:
    """The settings from all their sources.

    `flags` maps setting names to what stood on the command line, None where nothing
    did; `sockets` has those that listening sockets stand for, which nothing can change.
    A command that only talks to a running daemon needs no key. Raises SettingsError
    with all that is wrong.
    """
    stock = take_stock(
        flags, environment, env_file, needs_key=needs_key, sockets=sockets
    )
    if stock.settings is None:
        raise SettingsError(list(stock.problems))
    return stock.settings


def take_stock(
    flags: Mapping[str, str | None],
    environment: Mapping[str, str],
    env_file: Path | None = None,
    *,
    needs_key: bool = True,
    sockets: Mapping[str, str] | None = None,
) -> Stock:
    """Each setting's value, origin and problem, and the settings that they make."""
    problems: list[str] = []
    warnings: list[Notice] = []
    dotenv = _read_dotenv(env_file, problems)
    file = env_file.name if env_file is not None else ".env"
    sources = {"environment": environment, file: dotenv}
    likely = _check_names(sources, file, problems, warnings)
    values: Values = {}
    everything = []
    for setting in TABLE:
        found = _find(setting, sockets or {}, flags, sources)
        try:
            values[setting.field] = _read(found)
        except ValueError as error:
            problems.append(str(error))
            found = replace(found, problem=str(error))
            values[setting.field] = setting.read(setting.default)
        everything.append(found)
    broken = {each.setting.name for each in everything if each.problem}
    problems += _settle_egress(values, environment)
    problems += _settle_shared(values, environment)
    _check_together(values, broken, needs_key, problems, warnings)
    warnings += [
        notice
        for each in everything
        if each.setting.name == "STREAMR_EGRESS" and not each.problem
        for notice in _about_environment(each, environment)
    ]
    if HOW_TO_GET_A_KEY in problems:
        problems += likely
    told = tuple(Told(e.setting, e.shown, e.origin) for e in everything)
    read_here = {each.name for each in fields(Settings)} - NOT_IN_THE_TABLE
    assert set(values) == read_here
    files = tuple(each.file for each in everything if each.file is not None)
    made = (
        None
        if problems
        else Settings(**values, warnings=tuple(warnings), told=told, secret_files=files)
    )
    return Stock(tuple(everything), tuple(problems), tuple(warnings), made)


def reread(
    settings: Settings, environment: Mapping[str, str] | None = None
) -> tuple[Settings, list[str]]:
    """The settings with the secrets that are in files read again, and what is wrong
    with those files: such a secret stays as it was. `environment` is this process's,
    unless another is given."""
    values: Values = {e.field: getattr(settings, e.field) for e in TABLE if e.secret}
    has_token = any(
        each.setting.name == "TMDB_ACCESS_TOKEN" and each.origin != "default"
        for each in settings.told
    )
    problems = []
    for file in settings.secret_files:
        try:
            values[file.setting.field] = _read(_secret_in(file))
        except ValueError as error:
            problems.append(str(error))
        else:
            if file.setting.name == "TMDB_API_KEY" and not has_token:
                # it was in that file, too
                values["tmdb_access_token"] = None
    _sort_credentials(values)
    unsettled = _settle_egress(
        values, os.environ if environment is None else environment
    )
    if unsettled:
        values["egress"] = settings.egress
    # the connection is made of it: another needs a restart
    values["shared"] = settings.shared
    problems += unsettled
    return replace(settings, **values), problems


def _find(
    setting: Setting,
    sockets: Mapping[str, str],
    flags: Mapping[str, str | None],
    sources: Mapping[str, Mapping[str, str]],
) -> Found:
    if setting.name in sockets:
        return Found(setting, sockets[setting.name], ORIGIN)
    flag = flags.get(setting.name)
    if flag is not None:
        return Found(setting, flag, f"flag --{setting.flag}")
    for where, source in sources.items():
        text, path = source.get(setting.name), source.get(f"{setting.name}_FILE")
        if text and path and setting.secret:
            problem = (
                f"{setting.name} and {setting.name}_FILE are both set ({where}): set "
                "only one of them"
            )
            return Found(setting, "", where, problem)
        if text:
            return Found(setting, text, where)
        if path and setting.secret:
            return _secret_in(SecretFile(setting, str(Path(path).absolute()), where))
    return Found(setting, setting.default, "default")


def _secret_in(file: SecretFile) -> Found:
    setting, path, where = file.setting, file.path, file.where
    origin = f"{setting.name}_FILE"
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        problem = (
            f"{origin} ({where}): {path!r} cannot be read: "
            f"{getattr(error, 'strerror', None) or 'not text'}"
        )
        return Found(setting, "", origin, problem)
    if not text:
        problem = f"{origin} ({where}): {path!r} is empty"
        return Found(setting, "", origin, problem)
    return Found(setting, text, origin, file=file)


def _read(found: Found) -> object:
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
            f"{setting.name} has an invalid value {shown}{why}; "
            f"allowed: {setting.allowed} (from {found.origin})"
        ) from error


def _masked(text: str) -> str:
    """The text without the user and password that a URL may hold."""
    return re.sub(r"(?s)^.*@", "[redacted]@", text)


def _read_dotenv(path: Path | None, problems: list[str]) -> dict[str, str]:
    if path is None:
        return {}
    try:
        if not path.exists() and not path.is_symlink():
            return {}
        with path.open(encoding="utf-8-sig") as stream:
            lines = list(parse_stream(stream))
    except OSError as error:
        problems.append(f"{path.name} cannot be read: {error.strerror}")
        return {}
    except UnicodeError:
        problems.append(f"{path.name} cannot be read: it is not UTF-8")
        return {}
    for each in lines:
        if each.error:
            # what stands there may be a secret
            line = each.original.line
            problems.append(
                f"{path.name}, line {line}: it does not have the form NAME=value"
            )
    return {each.key: each.value or "" for each in lines if each.key is not None}


def _check_names(
    sources: Mapping[str, Mapping[str, str]],
    file: str,
    problems: list[str],
    warnings: list[Notice],
) -> list[str]:
    """Tell of names that look like a setting. Those that would explain why there is no
    key are returned."""

    def given(name: str) -> bool:
        secret = name.removesuffix("_FILE")
        names = (secret, f"{secret}_FILE")
        return any(source.get(each) for source in sources.values() for each in names)

    likely = []
    for where, source in sources.items():
        for each in unknown(source, given):
            told = each.told(where)
            if where == file and each.sure:
                problems.append(told)
                continue
            if where == file or each.sure:
                warnings.append(Notice("no-such-setting", told))
            if each.meant in CREDENTIALS:
                likely.append(told)
    return likely


def _check_together(
    values: Values,
    broken: set[str],
    needs_key: bool,
    problems: list[str],
    warnings: list[Notice],
) -> None:
    """What no setting can decide alone, as far as those concerned could be read."""
    _sort_credentials(values)
    has_key = values["tmdb_access_token"] or values["tmdb_api_key"]
    if needs_key and not has_key and broken.isdisjoint(CREDENTIALS):
        problems.append(HOW_TO_GET_A_KEY)
    if "STREAMR_ONLY" in broken:
        return
    if values["only"] != "main" and not broken & {"PROXY_HOST", "STREAMR_PROXY_TOKEN"}:
        _check_proxy(values, problems)
    if broken.isdisjoint(PROXY_TLS):
        _check_proxy_tls(values, problems)
    if broken.isdisjoint(PURGES):
        _check_purges(values, problems)
    if values["only"] != "proxy" and not broken & {"HOST", "CORS_ORIGINS"}:
        _check_main(values, problems, warnings)
    _check_ports(values, problems)


def _check_ports(values: Values, problems: list[str]) -> None:
    """Each server has a port of its own, and the door needs main."""
    if values["door"] and values["only"] == "proxy":
        problems.append(
            "STREAMR_DOOR is 1, but STREAMR_ONLY is proxy: the door shows what main "
            "answers, so it needs main"
        )
    listens = ["PORT"] if values["only"] != "proxy" else []
    listens += ["PROXY_PORT"] if values["only"] != "main" else []
    listens += ["DOOR_PORT"] if values["door"] else []
    for at, name in enumerate(listens):
        port = values[name.lower()]
        for other in listens[:at]:
            if port != 0 and port == values[other.lower()]:
                problems.append(
                    f"{other} and {name} are both {port}: the servers need different "
                    "ports"
                )


def _settle_egress(values: Values, environment: Mapping[str, str]) -> list[str]:
    """Put what the environment names in the place of `env`; returns what is wrong."""
    try:
        values["egress"] = settled(values["egress"], environment)
    except ValueError as error:
        return [f"STREAMR_EGRESS has an invalid value with its env: {error}"]
    return []


def _settle_shared(values: Values, environment: Mapping[str, str]) -> list[str]:
    """The same for the engine that several share."""
    try:
        values["shared"] = shared.settled(values["shared"], environment)
    except ValueError as error:
        values["shared"] = None
        return [f"STREAMR_SHARED has an invalid value: {error}"]
    return []


def _about_environment(
    given: Found, environment: Mapping[str, str]
) -> Iterator[Notice]:
    """What a person may not expect of the environment's proxy."""
    named = names_proxy(environment)
    if given.origin == "default" and named:
        yield Notice(
            "egress-unused",
            f"{named} is set, but STREAMR_EGRESS is not, so TMDB is asked directly: "
            "STREAMR_EGRESS=env uses it, STREAMR_EGRESS=direct keeps it so",
        )
    elif FROM_ENVIRONMENT in egresses(given.text) and not named:
        yield Notice(
            "egress-env",
            "STREAMR_EGRESS names env, but the environment has no HTTPS_PROXY for "
            "TMDB, so TMDB is asked directly in its place",
        )


def _sort_credentials(values: Values) -> None:
    """A v4 token that was pasted into TMDB_API_KEY goes where it belongs."""
    key = values["tmdb_api_key"]
    pasted = key is not None and key.startswith("eyJ")
    if pasted and values["tmdb_access_token"] is None:
        values["tmdb_access_token"], values["tmdb_api_key"] = key, None


def _check_proxy(values: Values, problems: list[str]) -> None:
    host = values["proxy_host"]
    if not is_loopback(host) and values["proxy_token"] is None:
        problems.append(
            f"PROXY_HOST {host!r} lets other machines reach the proxy, which answers "
            "with your key: set STREAMR_PROXY_TOKEN (16 characters or more), or "
            "set PROXY_HOST to 127.0.0.1"
        )


def _check_proxy_tls(values: Values, problems: list[str]) -> None:
    """A proxy needs both files. A main whose proxy runs elsewhere on this machine needs
    only the certificate, whose key it recognises."""
    certificate, key = (values[name.lower()] for name in PROXY_TLS)
    if certificate is None and key is not None:
        problems.append("PROXY_TLS_KEY is set without PROXY_TLS_CERT: set both or none")
    elif certificate is not None and key is None and values["only"] != "main":
        problems.append("PROXY_TLS_CERT is set without PROXY_TLS_KEY: set both or none")


def _check_purges(values: Values, problems: list[str]) -> None:
    """What caches in front are told needs a cache, and tags by which it knows what to
    drop."""
    caches = values["purge_url"]
    if not caches:
        for name in PURGES[1:]:
            if values[name.lower().removeprefix("streamr_")]:
                problems.append(
                    f"{name} is set without STREAMR_PURGE_URL: set both or none"
                )
    elif not values["tags"]:
        problems.append(
            "STREAMR_PURGE_URL is set without STREAMR_TAGS: a cache in front knows "
            "what to drop by the tags of the answers"
        )
    elif values["only"] == "proxy":
        problems.append(
            "STREAMR_PURGE_URL is set, but STREAMR_ONLY is proxy: only main keeps "
            "answers that can be purged"
        )


def _check_main(values: Values, problems: list[str], warnings: list[Notice]) -> None:
    host, origins = values["host"], values["cors_origins"]
    if "*" in origins and len(origins) > 1:
        problems.append("CORS_ORIGINS cannot contain both * and named origins")
    if is_loopback(host):
        values["cors_origins"] = origins or ("*",)
    elif "*" in origins:
        problems.append(
            f"CORS_ORIGINS cannot be * while HOST is {host!r}: name the web origins "
            "that may use your key, such as https://app.example"
        )
    _check_told_apart(values["tmdb_proxy_url"], problems)
    for url in values["tmdb_proxy_url"]:
        if is_plain_beyond_loopback(url):
            warnings.append(
                Notice(
                    "plain-http",
                    f"TMDB_PROXY_URL {url} is plain http to another machine: anyone "
                    "on the path can read what is sent, including STREAMR_PROXY_TOKEN",
                )
            )


def _check_told_apart(urls: Sequence[str], problems: list[str]) -> None:
    """One proxy is one route, whatever its pins are, and a route is named after the
    host and port of its proxy."""
    seen: dict[str, str] = {}
    for url in urls:
        base = url.partition("#")[0]
        first = seen.get(place(base))
        if first is None:
            seen[place(base)] = base
        elif first == base:
            problems.append(
                f"TMDB_PROXY_URL names {base} twice: name it once; several pins of one "
                "proxy have ; between them"
            )
        else:
            problems.append(
                f"TMDB_PROXY_URL names {first} and {base}, which log and metrics could "
                "not tell apart: a proxy is known by its host and port, so list one "
                "URL of each, or give the second proxy a host name of its own"
            )
