"""python -m engines.split [--port PORT] [--folder FOLDER]

The split topology on this machine: MongoDB, Kafka and Valkey, and on them each service in processes of its
own behind two gateways. Ctrl-C or SIGTERM stops everything, SIGHUP starts one process after the other anew.
What was sold is there again the next time.
"""

import argparse
import asyncio
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from engines import PROGRAMS, ROOT
from engines.packages import Missing
from engines.readiness import complaint
from engines.record import Entry, alone, read, write
from engines.server import free_port, is_free
from engines.standing import Standing
from engines.worker import DoesNotStart, Worker
from houseful.settings import own_environment

COPIES = {"gateway": 2, "users": 1, "events": 1, "tickets": 2, "payments": 1, "line": 1}
HOUSEFUL = (sys.executable, "-m", "houseful")
ENGINES_PAUSE_SECONDS = 1.0
LOOK_SECONDS = 0.1
LEFT_BEHIND_SECONDS = 30.0


class Split:
    """A platform of separate processes. Its folder keeps the engines' data, the logs and, beside it in
    `FOLDER.env`, the settings and keys of the installation."""

    def __init__(self, folder: Path, port: int, urls: Mapping[str, str] | None = None) -> None:
        """The first gateway listens on `port`. With `urls`, the settings that name engines which run already,
        none are started."""
        self._folder = folder.resolve()
        self._port = port
        self._urls = urls
        self._engines = Standing(self._folder)
        self._record = self._folder / "platform.json"
        self._ports: dict[str, int] = {}
        self._workers: dict[str, Worker] = {}
        self._roll = asyncio.Event()

    @property
    def environment_file(self) -> Path:
        return self._folder.with_name(f"{self._folder.name}.env")

    async def run(self) -> None:
        """Start everything and keep it running, for ever. Raises `Missing`, `RuntimeError` and
        `DoesNotStart`; `stop` has to be called in any case."""
        await asyncio.to_thread(self._clear_up)
        if not is_free(self._port):
            raise Missing(f"port {self._port} is in use: stop what listens there, or choose another port")
        urls = self._urls
        if urls is None:
            urls = await asyncio.to_thread(self._engines.start, _say)
        self._choose_ports()
        environment = await asyncio.to_thread(self._write_environment, urls)
        logs = self._folder / "run/log"
        logs.mkdir(parents=True, exist_ok=True)
        for name, port in self._ports.items():
            part = name.partition("-")[0]
            command = [*HOUSEFUL, "serve", part, "--host", "127.0.0.1", "--port", str(port)]
            log = logs / f"{name}.log"
            log.write_text("")
            own = own_environment(os.environ | environment, [part])
            self._workers[name] = Worker(name, command, own, log, say=_say, on_change=self._write_record)
        _say(f"→ {len(self._workers)} processes of the platform")
        await asyncio.gather(*(worker.start() for worker in self._workers.values()))
        keepers = [worker.keep() for worker in self._workers.values()]
        await asyncio.gather(self._say_when_up(), self._keep_rolling(), self._keep_engines(), *keepers)

    def roll(self) -> None:
        """Soon, each process is ended in order and started again, one after the other."""
        self._roll.set()

    async def stop(self) -> None:
        """The gateways first, which answer what they have begun; then what stands behind them."""
        workers = self._workers.values()
        gateways = [worker for worker in workers if worker.name.startswith("gateway")]
        await asyncio.gather(*(worker.stop() for worker in gateways))
        await asyncio.gather(*(worker.stop() for worker in workers if worker not in gateways))
        self._write_record()
        if workers:
            _say(f"platform: {len(workers)} processes stopped")
        if self._urls is None:
            await asyncio.to_thread(self._engines.stop, _say)

    def kill(self) -> None:
        """Nobody waits for the platform any more. The engines are still stopped in order."""
        for worker in self._workers.values():
            worker.kill()

    async def _say_when_up(self) -> None:
        """As soon as all reach each other, which they look at once a second: what is asked before that may be
        put off."""
        for name in self._ports:
            while await asyncio.to_thread(  # noqa: ASYNC110 - it tells only who asks
                complaint, self._url_of(name), without=("bus", "coordination")
            ):
                await asyncio.sleep(LOOK_SECONDS)
        self._describe()

    async def _keep_rolling(self) -> None:
        while True:
            await self._roll.wait()
            self._roll.clear()
            _say("rolling: each process is started anew, one after the other")
            for worker in self._workers.values():
                await worker.roll()
            _say("rolled")

    async def _keep_engines(self) -> None:
        while self._urls is None:
            await asyncio.sleep(ENGINES_PAUSE_SECONDS)
            if dead := self._engines.dead():
                _say(f"{', '.join(dead)} ended, and is started again")
                await asyncio.to_thread(self._engines.start, _say)

    def _clear_up(self) -> None:
        """End what a run that was killed has left behind: it would work on, unattended."""
        left = {name: entry.life for name, entry in read(self._record).items() if entry.life}
        for name, life in left.items():
            if life.goes_on():
                _say(f"{name}: stopping process {life.pid}, which an earlier run has left behind")
                life.send(signal.SIGTERM)
        for life in left.values():
            life.end(signal.SIGTERM, patience_seconds=LEFT_BEHIND_SECONDS)

    def _choose_ports(self) -> None:
        """Those of the last time where they are free, so that settings in somebody's shell stay true."""
        known = {name: entry.port for name, entry in read(self._record).items()}
        known |= {"gateway-1": self._port, "gateway-2": self._port + 1}
        taken = set[int]()
        for part, copies in COPIES.items():
            for number in range(1, copies + 1):
                name = f"{part}-{number}"
                port = known.get(name, 0)
                while not port or port in taken or not is_free(port):
                    port = free_port()
                taken.add(port)
                self._ports[name] = port

    def _write_environment(self, urls: Mapping[str, str]) -> dict[str, str]:
        keys = _parsed(_houseful("keys"))
        kept = _parsed(self.environment_file.read_text()) if self.environment_file.exists() else {}
        environment = {
            **urls,
            **{f"HOUSEFUL_{part.upper()}_URL": ",".join(self._urls_of(part)) for part in COPIES},
            "HOUSEFUL_PUBLIC_URL": self._urls_of("gateway")[0],
            "HOUSEFUL_DATA": str(self._folder / "data"),
            "HOUSEFUL_MAIL_URL": "folder:",
            **{name: kept.get(name, key) for name, key in keys.items()},
        }
        lines = [f"{name}={shlex.quote(value)}\n" for name, value in environment.items()]
        draft = self.environment_file.with_suffix(".unfinished")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"# The split installation in {self._folder}. Load it with: {self._load()}\n")
            file.writelines(lines)
        draft.replace(self.environment_file)
        return environment

    def _urls_of(self, part: str) -> list[str]:
        return [self._url_of(name) for name in self._ports if name.partition("-")[0] == part]

    def _write_record(self) -> None:
        if self._workers:
            write(
                self._record,
                {name: Entry(self._ports[name], worker.life) for name, worker in self._workers.items()},
            )

    def _describe(self) -> None:
        _say("")
        _say(f"{'process':<12}{'address':<26}{'pid':<9}log")
        for name, worker in self._workers.items():
            pid = worker.life.pid if worker.life else "-"
            _say(f"{name:<12}{self._url_of(name):<26}{pid:<9}{_short(worker.log)}")
        _say("")
        _say(f"Houseful is up: {self._urls_of('gateway')[0]}")
        _say(f"For houseful check, doctor, create-admin: {self._load()}")
        _say(f"Ctrl-C stops everything; kill -HUP {os.getpid()} starts each process anew.")

    def _url_of(self, name: str) -> str:
        return f"http://127.0.0.1:{self._ports[name]}"

    def _load(self) -> str:
        return f"set -a; . {shlex.quote(_short(self.environment_file))}; set +a"


