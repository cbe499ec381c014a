"""A copy of a CUDA library with the code of one architecture alone, so that it packs to a fifth of its size.

    python3 bench/gpu/prune.py LIBRARY OUT [ARCHITECTURE]     90 (Hopper) unless given

A fat binary is a header (magic, version, header's size, payload's size) and entries (kind, header's size, payload's size,
architecture at byte 28), as `cuobjdump --list-elf` shows them. Those of kind 2, machine code, that are for the
architecture move to the front, and the header is told of their size alone; the rest is zeroed, which packs to nothing."""
import struct
import sys
from pathlib import Path

MAGIC = struct.pack("<I", 0xBA55ED50)
HEADER = 16
MACHINE_CODE = 2


def entries(data: bytes, begin: int, end: int):
    while begin < end:
        kind, _, header, size = struct.unpack_from("<HHIQ", data, begin)
        (architecture,) = struct.unpack_from("<I", data, begin + 28)
        yield kind, architecture, bytes(data[begin:begin + header + size])
        begin += header + size


def prune(data: bytearray, architecture: int) -> tuple[int, int]:
    """@returns the fat binaries that were cut, and those that hold nothing for the architecture and stay."""
    cut = kept = 0
    at = data.find(MAGIC)
    while at >= 0:
        _, header, size = struct.unpack_from("<HHQ", data, at + 4)
        if header != HEADER or size > len(data) - at:
            at = data.find(MAGIC, at + 4)
            continue
        begin, end = at + header, at + header + size
        body = b"".join(code for kind, arch, code in entries(data, begin, end) if (kind, arch) == (MACHINE_CODE, architecture))
        if body:
            data[begin:end] = body + bytes(size - len(body))
            struct.pack_into("<Q", data, at + 8, len(body))
            cut += 1
        else:
            kept += 1
        at = data.find(MAGIC, end)
    return cut, kept


if __name__ == "__main__":
    source, target, *rest = sys.argv[1:]
    library = bytearray(Path(source).read_bytes())
    cut, kept = prune(library, int(rest[0]) if rest else 90)
    if cut == 0:
        sys.exit(f"{source}: no code for this architecture")
    Path(target).write_bytes(library)
    print(f"{cut} fat binaries cut, {kept} left as they are")
