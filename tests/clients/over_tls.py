"""What goes over TLS, with each client of Python: records there and back, and what a client is told that trusts somebody else.

The certificates are made by `openssl`; without it the checks are left out, and a line says so.
"""

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path

import aiokafka
import kafka
from confluent_kafka import Producer

import with_confluent
from broker import Broker
from common import fresh_topic, records, same

PATIENCE = 20


def run(checks, tamis: str, folder: Path, only: str | None) -> None:
    if shutil.which("openssl") is None:
        print("NOTICE: openssl is missing; the checks over TLS are left out")
        return
    trusted, other = certificate(folder, "trusted"), certificate(folder, "other")
    options = ["--tls-cert", f"{trusted}.pem", "--tls-key", f"{trusted}.key"]
    broker = Broker(tamis, f"{folder}/tls", *options)
    for name, check in CHECKS.items():
        if only in (None, name):
            checks.run(
                f"over TLS: {name}",
                lambda check=check: check(broker.bootstrap, f"{trusted}.pem", f"{other}.pem"),
            )
    broker.end()


def certificate(folder: Path, name: str) -> Path:
    """A certificate that is its own authority, and its key."""
    path = folder / name
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-out", f"{path}.pem", "-keyout", f"{path}.key"]
    subprocess.run(command, check=True, capture_output=True)
    return path


def confluent(bootstrap: str, trusted: str, other: str) -> None:
    topic = fresh_topic("tls")
    sent = records(3000)
    settings = {"security.protocol": "SSL", "ssl.ca.location": trusted}
    with_confluent.produce(bootstrap, topic, sent, **settings)
    same(with_confluent.read(bootstrap, topic, len(sent), **settings), sent, "records")
    told = []
    refused = Producer(
        {
            "bootstrap.servers": bootstrap,
            "security.protocol": "SSL",
            "ssl.ca.location": other,
            "error_cb": lambda error: told.append(error.name()),
        }
    )
    while "_SSL" not in told:
        before = len(told)
        refused.poll(PATIENCE)
        same(len(told) > before, True, f"errors come, after {told}")


def kafka_python(bootstrap: str, trusted: str, _other: str) -> None:
    topic = fresh_topic("tls")
    values = [record.value for record in records(1000)]
    settings = {"bootstrap_servers": bootstrap, "security_protocol": "SSL", "ssl_cafile": trusted}
    producer = kafka.KafkaProducer(**settings)
    for value in values:
        producer.send(topic, value, key=b"key", partition=0)
    producer.flush(PATIENCE)
    producer.close()
    reader = kafka.KafkaConsumer(**settings, consumer_timeout_ms=PATIENCE * 1000)
    reader.assign([kafka.TopicPartition(topic, 0)])
    reader.seek_to_beginning()
    found = [next(reader).value for _ in values]
    reader.close()
    same(found, values, "values")


async def read_aiokafka(bootstrap: str, topic: str, values: list, context: ssl.SSLContext) -> list:
    settings = {"bootstrap_servers": bootstrap, "security_protocol": "SSL", "ssl_context": context}
    producer = aiokafka.AIOKafkaProducer(**settings)
    await producer.start()
    for value in values:
        await producer.send(topic, value, key=b"key", partition=0)
    await producer.stop()
    reader = aiokafka.AIOKafkaConsumer(**settings)
    await reader.start()
    partition = aiokafka.TopicPartition(topic, 0)
    reader.assign([partition])
    await reader.seek_to_beginning(partition)
    found = [(await asyncio.wait_for(reader.getone(), PATIENCE)).value for _ in values]
    await reader.stop()
    return found


def with_asyncio(bootstrap: str, trusted: str, _other: str) -> None:
    values = [record.value for record in records(1000)]
    context = ssl.create_default_context(cafile=trusted)
    found = asyncio.run(read_aiokafka(bootstrap, fresh_topic("tls"), values, context))
    same(found, values, "values")


def kcat(bootstrap: str, trusted: str, _other: str) -> None:
    if shutil.which("kcat") is None:
        print("NOTICE: kcat is missing; it is left out")
        return
    topic = fresh_topic("tls")
    command = ["kcat", "-b", bootstrap, "-t", topic, "-p", "0"]
    command += ["-X", "security.protocol=SSL", "-X", f"ssl.ca.location={trusted}"]
    lines = "".join(f"line {number}\n" for number in range(1000))
    subprocess.run([*command, "-P"], input=lines, text=True, check=True, timeout=PATIENCE)
    reading = subprocess.run(
        [*command, "-C", "-e", "-q"], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    same(reading.stdout, lines, "lines")


CHECKS = {
    "confluent": confluent,
    "kafka_python": kafka_python,
    "aiokafka": with_asyncio,
    "kcat": kcat,
}
