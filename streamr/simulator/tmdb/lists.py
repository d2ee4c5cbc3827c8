"""Answers that are lists of titles or people: charts, trends, what is on."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from streamr.simulator.tmdb import shapes
from streamr.simulator.tmdb.changes import CHANGES_DAYS, span
from streamr.simulator.tmdb.details import movie_details, tv_details
from streamr.simulator.tmdb.request import ApiCall, Routes, TMDBRefusal, paged
from streamr.simulator.tmdb.titles import first_date
from streamr.simulator.tmdb.world import Value, World, digest

Key = Callable[[Value], float | str]
WINDOWS = ("day", "week")


def by_votes(title: Value) -> float:
    """Most voted first."""
    return -float(title["votes"])


def by_rating(title: Value) -> float:
    """Best rated first."""
    return -float(title["vote"])


def by_day(title: Value) -> str:
    """In the order in which they came out."""
    return first_date(title)


def shuffled(word: str, title: Value) -> str:
    """An order of its own for each word, the same every time."""
    return digest(word, title["id"]).hex()


def chart(kind: str, key: Key, call: ApiCall) -> Value:
    """All movies or all series in some order."""
    rows = sorted(call.world.titles(kind).values(), key=key)
    return paged(call, rows, partial(shapes.title_item, kind, language=call.language))


def in_cinemas(ahead: int, key: Key, call: ApiCall) -> Value:
    """Now playing and upcoming: a chart with the span of days it stands for."""
    today = call.world.today
    first = today + timedelta(days=ahead)
    dates = {
        "maximum": (first + timedelta(days=42)).isoformat(),
        "minimum": first.isoformat(),
    }
    return {"dates": dates, **chart("movie", key, call)}


def trending(kinds: tuple[str, ...], call: ApiCall) -> Value:
    """What is looked at this day or week, most popular first."""
    window = call.ids["time_window"]
    if window not in WINDOWS:
        raise TMDBRefusal(34)
    rows = [row for kind in kinds for row in looked_at(kind, call.world)]
    rows.sort(key=lambda row: -row[0])
    if window == "week" and len(rows) > 1:
        rows[0], rows[1] = rows[1], rows[0]
    return paged(call, rows, partial(trending_row, call))


def looked_at(kind: str, world: World) -> list[tuple[float, str, Value]]:
    """All titles of a kind, or all people: popularity, kind and record."""
    if kind == "person":
        everybody = world.people.items()
        return [(world.popularity(who), kind, one) for who, one in everybody]
    titles = world.titles(kind).values()
    return [(shapes.popularity(one), kind, one) for one in titles]


def trending_row(call: ApiCall, row: tuple[float, str, Value]) -> Value:
    """One row of a list that mixes kinds."""
    _, kind, record = row
    if kind != "person":
        return shapes.typed_item(kind, record, call.language)
    item = shapes.person_item(call.world, record, call.language)
    return item | {"media_type": "person"}


def popular_people(call: ApiCall) -> Value:
    """GET /3/person/popular."""
    world = call.world
    rows = sorted(world.people.values(), key=lambda one: -world.popularity(one["id"]))
    return paged(call, rows, partial(shapes.person_item, world, language=call.language))


def latest_title(kind: str, call: ApiCall) -> Value:
    """The details of the newest title."""
    newest = max(call.world.titles(kind).values(), key=first_date)
    if kind == "movie":
        return movie_details(ApiCall(call.world, {"movie_id": str(newest["id"])}))
    return tv_details(ApiCall(call.world, {"series_id": str(newest["id"])}))


def changed_ids(kind: str, call: ApiCall) -> Value:
    """The ids that changed in a span of at most 14 days."""
    span(call)
    table = call.world.people if kind == "person" else call.world.titles(kind)
    ids = list(table)[:CHANGES_DAYS]
    return paged(call, [{"id": one, "adult": False} for one in ids])


def trends() -> Routes:
    """The four trending lists."""
    kinds = {
        "all": ("movie", "tv", "person"),
        "movie": ("movie",),
        "tv": ("tv",),
        "person": ("person",),
    }
    return {
        f"/3/trending/{word}/{{time_window}}": partial(trending, which)
        for word, which in kinds.items()
    }


ROUTES: Routes = {
    **trends(),
    "/3/movie/popular": partial(chart, "movie", by_votes),
    "/3/movie/top_rated": partial(chart, "movie", by_rating),
    "/3/movie/now_playing": partial(in_cinemas, -42, partial(shuffled, "now")),
    "/3/movie/upcoming": partial(in_cinemas, 1, partial(shuffled, "upcoming")),
    "/3/movie/latest": partial(latest_title, "movie"),
    "/3/movie/changes": partial(changed_ids, "movie"),
    "/3/tv/popular": partial(chart, "tv", by_votes),
    "/3/tv/top_rated": partial(chart, "tv", by_rating),
    "/3/tv/airing_today": partial(chart, "tv", partial(shuffled, "today")),
    "/3/tv/on_the_air": partial(chart, "tv", by_day),
    "/3/tv/latest": partial(latest_title, "tv"),
    "/3/tv/changes": partial(changed_ids, "tv"),
    "/3/person/popular": popular_people,
    "/3/person/changes": partial(changed_ids, "person"),
}
