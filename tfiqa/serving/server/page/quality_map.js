// Maps of a photograph's quality, 20 x 20 values: their colours, drawing, and what they say in words.

import { isBounded } from "./score_scale.js";

// matplotlib's magma at 33 even places, which `tfiqa map` uses too: its lightness alone tells the value, so that it can be
// read with any colour vision. Dark is a low score, bright a high one.
const MAGMA = (
  "000004 030312 0a0822 130d34 1d1147 29115a 36106b 440f76 51127c 5d177f 6a1c81 762181 832681 902a81 9c2e7f aa337d b73779 " +
  "c23b75 cf4070 db476a e55064 ee5b5e f4695c f9785d fb8761 fd9668 fea571 feb47b fec287 fed194 fde0a1 fceeb0 fcfdbf"
)
  .split(" ")
  .map((colour) => [0, 2, 4].map((place) => parseInt(colour.slice(place, place + 2), 16)));

/** The colour [red, green, blue] of a share in 0..1. */
export function magma(share) {
  const place = Math.min(1, Math.max(0, share)) * (MAGMA.length - 1);
  const below = Math.min(Math.floor(place), MAGMA.length - 2);
  return MAGMA[below].map((channel, i) => Math.round(channel + (place - below) * (MAGMA[below + 1][i] - channel)));
}

/** Lowest and highest value of some maps, or null where none holds a number. */
export function valueRange(maps) {
  let range = null;
  for (const value of maps.flat(2)) {
    if (value !== null) range = range ? [Math.min(range[0], value), Math.max(range[1], value)] : [value, value];
  }
  return range;
}

/** The values that the darkest and the brightest colour stand for. `kind` is "photo", "shared" or "scale". */
export function colourRange(kind, map, allMaps, scale) {
  const range = kind === "scale" && isBounded(scale) ? [scale.low, scale.high] : valueRange(kind === "photo" ? [map] : allMaps);
  if (!range) return [0, 1];
  return range[0] < range[1] ? range : [range[0] - 0.5, range[1] + 0.5];
}

/** Draws a map over the whole canvas, colours in between interpolated. A value that is not finite leaves its place clear. */
export function drawMap(canvas, map, [low, high]) {
  const [rows, columns] = [map.length, map[0].length];
  const small = new OffscreenCanvas(columns, rows);
  const image = new ImageData(columns, rows);
  map.flat().forEach((value, place) => {
    if (value !== null) image.data.set([...magma((value - low) / (high - low)), 255], 4 * place);
  });
  small.getContext("2d").putImageData(image, 0, 0);
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
}

/** Draws the colours from left (low) to right (high). */
export function drawLegend(canvas) {
  const context = canvas.getContext("2d");
  for (let x = 0; x < canvas.width; x += 1) {
    context.fillStyle = `rgb(${magma(x / (canvas.width - 1)).join(" ")})`;
    context.fillRect(x, 0, 1, canvas.height);
  }
}

/** Row, column and value of the block at a place in 0..1 from the left and from the top. */
export function blockAt(map, left, top) {
  const row = Math.min(map.length - 1, Math.max(0, Math.floor(top * map.length)));
  const column = Math.min(map[0].length - 1, Math.max(0, Math.floor(left * map[0].length)));
  return { row, column, value: map[row][column] };
}

/** Where the extreme value lies: "at the top left". `pick` is Math.min or Math.max. */
export function extreme(map, pick) {
  const values = map.flat().filter((value) => value !== null);
  if (!values.length) return null;
  const value = values.reduce((a, b) => pick(a, b));
  const row = map.findIndex((each) => each.includes(value));
  return { value, place: placeInWords((row + 0.5) / map.length, (map[row].indexOf(value) + 0.5) / map[0].length) };
}

function placeInWords(down, across) {
  const vertical = ["top", "middle", "bottom"][Math.floor(down * 3)];
  const horizontal = ["left", "", "right"][Math.floor(across * 3)];
  if (vertical === "middle") return horizontal ? `at the ${horizontal}` : "in the middle";
  return `at the ${[vertical, horizontal].filter(Boolean).join(" ")}`;
}
