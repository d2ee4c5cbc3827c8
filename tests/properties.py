"""Settings for property tests: the same examples in each run, and no verdict on how
quick they are: that would be one on how busy the machine is."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings

# run-tests.sh runs the tests in memory twice, under pytest and under trial; all of the
# examples run under pytest, and this share of them under trial.
SHARE = float(os.environ.get("STREAMR_TEST_EXAMPLES", "1"))


def examples(count: int | None = None, **more: Any) -> settings:
    """So many examples; as many as the profile says without a number."""
    if count is None:
        count = settings.default.max_examples if settings.default is not None else 100
    return settings(
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
        max_examples=max(1, round(count * SHARE)),
        **more,
    )
