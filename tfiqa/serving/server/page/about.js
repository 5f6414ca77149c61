// The short text about what the chosen model's scores mean.

import { element } from "./elements.js";
import { fifths, isBounded, numberText, scaleText, WORDS } from "./score_scale.js";

/** The paragraphs about a choice. */
export function aboutElements(choice) {
  const { scale, model } = choice.version;
  const paragraph = (text) => element("p", {}, text);
  const parts = [];
  if (!scale) {
    parts.push(paragraph("This model was not exported by tfiqa, so nothing is known of its scale: its outputs are shown as they are."));
  } else {
    parts.push(paragraph(`${choice.name}${model === choice.name ? "" : ` (${model})`} scores photos by ${scaleText(scale)}.`));
  }
  if (isBounded(scale)) {
    parts.push(paragraph("The words are nothing but fifths of this scale; bars grow to the right with quality:"));
    parts.push(element("ul", { class: "words" }, ...fifths(scale).map(wordItem)));
  } else if (scale) {
    parts.push(paragraph("The scale has no fixed ends, so there is no bar and no word: compare photos with each other."));
  }
  if (choice.version.columns?.uncertainty) {
    parts.push(paragraph("± is one standard deviation: how uncertain the model is of the score."));
  }
  if (choice.map) {
    parts.push(paragraph("Quality maps score 20 × 20 blocks of a photo. Dark colours are low scores, bright ones high scores."));
  }
  if (choice.takesExif) {
    parts.push(paragraph("The model can take a photo's EXIF as well. This page sends none: each score is that of a photo without EXIF."));
  }
  parts.push(paragraph("A score estimates what people would say of a photo on average. It says nothing of its content."));
  return parts;
}

function wordItem([worst, best], place) {
  const word = element("span", { class: `word word-${place}` }, WORDS[place]);
  return element("li", {}, word, ` ${numberText(worst)} to ${numberText(best)}`);
}
