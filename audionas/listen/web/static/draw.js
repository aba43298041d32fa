// The two pictures: a spectrogram and the score curves, over the last seconds or a whole file.

import { ROWS } from "./spectrum.js";

export const LIVE = 8; // seconds shown while live
const MARGIN = { left: 30, right: 10, top: 8, bottom: 20 }; // CSS pixels

// The sound heard so far, as far as it is visible.
export class Heard {
  constructor(config, { step = config.sample_rate / 100, seconds = null } = {}) {
    this.config = config;
    this.whole = seconds; // length of a whole file; null: the last LIVE seconds
    this.columnTime = step / config.sample_rate;
    this.hopTime = config.hop / config.sample_rate;
    this.capacity = Math.ceil((seconds ?? LIVE + 1) / this.columnTime) + 1;
    this.picture = new OffscreenCanvas(this.capacity, ROWS);
    this.columns = []; // kept for another colour scheme, by column modulo capacity
    this.columnCount = 0;
    this.rows = []; // rows of scores; the first belongs to hop `firstRow`
    this.firstRow = 0;
    this.events = [];
    this.painter = null;
  }

  // Seconds of sound received.
  get seconds() { return this.columnCount * this.columnTime; }

  add({ first, rows, columns }) {
    for (const column of columns) {
      const x = this.columnCount++ % this.capacity;
      this.columns[x] = column;
      if (this.painter) this.paint(x);
    }
    if (!this.rows.length) this.firstRow = first;
    this.rows.push(...rows);
    for (const row of rows) this.events.push(...row.events);
    const most = Math.ceil((this.whole ?? LIVE + 1) / this.hopTime) + 1;
    if (this.rows.length > 2 * most) this.firstRow += this.rows.splice(0, this.rows.length - most).length;
  }

  // Paint all columns in another scheme's colours.
  recolour(shades) {
    this.painter = this.picture.getContext("2d");
    this.shades = shades;
    this.columns.forEach((_, x) => this.paint(x));
  }

  paint(x) {
    const image = this.painter.createImageData(1, ROWS);
    this.columns[x].forEach((level, row) => image.data.set(this.shades[level], 4 * (ROWS - 1 - row)));
    this.painter.putImageData(image, x, 0);
  }
}

// 256 colours along the style sheet's --s0 ... --s4, [red, green, blue, 255].
export function shades(style) {
  const stops = [0, 1, 2, 3, 4].map((i) => parse(style.getPropertyValue(`--s${i}`)));
  return Array.from({ length: 256 }, (_, level) => {
    const place = (level / 255) * 4, i = Math.min(3, Math.floor(place)), share = place - i;
    return [0, 1, 2].map((c) => Math.round(stops[i][c] * (1 - share) + stops[i + 1][c] * share)).concat(255);
  });
}

const parse = (colour) => colour.trim().slice(1).match(/../g).map((pair) => parseInt(pair, 16));

export function drawSpectrum(canvas, heard, style) {
  const { context, x, width, height, start, end } = frame(canvas, heard, style);
  const { columnTime, columnCount, capacity, picture } = heard;
  const low = Math.max(Math.floor(start / columnTime), columnCount - capacity, 0);
  const high = Math.min(Math.ceil(end / columnTime), columnCount);
  context.save();
  context.beginPath();
  context.rect(MARGIN.left, MARGIN.top, width, height);
  context.clip();
  for (let at = low; at < high;) {
    const from = at % capacity, run = Math.min(high - at, capacity - from);
    const left = x(at * columnTime), wide = x((at + run) * columnTime) - left + 0.5; // no gap to the next run
    context.drawImage(picture, from, 0, run, ROWS, left, MARGIN.top, wide, height);
    at += run;
  }
  context.restore();
}

