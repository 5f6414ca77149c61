// A photograph in the list and what is known of it so far.

import { thumbnail } from "./conversion.js";

const THUMBNAIL_SIDE = 480; // pixels: sharp on a phone's card, and a thousand of them still fit into memory

let last = 0;

export class Photo {
  constructor(file, path) {
    last += 1;
    this.id = last;
    this.file = file;
    this.path = path;
    this.identity = `${path}\n${file.size}\n${file.lastModified}`;
    this.preview = null; // {url, width, height}; false when the browser cannot decode the file
    this.converted = null; // PNG, for a file that the server does not read
    this.results = new Map(); // by the choice's key: {state, reading, error, outputs}
    this.maps = new Map(); // by the choice's key: {state, values, error}
  }

  /** What is sent to the server. */
  get picture() {
    return this.converted ?? this.file;
  }

  result(choice) {
    return this.results.get(choice?.key) ?? { state: "new" };
  }

  map(choice) {
    return this.maps.get(choice?.key) ?? { state: "new" };
  }

  async makePreview() {
    const made = await thumbnail(this.file, THUMBNAIL_SIDE);
    this.preview = made ? { url: URL.createObjectURL(made.blob), width: made.width, height: made.height } : false;
  }

  /** Frees what the browser keeps for it. */
  release() {
    if (this.preview) URL.revokeObjectURL(this.preview.url);
  }
}
