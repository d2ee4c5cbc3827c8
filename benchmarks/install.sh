#!/bin/sh
# What the peers need: Debian's own packages, and Express and axios from npm.
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
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    nginx haproxy varnish libfaketime
command -v npm > /dev/null ||
    DEBIAN_FRONTEND=noninteractive apt-get install -y nodejs npm
cd peers/express
npm install --no-audit --no-fund --no-package-lock
