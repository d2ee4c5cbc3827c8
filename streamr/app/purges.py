"""A purge: here, in the other nodes, and in the caches in front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from streamr.app.cache import Storage
from streamr.app.downstream import CachesInFront
from streamr.app.pictures import PictureDisk
from streamr.shared.tier import BEAT, FleetTier
from streamr.tmdb.tags import Purge
from streamr.tmdb.tags import purge as read_purge

# All nodes have heard of a purge by then (seconds after the engine has), by a push or
# with their next beat.
ALL_HAVE_HEARD = 1.5 * BEAT


class Purges:
    """Who drops what, on whose word."""

    def __init__(self, caches: CachesInFront, clock: IReactorTime) -> None:
        self.in_front = caches.purger
        self.renew = caches.renew
        self._clock = clock
        self._again: list[IDelayedCall] = []
        self._stored: Sequence[Storage] = ()
        self._disks: Sequence[PictureDisk] = ()
        self._fleet: FleetTier | None = None

    def over(
        self,
        stored: Sequence[Storage],
        disks: Sequence[PictureDisk],
        fleet: FleetTier | None,
    ) -> None:
        """These are what there is to purge, and the other nodes."""
        self._stored, self._disks, self._fleet = stored, disks, fleet
        if fleet is not None:
            fleet.when_heard(self._in_front_again)

    def stop(self) -> None:
        """Tell nobody any more."""
        for each in self._again:
            if each.active():
                each.cancel()
        self.in_front.stop()

    def answers(self, given: Mapping[str, str]) -> dict[str, object]:
        """Drop answers everywhere, for the control socket. Raises ValueError."""
        return self._everywhere(read_purge(given))

    def pictures(self, _given: Mapping[str, str]) -> dict[str, object]:
        """Drop all pictures everywhere, for the control socket."""
        return self._everywhere(Purge("images"))

    def here(self, what: Purge) -> int:
        """Drop it from what this node keeps; how much that was."""
        if what.what == "images":
            return sum(each.purge() for each in self._disks)
        return sum(each.purge(what) for each in self._stored)

    def _in_front_again(self, what: Purge) -> None:
        """A cache in front may have fetched it from a node that had not heard yet."""
        self._again = [each for each in self._again if each.active()]
        self._again.append(
            self._clock.callLater(ALL_HAVE_HEARD, self.in_front.purge, what.tag)
        )

    def _everywhere(self, what: Purge) -> dict[str, object]:
        purged = self.here(what)
        if self._fleet is not None:
            self._fleet.purge(what)
        self.in_front.purge(what.tag)
        return {"purged": purged, "in_front": self.in_front.names}
