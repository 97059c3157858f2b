// The module in node: the motion that the Python runtime makes, refusals, cancelling.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { ENGINE_FILES, Genmo, JOINTS } from "../genmo.js";

const here = (path) => readFileSync(new URL(path, import.meta.url));
const expected = JSON.parse(here("expected.json"));
const engine = () => Object.fromEntries(ENGINE_FILES.map((name) => [name, here(`../engine/${name}`)]));
const load = (options) => Genmo.load({ wasm: here("../genmo.wasm"), engine: engine(), ...options });
const genmo = await load();

function millimetresOff(joints, reference = expected.joints) {
  let sum = 0, most = 0;
  assert.equal(joints.length, reference.length);
  for (let i = 0; i < joints.length; i += 3) {
    const off = 1000 * Math.hypot(...[0, 1, 2].map((k) => joints[i + k] - reference[i + k]));
    sum += off;
    most = Math.max(most, off);
  }
  return { mean: (3 * sum) / joints.length, most };
}

test("the motion is the Python runtime's", (context) => {
  const started = performance.now();
  const motion = genmo.generate(expected.text, { frames: expected.frames, seed: expected.seed });
  const off = millimetresOff(motion.joints);
  context.diagnostic(`${((performance.now() - started) / 1000).toFixed(2)} s for ${motion.frames} frames; ${off.mean.toFixed(5)} mm mean, ${off.most.toFixed(5)} mm most`);
  assert.equal(motion.joints.length, expected.frames * JOINTS * 3);
  assert.ok(off.mean <= 0.01 && off.most <= 0.1, JSON.stringify(off));
});

test("keyframes, targets and headings are met as in the Python runtime", () => {
  const { keyframes, targets, headings, joints, frames } = expected.met;
  const motion = genmo.generate([], { frames, seed: expected.seed, keyframes, targets, headings });
  const off = millimetresOff(motion.joints, joints);
  assert.ok(off.mean <= 0.01 && off.most <= 0.1, JSON.stringify(off));
  const [{ frame, rotations, root }] = keyframes;
  assert.deepEqual([...motion.translation.slice(3 * frame, 3 * frame + 3)], root);
  assert.throws(() => genmo.generate([], { frames, keyframes: [{ frame, rotations: [1] }] }), /the rotations of the keyframe of frame 30 has 1 numbers; wanted 96/);
  assert.throws(() => genmo.generate([], { frames, keyframes: [{ frame: 99, rotations }] }), /a keyframe at frame 99; wanted it within 0 to 39/);
  assert.throws(() => genmo.generate([], { frames, targets: [targets[0], targets[0]] }), /frame 15 has two places for left_wrist/);
  assert.throws(() => genmo.generate([], { frames }), /0 texts; wanted 1 to 1024, or keyframes/);
});

test("keypoints become the Python runtime's motion", () => {
  const motion = genmo.estimate(expected.points, { width: expected.width, height: expected.height });
  const off = millimetresOff(motion.joints, expected.estimated);
  assert.ok(off.mean <= 0.01 && off.most <= 0.1, JSON.stringify(off));
  assert.equal(motion.rootInCamera.length, motion.frames * 7);
  assert.throws(() => genmo.estimate([1, 2], { width: 1, height: 1 }), /points has 2 numbers; wanted 51 a frame/);
  assert.throws(() => genmo.estimate(expected.points), /the image is 0 x 0/);
});

