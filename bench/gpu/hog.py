"""Takes all memory of the card but so many gigabytes, and holds it: `python hog.py LEFT`."""
import sys
import time

import torch

free, total = torch.cuda.mem_get_info()
held = []
take = free - int(float(sys.argv[1]) * 2**30)
while take > 2**20:
    part = min(take, 2**32)
    held.append(torch.empty(part, dtype=torch.uint8, device="cuda"))
    take -= part
print("held", torch.cuda.mem_get_info()[0] / 2**30, "GiB left of", total / 2**30, flush=True)
time.sleep(600)
