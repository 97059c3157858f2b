// ---------------------------------------------------------------- the timeline
const LANES = { axis: 17, text: 19, span: 13, touch: 9, gap: 3 }, LEFT = 70;
function textRows(texts) {                                       // texts that overlap lie one under the other
  const rows = [];
  for (const text of [...texts].sort((a, b) => a[1] - b[1])) {
    const free = rows.find((row) => row[row.length - 1][2] <= text[1]);
    if (free) free.push(text); else rows.push([text]);
  }
  return rows;
}
function makeLanes() {                                           // [{ top, height, name, kind, person, ... }] from top to bottom, in CSS pixels
  const lanes = [], room = 0.5 * innerHeight - $("tools").offsetHeight - 44; let top = 0; // with the tools at most half of the window
  const add = (height, lane) => { if (top && top + height > room) return; lanes.push({ top, height, ...lane }); top += height + LANES.gap; };
  add(LANES.axis, { kind: "axis", name: "", person: people[0] });
  for (const p of state.timeline ? people : []) {
    textRows(p.given.texts).forEach((row, i) => add(LANES.text, { kind: "texts", name: i ? "" : "text", person: p, row }));
    if (p.given.views.length) add(LANES.span, { kind: "spans", name: "keypoints", person: p, row: p.given.views.map((v) => [v.start, v.end]) });
    for (const name of ["video", "camera", "music"]) {
      const row = p.given.spans.filter((s) => s[0] === name).map((s) => s.slice(1));
      if (row.length) add(LANES.span, { kind: "spans", name, person: p, row, beats: name === "music" ? p.given.beats : [] });
    }
    if (p.given.keyframes.length) add(LANES.span, { kind: "marks", name: "keyframes", person: p, row: p.given.keyframes });
    if (p.given.places.length) add(LANES.span, { kind: "marks", name: "places", person: p, row: [...new Set(p.given.places.map((v) => v[0]))] });
    if (p.ours) [["left foot", [0, 1]], ["right foot", [2, 3]], ["hands", [4, 5]]].forEach(([name, which]) => add(LANES.touch, { kind: "touch", name, person: p, which }));
  }
  return { lanes, height: Math.max(top - LANES.gap, coarse.matches ? 44 : 0) };
}
const coarse = matchMedia("(pointer: coarse)");
let lanes;
function laneX(frame, p, wide) { return (LEFT + (frame * fps / p.fps) / frames * (wide - LEFT)); }
function rounded(ink, x, y, w, h, r) { ink.beginPath(); ink.roundRect(x, y, Math.max(w, 1), h, Math.min(r, Math.max(w, 1) / 2)); ink.fill(); }
function clipped(ink, text, room) {
  if (ink.measureText(text).width <= room) return text;
  let keep = text.length;
  while (keep > 1 && ink.measureText(text.slice(0, keep) + "\u2026").width > room) keep--;
  return keep > 1 ? text.slice(0, keep) + "\u2026" : "";
}
function paintLane(ink, lane, wide, colors) {
  const p = lane.person, { top, height } = lane, color = css(colors.bodies[people.indexOf(p) % 4]), x = (frame) => laneX(frame, p, wide);
  ink.font = `${lane.kind === "touch" ? 10 : 11}px system-ui, sans-serif`; ink.textBaseline = "middle"; ink.fillStyle = colors.css;
  if (people.length > 1 && lane.name) { ink.fillStyle = color; ink.fillRect(0, top + height / 2 - 3, 6, 6); ink.fillStyle = colors.css; }
  ink.fillText(lane.name, people.length > 1 ? 10 : 0, top + height / 2 + .5);
  const spans = (row, alpha) => { for (const [start, end] of row) { ink.globalAlpha = alpha; rounded(ink, x(start), top, x(end) - x(start) - 1, height, 4); } ink.globalAlpha = 1; };
  if (lane.kind === "axis") {
    const second = (wide - LEFT) * fps / frames, step = [.1, .2, .5, 1, 2, 5, 10, 30, 60, 300].find((s) => s * second > 46) || 600;
    for (let t = 0, k = 0; t * fps < frames; t = ++k * step) {
      const at = x(t * fps);
      ink.globalAlpha = .28; ink.fillRect(at, top + 11, 1, lanes.height - 11); ink.globalAlpha = 1;
      if (at < wide - 24) ink.fillText(`${+t.toFixed(1)} s`, at + 4, top + 6);
    }
  } else if (lane.kind === "texts") {
    for (const [prompt, start, end] of lane.row) {
      ink.fillStyle = color; spans([[start, end]], frameOf(p, state.time) >= start && frameOf(p, state.time) < end ? .55 : .28);
      ink.fillStyle = colors.ink; ink.fillText(clipped(ink, prompt, x(end) - x(start) - 12), x(start) + 6, top + height / 2 + .5);
    }
  } else if (lane.kind === "spans") {
    ink.fillStyle = lane.name === "keypoints" ? colors.key : color; spans(lane.row, .35);
    ink.globalAlpha = .95; ink.fillStyle = colors.ink;
    for (const beat of lane.beats || []) ink.fillRect(x(beat + .5) - .75, top + 1, 1.5, height - 2);
    ink.globalAlpha = 1;
  } else if (lane.kind === "marks") {
    ink.fillStyle = css(colors.mark);
    for (const frame of lane.row) { const at = x(frame + .5), m = top + height / 2; ink.beginPath(); ink.moveTo(at, m - 6); ink.lineTo(at + 5, m); ink.lineTo(at, m + 6); ink.lineTo(at - 5, m); ink.fill(); }
  } else {
    ink.globalAlpha = .13; ink.fillRect(LEFT, top + 1, wide - LEFT, height - 2);
    ink.fillStyle = people.length > 1 ? color : css(colors.mark);
    for (let f = 0; f < p.frames; f++) {
      ink.globalAlpha = Math.max(...lane.which.map((k) => p.contacts[6 * f + k])) / 255;
      if (ink.globalAlpha > .05) ink.fillRect(x(f), top + 1, x(f + 1) - x(f) + .4, height - 2);
    }
    ink.globalAlpha = 1;
  }
}
let laneKey = "", lanePicture = null;                            // what does not move is drawn once
function paintLanes() {
  const board = $("lanes"), ratio = devicePixelRatio || 1, ink = board.getContext("2d"), wide = board.clientWidth, colors = palette();
  board.style.height = lanes.height + "px";
  const spoken = people.map((p) => p.given.texts.map((t) => frameOf(p, state.time) >= t[1] && frameOf(p, state.time) < t[2] ? 1 : 0).join("")).join("/");
  const key = [wide, ratio, isDark(), state.timeline, spoken].join();
  if (key !== laneKey) {
    laneKey = key; lanePicture = document.createElement("canvas");
    lanePicture.width = Math.max(1, wide * ratio); lanePicture.height = Math.max(1, lanes.height * ratio);
    const still = lanePicture.getContext("2d"); still.scale(ratio, ratio);
    for (const lane of lanes.lanes) paintLane(still, lane, wide, colors);
  }
  board.width = lanePicture.width; board.height = lanePicture.height;
  ink.drawImage(lanePicture, 0, 0); ink.scale(ratio, ratio);
  const x = LEFT + (state.time + .5) / frames * (wide - LEFT);
  ink.fillStyle = colors.ink; ink.fillRect(x - 1, 0, 2, lanes.height);
  ink.beginPath(); ink.moveTo(x - 6, 0); ink.lineTo(x + 6, 0); ink.lineTo(x, 8); ink.fill();
  board.setAttribute("aria-valuemax", frames - 1); board.setAttribute("aria-valuenow", Math.round(state.time));
}

