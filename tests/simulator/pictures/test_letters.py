"""Letters that are drawn."""

from twisted.trial.unittest import SynchronousTestCase

from streamr.simulator.pictures.glyphs import glyph, stems
from streamr.simulator.pictures.lettering import FACES, SERIF, SMALL, cell
from streamr.simulator.pictures.letters import write
from streamr.simulator.pictures.raster import LINES, Cover
from streamr.simulator.tmdb.world import load

from .reading import near

SIZE, FOOT = 100.0, 100.0


def box(words: str, face: str = "heavy") -> tuple[float, float, float, float]:
    """What words reach: left, top, right, bottom."""
    cover = Cover(200)
    write(cover, words, FACES[face], 50, FOOT, SIZE)
    spans = [span for found in cover.values() for span in found]
    high = [line / LINES for line in cover]
    return (
        min(left for left, _ in spans),
        min(high),
        max(right for _, right in spans),
        max(high) + 1 / LINES,
    )


class Letters(SynchronousTestCase):
    """The alphabet."""

    def test_every_letter_of_every_name_can_be_written(self) -> None:
        world = load()
        titles = [*world.movies.values(), *world.series.values()]
        records = [*world.companies.values(), *world.networks.values()]
        records += [*world.collections.values(), *world.seasons.values()]
        names = [one.get("title") or one["name"] for one in (*titles, *records)]
        names += [n for kind in world.data["genres"].values() for n in kind.values()]
        for letter in sorted(set("".join(names).upper()) - {" "}):
            self.assertTrue(glyph(letter), letter)

    def test_an_accent_is_added_above_its_letter(self) -> None:
        self.assertEqual(glyph("E"), glyph("É")[:2])
        self.assertLess(box("É")[1], box("E")[1] - 5)

    def test_what_cannot_be_written_is_left_out(self) -> None:
        self.assertEqual([], glyph("漢"))

    def test_a_capital_stands_on_the_line_and_stays_in_its_cell(self) -> None:
        for name, face in FACES.items():
            for letter in "AEHIMWXZ":
                left, top, right, bottom = box(letter, name)
                near(FOOT, bottom, 0.5)
                near(FOOT - 74, top, 0.5)
                lean = 9 if face.slant else 0
                serif = 7 if face.family == SERIF else 0
                self.assertGreaterEqual(left, 50 - lean - serif, letter)
                reach = 50 + cell(letter) * SIZE + lean + serif
                self.assertLessEqual(right, reach, letter)

    def test_a_fast_letter_leans_forward(self) -> None:
        cover = Cover(200)
        write(cover, "I", FACES["fast"], 50, FOOT, SIZE)
        (top,), (foot,) = cover[min(cover)], cover[max(cover)]
        near(74 * 0.2, top[0] - foot[0], 2)

    def test_letters_follow_each_other(self) -> None:
        first, both = box("H"), box("HH")
        wide = (cell("H") + FACES["heavy"].spread) * SIZE
        near(first[2] + wide, both[2], 0.01)

    def test_stems_have_serifs_at_top_and_foot(self) -> None:
        self.assertEqual([(0.5, 0.0), (0.5, 1.0)], stems(glyph("I")))
        self.assertEqual([(0.0, 1.0), (1.0, 1.0)], stems(glyph("A")))
        self.assertEqual([(0.0, 0.0), (0.0, 1.0)], stems(glyph("L")))
        self.assertEqual([], stems(glyph("O")))
        left, _, right, _ = box("I", "book")
        plain = box("I", "heavy")
        self.assertGreater(right - left, plain[2] - plain[0])

    def test_small_print_is_fine(self) -> None:
        cover, heavy = Cover(200), Cover(200)
        write(cover, "I", SMALL, 50, FOOT, SIZE)
        write(heavy, "I", FACES["heavy"], 50, FOOT, SIZE)
        (fine,), (broad,) = cover[200], heavy[200]
        self.assertLess(fine[1] - fine[0], (broad[1] - broad[0]) / 2)
