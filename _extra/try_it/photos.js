// From a file, or from the camera's picture, to what the network reads.

import { describe } from "./files.js";
import { jpegShrink, shrink, square } from "./resize.js";

// Decoded, a pixel takes four bytes: 400 MB.
const MOST_PIXELS = 100e6;
// Rows read from the canvas at a time; a multiple of a JPEG's squares.
const STRIP = 256;
const SHOWN = 480; // longest side of what the page shows, in pixels

/** A picture that cannot be used; its message is for the reader. */
export class Refusal extends Error {}

/**
 * The picture in a file, upright.
 *
 * Returns {bitmap, kind, notes}: notes are sentences for the reader.
 */
export async function open(file) {
  if (file instanceof ImageBitmap) return { bitmap: file, notes: [] };
  const { kind, width, height, animated } = describe(
    new Uint8Array(await file.arrayBuffer()),
  );
  expectRoom(width, height);
  const bitmap = await decode(file, kind);
  expectRoom(bitmap.width, bitmap.height);
  const notes = animated
    ? ["This is an animation: only its first picture was looked at."]
    : [];
  return { bitmap, kind, notes };
}

function expectRoom(width, height) {
  if (width * height > MOST_PIXELS) {
    throw new Refusal(
      `This picture has ${width} × ${height} pixels, more than fit in here: ` +
        `make it smaller, to ${MOST_PIXELS / 1e6} million at the most.`,
    );
  }
}

async function decode(file, kind) {
  try {
    // The bytes as they are in the file, as the library reads them: turned as
    // its mark says, but not adapted to the colours of this screen.
    return await createImageBitmap(file, {
      imageOrientation: "from-image",
      colorSpaceConversion: "none",
    });
  } catch {
    throw new Refusal(
      kind
        ? `This ${kind} file is damaged: your browser cannot decode it.`
        : "This file holds no picture that your browser knows: choose a " +
          "JPEG, PNG, WebP or GIF.",
    );
  }
}

/**
 * The whole picture as a square, as the library prepares it.
 *
 * Returns {image, isTransparent}, the image bytes (size, size, 3).
 */
export function prepare(bitmap, kind, size) {
  const { width, height } = bitmap;
  const factor = kind === "JPEG" ? jpegShrink(width, height, size) : 1;
  const { isTransparent, ...picture } = pixels(bitmap, factor);
  return { image: square(picture, size), isTransparent };
}

/**
 * The pixels of a bitmap, each the mean of factor x factor. They are read a
 * strip at a time: with four bytes for each there would be too many.
 */
function pixels(bitmap, factor) {
  const width = Math.ceil(bitmap.width / factor);
  const height = Math.ceil(bitmap.height / factor);
  const rgb = new Uint8ClampedArray(3 * width * height);
  const read = stripReader(bitmap);
  let isTransparent = false;
  for (let top = 0; top < bitmap.height; top += STRIP) {
    const strip = read(top, Math.min(STRIP, bitmap.height - top));
    isTransparent ||= strip.isTransparent;
    const part = shrink(strip.rgba, bitmap.width, strip.rows, factor);
    rgb.set(part, 3 * width * (top / factor));
  }
  return { rgb, width, height, isTransparent };
}

/** A function that gives rows of a bitmap, white where it is transparent. */
function stripReader(bitmap) {
  const canvas = new OffscreenCanvas(
    bitmap.width,
    Math.min(STRIP, bitmap.height),
  );
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const rgbaOf = (rows) => context.getImageData(0, 0, bitmap.width, rows).data;
  return (top, rows) => {
    context.globalCompositeOperation = "copy";
    context.drawImage(bitmap, 0, -top);
    let rgba = rgbaOf(rows);
    const isTransparent = hasHoles(rgba);
    if (isTransparent) {
      context.globalCompositeOperation = "destination-over";
      context.fillStyle = "#fff";
      context.fillRect(0, 0, bitmap.width, rows);
      rgba = rgbaOf(rows);
    }
    return { rgba, rows, isTransparent };
  };
}

function hasHoles(rgba) {
  for (let place = 3; place < rgba.length; place += 4) {
    if (rgba[place] < 255) return true;
  }
  return false;
}

/** The picture in its own shape, small enough for the page, over white. */
export async function reduced(bitmap) {
  const scale = Math.min(1, SHOWN / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(scale * bitmap.width));
  const height = Math.max(1, Math.round(scale * bitmap.height));
  const small = await createImageBitmap(bitmap, {
    resizeWidth: width,
    resizeHeight: height,
    resizeQuality: "high",
  });
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // as the network has seen it
  context.fillRect(0, 0, width, height);
  context.drawImage(small, 0, 0);
  small.close();
  return canvas.transferToImageBitmap();
}
