"""STREAMR_EGRESS: what may be written, what it means, and that no password is shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import DIRECT, Egress
from streamr.config.egress import (
    FROM_ENVIRONMENT,
    egresses,
    from_environment,
    settled,
    shown,
)
from streamr.config.load import load, reread, take_stock
from streamr.config.settings import Settings
from streamr.policy.redact import Redactor
from tests.properties import examples

KEY = {"TMDB_API_KEY": "0123456789abcdef0123456789abcdef"}
# What may stand anywhere in a value that somebody got wrong.
TEXT = st.text(st.sampled_from("abc:/@#,%[]. 019\nhtpsock"), max_size=30)


def one(text: str) -> Egress:
    (found,) = egresses(text)
    return found


class Forms(SynchronousTestCase):
    """What may be written."""

    def test_unset_means_direct(self):
        self.assertEqual(egresses(""), (DIRECT,))
        self.assertEqual(load({}, KEY).egress, (DIRECT,))
        self.assertEqual(load({}, {**KEY, "STREAMR_EGRESS": ""}).egress, (DIRECT,))

    def test_direct_is_used_only_where_it_is_listed(self):
        self.assertNotIn(DIRECT, egresses("socks5://proxy"))
        found = egresses("socks5://proxy, direct,")
        self.assertEqual([each.name for each in found], ["socks5-proxy-1080", "direct"])

    def test_each_scheme_has_its_own_port_unless_one_is_given(self):
        for text, scheme, port in (
            ("http://proxy", "http", 80),
            ("https://proxy/", "https", 443),
            ("socks5://proxy", "socks5", 1080),
            ("SOCKS5H://proxy", "socks5", 1080),
            ("http://proxy:8080/", "http", 8080),
        ):
            expected = Egress(f"{scheme}-proxy-{port}", scheme, "proxy", port)
            self.assertEqual(one(text), expected)

    def test_hosts_are_names_and_addresses(self):
        for text, host in (
            ("http://Proxy.Example.:1", None),
            ("http://Proxy.Example:1", "proxy.example"),
            ("http://192.0.2.1:1", "192.0.2.1"),
            ("http://[2001:DB8::1]:1", "2001:db8::1"),
        ):
            if host is None:
                self.assertRaises(ValueError, egresses, text)
            else:
                self.assertEqual((one(text).host, one(text).port), (host, 1))

    def test_user_and_password_are_percent_decoded(self):
        for text, user, password in (
            ("socks5://anna:secret@proxy", "anna", "secret"),
            ("socks5://anna@proxy", "anna", ""),
            ("socks5://:secret@proxy", "", "secret"),
            ("socks5://a%40b:c%3A%2C%25%23%2F@proxy", "a@b", "c:,%#/"),
            ("socks5://anna:a@b@proxy", "anna", "a@b"),
            ("socks5://anna:a:b@proxy", "anna", "a:b"),
            ("socks5://%C3%BC:gr%C3%BC%C3%9Fe@proxy", "ü", "grüße"),
        ):
            self.assertEqual((one(text).user, one(text).password), (user, password))

    def test_a_name_is_what_stands_behind_the_hash(self):
        found = one("http://anna:x@proxy:8080#the.office-1_b:c")
        self.assertEqual((found.name, found.port), ("the.office-1_b:c", 8080))
        self.assertEqual(one("socks5://[::1]").name, "socks5-::1-1080")

    def test_what_is_written_twice_counts_once(self):
        self.assertEqual(
            len(egresses("direct,http://a,direct,http://a:80,http://b")), 3
        )

    def test_two_of_one_name_are_an_error(self):
        for text in (
            "http://a#x,http://b#x",
            "http://anna:1@a,http://bert:2@a",
            "socks5://a#http-b-80,http://b",
        ):
            with self.assertRaisesRegex(
                ValueError, "two entries have the name .*: give each"
            ):
                egresses(text)

    def test_what_is_wrong_is_said_by_its_place(self):
        for text, told in (
            ("proxy:8080", "entry 1: it is neither direct nor env, and does not begin"),
            ("direct#x", "entry 1: it is neither direct nor env"),
            ("http://a:b,c@proxy:1", "entry 1: what follows the host is not a port"),
            ("http://a:1\nhttp://b:1", "a space or a line break; entries are"),
            ("http://a:1 http://b:1", "entries are separated by commas"),
            (" , ", "no entry is listed"),
            ("direct,,ftp://proxy", "entry 2: its scheme is not one of http://"),
            ("socks4://proxy", "its scheme is not one of"),
            ("http://", "its host is not a valid host name"),
            ("http://a/b", "its host is not a valid host name"),
            ("http://proxy:", "is not a port from 1 to 65535"),
            ("http://proxy:x", "is not a port from 1 to 65535"),
            ("http://proxy:65536", "is not a port from 1 to 65535"),
            ("http://proxy:0", "is not a port from 1 to 65535"),
            ("http://2001:db8::1", "an IPv6 address is written in brackets"),
            ("http://[192.0.2.1]", "only an IPv6 address is written in brackets"),
            ("http://[proxy]", "its host is not a valid host name"),
            ("http://proxy:80/path", "is not a port from 1 to 65535"),
            ("http://proxy#", "the name after # is not"),
            ("http://proxy#a/b", "the name after # is not"),
            ("http://proxy#direct", "direct cannot be the name"),
            ("http://a:50%@proxy", "is written %25"),
            ("http://a:%ff@proxy", "not UTF-8"),
            ("http://a:%0d%0a@proxy", "a control character"),
            ("http://a%3Ab:c@proxy", "a colon"),
            (f"socks5://a:{'x' * 256}@proxy", "longer than 255 bytes"),
            (f"socks5://{'ü' * 128}:x@proxy", "longer than 255 bytes"),
        ):
            with self.assertRaises(ValueError) as caught:
                egresses(text)
            self.assertIn(told, str(caught.exception), text)
            self.assertIn("entry ", str(caught.exception))

    def test_a_password_for_http_may_be_longer(self):
        self.assertEqual(one(f"http://a:{'x' * 256}@proxy").password, "x" * 256)

    @examples()
    @given(TEXT, TEXT)
    def test_whatever_is_written_is_a_list_or_an_error_that_repeats_none_of_it(
        self, before: str, after: str
    ):
        try:
            found = egresses(f"{before}canary{after}")
        except ValueError as error:
            if "have the name" not in str(error):
                self.assertNotIn("canary", str(error))
        else:
            again = egresses(shown(found))
            self.assertEqual([e.name for e in again], [e.name for e in found])


class Shown(SynchronousTestCase):
    """Users and passwords stay here."""

    SET = "socks5://anna:s3cret%40word@proxy#one,http://bert:canary77@[::1]:8080,direct"

    def settings(self) -> Settings:
        return load({}, {**KEY, "STREAMR_EGRESS": self.SET})

    def test_the_rest_of_the_list_is_shown(self):
        masked = (
            "socks5://[redacted]@proxy:1080#one,http://[redacted]@[::1]:8080,direct"
        )
        self.assertEqual(shown(egresses(self.SET)), masked)
        for found in take_stock({}, {**KEY, "STREAMR_EGRESS": self.SET}).found:
            if found.setting.name == "STREAMR_EGRESS":
                self.assertEqual(found.shown, masked)
        (told,) = (
            e for e in self.settings().told if e.setting.name == "STREAMR_EGRESS"
        )
        self.assertEqual(told.value, masked)

    def test_no_user_and_no_password_is_in_a_repr(self):
        said = repr(self.settings())
        for word in ("anna", "bert", "s3cret", "canary"):
            self.assertNotIn(word, said)

    def test_passwords_are_struck_out_in_every_form_of_the_wire(self):
        redact = Redactor(self.settings().secrets)
        for said in (
            "s3cret@word",
            "s3cret%40word",
            "Proxy-Authorization: YmVydDpjYW5hcnk3Nw==",
            "http://bert:canary77@[::1]:8080",
        ):
            self.assertIn("[redacted]", redact(said))
            for word in ("s3cret", "canary", "YmVydD"):
                self.assertNotIn(word, redact(said))

    def test_a_short_password_is_struck_out_with_its_user(self):
        found = load({}, {**KEY, "STREAMR_EGRESS": "http://somebody:abc@proxy"})
        self.assertIn("somebody:abc", found.secrets)
        self.assertNotIn("somebody:abc", Redactor(found.secrets)("is somebody:abc"))

    def test_a_mistake_shows_nothing_of_what_was_written(self):
        for text in (
            "http://anna:can,ary@proxy",
            "anna:canary@proxy",
            "http://canary:x",
        ):
            stock = take_stock({}, {**KEY, "STREAMR_EGRESS": text})
            (found,) = (e for e in stock.found if e.setting.name == "STREAMR_EGRESS")
            (problem,) = stock.problems
            self.assertEqual(found.shown, "(secret)")
            for word in ("anna", "canary", "can", "ary@"):
                self.assertNotIn(word, problem.replace("cannot", ""))
            self.assertIn("entry", problem)


class FromTheEnvironment(SynchronousTestCase):
    """env."""

    def test_https_proxy_is_taken_and_its_spelling_of_curl_first(self):
        for environment, expected in (
            ({}, "direct"),
            ({"HTTPS_PROXY": " "}, "direct"),
            ({"HTTPS_PROXY": "http://a:3128"}, "http://a:3128"),
            ({"HTTPS_PROXY": "http://a", "https_proxy": "http://b"}, "http://b:80"),
            ({"HTTPS_PROXY": "http://a", "ALL_PROXY": "http://b"}, "http://a:80"),
            ({"all_proxy": "socks5h://b"}, "socks5://b:1080"),
            ({"HTTPS_PROXY": "a:3128"}, "http://a:3128"),
            ({"HTTPS_PROXY": "u:p@a:3128"}, "http://[redacted]@a:3128"),
            ({"HTTP_PROXY": "http://a", "http_proxy": "http://a"}, "direct"),
        ):
            self.assertEqual(shown([from_environment(environment)]), expected)

    def test_tmdbs_hosts_in_no_proxy_are_reached_directly(self):
        for exempt, direct in (
            ("*", True),
            ("api.themoviedb.org", True),
            ("themoviedb.org", True),
            (".themoviedb.org", True),
            ("localhost, 10.0.0.0/8 TMDB.ORG.", True),
            ("", False),
            ("moviedb.org", False),
            ("xapi.themoviedb.org", False),
            ("localhost,127.0.0.1,.example", False),
            (",", False),
        ):
            for name in ("NO_PROXY", "no_proxy"):
                found = from_environment({"HTTPS_PROXY": "http://a", name: exempt})
                self.assertEqual(found == DIRECT, direct, exempt)

    def test_it_stands_where_env_stood(self):
        found = egresses("socks5://one,env,direct")
        self.assertIs(found[1], FROM_ENVIRONMENT)
        named = settled(found, {"HTTPS_PROXY": "http://two"})
        self.assertEqual(shown(named), "socks5://one:1080,http://two:80,direct")
        self.assertEqual(shown(settled(found, {})), "socks5://one:1080,direct")

    def test_its_password_is_a_secret_too(self):
        found = load(
            {}, {**KEY, "STREAMR_EGRESS": "env", "https_proxy": "http://a:canary77@b"}
        )
        self.assertIn("canary77", found.secrets)

    def test_a_wrong_one_is_named_and_not_shown(self):
        environment = {
            **KEY,
            "STREAMR_EGRESS": "env",
            "HTTPS_PROXY": "ftp://u:canary@b",
        }
        (problem,) = take_stock({}, environment).problems
        for word in ("STREAMR_EGRESS", "HTTPS_PROXY in the environment", "its scheme"):
            self.assertIn(word, problem)
        self.assertNotIn("canary", problem)

    def test_a_wrong_one_is_nobodys_business_while_env_is_not_listed(self):
        load({}, {**KEY, "STREAMR_EGRESS": "direct", "HTTPS_PROXY": "ftp://u:x@b"})

    def test_one_that_is_not_used_is_noticed(self):
        for environment, codes in (
            ({"HTTPS_PROXY": "http://a"}, ["egress-unused"]),
            ({"HTTPS_PROXY": "http://a", "STREAMR_EGRESS": "direct"}, []),
            ({"HTTPS_PROXY": "http://a", "NO_PROXY": "tmdb.org"}, []),
            ({"HTTPS_PROXY": "http://a", "STREAMR_EGRESS": "env"}, []),
            ({"STREAMR_EGRESS": "direct,env"}, ["egress-env"]),
            ({}, []),
        ):
            found = load({}, {**KEY, **environment}).warnings
            self.assertEqual([each.code for each in found], codes, environment)

    def test_where_env_is_one_of_several_it_is_not_called_the_only_one(self):
        (found,) = load({}, {**KEY, "STREAMR_EGRESS": "env,socks5://a"}).warnings
        self.assertIn("STREAMR_EGRESS names env, but", found.text)


class InAFile(SynchronousTestCase):
    """STREAMR_EGRESS_FILE."""

    def file(self, text: str) -> str:
        path = self.mktemp()
        with open(path, "w") as file:  # noqa: PTH123
            file.write(text)
        return path

    def test_it_is_read_at_the_start_and_again(self):
        path = self.file("socks5://anna:canary77@one\n")
        found = load({}, {**KEY, "STREAMR_EGRESS_FILE": path})
        self.assertEqual(found.egress[0].host, "one")
        with open(path, "w") as file:  # noqa: PTH123
            file.write("socks5://two,env")
        again, problems = reread(found, {"HTTPS_PROXY": "http://three"})
        self.assertEqual(problems, [])
        self.assertEqual(shown(again.egress), "socks5://two:1080,http://three:80")

    def test_what_cannot_be_used_leaves_what_there_was(self):
        path = self.file("socks5://one")
        found = load({}, {**KEY, "STREAMR_EGRESS_FILE": path})
        for text, environment in (("sock://x", {}), ("env", {"https_proxy": "x://y"})):
            with open(path, "w") as file:  # noqa: PTH123
                file.write(text)
            again, problems = reread(found, environment)
            self.assertEqual(again.egress, found.egress)
            self.assertEqual(len(problems), 1)
            self.assertIn("STREAMR_EGRESS", problems[0])
