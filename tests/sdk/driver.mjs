// A phone: the public SDK with the parts of a telephone it needs, told what to do line by line.
//
//   in   {"on": "auth" | <class> | <number>, "call": "login", "args": [...]}     a call of the SDK's public API
//        {"give": <number>, "answer": ...}                                       what the device answered
//   out  {"result": ...} or {"failure": {...}}                                   of the call, in order
//        {"ask": <number>, "of": "sendData", "args": [...]}                      to the device that is set up, or the browser
//        {"told": ...}                                                           progress that the SDK reports meanwhile
//
// An object of the SDK goes out as its fields beside "$ref", the number by which later calls and arguments name it; a page
// too, because of its fetchNext. "$ref": 0 as an argument is a callback whose argument goes out as "told".
import { createInterface } from "node:readline";
import * as sdk from "@espressif/rainmaker-base-sdk";

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");

const kept = new Map();
let lastRef = 0;

function outward(value) {
  if (value === null || typeof value !== "object" || value instanceof WeakRef) {
    return typeof value === "function" || value instanceof WeakRef ? undefined : value;
  }
  if (Array.isArray(value)) {
    return value.map(outward);
  }
  const fields = Object.fromEntries(Object.entries(value).map(([name, each]) => [name, outward(each)]));
  const hasMethods = Object.getPrototypeOf(value) !== Object.prototype || typeof value.fetchNext === "function";
  if (hasMethods) {
    kept.set(++lastRef, value);
    fields.$ref = lastRef;
  }
  return fields;
}

function inward(value) {
  if (value === null || typeof value !== "object") {
    return value;
  }
  if (Array.isArray(value)) {
    return value.map(inward);
  }
  if (value.$ref === 0) {
    return (progress) => say({ told: outward(progress) });
  }
  if (value.$ref) {
    return kept.get(value.$ref);
  }
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, inward(each)]));
}

// An Error keeps its message out of sight of JSON; what the SDK makes of an answer is a plain object.
function failure(error) {
  const of = error instanceof Error ? { kind: error.constructor.name, message: error.message } : {};
  return { ...of, ...error, ...(error?.cause && { cause: String(error.cause.code ?? error.cause) }) };
}

const waiting = new Map();
let lastAsk = 0;

const ask = (of, args) =>
  new Promise((resolve) => {
    waiting.set(++lastAsk, resolve);
    say({ ask: lastAsk, of, args });
  });

const memory = new Map();
const storage = {
  setItem: async (name, value) => void memory.set(name, value),
  getItem: async (name) => memory.get(name) ?? null,
  removeItem: async (name) => void memory.delete(name),
  clear: async () => memory.clear(),
};

const bluetooth = Object.fromEntries(
  ["createESPDevice", "sendData", "provision"].map((name) => [name, (...args) => ask(name, args)]),
);

const browser = { getOauthCode: (...args) => ask("getOauthCode", args) };

function receiver(on) {
  return on === "auth" ? sdk.ESPRMBase.getAuthInstance() : (kept.get(on) ?? sdk[on]);
}

async function run({ on, call, args }) {
  try {
    say({ result: outward(await receiver(on)[call](...args.map(inward))) ?? null });
  } catch (error) {
    say({ failure: failure(error) });
  }
}

sdk.ESPRMBase.configure({
  baseUrl: process.argv[2],
  customStorageAdapter: storage,
  provisionAdapter: bluetooth,
  oauthAdapter: browser,
  ...JSON.parse(process.argv[3]),
});

for await (const line of createInterface({ input: process.stdin })) {
  const told = JSON.parse(line);
  if (told.give) {
    waiting.get(told.give)(told.answer);
    waiting.delete(told.give);
  } else {
    void run(told); // the device is asked while the call goes on
  }
}
process.exit(0);
