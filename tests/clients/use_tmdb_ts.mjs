// tmdb-ts through streamr. It has no setting for the base URL; its official option
// `fetch` takes a function of one's own. It rejects with the body of the error.

import { TMDB } from "tmdb-ts";
import { BASE_URL, ask, details, ids } from "./questions.mjs";

const OLD_URL = "https://api.themoviedb.org/3";
const moved = (url, init) => fetch(url.replace(OLD_URL, BASE_URL), init); // what changes
const tmdb = new TMDB("unused", { fetch: moved }); // what changes

const questions = {
  trending: async () => ids(await tmdb.trending.trending("movie", "week")),
  popular: async () => ids(await tmdb.movies.popular()),
  top_rated: async () => ids(await tmdb.tvShows.topRated()),
  search: async () => ids(await tmdb.search.movies({ query: "fight club" })),
  details: async () =>
    details(await tmdb.movies.details(550, ["credits", "images"])),
  configuration: async () =>
    (await tmdb.configuration.getApiConfiguration()).images.secure_base_url,
  unknown: () => tmdb.movies.details(999999999),
  bad_page: () => tmdb.movies.popular({ page: 501 }),
  // what a browser has to ask for in a preflight
  headers: () =>
    new Promise((tell) => {
      const listening = async (_url, { headers }) => {
        tell(Object.keys(headers));
        return Response.json({});
      };
      new TMDB("unused", { fetch: listening }).movies.popular();
    }),
};

await ask(questions, (error) => {
  if (error.success !== false) throw error;
  return { error: error.constructor.name, says: error.status_message };
});
