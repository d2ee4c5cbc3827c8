"""The world behind every answer: the hand-made titles and how they hang together.

Everything that TMDB would number and that is not a fact of the real world (credit,
review, season and episode ids, image names) is derived from the facts by a hash,
so that the same question always gets the same answer.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

Value = dict[str, Any]
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
FIRST_SEASON_ID = 3001
FIRST_EPISODE_ID = 60001
# Specials have ids of their own, so that a series more moves nobody else's.
FIRST_SPECIALS_ID = 2001
FIRST_SPECIAL_ID = 50001
# TMDB's ids of three things that its reference shows as examples: tests of clients and
# tutorials ask for them. TMDB's group belongs to another series.
EXAMPLES = {
    "credit/tv/1396/17419/Walter White": "52542282760ee313280017f9",
    "episode group/66732": "5acf93e60e0a26346d0000ce",
    "review/movie/118340": "5488c29bc3a3686f4a00004a",
}


def digest(*parts: object) -> bytes:
    """A stable hash of the parts: the source of everything made up."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).digest()


def hex_id(*parts: object) -> str:
    """An id in the form of TMDB's credits, reviews and videos: 24 hex digits."""
    return EXAMPLES.get("/".join(map(str, parts))) or digest(*parts).hex()[:24]


@cache  # there are as many as the world has pictures, and lists name them often
def image(*parts: object, suffix: str = "jpg") -> str:
    """A file name in the form of TMDB's images."""
    return f"/{letters(27, 'image', *parts)}.{suffix}"


def letters(count: int, *parts: object) -> str:
    """Letters and digits made up from the parts."""
    return "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest(*parts)[:count])


@dataclass(frozen=True, slots=True)
class WorldPart:
    """One person's part in one title: the row behind credit ids and credit lists."""

    credit_id: str
    person: Value
    media_type: str
    title: Value
    role: str
    department: str
    order: int

    @property
    def is_cast(self) -> bool:
        """Cast has a character and an order, crew has a department and a job."""
        return self.department == "Acting"


@dataclass(frozen=True)
class World:
    """All titles, people and what belongs to them, indexed by id."""

    data: Value
    today: date = field(default_factory=date.today)

    @cached_property
    def movies(self) -> dict[int, Value]:
        """The movies by id, most popular first."""
        return by_id(sorted(self.data["movies"], key=lambda m: -m["votes"]))

    @cached_property
    def series(self) -> dict[int, Value]:
        """The series by id, most popular first, each with its seasons numbered."""
        rows = number_seasons(self.data["series"])
        return by_id(sorted(rows, key=lambda s: -s["votes"]))

    @cached_property
    def movies_by_imdb(self) -> dict[str, Value]:
        """The movies by IMDb's id, which TMDB takes in a movie's path."""
        return {one["imdb"]: one for one in self.movies.values()}

    @cached_property
    def people(self) -> dict[int, Value]:
        """The people by id."""
        names = ("id", "name", "gender", "department", "birthday", "place", "imdb")
        return table(names, self.data["people"])

    @cached_property
    def companies(self) -> dict[int, Value]:
        """The production companies by id."""
        return table(("id", "name", "country"), self.data["companies"])

    @cached_property
    def networks(self) -> dict[int, Value]:
        """The broadcasting networks by id."""
        return table(("id", "name", "country"), self.data["networks"])

    @cached_property
    def keywords(self) -> dict[int, Value]:
        """The keywords by id."""
        return table(("id", "name"), self.data["keywords"])

    @cached_property
    def collections(self) -> dict[int, Value]:
        """The collections by id."""
        return table(("id", "name", "overview"), self.data["collections"])

    @cached_property
    def parts(self) -> dict[str, WorldPart]:
        """Every credit by its id."""
        everyone = [*self._parts_of("movie"), *self._parts_of("tv")]
        return {part.credit_id: part for part in everyone}

    @cached_property
    def _parts_in_titles(self) -> dict[tuple[str, int], list[WorldPart]]:
        found: dict[tuple[str, int], list[WorldPart]] = {}
        for part in self.parts.values():
            found.setdefault((part.media_type, part.title["id"]), []).append(part)
        return found

    @cached_property
    def _parts_of_people(self) -> dict[int, list[WorldPart]]:
        found: dict[int, list[WorldPart]] = {}
        for part in self.parts.values():
            found.setdefault(part.person["id"], []).append(part)
        return found

    @cached_property
    def seasons(self) -> dict[int, Value]:
        """Every season by its own id."""
        return by_id([s for one in self.series.values() for s in all_seasons(one)])

    @cached_property
    def episodes(self) -> dict[int, Value]:
        """Every episode by its own id."""
        return by_id([e for one in self.seasons.values() for e in one["episodes"]])

    def titles(self, media_type: str) -> dict[int, Value]:
        """Movies or series, by TMDB's own word for the kind."""
        return self.movies if media_type == "movie" else self.series

    def parts_in(self, media_type: str, title_id: int) -> list[WorldPart]:
        """The credits of one title: cast first, in order."""
        return self._parts_in_titles.get((media_type, title_id), [])

    def parts_by(self, person_id: int, media_type: str) -> list[WorldPart]:
        """The credits of one person among the movies or the series."""
        parts = self._parts_of_people.get(person_id, [])
        return [part for part in parts if part.media_type == media_type]

    def popularity(self, person_id: int) -> float:
        """Half as popular as the best known title that shows them."""
        parts = self._parts_of_people.get(person_id, [])
        votes: int = max((part.title["votes"] for part in parts), default=0)
        return round(votes / 800, 4)

    def _parts_of(self, media_type: str) -> Iterator[WorldPart]:
        for title in self.titles(media_type).values():
            rows = [(who, role, "Acting") for who, role in title["cast"]]
            rows += [(who, job, department(job)) for who, job in title.get("crew", [])]
            rows += [(who, "Creator", "Writing") for who in title.get("creators", [])]
            for order, (who, role, kind) in enumerate(rows):
                credit = hex_id("credit", media_type, title["id"], who, role)
                person = self.people[who]
                yield WorldPart(credit, person, media_type, title, role, kind, order)


