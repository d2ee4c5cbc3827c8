"""Who may see and do more, case by case: peers, names, forwarders, tokens, sites."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network

from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Call
from streamr.errors import Refusal
from streamr.web.access import (
    Visit,
    Who,
    check,
    from_own_site,
    holds,
    may_play,
    nearby,
    prefix,
    trusted,
)
from streamr.web.callers import TrustedProxies

TOKEN = "a-made-up-admin-token"
HOST = "127.0.0.1:3001"
CALL = Call("req-1", 100.0)


def fields(**named: str) -> Callable[[str], str]:
    """A request's header fields, by names with `_` for `-`."""
    found = {name.replace("_", "-"): value for name, value in named.items()}
    return lambda name: found.get(name, "")


def visit(*, may: bool = True, **named: str) -> Visit:
    return Visit([], CALL, fields(**{"host": HOST, **named}), trusted=may)


class Trusted(SynchronousTestCase):
    """trusted."""

    def test_who_sits_at_this_machine_is_when_nobody_has_forwarded_the_request(self):
        for peer in ("127.0.0.1", "127.9.9.9", "::1", "[::1]", "::ffff:127.0.0.1"):
            self.assertTrue(trusted(fields(host=HOST), peer, None), peer)

    def test_who_sits_elsewhere_is_not(self):
        for peer in (
            *("192.0.2.1", "10.0.0.1", "128.0.0.1", "0.0.0.0", "::", "::2", ""),
            *("::ffff:192.0.2.1", "::ffff:0.0.0.0"),
        ):
            self.assertFalse(trusted(fields(host=HOST), peer, None), peer)

    def test_a_name_is_no_peer(self):
        self.assertFalse(trusted(fields(host=HOST), "localhost", None))

    def test_each_field_of_a_forwarder_alone_takes_the_trust_away(self):
        for name, value in (
            ("forwarded", "for=203.0.113.9"),
            ("x_forwarded_for", "203.0.113.9"),
            # nginx's own, and what says nothing but that there is a proxy
            ("x_real_ip", "203.0.113.9"),
            ("via", "1.1 edge"),
            ("x_forwarded_host", "film.example"),
            ("x_forwarded_port", "443"),
            ("x_forwarded_prefix", "/tmdb"),
            ("x_forwarded_proto", "https"),
            *(("x_forwarded_scheme", "https"), ("x_forwarded_ssl", "on")),
            *(("x_forwarded_server", "a"), ("x_original_forwarded_for", "8.8.8.8")),
            *(("x_client_ip", "8.8.8.8"), ("true_client_ip", "8.8.8.8")),
            ("cf_connecting_ip", "8.8.8.8"),
            # a forwarder that claims to be of this machine stays one
            ("x_forwarded_for", "127.0.0.1"),
        ):
            header = fields(host=HOST, **{name: value})
            self.assertFalse(trusted(header, "127.0.0.1", None), name)
            self.assertFalse(trusted(header, "127.0.0.1", TOKEN), name)

    def test_each_spelling_of_this_machine_is_one_of_its_names(self):
        for host in (
            "localhost",
            "localhost:3001",
            "LocalHost:1",
            "app.localhost:3001",
            "127.0.0.1",
            "127.0.0.2:3001",
            "[::1]",
            "[::1]:3001",
        ):
            self.assertTrue(trusted(fields(host=host), "127.0.0.1", None), host)

    def test_any_other_name_has_been_pointed_here(self):
        for host in (
            "",
            "rebound.test",
            "rebound.test:3001",
            "localhost.rebound.test",
            "evillocalhost",
            "127.0.0.1.nip.test",
            "192.0.2.1",
            "[::2]",
            "[::1",
            "::1",
            "127.0.0.1:",
            "127.0.0.1:80:80",
            "127.0.0.1:x",
            "rebound.test:3001@localhost",
            "[localhost]",
        ):
            self.assertFalse(trusted(fields(host=host), "127.0.0.1", None), host)

    def test_the_token_opens_from_anywhere_under_any_name_and_forwarded(self):
        bearer = f"Bearer {TOKEN}"
        for header in (
            fields(authorization=bearer),
            fields(authorization=bearer, host="status.example"),
            fields(authorization=bearer, host=HOST, x_forwarded_for="203.0.113.9"),
        ):
            self.assertTrue(trusted(header, "192.0.2.1", TOKEN))

    def test_anything_but_the_token_opens_nothing(self):
        for given in (
            "",
            "Bearer ",
            f"Bearer {TOKEN[:-1]}",
            f"Bearer {TOKEN}x",
            f"Bearer {TOKEN.upper()}",
            f"Bearer Bearer {TOKEN}",
            f"Basic {TOKEN}",
            # the token by itself, glued to the name, twice
            TOKEN,
            f"Bearer{TOKEN}",
            f"Bearer\t{TOKEN}",
            f" Bearer {TOKEN}",
            f"Bearer {TOKEN}, Bearer {TOKEN}",
            "Bearer é",
        ):
            header = fields(authorization=given, host=HOST)
            self.assertFalse(trusted(header, "192.0.2.1", TOKEN), given)

    def test_the_schemes_name_has_no_case(self):
        for scheme in ("bearer", "BEARER", "Bearer "):
            self.assertTrue(holds(fields(authorization=f"{scheme} {TOKEN}"), TOKEN))

    def test_where_no_token_is_set_none_is_right(self):
        for given in ("", "Bearer ", "Bearer None"):
            header = fields(authorization=given, host=HOST)
            self.assertFalse(trusted(header, "192.0.2.1", None), given)

    def test_who_sits_here_needs_no_token_and_a_wrong_one_does_no_harm(self):
        for given in ("", "Bearer no"):
            header = fields(authorization=given, host=HOST)
            self.assertTrue(trusted(header, "127.0.0.1", TOKEN), given)


