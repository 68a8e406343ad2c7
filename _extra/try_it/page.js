// The page "Try it on your own photo": what the reader does, and sees.
//
// Nothing is loaded before the reader gives a picture, and no picture leaves
// the page: it goes to a worker of this page and nowhere else.

import { ask } from "./asking.js";
import { channelPixels, enlarge, gradCam, overlay } from "./maps.js";

const root = document.getElementById("try-it");
const part = (name) => root.querySelector(`[data-part="${name}"]`);
const percent = (share) => `${(100 * share).toFixed(1)} %`;
const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

let answer; // to the last picture
let isBusy = false;
let camera; // the stream, while there is one, or the promise of it

// What the reader gives

part("choose").onclick = () => part("file").click();
part("file").onchange = () => {
  const [file] = part("file").files;
  if (file) look(file);
  part("file").value = ""; // the same file may be chosen again
};

part("drop").ondragover = (event) => {
  event.preventDefault();
  part("drop").classList.add("is-over");
};
part("drop").ondragleave = () => part("drop").classList.remove("is-over");
part("drop").ondrop = (event) => {
  event.preventDefault();
  part("drop").classList.remove("is-over");
  const [file] = event.dataTransfer.files;
  if (file) look(file);
  else say("That was no file: save the picture first, then drop the file.");
};

part("samples").onclick = async ({ target }) => {
  const button = target.closest("button");
  if (!button || isBusy) return;
  say("Looking …");
  try {
    const url = new URL(`samples/${button.value}`, import.meta.url);
    look(await (await fetch(url)).blob());
  } catch {
    say("The sample could not be loaded: is the network still there?");
  }
};

// The camera

part("camera").onclick = async () => {
  if (!navigator.mediaDevices) {
    say("The camera needs a page that is served by https or by this device.");
    return;
  }
  if (camera) {
    part("take").focus(); // it is on, or the reader is being asked
    return;
  }
  try {
    camera = navigator.mediaDevices.getUserMedia({
      video: { facingMode: "environment" },
    });
    camera = await camera;
  } catch (error) {
    camera = undefined;
    say(withoutCamera(error.name));
    return;
  }
  part("video").srcObject = camera;
  part("viewfinder").hidden = false;
  part("take").focus();
  say("The camera is on. Take the picture when you are ready.");
};

function withoutCamera(reason) {
  const [why, remedy] = {
    NotAllowedError: [
      "The camera is not allowed for this page",
      "allow it in the browser's settings of this page and press again",
    ],
    NotFoundError: [
      "There is no camera on this device",
      "connect one and press again",
    ],
    NotReadableError: [
      "The camera is in use",
      "close the program that uses it and press again",
    ],
  }[reason] ?? ["The camera does not answer", "press again"];
  return `${why}: ${remedy}, or choose a photograph.`;
}

part("take").onclick = async () => {
  if (!part("video").videoWidth) {
    say("The camera has no picture yet: try again in a moment.");
    return;
  }
  const picture = await createImageBitmap(part("video"));
  stopCamera();
  look(picture);
};
part("stop").onclick = () => {
  stopCamera();
  say("The camera is off.");
};

function stopCamera() {
  camera.getTracks().forEach((track) => track.stop());
  camera = undefined;
  part("video").srcObject = null;
  part("viewfinder").hidden = true;
  part("camera").focus();
}

// The answer

async function look(file) {
  if (isBusy) return;
  isBusy = true;
  // Not of all: what the status says meanwhile is to be heard.
  part("results").setAttribute("aria-busy", "true");
  say("Looking …");
  const found = await ask(file, {
    runtime: root.dataset.runtime,
    onProgress: showProgress,
  });
  isBusy = false;
  part("results").removeAttribute("aria-busy");
  part("progress").hidden = true;
  part("results").hidden = !found.answer;
  if (found.answer) show(found.answer);
  else say(found.refusal ?? `It did not work: ${found.failure}.`);
}

function say(text) {
  part("status").textContent = text;
}

function showProgress({ done, total }) {
  const isDone = done >= total;
  // Said once, or a screen reader would read every number.
  if (part("progress").hidden) say("Loading the network …");
  if (isDone) say("Starting the network …");
  part("progress").hidden = isDone;
  part("bar").max = total;
  part("bar").value = done;
  part("loaded").textContent =
    `${megabytes(done)} of ${megabytes(total)} MB, once`;
}

