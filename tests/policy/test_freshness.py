"""How long an answer is good: RFC 9111 and 5861 within the bounds of each class."""

import re
from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Answer, Completeness, Freshness, StoredResponse
from streamr.policy import representation
from streamr.policy.freshness import (
    DAY,
    MISSING,
    MOST_KEPT,
    REFRESH_PAUSE,
    SLOW,
    State,
    Terms,
    cache_control,
    cdn_cache_control,
    left,
    state,
)
from streamr.policy.freshness import terms as terms_in
from streamr.tmdb import catalogue
from streamr.tmdb.lifetimes import CLASSES
from tests.properties import examples
from tests.support import QUERY

steady = examples(300)
PARTIAL, EMPTY = Completeness.PARTIAL, Completeness.EMPTY
DETAILS = "/movie/{movie_id}"
LISTS = "/movie/popular"
ENDPOINTS = {each.template: each for each in catalogue.shipped()}
TEMPLATES = list(ENDPOINTS)
KINDS = sorted(CLASSES)
# Seconds of a lifetime, or of what may be done after it.
hours = st.floats(0.0, 5000.0)
# One endpoint of each class.
OF_CLASS = {
    "configuration": "/configuration",
    "details": DETAILS,
    "lists": LISTS,
    "search": "/search/movie",
    "changes": "/movie/changes",
}


def class_of(template: str) -> Freshness:
    return ENDPOINTS[template].freshness


def terms(answer: Answer, template: str) -> Terms | None:
    return terms_in(answer, class_of(template))


def answer(cache: str | None = None, status: int = 200, **more: object) -> Answer:
    return replace(Answer(status, b"{}", cache_control=cache), **more)


def lifetime(
    cache: str | None = None, template: str = DETAILS, **more: object
) -> float:
    found = terms(answer(cache, **more), template)
    assert found is not None, cache
    return found.lifetime


def stored(found: Terms, now: float = 0.0) -> StoredResponse:
    return representation.ready("/movie/550", QUERY, answer(), found, now)


class Passing(SynchronousTestCase):
    """What is not whole is kept for a moment."""

    def test_it_is_renewed_after_half_of_its_time_and_gone_after_all(self) -> None:
        for kind in KINDS:
            for held, most in ((PARTIAL, 60.0), (EMPTY, 300.0)):
                whole = answer("max-age=28800", completeness=held)
                found = terms(whole, OF_CLASS[kind])
                assert found is not None
                self.assertEqual(found.kind, kind)
                self.assertLessEqual(found.lifetime, most / 2)
                response = stored(found)
                for later, expected in (
                    (0.0, State.FRESH),
                    (found.lifetime, State.REVALIDATE),
                    (2 * found.lifetime, State.GONE),
                ):
                    self.assertIs(state(response, later), expected, (kind, held))

    def test_its_usual_half_is_half_a_minute_or_two_and_a_half(self) -> None:
        for held, half in ((PARTIAL, 30.0), (EMPTY, 150.0)):
            self.assertEqual(lifetime(None, DETAILS, completeness=held), half)

    def test_what_comes_old_is_at_its_end_and_not_beyond(self) -> None:
        found = terms(answer(age=5000.0, completeness=PARTIAL), DETAILS)
        assert found is not None
        self.assertEqual((found.age, found.lifetime), (30.0, 30.0))

    def test_a_whole_answer_and_a_404_have_their_own_time(self) -> None:
        whole = Completeness.WHOLE
        self.assertEqual(lifetime(None, DETAILS, completeness=whole), 6 * 3600.0)
        self.assertEqual(lifetime(None, DETAILS, status=404, completeness=EMPTY), 60.0)


