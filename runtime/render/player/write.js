// ---------------------------------------------------------------- saving what is shown, as genmo's own writers do (runtime/formats)
function frameAt(p, f) { posePerson(p, f); return { turned: p.turned.map((R) => Float64Array.from(R)), placed: p.placed.map((P) => Float64Array.from(P)) }; }
function localMatrix(p, f, j) { return matrixOf(p.quaternions, 4 * (f * p.parents.length + j), 4 * (f * p.parents.length + j), 0); }
function isOurs(p) { return p.joints.length === SMPL.length && p.joints.every((name, j) => name === SMPL[j]) && !p.moves; }

function eulerZXY(R) {                                           // radians about z, x, y: their turns in this order make R, also at gimbal lock
  const first = Math.atan2(-R[1], R[4]), left = multiplied(turnAbout(2, -first), R);
  return [first, Math.atan2(left[7], left[4]), Math.atan2(left[2], left[0])];
}
function toBvh(p) {                                              // centimetres, y up; the root's OFFSET is zero
  const J = p.parents.length, children = p.parents.map((_, j) => p.parents.flatMap((up, k) => up === j ? [k] : [])), order = [], lines = ["HIERARCHY"];
  const six = (j) => p.parents[j] < 0 || !!p.moves, numbers = (v) => v.map((x) => (100 * x + 0).toFixed(6)).join(" ");
  const write = (j, pad) => {
    order.push(j); const o = p.parents[j] < 0 ? [0, 0, 0] : p.offsets[j], long = Math.hypot(...o) || 1, turns = "Zrotation Xrotation Yrotation", name = p.joints[j].replace(/[\s{}]+/g, "_") || `joint${j}`;
    lines.push(`${pad}${p.parents[j] < 0 ? "ROOT" : "JOINT"} ${name}`, `${pad}{`, `${pad}\tOFFSET ${numbers(o)}`, `${pad}\tCHANNELS ${six(j) ? "6 Xposition Yposition Zposition" : "3"} ${turns}`);
    for (const k of children[j]) write(k, pad + "\t");
    if (!children[j].length) lines.push(`${pad}\tEnd Site`, `${pad}\t{`, `${pad}\t\tOFFSET ${numbers(o.map((v) => 0.08 * v / long))}`, `${pad}\t}`);
    lines.push(`${pad}}`);
  };
  p.parents.forEach((up, j) => { if (up < 0) write(j, ""); });
  lines.push("MOTION", `Frames: ${p.frames}`, `Frame Time: ${(1 / p.fps).toFixed(9)}`);
  const before = new Float64Array(3 * J);
  for (let f = 0; f < p.frames; f++) lines.push(order.flatMap((j) => {
    const angles = eulerZXY(localMatrix(p, f, j)).map((a, k) => before[3 * j + k] = f ? a + 2 * Math.PI * Math.round((before[3 * j + k] - a) / (2 * Math.PI)) : a);
    const at = p.moves && j ? p.moves.subarray(3 * (f * J + j), 3 * (f * J + j) + 3) : p.translation.subarray(3 * f, 3 * f + 3);
    return [...(six(j) ? Array.from(at, (v) => 100 * v) : []), ...angles.map((a) => a * 180 / Math.PI)].map((v) => (v + 0).toFixed(6));
  }).join(" "));
  return new TextEncoder().encode(lines.join("\n") + "\n");
}

