// ---------------------------------------------------------------- bodies of skeletons that came without one
function stretchedMesh(model, offsets) {                         // the page's mannequin on other bones of SMPL's: each part along its bone and as thick as the person is tall
  const from = model.rest, to = restOf(data.parents, offsets), tall = (rest) => rest[15][1] - (rest[7][1] + rest[8][1]) / 2, thick = tall(to) / tall(from), m = model.mesh;
  const stretch = from.map((_, j) => {
    const below = data.parents.flatMap((p, k) => p === j ? [k] : []);
    if (below.length !== 1) return null;
    const bone = sub(from[below[0]], from[j]), long = Math.hypot(...bone);
    return { along: unit(bone), share: Math.hypot(...sub(to[below[0]], to[j])) / long };
  });
  const vertices = new Float32Array(m.vertices.length);
  for (let i = 0; 3 * i < vertices.length; i++) {
    const v = [0, 1, 2].map((k) => m.vertices[3 * i + k] * m.scale); let total = 0; const sum = [0, 0, 0];
    for (let k = 0; k < 4; k++) {
      const w = m.weights[4 * i + k], j = m.joints[4 * i + k], d = sub(v, from[j]), s = stretch[j], along = s ? dot(d, s.along) * (s.share - thick) : 0;
      total += w; for (let c = 0; c < 3; c++) sum[c] += w * (to[j][c] + thick * d[c] + (s ? along * s.along[c] : 0));
    }
    vertices.set(sum.map((c) => c / total), 3 * i);
  }
  return { ...m, scale: 1, vertices };
}
function boneMesh(parents, offsets) {                            // a long octahedron a bone, as editors draw them
  const rest = restOf(parents, offsets), mesh = { vertices: [], normals: [], joints: [], weights: [], faces: [] };
  parents.forEach((up, j) => {
    const a = rest[up], b = rest[j], long = up < 0 ? 0 : Math.hypot(...sub(b, a));
    if (long < 1e-4) return;
    const d = unit(sub(b, a)), side = unit(cross(d, Math.abs(d[1]) < 0.9 ? [0, 1, 0] : [1, 0, 0])), other = cross(d, side), wide = Math.min(0.14 * long, 0.06), near = Math.min(0.18 * long, 0.08);
    const ring = [side, other, side.map((v) => -v), other.map((v) => -v)].map((s) => a.map((v, k) => v + near * d[k] + wide * s[k]));
    for (let i = 0; i < 4; i++) for (const tip of [a, b]) {
      const p = ring[i], q = ring[(i + 1) % 4], corners = tip === b ? [p, q, tip] : [q, p, tip], n = unit(cross(sub(corners[1], corners[0]), sub(corners[2], corners[0])));
      for (const c of corners) { mesh.faces.push(mesh.vertices.length / 3); mesh.vertices.push(...c); mesh.normals.push(...n); mesh.joints.push(up, 0, 0, 0); mesh.weights.push(1, 0, 0, 0); }
    }
  });
  return { scale: 1, vertices: Float32Array.from(mesh.vertices), normals: Float32Array.from(mesh.normals), joints: mesh.joints, weights: Float32Array.from(mesh.weights), faces: Uint32Array.from(mesh.faces) };
}
