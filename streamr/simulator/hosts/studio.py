"""Where pictures are drawn: one after another, in slices, each once."""

from collections import OrderedDict, deque

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from streamr.simulator.hosts.host import Timers
from streamr.simulator.pictures.gallery import Gallery
from streamr.simulator.tmdb.images import Drawing, Picture

# How long (seconds) the reactor does nothing else for a picture's sake. A thread would
# cost it more: each system call would wait for the interpreter's lock.
SLICE = 0.005
# How many bytes of pictures are kept: a few thousand posters.
KEPT_BYTES = 64_000_000
Key = tuple[str, str]


class Studio:
    """Draws pictures of a gallery, and keeps those that were asked for last."""

    def __init__(self, gallery: Gallery, clock: IReactorTime) -> None:
        """Draw when this clock lets it."""
        self.gallery = gallery
        self.timers = Timers(clock)
        self.kept: OrderedDict[Key, Picture] = OrderedDict()
        self.size = 0
        self.drawn = 0
        self.begun: deque[tuple[Key, Drawing]] = deque()
        self.waiting: dict[Key, list[Deferred[Picture | None]]] = {}

    def picture(self, size: str, name: str) -> Deferred[Picture | None]:
        """A file in a size; None where there is no such file or size."""
        key = (size, name)
        if key in self.kept:
            self.kept.move_to_end(key)
            return succeed(self.kept[key])
        drawing = None if key in self.waiting else self.gallery.picture(size, name)
        if drawing is None and key not in self.waiting:
            return succeed(None)
        done: Deferred[Picture | None] = Deferred()
        self.waiting.setdefault(key, []).append(done)
        if drawing is not None:
            self.begun.append((key, drawing))
            if len(self.begun) == 1:
                self.timers.later(0, self.work)
        return done

    def work(self) -> None:
        """Draw for one slice."""
        key, drawing = self.begun[0]
        until = self.timers.clock.seconds() + SLICE
        while self.timers.clock.seconds() <= until:
            try:
                next(drawing)
            except StopIteration as end:
                self.begun.popleft()
                self.finished(key, end.value)
                break
        if self.begun:
            self.timers.later(0, self.work)

    def finished(self, key: Key, picture: Picture) -> None:
        """Keep a picture, and hand it to all who wait for it."""
        self.drawn += 1
        self.kept[key] = picture
        self.size += len(picture.data)
        while self.size > KEPT_BYTES:
            self.size -= len(self.kept.popitem(last=False)[1].data)
        for done in self.waiting.pop(key):
            done.callback(picture)
