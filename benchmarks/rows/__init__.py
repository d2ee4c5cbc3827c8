"""The rows of the scoreboard, one module each, by their numbers.

1 to 8 tell what becomes of faults, 9 to 18 what requests cost; 19 and 20 are about
networks, 21 to 24, 32 and 33 about pictures, 25 to 31 about several nodes.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from ..bench import BenchOptions, Table
from . import (
    behind_varnish,
    clocks,
    codings,
    connections,
    dead,
    faults,
    fleet_deaths,
    fleet_keys,
    fleet_limits,
    handshakes,
    hits,
    idle,
    latency,
    misses,
    own_proxy,
    pages,
    picture_crowd,
    picture_faults,
    picture_store,
    picture_traffic,
    picture_wall,
    pictures,
    replay,
    routes,
    soak,
    stampede,
    start,
    stored,
)

RowMeasure = Callable[[BenchOptions], Coroutine[Any, Any, Table]]
ROWS: dict[int, RowMeasure] = {
    1: faults.measure,
    2: routes.measure,
    3: handshakes.measure,
    4: dead.measure,
    5: stampede.measure,
    6: replay.measure,
    7: clocks.measure,
    8: soak.measure,
    9: hits.measure,
    10: codings.measure,
    11: latency.measure,
    12: misses.measure,
    13: stored.measure,
    14: connections.measure,
    15: own_proxy.measure,
    16: pages.measure,
    17: idle.measure,
    18: start.measure,
    21: pictures.measure,
    22: picture_crowd.measure,
    23: picture_traffic.measure,
    24: picture_wall.measure,
    25: fleet_keys.cold,
    26: fleet_keys.replay,
    27: fleet_deaths.engine,
    28: fleet_deaths.nodes,
    29: fleet_limits.limits,
    30: fleet_limits.hits,
    31: behind_varnish.measure,
    32: picture_store.measure,
    33: picture_faults.measure,
}
