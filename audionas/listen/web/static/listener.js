// The listener, a worker: blocks of samples of any length in; scores, events and spectrogram columns out.

import * as ort from "./ort/ort.wasm.bundle.min.mjs";
import { Detector } from "./detector.js";
import { ears } from "./ears.js";
import { Spectrum } from "./spectrum.js";

const PIECE = 100; // hops of a whole file between two reports
const MOST_COLUMNS = 4000; // of a whole file's spectrogram

ort.env.wasm.numThreads = 1; // the networks are small: more threads only wait for each other

let listener;

class Listener {
  constructor(config, session) {
    this.config = config;
    this.session = session;
    this.column = Math.round(config.sample_rate / 100);
    this.work = Promise.resolve();
    this.turn = 0;
    this.reset(this.column);
  }

  // Forget everything heard, and use `step` samples per column from now on. A recording is heard after silence.
  reset(step, recording = false) {
    this.states = Object.fromEntries(this.config.states.map(({ name, shape }) => [name, zeros(shape)]));
    this.ears = ears(this.config.input);
    this.detector = new Detector(this.config);
    this.spectrum = new Spectrum(this.config.sample_rate, step);
    this.hops = 0; // the number of the next score; those of the silence before a recording are negative
    const turn = ++this.turn; // requests from before a reset are dropped
    if (recording) this.work = this.work.then(() => this.settle(turn)).catch(fail);
  }

  // Hear silence as long as the warm-up, without reports: so all of a recording counts, however short.
  async settle(turn) {
    const { hop, warm_up } = this.config;
    this.hops = -warm_up; // a front-end that still waits for samples scores some of it with the recording
    this.detector.lead = warm_up;
    await this.scored(new Float32Array(warm_up * hop), turn);
  }

  // Process blocks one by one: each step needs the states of the previous one.
  hear(samples, whole = false) {
    const turn = this.turn;
    this.work = this.work.then(() => this.step(samples, turn, whole)).catch(fail);
    return this.work;
  }

  async step(samples, turn, whole) {
    const piece = whole ? PIECE * this.config.hop : samples.length;
    for (let at = 0; at < samples.length; at += piece) {
      const part = samples.subarray(at, at + piece), first = Math.max(0, this.hops);
      const rows = await this.scored(part, turn);
      if (turn !== this.turn) return;
      const columns = this.spectrum.columns(part), share = Math.min(1, (at + piece) / samples.length);
      report({ type: "heard", label: this.label, first, rows, columns, level: level(part), share });
    }
  }

  // The scores that end within these samples, with levels and events; none of a silence before a recording.
  async scored(samples, turn) {
    const { input: { name, shape }, states } = this.config, rows = [];
    for (const input of this.ears.step(samples)) {
      const made = await this.session.run({ [name]: new ort.Tensor("float32", input, shape), ...this.states });
      if (turn !== this.turn) return rows;
      for (const state of states) this.states[state.name] = made[`${state.name}_next`];
      const scores = Array.from(made.scores.data), row = { scores, ...this.detector.step(scores) };
      if (this.hops++ >= 0) rows.push(row);
    }
    return rows;
  }
}

const zeros = (shape) => new ort.Tensor("float32", new Float32Array(shape.reduce((a, b) => a * b, 1)), shape);
const level = (part) => (part.length ? Math.sqrt(part.reduce((sum, x) => sum + x * x, 0) / part.length) : 0);
const report = (message) => postMessage(message);
const fail = (error) => report({ type: "error", text: error.message ?? String(error) });

const orders = {
  async load({ config }) {
    const reply = await fetch(config.file);
    if (!reply.ok) throw new Error(`${config.file} cannot be fetched: the server answers ${reply.status}.`);
    const session = await ort.InferenceSession.create(await reply.arrayBuffer(), { executionProviders: ["wasm"] });
    listener = new Listener(config, session);
    report({ type: "ready" });
  },
  // From now on samples arrive through `port`, in real time: the microphone's, or a recording's until `end`.
  live({ port, label, recording }) {
    listener.reset(listener.column, recording);
    listener.label = label;
    const { turn } = listener;
    port.onmessage = ({ data }) => { if (turn === listener.turn) listener.hear(data); };
  },
  async whole({ samples, label }) {
    const all = new Float32Array(samples.length + listener.config.tail);
    all.set(samples);
    listener.reset(Math.max(listener.column, Math.ceil(all.length / MOST_COLUMNS)), true);
    listener.label = label;
    const { turn, spectrum } = listener;
    report({ type: "whole", label, step: spectrum.step, seconds: all.length / listener.config.sample_rate });
    await listener.hear(all, true);
    if (turn === listener.turn) report({ type: "done", label });
  },
  // End a recording that arrived through a port: its last word may fire in the silence after it.
  async end({ label }) {
    const { turn, config } = listener;
    await listener.hear(new Float32Array(config.tail));
    if (turn === listener.turn) report({ type: "done", label });
  },
  stop() { listener.reset(listener.column); },
};

onmessage = ({ data }) => Promise.resolve(orders[data.type](data)).catch(fail);
