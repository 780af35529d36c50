"""Holds Tamis to Google's own Protobuf package: streams that Python writes, and what it reads in them.

Usage: python protobuf_streams.py --tamis BINARY --repository ROOT

Random messages are written with their lengths in front. Tamis must count what breaks the contract's rules as Python
does, and show every message as it is; of messages with damaged bytes it must refuse those that Python refuses.
"""

import argparse
import base64
import io
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import grpc_tools
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, proto, unknown_fields
from google.protobuf.message import DecodeError, Message
from grpc_tools import protoc

MESSAGES = 2000

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: orders
version: 1.0.0
status: active
schema:
  - name: orders
    customProperties:
      - {property: tamis.extraColumns, value: allow}
    properties:
      - {name: id, logicalType: string, required: true, logicalTypeOptions: {minLength: 3}}
      - {name: amount, logicalType: integer, logicalTypeOptions: {minimum: 0}}
      - {name: price, logicalType: number, logicalTypeOptions: {maximum: 100}}
      - {name: quantity, logicalType: integer, required: true}
      - {name: status, logicalType: string, logicalTypeOptions: {pattern: "^(NEW|PAID)$"}}
      - {name: created, logicalType: timestamp, required: true}
      - {name: iban, logicalType: string, logicalTypeOptions: {maxLength: 5}}
      - {name: paid, logicalType: boolean, required: true}
      - {name: far, logicalType: integer, logicalTypeOptions: {minimum: 1}}
      - {name: large, logicalType: number, logicalTypeOptions: {maximum: 9000000000000000000}}
      - {name: note, logicalType: string, logicalTypeOptions: {maxLength: 2}}
      - {name: weight, logicalType: number, logicalTypeOptions: {minimum: 0}}
      - name: customer
        logicalType: object
        properties:
          - {name: vip, logicalType: boolean, required: true}
          - name: address
            logicalType: object
            properties:
              - {name: zip, logicalType: integer, required: true, logicalTypeOptions: {maximum: 50000}}
"""

IMPOSSIBLE = """\
apiVersion: v3.1.0
kind: DataContract
id: orders
version: 1.0.0
status: active
schema:
  - name: orders
    customProperties:
      - {property: tamis.extraColumns, value: allow}
    properties:
      - {name: id, logicalType: string, logicalTypeOptions: {minLength: 1000}}
"""


def broken_rules(order: Message) -> list[tuple[str, str]]:
    """The rules of `CONTRACT` that a message breaks."""
    address = order.customer.HasField("address") if order.HasField("customer") else False
    zip_code = order.customer.address.zip if address else None
    status = order.DESCRIPTOR.fields_by_name["status"].enum_type.values_by_number[order.status].name
    rules = [
        ("id", "minLength", len(order.id) < 3),
        ("amount", "minimum", order.amount < 0),
        ("price", "maximum", order.price > 100),
        ("quantity", "required", not order.HasField("quantity")),
        ("status", "pattern", status not in ("NEW", "PAID")),
        ("created", "required", not order.HasField("created")),
        ("iban", "maxLength", order.HasField("iban") and len(order.iban) > 5),
        ("far", "minimum", order.far < 1),
        ("large", "maximum", order.large > 9_000_000_000_000_000_000),
        ("note", "maxLength", order.HasField("note") and len(order.note.value) > 2),
        ("weight", "minimum", order.weight < 0),
        ("customer.vip", "required", not order.customer.HasField("vip")),
        ("customer.address.zip", "required", zip_code is None),
        ("customer.address.zip", "maximum", zip_code is not None and zip_code > 50_000),
    ]
    return [(column, rule) for column, rule, is_broken in rules if is_broken]


class Generator:
    """Random messages of any type, by its descriptor."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def fill(self, message: Message, depth: int = 0) -> Message:
        for field in message.DESCRIPTOR.fields:
            if depth > 3 or self.random.random() < 0.3:
                continue
            if field.message_type is not None and field.message_type.GetOptions().map_entry:
                self.fill_map(message, field, depth)
            elif field.is_repeated:
                for _ in range(self.random.randrange(4)):
                    if field.message_type is not None:
                        self.fill(getattr(message, field.name).add(), depth + 1)
                    else:
                        getattr(message, field.name).append(self.value(field))
            elif field.message_type is not None:
                inner = getattr(message, field.name)
                inner.SetInParent()
                self.fill_message(inner, depth + 1)
            else:
                setattr(message, field.name, self.value(field))
        return message

    def fill_map(self, message: Message, field, depth: int) -> None:
        key, value = (field.message_type.fields_by_name[name] for name in ("key", "value"))
        entries = getattr(message, field.name)
        for _ in range(self.random.randrange(4)):
            if value.message_type is not None:
                self.fill_message(entries[self.value(key)], depth + 1)
            else:
                entries[self.value(key)] = self.value(value)

    def fill_message(self, message: Message, depth: int) -> None:
        name = message.DESCRIPTOR.full_name
        if name == "google.protobuf.Timestamp":
            message.seconds = self.random.randrange(-62_135_596_800, 253_402_300_800)
            message.nanos = self.random.choice([0, 5_000_000, 1000, 999_999_999])
        elif name == "google.protobuf.Duration":
            message.seconds = self.random.randrange(100_000)
            message.nanos = self.random.choice([0, 5_000_000, 1000, 999_999_999])
        elif name == "google.protobuf.Value":
            message.number_value = self.random.randrange(1000)
        else:
            self.fill(message, depth)

    def value(self, field):
        bits = self.random.getrandbits(64) >> self.random.randrange(64)
        kinds = type(field)
        if field.type in (kinds.TYPE_STRING, kinds.TYPE_BYTES):
            text = "".join(self.random.choices('aZ0 "\\\né漢🙂', k=self.random.randrange(12)))
            return text if field.type == kinds.TYPE_STRING else text.encode()
        if field.type == kinds.TYPE_ENUM:
            return self.random.choice(list(field.enum_type.values_by_number))
        if field.type == kinds.TYPE_BOOL:
            return bool(bits & 1)
        if field.type in (kinds.TYPE_FLOAT, kinds.TYPE_DOUBLE):
            # The shortest text that is this float in 32 bits is so in 64 bits as well.
            return self.random.randrange(-(2**11), 2**11) / 16
        if field.type in (kinds.TYPE_UINT64, kinds.TYPE_FIXED64):
            return bits
        if field.type in (kinds.TYPE_UINT32, kinds.TYPE_FIXED32):
            return bits & 0xFFFF_FFFF
        width = 64 if "64" in str(field.cpp_type) or field.cpp_type == kinds.CPPTYPE_INT64 else 32
        bits &= 2**width - 1
        return bits - 2**width if bits >= 2 ** (width - 1) else bits


