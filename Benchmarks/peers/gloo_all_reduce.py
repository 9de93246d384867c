#!/usr/bin/env python3
"""The peer of Benchmarks/all-reduce: one rank of torch.distributed's all_reduce over gloo.

Each round is a barrier and then an all_reduce of --floats floats. Rank 0 prints one JSON line: of each counted round the
slowest rank's time, median and minimum (the first two are not counted).
"""
import argparse
import json
import os
import time

import torch
import torch.distributed as dist

options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
options.add_argument("--rank", type=int, required=True)
options.add_argument("--world", type=int, required=True)
options.add_argument("--master", required=True, help="rank 0's address")
options.add_argument("--interface", default="eth0")
options.add_argument("--floats", type=int, default=2_442_240)
options.add_argument("--rounds", type=int, default=22)
a = options.parse_args()

os.environ.update(MASTER_ADDR=a.master, MASTER_PORT="29500", GLOO_SOCKET_IFNAME=a.interface)
torch.set_num_threads(1)
dist.init_process_group("gloo", rank=a.rank, world_size=a.world)
gradient = torch.ones(a.floats)
seconds = []
for _ in range(a.rounds):
    gradient.fill_(1)
    dist.barrier()
    began = time.perf_counter()
    dist.all_reduce(gradient)
    seconds.append(time.perf_counter() - began)
    assert gradient[0].item() == a.world and gradient[-1].item() == a.world
slowest = torch.tensor(seconds, dtype=torch.float64)
dist.all_reduce(slowest, op=dist.ReduceOp.MAX)
if a.rank == 0:
    counted = sorted(slowest[2:].tolist())
    print(json.dumps({"workers": a.world, "floats": a.floats, "rounds": len(counted),
                      "reduce_seconds_median": counted[len(counted) // 2], "reduce_seconds_minimum": counted[0]}))
dist.destroy_process_group()
