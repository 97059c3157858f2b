// ---------------------------------------------------------------- opening .glb: the skeleton, its skin and its first animation
const GLB_TYPES = { 5120: Int8Array, 5121: Uint8Array, 5122: Int16Array, 5123: Uint16Array, 5125: Uint32Array, 5126: Float32Array };
const GLB_WIDTHS = { SCALAR: 1, VEC2: 2, VEC3: 3, VEC4: 4, MAT4: 16 };
function glbParts(bytes) {                                       // the JSON, and numbers(accessor) as floats, integers that stand for 0..1 divided
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), whole = "a binary glTF 2.0 file, whole: export it again";
  wanted(bytes.length > 20 && view.getUint32(0, true) === 0x46546c67 && view.getUint32(4, true) === 2 && view.getUint32(16, true) === 0x4e4f534a, "another beginning", whole);
  const long = view.getUint32(12, true); wanted(28 + long <= bytes.length, `${bytes.length} bytes`, whole);
  const json = JSON.parse(new TextDecoder().decode(bytes.subarray(20, 20 + long))), start = bytes.byteOffset + 28 + long, length = view.getUint32(20 + long, true);
  wanted(28 + long + length <= bytes.length, "a cut chunk", whole);
  const numbers = (index) => {
    const about = json.accessors[index], from = json.bufferViews[about.bufferView], Type = GLB_TYPES[about.componentType], width = GLB_WIDTHS[about.type];
    wanted(from && !about.sparse && !from.extensions && Type && width && !(from.buffer || (json.buffers[0] || {}).uri), `accessor ${index} is sparse, packed or elsewhere`, "plain numbers in the file");
    const step = from.byteStride || width * Type.BYTES_PER_ELEMENT, first = (from.byteOffset || 0) + (about.byteOffset || 0), out = new Float64Array(about.count * width);
    wanted(first + (about.count - 1) * step + width * Type.BYTES_PER_ELEMENT <= length, `accessor ${index} ends beyond the file`, whole);
    const most = about.normalized ? { 5120: 127, 5121: 255, 5122: 32767, 5123: 65535 }[about.componentType] || 1 : 1, chunk = new DataView(bytes.buffer, start, length);
    const read = { 5120: "getInt8", 5121: "getUint8", 5122: "getInt16", 5123: "getUint16", 5125: "getUint32", 5126: "getFloat32" }[about.componentType];
    for (let i = 0; i < about.count; i++) for (let k = 0; k < width; k++) out[i * width + k] = Math.max(chunk[read](first + i * step + k * Type.BYTES_PER_ELEMENT, true) / most, about.normalized ? -1 : -Infinity);
    return { values: out, width, count: about.count };
  };
  return { json, numbers };
}
function affine(t, q, s) {                                       // 3 x 4, row by row: move after turn (x y z w) after scale
  const R = matrixOf([q[3], q[0], q[1], q[2]], 0, 0, 0);
  return [0, 1, 2].flatMap((r) => [R[3 * r] * s[0], R[3 * r + 1] * s[1], R[3 * r + 2] * s[2], t[r]]);
}
function after(a, b) { return [0, 1, 2].flatMap((r) => [0, 1, 2, 3].map((c) => a[4 * r] * b[c] + a[4 * r + 1] * b[4 + c] + a[4 * r + 2] * b[8 + c] + (c === 3 ? a[4 * r + 3] : 0))); }
function glbTracks({ json, numbers }) {                          // [{ node, path, times, value(time) }] of the first animation
  const clip = (json.animations || [])[0];
  return (clip ? clip.channels : []).filter((c) => c.target && c.target.node !== undefined && ["translation", "rotation", "scale"].includes(c.target.path)).map(({ sampler, target: { node, path } }) => {
    const s = clip.samplers[sampler], times = numbers(s.input).values, { values, width } = numbers(s.output), cubic = s.interpolation === "CUBICSPLINE";
    const key = (i) => values.subarray(cubic ? (3 * i + 1) * width : i * width, (cubic ? (3 * i + 1) : i) * width + width); // a spline is drawn straight between its keys
    const value = (time) => {
      let low = 0, high = times.length - 1;
      while (high - low > 1) { const middle = (low + high) >> 1; if (times[middle] <= time) low = middle; else high = middle; }
      const share = high > low ? Math.max(0, Math.min(1, (time - times[low]) / (times[high] - times[low]))) : 0, a = key(low), b = key(high);
      if (s.interpolation === "STEP") return Array.from(share < 1 ? a : b);
      const flip = path === "rotation" && a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3] < 0 ? -1 : 1;
      return Array.from(a, (v, k) => v * (1 - share) + flip * b[k] * share);
    };
    return { node, path, times, value };
  });
}
function glbRate(tracks) {                                       // frames a second that most keys lie on, and how many frames
  const times = [...new Set(tracks.flatMap((t) => Array.from(t.times, (v) => Math.round(v * 1e4) / 1e4)))].sort((a, b) => a - b), end = Math.max(0, ...times);
  const gaps = times.slice(1).map((v, i) => v - times[i]).filter((gap) => gap > 1e-3).sort((a, b) => a - b), gap = gaps[gaps.length >> 1] || 1 / 30;
  const rate = gap > 0.2 ? 30 : 1 / gap, round = [24, 25, 30, 48, 50, 60, 100, 120, 240].find((v) => Math.abs(v - rate) < 0.02 * v) || rate;
  return { fps: round, frames: Math.floor(end * round + 0.01) + 1 };
}
function readGlb(bytes) {
  const parts = glbParts(bytes), { json } = parts, nodes = json.nodes || [], tracks = glbTracks(parts), { fps, frames } = glbRate(tracks);
  const above = nodes.map(() => -1); nodes.forEach((node, i) => (node.children || []).forEach((child) => { above[child] = i; }));
  const depth = (i) => { let d = 0; for (; i >= 0; i = above[i]) wanted(d++ <= nodes.length, "nodes that go round", "a tree"); return d; };
  const order = nodes.map((_, i) => i).sort((a, b) => depth(a) - depth(b) || a - b), skinned = nodes.findIndex((n) => n.skin !== undefined && n.mesh !== undefined);
  const skin = skinned >= 0 && json.skins[nodes[skinned].skin], moved = new Set(); // without a skin: what moves, and what holds it
  for (const track of tracks) for (let i = track.node; i >= 0; i = above[i]) moved.add(i);
  const list = order.filter((i) => skin ? skin.joints.includes(i) : moved.has(i)), J = list.length;
  wanted(J && J * frames <= MOST_POSES, J ? `${frames} frames of ${J} joints` : "no skeleton in it", "a character with an animation");
  const holder = (i) => { for (i = above[i]; i >= 0; i = above[i]) if (list.includes(i)) return list.indexOf(i); return -1; }, parents = list.map(holder);
  const worlds = (time) => {                                     // affine of every node
    const local = nodes.map((n) => n.matrix ? null : { translation: n.translation || [0, 0, 0], rotation: n.rotation || [0, 0, 0, 1], scale: n.scale || [1, 1, 1] });
    if (time !== null) for (const t of tracks) if (local[t.node]) local[t.node][t.path] = t.value(time);
    const all = [];
    for (const i of order) {
      const n = nodes[i], own = local[i] ? affine(local[i].translation, local[i].rotation, local[i].scale) : [0, 1, 2].flatMap((r) => [0, 1, 2, 3].map((c) => n.matrix[4 * c + r]));
      all[i] = above[i] < 0 ? own : after(all[above[i]], own);
    }
    return all;
  };
  const still = worlds(null), rest = locals(still, list, parents), turns = new Float32Array(9 * J * frames), moves = new Float32Array(3 * J * frames);
  for (let f = 0; f < frames; f++) {
    const now = locals(worlds(f / fps), list, parents);
    now.forEach(({ R, P }, j) => { turns.set(R, 9 * (f * J + j)); moves.set(P, 3 * (f * J + j)); });
  }
  return settled({ joints: list.map((i) => nodes[i].name || `node ${i}`), parents, offsets: rest.map(({ P }) => P), fps, frames, turns, moves, metres: 1,
    mesh: skin ? glbMesh(parts, skin, list, nodes[skinned].mesh, still) : null });
}
function locals(worlds, list, parents) {                         // rotation and place of each joint in the one above, scales taken out
  const turned = list.map((i) => square(worlds[i])), placed = list.map((i) => [worlds[i][3], worlds[i][7], worlds[i][11]]);
  return list.map((_, j) => {
    const up = parents[j]; if (up < 0) return { R: turned[j], P: placed[j] };
    const back = [0, 3, 6, 1, 4, 7, 2, 5, 8].map((k) => turned[up][k]), apart = sub(placed[j], placed[up]);
    return { R: multiplied(back, turned[j]), P: [0, 1, 2].map((r) => dot(back.slice(3 * r, 3 * r + 3), apart)) };
  });
}
function square(m) {                                             // the rotation in an affine, row by row
  const x = unit([m[0], m[4], m[8]]), y0 = [m[1], m[5], m[9]], y = unit(y0.map((v, k) => v - dot(x, y0) * x[k])), z = cross(x, y);
  return [x[0], y[0], z[0], x[1], y[1], z[1], x[2], y[2], z[2]];
}
function glbMesh({ json, numbers }, skin, list, index, still) {  // all skinned triangles of a mesh, and what takes them to each joint's unscaled frame
  const mesh = { vertices: [], normals: [], joints: [], weights: [], faces: [] };
  for (const { attributes: a, indices, mode } of json.meshes[index].primitives) {
    if ((mode !== undefined && mode !== 4) || a.JOINTS_0 === undefined) continue;
    const base = mesh.vertices.length / 3, points = numbers(a.POSITION), joints = numbers(a.JOINTS_0).values, add = (to, values) => { for (const v of values) to.push(v); };
    add(mesh.vertices, points.values); add(mesh.joints, joints.map((k) => list.indexOf(skin.joints[k]))); add(mesh.weights, numbers(a.WEIGHTS_0).values);
    const faces = indices === undefined ? Array.from({ length: points.count }, (_, i) => i) : numbers(indices).values;
    add(mesh.faces, Array.from(faces, (k) => k + base)); add(mesh.normals, a.NORMAL === undefined ? flatNormals(points.values, faces) : numbers(a.NORMAL).values);
  }
  wanted(mesh.vertices.length < 3e6 && mesh.joints.every((j) => j >= 0), "a skin of other nodes", "its own joints");
  if (!mesh.faces.length) return null;
  const stored = skin.inverseBindMatrices === undefined ? null : numbers(skin.inverseBindMatrices).values;
  mesh.inverse = list.map((node) => {                             // scale of the joint's own world, times its inverse bind matrix
    const k = skin.joints.indexOf(node), W = still[node], R = square(W), inner = [0, 1, 2].flatMap((r) => [0, 1, 2].map((c) => [0, 1, 2].reduce((sum, i) => sum + R[3 * i + r] * W[4 * i + c], 0)));
    const B = stored ? [0, 1, 2].flatMap((r) => [0, 1, 2, 3].map((c) => stored[16 * k + 4 * c + r])) : [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0];
    return after([0, 1, 2].flatMap((r) => [...inner.slice(3 * r, 3 * r + 3), 0]), B);
  });
  return { scale: 1, vertices: Float32Array.from(mesh.vertices), normals: Float32Array.from(mesh.normals), joints: mesh.joints, weights: Float32Array.from(mesh.weights),
    faces: Uint32Array.from(mesh.faces), inverse: mesh.inverse };
}
function flatNormals(points, faces) {
  const out = new Float64Array(points.length), at = (i) => points.slice(3 * i, 3 * i + 3);
  for (let i = 0; i < faces.length; i += 3) {
    const [a, b, c] = [faces[i], faces[i + 1], faces[i + 2]], n = cross(sub(at(b), at(a)), sub(at(c), at(a)));
    for (const v of [a, b, c]) for (let k = 0; k < 3; k++) out[3 * v + k] += n[k];
  }
  return out;
}
