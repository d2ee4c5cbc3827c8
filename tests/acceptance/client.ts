// A small front end over the types that openapi-typescript makes of /openapi.json.
// Compiled by test_openapi_sockets.py, never run.
import type { components, operations, paths } from "./api";

type Schemas = components["schemas"];
type Body<Path extends keyof paths> =
  paths[Path] extends { get: { responses: { 200: { content: { "application/json": infer B } } } } }
    ? B
    : never;

async function get<Path extends keyof paths>(path: Path, target: string): Promise<Body<Path>> {
  const response = await fetch(target);
  if (!response.ok) {
    const problem = (await response.json()) as Schemas["GatewayError"];
    const attempts: string[] = problem.details.attempts.map((one) => one.cause);
    throw new Error(`${problem.status_message} (${attempts.join(", ")})`);
  }
  return (await response.json()) as Body<Path>;
}

export async function wall(): Promise<string[]> {
  const list = await get("/api/tmdb/trending", "/api/tmdb/trending");
  return list.results.map((one) => {
    switch (one.media_type) {
      case "movie":
        return one.title;
      case "tv":
        return one.name;
      case "person":
        return one.known_for_department ?? one.name;
    }
  });
}

export async function film(id: string): Promise<string> {
  const details = await get("/3/movie/{movie_id}", `/3/movie/${id}?append_to_response=credits`);
  const stars: string[] = (details.credits?.cast ?? []).map((one) => one.character);
  const offers = details["watch/providers"]?.results["US"]?.flatrate ?? [];
  return `${details.title} ${details.runtime ?? 0} ${stars.join()} ${offers.length}`;
}

export async function countries(): Promise<string[]> {
  const list = await get("/3/configuration/countries", "/3/configuration/countries");
  return list.map((one) => one.english_name);
}

type Discover = NonNullable<operations["discover-movie"]["parameters"]["query"]>;
export const asked: Discover = { page: 2, "vote_average.gte": "7.5" };
type Trending = NonNullable<operations["streamr-trending"]["parameters"]["query"]>;
export const week: Trending = { media_type: "tv", time_window: "week" };

// Each of these has to be an error, or the types would say nothing.
export async function wrong(): Promise<void> {
  const details = await get("/3/movie/{movie_id}", "/3/movie/550");
  // @ts-expect-error a movie has a title, a series has a name
  details.name;
  // @ts-expect-error there may be no poster
  const poster: string = details.poster_path;
  // @ts-expect-error pages are numbers
  const page: Discover = { page: "two" };
  // @ts-expect-error there are four kinds
  const kind: Trending = { media_type: "book" };
  // @ts-expect-error no such endpoint
  await get("/3/movie/{movie_id}/smell", "/3/movie/550/smell");
  // @ts-expect-error searches need words
  const search: operations["search-movie"]["parameters"]["query"] = { page: 1 };
  void [poster, page, kind, search];
}
