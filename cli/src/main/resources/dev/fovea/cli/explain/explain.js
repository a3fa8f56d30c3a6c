'use strict';
// All numbers are in the element "data"; nothing is loaded.
const data = JSON.parse(document.getElementById('data').textContent);
const $ = id => document.getElementById(id);

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}
const number = (value, digits = 4) => value === 0 ? '0' : Math.abs(value) < 1e-4 || Math.abs(value) >= 1e6
  ? value.toExponential(2) : value.toPrecision(digits);

// ---- numbers

const raw = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
const floats = text => new Float32Array(raw(text).buffer);

/** Bytes with a scale for each row of the last dimension. */
function decode(array, signed = false) {
  if (array.at) return array;
  const bytes = raw(array.bytes), scales = floats(array.scales), cols = array.shape[array.shape.length - 1];
  const zero = signed ? 128 : 0;
  array.at = i => (bytes[i] - zero) * scales[Math.floor(i / cols)];
  array.error = i => scales[Math.floor(i / cols)] / 2;
  array.length = bytes.length;
  return array;
}

// ---- colours: viridis, and blue to orange

const VIRIDIS = [[68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141], [39, 173, 129], [92, 200, 99],
  [170, 220, 50], [253, 231, 37]];
function colour(share) {
  const x = Math.min(1, Math.max(0, share)) * (VIRIDIS.length - 1), i = Math.min(VIRIDIS.length - 2, Math.floor(x)), f = x - i;
  return VIRIDIS[i].map((c, k) => Math.round(c + f * (VIRIDIS[i + 1][k] - c)));
}
const BLUE = [33, 102, 172], WHITE = [247, 247, 247], ORANGE = [224, 130, 20];
function signedColour(share) {
  const s = Math.min(1, Math.max(-1, share)), end = s < 0 ? BLUE : ORANGE;
  return WHITE.map((c, k) => Math.round(c + Math.abs(s) * (end[k] - c)));
}
/** Small weights leave more of the picture. */
const overlay = share => [...colour(share), Math.round(110 + 145 * Math.sqrt(Math.min(1, Math.max(0, share))))];
const css = c => `rgb(${c[0]},${c[1]},${c[2]})`;
const inkOn = c => 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2] > 140 ? '#000' : '#fff';

