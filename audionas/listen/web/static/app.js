// The page's behaviour: the sources of sound, and the requests to the listener.

import { Heard } from "./draw.js";
import { View, count, find, say, shown } from "./view.js";

const LATE = 300; // ms from the end of a recording until its last samples are heard

let config, view, worker, context, stopSource, samples;
let told = false; // whether the result of ?file=NAME was reported
let turn = 0; // one number per source; answers to earlier ones are dropped

// --- errors, in words ------------------------------------------------------------------------------------

const WORDS = {
  NotAllowedError: "The browser blocked the microphone. Allow it in the browser's settings for this page, then press the button again.",
  NotFoundError: "No microphone was found. Connect one, or choose a recording.",
  NotReadableError: "The microphone is in use by another program.",
  NotSupportedError: "This browser cannot record at the model's sample rate. Chrome, Edge and Safari can.",
  EncodingError: "This browser cannot decode that file. Most browsers decode WAV, FLAC, MP3 and Ogg.",
};

function fail(error) {
  stop();
  const text = WORDS[error.name] ?? error.message ?? String(error);
  say(text, true);
  tell({ error: text });
}

const guarded = (action) => (...given) => Promise.resolve().then(() => action(...given)).catch(fail);

// --- the listener ----------------------------------------------------------------------------------------

async function start() {
  config = await (await fetched("model.json")).json();
  view = new View(config);
  view.restart(new Heard(config));
  requestAnimationFrame(function draw() {
    view.draw();
    requestAnimationFrame(draw);
  });
  worker = new Worker("listener.js", { type: "module" });
  worker.onmessage = ({ data }) => answers[data.type](data);
  worker.onerror = (event) => {
    event.preventDefault();
    fail(new Error(`The listener did not start: ${event.message || "is onnxruntime-web missing in the folder ort?"}`));
  };
  worker.postMessage({ type: "load", config });
}

const answers = {
  ready: guarded(() => {
    for (const id of ["mic", "choose"]) find(id).disabled = false;
    say("Ready.");
    return fromAddress(new URLSearchParams(location.search).get("file"));
  }),
  whole({ label, step, seconds }) {
    if (label === turn) view.restart(new Heard(config, { step, seconds }));
  },
  heard(part) {
    if (part.label !== turn) return;
    view.heard.add(part);
    view.loudness = part.level;
    find("progress").value = part.share;
    for (const row of part.rows) row.events.forEach((event) => view.note(event));
  },
  done({ label }) {
    if (label !== turn) return;
    const { rows, events } = view.heard, seconds = samples.length / config.sample_rate;
    if (pressed("play")) {
      stop();
      return say(`Played to the end: ${count(events.length)}.`);
    }
    find("progress").hidden = true;
    say(`Scored ${seconds.toFixed(1)} s of sound: ${count(events.length)}.`);
    tell({ labels: config.labels, scores: rows.map((row) => row.scores), events });
  },
  error: ({ text }) => fail(new Error(text)),
};

async function fetched(name) {
  const reply = await fetch(name);
  if (!reply.ok) throw new Error(`${name} cannot be fetched: the server answers ${reply.status}.`);
  return reply;
}

// --- sources ---------------------------------------------------------------------------------------------

// Let the listener hear an audio node in real time, a microphone or a recording; `make` returns {source, begin, stop}.
async function live(make, recording = false) {
  stop();
  view.restart(new Heard(config));
  const mine = turn;
  context = new AudioContext({ sampleRate: config.sample_rate });
  const here = context;
  await here.audioWorklet.addModule("worklet.js");
  const node = await make(here);
  if (mine !== turn) return node.stop();
  stopSource = node.stop;
  const block = Math.round(config.sample_rate / 50);
  const tap = new AudioWorkletNode(here, "tap", { numberOfOutputs: 0, processorOptions: { block } });
  const { port1, port2 } = new MessageChannel();
  tap.port.postMessage(port1, [port1]);
  worker.postMessage({ type: "live", port: port2, label: turn, recording }, [port2]);
  node.source.connect(tap);
  await here.resume();
  node.begin();
}

