"""The pictures that the world's answers name, drawn from the title alone."""

from collections.abc import Callable
from functools import cached_property
from html import escape

from .world import World, digest, image

SIZE = {"poster": (500, 750), "backdrop": (1280, 720), "profile": (450, 600)}


class Gallery:
    """Finds what a file name stands for, and draws it."""

    def __init__(self, world: World) -> None:
        """Draw the titles and people of this world."""
        self.world = world

    def draw(self, name: str) -> bytes | None:
        """The SVG of a file name such as `x.jpg`; None when nothing is called so."""
        drawing = self.drawings.get(f"/{name.lstrip('/')}")
        return None if drawing is None else drawing().encode()

    @cached_property
    def drawings(self) -> dict[str, Callable[[], str]]:
        """What draws each picture, by its path."""
        found: dict[str, Callable[[], str]] = {}
        for kind in ("movie", "tv"):
            for number, title in self.world.titles(kind).items():
                name = title.get("title") or title["name"]
                for shape in ("poster", "backdrop"):
                    found[image(shape, kind, number)] = plain(shape, name)
        for number, person in self.world.people.items():
            found[image("profile", number)] = plain("profile", person["name"])
        return found


def plain(shape: str, name: str) -> Callable[[], str]:
    """A name on a ground of its own colour."""

    def draw() -> str:
        width, height = SIZE[shape]
        hue = digest(name)[0] * 360 // 256
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">'
            f'<rect width="100%" height="100%" fill="hsl({hue} 40% 30%)"/>'
            f'<text x="50%" y="80%" text-anchor="middle" fill="#fff" '
            f'font-family="sans-serif" font-size="40">{escape(name)}</text></svg>'
        )

    return draw
