"""Answers that movies and series have in common: all that can be appended."""

from functools import partial

from streamr.simulator.tmdb import shapes
from streamr.simulator.tmdb.changes import changed
from streamr.simulator.tmdb.details import (
    ID_NAMES,
    movie_details,
    the_title,
    tv_details,
)
from streamr.simulator.tmdb.request import ApiCall, Handler, Routes, TMDBRefusal, paged
from streamr.simulator.tmdb.world import Value, hex_id, image

PROVIDERS = [
    (8, "Netflix", "flatrate"),
    (2, "Apple TV", "rent"),
    (3, "Google Play Movies", "buy"),
]
PROVIDER_REGIONS = ("DE", "FR", "GB", "US")
RATINGS = {
    "R": {"DE": "16", "GB": "15", "FR": "12"},
    "PG-13": {"DE": "12", "GB": "12A", "FR": "U"},
    "PG": {"DE": "6", "GB": "PG", "FR": "U"},
    "G": {"DE": "0", "GB": "U", "FR": "U"},
    "NR": {},
    "TV-MA": {"DE": "16", "GB": "18"},
    "TV-14": {"DE": "12", "GB": "15"},
    "TV-PG": {"DE": "6", "GB": "12"},
}


def credits(kind: str, call: ApiCall) -> Value:
    """Cast and crew of a title."""
    title = the_title(kind, call)
    parts = call.world.parts_in(kind, title["id"])
    return {
        "id": title["id"],
        "cast": [shapes.credit(call.world, one) for one in parts if one.is_cast],
        "crew": [shapes.credit(call.world, one) for one in parts if not one.is_cast],
    }


def images(kind: str, call: ApiCall) -> Value:
    """Pictures of a title; the first of each kind is the one that lists show."""
    title_id = the_title(kind, call)["id"]
    logo = shapes.picture("logo", (800, 310), kind, title_id)
    return {
        "backdrops": [
            shapes.picture("backdrop", (3840, 2160), kind, title_id),
            shapes.picture("backdrop", (1920, 1080), kind, title_id, "second"),
        ],
        "id": title_id,
        "logos": [logo | {"iso_639_1": "en", "iso_3166_1": "US"}],
        "posters": [
            shapes.picture("poster", (2000, 3000), kind, title_id),
            shapes.picture("poster", (1000, 1500), kind, title_id, "second"),
        ],
    }


def videos(kind: str, call: ApiCall) -> Value:
    """Trailer and teaser of a title."""
    title = the_title(kind, call)
    name = shapes.title_name(title, "en")
    kinds = ("Trailer", "Teaser")
    when = first_date(title)
    results = [shapes.video(title["id"], name, one, when) for one in kinds]
    return {"id": title["id"], "results": results}


def first_date(title: Value) -> str:
    """The day a movie came out or a series began."""
    return str(title.get("date") or title["seasons"][0]["air_date"])


def keywords(kind: str, call: ApiCall) -> Value:
    """A movie's `keywords`; for series TMDB calls the same list `results`."""
    title = the_title(kind, call)
    rows = [call.world.keywords[one] for one in title["keywords"]]
    return {"id": title["id"], "keywords" if kind == "movie" else "results": rows}


def related(kind: str, word: str, call: ApiCall) -> Value:
    """Recommendations, and similar titles: the ones that share a genre."""
    title = the_title(kind, call)
    genres = set(title["genres"])
    others = [
        one
        for one in call.world.titles(kind).values()
        if one is not title and genres & set(one["genres"])
    ]
    others.sort(key=lambda one: -len(genres & set(one["genres"])))
    shape = shapes.title_item if word == "similar" else shapes.typed_item
    return paged(call, others, partial(shape, kind, language=call.language))


def reviews(kind: str, call: ApiCall) -> Value:
    """What a visitor wrote about a title: the page envelope with the title's id."""
    title = the_title(kind, call)
    return {"id": title["id"], **paged(call, [review(kind, title)])}


def review(kind: str, title: Value) -> Value:
    """The one review every title has, in our own words."""
    review_id = hex_id("review", kind, title["id"])
    day = f"{first_date(title)}T09:30:00.000Z"
    name = shapes.title_name(title, "en")
    return {
        "author": "Night Projectionist",
        "author_details": {
            "name": "Night Projectionist",
            "username": "nightprojectionist",
            "avatar_path": None,
            "rating": float(round(title["vote"])),
        },
        "content": f"{name}: watched it twice, and the second time was better.",
        "created_at": day,
        "id": review_id,
        "updated_at": day,
        "url": f"https://www.themoviedb.org/review/{review_id}",
    }


