"""Answers to questions: search, discover, find."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from streamr.simulator.tmdb import shapes
from streamr.simulator.tmdb.details import collection_brief
from streamr.simulator.tmdb.request import ApiCall, MissingQuery, Routes, paged
from streamr.simulator.tmdb.titles import first_date
from streamr.simulator.tmdb.world import Value, image

Test = Callable[[ApiCall, Value, str], bool]


def query(call: ApiCall) -> str:
    """The words to look for."""
    words = call.params.get("query", "").strip().casefold()
    if not words:
        raise MissingQuery
    return words


def names(title: Value) -> Iterable[str]:
    """Every name a title is known by."""
    yield title.get("title") or title["name"]
    yield title.get("original", "")
    yield from title["titles"].values()


def matches(words: str, title: Value) -> bool:
    """Does one of the title's names hold the words?"""
    return any(words in name.casefold() for name in names(title))


def year_fits(call: ApiCall, title: Value, *parameters: str) -> bool:
    """Does the title's year agree with the years asked for?"""
    wanted = [call.params[name] for name in parameters if call.params.get(name)]
    return all(first_date(title)[:4] == year for year in wanted)


YEARS = {
    "movie": ("year", "primary_release_year"),
    "tv": ("year", "first_air_date_year"),
}


def found_titles(kind: str, call: ApiCall) -> list[Value]:
    """The movies or series that a query finds."""
    words = query(call)
    return [
        one
        for one in call.world.titles(kind).values()
        if matches(words, one) and year_fits(call, one, *YEARS[kind])
    ]


def search_titles(kind: str, call: ApiCall) -> Value:
    """Search among movies or series."""
    rows = found_titles(kind, call)
    return paged(call, rows, partial(shapes.title_item, kind, language=call.language))


def named(call: ApiCall, table: Mapping[int, Value]) -> list[Value]:
    """The records whose name holds the query."""
    words = query(call)
    return [one for one in table.values() if words in one["name"].casefold()]


def search_people(call: ApiCall) -> Value:
    """Search among people."""
    rows = named(call, call.world.people)
    found = [shapes.person_item(call.world, one, call.language) for one in rows]
    return paged(call, sorted(found, key=lambda row: -row["popularity"]))


def search_multi(call: ApiCall) -> Value:
    """Search among movies, series and people at once."""
    found = [
        shapes.typed_item(kind, one, call.language)
        for kind in ("movie", "tv")
        for one in found_titles(kind, call)
    ]
    for person in named(call, call.world.people):
        row = shapes.person_item(call.world, person, call.language)
        found.append(row | {"media_type": "person"})
    return paged(call, sorted(found, key=lambda row: -row["popularity"]))


def search_companies(call: ApiCall) -> Value:
    """Search among production companies."""
    rows = named(call, call.world.companies)
    return paged(call, [shapes.company(one) for one in rows])


def search_keywords(call: ApiCall) -> Value:
    """Search among keywords."""
    return paged(call, named(call, call.world.keywords))


def search_collections(call: ApiCall) -> Value:
    """Search among collections."""
    rows = []
    for one in named(call, call.world.collections):
        brief = collection_brief(call, one["id"]) or {}
        rows.append(brief | collection_extras(one))
    return paged(call, rows)


def collection_extras(collection: Value) -> Value:
    """What a found collection shows beyond its name and pictures."""
    return {
        "adult": False,
        "original_language": "en",
        "original_name": collection["name"],
        "overview": collection["overview"],
    }


def wanted_ids(text: str) -> tuple[Callable[[Iterable[bool]], bool], set[str]]:
    """TMDB's id lists: a comma means and, a pipe means or."""
    every = "|" not in text
    ids = {one.strip() for one in text.replace("|", ",").split(",")} - {""}
    return (all if every else any), ids


def has(ids: Iterable[object], text: str) -> bool:
    """Does a title with these ids fit the list asked for?"""
    combine, wanted = wanted_ids(text)
    own = {str(one) for one in ids}
    return combine(one in own for one in wanted)


def number(text: str) -> float | None:
    """A number of a parameter; nonsense is ignored."""
    try:
        return float(text)
    except ValueError:
        return None


def at_least(call: ApiCall, value: float, text: str) -> bool:
    """value >= text, when text is a number."""
    limit = number(text)
    return limit is None or value >= limit


def at_most(call: ApiCall, value: float, text: str) -> bool:
    """value <= text, when text is a number."""
    limit = number(text)
    return limit is None or value <= limit


def people_in(title: Value, *lists: str) -> list[int]:
    """The ids of the people in these lists of a title."""
    return [row[0] for name in lists for row in title.get(name, [])]


