# Varnish 7 in front of streamr (docs/scaling.md). How long it keeps an answer is what the
# answer says. streamr purges here with
#     STREAMR_TAGS=surrogate-key
#     STREAMR_PURGE_URL=BAN http://127.0.0.1:6081/
vcl 4.1;

backend streamr {
    .host = "127.0.0.1";
    .port = "3001";
    .first_byte_timeout = 20s;
    # not ready: it is stopping, or has nothing to answer with
    .probe = { .url = "/readyz"; .interval = 1s; .timeout = 1s; .window = 3; .threshold = 2; }
}

# who may purge: the machine that streamr is on
acl purgers { "127.0.0.1"; "::1"; }

sub vcl_recv {
    if (req.method == "BAN") {
        # with a comma it came over a proxy on this machine, such as one for TLS: that
        # has to set X-Forwarded-For, or to refuse BAN itself
        if (client.ip !~ purgers || req.http.X-Forwarded-For ~ ",") {
            return (synth(405));
        }
        # a tag has only these characters; anything else would be a pattern
        if (req.http.Surrogate-Key !~ "^[A-Za-z0-9%._~-]+$") {
            return (synth(400));
        }
        ban("obj.http.Surrogate-Key ~ (^|\s)" +
            regsuball(req.http.Surrogate-Key, "\.", "\\.") + "($|\s)");
        return (synth(200));
    }
    if (req.url ~ "^/(3|api/tmdb|t/p)(/|$)") {
        # the key is streamr's own: neither changes an answer
        unset req.http.Authorization;
        unset req.http.Cookie;
        set req.url = regsuball(req.url, "(?<=[?&])api_key=[^&]*(&|$)", "");
        set req.url = regsub(req.url, "[?&]$", "");
    }
}

sub vcl_backend_response {
    # neither an error nor what is stale itself takes the place of an old copy that may
    # still be served
    if (bereq.is_bgfetch && (beresp.status >= 500 || beresp.ttl <= 0s)) {
        return (abandon);
    }
}

sub vcl_deliver {
    # between streamr and the caches in front of it
    unset resp.http.Surrogate-Key;
    unset resp.http.X-Accel-Expires;
}
