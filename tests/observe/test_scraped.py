"""What is read at the moment of a scrape."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from streamr.observe.measures import READ
from streamr.observe.scraped import Kept, Pace, Reading, Scraped
from streamr.policy.breaker import BreakerState

READING = Reading(
    breakers={("streamr-main", "direct"): BreakerState.HALF_OPEN},
    connections={"streamr-main": 3},
    paces={"a.test": Pace(30, 2, 13, 0.5), "b.test": Pace(10, 0, 15, 0.0)},
    calls=2000,
    kept=Kept(7, 900, 1000),
)


def scrape(reading: Reading) -> dict[tuple[str, ...], float]:
    """Each sample's value by its name and its labels' values."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in Scraped(lambda: reading).collect()
        for sample in family.samples
    }


class Scraping(SynchronousTestCase):
    def test_one_state_of_a_breaker_is_1(self) -> None:
        found = scrape(READING)
        for state, value in (
            (BreakerState.CLOSED, 0),
            (BreakerState.OPEN, 0),
            (BreakerState.HALF_OPEN, 1),
        ):
            key = ("streamr_breaker_state", "streamr-main", "direct", state.value)
            self.assertEqual(found[key], value)

    def test_offload_is_what_left_per_thousand_calls(self) -> None:
        name = "streamr_upstream_requests_per_thousand_calls"
        self.assertEqual(scrape(READING)[(name,)], 20)
        self.assertNotIn((name,), scrape(replace(READING, calls=0)))

    def test_each_host_has_its_pace(self) -> None:
        found = scrape(READING)
        for name, value in (
            ("streamr_upstream_requests_total", 30),
            ("streamr_pacing_waiting", 2),
            ("streamr_pacing_free_places", 13),
            ("streamr_pacing_pause_seconds", 0.5),
        ):
            self.assertEqual(found[(name, "a.test")], value)

    def test_the_cache_is_told_where_there_is_one(self) -> None:
        found = scrape(READING)
        names = ("entries", "bytes", "max_bytes")
        told = [found[(f"streamr_cache_{name}",)] for name in names]
        self.assertEqual(told, [7, 900, 1000])
        without = scrape(replace(READING, kept=None))
        self.assertNotIn(("streamr_cache_entries",), without)

    def test_the_table_is_what_is_read(self) -> None:
        families = {each.name: each for each in Scraped(lambda: READING).collect()}
        self.assertEqual(
            {measure.name.removesuffix("_total") for measure in READ}, families.keys()
        )
        for measure in READ:
            family = families[measure.name.removesuffix("_total")]
            self.assertEqual(
                (family.type, family.documentation), (measure.kind, measure.help)
            )
            for sample in family.samples:
                self.assertEqual(tuple(sample.labels), measure.labels)
