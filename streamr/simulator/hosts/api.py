"""TMDB's API hosts: what they answer, from one world."""

from twisted.internet.defer import Deferred, succeed

from streamr.simulator.faults.http import Scene
from streamr.simulator.hosts.host import Host
from streamr.simulator.hosts.site import Answering, SimulatedRequest
from streamr.simulator.tmdb.answers import TMDBReply, answer, authorised, unauthorised
from streamr.simulator.tmdb.rendering import Rendered, render
from streamr.simulator.tmdb.world import World


class Lookalike(Answering):
    """Every path of one host of the API."""

    def __init__(self, host: Host, world: World, keys: frozenset[str]) -> None:
        """Answer from this world, to these keys."""
        super().__init__(host)
        self.world = world
        self.keys = keys

    def reply(self, asked: SimulatedRequest) -> TMDBReply:
        """What TMDB's application says."""
        if not authorised(self.keys, asked.api_key, asked.bearer):
            return unauthorised()
        return answer(self.world, asked.method, asked.path, asked.params)

    def scene(self, asked: SimulatedRequest) -> Deferred[Scene]:
        """The good answer, and how to make the one for another title."""
        now = self.now

        def rendered(reply: TMDBReply) -> Rendered:
            return render(reply, asked.path, now, asked.gzip_wanted)

        def other() -> Rendered:
            path = other_path(self.world, asked.path)
            return rendered(answer(self.world, "GET", path, asked.params))

        return succeed(Scene(rendered(self.reply(asked)), other, self.date))


def other_path(world: World, path: str) -> str:
    """The details of a title that was not asked for."""
    words = path.split("/")
    kind = words[2] if len(words) > 2 and words[2] in ("movie", "tv") else "movie"
    asked_for = words[3].partition("-")[0] if len(words) > 3 else ""
    ids = [one for one in world.titles(kind) if str(one) != asked_for]
    return f"/3/{kind}/{ids[0]}"
