"""What changed: the span of days that may be asked about, and one change."""

from datetime import date, timedelta

from streamr.simulator.tmdb.request import ApiCall, TMDBRefusal
from streamr.simulator.tmdb.world import Value, hex_id

CHANGES_DAYS = 14


def changed(call: ApiCall, key: str, who: int, value: str) -> list[Value]:
    """One change, on the last day of the span."""
    _, end = span(call)
    item = {
        "id": hex_id("change", key, who),
        "action": "updated",
        "time": f"{end} 06:00:00 UTC",
        "iso_639_1": "en",
        "iso_3166_1": "US",
        "value": value,
        "original_value": "",
    }
    return [{"key": key, "items": [item]}]


def span(call: ApiCall) -> tuple[date, date]:
    """The days asked about: one day by default, fourteen at most."""
    end = day_of(call.params.get("end_date"), call.world.today)
    start = day_of(call.params.get("start_date"), end - timedelta(days=1))
    if not 0 <= (end - start).days <= CHANGES_DAYS:
        raise TMDBRefusal(20)
    return start, end


def day_of(text: str | None, default: date) -> date:
    """A day of a parameter; nonsense is ignored, as unknown parameters are."""
    try:
        return date.fromisoformat(text) if text else default
    except ValueError:
        return default
