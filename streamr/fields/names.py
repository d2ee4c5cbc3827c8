"""The names of the HTTP fields that both ends of a hop speak: main and proxy, daemon
and command. Field names are compared without regard to case (RFC 9110, 5.1)."""

from __future__ import annotations

# The id under which a request stands in every log on its way.
REQUEST_ID = "X-Request-Id"
# Main to proxy: how long it will wait, in whole milliseconds; it may only shorten.
DEADLINE = "Streamr-Deadline-Ms"
# Main to proxy: hosts that were just found silent, to be tried last.
SILENT = "Streamr-Silent"
# Main to the proxy on its machine: the causes for which the direct route has failed.
FAILED = "Streamr-Failed"
# A command on this machine: TMDB's answer instead of a stored one.
FRESH = "Streamr-Fresh"
# To every caller: parameters of the request that stayed here.
DROPPED = "Streamr-Dropped"
# In the demo alone: the fault that the caller wishes for.
FAULT = "Streamr-Fault"

# Cloudflare's id of a request that came through it.
CF_RAY = "CF-Ray"

# To caches in front: RFC 9213's field for CDNs, and how many seconds nginx may keep an
# answer, because it does not count the Age that an answer has when it comes.
CDN_CACHE_CONTROL = "CDN-Cache-Control"
ACCEL_EXPIRES = "X-Accel-Expires"

# RFC 8586, RFC 9209, RFC 9211, and W3C's Server-Timing.
CDN_LOOP = "CDN-Loop"
PROXY_STATUS = "Proxy-Status"
CACHE_STATUS = "Cache-Status"
SERVER_TIMING = "Server-Timing"
