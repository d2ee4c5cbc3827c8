"""The pictures that the world's answers name, drawn from the title alone.

A poster is a scene that fits the genre, in inks that fit the scene, with the title in
type below; a backdrop is the same scene on a wide sheet, a profile a bust. The same
name always gives the same picture, as PNG and as SVG.
"""

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from random import Random
from typing import Any, NamedTuple

from streamr.simulator.pictures import noise, png, sizes, svg
from streamr.simulator.pictures.canvas import Canvas, Inks
from streamr.simulator.pictures.inks import BRIGHT, INKS
from streamr.simulator.pictures.lettering import (
    FACES,
    SMALL,
    ems,
    fitted,
    lettered,
    line,
)
from streamr.simulator.pictures.logos import ICON, LOGO, icon, plate, wordmark
from streamr.simulator.pictures.painter import paint
from streamr.simulator.pictures.portraits import portrait
from streamr.simulator.pictures.raster import Raster
from streamr.simulator.pictures.scenes import SCENES, Painter
from streamr.simulator.tmdb.images import Drawing, Picture
from streamr.simulator.tmdb.titles import PROVIDERS, first_date
from streamr.simulator.tmdb.world import Value, World, image

POSTER, BACKDROP, PROFILE = (500.0, 750.0), (1280.0, 720.0), (400.0, 600.0)
MARGIN = 38.0
# So many rows are packed at once: of the widest, in about a millisecond.
ROWS = 32
# One of these decides the scene wherever it stands among a title's genres.
STRONG = (37, 27, 10402, 10752)
DRAMA = 18
FACE_OF = {
    878: "wide",
    10765: "wide",
    28: "fast",
    10759: "fast",
    53: "heavy",
    35: "heavy",
    16: "heavy",
    10751: "heavy",
    80: "heavy",
    12: "book",
    14: "book",
    37: "book",
    10752: "heavy",
    27: "fine",
    9648: "fine",
    36: "fine",
    10749: "fine",
    18: "book",
}


class DrawingPlan(NamedTuple):
    """The sheet of a picture, and what draws on it."""

    width: float
    height: float
    draw: Callable[[], Canvas]


