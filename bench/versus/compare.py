#!/usr/bin/env python3
"""Cairn and its rivals side by side: CPU per command, throughput, latency, memory per item.

    compare.py [--rounds 5] [--load set,get,...] [--items 1000000] [--float] NAME=COMMAND...

`{port}` in a COMMAND becomes a free port. Servers run one at a time and take turns round by round, so
that a drift of the machine falls on all alike. Quote the ratio to the last server named, never an
absolute time of a shared machine.

CPU per command is what the scheduler charged to all threads of the server during a load, divided by
the load's commands; with the server on core 0 and redis-benchmark on core 1 (unless --float). A
load runs once unmeasured before it counts. Memory per item is the growth of resident memory over
--items keys of 16 bytes with values of 64, and again with an expiry. The spread in the table is half
the distance between the lowest and the highest round, in percent of the median.

Loads are redis-benchmark's, or shapes of bench/load (`load` there lists them), which count an operation
as their heads say: a transaction, a move, a command. A load that needs data follows the one that makes it.
"""
import argparse
import json
import os
import shlex
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

# name: commands, pipeline, redis-benchmark's arguments
LOADS = {
    "set": (200_000, 1, ["-t", "set"]),
    "get": (200_000, 1, ["-t", "get"]),
    "set-pipelined": (2_000_000, 16, ["-t", "set"]),
    "get-pipelined": (2_000_000, 16, ["-t", "get"]),
    "incr-pipelined": (2_000_000, 16, ["-t", "incr"]),
    "mset-ten": (100_000, 1, ["-t", "mset"]),
    "mget-ten": (100_000, 1, ["MGET"] + ["key:__rand_int__"] * 10),
}
# Run by bench/load.
SHAPES = ["multi-one-slot", "multi-random", "lpush-pipelined", "lpop-pipelined", "sadd-pipelined", "sismember-pipelined",
          "sinter", "blmove", "hot-keys"]
GENERATOR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../load/target/release/load")
CONNECTIONS = 50
KEYS = 1_000_000
VALUE_BYTES = 64
START_LIMIT_S = 30


