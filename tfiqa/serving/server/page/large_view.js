// One photograph large, with its map and everything the model says.

import { element } from "./elements.js";
import { inWords } from "./outputs.js";
import { blockAt, colourRange, drawMap, extreme } from "./quality_map.js";
import { otherElements, sceneElements, scoreElements } from "./score_view.js";
import { scoreText } from "./score_scale.js";

const OVERLAY_SIDE = 1024; // pixels of the drawn map's longer side

export class LargeView {
  /** `actions`: step(photo, by) shows a neighbour, place(photo) tells [number, of]; `controls` are those of the maps. */
  constructor(dialog, actions) {
    this.dialog = dialog;
    this.actions = actions;
    const part = (name) => dialog.querySelector(`[data-part="${name}"]`);
    this.parts = Object.fromEntries(
      ["name", "place", "image", "overlay", "no-preview", "readout", "details", "previous", "next", "close"].map((n) => [n, part(n)]),
    );
    this.photo = null;
    this.parts.close.addEventListener("click", () => dialog.close());
    this.parts.previous.addEventListener("click", () => this.step(-1));
    this.parts.next.addEventListener("click", () => this.step(1));
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    dialog.addEventListener("close", () => this.closed());
    dialog.addEventListener("keydown", (event) => this.key(event));
    for (const kind of ["pointermove", "pointerdown"]) this.parts.overlay.addEventListener(kind, (event) => this.read(event));
    this.parts.overlay.addEventListener("pointerleave", () => this.summary());
  }

  open(photo, view) {
    this.show(photo, view);
    if (!this.dialog.open) this.dialog.showModal();
  }

  step(by) {
    this.actions.step(this.photo, by);
  }

  show(photo, view) {
    if (this.photo !== photo) {
      this.clearImage();
      this.photo = photo;
    }
    this.update(view);
  }

  /** Shows the file itself, once the thumbnail has shown that the browser can decode it. */
  showImage() {
    const { image } = this.parts;
    if (this.url || !this.photo.preview) return;
    this.url = URL.createObjectURL(this.photo.file);
    image.alt = this.photo.path;
    image.src = this.url;
    image.hidden = false;
  }

  clearImage() {
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = null;
    this.parts.image.hidden = true;
    this.parts.image.removeAttribute("src");
  }

  /** Brings the view up to date if it shows a photograph. */
  update(view) {
    if (!this.photo) return;
    const { photo, parts } = this;
    this.view = view;
    this.showImage();
    const [number, count] = this.actions.place(photo);
    parts.name.textContent = photo.path;
    parts.place.textContent = `${number} of ${count}`;
    parts.previous.disabled = number <= 1;
    parts.next.disabled = number >= count;
    parts["no-preview"].hidden = photo.preview !== false;
    this.drawOverlay();
    const result = photo.result(view.choice);
    if (this.detailed !== result || this.detailedPhoto !== photo) {
      this.detailed = result;
      this.detailedPhoto = photo;
      parts.details.replaceChildren(...this.detailElements(result));
    }
    this.summary();
  }

  detailElements(result) {
    const size = this.photo.preview ? `${this.photo.preview.width} × ${this.photo.preview.height} pixels, ` : "";
    const file = element("p", { class: "note" }, `${size}${sizeText(this.photo.file.size)}`);
    const converted = this.photo.converted ? [element("p", { class: "note" }, "Converted to PNG by this browser.")] : [];
    if (result.state !== "done") {
      const text = result.error ?? { new: "Not scored yet.", cancelled: "Cancelled." }[result.state] ?? "Being scored …";
      return [element("p", { class: result.error ? "error" : "state" }, text), ...converted, file];
    }
    const { version } = this.view.choice;
    const parts = [otherElements(result.reading, version), sceneElements(result.reading)].filter(Boolean);
    return [...scoreElements(result.reading, version), ...parts, ...converted, file];
  }

  drawOverlay() {
    const { photo, view } = this;
    const { overlay } = this.parts;
    const { values } = photo.map(view.choice);
    overlay.hidden = !(view.mapsShown && values && photo.preview);
    if (overlay.hidden) return;
    const { width, height } = photo.preview;
    const scale = OVERLAY_SIDE / Math.max(width, height);
    overlay.width = Math.max(1, Math.round(width * scale));
    overlay.height = Math.max(1, Math.round(height * scale));
    drawMap(overlay, values, colourRange(view.mapRange, values, view.allMaps, view.choice.version.scale));
  }

  /** Says in words where the map is lowest and highest. */
  summary() {
    if (!this.photo) return;
    const { choice, mapsShown } = this.view;
    const map = this.photo.map(choice);
    this.say(mapsShown ? mapText(map, choice.version.scale) : "");
  }

  /** Says the value of the block under the pointer. */
  read(event) {
    const { values } = this.photo.map(this.view.choice);
    const box = contentBox(this.parts.overlay);
    const [left, top] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    if (left < 0 || left > 1 || top < 0 || top > 1) return this.summary();
    const { row, column, value } = blockAt(values, left, top);
    return this.say(`${scoreText(value, this.view.choice.version.scale)} in row ${row + 1}, column ${column + 1}`);
  }

  say(text) {
    if (this.parts.readout.textContent !== text) this.parts.readout.textContent = text;
  }

  key(event) {
    if (event.target.matches("select, input[type=range]")) return; // which the arrow keys are for
    if (event.key === "ArrowLeft") this.step(-1);
    if (event.key === "ArrowRight") this.step(1);
  }

  closed() {
    const { photo } = this;
    this.photo = null;
    this.detailed = null;
    this.clearImage();
    this.actions.closed(photo);
  }
}

function mapText(map, scale) {
  if (map.state === "failed") return `No map: ${map.error}`;
  if (!map.values) return map.state === "new" ? "" : "Map on its way …";
  const [low, high] = [extreme(map.values, Math.min), extreme(map.values, Math.max)];
  if (!low) return "The map holds no number.";
  const text = ({ value, place }) => `${scoreText(value, scale)} ${inWords(place)}`;
  return `Lowest ${text(low)}, highest ${text(high)}.`;
}

/** Where a canvas with `object-fit: contain` is painted inside its element. */
function contentBox(canvas) {
  const box = canvas.getBoundingClientRect();
  const scale = Math.min(box.width / canvas.width, box.height / canvas.height);
  const [width, height] = [canvas.width * scale, canvas.height * scale];
  return { left: box.left + (box.width - width) / 2, top: box.top + (box.height - height) / 2, width, height };
}

function sizeText(bytes) {
  return bytes < 2 ** 20 ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
