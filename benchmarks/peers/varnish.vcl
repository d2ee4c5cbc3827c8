# Varnish (Debian's package): a cache with grace, a fallback director and probes.
# Words between at signs are filled in by benchmarks/peers.py. TLS: see tls-hop.cfg.
vcl 4.1;

import directors;
import std;

# vcl(7), PROBE: each second, two of three must be good.
probe configuration {
    .request =
        "GET /3/configuration HTTP/1.1"
        "Host: api.themoviedb.org"
        "Authorization: Bearer @key@"
        "Connection: close";
    .interval = @inter@;
    .timeout = 1s;
    .window = 3;
    .threshold = 2;
    .initial = 2;
}

# vcl(7), BACKEND DEFINITION: `.path` for Unix sockets, `.host_header` for probes and
# requests without Host. A good answer of TMDB may take 3 s, so the first byte gets 5.
backend direct {
    .path = "@directory@/direct.sock";
    .host_header = "api.themoviedb.org";
    .connect_timeout = 2s;
    .first_byte_timeout = 5s;
    .between_bytes_timeout = 5s;
    .probe = configuration;
}
backend second {
    .path = "@directory@/second.sock";
    .host_header = "api.tmdb.org";
    .connect_timeout = 2s;
    .first_byte_timeout = 5s;
    .between_bytes_timeout = 5s;
    .probe = configuration;
}

# vmod_directors(3), fallback: the first one that its probe calls healthy.
sub vcl_init {
    new tmdb = directors.fallback();
    tmdb.add_backend(direct);
    tmdb.add_backend(second);
}

sub vcl_recv {
    # VCL steps, vcl_recv: the built-in one would pass requests with cookies
    unset req.http.Cookie;
    set req.http.Host = "tmdb";
    if (req.method != "GET" && req.method != "HEAD") {
        return (synth(405));
    }
    # "Grace mode": up to beresp.grace when no backend is healthy, little otherwise,
    # so that hits are renewed behind while the upstream is well.
    return (hash);
}

sub vcl_backend_fetch {
    # The retry goes to the other name, whatever the probes think.
    set bereq.backend = tmdb.backend();
    if (bereq.retries > 0) {
        set bereq.backend = second;
    }
    set bereq.http.Authorization = "Bearer @key@";
    unset bereq.http.Host;
    return (fetch);
}

sub vcl_backend_response {
    # vcl(7), do_stream: without streaming a body that ends early is a failed fetch and
    # not a cut answer.
    set beresp.do_stream = false;
    # "Grace mode" and RFC 5861: keep serving for 30 days when the upstream is dead.
    set beresp.grace = 30d;
    if (beresp.status == 429 || beresp.status >= 500) {
        if (bereq.retries == 0) {
            return (retry);
        }
        # "Grace mode", misbehaving servers: a background fetch that fails is given up, so
        # that the old copy stays.
        if (bereq.is_bgfetch) {
            return (abandon);
        }
        set beresp.uncacheable = true;
        set beresp.ttl = 0s;
    }
    if (beresp.status != 200 && beresp.status != 404) {
        set beresp.uncacheable = true;
        set beresp.ttl = 0s;
    }
    return (deliver);
}

sub vcl_backend_error {
    if (bereq.retries == 0) {
        return (retry);
    }
    return (deliver);
}

sub vcl_deliver {
    set resp.http.X-Cache-Hits = obj.hits;
}
