"""One glance: are callers fine?"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from streamr.errors import CAUSES
from streamr.web.status.verdict import RouteSummary, meaning, verdict

SOUND = (RouteSummary(True, True, None), RouteSummary(False, True, None))
DETOUR = (RouteSummary(True, False, "tls_reset"), RouteSummary(False, True, None))
NOTHING = (
    RouteSummary(True, False, "tls_reset"),
    RouteSummary(False, False, "tls_reset"),
)
ALONE = (RouteSummary(True, False, None),)


class Glance(SynchronousTestCase):
    def test_answers_and_no_errors_are_fine(self) -> None:
        found = verdict(50, 0, False, SOUND)
        self.assertEqual(("good", "Callers are fine."), (found.level, found.headline))
        self.assertIn("TMDB answers directly", found.sentence)

    def test_behind_a_broken_direct_way_callers_are_fine_and_the_cause_is_told(
        self,
    ) -> None:
        found = verdict(50, 0, False, DETOUR)
        self.assertEqual(("detour", "Callers are fine."), (found.level, found.headline))
        self.assertIn(CAUSES["tls_reset"].meaning, found.sentence)
        self.assertIn("a proxy answers", found.sentence)

    def test_stored_answers_that_stand_in_are_told(self) -> None:
        found = verdict(50, 0, False, NOTHING)
        self.assertEqual(("detour", "Callers are fine."), (found.level, found.headline))
        self.assertIn("Stored answers stand in", found.sentence)

    def test_errors_are_told_by_their_share(self) -> None:
        few, many = verdict(99, 1, True, SOUND), verdict(5, 5, True, NOTHING)
        self.assertEqual(
            ("warn", "A few callers see errors."), (few.level, few.headline)
        )
        self.assertEqual(("bad", "Callers see errors."), (many.level, many.headline))
        self.assertEqual(many, verdict(6, 4, True, NOTHING), "it is read out")

    def test_only_errors_are_errors(self) -> None:
        self.assertEqual("bad", verdict(0, 3, True, NOTHING).level)

    def test_errors_that_have_ended_are_over(self) -> None:
        found = verdict(50, 9, False, SOUND)
        self.assertEqual("Callers are fine again.", found.headline)

    def test_without_callers_the_routes_decide(self) -> None:
        levels = [verdict(0, 0, False, each).level for each in (SOUND, DETOUR, NOTHING)]
        self.assertEqual(["idle", "detour", "bad"], levels)

    def test_a_broken_way_without_a_known_cause_is_told_too(self) -> None:
        self.assertIn("broken, and", verdict(0, 0, False, ALONE).sentence)

    def test_a_cause_of_another_version_has_words(self) -> None:
        self.assertEqual("odd new thing", meaning("odd_new_thing"))

    def test_a_wrong_key_names_the_setting(self) -> None:
        self.assertIn("TMDB_API_KEY", meaning("status_401"))
        self.assertIn("418", meaning("status_418"))
