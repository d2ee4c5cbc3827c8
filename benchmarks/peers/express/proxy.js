// The second server of the pair: asks TMDB's other name.
'use strict';
const express = require('express');
const second = require('./upstream')('api.tmdb.org', process.env.SECOND_PORT);

const app = express();

app.use(async (request, response) => {
  try {
    const answer = await second.get(request.originalUrl);
    response.status(answer.status).json(answer.data);
  } catch (error) {
    const status = error.response ? error.response.status : 503;
    response.status(status).json({ success: false, status_message: error.message });
  }
});
app.listen(Number(process.env.PROXY_PORT), '127.0.0.1', 1024);
