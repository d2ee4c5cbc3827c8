"""Paths and shapes as geometry."""

from itertools import pairwise
from math import hypot, pi
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from streamr.simulator.pictures.outlines import (
    around,
    ellipse,
    lines,
    pen,
    polygon,
    ring,
    stroke,
    turned,
)
from streamr.simulator.pictures.raster import LINES, Cover, joined

from .reading import near


def area(draw: Any, *given: Any, high: int = 100) -> float:
    """How much a shape covers, in pixels."""
    cover = Cover(high)
    draw(cover, *given)
    spans = [span for found in cover.values() for span in joined(found)]
    return sum(right - left for left, right in spans) / LINES


class Paths(SynchronousTestCase):
    """The commands of SVG's paths."""

    def test_straight_lines(self) -> None:
        for d, points in (
            ("M1 2L3 4H5V6", [(1, 2), (3, 4), (5, 4), (5, 6)]),
            ("M1 2l3 4h5v-6", [(1, 2), (4, 6), (9, 6), (9, 0)]),
            ("M1 2 3 4 5 6z", [(1, 2), (3, 4), (5, 6), (1, 2)]),
            ("M.5 0L-1.5 1e1", [(0.5, 0), (-1.5, 10)]),
        ):
            self.assertEqual([points], list(lines(d)), d)

    def test_each_move_begins_a_line(self) -> None:
        found = list(lines("M0 0H1M5 5V9"))
        self.assertEqual([[(0, 0), (1, 0)], [(5, 5), (5, 9)]], found)

    def test_curves_end_where_they_should_and_bend_on_their_way(self) -> None:
        for d, end, middle in (
            ("M0 0C0 10 10 10 10 0", (10, 0), (5, 7.5)),
            ("M0 0Q5 10 10 0", (10, 0), (5, 5)),
            ("M0 0A5 5 0 0 1 10 0", (10, 0), (5, -5)),
            ("M0 0A5 5 0 0 0 10 0", (10, 0), (5, 5)),
            ("M0 0a5 5 0 0 0 10 0", (10, 0), (5, 5)),
        ):
            (line,) = lines(d)
            near = min(line, key=lambda point: abs(point[0] - 5))
            for expected, found in ((end, line[-1]), (middle, near)):
                distance = hypot(expected[0] - found[0], expected[1] - found[1])
                self.assertLess(distance, 0.01, (d, found))

    def test_the_long_way_round_an_ellipse_is_longer(self) -> None:
        for large, share in ((0, 0.25), (1, 0.75)):
            (line,) = lines(f"M10 0A10 10 0 {large} {1 - large} 0 10")
            self.assertEqual((0, 10), line[-1])
            walked = sum(hypot(p - a, q - b) for (a, b), (p, q) in pairwise(line))
            near(share * 20 * pi, walked, 0.2)

    def test_a_smooth_curve_goes_on_as_it_came(self) -> None:
        (line,) = lines("M0 0L10 0S30 20 30 30")
        x, y = line[2]
        self.assertGreater(x - 10, 8 * y)
        self.assertEqual((30, 30), line[-1])


class Shapes(SynchronousTestCase):
    """What they cover."""

    def test_a_polygon_covers_its_area(self) -> None:
        triangle = [(10.0, 10.0), (60.0, 10.0), (10.0, 50.0)]
        near(1000, area(polygon, triangle), 5)
        near(1000, area(polygon, triangle[::-1]), 5)

    def test_only_what_is_on_the_sheet_counts(self) -> None:
        square = [(0.0, -50.0), (10.0, -50.0), (10.0, 150.0), (0.0, 150.0)]
        self.assertEqual(1000, area(polygon, square))

    def test_round_things(self) -> None:
        for draw, given, covered in (
            (ellipse, (50, 50, 30, 20), pi * 600),
            (ellipse, (50, 50, 0.8, 0.8), pi * 0.64),
            (ring, (50, 50, 30, 4), pi * (32**2 - 28**2)),
            (ring, (50, 50, 1, 4), pi * 9),
        ):
            found = area(draw, *given)
            near(covered, found, covered * 0.04)

    def test_a_stroke_is_as_thick_as_it_says(self) -> None:
        for points in ([(10.0, 10.0), (10.0, 90.0)], [(10.0, 10.0), (58.0, 74.0)]):
            near(80 * 6, area(stroke, points, 6, False), 8)
            caps = 80 * 6 + pi * 9
            near(caps, area(stroke, points, 6, True), 8)
        bent = [(10.0, 10.0), (50.0, 10.0), (50.0, 50.0)]
        self.assertGreater(area(stroke, bent, 6, False), 80 * 6 - 9 + pi * 9 / 4 - 1)

    def test_a_pen_is_broad_down_and_fine_across(self) -> None:
        self.assertEqual(6 * 42, area(pen, [(50.0, 20.0), (50.0, 60.0)], 6, 2))
        self.assertEqual(46 * 2, area(pen, [(20.0, 50.0), (60.0, 50.0)], 6, 2))
        self.assertEqual(6 * 2, area(pen, [(50.0, 50.0), (50.0, 50.0)], 6, 2))

    def test_a_pen_leaves_no_broader_line_aslant(self) -> None:
        found = area(pen, [(20.0, 20.0), (70.0, 70.0)], 6, 6)
        near(50 * 2**0.5 * 6, found, 25)

    def test_corners_are_bent_and_points_turned(self) -> None:
        corners = [(10.0, 10.0), (50.0, 10.0), (50.0, 50.0), (10.0, 50.0)]
        found = area(polygon, around(corners, 10))
        near(1600 - 400 + pi * 100, found, 25)
        ((x, y),) = turned([(20.0, 10.0)], 90, 10, 10)
        self.assertEqual((10, 20), (round(x, 6), round(y, 6)))
