// Photographs on their way: a few requests at a time, scores before maps.

import { toPng } from "./conversion.js";
import { readOutputs } from "./outputs.js";
import { predict } from "./predict.js";

const AT_ONCE = 3;

/** Runs "score" and "map" jobs and writes what becomes of them into the photographs; `onChange(photo)` after each step. */
export class ScoringQueue {
  constructor({ maxBodyBytes, onChange }) {
    this.maxBodyBytes = maxBodyBytes;
    this.onChange = onChange;
    this.waiting = { score: [], map: [] };
    this.running = new Set();
  }

  get isBusy() {
    return this.running.size + this.waiting.score.length + this.waiting.map.length > 0;
  }

  /** Adds a job unless it is done, waiting or under way. A failed or cancelled one is tried again. */
  add(kind, photo, choice) {
    const kept = kind === "score" ? photo.results : photo.maps;
    if (["waiting", "sending", "done"].includes(kept.get(choice.key)?.state)) return;
    kept.set(choice.key, { state: "waiting" });
    this.waiting[kind].push({ kind, photo, choice, kept, abort: new AbortController() });
    this.onChange(photo);
    this.fill();
  }

  /** Stops all jobs, or those that `chosen` says; their photographs are as if they had not been sent. */
  cancel(chosen = () => true) {
    for (const kind of ["score", "map"]) {
      const cancelled = this.waiting[kind].filter(chosen);
      this.waiting[kind] = this.waiting[kind].filter((job) => !chosen(job));
      for (const job of cancelled) this.settle(job, { state: "cancelled" });
    }
    for (const job of [...this.running].filter(chosen)) {
      this.running.delete(job);
      job.abort.abort();
      this.settle(job, { state: "cancelled" });
    }
    this.fill();
  }

  fill() {
    while (this.running.size < AT_ONCE) {
      const job = this.waiting.score.shift() ?? this.waiting.map.shift();
      if (!job) return;
      this.running.add(job);
      this.run(job);
    }
  }

  async run(job) {
    this.settle(job, { state: "sending" });
    let result;
    try {
      result = job.kind === "score" ? await this.score(job) : await this.mapOf(job);
    } catch (error) {
      result = { state: "failed", error: error.message };
    }
    if (job.abort.signal.aborted) return; // settled by `cancel`, and perhaps asked for again since
    this.running.delete(job);
    this.settle(job, result);
    this.fill();
  }

  settle(job, result) {
    job.kept.set(job.choice.key, result);
    this.onChange(job.photo);
  }

  async score(job) {
    const { photo, choice } = job;
    let outputs;
    try {
      outputs = await this.send(job, choice.scoring);
    } catch (error) {
      if (!error.decoding || photo.converted) throw error;
      photo.converted = await toPng(photo.file);
      if (!photo.converted) throw new Error(`${error.message.replace(/[;:][^;:]*$|\.$/, "")}, and this browser cannot convert it.`);
      outputs = await this.send(job, choice.scoring);
    }
    const reading = readOutputs(outputs, choice.version);
    if (reading.quality.name === undefined) throw new Error("The model's answer holds no number.");
    const finite = Object.values(reading.numbers).every((value) => value !== null);
    if (!finite) throw new Error("The model's score is not finite.");
    return { state: "done", reading, outputs };
  }

  async mapOf(job) {
    const outputs = await this.send(job, job.choice.map);
    const values = outputs.map;
    if (!Array.isArray(values?.[0])) throw new Error("The model's answer holds no map.");
    return { state: "done", values };
  }

  send({ photo, choice, kept, abort }, signature) {
    const onWait = () => {
      kept.set(choice.key, { state: "sending", busy: true });
      this.onChange(photo);
    };
    const { maxBodyBytes } = this;
    return predict({ url: choice.url, signature, picture: photo.picture, maxBodyBytes, signal: abort.signal, onWait });
  }
}
