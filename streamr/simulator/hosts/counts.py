"""What one host saw: counts, and the last few hellos and requests."""

from collections import Counter, deque

from streamr.simulator.faults.client_hello import Hello

# What is only built and dumped.
Json = dict[str, object]
KEPT = 50


class Ledger:
    """Counts of one host. `open` is a state and survives a reset; the rest does not."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        self.open = 0
        self.reset()

    def reset(self) -> None:
        """Forget everything but the connections that are open now."""
        self.accepted = 0
        self.hellos = 0
        self.handshakes = 0
        self.requests = 0
        self.responses: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.last_hellos: deque[Json] = deque(maxlen=KEPT)
        self.last_requests: deque[Json] = deque(maxlen=KEPT)

    def note_hello(self, hello: Hello) -> None:
        """A whole ClientHello has arrived."""
        self.hellos += 1
        self.last_hellos.append(
            {"size": hello.size, "sni": hello.server_name, "tls13": hello.tls13}
        )

    def note_request(self, request: Json) -> None:
        """A request has arrived; its key is not in here."""
        self.requests += 1
        self.last_requests.append(request)

    def as_dict(self) -> Json:
        """All of it as JSON can hold it."""
        return {
            "accepted": self.accepted,
            "hellos": self.hellos,
            "last_hellos": list(self.last_hellos),
            "handshakes": self.handshakes,
            "requests": self.requests,
            "responses": dict(self.responses),
            "faults": dict(self.faults),
            "open": self.open,
            "last_requests": list(self.last_requests),
        }
