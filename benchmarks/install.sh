#!/bin/sh
# What the rows need: Debian's own packages, and Express and axios from npm.
# The benchmark itself installs nothing. Debian would start the servers it installs;
# policy-rc.d (see invoke-rc.d(8)) says no to that while we install.
set -eu
cd "$(dirname "$0")"

policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
has() {
    command -v "$1" > /dev/null
}
install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}
apt-get update
install nginx haproxy varnish libfaketime
# what the nodes of a fleet share: rows 25 to 31
has valkey-server || has redis-server || install redis-server || install valkey-server
# who looks at posters: row 24
{ has chromium && has chromedriver; } || install chromium chromium-driver
has npm || install nodejs npm
cd peers/express
npm install --no-audit --no-fund --no-package-lock
