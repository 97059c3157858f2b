// ---------------------------------------------------------------- opening .bvh
const UNITS = [1, 0.01, 0.001, 0.0254, 0.0254 / 0.45];           // what a number may mean: metre, centimetre, millimetre, inch, CMU's unit
function multiplied(a, b) { return [0, 1, 2].flatMap((r) => [0, 1, 2].map((c) => a[3 * r] * b[c] + a[3 * r + 1] * b[3 + c] + a[3 * r + 2] * b[6 + c])); }
function turnAbout(axis, angle) {                                // axis 0 x, 1 y, 2 z
  const c = Math.cos(angle), s = Math.sin(angle);
  return [[1, 0, 0, 0, c, -s, 0, s, c], [c, 0, s, 0, 1, 0, -s, 0, c], [c, -s, 0, s, c, 0, 0, 0, 1]][axis];
}
function bvhTree(next, expect, fail) {                           // HIERARCHY, up to and including the word MOTION
  const joints = [], open = [], numbers = () => [0, 1, 2].map(() => { const v = +next(); if (!Number.isFinite(v)) fail("no number", "three after OFFSET"); return v; });
  let word = expect("HIERARCHY"), site = 0;
  while ((word = next().toUpperCase()) !== "MOTION") {
    if (word === "ROOT" || word === "JOINT") {
      let name = next(); for (let more = next(); more !== "{"; more = next()) name += " " + more;
      if (joints.length >= 5000) fail("one more joint", "at most 5000");
      joints.push({ name, parent: open.length ? open[open.length - 1] : -1, offset: [0, 0, 0], channels: [] }); open.push(joints.length - 1);
    } else if (word === "END") { while (next() !== "{"); expect("OFFSET"); numbers(); expect("}"); site++; }
    else if (word === "OFFSET" && open.length) joints[open[open.length - 1]].offset = numbers();
    else if (word === "CHANNELS" && open.length) { const count = +next(); joints[open[open.length - 1]].channels = Array.from({ length: Math.min(count, 9) }, () => next().toLowerCase()); }
    else if (word === "}" && open.length) open.pop();
    else fail(`"${word.slice(0, 40)}"`, "OFFSET, CHANNELS, JOINT, End Site or }");
  }
  if (!joints.length) fail("no joint", "a ROOT");
  return joints;
}
function bvhWords(text) {
  const words = text.split(/\s+/).filter(Boolean); let at = 0;
  const line = () => { let seen = 0, row = 1; for (const part of text.split("\n")) { seen += part.split(/\s+/).filter(Boolean).length; if (seen >= at) return row; row++; } return row; };
  const fail = (got, want) => { throw new Error(`line ${line()}: got ${got}, wanted ${want}`); };
  const next = () => { if (at >= words.length) fail("the end of the file", "more of it"); return words[at++]; };
  const expect = (want) => { const got = next(); if (got.toUpperCase() !== want.toUpperCase()) fail(`"${got.slice(0, 40)}"`, want); return got; };
  return { next, expect, fail, rest: () => words.slice(at) };
}
function readBvh(bytes) {
  const text = new TextDecoder().decode(bytes).replace(/[\0\x1a\s]+$/, "").replace(/(Frames|Time)\s*:/gi, "$1: "), { next, expect, fail, rest } = bvhWords(text);
  const tree = bvhTree(next, expect, fail), J = tree.length;
  expect("Frames:"); next(); expect("Frame"); expect("Time:");
  const step = +next(), numbers = Float64Array.from(rest(), Number), width = tree.reduce((sum, joint) => sum + joint.channels.length, 0);
  if (!(step > 0)) fail("no seconds of a frame", "a frame time");
  const frames = Math.floor(numbers.length / (width || 1));
  if (!width || !frames || frames * J > MOST_POSES) fail(`${frames} frames of ${J} joints`, "some");
  if (!numbers.every(Number.isFinite) || numbers.length % width) fail(`${numbers.length} numbers`, `rows of ${width}, all numbers`);
  const turns = new Float32Array(9 * J * frames), moves = new Float32Array(3 * J * frames);
  for (let f = 0, column = 0; f < frames; f++) tree.forEach((joint, j) => {
    let R = [1, 0, 0, 0, 1, 0, 0, 0, 1]; const P = [...joint.offset];
    for (const channel of joint.channels) {
      const axis = "xyz".indexOf(channel[0]), value = numbers[column++];
      if (channel.endsWith("position")) P[axis] = value; else if (channel.endsWith("rotation")) R = multiplied(R, turnAbout(axis, value * Math.PI / 180));
    }
    turns.set(R, 9 * (f * J + j)); moves.set(P, 3 * (f * J + j));
  });
  const rate = 1 / step, round = Math.round(rate);
  return settled({ joints: tree.map((joint) => joint.name), parents: tree.map((joint) => joint.parent), offsets: tree.map((joint) => joint.offset),
    fps: Math.abs(rate - round) < 0.01 ? round : rate, frames, turns, moves });
}
// A skeleton of any kind, as the player holds it: metres, y up, SMPL's order where the names are genmo's.
function settled(raw) {
  const order = SMPL.map((name) => raw.joints.indexOf(name)), ours = raw.joints.length === SMPL.length && order.every((j, k) => j >= 0 && (k === 0 ? raw.parents[j] < 0 : raw.parents[j] === order[data.parents[k]]));
  const { frames } = raw, J = raw.joints.length, pick = ours ? order : raw.joints.map((_, j) => j), size = raw.metres || (ours ? 0.01 : unitOf(raw));
  const tilt = !raw.metres && !ours && upIsZ(raw) ? [1, 0, 0, 0, 0, 1, 0, -1, 0] : null;
  const matrices = new Float32Array(9 * J * frames), moves = new Float32Array(3 * J * frames), translation = new Float32Array(3 * frames);
  for (let f = 0; f < frames; f++) pick.forEach((j, k) => {
    let R = raw.turns.subarray(9 * (f * J + j), 9 * (f * J + j) + 9), P = Array.from(raw.moves.subarray(3 * (f * J + j), 3 * (f * J + j) + 3), (v) => v * size);
    if (tilt && raw.parents[j] < 0) { R = multiplied(tilt, R); P = [0, 1, 2].map((r) => dot(tilt.slice(3 * r, 3 * r + 3), P)); }
    matrices.set(R, 9 * (f * J + k)); moves.set(P, 3 * (f * J + k));
    if (k === 0) translation.set(P, 3 * f);
  });
  const offsets = pick.map((j, k) => k ? raw.offsets[j].map((v) => v * size) : [0, 0, 0]);
  const still = pick.every((_, k) => k === 0 || Array.from({ length: frames }, (_, f) => f).every((f) => offsets[k].every((v, c) => Math.abs(moves[3 * (f * J + k) + c] - v) < 1e-5)));
  const parents = ours ? data.parents : raw.parents.map((p, j) => j && p < 0 ? -1 : p);
  return { joints: pick.map((j) => raw.joints[j]), parents, offsets, fps: raw.fps, frames, quaternions: quaternionsOf(matrices, J), translation,
    moves: still ? null : moves, mesh: raw.mesh && { ...raw.mesh, joints: ours ? raw.mesh.joints.map((j) => order.indexOf(j)) : raw.mesh.joints, inverse: raw.mesh.inverse && pick.map((j) => raw.mesh.inverse[j]) },
    contacts: null, camera: null, given: EMPTY, betas: null };
}
function unitOf(raw) {                                           // the unit in which the skeleton is nearest to a person's size
  const rest = restOf(raw.parents, raw.offsets), tall = Math.max(...[0, 1, 2].map((k) => Math.max(...rest.map((p) => p[k])) - Math.min(...rest.map((p) => p[k])))) || 1;
  return UNITS.reduce((best, unit) => Math.abs(Math.log(unit * tall / 1.6)) < Math.abs(Math.log(best * tall / 1.6)) ? unit : best);
}
function upIsZ(raw) {                                            // whether the person stands along z: where the first frame's joints reach furthest
  const J = raw.joints.length, placed = [], turned = [];
  for (let j = 0; j < J; j++) {
    const R = raw.turns.subarray(9 * j, 9 * j + 9), P = raw.moves.subarray(3 * j, 3 * j + 3), up = raw.parents[j];
    turned.push(up < 0 ? [...R] : multiplied(turned[up], R));
    placed.push(up < 0 ? [...P] : [0, 1, 2].map((r) => placed[up][r] + dot(turned[up].slice(3 * r, 3 * r + 3), P)));
  }
  const span = (k) => Math.max(...placed.map((p) => p[k])) - Math.min(...placed.map((p) => p[k]));
  return span(2) > 1.5 * span(1);
}
