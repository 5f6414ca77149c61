// A score to look at: number, word, bar, and the other outputs below.

import { element } from "./elements.js";
import { inWords, otherNumbers } from "./outputs.js";
import { ends, fifth, fifths, goodness, isBounded, numberText, scaleText, scoreText, WORDS } from "./score_scale.js";

/** Number, deviation, word and bar of a reading, as a list of elements. */
export function scoreElements(reading, version) {
  const { scale } = version;
  const { value, name } = reading.quality;
  const whole = name === "quality" ? "Score" : inWords(name);
  const parts = [element("span", { class: "score-value", title: `${whole} ${value}`, "data-value": value }, scoreText(value, scale))];
  if (reading.deviation !== null) {
    const text = `± ${scoreText(reading.deviation, scale)}`;
    parts.push(element("span", { class: "score-deviation", title: "One standard deviation, as the model estimates it" }, text));
  }
  const number = element("p", { class: "score" }, ...parts);
  if (!isBounded(scale)) {
    if (scale) number.append(element("span", { class: "score-unit" }, scale.unit));
    return [number];
  }
  const place = fifth(value, scale);
  number.append(element("span", { class: `word word-${place}`, title: wordTitle(place, scale) }, WORDS[place]));
  return [number, bar(reading, scale)];
}

/** All other numbers and texts as a list of names and values; null where there are none. */
export function otherElements(reading, version) {
  const rows = [];
  if (reading.scenes.length) {
    const [scene] = reading.scenes;
    rows.push(["scene", `${scene.text} (${Math.round(100 * scene.share)} %)`]);
  }
  for (const [name, value] of otherNumbers(reading, version)) rows.push([inWords(name), numberText(value)]);
  for (const [name, text] of Object.entries(reading.texts)) rows.push([inWords(name), text]);
  if (!rows.length) return null;
  return element("dl", { class: "values" }, ...rows.map(([name, value]) => row(name, value)));
}

/** The probabilities of all kinds of scenes, the most likely first; null for a model that tells none. */
export function sceneElements(reading) {
  if (!reading.scenes.length) return null;
  const sorted = [...reading.scenes].sort((a, b) => b.share - a.share);
  const rows = sorted.map((scene) => row(scene.text, `${(100 * scene.share).toFixed(1)} %`));
  return element("section", {}, element("h3", {}, "Probabilities of scenes"), element("dl", { class: "values" }, ...rows));
}

function row(name, value) {
  return element("div", {}, element("dt", {}, name), element("dd", {}, value));
}

function wordTitle(place, scale) {
  const [worst, best] = fifths(scale)[place].map(numberText);
  return `${WORDS[place]}: ${worst} to ${best}. The words are fifths of the scale, ${scaleText(scale)}.`;
}

/** The bar grows to the right with quality, whichever way the scale runs; a whisker spans one deviation to either side. */
function bar(reading, scale) {
  const { value } = reading.quality;
  const [worst, best] = ends(scale);
  const fill = element("span", { class: `bar-fill fill-${fifth(value, scale)}` });
  fill.style.width = `${100 * goodness(value, scale)}%`;
  const track = element("span", { class: "bar-track" }, fill);
  let uncertain = "";
  if (reading.deviation !== null) {
    const sides = [value - reading.deviation, value + reading.deviation].map((side) => goodness(side, scale));
    const whisker = element("span", { class: "bar-whisker" });
    whisker.style.left = `${100 * Math.min(...sides)}%`;
    whisker.style.width = `${100 * Math.abs(sides[1] - sides[0])}%`;
    track.append(whisker);
    uncertain = `, plus or minus ${scoreText(reading.deviation, scale)}`;
  }
  const label = `${scoreText(value, scale)}${uncertain} on the scale of ${scaleText(scale)}`;
  return element(
    "div",
    { class: "bar", role: "img", "aria-label": label },
    track,
    element("span", { class: "bar-ends" }, element("span", {}, numberText(worst)), element("span", {}, numberText(best))),
  );
}
