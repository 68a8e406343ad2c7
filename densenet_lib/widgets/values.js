// Batch normalisation, ReLU and convolution on a fixed sample of values.
//
// A batch is { shape: [images, height, width, channels], values }, with the
// values in one Float64Array, the last axis fastest, as NumPy has them.

// Numbers in (0, 1), the same from the same seed, a whole number but 0:
// Marsaglia's xorshift of 32 bits ("Xorshift RNGs", 2003).
export function uniform(seed) {
  let bits = seed | 0;
  return () => {
    bits ^= bits << 13;
    bits ^= bits >>> 17;
    bits ^= bits << 5;
    return (bits >>> 0) / 2 ** 32;
  };
}

// Values of a standard normal law, by Box and Muller (1958).
export function normals(count, random) {
  return Float64Array.from({ length: count }, () =>
    Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random()));
}

// Each makes of a standard normal value another law of mean 0, variance 1.
const RARE = 0.02;
const FAR = 8;
export const SHAPES = {
  bell: (z) => z,
  skewed: (z) => (z * z - 1) / Math.SQRT2,
  outliers: (z, u) =>
    (u < RARE ? FAR * z : z) / Math.sqrt(1 - RARE + RARE * FAR * FAR),
};

// The input: mean and spread are those of the law, not of the sample.
export function sample(options, shape, mean, spread) {
  const { images, side, channels, seed } = options;
  const random = uniform(seed);
  for (let skipped = 0; skipped < 16; skipped += 1) {
    random(); // a small seed has few bits set, and so do its first numbers
  }
  const count = images * side * side * channels;
  const law = SHAPES[shape];
  const values = normals(count, random).map(
    (z) => mean + spread * law(z, random()));
  return { shape: [images, side, side, channels], values };
}

// He's weights for a 3x3 convolution: normal, of variance 2 / fan-out.
export function weights(options) {
  const { channels, filters, seed } = options;
  const random = uniform(seed + 1000);
  const scale = Math.sqrt(2 / (9 * filters));
  const count = 9 * channels * filters;
  return normals(count, random).map((z) => scale * z);
}

// Each channel at mean 0 and variance 1 over the batch.
export function norm({ shape, values }, epsilon) {
  const channels = shape[3];
  const result = new Float64Array(values.length);
  for (let channel = 0; channel < channels; channel += 1) {
    const own = values.filter((_, place) => place % channels === channel);
    const { mean, std } = moments(own);
    const scale = Math.sqrt(std * std + epsilon);
    for (let at = channel; at < values.length; at += channels) {
      result[at] = (values[at] - mean) / scale;
    }
  }
  return { shape, values: result };
}

export function relu({ shape, values }) {
  return { shape, values: values.map((value) => Math.max(value, 0)) };
}

// A 3x3 convolution that keeps the sides: beyond the border are zeros.
// The kernel lies as Keras has it: 3 x 3 x channels x filters.
export function conv({ shape, values }, kernel, filters) {
  const [images, height, width, channels] = shape;
  const result = new Float64Array(images * height * width * filters);
  for (let image = 0; image < images; image += 1) {
    for (let place = 0; place < height * width; place += 1) {
      const y = Math.floor(place / width);
      const x = place % width;
      const to = (image * height * width + place) * filters;
      for (let tap = 0; tap < 9; tap += 1) {
        const v = y + Math.floor(tap / 3) - 1;
        const u = x + (tap % 3) - 1;
        if (v < 0 || v >= height || u < 0 || u >= width) {
          continue;
        }
        const from = ((image * height + v) * width + u) * channels;
        for (let c = 0; c < channels; c += 1) {
          const value = values[from + c];
          const row = (tap * channels + c) * filters;
          for (let f = 0; f < filters; f += 1) {
            result[to + f] += value * kernel[row + f];
          }
        }
      }
    }
  }
  return { shape: [images, height, width, filters], values: result };
}

export function moments(values) {
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  const square = values.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  return { mean, std: Math.sqrt(square / values.length) };
}

// What the bench's table says of values.
export function summary({ values }) {
  const zeros = values.filter((value) => value === 0).length;
  return { ...moments(values), zeros: zeros / values.length };
}

// [input, after the first step, ...] for steps of "norm", "relu", "conv".
export function through(input, steps, options) {
  const kernel = weights(options);
  const apply = {
    norm: (batch) => norm(batch, options.epsilon),
    relu,
    conv: (batch) => conv(batch, kernel, options.filters),
  };
  const states = [input];
  for (const step of steps) {
    states.push(apply[step](states.at(-1)));
  }
  return states;
}
