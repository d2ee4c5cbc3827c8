"""Logos of companies, networks and titles: names in type, on a plate."""

from dataclasses import replace
from random import Random

from streamr.simulator.pictures.canvas import Canvas, Inks
from streamr.simulator.pictures.inks import BRIGHT
from streamr.simulator.pictures.lettering import FACES, Face, fitted, lettered

LOGO, ICON = (800.0, 310.0), (500.0, 500.0)
# Of the plate's height: what is left free around the type.
MARGIN = 0.16


def wordmark(name: str) -> Canvas:
    """A company's or a network's name; the same name always looks alike."""
    dice = Random(f"logo {name}")
    return plate(name, LOGO, FACES[dice.choice(list(FACES))], dice.choice(BRIGHT))


def icon(name: str) -> Canvas:
    """A provider's first letter."""
    dice = Random(f"icon {name}")
    return plate(name[0], ICON, FACES["heavy"], dice.choice(BRIGHT))


def plate(words: str, size: tuple[float, float], face: Face, inks: Inks) -> Canvas:
    """Words as large as the plate allows."""
    c = Canvas(*size, inks, Random(words))
    c.fill(inks.deep)
    free = c.height * MARGIN
    c.rect(0, c.height - free / 3, c.width, free / 3, inks.accent)
    wide, high = c.width - 2 * free, c.height - 2 * free
    setting = fitted(words, replace(face, largest=high), wide, high)
    lettered(c, setting, c.width / 2, (c.height - setting.height) / 2, inks.paper)
    return c
