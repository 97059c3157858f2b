// ---------------------------------------------------------------- the view
const $ = (id) => document.getElementById(id);
const scene = $("scene"), overlay = $("overlay"), pen = overlay.getContext("2d");
const state = { time: 0, playing: true, loop: true, follow: true, contacts: true, skeleton: false, body: true, keypoints: true, film: false,
  together: false, timeline: true, dark: null, speed: 1, stale: true };
const dark = matchMedia("(prefers-color-scheme: dark)");
function isDark() { return state.dark === null ? dark.matches : state.dark; }
const BODIES = [[[.90, .56, .40], [.36, .60, .80], [.48, .68, .42], [.70, .52, .74]], [[.93, .60, .43], [.42, .68, .90], [.55, .76, .48], [.78, .60, .84]]];
function palette() {
  const shown = isDark()
    ? { back: [.09, .11, .137], light: [.175, .205, .245], shade: [.14, .165, .2], shadow: .5, mark: [.98, .66, .3], css: "#98a4b3", ink: "#e8edf3", key: "#5fd0a8" }
    : { back: [.914, .929, .945], light: [.865, .885, .905], shade: [.80, .826, .855], shadow: .3, mark: [.85, .36, .12], css: "#5d6875", ink: "#1d2530", key: "#0b8f6a" };
  return { ...shown, bodies: BODIES[isDark() ? 1 : 0] };
}
const FIELD = 0.62, NEAR = 0.05, FAR = 120;
let view, sun;                                                   // sun: unit vector towards the light
function followed(p) { return [p.placed[0][0], p.reach ? p.reach.middle : ground + 0.85, p.placed[0][2]]; }
const ROOM = 0.13;                                               // metres of a body around its joints: hands, head, toes
function reachOf(p, { azimuth, elevation }) {                    // the space that the motion takes around the person over time, as the first view sees it
  const se = Math.sin(elevation), ce = Math.cos(elevation), sa = Math.sin(azimuth), ca = Math.cos(azimuth), points = [];
  let low = Infinity, high = -Infinity;
  for (let k = 0, last = Math.min(p.frames - 1, 240); k <= last; k++) {
    posePerson(p, last ? Math.round(k * (p.frames - 1) / last) : 0);
    for (const at of p.placed) { points.push([at[0] - p.placed[0][0], at[1], at[2] - p.placed[0][2]]); low = Math.min(low, at[1]); high = Math.max(high, at[1]); }
  }
  low = Math.min(low - 0.05, ground); high = Math.max(high + ROOM, low + 1.2);
  const middle = (low + high) / 2;                               // what of a point lies to the side, upwards and towards the eye
  return { middle, points: points.map(([x, y, z]) => { const out = x * sa + z * ca, rise = y - middle; return [Math.abs(x * ca - z * sa) + ROOM, Math.abs(rise * ce - out * se) + ROOM, out * ce + rise * se]; }) };
}
function fitDistance(pane) {                                     // metres at which all of it is inside what bar and caption leave free
  const height = 1 / Math.tan(FIELD / 2), width = height * pane.h / pane.w, tall = 0.97 * (1 - clear() - covered()), key = [pane.w, pane.h, tall].join();
  return Math.max(...pane.who.map((p) => {
    if (p.reach.key !== key) { p.reach.key = key; p.reach.distance = p.reach.points.reduce((far, [x, y, z]) => Math.max(far, z + width * x / 0.97, z + height * y / tall), 1.5); }
    return p.reach.distance;
  }));
}
function resetView() {
  pose(0);
  const forward = people[0].ours ? Math.atan2(people[0].turned[0][2], people[0].turned[0][8]) : 0; // where the first person looks at first
  view = { azimuth: forward + 0.55, elevation: 0.2, zoom: 1, pan: [0, 0, 0] };
  for (const p of people) p.reach = reachOf(p, view);
  const side = view.azimuth - 0.65;                              // the light comes over the viewer's left shoulder
  sun = unit([0.66 * Math.sin(side), 1, 0.66 * Math.cos(side)]);
  pose(state.time);
  for (const p of people) p.centre = followed(p);
}
function panes() {                                               // parts of the canvas, in its pixels, and whom each shows
  const n = people.length, w = scene.width, h = scene.height;
  if (n === 1 || state.together || state.film) return [{ x: 0, y: 0, w, h, who: state.film ? [filmed()] : people }];
  return people.map((p, i) => ({ x: Math.round(i * w / n), y: 0, w: Math.round((i + 1) * w / n) - Math.round(i * w / n), h, who: [p] }));
}
function filmed() { return people.find((p) => p.camera) || people[0]; }
function canFilm() { return people.some((p) => p.camera); }
const bar = $("bar");
function clear() { return Math.min(0.6, (innerHeight - bar.offsetTop + 6) / innerHeight); } // share of the height that the bar covers
function covered() { const box = $("caption"); return box.offsetHeight > 8 ? Math.min(0.3, (box.offsetTop + box.offsetHeight) / innerHeight) : 0.02; } // and the caption
function orbitCamera(pane) {
  const centre = [0, 1, 2].map((k) => pane.who.reduce((sum, p) => sum + p.centre[k], 0) / pane.who.length);
  const target = centre.map((v, k) => v + view.pan[k]), ce = Math.cos(view.elevation);
  const out = [Math.sin(view.azimuth) * ce, Math.sin(view.elevation), Math.cos(view.azimuth) * ce];
  const apart = Math.max(0, ...pane.who.map((p) => Math.hypot(...sub(p.centre, centre))));
  const eye = target.map((v, k) => v + (view.zoom * fitDistance(pane) + 1.4 * apart) * out[k]);
  eye[1] = Math.max(eye[1], ground + 0.08);
  const back = unit(sub(eye, target)), right = unit(cross([0, 1, 0], back)), up = cross(back, right);
  const height = 1 / Math.tan(FIELD / 2);
  return { pane, eye, back, right, up, target, width: height * pane.h / pane.w, height, shift: [0, clear() - covered()] }; // the target is in the middle of what is free
}
function lensAt(p, frame) {                                      // of the keypoints in sight; elsewhere of the nearest ones
  const distance = (v) => Math.max(v.start - frame, frame - v.end + 1, 0);
  const nearest = [...p.given.views].sort((a, b) => distance(a) - distance(b))[0];
  return { view: nearest && distance(nearest) === 0 ? nearest : null, lens: nearest ? nearest.lens : [1600, 1600, 640, 480] };
}
function filmCamera(pane) {                                      // the given camera, its picture as large as fits over the bar
  const p = pane.who[0], at = frameOf(p, state.time), a = Math.floor(at), b = Math.min(a + 1, p.frames - 1), share = at - a;
  const R = matrixOf(p.camera.quaternions, 4 * a, 4 * b, share), eye = between(p.camera.positions, a, b, share);
  const { lens: [fx, fy, cx, cy] } = lensAt(p, Math.round(at));
  const free = (1 - clear()) * pane.h - 24, s = Math.min((pane.w - 24) / (2 * cx), free / (2 * cy)); // the lens is taken to be centred
  const x = (pane.w - 2 * s * cx) / 2, y = 12 + (free - 2 * s * cy) / 2;
  return { pane, eye, right: [R[0], R[3], R[6]], up: [-R[1], -R[4], -R[7]], back: [-R[2], -R[5], -R[8]], target: p.centre, width: 2 * s * fx / pane.w,
    height: 2 * s * fy / pane.h, shift: [2 * (x + s * cx) / pane.w - 1, 1 - 2 * (y + s * cy) / pane.h], picture: [x, y, 2 * s * cx, 2 * s * cy], scale: s };
}
function cameraOf(pane) { return state.film ? filmCamera(pane) : orbitCamera(pane); }
function viewProjection(c) {
  const a = (FAR + NEAR) / (NEAR - FAR), b = 2 * FAR * NEAR / (NEAR - FAR), m = new Float32Array(16), [sx, sy] = c.shift, d = dot(c.back, c.eye);
  for (let k = 0; k < 3; k++) {
    m[4 * k] = c.width * c.right[k] - sx * c.back[k]; m[4 * k + 1] = c.height * c.up[k] - sy * c.back[k];
    m[4 * k + 2] = a * c.back[k]; m[4 * k + 3] = -c.back[k];
  }
  m[12] = -c.width * dot(c.right, c.eye) + sx * d; m[13] = -c.height * dot(c.up, c.eye) + sy * d; m[14] = -a * d + b; m[15] = d;
  return m;
}
function project(c, p) {                                        // pixels x, y and depth, or null behind the camera
  const d = sub(p, c.eye), depth = -dot(d, c.back);
  if (depth < NEAR) return null;
  return [c.pane.x + (0.5 + 0.5 * (c.shift[0] + c.width * dot(d, c.right) / depth)) * c.pane.w,
          c.pane.y + (0.5 - 0.5 * (c.shift[1] + c.height * dot(d, c.up) / depth)) * c.pane.h, depth];
}

