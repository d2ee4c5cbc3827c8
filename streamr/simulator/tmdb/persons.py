"""Answers about people and their credits."""

from streamr.simulator.tmdb import shapes
from streamr.simulator.tmdb.changes import changed
from streamr.simulator.tmdb.request import ApiCall, Routes, known, paged
from streamr.simulator.tmdb.world import Value, image

KINDS = ("movie", "tv")


def the_person(call: ApiCall) -> Value:
    """The person that the path names."""
    return call.found(call.world.people, "person_id")


def details(call: ApiCall) -> Value:
    """GET /3/person/{person_id}."""
    person = the_person(call)
    return {
        "adult": False,
        "also_known_as": [],
        "biography": biography(call, person),
        "birthday": person["birthday"],
        "deathday": call.world.data["deaths"].get(str(person["id"])),
        "gender": person["gender"],
        "homepage": None,
        "id": person["id"],
        "imdb_id": person["imdb"],
        "known_for_department": person["department"],
        "name": person["name"],
        "place_of_birth": person["place"],
        "popularity": call.world.popularity(person["id"]),
        "profile_path": image("profile", person["id"]),
    }


def latest(call: ApiCall) -> Value:
    """GET /3/person/latest: the person with the highest id."""
    newest = max(call.world.people)
    return details(ApiCall(call.world, {"person_id": str(newest)}, call.params))


def biography(call: ApiCall, person: Value) -> str:
    """One sentence of our own, made from what the person is known for."""
    if call.language != "en":
        return ""
    parts = [p for kind in KINDS for p in call.world.parts_by(person["id"], kind)]
    names = dict.fromkeys(shapes.title_name(part.title, "en") for part in parts)
    return f"{person['name']} is known for {', '.join(list(names)[:4])}."


def credits_in(kinds: tuple[str, ...], call: ApiCall) -> Value:
    """A person's credits, in movies, in series or in both."""
    person = the_person(call)
    cast: list[Value] = []
    crew: list[Value] = []
    for kind in kinds:
        for part in call.world.parts_by(person["id"], kind):
            line = shapes.person_credit(part, call.language)
            if len(kinds) > 1:
                line["media_type"] = kind
            (cast if part.is_cast else crew).append(line)
    return {"cast": cast, "crew": crew, "id": person["id"]}


def external_ids(call: ApiCall) -> Value:
    """A person's ids elsewhere."""
    person = the_person(call)
    names = ("freebase_mid", "freebase_id", "tvrage_id", "wikidata_id", "facebook_id")
    social = ("instagram_id", "tiktok_id", "twitter_id", "youtube_id")
    ids = {"id": person["id"], "imdb_id": person["imdb"]}
    return ids | dict.fromkeys(names) | dict.fromkeys(social)


def images(call: ApiCall) -> Value:
    """Portraits of a person; the first is the one that lists show."""
    person_id = the_person(call)["id"]
    return {
        "id": person_id,
        "profiles": [
            shapes.picture("profile", (1000, 1500), person_id),
            shapes.picture("profile", (800, 1200), person_id, "second"),
        ],
    }


def tagged_images(call: ApiCall) -> Value:
    """Pictures of titles with the person in them."""
    person = the_person(call)
    rows = []
    for kind in KINDS:
        for part in call.world.parts_by(person["id"], kind):
            media = shapes.typed_item(kind, part.title)
            picture = shapes.picture("backdrop", (3840, 2160), kind, part.title["id"])
            extra = {"image_type": "backdrop", "media": media, "media_type": kind}
            rows.append(picture | extra | {"id": part.credit_id})
    return {"id": person["id"], **paged(call, rows)}


def translations(call: ApiCall) -> Value:
    """The languages a person's page is known in."""
    person = the_person(call)
    data = {"biography": biography(call, person), "name": person["name"]}
    return {"id": person["id"], "translations": [shapes.translation("en", data)]}


def changes(call: ApiCall) -> Value:
    """What changed about a person."""
    person = the_person(call)
    return {"changes": changed(call, "name", person["id"], person["name"])}


def credit(call: ApiCall) -> Value:
    """GET /3/credit/{credit_id}: one person's part in one title."""
    part = known(call.world.parts, call.ids["credit_id"])
    media = shapes.typed_item(part.media_type, part.title, call.language)
    if part.is_cast:
        media["character"] = part.role
    if part.media_type == "tv":
        media |= {"episodes": [], "seasons": []}
    return {
        "credit_type": "cast" if part.is_cast else "crew",
        "department": part.department,
        "job": "Actor" if part.is_cast else part.role,
        "media": media,
        "media_type": part.media_type,
        "id": part.credit_id,
        "person": {
            **shapes.person_brief(call.world, part.person),
            "media_type": "person",
        },
    }


PERSON = "/3/person/{person_id}"
ROUTES: Routes = {
    PERSON: details,
    f"{PERSON}/changes": changes,
    f"{PERSON}/combined_credits": lambda call: credits_in(KINDS, call),
    f"{PERSON}/external_ids": external_ids,
    f"{PERSON}/images": images,
    f"{PERSON}/movie_credits": lambda call: credits_in(("movie",), call),
    f"{PERSON}/tv_credits": lambda call: credits_in(("tv",), call),
    f"{PERSON}/tagged_images": tagged_images,
    f"{PERSON}/translations": translations,
    "/3/person/latest": latest,
    "/3/credit/{credit_id}": credit,
}
