// The Fourier transform of 512 real samples in 16-bit integers, as TFLite's front-end computes it.
//
// The arithmetic of Kiss FFT by M. Borgerding (BSD-3-Clause), fixed point, radix 4: every product is rounded, and
// every value is divided before it is added, so that sums fit in 16 bits.

const SIZE = 256; // complex numbers: pairs of samples
const MOST = 32767;

const short = (x) => (x << 16) >> 16;
const rounded = (x) => (((x + 16384) >> 15) << 16) >> 16;
const point = (angle) => [Math.cos, Math.sin].map((f) => Math.floor(0.5 + MOST * f(angle)));
const circle = (count, angle) => Array.from({ length: count }, (_, i) => point(angle(i)));
const TWIDDLES = circle(SIZE, (i) => (-2 * Math.PI * i) / SIZE);
const LAST = circle(SIZE / 2, (i) => -Math.PI * ((i + 1) / SIZE + 0.5));

// Samples (512 of 16 bits) to {real, imaginary}, 257 each of 16 bits: the spectrum over 512.
export function fft(samples) {
  const real = new Int16Array(SIZE), imaginary = new Int16Array(SIZE);
  for (let i = 0; i < SIZE; i++) { // the order in which the recursion reaches them: base-4 digits reversed
    const from = ((i & 3) << 6) | ((i & 12) << 2) | ((i >> 2) & 12) | (i >> 6);
    real[i] = samples[2 * from];
    imaginary[i] = samples[2 * from + 1];
  }
  for (let quarter = 1; quarter < SIZE; quarter *= 4)
    for (let first = 0; first < SIZE; first += 4 * quarter)
      for (let k = 0; k < quarter; k++) butterfly(real, imaginary, first + k, quarter, (k * SIZE) / (4 * quarter));
  return separated(real, imaginary);
}

// Four numbers, `m` apart, become their transform; `step` is the place of their first twiddle.
function butterfly(real, imaginary, at, m, step) {
  const re = [0, 0, 0, 0], im = [0, 0, 0, 0];
  for (let j = 0; j < 4; j++) {
    const a = rounded(real[at + j * m] * (MOST >> 2)), b = rounded(imaginary[at + j * m] * (MOST >> 2));
    const [c, d] = TWIDDLES[j * step];
    re[j] = j ? rounded(a * c - b * d) : a;
    im[j] = j ? rounded(a * d + b * c) : b;
  }
  const evenRe = re[0] + re[2], evenIm = im[0] + im[2], oddRe = re[1] + re[3], oddIm = im[1] + im[3];
  const leftRe = re[0] - re[2], leftIm = im[0] - im[2], crossRe = re[1] - re[3], crossIm = im[1] - im[3];
  [real[at], imaginary[at]] = [evenRe + oddRe, evenIm + oddIm];
  [real[at + m], imaginary[at + m]] = [leftRe + crossIm, leftIm - crossRe];
  [real[at + 2 * m], imaginary[at + 2 * m]] = [evenRe - oddRe, evenIm - oddIm];
  [real[at + 3 * m], imaginary[at + 3 * m]] = [leftRe - crossIm, leftIm + crossRe];
}

// The transform of the samples, from that of their pairs.
function separated(re, im) {
  const real = new Int16Array(SIZE + 1), imaginary = new Int16Array(SIZE + 1);
  const half = (x) => rounded(x * (MOST >> 1));
  real[0] = half(re[0]) + half(im[0]);
  real[SIZE] = half(re[0]) - half(im[0]);
  for (let k = 1; k <= SIZE / 2; k++) {
    const a = half(re[k]), b = half(im[k]), c = half(re[SIZE - k]), d = half(short(-im[SIZE - k]));
    const sumRe = short(a + c), sumIm = short(b + d), gapRe = short(a - c), gapIm = short(b - d);
    const [cosine, sine] = LAST[k - 1];
    const turnRe = rounded(gapRe * cosine - gapIm * sine), turnIm = rounded(gapRe * sine + gapIm * cosine);
    real[k] = (sumRe + turnRe) >> 1;
    imaginary[k] = (sumIm + turnIm) >> 1;
    real[SIZE - k] = (sumRe - turnRe) >> 1;
    imaginary[SIZE - k] = (turnIm - sumIm) >> 1;
  }
  return { real, imaginary };
}
