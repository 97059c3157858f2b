// The page in headless Chromium: a text in, a motion on the screen; the folder served by a server that knows no genmo.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createReadStream, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "node:test";

const root = fileURLToPath(new URL("..", import.meta.url));
const browser = ["chromium", "chromium-browser", "google-chrome"].find((name) => spawnSync(name, ["--version"]).status === 0);
const types = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm", ".json": "application/json" };

function serve() {
  const server = createServer((request, response) => {
    const path = join(root, normalize(new URL(request.url, "http://page").pathname).replace(/\/$/, "/index.html"));
    if (!path.startsWith(root) || !existsSync(path)) return void response.writeHead(404).end();
    response.writeHead(200, { "content-type": types[extname(path)] ?? "application/octet-stream" });
    createReadStream(path).pipe(response);
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

// A browser that is spoken to over two pipes (Chrome's DevTools protocol, messages that end with a 0).
function open(profile) {
  const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--window-size=1000,760", `--user-data-dir=${profile}`];
  const child = spawn(browser, [...flags, "about:blank"], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
  const waiting = new Map();
  let number = 0, rest = "";
  child.stdio[4].on("data", (data) => {
    const messages = (rest + data).split("\0");
    rest = messages.pop();
    for (const message of messages.map((text) => JSON.parse(text))) {
      const { resolve, reject } = waiting.get(message.id) ?? {};
      waiting.delete(message.id);
      message.error ? reject?.(new Error(message.error.message)) : resolve?.(message.result);
    }
  });
  const send = (method, params = {}, sessionId) =>
    new Promise((resolve, reject) => {
      waiting.set(++number, { resolve, reject });
      child.stdio[3].write(`${JSON.stringify({ id: number, method, params, sessionId })}\0`);
    });
  return { child, send };
}

test("a text becomes a motion in the page", { skip: browser ? false : "no Chromium is installed", timeout: 300_000 }, async (context) => {
  const server = await serve(), profile = mkdtempSync(join(tmpdir(), "genmo-page-")), { child, send } = open(profile);
  try {
    const url = `http://127.0.0.1:${server.address().port}/#${encodeURIComponent("a person walks forward and waves")}`;
    const { targetId } = await send("Target.createTarget", { url });
    const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
    const value = async (expression) => (await send("Runtime.evaluate", { expression, returnByValue: true }, sessionId)).result.value;
    const started = Date.now();
    let made;
    while (!(made = await value("document.body?.dataset.made")) && Date.now() - started < 280_000) {
      assert.ok(!(await value("document.querySelector('#state.wrong')?.textContent")), await value("document.querySelector('#state').textContent"));
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    assert.ok(Number(made) > 0, await value("document.querySelector('#state').textContent"));
    context.diagnostic(`5 s of motion in ${Number(made).toFixed(2)} s; ${((Date.now() - started) / 1000).toFixed(1)} s from the address to the motion`);
    await new Promise((resolve) => setTimeout(resolve, 3000));
    assert.equal(await value("document.querySelector('iframe').contentDocument.querySelectorAll('canvas').length > 0"), true);
    if (process.env.GENMO_PICTURE) {
      const { data } = await send("Page.captureScreenshot", { format: "png" }, sessionId);
      writeFileSync(process.env.GENMO_PICTURE, Buffer.from(data, "base64"));
    }
  } finally {
    child.kill();
    await new Promise((resolve) => (child.exitCode === null && child.signalCode === null ? child.once("exit", resolve) : resolve()));
    server.close();
    server.closeAllConnections();
    rmSync(profile, { recursive: true, force: true });
  }
});
