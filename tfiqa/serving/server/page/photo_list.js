// The list of cards: which are shown, and in which order.

import { PhotoCard } from "./photo_card.js";

const collator = new Intl.Collator(undefined, { numeric: true });

export class PhotoList {
  constructor(root, actions) {
    this.root = root;
    this.actions = actions;
    this.photos = [];
    this.cards = new Map();
  }

  add(photo) {
    this.photos.push(photo);
    this.cards.set(photo, new PhotoCard(photo, this.actions));
  }

  remove(photo) {
    this.photos = this.photos.filter((each) => each !== photo);
    this.cards.get(photo).root.remove();
    this.cards.delete(photo);
    photo.release();
  }

  card(photo) {
    return this.cards.get(photo);
  }

  /** The photographs whose path has the text in it, sorted; those without a score come last when sorted by quality. */
  arranged(sort, text, choice) {
    const wanted = text.trim().toLowerCase();
    const found = this.photos.filter((photo) => photo.path.toLowerCase().includes(wanted));
    if (sort === "name") return found.sort((a, b) => collator.compare(a.path, b.path));
    if (sort === "order") return found;
    const places = new Map(found.map((photo) => [photo, merit(photo.result(choice), choice)]));
    const [scored, others] = [[], []];
    for (const photo of found) (places.get(photo) === null ? others : scored).push(photo);
    scored.sort((a, b) => places.get(a) - places.get(b));
    return [...(sort === "best" ? scored.reverse() : scored), ...others];
  }

  /** Brings the cards into the order given and hides all others; what has the focus keeps it. */
  arrange(photos) {
    const focused = document.activeElement;
    const roots = photos.map((photo) => this.cards.get(photo).root);
    let next = null;
    for (const root of roots.reverse()) {
      if (root.nextSibling !== next || root.parentNode !== this.root) this.root.insertBefore(root, next);
      next = root;
    }
    while (this.root.firstChild && this.root.firstChild !== next) this.root.firstChild.remove();
    if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
  }
}

/** A number that grows with quality; null for a photograph without score. */
function merit({ reading }, choice) {
  if (!reading) return null;
  const { value } = reading.quality;
  return choice.version.scale?.higher_is_better === false ? -value : value;
}
