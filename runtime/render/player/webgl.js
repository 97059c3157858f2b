// ---------------------------------------------------------------- drawing with WebGL
const GLSL = "#version 300 es\nprecision highp float;\n";
const BODY_VERTEX = GLSL + `
in vec3 position; in vec3 normal; in vec4 joints; in vec4 weights;
uniform mat4 viewProjection; uniform highp sampler2D bones, terrain; uniform vec3 light, grid; uniform float ground, scale, flatten;
out vec3 at, facing;
float under(vec2 p) {                                                     // height of the ground
  if (grid.z <= 0.0) return ground;
  ivec2 most = textureSize(terrain, 0) - 1;
  vec2 s = clamp((p - grid.xy) / grid.z, vec2(0.0), vec2(most.yx)), f = fract(s);
  ivec2 a = ivec2(floor(s)), b = min(a + 1, most.yx);
  float near = mix(texelFetch(terrain, a.yx, 0).r, texelFetch(terrain, ivec2(b.y, a.x), 0).r, f.y);
  return mix(near, mix(texelFetch(terrain, ivec2(a.y, b.x), 0).r, texelFetch(terrain, b.yx, 0).r, f.y), f.x);
}
void main() {
  vec4 p = vec4(position * scale, 1.0), w = weights / dot(weights, vec4(1.0));
  vec3 q = vec3(0.0), n = vec3(0.0);
  for (int i = 0; i < 4; i++) {
    int b = int(joints[i] + 0.5);
    vec4 x = texelFetch(bones, ivec2(0, b), 0), y = texelFetch(bones, ivec2(1, b), 0), z = texelFetch(bones, ivec2(2, b), 0);
    q += w[i] * vec3(dot(x, p), dot(y, p), dot(z, p));
    n += w[i] * vec3(dot(x.xyz, normal), dot(y.xyz, normal), dot(z.xyz, normal));
  }
  if (flatten > 0.5) {
    float h = under(q.xz);
    vec3 r = q;
    for (int i = 0; i < 4; i++) { r = q - light * (max(q.y - h, 0.0) / light.y); h = under(r.xz); }
    q = vec3(r.x, h + (grid.z > 0.0 ? 0.012 : 0.004), r.z);
  }
  at = q; facing = n; gl_Position = viewProjection * vec4(q, 1.0);
}`;
const BODY_FRAGMENT = GLSL + `
in vec3 at, facing; uniform vec3 eye, light, color, back; uniform float flatten, shadow, ground; out vec4 pixel;
void main() {
  if (flatten > 0.5) { pixel = vec4(0.02, 0.04, 0.08, shadow); return; }
  vec3 n = normalize(facing), v = normalize(eye - at), h = normalize(light + v);
  float wrap = clamp(dot(n, light) * 0.62 + 0.38, 0.0, 1.0), sky = 0.5 + 0.5 * n.y;
  float rim = pow(1.0 - max(dot(n, v), 0.0), 3.0), shine = pow(max(dot(n, h), 0.0), 28.0);
  float near = mix(0.72, 1.0, smoothstep(0.0, 0.5, at.y - ground + 0.25 * max(n.y, 0.0)));
  vec3 lit = color * (mix(vec3(0.30, 0.31, 0.38), vec3(0.50, 0.52, 0.55), sky) * near + vec3(0.80, 0.76, 0.70) * wrap * wrap);
  pixel = vec4(lit + 0.10 * shine + rim * 0.16 * mix(color, vec3(1.0), 0.6), 1.0);
}`;
const GROUND_VERTEX = GLSL + `
in vec2 corner; uniform mat4 viewProjection; uniform vec3 centre; uniform float ground; out vec3 at;
void main() { at = vec3(centre.x + corner.x * 60.0, ground, centre.z + corner.y * 60.0); gl_Position = viewProjection * vec4(at, 1.0); }`;
const GROUND_FRAGMENT = GLSL + `
in vec3 at; uniform vec3 eye, centre, back, light, shade, mark; uniform vec4 touch[24]; uniform vec4 blobs[20]; out vec4 pixel;
vec2 stripes(vec2 p) { return 2.0 * abs(fract(p * 0.5) - 0.5); }
void main() {
  vec2 p = at.xz, w = max(fwidth(p), 1e-4);
  vec2 s = clamp((stripes(p + 0.25) - 0.5) / w + 0.5, 0.0, 1.0);          // box-filtered checks of one metre
  float even = mix(abs(s.x + s.y - 2.0 * s.x * s.y), 0.5, smoothstep(0.3, 1.2, max(w.x, w.y)));
  vec3 c = mix(shade, light, even);
  for (int i = 0; i < 20; i++) {
    if (blobs[i].w <= 0.0) continue;
    float d = length(p - blobs[i].xy) / blobs[i].z;
    c *= 1.0 - blobs[i].w * exp(-d * d * 3.0);
  }
  for (int i = 0; i < 24; i++) {
    if (touch[i].w <= 0.0) continue;
    float d = length(p - touch[i].xy);
    float ring = smoothstep(0.022, 0.0, abs(d - touch[i].z)) + 0.35 * smoothstep(touch[i].z, 0.0, d);
    c = mix(c, mark, touch[i].w * clamp(ring, 0.0, 1.0));
  }
  float far = length(p - centre.xz);
  pixel = vec4(mix(c, back, smoothstep(4.0, 17.0, far)), 1.0);
}`;
const TERRAIN_VERTEX = GLSL + `
in vec3 place; in vec3 normal; in float shown; uniform mat4 viewProjection; out vec3 at, up; out float here;
void main() { at = place; up = normal; here = shown; gl_Position = viewProjection * vec4(place, 1.0); }`;
const TERRAIN_FRAGMENT = GROUND_FRAGMENT.replace("in vec3 at;", "in vec3 at, up; in float here; uniform vec3 sun;")
  .replace("for (int i = 0; i < 20", "c *= 0.78 + 0.22 * min(dot(normalize(up), sun) / sun.y, 1.08);\n  for (int i = 0; i < 20")
  .replace("mix(c, back, smoothstep(4.0, 17.0, far))", "mix(back, c, here)");
