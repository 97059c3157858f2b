// genmo in JavaScript: motions from texts, from keypoints and without end, in a page, a worker or node; nothing leaves the machine.
//
//   import { Genmo } from "./genmo.js";
//   const genmo = await Genmo.load({ wasm: "genmo.wasm", engine: "engine/" });
//   const motion = genmo.generate("a person walks, then sits down", { seconds: 5, seed: 7 });
//   const seen = genmo.estimate(points, { width: 1280, height: 720 });
//   const person = genmo.person({ prompt: "a person walks" });
//   person.next(1); // as often as a frame is shown
//
// A motion is made in one go, so a page does it in a worker (worker.js).

/** Joints of a body, in the order of SMPL. */
export const JOINTS = 24;
/** Frames a second. */
export const FPS = 30;
/** Files of an engine that are read. */
export const ENGINE_FILES = ["engine.json", "conditions.onnx", "texts.onnx", "step.onnx", "text_encoder.npz", "text_vocabulary.txt", "text_reader.npz", "examples.npz"];

const MOST_FRAMES = 65536;
const CANCELLED = 6;

/** Thrown with libgenmo's own sentence on what is wrong. */
export class GenmoError extends Error {
  constructor(message, status) {
    super(message);
    this.name = "GenmoError";
    this.status = status;
    this.cancelled = status === CANCELLED;
  }
}

export class Genmo {
  #exports;
  #progress = null;

  /**
   * Opens an engine.
   *
   * `wasm`: the module, as an address, an ArrayBuffer or Uint8Array; `engine`: the address of an engine's folder, or its files by
   * name as ArrayBuffers or Uint8Arrays; `fast`: the network in fixed point; `progress(share)`: hears of what is loaded.
   */
  static async load({ wasm, engine, fast = false, progress = () => {} }) {
    const genmo = new Genmo();
    const [code, files] = await Promise.all([bytesOf(wasm), filesOf(engine, progress)]);
    const module = await WebAssembly.compile(code);
    const instance = await WebAssembly.instantiate(module, genmo.#imports(module));
    genmo.#exports = instance.exports;
    instance.exports._initialize?.();
    const held = [];
    try {
      for (const [name, data] of Object.entries(files)) {
        const [label, content] = [genmo.#text(name), genmo.#copy(data)];
        held.push(label, content);
        genmo.#check(instance.exports.add_file(label, content, data.length));
      }
      genmo.#check(instance.exports.open(fast ? 1 : 0));
    } finally {
      for (const memory of held) instance.exports.put(memory);
    }
    return genmo;
  }

  /** Of libgenmo. */
  get version() {
    return this.#string(this.#exports.version());
  }

  /** The skeleton: [{name, parent}], the root's parent -1. */
  get joints() {
    return Array.from({ length: JOINTS }, (_, joint) => ({
      name: this.#string(this.#exports.joint_name(joint)),
      parent: this.#exports.joint_parent(joint),
    }));
  }

  /**
   * The motion of a text, or of several as [{text, start, end}] in frames (`end` left out: to the end).
   *
   * `frames` or `seconds` (4); `steps` and `guidance` (0: the engine's own); `seed`, 0 to 2^32 - 1: the same seed, the same motion;
   * `tries`: takes, of which the one is kept that does most of what the texts say (1: the first alone; Python makes 6, six times as long);
   * `progress(share)` may answer false to cancel.  Answers {frames, fps, rotations [frames x 24 x 4] quaternions x, y, z, w from the
   * parent's frame, translation [frames x 3] of the root in metres, joints [frames x 24 x 3] in the world, contacts [frames x 6],
   * offsets [24 x 3] of the rest pose}; y is up.
   *
   * What the motion must meet, with which `texts` may be []: `keyframes` [{frame, rotations [24 x 4], root [3] or left out: anywhere}],
   * poses that frames have exactly; `targets` [{frame, joint, position: [x, y, z]}], metres, null where a coordinate is free, joint 0 the
   * root; `headings` [{frame, radians}] from +z to +x.  Then it stands in their world.
   */
  generate(texts, { frames, seconds = 4, steps = 0, guidance = 0, seed = 0, tries = 1, progress, keyframes = [], targets = [], headings = [] } = {}) {
    const count = frames ?? Math.round(seconds * FPS);
    if (!Number.isInteger(count) || count < 1 || count > MOST_FRAMES)
      throw new GenmoError(`frames is ${count}; wanted 1 to ${MOST_FRAMES}`, 1);
    const { forget, add_text, add_heading, generate } = this.#exports;
    return this.#motion(count, false, progress, (values, hold) => {
      forget();
      for (const { text, start = 0, end = 0 } of typeof texts === "string" ? [{ text: texts }] : texts)
        this.#check(add_text(hold(this.#text(text)), start, end));
      this.#constrain(keyframes, targets, hold);
      for (const { frame, radians } of headings) this.#check(add_heading(frame, radians));
      this.#check(generate(count, steps, guidance, seed >>> 0, tries, values));
    });
  }

