"""From TMDB's names of sizes to pixels."""

from twisted.trial.unittest import SynchronousTestCase

from streamr.simulator.pictures.sizes import Frame, framed
from streamr.simulator.tmdb.fixtures import SIZES

POSTER = (500.0, 750.0)


class Sizes(SynchronousTestCase):
    """A sheet in a size."""

    def test_a_width_or_a_height_keeps_the_sheets_shape(self) -> None:
        self.assertEqual(Frame(342, 513, 342 / 500), framed("w342", *POSTER))
        self.assertEqual(Frame(421, 632, 632 / 750), framed("h632", *POSTER))

    def test_the_original_is_as_large_as_the_sheet(self) -> None:
        self.assertEqual(Frame(500, 750, 1), framed("original", *POSTER))

    def test_a_width_and_a_height_cut_off_what_does_not_fit(self) -> None:
        self.assertEqual(
            Frame(250, 250, 0.5, 0, 62.5), framed("w250_and_h250_x", *POSTER)
        )
        self.assertEqual(
            Frame(100, 300, 0.4, 50, 0), framed("w100_and_h300_x", *POSTER)
        )

    def test_every_size_that_the_configuration_names_is_one(self) -> None:
        for sizes in SIZES.values():
            for size in sizes:
                self.assertIsNotNone(framed(size, *POSTER), size)

    def test_what_is_no_size_or_too_large_is_none(self) -> None:
        for size in ("", "w", "w0", "342", "wide", "w342x", "w342_and_h1", "w2001"):
            self.assertIsNone(framed(size, *POSTER), size)
        self.assertIsNone(framed("w2000", *POSTER))  # 3,000 high
