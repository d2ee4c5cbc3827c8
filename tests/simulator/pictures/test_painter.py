"""A canvas on pixels."""

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from streamr.simulator.pictures.canvas import Canvas
from streamr.simulator.pictures.inks import BAUHAUS
from streamr.simulator.pictures.lettering import FACES, line
from streamr.simulator.pictures.painter import paint, rgb
from streamr.simulator.pictures.portraits import portrait
from streamr.simulator.pictures.raster import Raster
from streamr.simulator.pictures.scenes import SCENES
from streamr.simulator.pictures.sizes import Frame

from .reading import near

WHITE, BLACK = "#ffffff", "#000000"
WHOLE = Frame(100, 100, 1)


class Paintings(SynchronousTestCase):
    """A sheet of 100 times 100, drawn on as many pixels."""

    def setUp(self) -> None:
        self.canvas = Canvas(100, 100, BAUHAUS, Random(1))

    def paint(self, frame: Frame = WHOLE) -> Raster:
        raster = Raster(frame.width, frame.height)
        for _ in paint(self.canvas, raster, frame):
            pass
        return raster

    def colours(self, *places: tuple[int, int]) -> list[str]:
        raster = self.paint()
        found = []
        for x, y in places:
            at = y * raster.stride + 1 + 3 * x
            found.append(f"#{raster.data[at : at + 3].hex()}")
        return found

    def sees(self, inside: tuple[int, int], outside: tuple[int, int]) -> None:
        self.assertEqual([WHITE, BLACK], self.colours(inside, outside))

    def test_shapes(self) -> None:
        self.canvas.rect(10, 10, 20, 20, WHITE)
        self.sees((20, 20), (35, 20))
        self.canvas.disc(70, 20, 10, WHITE)
        self.sees((70, 20), (79, 11))
        self.canvas.shape([(10, 60), (50, 60), (10, 95)], WHITE)
        self.sees((15, 65), (45, 85))
        self.canvas.add("ellipse", cx=75, cy=75, rx=20, ry=5, fill=WHITE)
        self.sees((60, 75), (75, 85))

    def test_lines(self) -> None:
        self.canvas.ring(30, 30, 20, WHITE, stroke_width=4)
        self.sees((10, 30), (30, 30))
        self.canvas.path("M60 10V50", "none", stroke=WHITE, stroke_width=6)
        self.sees((58, 30), (66, 30))
        turn = "rotate(90 50 75)"
        oval = {"rx": 30, "ry": 5, "fill": "none", "stroke": WHITE, "stroke_width": 4}
        self.canvas.add("ellipse", cx=50, cy=75, transform=turn, **oval)
        self.sees((45, 75), (20, 75))

    def test_round_corners_are_left_out(self) -> None:
        self.canvas.rect(10, 10, 40, 40, WHITE, rx=15)
        self.sees((30, 11), (11, 11))

    def test_a_path_goes_around_what_it_fills(self) -> None:
        self.canvas.path("M10 50A40 40 0 0 1 90 50z", WHITE)
        self.sees((50, 20), (50, 60))

    def test_opacity_and_blending(self) -> None:
        self.canvas.rect(0, 0, 100, 100, "#808080")
        self.canvas.rect(0, 0, 50, 100, WHITE, opacity=0.5)
        self.canvas.disc(75, 50, 20, "#800000", style="mix-blend-mode:multiply")
        left, right = self.colours((25, 50), (75, 50))
        near(0xC0, int(left[1:3], 16), 2)
        near(0x40, int(right[1:3], 16), 2)
        self.assertEqual("0000", right[3:])

    def test_the_sky_goes_from_its_top_to_its_foot(self) -> None:
        self.canvas.sky()
        top, foot = self.colours((50, 0), (50, 99))
        sky = self.canvas.gradients["sky"]
        for found, (_, colour, _) in ((top, sky[0]), (foot, sky[-1])):
            for mine, given in zip(rgb(found), rgb(colour), strict=True):
                near(given, mine, 4)

    def test_a_fade_leaves_the_top_as_it_is(self) -> None:
        self.canvas.fill(WHITE)
        self.canvas.fill("url(#fade)")
        top, foot = self.colours((50, 30), (50, 99))
        self.assertEqual(WHITE, top)
        self.assertLess(sum(rgb(foot)), 3 * 0x30)

    def test_a_ball_is_lit_from_above(self) -> None:
        self.canvas.disc(50, 50, 40, "url(#ball)")
        light, dark, out = self.colours((34, 30), (76, 76), (15, 15))
        self.assertGreater(sum(rgb(light)), sum(rgb(dark)) + 60)
        self.assertEqual(BLACK, out)

    def test_words_are_about_their_place(self) -> None:
        line(self.canvas, "I", FACES["heavy"], 60, 50, 80, WHITE)
        self.sees((50, 60), (70, 60))

    def test_a_frame_moves_and_scales(self) -> None:
        self.canvas.rect(40, 40, 20, 20, WHITE)
        whole, part = self.paint(), self.paint(Frame(40, 40, 2, 80, 80))
        self.assertEqual(400, whole.data.count(255) // 3)
        self.assertEqual(1600, part.data.count(255) // 3)

    def test_every_scene_can_be_painted(self) -> None:
        scenes = {scene for found in SCENES.values() for scene in found}
        for draw in (*scenes, portrait):
            for seed in range(3):
                self.canvas = Canvas(500, 750, BAUHAUS, Random(seed))
                draw(self.canvas)
                raster = self.paint(Frame(50, 75, 0.1))
                self.assertGreater(len(set(raster.data)), 5, draw.__name__)
