"""Server processes that we start, wait for, and end by their own id."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

HOST = "127.0.0.1"
START_SECONDS = 180
STOP_SECONDS = 30


class ServiceError(RuntimeError):
    """A service that could not be fetched, started or stopped; the text says what to do."""


@dataclass
class Service:
    """One running server: where it answers, where its files are, and the process we started.

    `address` is `host:port` for Kafka and Flink and a URL for Elasticsearch. As a context
    manager it stops at the end. Its data stays in `folder` and serves the next start there,
    unless the folder was made for this start: then it goes with `stop`.
    """

    name: str
    address: str
    folder: Path
    process: subprocess.Popen[bytes]
    owns_folder: bool = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ask the server to end (SIGTERM), end it after 30 s if it has not, and clean up."""
        end_session(self.process.pid, signal.SIGTERM, self.process.poll)
        if self.owns_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self) -> None:
        """End the server at once (SIGKILL), as a crash would; its folder stays for a restart."""
        end_session(self.process.pid, signal.SIGKILL, self.process.poll)

    def log(self) -> str:
        """The last lines that the server wrote."""
        return last_lines(self.folder / "server.log")


def start(
    name: str,
    address: str,
    folder: Path,
    command: Sequence[str],
    *,
    owns_folder: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Service:
    """Start `command` in `folder`, its output in `server.log` there.

    It leads a session of its own, so that Ctrl-C ends the program that uses the server and
    leaves it the time to stop it.
    """
    with (folder / "server.log").open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env=os.environ | dict(environment or {}),
            start_new_session=True,
        )
    return Service(name, address, folder, process, owns_folder)


def wait_for(service: Service, answers: Callable[[], bool]) -> Service:
    """`service` as soon as it answers; raises ServiceError with its last words if it does not."""
    try:
        _wait(service, answers)
    except BaseException:
        service.stop()
        raise
    return service


def _wait(service: Service, answers: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not answers():
        if (code := service.process.poll()) is not None:
            raise ServiceError(f"{service.name} ended with {code}:\n{service.log()}")
        if time.monotonic() > deadline:
            said = service.log()
            raise ServiceError(f"{service.name} gave no answer in {START_SECONDS} s:\n{said}")
        time.sleep(0.2)


def end_session(leader: int, first: signal.Signals, reap: Callable[[], object]) -> None:
    """Send `first` to the session that process `leader` began; after 30 s, SIGKILL.

    A session, as Elasticsearch is a launcher and the server that it launched. `reap` collects
    the leader where it is a child of this process; else it would count as alive for ever.
    """
    for sent, seconds in ((first, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        deadline = time.monotonic() + seconds
        try:
            os.killpg(leader, sent)
            while time.monotonic() < deadline:
                reap()
                os.killpg(leader, 0)
                time.sleep(0.05)
        except ProcessLookupError:
            return
    raise ServiceError(f"process {leader} did not end within {STOP_SECONDS} s of SIGKILL")


def began_at(pid: int) -> str | None:
    """When process `pid` began, in clock ticks since boot; with the id it names one process."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return fields[19]
    return None


def free_port() -> int:
    """A port that nothing listened on just now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def claim_port(port: int | None) -> int:
    """`port`, or a free one; raises ServiceError where something listens there already.

    Without this a server that cannot bind would seem to be up, as the other one answers.
    """
    if port is not None and port_open(f"{HOST}:{port}"):
        raise ServiceError(f"port {port} is taken: stop what listens there, or choose another")
    return port or free_port()


def port_open(address: str) -> bool:
    """Whether something listens at `address`, `host:port`."""
    host, port = address.split(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1):
            return True
    except OSError:
        return False


def last_lines(path: Path, lines: int = 20) -> str:
    """The last `lines` lines of a text file, or nothing where there is none."""
    with suppress(OSError):
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    return ""