/** A canvas of one pixel a cell; cells that are not there are clear. */
function paint(canvas, rows, cols, rgbOf) {
  canvas.width = cols;
  canvas.height = rows;
  const context = canvas.getContext('2d'), image = context.createImageData(cols, rows);
  for (let i = 0; i < rows * cols; i++) {
    const c = rgbOf(i);
    if (c) image.data.set([c[0], c[1], c[2], c.length > 3 ? c[3] : 255], 4 * i);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

// ---- maps

for (const map of data.maps) {
  const layer = /(attentions|layers)\.(\d+)/.exec(map.name);
  map.layer = layer ? Number(layer[2]) : 0;
  map.group = layer ? map.name.replace(/(attentions|layers)\.\d+/, '$1.*') : map.name;
  [map.inputs, map.heads, map.queryCount, map.keyCount] = map.weights.shape;
  map.queryRuns = blocked(map.queries, map.block);
  map.keyRuns = blocked(map.keys, map.block);
}

/** Runs of tokens with their first index, as blocks of patches. */
function blocked(runs, block) {
  let from = 0;
  return runs.map(([kind, rows, cols]) => {
    const side = kind === 'PATCH' ? block : 1;
    const run = {kind, from, rows: Math.ceil(rows / side), cols: Math.ceil(cols / side), ofRows: rows, ofCols: cols, block: side};
    from += run.rows * run.cols;
    return run;
  });
}
const patches = runs => runs.filter(run => run.kind === 'PATCH');
/** Indices of the tokens that are no patches. */
const others = runs => runs.filter(run => run.kind !== 'PATCH').flatMap(run =>
  Array.from({length: run.rows * run.cols}, (_, i) => run.from + i));
const namesOf = (lists, input) => lists.length === 0 ? [] : lists[Math.min(input, lists.length - 1)];

const groups = [...new Set(data.maps.map(map => map.group))];
const state = {group: groups[0], layer: 0, head: 0, input: 0, level: 0, token: null, x: .5, y: .5, key: null};
const inGroup = () => data.maps.filter(map => map.group === state.group);
const current = () => inGroup().find(map => map.layer === state.layer) || inGroup()[0];

/** The query of a map at the chosen place or token: its index, its input, and its window. */
function queryOf(map) {
  const tokens = others(map.queryRuns), grids = patches(map.queryRuns);
  if (grids.length === 0 || state.token !== null && tokens.length > 0)
    return {input: Math.min(state.input, map.inputs - 1), index: tokens[Math.min(state.token || 0, tokens.length - 1)]};
  const w = map.windows;
  if (w) {
    const row = cellAt(state.y, w.rows), col = cellAt(state.x, w.cols), wide = Math.ceil(w.cols / w.size);
    const y = shifted(row, w, w.rows), x = shifted(col, w, w.cols);
    const inRow = Math.floor(y % w.size / map.block), inCol = Math.floor(x % w.size / map.block);
    return {input: Math.floor(y / w.size) * wide + Math.floor(x / w.size), index: inRow * grids[0].cols + inCol, row, col,
      rows: w.rows, cols: w.cols};
  }
  const grid = grids[Math.min(state.level, grids.length - 1)];
  const row = Math.floor(cellAt(state.y, grid.ofRows) / grid.block), col = Math.floor(cellAt(state.x, grid.ofCols) / grid.block);
  return {input: Math.min(state.input, map.inputs - 1), index: grid.from + row * grid.cols + col, row, col, rows: grid.rows,
    cols: grid.cols, ofRows: grid.ofRows / grid.block, ofCols: grid.ofCols / grid.block};
}
const cellAt = (share, count) => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
function shifted(at, windows, count) {
  const padded = Math.ceil(count / windows.size) * windows.size;
  return (at - windows.shift + padded) % padded;
}

/** The head that stands for the mean of all. */
const MEAN = -1;
const headName = head => head === MEAN ? 'mean of heads' : `head ${head}`;

/** What a head looks at from the query: grids over the picture, and the weights of the other tokens. */
function look(map, head) {
  const query = queryOf(map), weights = decode(map.weights);
  const fine = map.classRow && query.index === 0 && others(map.queryRuns).includes(0) ? decode(map.classRow) : null;
  const keyRuns = fine ? blocked(map.keys, 1) : map.keyRuns;
  const count = fine ? map.classRow.shape[2] : map.keyCount, h = Math.min(head, map.heads - 1);
  const source = fine || weights, heads = h === MEAN ? [...Array(map.heads).keys()] : [h];
  const froms = heads.map(each => fine ? (query.input * map.heads + each) * count
    : ((query.input * map.heads + each) * map.queryCount + query.index) * count);
  const at = i => froms.reduce((sum, from) => sum + source.at(from + i), 0) / froms.length;
  const error = Math.max(...froms.map(from => source.error(from)));
  let sum = 0;
  for (let i = 0; i < count; i++) sum += at(i);
  const tokens = others(keyRuns).map(at);
  let grids = patches(keyRuns).map(run => ({rows: run.rows, cols: run.cols, spanRows: run.ofRows / run.block,
    spanCols: run.ofCols / run.block, value: i => at(run.from + i)}));
  if (map.windows && grids.length) grids = [unwindowed(map, query, grids[0])];
  return {query, grids, tokens, names: namesOf(map.keyNames, query.input), sum, error, h};
}

function unwindowed(map, query, grid) {
  const w = map.windows, wide = Math.ceil(w.cols / w.size), values = new Float32Array(w.rows * w.cols).fill(NaN);
  const top = Math.floor(query.input / wide) * w.size, left = query.input % wide * w.size;
  for (let y = 0; y < w.size; y++)
    for (let x = 0; x < w.size; x++) {
      const high = Math.ceil(w.rows / w.size) * w.size, broad = wide * w.size;
      const row = (top + y + w.shift) % high, col = (left + x + w.shift) % broad;
      const share = map.block * map.block;
      if (row < w.rows && col < w.cols)
        values[row * w.cols + col] = grid.value(Math.floor(y / map.block) * grid.cols + Math.floor(x / map.block)) / share;
    }
  return {rows: w.rows, cols: w.cols, spanRows: w.rows, spanCols: w.cols, value: i => values[i]};
}

/** The largest weight on the picture, or on words if no key is a patch. */
function largest(look) {
  let most = 0;
  for (const grid of look.grids) for (let i = 0; i < grid.rows * grid.cols; i++) if (grid.value(i) > most) most = grid.value(i);
  if (look.grids.length === 0) for (const value of look.tokens) if (value > most) most = value;
  return most || 1e-9;
}
const largestWord = look => Math.max(1e-9, ...look.tokens);

// ---- drawing over the picture

const picture = data.picture ? new Image() : null;

function drawOver(canvas, grids, most, marks, colourOf = v => overlay(v / most)) {
  const width = Math.min(data.picture.width, 896), scale = width / data.picture.width;
  canvas.width = Math.max(width, 448);
  canvas.height = Math.round(data.picture.height * canvas.width / data.picture.width);
  const context = canvas.getContext('2d');
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  context.globalAlpha = $('strength').value / 100 / Math.sqrt(Math.max(1, grids.length));
  context.imageSmoothingEnabled = false;
  for (const grid of grids) {
    const small = paint(document.createElement('canvas'), grid.rows, grid.cols,
      i => Number.isNaN(grid.value(i)) ? null : colourOf(grid.value(i)));
    context.drawImage(small, 0, 0, grid.cols / grid.spanCols * canvas.width, grid.rows / grid.spanRows * canvas.height);
  }
  context.globalAlpha = 1;
  for (const mark of marks) {
    const high = canvas.height / (mark.ofRows || mark.rows), wide = canvas.width / (mark.ofCols || mark.cols);
    context.lineWidth = 4;
    context.strokeStyle = '#000';
    context.strokeRect(mark.col * wide, mark.row * high, wide, high);
    context.lineWidth = 2;
    context.strokeStyle = '#ffb74d';
    context.strokeRect(mark.col * wide, mark.row * high, wide, high);
  }
}

function chips(box, title, names, values, most, onClick, pressed) {
  box.replaceChildren();
  if (names.length === 0) return;
  box.append(make('b', {textContent: title}));
  names.forEach((name, i) => {
    const chip = make(onClick ? 'button' : 'span', {textContent: name === '' ? ' ' : name});
    if (onClick) {
      chip.type = 'button';
      chip.onclick = () => onClick(i);
      chip.setAttribute('aria-pressed', String(pressed === i));
    }
    if (values) {
      const c = colour(values[i] / most);
      chip.style.background = css(c);
      chip.style.color = inkOn(c);
      chip.title = number(values[i]);
      chip.setAttribute('aria-label', `${name}: ${number(values[i])}`);
      chip.onmouseenter = () => { $('readout').textContent = `${name}: weight ${number(values[i])}`; };
    }
    box.append(chip);
  });
}

function queryWords(map, query) {
  if (query.row !== undefined) return `the patch in row ${query.row + 1}, column ${query.col + 1}`;
  const name = namesOf(map.queryNames, query.input)[others(map.queryRuns).indexOf(query.index)];
  return name === undefined ? `query ${query.index}` : name.includes(' token') ? `the ${name}` : `“${name}”`;
}

function drawLook() {
  const map = current(), seen = look(map, state.head), most = largest(seen);
  const hasGrid = seen.grids.length > 0 && picture, hasPlaces = patches(map.queryRuns).length > 0 && picture;
  $('raw-figure').hidden = !hasGrid && !hasPlaces;
  if (hasGrid || hasPlaces) drawOver($('raw'), seen.grids, most, seen.query.row === undefined ? [] : [seen.query]);
  const what = map.averaged > 1 ? `mean of ${map.averaged} heads` : headName(seen.h);
  $('raw-caption').textContent = `Layer ${map.layer}, ${what}, from ${queryWords(map, seen.query)}.`
    + (map.block > 1 && seen.query.row !== undefined ? ` One square is ${map.block}x${map.block} patches.` : '');
  chips($('query-tokens'), 'Look from', namesOf(map.queryNames, seen.query.input), null, 1, i => {
    state.token = i;
    draw();
  }, seen.query.row === undefined ? others(map.queryRuns).indexOf(seen.query.index) : -1);
  chips($('key-tokens'), 'Looked at', seen.names, seen.tokens, seen.grids.length ? Math.max(most, largestWord(seen)) : most, null);
  const inPicture = seen.grids.reduce((sum, grid) => sum + total(grid), 0);
  $('readout').textContent = `The row's weights sum to ${number(seen.sum, 5)}, within the rounding to bytes of at most `
    + `±${number(seen.error, 2)} each.`
    + (seen.tokens.length && seen.grids.length ? ` On the picture: ${number(inPicture, 3)}.` : '');
  $('least').textContent = '0';
  $('most').textContent = number(most);
  drawRollout(map, seen.query);
}
function total(grid) {
  let sum = 0;
  for (let i = 0; i < grid.rows * grid.cols; i++) if (!Number.isNaN(grid.value(i))) sum += grid.value(i);
  return sum;
}

function drawRollout(map, query) {
  const chain = data.chains.find(c => c.maps.includes(map.name));
  $('rollout-figure').hidden = !chain;
  if (!chain) return;
  const runs = blocked(chain.tokens, chain.block), rollout = decode(chain.rollouts[chain.maps.indexOf(map.name)]);
  const count = rollout.shape[1], grid = patches(runs)[0];
  let index = others(runs)[Math.max(0, others(map.queryRuns).indexOf(query.index))];
  if (query.row !== undefined)
    index = grid.from + Math.floor(cellAt(state.y, grid.ofRows) / grid.block) * grid.cols
      + Math.floor(cellAt(state.x, grid.ofCols) / grid.block);
  const at = i => rollout.at(index * count + i);
  const seen = {grids: grid ? [{rows: grid.rows, cols: grid.cols, spanRows: grid.ofRows / grid.block,
    spanCols: grid.ofCols / grid.block, value: i => at(grid.from + i)}] : [], tokens: others(runs).map(at)};
  // A token is mostly itself; the others are drawn beside the largest of them.
  const rest = {grids: seen.grids.map(g => ({...g, value: i => grid.from + i === index ? 0 : g.value(i)})),
    tokens: seen.tokens.map((value, i) => others(runs)[i] === index ? 0 : value)};
  const most = largest(rest);
  $('rollout').hidden = !grid || !picture;
  if (grid && picture) drawOver($('rollout'), seen.grids, most, query.row === undefined ? [] : [query]);
  chips($('rollout-tokens'), 'Reached by', namesOf(map.keyNames, state.input), seen.tokens, Math.max(most, largestWord(rest)), null);
  $('rollout-caption').textContent = `Rollout up to layer ${map.layer}: how much of each input token would reach this one if `
    + `attention and residual connections alone moved information. ${data.about.rollout}; the largest of the others is `
    + `${number(most)}, itself ${number(at(index))}.`;
}

// ---- the matrix of layers and heads

function buildMatrix() {
  const box = $('matrix');
  box.replaceChildren();
  for (const map of inGroup()) {
    const row = make('div', {className: 'matrix-row'}, make('span', {textContent: map.layer}));
    row.setAttribute('role', 'row');
    for (let h = 0; h < map.heads; h++) {
      const button = make('button', {type: 'button'}, make('canvas', {}));
      button.setAttribute('role', 'gridcell');
      button.dataset.layer = map.layer;
      button.dataset.head = h;
      button.onclick = () => choose(map.layer, h);
      button.onkeydown = moveInMatrix;
      row.append(button);
    }
    box.append(row);
  }
}

function moveInMatrix(event) {
  const step = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]}[event.key];
  if (!step) return;
  event.preventDefault();
  const layers = inGroup().map(map => map.layer), at = layers.indexOf(state.layer);
  const layer = layers[Math.min(layers.length - 1, Math.max(0, at + step[0]))];
  const heads = inGroup().find(map => map.layer === layer).heads;
  choose(layer, Math.min(heads - 1, Math.max(0, state.head + step[1])));
  const chosen = document.querySelector('#matrix [aria-selected="true"]');
  if (chosen) chosen.focus();
}