def shown(message: Message):
    """A message as Tamis shows it: with the names of the schema, and numbers as numbers."""
    name = message.DESCRIPTOR.full_name
    if name in ("google.protobuf.Timestamp", "google.protobuf.Duration"):
        return message.ToJsonString()
    if name == "google.protobuf.Struct":
        return {key: shown(value) for key, value in message.fields.items()}
    if name == "google.protobuf.Value":
        kind = message.WhichOneof("kind")
        return None if kind in (None, "null_value") else shown_value(message, kind)
    if name.startswith("google.protobuf.") and name.endswith("Value"):
        return message.value
    return {field.name: shown_value(message, field.name) for field, _ in message.ListFields()}


def shown_value(message: Message, name: str):
    field = message.DESCRIPTOR.fields_by_name[name]
    value = getattr(message, name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        inner = field.message_type.fields_by_name["value"]
        return {str(key): one(inner, each) for key, each in value.items()}
    if field.is_repeated:
        return [one(field, each) for each in value]
    return one(field, value)


def one(field, value):
    if field.message_type is not None:
        return shown(value)
    if field.enum_type is not None:
        return field.enum_type.values_by_number[value].name
    if field.type == type(field).TYPE_BYTES:
        return base64.b64encode(value).decode()
    return value


def order_type(repository: pathlib.Path, folder: pathlib.Path):
    """The class of the messages, by protoc; also its descriptor set."""
    data = repository / "crates/formats/tests/data"
    known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    described = folder / "orders.desc"
    arguments = [f"--proto_path={data}", f"--proto_path={known}", "--include_imports"]
    code = protoc.main(["protoc", *arguments, f"--descriptor_set_out={described}", "orders.proto"])
    if code != 0:
        sys.exit("protoc cannot compile orders.proto")
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(described.read_bytes()).file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("shop.Order")), described


def check(tamis: str, stream: pathlib.Path, contract: str, *options: str) -> dict:
    """The report of a check."""
    path = stream.with_suffix(".odcs.yaml")
    path.write_text(contract)
    command = [tamis, "check", str(stream), "--contract", str(path), "--json", *options]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)}\nended with {ran.returncode}:\n{ran.stderr}")
    return json.loads(ran.stdout)


def write(path: pathlib.Path, messages: list[bytes]) -> pathlib.Path:
    """Messages with their lengths in front, as `serialize_length_prefixed` of the package writes them."""
    with path.open("wb") as stream:
        for message in messages:
            length = len(message)
            while length > 0x7F:
                stream.write(bytes([length & 0x7F | 0x80]))
                length >>= 7
            stream.write(bytes([length]) + message)
    return path


def damaged(chance: random.Random, message: bytes) -> bytes:
    changed = bytearray(message)
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(changed) + 1)
        if chance.random() < 0.5 and at < len(changed):
            changed[at] = chance.randrange(256)
        elif chance.random() < 0.5:
            del changed[at:]
        else:
            changed.insert(at, chance.randrange(256))
    return bytes(changed)


