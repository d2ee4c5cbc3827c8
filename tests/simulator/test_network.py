"""A network's spec."""

from twisted.trial.unittest import SynchronousTestCase

from streamr.simulator.network import check

HOST = "api.themoviedb.org"


class Specs(SynchronousTestCase):
    """What may stand in a spec."""

    def test_an_empty_one_is_a_sound_network(self) -> None:
        check({})

    def test_what_is_misspelt_is_named(self) -> None:
        for spec, words in (
            ({"dsn": True}, "dsn"),
            ({"hosts": {"tmdb.org": {}}}, "tmdb.org"),
            ({"hosts": {HOST: {"faults": "none"}}}, "faults"),
        ):
            self.assertIn(words, str(self.assertRaises(ValueError, check, spec)))
