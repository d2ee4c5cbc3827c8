"""Which compositions fit which genre; flat shapes, few inks."""

from collections.abc import Callable

from streamr.simulator.pictures.canvas import Canvas
from streamr.simulator.pictures.rooms import (
    arches,
    blinds,
    keyhole,
    pane,
    stage,
    stairs,
    towers,
)
from streamr.simulator.pictures.signs import (
    burst,
    discs,
    emblem,
    maze,
    record,
    slash,
    target,
    tiles,
)
from streamr.simulator.pictures.space import grid, orbit, planet
from streamr.simulator.pictures.tales import castle, house, meadow, sea, toys, wood
from streamr.simulator.pictures.wilds import (
    banner,
    dunes,
    mesas,
    ranges,
    road,
    shore,
    tree,
)

Painter = Callable[[Canvas], None]

# By TMDB's genre ids.
SCENES: dict[int, tuple[Painter, ...]] = {
    878: (planet, orbit, grid),
    10765: (planet, castle, orbit, grid),
    27: (wood, house),
    37: (mesas, dunes),
    10402: (record, stage),
    10752: (banner,),
    10768: (banner, arches),
    16: (meadow, toys, sea),
    10751: (meadow, sea, toys),
    10762: (meadow, toys),
    14: (castle, ranges, orbit),
    36: (arches, banner),
    80: (towers, keyhole, blinds),
    9648: (keyhole, maze, blinds),
    12: (ranges, road, dunes),
    10759: (ranges, burst, emblem),
    28: (burst, slash, emblem),
    53: (target, towers, maze),
    10749: (discs, shore),
    35: (tiles, stage),
    18: (pane, stairs, tree, road),
}
