// ---------------------------------------------------------------- the motions
const data = JSON.parse(document.getElementById("motion").textContent);
function decode(text, Type) {
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return new Type(bytes.buffer);
}
const sub = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const unit = (a) => { const n = Math.hypot(...a) || 1; return a.map((v) => v / n); };
function restOf(parents, offsets) {                              // places of the joints at rest, the root at its offset
  const rest = [];
  offsets.forEach((o, j) => rest.push(parents[j] < 0 ? [...o] : o.map((v, k) => v + rest[parents[j]][k])));
  return rest;
}
function makePerson(p, model) {                                 // p: what a reader gives, or the page's own; model: whose mannequin is stretched where a body is wanted
  const rest = restOf(p.parents, p.offsets), J = p.parents.length, person = { ...p, rest,
    turned: Array.from({ length: J }, () => new Float32Array(9)), // world rotation, row by row, and place of every joint now
    placed: Array.from({ length: J }, () => new Float32Array(3)),
    centre: [0, 0, 0], ours: p.joints.every((name, j) => name === data.joints[j]) && J === data.joints.length };
  person.mesh = p.mesh || (person.ours ? stretchedMesh(model, p.offsets) : boneMesh(p.parents, p.offsets));
  if (!person.contacts) person.contacts = person.ours ? touchLabels(allPlaced(person), p.frames, p.fps) : new Uint8Array(6 * p.frames);
  return person;
}
function unpacked(p) {                                           // a motion as the page carries it: base64 arrays
  return { ...p, joints: data.joints, parents: data.parents, moves: null,
    quaternions: decode(p.quaternions, Int16Array),              // [frames, joints, 4] w x y z, times 32767
    translation: decode(p.translation, Float32Array),            // [frames, 3] metres
    contacts: decode(p.contacts, Uint8Array),                    // [frames, 6] 0..255
    terrain: p.terrain && { ...p.terrain, heights: decode(p.terrain.heights, Float32Array) }, // [size 0, size 1] metres
    camera: p.camera && { ...p.camera, quaternions: decode(p.camera.quaternions, Int16Array), positions: decode(p.camera.positions, Float32Array) },
    given: { ...p.given, views: p.given.views.map((v) => ({ ...v, points: decode(v.points, Float32Array) })) },
    mesh: { scale: p.mesh.scale, vertices: decode(p.mesh.vertices, Int16Array), normals: decode(p.mesh.normals, Int8Array), joints: decode(p.mesh.joints, Uint8Array),
      weights: decode(p.mesh.weights, Uint8Array), faces: decode(p.mesh.faces, Uint16Array) } };
}
function allPlaced(p) {                                          // [frames, joints, 3] metres
  const J = p.parents.length, out = new Float32Array(3 * J * p.frames);
  for (let f = 0; f < p.frames; f++) { posePerson(p, f); p.placed.forEach((at, j) => out.set(at, 3 * (f * J + j))); }
  return out;
}
const ground = data.ground;
let people, fps, frames;                                         // the timeline counts frames of the first motion
function setPeople(list) {
  people = list; fps = people[0].fps;
  frames = Math.max(...people.map((p) => Math.round((p.frames - 1) * fps / p.fps) + 1));
}
function frameOf(p, time) { return Math.min(time * p.fps / fps, p.frames - 1); }
function matrixOf(q, i, k, share) {                              // rotation, row by row, between quaternions at i and k
  const dot = q[i] * q[k] + q[i + 1] * q[k + 1] + q[i + 2] * q[k + 2] + q[i + 3] * q[k + 3];
  const u = 1 - share, v = dot < 0 ? -share : share;
  let w = u * q[i] + v * q[k], x = u * q[i + 1] + v * q[k + 1], y = u * q[i + 2] + v * q[k + 2], z = u * q[i + 3] + v * q[k + 3];
  const n = 1 / Math.hypot(w, x, y, z); w *= n; x *= n; y *= n; z *= n;
  return [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y), 2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
          2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)];
}
function between(values, a, b, share) { return [0, 1, 2].map((k) => values[3 * a + k] * (1 - share) + values[3 * b + k] * share); }
function posePerson(p, at) {                                     // at: fractional frame of this motion
  const a = Math.floor(at), b = Math.min(a + 1, p.frames - 1), share = at - a, J = p.parents.length;
  for (let j = 0; j < J; j++) {
    const local = matrixOf(p.quaternions, 4 * (a * J + j), 4 * (b * J + j), share), R = p.turned[j], P = p.placed[j], up = p.parents[j];
    const o = j === 0 ? between(p.translation, a, b, share) : p.moves ? between(p.moves, a * J + j, b * J + j, share) : p.offsets[j];
    if (up < 0) { R.set(local); P.set(o); continue; }
    const Q = p.turned[up], above = p.placed[up];
    for (let r = 0; r < 3; r++) {
      for (let c = 0; c < 3; c++) R[3 * r + c] = Q[3 * r] * local[c] + Q[3 * r + 1] * local[3 + c] + Q[3 * r + 2] * local[6 + c];
      P[r] = above[r] + Q[3 * r] * o[0] + Q[3 * r + 1] * o[1] + Q[3 * r + 2] * o[2];
    }
  }
}
function pose(time) { for (const p of people) posePerson(p, frameOf(p, time)); }

