// Computes beside the page, so that the page goes on scrolling.

import { load } from "./network.js";
import { Refusal, open, prepare, reduced } from "./photos.js";

let loading;

// A message is {file, runtime}: a Blob or an ImageBitmap, and what to compute
// with. Messages back: {progress}, then {answer}, {refusal} or {failure}.
self.onmessage = async ({ data: { file, runtime } }) => {
  try {
    // A file that is no picture is refused before anything is loaded.
    const photo = await open(file);
    loading ??= load(runtime, (done, total) =>
      postMessage({ progress: { done, total } }),
    );
    const answer = await answered(photo, await loading);
    const buffers = Object.values(answer.maps).map((map) => map.values.buffer);
    postMessage({ answer }, [answer.shown, ...buffers]);
  } catch (error) {
    if (error instanceof Refusal) {
      postMessage({ refusal: error.message });
    } else {
      loading = undefined; // the next photograph tries again
      postMessage({ failure: error.message });
    }
  }
};

async function answered({ bitmap, kind, notes }, network) {
  const { about, runtime, ask } = network;
  const begin = performance.now();
  const { image, isTransparent } = prepare(bitmap, kind, about.imageSize);
  const { logit, maps } = await ask(image);
  const milliseconds = performance.now() - begin;
  if (isTransparent) {
    notes.push("Parts of this picture are transparent: they count as white.");
  }
  const shown = await reduced(bitmap);
  bitmap.close();
  return { about, runtime, image, logit, maps, milliseconds, notes, shown };
}
