"""Tells twistd that there is a `streamr`. It knows a string, not the code."""

from twisted.application.service import ServiceMaker

streamr = ServiceMaker(
    "streamr", "streamr.service", "A gateway that keeps TMDB reachable.", "streamr"
)