function drawMatrix() {
  for (const button of document.querySelectorAll('#matrix button')) {
    const map = inGroup().find(m => m.layer === Number(button.dataset.layer)), head = Number(button.dataset.head);
    const inLayer = map.layer === current().layer, chosen = inLayer && head === Math.min(state.head, map.heads - 1);
    const seen = look(map, head), canvas = button.firstChild, most = largest(seen);
    button.setAttribute('aria-selected', String(chosen));
    button.tabIndex = chosen || inLayer && state.head === MEAN && head === 0 ? 0 : -1;
    button.setAttribute('aria-label', `layer ${map.layer}, head ${head}, largest weight ${number(most, 3)}`);
    button.title = button.getAttribute('aria-label');
    const grid = seen.grids[0];
    if (grid) paint(canvas, grid.rows, grid.cols, i => Number.isNaN(grid.value(i)) ? null : colour(grid.value(i) / most));
    else drawWhole(canvas, map, head, seen.query.input);
  }
}

/** The map of a head whose keys are no patches: a row a query. */
function drawWhole(canvas, map, head, input) {
  const weights = decode(map.weights), from = (input * map.heads + head) * map.queryCount * map.keyCount;
  const rows = Math.min(map.queryCount, 128);
  paint(canvas, rows, map.keyCount, i => colour(weights.at(from + i)));
}

