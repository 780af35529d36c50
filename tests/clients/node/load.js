// kafkajs from the folder of its package, and the codecs that it can be given.
'use strict';

const { createRequire } = require('node:module');

function load(folder) {
  const fromFolder = createRequire(`${folder}/`);
  const kafkajs = fromFolder('kafkajs');
  return { kafkajs, plugCodecs: () => plugCodecs(kafkajs, fromFolder) };
}

// kafkajs brings gzip; the others are plugged in, as its documents tell.
async function plugCodecs(kafkajs, fromFolder) {
  const { CompressionTypes } = kafkajs;
  const lz4 = fromFolder('lz4-napi');
  const { ZstdCodec } = fromFolder('zstd-codec');
  const zstd = await new Promise((resolve) => ZstdCodec.run((it) => resolve(new it.Simple())));
  const codecs = kafkajs.CompressionCodecs;
  codecs[CompressionTypes.Snappy] = fromFolder('kafkajs-snappy');
  codecs[CompressionTypes.LZ4] = () => ({
    compress: (encoder) => lz4.compressFrame(encoder.buffer),
    decompress: (bytes) => lz4.decompressFrame(bytes),
  });
  codecs[CompressionTypes.ZSTD] = () => ({
    compress: async (encoder) => Buffer.from(zstd.compress(encoder.buffer)),
    decompress: async (bytes) => Buffer.from(zstd.decompress(bytes)),
  });
}

module.exports = { load };
