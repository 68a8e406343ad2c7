// The squares that the network reads, bit for bit as the library makes them.
//
// densenet_lib resizes with Pillow's Lanczos filter: one direction, then the
// other, in whole numbers, each pass rounded to a byte. A canvas has other
// filters, and each browser its own.

const LOBES = 3;
// Weights are whole multiples of 2^-22: a byte times one fits 32 bits.
const FRACTION = 22;
const ONE = 1 << FRACTION;
const HALF = ONE / 2;

function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function lanczos(x) {
  return -LOBES <= x && x < LOBES ? sinc(x) * sinc(x / LOBES) : 0;
}

/**
 * Which old pixels make each new one: [{first, weights}], one a new pixel.
 * Where there are fewer new pixels than old, the filter is as wide as they
 * are, so that nothing between them is lost.
 */
function filterTable(from, to) {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const reach = LOBES * stretch;
  return Array.from({ length: to }, (_, index) => {
    const centre = (index + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - reach + 0.5));
    const last = Math.min(from, Math.floor(centre + reach + 0.5));
    const weights = new Float64Array(last - first);
    for (let i = 0; i < weights.length; i += 1) {
      weights[i] = lanczos((first + i - centre + 0.5) / stretch);
    }
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first, weights: Int32Array.from(weights, (w) => whole(w / sum)) };
  });
}

function whole(weight) {
  return Math.trunc(weight * ONE + (weight < 0 ? -0.5 : 0.5));
}

/**
 * Resize one direction of an image of three channels.
 *
 * A line lies along that direction. Its pixels are `step` bytes apart in the
 * old image and `newStep` in the new; lines begin `lineStep` and
 * `newLineStep` apart.
 */
function resizeLines(old, table, count, steps) {
  const { step, lineStep, newStep, newLineStep } = steps;
  const image = new Uint8ClampedArray(count * table.length * 3);
  for (let line = 0; line < count; line += 1) {
    for (let place = 0; place < table.length; place += 1) {
      const { first, weights } = table[place];
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      let from = line * lineStep + first * step;
      for (let i = 0; i < weights.length; i += 1, from += step) {
        red += weights[i] * old[from];
        green += weights[i] * old[from + 1];
        blue += weights[i] * old[from + 2];
      }
      const to = line * newLineStep + place * newStep;
      image[to] = red >> FRACTION;
      image[to + 1] = green >> FRACTION;
      image[to + 2] = blue >> FRACTION;
    }
  }
  return image;
}

/** Rows (height, width, 3) at another width. */
function resizeRows(image, width, height, newWidth) {
  return resizeLines(image, filterTable(width, newWidth), height, {
    step: 3,
    lineStep: 3 * width,
    newStep: 3,
    newLineStep: 3 * newWidth,
  });
}

/** Columns of (height, width, 3) at another height. */
function resizeColumns(image, width, height, newHeight) {
  return resizeLines(image, filterTable(height, newHeight), width, {
    step: 3 * width,
    lineStep: 3,
    newStep: 3 * width,
    newLineStep: 3,
  });
}

/** An image, bytes (height, width, 3), as a square (size, size, 3). */
export function square({ rgb, width, height }, size) {
  // Pillow takes the columns first where they lose more than twice as many
  // pixels as the rows; rounding in between makes it matter.
  const lost = height - size;
  if (lost > 0 && lost > 2 * (width - size)) {
    const low = resizeColumns(rgb, width, height, size);
    return resizeRows(low, width, size, size);
  }
  const narrow = resizeRows(rgb, width, height, size);
  return resizeColumns(narrow, size, height, size);
}

/**
 * How much smaller the library decodes a JPEG, by 8, 4, 2 or 1: a JPEG holds
 * squares of 8 pixels, whose means cost a fraction of their pixels.
 */
export function jpegShrink(width, height, size) {
  const room = Math.min(
    Math.floor(width / (2 * size)),
    Math.floor(height / (2 * size)),
  );
  return [8, 4, 2].find((factor) => room >= factor) ?? 1;
}

/** RGBA (height, width, 4) as RGB, each pixel the mean of factor x factor. */
export function shrink(rgba, width, height, factor) {
  const newWidth = Math.ceil(width / factor);
  const newHeight = Math.ceil(height / factor);
  const image = new Uint8ClampedArray(newWidth * newHeight * 3);
  let to = 0;
  for (let top = 0; top < height; top += factor) {
    const bottom = Math.min(top + factor, height);
    for (let left = 0; left < width; left += factor) {
      const right = Math.min(left + factor, width);
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let row = top; row < bottom; row += 1) {
        const end = 4 * (row * width + right);
        for (let from = 4 * (row * width + left); from < end; from += 4) {
          red += rgba[from];
          green += rgba[from + 1];
          blue += rgba[from + 2];
        }
      }
      const count = (bottom - top) * (right - left);
      image[to] = red / count; // a clamped array rounds
      image[to + 1] = green / count;
      image[to + 2] = blue / count;
      to += 3;
    }
  }
  return image;
}
