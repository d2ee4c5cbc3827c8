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
        if (client.ip !~ purgers) {
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
    # an error does not take the place of an old copy that may still be served
    if (beresp.status >= 500 && bereq.is_bgfetch) {
        return (abandon);
    }
}

sub vcl_deliver {
    # between streamr and the caches in front of it
    unset resp.http.Surrogate-Key;
    unset resp.http.X-Accel-Expires;
}
