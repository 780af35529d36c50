// Holds a broker to kafkajs: it is given the folder of the package and two addresses, the second one behind a line that breaks, and
// writes a line for each check. It ends with 1 if any of them failed.
'use strict';

const assert = require('node:assert');
const { load } = require('./load.js');

const [folder, direct, broken] = process.argv.slice(2);
const { kafkajs, plugCodecs } = load(folder);
const { CompressionTypes, ConfigResourceTypes, Kafka, Partitioners } = kafkajs;

const PATIENCE_MS = 30_000;
const PARTITIONS = 4;
const STEP = 100;

function client(address) {
  return new Kafka({
    brokers: [address],
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { initialRetryTime: 20, maxRetryTime: 100, retries: 50 },
  });
}

const numbers = (first, count) => Array.from({ length: count }, (_, index) => first + index);

function messages(first, count, partitions) {
  return numbers(first, count).map((number) => ({
    key: number % 3 ? 'key größer 数据' : null,
    value: String(number),
    partition: number % partitions,
    timestamp: String(1_700_000_000_000 + number),
    headers: { kind: 'test' },
  }));
}

async function until(condition, what) {
  const end = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    assert(Date.now() < end, what());
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function producing(address, settings, work) {
  const producer = client(address).producer({ createPartitioner: Partitioners.DefaultPartitioner, ...settings });
  await producer.connect();
  try {
    return await work(producer);
  } finally {
    await producer.disconnect();
  }
}

async function administering(address, work) {
  const admin = client(address).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

// A consumer in a group, which collects what comes.
async function join(address, topic, groupId, seen, settings = {}) {
  const consumer = client(address).consumer({ groupId, heartbeatInterval: 300, maxWaitTimeInMs: 100, ...settings });
  const member = { consumer, assigned: [] };
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    member.assigned = payload.memberAssignment[topic] ?? [];
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      seen.push({ partition, ...message });
    },
  });
  return member;
}

// Partition 0 has these numbers, in order, and nothing else.
async function expect(address, topic, count) {
  const seen = [];
  const member = await join(address, topic, `${topic}-reader`, seen);
  await until(() => seen.length >= count, () => `${topic}: ${seen.length} of ${count}`);
  await member.consumer.disconnect();
  seen.forEach((message, number) => {
    assert.strictEqual(message.offset, String(number));
    assert.strictEqual(message.value.toString(), String(number));
    assert.strictEqual(message.key?.toString() ?? null, number % 3 ? 'key größer 数据' : null);
    assert.strictEqual(message.headers.kind.toString(), 'test');
    assert.strictEqual(message.timestamp, String(1_700_000_000_000 + number));
  });
  const [{ high }] = await administering(address, (admin) => admin.fetchTopicOffsets(topic));
  assert.strictEqual(high, String(count), 'the end');
}

async function roundTrips(address) {
  for (const [name, compression] of Object.entries(CompressionTypes)) {
    for (const acks of [1, -1]) {
      const topic = `kafkajs-${name}${acks}`;
      await producing(address, {}, (it) => it.send({ topic, acks, compression, messages: messages(0, 300, 1) }));
      await expect(address, topic, 300);
    }
  }
}

// Two members: one joins and leaves. Its clients say no more than at least once, so a member comes and goes while nothing is on its way.
async function rebalance(address) {
  const topic = 'kafkajs-shared';
  await administering(address, (it) => it.createTopics({ topics: [{ topic, numPartitions: PARTITIONS }] }));
  const seen = [];
  const committed = () =>
    administering(address, async (it) => {
      const [{ partitions }] = await it.fetchOffsets({ groupId: topic, topics: [topic] });
      return partitions.reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0);
    });
  await producing(address, {}, async (producer) => {
    let sent = 0;
    const step = async () => {
      await producer.send({ topic, messages: messages(sent, STEP, PARTITIONS) });
      sent += STEP;
      await until(() => seen.length >= sent, () => `${seen.length} of ${sent}`);
      await until(async () => (await committed()) === sent, () => `not all of ${sent} are committed`);
    };
    const first = await join(address, topic, topic, seen);
    await until(() => first.assigned.length === PARTITIONS, () => `alone: ${first.assigned}`);
    await step();
    const second = await join(address, topic, topic, seen);
    const areHalves = () => [first, second].every((it) => it.assigned.length === PARTITIONS / 2);
    await until(areHalves, () => `both: ${first.assigned} and ${second.assigned}`);
    await step();
    await second.consumer.disconnect();
    await until(() => first.assigned.length === PARTITIONS, () => `alone again: ${first.assigned}`);
    await step();
    await first.consumer.disconnect();
    for (const partition of numbers(0, PARTITIONS)) {
      const offsets = seen.filter((it) => it.partition === partition).map((it) => Number(it.offset));
      assert.deepStrictEqual(offsets, numbers(0, sent / PARTITIONS), `partition ${partition}`);
    }
  });
}