function choose(layer, head) {
  state.layer = layer;
  state.head = head;
  draw();
}

// ---- one head's arithmetic

const operands = data.operands;
let q, k, v;
function operandQuery() {
  const map = data.maps.find(m => m.name === operands.name);
  if (!map) return 0;
  const runs = blocked(map.queries, 1), query = queryOf(map), grid = patches(runs)[0];
  if (query.row === undefined) return others(runs)[Math.max(0, others(map.queryRuns).indexOf(query.index))];
  return grid.from + cellAt(state.y, grid.ofRows) * grid.cols + cellAt(state.x, grid.ofCols);
}
function tokenName(map, which, index) {
  if (!map) return `token ${index}`;
  for (const run of blocked(map[which], 1)) {
    if (index >= run.from + run.rows * run.cols) continue;
    if (run.kind === 'PATCH') {
      const i = index - run.from;
      return `patch ${Math.floor(i / run.cols) + 1},${i % run.cols + 1}`;
    }
    const runs = blocked(map[which], 1);
    return namesOf(which === 'keys' ? map.keyNames : map.queryNames, 0)[others(runs).indexOf(index)] || `token ${index}`;
  }
  return `token ${index}`;
}

function drawArithmetic() {
  if (!operands) return;
  const map = data.maps.find(m => m.name === operands.name), D = operands.depth, N = operands.keys;
  const h = Number($('operand-head').value), i = operandQuery();
  const qi = q.subarray((h * operands.queries + i) * D, (h * operands.queries + i + 1) * D);
  const dots = new Float64Array(N), root = Math.sqrt(D);
  for (let j = 0; j < N; j++) for (let d = 0; d < D; d++) dots[j] += qi[d] * k[(h * N + j) * D + d];
  const most = dots.reduce((a, b) => Math.max(a, b)) / root, exps = dots.map(s => Math.exp(s / root - most));
  const all = exps.reduce((a, b) => a + b), weights = exps.map(e => e / all);
  const order = [...weights.keys()].sort((a, b) => weights[b] - weights[a]);
  const key = $('operand-key'), wanted = key.value;
  key.replaceChildren(...order.slice(0, 40).map(j => make('option', {value: j, textContent: tokenName(map, 'keys', j)})));
  key.value = order.slice(0, 40).map(String).includes(wanted) ? wanted : String(order[0]);
  const j = Number(key.value), kj = k.subarray((h * N + j) * D, (h * N + j + 1) * D);
  const product = qi.map((x, d) => x * kj[d]), out = new Float64Array(D);
  for (let n = 0; n < N; n++) for (let d = 0; d < D; d++) out[d] += weights[n] * v[(h * N + n) * D + d];
  $('arithmetic-what').textContent = `${operands.name}, head ${h}, from the ${tokenName(map, 'queries', i)}: computed here from the `
    + `layer's queries, keys and values of ${D} numbers in float32, in double precision.`;
  const rows = order.slice(0, 8).map(n => [tokenName(map, 'keys', n), number(dots[n], 6), number(dots[n] / root, 6),
    number(exps[n], 5), number(weights[n], 5)]);
  const rest = order.slice(8).reduce((sum, n) => sum + weights[n], 0);
  rows.push([`${Math.max(0, N - 8)} others`, '', '', '', number(rest, 5)]);
  const sum = weights.reduce((a, b) => a + b);
  rows.push([`sum of all ${N}`, '', '', number(all, 5), `${sum.toFixed(9)} ${Math.abs(sum - 1) < 1e-9 ? '= 1, checked' : 'is not 1'}`]);
  const box = $('arithmetic-steps');
  box.replaceChildren(
    strip('q', qi), strip(`k of ${tokenName(map, 'keys', j)}`, kj), strip('q times k', product),
    make('p', {textContent: `q · k = the sum of these products = ${number(dots[j], 6)}; divided by √${D} = ${number(root, 5)}: `
      + `${number(dots[j] / root, 6)}; softmax over all keys: ${number(weights[j], 5)}` + stored(map, h, i, j)}),
    make('div', {className: 'scroll'}, table(['key', 'q · k', 'scaled', 'exp(scaled - largest)', 'weight'], rows)),
    strip('weights · v', Float32Array.from(out)),
    make('p', {textContent: `weights · v begins ${[...out.slice(0, 6)].map(x => number(x, 4)).join(', ')} …: the head's part of the `
      + 'layer\'s result, before the output projection.'}));
}

