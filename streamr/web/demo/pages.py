"""What `streamr demo` adds to the main server; no other daemon has any of it.

    GET  /demo/state                  the fault of each host, and what could be wished
    POST /demo/fault?host=…&fault=…   break something (host: a name, or * for all)
    POST /demo/heal                   mend everything

What is open here, and nowhere else: breaking and mending for who may be at this machine
when the demo runs in a container, and for pages of loopback origins, which may read the
answers as well. OPEN says so on the page.

The simulator is handed in as callables: nothing here knows it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from streamr.errors import Envelope, Refusal
from streamr.tmdb import parameters
from streamr.web.access import Visit, Who
from streamr.web.page import Page, json_page
from streamr.web.router import CHANGE, Handler, Row

EVERYWHERE = "*"


@dataclass(frozen=True, slots=True)
class Demo:
    """The simulator, as far as the web may reach it.

    `faults` tells each host's fault expression, `known` what each fault does;
    `set_fault(host, expression)` raises ValueError with what is allowed. `network` is
    what `streamr doctor` has to know to look into that network: `env_file`, `dns`.
    Pictures are kept below `folder` while it runs.
    """

    faults: Callable[[], Mapping[str, str]]
    known: Mapping[str, str]
    set_fault: Callable[[str, str], None]
    network: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None

    def rows(self, changed: Callable[[], object]) -> list[Row]:
        """The demo's pages and actions for the table of main; `changed` is called when
        something was broken or mended."""

        def acting(act: Callable[[Visit], Page]) -> Handler:
            def acted(visit: Visit) -> Page:
                page = act(visit)
                changed()
                return page

            return acted

        return [
            Row("/demo/state", self._state),
            Row("/demo/fault", acting(self._break), CHANGE, Who.PLAYERS),
            Row("/demo/heal", acting(self._heal), CHANGE, Who.PLAYERS),
        ]

    def _state(self, _visit: Visit | None = None) -> Page:
        hosts = {name: {"fault": fault} for name, fault in self.faults().items()}
        return json_page(200, {"hosts": hosts, "known": dict(self.known)})

    def _break(self, visit: Visit) -> Page:
        _takes(visit, "host", "fault")
        fault = parameters.only("fault", visit.pairs)
        if fault is None:
            known = ", ".join(["none", *self.known])
            raise Refusal(
                400,
                Envelope.INPUT,
                f"Invalid parameter: fault is missing; allowed: {known}.",
            )
        host = parameters.only("host", visit.pairs) or EVERYWHERE
        try:
            # a query's "+" means a space; no fault has one, and joining needs the sign
            self.set_fault(host, fault.replace(" ", "+"))
        except ValueError as error:
            raise Refusal(400, Envelope.INPUT, f"Invalid parameter: {error}") from error
        return self._state()

    def _heal(self, visit: Visit) -> Page:
        _takes(visit)
        self.set_fault(EVERYWHERE, "none")
        return self._state()


def _takes(visit: Visit, *names: str) -> None:
    """Refuse a misspelt parameter: without its host a fault strikes all of them."""
    for name, _ in visit.pairs:
        if name not in names:
            raise parameters.bad(
                repr(name[:40]),
                f"is not a parameter of {visit.path}; "
                f"allowed: {', '.join(names) or 'none'}",
            )
