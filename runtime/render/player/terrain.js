
// ---------------------------------------------------------------- ground that is not flat
function under(p, x, z) {                                        // height of the ground there
  const t = p.terrain;
  if (!t) return ground;
  const at = [x, z].map((v, k) => Math.max(0, Math.min((v - t.origin[k]) / t.spacing, t.size[k] - 1.001))), [i, j] = at.map(Math.floor), [s, u] = [at[0] - i, at[1] - j];
  const h = (a, b) => t.heights[a * t.size[1] + b];
  return (1 - s) * ((1 - u) * h(i, j) + u * h(i, j + 1)) + s * ((1 - u) * h(i + 1, j) + u * h(i + 1, j + 1));
}
function terrainMesh(t) {                                        // triangles between its heights, which fade out at the border
  const [n, m] = t.size, places = new Float32Array(3 * n * m), normals = new Float32Array(3 * n * m), shown = new Float32Array(n * m), faces = new Uint32Array(6 * (n - 1) * (m - 1));
  const height = (i, j) => t.heights[Math.max(0, Math.min(i, n - 1)) * m + Math.max(0, Math.min(j, m - 1))];
  for (let i = 0, face = 0; i < n; i++) for (let j = 0; j < m; j++) {
    const k = i * m + j, away = Math.min(i, j, n - 1 - i, m - 1 - j) * t.spacing / 1.5, ease = Math.min(away, 1);
    places.set([t.origin[0] + i * t.spacing, height(i, j), t.origin[1] + j * t.spacing], 3 * k);
    normals.set(unit([height(i - 1, j) - height(i + 1, j), 2 * t.spacing, height(i, j - 1) - height(i, j + 1)]), 3 * k);
    shown[k] = ease * ease * (3 - 2 * ease);
    if (i + 1 < n && j + 1 < m) { faces.set([k, k + m + 1, k + m, k, k + 1, k + m + 1], face); face += 6; }
  }
  return { places, normals, shown, faces };
}
