// Sends and reads with kafkajs what contracts_elsewhere.py asks for: it is given the folder of the package and an address, then a line
// for each thing to do, and answers with a line for each record and an empty one.
'use strict';

const { readFileSync } = require('node:fs');
const { createInterface } = require('node:readline');
const { load } = require('./load.js');

const [folder, address] = process.argv.slice(2);
const { kafkajs, plugCodecs } = load(folder);
const { CompressionTypes, Kafka, Partitioners } = kafkajs;

const CODECS = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
};
const createPartitioner = Partitioners.DefaultPartitioner;

const client = new Kafka({ brokers: [address], logLevel: kafkajs.logLevel.NOTHING });
const plain = client.producer({ createPartitioner });
const numbering = client.producer({ createPartitioner, idempotent: true, maxInFlightRequests: 1 });

const lines = (file) => readFileSync(file, 'utf8').split('\n').slice(0, -1);
const message = (value) => ({ key: 'key', value, partition: 0, headers: { kind: 'test' } });

async function outcome(sent) {
  try {
    await sent;
    return 'taken';
  } catch (refused) {
    return ['refused', refused.type, refused.message].join('\t');
  }
}

// All in one batch, of which kafkajs tells one thing.
async function send(topic, codec, file) {
  const values = lines(file);
  const sent = plain.send({ topic, acks: -1, compression: CODECS[codec], messages: values.map(message) });
  return values.map(() => outcome(sent));
}

// Each in a batch of its own, with numbers; none waits for what became of those before it.
async function stream(topic, codec, file) {
  const compression = CODECS[codec];
  return lines(file).map((it) => outcome(numbering.send({ topic, acks: -1, compression, messages: [message(it)] })));
}

async function read(topic, count) {
  const consumer = client.consumer({ groupId: `${topic}-reader`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const found = [];
  await new Promise((resolve) => {
    const eachMessage = async ({ message: { value, headers } }) => {
      found.push(`${'tamis.rule' in headers ? 'bad' : 'good'}\t${value}`);
      if (found.length === Number(count)) {
        resolve();
      }
    };
    consumer.run({ eachMessage });
  });
  await consumer.disconnect();
  return found;
}

async function main() {
  await plugCodecs();
  await Promise.all([plain.connect(), numbering.connect()]);
  for await (const line of createInterface({ input: process.stdin })) {
    const [what, ...words] = line.split('\t');
    const answer = await Promise.all(await { send, stream, read }[what](...words));
    process.stdout.write([...answer, '', ''].join('\n'));
  }
  await Promise.all([plain.disconnect(), numbering.disconnect()]);
}

main();