class Classes(SynchronousTestCase):
    """Which class an endpoint belongs to."""

    def test_each_kind_of_endpoint_has_its_class(self) -> None:
        for name, templates in {
            "configuration": (
                "/configuration",
                "/configuration/countries",
                "/genre/movie/list",
                "/genre/tv/list",
                "/certification/movie/list",
                "/certification/tv/list",
                "/watch/providers/regions",
                "/watch/providers/movie",
            ),
            "details": (
                DETAILS,
                "/tv/{series_id}/season/{season_number}",
                "/movie/{movie_id}/credits",
                "/person/{person_id}",
                "/find/{external_id}",
                "/movie/{movie_id}/lists",
                "/movie/{movie_id}/watch/providers",
                "/review/{review_id}",
            ),
            "lists": (
                LISTS,
                "/movie/now_playing",
                "/movie/top_rated",
                "/movie/upcoming",
                "/tv/popular",
                "/tv/top_rated",
                "/tv/on_the_air",
                "/tv/airing_today",
                "/person/popular",
                "/trending/all/{time_window}",
                "/discover/tv",
            ),
            "search": ("/search/movie", "/search/multi"),
            "changes": (
                "/movie/changes",
                "/tv/{series_id}/changes",
                "/movie/latest",
                "/person/latest",
            ),
        }.items():
            for template in templates:
                self.assertEqual(class_of(template).name, name, template)

    def test_every_endpoint_of_the_catalogue_has_a_class(self) -> None:
        kept = [each for each in TEMPLATES if each != "/authentication"]
        self.assertEqual({class_of(each).name for each in kept}, set(CLASSES))

    def test_the_bounds_of_a_class_make_sense(self) -> None:
        for kind in CLASSES.values():
            self.assertTrue(0 < kind.least <= kind.usual <= kind.most, kind)
            self.assertTrue(0 < kind.while_revalidate <= kind.if_error, kind)

    def test_each_class_has_its_numbers(self) -> None:
        hour, day = 3600, 86400
        for name, *numbers in (
            ("configuration", day, hour, 7 * day, 7 * day, 60 * day),
            ("details", 6 * hour, 600, day, 2 * day, 30 * day),
            ("lists", hour, 300, 8 * hour, 12 * hour, 7 * day),
            ("search", 1800, 60, 8 * hour, 12 * hour, 7 * day),
            ("changes", 300, 30, hour, 300, day),
        ):
            template = OF_CLASS[name]
            usual, least, most, while_revalidate, if_error = numbers
            for field, expected in (
                (None, usual),
                (f"max-age={least - 1}", least),
                (f"max-age={least}", least),
                (f"max-age={least + 1}", least + 1),
                (f"max-age={most - 1}", most - 1),
                (f"max-age={most}", most),
                (f"max-age={most + 1}", most),
            ):
                kept = terms(answer(field), template)
                assert kept is not None
                self.assertEqual(
                    (kept.kind, kept.lifetime, kept.while_revalidate, kept.if_error),
                    (name, expected, while_revalidate, if_error),
                    (name, field),
                )

    def test_what_the_issue_fixes_in_numbers(self) -> None:
        self.assertEqual((SLOW, MOST_KEPT), (0.25, 180 * 86400))
        self.assertEqual(REFRESH_PAUSE, 5)
        self.assertEqual((MISSING.least, MISSING.usual, MISSING.most), (60, 60, 60))
        self.assertEqual((MISSING.while_revalidate, MISSING.if_error), (0, 0))


