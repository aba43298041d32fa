// The tables of the front-end `micro`, which TFLite computes in 32-bit floats and rounds to integers.

export const WINDOW = 480; // samples of a frame
export const FIRST_BIN = 5; // of the filter bank: the first above 125 Hz
export const NOISE = { bits: 14, even: 409, odd: 983, least: 819 }; // 0.025, 0.06 and 0.05 of 2^14

// The share (of 4096) of each bin that goes to the lower of its two channels; where it rises, the next two begin.
// Written out, since other logarithms than C's log1pf would round two of them differently.
export const SHARES = [
  1377, 2852, 321, 1971, 3701, 1408, 3281, 1124, 3124, 1087, 3201, 1272, 3488, 1655, 3963, 2218, 513, 2943, 1314,
  3817, 2258, 731, 3332, 1866, 430, 3117, 1734, 377, 3141, 1833, 548, 3381, 2139, 918, 3814, 2632, 1470, 325, 3294,
  2185, 1092, 15, 3049, 2003, 972, 4051, 3048, 2058, 1082, 118, 3263, 2324, 1398, 482, 3674, 2782, 1899, 1028, 167,
  3411, 2570, 1738, 915, 102, 3393, 2598, 1810, 1032, 261, 3594, 2840, 2093, 1353, 621, 3993, 3275, 2564, 1861, 1163,
  473, 3885, 3207, 2536, 1870, 1211, 557, 4006, 3364, 2727, 2096, 1471, 850, 235, 3721, 3117, 2517, 1922, 1331, 746,
  165, 3685, 3113, 2546, 1983, 1424, 870, 320, 3869, 3327, 2789, 2255, 1725, 1198, 676, 157, 3737, 3226, 2717, 2213,
  1711, 1214, 719, 228, 3836, 3352, 2870, 2392, 1917, 1445, 976, 510, 46, 3682, 3225, 2770, 2319, 1870, 1424, 980,
  539, 101, 3762, 3329, 2898, 2471, 2045, 1622, 1202, 784, 368, 4050, 3639, 3231, 2824, 2420, 2018, 1618, 1220, 825,
  432, 40, 3747, 3360, 2975, 2592, 2211, 1832, 1455, 1079, 706, 335, 4061, 3693, 3328, 2964, 2601, 2241, 1882, 1526,
  1170, 817, 465, 115, 3863, 3516, 3171, 2827, 2486, 2145, 1807, 1469, 1134, 800, 467, 136, 3903, 3575, 3248, 2923,
  2599, 2277, 1956, 1636, 1318, 1002, 686, 372, 60, 3844, 3534, 3226, 2918, 2612, 2307, 2004, 1702, 1401, 1101, 802,
  505, 209, 4010, 3716, 3423, 3132, 2841, 2552, 2264, 1977, 1692, 1407, 1123, 841, 560, 279, 0,
];

// 480 weights (of 4096), half a cosine's period.
export function hann() {
  const step = f(f(2 * f(Math.PI)) / WINDOW);
  const weight = (i) => f(0.5 - f(0.5 * f(Math.cos(f(step * (i + 0.5))))));
  return Int16Array.from({ length: WINDOW }, (_, i) => Math.floor(f(f(4096 * weight(i)) + 0.5)));
}

// The gain (of 2^21) at an estimate of the noise, 2^21 (noise / 128 + 80)^-0.95, by the estimate's number of bits:
// parabolas [value, slope, bend] from one power of two to the next.
export function gains() {
  const gain = (x) => Math.min(32767, Math.floor(f(f(2 ** 21 * f((f(x) / 128 + 80) ** -f(0.95))) + 0.5)));
  const curves = [[gain(0)], [gain(1)]];
  for (let bits = 2; bits <= 32; bits++) {
    const start = 2 ** (bits - 1), end = bits < 32 ? 2 * start : 2 ** 32 - 1;
    const half = gain(1.5 * start) - gain(start), whole = gain(end) - gain(start);
    curves.push([gain(start), 4 * half - whole, 2 * whole - 4 * half]);
  }
  return curves;
}

// log2(1 + i / 128) - i / 128, of 65536.
export const logarithms = () => Int32Array.from({ length: 129 }, (_, i) => Math.round(65536 * (Math.log2(1 + i / 128) - i / 128)));

function f(x) { return Math.fround(x); }
