"""streamr side by side with nginx, HAProxy, Varnish and an Express pair.

    benchmarks/install.sh                       what the rows need, once
    python -m benchmarks.run --quick            a few minutes
    python -m benchmarks.run                    the run that docs/scoreboard.md shows

All traffic stays on loopback, every loop is bounded, and only processes that this
package started are ended, each by its own id.
"""
