// Makes motions beside the page, so that it stays alive.  Messages in: {texts, options}; out: {loaded}, {ready}, {share}, {motion}, {error}.
import { Genmo } from "./genmo.js";

const genmo = Genmo.load({
  wasm: new URL("genmo.wasm", import.meta.url),
  engine: new URL("engine/", import.meta.url),
  fast: new URLSearchParams(location.search).has("fast"),
  progress: (loaded) => postMessage({ loaded }),
});

genmo.then(
  (opened) => postMessage({ ready: opened.version }),
  (error) => postMessage({ error: error.message }),
);

onmessage = async ({ data: { texts, options } }) => {
  try {
    const started = performance.now();
    const motion = (await genmo).generate(texts, { ...options, progress: (share) => postMessage({ share }) });
    postMessage({ motion, seconds: (performance.now() - started) / 1000 });
  } catch (error) {
    postMessage({ error: error.message });
  }
};