def _houseful(command: str) -> str:
    return subprocess.run([*HOUSEFUL, command], check=True, stdout=subprocess.PIPE, text=True).stdout


def _parsed(text: str) -> dict[str, str]:
    """Lines of NAME=VALUE, as a shell reads them."""
    lines = shlex.split(text, comments=True)
    return dict(line.split("=", 1) for line in lines)


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) and Path.cwd() == ROOT else str(path)


def _say(line: str) -> None:
    print(line, flush=True)


async def serve(split: Split) -> int:
    """Until a signal; the second one does not wait. Returns the exit code."""
    loop = asyncio.get_running_loop()
    asked, asked_again = asyncio.Event(), asyncio.Event()

    def interrupt() -> None:
        (asked_again if asked.is_set() else asked).set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    loop.add_signal_handler(signal.SIGHUP, split.roll)
    running = asyncio.create_task(split.run())
    code = 0
    try:
        await _either(running, asked)
        running.cancel()
        await running
    except asyncio.CancelledError:
        pass
    except (Missing, RuntimeError, DoesNotStart) as error:
        _say(str(error))
        code = 1
    finally:
        asked.set()
        _say("stopping; Ctrl-C now does not wait for what is under way")
        stopping = asyncio.create_task(split.stop())
        await _either(stopping, asked_again)
        if not stopping.done():
            split.kill()
        await stopping
    return code


async def _either(task: "asyncio.Task[None]", event: asyncio.Event) -> None:
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m engines.split", description="The split on this machine.")
    parser.add_argument("--port", type=int, default=8000, help="of the first gateway; 8000")
    parser.add_argument("--folder", type=Path, default=PROGRAMS / "split", help="of data and logs")
    for name in ("store", "bus", "coordination"):
        parser.add_argument(f"--{name}-url", help="of an engine that runs already; all three or none")
    options = parser.parse_args()
    urls = {
        f"HOUSEFUL_{name.upper()}_URL": url
        for name in ("store", "bus", "coordination")
        if (url := getattr(options, f"{name}_url"))
    }
    if len(urls) not in (0, 3):
        parser.error("name all three engines or none")
    try:
        with alone(options.folder / "split.lock", wait=False):
            return await serve(Split(options.folder, options.port, urls or None))
    except Missing as error:
        _say(str(error))
        return 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