export function drawScores(canvas, heard, style, keywords) {
  const { context, x, width, height, start, end } = frame(canvas, heard, style);
  const y = (score) => MARGIN.top + height * (1 - score);
  context.font = "11px system-ui, sans-serif";
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const value of [0, 0.5, 1]) {
    line(context, style.getPropertyValue("--faint"), 1, [[MARGIN.left, y(value)], [MARGIN.left + width, y(value)]]);
    context.fillStyle = style.getPropertyValue("--muted");
    context.fillText(value, MARGIN.left - 6, y(value));
  }
  context.save();
  context.beginPath();
  context.rect(MARGIN.left, 0, width, MARGIN.top + height + 2);
  context.clip();
  const from = Math.max(0, Math.floor(start / heard.hopTime) - heard.firstRow - 1);
  const until = Math.ceil(end / heard.hopTime) - heard.firstRow + 1;
  const shown = heard.rows.slice(from, Math.max(from, until));
  const time = (i) => x((heard.firstRow + from + i + 1) * heard.hopTime); // a score belongs to its hop's end
  const curve = (score) => highest(shown.map(score), width).map(([i, value]) => [time(i), y(value)]);
  keywords.forEach(({ column, threshold, name, colour, tuned }) => {
    context.globalAlpha = 0.35;
    line(context, colour, 1, curve((row) => row.scores[column]));
    context.globalAlpha = 1;
    line(context, colour, 2, curve((row) => row.levels[name]));
    if (tuned) line(context, colour, 1.2, [[MARGIN.left, y(threshold)], [MARGIN.left + width, y(threshold)]], [5, 4]);
  });
  for (const event of heard.events) {
    const keyword = keywords.find(({ name }) => name === event.keyword);
    if (event.seconds < start || event.seconds > end) continue;
    line(context, keyword.colour, 1.5, [[x(event.seconds), MARGIN.top], [x(event.seconds), MARGIN.top + height]]);
    context.fillStyle = keyword.colour;
    context.beginPath();
    context.arc(x(event.seconds), y(event.score), 4.5, 0, 7);
    context.fill();
  }
  context.restore();
}

// [place, value] pairs to draw: all, or the highest per stretch where there are more pairs than pixels.
function highest(values, pixels) {
  const every = Math.ceil(values.length / Math.max(2 * pixels, 1)), found = [];
  for (let first = 0; first < values.length; first += every) {
    let best = first;
    for (let i = first + 1; i < Math.min(first + every, values.length); i++) if (values[i] > values[best] || isNaN(values[best])) best = i;
    found.push([best, values[best]]);
  }
  return found;
}

// Clear the canvas, set it to the screen's resolution, and draw the time axis. Returns the geometry.
function frame(canvas, heard, style) {
  const box = canvas.getBoundingClientRect(), ratio = devicePixelRatio || 1;
  const size = [Math.round(box.width * ratio), Math.round(box.height * ratio)];
  if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, box.width, box.height);
  const width = box.width - MARGIN.left - MARGIN.right, height = box.height - MARGIN.top - MARGIN.bottom;
  const end = heard.whole ?? Math.max(LIVE, heard.seconds), start = heard.whole ? 0 : end - LIVE;
  const x = (time) => MARGIN.left + (width * (time - start)) / (end - start);
  context.font = "11px system-ui, sans-serif";
  context.fillStyle = style.getPropertyValue("--muted");
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  const every = [1, 2, 5, 10, 30, 60, 300, 600, 3600].find((s) => (end - start) / s <= Math.max(3, width / 55)) ?? 36000;
  for (let second = Math.ceil(start / every) * every; second <= end; second += every)
    context.fillText(`${second} s`, x(second), box.height - 5);
  return { context, x, width, height, start, end };
}

function line(context, colour, thickness, points, dash = []) {
  context.strokeStyle = colour;
  context.lineWidth = thickness;
  context.setLineDash(dash);
  context.beginPath();
  points.forEach(([px, py], i) => (i ? context.lineTo(px, py) : context.moveTo(px, py)));
  context.stroke();
}
