// The front-end `micro`: TFLite's for microphones (Apache-2.0), in its integers, as features/micro.py computes it.
//
// Window, spectrum, filter bank, noise reduction, automatic gain (PCAN), logarithm. No product exceeds 2^53, so that
// numbers of JavaScript hold all of them exactly; `>>> 0` keeps 32 bits, as C does.

import { fft } from "./fft16.js";
import { FIRST_BIN, NOISE, SHARES, WINDOW, gains, hann, logarithms } from "./micro_tables.js";

const STEP = 160; // samples from one frame to the next
const CHANNELS = 40;
const SCALE = 0.0390625; // per step of the integers
const HANN = hann(), GAINS = gains(), LOGARITHMS = logarithms();

export class Micro {
  constructor() {
    this.heard = new Int16Array(WINDOW); // the samples of a frame that is not yet full
    this.filled = 0;
    this.noise = new Float64Array(CHANNELS); // its estimate per channel, 1024 times the signal's integers
  }

  // Turn samples in [-1, 1], any number of them, into the frames that end within them: Float32Arrays of 40.
  step(samples) {
    const frames = [];
    for (const sample of samples) {
      this.heard[this.filled++] = integer(sample);
      if (this.filled < WINDOW) continue;
      frames.push(this.frame());
      this.heard.copyWithin(0, STEP);
      this.filled -= STEP;
    }
    return frames;
  }

  frame() {
    const { windowed, shift } = shaped(this.heard);
    const signal = bands(fft(windowed)).map((energy) => root(energy) >>> shift);
    return Float32Array.from(signal, (x, channel) => SCALE * logarithm(this.louder(this.cleaned(x, channel), channel)));
  }

  // The signal of a channel without its noise, whose estimate is renewed.
  cleaned(signal, channel) {
    const share = channel % 2 ? NOISE.odd : NOISE.even, wide = (signal << 10) >>> 0, one = 2 ** NOISE.bits;
    const noise = (this.noise[channel] = Math.floor((wide * share + this.noise[channel] * (one - share)) / one));
    return Math.max((wide - Math.min(noise, wide)) >>> 10, Math.floor((signal * NOISE.least) / one));
  }

  // The signal over the noise: the gain falls as the estimate rises.
  louder(signal, channel) {
    const ratio = Math.floor((signal * gain(this.noise[channel])) / 64) >>> 0;
    return ratio < 8192 ? (ratio * ratio) >>> 20 : (ratio >>> 6) - 64;
  }
}

// A sample as 16 bits, the nearest, halves to even: doubles beyond 2^52 have no fraction.
function integer(sample) {
  const even = 1.5 * 2 ** 52;
  return Math.min(32767, Math.max(-32768, sample * 32768 + even - even));
}

// 512 samples under the window, shifted left as far as the loudest allows.
function shaped(samples) {
  const windowed = new Int16Array(512);
  let loudest = 0;
  for (let i = 0; i < WINDOW; i++) {
    windowed[i] = (samples[i] * HANN[i]) >> 12;
    if (windowed[i] > -32768) loudest = Math.max(loudest, Math.abs(windowed[i])); // C's -(-32768) is negative
  }
  const shift = 15 - bits(loudest);
  return { windowed: windowed.map((x) => x << shift), shift };
}

// The energy of each channel, from a spectrum: each bin's is shared by two channels.
function bands({ real, imaginary }) {
  const sums = new Float64Array(CHANNELS + 2);
  let channel = 0;
  SHARES.forEach((share, i) => {
    const energy = real[FIRST_BIN + i] ** 2 + imaginary[FIRST_BIN + i] ** 2;
    if (share > SHARES[i - 1]) channel++;
    sums[channel] += share * energy;
    sums[channel + 1] += (4096 - share) * energy;
  });
  return sums.slice(1, CHANNELS + 1);
}

// The square root, rounded, but in 16 bits for a number of 32.
function root(x) {
  const floor = Math.floor(Math.sqrt(x)), above = x - floor * floor > floor;
  return above && (floor < 65535 || x >= 2 ** 32) ? floor + 1 : floor;
}

// The gain of PCAN at an estimate of the noise, of 15 bits.
function gain(noise) {
  const [value, slope, bend] = GAINS[bits(noise)];
  if (noise < 2) return value;
  const place = Math.floor(noise * 2 ** (11 - bits(noise))) & 1023;
  return value + ((Math.imul(((bend * place) >> 5) + (slope << 5), place) + 16384) >> 15);
}

// 64 ln(8 x), rounded, 0 for none.
function logarithm(x) {
  const wide = (x << 3) >>> 0;
  if (wide < 2) return 0;
  const whole = bits(wide) - 1, rest = Math.floor((wide - 2 ** whole) * 2 ** (16 - whole)), at = rest >> 9;
  const bent = LOGARITHMS[at] + (((LOGARITHMS[at + 1] - LOGARITHMS[at]) * (rest - 512 * at)) >> 16);
  const natural = Math.floor((45426 * (65536 * whole + rest + bent) + 32768) / 65536);
  return (64 * natural + 32768) >>> 16;
}

const bits = (x) => 32 - Math.clz32(x);
