"""The grammar of faults, and which fault strikes."""

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from streamr.simulator.faults.client_hello import Hello
from streamr.simulator.faults.http import DRIPPING, REWRITES, SCRIPTS
from streamr.simulator.faults.table import (
    API,
    HELLO,
    HTTP,
    KINDS,
    PICTURES,
    addressed,
    choose,
    describe,
    fitting,
    parse,
    strangers,
)

BIG = Hello(1568, "x", True)
SMALL13 = Hello(517, "x", True)
OLD = Hello(181, "x", False)


class Grammar(SynchronousTestCase):
    """name[:arg=value,...] joined by plus."""

    def says(self, expression: str, *words: str) -> None:
        with self.assertRaises(ValueError) as caught:
            parse(expression)
        for word in words:
            self.assertIn(word, str(caught.exception))

    def test_every_name_of_the_table_is_understood(self):
        for name, kind in KINDS.items():
            (fault,) = parse(name)
            self.assertEqual((fault.name, fault.layer), (name, kind.layer))

    def test_none_and_nothing_clear(self):
        self.assertEqual((parse("none"), parse(" ")), ((), ()))

    def test_arguments(self):
        (fault,) = parse("reset-after-hello:p=0.5,when=big")
        self.assertEqual((fault.p, fault.when), (0.5, "big"))
        (fault,) = parse("status:code=502,body=html")
        self.assertEqual(
            dict(fault.arguments), {"code": 502, "body": "html", "own": None}
        )

    def test_defaults(self):
        self.assertEqual(parse("slow")[0].arguments["delay"], 2.0)
        self.assertEqual(
            dict(parse("drip")[0].arguments), {"interval": 0.2, "size": 64}
        )
        self.assertEqual(parse("status")[0].arguments["code"], 500)

    def test_several(self):
        names = [one.name for one in parse("reset-after-hello:p=0.5 + html")]
        self.assertEqual(names, ["reset-after-hello", "html"])

    def test_errors_name_what_is_allowed(self):
        self.says("explode", "explode", "none", "reset-after-hello", "gzip-bomb")
        self.says("html:when=big", "html", "p=")
        self.says("refuse:p=0.5", "refuse", "no arguments")
        self.says("reset-after-hello:p=2", "p=2", "from 0 to 1")
        self.says("reset-after-hello:when=monday", "always, big, tls13")
        self.says("status:code=200", "an integer from 400 to 599")
        self.says("status:code", "code=")
        self.says("slow:delay=nan", "a number")

    def test_the_description_names_every_fault(self):
        for name in KINDS:
            self.assertIn(name, describe())

    def test_the_description_shows_how_a_fault_is_written(self):
        examples = [line[2:] for line in describe().splitlines() if line[:2] == "  "]
        self.assertEqual(len(examples), 4)
        for example in examples:
            host, expression = addressed(example)
            self.assertIn(host, ("*", "api.themoviedb.org"))
            self.assertTrue(parse(expression), example)
        self.assertIn("\nstatus:p=,path=,code=,body=,own= ", describe())
        self.assertIn("\nrefuse  ", describe())

    def test_every_http_fault_is_carried_out_somewhere(self):
        http = {name for name, kind in KINDS.items() if kind.layer == HTTP}
        self.assertEqual(http, {*REWRITES, *SCRIPTS, "slow", *DRIPPING})


class Serving(SynchronousTestCase):
    """Faults of JSON are none of pictures', and the other way round."""

    def test_an_expression_keeps_what_fits(self) -> None:
        mixed = "reset-after-hello:p=0.5 + cut-json:path=/3/tv/1+cut-picture + html"
        for serves, kept in (
            (API, "reset-after-hello:p=0.5+cut-json:path=/3/tv/1+html"),
            (PICTURES, "reset-after-hello:p=0.5+cut-picture+html"),
        ):
            self.assertEqual(kept, fitting(mixed, serves))
        self.assertEqual("none", fitting("cut-json+null", PICTURES))
        self.assertEqual("none", fitting("none", API))

    def test_what_does_not_fit_is_named(self) -> None:
        mixed = "wrong-type:label=webp+html+null"
        self.assertEqual(["wrong-type"], strangers(mixed, API))
        self.assertEqual(["null"], strangers(mixed, PICTURES))

    def test_a_fault_of_a_connection_is_one_of_every_host(self) -> None:
        for name, kind in KINDS.items():
            if kind.layer != HTTP:
                self.assertEqual((API, PICTURES), kind.hosts, name)


class Choice(SynchronousTestCase):
    """Which fault strikes."""

    def struck(self, expression: str, hello: Hello) -> str:
        fault = choose(parse(expression), HELLO, Random(1), hello)
        return fault.name if fault else ""

    def test_big_strikes_only_what_needs_a_second_segment(self):
        for hello, name in ((BIG, "reset-after-hello"), (SMALL13, ""), (OLD, "")):
            self.assertEqual(self.struck("reset-after-hello:when=big", hello), name)

    def test_tls13_strikes_only_what_offers_it(self):
        for hello, name in ((BIG, "garbage"), (SMALL13, "garbage"), (OLD, "")):
            self.assertEqual(self.struck("garbage:when=tls13", hello), name)

    def test_the_first_that_applies_wins(self):
        both = "garbage:when=big+fin-after-hello"
        self.assertEqual(self.struck(both, BIG), "garbage")
        self.assertEqual(self.struck(both, OLD), "fin-after-hello")

    def test_one_path_can_be_struck_and_no_other(self):
        faults = parse("status:code=500,path=/3/movie/603+html:path=/3/tv/1")
        for path, name in (
            ("/3/movie/603", "status"),
            ("/3/tv/1", "html"),
            ("/3/movie/13", None),
            ("", None),
        ):
            fault = choose(faults, HTTP, Random(1), path=path)
            self.assertEqual(fault.name if fault else None, name, path)
        with self.assertRaises(ValueError) as caught:
            parse("html:path=movie/603")
        self.assertIn("/3/movie/603", str(caught.exception))
        self.assertEqual("/t/p/w92/a.jpg", parse("html:path=/t/p/w92/a.jpg")[0].path)

    def test_each_layer_has_its_own(self):
        faults = parse("garbage+html")
        self.assertEqual(choose(faults, HTTP, Random(1)).name, "html")


class OwnCodes(SynchronousTestCase):
    """An error status with a code of TMDB's own choice."""

    def test_a_code_that_has_words_can_be_chosen(self) -> None:
        (fault,) = parse("status:code=401,own=10")
        self.assertEqual(10, fault.arguments["own"])

    def test_another_is_refused_with_those_that_are_there(self) -> None:
        raised = self.assertRaises(ValueError, parse, "status:code=401,own=99")
        self.assertIn("10, ", str(raised))
