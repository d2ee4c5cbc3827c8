"""What a parameter's value may look like."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.errors import Refusal
from streamr.tmdb.parameters import (
    DROPPED,
    bad,
    canonical,
    check,
    choice,
    is_dropped,
    only,
)
from tests.properties import examples

ARABIC_ONE = "\N{ARABIC-INDIC DIGIT ONE}"
steady = examples()


class Checks(SynchronousTestCase):
    """Pairs in, pairs out or a refusal."""

    def accepted(self, name: str, *values: str) -> None:
        for value in values:
            self.assertEqual(list(check([(name, value)])), [(name, value)])

    def refused(self, name: str, *values: str) -> Refusal:
        for value in values:
            with self.assertRaises(Refusal, msg=value) as caught:
                list(check([(name, value)]))
            self.assertEqual(caught.exception.status, 400)
            self.assertIn(name, caught.exception.message)
            self.last = caught.exception
        return self.last

    def test_pages_run_from_1_to_500(self):
        self.accepted("page", "1", "2", "500")
        refusal = self.refused(
            "page",
            "0",
            "501",
            "-1",
            "1.5",
            "one",
            " 1",
            "1\n",
            "9" * 99,
            "²",
            "\N{ARABIC-INDIC DIGIT ONE}",
        )
        self.assertEqual(int(refusal.code), 22)
        self.assertIn("Pages start at 1 and max at 500", refusal.message)

    def test_the_refusal_of_a_page_shows_what_came(self):
        self.assertIn("'501'", self.refused("page", "501").message)

    def test_a_language_or_a_region_that_is_none_is_tmdbs_to_ignore(self):
        self.accepted("language", "english", "e", "en-US-x-y", "../en", "12")
        for name in ("region", "watch_region", "certification_country"):
            self.accepted(name, "US", "de", "USA", "1A")

    def test_names_that_tmdb_cannot_know_are_not_appended(self):
        for value, kept in (
            ("credits,videos", "credits,videos"),
            ("watch/providers,season/1", "watch/providers,season/1"),
            ("credits, videos ,images", "credits,videos,images"),
            ("credits,../4/x,a?b,/credits,a//b,Credits", "credits"),
            ("credits,credits", "credits"),
            ("account_states,credits,season/1/account_states", "credits"),
        ):
            pairs = [("append_to_response", value)]
            self.assertEqual(list(check(pairs)), [("append_to_response", kept)], value)

    def test_twenty_may_be_appended_and_not_twenty_one(self):
        names = [f"n{'x' * n}" for n in range(1, 22)]
        self.accepted("append_to_response", ",".join(names[:20]))
        self.refused("append_to_response", ",".join(["a"] * 21))
        refusal = self.refused("append_to_response", ",".join(names))
        self.assertEqual(int(refusal.code), 27)
        self.assertIn("is 20. (append_to_response has 21)", refusal.message)

    def test_a_comma_too_many_appends_nothing(self):
        for value, kept in (("credits,", "credits"), (",a,,b", "a,b")):
            pairs = [("append_to_response", value)]
            self.assertEqual(list(check(pairs)), [("append_to_response", kept)], value)
        self.assertEqual(list(check([("append_to_response", ",")])), [])

    def test_a_value_has_a_thousand_characters_at_most(self):
        self.accepted("query", "x" * 999, "x" * 1000)
        self.assertIn("longer than 1000", self.refused("query", "x" * 1001).message)

    def test_no_value_holds_one_control_character(self):
        for number in (*range(0x20), 0x7F):
            value = f"a{chr(number)}b"
            self.assertIn("control characters", self.refused("query", value).message)
        self.accepted("query", "a b", "~", "\x80", "Amélie & co.", "a/b?c=d#e")

    def test_a_refusal_repeats_forty_characters_of_what_came(self):
        """What came is a stranger's: it fills neither the answer nor the log."""
        shown = "".join(map(chr, range(ord("0"), ord("0") + 40)))
        for value in (shown, f"{shown}z"):
            message = self.refused("page", value).message
            self.assertIn(f"{shown!r}", message)
            self.assertNotIn(f"{shown}z", message)

    def test_empty_values_and_repetitions_are_left_out(self):
        pairs = [("query", ""), ("page", "2"), ("page", "2"), ("year", "")]
        self.assertEqual(list(check(pairs)), [("page", "2")])

    def test_two_values_of_one_name_both_go_on_in_their_order(self):
        pairs = [("region", "DE"), ("page", "2"), ("region", "US"), ("region", "DE")]
        self.assertEqual(list(check(pairs)), pairs)

    def test_each_of_two_values_is_checked(self):
        for first, second in (("1", "501"), ("501", "1")):
            with self.assertRaises(Refusal):
                list(check([("page", first), ("page", second)]))

    @steady
    @given(st.text(max_size=30))
    def test_a_page_that_passes_is_a_number_in_range(self, value):
        try:
            passed = list(check([("page", value)]))
        except Refusal:
            return
        for _, text in passed:
            self.assertIn(int(text), range(1, 501))


