// The main server of the pair: direct first, and on any error the proxy, one after the
// other. Answers are axios' parsed data through res.json, as in any tutorial ("Express,
// Routing"; "axios, Handling Errors": an error has a response or it has none).
'use strict';
const axios = require('axios');
const express = require('express');
const direct = require('./upstream')('api.themoviedb.org', process.env.DIRECT_PORT);

const proxy = axios.create({
  baseURL: `http://127.0.0.1:${process.env.PROXY_PORT}`,
  timeout: 6000,
  proxy: false,
});
const app = express();

app.use(async (request, response) => {
  try {
    const answer = await direct.get(request.originalUrl);
    response.status(answer.status).json(answer.data);
  } catch (first) {
    try {
      const answer = await proxy.get(request.originalUrl);
      response.status(answer.status).json(answer.data);
    } catch (error) {
      const status = error.response ? error.response.status : 503;
      response.status(status).json({ success: false, status_message: error.message });
    }
  }
});
app.listen(Number(process.env.MAIN_PORT), '127.0.0.1', 1024);