class Nearby(SynchronousTestCase):
    """nearby, and check for the demo's switches."""

    # Docker's, podman's and their IPv6 gateways; IPv4 on a socket of both families
    gateways = ("172.17.0.1", "10.0.2.2", "192.168.65.1", "fd00::1", "fe80::1")
    gateways += ("::ffff:172.17.0.1",)

    def test_a_containers_own_machine_asks_for_a_loopback_name(self):
        for peer in self.gateways:
            for host in ("localhost:3001", HOST, "[::1]:3001", "demo.localhost"):
                self.assertTrue(nearby(fields(host=host), peer), (peer, host))

    def test_it_is_not_trusted_for_that(self):
        for peer in self.gateways:
            self.assertFalse(trusted(fields(host=HOST), peer, TOKEN), peer)

    def test_other_names_other_addresses_and_what_was_handed_on_are_not(self):
        for peer, header in (
            ("172.17.0.1", fields(host="rebound.test:3001")),
            ("172.17.0.1", fields(host="172.17.0.2:3001")),
            ("172.17.0.1", fields(host="")),
            ("172.17.0.1", fields(host="evil.test/x.localhost")),
            ("172.17.0.1", fields(host=HOST, x_forwarded_for="203.0.113.9")),
            ("172.17.0.1", fields(host=HOST, via="1.1 edge")),
            ("172.32.0.1", fields(host=HOST)),
            ("8.8.8.8", fields(host=HOST)),
            ("192.0.2.1", fields(host=HOST)),
            ("2001:db8::1", fields(host=HOST)),
            ("::ffff:8.8.8.8", fields(host=HOST)),
            ("localhost", fields(host=HOST)),
            ("", fields(host=HOST)),
        ):
            self.assertFalse(nearby(header, peer), peer)

    def player(self, **named: str) -> Visit:
        return replace(visit(may=False, **named), nearby=True)

    def test_who_is_nearby_may_play_and_do_nothing_else(self):
        check(Who.PLAYERS, self.player(), changes=True)
        self.assertRaises(Refusal, check, Who.OPERATORS, self.player(), changes=True)
        self.assertRaises(Refusal, check, Who.OPERATORS, self.player(), changes=False)
        self.assertFalse(self.player().trusted)

    def test_pages_of_this_machine_may_play_whichever_their_port(self):
        for origin in (
            "http://localhost:5173",
            "http://127.0.0.1:8080",
            "https://[::1]:5173",
            "http://app.localhost",
        ):
            for site in ("cross-site", "same-site", ""):
                named = {"origin": origin, "sec_fetch_site": site}
                for asked in (self.player(**named), visit(**named)):
                    check(Who.PLAYERS, asked, changes=True)
                with self.assertRaises(Refusal):
                    check(Who.OPERATORS, visit(**named), changes=True)

    def test_pages_of_elsewhere_may_not(self):
        for origin in (
            "https://evil.example",
            "http://localhost.evil.example:5173",
            "http://192.168.1.7:5173",
            "null",
            "file://localhost",
            "http://evil.example@localhost",
            "http://evil.example/x.localhost",
        ):
            for asked in (self.player(origin=origin), visit(origin=origin)):
                with self.assertRaises(Refusal, msg=origin) as caught:
                    check(Who.PLAYERS, asked, changes=True)
                self.assertIn("a page of another site", caught.exception.message)
        with self.assertRaises(Refusal):
            check(Who.PLAYERS, self.player(sec_fetch_site="cross-site"), changes=True)

    def test_a_page_of_elsewhere_that_led_here_may_not_play(self):
        local = "http://localhost:5173"
        for referer, allowed in ((f"{local}/app", True), ("https://evil.example/", 0)):
            asked = self.player(origin=local, referer=referer)
            self.assertIs(may_play(asked), bool(allowed), referer)
            self.assertFalse(may_play(self.player(referer=referer)), referer)

    def test_a_stranger_may_not_play_and_hears_what_would_help(self):
        with self.assertRaises(Refusal) as caught:
            check(Who.PLAYERS, visit(may=False), changes=True)
        self.assertIn("localhost", caught.exception.message)


