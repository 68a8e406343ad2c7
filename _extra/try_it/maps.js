// Heatmaps and feature maps, as numbers and as pictures.

/**
 * The Grad-CAM of a class at the last feature map, at that map's own size.
 *
 * A dense layer reads the mean of each channel. The gradient of its logit is
 * therefore its weight, but for a factor that scaling takes out: the map is
 * the weighted sum of the channels, cut off below 0.
 *
 * Args:
 *   map: {height, width, channels, values}.
 *   weights: of the dense layer, one a channel; positive for a dog.
 *   kind: 0 for a cat, 1 for a dog.
 *
 * Returns {height, width, values}.
 */
export function gradCam({ height, width, channels, values }, weights, kind) {
  const sign = kind === 1 ? 1 : -1;
  const sums = new Float32Array(height * width);
  for (let place = 0; place < sums.length; place += 1) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel += 1) {
      sum += weights[channel] * values[place * channels + channel];
    }
    sums[place] = Math.max(0, sign * sum);
  }
  return { height, width, values: sums };
}

/** A map at another size, bilinearly, its largest value scaled to 1. */
export function enlarge(map, height, width) {
  const rows = neighbours(map.height, height);
  const columns = neighbours(map.width, width);
  const values = new Float32Array(height * width);
  let peak = 0;
  rows.forEach(([top, bottom, down], row) => {
    columns.forEach(([left, right, across], column) => {
      const at = (i, j) => map.values[i * map.width + j];
      const above = mix(at(top, left), at(top, right), across);
      const below = mix(at(bottom, left), at(bottom, right), across);
      const value = mix(above, below, down);
      values[row * width + column] = value;
      peak = Math.max(peak, value);
    });
  });
  if (peak > 0) values.forEach((value, i) => (values[i] = value / peak));
  return { height, width, values };
}

const mix = (a, b, share) => a + share * (b - a);

/** For each new pixel the two old ones beside its centre, and how far. */
function neighbours(from, to) {
  return Array.from({ length: to }, (_, index) => {
    const centre = ((index + 0.5) * from) / to - 0.5;
    const place = Math.min(Math.max(centre, 0), from - 1);
    const low = Math.floor(place);
    return [low, Math.min(low + 1, from - 1), place - low];
  });
}

/**
 * Lay heat over a picture, in place: the picture turns grey, so that all
 * colour is heat.
 *
 * Args:
 *   pixels: RGBA (height, width, 4).
 *   heat: {values}, (height, width) from 0 to 1.
 *   strength: share of the colour where heat is 1.
 *   colours: 256 of them, three bytes each.
 *   luma: how bright red, green and blue look.
 */
export function overlay(pixels, heat, { strength, colours, luma }) {
  heat.values.forEach((value, index) => {
    const place = 4 * index;
    const grey = luma.reduce((sum, x, i) => sum + x * pixels[place + i], 0);
    const colour = 3 * Math.min(255, Math.floor(256 * value));
    for (let channel = 0; channel < 3; channel += 1) {
      pixels[place + channel] = Math.round(
        mix(grey, colours[colour + channel], strength * value),
      );
    }
  });
}

/**
 * One channel as RGBA (height, width, 4), from its own smallest value, dark,
 * to its own largest.
 */
export function channelPixels(map, channel, colours) {
  const { height, width, channels, values } = map;
  let low = Infinity;
  let high = -Infinity;
  for (let place = channel; place < values.length; place += channels) {
    low = Math.min(low, values[place]);
    high = Math.max(high, values[place]);
  }
  const scale = high > low ? 255 / (high - low) : 0;
  const pixels = new Uint8ClampedArray(4 * height * width);
  for (let place = 0; place < height * width; place += 1) {
    const value = values[place * channels + channel];
    const colour = 3 * Math.round(scale * (value - low));
    pixels.set(colours.slice(colour, colour + 3), 4 * place);
    pixels[4 * place + 3] = 255;
  }
  return pixels;
}