class Gallery:
    """Finds what a file name stands for, and draws it."""

    def __init__(self, world: World) -> None:
        """Draw the titles and people of this world."""
        self.world = world

    def draw(self, name: str) -> bytes | None:
        """The SVG of a file name such as `x.jpg`; None when nothing is called so."""
        plan = self.drawings.get(f"/{name.lstrip('/')}")
        return None if plan is None else svg.document(plan.draw())

    def picture(self, size: str, name: str) -> Drawing | None:
        """What draws a file in a size; None where there is no such file or size."""
        plan, card = self.drawings.get(f"/{name}"), noise.size_of(name)
        sheet = POSTER if plan is None else plan[:2]
        frame = sizes.framed(size, *sheet)
        if frame is None:
            return None
        if card is not None:
            return noise.drawing(card)
        if plan is None:
            return None
        return written(plan) if name.endswith(".svg") else drawn(plan, frame)

    @cached_property
    def drawings(self) -> dict[str, DrawingPlan]:
        """How each picture is drawn, by its path."""
        found = {
            path: DrawingPlan(*POSTER, partial(self.poster, *given))
            for path, given in self.posters()
        }
        found |= {
            path: DrawingPlan(*BACKDROP, partial(backdrop, *given))
            for path, given in self.backdrops()
        }
        for number, person in self.world.people.items():
            for more in ((), ("second",)):
                path = image("profile", number, *more)
                found[path] = DrawingPlan(*PROFILE, partial(profile, person, *more))
        return found | dict(self.logos())

    def posters(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """The path of each poster, and whose it is."""
        for kind in ("movie", "tv"):
            for number, title in self.world.titles(kind).items():
                yield image("poster", kind, number), (title,)
                yield image("poster", kind, number, "second"), (title, "second")
        for season in self.world.seasons.values():
            title = self.world.series[season["series_id"]]
            yield image("poster", "season", season["id"]), (title, season["name"])
        for number, record in self.world.collections.items():
            alias = {**self.first_of(number), "title": record["name"]}
            yield image("poster", "collection", number), (alias,)

    def backdrops(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """The path of each backdrop and still, and whose it is."""
        for kind in ("movie", "tv"):
            for number, title in self.world.titles(kind).items():
                yield image("backdrop", kind, number), (title,)
                yield image("backdrop", kind, number, "second"), (title, "second")
        for number, record in self.world.collections.items():
            alias = {**self.first_of(number), "title": record["name"]}
            yield image("backdrop", "collection", number), (alias,)
        for number, episode in self.world.episodes.items():
            title = self.world.series[episode["series_id"]]
            yield image("still", number), (title, f"still {number}")

    def logos(self) -> Iterator[tuple[str, DrawingPlan]]:
        """How each logo is drawn, by its path; those of PNG are there as SVG, too."""
        for kind in ("movie", "tv"):
            for number, title in self.world.titles(kind).items():
                draw = partial(title_logo, title)
                yield image("logo", kind, number), DrawingPlan(*LOGO, draw)
        for record in (*self.world.companies.values(), *self.world.networks.values()):
            plan = DrawingPlan(*LOGO, partial(wordmark, record["name"]))
            for suffix in ("png", "svg"):
                yield image("logo", record["name"], suffix=suffix), plan
        for number, name, _ in PROVIDERS:
            yield image("provider", number), DrawingPlan(*ICON, partial(icon, name))

    def first_of(self, collection: int) -> Value:
        """The part of a collection that came out first."""
        parts = [
            one for one in self.world.movies.values() if one["collection"] == collection
        ]
        return min(parts, key=first_date)

    def poster(self, title: Value, more: str = "") -> Canvas:
        """A scene with the title below."""
        name = title.get("title") or title["name"]
        c = sheet(POSTER, title, f"{name} {more}")
        width, height = POSTER
        face = FACES[face_of(title)]
        setting = fitted(name, face, width - 2 * MARGIN, height * 0.27)
        top = height - 74 - setting.height
        c.fill("url(#fade)")
        lettered(c, setting, width / 2, top, c.inks.paper)
        words = self.small_print(title, more)
        size = min(SMALL.largest, (width - 2 * MARGIN) / ems(words, SMALL))
        line(c, words, SMALL, size, width / 2, height - 32, c.inks.glow)
        return c

    def small_print(self, title: Value, more: str) -> str:
        """The year, and what kind of title it is."""
        kind = "movie" if "date" in title else "tv"
        names = self.world.data["genres"][kind]
        genre = names[str(title["genres"][0])]
        season = more if more.startswith("Season") else ""
        words = "  ·  ".join(filter(None, (first_date(title)[:4], genre, season)))
        return words.upper()


def drawn(plan: DrawingPlan, frame: sizes.Frame) -> Drawing:
    """A picture in a size."""
    c = plan.draw()
    yield
    raster = Raster(frame.width, frame.height)
    yield from paint(c, raster, frame)
    data = yield from png.packed(raster.rows(ROWS))
    return Picture(png.KIND, png.joined(png.header(frame.width, frame.height), data))


def written(plan: DrawingPlan) -> Drawing:
    """A picture as SVG, which has every size."""
    yield
    return Picture(svg.KIND, svg.document(plan.draw()))


def title_logo(title: Value) -> Canvas:
    """A title in its own type and inks."""
    name = title.get("title") or title["name"]
    return plate(name, LOGO, FACES[face_of(title)], inks_of(title))


def backdrop(title: Value, more: str = "") -> Canvas:
    """The scene alone, on a wide sheet."""
    name = title.get("title") or title["name"]
    return sheet(BACKDROP, title, f"{name} {more}")


def leading_genre(title: Value) -> int:
    """The genre that decides how a title looks."""
    genres: list[int] = title["genres"]
    strong = [one for one in genres if one in STRONG]
    known = [one for one in (*strong, *genres) if one in SCENES]
    return known[0] if known else DRAMA


def face_of(title: Value) -> str:
    """The type that a title is set in."""
    return FACE_OF.get(leading_genre(title), "book")


def scene_of(title: Value, dice: Random) -> Painter:
    """A scene of the leading genre, or now and then of another one."""
    first = leading_genre(title)
    scenes = SCENES[first] * 2
    if first not in STRONG:
        for genre in title["genres"]:
            scenes += SCENES.get(genre, ())
    return dice.choice(scenes)


def inks_of(title: Value) -> Inks:
    """Inks that fit the genre, the same for all pictures of a title."""
    dice = Random(f"inks {title['id']} {title.get('title') or title['name']}")
    return dice.choice(INKS.get(leading_genre(title), BRIGHT))


def sheet(size: tuple[float, float], title: Value, seed: str) -> Canvas:
    """A sheet with the title's scene on it."""
    dice = Random(seed.strip())
    c = Canvas(*size, inks_of(title), dice)
    scene_of(title, dice)(c)
    return c


def profile(person: Value, more: str = "") -> Canvas:
    """Somebody, as a bust in a few inks."""
    dice = Random(f"{person['name']} {more}".strip())
    c = Canvas(*PROFILE, dice.choice(BRIGHT), dice)
    portrait(c)
    return c
