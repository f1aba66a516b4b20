// Asks the trace processor of Perfetto's own web pages about a trace: node ci/perfetto_query.js FOLDER TRACE SQL...
//
// FOLDER has engine_bundle.js and trace_processor.wasm. The bundle is a web worker: it is given a port to listen on, and
// answers the calls of trace_processor.proto (TraceProcessorRpc) on it. One JSON array of rows for each statement, a line each.
'use strict';
const fs = require('fs');
const path = require('path');
const vm = require('vm');

const [folder, trace, ...statements] = process.argv.slice(2);
const APPEND = 1, FINALIZE = 2, QUERY = 3; // TraceProcessorMethod

// ---- protobuf ----

function varint(number) {
  const bytes = [];
  let left = BigInt(number);
  do {
    const low = Number(left & 0x7fn);
    left >>= 7n;
    bytes.push(left ? low | 0x80 : low);
  } while (left);
  return Buffer.from(bytes);
}
const number = (field, value) => Buffer.concat([varint(field << 3), varint(value)]);
const bytes = (field, data) => Buffer.concat([varint(field << 3 | 2), varint(data.length), data]);

class Reader {
  constructor(data) { this.data = data; this.at = 0; }
  more() { return this.at < this.data.length; }
  varint() {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.data[this.at++];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
  take(size) { this.at += size; return this.data.subarray(this.at - size, this.at); }
  field() {
    const tag = Number(this.varint());
    const wire = tag & 7;
    const value = wire === 0 ? this.varint() : wire === 2 ? this.take(Number(this.varint())) : this.take(wire === 1 ? 8 : 4);
    return [tag >> 3, value];
  }
}
const fields = (data) => {
  const all = [];
  for (const reader = new Reader(data); reader.more();) all.push(reader.field());
  return all;
};
const find = (data, wanted) => fields(data).filter(([field]) => field === wanted).map(([, value]) => value);

// ---- a web worker's world ----

const answers = [];
function become_worker() {
  Object.assign(globalThis, {
    self: globalThis,
    location: {href: 'file://' + path.join(folder, 'engine_bundle.js')},
    WorkerGlobalScope: function () {},
    importScripts: function () {},
    XMLHttpRequest: class {
      open(method, url) { this.file = path.join(folder, path.basename(url)); }
      send() {
        const data = fs.readFileSync(this.file);
        this.response = data.buffer.slice(data.byteOffset, data.byteOffset + data.length);
        this.status = 200;
      }
    },
  });
  process.type = 'renderer'; // else the bundle takes itself to be in node
  console.warn = () => {};
  vm.runInThisContext(fs.readFileSync(path.join(folder, 'engine_bundle.js'), 'utf8'), {filename: 'engine_bundle.js'});
}

let sequence = 0;
const port = {postMessage: (data) => answers.push(Buffer.from(data))};
/** Sends one call and returns what came back: messages of TraceProcessorRpc. */
function call(method, ...parts) {
  port.onmessage({data: new Uint8Array(bytes(1, Buffer.concat([number(1, sequence++), number(2, method), ...parts])))});
  return find(Buffer.concat(answers.splice(0)), 1);
}

function fail(text) {
  process.stderr.write('perfetto_query: ' + text + '\n');
  process.exit(1);
}
/** An error inside the answer's field, where field 2 is a text. */
function check(messages, field) {
  for (const message of messages) {
    for (const fatal of find(message, 5)) fail(fatal.toString());
    for (const inner of find(message, field)) for (const text of find(inner, 2)) if (text.length) fail(text.toString());
  }
}

// ---- queries ----

/** The cells of one batch: their kinds, and the values of each kind apart. */
function cells(batch) {
  const kinds = [], ints = [], floats = [], texts = [];
  for (const [field, data] of fields(batch)) {
    const reader = data instanceof Uint8Array ? new Reader(data) : null;
    if (field === 1) while (reader.more()) kinds.push(Number(reader.varint()));
    if (field === 2) while (reader.more()) ints.push(Number(BigInt.asIntN(64, reader.varint())));
    if (field === 3) while (reader.more()) floats.push(Buffer.from(reader.take(8)).readDoubleLE(0));
    if (field === 5) texts.push(...Buffer.from(data).toString().split('\0'));
  }
  return kinds.map((kind) => kind === 2 ? ints.shift() : kind === 3 ? floats.shift() : kind === 4 ? texts.shift() : null);
}

function query(sql) {
  const messages = call(QUERY, bytes(103, bytes(1, Buffer.from(sql))));
  check(messages, 203);
  let columns = 0;
  const row_cells = [];
  for (const message of messages)
    for (const result of find(message, 203)) {
      columns = columns || find(result, 1).length;
      for (const batch of find(result, 3)) row_cells.push(...cells(batch));
    }
  const rows = [];
  for (let at = 0; columns && at < row_cells.length; at += columns) rows.push(row_cells.slice(at, at + columns));
  return rows;
}

function main() {
  globalThis.onmessage({data: port});
  const data = fs.readFileSync(trace);
  for (let at = 0; at < data.length; at += 1 << 20) check(call(APPEND, bytes(101, data.subarray(at, at + (1 << 20)))), 201);
  check(call(FINALIZE), 212);
  for (const sql of statements) console.log(JSON.stringify(query(sql)));
  process.exit(0);
}

become_worker();
setTimeout(main, 200); // the module is loaded by then: it is read at once, and made in promises