class Only(SynchronousTestCase):
    """The one value of a parameter."""

    def test_the_values_of_other_names_and_empty_ones_are_not_looked_at(self):
        for pairs, value in (
            ([], None),
            ([("kind", "")], None),
            ([("other", "tv")], None),
            ([("kind", "tv")], "tv"),
            ([("kind", ""), ("kind", "tv"), ("kind", "")], "tv"),
            ([("kind", "tv"), ("kind", "tv")], "tv"),
            ([("other", "movie"), ("kind", "tv"), ("other", "all")], "tv"),
        ):
            self.assertEqual(only("kind", pairs), value, pairs)

    def test_two_values_are_refused_with_forty_characters_of_each(self):
        first, second = "a" * 40, "b" * 40
        for more in ("", "z"):
            pairs = [("kind", first + more), ("kind", second + more), ("kind", "c")]
            with self.assertRaises(Refusal) as caught:
                only("kind", pairs)
            refusal = caught.exception
            self.assertEqual((refusal.status, int(refusal.code)), (400, 47))
            for shown in ("kind", f"'{first}'", f"'{second}'"):
                self.assertIn(shown, refusal.message)


class Bad(SynchronousTestCase):
    """The refusal of one parameter."""

    def test_what_was_wrong_has_two_hundred_characters_at_most(self):
        for problem in ("x" * 200, "x" * 200 + "y"):
            refusal = bad("query", problem)
            said = f"Invalid parameter: query {'x' * 200}."
            self.assertEqual((refusal.status, refusal.message), (400, said))


class Choice(SynchronousTestCase):
    """Enumerations."""

    def test_an_allowed_word_is_returned(self):
        self.assertEqual(choice("media_type", "tv", ["movie", "tv"]), "tv")

    def test_a_refusal_names_parameter_value_and_what_is_allowed(self):
        message = self.message("book")
        for word in ("media_type", "'book'", "movie, tv"):
            self.assertIn(word, message)

    def test_a_long_value_leaves_room_for_what_is_allowed(self):
        message = self.message("x" * 5000)
        self.assertLess(len(message), 400)
        self.assertIn("movie, tv", message)

    def test_a_refusal_repeats_forty_characters_of_a_word(self):
        for value in ("x" * 40, "x" * 41):
            self.assertIn(f"media_type is '{'x' * 40}';", self.message(value))

    def message(self, value: str) -> str:
        with self.assertRaises(Refusal) as caught:
            choice("media_type", value, iter(["movie", "tv"]))
        self.assertEqual(
            (caught.exception.status, int(caught.exception.code)), (400, 47)
        )
        return caught.exception.message


class Canonical(SynchronousTestCase):
    """Values as TMDB reads them."""

    def test_a_locale_is_the_nearest_that_tmdb_has(self):
        for value, found in (
            ("en", "en"),
            ("en-US", "en-US"),
            ("en_US", "en-US"),
            ("EN-us", "en-US"),
            (" pt-br ", "pt-BR"),
            ("zh-Hans-CN", "zh-CN"),
            ("zh_Hant_HK", "zh-HK"),
            ("zh-Hans", "zh-CN"),
            ("zh-Hant", "zh-TW"),
            ("sr-Latn-RS", "sr-RS"),
            ("sr-Cyrl", "sr"),
            ("es-419", "es-419"),
            ("fil", "fil"),
        ):
            self.assertEqual(canonical("language", value), found, value)

    def test_what_is_no_locale_is_left_as_it_came(self):
        for value in ("english", "e", "en-", "en-US-x", "en-12", "null", "é"):
            self.assertEqual(canonical("language", value), value)

    def test_other_values_are_left_as_they_came(self):
        for name in ("query", "region", "include_image_language"):
            for value in ("en_US", " a, b ", "zh-Hans-CN"):
                self.assertEqual(canonical(name, value), value, name)


class Dropped(SynchronousTestCase):
    """Parameters that stay here."""

    def test_each_of_the_list_does_in_any_letters(self):
        for name in (
            *("session_id", "guest_session_id", "request_token"),
            *("api_key", "apikey", "api-key", "access_token", "token", "bearer"),
            *("callback", "jsonp"),
            *("_", "_t", "_ts", "t", "ts", "v", "cb", "time", "timestamp", "nonce"),
            *("cachebust", "cachebuster", "cache_bust", "cache_buster"),
            *("cache-buster", "nocache", "no_cache", "no-cache", "rand", "random"),
            *("rnd", "buster", "utm_source", "utm_medium", "utm_campaign"),
            *("utm_term", "utm_content", "fbclid", "gclid"),
        ):
            self.assertIn(name, DROPPED)
            self.assertTrue(is_dropped(name) and is_dropped(name.upper()), name)
        self.assertEqual(len(DROPPED), 40)

    def test_what_tmdb_could_know_does_not(self):
        for name in (
            *("a", "vote_average.gte", "N1", "a-b", "a" * 64, "certification"),
            *("with_cast", "timezone", "include_adult", "year", "query"),
        ):
            self.assertFalse(is_dropped(name), name)

    def test_a_name_that_tmdb_cannot_have_does(self):
        for name in ("", "1a", "_a", "a" * 65, "a[]", "a b", "a\n", "é", "a&b", ".a"):
            self.assertTrue(is_dropped(name), name)