const PATH_VERTEX = GLSL + `
in vec3 place; uniform mat4 viewProjection; void main() { gl_Position = viewProjection * vec4(place, 1.0); }`;
const PATH_FRAGMENT = GLSL + "uniform vec4 color; out vec4 pixel; void main() { pixel = color; }";

function makePainter() {
  if (location.hash.includes("2d")) return null;
  const gl = scene.getContext("webgl2", { antialias: true, stencil: true, alpha: false });
  if (!gl) return null;
  function program(vertex, fragment, attributes) {
    const made = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source); gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
      gl.attachShader(made, shader);
    }
    attributes.forEach((name, i) => gl.bindAttribLocation(made, i, name));
    gl.linkProgram(made);
    if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(made));
    const seen = {};
    return new Proxy({}, { get: (_, name) => name === "made" ? made : name in seen ? seen[name] : (seen[name] = gl.getUniformLocation(made, name)) });
  }
  function arrays(list, indices) {
    const object = gl.createVertexArray();
    gl.bindVertexArray(object);
    list.forEach(([values, size, kind, normalized], i) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
      gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
      gl.enableVertexAttribArray(i); gl.vertexAttribPointer(i, size, kind, normalized, 0, 0);
    });
    if (indices) { gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer()); gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, indices, gl.STATIC_DRAW); }
    return object;
  }
  const body = program(BODY_VERTEX, BODY_FRAGMENT, ["position", "normal", "joints", "weights"]);
  const floor = program(GROUND_VERTEX, GROUND_FRAGMENT, ["corner"]), hills = program(TERRAIN_VERTEX, TERRAIN_FRAGMENT, ["place", "normal", "shown"]), trail = program(PATH_VERTEX, PATH_FRAGMENT, ["place"]);
  const quad = arrays([[new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), 2, gl.FLOAT, false]]);
  const made = new Map(), kinds = new Map([[Int8Array, gl.BYTE], [Uint8Array, gl.UNSIGNED_BYTE], [Int16Array, gl.SHORT], [Uint16Array, gl.UNSIGNED_SHORT], [Uint32Array, gl.UNSIGNED_INT], [Float32Array, gl.FLOAT]]);
  function shapeOf(p) {
    if (!made.has(p)) {
      const { faces, vertices, normals, weights, joints, scale } = p.mesh, kind = (values) => kinds.get(values.constructor), ribbon = pathRibbon(p);
      const path = arrays([[ribbon, 3, gl.FLOAT, false]]);       // before the skin: indices belong to the object that is bound
      made.set(p, { count: faces.length, index: kind(faces), points: ribbon.length / 3, scale, path, terrain: p.terrain && terrainOf(p.terrain), skin: arrays([[vertices, 3, kind(vertices), false], [normals, 3, kind(normals), true],
        [Float32Array.from(joints), 4, gl.FLOAT, false], [weights, 4, kind(weights), true]], faces) });
    }
    return made.get(p);
  }
  function numbers() {                                           // a texture that is read number by number
    const texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    for (const name of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, name, gl.NEAREST);
    return texture;
  }
  function terrainOf(t) {                                        // its mesh, and its heights for shadows
    const { places, normals, shown, faces } = terrainMesh(t), texture = numbers();
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.R32F, t.size[1], t.size[0], 0, gl.RED, gl.FLOAT, t.heights);
    return { texture, count: faces.length, mesh: arrays([[places, 3, gl.FLOAT, false], [normals, 3, gl.FLOAT, false], [shown, 1, gl.FLOAT, false]], faces) };
  }
  const texture = numbers(), none = numbers();
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.R32F, 1, 1, 0, gl.RED, gl.FLOAT, new Float32Array(1));
  function setBones(p) {                                         // a row a joint: what takes the mesh at rest to where it is now
    const J = p.parents.length, bones = new Float32Array(12 * J);
    for (let j = 0; j < J; j++) {
      const [R, P, r] = [p.turned[j], p.placed[j], p.rest[j]], now = [0, 1, 2].flatMap((k) => [R[3 * k], R[3 * k + 1], R[3 * k + 2], P[k]]);
      bones.set(after(now, p.mesh.inverse ? p.mesh.inverse[j] : [1, 0, 0, -r[0], 0, 1, 0, -r[1], 0, 0, 1, -r[2]]), 12 * j);
    }
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA32F, 3, J, 0, gl.RGBA, gl.FLOAT, bones);
  }
  function colourFloor(of, c, colors, matrix) {
    const filled = (list, size) => { const all = new Float32Array(size); all.set(list.flat()); return all; };
    gl.useProgram(of.made);
    gl.uniformMatrix4fv(of.viewProjection, false, matrix);
    gl.uniform3fv(of.centre, c.target);
    for (const name of ["back", "light", "shade", "mark"]) gl.uniform3fv(of[name], colors[name]);
    gl.uniform4fv(of.touch, filled(c.pane.who.flatMap(touches), 96));
    gl.uniform4fv(of.blobs, filled(c.pane.who.flatMap(blobs), 80));
  }
  function paintFloor(c, colors, matrix) {
    const uneven = c.pane.who.filter((p) => p.terrain);
    if (uneven.length) {
      colourFloor(hills, c, colors, matrix);
      gl.uniform3fv(hills.sun, sun);
      for (const p of uneven) { const { mesh, count } = shapeOf(p).terrain; gl.bindVertexArray(mesh); gl.drawElements(gl.TRIANGLES, count, gl.UNSIGNED_INT, 0); }
      return;
    }
    if (c.eye[1] <= ground) return;                              // a camera under the floor would see nothing else
    colourFloor(floor, c, colors, matrix);
    gl.uniform1f(floor.ground, ground);
    gl.bindVertexArray(quad); gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }
  return {
    start(colors) {
      gl.disable(gl.SCISSOR_TEST); gl.clearColor(...colors.back, 1); gl.enable(gl.DEPTH_TEST);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT | gl.STENCIL_BUFFER_BIT);
    },
    paint(c, colors) {
      const { x, w, h } = c.pane, matrix = viewProjection(c);
      gl.viewport(x, 0, w, h); gl.enable(gl.SCISSOR_TEST); gl.scissor(x, 0, w, h);
      paintFloor(c, colors, matrix);
      gl.enable(gl.BLEND); gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
      for (const p of c.pane.who) {
        const i = people.indexOf(p), shape = shapeOf(p), color = colors.bodies[i % 4];
        if (shape.points) {
          gl.useProgram(trail.made);
          gl.uniformMatrix4fv(trail.viewProjection, false, matrix); gl.uniform4f(trail.color, ...(i ? color : colors.mark), .4);
          gl.bindVertexArray(shape.path); gl.drawArrays(gl.TRIANGLE_STRIP, 0, shape.points);
        }
      }
      // A flattened body is its shadow; the stencil lets every pixel darken once.
      gl.useProgram(body.made);
      gl.uniformMatrix4fv(body.viewProjection, false, matrix);
      gl.uniform3fv(body.light, sun); gl.uniform3fv(body.eye, c.eye); gl.uniform1f(body.ground, ground); gl.uniform1f(body.shadow, colors.shadow);
      const draw = (p, flatten) => {
        const shape = shapeOf(p);
        gl.uniform1i(body.terrain, 1); gl.activeTexture(gl.TEXTURE1); gl.bindTexture(gl.TEXTURE_2D, shape.terrain ? shape.terrain.texture : none); gl.activeTexture(gl.TEXTURE0);
        gl.uniform3f(body.grid, ...(p.terrain ? [...p.terrain.origin, p.terrain.spacing] : [0, 0, 0]));
        setBones(p); gl.uniform3fv(body.color, colors.bodies[people.indexOf(p) % 4]); gl.uniform1f(body.scale, shape.scale); gl.uniform1f(body.flatten, flatten);
        gl.bindVertexArray(shape.skin); gl.drawElements(gl.TRIANGLES, shape.count, shape.index, 0);
      };
      gl.enable(gl.STENCIL_TEST); gl.stencilFunc(gl.EQUAL, 0, 255); gl.stencilOp(gl.KEEP, gl.KEEP, gl.INCR);
      if (c.eye[1] > ground || c.pane.who.some((p) => p.terrain)) for (const p of c.pane.who) draw(p, 1);
      gl.disable(gl.STENCIL_TEST); gl.disable(gl.BLEND);
      if (state.body) for (const p of c.pane.who) draw(p, 0);
    },
  };
}
function pathRibbon(p) {                                         // [points, 3] triangle strip along the pelvis on the ground
  const strip = [], points = [];
  for (let f = 0; f < p.frames; f++) {
    const at = [p.translation[3 * f], p.translation[3 * f + 2]], last = points[points.length - 1];
    if (!last || Math.hypot(at[0] - last[0], at[1] - last[1]) > 0.04) points.push(at);
  }
  for (let i = 0; points.length > 1 && i < points.length; i++) {
    const a = points[Math.max(i - 1, 0)], b = points[Math.min(i + 1, points.length - 1)], n = Math.hypot(b[0] - a[0], b[1] - a[1]) || 1;
    const side = [-(b[1] - a[1]) / n * 0.009, (b[0] - a[0]) / n * 0.009];
    for (const way of [1, -1]) { const x = points[i][0] + way * side[0], z = points[i][1] + way * side[1]; strip.push(x, under(p, x, z) + (p.terrain ? 0.012 : 0.003), z); }
  }
  return new Float32Array(strip);
}
function touches(p) {                                            // x, z, ring radius, strength of the six contacts
  const f = Math.round(frameOf(p, state.time));
  return (p.ours ? data.contactJoints : []).map((j, k) => {
    const low = p.placed[j][1] - under(p, p.placed[j][0], p.placed[j][2]) < 0.2 ? 1 : 0;             // a hand that rests in the air leaves no ring
    return [p.placed[j][0], p.placed[j][2], k % 2 || k > 3 ? 0.1 : 0.075, state.contacts ? 0.85 * low * p.contacts[6 * f + k] / 255 : 0];
  });
}
function blobs(p) {                                              // x, z, radius, darkness of soft shadows under pelvis, feet, hands
  return (p.ours ? [0, 10, 11, 22, 23] : [0]).map((j, i) => {
    const height = Math.max(p.placed[j][1] - under(p, p.placed[j][0], p.placed[j][2]), 0);
    return [p.placed[j][0], p.placed[j][2], (i ? 0.14 : 0.35) + 0.35 * height, (i ? 0.42 : 0.35) / (1 + 5 * height * height)];
  });
}