function stored(map, h, i, j) {
  if (!map || map.block !== 1 || map.averaged !== 1) return '.';
  const at = (h * map.queryCount + i) * map.keyCount + j, w = decode(map.weights);
  return `. The map of the pass says ${number(w.at(at), 5)} ± ${number(w.error(at), 2)}.`;
}

function strip(name, values) {
  const most = values.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-12);
  const canvas = paint(make('canvas', {className: 'pixels'}), 1, values.length, i => signedColour(values[i] / most));
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', `${name}: ${values.length} numbers, at most ${number(most)}`);
  canvas.onmousemove = event => {
    const i = cellAt(event.offsetX / canvas.clientWidth, values.length);
    canvas.title = `number ${i}: ${number(values[i], 6)}`;
  };
  return make('div', {className: 'strip'}, make('span', {textContent: name}), canvas);
}

function table(heads, rows) {
  const body = rows.map(row => make('tr', {}, ...row.map(cell => make('td', {textContent: cell}))));
  return make('table', {}, make('tr', {}, ...heads.map(head => make('th', {textContent: head, scope: 'col'}))), ...body);
}

// ---- charts

function svg(tag, attributes, text) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const name in attributes) element.setAttribute(name, attributes[name]);
  if (text !== undefined) element.textContent = text;
  return element;
}

/** A point for each head of each layer. */
function chart(box, maps, valuesOf, unit) {
  const most = Math.max(1e-9, ...maps.flatMap(valuesOf)), left = 44, right = 350, top = 10, bottom = 180;
  const root = svg('svg', {viewBox: '0 0 360 210', role: 'img', 'aria-label': `${unit} of each head over the layers`});
  const layers = maps.map(map => map.layer), last = Math.max(1, ...layers);
  const x = layer => left + 10 + (right - left - 20) * layer / last, y = value => bottom - (bottom - top) * value / most;
  for (let i = 0; i <= 4; i++) {
    root.append(svg('line', {x1: left, x2: right, y1: y(most * i / 4), y2: y(most * i / 4)}),
      svg('text', {x: left - 4, y: y(most * i / 4) + 4, 'text-anchor': 'end'}, number(most * i / 4, 3)));
  }
  const every = Math.ceil(layers.length / 14);
  layers.forEach((layer, i) => {
    if (i % every === 0) root.append(svg('text', {x: x(layer), y: bottom + 14, 'text-anchor': 'middle'}, layer));
  });
  root.append(svg('text', {x: (left + right) / 2, y: 206, 'text-anchor': 'middle'}, 'layer'),
    svg('text', {x: left - 40, y: 206}, unit));
  for (const map of maps)
    valuesOf(map).forEach((value, h) => {
      const dot = svg('circle', {cx: x(map.layer), cy: y(value), r: 4});
      dot.append(svg('title', {}, `layer ${map.layer}, head ${h}: ${number(value)} ${unit}`));
      root.append(dot);
    });
  box.replaceChildren(root);
}

function drawCharts() {
  const maps = inGroup(), far = maps.filter(map => map.distances);
  $('distance-figure').hidden = far.length === 0;
  if (far.length) chart($('distance'), far, map => map.distances, 'px');
  chart($('entropy'), maps, map => map.entropies, 'bits');
}

// ---- parts that do not change, or with the place only

function drawStream() {
  $('stream').hidden = data.chains.length === 0;
  for (const chain of data.chains) {
    const rows = chain.norms.map((norms, i) => {
      const n = decode(norms), all = Array.from({length: n.length}, (_, t) => n.at(t));
      const mean = all.reduce((a, b) => a + b) / all.length;
      const row = [i === 0 ? 'embedding' : `block ${i - 1}`, number(mean), number(Math.max(...all)),
        i === 0 ? '' : number(chain.turns[i - 1]), number(chain.nearness[i])];
      if (chain.early.length) row.push(chain.early[i].slice(0, 2).map(a => `${a.label} ${(100 * a.score).toFixed(1)} %`).join(', '));
      return row;
    });
    const heads = ['after', 'mean length', 'longest', 'cosine with before', 'cosine with the last'];
    if (chain.early.length) heads.push('would answer');
    const shown = table(heads, rows);
    if (chain.early.length) shown.className = 'words';
    if (chain.prefix) shown.prepend(make('caption', {textContent: chain.prefix}));
    $('stream-tables').append(make('div', {className: 'scroll'}, shown));
  }
}

