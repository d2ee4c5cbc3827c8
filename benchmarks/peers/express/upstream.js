// axios towards one name of TMDB, as its documentation has it: an instance with a base
// URL, a timeout and an https.Agent that keeps connections ("axios.create", "Request
// Config"). `timeout` is 5 s because a good answer may take 3 s.
'use strict';
const fs = require('node:fs');
const https = require('node:https');
const axios = require('axios');

module.exports = function upstream(host, port) {
  return axios.create({
    baseURL: `https://${host}:${port}`,
    timeout: 5000,
    proxy: false,
    headers: { Authorization: `Bearer ${process.env.KEY}` },
    httpsAgent: new https.Agent({
      keepAlive: true,
      ca: fs.readFileSync(process.env.CA_FILE),
      // the name stays in URL, SNI and certificate check; only the address is fixed
      lookup: (name, options, done) =>
        options.all ? done(null, [{ address: '127.0.0.1', family: 4 }])
                    : done(null, '127.0.0.1', 4),
    }),
  });
};
