// ---------------------------------------------------------------- the player
function show(list, title, prompt) {                             // one to four motions, from the page or from files
  setPeople(list);
  state.time = 0; state.playing = frames > 1; state.film = false;
  $("caption").children[0].textContent = title || ""; $("caption").children[1].textContent = prompt || ""; $("names").replaceChildren();
  $("film").hidden = !canFilm(); $("keypoints").hidden = !people.some((p) => p.given.views.length && p.camera); $("together").hidden = people.length < 2;
  for (const [i, p] of people.length > 1 ? people.entries() : []) {
    const row = document.createElement("p"), box = document.createElement("span");
    box.className = "key"; box.dataset.person = i; row.append(box, p.name || `motion ${i + 1}`); $("names").append(row);
  }
  stops = [...new Set([0, ...people.flatMap(marksOf), frames - 1])].sort((a, b) => a - b);
  resetView(); relay();
}
function arrange() {                                             // tools that do not fit in their row lie behind a button
  const tools = $("tools");
  tools.classList.remove("compact"); $("time").textContent = timeText(frames - 1);
  tools.classList.toggle("compact", tools.scrollWidth > tools.clientWidth + 1);
  if (!tools.classList.contains("compact")) more(false);
}
function more(open) { $("extra").classList.toggle("open", open); $("more").setAttribute("aria-expanded", open); }
function timeText(time) {
  const short = $("tools").classList.contains("compact") && innerWidth < 640, at = `${(time / fps).toFixed(2)} / ${((frames - 1) / fps).toFixed(2)} s`;
  return short ? at : `${at} \u00b7 frame ${Math.round(time)} / ${frames - 1}`;
}
let stops = [];
let painter = null;
try { painter = makePainter(); } catch (problem) { console.warn("genmo: WebGL failed, drawing a stick figure", problem); }

function refresh() {
  document.documentElement.classList.toggle("dark", isDark());
  paintLanes();
  const ratio = Math.min(devicePixelRatio || 1, 2), width = Math.round(innerWidth * ratio), height = Math.round(innerHeight * ratio);
  for (const canvas of [scene, overlay]) if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
  const colors = palette(), shown = panes();
  pen.clearRect(0, 0, width, height); pen.lineCap = "round";
  if (painter) painter.start(colors);
  for (const pane of shown) {
    const c = cameraOf(pane);
    pen.save(); pen.beginPath(); pen.rect(pane.x, pane.y, pane.w, pane.h); pen.clip();
    if (painter) painter.paint(c, colors);
    else { paintFlatFloor(c, colors); for (const p of pane.who) { paintFlat(c, colors, p); paintTouches(c, colors, p); } }
    for (const p of pane.who) { if (state.skeleton || !state.body) paintSkeleton(c, colors, p); paintPlaces(c, colors, p); }
    if (state.film) { paintFrame(c, colors); if (state.keypoints) paintKeypoints(c, colors, pane.who[0]); }
    if (pane.x) { pen.fillStyle = colors.css; pen.globalAlpha = .5; pen.fillRect(pane.x, 0, ratio, pane.h); }
    pen.restore();
  }
  for (const box of document.querySelectorAll(".key")) box.style.background = css(colors.bodies[box.dataset.person % 4]);
  $("time").textContent = timeText(state.time);
  $("play").querySelector("path").setAttribute("d", state.playing ? "M2 1h4v12H2zM8 1h4v12H8z" : "M2 1v12l11-6z");
  for (const name of TOGGLES) $(name).setAttribute("aria-pressed", state[name]);
}
const TOGGLES = ["loop", "follow", "contacts", "body", "skeleton", "keypoints", "film", "together", "timeline"];
let last = 0;
function tick(now) {
  const seconds = Math.min((now - last) / 1000, 0.1); last = now;
  if (state.playing) {
    state.time += seconds * fps * state.speed; state.stale = true;
    if (state.time > frames - 1) {
      if (state.loop && frames > 1) state.time %= frames - 1; else { state.time = frames - 1; state.playing = false; }
    }
  }
  pose(state.time);
  if (state.follow) {
    const ease = 1 - Math.exp(-seconds * 7);
    for (const p of people) {
      const goal = followed(p), gap = Math.hypot(...sub(goal, p.centre));
      if (gap > 1e-4) { p.centre = gap > 3 || !state.playing ? goal : p.centre.map((v, k) => v + ease * (goal[k] - v)); state.stale = true; }
    }
  }
  if (state.stale) { state.stale = false; refresh(); }
  requestAnimationFrame(tick);
}
function seek(time) { state.time = Math.max(0, Math.min(frames - 1, time)); state.stale = true; }
function step(by) { state.playing = false; seek(Math.round(state.time) + by); }
function togglePlay() { if (!state.playing && state.time >= frames - 1) state.time = 0; state.playing = !state.playing && frames > 1; state.stale = true; }
function toggle(name) {
  if (!$(name) || !$(name).hidden) state[name] = !state[name];
  if (name === "timeline") relay(); else state.stale = true;
}
function reset() { resetView(); state.stale = true; }
function speedBy(by) {
  const select = $("speed");
  select.selectedIndex = Math.max(0, Math.min(select.options.length - 1, select.selectedIndex + by)); state.speed = +select.value;
}
function marksOf(p) {                                            // frames, of the timeline, at which something begins, ends or is asked for
  const given = p.given, spans = [...given.texts, ...given.spans].flatMap((span) => span.slice(1));
  const marks = [...spans, ...p.given.views.flatMap((v) => [v.start, v.end]), ...given.beats, ...given.keyframes, ...given.places.map((place) => place[0])];
  return marks.map((frame) => Math.round(frame * fps / p.fps)).filter((frame) => frame < frames);
}
function toStop(way) {
  const now = Math.round(state.time), next = way > 0 ? stops.find((f) => f > now) : [...stops].reverse().find((f) => f < now);
  if (next !== undefined) { state.playing = false; seek(next); }
}
function turnTo(angle, elevation) {                               // degrees from the person's front now
  const R = people[0].turned[0];
  view.azimuth = Math.atan2(R[2], R[8]) + angle * Math.PI / 180; view.elevation = elevation; view.pan = [0, 0, 0]; state.stale = true;
}
function relay() { arrange(); lanes = makeLanes(); laneKey = ""; state.stale = true; }
function shade() { state.dark = !isDark(); state.stale = true; }
function dialog(name) { const box = $(name); if (box.open) box.close(); else box.showModal(); }
function help() { dialog("keys"); }

