"""The measuring part of reload.sh: WORK LANGUAGES SAVES IMAGE SHOAL COMPOSE."""

import http.client
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time

WORK, LANGUAGES, SAVES, IMAGE, SHOAL, COMPOSE = sys.argv[1:]
WORK, SAVES = pathlib.Path(WORK), int(SAVES)
# A way that has not shown the new code by then never does.
LONGEST = 8.0
STOPPED = []
IMAGE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
STACK = f"bench-reload-{os.getpid()}"

PYTHON = """import os, signal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
VERSION = "%s"
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(VERSION.encode())
    def log_message(self, *args):
        pass
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
ThreadingHTTPServer(("", int(os.environ.get("PORT", "8000"))), Handler).serve_forever()
"""
NODE = """const version = "%s";
process.on("SIGTERM", () => process.exit(0));
require("http").createServer((_, answer) => answer.end(version)).listen(+(process.env.PORT || 8000));
"""
PROGRAMS = {
    "python": ("app.py", PYTHON, ["python3"], ["watchmedo", "auto-restart", "--patterns=*.py", "--directory=/app", "--", "python3"]),
    "node": ("app.js", NODE, ["node"], ["node", "--watch"]),
}


def run(*args, **options):
    done = subprocess.run(args, capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(args)}\n{done.stdout}{done.stderr}")
    return done.stdout


def answer(port):
    """What the service says, or nothing while it does not."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()
    except OSError:
        return None
    except http.client.HTTPException:
        return None
    finally:
        connection.close()


def wait_for(port, version):
    begun = time.monotonic()
    while answer(port) != version:
        if time.monotonic() - begun > LONGEST:
            return False
        time.sleep(0.001)
    return True


class Way:
    """One way from a save to new code, for one language."""

    def __init__(self, language, name):
        self.language, self.name, self.ms = language, name, []
        self.file, self.text, self.command, self.reloader = PROGRAMS[language]
        self.folder = WORK / f"{name}-{language}"
        self.folder.mkdir()
        self.write("first")
        self.port = None

    def write(self, version):
        (self.folder / self.file).write_text(self.text % version)

    def after_save(self):
        pass

    def measure(self, version):
        begun = time.monotonic()
        self.write(version)
        self.after_save()
        seen = wait_for(self.port, version)
        self.ms.append((time.monotonic() - begun) * 1000 if seen else LONGEST * 1000)


class ByHand(Way):
    """A process of this machine, ended and started again: the same program as in the containers, since it sees the
    image's files, and nothing else of a container."""

    def __init__(self, language, port):
        super().__init__(language, "by-hand")
        self.port = port
        mount = f"{self.folder}:/app"
        self.files = run("docker", "run", "-d", "--init", "-v", mount, IMAGE, "sleep", "infinity").strip()
        pid = run("docker", "inspect", "-f", "{{.State.Pid}}", self.files).strip()
        self.command = ["nsenter", "-t", pid, "--mount", "--", *self.command, f"/app/{self.file}"]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, env=os.environ | {"PORT": str(self.port), "PATH": IMAGE_PATH})

    def after_save(self):
        self.end()
        self.start()

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def close(self):
        self.end()
        run("docker", "rm", "-f", self.files)


class BindAndRestart(Way):
    """A container with the folder mounted, and `docker restart`."""

    def __init__(self, language):
        super().__init__(language, "bind-restart")
        command = [*self.command, f"/app/{self.file}"]
        mount = f"{self.folder}:/app"
        self.id = run("docker", "run", "-d", "--init", "-p", "127.0.0.1::8000", "-v", mount, IMAGE, *command).strip()
        self.look()

    def look(self):
        self.port = int(run("docker", "port", self.id, "8000").strip().rsplit(":", 1)[1])

    def after_save(self):
        run("docker", "restart", self.id)
        self.look()

    def close(self):
        run("docker", "rm", "-f", self.id)


