"""The pictures that the world's answers name, drawn from the title alone.

A poster is a scene that fits the genre, in inks that fit the scene, with the title in
type below; a backdrop is the same scene on a wide sheet, a profile a bust. The same
name always gives the same picture, as SVG without scripts, fonts or links.
"""

from collections.abc import Callable
from functools import cached_property, partial
from html import escape
from random import Random

from streamr.simulator.pictures import noise, png, sizes
from streamr.simulator.pictures.canvas import Canvas, Inks
from streamr.simulator.pictures.inks import BRIGHT, INKS
from streamr.simulator.pictures.lettering import FACES, GROTESQUE, fitted, lettered
from streamr.simulator.pictures.portraits import portrait
from streamr.simulator.pictures.scenes import SCENES, Painter
from streamr.simulator.tmdb.images import Drawing, Picture
from streamr.simulator.tmdb.titles import first_date
from streamr.simulator.tmdb.world import Value, World, image

POSTER, BACKDROP, PROFILE = (500.0, 750.0), (1280.0, 720.0), (400.0, 600.0)
MARGIN = 38.0
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


def plain(frame: sizes.Frame, name: str) -> Drawing:
    ink = bytes(ord(each) for each in name[:3])
    row = b"\0" + ink * frame.width
    data = yield from png.packed([row] * frame.height)
    return Picture(png.KIND, png.joined(png.header(frame.width, frame.height), data))


class Gallery:
    """Finds what a file name stands for, and draws it."""

    def __init__(self, world: World) -> None:
        """Draw the titles and people of this world."""
        self.world = world

    def draw(self, name: str) -> bytes | None:
        """The SVG of a file name such as `x.jpg`; None when nothing is called so."""
        drawing = self.drawings.get(f"/{name.lstrip('/')}")
        return None if drawing is None else drawing().encode()

    def picture(self, size: str, name: str) -> Drawing | None:
        """What draws a file in a size; None where there is no such file or size."""
        frame = sizes.framed(size, *POSTER)
        if frame is None:
            return None
        card = noise.size_of(name)
        if card is not None:
            return noise.drawing(card)
        return plain(frame, name) if f"/{name}" in self.drawings else None

    @cached_property
    def drawings(self) -> dict[str, Callable[[], str]]:
        """What draws each picture, by its path."""
        found: dict[str, Callable[[], str]] = {}
        for kind in ("movie", "tv"):
            for number, title in self.world.titles(kind).items():
                for more in ((), ("second",)):
                    path = image("poster", kind, number, *more)
                    found[path] = partial(self.poster, title, *more)
                    path = image("backdrop", kind, number, *more)
                    found[path] = partial(self.backdrop, title, *more)
        for season in self.world.seasons.values():
            title = self.world.series[season["series_id"]]
            path = image("poster", "season", season["id"])
            found[path] = partial(self.poster, title, season["name"])
        for number, record in self.world.collections.items():
            first = self.first_of(number)
            alias = {**first, "title": record["name"]}
            found[image("poster", "collection", number)] = partial(self.poster, alias)
            path = image("backdrop", "collection", number)
            found[path] = partial(self.backdrop, alias)
        for number, person in self.world.people.items():
            for more in ((), ("second",)):
                path = image("profile", number, *more)
                found[path] = partial(profile, person, *more)
        return found

    def first_of(self, collection: int) -> Value:
        """The part of a collection that came out first."""
        parts = [
            one for one in self.world.movies.values() if one["collection"] == collection
        ]
        return min(parts, key=first_date)

    def poster(self, title: Value, more: str = "") -> str:
        """A scene with the title below."""
        name = title.get("title") or title["name"]
        c = sheet(POSTER, title, f"{name} {more}")
        width, height = POSTER
        face = FACES[face_of(title)]
        setting = fitted(name, face, width - 2 * MARGIN, height * 0.27)
        top = height - 74 - setting.height
        c.add("rect", x=0, y=0, width=width, height=height, fill="url(#fade)")
        middle = width / 2
        words = lettered(setting, middle, top, c.inks.paper)
        line = self.small_print(title, more)
        return framed(c, words + line)

    def backdrop(self, title: Value, more: str = "") -> str:
        """The scene alone, on a wide sheet."""
        name = title.get("title") or title["name"]
        return framed(sheet(BACKDROP, title, f"{name} {more}"), "")

    def small_print(self, title: Value, more: str) -> str:
        """The year, and what kind of title it is, between two rules."""
        kind = "movie" if "date" in title else "tv"
        names = self.world.data["genres"][kind]
        genre = names[str(title["genres"][0])]
        season = more if more.startswith("Season") else ""
        words = "  ·  ".join(filter(None, (first_date(title)[:4], genre, season)))
        width, height = POSTER
        return (
            f'<text x="{width / 2:.0f}" y="{height - 32:.0f}" text-anchor="middle" '
            f'font-family="{GROTESQUE}" font-size="15" letter-spacing="3" '
            f'fill="{inks_of(title).glow}">{escape(words.upper())}</text>'
        )


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


def profile(person: Value, more: str = "") -> str:
    """Somebody, as a bust in a few inks."""
    dice = Random(f"{person['name']} {more}".strip())
    c = Canvas(*PROFILE, dice.choice(BRIGHT), dice)
    portrait(c)
    return framed(c, "")


def framed(c: Canvas, words: str) -> str:
    """The whole document."""
    night, deep, middle, accent, glow, _ = c.inks
    gradients = (
        gradient("sky", (0, night if dark(c) else middle), (0.6, accent), (1, glow))
        + gradient("fade", (0.42, night, 0), (0.66, night, 0.78), (1, night, 0.97))
        + '<radialGradient id="ball" cx="0.3" cy="0.25" r="0.9">'
        f'<stop offset="0" stop-color="{glow}"/>'
        f'<stop offset="0.45" stop-color="{accent}"/>'
        f'<stop offset="1" stop-color="{deep}"/></radialGradient>'
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" '
        f'viewBox="0 0 {c.width:.0f} {c.height:.0f}">'
        f"<defs>{gradients}</defs>{''.join(c.parts)}{words}</svg>"
    )


def dark(c: Canvas) -> bool:
    """Half of the skies begin at night."""
    return Random(str(c.inks)).random() < 0.5


def gradient(name: str, *stops: tuple[float, str] | tuple[float, str, float]) -> str:
    """A gradient from above to below."""
    told = ""
    for offset, colour, *opacity in stops:
        shade = f' stop-opacity="{opacity[0]}"' if opacity else ""
        told += f'<stop offset="{offset}" stop-color="{colour}"{shade}/>'
    return (
        f'<linearGradient id="{name}" x1="0" y1="0" x2="0" y2="1">{told}'
        "</linearGradient>"
    )
