"""What one request asks, and how TMDB refuses it: the words of every answer module."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from streamr.simulator.tmdb.world import Value, World

# TMDB's own code: HTTP status and message
REFUSALS: Mapping[int, tuple[int, str]] = {
    3: (
        401,
        "Authentication failed: You do not have permissions to access the service.",
    ),
    6: (404, "Invalid id: The pre-requisite id is invalid or not found."),
    7: (401, "Invalid API key: You must be granted a valid key."),
    10: (401, "Suspended API key: Access to your account has been suspended."),
    11: (500, "Internal error: Something went wrong, contact TMDB."),
    9: (503, "Service offline: This service is temporarily offline, try again later."),
    20: (422, "Invalid date range: Should be a range no longer than 14 days."),
    22: (
        400,
        "Invalid page: Pages start at 1 and max at 500. "
        "They are expected to be an integer.",
    ),
    24: (504, "Your request to the backend server timed out. Try again."),
    25: (429, "Your request count (41) is over the allowed limit of (40)."),
    27: (
        400,
        "Too many append to response objects: "
        "The maximum number of remote calls is 20.",
    ),
    34: (404, "The resource you requested could not be found."),
    42: (405, "This request method is not supported for this resource."),
    43: (502, "Couldn't connect to the backend server."),
    45: (403, "This user has been suspended. Contact TMDB for more info."),
    46: (503, "The API is undergoing maintenance. Try again later."),
}
PAGE_SIZE = 20
LAST_PAGE = 500
Key = TypeVar("Key")
Record = TypeVar("Record")


class TMDBRefusal(Exception):
    """TMDB says no: its own code, the HTTP status and the body that go with it."""

    def __init__(self, code: int) -> None:
        """Refuse with one of TMDB's codes."""
        super().__init__(code)
        self.code = code
        self.status, self.message = REFUSALS[code]

    @property
    def body(self) -> Value:
        """The error envelope."""
        return {
            "success": False,
            "status_code": self.code,
            "status_message": self.message,
        }


class MissingQuery(Exception):
    """A search without a query: 422 in an envelope of its own."""

    status = 422

    @property
    def body(self) -> Value:
        """The envelope that only searches use."""
        return {"errors": ["query must be provided"]}


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One request to one path template: the ids in the path, and the parameters."""

    world: World
    ids: Mapping[str, str]
    params: Mapping[str, str] = field(default_factory=dict)

    def number(self, name: str) -> int:
        """An id of the path. Slugs ("550-fight-club") count by their digits."""
        digits = re.match(r"[0-9]{1,15}(?![0-9])(?=$|-)", self.ids[name])
        if digits is None or int(digits[0]) == 0:
            raise TMDBRefusal(6)
        return int(digits[0])

    def ordinal(self, name: str) -> int:
        """A season's or an episode's number, which may be 0 (the specials)."""
        text = self.ids[name]
        if not re.fullmatch(r"[0-9]{1,6}", text):
            raise TMDBRefusal(6)
        return int(text)

    @property
    def page(self) -> int:
        """The page asked for, in TMDB's bounds."""
        text = self.params.get("page") or "1"
        if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= LAST_PAGE:
            raise TMDBRefusal(22)
        return int(text)

    @property
    def language(self) -> str:
        """The two letters of the language asked for."""
        return self.params.get("language", "en-US")[:2].lower() or "en"

    def found(self, table: Mapping[int, Record], name: str) -> Record:
        """The record that an id of the path names."""
        return known(table, self.number(name))


def known(table: Mapping[Key, Record], key: Key) -> Record:
    """The record under a key; 404 when there is none."""
    if key not in table:
        raise TMDBRefusal(34)
    return table[key]


def paged(
    call: ApiCall,
    rows: Sequence[Record],
    shape: Callable[[Record], Value] | None = None,
) -> Value:
    """TMDB's page envelope around the rows of the page asked for.

    With `shape` the rows are records that become rows when their page is asked for.
    """
    page = call.page
    shown = rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    return {
        "page": page,
        "results": shown if shape is None else [shape(row) for row in shown],
        "total_pages": max(1, -(-len(rows) // PAGE_SIZE)),
        "total_results": len(rows),
    }


ApiAnswer = Value | list[Value] | list[str]
Handler = Callable[[ApiCall], ApiAnswer]
Routes = dict[str, Handler]
