// BullMQ on Node: what _driver.py asks of a driver, `node bullmq.js VERB URL NUMBER`.

const { setTimeout: sleep } = require("node:timers/promises");
const { Queue, Worker } = require("bullmq");

const NAME = "bench";
const BULK = 500;
const PAYLOAD = { url: `https://example.com/${"a".repeat(152)}`, width: 320, n: 1 };
const RESULT = { ok: true, rendered: 1, note: "result: 50 bytes" };

const now = () => Number(process.hrtime.bigint()) / 1e9;
const say = (line) => process.stdout.write(`${line}\n`);

// Calls `enqueue`, which takes `jobs` jobs, again and again for so many seconds.
async function forSeconds(enqueue, seconds, jobs) {
  const start = now();
  let count = 0;
  let passed = 0;
  while ((passed = now() - start) < seconds) {
    await enqueue();
    count += jobs;
  }
  say(`${count} ${passed.toFixed(6)}`);
}

const many = (jobs) => Array.from({ length: jobs }, () => ({ name: "noop", data: PAYLOAD }));

const VERBS = {
  async fill(queue, count) {
    for (let first = 0; first < count; first += BULK) {
      await queue.addBulk(many(Math.min(BULK, count - first)));
    }
  },
  single: (queue, seconds) => forSeconds(() => queue.add("noop", PAYLOAD), seconds, 1),
  bulk: (queue, seconds) => forSeconds(() => queue.addBulk(many(BULK)), seconds, BULK),
  async pace(queue, count) {
    for (let paced = 0; paced < count; paced += 1) {
      await sleep(10 + Math.random() * 20);
      await queue.add("noop", { ...PAYLOAD, at: now() });
    }
  },
};

function work(connection, concurrency) {
  let isFirst = true;
  const noop = async (job) => {
    const start = now();
    if (isFirst) {
      isFirst = false;
      say(`first ${start.toFixed(7)}`);
    }
    if (job.data.at) say(`late ${(start - job.data.at).toFixed(7)}`);
    return RESULT;
  };
  new Worker(NAME, noop, { connection, concurrency });
}

async function main([verb, url, number]) {
  const connection = { path: url.replace("unix://", "") };
  if (verb === "work") {
    work(connection, Number(number));
    return;
  }
  const queue = new Queue(NAME, { connection });
  await VERBS[verb](queue, Number(number));
  await queue.close();
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
