"""Answers that hardly ever change: configuration, certifications, names of things."""

from functools import partial

from streamr.simulator.tmdb import shapes
from streamr.simulator.tmdb.request import ApiCall, Routes, TMDBRefusal
from streamr.simulator.tmdb.titles import PROVIDER_REGIONS, PROVIDERS, provider, review
from streamr.simulator.tmdb.world import Value, hex_id, image

SIZES = {
    "backdrop_sizes": ["w300", "w780", "w1280", "original"],
    "logo_sizes": ["w45", "w92", "w154", "w185", "w300", "w500", "original"],
    "poster_sizes": ["w92", "w154", "w185", "w342", "w500", "w780", "original"],
    "profile_sizes": ["w45", "w185", "h632", "original"],
    "still_sizes": ["w92", "w185", "w300", "original"],
}
CHANGE_KEYS = """
adult air_date also_known_as alternative_titles biography birthday budget cast
certifications character_names created_by crew deathday episode episode_number
episode_run_time freebase_id freebase_mid general genres guest_stars homepage
images imdb_id languages name network origin_country original_name
original_title overview parts place_of_birth plot_keywords production_code
production_companies production_countries releases revenue runtime season
season_number season_regular spoken_languages status tagline title translations
tvdb_id tvrage_id type video videos
"""
TIMEZONES = {
    "AU": ["Australia/Melbourne", "Australia/Sydney"],
    "CA": ["America/Toronto", "America/Vancouver"],
    "CH": ["Europe/Zurich"],
    "DE": ["Europe/Berlin"],
    "ES": ["Europe/Madrid"],
    "FR": ["Europe/Paris"],
    "GB": ["Europe/London"],
    "IT": ["Europe/Rome"],
    "JP": ["Asia/Tokyo"],
    "NZ": ["Pacific/Auckland"],
    "US": ["America/New_York", "America/Chicago", "America/Los_Angeles"],
}
JOBS = {
    "Directing": ["Director", "First Assistant Director", "Script Supervisor"],
    "Writing": ["Creator", "Screenplay", "Story", "Writer"],
    "Actors": ["Actor", "Stunt Double", "Voice"],
    "Editing": ["Editor"],
    "Production": ["Casting", "Executive Producer", "Producer"],
    "Sound": ["Original Music Composer", "Sound Designer"],
    "Camera": ["Director of Photography"],
}
MOVIE_MARKS = {
    "US": ["NR", "G", "PG", "PG-13", "R", "NC-17"],
    "GB": ["U", "PG", "12A", "12", "15", "18"],
    "DE": ["0", "6", "12", "16", "18"],
    "FR": ["U", "10", "12", "16", "18"],
}
TV_MARKS = {
    "US": ["NR", "TV-Y", "TV-Y7", "TV-G", "TV-PG", "TV-14", "TV-MA"],
    "GB": ["U", "PG", "12", "15", "18"],
    "DE": ["0", "6", "12", "16", "18"],
}
TRANSLATIONS = ["de-DE", "en-GB", "en-US", "es-ES", "fr-FR", "it-IT", "ja-JP"]


def configuration(call: ApiCall) -> Value:
    """GET /3/configuration: where images are and in which sizes."""
    images = {
        "base_url": "http://image.tmdb.org/t/p/",
        "secure_base_url": "https://image.tmdb.org/t/p/",
        **SIZES,
    }
    return {"images": images, "change_keys": CHANGE_KEYS.split()}


def countries(call: ApiCall) -> list[Value]:
    """GET /3/configuration/countries, a bare array."""
    return [
        {"iso_3166_1": code, "english_name": name, "native_name": name}
        for code, name in shapes.COUNTRIES.items()
    ]


def languages(call: ApiCall) -> list[Value]:
    """GET /3/configuration/languages, a bare array."""
    return [
        {"iso_639_1": code, "english_name": english, "name": own}
        for code, (english, own, _) in shapes.LANGUAGES.items()
    ]


def timezones(call: ApiCall) -> list[Value]:
    """GET /3/configuration/timezones, a bare array."""
    return [{"iso_3166_1": code, "zones": zones} for code, zones in TIMEZONES.items()]


def jobs(call: ApiCall) -> list[Value]:
    """GET /3/configuration/jobs, a bare array."""
    return [{"department": word, "jobs": names} for word, names in JOBS.items()]


def primary_translations(call: ApiCall) -> list[str]:
    """GET /3/configuration/primary_translations, a bare array."""
    return TRANSLATIONS


def certifications(marks: dict[str, list[str]], call: ApiCall) -> Value:
    """The certificates of each country, in their order."""
    return {
        "certifications": {
            country: [
                {"certification": mark, "meaning": "", "order": order}
                for order, mark in enumerate(names)
            ]
            for country, names in marks.items()
        }
    }


def genre_list(kind: str, call: ApiCall) -> Value:
    """All genres of movies or series."""
    ids = [int(one) for one in call.world.data["genres"][kind]]
    return {"genres": shapes.genres(call.world, kind, ids)}


def providers(call: ApiCall) -> Value:
    """All watch providers."""
    priorities = dict.fromkeys(PROVIDER_REGIONS, 1)
    rows = [
        {"display_priorities": priorities, **provider(number)}
        for number, _, _ in PROVIDERS
    ]
    return {"results": rows}


