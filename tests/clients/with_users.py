"""Clients that log in, by each mechanism that they have, to a broker that asks; and what those may do who have few grants."""

import asyncio
import subprocess
import time
from pathlib import Path

import aiokafka
import confluent_kafka
import kafka
from aiokafka.errors import KafkaConnectionError
from aiokafka.errors import TopicAuthorizationFailedError as AioDenied
from confluent_kafka import admin
from kafka.errors import TopicAuthorizationFailedError

from broker import Broker
from common import fresh_topic, same

MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
USERS = ["ann", "bob"]
GRANTS = """
[users.ann]
admin = true
read = ["*"]
write = ["*"]
groups = ["*"]

[users.bob]
read = ["shared*"]
groups = ["readers*"]
"""
SECONDS = 10


def password(user: str) -> str:
    return f"the pässword of {user}"


def start(tamis: str, folder: str) -> Broker:
    """A broker that knows these users."""
    data = Path(folder)
    data.mkdir()
    (data / "grants.toml").write_text(GRANTS)
    for user in USERS:
        command = [tamis, "user", "add", user, "--data", folder]
        subprocess.run(command, input=password(user), text=True, check=True, capture_output=True)
    return Broker(tamis, folder, "--auth", "--grants", str(data / "grants.toml"))


def of_confluent(bootstrap: str, user: str, mechanism: str, secret: str | None = None) -> dict:
    return {
        "bootstrap.servers": bootstrap,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": mechanism,
        "sasl.username": user,
        "sasl.password": secret or password(user),
    }


def of_python(bootstrap: str, user: str, mechanism: str, secret: str | None = None) -> dict:
    return {
        "bootstrap_servers": bootstrap,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": mechanism,
        "sasl_plain_username": user,
        "sasl_plain_password": secret or password(user),
    }


async def aiokafka_sends(settings: dict, topic: str) -> int:
    producer = aiokafka.AIOKafkaProducer(**settings)
    try:
        await producer.start()
        return (await producer.send_and_wait(topic, b"aiokafka")).offset
    finally:
        await producer.stop()


def create(bootstrap: str, topic: str) -> None:
    client = admin.AdminClient(of_confluent(bootstrap, "ann", "PLAIN"))
    client.create_topics([admin.NewTopic(topic, 1)])[topic].result(SECONDS)


def everybody_gets_in(bootstrap: str) -> None:
    for mechanism in MECHANISMS:
        topic = fresh_topic("login")
        create(bootstrap, topic)
        delivered = []
        producer = confluent_kafka.Producer(of_confluent(bootstrap, "ann", mechanism))
        producer.produce(topic, b"confluent", callback=lambda error, _, to=delivered: to.append(error))
        producer.flush(SECONDS)
        same(delivered, [None], f"confluent-kafka by {mechanism}")
        settings = of_python(bootstrap, "ann", mechanism)
        python = kafka.KafkaProducer(**settings)
        same(python.send(topic, b"python").get(SECONDS).offset, 1, f"kafka-python by {mechanism}")
        python.close()
        same(asyncio.run(aiokafka_sends(settings, topic)), 2, f"aiokafka by {mechanism}")


def nobody_else_gets_in(bootstrap: str) -> None:
    for user, secret in [("ann", "wrong"), ("eve", password("ann"))]:
        for mechanism in MECHANISMS:
            heard = []
            settings = of_confluent(bootstrap, user, mechanism, secret) | {"error_cb": heard.append}
            client = confluent_kafka.Producer(settings)
            until = time.monotonic() + SECONDS
            while not heard and time.monotonic() < until:
                client.poll(0.1)
            codes = [it.code() for it in heard[:1]]
            same(codes, [confluent_kafka.KafkaError._AUTHENTICATION], f"confluent-kafka by {mechanism}")
            try:
                asyncio.run(aiokafka_sends(of_python(bootstrap, user, mechanism, secret), "any"))
            except KafkaConnectionError:
                continue
            raise AssertionError(f"aiokafka got in by {mechanism}")


def grants_hold(bootstrap: str) -> None:
    shared, hidden = fresh_topic("shared"), fresh_topic("hidden")
    for topic in (shared, hidden):
        create(bootstrap, topic)
        asyncio.run(aiokafka_sends(of_python(bootstrap, "ann", "PLAIN"), topic))
    settings = of_confluent(bootstrap, "bob", "SCRAM-SHA-256")
    listed = admin.AdminClient(settings).list_topics(timeout=SECONDS).topics
    same((shared in listed, hidden in listed), (True, False), "what is listed")
    groups = settings | {"auto.offset.reset": "earliest"}
    consumer = confluent_kafka.Consumer(groups | {"group.id": "readers-1"})
    consumer.subscribe([shared])
    same(consumer.poll(SECONDS).value(), b"aiokafka", "what is read")
    consumer.commit()
    consumer.close()
    stranger = confluent_kafka.Consumer(groups | {"group.id": "writers"})
    stranger.subscribe([shared])
    refused = stranger.poll(SECONDS).error().code()
    same(refused, confluent_kafka.KafkaError.GROUP_AUTHORIZATION_FAILED, "another group")
    stranger.close()
    for topic in (shared, hidden):
        try:
            asyncio.run(aiokafka_sends(of_python(bootstrap, "bob", "SCRAM-SHA-512"), topic))
            raise AssertionError(f"aiokafka wrote into {topic}")
        except AioDenied:
            pass
        python = kafka.KafkaProducer(
            **of_python(bootstrap, "bob", "PLAIN"), enable_idempotence=False, max_block_ms=SECONDS * 1000
        )
        try:
            python.send(topic, b"python").get(SECONDS)
            raise AssertionError(f"kafka-python wrote into {topic}")
        except TopicAuthorizationFailedError:
            pass
        finally:
            python.close()


def acls_are_told(bootstrap: str) -> None:
    everything = admin.AclBindingFilter(
        admin.ResourceType.ANY,
        None,
        admin.ResourcePatternType.ANY,
        "User:bob",
        None,
        admin.AclOperation.READ,
        admin.AclPermissionType.ANY,
    )
    client = admin.AdminClient(of_confluent(bootstrap, "ann", "SCRAM-SHA-512"))
    found = client.describe_acls(everything).result(SECONDS)
    prefixed = admin.ResourcePatternType.PREFIXED
    told = sorted((it.name, it.resource_pattern_type == prefixed) for it in found)
    same(told, [("readers", True), ("shared", True)], "what bob may read")
    for refused in client.delete_acls([everything]).values():
        try:
            refused.result(SECONDS)
        except confluent_kafka.KafkaException as error:
            same("grants.toml" in error.args[0].str(), True, str(error))
            continue
        raise AssertionError("a request changed what is granted")


CHECKS = [everybody_gets_in, nobody_else_gets_in, grants_hold, acls_are_told]
