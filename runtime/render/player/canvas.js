// ---------------------------------------------------------------- drawing with a 2D canvas: marks, and all of it without WebGL
function css(color, alpha = 1) { return `rgba(${color.map((v) => Math.round(255 * v)).join(",")},${alpha})`; }
function stroke(c, a, b, width, color) {
  const p = project(c, a), q = project(c, b);
  if (!p || !q) return;
  pen.strokeStyle = color; pen.lineWidth = Math.max(width * c.height * c.pane.h / (p[2] + q[2]), 1);
  pen.beginPath(); pen.moveTo(p[0], p[1]); pen.lineTo(q[0], q[1]); pen.stroke();
}
function paintFlatFloor(c, colors) {
  pen.fillStyle = css(colors.back); pen.fillRect(c.pane.x, c.pane.y, c.pane.w, c.pane.h);
  const x = Math.round(c.target[0]), z = Math.round(c.target[2]);
  const hills = c.pane.who.find((p) => p.terrain), cell = hills ? 0.25 : 1, reach = hills ? 3 : 8, on = (x, z) => [x, hills ? under(hills, x, z) : ground, z];
  for (let i = -reach; i <= reach; i += cell) for (let k = -reach; k < reach; k += cell) {
    stroke(c, on(x + i, z + k), on(x + i, z + k + cell), 0.008, css(colors.shade));
    stroke(c, on(x + k, z + i), on(x + k + cell, z + i), 0.008, css(colors.shade));
  }
}
function paintFlat(c, colors, p) {
  const color = colors.bodies[people.indexOf(p) % 4], placed = p.placed;
  for (let j = 1; j < p.parents.length; j++) {
    const flat = (q) => { const h = under(p, q[0], q[2]); return [q[0] - sun[0] / sun[1] * (q[1] - h), h, q[2] - sun[2] / sun[1] * (q[1] - h)]; };
    if (p.parents[j] >= 0) stroke(c, flat(placed[p.parents[j]]), flat(placed[j]), 0.09, "rgba(10,20,35,.10)");
  }
  if (!state.body) return;
  const order = p.parents.flatMap((up, j) => up < 0 ? [] : [j]);
  const depth = (j) => -dot(sub(placed[j], c.eye), c.back);
  order.sort((a, b) => depth(b) - depth(a));
  for (const j of order) stroke(c, placed[p.parents[j]], placed[j], !p.ours ? 0.04 : j < 10 && j % 3 === 0 ? 0.15 : 0.085, css(color.map((v) => v * (1.08 - 0.4 * j / p.parents.length))));
  const head = p.ours && project(c, placed[15].map((v, k) => v + 0.08 * p.turned[15][3 * k + 1]));
  if (head) { pen.fillStyle = css(color); pen.beginPath(); pen.arc(head[0], head[1], 0.105 * c.height * c.pane.h / 2 / head[2], 0, 7); pen.fill(); }
}
function paintSkeleton(c, colors, p) {
  const color = people.length > 1 || !state.body ? css(colors.bodies[people.indexOf(p) % 4]) : css(colors.mark);
  p.parents.forEach((up, j) => up >= 0 && stroke(c, p.placed[up], p.placed[j], 0.014, isDark() ? "#fff" : "#14202e"));
  for (const place of p.placed) {
    const at = project(c, place); if (!at) continue;
    pen.fillStyle = color; pen.beginPath(); pen.arc(at[0], at[1], Math.max(0.016 * c.height * c.pane.h / 2 / at[2], 1.5), 0, 7); pen.fill();
  }
}
function paintTouches(c, colors, p) {                             // only without WebGL: there the ground shader draws the rings
  for (const [x, z, radius, strength] of touches(p)) {
    if (strength < 0.1) continue;
    pen.strokeStyle = css(colors.mark, strength); pen.lineWidth = 2; pen.beginPath();
    for (let a = 0; a < 6.3; a += 0.3) { const [u, v] = [x + radius * Math.cos(a), z + radius * Math.sin(a)], at = project(c, [u, under(p, u, v), v]); if (at) pen.lineTo(at[0], at[1]); }
    pen.closePath(); pen.stroke();
  }
}
function paintPlaces(c, colors, p) {                              // where a joint was to be; a free coordinate is the joint's own
  const now = frameOf(p, state.time), ratio = Math.min(devicePixelRatio || 1, 2);
  for (const [frame, joint, ...place] of p.given.places) {
    const near = 1 - Math.abs(frame - now) / (0.5 * p.fps);
    const at = near > 0 && project(c, place.map((v, k) => v === null ? p.placed[joint][k] : v));
    if (!at) continue;
    pen.strokeStyle = css(colors.mark, 0.25 + 0.75 * near); pen.lineWidth = 2 * ratio; pen.beginPath();
    pen.arc(at[0], at[1], 7 * ratio, 0, 7);
    for (const [x, y] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) { pen.moveTo(at[0] + 4 * x * ratio, at[1] + 4 * y * ratio); pen.lineTo(at[0] + 11 * x * ratio, at[1] + 11 * y * ratio); }
    pen.stroke();
  }
}
const LIMBS = [[5, 7], [7, 9], [6, 8], [8, 10], [11, 13], [13, 15], [12, 14], [14, 16], [5, 6], [11, 12], [5, 11], [6, 12], [0, 1], [0, 2], [1, 3], [2, 4]];
function paintKeypoints(c, colors, p) {                           // the given 2D keypoints over what the camera sees of the motion
  const frame = Math.round(frameOf(p, state.time)), { view: seen } = lensAt(p, frame), [x, y] = c.picture, ratio = Math.min(devicePixelRatio || 1, 2);
  if (!seen) return;
  const at = (k) => { const i = 3 * (17 * (frame - seen.start) + k); return [x + c.scale * seen.points[i], y + c.scale * seen.points[i + 1], seen.points[i + 2]]; };
  for (const [width, color] of [[4, "rgba(0,0,0,.45)"], [2, colors.key]]) {
    pen.strokeStyle = color; pen.lineWidth = width * ratio;
    for (const [a, b] of LIMBS) {
      const p1 = at(a), p2 = at(b);
      if (p1[2] > .5 && p2[2] > .5) { pen.beginPath(); pen.moveTo(p1[0], p1[1]); pen.lineTo(p2[0], p2[1]); pen.stroke(); }
    }
  }
  for (let k = 0; k < 17; k++) {
    const [px, py, sure] = at(k);
    if (sure <= 0) continue;
    pen.globalAlpha = sure > .5 ? 1 : .35; pen.fillStyle = colors.key; pen.strokeStyle = "rgba(0,0,0,.6)"; pen.lineWidth = ratio;
    pen.beginPath(); pen.arc(px, py, 3.6 * ratio, 0, 7); pen.fill(); pen.stroke(); pen.globalAlpha = 1;
  }
}
function paintFrame(c, colors) {                                  // the edge of the camera's picture
  const [x, y, w, h] = c.picture, { pane } = c;
  pen.fillStyle = css(colors.back, .62); pen.beginPath(); pen.rect(pane.x, pane.y, pane.w, pane.h); pen.rect(x, y, w, h); pen.fill("evenodd");
  pen.strokeStyle = colors.css; pen.lineWidth = Math.min(devicePixelRatio || 1, 2); pen.strokeRect(x, y, w, h);
}

