"""One call to a cache in front: what goes out, and what its answer means."""

from twisted.internet import error
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseNeverReceived
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer
from zope.interface.verify import verifyObject

from streamr.boundaries import DownstreamCache
from streamr.downstream.call import SECONDS, PurgeCall
from streamr.downstream.purger import NotTold

VARNISH = DownstreamCache("varnish:6081", "BAN", "http://varnish:6081/")
CDN = DownstreamCache(
    "api.cdn.example",
    "POST",
    "https://api.cdn.example/zones/1/purge?tag={tag}",
    '{"tags":["{tag}"]}',
)
TOKEN = ("Authorization", "Bearer canary-purge-0123")


@implementer(IResponse)
class Response:
    """An answer with a body that nobody wants."""

    version = (b"HTTP", 1, 1)
    phrase = b""
    headers = Headers()
    length = 10**9
    request = previousResponse = None

    def __init__(self, code: int) -> None:
        self.code = code
        self.transport = StringTransport()

    def deliverBody(self, protocol: IProtocol) -> None:
        protocol.makeConnection(self.transport)

    def setPreviousResponse(self, response: object) -> None:
        raise AssertionError("no redirect is followed")


@implementer(IAgent)
class FakeAgent:
    """Notes what is asked; the test answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, bytes, Headers, IBodyProducer | None]] = []
        self.asking: Deferred[IResponse] = Deferred()

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[IResponse]:
        assert headers is not None
        self.asked.append((method, uri, headers, bodyProducer))
        self.asking = Deferred()
        return self.asking


class Calls(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.agent = Clock(), FakeAgent()

    def call(
        self,
        cache: DownstreamCache = VARNISH,
        tag: str = "tmdb-movie-550",
        token: tuple[str, str] | None = None,
    ) -> Deferred[None]:
        return PurgeCall(cache, lambda: token, self.agent, self.clock)(tag)

    def refused(self, code: int) -> NotTold:
        calling = self.call()
        self.agent.asking.callback(Response(code))
        return self.failureResultOf(calling, NotTold).value

    def test_fakes_are_what_they_stand_for(self) -> None:
        verifyObject(IAgent, self.agent)
        verifyObject(IResponse, Response(200))

    def test_varnish_is_told_of_the_tag_in_a_field(self) -> None:
        self.call()
        [(method, url, headers, body)] = self.agent.asked
        self.assertEqual((method, url, body), (b"BAN", b"http://varnish:6081/", None))
        self.assertEqual(headers.getRawHeaders("Surrogate-Key"), ["tmdb-movie-550"])
        self.assertFalse(headers.hasHeader("Authorization"))

    def test_a_cdn_is_told_in_url_and_body_with_the_token(self) -> None:
        self.call(CDN, "tmdb-a%20b", TOKEN)
        [(method, url, headers, body)] = self.agent.asked
        self.assertEqual(method, b"POST")
        self.assertEqual(url, b"https://api.cdn.example/zones/1/purge?tag=tmdb-a%20b")
        self.assertEqual(headers.getRawHeaders("Authorization"), [TOKEN[1]])
        self.assertEqual(headers.getRawHeaders("Content-Type"), ["application/json"])
        assert body is not None
        self.assertEqual(body.length, len('{"tags":["tmdb-a%20b"]}'))

    def test_every_good_answer_and_nothing_there_is_told(self) -> None:
        for code in (200, 201, 202, 204, 404):
            cache = CDN if code == 404 else VARNISH
            calling, answer = self.call(cache), Response(code)
            self.agent.asking.callback(answer)
            self.assertIsNone(self.successResultOf(calling))
            self.assertTrue(answer.transport.disconnecting, "its body is not read")

    def test_a_refusal_is_final_and_trouble_of_its_own_is_not(self) -> None:
        for code, final in (
            *((400, True), (401, True), (403, True), (405, True)),
            # without the tag in it the URL itself is wrong
            (404, True),
            *((429, False), (500, False), (503, False)),
        ):
            why = self.refused(code)
            self.assertEqual((str(why), why.final), (f"status {code}", final))

    def test_a_redirect_is_not_followed(self) -> None:
        why = self.refused(302)
        self.assertEqual((str(why)[:10], why.final), ("a redirect", True))
        self.assertEqual(len(self.agent.asked), 1)

    def test_what_fails_at_once_is_told_as_well(self) -> None:
        """A host that the agent cannot take."""

        class Refusing(FakeAgent):
            def request(self, *_asked: object) -> Deferred[IResponse]:
                raise ValueError("no such host")

        self.agent = Refusing()
        why = self.failureResultOf(self.call(), NotTold).value
        self.assertEqual(str(why), "no such host")

    def test_silence_has_an_end(self) -> None:
        calling = self.call()
        self.clock.advance(SECONDS - 0.1)
        self.assertNoResult(calling)
        self.clock.advance(0.1)
        why = self.failureResultOf(calling, NotTold).value
        self.assertEqual((str(why), why.final), ("no answer within 5 s", False))

    def test_an_unreachable_one_is_told_in_its_own_words(self) -> None:
        refused = Failure(error.ConnectionRefusedError())
        for failure in (refused, Failure(ResponseNeverReceived([refused]))):
            calling = self.call()
            self.agent.asking.errback(failure)
            why = self.failureResultOf(calling, NotTold).value
            self.assertIn("Connection was refused", str(why))
            self.assertFalse(why.final)

    def test_an_answer_leaves_no_timer(self) -> None:
        self.call()
        self.agent.asking.callback(Response(200))
        self.assertEqual(self.clock.getDelayedCalls(), [])
