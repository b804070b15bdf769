"""Connect requests of 44 and 45 bytes for capture.py, as the C library of ZooKeeper 3.4 and any later one send them."""
import socket
import struct
import sys


def read_frame(s):
    head = s.recv(4, socket.MSG_WAITALL)
    return s.recv(struct.unpack(">i", head)[0], socket.MSG_WAITALL)


def main():
    host, port = sys.argv[1].rsplit(":", 1)
    for read_only in (b"", b"\0", b"\1"):
        name = {b"": "-1", b"\0": "0", b"\1": "1"}[read_only]
        print(f"CALL connect zxid=0 timeout=8000 session=0 passwd=16 ro={name}", flush=True)
        with socket.create_connection((host, int(port))) as s:
            body = struct.pack(">iqiqi", 0, 0, 8000, 0, 16) + b"\0" * 16 + read_only
            s.sendall(struct.pack(">i", len(body)) + body)
            answer = read_frame(s)
            print(f"GOT session={struct.unpack('>q', answer[8:16])[0]} timeout=8000", flush=True)


main()