class Storing(SynchronousTestCase):
    """What is kept at all."""

    def test_only_200_and_404_are_ever_stored(self) -> None:
        kept = {
            status
            for status in range(100, 600)
            if terms(answer("public, max-age=300", status), DETAILS) is not None
        }
        self.assertEqual(kept, {200, 404})

    def test_an_answer_of_no_class_is_never_stored(self) -> None:
        for status in (200, 404):
            answer = Answer(status, b"{}", cache_control="max-age=3600")
            self.assertIsNone(terms_in(answer, None), status)

    def test_no_store_and_private_are_obeyed_however_they_are_written(self) -> None:
        for field in (
            "no-store",
            "No-Store",
            "public, max-age=60, no-store",
            "max-age=60,no-store",
            "private",
            "private, max-age=60",
            'private="x-secret"',
            'max-age=60 , private="a, b"',
        ):
            self.assertIsNone(terms(answer(field), DETAILS), field)

    def test_a_word_within_a_quoted_value_is_no_directive_that_shortens(self) -> None:
        self.assertEqual(lifetime('ext="max-age=601", max-age=1200'), 1200)

    def test_vary_with_a_star_is_never_stored(self) -> None:
        # RFC 9111, 4.1: a member "*" always fails to match
        for vary in ("*", "Origin, *", "*, Accept-Encoding", " * "):
            self.assertIsNone(terms(answer(vary=vary), DETAILS), vary)

    def test_tmdbs_usual_vary_is_stored(self) -> None:
        # a star within a name is no star
        for vary in (None, "", "Origin", "accept-encoding, Origin", "x*, *x", "**"):
            self.assertIsNotNone(terms(answer(vary=vary), DETAILS), vary)

    def test_a_404_too_is_not_stored_where_that_is_forbidden(self) -> None:
        for more in (
            {"cache": "no-store"},
            {"cache": "private"},
            {"vary": "*"},
        ):
            self.assertIsNone(terms(answer(status=404, **more), DETAILS), more)

    def test_no_field_takes_long(self) -> None:
        # with a try from each letter this would not end within an hour
        self.assertIsNotNone(terms(answer("a" * 1_000_000 + "\0"), DETAILS))

    def test_other_directives_do_not_keep_it_from_being_stored(self) -> None:
        for field in (
            "public",
            "no-cache",
            "must-revalidate",
            "no-transform",
            "no-store-x",
            "x-private",
            'ext="no-store, private"',
        ):
            self.assertIsNotNone(terms(answer(field), DETAILS), field)

    def test_a_404_is_kept_sixty_seconds_whatever_it_says_and_never_stale(self) -> None:
        for field in (None, "max-age=86400", "max-age=0", "public, s-maxage=9999"):
            for template in OF_CLASS.values():
                kept = terms(answer(field, 404), template)
                assert kept is not None
                self.assertEqual(
                    (kept.kind, kept.lifetime, kept.while_revalidate, kept.if_error),
                    ("missing", 60, 0, 0),
                )


