// Scores pictures over REST with what Node.js 18 or newer brings along.
//
//     node score_javascript.mjs http://localhost:8501 MODEL PICTURE...
import { readFile } from "node:fs/promises";

const [server, model, ...pictures] = process.argv.slice(2);
const instances = await Promise.all(
  pictures.map(async (picture) => ({ b64: (await readFile(picture)).toString("base64") })),
);
const response = await fetch(`${server}/v1/models/${model}:predict`, {
  method: "POST",
  body: JSON.stringify({ instances }),
  signal: AbortSignal.timeout(60_000),
});
const text = await response.text();
if (!response.ok) {
  console.error(text);
  process.exit(1);
}
// A picture that the model cannot read has NaN numbers, which TensorFlow Serving writes as the bare word NaN: not JSON, so it becomes
// null. Texts are matched as a whole first, so that words within them stay as they are.
const json = text.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g, (token) => (token[0] === '"' ? token : "null"));
JSON.parse(json).predictions.forEach(({ quality, error }, i) => {
  console.log(`${pictures[i]}\t${error || quality}`); // error is "" for a picture with a score
});
