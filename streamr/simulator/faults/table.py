"""The one table of faults, and the grammar that names them.

    none
    reset-after-hello
    reset-after-hello:p=0.5,when=big
    silence-after-hello:when=tls13+status:code=503
    status:code=500,path=/3/movie/603

A name, a colon, arguments separated by commas; several faults are joined by a plus
sign, and the first one that applies wins, once per layer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import nan
from random import Random

from streamr.simulator.faults.client_hello import Hello
from streamr.simulator.tmdb.request import REFUSALS

PORT, ACCEPT, HELLO, HTTP = "port", "accept", "hello", "http"
# What a host serves: a fault of JSON is none of a picture's.
API, PICTURES = "api", "pictures"
Argument = float | str | None
Check = Callable[[str], Argument]


def between(low: float, high: float, make: Callable[[str], float] = float) -> Check:
    """A number within bounds."""

    def check(text: str) -> float:
        try:
            value = make(text)
        except ValueError:
            value = nan
        if not low <= value <= high:
            kind = "an integer" if make is int else "a number"
            raise ValueError(f"{kind} from {low:g} to {high:g}")
        return value

    return check


def one_of(*words: str) -> Check:
    """One word out of a few."""

    def check(text: str) -> str:
        if text not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return text

    return check


def one_of_codes(text: str) -> int:
    """One of TMDB's own codes that the simulator has words for."""
    codes = {str(code): code for code in REFUSALS}
    one_of(*codes)(text)
    return codes[text]


def a_path(text: str) -> str:
    """One path of TMDB's."""
    if not text.startswith(("/3/", "/t/p/")):
        raise ValueError("a path such as /3/movie/603 or /t/p/w342/x.jpg")
    return text


P = {"p": between(0, 1)}
PATH = {"path": a_path}
WHEN = {"when": one_of("always", "big", "tls13")}
SECONDS = between(0, 600)


@dataclass(frozen=True, slots=True)
class FaultKind:
    """A row of the table: where a fault strikes, what it does, what it can be told."""

    layer: str
    says: str
    checks: Mapping[str, Check]
    defaults: Mapping[str, Argument] = field(default_factory=dict)
    hosts: tuple[str, ...] = (API, PICTURES)


def at_accept(says: str) -> FaultKind:
    """A fault that strikes before a byte was read."""
    return FaultKind(ACCEPT, says, P)


def at_hello(says: str) -> FaultKind:
    """A fault that strikes when the whole ClientHello is there."""
    return FaultKind(HELLO, says, {**P, **WHEN})


def in_http(says: str, **more: tuple[Argument, Check]) -> FaultKind:
    """A fault that strikes when a request is there."""
    names = {name.replace("_", "-"): row for name, row in more.items()}
    checks = {name: check for name, (_, check) in names.items()}
    defaults = {name: default for name, (default, _) in names.items()}
    return FaultKind(HTTP, says, {**P, **PATH, **checks}, defaults)


def in_json(says: str) -> FaultKind:
    """A fault of the API's answers."""
    return replace(in_http(says), hosts=(API,))


def in_pictures(says: str, **more: tuple[Argument, Check]) -> FaultKind:
    """A fault of the image host's answers."""
    return replace(in_http(says, **more), hosts=(PICTURES,))