function stop() {
  turn++;
  stopSource?.();
  context?.close();
  stopSource = context = null;
  worker?.postMessage({ type: "stop" });
  if (view) view.loudness = 0;
  find("progress").hidden = true;
  button("mic", "Use the microphone", false);
  button("play", "Play", false);
}

function button(id, text, pressed) {
  find(id).textContent = text;
  find(id).setAttribute("aria-pressed", pressed);
}

const pressed = (id) => find(id).getAttribute("aria-pressed") === "true";

function microphone() {
  if (pressed("mic")) {
    stop();
    return say("Stopped.");
  }
  if (!navigator.mediaDevices) throw new Error("Browsers allow the microphone only on pages from https addresses or from localhost.");
  say("Asking for the microphone.");
  return live(async (audio) => {
    const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false }; // as in training
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, ...plain } });
    const begin = () => {
      say("Listening.");
      button("mic", "Stop", true);
    };
    const end = () => stream.getTracks().forEach((track) => track.stop());
    return { source: audio.createMediaStreamSource(stream), begin, stop: end };
  });
}

function play() {
  if (pressed("play")) {
    stop();
    return say("Stopped.");
  }
  return live((audio) => {
    const source = audio.createBufferSource(), mine = turn;
    source.buffer = audio.createBuffer(1, samples.length, config.sample_rate);
    source.buffer.copyToChannel(samples, 0);
    source.connect(audio.destination);
    source.onended = () => setTimeout(() => mine === turn && worker.postMessage({ type: "end", label: mine }), LATE);
    const begin = () => {
      source.start();
      say("Playing.");
      button("play", "Stop", true);
    };
    return { source, begin, stop: () => source.disconnect() };
  }, true);
}

function whole() {
  stop();
  find("progress").value = 0;
  find("progress").hidden = false;
  say("Scoring.");
  worker.postMessage({ type: "whole", samples, label: turn });
}

// --- recordings ------------------------------------------------------------------------------------------

// Convert a file's bytes to one channel at the model's rate; the browser resamples.
async function take(name, bytes) {
  stop();
  const decoded = await new OfflineAudioContext(1, 1, config.sample_rate).decodeAudioData(bytes);
  samples = new Float32Array(decoded.length);
  for (let channel = 0; channel < decoded.numberOfChannels; channel++)
    decoded.getChannelData(channel).forEach((x, i) => { samples[i] += x / decoded.numberOfChannels; });
  const peak = samples.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  if (peak > 4) throw new Error(`${name}: its samples reach ${peak.toPrecision(6)}, but full scale is 1.`);
  find("recording").hidden = false;
  find("name").textContent = shown(`${name}, ${decoded.duration.toFixed(1)} s`);
  whole();
}

async function chosen([file]) {
  if (find("choose").disabled) throw new Error("The model is not loaded yet.");
  if (file) await take(file.name, await file.arrayBuffer());
}

// ?file=NAME scores a recording beside the page; window.result and #result then hold the full result.
async function fromAddress(name) {
  if (!name) return;
  if (new URL(name, location.href).origin !== location.origin) throw new Error(`${name} is not in the folder of this page.`);
  await take(name, await (await fetched(name)).arrayBuffer());
}

function tell(result) {
  const file = new URLSearchParams(location.search).get("file");
  if (!file || told) return;
  told = true;
  window.result = { file, ...result };
  find("result").textContent = JSON.stringify(window.result);
}

// --- user actions ----------------------------------------------------------------------------------------

find("mic").onclick = guarded(microphone);
find("play").onclick = guarded(play);
find("whole").onclick = guarded(whole);
find("clear").onclick = () => view?.clear();
find("choose").onchange = guarded(async ({ target }) => {
  await chosen(target.files);
  target.value = "";
});
for (const kind of ["dragover", "dragleave", "drop"])
  addEventListener(kind, (event) => {
    event.preventDefault();
    document.body.classList.toggle("over", kind === "dragover");
  });
addEventListener("drop", guarded(({ dataTransfer }) => chosen(dataTransfer.files)));

guarded(start)();
