"""TMDB's image host: /t/p/<size>/<file>, without a key, and nothing else."""

from dataclasses import replace

from twisted.internet.defer import Deferred, succeed

from streamr.simulator.faults.http import Scene
from streamr.simulator.hosts.host import Host
from streamr.simulator.hosts.site import Answering, SimulatedRequest
from streamr.simulator.hosts.studio import Studio
from streamr.simulator.pictures.noise import noise
from streamr.simulator.tmdb.images import (
    PATH,
    Conditions,
    Picture,
    missing,
    refusal,
    serve,
)
from streamr.simulator.tmdb.rendering import Rendered


class PictureHost(Answering):
    """Every path of the image host."""

    def __init__(self, host: Host, studio: Studio) -> None:
        """Answer with what this studio draws."""
        super().__init__(host)
        self.studio = studio

    def scene(self, asked: SimulatedRequest) -> Deferred[Scene]:
        """The picture, and how to make another one of its length."""
        found = PATH.fullmatch(asked.path)
        if asked.method not in ("GET", "HEAD"):
            return self.told(refusal(405, "405 Method Not Allowed"))
        if found is None:
            return self.told(missing(asked.path, self.now))
        drawing = self.studio.picture(found[1], found[2])
        return drawing.addCallback(self.shown, asked)

    def told(self, good: Rendered) -> Deferred[Scene]:
        """Words in a picture's place."""
        return succeed(self.refused(good))

    def refused(self, words: Rendered) -> Scene:
        """The same words to whatever is asked."""
        return Scene(words, lambda: words, self.date, html=True)

    def shown(self, picture: Picture | None, asked: SimulatedRequest) -> Scene:
        """A picture that has been drawn, or None where there is none to draw."""
        path, now = asked.path, self.now
        if picture is None:
            return self.refused(missing(path, now))
        wanted = Conditions(
            asked.method,
            asked.header("if-none-match"),
            asked.header("range"),
            asked.header("if-range"),
        )

        def other() -> Rendered:
            return serve(noise(len(picture.data), 1), path, now, wanted)

        good = serve(picture, path, now, wanted)
        whole = serve(picture, path, now, replace(wanted, range=None))
        return Scene(good, other, self.date, whole, html=True)