  /**
   * The motion of one person's keypoints, 30 frames a second: `points` [frames x 17 x 3], x and y in pixels and confidence, COCO-17, in
   * an image of `width` x `height` pixels.  Answers what `generate` does, and rootInCamera [frames x 7]: quaternion and metres as the
   * camera (OpenCV's axes) sees the root.
   */
  estimate(points, { width, height, progress } = {}) {
    const count = points.length / (17 * 3);
    if (!Number.isInteger(count) || count < 1 || count > MOST_FRAMES)
      throw new GenmoError(`points has ${points.length} numbers; wanted 51 a frame, of 1 to ${MOST_FRAMES} frames`, 1);
    return this.#motion(count, true, progress, (values, hold) => {
      const copied = hold(this.#copy(new Uint8Array(Float32Array.from(points).buffer)));
      this.#check(this.#exports.estimate(count, copied, width ?? 0, height ?? 0, values));
    });
  }

  /** A person who goes on for ever and does what is said last; see Person. */
  person({ prompt = null, steps = 0, guidance = 0, seed = 0 } = {}) {
    const { person_open, person_close, person_prompt, person_texts, person_stick, person_release, person_constrain, person_ready, person_next, forget, add_text } = this.#exports;
    const number = person_open(steps, guidance, seed >>> 0);
    if (number < 0) this.#check(1);
    const person = new Person({
      prompt: (text) => this.#held((hold) => this.#check(person_prompt(number, text === null ? 0 : hold(this.#text(text))))),
      tell: (texts) =>
        this.#held((hold) => {
          forget();
          for (const { text, start = 0, end = 0 } of texts) this.#check(add_text(hold(this.#text(text)), start, end));
          this.#check(person_texts(number));
        }),
      steer: (x, z, facing) => this.#check(facing === undefined ? person_stick(number, x, z, 0, 0) : person_stick(number, x, z, facing, 1)),
      release: () => this.#check(person_release(number)),
      constrain: (keyframes, targets) =>
        this.#held((hold) => {
          forget();
          this.#constrain(keyframes, targets, hold);
          this.#check(person_constrain(number));
        }),
      ready: () => person_ready(number),
      next: (count) => this.#motion(count, false, null, (values) => this.#check(person_next(number, count, values))),
      close: () => person_close(number),
    });
    try {
      if (prompt !== null) person.say(prompt);
    } catch (error) {
      person.close();
      throw error;
    }
    return person;
  }

  // Adds poses and places for what is made next.
  #constrain(keyframes, targets, hold) {
    const { add_keyframe, add_target } = this.#exports;
    for (const { frame, rotations, root = null } of keyframes) {
      const pose = hold(this.#floats(rotations, JOINTS * 4, `the rotations of the keyframe of frame ${frame}`));
      this.#check(add_keyframe(frame, pose, root === null ? 0 : hold(this.#floats(root, 3, `the root of the keyframe of frame ${frame}`))));
    }
    for (const { frame, joint, position } of targets) this.#check(add_target(frame, joint, ...Array.from({ length: 3 }, (_, i) => position[i] ?? NaN)));
  }

  // Calls `work(hold)`, where `hold(address)` gives memory back when it ends.
  #held(work) {
    const held = [];
    const hold = (memory) => held[held.push(memory) - 1];
    try {
      return work(hold);
    } finally {
      for (const memory of held) this.#exports.put(memory);
    }
  }

  // The motion that `make(address, hold)` writes.
  #motion(count, seen, progress, make) {
    const widths = { rotations: count * JOINTS * 4, translation: count * 3, joints: count * JOINTS * 3, contacts: count * 6, offsets: JOINTS * 3 };
    if (seen) widths.rootInCamera = count * 7;
    const total = Object.values(widths).reduce((sum, width) => sum + width, 0);
    this.#progress = progress ?? null;
    try {
      return this.#held((hold) => {
        const values = hold(this.#exports.get(4 * total));
        if (!values) throw new GenmoError(`no memory for ${count} frames`, 2);
        make(values, hold);
        const motion = { frames: count, fps: FPS };
        let at = values;
        for (const [name, width] of Object.entries(widths)) {
          motion[name] = new Float32Array(this.#exports.memory.buffer, at, width).slice();
          at += 4 * width;
        }
        return motion;
      });
    } finally {
      this.#progress = null;
    }
  }

  // What the module asks of its surroundings: progress, and what a C library asks of a system that is not there.
  #imports(module) {
    const imports = { genmo: { progress: (share) => (this.#progress?.(share) === false ? 1 : 0) } };
    for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
      imports[from] ??= {};
      if (kind !== "function" || imports[from][name]) continue;
      imports[from][name] = name === "emscripten_notify_memory_growth" ? () => {} : () => {
        if (name === "fd_write" || name === "fd_seek" || name === "fd_close" || name === "fd_read") return 8; // no such file
        throw new GenmoError(`the module called ${name}, which a page does not have`, 3);
      };
    }
    return imports;
  }

  #check(status) {
    if (status) throw new GenmoError(this.#string(this.#exports.message()) || `status ${status}`, status);
  }

  #copy(bytes) {
    const at = this.#exports.get(bytes.length || 1);
    if (!at) throw new GenmoError(`no memory for ${bytes.length} bytes`, 2);
    new Uint8Array(this.#exports.memory.buffer, at, bytes.length).set(bytes);
    return at;
  }

  #floats(numbers, count, what) {
    if (numbers?.length !== count) throw new GenmoError(`${what} has ${numbers?.length ?? 0} numbers; wanted ${count}`, 1);
    return this.#copy(new Uint8Array(Float32Array.from(numbers).buffer));
  }

  #text(text) {
    return this.#copy(new TextEncoder().encode(`${text}\0`));
  }

  #string(at) {
    const bytes = new Uint8Array(this.#exports.memory.buffer, at);
    return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)));
  }
}

