// The page: photographs in, scores out. Everything is held here and shown by the other modules.

import { aboutElements } from "./about.js";
import { element } from "./elements.js";
import { droppedFiles, isPicture, pastedFiles, pickedFiles } from "./intake.js";
import { LargeView } from "./large_view.js";
import { MapControls } from "./map_controls.js";
import { Photo } from "./photo.js";
import { PhotoList } from "./photo_list.js";
import { colourRange } from "./quality_map.js";
import { ScoringQueue } from "./scoring_queue.js";
import { loadModels } from "./served_models.js";
import { csv, saveAs } from "./table.js";

const byId = (id) => document.getElementById(id);
const maps = { shown: false, opacity: 0.6, range: "shared" };
const list = new PhotoList(byId("photos"), { open: openLarge, retry, remove });
const large = new LargeView(byId("large"), { step, place, closed: (photo) => list.card(photo)?.open.focus() });
const mapControls = [...document.querySelectorAll("[data-map-controls]")].map((root) => new MapControls(root, maps, mapsChanged));

let choices = [];
let choice = null;
let queue = null;
let arranged = [];
let previews = Promise.resolve();
let pasted = 0;
let leftOut = "";
const changed = new Set();
let frame = 0;
let announced = 0;
let announcing = 0;

async function start() {
  byId("message").hidden = byId("reload").hidden = true;
  try {
    const served = await loadModels();
    choices = served.choices;
    queue = new ScoringQueue({ maxBodyBytes: served.maxBodyBytes, onChange: redraw });
  } catch (error) {
    complain(error.message);
    byId("reload").hidden = false;
    return;
  }
  byId("model").replaceChildren(...choices.map((each, place) => option(each, place)));
  const first = choices.findIndex((each) => each.scoring);
  if (first < 0) complain(choices.length ? "None of the models here takes photos." : "The server has no model at the moment.");
  byId("reload").hidden = choices.length > 0;
  if (first < 0) return;
  byId("model").value = first;
  byId("model").disabled = false;
  choose(choices[first]);
}

function option({ text, scoring }, place) {
  return element("option", { value: place, disabled: !scoring }, scoring ? text : `${text} (takes no photos)`);
}

function choose(chosen) {
  choice = chosen;
  byId("about-text").replaceChildren(...aboutElements(choice));
  queue.cancel((job) => job.choice !== choice);
  list.photos.forEach(enqueue);
  redraw(...list.photos);
}

function enqueue(photo) {
  if (!choice) return;
  queue.add("score", photo, choice);
  if (maps.shown && choice.map) queue.add("map", photo, choice);
}

function retry(photo) {
  enqueue(photo);
  list.card(photo).open.focus();
}

function addFiles(found) {
  const known = new Set(list.photos.map((photo) => photo.identity));
  const photos = found.filter(({ file }) => isPicture(file)).map(({ file, path }) => new Photo(file, path));
  const fresh = photos.filter(({ identity }) => !known.has(identity) && known.add(identity));
  leftOut = leftOutText(found.length - photos.length, photos.length - fresh.length);
  for (const photo of fresh) {
    list.add(photo);
    // One after the other: decoding a photograph takes far more memory than its file.
    previews = previews.then(() => list.card(photo) && photo.makePreview()).then(() => redraw(photo));
    enqueue(photo);
  }
  redraw(...fresh);
}

function leftOutText(others, known) {
  const parts = [];
  if (others) parts.push(`${others} ${others === 1 ? "file is" : "files are"} no photo`);
  if (known) parts.push(`${known} ${known === 1 ? "was" : "were"} here already`);
  return parts.length ? ` Left out: ${parts.join(", ")}.` : "";
}

function remove(photo) {
  const place_ = arranged.indexOf(photo);
  queue?.cancel((job) => job.photo === photo);
  list.remove(photo);
  changed.delete(photo);
  draw();
  const next = arranged[Math.min(place_, arranged.length - 1)];
  (next ? list.card(next).remove : byId("choose")).focus();
}

function clear() {
  queue?.cancel();
  for (const photo of [...list.photos]) list.remove(photo);
  changed.clear();
  leftOut = "";
  draw();
  byId("choose").focus();
}

function mapsChanged(name) {
  document.documentElement.style.setProperty("--map-opacity", maps.opacity);
  if (name === "shown" && !maps.shown) queue.cancel((job) => job.kind === "map");
  if (name === "shown" && maps.shown) {
    const first = large.photo ? [large.photo] : []; // the one that is looked at
    for (const photo of [...first, ...list.photos]) {
      if (["new", "cancelled"].includes(photo.map(choice).state)) queue.add("map", photo, choice);
    }
  }
  redraw(...list.photos);
}

function openLarge(photo) {
  large.open(photo, view());
  draw();
}

function step(photo, by) {
  const neighbour = arranged[arranged.indexOf(photo) + by];
  if (!neighbour) return;
  large.show(neighbour, view());
  draw();
}

function place(photo) {
  return [arranged.indexOf(photo) + 1, arranged.length];
}

