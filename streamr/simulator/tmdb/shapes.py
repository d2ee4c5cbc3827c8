"""The shapes TMDB gives to things: list items, and the small records in details."""

from streamr.simulator.tmdb.world import Value, World, WorldPart, hex_id, image

LANGUAGES = {
    "en": ("English", "English", "US"),
    "de": ("German", "Deutsch", "DE"),
    "fr": ("French", "Français", "FR"),
    "es": ("Spanish", "Español", "ES"),
    "ja": ("Japanese", "日本語", "JP"),
    "it": ("Italian", "Italiano", "IT"),
    "cn": ("Cantonese", "广州话 / 廣州話", "HK"),
    "fa": ("Persian", "فارسی", "IR"),
    "hi": ("Hindi", "हिन्दी", "IN"),
    "ko": ("Korean", "한국어/조선말", "KR"),
    "pt": ("Portuguese", "Português", "BR"),
}
COUNTRIES = {
    "AU": "Australia",
    "BR": "Brazil",
    "CA": "Canada",
    "CH": "Switzerland",
    "DE": "Germany",
    "ES": "Spain",
    "FR": "France",
    "GB": "United Kingdom",
    "HK": "Hong Kong",
    "IN": "India",
    "IR": "Iran",
    "IT": "Italy",
    "JP": "Japan",
    "KR": "South Korea",
    "MX": "Mexico",
    "NL": "Netherlands",
    "NZ": "New Zealand",
    "US": "United States of America",
}


def title_name(title: Value, language: str) -> str:
    """The title in a language, or the title it is best known by."""
    name: str = title.get("title") or title["name"]
    return str(title["titles"].get(language, name))


def overview(title: Value, language: str) -> str:
    """Our overviews are written in English; other languages have none."""
    return str(title["overview"]) if language == "en" else ""


def popularity(title: Value) -> float:
    """A figure in TMDB's range that follows the votes."""
    return float(round(title["votes"] / 400, 4))


def movie_item(movie: Value, language: str = "en") -> Value:
    """A movie as lists show it."""
    return {
        "adult": False,
        "backdrop_path": image("backdrop", "movie", movie["id"]),
        "genre_ids": movie["genres"],
        "id": movie["id"],
        "original_language": movie.get("language", "en"),
        "original_title": movie.get("original", movie["title"]),
        "overview": overview(movie, language),
        "popularity": popularity(movie),
        "poster_path": image("poster", "movie", movie["id"]),
        "release_date": movie["date"],
        "softcore": False,
        "title": title_name(movie, language),
        "video": False,
        "vote_average": movie["vote"],
        "vote_count": movie["votes"],
    }


def tv_item(series: Value, language: str = "en") -> Value:
    """A series as lists show it."""
    return {
        "adult": False,
        "backdrop_path": image("backdrop", "tv", series["id"]),
        "genre_ids": series["genres"],
        "id": series["id"],
        "origin_country": series["countries"],
        "original_language": series.get("language", "en"),
        "original_name": series.get("original", series["name"]),
        "overview": overview(series, language),
        "popularity": popularity(series),
        "poster_path": image("poster", "tv", series["id"]),
        "first_air_date": series["seasons"][0]["air_date"],
        "name": title_name(series, language),
        "vote_average": series["vote"],
        "vote_count": series["votes"],
    }


def title_item(media_type: str, title: Value, language: str = "en") -> Value:
    """A movie or a series as lists show it."""
    make = movie_item if media_type == "movie" else tv_item
    return make(title, language)


def typed_item(media_type: str, title: Value, language: str = "en") -> Value:
    """The same with its media_type, for lists that mix kinds."""
    return {**title_item(media_type, title, language), "media_type": media_type}


def person_brief(world: World, person: Value) -> Value:
    """A person as credits and lists show them."""
    return {
        "adult": False,
        "gender": person["gender"],
        "id": person["id"],
        "known_for_department": person["department"],
        "name": person["name"],
        "original_name": person["name"],
        "popularity": world.popularity(person["id"]),
        "profile_path": image("profile", person["id"]),
    }


def person_item(world: World, person: Value, language: str = "en") -> Value:
    """A person as people lists show them, with what they are known for."""
    parts = [
        *world.parts_by(person["id"], "movie"),
        *world.parts_by(person["id"], "tv"),
    ]
    best = {(part.media_type, part.title["id"]): part.title for part in parts}
    known_for = [
        typed_item(kind, title, language) for (kind, _), title in list(best.items())[:3]
    ]
    return {**person_brief(world, person), "known_for": known_for}


def credit(world: World, part: WorldPart) -> Value:
    """A person's line in the credits of a title."""
    brief = person_brief(world, part.person)
    if not part.is_cast:
        job = {"department": part.department, "job": part.role}
        return {**brief, "credit_id": part.credit_id, **job}
    cast = {"character": part.role, "credit_id": part.credit_id, "order": part.order}
    return {**brief, **({"cast_id": part.order + 1} | cast)}


def person_credit(part: WorldPart, language: str) -> Value:
    """A title's line in the credits of a person."""
    item = title_item(part.media_type, part.title, language)
    if part.media_type == "tv":
        seasons = part.title["seasons"]
        item["episode_count"] = sum(len(one["episodes"]) for one in seasons)
    if part.is_cast:
        item |= {"character": part.role, "credit_id": part.credit_id}
        return item | ({"order": part.order} if part.media_type == "movie" else {})
    return item | {
        "credit_id": part.credit_id,
        "department": part.department,
        "job": part.role,
    }


def genres(world: World, media_type: str, ids: list[int]) -> list[Value]:
    """Genres as details spell them out."""
    names = world.data["genres"][media_type]
    return [{"id": one, "name": names[str(one)]} for one in ids]


def company(record: Value) -> Value:
    """A company or a network as details show it."""
    return {
        "id": record["id"],
        "logo_path": image("logo", record["name"], suffix="png"),
        "name": record["name"],
        "origin_country": record["country"],
    }


def countries(codes: list[str]) -> list[Value]:
    """Production countries as details spell them out."""
    return [{"iso_3166_1": code, "name": COUNTRIES[code]} for code in codes]


def language_record(code: str) -> Value:
    """A spoken language as details show it."""
    english, own, _ = LANGUAGES[code]
    return {"english_name": english, "iso_639_1": code, "name": own}


def picture(kind: str, size: tuple[int, int], *parts: object) -> Value:
    """One image of an images answer; the first one is the one lists show."""
    width, height = size
    return {
        "aspect_ratio": round(width / height, 3),
        "height": height,
        "iso_3166_1": None,
        "iso_639_1": None,
        "file_path": image(kind, *parts),
        "vote_average": 5.4,
        "vote_count": 12,
        "width": width,
    }


def video(title_id: int, name: str, kind: str, published: str) -> Value:
    """One video of a videos answer. The key is in YouTube's form and made up."""
    key = image("video", title_id, kind)[1:12]
    return {
        "iso_639_1": "en",
        "iso_3166_1": "US",
        "name": f"{name} ({kind})",
        "key": key,
        "site": "YouTube",
        "size": 1080,
        "type": kind,
        "official": True,
        "published_at": f"{published}T12:00:00.000Z",
        "id": hex_id("video", title_id, kind),
    }


def translation(code: str, data: Value) -> Value:
    """One translation of a translations answer."""
    english, own, country = LANGUAGES[code]
    return {
        "iso_3166_1": country,
        "iso_639_1": code,
        "name": own,
        "english_name": english,
        "data": data,
    }