function toGlb(p) {                                              // rest pose without rotations, soles on y = 0; one animation "motion"
  const J = p.parents.length, mesh = p.mesh, views = [], accessors = [], chunks = []; let size = 0;
  const add = (array, type, kind, target, bounds) => {
    const width = GLB_WIDTHS[type], bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength), padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4); padded.set(bytes);
    const about = { bufferView: views.length, componentType: kind, count: array.length / width, type };
    if (bounds) for (const [name, pick] of [["min", Math.min], ["max", Math.max]]) about[name] = Array.from({ length: width }, (_, k) => { let v = array[k]; for (let i = k; i < array.length; i += width) v = pick(v, array[i]); return v; });
    views.push({ buffer: 0, byteOffset: size, byteLength: bytes.length, ...(target ? { target } : {}) }); chunks.push(padded); size += padded.length; accessors.push(about);
    return accessors.length - 1;
  };
  const points = Float32Array.from(mesh.vertices, (v) => v * mesh.scale), own = !mesh.inverse; let stand = 0;
  if (own) { stand = -points.reduce((low, v, i) => i % 3 === 1 ? Math.min(low, v) : low, Infinity); for (let i = 1; i < points.length; i += 3) points[i] += stand; }
  const normals = Float32Array.from(mesh.normals); for (let i = 0; i < normals.length; i += 3) { const n = Math.hypot(normals[i], normals[i + 1], normals[i + 2]) || 1; for (let k = 0; k < 3; k++) normals[i + k] /= n; }
  const weights = Float32Array.from(mesh.weights); for (let i = 0; i < weights.length; i += 4) { const n = weights[i] + weights[i + 1] + weights[i + 2] + weights[i + 3] || 1; for (let k = 0; k < 4; k++) weights[i + k] /= n; }
  const slots = Array.from(mesh.joints, (j, i) => weights[i] ? j : 0), attributes = { POSITION: add(points, "VEC3", 5126, 34962, true), NORMAL: add(normals, "VEC3", 5126, 34962),
    JOINTS_0: J > 255 ? add(Uint16Array.from(slots), "VEC4", 5123, 34962) : add(Uint8Array.from(slots), "VEC4", 5121, 34962), WEIGHTS_0: add(weights, "VEC4", 5126, 34962) };
  const large = points.length / 3 > 65535, indices = add(large ? Uint32Array.from(mesh.faces) : Uint16Array.from(mesh.faces), "SCALAR", large ? 5125 : 5123, 34963);
  const rest = p.rest, inverse = Float32Array.from(p.parents.flatMap((_, j) => {
    const m = own ? [1, 0, 0, -rest[j][0], 0, 1, 0, -rest[j][1] - stand, 0, 0, 1, -rest[j][2]] : mesh.inverse[j];
    return [0, 1, 2, 3].flatMap((c) => [m[c], m[4 + c], m[8 + c], c === 3 ? 1 : 0]);
  }));
  const nodes = p.parents.map((up, j) => {
    const children = p.parents.flatMap((above, k) => above === j ? [k] : []);
    return { name: p.joints[j], translation: j ? [...p.offsets[j]] : [0, stand, 0], rotation: [0, 0, 0, 1], ...(children.length ? { children } : {}) };
  });
  const matrices = add(inverse, "MAT4", 5126), times = add(Float32Array.from({ length: p.frames }, (_, f) => f / p.fps), "SCALAR", 5126, 0, true), samplers = [], channels = [];
  const track = (node, path, values) => { samplers.push({ input: times, output: add(values, path === "rotation" ? "VEC4" : "VEC3", 5126), interpolation: "LINEAR" }); channels.push({ sampler: samplers.length - 1, target: { node, path } }); };
  track(0, "translation", Float32Array.from(p.translation));
  for (let j = 0; j < J; j++) {
    const turns = new Float32Array(4 * p.frames), moves = p.moves && j ? new Float32Array(3 * p.frames) : null;
    for (let f = 0; f < p.frames; f++) {
      const i = 4 * (f * J + j), q = Array.from(p.quaternions.subarray(i, i + 4)), n = Math.hypot(...q); turns.set([q[1] / n, q[2] / n, q[3] / n, q[0] / n], 4 * f);
      if (moves) moves.set(p.moves.subarray(3 * (f * J + j), 3 * (f * J + j) + 3), 3 * f);
    }
    track(j, "rotation", turns); if (moves) track(j, "translation", moves);
  }
  const roots = p.parents.flatMap((up, j) => up < 0 ? [j] : []);
  const json = { asset: { version: "2.0", generator: "genmo" }, scene: 0, scenes: [{ nodes: [...roots, J] }], nodes: [...nodes, { name: "body", mesh: 0, skin: 0 }],
    meshes: [{ name: "body", primitives: [{ attributes, indices, material: 0 }] }],
    materials: [{ name: "body", pbrMetallicRoughness: { baseColorFactor: [0.71, 0.29, 0.16, 1], metallicFactor: 0, roughnessFactor: 0.6 } }],
    skins: [{ name: "body", joints: p.parents.map((_, j) => j), skeleton: 0, inverseBindMatrices: matrices }], animations: [{ name: "motion", samplers, channels }],
    accessors, bufferViews: views, buffers: [{ byteLength: size }] };
  const text = new TextEncoder().encode(JSON.stringify(json)), long = Math.ceil(text.length / 4) * 4, out = new Uint8Array(28 + long + size), view = new DataView(out.buffer);
  [0x46546c67, 2, out.length, long, 0x4e4f534a].forEach((v, i) => view.setUint32(4 * i, v, true));
  out.fill(32, 20, 20 + long); out.set(text, 20); view.setUint32(20 + long, size, true); view.setUint32(24 + long, 0x004e4942, true);
  let at = 28 + long; for (const chunk of chunks) { out.set(chunk, at); at += chunk.length; }
  return out;
}

