"""Writes that the kernel carries out after the call: by libaio's system calls and by io_uring. Returns when all are done."""

import ctypes
import mmap
import os
import platform
import struct

libc = ctypes.CDLL(None, use_errno=True)
AIO_SETUP, AIO_DESTROY, AIO_SUBMIT, AIO_GETEVENTS = (206, 207, 209, 208) if platform.machine() == "x86_64" else (0, 1, 2, 4)
URING_SETUP, URING_ENTER = 425, 426
AIO_PWRITE = 1
URING_WRITE = 23
URING_GETEVENTS = 1
SQ_RING, CQ_RING, SQES = 0, 0x8000000, 0x10000000


def call(number, *args):
    result = libc.syscall(ctypes.c_long(number), *args)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"system call {number}")
    return result


class Pieces:
    """Of one buffer that lies on a page, as direct writes want it: (offset in the file, address, length)."""

    def __init__(self, writes):
        self.buffer = mmap.mmap(-1, max(1, sum(len(data) for _, data in writes)))
        self.view = (ctypes.c_char * len(self.buffer)).from_buffer(self.buffer)
        address = ctypes.addressof(self.view)
        self.list = []
        for offset, data in writes:
            self.list.append((offset, address + self.buffer.tell(), len(data)))
            self.buffer.write(data)

    def close(self):
        del self.view
        self.buffer.close()


def check(results, pieces):
    for result, (_, _, length) in zip(results, pieces.list):
        if result < 0:
            raise OSError(-result, "asynchronous write")
        if result != length:
            raise RuntimeError(f"{result} of {length} bytes were written")


def aio_write(fd, writes):
    context = ctypes.c_ulong(0)
    call(AIO_SETUP, ctypes.c_uint(len(writes)), ctypes.byref(context))
    pieces = Pieces(writes)
    try:
        blocks = [
            ctypes.create_string_buffer(struct.pack("<QIIHhIQQqQII", index, 0, 0, AIO_PWRITE, 0, fd, address, length, offset, 0, 0, 0), 64)
            for index, (offset, address, length) in enumerate(pieces.list)
        ]
        table = (ctypes.c_void_p * len(blocks))(*[ctypes.addressof(block) for block in blocks])
        if call(AIO_SUBMIT, context, ctypes.c_long(len(blocks)), table) != len(blocks):
            raise RuntimeError("not all writes were taken")
        results = {}
        while len(results) < len(blocks):
            events = ctypes.create_string_buffer(32 * len(blocks))
            got = call(AIO_GETEVENTS, context, ctypes.c_long(1), ctypes.c_long(len(blocks)), events, None)
            results |= {index: result for index, _, result, _ in struct.iter_unpack("<QQqq", events.raw[: 32 * got])}
        check([results[index] for index in range(len(blocks))], pieces)
    finally:
        call(AIO_DESTROY, context)
        pieces.close()


def uring_write(fd, writes):
    params = ctypes.create_string_buffer(120)
    ring = call(URING_SETUP, ctypes.c_uint(8), params)
    pieces = Pieces(writes)
    try:
        sq_entries, cq_entries = struct.unpack_from("<II", params.raw, 0)
        _, sq_tail, sq_mask, _, _, _, sq_array = struct.unpack_from("<7I", params.raw, 40)
        cq_head, cq_tail, cq_mask, _, _, cqes = struct.unpack_from("<6I", params.raw, 80)
        sq = mmap.mmap(ring, sq_array + 4 * sq_entries, offset=SQ_RING)
        cq = mmap.mmap(ring, cqes + 16 * cq_entries, offset=CQ_RING)
        entries = mmap.mmap(ring, 64 * sq_entries, offset=SQES)
        for index, (offset, address, length) in enumerate(pieces.list):
            struct.pack_into("<BBHiQQIIQ", entries, 64 * index, URING_WRITE, 0, 0, fd, offset, address, length, 0, index)
            struct.pack_into("<I", sq, sq_array + 4 * index, index)
        struct.pack_into("<I", sq, sq_tail, len(pieces.list))
        count = ctypes.c_uint(len(pieces.list))
        call(URING_ENTER, ctypes.c_uint(ring), count, count, ctypes.c_uint(URING_GETEVENTS), None, ctypes.c_size_t(0))
        head, tail = struct.unpack_from("<I", cq, cq_head)[0], struct.unpack_from("<I", cq, cq_tail)[0]
        mask = struct.unpack_from("<I", cq, cq_mask)[0]
        results = dict(struct.unpack_from("<Qi", cq, cqes + 16 * (at & mask)) for at in range(head, tail))
        check([results[index] for index in range(len(pieces.list))], pieces)
        for mapped in (entries, cq, sq):
            mapped.close()
    finally:
        os.close(ring)
        pieces.close()