def has_unknown_fields(message: Message) -> bool:
    """Whether Python passed anything over: a field of the schema with another wire type, for one."""
    if len(unknown_fields.UnknownFieldSet(message)) > 0:
        return True
    inner = []
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            is_message = field.message_type.fields_by_name["value"].message_type is not None
            # What an entry of a map passes over is not kept: it may have been anything.
            inner += value.values() if is_message else []
        else:
            inner += value if field.is_repeated else [value]
    return any(has_unknown_fields(message) for message in inner)


def compare_counts(tamis: str, stream: pathlib.Path, schema: list[str], orders: list[Message]) -> int:
    """The rules that messages break, counted by both; the number of differences."""
    theirs: dict[tuple[str, str], int] = {}
    for order in orders:
        for rule in broken_rules(order):
            theirs[rule] = theirs.get(rule, 0) + 1
    report = check(tamis, stream, CONTRACT, *schema)
    ours = {
        (entry["column"], entry["rule"]): entry["count"]
        for entry in report["violations"]["by_rule"]
        if entry["count"] > 0
    }
    failed = 0
    if report["rows"]["total"] != len(orders):
        print(f"FAIL  rows: tamis {report['rows']['total']}, python {len(orders)}")
        failed += 1
    for rule in sorted(ours.keys() | theirs.keys()):
        if ours.get(rule, 0) != theirs.get(rule, 0):
            print(f"FAIL  {rule}: tamis {ours.get(rule, 0)}, python {theirs.get(rule, 0)}")
            failed += 1
    if failed == 0:
        print(f"ok    {len(orders)} messages, {len(theirs)} rules broken alike")
    return failed


def bad_records(tamis: str, stream: pathlib.Path, schema: list[str]) -> list:
    """Every record as the file of bad ones shows it."""
    bad = stream.with_suffix(".bad.jsonl")
    check(tamis, stream, IMPOSSIBLE, "--bad", str(bad), *schema)
    # Not `splitlines`: texts may hold other line ends.
    return [json.loads(line)["record"] for line in bad.read_text().split("\n")[:-1]]


def compare_values(tamis: str, stream: pathlib.Path, schema: list[str], orders: list[Message]) -> int:
    """Every message as shown by both; the number of differences."""
    ours = bad_records(tamis, stream, schema)
    failed = int(len(ours) != len(orders))
    for index, (record, order) in enumerate(zip(ours, orders)):
        if record != shown(order):
            failed += 1
            print(f"FAIL  message {index + 1}:\n      tamis  {record}\n      python {shown(order)}")
            break
    if failed == 0:
        print(f"ok    {len(orders)} messages shown alike")
    return failed


def compare_damages(
    tamis: str, stream: pathlib.Path, schema: list[str], order_class, messages: list[bytes]
) -> int:
    """Messages that are refused by both; the number of differences."""
    ours = bad_records(tamis, stream, schema)
    report = check(tamis, stream, IMPOSSIBLE, "--max-errors", str(len(messages)), *schema)
    reasons = {sample["row"]: sample["message"] for sample in report["samples"]}
    failed = int(len(ours) != len(messages))
    refused = 0
    for index, (record, message) in enumerate(zip(ours, messages)):
        is_refused = isinstance(record, str)
        try:
            order = order_class.FromString(message)
        except DecodeError:
            refused += 1
            agrees = is_refused
        else:
            # Tamis refuses fields that are of another type than the schema says, where Python passes them over; and numbers
            # of more than 64 bits, of which Python drops the rest, and parsers in other languages do not.
            is_long = "expected a varint" in reasons[index + 1]
            agrees = not is_refused or is_long or has_unknown_fields(order)
        if not agrees:
            failed += 1
            print(f"FAIL  damaged message {index + 1}: tamis refuses: {is_refused}: {message.hex()}")
    if failed == 0:
        print(f"ok    {len(messages)} damaged messages, {refused} refused by both")
    return failed


def main() -> None:
    parser = argparse.ArgumentParser()
    for option in ["--tamis", "--repository"]:
        parser.add_argument(option, required=True)
    arguments = parser.parse_args()
    repository = pathlib.Path(arguments.repository)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        order_class, described = order_type(repository, folder)
        generator = Generator(7)
        orders = [generator.fill(order_class()) for _ in range(MESSAGES)]
        messages = [order.SerializeToString() for order in orders]
        stream = write(folder / "orders.pb", messages)
        written = io.BytesIO()
        for order in orders:
            proto.serialize_length_prefixed(order, written)
        assert written.getvalue() == stream.read_bytes(), "this is how the package writes streams"
        source = repository / "crates/formats/tests/data/orders.proto"
        schemas = [
            ["--proto", str(source), "--message", "Order"],
            ["--descriptor-set", str(described), "--message", "shop.Order"],
        ]
        failed = sum(compare_counts(arguments.tamis, stream, schema, orders) for schema in schemas)
        failed += compare_values(arguments.tamis, stream, schemas[0], orders)
        chance = random.Random(8)
        messages = [damaged(chance, message) for message in messages]
        stream = write(folder / "damaged.pb", messages)
        failed += compare_damages(arguments.tamis, stream, schemas[1], order_class, messages)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
