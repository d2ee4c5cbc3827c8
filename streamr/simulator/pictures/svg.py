"""A drawing as SVG without scripts, fonts or links."""

from collections.abc import Mapping
from html import escape
from typing import Any

from streamr.simulator.pictures.canvas import BALL, Canvas, CanvasMark, Stop, shown

KIND = "image/svg+xml"


def document(c: Canvas) -> bytes:
    """The whole document."""
    linear = "".join(gradient(name, stops) for name, stops in c.gradients.items())
    x, y, r = BALL
    ball = "".join(map(told, c.ball))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" '
        f'viewBox="0 0 {c.width:.0f} {c.height:.0f}">'
        f'<defs>{linear}<radialGradient id="ball" cx="{x}" cy="{y}" r="{r}">{ball}'
        f"</radialGradient></defs>{''.join(map(element, c.marks))}</svg>"
    ).encode()


def element(mark: CanvasMark) -> str:
    """One mark; an underscore in a name stands for a hyphen."""
    tag, attributes = mark
    if tag == "text":
        return text(attributes)
    if tag == "polygon":
        points = attributes["points"]
        places = " ".join(f"{shown(x)},{shown(y)}" for x, y in points)
        attributes = {**attributes, "points": places}
    pairs = (
        f' {name.replace("_", "-")}="{escape(shown(value))}"'
        for name, value in attributes.items()
    )
    return f"<{tag}{''.join(pairs)}/>"


def text(attributes: Mapping[str, Any]) -> str:
    """A line of type, of a certain width: with every family that a system has."""
    face = attributes["face"]
    return (
        f'<text x="{attributes["x"]:.0f}" y="{attributes["y"]:.1f}"'
        f' textLength="{attributes["long"]:.0f}" lengthAdjust="spacingAndGlyphs"'
        f' font-family="{face.family}" font-weight="{face.weight}"'
        f' font-style="{"italic" if face.slant else "normal"}"'
        f' font-size="{attributes["size"]:.1f}" fill="{attributes["fill"]}"'
        f' text-anchor="middle">{escape(attributes["words"])}</text>'
    )


def gradient(name: str, stops: tuple[Stop, ...]) -> str:
    """A gradient from above to below."""
    return (
        f'<linearGradient id="{name}" x1="0" y1="0" x2="0" y2="1">'
        f"{''.join(map(told, stops))}</linearGradient>"
    )


def told(stop: Stop) -> str:
    """One colour of a gradient."""
    offset, colour, opacity = stop
    shade = f' stop-opacity="{opacity}"' if opacity < 1 else ""
    return f'<stop offset="{offset}" stop-color="{colour}"{shade}/>'
