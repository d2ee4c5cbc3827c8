"""What a request head may not be: one table for each part, read from top to bottom.

Two readers must not be able to take one head for two different requests. The rules are
those of RFC 9112 (the connection), RFC 9110 (the words) and RFC 3986 (the target);
where they leave a choice between lenient and strict, this is strict.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

# A request line and all fields together; nginx takes 8 kB for each line, Node 16 kB in
# all.
MOST_HEAD = 16 * 1024
# The longest sensible target is a list of twenty appended parts and forty filters.
MOST_TARGET = 8 * 1024
MOST_FIELDS = 100
# TMDB's discover has some forty filters.
MOST_PARAMETERS = 50
# No request of ours needs a body; this leaves room for a front end's careless JSON.
MOST_BODY = 64 * 1024

_Part = TypeVar("_Part")


class HeadRefused(Exception):
    """A head that is not taken; `problem` completes "Invalid request: ….".

    The connection cannot be used any more: what comes behind it has no sure beginning.
    """

    def __init__(self, status: int, problem: str) -> None:
        self.status = status
        self.problem = problem
        super().__init__(f"{status}: {problem}")


@dataclass(frozen=True, slots=True)
class Rule(Generic[_Part]):
    """One rule of `rfc`, and with which `status` and `problem` what breaks it is
    refused. A match of `broken` with a group fills the gap in `problem`.
    """

    rfc: str
    status: int
    problem: str
    broken: Callable[[_Part], object]


def judge(rules: Iterable[Rule[_Part]], part: _Part) -> None:
    """Raises HeadRefused for the first rule that is broken."""
    for rule in rules:
        found = rule.broken(part)
        if found:
            problem = rule.problem
            if isinstance(found, re.Match) and found.re.groups:
                problem = problem.format(found[1].decode("ascii", "replace"))
            raise HeadRefused(rule.status, problem)


# 9110, 5.6.2
TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
LINE = re.compile(
    rb"(?P<method>" + TOKEN + rb") "
    rb"(?P<target>(?P<path>[^ ?]+)(?:\?(?P<query>[^ ]*))?) "
    rb"HTTP/(?P<major>[0-9])\.(?P<minor>[0-9])"
)
# 9110, 5.5. The blanks around a value are stripped afterwards: a pattern that looks for
# them takes minutes for two thousand
FIELD = re.compile(rb"(" + TOKEN + rb"):([^\x00-\x08\x0a-\x1f\x7f]*)")
_AUTHORITY = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(?::[0-9]{0,5})?"
)
# more digits than 64 bits hold are no number that anybody means
_LENGTH = re.compile(rb"[0-9]{1,19}")
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_CONTROL = re.compile(rb"[\x00-\x20\x7f]")
_CONTROL_IN_HEAD = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ENCODED_CONTROL = re.compile(rb"%(?:[01][0-9A-Fa-f]|7[Ff])")
# with the name of the parameter, as far as nothing in it is encoded
_IN_PARAMETER = re.compile(rb"[?&]([^&=%]{0,40}+)[^&]*?" + _ENCODED_CONTROL.pattern)
_SLASH = re.compile(rb"\\|%(?:2[Ff]|5[Cc])")
_DOTS = re.compile(rb"/(?:\.|%2[Ee]){1,2}(?:/|\Z)")


def _no_utf_8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return True
    return False


# What came of a head whose end did not. The last CR may get its LF yet.
UNFINISHED: tuple[Rule[bytes], ...] = (
    Rule(
        "9112, 2.2",
        400,
        "there is a CR without its LF, or an LF without its CR",
        lambda part: _BARE.search(part.removesuffix(b"\r")),
    ),
    Rule(
        "9110, 5.5",
        400,
        "there are control characters in the head",
        _CONTROL_IN_HEAD.search,
    ),
    Rule(
        "9110, 15.5.15",
        414,
        f"the request target is longer than {MOST_TARGET} bytes",
        # with room for the longest method and the version
        lambda part: len(part.partition(b"\r\n")[0]) > MOST_TARGET + 32,
    ),
    Rule(
        "6585, 5",
        431,
        f"the head is longer than {MOST_HEAD} bytes",
        lambda part: len(part) > MOST_HEAD,
    ),
)


def _is_misformed(line: re.Match[bytes]) -> bool:
    """Whether a target has not the form of its method. CONNECT is 405 everywhere."""
    method, target = line["method"], line["target"]
    if method == b"CONNECT":
        return not _AUTHORITY.fullmatch(target)
    return target[:1] != b"/" and (method, target) != (b"OPTIONS", b"*")


# A request line that matches LINE.
REQUEST_LINE: tuple[Rule[re.Match[bytes]], ...] = (
    Rule(
        "9110, 15.6.6",
        505,
        "only HTTP/1.1 and HTTP/1.0 are known here",
        lambda line: line["major"] != b"1",
    ),
    Rule(
        "9110, 15.5.15",
        414,
        f"the request target is longer than {MOST_TARGET} bytes",
        lambda line: len(line["target"]) > MOST_TARGET,
    ),
    # A server has to take the absolute form, too (9112, 3.2.2). This one does not: it
    # is no forward proxy, and who sends that form looks for one.
    Rule("9112, 3.2", 400, "the request target has to begin with /", _is_misformed),
    Rule(
        "3986, 2",
        400,
        "there are control characters in the request target",
        lambda line: _CONTROL.search(line["target"]),
    ),
    Rule(
        "9110, 4.2.5",
        400,
        "there is a # in the request target",
        lambda line: b"#" in line["target"],
    ),
    Rule(
        "3986, 2.5",
        400,
        "the request target is neither ASCII nor UTF-8",
        lambda line: not line["target"].isascii() and _no_utf_8(line["target"]),
    ),
    Rule(
        "9110, 17.3",
        400,
        "there are control characters in the path",
        lambda line: _ENCODED_CONTROL.search(line["path"]),
    ),
    Rule(
        "9110, 17.3",
        400,
        "there are control characters in the parameter {}",
        lambda line: _IN_PARAMETER.search(line["target"]),
    ),
    Rule(
        "3986, 2.2",
        400,
        "there is an encoded slash or a backslash in the path",
        lambda line: _SLASH.search(line["path"]),
    ),
    Rule(
        "3986, 5.2.4",
        400,
        "there are dot segments in the path",
        lambda line: _DOTS.search(line["path"]),
    ),
    # a matter of their number, not of the target's length (414: 9110, 15.5.15)
    Rule(
        "9110, 15.5.1",
        400,
        f"there are more than {MOST_PARAMETERS} parameters",
        lambda line: line["query"] and line["query"].count(b"&") >= MOST_PARAMETERS,
    ),
)


@dataclass(frozen=True, slots=True)
class Block:
    """The fields of a head: how many, their values by their names in small letters, and
    the minor version of the request line."""

    count: int
    named: Mapping[bytes, Sequence[bytes]]
    version: int

    def all(self, name: bytes) -> Sequence[bytes]:
        """The values of a field."""
        return self.named.get(name, ())

    def words(self, name: bytes) -> list[bytes]:
        """The members of a field that is a list, in small letters (9110, 5.6.1)."""
        joined = b",".join(self.all(name)).lower()
        return [word.strip(b" \t") for word in joined.split(b",")] if joined else []

    @property
    def body(self) -> int:
        """9112, 6.3: how many bytes follow a head that no rule forbids; -1 for a body
        in chunks."""
        if self.all(b"transfer-encoding"):
            return -1
        return int(next(iter(self.all(b"content-length")), b"0"))


def _is_miscoded(block: Block) -> bool:
    """Whether the coding that tells where the body ends is not the last one."""
    codings = block.words(b"transfer-encoding")
    if not codings:
        return bool(block.all(b"transfer-encoding"))
    *others, last = codings
    return last != b"chunked" or b"chunked" in others or b"" in others


# The fields behind it, each of which matches FIELD.
FIELDS: tuple[Rule[Block], ...] = (
    Rule(
        "6585, 5",
        431,
        f"there are more than {MOST_FIELDS} header fields",
        lambda block: block.count > MOST_FIELDS,
    ),
    Rule(
        "9112, 3.2",
        400,
        "there has to be one Host",
        lambda block: (
            len(block.all(b"host")) != 1 and (block.version or block.all(b"host"))
        ),
    ),
    Rule(
        "9110, 7.2",
        400,
        "the Host is not a name or an address, with or without a port",
        lambda block: not all(map(_AUTHORITY.fullmatch, block.all(b"host"))),
    ),
    Rule(
        "9112, 6.1",
        400,
        "HTTP/1.0 has no Transfer-Encoding",
        lambda block: not block.version and block.all(b"transfer-encoding"),
    ),
    Rule(
        "9112, 6.3 (3)",
        400,
        "there are both Content-Length and Transfer-Encoding",
        lambda block: block.all(b"transfer-encoding") and block.all(b"content-length"),
    ),
    Rule(
        "9112, 6.1 and 6.3 (4)",
        400,
        "the last transfer coding has to be chunked, and only the last",
        _is_miscoded,
    ),
    Rule(
        "9112, 6.1",
        501,
        "no transfer coding but chunked is known here",
        lambda block: len(block.words(b"transfer-encoding")) > 1,
    ),
    Rule(
        "9112, 6.3 (5)",
        400,
        "the Content-Length is not one number",
        lambda block: (
            len(block.all(b"content-length")) > 1
            or not all(map(_LENGTH.fullmatch, block.all(b"content-length")))
        ),
    ),
    Rule(
        "9110, 15.5.14",
        413,
        f"the body is longer than {MOST_BODY} bytes",
        lambda block: any(
            int(each) > MOST_BODY for each in block.all(b"content-length")
        ),
    ),
    # 1.0 has no such field
    Rule(
        "9110, 10.1.1",
        417,
        "no expectation is met here",
        lambda block: (
            block.version
            and block.all(b"expect")
            and (block.body or block.words(b"expect") != [b"100-continue"])
        ),
    ),
)
