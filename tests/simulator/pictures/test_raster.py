"""Ink on pixels."""

from twisted.trial.unittest import SynchronousTestCase

from streamr.simulator.pictures.raster import LINES, Cover, Ink, Raster

from .reading import near

WHITE, RED = Ink(b"\xff\xff\xff"), Ink(b"\xff\0\0")


def reds(raster: Raster, y: int) -> list[int]:
    """The red of each pixel of a row."""
    row = raster.data[y * raster.stride : (y + 1) * raster.stride]
    return list(row[1::3])


class Inks(SynchronousTestCase):
    """A sheet of ten times four pixels, black."""

    def setUp(self) -> None:
        self.raster = Raster(10, 4)

    def test_a_box_covers_its_pixels_and_no_others(self) -> None:
        self.raster.box(2, 1, 5, 3, RED)
        self.assertEqual([0] * 10, reds(self.raster, 0))
        for y in (1, 2):
            self.assertEqual([0, 0, 255, 255, 255, 0, 0, 0, 0, 0], reds(self.raster, y))
        self.assertEqual([0] * 10, reds(self.raster, 3))
        self.assertEqual(b"\0\xff\0\0\0", self.raster.data[37 + 6 : 37 + 11])

    def test_what_is_covered_by_half_has_half_of_the_ink(self) -> None:
        self.raster.box(1.5, 0.5, 8.25, 2, WHITE)
        soft, whole = reds(self.raster, 0), reds(self.raster, 1)
        self.assertEqual([0, 128, 255, 255], whole[:4])
        self.assertEqual([255, 64, 0], whole[7:])
        for half, all_of_it in zip(soft, whole, strict=True):
            near(all_of_it / 2, half, 1.5)

    def test_what_is_beside_the_sheet_is_not_drawn(self) -> None:
        self.raster.box(-5, -5, 1, 50, WHITE)
        self.raster.box(9.5, 1, 99, 2, WHITE)
        self.raster.box(3, 7, 5, 9, WHITE)
        cover = Cover(4)
        for line in cover.lines(-3, 99):
            cover.add(line, -8, -3)
        self.raster.fill(cover, WHITE)
        self.assertEqual([255, *[0] * 9], reds(self.raster, 0))
        self.assertEqual(128, reds(self.raster, 1)[9])
        self.assertEqual(len(self.raster.data), self.raster.stride * 4)

    def test_a_line_covers_its_part_of_a_row(self) -> None:
        cover = Cover(4)
        cover.add(LINES, 2, 4)
        self.raster.fill(cover, WHITE)
        self.assertEqual([0, 0, 64, 64, 0], reds(self.raster, 1)[:5])

    def test_two_spans_on_one_place_are_one(self) -> None:
        ink = Ink(b"\xff\xff\xff", 0.5)
        cover = Cover(4)
        for line in cover.lines(0, 1):
            cover.add(line, 4, 8)
            cover.add(line, 1, 5)
            cover.add(line, 2, 3)
        self.raster.fill(cover, ink)
        row = reds(self.raster, 0)
        self.assertEqual(1, len(set(row[1:8])), row)
        near(127, row[1], 1)
        self.assertEqual([0, 0, 0], [row[0], *row[8:]])

    def test_short_and_long_runs_look_alike(self) -> None:
        for below in (0, 60, 200, 255):
            for density in range(0, 129, 8):
                raster = Raster(10, 1)
                raster.box(0, 0, 10, 1, Ink(bytes([below] * 3)))
                raster.run(0, 0, 1, density, RED)
                raster.run(0, 1, 10, density, RED)
                row = reds(raster, 0)
                near(row[0], row[9], 1)

    def test_an_ink_can_darken_what_is_below(self) -> None:
        self.raster.box(0, 0, 10, 4, Ink(bytes([200] * 3)))
        self.raster.box(0, 0, 5, 4, Ink(bytes([128] * 3), multiply=True))
        row = reds(self.raster, 0)
        near(200 * 128 / 255, row[0], 1)
        self.assertEqual(200, row[9])

    def test_the_rows_are_the_data(self) -> None:
        self.raster.box(0, 0, 10, 4, RED)
        pieces = list(self.raster.rows(3))
        self.assertEqual([31 * 3, 31], [len(piece) for piece in pieces])
        self.assertEqual(bytes(self.raster.data), b"".join(pieces))
