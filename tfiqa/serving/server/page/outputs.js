// A model's outputs as named numbers: what a card shows and what a row of the table holds.

import { rating } from "./score_scale.js";

/**
 * @param {object} outputs - as the server answers them, by name; null stands for what is not finite.
 * @param {object} version - with `columns`, the names of each output's numbers, or null for a model that tfiqa did not export.
 * @returns {object} quality: {name, value}; deviation: number or null; numbers: {name: value} of the table; rating: a word or
 *   null; scenes: [{name, share}] by votes; texts: {name: text}.
 */
export function readOutputs(outputs, version) {
  const numbers = {};
  const texts = {};
  for (const [output, columns] of Object.entries(version.columns ?? plainColumns(outputs))) {
    const values = flat(outputs[output]);
    columns.forEach((column, place) => {
      numbers[column] = typeof values[place] === "number" ? values[place] : null;
    });
  }
  for (const [output, value] of Object.entries(outputs)) {
    if (typeof value === "string") texts[output] = value;
  }
  const quality = "quality" in numbers ? "quality" : Object.keys(numbers)[0];
  return {
    quality: { name: quality, value: numbers[quality] ?? null },
    deviation: numbers.uncertainty ?? null,
    numbers,
    rating: rating(numbers.quality ?? null, version.scale),
    scenes: scenesOf(outputs, version.columns),
    texts,
  };
}

/** The table's columns between path and error, as `tfiqa score` names them. */
export function tableColumns(version, readings) {
  const labels = [...(version.columns?.scene_votes ? ["scene"] : []), ...(version.scale?.words ? ["rating"] : [])];
  if (version.columns) return [...Object.values(version.columns).flat(), ...labels];
  return [...new Set(readings.flatMap((reading) => [...Object.keys(reading.numbers), ...Object.keys(reading.texts)]))];
}

/** A row of the table by column. */
export function tableRow(reading) {
  const scene = reading.scenes.length ? { scene: reading.scenes[0].key } : {};
  return { ...reading.texts, ...reading.numbers, ...scene, ...(reading.rating ? { rating: reading.rating } : {}) };
}

/** What a card lists below the score: all numbers but the score, its deviation and those of the scenes. */
export function otherNumbers(reading, version) {
  const scenes = new Set([...(version.columns?.scene_votes ?? []), ...(version.columns?.scene_probabilities ?? [])]);
  const shown = ([name]) => name !== reading.quality.name && name !== "uncertainty" && !scenes.has(name);
  return Object.entries(reading.numbers).filter(shown);
}

/** A column's name for people: "indoor_scene" is "indoor scene". */
export function inWords(name) {
  return name.replaceAll("_", " ");
}

/** The kinds of scenes, first the one with most of the votes of the photograph's patches, of equal ones the more probable. */
function scenesOf(outputs, columns) {
  const votes = flat(outputs.scene_votes);
  const probabilities = flat(outputs.scene_probabilities);
  const names = columns?.scene_votes ?? [];
  const scenes = names.map((name, place) => {
    const key = name.replace(/^votes_/, "");
    const text = /^\d+$/.test(key) ? `type ${key}` : inWords(key);
    return { key, text, votes: votes[place] ?? 0, share: probabilities[place] ?? 0, place };
  });
  return scenes.sort((a, b) => b.votes - a.votes || b.share - a.share || b.place - a.place);
}

function plainColumns(outputs) {
  const columns = {};
  for (const [name, value] of Object.entries(outputs)) {
    if (typeof value === "number" || value === null) columns[name] = [name];
    else if (Array.isArray(value) && value.every((each) => typeof each === "number" || each === null)) {
      columns[name] = value.length === 1 ? [name] : value.map((_, place) => `${name}_${place}`);
    }
  }
  return columns;
}

function flat(value) {
  return Array.isArray(value) ? value.flat(Infinity) : [value];
}