class Server:
    """A running server in an empty directory of its own."""

    def __init__(self, command, pinned):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        words = shlex.split(command.replace("{port}", str(self.port)))
        if os.path.exists(words[0]):
            words[0] = os.path.abspath(words[0])
        self.directory = tempfile.mkdtemp(prefix="versus-")
        prefix = ["taskset", "-c", "0"] if pinned else []
        self.process = subprocess.Popen(
            prefix + words, cwd=self.directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.await_ready(command)

    def await_ready(self, command):
        end = time.monotonic() + START_LIMIT_S
        while time.monotonic() < end:
            if self.process.poll() is not None:
                sys.exit(f"`{command}` ended with {self.process.returncode} before it answered")
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                    connection.sendall(b"*1\r\n$4\r\nPING\r\n")
                    if connection.recv(7) == b"+PONG\r\n":
                        return
            except OSError:
                time.sleep(0.05)
        sys.exit(f"`{command}` did not answer in {START_LIMIT_S} s")

    def cpu_ns(self):
        tasks = f"/proc/{self.process.pid}/task"
        total = 0
        for task in os.listdir(tasks):
            with open(f"{tasks}/{task}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
        return total

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def stop(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def generate(port, shape, pinned):
    """Runs one shape of bench/load; as `benchmark`."""
    line = (["taskset", "-c", "1"] if pinned else []) + [GENERATOR, "--port", str(port)] + ([] if pinned else ["--threads", "2"]) + [shape]
    done = subprocess.run(line, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        sys.exit(f"{shape}: {done.stderr[-400:]}")
    found = json.loads(done.stdout)
    rate = found["operations"] / found["seconds"]
    return found["operations"], rate, found["median_ms"], found["high_ms"], found["longest_ms"]


def benchmark(port, load, pinned):
    """Runs one load; its operations, their number per second, and median, 99th percentile and longest wait in ms."""
    if load in SHAPES:
        return generate(port, load, pinned)
    commands, pipeline, arguments = LOADS[load]
    line = ["taskset", "-c", "1"] if pinned else []
    line += ["redis-benchmark", "-h", "127.0.0.1", "-p", str(port), "-c", str(CONNECTIONS)]
    line += ["-n", str(commands), "-P", str(pipeline), "-r", str(KEYS), "-d", str(VALUE_BYTES)]
    line += ["--csv"] + ([] if pinned else ["--threads", "2"]) + arguments
    done = subprocess.run(line, capture_output=True, text=True, timeout=600, check=False)
    rows = [row.replace('"', "").split(",") for row in done.stdout.splitlines() if row.startswith('"')]
    if len(rows) != 2:
        sys.exit(f"redis-benchmark on {load}: {done.stdout[-200:]}{done.stderr[-200:]}")
    row = {name: float(cell) for name, cell in zip(rows[0][1:], rows[1][1:])}
    return commands, row["rps"], row["p50_latency_ms"], row["p99_latency_ms"], row["max_latency_ms"]


def measure_loads(command, loads, pinned):
    server = Server(command, pinned)
    try:
        figures = {}
        for load in loads:
            benchmark(server.port, load, pinned)
            before = server.cpu_ns()
            operations, *rest = benchmark(server.port, load, pinned)
            cost_us = (server.cpu_ns() - before) / 1000 / operations
            figures[load] = (cost_us, *rest)
        return figures
    finally:
        server.stop()


def measure_memory(command, items, expiring, pinned):
    """Resident bytes per item; None where the server refuses the command."""
    server = Server(command, pinned)
    try:
        before = server.resident_bytes()
        value = b"$%d\r\n%s\r\n" % (VALUE_BYTES, b"v" * VALUE_BYTES)
        tail = value + (b"$2\r\nEX\r\n$6\r\n100000\r\n" if expiring else b"")
        head = b"*%d\r\n$3\r\nSET\r\n$16\r\n" % (5 if expiring else 3)
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            replies = connection.makefile("rb")
            for first in range(0, items, 500):
                batch = range(first, min(first + 500, items))
                connection.sendall(b"".join(head + b"key:%012d\r\n" % item + tail for item in batch))
                for _ in batch:
                    if replies.readline() != b"+OK\r\n":
                        return None
        return (server.resident_bytes() - before) / items
    finally:
        server.stop()


def print_loads(servers, loads, samples):
    base = servers[-1][0]
    print(f"| load | server | CPU µs per operation | ratio to {base} | spread % | operations/s | p50 ms | p99 ms | longest ms |")
    print("|---|---|---|---|---|---|---|---|---|")
    for load in loads:
        reference = statistics.median(sample[0] for sample in samples[base, load])
        for name, _ in servers:
            column = list(zip(*samples[name, load]))
            cost = statistics.median(column[0])
            spread = (max(column[0]) - min(column[0])) / 2 / cost * 100
            rps, median_ms, high_ms = (statistics.median(values) for values in column[1:4])
            print(f"| {load} | {name} | {cost:.3f} | {cost / reference:.2f} | {spread:.0f} ", end="")
            print(f"| {rps:.0f} | {median_ms:.3f} | {high_ms:.3f} | {max(column[4]):.1f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("servers", nargs="+", metavar="NAME=COMMAND")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--load", default="set,get,set-pipelined,get-pipelined")
    parser.add_argument("--items", type=int, default=1_000_000, help="0 leaves the memory out")
    parser.add_argument("--float", action="store_true", help="pin nothing; for servers of several cores")
    options = parser.parse_args()
    pinned = not options.float
    loads = options.load.split(",")
    unknown = [load for load in loads if load not in LOADS and load not in SHAPES]
    if unknown:
        sys.exit(f"no load {unknown[0]}; there are {', '.join([*LOADS, *SHAPES])}")
    servers = [tuple(text.split("=", 1)) for text in options.servers]

    samples = {(name, load): [] for name, _ in servers for load in loads}
    for turn in range(options.rounds):
        for name, command in servers:
            print(f"round {turn + 1}: {name}", file=sys.stderr)
            for load, figures in measure_loads(command, loads, pinned).items():
                samples[name, load].append(figures)
    print_loads(servers, loads, samples)
    if options.items:
        print("\n| server | resident bytes per item | with an expiry |\n|---|---|---|")
        for name, command in servers:
            plain = measure_memory(command, options.items, False, pinned)
            expiring = measure_memory(command, options.items, True, pinned)
            cells = ["-" if figure is None else f"{figure:.1f}" for figure in (plain, expiring)]
            print(f"| {name} | {cells[0]} | {cells[1]} |")


if __name__ == "__main__":
    main()
