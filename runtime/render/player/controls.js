// ---------------------------------------------------------------- keyboard and mouse
const KEYS = [                                                    // what the help shows, the keys as the browser names them, what they do
  ["Space", [" "], "play or pause", togglePlay],
  ["\u2190", ["ArrowLeft"], "a frame back; with Shift ten", (e) => step(e.shiftKey ? -10 : -1)],
  ["\u2192", ["ArrowRight"], "a frame on; with Shift ten", (e) => step(e.shiftKey ? 10 : 1)],
  ["Home", ["Home"], "first frame", () => { state.playing = false; seek(0); }],
  ["End", ["End"], "last frame", () => { state.playing = false; seek(frames - 1); }],
  ["P", ["p"], "to the mark before: text, beat, keyframe", () => toStop(-1)],
  ["N", ["n"], "to the next mark", () => toStop(1)],
  ["[", ["["], "slower", () => speedBy(-1)],
  ["]", ["]"], "faster", () => speedBy(1)],
  ["L", ["l"], "loop", () => toggle("loop")],
  ["F", ["f"], "follow the person", () => toggle("follow")],
  ["C", ["c"], "contacts with the ground", () => toggle("contacts")],
  ["B", ["b"], "body", () => toggle("body")],
  ["S", ["s"], "skeleton", () => toggle("skeleton")],
  ["V", ["v"], "camera view, where a camera saw it", () => toggle("film")],
  ["K", ["k"], "given keypoints, in the camera view", () => toggle("keypoints")],
  ["M", ["m"], "two motions: overlaid, side by side", () => toggle("together")],
  ["T", ["t"], "show or hide the timeline", () => toggle("timeline")],
  ["Q", ["q", "Q"], "turn left; with Shift move left", (e) => e.shiftKey ? pan(30, 0) : orbit(-25, 0)],
  ["E", ["e", "E"], "turn right; with Shift move right", (e) => e.shiftKey ? pan(-30, 0) : orbit(25, 0)],
  ["\u2191", ["ArrowUp"], "look from higher; with Shift move up", (e) => e.shiftKey ? pan(0, 30) : orbit(0, 20)],
  ["\u2193", ["ArrowDown"], "look from lower; with Shift move down", (e) => e.shiftKey ? pan(0, -30) : orbit(0, -20)],
  ["+", ["+", "="], "closer", () => zoom(0.88)],
  ["\u2212", ["-", "_"], "further", () => zoom(1 / 0.88)],
  ["1", ["1"], "from the front", () => turnTo(0, 0.1)],
  ["2", ["2"], "from the left side", () => turnTo(90, 0.1)],
  ["3", ["3"], "from behind", () => turnTo(180, 0.1)],
  ["4", ["4"], "from above", () => turnTo(180, 1.5)],
  ["R", ["r"], "first view", reset],
  ["D", ["d"], "dark or light", shade],
  ["O", ["o"], "open .npz, .bvh or .glb", () => $("chosen").click()],
  ["X", ["x"], "save as .glb, .bvh or .npz", saveAs],
  ["H", ["h", "?"], "this help; Esc closes it", help],
];
const ACTIONS = Object.fromEntries(KEYS.flatMap(([, names, , act]) => names.flatMap((name) => [[name, act], [name.length === 1 ? name.toLowerCase() : name, act]])));
for (const [shown, , what] of KEYS) {
  const key = document.createElement("kbd"), term = document.createElement("dt"), meaning = document.createElement("dd");
  key.textContent = shown; term.append(key); meaning.textContent = what; $("keys").querySelector(".keyboard").append(term, meaning);
}
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
  if (event.target.tagName === "BUTTON" && (event.key === " " || event.key === "Enter")) return; // the browser presses the button
  const act = ACTIONS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (act) { event.preventDefault(); act(event); }
});
$("play").onclick = togglePlay; $("back").onclick = () => step(-1); $("next").onclick = () => step(1); $("reset").onclick = reset; $("help").onclick = help;
$("more").onclick = () => more(!$("extra").classList.contains("open")); $("shade").onclick = shade; $("open").onclick = () => $("chosen").click(); $("save").onclick = saveAs;
for (const button of document.querySelectorAll("dialog .close")) button.onclick = () => button.closest("dialog").close();
for (const box of document.querySelectorAll("dialog")) box.onclick = (event) => { if (event.target === box) box.close(); }; // beside it
for (const name of TOGGLES) $(name).onclick = () => toggle(name);
$("speed").onchange = (event) => { state.speed = +event.target.value; };
function laneSeek(event) {
  const box = $("lanes").getBoundingClientRect();
  state.playing = false; seek((event.clientX - box.left - LEFT) / (box.width - LEFT) * frames - .5);
}
$("lanes").onpointerdown = (event) => { $("lanes").setPointerCapture(event.pointerId); laneSeek(event); };
$("lanes").onpointermove = (event) => {
  if (event.buttons) laneSeek(event);
  const box = $("lanes").getBoundingClientRect(), y = event.clientY - box.top, frame = (event.clientX - box.left - LEFT) / (box.width - LEFT) * frames;
  const lane = lanes.lanes.find((l) => y >= l.top && y < l.top + l.height), said = lane && lane.kind === "texts" && lane.row.find((t) => frame >= t[1] && frame < t[2]);
  $("lanes").title = said ? said[0] : "";
};

