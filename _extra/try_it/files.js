// What the first bytes of a file say of the picture in it.

const text = (bytes, start, length) =>
  String.fromCharCode(...bytes.subarray(start, start + length));

/**
 * The kind of an image file and, where its head says so, the picture's size.
 *
 * Returns {kind, width, height, animated}; kind is undefined for what is none
 * of these. Sizes are wanted before decoding: a file of a few kilobytes can
 * hold a picture that fills all memory.
 */
export function describe(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    if (text(bytes, 1, 3) === "PNG") return png(bytes, view);
    if (view.getUint16(0) === 0xffd8) return jpeg(view);
    if (text(bytes, 0, 4) === "GIF8") return gif(bytes, view);
    if (text(bytes, 8, 4) === "WEBP") return webp(bytes, view);
  } catch (error) {
    // The file ends before its head does: the decoder will say so, too.
    if (!(error instanceof RangeError)) throw error;
  }
  return {};
}

function png(bytes, view) {
  return {
    kind: "PNG",
    width: view.getUint32(16),
    height: view.getUint32(20),
    // The chunk that announces frames stands before the picture's data.
    animated: find(bytes, "acTL") < find(bytes, "IDAT"),
  };
}

function jpeg(view) {
  const found = { kind: "JPEG", animated: false };
  let place = 2;
  while (place + 9 < view.byteLength) {
    const marker = view.getUint16(place);
    // Start of frame: C0 to CF, but for three that are tables.
    const isFrame = marker >= 0xffc0 && marker <= 0xffcf;
    if (isFrame && ![0xffc4, 0xffc8, 0xffcc].includes(marker)) {
      found.height = view.getUint16(place + 5);
      found.width = view.getUint16(place + 7);
      return found;
    }
    // A marker may be preceded by bytes FF that mean nothing.
    place += marker === 0xffff ? 1 : 2 + view.getUint16(place + 2);
  }
  return found;
}

function gif(bytes, view) {
  // Each frame of an animation has a block 21 F9 04 with its delay.
  const first = find(bytes, "\x21\xf9\x04");
  return {
    kind: "GIF",
    width: view.getUint16(6, true),
    height: view.getUint16(8, true),
    animated: find(bytes, "\x21\xf9\x04", first + 8) < Infinity,
  };
}

function webp(bytes, view) {
  const found = { kind: "WebP", animated: false };
  if (text(bytes, 12, 4) === "VP8X") {
    const threeBytes = (place) =>
      view.getUint16(place, true) + (view.getUint8(place + 2) << 16);
    found.width = 1 + threeBytes(24);
    found.height = 1 + threeBytes(27);
    found.animated = (view.getUint8(20) & 2) !== 0;
  }
  return found;
}

/** Where a string of bytes begins, from `start` on; Infinity if nowhere. */
function find(bytes, string, start = 0) {
  const codes = [...string].map((letter) => letter.charCodeAt(0));
  for (
    let place = bytes.indexOf(codes[0], start);
    place >= 0;
    place = bytes.indexOf(codes[0], place + 1)
  ) {
    if (codes.every((code, i) => bytes[place + i] === code)) return place;
  }
  return Infinity;
}