function drawFeatures() {
  const f = data.features;
  $('features').hidden = !f;
  if (!f) return;
  const values = floats(f.components), least = [1e30, 1e30, 1e30], most = [-1e30, -1e30, -1e30];
  values.forEach((value, i) => {
    least[i % 3] = Math.min(least[i % 3], value);
    most[i % 3] = Math.max(most[i % 3], value);
  });
  paint($('components'), f.rows, f.cols, i => [0, 1, 2].map(c =>
    most[c] > least[c] ? Math.round(255 * (values[3 * i + c] - least[c]) / (most[c] - least[c])) : 128));
  $('components-caption').textContent = 'The first three principal components of the patches as red, green and blue, '
    + f.shares.map(s => `${(100 * s).toFixed(0)} %`).join(', ') + ' of the variance: patches alike in colour are alike to the model. '
    + 'Below, each of the three alone, from its least value in dark blue to its largest in yellow.';
  // Readers who cannot tell red from green see the same in three maps.
  $('single-components').replaceChildren(...[0, 1, 2].map(c => {
    const canvas = paint(make('canvas', {}), f.rows, f.cols, i => colour((values[3 * i + c] - least[c]) / (most[c] - least[c] || 1)));
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', `principal component ${c + 1} of the patches`);
    canvas.onmousemove = event => {
      const i = cellAt(event.offsetY / canvas.clientHeight, f.rows) * f.cols + cellAt(event.offsetX / canvas.clientWidth, f.cols);
      canvas.title = `component ${c + 1}: ${number(values[3 * i + c])}`;
    };
    return canvas;
  }));
  drawNorms(f);
}

function drawNorms(f) {
  const chain = data.chains.find(c => c.tokens.some(run => run[0] === 'PATCH')), tokens = chain && blocked(chain.tokens, 1);
  $('norms').parentElement.hidden = !chain;
  if (!chain) return;
  const norms = decode(chain.norms[chain.norms.length - 1]), grid = patches(tokens)[0];
  const all = Array.from({length: grid.rows * grid.cols}, (_, i) => norms.at(grid.from + i));
  const middle = [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)], most = Math.max(...all);
  paint($('norms'), grid.rows, grid.cols, i => colour(all[i] / most));
  const outliers = all.map((n, i) => [n, i]).filter(([n]) => n > 2 * middle).sort((a, b) => b[0] - a[0]);
  const rest = others(tokens).map((t, i) => `${namesOf(data.maps.find(m => m.name === chain.maps[0]).queryNames, 0)[i]} `
    + number(norms.at(t), 3));
  $('norms-caption').textContent = `Lengths of the patches' vectors after the last block, at most ${number(most, 3)}, the middle `
    + `one ${number(middle, 3)}. ` + (outliers.length ? `More than twice the middle: ${outliers.length} outlier tokens, `
      + outliers.slice(0, 6).map(([n, i]) => `row ${Math.floor(i / grid.cols) + 1} column ${i % grid.cols + 1} (${number(n, 3)})`)
        .join(', ') + '. ' : 'No outlier tokens of more than twice the middle. ') + (rest.length ? `Others: ${rest.join(', ')}.` : '');
}

function drawSimilar() {
  const f = data.features;
  if (!f) return;
  const s = f.similarities, cosines = decode(s.cosines, true), row = Math.floor(cellAt(state.y, f.rows) / s.block);
  const col = Math.floor(cellAt(state.x, f.cols) / s.block), from = (row * s.cols + col) * s.rows * s.cols;
  paint($('similar'), s.rows, s.cols, i => i === row * s.cols + col ? [255, 183, 77] : signedColour(cosines.at(from + i)));
  $('similar-caption').textContent = `Cosine of each patch's features with those in row ${row + 1}, column ${col + 1}, the chosen `
    + 'place (click to choose): orange 1, white 0, blue -1.';
}

function drawEffects() {
  $('effects').hidden = data.effects.length === 0;
  const most = Math.max(1e-9, ...data.effects.flatMap(e => [...floats(e.falls)].map(Math.abs)));
  for (const effect of data.effects) {
    const falls = floats(effect.falls), canvas = make('canvas', {});
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', `what moves the score of ${effect.label}`);
    drawOver(canvas, [{rows: effect.rows, cols: effect.cols, spanRows: effect.rows, spanCols: effect.cols, value: i => falls[i]}], 1,
      [], value => signedColour(value / most));
    canvas.onmousemove = event => {
      const i = cellAt(event.offsetY / canvas.clientHeight, effect.rows) * effect.cols
        + cellAt(event.offsetX / canvas.clientWidth, effect.cols);
      canvas.title = `hidden here: ${number(effect.score - falls[i])}, ${number(falls[i])} less`;
    };
    $('effect-maps').append(make('figure', {}, canvas, make('figcaption', {textContent: `${effect.label}: logit `
      + `${number(effect.score)}; hiding one part lowers it by up to ${number(Math.max(...falls))}.`})));
  }
}

