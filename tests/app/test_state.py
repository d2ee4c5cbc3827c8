"""Which file keeps the answers of which TMDB."""

from twisted.trial.unittest import SynchronousTestCase

from streamr.app.state import file_name
from streamr.config import load

KEY = {"TMDB_API_KEY": "0" * 32}


class FileName(SynchronousTestCase):
    def name(self, **more: str) -> str:
        return file_name(load.load({}, {**KEY, **more}))

    def test_tmdb_itself_has_one_file(self) -> None:
        self.assertEqual(self.name(), "cache.sqlite")
        other = self.name(TMDB_BASE_URL="https://api.tmdb.org/3")
        self.assertEqual(other, "cache.sqlite")

    def test_no_stand_in_shares_it_or_another_ones(self) -> None:
        names = [
            self.name(),
            self.name(TMDB_BASE_URL="http://127.0.0.1:8000/3"),
            self.name(TMDB_BASE_URL="http://127.0.0.1:8001/3"),
            self.name(TMDB_PINS="api.themoviedb.org=127.0.0.1:1"),
            self.name(TMDB_PINS="api.themoviedb.org=127.0.0.1:2"),
        ]
        self.assertEqual(len(set(names)), len(names))

    def test_the_same_stand_in_finds_its_file_again(self) -> None:
        pins = "api.themoviedb.org=127.0.0.1:1"
        self.assertEqual(self.name(TMDB_PINS=pins), self.name(TMDB_PINS=pins))
