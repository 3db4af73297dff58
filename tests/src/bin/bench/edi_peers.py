"""Reads every file of a folder with another reader, and prints how many seconds that took."""

import pathlib
import sys
import time

name, folder = sys.argv[1:]
files = sorted(pathlib.Path(folder).glob("*.edi"))

if name == "edi-x12":
    import pyx12.x12file

    def read(path):
        lines = 0
        with open(path, encoding="ascii") as text:
            for segment in pyx12.x12file.X12Reader(text):
                lines += segment.get_seg_id() == "PO1"
        return lines

else:
    from pydifact.segmentcollection import Interchange

    def read(path):
        lines = 0
        for message in Interchange.from_str(path.read_text("utf-8")).get_messages():
            lines += sum(1 for _ in message.get_segments("LIN"))
        return lines


started = time.perf_counter()
for path in files:
    assert read(path) == 20, path
print(time.perf_counter() - started)