function drawSamples() {
  const labels = [...new Set(data.samples.map(s => s.label))], layers = [...new Set(data.samples.map(s => s.name))];
  $('samples').hidden = labels.length === 0 || !picture;
  if ($('samples').hidden) return;
  if (!$('sample-thing').options.length) {
    $('sample-thing').append(...labels.map(label => make('option', {textContent: label})));
    $('sample-layer').append(...layers.map(name => make('option', {textContent: name})));
    $('sample-layer').selectedIndex = layers.length - 1;
    $('sample-thing').onchange = $('sample-layer').onchange = drawSamples;
  }
  const found = data.samples.find(s => s.label === $('sample-thing').value && s.name === $('sample-layer').value);
  const canvas = $('sample-points');
  drawOver(canvas, [], 1, []);
  const context = canvas.getContext('2d'), w = canvas.width, h = canvas.height;
  context.lineWidth = 3;
  context.strokeStyle = '#ffb74d';
  context.strokeRect(found.box[0] * w, found.box[1] * h, (found.box[2] - found.box[0]) * w, (found.box[3] - found.box[1]) * h);
  const most = Math.max(...found.weights);
  found.weights.forEach((weight, i) => {
    context.beginPath();
    context.arc(found.points[2 * i] * w, found.points[2 * i + 1] * h, 1 + 5 * Math.sqrt(weight / most), 0, 7);
    context.fillStyle = css(colour(weight / most));
    context.fill();
    context.lineWidth = 1;
    context.strokeStyle = '#000';
    context.stroke();
  });
  $('sample-caption').textContent = `${found.label}, ${found.name}: ${found.weights.length} points of all heads and map sizes, the `
    + `largest weight ${number(most)}. The box is the one found at the end.`;
}

function drawPositions() {
  const s = data.positions, canvas = $('position-grids');
  $('positions').hidden = !s;
  if (!s) return;
  const cosines = decode(s.cosines, true), cells = s.rows * s.cols, wide = s.cols * (s.cols + 1), high = s.rows * (s.rows + 1);
  const at = i => {
    const y = Math.floor(i / wide), x = i % wide, row = Math.floor(y / (s.rows + 1)), col = Math.floor(x / (s.cols + 1));
    const inRow = y % (s.rows + 1), inCol = x % (s.cols + 1);
    return inRow === s.rows || inCol === s.cols ? null : {row, col, inRow, inCol,
      value: cosines.at((row * s.cols + col) * cells + inRow * s.cols + inCol)};
  };
  paint(canvas, high, wide, i => {
    const cell = at(i);
    return cell && signedColour(cell.value);
  });
  canvas.onmousemove = event => {
    const cell = at(cellAt(event.offsetY / canvas.clientHeight, high) * wide + cellAt(event.offsetX / canvas.clientWidth, wide));
    if (cell) $('position-readout').textContent = `Position ${cell.row + 1},${cell.col + 1} with ${cell.inRow + 1},${cell.inCol + 1}: `
      + `${number(cell.value, 3)}.`;
  };
}

function drawFilters() {
  const f = data.filters;
  $('filters').hidden = !f;
  if (!f) return;
  const values = decode(f.components, true), inputs = values.shape[1], size = f.size * f.size;
  for (let n = 0; n < values.shape[0]; n++) {
    let most = 1e-12;
    for (let i = 0; i < inputs; i++) most = Math.max(most, Math.abs(values.at(n * inputs + i)));
    const canvas = paint(make('canvas', {}), f.size, f.size, i => [0, 1, 2].map(c =>
      Math.round(127.5 + 127.5 * values.at(n * inputs + Math.min(c, f.channels - 1) * size + i) / most)));
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', `component ${n + 1}, ${(100 * f.shares[n]).toFixed(1)} % of the variance`);
    canvas.title = canvas.getAttribute('aria-label');
    $('filter-pictures').append(canvas);
  }
  $('filters-caption').textContent = `The first ${values.shape[0]} principal components of the filters that make a token of a patch of `
    + `${f.size}x${f.size} pixels, ${(100 * f.shares.reduce((a, b) => a + b)).toFixed(0)} % of their variance; grey is 0.`;
}

// ---- controls

function options(select, values, chosen) {
  select.replaceChildren(...values.map(value => make('option', {value, textContent: value})));
  select.value = String(chosen);
}

function syncControls() {
  const map = current(), texts = Math.max(map.queryNames.length, map.keyNames.length), grids = patches(map.queryRuns);
  options($('layer'), inGroup().map(m => m.layer), map.layer);
  options($('head'), [...map.heads > 1 ? [MEAN] : [], ...Array(map.heads).keys()], Math.min(state.head, map.heads - 1));
  for (const option of $('head').options) if (Number(option.value) === MEAN) option.textContent = 'mean';
  $('input-label').hidden = texts < 2;
  options($('input'), Array.from({length: texts}, (_, i) => i), Math.min(state.input, Math.max(0, texts - 1)));
  if (data.about.texts) for (const option of $('input').options) option.textContent = data.about.texts[option.value] || option.value;
  $('level-label').hidden = grids.length < 2;
  options($('level'), grids.map((_, i) => i), Math.min(state.level, Math.max(0, grids.length - 1)));
  for (const option of $('level').options) option.textContent = `${grids[option.value].cols}x${grids[option.value].rows}`;
}

function draw() {
  syncControls();
  drawLook();
  drawMatrix();
  drawArithmetic();
  drawSimilar();
}