NOBODY = TrustedProxies()
LISTED = TrustedProxies((ip_network("172.18.0.0/16"),))


class Prefix(SynchronousTestCase):
    """prefix."""

    def test_a_proxy_on_this_machine_says_below_which_path_we_are(self):
        for given, told in (
            ("/tmdb", "/tmdb"),
            ("/tmdb/", "/tmdb"),
            ("/media/tmdb-1.2", "/media/tmdb-1.2"),
            ("/", ""),
            ("", ""),
        ):
            for peer in ("127.0.0.1", "::1"):
                found = prefix(fields(x_forwarded_prefix=given), peer, NOBODY)
                self.assertEqual(told, found, given)

    def test_nobody_elsewhere_does(self):
        for peer in ("192.0.2.1", "10.0.0.1", "172.17.0.1", ""):
            header = fields(x_forwarded_prefix="/tmdb")
            self.assertEqual("", prefix(header, peer, NOBODY))
            self.assertEqual("", prefix(header, peer, LISTED))

    def test_a_proxy_that_is_listed_does(self):
        header = fields(x_forwarded_prefix="/tmdb", x_forwarded_for="203.0.113.9")
        for peer in ("172.18.0.5", "::ffff:172.18.0.5", "127.0.0.1"):
            self.assertEqual("/tmdb", prefix(header, peer, LISTED))

    def test_what_is_no_path_is_as_good_as_nothing(self):
        for given in (
            "tmdb",
            "//evil.example",
            "https://evil.example",
            "/tmdb/../x",
            "/.hidden",
            "/a//b",
            "/a, /b",
            "/a?b",
            "/é",
            "/" + "a" * 65,
            "/a" * 9,
        ):
            header = fields(x_forwarded_prefix=given)
            self.assertEqual("", prefix(header, "127.0.0.1", LISTED), given)
            self.assertEqual("", prefix(header, "172.18.0.5", LISTED), given)


