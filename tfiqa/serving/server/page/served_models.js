// What the server serves, as /page/models tells it, and what of it a photograph can be sent to.

/** What can be chosen: a model at its newest version, at another one, or at a label. */
export class Choice {
  constructor(model, version, { path = "", text }) {
    this.name = model.name;
    this.text = text;
    this.version = version;
    this.key = `${model.name}\n${path}`;
    this.url = new URL(`v1/models/${encodeURIComponent(model.name)}${path}:predict`, document.baseURI).href;
    this.scoring = scoringSignature(version);
    this.map = version.has_map && usable(version.signatures.map) ? signature(version, "map") : null;
  }

  get takesExif() {
    return "exif" in (this.scoring?.inputs ?? {});
  }
}

/** Asks the server. Returns {choices, maxBodyBytes}; throws an Error in words. */
export async function loadModels() {
  let answer;
  try {
    answer = await fetch(new URL("page/models", document.baseURI));
  } catch {
    throw new Error("The server cannot be reached.");
  }
  if (!answer.ok) throw new Error(`The server does not say which models it serves (HTTP ${answer.status}).`);
  const document_ = await answer.json();
  return { choices: document_.models.flatMap(choicesOf), maxBodyBytes: document_.limits.max_body_bytes };
}

function choicesOf(model) {
  const [newest] = model.versions;
  if (!newest) return [];
  const several = model.versions.length > 1 || Object.keys(model.labels).length > 0;
  const first = several ? `${model.name}, newest (version ${newest.version})` : model.name;
  const choices = [new Choice(model, newest, { text: first })];
  if (!several) return choices;
  for (const [label, number] of Object.entries(model.labels)) {
    const version = model.versions.find((each) => each.version === number);
    const path = `/labels/${encodeURIComponent(label)}`;
    choices.push(new Choice(model, version, { path, text: `${model.name}, ${label} (version ${number})` }));
  }
  for (const version of model.versions) {
    const path = `/versions/${version.version}`;
    choices.push(new Choice(model, version, { path, text: `${model.name}, version ${version.version}` }));
  }
  return choices;
}

/** The signature that scores: the default one, or the first other one that takes no more than the page can give. */
function scoringSignature(version) {
  const names = Object.keys(version.signatures).filter((name) => name !== "map");
  names.sort((a, b) => (b === "serving_default") - (a === "serving_default"));
  const name = names.find((each) => usable(version.signatures[each]));
  return name === undefined ? null : signature(version, name);
}

function usable(found) {
  return Object.keys(found.inputs).every((name) => name === found.picture_input || name === "exif");
}

function signature(version, name) {
  return { name, ...version.signatures[name] };
}
