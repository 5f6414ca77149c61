// What a score means: its place on the model's scale, the word for that place, and how many digits to show.

export const WORDS = ["bad", "poor", "fair", "good", "excellent"];

/** Whether both ends of the scale are known, so that a score has a place on it. */
export function isBounded(scale) {
  return Boolean(scale) && scale.low !== null && scale.high !== null;
}

/** 0 at the worst end of the scale, 1 at the best; scores beyond the ends count as the ends. */
export function goodness(value, scale) {
  const above = scale.higher_is_better ? value - scale.low : scale.high - value;
  return Math.min(1, Math.max(0, above / (scale.high - scale.low)));
}

/** Which fifth of the scale the score lies in: 0 bad to 4 excellent. */
export function fifth(value, scale) {
  return Math.min(4, Math.floor(goodness(value, scale) * 5));
}

/** The word of a table's column `rating`; null for scales that are not told in words there, and for what is no number. */
export function rating(value, scale) {
  return scale?.words && value !== null ? WORDS[fifth(value, scale)] : null;
}

/** The ends of each of the five words' part of the scale, worst first: [[worst, best], ...]. */
export function fifths(scale) {
  const [worst, best] = ends(scale);
  return WORDS.map((_, place) => [worst + ((best - worst) * place) / 5, worst + ((best - worst) * (place + 1)) / 5]);
}

/** The worst and the best end of the scale. */
export function ends(scale) {
  return scale.higher_is_better ? [scale.low, scale.high] : [scale.high, scale.low];
}

/** A score with as many digits as its scale bears: one behind the point for 0 to 100, more for shorter scales. */
export function scoreText(value, scale) {
  if (value === null) return "–";
  const span = isBounded(scale) ? scale.high - scale.low : null;
  const digits = span === null ? (Math.abs(value) >= 100 ? 1 : 2) : Math.min(6, Math.max(0, Math.round(3 - Math.log10(span))));
  return value.toFixed(digits);
}

/** A number of no known scale: four significant digits. */
export function numberText(value) {
  return value === null ? "–" : String(Number(value.toPrecision(4)));
}

/** "SPAQ MOS from 0 to 100, higher is better" */
export function scaleText(scale) {
  const direction = scale.higher_is_better ? "higher is better" : "lower is better";
  const range = isBounded(scale)
    ? ` from ${numberText(scale.low)} to ${numberText(scale.high)}`
    : scale.low !== null
      ? ` from ${numberText(scale.low)} up`
      : scale.high !== null
        ? ` up to ${numberText(scale.high)}`
        : " without fixed ends";
  return `${scale.unit}${range}, ${direction}`;
}