test("a person without end is the Python runtime's", (context) => {
  const started = performance.now();
  const person = genmo.person({ prompt: "a person waves", seed: expected.seed });
  const parts = [person.next(30)];
  for (let frame = 0; frame < 10; ++frame) parts.push(person.next());
  assert.ok(person.ready > 0);
  person.say(null);
  person.steer(0.3, 1.2);
  parts.push(person.next(20));
  const off = millimetresOff(parts.flatMap((part) => [...part.joints]), expected.endless);
  context.diagnostic(`${((performance.now() - started) / 1000).toFixed(2)} s for two blocks; ${off.mean.toFixed(5)} mm mean, ${off.most.toFixed(5)} mm most`);
  assert.ok(off.mean <= 0.01 && off.most <= 0.1, JSON.stringify(off));
  assert.throws(() => person.say("!?"), /wanted at least one word in Latin letters/);
  assert.throws(() => person.steer(9, 0), /wanted at most 8 m\/s together/);
  assert.throws(() => person.tell(Array(5).fill({ text: "walk" })), /5 texts; wanted 0 to 4/);
  const { keyframes, targets } = expected.met;
  person.constrain({ keyframes: [{ ...keyframes[0], frame: 70, root: undefined }], targets: [{ ...targets[0], frame: 65 }] });
  const met = person.next(15);
  const pose = met.rotations.slice(96 * 10, 96 * 11);
  for (let i = 4; i < 96; ++i) assert.ok(Math.abs(Math.abs(pose[i]) - Math.abs(keyframes[0].rotations[i])) < 1e-5);
  assert.throws(() => person.constrain({ targets }), /a target at frame 15; wanted it within 75/);
  person.tell([{ text: "a person sits", start: 80, end: 90 }]);
  person.release();
  assert.throws(() => person.next(0), /frames is 0; wanted 1 to 65536/);
  person.close();
  assert.throws(() => person.next(), /the person was closed/);
});

test("people have numbers of their own, and there are 16", () => {
  const people = Array.from({ length: 16 }, (_, seed) => genmo.person({ seed }));
  assert.throws(() => genmo.person(), /16 people are open; wanted one of them closed first/);
  people[5].close();
  people[5] = genmo.person({ seed: 99 });
  people.forEach((person) => person.close());
  assert.throws(() => genmo.person({ guidance: 99 }), /guidance is 99; wanted -10 to 10/);
});

test("fixed point is near", async () => {
  const fast = await load({ fast: true });
  const off = millimetresOff(fast.generate(expected.text, { frames: expected.frames, seed: expected.seed }).joints);
  assert.ok(off.mean > 0 && off.mean <= 3, JSON.stringify(off));
});

test("the same again, and spans", () => {
  const options = { frames: 40, steps: 2, seed: 5 };
  const texts = [{ text: "a man walks", end: 20 }, { text: "a man waves", start: 20 }];
  assert.deepEqual(genmo.generate(texts, options), genmo.generate(texts, options));
});

test("what is wrong is said", async () => {
  assert.throws(() => genmo.generate("!?", { frames: 10 }), /wanted at least one word in Latin letters/);
  assert.throws(() => genmo.generate("walk", { frames: 0 }), /frames is 0; wanted 1 to 65536/);
  assert.throws(() => genmo.generate("walk", { frames: 10, guidance: 99 }), /guidance is 99; wanted -10 to 10/);
  const files = engine();
  files["step.onnx"] = files["step.onnx"].subarray(1);
  await assert.rejects(Genmo.load({ wasm: here("../genmo.wasm"), engine: files }), /step.onnx: its SHA-256 is not the one/);
  delete files["step.onnx"];
  await assert.rejects(Genmo.load({ wasm: here("../genmo.wasm"), engine: files }), /step.onnx is not among the files/);
});

test("progress rises and cancels", () => {
  const shares = [];
  genmo.generate("walk", { frames: 10, steps: 3, progress: (share) => void shares.push(share) });
  assert.deepEqual(shares, [...shares].sort());
  assert.equal(shares.at(-1), 1);
  assert.throws(() => genmo.generate("walk", { frames: 10, progress: () => false }), (error) => error.cancelled);
});

test("the skeleton", () => {
  assert.equal(genmo.joints.length, JOINTS);
  assert.deepEqual(genmo.joints[1], { name: "left_hip", parent: 0 });
});