function npy(values, shape, type) {                              // one array as numpy stores it; words become fixed rows of UTF-32
  const words = type === "U", most = words ? Math.max(1, ...values.map((t) => [...t].length)) : 0, kinds = { f4: Float32Array, f8: Float64Array, i8: BigInt64Array, b1: Uint8Array };
  let body;
  if (words) { body = new Uint32Array(most * values.length); values.forEach((t, i) => [...t].forEach((c, k) => { body[i * most + k] = c.codePointAt(0); })); }
  else body = kinds[type].from(values, type === "i8" ? (v) => BigInt(v) : undefined);
  const about = `{'descr': '${words ? "<U" + most : type === "b1" ? "|b1" : "<" + type}', 'fortran_order': False, 'shape': (${shape.join(", ")}${shape.length === 1 ? "," : ""}), }`;
  const long = Math.ceil((about.length + 11) / 64) * 64 - 10, out = new Uint8Array(10 + long + body.byteLength);
  out.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, long & 255, long >> 8]); out.set(new TextEncoder().encode(about.padEnd(long - 1) + "\n"), 10); out.set(new Uint8Array(body.buffer), 10 + long);
  return out;
}
const CRC = Uint32Array.from({ length: 256 }, (_, n) => { for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1; return n; });
function zipped(members) {                                       // stored, not packed; dated 1980 so that the same motion is the same bytes
  const parts = [], list = []; let at = 0;
  for (const [name, bytes] of members) {
    let crc = -1; for (const byte of bytes) crc = CRC[(crc ^ byte) & 255] ^ (crc >>> 8);
    const title = new TextEncoder().encode(name), head = new DataView(new ArrayBuffer(30)), entry = new DataView(new ArrayBuffer(46));
    const common = (view, i) => { view.setUint16(i, 20, true); view.setUint16(i + 8, 33, true); view.setUint32(i + 10, ~crc, true); view.setUint32(i + 14, bytes.length, true); view.setUint32(i + 18, bytes.length, true); view.setUint16(i + 22, title.length, true); };
    head.setUint32(0, 0x04034b50, true); common(head, 4);
    entry.setUint32(0, 0x02014b50, true); entry.setUint16(4, 20, true); common(entry, 6); entry.setUint32(42, at, true);
    parts.push(new Uint8Array(head.buffer), title, bytes); list.push(new Uint8Array(entry.buffer), title); at += 30 + title.length + bytes.length;
  }
  const end = new DataView(new ArrayBuffer(22)), long = list.reduce((sum, part) => sum + part.length, 0);
  end.setUint32(0, 0x06054b50, true); end.setUint16(8, members.length, true); end.setUint16(10, members.length, true); end.setUint32(12, long, true); end.setUint32(16, at, true);
  const all = [...parts, ...list, new Uint8Array(end.buffer)], out = new Uint8Array(all.reduce((sum, part) => sum + part.length, 0));
  let to = 0; for (const part of all) { out.set(part, to); to += part.length; }
  return out;
}
function axisAngle(q) {                                          // radians along the axis, of a quaternion w x y z
  const [w, ...v] = q[0] < 0 ? q.map((c) => -c) : q, s = Math.hypot(...v), angle = 2 * Math.atan2(s, w);
  return v.map((c) => s > 1e-12 ? c * angle / s : 0);
}
function givenArrays(given) {
  const out = [], put = (name, values, shape, type) => { if (shape[0]) out.push(["given_" + name, values, shape, type]); }, n = (name) => given[name].length;
  put("texts", given.texts.map((t) => t[0]), [n("texts")], "U"); put("text_spans", given.texts.flatMap((t) => t.slice(1)), [n("texts"), 2], "i8");
  put("keypoints", given.views.flatMap((v) => Array.from(v.points)), [given.views.reduce((sum, v) => sum + v.end - v.start, 0), 17, 3], "f4");
  put("keypoint_spans", given.views.flatMap((v) => [v.start, v.end]), [n("views"), 2], "i8");
  put("intrinsics", given.views.flatMap(({ lens: [fx, fy, cx, cy] }) => [fx, 0, cx, 0, fy, cy, 0, 0, 1]), [n("views"), 3, 3], "f4");
  put("features", given.spans.map((s) => s[0]), [n("spans")], "U"); put("feature_spans", given.spans.flatMap((s) => s.slice(1)), [n("spans"), 2], "i8");
  put("beats", given.beats, [n("beats")], "i8"); put("keyframes", given.keyframes, [n("keyframes")], "i8");
  put("place_frames", given.places.map((v) => v[0]), [n("places")], "i8"); put("place_joints", given.places.map((v) => v[1]), [n("places")], "i8");
  put("place_positions", given.places.flatMap((v) => v.slice(2).map((c) => c === null ? NaN : c)), [n("places"), 3], "f4");
  return out;
}
function toNpz(p) {                                              // runtime/formats/npz.py has the table of keys; a file that was opened comes back as it was
  if (p.npz) return p.npz;
  const N = p.frames, J = SMPL.length, rotations = new Float32Array(9 * J * N), world = new Float32Array(3 * J * N), camera = new Float32Array(3 * J * N), pose = new Float32Array(16 * N), poses = new Float32Array(165 * N), trans = new Float32Array(3 * N);
  const seen = p.camera, first = p.translation.slice(0, 3);
  for (let f = 0; f < N; f++) {
    const { placed } = frameAt(p, f), R = seen ? matrixOf(seen.quaternions, 4 * f, 4 * f, 0) : [1, 0, 0, 0, -1, 0, 0, 0, -1], at = seen ? seen.positions.subarray(3 * f, 3 * f + 3) : [first[0], first[1], first[2] + 4];
    for (let r = 0; r < 3; r++) pose.set([...R.slice(3 * r, 3 * r + 3), at[r]], 16 * f + 4 * r);
    pose[16 * f + 15] = 1;
    for (let j = 0; j < J; j++) {
      const i = f * J + j, d = sub(placed[j], at), q = Array.from(p.quaternions.subarray(4 * i, 4 * i + 4)), n = Math.hypot(...q);
      rotations.set(localMatrix(p, f, j), 9 * i); world.set(placed[j], 3 * i); camera.set([0, 1, 2].map((c) => R[c] * d[0] + R[3 + c] * d[1] + R[6 + c] * d[2]), 3 * i);
      if (j < 22) poses.set(axisAngle(q.map((v) => v / n)), 165 * f + 3 * j);
    }
    trans.set(sub(placed[0], data.smplxPelvis), 3 * f);
  }
  const body = (from, to) => { const out = []; for (let f = 0; f < N; f++) out.push(...poses.subarray(165 * f + from, 165 * f + to)); return out; };
  const contacts = Float32Array.from(p.contacts, (v) => v / 255), known = seen && seen.known;
  const arrays = [["poses", poses, [N, 165], "f4"], ["trans", trans, [N, 3], "f4"], ["betas", new Array(16).fill(0), [16], "f4"], ["gender", ["neutral"], [], "U"], ["mocap_frame_rate", [p.fps], [], "f8"],
    ["mocap_framerate", [p.fps], [], "f8"], ["surface_model_type", ["smplx"], [], "U"], ["root_orient", body(0, 3), [N, 3], "f4"], ["pose_body", body(3, 66), [N, 63], "f4"],
    ["pelvis_offset", data.smplxPelvis, [3], "f4"], ["num_betas", [16], [], "i8"], ["mocap_time_length", [N / p.fps], [], "f8"], ["rotations", rotations, [N, J, 3, 3], "f4"],
    ["offsets", p.offsets.flat(), [J, 3], "f4"], ["genmo_betas", p.betas || new Array(10).fill(0), [10], "f4"], ["joints_world", world, [N, J, 3], "f4"], ["joints_camera", camera, [N, J, 3], "f4"],
    ["camera_to_world", pose, [N, 4, 4], "f4"], ["camera_known", [known ? 1 : 0], [], "b1"], ["joints_camera_known", [seen && !known ? 1 : 0], [], "b1"], ["contacts", contacts, [N, 6], "f4"],
    ["up_axis", ["y"], [], "U"], ...givenArrays(p.given)];
  return zipped(arrays.map(([name, values, shape, type]) => [name + ".npy", npy(values, shape, type)]));
}
const WRITERS = { glb: toGlb, bvh: toBvh, npz: toNpz };