def provider_regions(call: ApiCall) -> Value:
    """The countries with watch providers."""
    names = shapes.COUNTRIES
    return {
        "results": [
            {"iso_3166_1": r, "english_name": names[r], "native_name": names[r]}
            for r in PROVIDER_REGIONS
        ]
    }


def company(call: ApiCall) -> Value:
    """GET /3/company/{company_id}."""
    record = call.found(call.world.companies, "company_id")
    more = {"description": "", "headquarters": "", "homepage": ""}
    return more | shapes.company(record) | {"parent_company": None}


def network(call: ApiCall) -> Value:
    """GET /3/network/{network_id}."""
    record = call.found(call.world.networks, "network_id")
    return {"headquarters": "", "homepage": "", **shapes.company(record)}


def alternative_names(table: str, name: str, call: ApiCall) -> Value:
    """Other names of a company or a network: none are known."""
    record = call.found(getattr(call.world, table), name)
    return {"id": record["id"], "results": []}


def logos(table: str, name: str, call: ApiCall) -> Value:
    """The logo of a company or a network, the one that details show."""
    record = call.found(getattr(call.world, table), name)
    logo: Value = {
        "aspect_ratio": 2.58,
        "file_path": image("logo", record["name"], suffix="png"),
        "height": 310,
        "id": hex_id("logo", record["name"]),
        "file_type": ".png",
        "vote_average": 5.3,
        "vote_count": 3,
        "width": 800,
    }
    return {"id": record["id"], "logos": [logo]}


def keyword(call: ApiCall) -> Value:
    """GET /3/keyword/{keyword_id}."""
    return call.found(call.world.keywords, "keyword_id")


def collection_images(call: ApiCall) -> Value:
    """Pictures of a collection."""
    number = call.found(call.world.collections, "collection_id")["id"]
    return {
        "id": number,
        "backdrops": [
            shapes.picture("backdrop", (1920, 1080), "collection", number),
        ],
        "posters": [shapes.picture("poster", (1000, 1500), "collection", number)],
    }


def collection_translations(call: ApiCall) -> Value:
    """The languages a collection is known in."""
    record = call.found(call.world.collections, "collection_id")
    data = {"title": record["name"], "overview": record["overview"], "homepage": ""}
    return {"id": record["id"], "translations": [shapes.translation("en", data)]}


def review_details(call: ApiCall) -> Value:
    """GET /3/review/{review_id}."""
    wanted = call.ids["review_id"]
    for kind in ("movie", "tv"):
        for title in call.world.titles(kind).values():
            if hex_id("review", kind, title["id"]) == wanted:
                media = {
                    "iso_639_1": "en",
                    "media_id": title["id"],
                    "media_title": shapes.title_name(title, "en"),
                    "media_type": kind,
                }
                return review(kind, title) | media
    raise TMDBRefusal(34)


def validate_key(call: ApiCall) -> Value:
    """GET /3/authentication: the key is good, or we would not be here."""
    return {"success": True, "status_code": 1, "status_message": "Success."}


def session_only(call: ApiCall) -> Value:
    """What only a session may ask."""
    raise TMDBRefusal(3)


SESSIONS = (
    "/3/account/{account_id}",
    "/3/account/{account_id}/favorite/movies",
    "/3/account/{account_id}/favorite/tv",
    "/3/account/{account_id}/lists",
    "/3/account/{account_id}/rated/movies",
    "/3/account/{account_id}/rated/tv",
    "/3/account/{account_id}/rated/tv/episodes",
    "/3/account/{account_id}/watchlist/movies",
    "/3/account/{account_id}/watchlist/tv",
    "/3/authentication/guest_session/new",
    "/3/authentication/token/new",
    "/3/guest_session/{guest_session_id}/rated/movies",
    "/3/guest_session/{guest_session_id}/rated/tv",
    "/3/guest_session/{guest_session_id}/rated/tv/episodes",
)
ROUTES: Routes = {
    **dict.fromkeys(SESSIONS, session_only),
    "/3/authentication": validate_key,
    "/3/certification/movie/list": partial(certifications, MOVIE_MARKS),
    "/3/certification/tv/list": partial(certifications, TV_MARKS),
    "/3/collection/{collection_id}/images": collection_images,
    "/3/collection/{collection_id}/translations": collection_translations,
    "/3/company/{company_id}": company,
    "/3/company/{company_id}/alternative_names": partial(
        alternative_names, "companies", "company_id"
    ),
    "/3/company/{company_id}/images": partial(logos, "companies", "company_id"),
    "/3/configuration": configuration,
    "/3/configuration/countries": countries,
    "/3/configuration/jobs": jobs,
    "/3/configuration/languages": languages,
    "/3/configuration/primary_translations": primary_translations,
    "/3/configuration/timezones": timezones,
    "/3/genre/movie/list": partial(genre_list, "movie"),
    "/3/genre/tv/list": partial(genre_list, "tv"),
    "/3/keyword/{keyword_id}": keyword,
    "/3/network/{network_id}": network,
    "/3/network/{network_id}/alternative_names": partial(
        alternative_names, "networks", "network_id"
    ),
    "/3/network/{network_id}/images": partial(logos, "networks", "network_id"),
    "/3/review/{review_id}": review_details,
    "/3/watch/providers/movie": providers,
    "/3/watch/providers/tv": providers,
    "/3/watch/providers/regions": provider_regions,
}
