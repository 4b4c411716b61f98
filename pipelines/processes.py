"""Work beside the main thread: in processes of its own, which end with their starter, or a thread.

An interrupt is the starter's alone, as the processes would answer it with traces of their own: it
ends them, and so does the failure of one. A process whose starter is gone, even by kill -9, ends by
itself, since nobody waits for its work.
"""

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import Any, TypeVar

Share = TypeVar("Share")
Done = TypeVar("Done")

_TELLING_SECONDS = 0.2

AHEAD = 3
"""Shares for each forked process that are taken before the first of them is done."""

_tell: Callable[[int], None] = lambda _: None  # noqa: E731


def tell(amount: int) -> None:
    """Tell whoever waits for the work of this process that `amount` more of it is done."""
    _tell(amount)


def tell_through(progress: Callable[[int], None]) -> None:
    """Let `progress` have what this process tells."""
    global _tell  # noqa: PLW0603  # a reader in a Beam graph can be handed no callback
    _tell = progress


def run_shares(
    work: Callable[[Share], Done], shares: Sequence[Share], progress: Callable[[int], None]
) -> list[Done]:
    """What `work` gives of each share, in their order, when all are done.

    `progress` is handed what the processes `tell`. Raises what one of them raised,
    ChildProcessError where one died.
    """
    context = get_context("spawn")
    told = context.SimpleQueue()
    pool = ProcessPoolExecutor(len(shares), context, _begin, (told.put,))
    with pool, _failure_ends(BaseProcess.terminate):
        with _interrupts_held():
            running = [pool.submit(work, share) for share in shares]
        unfinished = set(running)
        while unfinished:
            done, unfinished = wait(running, _TELLING_SECONDS, FIRST_EXCEPTION)
            while not told.empty():
                progress(told.get())
            for share in done:
                share.result()
    return [share.result() for share in running]


def map_forked(
    work: Callable[[Share], Done], shares: Iterable[Share], processes: int
) -> Iterator[Done]:
    """What `work` gives of each share, in their order, by processes that inherit `work` as it is.

    Nothing has to be loaded or sent, so that large plans are shared; `shares` may have no end, as
    few are taken ahead of their results. The starter may have no threads that hold locks. Raises
    what one of the processes raised, ChildProcessError where one died.
    """
    pool = ProcessPoolExecutor(processes, get_context("fork"), _inherit, (work,))
    with pool, _failure_ends(BaseProcess.kill):
        running: deque[Future[Done]] = deque()
        for share in shares:
            with _interrupts_held():
                running.append(pool.submit(_do_inherited, share))
            if len(running) > AHEAD * processes:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


@contextmanager
def _failure_ends(end: Callable[[BaseProcess], None]) -> Iterator[None]:
    """Whatever is raised here ends the processes that started here; one that died is told."""
    others = active_children()

    def end_all() -> None:
        for process in active_children():
            if process not in others:
                end(process)

    try:
        yield
    except BrokenProcessPool:
        end_all()
        raise ChildProcessError("a process that shared the work has died") from None
    except BaseException:
        end_all()
        raise


def run_aside(work: Callable[[], Done]) -> Done:
    """What `work` gives, done in a thread of its own; raises what it raised.

    An interrupt is raised here at once. In the midst of `work` a library could take it for a
    failure of its own, as Beam does.
    """
    outcome: Future[Done] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001  # raised again where it is waited for
            outcome.set_exception(error)

    Thread(target=run, daemon=True).start()
    return outcome.result()


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Processes that start now never see an interrupt; one that comes meanwhile is kept for us."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(progress: Callable[[int], None]) -> None:
    tell_through(progress)
    Thread(target=_end_with_starter, daemon=True).start()


_inherited: list[Callable[[Any], Any]] = []
"""In a forked process: the work, as it was when the process was forked."""


def _inherit(work: Callable[[Any], Any]) -> None:
    _inherited[:] = [work]
    Thread(target=_end_with_starter, daemon=True).start()


def _do_inherited(share: Any) -> Any:
    (work,) = _inherited
    return work(share)


def _end_with_starter() -> None:
    starter = parent_process()
    if starter is not None:
        starter.join()
        os._exit(1)
