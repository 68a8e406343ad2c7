// The trained network, loaded and asked.

import { square } from "./resize.js";

// The folder that holds the runtime's, the network's and this one.
const ROOT = new URL("..", import.meta.url);
const MODEL = "try_it/model.onnx.packed";
const RUNTIMES = {
  wasm: {
    script: "onnxruntime-web/ort.wasm.bundle.min.js",
    binary: "onnxruntime-web/ort-wasm-simd-threaded.wasm.packed",
  },
  webgpu: {
    script: "onnxruntime-web/ort.jspi.bundle.min.js",
    binary: "onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm.packed",
  },
};
// How far a logit may be from the library's.
const TOLERANCE = 1e-3;

/**
 * Load the network, and the best runtime for it that there is.
 *
 * Args:
 *   wanted: "wasm" for the processor, "webgpu" for the graphics processor;
 *     "auto" takes the second where the browser has it and its numbers are
 *     right, and else the first.
 *   onProgress: called with the bytes that have come and those that will.
 *
 * Returns {about, runtime, ask}: see `asked` for the last.
 */
export async function load(wanted, onProgress) {
  const about = await (await get("try_it/about.json")).json();
  const runtimes = wanted === "auto" ? await available() : [wanted];
  const problems = [];
  for (const runtime of runtimes) {
    try {
      const ask = await start(runtime, about, onProgress);
      return { about, runtime, ask };
    } catch (error) {
      problems.push(error);
    }
  }
  throw problems.at(-1);
}

/** The runtimes to try, best first. */
async function available() {
  // The runtime waits for the graphics processor by suspending WebAssembly.
  const adapter =
    "Suspending" in WebAssembly &&
    (await navigator.gpu?.requestAdapter().catch(() => null));
  const isReal = adapter && !adapter.info?.isFallbackAdapter;
  return isReal ? ["webgpu", "wasm"] : ["wasm"];
}

async function start(runtime, about, onProgress) {
  const { script, binary } = RUNTIMES[runtime];
  const names = [binary, MODEL];
  const total = names.reduce((sum, name) => sum + about.bytes[name], 0);
  let done = 0;
  const count = (bytes) => onProgress((done += bytes), total);
  const [code, model] = await Promise.all(
    names.map((name) => unpacked(name, count)),
  );
  const ort = await import(new URL(script, ROOT));
  ort.env.wasm.wasmBinary = code;
  // Several threads share memory, which a page may do only if its server
  // sends headers for it; one is fast enough.
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  const session = await ort.InferenceSession.create(model, {
    executionProviders: [runtime],
  });
  const ask = (image) => asked(ort, session, about, image);
  const { logit } = await ask(probe(about.imageSize));
  if (!(Math.abs(logit - about.probe) < TOLERANCE)) {
    throw new Error(`${runtime}: ${logit} instead of ${about.probe}`);
  }
  return ask;
}

/** A picture whose logit the library has noted: is ours the same? */
function probe(size) {
  return Uint8ClampedArray.from({ length: size * size * 3 }, (_, index) => {
    const pixel = Math.floor(index / 3);
    const row = Math.floor(pixel / size);
    return (37 * row + 57 * (pixel % size) + 101 * (index % 3)) % 256;
  });
}

/**
 * What the network says of an image, bytes (size, size, 3).
 *
 * Returns {logit, maps}: the mean of the logits of all views of the image;
 * and the image's own maps, {name: {height, width, channels, values}} with
 * values (height, width, channels).
 */
async function asked(ort, session, about, image) {
  const size = about.imageSize;
  const wanted = views(image, size, about);
  // The maps are shown over the whole picture, whichever views are asked about.
  const shown = wanted[0] === image ? wanted : [image, ...wanted];
  const bytes = new Float32Array(shown.length * image.length);
  shown.forEach((view, index) => bytes.set(view, index * image.length));
  const input = new ort.Tensor("float32", bytes, [shown.length, size, size, 3]);
  const outputs = await session.run({ [session.inputNames[0]]: input });
  const { logits, ...inner } = outputs;
  const said = logits.data.slice(-wanted.length);
  const sum = said.reduce((total, logit) => total + logit, 0);
  const maps = {};
  for (const [name, { dims, data }] of Object.entries(inner)) {
    const [, height, width, channels] = dims;
    const values = data.slice(0, height * width * channels);
    maps[name] = { height, width, channels, values };
  }
  return { logit: sum / wanted.length, maps };
}

/** What is asked about of an image: densenet_lib/views.py says the same. */
function views(image, size, { zooms, mirror }) {
  const seen = zooms.map((share) => middle(image, size, share));
  return seen.flatMap((view) =>
    mirror ? [view, mirrored(view, size)] : [view],
  );
}

/** The middle of an image, a share of its side, at the size of the whole. */
function middle(image, size, share) {
  const margin = Math.round(((1 - share) * size) / 2);
  if (margin === 0) return image;
  const side = size - 2 * margin;
  const rgb = new Uint8ClampedArray(side * side * 3);
  for (let row = 0; row < side; row += 1) {
    const from = ((row + margin) * size + margin) * 3;
    rgb.set(image.subarray(from, from + side * 3), row * side * 3);
  }
  return square({ rgb, width: side, height: side }, size);
}

function mirrored(image, size) {
  const mirror = new Uint8ClampedArray(image.length);
  for (let from = 0; from < image.length; from += 3) {
    const column = (from / 3) % size;
    const to = from + 3 * (size - 1 - 2 * column);
    mirror.set(image.subarray(from, from + 3), to);
  }
  return mirror;
}

/** The bytes of a file that the build has compressed. */
async function unpacked(name, count) {
  const counting = new TransformStream({
    transform(chunk, controller) {
      count(chunk.length);
      controller.enqueue(chunk);
    },
  });
  const stream = (await get(name)).body
    .pipeThrough(counting)
    .pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

async function get(name) {
  const response = await fetch(new URL(name, ROOT));
  if (!response.ok) throw new Error(`${name}: ${response.status}`);
  return response;
}
