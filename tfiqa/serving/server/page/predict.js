// One photograph to the server and its outputs back, in the REST interface of TensorFlow Serving.

const BUSY = new Set([429, 503]);
const TOO_SLOW = 504;
const TRIES = 6;
const FIRST_WAIT = 500; // milliseconds; doubles from try to try unless the server says how long
const LONGEST_WAIT = 15000;

/** A photograph that got no score. `decoding` tells that another encoding of the same photograph may be taken. */
export class PredictError extends Error {
  constructor(message, { decoding = false } = {}) {
    super(message);
    this.decoding = decoding;
  }
}

/**
 * Sends a photograph to a signature.
 *
 * @param {object} request - {url, signature, picture: Blob, maxBodyBytes, signal, onWait}.
 * @returns {Promise<object>} the outputs by name, without `error`. Throws PredictError, or AbortError once `signal` fires.
 */
export async function predict({ url, signature, picture, maxBodyBytes, signal, onWait = () => {} }) {
  const [before, after] = bodyAround(signature);
  const bytes = before.length + 4 * Math.ceil(picture.size / 3) + after.length;
  if (bytes > maxBodyBytes) {
    const most = Math.floor(((maxBodyBytes - before.length - after.length) * 3) / 4);
    throw new PredictError(`${megabytes(picture.size)} is too large: this server takes photos up to ${megabytes(most)}.`);
  }
  const body = new Blob([before, await base64(picture), after], { type: "application/json" });
  const row = firstRow(parse(await ask(url, body, signal, onWait)), signature.outputs);
  const { error, ...outputs } = row;
  if (typeof error === "string" && error) throw pictureError(error);
  if (error !== undefined && typeof error !== "string") outputs.error = error;
  return outputs;
}

/** JSON as the server writes it: NaN, Infinity and -Infinity, which JSON does not know, become null. */
export function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\bInfinity\b|\bNaN\b/gs; // strings are matched so as to be left alone
    return JSON.parse(text.replace(tokens, (token) => (token[0] === '"' ? token : "null")));
  }
}

/** The request's text before and after the base64 of the photograph. */
function bodyAround(signature) {
  const name = JSON.stringify(signature.name);
  const others = Object.entries(signature.inputs).filter(([input]) => input !== signature.picture_input);
  const start = `{"signature_name":${name},"instances":[`;
  if (others.length === 0) return [`${start}{"b64":"`, `"}]}`];
  // EXIF is left out: all missing, for which the server takes the token NaN.
  const rest = others.map(([input, shape]) => `,${JSON.stringify(input)}:[${Array(shape.at(-1)).fill("NaN").join(",")}]`);
  return [`${start}{${JSON.stringify(signature.picture_input)}:{"b64":"`, `"}${rest.join("")}}]}`];
}

function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(new PredictError("The browser could not read this file. Was it moved or changed?"));
    if (blob.size) reader.readAsDataURL(blob);
    else resolve(""); // a data URL of nothing has no comma in some browsers
  });
}

async function ask(url, body, signal, onWait) {
  for (let tried = 1; ; tried += 1) {
    let answer;
    let text;
    try {
      answer = await fetch(url, { method: "POST", body, signal });
      text = await answer.text();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new PredictError("The server cannot be reached. Is it still running?");
    }
    if (answer.ok) return text;
    // A model's first runs take longest: one that ran out of time gets a second chance.
    const again = BUSY.has(answer.status) ? tried < TRIES : answer.status === TOO_SLOW && tried === 1;
    if (!again) throw refusal(answer.status, text);
    onWait();
    await pause(Number(answer.headers.get("Retry-After")) * 1000 || FIRST_WAIT * 2 ** (tried - 1), signal);
  }
}

/** Waits, a little longer or shorter each time, so that requests refused together do not come back together. */
function pause(milliseconds, signal) {
  const time = Math.min(milliseconds, LONGEST_WAIT) * (0.75 + Math.random() / 2);
  return new Promise((resolve, reject) => {
    const cancelled = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", cancelled);
      resolve();
    }, time);
    signal.addEventListener("abort", cancelled, { once: true });
  });
}

function firstRow(answer, outputs) {
  const row = answer?.predictions?.[0];
  if (row === undefined) throw new PredictError("The server's answer holds no prediction.");
  return outputs.length === 1 ? { [outputs[0]]: row } : row;
}

function refusal(status, text) {
  if (BUSY.has(status)) return new PredictError("The server is too busy. Try again later.");
  if (status === 413) return new PredictError("The server refuses so large a request.");
  if (status === TOO_SLOW) return new PredictError("The server took longer for this photo than it may.");
  let reason = "";
  try {
    reason = String(parse(text).error ?? "");
  } catch {
    // a proxy's page and no answer of the server's
  }
  if (status === 404) return new PredictError(`The model is not served any more: ${firstLine(reason) || "HTTP 404"}.`);
  if (status === 400) return pictureError(reason);
  return new PredictError(`The server failed (HTTP ${status})${reason ? `: ${firstLine(reason)}` : "."}`);
}

/** What the server says of a photograph that it refuses, without the names of the graph's operations. */
function pictureError(reason) {
  const asserted = /assertion failed: \[(.*?)\](?:\s*\[|\s*$)/s.exec(reason)?.[1];
  const line = asserted ?? firstLine(reason);
  const decoding = /have to be converted|operations decode|unknown image file format/i.test(line);
  const predicate = /^(is|has|holds|needs) /.test(line); // tfiqa's own words, which follow the file's name
  const text = predicate ? `This file ${line}.` : `The server refuses this photo${line ? `: ${line}` : "."}`;
  return new PredictError(text, { decoding });
}

function firstLine(text) {
  const [line] = text.trim().split("\n");
  return line.replace(/\s*\[?\[?\{\{.*$/s, "").replace(/\s*\[Op:.*$/, "");
}

function megabytes(bytes) {
  const size = bytes / 2 ** 20;
  return `${size < 10 ? size.toFixed(1) : Math.floor(size)} MiB`;
}