function view() {
  const allMaps = list.photos.map((photo) => photo.map(choice).values).filter(Boolean);
  return { choice, mapsShown: Boolean(maps.shown && choice?.map), mapRange: maps.range, allMaps };
}

/** Draws soon, once for all changes until then. */
function redraw(...photos) {
  for (const photo of photos) changed.add(photo);
  document.body.dataset.busy = true;
  frame ||= setTimeout(draw, 50);
}

function draw() {
  clearTimeout(frame);
  frame = 0;
  const now = view();
  // A new map may change the colours of all others.
  const drawn = now.mapsShown ? list.photos : [...changed].filter((photo) => list.card(photo));
  for (const photo of drawn) list.card(photo).update(now);
  changed.clear();
  arranged = list.arranged(byId("sort").value, byId("filter").value, choice);
  list.arrange(arranged);
  byId("results").hidden = list.photos.length === 0;
  document.body.classList.toggle("has-photos", list.photos.length > 0);
  byId("nothing-found").hidden = arranged.length > 0;
  drawProgress(now);
  const range = maps.range === "photo" || !now.allMaps.length ? null : colourRange(maps.range, null, now.allMaps, choice.version.scale);
  const [inList, inLarge] = mapControls;
  inList.update(choice, range);
  const own = large.photo?.map(choice).values;
  inLarge.update(choice, own ? colourRange(maps.range, own, now.allMaps, choice.version.scale) : null);
  large.update(now);
}

function drawProgress({ mapsShown }) {
  const states = list.photos.map((photo) => photo.result(choice).state);
  const count = (state) => states.filter((each) => each === state).length;
  const [all, failed, cancelled] = [states.length, count("failed"), count("cancelled")];
  const done = count("done") + failed;
  const pendingMaps = list.photos.filter((photo) => ["waiting", "sending"].includes(photo.map(choice).state)).length;
  const busy = done + cancelled + count("new") < all;
  document.body.dataset.busy = busy || (mapsShown && pendingMaps > 0);
  byId("progress").max = Math.max(1, all);
  byId("progress").value = done;
  byId("progress").hidden = !busy;
  byId("cancel").hidden = !(queue?.isBusy ?? false);
  byId("resume").hidden = busy || cancelled === 0;
  byId("download").disabled = done === 0;
  let text = busy ? `${done} of ${all} done` : `${done - failed} of ${all} scored`;
  if (failed) text += `, ${failed} could not be scored`;
  if (cancelled) text += `, ${cancelled} cancelled`;
  if (mapsShown && pendingMaps) text += `; ${pendingMaps} ${pendingMaps === 1 ? "map" : "maps"} on the way`;
  text += `.${leftOut}`;
  byId("progress-text").textContent = text;
  announce(text, busy);
}

/** Screen readers hear every text of the live region: while photographs come in fast, one in three seconds is enough. */
function announce(text, busy) {
  clearTimeout(announcing);
  const wait = busy ? announced + 3000 - Date.now() : 0;
  if (wait > 0) {
    announcing = setTimeout(() => announce(text, false), wait);
    return;
  }
  announced = Date.now();
  if (byId("status").textContent !== text) byId("status").textContent = text;
}

function complain(text) {
  byId("message").textContent = text;
  byId("message").hidden = false;
}

function listenToIntake() {
  const inputs = { choose: "files", "choose-folder": "folder", take: "camera" };
  for (const [button, input] of Object.entries(inputs)) {
    byId(button).addEventListener("click", () => byId(input).click());
    byId(input).addEventListener("change", () => {
      addFiles(pickedFiles(byId(input)));
      byId(input).value = ""; // so that the same file can be picked again after it was removed
    });
  }
  const touch = matchMedia("(pointer: coarse)").matches;
  byId("take").hidden = !touch;
  if (touch) byId("intake-title").textContent = "Add photos";
  byId("intake-hint").hidden = touch;
  byId("choose-folder").hidden = touch || !("webkitdirectory" in byId("folder"));
  let depth = 0; // of nested elements that the pointer is over
  const over = (by) => document.body.classList.toggle("dropping", (depth += by) > 0);
  document.addEventListener("dragenter", () => over(1));
  document.addEventListener("dragleave", () => over(-1));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    over(-depth);
    addFiles(await droppedFiles(event.dataTransfer));
  });
  document.addEventListener("paste", (event) => {
    const found = pastedFiles(event.clipboardData, pasted + 1);
    pasted += found.length;
    if (found.length) addFiles(found);
  });
}

byId("reload").addEventListener("click", start);
byId("model").addEventListener("change", () => choose(choices[byId("model").value]));
byId("sort").addEventListener("change", () => draw());
byId("filter").addEventListener("input", () => draw());
byId("cancel").addEventListener("click", () => queue.cancel());
byId("resume").addEventListener("click", () => list.photos.forEach((photo) => photo.result(choice).state === "cancelled" && enqueue(photo)));
byId("clear").addEventListener("click", clear);
byId("download").addEventListener("click", () => saveAs(csv(arranged, choice), `scores_${choice.name}.csv`));
document.documentElement.style.setProperty("--map-opacity", maps.opacity);
listenToIntake();
start();
