"""The measuring part of watch.sh: WORK FILES TELL COMPOSE."""

import json
import os
import pathlib
import queue
import re
import subprocess
import sys
import threading
import time

WORK, FILES, TELL, COMPOSE = sys.argv[1:]
WORK, FILES = pathlib.Path(WORK), int(FILES)
TREE, CHANGED, IDLE = WORK / "tree", 2000, 5.0


def make_tree():
    for top, count in (("", FILES), ("node_modules/", FILES // 5)):
        for folder in range(count // 100):
            path = TREE / f"{top}p{folder % 40}/d{folder}"
            path.mkdir(parents=True)
            for n in range(100):
                (path / f"f{n}.py").write_text("x")
    (WORK / ".dockerignore").write_text("**/node_modules\n")
    (WORK / "Dockerfile").write_text("FROM shoal/base:bookworm\n")


class Watcher:
    """A program that watches the tree, and the lines it prints with their times."""

    def __init__(self, command, started):
        self.begun = time.monotonic()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()
        self.start_ms = (self.until(started)[0] - self.begun) * 1000

    def read(self):
        for line in self.process.stdout:
            self.lines.put((time.monotonic(), line))

    def until(self, pattern, longest=120):
        while True:
            try:
                at, line = self.lines.get(timeout=longest)
            except queue.Empty:
                return None
            found = re.search(pattern, line)
            if found:
                return at, found

    def status(self, key):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{key}:\s+(\d+)", text).group(1))

    def ticks(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def watches(self):
        count = 0
        for info in pathlib.Path(f"/proc/{self.process.pid}/fdinfo").iterdir():
            count += info.read_text().count("inotify wd:")
        return count

    def end(self):
        self.process.terminate()
        self.process.wait()


def change():
    for n in range(CHANGED):
        (TREE / f"p{n // 100 % 40}/d{n // 100}/f{n % 100}.py").write_text(f"{time.monotonic()}")


def measure(name, command, started, batch):
    watcher = Watcher(command, started)
    time.sleep(1)
    memory, before = watcher.status("VmRSS") / 1024, watcher.ticks()
    time.sleep(IDLE)
    idle = (watcher.ticks() - before) / os.sysconf("SC_CLK_TCK") / IDLE * 100
    begun = time.monotonic()
    change()
    wrote = (time.monotonic() - begun) * 1000
    batches, seen, late = 0, 0, 0
    while seen < CHANGED:
        told = watcher.until(batch, 20)
        if told is None:
            break
        batches, seen, late = batches + 1, seen + int(told[1].group(1)), (told[0] - begun) * 1000
    print(
        f"{name:10} {watcher.start_ms:8.0f} ms {memory:8.1f} MB {idle:7.1f} % {watcher.watches():9} "
        f"{late:10.0f} ms in {batches} (of {seen}; writing them took {wrote:.0f} ms)"
    )
    watcher.end()


def main():
    make_tree()
    service = {
        "image": "shoal/base:bookworm",
        "build": {"context": str(WORK)},
        "init": True,
        "command": ["sleep", "infinity"],
        "develop": {"watch": [{"path": str(TREE), "target": "/tree", "action": "sync"}]},
    }
    file = WORK / "compose.yaml"
    file.write_text(json.dumps({"name": f"bench-watch-{os.getpid()}", "services": {"app": service}}))
    compose = [COMPOSE, "-f", str(file)]
    subprocess.run([*compose, "up", "-d", "--no-build"], check=True, capture_output=True)
    try:
        print(f"{FILES:,} files  {'start':>8} {'memory':>11} {'idle':>9} {'watches':>9} {CHANGED:,} changes seen after")
        measure("shoal", [TELL, str(TREE)], "^watching", r"^batch of (\d+)")
        measure("compose", [*compose, "watch", "--no-up"], "(?i)watch", r"(\d+) change")
    finally:
        subprocess.run([*compose, "down", "-t", "1"], capture_output=True)


main()
