"""What a parameter's value may look like."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.errors import Refusal
from streamr.tmdb.parameters import bad, check, choice, for_a_user, only, without_a_user

ARABIC_ONE = "\N{ARABIC-INDIC DIGIT ONE}"
steady = settings(deadline=None, database=None, derandomize=True)


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

    def test_languages(self):
        self.accepted("language", "en", "en-US", "zh-Hant", "es-419", "fil")
        self.accepted("language", "EN", "fil-12345678")
        refusal = self.refused(
            "language", "e", "english", "en_US", "en-", "en-US&x=1", "en\n", "../en"
        )
        self.refused("language", "abcd", "en-1", "en-123456789", "en-US-x", "é1", "12")
        self.assertEqual(int(refusal.code), 47)
        self.assertIn("en-US", refusal.message)

    def test_regions_under_all_their_names(self):
        for name in ("region", "watch_region", "certification_country"):
            self.accepted(name, "US", "de")
            self.assertIn("ISO 3166-1", self.refused(name, "USA", "U", "1A").message)

    def test_appended_names(self):
        self.accepted(
            "append_to_response", "credits,videos", "watch/providers,season/1"
        )
        self.assertIn(
            "watch/providers",
            self.refused(
                "append_to_response", "../4/x", "credits;x", "a?b", "/credits", "a//b"
            ).message,
        )

    def test_twenty_may_be_appended_and_not_twenty_one(self):
        names = [f"n{'x' * n}" for n in range(1, 22)]
        self.accepted("append_to_response", ",".join(names[:20]))
        refusal = self.refused("append_to_response", ",".join(names))
        self.assertEqual(int(refusal.code), 27)
        self.assertIn("is 20. (append_to_response has 21)", refusal.message)

    def test_a_comma_too_many_appends_nothing(self):
        self.accepted("append_to_response", "credits,", ",credits", "a,,b", ",")

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
        for name in ("page", "language", "region", "append_to_response"):
            for value in (shown, f"{shown}z"):
                message = self.refused(name, value).message
                self.assertIn(f"{shown!r}", message, name)
                self.assertNotIn(f"{shown}z", message, name)

    def test_empty_values_and_repetitions_are_left_out(self):
        pairs = [("query", ""), ("page", "2"), ("page", "2"), ("year", "")]
        self.assertEqual(list(check(pairs)), [("page", "2")])

    def test_two_different_values_of_one_name_are_refused_with_both(self):
        with self.assertRaises(Refusal) as caught:
            list(check([("page", "1"), ("page", "2")]))
        for word in ("page", "'1'", "'2'"):
            self.assertIn(word, caught.exception.message)

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
            self.assertIn(f"cannot be '{'x' * 40}';", self.message(value))

    def message(self, value: str) -> str:
        with self.assertRaises(Refusal) as caught:
            choice("media_type", value, iter(["movie", "tv"]))
        self.assertEqual(
            (caught.exception.status, int(caught.exception.code)), (400, 47)
        )
        return caught.exception.message


class ForAUser(SynchronousTestCase):
    """What makes TMDB act for one user."""

    def test_session_parameters_do_and_others_do_not(self):
        for name in ("session_id", "guest_session_id", "request_token"):
            self.assertTrue(for_a_user((name, "x")), name)
        for name in ("language", "query", "api_key"):
            self.assertFalse(for_a_user((name, "session_id")), name)

    def test_appended_account_states_are_left_out(self):
        for value, kept in (
            ("account_states,credits,videos", "credits,videos"),
            ("season/1,season/1/account_states", "season/1"),
            ("account_states", ""),
        ):
            self.assertEqual(
                without_a_user(("append_to_response", value)),
                ("append_to_response", kept),
            )
        search = ("query", "account_states")
        self.assertEqual(without_a_user(search), search)
