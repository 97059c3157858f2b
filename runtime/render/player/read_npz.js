// ---------------------------------------------------------------- opening .npz: a zip of numpy arrays
const SMPL = data.joints, EMPTY = { texts: [], spans: [], beats: [], keyframes: [], places: [], views: [] };
const MOST_POSES = 2 ** 23;                                      // joints of all frames, as the programs take
function wanted(ok, got, want) { if (!ok) throw new Error(`${got}; wanted ${want}`); }
async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
async function unzipped(bytes) {                                 // { name: bytes } of a zip's members
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), whole = "a whole .npz: save it again";
  let end = bytes.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end--;
  wanted(end >= 0, "no directory at its end", whole);
  const members = {}, count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  for (let i = 0; i < count; i++) {
    wanted(at + 46 <= end && view.getUint32(at, true) === 0x02014b50, "a broken directory", whole);
    const method = view.getUint16(at + 10, true), packed = view.getUint32(at + 20, true), size = view.getUint32(at + 24, true);
    const long = view.getUint16(at + 28, true), start = view.getUint32(at + 42, true), name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + long));
    wanted(packed < 2 ** 29 && size < 2 ** 29 && start + 30 <= end && view.getUint32(start, true) === 0x04034b50, `${name} is too large or missing`, whole);
    const first = start + 30 + view.getUint16(start + 26, true) + view.getUint16(start + 28, true), raw = bytes.subarray(first, first + packed);
    wanted(method === 0 || method === 8, `${name} is packed in way ${method}`, whole);
    const member = method ? await inflated(raw) : raw;
    wanted(member.length === size, `${name} has ${member.length} of ${size} bytes`, whole);
    members[name] = member;
    at += 46 + long + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return members;
}
function parseNpy(bytes) {                                       // { shape, values }: numbers, truth values, or strings
  wanted(bytes[0] === 0x93 && bytes[1] === 0x4e, "a member that is no array", "numpy's");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), old = bytes[6] === 1;
  const from = old ? 10 : 12, length = old ? view.getUint16(8, true) : view.getUint32(8, true);
  const text = new TextDecoder("latin1").decode(bytes.subarray(from, from + length));
  const type = (text.match(/'descr': *'([^']+)'/) || [])[1] || "", listed = (text.match(/'shape': *\(([^)]*)\)/) || [])[1];
  const kinds = { "<f4": Float32Array, "<f8": Float64Array, "<i8": BigInt64Array, "<i4": Int32Array, "|u1": Uint8Array, "|b1": Uint8Array };
  wanted(listed !== undefined && !/'fortran_order': *True/.test(text), "an array in another order", "C order");
  const shape = listed.split(",").filter((n) => n.trim()).map(Number), count = shape.reduce((a, b) => a * b, 1), body = bytes.slice(from + length);
  const letters = type.startsWith("<U") && +type.slice(2);
  wanted(letters || letters === 0 || kinds[type], `an array of ${type}`, "numbers or words");
  const size = kinds[type] ? kinds[type].BYTES_PER_ELEMENT : 4 * letters;
  wanted(body.length >= count * size, `an array of ${body.length} bytes`, `${count * size}`);
  if (kinds[type]) { const values = new kinds[type](body.buffer, 0, count); return { shape, values: type === "<i8" ? Array.from(values, Number) : values }; }
  const codes = new Uint32Array(body.buffer, 0, count * letters);
  return { shape, values: Array.from({ length: count }, (_, i) => String.fromCodePoint(...Array.from(codes.subarray(i * letters, (i + 1) * letters)).filter((c) => c && c < 0x110000))) };
}
function quaternionOf(m, i = 0) {                                // w x y z of the rotation matrix at m[i], row by row
  const [a, b, c, d, e, f, g, h, k] = m.subarray ? m.subarray(i, i + 9) : m.slice(i, i + 9);
  const q = a + e + k > 0 ? [1 + a + e + k, h - f, c - g, d - b] : a > e && a > k ? [h - f, 1 + a - e - k, b + d, c + g]
    : e > k ? [c - g, b + d, 1 - a + e - k, f + h] : [d - b, c + g, f + h, 1 - a - e + k];
  const n = Math.hypot(...q); return q.map((v) => v / n);
}
function quaternionsOf(matrices, tracks) {                       // [frames, tracks, 4], neighbours on the same side
  const out = new Float32Array(matrices.length / 9 * 4);
  for (let i = 0; 9 * i < matrices.length; i++) {
    const q = quaternionOf(matrices, 9 * i), k = 4 * (i - tracks);
    const turned = k >= 0 && q[0] * out[k] + q[1] * out[k + 1] + q[2] * out[k + 2] + q[3] * out[k + 3] < 0;
    for (let c = 0; c < 4; c++) out[4 * i + c] = turned ? -q[c] : q[c];
  }
  return out;
}
function touchLabels(joints, frames, rate) {                     // contacts [frames, 6] 0 or 255: slower than 0.15 m/s
  const out = new Uint8Array(6 * frames), at = (f, j) => 3 * (f * SMPL.length + j);
  for (let f = 0; f < frames; f++) data.contactJoints.forEach((j, k) => {
    const a = at(Math.max(Math.min(f, frames - 2), 0), j), b = at(Math.min(Math.max(f + 1, 0), frames - 1), j), c = frames > 1 ? Math.max(b, at(1, j)) : a;
    out[6 * f + k] = rate * Math.hypot(joints[c] - joints[a], joints[c + 1] - joints[a + 1], joints[c + 2] - joints[a + 2]) < 0.15 ? 255 : 0;
  });
  return out;
}
function frameBasis(p, i) {                                      // columns: two bones of the trunk and their normal, made square
  const to = (k) => [0, 1, 2].map((c) => p[i + 3 * k + c] - p[i + c]), x = unit(to(1)), z = unit(cross(x, to(3))), y = cross(z, x);
  return [x, y, z];
}
function turnBetween(world, camera, i) {                         // rotation that takes the camera's axes to the world's, row by row
  const a = frameBasis(world, i), b = frameBasis(camera, i);
  return [0, 1, 2].flatMap((r) => [0, 1, 2].map((c) => a.reduce((sum, axis, k) => sum + axis[r] * b[k][c], 0)));
}
function cameraIn(arrays, frames) {                              // as Motion.viewpoint: the known camera, or where the joints were seen from
  const known = !!arrays.camera_known.values[0], seen = !!arrays.joints_camera_known.values[0];
  if (!known && !seen) return null;
  const turns = new Float32Array(9 * frames), positions = new Float32Array(3 * frames), J = SMPL.length, pose = arrays.camera_to_world.values;
  const world = arrays.joints_world.values, camera = arrays.joints_camera.values;
  for (let f = 0; f < frames; f++) {
    const R = known ? [0, 1, 2, 4, 5, 6, 8, 9, 10].map((k) => pose[16 * f + k]) : turnBetween(world, camera, 3 * f * J);
    turns.set(R, 9 * f);
    for (let r = 0; r < 3; r++) positions[3 * f + r] = known ? pose[16 * f + 4 * r + 3] : world[3 * f * J + r] - dot(R.slice(3 * r, 3 * r + 3), camera.subarray(3 * f * J, 3 * f * J + 3));
  }
  return { quaternions: quaternionsOf(turns, 1), positions, known };
}
function givenIn(arrays) {                                       // what it was made from
  const list = (name) => arrays["given_" + name] ? Array.from(arrays["given_" + name].values) : [], pairs = (name) => { const v = list(name); return v.flatMap((a, i) => i % 2 ? [] : [[a, v[i + 1]]]); };
  const place = list("place_positions"), points = arrays.given_keypoints, lenses = list("intrinsics");
  let row = 0;
  return { texts: list("texts").map((t, i) => [t, ...pairs("text_spans")[i]]), spans: list("features").map((t, i) => [t, ...pairs("feature_spans")[i]]),
    beats: list("beats"), keyframes: list("keyframes"),
    places: list("place_frames").map((f, i) => [f, list("place_joints")[i], ...place.slice(3 * i, 3 * i + 3).map((v) => Number.isFinite(v) ? v : null)]),
    views: pairs("keypoint_spans").map(([start, end], i) => {
      const first = row; row += end - start;
      return { start, end, lens: [0, 4, 2, 5].map((k) => lenses[9 * i + k]), points: Float32Array.from(points.values.slice(51 * first, 51 * row)) };
    }) };
}
async function readNpz(bytes) {                                  // a motion that genmo wrote
  const arrays = {}, J = SMPL.length;
  for (const [name, member] of Object.entries(await unzipped(bytes))) arrays[name.replace(/\.npy$/, "")] = parseNpy(member);
  const frames = arrays.rotations ? arrays.rotations.shape[0] : 0, genmo = "a motion .npz that genmo wrote (genmo-run --out walk.npz)";
  wanted(frames && frames * J <= MOST_POSES, frames ? `${frames} frames` : "no rotations in it", genmo);
  const shapes = { rotations: 9 * J * frames, joints_world: 3 * J * frames, joints_camera: 3 * J * frames, camera_to_world: 16 * frames, contacts: 6 * frames, offsets: 3 * J,
    mocap_frame_rate: 1, camera_known: 1, joints_camera_known: 1 };
  for (const [name, count] of Object.entries(shapes)) {
    wanted(arrays[name] && arrays[name].values.length === count, `${name} ${arrays[name] ? "of another shape" : "is missing"}`, genmo);
    wanted(arrays[name].values.every(Number.isFinite), `${name} has numbers that are none`, genmo);
  }
  const rate = arrays.mocap_frame_rate.values[0], world = arrays.joints_world.values, offsets = arrays.offsets.values;
  wanted(rate >= 1 && rate <= 1000, `${rate} frames a second`, genmo);
  const translation = new Float32Array(3 * frames);
  for (let f = 0; f < frames; f++) translation.set(world.subarray(3 * f * J, 3 * f * J + 3), 3 * f);
  return { joints: SMPL, parents: data.parents, fps: rate, frames, translation, moves: null, mesh: null,
    offsets: data.parents.map((_, j) => Array.from(offsets.slice(3 * j, 3 * j + 3))), quaternions: quaternionsOf(arrays.rotations.values, J),
    contacts: Uint8Array.from(arrays.contacts.values, (v) => Math.round(255 * Math.max(0, Math.min(1, v)))),
    betas: arrays.genmo_betas && Array.from(arrays.genmo_betas.values), camera: cameraIn(arrays, frames), given: givenIn(arrays), npz: bytes };
}
