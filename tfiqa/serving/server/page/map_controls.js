// The controls of the quality maps, in the list and in the large view alike: shown or not, opacity, colours, legend.

import { element } from "./elements.js";
import { drawLegend } from "./quality_map.js";
import { isBounded, scoreText } from "./score_scale.js";

const RANGES = { shared: "all photos together", photo: "each photo by itself", scale: "the whole scale" };

/** Fills `root` with controls of `maps` {shown, opacity, range}; `onChange(name)` after each change of them. */
export class MapControls {
  constructor(root, maps, onChange) {
    this.root = root;
    this.maps = maps;
    const changed = (name, read) => (event) => {
      maps[name] = read(event.target);
      onChange(name);
    };
    this.shown = element("input", { type: "checkbox", onchange: changed("shown", (input) => input.checked) });
    this.opacity = element("input", { type: "range", min: 0, max: 100, step: 5, oninput: changed("opacity", (i) => i.value / 100) });
    const options = Object.entries(RANGES).map(([value, text]) => element("option", { value }, text));
    this.range = element("select", { onchange: changed("range", (select) => select.value) }, ...options);
    this.low = element("span");
    this.high = element("span");
    const colours = element("canvas", { width: 160, height: 12, role: "img", "aria-label": "Colours from dark, low, to bright, high" });
    drawLegend(colours);
    this.more = element(
      "div",
      { class: "map-more" },
      element("label", { class: "field" }, "Opacity", this.opacity),
      element("label", { class: "field" }, "Colours span", this.range),
      element("div", { class: "legend" }, this.low, colours, this.high),
    );
    const text = root.dataset.mapControls === "large" ? "Show the quality map" : "Show quality maps";
    root.append(element("label", { class: "check" }, this.shown, text), this.more);
  }

  /** `values` are the [low, high] that the colours span; null where each photo has its own. */
  update(choice, values) {
    this.root.hidden = !choice?.map;
    if (!choice) return;
    const { scale } = choice.version;
    this.shown.checked = this.maps.shown;
    this.more.hidden = !this.maps.shown;
    this.opacity.value = this.maps.opacity * 100;
    this.opacity.setAttribute("aria-valuetext", `${Math.round(this.maps.opacity * 100)} %`);
    this.range.querySelector('[value="scale"]').disabled = !isBounded(scale);
    if (this.maps.range === "scale" && !isBounded(scale)) this.maps.range = "shared";
    this.range.value = this.maps.range;
    this.low.textContent = `${values ? scoreText(values[0], scale) : "its lowest"}${scale?.higher_is_better === false ? " (better)" : ""}`;
    this.high.textContent = `${values ? scoreText(values[1], scale) : "its highest"}${scale?.higher_is_better ? " (better)" : ""}`;
  }
}
