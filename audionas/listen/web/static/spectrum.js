// Columns of a spectrogram, from samples in blocks of any length.

const SIZE = 512; // samples per transform
export const ROWS = 80; // bands evenly spaced in mel, low tones first
const FLOOR = -85, CEILING = -20; // dB relative to a full-scale sine, drawn as 0 and 255

export class Spectrum {
  // `step`: samples from one column to the next.
  constructor(rate, step) {
    this.step = step;
    this.window = Float32Array.from({ length: SIZE }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / SIZE));
    const top = mel(rate / 2);
    const edges = Array.from({ length: ROWS + 1 }, (_, i) => (hertz((top * i) / ROWS) * SIZE) / rate);
    this.bins = edges.slice(0, -1).map((low, i) => [Math.floor(low), Math.max(Math.ceil(edges[i + 1]), Math.floor(low) + 1)]);
    this.reset();
  }

  reset() {
    this.past = new Float32Array(SIZE); // the last samples, zeros before the first
    this.wait = this.step; // samples until the next column
  }

  // The columns that end within these samples: Uint8Arrays of ROWS.
  columns(samples) {
    const made = [];
    for (let at = 0; at < samples.length;) {
      const part = samples.subarray(at, at + Math.min(this.wait, samples.length - at, SIZE));
      this.past.copyWithin(0, part.length);
      this.past.set(part, SIZE - part.length);
      at += part.length;
      this.wait -= part.length;
      if (!this.wait) {
        made.push(this.column());
        this.wait = this.step;
      }
    }
    return made;
  }

  column() {
    const real = this.past.map((x, i) => x * this.window[i]);
    const imaginary = new Float32Array(SIZE);
    transform(real, imaginary);
    return Uint8Array.from(this.bins, ([low, high]) => {
      let power = 0;
      for (let bin = low; bin < high; bin++) power = Math.max(power, real[bin] ** 2 + imaginary[bin] ** 2);
      const level = 10 * Math.log10(power / (SIZE / 4) ** 2 + 1e-12); // a full-scale sine reaches SIZE / 4
      return Math.min(255, Math.max(0, (255 * (level - FLOOR)) / (CEILING - FLOOR)));
    });
  }
}

const mel = (hertz) => 2595 * Math.log10(1 + hertz / 700);
const hertz = (mel) => 700 * (10 ** (mel / 2595) - 1);

// Cooley and Tukey's transform in place; the length is a power of two.
function transform(real, imaginary) {
  const n = real.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [real[i], real[j]] = [real[j], real[i]];
      [imaginary[i], imaginary[j]] = [imaginary[j], imaginary[i]];
    }
  }
  for (let half = 1; half < n; half *= 2) {
    for (let k = 0; k < half; k++) {
      const cosine = Math.cos((Math.PI * k) / half), sine = -Math.sin((Math.PI * k) / half);
      for (let i = k; i < n; i += 2 * half) {
        const j = i + half;
        const a = real[j] * cosine - imaginary[j] * sine, b = real[j] * sine + imaginary[j] * cosine;
        [real[j], imaginary[j]] = [real[i] - a, imaginary[i] - b];
        [real[i], imaginary[i]] = [real[i] + a, imaginary[i] + b];
      }
    }
  }
}
