// Express 4 with what is cheapest for it: answers parsed once and kept in a Map, then
// given out by res.json ("Express, API reference": res.json), without a log or a limit.
'use strict';
const express = require('express4');
const direct = require('./upstream')('api.themoviedb.org', process.env.DIRECT_PORT);

const known = new Map();
const app = express();

app.use(async (request, response, next) => {
  try {
    const path = request.originalUrl;
    if (!known.has(path)) known.set(path, (await direct.get(path)).data);
    response.json(known.get(path));
  } catch (error) {
    next(error);
  }
});
app.listen(Number(process.env.MAIN_PORT), '127.0.0.1', 1024);
