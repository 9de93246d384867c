"""Encodes one message of each kind by the rules of protobuf and the numbers in protos/, without protobuf-c.

Python >= 3.9, standard library only; protobuf wire format as in
https://protobuf.dev/programming-guides/encoding/ (proto3: fields that equal zero are left out, lists are packed).

usage: python make_messages.py ../messages/golden.json
"""

import json
import struct
import sys


def varint(value):
    out = bytearray()
    while True:
        out.append(value & 0x7F | (0x80 if value > 0x7F else 0))
        value >>= 7
        if value == 0:
            return bytes(out)


def number(field, value):  # uint32, uint64, int64 >= 0, bool, enum
    return varint(field << 3) + varint(int(value)) if value else b""


def fixed64(field, value):
    return varint(field << 3 | 1) + struct.pack("<Q", value) if value else b""


def fixed32(field, value):
    return varint(field << 3 | 5) + struct.pack("<I", value) if value else b""


def double(field, value):
    return fixed64(field, struct.unpack("<Q", struct.pack("<d", value))[0])


def float32(field, value):
    return fixed32(field, struct.unpack("<I", struct.pack("<f", value))[0])


def message(field, content):  # present even when empty
    return varint(field << 3 | 2) + varint(len(content)) + content


def blob(field, content):
    if isinstance(content, str):
        content = content.encode()
    return message(field, content) if content else b""


def packed(field, values):
    return message(field, b"".join(varint(v) for v in values)) if values else b""


HEADER = (
    fixed32(1, 3) + fixed64(2, 0x0123456789ABCDEF) + number(3, 3) + number(4, 300) + number(5, 70000) + number(6, 2)
)
DIGEST = bytes(range(32))
KEY = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"

NUMERICS = blob(1, "OpenBLAS 0.3.21") + blob(2, "Haswell") + blob(3, "vector")
HELD = fixed64(1, 0x0123456789ABCDEF) + number(2, 69999) + blob(3, DIGEST) + number(4, 1) + blob(6, DIGEST[::-1]) + double(7, 0.75)
REGISTRATION = (
    blob(1, "0.1.0") + blob(2, "höst") + number(3, 4242) + blob(4, "ab" * 32) + message(5, NUMERICS) + number(6, 8)
    + blob(7, "tcp://10.0.0.2:40111") + blob(8, KEY)
)
PLAN = (
    number(1, 4) + number(2, 65536) + packed(3, [1, 300, 0])
    + message(4, blob(2, "ipc:///tmp/0"))
    + message(4, number(1, 1) + blob(2, "tcp://10.0.0.2:1") + blob(3, KEY) + packed(4, [0, 1]))
    + message(4, number(1, 300) + packed(4, [2, 3]))
)
CHUNK = number(1, 2) + number(2, 1) + number(3, 7) + number(4, 2) + fixed32(5, 0x01020304)
STATE_CHUNK = (
    number(1, 3) + number(2, 5000000000) + number(3, 2) + number(4, 5000000002) + fixed32(5, 0x01020304)
    + number(6, 1) + blob(7, DIGEST)
)

BODIES = {
    "registration": (16, REGISTRATION),
    "registration_held": (16, REGISTRATION + message(9, HELD)),
    "state_loaded": (17, blob(1, DIGEST)),
    "leaf_computed": (18, number(1, 5) + double(2, -0.0) + number(3, 123456789012) + double(4, 0.125) + number(5, 1)),
    "prepared": (
        19,
        blob(1, DIGEST) + double(2, 1.5) + double(3, 0.25) + double(4, 0.0625) + number(5, 1 << 40) + number(6, 77)
        + number(7, 1 << 33),
    ),
    "applied": (20, blob(1, DIGEST) + double(2, 3.0)),
    "evaluated": (
        21,
        number(1, 6) + message(2, struct.pack("<dd", 1.5, -0.0)) + packed(3, [0, 200]) + packed(4, [7, 0]),
    ),
    "evaluated_classes": (
        21,
        number(1, 6) + message(2, struct.pack("<dd", 1.5, 2.5)) + packed(3, [1, 1]) + packed(4, [1, 0])
        + packed(5, [3, 0]),
    ),
    "leave": (22, blob(1, "going") + number(2, 1)),
    "exchange_stalled": (26, packed(1, [3, 300]) + packed(2, [4])),
    "welcome": (
        32,
        number(1, 2) + blob(2, "base: x\n") + blob(3, "{}") + double(4, 1.0) + double(5, 5.0) + double(6, 600.0)
        + number(7, 1 << 20),
    ),
    "refusal": (33, number(1, 3) + blob(2, "other kernels")),
    "assignment": (34, message(1, PLAN) + packed(2, [2, 3])),
    "assignment_follows": (34, message(1, PLAN) + number(3, 1)),
    "commit": (
        35,
        blob(1, DIGEST) + number(2, 4096) + float32(3, 2e-4) + float32(4, 0.1) + float32(5, 0.001) + number(6, 1),
    ),
    "abort": (36, blob(1, "worker 3 is lost")),
    "evaluation_assignment": (37, packed(1, [0, 128])),
    "snapshot_request": (38, b""),
    "finish": (39, blob(1, "done")),
    "status_request": (31, b""),
    "status_report": (
        47,
        blob(1, "computing") + number(2, 70000) + number(3, 90000) + number(4, 2) + double(5, 1.25)
        + double(6, 5000.0) + double(7, 0.5) + number(8, 1 << 40) + number(9, 77)
        + message(10, number(1, 300) + blob(2, "höst") + number(3, 4242) + number(4, 8) + number(5, 5)
                  + double(6, 12.5) + double(7, 40.0) + blob(8, "3.1 times"))
        + message(10, number(1, 1) + number(5, 7))
        + message(10, blob(2, "new") + number(3, 77) + number(5, 8) + number(9, 1 << 33) + number(10, 1 << 34)),
    ),
    "state_chunk": (48, STATE_CHUNK),
    "heartbeat": (49, number(1, 9)),
    "error_report": (50, number(1, 65) + blob(2, "bad row")),
    "leaf_release": (54, packed(1, [7, 200])),
    "base_request": (27, b""),
    "base_request_gives": (27, number(1, 1)),
    "base_progress": (
        28,
        blob(1, DIGEST) + blob(2, "tcp://10.0.0.2:40112") + blob(3, KEY) + blob(4, bytes([0xFF, 0x03]))
        + message(5, number(1, 300) + number(2, 3) + number(3, 7)) + message(5, number(2, 1))
        + blob(6, "new") + number(7, 77),
    ),
    "base_manifest": (
        40,
        blob(1, "ab" * 32) + number(2, 4)
        + message(3, blob(1, "model.gguf") + number(2, 5) + blob(3, DIGEST + DIGEST[::-1]))
        + message(3, blob(1, "vocab.txt")),
    ),
    "base_sources": (
        41,
        message(1, number(1, 2) + blob(2, "tcp://10.0.0.3:40112") + blob(3, KEY) + packed(4, [0, 300])),
    ),
    "base_chunk_request": (55, number(1, 300)),
    "base_chunk": (56, number(1, 300) + number(2, 4)),
    "partial": (64, CHUNK),
    "reduced": (65, CHUNK),
}

with open(sys.argv[1], "w") as file:
    json.dump({name: (HEADER + message(*body)).hex() for name, body in BODIES.items()}, file, indent=1)
    file.write("\n")
