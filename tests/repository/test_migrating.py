"""`docs/migrating.md`: the paths that it names for callers of other proxies."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Query
from streamr.errors import Refusal
from streamr.tmdb import catalogue
from streamr.tmdb.target import split
from streamr.web.api.target import main_query

DOCS = Path(__file__).resolve().parents[2] / "docs/migrating.md"
# | what it was: `/old` | `/new` |
ROWS = re.findall(
    r"^\| [^|]+: `(/\S+)` \| `(/\S+)` \|$", DOCS.read_text(encoding="utf-8"), re.M
)
FIND = main_query(catalogue.load())


def asked(target: str) -> Query:
    return FIND(*split(target.encode()))


class OtherProxies(SynchronousTestCase):
    """Each row of the table."""

    def test_every_new_path_is_the_same_movie(self) -> None:
        self.assertEqual(len(ROWS), 7)
        for _, new in ROWS:
            self.assertEqual(asked(new).path, "/movie/550")

    def test_every_path_that_changes_would_be_404(self) -> None:
        for old, new in ROWS:
            if old != new:
                with self.assertRaises(Refusal, msg=old) as caught:
                    asked(old)
                self.assertEqual(caught.exception.status, 404)

    def test_images_and_v4_are_404(self) -> None:
        for target in ("/t/p/w500/x.jpg", "/img/w500/x.jpg", "/4/list/1"):
            with self.assertRaises(Refusal, msg=target) as caught:
                asked(target)
            self.assertEqual(caught.exception.status, 404)
