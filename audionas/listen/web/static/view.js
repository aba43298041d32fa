// The view of the page: words, the lamp, the meters, the list of events, the charts.

import { drawScores, drawSpectrum, shades } from "./draw.js";

const COLOURS = 10; // --k0 ... --k9 in the style sheet
const GLOW = 1300; // ms that the lamp stays on
const style = getComputedStyle(document.documentElement);

export const find = (id) => document.getElementById(id);
export const count = (events) => (events === 1 ? "1 event" : `${events} events`);

// Text of others, such as a label or the name of a file, with what nobody sees written out.
const UNSEEN = /[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]|\p{Cs}/gu;
export const shown = (text) => text.replace(UNSEEN, (c) => `\\u${c.charCodeAt().toString(16).padStart(4, "0")}`);

export function say(text, bad = false) {
  find("status").textContent = shown(text);
  find("status").classList.toggle("bad", bad);
}

export class View {
  constructor(config) {
    this.keywords = config.keywords.map((keyword, i) => ({ ...keyword, token: `--k${i % COLOURS}`, tuned: config.tuned }));
    this.meters = [];
    this.describe(config);
    matchMedia("(prefers-color-scheme: dark)").onchange = () => this.recolour();
  }

  describe(config) {
    const { keywords } = this, hop = (1000 * config.hop) / config.sample_rate;
    document.title = shown(`${config.name} listens`);
    find("title").textContent = shown(keywords.map(({ name }) => name).join(", "));
    find("facts").textContent = shown(`${config.name}, ${config.arch}: one score per ${hop.toFixed(0)} ms`);
    find("word").dataset.idle = "waiting for the word";
    const facts = {
      Model: config.file,
      Labels: config.labels.join(", "),
      Input: `${config.sample_rate} Hz, ${config.hop} samples per step, ${config.input.name === "frames" ? "front-end micro, " : ""}${config.states.length} states`,
      Rule: config.rule.words,
      Thresholds: config.tuned ? `${keywords.map(({ name, threshold }) => `${name} ${+threshold.toFixed(4)}`).join(", ")} (${config.thresholds_from})` : config.thresholds_from,
      "Warm-up": `the first ${config.warm_up} scores (${((config.warm_up * hop) / 1000).toFixed(2)} s) from the microphone are ignored; before a recording the model hears silence of that length`,
    };
    for (const [name, value] of Object.entries(facts)) find("about").append(made("dt", name), made("dd", value));
    for (const keyword of keywords) find("meters").append(this.meter(keyword.name, keyword));
    find("meters").append(this.meter("level"));
    for (const keyword of keywords) {
      keyword.swatch = made("i");
      find("legend").append(made("span", keyword.swatch, keyword.name));
    }
    find("legend").append(made("small", config.tuned ? " dashed: the threshold" : ` no threshold was tuned: it fires at ${keywords[0].threshold}`));
  }

  meter(name, keyword) {
    const fill = made("div"), value = made("span"), mark = made("div"), track = made("div", fill);
    const row = made("div", made("span", name), track, value);
    row.className = keyword ? "meter" : "meter level";
    [track.className, fill.className, mark.className, value.className] = ["track", "fill", "mark", "value"];
    if (keyword?.tuned) {
      mark.style.left = `calc(${100 * keyword.threshold}% - 1px)`;
      track.append(mark);
    }
    this.meters.push({ name, keyword, fill, value });
    return row;
  }

  // Show something new: a Heard.
  restart(heard) {
    this.heard = heard;
    this.peaks = {};
    this.loudness = 0;
    this.recolour();
  }

  recolour() {
    for (const keyword of this.keywords) {
      keyword.colour = style.getPropertyValue(keyword.token);
      keyword.swatch.style.background = keyword.colour;
    }
    for (const { keyword, fill } of this.meters) fill.style.background = keyword?.colour ?? style.getPropertyValue("--muted");
    this.heard?.recolour(shades(style));
    this.drawn = null;
  }

  // Show an event in the list and on the lamp.
  note({ keyword, seconds, score }) {
    const { colour } = this.keywords.find(({ name }) => name === keyword);
    const item = made("li", made("time", clock(seconds)), made("b", keyword), made("data", score.toFixed(3)));
    item.style.setProperty("--dot", colour);
    find("events").prepend(item);
    find("none").hidden = true;
    find("word").textContent = shown(keyword);
    find("when").textContent = `at ${clock(seconds)}, score ${score.toFixed(2)}`;
    find("lamp").style.setProperty("--fired", colour);
    find("lamp").classList.add("on");
    clearTimeout(this.glow);
    this.glow = setTimeout(() => find("lamp").classList.remove("on"), GLOW);
  }

  // Empty the list and switch the lamp off.
  clear() {
    find("events").replaceChildren();
    find("none").hidden = false;
    find("word").textContent = find("when").textContent = "";
    find("lamp").classList.remove("on");
  }

  draw() {
    const row = this.heard.rows.at(-1);
    for (const { name, keyword, fill, value } of this.meters) {
      const now = keyword ? row?.scores[keyword.column] ?? 0 : 1 + Math.log10(Math.max(this.loudness, 1e-3)) / 3; // -60 to 0 dB
      this.peaks[name] = Math.max(now, (this.peaks[name] ?? 0) - 0.02); // falls slowly
      fill.style.transform = `scaleX(${this.peaks[name]})`;
      value.textContent = keyword ? now.toFixed(2) : "";
    }
    const { heard } = this, state = [heard.columnCount, heard.firstRow + heard.rows.length, innerWidth, devicePixelRatio].join();
    if (this.drawn === state) return; // nothing new to draw
    this.drawn = state;
    drawSpectrum(find("spectrum"), heard, style);
    drawScores(find("scores"), heard, style, this.keywords);
  }
}

function clock(seconds) {
  const minutes = Math.floor(seconds / 60), rest = (seconds % 60).toFixed(2);
  return minutes ? `${minutes}:${rest.padStart(5, "0")}` : `${rest} s`;
}

function made(tag, ...children) {
  const element = document.createElement(tag);
  element.append(...children.map((child) => (typeof child === "string" ? shown(child) : child)));
  return element;
}
