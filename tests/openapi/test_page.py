"""`/docs`: readable, whole, and nothing in it that the description has not."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from twisted.trial.unittest import SynchronousTestCase

from streamr.openapi.page import page
from streamr.openapi.words import allowed, prose, type_text
from streamr.tmdb.catalogue import NOTICE
from tests.openapi.samples import document, operations

ADDRESS = "http://127.0.0.1:3001"
VOID = {"meta", "link", "input", "wbr"}


class Reader(HTMLParser):
    """Reads a page strictly: ids, links, text, and whether every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.codes: list[str] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [given["href"] or ""] if tag == "a" else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open[-2:] == ["pre", "code"]:
            self.codes.append(data)


class Docs(SynchronousTestCase):
    def setUp(self) -> None:
        self.text = page(document(), ADDRESS)
        self.read = Reader(self.text)

    def test_every_tag_is_closed_in_its_order(self) -> None:
        self.assertEqual(([], []), (self.read.open, self.read.wrong))

    def test_every_link_inside_leads_somewhere_and_no_id_stands_twice(self) -> None:
        ids = set(self.read.ids)
        self.assertEqual(len(ids), len(self.read.ids))
        inside = {link[1:] for link in self.read.links if link.startswith("#")}
        self.assertEqual(set(), inside - ids)

    def test_every_operation_and_every_part_has_its_place(self) -> None:
        for operation in operations().values():
            self.assertIn(operation["operationId"], self.read.ids)
        for name in document()["components"]["schemas"]:
            self.assertIn(f"part-{name}", self.read.ids)

    def test_every_endpoint_has_a_curl_line_without_placeholders(self) -> None:
        self.assertEqual(len(operations()), len(self.read.codes))
        for line in self.read.codes:
            self.assertTrue(re.fullmatch(r"curl -s '?http://[^{} ]+'?", line), line)
        self.assertIn(
            f"curl -s '{ADDRESS}/3/search/movie?query=alien'", self.read.codes
        )

    def test_tmdbs_notice_is_on_it(self) -> None:
        self.assertIn(NOTICE, self.text)

    def test_what_the_tables_say_cannot_become_html(self) -> None:
        spoilt = {**document(), "info": {**document()["info"], "summary": "<b>&"}}
        self.assertIn("&lt;b&gt;&amp;", page(spoilt, ADDRESS))


class Words(SynchronousTestCase):
    def test_types(self) -> None:
        for text, schema in (
            ("[Genre]", {"type": "array", "items": {"$ref": "#/x/schemas/Genre"}}),
            ("string | null", {"type": ["string", "null"]}),
            ('"a" | "b"', {"enum": ["a", "b"]}),
            (
                "{integer}",
                {"type": "object", "additionalProperties": {"type": "integer"}},
            ),
            ("any", {}),
        ):
            self.assertEqual(text, type_text(schema))

    def test_what_is_allowed(self) -> None:
        self.assertEqual("1 to 500", allowed({"minimum": 1, "maximum": 500}))
        self.assertEqual("day, week", allowed({"enum": ["day", "week"]}))
        self.assertEqual("", allowed({"type": "string", "maxLength": 1000}))
        self.assertIn("20 names", allowed({"type": "array", "maxItems": 20}))

    def test_prose_becomes_html_and_stays_text(self) -> None:
        self.assertEqual(
            "<p>a &lt;b&gt; <code>c</code> <strong>d</strong></p>",
            prose("a <b> `c` **d**"),
        )
        self.assertEqual("<ul><li>one\n</li><li>two</li></ul>", prose("- one\n- two"))