/**
 * A person of endless motion, 30 frames a second, y up, metres.  What is told begins with the next frame.  They are made in blocks: one
 * call in 60 takes as long as a block, the others nothing, so a page asks in a worker, some frames ahead; `ready` come at once.
 */
export class Person {
  #calls;

  /** Made by Genmo.person. */
  constructor(calls) {
    this.#calls = calls;
  }

  /** What they do from now on; null: what people do who move as fast as they are steered. */
  say(prompt) {
    this.#calls.prompt(prompt);
  }

  /** Prompts with spans [{text, start, end}] in frames since the first, four at most. */
  tell(texts) {
    this.#calls.tell(texts);
  }

  /** Leads the root at x and z metres a second, facing where it goes or the heading `facing` (radians, from +z to +x). */
  steer(x, z, facing) {
    this.#calls.steer(x, z, facing);
  }

  /** Leaves the root to the prompt. */
  release() {
    this.#calls.release();
  }

  /** Poses and places as Genmo.generate takes them, at frames that are still to come, in the place of those of before. */
  constrain({ keyframes = [], targets = [] }) {
    this.#calls.constrain(keyframes, targets);
  }

  /** How many frames come at once. */
  get ready() {
    return this.#calls.ready();
  }

  /** The next frames, as Genmo.generate answers them. */
  next(frames = 1) {
    if (!Number.isInteger(frames) || frames < 1 || frames > MOST_FRAMES) throw new GenmoError(`frames is ${frames}; wanted 1 to ${MOST_FRAMES}`, 1);
    return this.#calls.next(frames);
  }

  /** Gives the memory back; the person is gone. */
  close() {
    this.#calls.close();
    const gone = () => {
      throw new GenmoError("the person was closed", 1);
    };
    this.#calls = { prompt: gone, tell: gone, steer: gone, release: gone, constrain: gone, ready: gone, next: gone, close: () => {} };
  }
}

async function fetched(address, heard = () => {}) {
  const response = await fetch(address);
  if (!response.ok) throw new GenmoError(`${address}: ${response.status}; wanted a file of an engine, or genmo.wasm`, 5);
  const parts = [];
  let size = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    size += value.length;
    heard(value.length);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

async function bytesOf(source) {
  if (typeof source === "string" || source instanceof URL) return fetched(source);
  return source instanceof Uint8Array ? source : new Uint8Array(source);
}

// The files by name.  Their sizes are not known before they are here: `progress` hears a share of the engine that ships.
async function filesOf(engine, progress) {
  const usual = 26.5e6;
  let loaded = 0;
  const heard = (bytes) => progress(Math.min((loaded += bytes) / usual, 1));
  const remote = typeof engine === "string" || engine instanceof URL;
  const read = async (name) => {
    if (remote) return [name, await fetched(new URL(name, new URL(engine, globalThis.location?.href)), heard)];
    if (!engine[name]) throw new GenmoError(`${name} is not among the files; give every file of the engine's folder`, 5);
    return [name, await bytesOf(engine[name])];
  };
  const files = Object.fromEntries(await Promise.all(ENGINE_FILES.map(read)));
  progress(1);
  return files;
}
