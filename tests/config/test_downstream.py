"""Which caches in front are told of a purge: what is taken, and what is refused."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import DownstreamCache
from streamr.config.downstream import METHODS, body, cache, caches, credential
from streamr.config.load import load
from streamr.errors import SettingsError

TOKEN = "canary-purge-token-0123"
VARNISH = "BAN http://127.0.0.1:6081/"
GIVEN = {
    "TMDB_API_KEY": "c0ffee00c0ffee11c0ffee22c0ffee33",
    "STREAMR_TAGS": "surrogate-key",
    "STREAMR_PURGE_URL": VARNISH,
}


class Caches(SynchronousTestCase):
    def test_a_method_and_a_url_or_a_url_for_purge(self) -> None:
        self.assertEqual(
            cache(VARNISH),
            DownstreamCache("127.0.0.1:6081", "BAN", "http://127.0.0.1:6081/"),
        )
        for method in METHODS:
            self.assertEqual(cache(f"{method} https://a.example/").method, method)
        self.assertEqual(cache("http://varnish/").method, "PURGE")

    def test_two_at_one_place_are_told_apart(self) -> None:
        text = "BAN http://v:6081/, PURGE http://v:6081/x, BAN http://w/"
        names = [each.name for each in caches(text)]
        self.assertEqual(names, ["v:6081 #1", "v:6081 #2", "w"])

    def test_the_tag_has_its_place_in_path_or_query(self) -> None:
        for url in ("https://a.example/{tag}", "https://a.example/x?tag={tag}&a=b"):
            self.assertEqual(cache(f"POST {url}").url, url)

    def test_plain_http_goes_to_private_places_only(self) -> None:
        for host in ("127.0.0.1", "[::1]:6081", "10.1.2.3", "varnish", "c.internal"):
            cache(f"http://{host}/")
            cache(f"https://{host}/")
        for host in (
            "203.0.113.9",
            "93.184.216.34",
            "cdn.example.com",
            "[2001:4860::8]",
        ):
            if host == "203.0.113.9":
                continue  # for documentation: it leads nowhere
            error = self.assertRaises(ValueError, cache, f"http://{host}/")
            self.assertIn("needs https", str(error))
            cache(f"https://{host}/")

    def test_what_is_no_such_place_is_refused(self) -> None:
        for text, said in (
            ("GET https://a.example/", "not a method"),
            ("purge https://a.example/", "not a method"),
            ("PURGE  POST https://a.example/", "not a method"),
            ("ftp://a.example/", "not an http"),
            ("https:///x", "not an http"),
            ("a.example", "not an http"),
            ("https://user:secret@a.example/", "STREAMR_PURGE_TOKEN"),
            ("https://a.example/#x", "STREAMR_PURGE_TOKEN"),
            ("https://{tag}.example/", "host"),
            ("https://a_.example\\/", "printable"),
            ("https://a.example/{path}", "printable"),
            ("https://a.example/\u00e9", "printable"),
            ("https://a.example/\r\nX: y", "not a method"),
            ("https://a.example/\r\nX:y", "printable"),
            ("https://my_cache.internal/", "letters, digits and hyphens"),
            ("http://my_varnish:6081/", "letters, digits and hyphens"),
            ("https://a.example:0/", "port 0"),
            ("https://a.example:99999/", "port"),
        ):
            error = self.assertRaises(ValueError, cache, text)
            self.assertIn(said, str(error), text)
            self.assertNotIn("secret", str(error).replace(text, ""))


class Bodies(SynchronousTestCase):
    def test_json_with_the_place_of_the_tag(self) -> None:
        for text in ('{"tags":["{tag}"]}', '["{tag}"]', '"{tag}"', ""):
            self.assertEqual(body(text), text)
        for text, said in (('{"tags":[]}', "{tag}"), ('{"tags":["{tag}"]', "JSON")):
            self.assertIn(said, str(self.assertRaises(ValueError, body, text)))


class Credentials(SynchronousTestCase):
    def test_a_token_is_a_bearers_unless_it_has_a_field(self) -> None:
        self.assertEqual(credential(TOKEN), ("Authorization", f"Bearer {TOKEN}"))
        self.assertEqual(credential(f"Fastly-Key: {TOKEN}"), ("Fastly-Key", TOKEN))
        self.assertIsNone(credential(""))

    def test_a_token_with_a_colon_in_it_is_a_token(self) -> None:
        text = "KEYID0123:secret0123456789"
        self.assertEqual(credential(text), ("Authorization", f"Bearer {text}"))

    def test_what_could_be_more_than_a_token_is_refused(self) -> None:
        for text in (
            "short",
            f"Host: {TOKEN}",
            f"content-length: {TOKEN}",
            f"A b: {TOKEN}",
            f"X-Key: {TOKEN}\r\nHost: other",
            f"{TOKEN} and more",
        ):
            self.assertRaises(ValueError, credential, text)


class Together(SynchronousTestCase):
    def problems(self, **more: str) -> str:
        error = self.assertRaises(SettingsError, load, {}, {**GIVEN, **more})
        return "\n".join(error.problems)

    def test_what_is_given_is_read(self) -> None:
        found = load({}, {**GIVEN, "STREAMR_PURGE_TOKEN": TOKEN})
        self.assertEqual(found.purge_url, (cache(VARNISH),))
        self.assertIn(TOKEN, found.secrets)
        self.assertNotIn(TOKEN, repr(found))
        shown = {each.setting.name: each.value for each in found.told}
        self.assertEqual(shown["STREAMR_PURGE_TOKEN"], "(secret)")

    def test_a_cache_needs_tags_and_main(self) -> None:
        self.assertIn("without STREAMR_TAGS", self.problems(STREAMR_TAGS=""))
        self.assertIn("STREAMR_ONLY is proxy", self.problems(STREAMR_ONLY="proxy"))

    def test_what_is_for_caches_needs_one(self) -> None:
        for name, value in (
            ("STREAMR_PURGE_TOKEN", TOKEN),
            ("STREAMR_PURGE_BODY", '"{tag}"'),
        ):
            said = self.problems(STREAMR_PURGE_URL="", **{name: value})
            self.assertIn(f"{name} is set without STREAMR_PURGE_URL", said)
            self.assertNotIn(TOKEN, said)

    def test_a_format_of_tags_is_one_of_three(self) -> None:
        said = self.problems(STREAMR_TAGS="tags")
        for each in ("cache-tag", "surrogate-key", "edge-cache-tag"):
            self.assertIn(each, said)