// Orbit with one finger or the left button; pan with two fingers or another button; zoom with the wheel or a pinch.
const fingers = new Map();
function orbit(dx, dy) { view.azimuth -= dx * 0.006; view.elevation = Math.max(-0.15, Math.min(1.5, view.elevation + dy * 0.006)); state.stale = true; }
function pan(dx, dy) {
  const c = orbitCamera(panes()[0]), size = view.zoom * fitDistance(panes()[0]) * Math.tan(FIELD / 2) * 2 / innerHeight;
  view.pan = view.pan.map((v, k) => v + size * (dy * c.up[k] - dx * c.right[k])); state.stale = true;
}
function zoom(factor) { view.zoom = Math.max(0.15, Math.min(9, view.zoom * factor)); state.stale = true; }
overlay.onpointerdown = (event) => { more(false); overlay.setPointerCapture(event.pointerId); fingers.set(event.pointerId, [event.clientX, event.clientY]); };
overlay.onpointerup = overlay.onpointercancel = (event) => fingers.delete(event.pointerId);
overlay.onpointermove = (event) => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  const dx = event.clientX - before[0], dy = event.clientY - before[1];
  if (fingers.size === 2) {
    const other = [...fingers.entries()].find(([id]) => id !== event.pointerId)[1];
    const wide = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]) || 1;
    zoom(wide(before) / wide([event.clientX, event.clientY])); pan(dx / 2, dy / 2);
  } else if (event.buttons & 6 || event.shiftKey) pan(dx, dy); else orbit(dx, dy);
  fingers.set(event.pointerId, [event.clientX, event.clientY]);
};
overlay.oncontextmenu = (event) => event.preventDefault();
overlay.ondblclick = reset;
overlay.addEventListener("wheel", (event) => { event.preventDefault(); zoom(Math.exp(event.deltaY * (event.deltaMode ? 0.05 : 0.0015))); }, { passive: false });
addEventListener("resize", relay);
dark.addEventListener("change", () => { state.stale = true; });
show(data.people.map(carried), data.title, data.prompt);
for (const word of location.hash.slice(1).split("&")) {          // #frame=40&film&dark opens paused on frame 40, in the camera view, dark
  const [name, value] = word.split("=");
  if (name === "frame") { state.time = Math.max(0, Math.min(+value || 0, frames - 1)); state.playing = false; }
  if (["skeleton", "together"].includes(name)) state[name] = true;
  if (name === "film") state.film = canFilm();
  if (name === "dark" || name === "light") state.dark = name === "dark";
  if (name === "help") setTimeout(() => $("keys").showModal(), 0);
}
requestAnimationFrame((now) => { last = now; tick(now); });