class Lifetime(SynchronousTestCase):
    """RFC 9111, 4.2.1, bounded by the class."""

    def test_without_a_word_of_tmdb_it_is_the_usual_one(self) -> None:
        for name, template in OF_CLASS.items():
            for field in (None, "", "public"):
                self.assertEqual(lifetime(field, template), CLASSES[name].usual)

    def test_max_age_is_taken_within_the_bounds_of_the_class(self) -> None:
        for name, template in OF_CLASS.items():
            kind = CLASSES[name]
            middle = int((kind.least + kind.most) / 2)
            for seconds, expected in (
                (0, kind.least),
                (middle, middle),
                (10**9, kind.most),
            ):
                self.assertEqual(lifetime(f"max-age={seconds}", template), expected)

    def test_s_maxage_wins_over_max_age_and_both_over_expires(self) -> None:
        dates = {
            "date": "Sun, 22 Nov 2026 10:00:00 GMT",
            "expires": "Sun, 22 Nov 2026 10:30:00 GMT",
        }
        self.assertEqual(lifetime("max-age=900, s-maxage=1200"), 1200)
        self.assertEqual(lifetime("max-age=900", **dates), 900)
        self.assertEqual(lifetime(None, **dates), 1800)

    def test_a_lifetime_that_is_no_number_leaves_the_word_to_the_next(self) -> None:
        dates = {
            "date": "Sun, 22 Nov 2026 10:00:00 GMT",
            "expires": "Sun, 22 Nov 2026 10:30:00 GMT",
        }
        for field, expected in (
            ("s-maxage=x, max-age=900", 900),
            ("s-maxage, max-age=900", 900),
            ("s-maxage=x, max-age=x", 1800),
            ("max-age", 1800),
            ("max-age=-1", 1800),
        ):
            self.assertEqual(lifetime(field, **dates), expected, field)

    def test_the_first_of_two_words_counts(self) -> None:
        # RFC 9111, 4.2.1: "either the first occurrence should be used or ..."
        self.assertEqual(lifetime("max-age=900, max-age=1200"), 900)

    def test_dates_are_bounded_by_the_class_as_seconds_are(self) -> None:
        date, kind = "Sun, 22 Nov 2026 10:00:00 GMT", CLASSES["details"]
        for expires, expected in (
            ("Sun, 22 Nov 2026 09:00:00 GMT", kind.least),
            (date, kind.least),
            ("Sun, 22 Nov 2026 10:09:59 GMT", kind.least),
            ("Sun, 22 Nov 2026 10:10:01 GMT", kind.least + 1),
            ("Mon, 23 Nov 2026 09:59:59 GMT", kind.most - 1),
            ("Mon, 23 Nov 2026 10:00:01 GMT", kind.most),
            ("Fri, 31 Dec 9999 23:59:59 GMT", kind.most),
        ):
            found = lifetime(None, date=date, expires=expires)
            self.assertEqual(found, expected, expires)

    def test_one_date_without_the_other_says_nothing(self) -> None:
        date, usual = "Sun, 22 Nov 2026 10:00:00 GMT", CLASSES["details"].usual
        self.assertEqual(lifetime(None, date=date), usual)
        self.assertEqual(lifetime(None, expires=date), usual)

    def test_expires_is_compared_with_the_date_of_the_answer_alone(self) -> None:
        # both lie long ago: our own clock is not asked
        dates = {
            "date": "Mon, 01 Jan 1990 10:00:00 GMT",
            "expires": "Mon, 01 Jan 1990 11:00:00 GMT",
        }
        self.assertEqual(lifetime(None, **dates), 3600)

    def test_a_date_that_cannot_be_read_means_expired(self) -> None:
        # RFC 9111, 5.3: "especially the value 0"
        for expires in (
            *("0", "-1", "tomorrow", "Sun, 99 Nov 2026 10:00:00 GMT"),
            "Sun, 22 Nov 99999999999999999999 10:00:00 GMT",
        ):
            found = lifetime(
                None, date="Sun, 22 Nov 2026 10:00:00 GMT", expires=expires
            )
            self.assertEqual(found, CLASSES["details"].least, expires)

    def test_dates_with_and_without_a_zone_do_not_break_it(self) -> None:
        found = lifetime(
            None,
            date="Sun, 22 Nov 2026 10:00:00 -0000",
            expires="Sun, 22 Nov 2026 11:00:00 GMT",
        )
        self.assertEqual(found, CLASSES["details"].least)

    def test_no_cache_is_asked_again_as_soon_as_the_class_allows(self) -> None:
        self.assertEqual(lifetime("no-cache"), CLASSES["details"].least)

    def test_no_cache_wins_over_a_lifetime_beside_it(self) -> None:
        # RFC 9111, 5.2.2.4
        for field in ("no-cache, max-age=7200", "max-age=7200, No-Cache"):
            self.assertEqual(lifetime(field), CLASSES["details"].least, field)

    def test_no_cache_that_names_fields_speaks_of_those_alone(self) -> None:
        self.assertEqual(lifetime('no-cache="set-cookie", max-age=7200'), 7200)

    def test_blanks_around_the_comma_change_nothing(self) -> None:
        # RFC 9110, 5.6.1: OWS "," OWS
        for field in ("max-age=900,public", "max-age=900 ,public", "max-age=900\t, x"):
            self.assertEqual(lifetime(field), 900, field)

    def test_the_field_is_read_in_any_letters_and_with_quotes(self) -> None:
        for field in ("MAX-AGE=900", 'max-age="900"', "public,Max-Age=900"):
            self.assertEqual(lifetime(field), 900, field)

    def test_a_max_age_that_is_no_number_is_as_none(self) -> None:
        for value in ("x", "", "-5", "1.5", "1e9", "\N{SUPERSCRIPT TWO}", "\u0e53"):
            found = terms(answer(f"max-age={value}"), DETAILS)
            assert found is not None
            kind = CLASSES["details"]
            self.assertTrue(kind.least <= found.lifetime <= kind.most, value)

    def test_the_age_of_an_answer_counts_and_is_never_more_than_its_life(self) -> None:
        for age, expected in ((0.0, 0.0), (100.0, 100.0), (5000.0, 900.0), (-3.0, 0.0)):
            found = terms(answer("max-age=900", age=age), DETAILS)
            assert found is not None
            self.assertEqual(found.age, expected)

    @steady
    @given(
        st.one_of(
            st.none(), st.text(max_size=60), st.from_regex(r"max-age=[0-9]{1,30}")
        ),
        st.sampled_from([200, 404]),
        st.floats(-1e12, 1e12),
        st.one_of(st.none(), st.text(max_size=30)),
        st.one_of(st.none(), st.text(max_size=30)),
        st.sampled_from([each for each in TEMPLATES if each != "/authentication"]),
    )
    @example("max-age=\N{SUPERSCRIPT TWO}", 200, 0.0, None, None, DETAILS)
    @example(None, 200, 0.0, "Fri, 31 Dec 9999 23:59:59 GMT", "x", DETAILS)
    def test_whatever_comes_the_bounds_hold(
        self,
        field: str | None,
        status: int,
        age: float,
        date: str | None,
        expires: str | None,
        template: str,
    ) -> None:
        found = terms(
            answer(field, status, age=age, date=date, expires=expires), template
        )
        if found is None:
            self.assertRegex((field or "").lower(), "no-store|private")
            return
        kind = class_of(template) if status == 200 else MISSING
        self.assertTrue(kind.least <= found.lifetime <= kind.most)
        self.assertTrue(0 <= found.age <= found.lifetime)
        self.assertLessEqual(found.lifetime + found.if_error, MOST_KEPT)
        self.assertLessEqual(found.lifetime + found.while_revalidate, MOST_KEPT)


