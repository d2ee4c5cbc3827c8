"""The fast lane: fresh stored pages as bytes, for plain requests.

request line ─► page ─► form (coding, 304, HEAD) ─► one join: head, id, date, body
header block ─► what it asks for, remembered (plain.py)

The long way teaches it: whatever it has answered from a fresh stored response can be
answered here next time. The store alone says whether that response is still there; the
answer is the same, byte for byte, as the long way's (tests/web/api/test_fastlane.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from twisted.internet.interfaces import IReactorTime

from streamr.boundaries import (
    STORED,
    CacheUse,
    Exchange,
    Hit,
    Outcome,
    Query,
    StoredResponse,
)
from streamr.fields import cache_status, names
from streamr.interfaces import Memory
from streamr.policy import representation
from streamr.web.api import configuration, render
from streamr.web.api.configuration import PictureAddress
from streamr.web.api.cors import Cors
from streamr.web.api.ids import RequestIds, is_sane
from streamr.web.api.plain import Found, PlainBlocks, all_of
from streamr.web.api.render import Wants
from streamr.web.hosts import Hosts
from streamr.web.server.channel import PIECE
from streamr.web.server.response import (
    NOSNIFF,
    DateField,
    field_lines,
    status_line,
)

# Ways to ask for one stored response (a parameter that stays here can be anything).
MOST_SPELLINGS = 8
# Forms of one page: its codings, 304 and HEAD, for as many addresses as we are called
# under; a configuration has some for each.
MOST_FORMS = 64
# A longer target is rare, and would cost more memory than it saves time.
MOST_LINE = 512
# What a page and a form take beside their bytes: objects and dictionary entries
# (measured with tracemalloc).
PAGE_OVERHEAD, FORM_OVERHEAD = 700, 1500
# Fields of a stored page that change while it is fresh.
CHANGING = (
    *("Age", "Cache-Control", names.CDN_CACHE_CONTROL, names.ACCEL_EXPIRES),
    names.CACHE_STATUS,
)


class _Form:
    """A page as it is written: in one coding, or 304, or its head alone; `private`
    where no cache in front may keep it."""

    __slots__ = ("age", "begin", "body", "hit", "length", "private", "template", "ttl")

    def __init__(
        self, template: bytes, length: bytes, body: bytes, hit: Hit, private: bool
    ) -> None:
        self.template = template
        self.length = length
        self.body = body
        self.hit = hit
        self.private = private
        self.age = self.ttl = -1
        self.begin = b""


class _Page:
    """What one request line asks for, and the stored response that answers it.

    `images` says where callers find our pictures, when the page holds that."""

    __slots__ = ("charged", "forms", "images", "query", "stored", "target")

    def __init__(
        self,
        target: str,
        query: Query,
        stored: StoredResponse,
        images: PictureAddress | None,
    ) -> None:
        self.target = target
        self.query = query
        self.stored = stored
        self.images = images
        self.charged = 0
        self.forms: dict[tuple[str, bool, bool, frozenset[str]], _Form] = {}


class FastLane:
    """Answers what it can (web.server.channel.Lane)."""

    def __init__(
        self,
        server: str,
        store: Memory,
        clock: IReactorTime,
        told: Callable[[Hit, str], object],
        cors: Cors,
        ids: RequestIds,
        date: DateField,
        *,
        worded: Callable[[Exchange], str] = lambda _exchange: "",
        masked: Callable[[str], str] = str,
        more: Sequence[tuple[str, str]] = (),
        tagged: render.Tagged | None = None,
        images: PictureAddress | None = None,
        hosts: Hosts | None = None,
        admits: Callable[[str, str], bool] | None = None,
    ) -> None:
        """`told` is told of each hit with its request id, and `worded` makes its line
        in the log; `masked` takes secrets out of a caller's own id; `more` are fields
        of every page, and `tagged` makes that of one; `images` says where callers find
        our pictures, None when TMDB's address stays; with `hosts` other names than
        those go the long way, if data is for them only. Whether a caller may ask now,
        `admits` says of his peer's address and X-Forwarded-For."""
        self._server = server
        self._store = store
        self._clock = clock
        self._told = told
        self._cors = cors
        self._ids = ids
        self._date = date
        self._worded = worded
        self._masked = masked
        self._more = tuple(more)
        self._tagged = tagged
        self._images = images
        self._admits = admits
        self._pages: dict[bytes, _Page] = {}
        self._lines: dict[str, list[bytes]] = {}
        self._blocks = PlainBlocks(cors, hosts)
        store.subscribe(lambda response: self._forget([response.key]), self._forget)

    def __len__(self) -> int:
        """How many pages it knows."""
        return len(self._pages)

    def learn(self, target: bytes, query: Query, stored: StoredResponse) -> None:
        """This target was answered with this stored response."""
        line = b"GET %b HTTP/1.1" % target
        known = self._pages.get(line)
        if stored.status != 200 or len(line) > MOST_LINE:
            return
        if known is not None and known.stored is stored:
            return
        if self._store.peek(stored.key) is not stored:
            return
        if known is not None:
            self._forget([stored.key])  # a response that nobody has told us of is there
        if len(self._lines.get(stored.key, ())) >= MOST_SPELLINGS:
            self._give_up(stored.key)
        images = self._images if configuration.concerns(query) else None
        page = _Page(target.decode("ascii"), query, stored, images)
        self._pages[line] = page
        self._lines.setdefault(stored.key, []).append(line)
        self._charge(page, PAGE_OVERHEAD + 2 * len(line))

    def clear(self) -> None:
        """Learn all pages anew."""
        for key in list(self._lines):
            self._give_up(key)

    def _charge(self, page: _Page, size: int) -> None:
        """Count what a page takes with its response, which that may push out."""
        page.charged += size
        self._store.charge(page.stored.key, size)

    def _give_up(self, key: str) -> None:
        """Forget the pages of a response that is still stored."""
        taken = sum(self._pages[line].charged for line in self._lines.get(key, ()))
        self._forget([key])
        self._store.charge(key, -taken)

    def answer(self, head: bytes, peer: str = "") -> bytes | None:
        """The whole answer to a plain request; None when it has to go the long way.

        `peer` is the address at the other end of the connection.
        """
        line, _, block = head.partition(b"\r\n")
        page = self._pages.get(line)
        without_body = page is None
        if page is None and line.startswith(b"HEAD "):
            page = self._pages.get(b"GET" + line[4:])
        if page is None:
            return None
        asked, found = self._blocks.asked(block)
        now, stored = self._clock.seconds(), page.stored
        if asked is None or self._store.get(stored.key) is not stored:
            return None
        if not 0 <= now - stored.stored_at < stored.lifetime:
            return None
        if page.images is None:
            shown = stored
        else:
            shown = page.images.shown(stored, asked.said, peer)
        form = self._ready(page, shown, without_body, asked.wants)
        # a large one is written in pieces, and who may not ask now is told so there
        if form is None or len(form.body) > PIECE:
            return None
        said = all_of(found, b"x-forwarded-for") if found else ""
        if self._admits is not None and not self._admits(peer, said):
            return None
        return self._written(form, stored, now, asked.cors, found)

    def _ready(
        self, page: _Page, shown: StoredResponse, without_body: bool, wants: Wants
    ) -> _Form | None:
        """The page in the form that is wanted; None when its coding is not made yet, or
        when there are enough."""
        known = bool(wants.none_match) and render.matches(wants.none_match, shown.etag)
        form = page.forms.get((shown.etag, without_body, known, wants.codings))
        if form is not None:
            return form
        coding = representation.best(wants.codings)
        if not (known or coding is None or representation.has(shown, coding)):
            return None  # the long way makes it
        if len(page.forms) >= MOST_FORMS:
            return None
        return self._form(page, shown, without_body, known, wants.codings)

    def _written(
        self,
        form: _Form,
        stored: StoredResponse,
        now: float,
        cors: bytes,
        found: Found,
    ) -> bytes:
        """The answer as it goes out, told to telemetry."""
        age = now - stored.stored_at
        ttl = math.floor(stored.lifetime - age)
        if form.age != int(age) or form.ttl != ttl:
            self._renew(form, stored, now, ttl)
        given = all_of(found, b"x-request-id") if found else ""
        if given and is_sane(given):
            request_id, named = given, self._masked(given)
        else:
            request_id = named = self._ids()
        self._told(form.hit, named)
        told = (_ID, request_id.encode(), _DATE, self._date(), form.length)
        return b"".join((form.begin, cors, *told, form.body))

    def _forget(self, keys: Sequence[str]) -> None:
        """These are not in the store any more."""
        for key in keys:
            for line in self._lines.pop(key, ()):
                del self._pages[line]

    # Pages

    def _form(
        self,
        page: _Page,
        shown: StoredResponse,
        without_body: bool,
        known: bool,
        codings: frozenset[str],
    ) -> _Form:
        """Render a page as the long way does, with gaps for what changes."""
        exchange = Exchange(
            server=self._server,
            request_id="",
            method="HEAD" if without_body else "GET",
            target=page.target,
            status=shown.status,
            ms=0,
            template=page.query.template,
            outcome=Outcome(source=STORED, stored=shown, cache=CacheUse(ttl=0)),
        )
        wants = Wants(codings, shown.etag if known else "")
        told = render.query_page(
            exchange, wants, shown.stored_at, page.query, tagged=self._tagged
        )
        private = page.images is not None and not page.images.is_everybodys
        if private:
            told = render.private(told)
        fields = (*told.headers, *self._more, *self._cors.vary)
        template = field_lines(fields).replace(b"%", b"%%")
        for name, value in told.headers:
            if name in CHANGING:
                template = template.replace(
                    f"{name}: {value}\r\n".encode().replace(b"%", b"%%"),
                    f"{name}: %({name})b\r\n".encode(),
                    1,
                )
        length = f"\r\nContent-Length: {len(told.body)}\r\n\r\n".encode()
        form = _Form(
            status_line("HTTP/1.1", told.status) + template,
            b"\r\n\r\n" if known else length,
            b"" if without_body else told.body,
            Hit(exchange, self._worded(exchange)),
            private,
        )
        page.forms[shown.etag, without_body, known, codings] = form
        self._charge(page, FORM_OVERHEAD + 2 * len(template) + len(form.hit.text))
        return form

    def _renew(self, form: _Form, stored: StoredResponse, now: float, ttl: int) -> None:
        """Fill the gaps for this second."""
        age = int(now - stored.stored_at)
        values = dict(render.freshness_fields(stored, now))
        if form.private:
            control = values["Cache-Control"]
            values |= {"Cache-Control": render.private_control(control)}
            values |= {names.ACCEL_EXPIRES: "0"}
        values["Age"] = str(age)
        values[names.CACHE_STATUS] = cache_status.render(
            self._server, CacheUse(ttl=ttl), None
        )
        form.begin = form.template % {
            name.encode(): value.encode() for name, value in values.items()
        }
        form.age, form.ttl = age, ttl


_ID = f"{names.REQUEST_ID}: ".encode()
_DATE = b"\r\n" + field_lines([NOSNIFF]) + b"Date: "