DATE_NAMES = ("primary_release_date", "release_date", "first_air_date", "air_date")
TESTS: dict[str, Test] = {
    "with_genres": lambda call, one, text: has(one["genres"], text),
    "without_genres": lambda call, one, text: (
        not has(one["genres"], text.replace(",", "|") + "|")
    ),
    "with_keywords": lambda call, one, text: has(one["keywords"], text),
    "without_keywords": lambda call, one, text: (
        not has(one["keywords"], text.replace(",", "|") + "|")
    ),
    "with_companies": lambda call, one, text: has(one["companies"], text),
    "with_networks": lambda call, one, text: has(one.get("networks", ()), text),
    "with_cast": lambda call, one, text: has(people_in(one, "cast"), text),
    "with_crew": lambda call, one, text: has(people_in(one, "crew"), text),
    "with_people": lambda call, one, text: has(people_in(one, "cast", "crew"), text),
    "with_original_language": lambda call, one, text: has(
        [one.get("language", "en")], text
    ),
    "with_origin_country": lambda call, one, text: has(one["countries"], text),
    "year": lambda call, one, text: first_date(one)[:4] == text,
    "primary_release_year": lambda call, one, text: first_date(one)[:4] == text,
    "first_air_date_year": lambda call, one, text: first_date(one)[:4] == text,
    "vote_average.gte": lambda call, one, text: at_least(call, one["vote"], text),
    "vote_average.lte": lambda call, one, text: at_most(call, one["vote"], text),
    "vote_count.gte": lambda call, one, text: at_least(call, one["votes"], text),
    "vote_count.lte": lambda call, one, text: at_most(call, one["votes"], text),
    "with_runtime.gte": lambda call, one, text: at_least(call, one["runtime"], text),
    "with_runtime.lte": lambda call, one, text: at_most(call, one["runtime"], text),
    **{f"{n}.gte": lambda call, one, text: first_date(one) >= text for n in DATE_NAMES},
    **{f"{n}.lte": lambda call, one, text: first_date(one) <= text for n in DATE_NAMES},
}
ORDERS: dict[str, Callable[[Value], float | str]] = {
    "popularity": lambda one: one["votes"],
    "vote_average": lambda one: one["vote"],
    "vote_count": lambda one: one["votes"],
    "revenue": lambda one: one.get("revenue", 0),
    "release_date": first_date,
    "primary_release_date": first_date,
    "first_air_date": first_date,
    "title": lambda one: one.get("title") or one["name"],
    "name": lambda one: one.get("title") or one["name"],
    "original_title": lambda one: one.get("original") or one.get("title", ""),
    "original_name": lambda one: one.get("original") or one.get("name", ""),
}


def discover(kind: str, call: ApiCall) -> Value:
    """Titles by their properties. Unknown filters are ignored."""
    asked = [
        (test, text)
        for name, test in TESTS.items()
        if (text := call.params.get(name, ""))
    ]
    rows = [
        one
        for one in call.world.titles(kind).values()
        if all(test(call, one, text) for test, text in asked)
    ]
    word, _, direction = call.params.get("sort_by", "popularity.desc").rpartition(".")
    order = ORDERS.get(word, ORDERS["popularity"])
    rows.sort(key=order, reverse=direction != "asc")
    return paged(call, rows, partial(shapes.title_item, kind, language=call.language))


ARRAYS = (
    "movie_results",
    "person_results",
    "tv_results",
    "tv_episode_results",
    "tv_season_results",
)
SOURCES = {"imdb_id": "imdb", "tvdb_id": "tvdb"}


def find(call: ApiCall) -> Value:
    """GET /3/find/{external_id}: what another site's id stands for."""
    field = SOURCES.get(call.params.get("external_source", ""))
    wanted = call.ids["external_id"]
    found: dict[str, list[Value]] = {name: [] for name in ARRAYS}
    for kind in ("movie", "tv"):
        for one in call.world.titles(kind).values():
            if field and str(one.get(field)) == wanted:
                row = shapes.typed_item(kind, one, call.language)
                found[f"{kind}_results"].append(row)
    for one in call.world.people.values():
        if field and str(one.get(field)) == wanted:
            row = shapes.person_item(call.world, one, call.language)
            found["person_results"].append(row | {"media_type": "person"})
    return found


def keyword_movies(call: ApiCall) -> Value:
    """GET /3/keyword/{keyword_id}/movies."""
    number = call.found(call.world.keywords, "keyword_id")["id"]
    return movies_with("keywords", number, call)


def movies_with(field: str, number: int, call: ApiCall) -> Value:
    """The movies that have a genre, a company or a keyword, with its id."""
    rows = [one for one in call.world.movies.values() if number in one[field]]
    make = partial(shapes.movie_item, language=call.language)
    return {"id": number, **paged(call, rows, make)}


def collection(call: ApiCall) -> Value:
    """GET /3/collection/{collection_id}: its parts in the order they came out."""
    record = call.found(call.world.collections, "collection_id")
    parts = [m for m in call.world.movies.values() if m["collection"] == record["id"]]
    parts.sort(key=first_date)
    return {
        "id": record["id"],
        "name": record["name"],
        "original_language": "en",
        "original_name": record["name"],
        "overview": record["overview"] if call.language == "en" else "",
        "poster_path": image("poster", "collection", record["id"]),
        "backdrop_path": image("backdrop", "collection", record["id"]),
        "parts": [shapes.typed_item("movie", one, call.language) for one in parts],
    }


ROUTES: Routes = {
    "/3/search/movie": partial(search_titles, "movie"),
    "/3/search/tv": partial(search_titles, "tv"),
    "/3/search/person": search_people,
    "/3/search/multi": search_multi,
    "/3/search/company": search_companies,
    "/3/search/keyword": search_keywords,
    "/3/search/collection": search_collections,
    "/3/discover/movie": partial(discover, "movie"),
    "/3/discover/tv": partial(discover, "tv"),
    "/3/find/{external_id}": find,
    "/3/keyword/{keyword_id}/movies": keyword_movies,
    "/3/collection/{collection_id}": collection,
}
