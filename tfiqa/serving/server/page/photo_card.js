// A photograph's card in the list: thumbnail, score, what else the model says, or why there is no score.

import { element } from "./elements.js";
import { colourRange, drawMap } from "./quality_map.js";
import { otherElements, scoreElements } from "./score_view.js";

const STATES = { new: "Not scored yet", waiting: "Waiting", sending: "Being scored …", cancelled: "Cancelled" };

/** Makes the card and keeps it up to date. `actions` has open(photo), retry(photo) and remove(photo). */
export class PhotoCard {
  constructor(photo, actions) {
    this.photo = photo;
    const name = photo.path;
    this.image = element("img", { alt: "", class: "picture", decoding: "async" });
    this.overlay = element("canvas", { class: "map-overlay", "aria-hidden": "true" });
    this.noPreview = element("span", { class: "no-preview" }, "No preview");
    this.open = element(
      "button",
      { type: "button", class: "card-picture", "aria-label": `Show ${name} large`, onclick: () => actions.open(photo) },
      this.image,
      this.overlay,
      this.noPreview,
    );
    this.remove = element(
      "button",
      { type: "button", class: "icon-button", "aria-label": `Remove ${name}`, title: "Remove", onclick: () => actions.remove(photo) },
      "×",
    );
    this.retry = element(
      "button",
      { type: "button", class: "button card-retry", "aria-label": `Try ${name} again`, onclick: () => actions.retry(photo) },
      "Try again",
    );
    const heading = element("h3", { class: "card-name", title: name }, name);
    this.body = element("div", { class: "card-body" });
    const head = element("div", { class: "card-head" }, heading, this.remove);
    this.root = element("li", { class: "card", "data-path": name }, this.open, head, this.body, this.retry);
    this.shown = {};
  }

  /** Brings the card up to date; `view` is {choice, mapsShown, mapRange, allMaps}. */
  update(view) {
    this.updatePicture(view);
    const result = this.photo.result(view.choice);
    const map = this.photo.map(view.choice);
    const mapState = view.mapsShown ? map.state : "hidden";
    if (this.shown.result === result && this.shown.mapState === mapState) return;
    this.shown = { result, mapState };
    this.root.dataset.state = result.state;
    this.body.replaceChildren(...this.bodyElements(result, view));
    if (view.mapsShown && result.state === "done") this.body.append(...mapNote(map));
    const failed = result.state === "failed" || result.state === "cancelled";
    this.retry.hidden = !failed && !(view.mapsShown && map.state === "failed");
  }

  bodyElements(result, view) {
    const converted = this.photo.converted
      ? [element("p", { class: "note" }, "Converted to PNG by this browser, as the server does not read the file itself.")]
      : [];
    if (result.state === "done") {
      const { reading } = result;
      const others = otherElements(reading, view.choice.version);
      return [...scoreElements(reading, view.choice.version), ...(others ? [others] : []), ...converted];
    }
    if (result.state === "failed") return [element("p", { class: "error" }, result.error), ...converted];
    const text = result.busy ? "The server is busy; trying again …" : STATES[result.state];
    return [element("p", { class: "state" }, text)];
  }

  updatePicture(view) {
    const { preview } = this.photo;
    if (preview && this.image.src !== preview.url) this.image.src = preview.url;
    this.image.hidden = !preview;
    this.noPreview.hidden = preview !== false;
    const { values } = this.photo.map(view.choice);
    this.overlay.hidden = !(view.mapsShown && values && preview);
    if (this.overlay.hidden) return;
    const range = colourRange(view.mapRange, values, view.allMaps, view.choice.version.scale);
    const drawn = `${view.choice.key} ${range}`;
    if (this.drawn === drawn) return;
    this.drawn = drawn;
    const scale = 320 / Math.max(preview.width, preview.height);
    this.overlay.width = Math.max(1, Math.round(preview.width * scale));
    this.overlay.height = Math.max(1, Math.round(preview.height * scale));
    drawMap(this.overlay, values, range);
  }
}

function mapNote(map) {
  if (map.state === "failed") return [element("p", { class: "error" }, `No map: ${map.error}`)];
  if (map.state === "waiting" || map.state === "sending") return [element("p", { class: "state" }, "Map on its way …")];
  return [];
}