class States(SynchronousTestCase):
    """What may be done with it when."""

    def setUp(self) -> None:
        found = terms(answer("max-age=3600"), LISTS)
        assert found is not None
        self.kind = CLASSES["lists"]
        self.found = found

    def test_nothing_is_gone(self) -> None:
        self.assertIs(state(None, 0.0), State.GONE)

    def test_the_four_states_follow_each_other_at_the_very_seconds(self) -> None:
        one = stored(self.found, 1000.0)
        end = 1000.0 + 3600
        swr, sie = self.kind.while_revalidate, self.kind.if_error
        for now, expected in (
            (1000.0, State.FRESH),
            (end - 0.001, State.FRESH),
            (end, State.REVALIDATE),
            (end + swr - 0.001, State.REVALIDATE),
            (end + swr, State.STALE),
            (end + sie - 0.001, State.STALE),
            (end + sie, State.GONE),
        ):
            self.assertIs(state(one, now), expected, now)

    def test_an_answer_that_came_old_is_stale_earlier(self) -> None:
        one = stored(replace(self.found, age=3000.0), 1000.0)
        self.assertIs(state(one, 1599.0), State.FRESH)
        self.assertIs(state(one, 1601.0), State.REVALIDATE)

    def test_a_404_is_gone_after_a_minute_at_once(self) -> None:
        found = terms(answer(None, 404), DETAILS)
        assert found is not None
        self.assertIs(state(stored(found), 59.9), State.FRESH)
        self.assertIs(state(stored(found), 60.0), State.GONE)

    @steady
    @given(
        st.sampled_from(KINDS),
        st.integers(0, 10**8),
        st.floats(0, 1e8),
        st.floats(0, 1e9),
    )
    def test_nothing_is_served_after_180_days(
        self, name: str, max_age: int, age: float, later: float
    ) -> None:
        found = terms(answer(f"max-age={max_age}", age=age), OF_CLASS[name])
        assert found is not None
        if state(stored(found), later) is not State.GONE:
            self.assertLess(later, 180 * DAY)


