// moviedb-promise through streamr. The base URL is its constructor's second argument.

import { isAxiosError } from "axios";
import { MovieDb } from "moviedb-promise";
import { BASE_URL, ask, details, ids } from "./questions.mjs";

const tmdb = new MovieDb("unused", BASE_URL + "/"); // what changes

const questions = {
  trending: async () =>
    ids(await tmdb.trending({ media_type: "movie", time_window: "week" })),
  popular: async () => ids(await tmdb.moviePopular()),
  top_rated: async () => ids(await tmdb.tvTopRated()),
  search: async () => ids(await tmdb.searchMovie("fight club")),
  details: async () =>
    details(await tmdb.movieInfo({ id: 550, append_to_response: "credits,images" })),
  configuration: async () => (await tmdb.configuration()).images.secure_base_url,
  unknown: () => tmdb.movieInfo(999999999),
  bad_page: () => tmdb.moviePopular({ page: 501 }),
  for_a_user: () => tmdb.requestToken(),
};

await ask(questions, (error) => {
  if (!isAxiosError(error)) throw error;
  const { data, status } = error.response;
  return { error: error.name, says: `${status} ${data.status_message}` };
});