function show(found) {
  answer = found;
  const { about, logit, notes, runtime, milliseconds } = answer;
  const dog = 1 / (1 + Math.exp(-logit));
  const kind = Number(logit > 0);
  const sure = Math.max(dog, 1 - dog);
  const verdict = `${about.classes[kind]}, ${percent(sure)}`;
  say(`It says ${verdict}. ${notes.join(" ")}`);
  part("verdict").textContent = verdict;
  part("cat").textContent = `cat ${percent(1 - dog)}`;
  part("dog").textContent = `dog ${percent(dog)}`;
  part("share").style.width = percent(1 - dog).replace(" ", "");
  part("record").textContent = onRecord(about.record, sure);
  part("with").textContent =
    runtime === "wasm" ? "processor" : "graphics processor";
  part("time").textContent = milliseconds.toFixed(0);
  part("kind").querySelectorAll("input")[kind].checked = true;
  drawPicture();
  drawHeat();
  drawMaps();
}

/** How often it was right when it was as sure as this. */
function onRecord(record, sure) {
  const bin = record.find(({ to }) => sure <= to) ?? record.at(-1);
  const [low, high] = bin.interval.map(percent);
  return (
    `When it gave ${(100 * bin.from).toFixed(0)} to ` +
    `${(100 * bin.to).toFixed(0)} % to its answer on test photographs, ` +
    `${bin.right} of ${bin.answers} answers were right: ` +
    `${percent(bin.right / bin.answers)} (95 % interval ${low} to ${high}).`
  );
}

function drawPicture() {
  for (const name of ["picture", "heat"]) {
    part(name).width = answer.shown.width;
    part(name).height = answer.shown.height;
  }
  part("picture").getContext("2d").drawImage(answer.shown, 0, 0);
}

function drawHeat() {
  const { about, shown, maps } = answer;
  const kind = Number(part("kind").querySelector("input:checked").value);
  const strength = part("strength").value / 100;
  const map = gradCam(maps[about.lastMaps], about.lastWeights, kind);
  const heat = enlarge(map, shown.height, shown.width);
  const options = { willReadFrequently: true };
  const context = part("heat").getContext("2d", options);
  context.drawImage(shown, 0, 0);
  const picture = context.getImageData(0, 0, shown.width, shown.height);
  overlay(picture.data, heat, {
    strength,
    colours: about.colours.heat,
    luma: about.luma,
  });
  context.putImageData(picture, 0, 0);
  const words = heatInWords(heat, about.classes[kind]);
  part("heat").setAttribute("aria-label", words);
  part("heat-words").textContent = words;
}
part("kind").onchange = drawHeat;
part("strength").oninput = drawHeat;

function heatInWords({ values, width, height }, name) {
  const peak = values.indexOf(1);
  if (peak < 0) return `Nothing in the picture speaks for a ${name}.`;
  const third = (place, size) => Math.floor((3 * place) / size);
  const row = ["top", "middle", "bottom"][
    third(Math.floor(peak / width), height)
  ];
  const column = ["left", "centre", "right"][third(peak % width, width)];
  return `What speaks for a ${name} most is at the ${row} ${column}.`;
}

function drawMaps() {
  const { about, maps } = answer;
  const block = about.blocks[part("block").value];
  const map = maps[block.maps];
  part("maps-words").textContent =
    `${map.channels} channels of ${map.height} × ${map.width} pixels, each ` +
    "from its own smallest value (dark) to its own largest (bright).";
  let first = 0;
  const sheets = Object.entries(block.sources).map(([source, channels]) => {
    const figure = sheet(map, source, first, channels);
    first += channels;
    return figure;
  });
  part("maps").replaceChildren(...sheets);
}
part("block").onchange = drawMaps;

/** The channels of one source, side by side, and below whose they are. */
function sheet(map, source, first, channels) {
  const figure = document.createElement("figure");
  const tiles = document.createElement("div");
  tiles.className = "try-it-tiles";
  for (let channel = first; channel < first + channels; channel += 1) {
    tiles.append(tile(map, channel));
  }
  const caption = document.createElement("figcaption");
  const last = first + channels - 1;
  caption.textContent =
    source === "input"
      ? `What enters the block: channels ${first} to ${last}`
      : `Added by ${source}: channels ${first} to ${last}`;
  figure.append(tiles, caption);
  return figure;
}

function tile(map, channel) {
  const canvas = document.createElement("canvas");
  canvas.width = map.width;
  canvas.height = map.height;
  const pixels = channelPixels(map, channel, answer.about.colours.maps);
  const image = new ImageData(pixels, map.width, map.height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  canvas.title = `channel ${channel}`;
  return canvas;
}

// All is there: the buttons may be used.

for (const button of root.querySelectorAll("button")) button.disabled = false;