def load(today: date | None = None) -> World:
    """The world of the file titles.json, as it is today."""
    text = (files("streamr.simulator.tmdb") / "titles.json").read_text(encoding="utf-8")
    return World(json.loads(text), today or date.today())


def department(job: str) -> str:
    """The department a job belongs to, as far as our crews go."""
    return "Directing" if job == "Director" else "Writing"


def by_id(rows: list[Value]) -> dict[int, Value]:
    """The rows under their ids, in their order."""
    return {row["id"]: row for row in rows}


def table(names: tuple[str, ...], rows: list[list[object]]) -> dict[int, Value]:
    """Rows of the file's compact form as records by id."""
    return by_id([dict(zip(names, row, strict=True)) for row in rows])


def all_seasons(series: Value) -> list[Value]:
    """The seasons of a series as TMDB lists them: the specials first, as season 0."""
    return [series["specials"], *series["seasons"]]


def number_seasons(series: list[Value]) -> list[Value]:
    """Copies of the series whose seasons have ids, and episodes with ids and dates."""
    season_ids = iter(range(FIRST_SEASON_ID, FIRST_EPISODE_ID))
    episode_ids = iter(range(FIRST_EPISODE_ID, FIRST_EPISODE_ID * 10))
    specials_ids = iter(range(FIRST_SPECIALS_ID, FIRST_SEASON_ID))
    special_ids = iter(range(FIRST_SPECIAL_ID, FIRST_EPISODE_ID))
    numbered = []
    for one in series:
        seasons = [
            make_season(one, number, date.fromisoformat(start), count, episode_ids)
            | {"id": next(season_ids)}
            for number, (start, count) in enumerate(one["seasons"], 1)
        ]
        specials = make_specials(one, special_ids) | {"id": next(specials_ids)}
        numbered.append({**one, "seasons": seasons, "specials": specials})
    return numbered


def make_season(
    one: Value, number: int, start: date, count: int, ids: Iterator[int]
) -> Value:
    """One season of a weekly series, or of one that comes out all at once."""
    step = timedelta(days=0 if one.get("at_once") else 7)
    names = one.get("episodes", []) if number == 1 else []
    rows = [
        (
            (start + index * step).isoformat(),
            names[index] if index < len(names) else f"Episode {index + 1}",
        )
        for index in range(count)
    ]
    return season_of(one, number, f"Season {number}", rows, ids)


def make_specials(one: Value, ids: Iterator[int]) -> Value:
    """Season 0: what the file names, or a look behind the scenes on the first day."""
    name = one["name"]
    rows = one.get("specials") or [(one["seasons"][0][0], f"{name}: Behind the Scenes")]
    return season_of(one, 0, "Specials", rows, ids)


def season_of(
    one: Value,
    number: int,
    name: str,
    rows: Sequence[Sequence[str]],
    ids: Iterator[int],
) -> Value:
    """A season and its episodes, from the day and the name of each."""
    episodes = [
        {
            "id": next(ids),
            "series_id": one["id"],
            "season_number": number,
            "episode_number": index,
            "name": title,
            "air_date": day,
            "last": index == len(rows) and number > 0,
        }
        for index, (day, title) in enumerate(rows, 1)
    ]
    return {
        "series_id": one["id"],
        "season_number": number,
        "name": name,
        "air_date": rows[0][0],
        "episodes": episodes,
    }
