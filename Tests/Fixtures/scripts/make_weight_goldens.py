"""Golden files for Sources/WeightFiles.

Versions: gguf 0.19.0, safetensors 0.8.0, numpy 2.4.6 (Python 3.11).
Run:      python Tests/Fixtures/scripts/make_weight_goldens.py
Writes:   Tests/Fixtures/weights/{dequantize.safetensors,dequantize-digests.json,upstream.safetensors,metadata.gguf}
"""

import hashlib
import json
import struct
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize
from safetensors.numpy import save_file

FOLDER = Path(__file__).resolve().parent.parent / "weights"
TYPES = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"]


def pseudo_random_bytes(seed: int, count: int) -> np.ndarray:
    """The upper bytes of Knuth's 64-bit linear congruential generator; the Swift test makes the same."""
    state, mask, result = seed, (1 << 64) - 1, bytearray(count)
    for index in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) & mask
        result[index] = state >> 56
    return np.frombuffer(bytes(result), dtype=np.uint8)


def half_bits(value: int) -> list[int]:
    return list(struct.pack("<H", value))


# Half-precision factors that go wrong first: zeros, denormals, the largest, infinities.
SPECIAL_HALVES = [0x0000, 0x8000, 0x0001, 0x83FF, 0x0400, 0x7BFF, 0x7C00, 0xFC00]
# Where the halves of a block lie: (position of d, position of m or dmin or None).
HALVES = {
    "Q4_0": (0, None), "Q4_1": (0, 2), "Q5_0": (0, None), "Q5_1": (0, 2), "Q8_0": (0, None),
    "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208, None),
}


def blocks_of(name: str, seed: int) -> np.ndarray:
    """12 blocks: the first 8 with special factors, the rest random ones without NaN."""
    _, width = GGML_QUANT_SIZES[GGMLQuantizationType[name]]
    blocks = pseudo_random_bytes(seed, 12 * width).reshape(12, width).copy()
    d, m = HALVES[name]
    for index, block in enumerate(blocks):
        for place, shift in ((d, 0), (m, 3)):
            if place is None:
                continue
            if index < 8:
                block[place : place + 2] = half_bits(SPECIAL_HALVES[(index + shift) % 8])
            else:
                block[place + 1] &= 0xBF  # exponent below 16: finite
    return blocks


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    np.seterr(all="ignore")
    tensors, digests = {}, {}
    for seed, name in enumerate(TYPES, start=1):
        kind = GGMLQuantizationType[name]
        block, width = GGML_QUANT_SIZES[kind]
        if name in HALVES:
            blocks = blocks_of(name, seed)
            tensors[f"{name}.blocks"] = blocks
            tensors[f"{name}.values"] = dequantize(blocks, kind).astype(np.float32)
            many = pseudo_random_bytes(1000 + seed, 512 * width).reshape(512, width)
        elif name == "F32":
            many = pseudo_random_bytes(1000 + seed, 512 * width).reshape(1, -1)
        else:
            many = np.arange(65536, dtype=np.uint16).view(np.uint8).reshape(1, -1)  # every bit pattern
        values = dequantize(many, kind).astype(np.float32).copy().view(np.uint32).ravel()
        # Which NaN comes out of NaN + NaN is the processor's business: all NaNs count as one.
        values[(values & 0x7FFFFFFF) > 0x7F800000] = 0x7FC00000
        digests[name] = hashlib.sha256(values.astype("<u4").tobytes()).hexdigest()
    save_file(tensors, FOLDER / "dequantize.safetensors")
    (FOLDER / "dequantize-digests.json").write_text(json.dumps(digests, indent=1) + "\n")

    save_file(
        {
            "b.weight": np.arange(6, dtype=np.float32).reshape(2, 3) / 3,
            "a \"quoted\"\\name\n": np.array([1.5, -0.0], dtype=np.float32),
            "größe": np.zeros((0, 4), dtype=np.float32),
            "scalar": np.array(2.5, dtype=np.float32),
        },
        FOLDER / "upstream.safetensors", metadata={"format": "pt"},
    )

    writer = GGUFWriter(FOLDER / "metadata.gguf", "llama")
    writer.add_uint8("test.uint8", 255)
    writer.add_int8("test.int8", -128)
    writer.add_uint16("test.uint16", 65535)
    writer.add_int16("test.int16", -32768)
    writer.add_uint32("test.uint32", 2**32 - 1)
    writer.add_int32("test.int32", -(2**31))
    writer.add_uint64("test.uint64", 2**64 - 1)
    writer.add_int64("test.int64", -(2**63))
    writer.add_float32("test.float32", 0.1)
    writer.add_float64("test.float64", 0.1)
    writer.add_bool("test.bool", True)
    writer.add_string("test.string", "Grüße, 世界")
    writer.add_array("test.strings", ["", "a", "Ġb"])
    writer.add_array("test.integers", [1, -2, 3])
    writer.add_array("test.floats", [0.5, -1.5])
    writer.add_array("test.booleans", [True, False])
    writer.add_array("test.arrays", [[1, 2], [3]])
    writer.add_tensor("plain", np.arange(6, dtype=np.float32).reshape(2, 3))
    writer.add_tensor(
        "blocks", tensors["Q4_1.blocks"].reshape(3, -1), raw_dtype=GGMLQuantizationType.Q4_1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