class Stacks:
    """Shoal's stack and Compose's, with a service for each way and language."""

    def __init__(self, languages, first_port):
        self.ways, self.compose_services, manifest = [], {}, f'name = "{STACK}"\n'
        for number, language in enumerate(languages):
            shoal = Way(language, "shoal")
            shoal.port = first_port + number
            manifest += self.shoal_service(shoal)
            self.ways.append(shoal)
            for offset, action in ((10, "sync+restart"), (20, "sync")):
                way = Way(language, f"compose-{action}")
                way.port = first_port + offset + number
                self.compose_services[way.folder.name.replace("+", "-")] = self.compose_service(way, action)
                self.ways.append(way)
        self.manifest = WORK / "services.toml"
        self.manifest.write_text(manifest)
        self.compose_file = WORK / "compose.yaml"
        self.compose_file.write_text(json.dumps({"name": f"{STACK}-compose", "services": self.compose_services}))
        self.environment = os.environ | {"SHOAL_STATE_DIR": str(WORK / "state")}

    @staticmethod
    def shoal_service(way):
        (way.folder / "Dockerfile").write_text(f"FROM {IMAGE}\nCOPY {way.file} /app/\n")
        command = json.dumps([*way.command, f"/app/{way.file}"])
        return (
            f'[services.{way.language}]\nbuild = "{way.folder.name}"\ncommand = {command}\nports = ["{way.port}:8000"]\n'
            f'reload = [{{ watch = "{way.folder.name}/{way.file}", to = "/app/{way.file}", then = "restart" }}]\n'
        )

    @staticmethod
    def compose_service(way, action):
        (way.folder / "Dockerfile").write_text(f"FROM {IMAGE}\nCOPY {way.file} /app/\n")
        image = f"{STACK}-{way.folder.name}".replace("+", "-")
        run("docker", "build", "-q", "-t", image, str(way.folder), env=os.environ | {"DOCKER_BUILDKIT": "0"})
        command = way.command if action == "sync+restart" else way.reloader
        return {
            "image": image,
            "build": {"context": str(way.folder)},
            "init": True,
            "command": [*command, f"/app/{way.file}"],
            "ports": [f"127.0.0.1:{way.port}:8000"],
            "develop": {"watch": [{"path": str(way.folder / way.file), "target": f"/app/{way.file}", "action": action}]},
        }

    def shoal(self, *args):
        return run(SHOAL, "-f", str(self.manifest), *args, env=self.environment)

    def compose(self, *args):
        return run(COMPOSE, "-f", str(self.compose_file), *args)

    def start(self):
        self.shoal("up", "-d")
        self.compose("up", "-d", "--no-build")
        log = open(WORK / "compose.log", "w")
        command = [COMPOSE, "-f", str(self.compose_file), "watch", "--no-up"]
        self.watching = subprocess.Popen(command, stdout=log, stderr=log)

    def end(self):
        self.watching.send_signal(signal.SIGTERM)
        self.watching.wait()
        self.compose("down", "-t", "1")
        self.shoal("down", "--all", "--volumes")
        images = run("docker", "images", "--format", "{{.Repository}}", "--filter", f"reference={STACK}-*").split()
        run("docker", "rmi", "-f", *images)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def report(languages, ways, events):
    print(f"{'':8} {'way':22} {'median':>10} {'p90':>10} {'of ours':>8}   ({len(ways[0].ms)} saves each)")
    for language in languages:
        of_language = [way for way in ways if way.language == language]
        ours = next(statistics.median(way.ms) for way in of_language if way.name == "shoal")
        for way in sorted(of_language, key=lambda way: statistics.median(way.ms)):
            median = statistics.median(way.ms)
            late = sum(ms >= LONGEST * 1000 for ms in way.ms)
            note = f"   {late} of {len(way.ms)} never seen" if late else ""
            print(f"{language:8} {way.name:22} {median:7.0f} ms {percentile(way.ms, 0.9):7.0f} ms {median / ours:7.2f}x{note}")
        told = [e["ms"] for e in events if e["kind"] == "reload" and e.get("service") == language and e["ok"]]
        if not told:
            print(f"{language:8} no batch of shoal's worked: see `shoal events`")
            continue
        own = [ms["total"] - ms["ready"] - ms["restart"] for ms in told]
        phases = ", ".join(f"{p} {statistics.median(ms[p] for ms in told):.1f}" for p in ("detect", "send", "apply", "restart", "ready"))
        print(f"{language:8} {'shoal, all but end and start of the process':43} {statistics.median(own):5.1f} ms {percentile(own, 0.9):7.1f} ms   (medians: {phases})")


def main():
    # Whoever stops it sees what was measured so far, and nothing is left behind.
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: STOPPED.append(True))
    languages = list(PROGRAMS) if LANGUAGES == "all" else [LANGUAGES]
    first_port = 20000 + os.getpid() % 400 * 100
    stacks = Stacks(languages, first_port)
    stacks.start()
    others = [ByHand(language, first_port + 30 + n) for n, language in enumerate(languages)]
    try:
        others += [BindAndRestart(language) for language in languages]
        ways = stacks.ways + others
        for way in ways:
            if not wait_for(way.port, "first"):
                sys.exit(f"{way.name} with {way.language} does not answer")
        # One save of each before it counts: ways are opened, caches filled.
        for save in range(SAVES + 1):
            for way in ways:
                # One that missed two saves in a row, as watchers of single files do, is not waited for again.
                if way.ms[-2:] != [LONGEST * 1000] * 2:
                    way.measure(f"version {save}")
                    time.sleep(0.3)
            if STOPPED:
                break
        for way in ways:
            del way.ms[0]
        report(languages, ways, [json.loads(line) for line in stacks.shoal("events", "--json").splitlines()])
    finally:
        for way in others:
            way.close()
        stacks.end()


main()