function chooseGroup(group) {
  state.group = group;
  $('group').value = group;
  state.layer = Math.max(...inGroup().map(map => map.layer));
  const tokens = others(inGroup()[0].queryRuns);
  // A word says more than what a text begins with.
  const word = namesOf(inGroup()[0].queryNames, 0).findIndex(name => !/^[[<]/.test(name));
  state.token = tokens.length ? Math.max(0, word) : null;
  buildMatrix();
  drawCharts();
  draw();
}

function placeAt(event, canvas) {
  state.x = Math.min(1, Math.max(0, event.offsetX / canvas.clientWidth));
  state.y = Math.min(1, Math.max(0, event.offsetY / canvas.clientHeight));
  state.token = null;
  draw();
}

function hover(event) {
  const canvas = event.currentTarget, map = current();
  if ($('follow').checked) {
    placeAt(event, canvas);
    return;
  }
  const seen = look(map, state.head), x = event.offsetX / canvas.clientWidth, y = event.offsetY / canvas.clientHeight;
  const parts = seen.grids.map(grid => {
    const row = cellAt(y * grid.spanRows / grid.rows, grid.rows), col = cellAt(x * grid.spanCols / grid.cols, grid.cols);
    const value = grid.value(row * grid.cols + col);
    return `row ${row + 1}, column ${col + 1}: ` + (Number.isNaN(value) ? 'outside of the window' : `weight ${number(value)}`);
  });
  $('readout').textContent = `From ${queryWords(map, seen.query)} to ${parts.join('; ')} ± ${number(seen.error, 2)}`;
}

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const map = current(), grid = queryGrid(map), layers = inGroup().map(m => m.layer), at = layers.indexOf(map.layer);
  const step = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
  if (step && grid) {
    const place = (share, by, count) => (Math.min(count - 1, Math.max(0, cellAt(share, count) + by)) + .5) / count;
    state.x = place(state.x, step[0], grid.cols);
    state.y = place(state.y, step[1], grid.rows);
    state.token = null;
  } else if (event.key === 'c' && others(map.queryRuns).length) state.token = 0;
  else if (event.key === '[') state.head = Math.max(map.heads > 1 ? MEAN : 0, state.head - 1);
  else if (event.key === ']') state.head = Math.min(map.heads - 1, state.head + 1);
  else if (event.key === ',') state.layer = layers[Math.max(0, at - 1)];
  else if (event.key === '.') state.layer = layers[Math.min(layers.length - 1, at + 1)];
  else return;
  event.preventDefault();
  draw();
}
function queryGrid(map) {
  const grids = patches(map.queryRuns);
  if (map.windows) return {rows: map.windows.rows, cols: map.windows.cols};
  return grids[Math.min(state.level, grids.length - 1)];
}

function start() {
  document.title = `${data.about.family}: what the model attends to`;
  for (const [name, value] of Object.entries(data.about))
    $('about').append(make('dt', {textContent: name}), make('dd', {textContent: Array.isArray(value) ? value.join('; ') : value}));
  if (data.answers.length) $('answers').append(make('p', {textContent: 'It answers: '
    + data.answers.map(a => `${a.label} ${(100 * a.score).toFixed(1)} %`).join(', ')}));
  if (data.text) $('answers').append(make('p', {textContent: data.text}));
  $('notes').append(...data.notes.map(note => make('li', {textContent: note})));
  $('download').onclick = () => {
    const link = make('a', {download: 'explanation.json',
      href: URL.createObjectURL(new Blob([$('data').textContent], {type: 'application/json'}))});
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  paint($('legend'), 1, 256, i => colour(i / 255));
  drawStream();
  drawFeatures();
  drawPositions();
  drawFilters();
  drawEffects();
  drawSamples();
  $('arithmetic').hidden = !operands;
  if (operands) {
    [q, k, v] = [floats(operands.q), floats(operands.k), floats(operands.v)];
    options($('operand-head'), Array.from({length: operands.heads}, (_, h) => h), 0);
    $('operand-head').onchange = $('operand-key').onchange = drawArithmetic;
  }
  $('attention').hidden = $('statistics').hidden = groups.length === 0;
  if (groups.length === 0) return;
  options($('group'), groups, state.group);
  $('group-label').hidden = groups.length < 2;
  $('group').onchange = () => chooseGroup($('group').value);
  $('layer').onchange = () => choose(Number($('layer').value), state.head);
  $('head').onchange = () => choose(state.layer, Number($('head').value));
  $('input').onchange = () => { state.input = Number($('input').value); draw(); };
  $('level').onchange = () => { state.level = Number($('level').value); draw(); };
  $('strength').oninput = draw;
  for (const id of ['raw', 'rollout', 'similar', 'components', 'norms']) $(id).onclick = event => placeAt(event, event.currentTarget);
  $('raw').onmousemove = hover;
  $('raw').onmouseleave = () => { if (!$('follow').checked) drawLook(); };
  $('raw').onkeydown = key;
  chooseGroup([/^attentions/, /^vision_model_output\.attentions/, /text_to_vision/, /token_to_image/]
    .map(wanted => groups.find(group => wanted.test(group))).find(group => group) || groups[0]);
  document.documentElement.dataset.ready = 'true';
}

if (picture) {
  picture.onload = start;
  picture.src = data.picture.source;
} else start();
