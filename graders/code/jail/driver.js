// Runs inside the candidate's jail: loads the solution and calls it as it is told over the channel.
//
// The counterpart of python_driver.py for JavaScript and TypeScript: "load" and "call", one reply to each, values as
// JSON. It reports values and judges nothing.
'use strict';
(() => {
const fs = require('fs');
const vm = require('vm');
const fd = parseInt(process.env.TOUCHSTONE_CHANNEL, 10);
delete process.env.TOUCHSTONE_CHANNEL;
const stringify = JSON.stringify;
const parse = JSON.parse;

function readExactly(size) {
  const buffer = Buffer.alloc(size);
  let at = 0;
  while (at < size) {
    let got;
    try {
      got = fs.readSync(fd, buffer, at, size - at, null);
    } catch (error) {
      if (error.code === 'EAGAIN') continue;
      if (error.code === 'ECONNRESET') return null;
      throw error;
    }
    if (got === 0) return null;
    at += got;
  }
  return buffer;
}

function receive() {
  const head = readExactly(4);
  if (head === null) return null;
  const body = readExactly(head.readUInt32BE(0));
  return body === null ? null : parse(body.toString('utf8'));
}

function send(message) {
  const body = Buffer.from(stringify(message), 'utf8');
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length, 0);
  const whole = Buffer.concat([head, body]);
  let at = 0;
  while (at < whole.length) {
    try {
      at += fs.writeSync(fd, whole, at, whole.length - at);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

function ListNode(val, next) {
  this.val = val === undefined ? 0 : val;
  this.next = next === undefined ? null : next;
}
function TreeNode(val, left, right) {
  this.val = val === undefined ? 0 : val;
  this.left = left === undefined ? null : left;
  this.right = right === undefined ? null : right;
}

// What the language itself offers everybody is nobody's solution: `parseInt` is not answered for by the built-in one.
const builtin = new Set(Object.getOwnPropertyNames(globalThis));
let lookup = () => undefined;
let hints = {};
let exported = {};
const LIMIT = 1000000;

function load() {
  let source = fs.readFileSync('solution.js', 'utf8');
  source = source.replace(/^export\s+default\s+(?=function|class|async)/gm, '').replace(/^export\s+(?=function|class|const|let|var|async)/gm, '');
  globalThis.ListNode = ListNode;
  globalThis.TreeNode = TreeNode;
  const module = { exports: {} };
  // In one scope with a lookup of its own, so that names bound by const and let are found as well.
  const wrapped = '(function (exports, require, module) {' + source + '\n;return (name) => { try { return eval(name); } catch (error) { return undefined; } };})';
  const make = new vm.Script(wrapped, { filename: 'solution.js' }).runInThisContext();
  lookup = make(module.exports, require, module);
  exported = module.exports;
  for (const text of [source, fs.existsSync('solution.ts') ? fs.readFileSync('solution.ts', 'utf8') : '']) {
    for (const [, type, name] of text.matchAll(/@param\s*\{([^}\n]*)\}\s*\[?(\w+)/g)) hints[name] = type;
    for (const [, name, type] of text.matchAll(/(\w+)\??\s*:\s*((?:Array<)?\(?\s*(?:ListNode|TreeNode)[^,)=]*)/g)) hints[name] = type;
    for (const [, type] of text.matchAll(/@return[s]?\s*\{([^}\n]*)\}/g)) hints['return'] = type;
    for (const [, type] of text.matchAll(/\)\s*:\s*([^{=\n]*(?:ListNode|TreeNode)[^{=\n]*)/g)) hints['return'] = type;
  }
}

function find(name) {
  if (!/^[A-Za-z_$][\w$]*$/.test(name)) return undefined;
  const found = lookup(name);
  if (found !== undefined && !(builtin.has(name) && globalThis[name] === found)) return found;
  return exported !== null && typeof exported === 'object' ? exported[name] : undefined;
}

function isClass(value) {
  return typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value));
}

function entry(name) {
  const [head, attribute] = name.replace('()', '').split('.');
  const found = find(head);
  if (attribute !== undefined) {
    if (found === undefined && typeof find(attribute) === 'function') return find(attribute);
    if (found === undefined) throw new ReferenceError(head + ' is not defined');
    const owner = typeof found === 'function' && !Object.prototype.hasOwnProperty.call(found, attribute) ? new found() : found;
    return owner[attribute].bind(owner);
  }
  if (typeof found === 'function') return found;
  const solution = find('Solution');
  if (isClass(solution)) {
    const owner = new solution();
    if (typeof owner[head] === 'function') return owner[head].bind(owner);
  }
  if (typeof exported === 'function' && (exported.name === head || exported.name === '')) return exported;
  throw new ReferenceError(head + ' is not defined');
}

function parameters(callable) {
  const text = Function.prototype.toString.call(callable);
  const match = /^[^(]*\(([^)]*)\)/.exec(text) || /^\s*(?:async\s+)?([\w$]+)\s*=>/.exec(text);
  return match === null ? [] : match[1].split(',').map((part) => part.split('=')[0].trim());
}

function listOf(values) {
  let node = null;
  const make = find('ListNode') || ListNode;
  for (let i = (values || []).length - 1; i >= 0; i--) {
    const made = new make(values[i]);
    made.next = node;
    node = made;
  }
  return node;
}

function treeOf(values) {
  if (!values || values.length === 0 || values[0] === null) return null;
  const make = find('TreeNode') || TreeNode;
  const nodes = values.map((value) => (value === null ? null : new make(value)));
  let at = 1;
  for (const node of nodes) {
    if (node === null) continue;
    node.left = at < nodes.length ? nodes[at++] : null;
    node.right = at < nodes.length ? nodes[at++] : null;
  }
  return nodes[0];
}

function toNodes(value, hint) {
  const make = /ListNode/.test(hint) ? listOf : /TreeNode/.test(hint) ? treeOf : null;
  if (make === null) return value;
  if (/Node\s*(\|\s*null\s*)?\)?\s*(\|\s*null\s*)?\[\]|Array<|\.\.\./.test(hint) && Array.isArray(value)) return value.map((item) => make(item));
  return make(value);
}

function encode(value, depth) {
  if (value === null || value === undefined) return null;
  if (depth > 150) throw new RangeError('nested too deep');
  switch (typeof value) {
    case 'boolean':
    case 'string':
      return value;
    case 'number':
      if (Number.isFinite(value)) return value === 0 ? 0 : value;
      return { $: 'float', v: Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf' };
    case 'bigint':
      return { $: 'int', v: (value < 0n ? '-0x' + (-value).toString(16) : '0x' + value.toString(16)) };
    case 'function':
    case 'symbol':
      return { $: 'object', v: typeof value };
  }
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return Array.from(value, (item) => encode(item, depth + 1));
  if (value instanceof Map) return { $: 'dict', v: Array.from(value, ([k, v]) => [encode(k, depth + 1), encode(v, depth + 1)]) };
  if (value instanceof Set) return { $: 'set', v: Array.from(value, (item) => encode(item, depth + 1)) };
  if ('val' in value && 'next' in value) {
    const items = [];
    for (let node = value; node; node = node.next) {
      items.push(encode(node.val, depth + 1));
      if (items.length > LIMIT) throw new RangeError('a list without an end');
    }
    return items;
  }
  if ('val' in value && 'left' in value && 'right' in value) {
    const items = [];
    let level = [value];
    while (level.some((node) => node)) {
      const below = [];
      for (const node of level) {
        items.push(node ? encode(node.val, depth + 1) : null);
        if (node) below.push(node.left, node.right);
      }
      level = below;
      if (items.length > LIMIT) throw new RangeError('a tree without an end');
    }
    while (items.length > 0 && items[items.length - 1] === null) items.pop();
    return items;
  }
  if (typeof value.next === 'function' && typeof value[Symbol.iterator] === 'function') {
    const items = [];
    for (const item of value) {
      items.push(encode(item, depth + 1));
      if (items.length > LIMIT) throw new RangeError('yields too much');
    }
    return items;
  }
  if (value instanceof Number || value instanceof String || value instanceof Boolean) return encode(value.valueOf(), depth);
  return { $: 'dict', v: Object.keys(value).map((key) => [key, encode(value[key], depth + 1)]) };
}

function describe(error) {
  const known = error !== null && typeof error === 'object';
  const note = { type: known ? String(error.name || 'Error') : typeof error, text: String(known ? error.message : error).slice(0, 1000), bases: [] };
  const line = known && /solution\.js:(\d+)/.exec(String(error.stack || ''));
  if (line) note.line = parseInt(line[1], 10);
  return note;
}

async function call(request) {
  if (request.operations) {
    const [names, values] = request.args;
    const make = find(names[0]);
    const made = new make(...values[0]);
    const results = [null];
    for (let i = 1; i < names.length; i++) results.push(await made[names[i]](...values[i]));
    return { v: encode(results, 0) };
  }
  const callable = entry(request.entry);
  let values = request.args.concat(Object.values(request.kwargs));
  if (Object.keys(hints).some((name) => /ListNode|TreeNode/.test(hints[name]))) {
    const names = parameters(callable.name.startsWith('bound ') ? original(request.entry) : callable);
    values = values.map((value, index) => toNodes(value, hints[names[index]] || ''));
  }
  let result = callable(...values);
  if (result !== null && typeof result === 'object' && typeof result.then === 'function') result = await result;
  const reply = { v: encode(result, 0) };
  if (result === undefined || result === null) {
    if (/ListNode|TreeNode/.test(hints['return'] || '')) reply.empty = true;
    if (values.length > 0 && values[0] !== null && typeof values[0] === 'object') reply.first = encode(values[0], 0);
  }
  return reply;
}

function original(name) {
  const attribute = name.replace('()', '').split('.').pop();
  const solution = find(name.replace('()', '').split('.')[0]) || find('Solution');
  return solution && solution.prototype && solution.prototype[attribute] ? solution.prototype[attribute] : find(attribute) || (() => 0);
}

async function main() {
  for (let request = receive(); request !== null; request = receive()) {
    const started = process.cpuUsage();
    let reply;
    try {
      if (request.op === 'load') {
        load();
        reply = { v: true };
      } else {
        reply = await call(request);
      }
    } catch (error) {
      reply = { e: describe(error) };
      if (request.op === 'load' && error instanceof SyntaxError) reply.e.compile = true;
    }
    const used = process.cpuUsage(started);
    reply.n = request.n;
    reply.cpu = (used.user + used.system) / 1e6;
    send(reply);
  }
  process.exit(0);
}

main();
})();
