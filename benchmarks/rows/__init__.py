"""The rows of the table in issue 3, one module each, by their numbers."""

from collections.abc import Callable, Coroutine
from typing import Any

from ..bench import BenchOptions, Table
from . import clocks, dead, faults, handshakes, replay, routes, soak, stampede

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
}