// The second goes on where the first one left off.
async function commits(address) {
  const topic = 'kafkajs-commits';
  const seen = [];
  for (const first of [0, 20]) {
    await producing(address, {}, (it) => it.send({ topic, messages: messages(first, 20, 1) }));
    const member = await join(address, topic, topic, seen);
    await until(() => seen.length >= first + 20, () => `${seen.length} of ${first + 20}`);
    await member.consumer.disconnect();
  }
  assert.deepStrictEqual(seen.map((it) => Number(it.offset)), numbers(0, 40));
}

async function administration(address) {
  const topic = 'kafkajs-administration';
  await administering(address, async (admin) => {
    const create = { topics: [{ topic, numPartitions: 1, configEntries: [{ name: 'retention.ms', value: '1000000' }] }] };
    assert.strictEqual(await admin.createTopics(create), true);
    assert.strictEqual(await admin.createTopics(create), false, 'it was made twice');
    await admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] });
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    assert.strictEqual(topics[0].partitions.length, 2);
    const resource = { type: ConfigResourceTypes.TOPIC, name: topic };
    await admin.alterConfigs({ resources: [{ ...resource, configEntries: [{ name: 'retention.ms', value: '123456' }] }] });
    const { resources } = await admin.describeConfigs({ resources: [resource] });
    const retention = resources[0].configEntries.find((it) => it.configName === 'retention.ms');
    assert.strictEqual(retention.configValue, '123456');
    assert.strictEqual((await admin.describeCluster()).brokers.length, 1);
    await producing(address, {}, (it) => it.send({ topic, messages: messages(0, 20, 1) }));
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '5' }] });
    const [{ low, high }] = (await admin.fetchTopicOffsets(topic)).filter((it) => it.partition === 0);
    assert.deepStrictEqual([low, high], ['5', '20']);
    await groups(address, admin, topic);
    await admin.deleteTopics({ topics: [topic] });
    assert(!(await admin.listTopics()).includes(topic), 'it is still there');
  });
}

async function groups(address, admin, topic) {
  const group = 'kafkajs-described';
  const seen = [];
  const member = await join(address, topic, group, seen);
  await until(() => seen.length >= 15, () => `${seen.length} of 15`);
  const described = await admin.describeGroups([group]);
  assert.deepStrictEqual(described.groups.map((it) => [it.state, it.members.length]), [['Stable', 1]]);
  await member.consumer.disconnect();
  assert((await admin.listGroups()).groups.some((it) => it.groupId === group), 'it is not listed');
  await admin.setOffsets({ groupId: group, topic, partitions: [{ partition: 0, offset: '7' }] });
  const [{ partitions }] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
  assert.strictEqual(partitions.find((it) => it.partition === 0).offset, '7');
  await admin.deleteGroups([group]);
  assert(!(await admin.listGroups()).groups.some((it) => it.groupId === group), 'it is still there');
}

// Numbered records over a line that breaks: there once, in order.
async function retries(address) {
  const topic = 'kafkajs-retries';
  await administering(address, (it) => it.createTopics({ topics: [{ topic }] }));
  await producing(address, { idempotent: true, maxInFlightRequests: 1 }, async (producer) => {
    for (let sent = 0; sent < 1000; sent += 50) {
      await producer.send({ topic, acks: -1, messages: messages(sent, 50, 1) });
    }
  });
  await expect(address, topic, 1000);
}

async function main() {
  await plugCodecs();
  let failed = 0;
  for (const [check, address] of [
    [roundTrips, direct],
    [rebalance, direct],
    [commits, direct],
    [administration, direct],
    [retries, broken],
  ]) {
    const start = Date.now();
    let outcome = 'ok';
    try {
      await check(address);
    } catch (problem) {
      failed += 1;
      outcome = `FAILED: ${problem.stack}`;
    }
    console.log(`kafkajs: ${check.name} (${((Date.now() - start) / 1000).toFixed(1)} s) ${outcome}`);
  }
  // A consumer that a failed check left behind would keep the process.
  process.exit(failed ? 1 : 0);
}

main();