class ForCallers(SynchronousTestCase):
    """The Cache-Control field of what is served."""

    FIELD = re.compile(
        r"public, max-age=(\d+), s-maxage=\1, stale-while-revalidate=(\d+), "
        r"stale-if-error=(\d+)"
    )

    def test_it_says_what_is_left_and_what_may_be_done_afterwards(self) -> None:
        """RFC 9111, 4.2: what is left is max-age less the Age that stands beside it."""
        found = terms(answer("max-age=3600"), LISTS)
        assert found is not None
        match = self.FIELD.fullmatch(cache_control(stored(found, 100.0), 1100.0))
        assert match is not None
        kind = CLASSES["lists"]
        max_age, revalidate, error = (float(each) for each in match.groups())
        self.assertEqual(max_age - 1000.0, 2600.0)
        self.assertEqual((revalidate, error), (kind.while_revalidate, kind.if_error))

    def test_what_is_left_counts_down_to_nothing(self) -> None:
        found = terms(answer("max-age=3600"), LISTS)
        assert found is not None
        for start in (0.0, 86_400.5, 1e7):
            one = stored(found, start)
            for later, max_age in (
                (-5.0, 3600),  # a clock of another thread may be a little behind
                (0.0, 3600),
                (0.5, 3599),  # Age is in whole seconds: less is told, never more
                (1.0, 3600),
                (1000.0, 3600),
                (1000.5, 3599),
                (3598.0, 3600),
                (3599.0, 3600),
                (3599.5, 0),
                (3600.0, 0),
                (3601.0, 0),
                (99_999.0, 0),
            ):
                field = cache_control(one, start + later)
                self.assertTrue(
                    field.startswith(f"public, max-age={max_age}, s-maxage={max_age}"),
                    (start, later),
                )

    def test_what_came_old_has_less_left(self) -> None:
        found = terms(answer("max-age=3600", age=600.0), LISTS)
        assert found is not None
        one = stored(found, 5000.0)
        for now, max_age in ((5000.0, 3600), (7999.0, 3600), (8000.0, 0)):
            field = cache_control(one, now)
            said = f"public, max-age={max_age}, s-maxage={max_age}, "
            self.assertTrue(field.startswith(said), now)

    def test_each_class_says_its_own_terms(self) -> None:
        for name, template in OF_CLASS.items():
            found, kind = terms(answer("max-age=900"), template), CLASSES[name]
            assert found is not None
            self.assertEqual(
                cache_control(stored(found, 50.0), 50.0),
                f"public, max-age={int(found.lifetime)}, "
                f"s-maxage={int(found.lifetime)}, stale-while-revalidate="
                f"{int(kind.while_revalidate)}, stale-if-error={int(kind.if_error)}",
            )

    def test_each_of_the_stale_terms_can_stand_alone(self) -> None:
        found = Terms("x", 0.0, 60.0, 0.0, 7.0)
        self.assertEqual(
            cache_control(stored(found), 0.0),
            "public, max-age=60, s-maxage=60, stale-if-error=7",
        )
        found = Terms("x", 0.0, 60.0, 7.0, 0.0)
        self.assertEqual(
            cache_control(stored(found), 0.0),
            "public, max-age=60, s-maxage=60, stale-while-revalidate=7",
        )

    def test_a_stale_response_has_nothing_left_and_never_less(self) -> None:
        found = terms(answer("max-age=3600"), LISTS)
        assert found is not None
        self.assertIn("max-age=0,", cache_control(stored(found), 99999.0))

    def test_what_may_not_be_served_stale_says_nothing_of_it(self) -> None:
        found = terms(answer(None, 404), LISTS)
        assert found is not None
        self.assertEqual(
            cache_control(stored(found), 0.0), "public, max-age=60, s-maxage=60"
        )

    def test_the_field_for_cdns_lets_them_serve_what_is_stale(self) -> None:
        """RFC 9111, 5.2.2.10: s-maxage would forbid it."""
        found = Terms("x", 0.0, 60.0, 30.0, 3600.0)
        self.assertEqual(
            cdn_cache_control(stored(found), 10.0),
            "max-age=60, stale-while-revalidate=30, stale-if-error=3600",
        )

    @steady
    @given(hours, hours, hours, hours)
    def test_caches_in_a_row_do_not_add_up_what_each_may_do(
        self, lifetime: float, revalidate: float, error: float, later: float
    ) -> None:
        """However many of them count from when they got it: never beyond our own."""
        one = stored(Terms("x", 0.0, lifetime, revalidate, error))
        if state(one, later) is State.FRESH:
            return
        field = cdn_cache_control(one, later)
        for name, seconds in (
            ("stale-while-revalidate", revalidate),
            ("stale-if-error", error),
        ):
            said = re.search(rf"{name}=(\d+)", field)
            allowed = 0 if said is None else int(said[1])
            self.assertLessEqual(later + allowed, max(later, lifetime + seconds))

    def test_what_is_left_is_for_caches_that_do_not_count_the_age(self) -> None:
        one = stored(Terms("x", 0.0, 60.0, 30.0, 3600.0))
        for now, seconds in ((-1.0, 60), (0.0, 60), (10.5, 49), (60.0, 0), (99.0, 0)):
            self.assertEqual(left(one, now), seconds)