def translations(kind: str, call: ApiCall) -> Value:
    """The languages a title is known in."""
    title = the_title(kind, call)
    word = "title" if kind == "movie" else "name"
    rows = []
    for code in ("en", *title["titles"]):
        own = code == "en"
        data: Value = {
            "homepage": "",
            "overview": title["overview"] if own else "",
            "tagline": title["tagline"] if own else "",
            word: shapes.title_name(title, code),
        }
        extra = {"runtime": title["runtime"]} if kind == "movie" else {}
        rows.append(shapes.translation(code, data | extra))
    return {"id": title["id"], "translations": rows}


def alternative_titles(kind: str, call: ApiCall) -> Value:
    """The titles in other countries; movies say `titles`, series say `results`."""
    title = the_title(kind, call)
    wanted = call.params.get("country")
    rows = [
        {"iso_3166_1": shapes.LANGUAGES[code][2], "title": name, "type": ""}
        for code, name in title["titles"].items()
    ]
    rows = [one for one in rows if wanted in (None, "", one["iso_3166_1"])]
    return {"id": title["id"], "titles" if kind == "movie" else "results": rows}


def external_ids(kind: str, call: ApiCall) -> Value:
    """The title's ids elsewhere."""
    title = the_title(kind, call)
    ids: Value = {"id": title["id"], "imdb_id": title["imdb"]}
    if kind == "tv":
        ids |= {"freebase_mid": None, "freebase_id": None, "tvdb_id": title["tvdb"]}
        ids["tvrage_id"] = None
    social = ("wikidata_id", "facebook_id", "instagram_id", "twitter_id")
    return ids | dict.fromkeys(social)


def watch_providers(kind: str, call: ApiCall) -> Value:
    """Where to watch a title, by country."""
    title = the_title(kind, call)
    return {"id": title["id"], "results": offers(kind, title["id"])}


def offers(kind: str, title_id: int) -> Value:
    """The same three offers in a few countries."""
    link = f"https://www.themoviedb.org/{kind}/{title_id}/watch?locale="
    return {
        region: {"link": link + region}
        | {offer: [provider(number)] for number, _, offer in PROVIDERS}
        for region in PROVIDER_REGIONS
    }


def provider(number: int) -> Value:
    """A watch provider as offers show it."""
    names = {one: name for one, name, _ in PROVIDERS}
    return {
        "logo_path": image("provider", number),
        "provider_id": number,
        "provider_name": names[number],
        "display_priority": list(names).index(number),
    }


def release_dates(call: ApiCall) -> Value:
    """A movie's release and certificate by country."""
    movie = the_title("movie", call)
    rows = [
        {"iso_3166_1": country, "release_dates": [release(movie["date"], mark)]}
        for country, mark in certificates(movie)
    ]
    return {"id": movie["id"], "results": rows}


def certificates(title: Value) -> list[tuple[str, str]]:
    """A title's certificate in each country that has one for it, by country."""
    mark = title["certificate"]
    return sorted({"US": mark, **RATINGS[mark]}.items())


def release(day: str, certificate: str) -> Value:
    """One release in cinemas (type 3)."""
    return {
        "certification": certificate,
        "descriptors": [],
        "iso_639_1": "",
        "note": "",
        "release_date": f"{day}T00:00:00.000Z",
        "type": 3,
    }


def changes(kind: str, call: ApiCall) -> Value:
    """What changed about a title in a span of at most 14 days."""
    title = the_title(kind, call)
    return {"changes": changed(call, "overview", title["id"], title["overview"])}


def account_states(call: ApiCall) -> Value:
    """What only a session may ask."""
    raise TMDBRefusal(3)


COMMON = {
    "account_states": lambda kind, call: account_states(call),
    "alternative_titles": alternative_titles,
    "changes": changes,
    "credits": credits,
    "external_ids": external_ids,
    "images": images,
    "keywords": keywords,
    "recommendations": lambda kind, call: related(kind, "recommendations", call),
    "reviews": reviews,
    "similar": lambda kind, call: related(kind, "similar", call),
    "translations": translations,
    "videos": videos,
    "watch/providers": watch_providers,
}


def common_routes() -> Routes:
    """What movies and series have in common."""
    routes: dict[str, Handler] = {}
    for kind, name in ID_NAMES.items():
        for word, answer in COMMON.items():
            routes[f"/3/{kind}/{{{name}}}/{word}"] = partial(answer, kind)
    return routes


ROUTES: Routes = {
    **common_routes(),
    "/3/movie/{movie_id}": movie_details,
    "/3/movie/{movie_id}/release_dates": release_dates,
    "/3/tv/{series_id}": tv_details,
}
