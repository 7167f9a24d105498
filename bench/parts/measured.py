"""What is measured of a server: its CPU with all its children, its peak memory, and what the load says of its messages."""

import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

BENCH = pathlib.Path(__file__).resolve().parent.parent
ROOT = BENCH.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
BUILT = TARGET / "bench"
TICK = 1e6 / os.sysconf("SC_CLK_TCK")


def output(*words, **options):
    return subprocess.run(words, check=True, capture_output=True, text=True, **options).stdout.strip()


def apxs(*words, **options):
    return output(shutil.which("apxs") or shutil.which("apxs2"), *words, **options)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Group:
    """A control group, which counts the CPU of all that ever ran in it. /proc misses children that nobody waits for, as those of mod_cgid,
    which ignores SIGCHLD."""

    ROOTS = (("/sys/fs/cgroup/cpuacct", "cpuacct.usage", 1e-3), ("/sys/fs/cgroup", "cpu.stat", 1))

    def __init__(self):
        self.folder = None
        for root, usage, unit in self.ROOTS:
            folder = pathlib.Path(tempfile.mktemp(prefix="bench.", dir=root))
            try:
                folder.mkdir()
            except OSError:
                continue
            if (folder / usage).exists():
                self.folder, self.usage, self.unit = folder, usage, unit
                return
            folder.rmdir()

    def words(self, words):
        """The command, run inside."""
        if not self.folder:
            return words
        return ("sh", "-c", f'echo $$ > {self.folder}/cgroup.procs && exec "$@"', "sh", *words)

    def cpu(self):
        return int((self.folder / self.usage).read_text().split()[1 if self.unit == 1 else 0]) * self.unit

    def close(self):
        for _ in range(100 if self.folder else 0):
            try:
                return self.folder.rmdir()
            except OSError:
                time.sleep(0.05)


class Tree:
    """A process and all below it: CPU with reaped children (proc(5), stat), peak resident memory of the largest one."""

    def __init__(self, root, group):
        self.root, self.group = root, group

    def stats(self):
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    words = (entry / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                found[int(entry.name)] = (int(words[1]), sum(map(int, words[11:15])))
        mine, grown = {self.root}, True
        while grown:
            more = {pid for pid, (parent, _) in found.items() if parent in mine} - mine
            mine, grown = mine | more, bool(more)
        return {pid: found[pid][1] for pid in mine if pid in found}

    def cpu(self):
        return self.group.cpu() if self.group.folder else sum(self.stats().values()) * TICK

    def each(self, field, combine):
        sizes = []
        for pid in self.stats():
            try:
                lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
            except OSError:
                continue
            sizes += [int(line.split()[1]) / 1024 for line in lines if line.startswith(field)]
        return combine(sizes, default=0)

    def forget_peak(self):
        for pid in self.stats():
            try:
                pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")
            except OSError:
                pass

    def peak(self):
        return self.each("VmHWM", max)


class Sample:
    def __init__(self, line, cpu, peak):
        messages, wall, p50, p99, errors = line.split()[:5]
        self.messages, self.errors = int(messages), int(errors)
        self.rate = self.messages / float(wall)
        self.p50, self.p99, self.peak = float(p50), float(p99), peak
        self.cpu = cpu / self.messages if self.messages else float("nan")


def median(values):
    values = [value for value in values if value == value]
    return statistics.median(values) if values else float("nan")


def number(value, digits=0):
    return "-" if value != value else f"{value:,.{digits}f}"