KINDS: dict[str, FaultKind] = {
    "refuse": FaultKind(PORT, "the port stops listening", {}),
    "reset-at-accept": at_accept("RST as soon as the connection is established"),
    "fin-at-accept": at_accept("FIN as soon as the connection is established"),
    "silence-at-accept": at_accept("the connection is established, then silence"),
    "reset-after-hello": at_hello("RST in answer to the ClientHello"),
    "fin-after-hello": at_hello("FIN in answer to the ClientHello"),
    "silence-after-hello": at_hello("no answer to the ClientHello"),
    "alert-handshake-failure": at_hello("TLS alert 40"),
    "alert-protocol-version": at_hello("TLS alert 70"),
    "cert-wrong-host": at_hello("a valid certificate for another host"),
    "cert-expired": at_hello("a certificate that expired yesterday"),
    "cert-self-signed": at_hello("a self-signed certificate"),
    "cert-untrusted": at_hello("a certificate from an unknown authority"),
    "plain-http": at_hello("a block page in plain HTTP where TLS is expected"),
    "garbage": at_hello("bytes that are neither TLS nor HTTP"),
    "silence-after-request": in_http("no answer to the request"),
    "reset-after-request": in_http("RST in answer to the request"),
    "fin-after-request": in_http("TLS close and FIN in answer to the request"),
    "stall-headers": in_http("half of the head, then silence"),
    "reset-in-headers": in_http("half of the head, then RST"),
    "malformed-head": in_http("a head that is not HTTP"),
    "long-header": in_http(
        "a header line of 70 kB", size=(70_000, between(1, 1_000_000, int))
    ),
    "short-body": in_http("a body shorter than Content-Length, then FIN"),
    "reset-in-body": in_http("half of the body, then RST"),
    "cut-chunks": in_http("chunks without the last one, then FIN"),
    "no-length-fin": in_http("no length, half of the body, FIN"),
    "no-length-rst": in_http("no length, half of the body, RST"),
    "stall-body": in_http("half of the body, then silence"),
    "corrupt-gzip": in_http("a gzip body with broken bytes inside"),
    "cut-gzip": in_http("the right length, but the gzip stream ends early"),
    "gzip-bomb": in_http("97 kB of gzip that inflate to 100 MB"),
    "gzip-unlabelled": in_http("gzip bytes without Content-Encoding"),
    "html": in_http("a portal page with status 200"),
    "cut-json": in_json("the right length, but the JSON is truncated"),
    "empty": in_http("status 200 and no body"),
    "null": in_json("status 200 and the JSON value null"),
    "redirect": in_http("302 to http://portal.invalid/"),
    "status": in_http(
        "an error status, in TMDB's envelope or as the CDN's HTML (as pictures do)",
        code=(500, between(400, 599, int)),
        body=(None, one_of("json", "html")),
        own=(None, one_of_codes),
    ),
    "rate-limit": in_http(
        "429, in TMDB's envelope or as HTML", retry_after=(None, between(0, 86400, int))
    ),
    "slow": in_http("the right answer, after a delay", delay=(2.0, SECONDS)),
    "drip": in_http(
        "the right body, a few bytes at a time",
        interval=(0.2, SECONDS),
        size=(64, between(1, 65536, int)),
    ),
    "oversize": in_json("a JSON body of more than 4 MB"),
    "error-200": in_json("TMDB's error envelope with status 200"),
    "wrong-id": in_http("another title's details, or another picture"),
    "wrong-type": in_pictures(
        "a PNG file labelled as JPEG or otherwise; label=png labels a JPEG file as PNG",
        label=("jpeg", one_of("jpeg", "png", "webp", "html", "none")),
    ),
    "cut-picture": in_pictures("the right length, but of half of the picture"),
    "slow-picture": in_pictures(
        "the right picture, at 20 kB a second",
        interval=(0.1, SECONDS),
        size=(2048, between(1, 65536, int)),
    ),
    "ignore-range": in_pictures("the whole picture where a part was asked for"),
    "wrong-range": in_pictures(
        "the first part of the picture, whichever was asked for"
    ),
}


@dataclass(frozen=True, slots=True)
class SimulatedFault:
    """One fault as it was asked for."""

    name: str
    layer: str
    p: float = 1.0
    when: str = "always"
    path: str = ""
    arguments: Mapping[str, Argument] = field(default_factory=dict)

    def number(self, name: str) -> float:
        """An argument that is a number."""
        value = self.arguments[name]
        assert isinstance(value, int | float), name
        return value

    def whole(self, name: str) -> int:
        """An argument that is an integer."""
        value = self.arguments[name]
        assert isinstance(value, int), name
        return value

    def fits(self, hello: Hello | None) -> bool:
        """Does the ClientHello call for it?"""
        if self.when == "always":
            return True
        return hello is not None and (hello.big if self.when == "big" else hello.tls13)


