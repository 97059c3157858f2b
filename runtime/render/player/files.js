// ---------------------------------------------------------------- files: opened and saved in the page, nothing leaves it
const READERS = { npz: readNpz, bvh: readBvh, glb: readGlb };
const kindOf = (name) => name.split(".").pop().toLowerCase();
function mannequin() {                                           // whose skin is stretched over skeletons that have none
  const p = data.mannequin || data.people.find((one) => !one.file);
  return p.made = p.made || makePerson(unpacked(p));
}
function carried(p) {                                            // a motion that the page holds, as arrays or as a file
  if (!p.file) return makePerson(unpacked(p));
  try {
    return makePerson({ ...READERS[kindOf(p.name)](decode(p.file, Uint8Array)), name: p.name }, mannequin());
  } catch (problem) { say(`${p.name}: ${problem.message}`); return mannequin(); }
}
let saying = 0;
function say(words) { $("note").textContent = words; $("note").hidden = !words; clearTimeout(saying); saying = setTimeout(() => { $("note").hidden = true; }, 12000); }
async function readFile(file) {
  const kind = kindOf(file.name);
  if (!READERS[kind]) throw new Error(`${file.name} is no motion the player opens; wanted .npz, .bvh or .glb`);
  try {
    return { ...await READERS[kind](new Uint8Array(await file.arrayBuffer())), name: file.name };
  } catch (problem) { throw new Error(`${file.name}: ${problem.message}`); }
}
async function openFiles(files) {                                // up to four, side by side; what was shown stays when one cannot be read
  try {
    if (files.length > 4) throw new Error(`${files.length} files; wanted up to four at once`);
    const model = mannequin();
    const list = []; for (const file of files) list.push(makePerson(await readFile(file), model));
    if (!list.length) return;
    show(list, list.length > 1 ? "" : list[0].name, list.length > 1 ? "" : list[0].given.texts.map((t) => t[0]).join(", "));
    say("");
  } catch (problem) { say(problem.message); }
}
function fileName(p, i) {
  const words = (p.name || data.title || "motion").replace(/\.(npz|bvh|glb)$/i, "").replace(/[^\p{L}\p{N}._-]+/gu, "_").replace(/^[._]+|_+$/g, "").slice(0, 60) || "motion";
  return people.length > 1 && !p.name ? `${words}_${i + 1}` : words;
}
function save(kind) {
  people.forEach((p, i) => {
    const link = document.createElement("a"); link.download = `${fileName(p, i)}.${kind}`;
    link.href = URL.createObjectURL(new Blob([WRITERS[kind](p)], { type: "application/octet-stream" }));
    link.click(); setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  });
  $("formats").close(); state.stale = true;
}
function saveAs() {
  const button = $("formats").querySelector("[data-kind=npz]"), ours = people.every(isOurs);
  button.disabled = !ours; button.title = ours ? "" : "genmo's own format holds its 24 joints: genmo-retarget brings other skeletons to them";
  dialog("formats");
}
for (const button of $("formats").querySelectorAll("[data-kind]")) button.onclick = () => save(button.dataset.kind);
$("chosen").onchange = (event) => { openFiles([...event.target.files]); event.target.value = ""; };
addEventListener("dragover", (event) => { event.preventDefault(); document.documentElement.classList.add("over"); });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.documentElement.classList.remove("over"); });
addEventListener("drop", (event) => { event.preventDefault(); document.documentElement.classList.remove("over"); openFiles([...event.dataTransfer.files]); });