class OwnSite(SynchronousTestCase):
    """from_own_site, and check for what is read."""

    # Sec-Fetch-Site, Origin, whether the request began here
    cases = (
        # a command line
        ("", "", True),
        # a page of our own, an address that was typed in
        ("same-origin", "", True),
        ("none", "", True),
        ("same-site", "", False),
        ("cross-site", "", False),
        ("nonsense", "", False),
        # a browser without Sec-Fetch-Site
        ("", f"http://{HOST}", True),
        ("", f"https://{HOST}", True),
        ("", "http://127.0.0.1", False),
        ("", "http://127.0.0.1:8080", False),
        ("", "https://elsewhere.example", False),
        ("", "null", False),
        # both have to say so
        ("same-origin", f"http://{HOST}", True),
        ("cross-site", f"http://{HOST}", False),
        ("same-origin", "https://elsewhere.example", False),
        ("none", "https://elsewhere.example", False),
    )

    def test_both_fields_say_whether_a_page_of_ours_has_asked(self):
        for site, origin, own in self.cases:
            asked = visit(sec_fetch_site=site, origin=origin)
            self.assertIs(from_own_site(asked), own, (site, origin))

    # Referer, for browsers that send nothing else: with its path, which Origin lacks
    referers = (
        (f"http://{HOST}/", True),
        (f"https://{HOST}/status?a=b", True),
        ("http://127.0.0.1:8080/", False),
        ("https://elsewhere.example/", False),
        (f"https://elsewhere.example/{HOST}/", False),
        (f"http://{HOST}@elsewhere.example/", False),
        (f"http://{HOST}.elsewhere.example/", False),
        ("http://[::1/", False),
        ("about:blank", False),
        ("null", False),
    )

    def test_the_page_that_led_here_says_so_too(self):
        for referer, own in self.referers:
            for more in ({}, {"origin": f"http://{HOST}"}, {"sec_fetch_site": "none"}):
                asked = visit(referer=referer, **more)
                self.assertIs(from_own_site(asked), own, (referer, more))

    def test_no_page_is_of_ours_where_nobody_said_what_we_are_called(self):
        for page in ("null", "http:///", "about:blank"):
            self.assertFalse(from_own_site(visit(host="", origin=page)), page)

    def test_what_no_url_can_be_is_another_site(self):
        self.assertFalse(from_own_site(visit(origin="http://[::1")))

    def test_a_page_of_another_site_is_told_no_in_words(self):
        for site, origin, own in self.cases:
            asked = visit(sec_fetch_site=site, origin=origin)
            if own:
                check(Who.OPERATORS, asked, changes=False)
                continue
            with self.assertRaises(Refusal, msg=(site, origin)) as caught:
                check(Who.OPERATORS, asked, changes=False)
            refusal = caught.exception
            self.assertEqual((refusal.status, int(refusal.code)), (403, 38))
            self.assertIn("a page of another site", refusal.message)


class Actions(SynchronousTestCase):
    """check for what changes something."""

    def test_the_trusted_may_act_from_a_page_of_ours_and_from_a_command_line(self):
        for site in ("", "same-origin", "none"):
            check(Who.OPERATORS, visit(sec_fetch_site=site), changes=True)

    def test_the_trusted_may_not_act_for_a_page_of_another_site(self):
        for named in (
            {"sec_fetch_site": "cross-site"},
            {"origin": "https://evil.example"},
            {"referer": "https://evil.example/page"},
        ):
            with self.assertRaises(Refusal, msg=named) as caught:
                check(Who.OPERATORS, visit(**named), changes=True)
            self.assertIn("a page of another site", caught.exception.message)

    def test_a_stranger_may_not_act_and_hears_what_would_help(self):
        with self.assertRaises(Refusal) as caught:
            check(
                Who.OPERATORS,
                visit(may=False, sec_fetch_site="same-origin"),
                changes=True,
            )
        refusal = caught.exception
        self.assertEqual((refusal.status, int(refusal.code)), (403, 38))
        self.assertIn("STREAMR_ADMIN_TOKEN", refusal.message)


class Others(SynchronousTestCase):
    """check for what is not for operators alone."""

    def test_everybody_and_callers_need_not_be_trusted(self):
        for who in (Who.EVERYBODY, Who.CALLERS):
            for changes in (False, True):
                check(who, visit(may=False, sec_fetch_site="cross-site"), changes)

    def test_what_is_read_by_operators_names_itself(self):
        stranger = Visit([], CALL, trusted=False, path="/metrics")
        with self.assertRaises(Refusal) as caught:
            check(Who.OPERATORS, stranger, changes=False)
        self.assertIn(
            "/metrics is restricted to this machine", caught.exception.message
        )

    def test_a_change_is_taken_only_from_operators(self):
        stranger = Visit([], CALL, trusted=False, path="/actions/purge")
        with self.assertRaises(Refusal) as caught:
            check(Who.OPERATORS, stranger, changes=True)
        self.assertIn("only from this machine", caught.exception.message)


class Values(SynchronousTestCase):
    """What a page gets."""

    def test_a_visit_of_which_nothing_is_said_is_a_strangers_without_fields(self):
        bare = Visit([], CALL)
        self.assertEqual(
            (bare.trusted, bare.path, bare.header("host")), (False, "", "")
        )

    def test_a_page_cannot_make_its_own_visit_trusted(self):
        self.assertRaises(AttributeError, setattr, visit(may=False), "trusted", True)