def addressed(text: str) -> tuple[str, str]:
    """`[HOST=]EXPRESSION`: the host, `*` without one, and the expression."""
    # the names of faults and of their arguments have no dots
    host, equals, expression = text.partition("=")
    return (host, expression) if equals and "." in host else ("*", text)


def parse(expression: str) -> tuple[SimulatedFault, ...]:
    """The faults an expression names; ValueError says what would be allowed."""
    text = expression.strip()
    if text in ("", "none"):
        return ()
    return tuple(parse_one(part.strip()) for part in text.split("+"))


def fitting(expression: str, serves: str) -> str:
    """The part of an expression that makes sense where API or PICTURES are served."""
    parts = [part.strip() for part in expression.split("+")]
    kept = [one for one in parts if not _strange(one, serves)]
    return "+".join(kept) or "none"


def _strange(text: str, serves: str) -> bool:
    """Whether a fault, or `none`, is for hosts that serve something else."""
    kind = KINDS.get(text.partition(":")[0])
    return kind is not None and serves not in kind.hosts


def strangers(expression: str, serves: str) -> list[str]:
    """The names of the faults that make no sense there."""
    return [each.name for each in parse(expression) if _strange(each.name, serves)]


def parse_one(text: str) -> SimulatedFault:
    """One name with its arguments."""
    name, _, rest = text.partition(":")
    kind = KINDS.get(name)
    if kind is None:
        allowed = ", ".join(["none", *KINDS])
        raise ValueError(f"There is no fault {name!r}; allowed: {allowed}.")
    given = dict(
        parse_argument(name, kind, part.strip()) for part in rest.split(",") if part
    )
    p, when = given.pop("p", 1.0), given.pop("when", "always")
    path = given.pop("path", "")
    assert isinstance(p, float) and isinstance(when, str), text
    assert isinstance(path, str), text
    return SimulatedFault(name, kind.layer, p, when, path, {**kind.defaults, **given})


def parse_argument(name: str, kind: FaultKind, text: str) -> tuple[str, Argument]:
    """One argument of a fault."""
    key, equals, value = text.partition("=")
    if key not in kind.checks or not equals:
        allowed = ", ".join(f"{one}=…" for one in kind.checks) or "no arguments"
        raise ValueError(
            f"Fault {name!r} does not accept {text!r}; allowed: {allowed}."
        )
    try:
        return key, kind.checks[key](value)
    except ValueError as error:
        raise ValueError(
            f"{name}:{key}={value} is not valid; allowed: {error}."
        ) from error


def choose(
    faults: tuple[SimulatedFault, ...],
    layer: str,
    random: Random,
    hello: Hello | None = None,
    path: str = "",
) -> SimulatedFault | None:
    """The first fault of a layer that applies this time, to the path that is asked."""
    for fault in faults:
        fits = fault.layer == layer and fault.fits(hello) and fault.path in ("", path)
        if fits and random.random() < fault.p:
            return fault
    return None


SYNTAX = """\
Syntax: [HOST=]FAULT[:NAME=VALUE[,NAME=VALUE...]][+FAULT...]

  reset-after-hello
  reset-after-hello:p=0.5
  status:code=503,p=0.2
  api.themoviedb.org=slow:delay=3+cut-json:path=/3/movie/603

p is the chance that a fault strikes, from 0 to 1. when says which ClientHello it
strikes: always (any), big (more than one TCP segment) or tls13. path limits it to one
path. + joins several faults. HOST= limits them to one host.
"""


def describe() -> str:
    """What `streamr demo --list-faults` prints: how a fault is written, then a table of
    name, arguments, where it strikes, and meaning."""
    lines = [SYNTAX]
    for name, kind in KINDS.items():
        arguments = f":{','.join(f'{one}=' for one in kind.checks)}"
        written = f"{name}{arguments if kind.checks else ''}"
        lines.append(f"{written:38}{kind.layer:8}{kind.says}")
    return "\n".join(lines)
