// One question at a time to the worker that holds the network.

let worker;

/**
 * What the network says of a picture.
 *
 * Args:
 *   file: a Blob or an ImageBitmap, which is used up.
 *   runtime: "auto", "wasm" or "webgpu"; the first question decides.
 *   onProgress: called with {done, total} bytes while the network loads.
 *
 * Returns a promise of one of these: {answer}, all that worker.js found;
 * {refusal}, why the picture cannot be used; {failure}, what went wrong.
 */
export function ask(file, { runtime = "auto", onProgress = () => {} } = {}) {
  worker ??= new Worker(new URL("worker.js", import.meta.url), {
    type: "module",
  });
  const transfer = file instanceof ImageBitmap ? [file] : [];
  return new Promise((resolve) => {
    worker.onmessage = ({ data }) => {
      if (data.progress) onProgress(data.progress);
      else resolve(data);
    };
    worker.onerror = (event) => {
      worker = undefined;
      resolve({ failure: event.message ?? "the worker did not start" });
    };
    worker.postMessage({ file, runtime }, transfer);
  });
}
