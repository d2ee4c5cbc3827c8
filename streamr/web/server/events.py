"""Who reads a feed: what he does not take is left out, so nothing heaps up here."""

from __future__ import annotations

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from streamr.web.access import Feed
from streamr.web.server.request import GatewayRequest


@implementer(IPushProducer)
class Reader:
    """The caller of a feed, as far as his connection takes what is written."""

    def __init__(self, request: GatewayRequest) -> None:
        self._request = request
        self._behind = False

    def begin(self, feed: Feed) -> None:
        """Start the feed, and stop it when it has ended or the caller has left."""
        self._request.registerProducer(self, True)
        stop = feed.start(self.write, self._finish)
        self._request.notifyFinish().addBoth(lambda _ended: stop())

    def write(self, data: bytes) -> bool:
        """Send it; False when the caller does not keep up and it was left out."""
        if self._behind:
            return False
        self._request.write(data)
        return True

    def pauseProducing(self) -> None:
        """The connection takes no more."""
        self._behind = True

    def resumeProducing(self) -> None:
        """The connection takes more again."""
        self._behind = False

    def stopProducing(self) -> None:
        """The caller is gone."""
        self._behind = True

    def _finish(self) -> None:
        if not self._request.left:
            self._request.unregisterProducer()
            self._request.finish()
