"""What the doctor shows: a row for everything that was looked at, and JSON."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from streamr.doctor.diagnosis.advice import Advice
from streamr.doctor.diagnosis.diagnose import judge
from streamr.doctor.diagnosis.verdicts import KINDS
from streamr.doctor.evidence import (
    PICTURES,
    EgressReply,
    Given,
    House,
    NameLookup,
    Place,
    PortState,
    ProxyReply,
    SettingRow,
)
from streamr.doctor.report import table
from streamr.terminal.findings import Mark
from tests.doctor.scenes import (
    AT_ONE_ADDRESS,
    DIRECT,
    FILTERED,
    HERE,
    OTHER,
    THERE,
    but,
    good,
    shaken,
    sound,
)

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/doctor.md").read_text(encoding="utf-8")


class Rows(SynchronousTestCase):
    """The table."""

    def rows(self, layer: str, **more: object) -> list[tuple[str, Mark, str]]:
        return [row[1:] for row in table.rows(but(**more)) if row[0] == layer]

    def test_every_layer_has_its_rows(self) -> None:
        layers = [row[0] for row in table.rows(sound())]
        self.assertEqual(
            ["disk", "plugin", "clock", "dns", "tcp", "tls", "http"],
            list(dict.fromkeys(layers)),
        )

    def test_an_arm_shows_counts_bounds_and_hello(self) -> None:
        (_, mark, seen), *_rest = self.rows("tls", matrix=FILTERED)
        self.assertIs(Mark.FAILED, mark)
        self.assertIn("0/6 succeed", seen)
        # the word of the log, the headers and the metrics
        self.assertIn("tls_reset: ", seen)
        self.assertIn("failure rate 34%-100%", seen)

    def test_a_sound_handshake_shows_who_vouches_for_it(self) -> None:
        seen = self.rows("tls")[0][2]
        self.assertIn("TLSv1.3", seen)
        self.assertIn("issuer CN=Company Root", seen)

    def test_names_at_one_address_are_rows_of_their_own(self) -> None:
        rows = self.rows("tls", matrix=FILTERED, names=AT_ONE_ADDRESS)
        self.assertEqual(
            [f"{DIRECT} at 203.0.113.1", f"{OTHER} at 203.0.113.1"],
            [what for what, _, _ in rows[-2:]],
        )

    def test_answers_of_a_kind_are_counted(self) -> None:
        bad = good(DIRECT, status=None, cause="upstream_error", detail="status 500")
        rows = self.rows("http", replies=(good(DIRECT), bad, bad))
        self.assertEqual(
            ["1/3", "2/3"],
            [
                s.partition("(")[2][:3] if m is Mark.OK else s.rpartition("(")[2][:3]
                for _, m, s in rows
            ],
        )

    def test_a_special_address_is_called_out(self) -> None:
        home = NameLookup(DIRECT, "system", (Place("127.0.0.1", 443),))
        ((_, mark, seen),) = self.rows("dns", lookups=(home,))
        self.assertIs(Mark.WARNING, mark)
        self.assertEqual("127.0.0.1 (this machine); no verified handshake", seen)

    def test_ports_proxies_and_settings_are_told(self) -> None:
        house = House(
            settings=(SettingRow("TMDB_API_KEY", "(secret)", ".env"),),
            ports=(PortState("PORT", 3001, "uptime-kuma (pid 7)"),),
            state_problem="only 3 kB are free",
            plugin=False,
        )
        own = ProxyReply("http://127.0.0.1:5001", False, "connection_refused")
        rows = list(table.rows(but(house=house, proxies=(own,))))
        self.assertIn(("settings", "TMDB_API_KEY", Mark.OK, "(secret) (.env)"), rows)
        marks = {row[0]: row[2] for row in rows}
        for layer in ("ports", "disk", "plugin"):
            self.assertIs(Mark.WARNING, marks[layer])
        self.assertIs(Mark.OK, marks["proxies"])

    def test_outbound_proxies_and_pictures_have_their_rows(self) -> None:
        replies = (
            EgressReply("socks", None, 120, 200),
            EgressReply("http", "egress_denied", 9, detail="status 403"),
        )
        self.assertEqual(
            [("socks", Mark.OK), ("http", Mark.FAILED)],
            [row[:2] for row in self.rows("egress", egresses=replies)],
        )
        looked = NameLookup(PICTURES, "system", (HERE, THERE))
        checks = (shaken(PICTURES, HERE), shaken(PICTURES, THERE, "tls_reset"))
        rows = self.rows("pictures", pictures=(looked,), picture_checks=checks)
        self.assertEqual([Mark.OK, Mark.FAILED], [mark for _, mark, _ in rows])
        self.assertIn("tls_reset: ", rows[1][2])

    def test_a_route_over_an_outbound_proxy_is_told_as_such(self) -> None:
        socks = Given("socks", "socks5://192.0.2.9:1080#socks")
        reply = EgressReply("socks", None, 120, 200)
        works = but(egress=(socks,), egresses=(reply,))
        for evidence, words in (
            (works, "over the outbound proxy socks works"),
            (replace(works, egresses=()), "could be judged"),
        ):
            said = table.summary(evidence, judge(evidence))[1]
            self.assertIn(words, said)

    def test_advice_is_written_as_it_is_set(self) -> None:
        found = Advice("STREAMR_ADDRESS_FAMILY=ipv4", "tried: so it is", tried=True)
        self.assertEqual(
            "STREAMR_ADDRESS_FAMILY=ipv4 (tried: so it is)", table.advice(found)
        )

    def test_what_a_proxy_said_stands_apart_from_what_it_means(self) -> None:
        refused = ProxyReply("http://a", True, "connection_terminated", detail="closed")
        ((_, _, seen),) = self.rows("proxies", proxies=(refused,))
        self.assertIn("before the answer (closed)", seen)

    def test_the_last_line_says_whether_the_direct_route_is_sound(self) -> None:
        mark, said = table.summary(sound(), judge(sound()))
        self.assertIs(Mark.OK, mark)
        self.assertIn(f"the direct route to {DIRECT} works", said)
        broken = but(matrix=FILTERED)
        mark, said = table.summary(broken, judge(broken))
        self.assertIs(Mark.FAILED, mark)
        self.assertIn("does not work", said)
        late = but(out_of_time=True)
        self.assertIn("it ran out of time", table.summary(late, judge(late))[1])
        lost = but(replies=())
        self.assertIn("could be judged", table.summary(lost, judge(lost))[1])

    def test_a_route_that_nobody_could_judge_is_not_called_unsound(self) -> None:
        late = good(DIRECT, status=None, cause="http_response_timeout", lag=0.6)
        busy = but(replies=(late,) * 6)
        mark, said = table.summary(busy, judge(busy))
        self.assertIs(Mark.FAILED, mark)
        self.assertIn("this machine was too busy to judge", said)
        ((_, _, seen),) = self.rows("http", replies=(late,))
        self.assertIn("this machine was too busy to tell", seen)

    def test_a_verdict_tells_its_name_and_whether_it_is_beside_the_route(self) -> None:
        (found,) = judge(but(matrix=FILTERED)).verdicts
        mark, said = table.line(found)
        self.assertIs(Mark.FAILED, mark)
        self.assertTrue(said.endswith(" [name_filtered]"), said)
        self.assertIs(Mark.WARNING, table.line(replace(found, direct=False))[0])

    def test_what_was_not_tried_is_a_sentence_behind_the_setting(self) -> None:
        untried = Advice("STREAMR_EGRESS", "list an outbound proxy", tried=False)
        self.assertEqual(
            "STREAMR_EGRESS: list an outbound proxy", table.advice(untried)
        )
        tried = Advice("STREAMR_EGRESS=socks5://a", "tried: so it was", tried=True)
        self.assertEqual(
            "STREAMR_EGRESS=socks5://a (tried: so it was)", table.advice(tried)
        )

    def test_json_holds_verdicts_and_all_that_was_seen(self) -> None:
        broken = but(matrix=FILTERED)
        value = json.loads(json.dumps(table.as_json(broken, judge(broken))))
        self.assertFalse(value["sound"])
        self.assertEqual("name_filtered", value["verdicts"][0]["code"])
        self.assertEqual(6, len(value["evidence"]["matrix"]["arms"]))


class Page(SynchronousTestCase):
    """docs/doctor.md."""

    def test_every_verdict_has_its_row_and_no_row_is_left_over(self) -> None:
        rows = re.findall(r'^\| <a id="(\w+)"></a>`(\w+)` \| (note: )?', PAGE, re.M)
        self.assertEqual(sorted(KINDS), sorted(name for _, name, _ in rows))
        for anchor, name, note in rows:
            self.assertEqual(name, anchor)
            self.assertEqual(not note, KINDS[name].direct, name)
