// Asks a client one question after another and prints what came of it, as JSON.
// Started as `node use_….mjs BASE_URL [QUESTION …]`; without names all are asked.

export const [BASE_URL, ...named] = process.argv.slice(2);

// `tell` makes of an error that the client promises { error, says }; any other ends
// the script.
export async function ask(questions, tell) {
  const told = {};
  for (const name of named.length ? named : Object.keys(questions)) {
    const began = performance.now();
    try {
      told[name] = { answer: await questions[name]() };
    } catch (error) {
      told[name] = tell(error);
    }
    told[name].seconds = (performance.now() - began) / 1000;
  }
  console.log(JSON.stringify(told));
}

export const ids = ({ results }) => results.map((each) => each.id);

export const details = ({ title, credits }) => ({
  title,
  cast: credits.cast.map((each) => each.id),
});
