"""Steps of the examination: is what would be advised any good?"""

from __future__ import annotations

from streamr.doctor.diagnosis.advice import Option, open_options
from streamr.doctor.diagnosis.diagnose import judge
from streamr.doctor.evidence import Place, Tried
from streamr.doctor.probe.http import SMALL, Asker
from streamr.doctor.probe.run import Case

# So many settings are tried at most: what is advised is the first that works.
MOST_OPTIONS = 3


class Advising:
    """Makes requests as if a setting were what it would be."""

    def __init__(self, case: Case, asker: Asker) -> None:
        self._case = case
        self._asker = asker

    async def try_options(self) -> None:
        """The best first, until one works."""
        for _ in range(MOST_OPTIONS):
            facts = self._case.facts()
            verdicts = judge(facts.evidence).verdicts
            option = next(open_options(facts, verdicts), None)
            if option is None or option.place is None:
                return
            self._case.tell("advice", option.setting)
            self._case.tried.append(await self._try(option, option.place))

    async def _try(self, option: Option, place: Place) -> Tried:
        url = self._case.url(option.host)
        reply = await self._asker.tmdb(url, option.profile, place, SMALL)
        return Tried(option.kind, option.value, reply.cause, reply.ms, reply.status)
