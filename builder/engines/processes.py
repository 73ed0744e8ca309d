"""Units side by side in processes of this machine, for stages whose models run on its CPU.

Workers are started afresh (spawn), so that none inherits a library's threads or locks. A script
that builds with this engine keeps its own work under `if __name__ == "__main__":`.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from builder.engines.base import Engine, EngineSettings
from builder.engines.in_process import InProcess
from builder.errors import BuilderError

if TYPE_CHECKING:
    from builder.unit import Made, Watch

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class ProcessesSettings(EngineSettings):
    """Units side by side in processes; each loads the models of its stage for itself."""

    kind: Literal["processes"] = "processes"
    workers: int = Field(ge=1, description="processes, each with models of its own in memory")
    threads: int = Field(
        1, ge=1, description="of a worker, whatever their number: sums are in the same order"
    )

    def start(self) -> AbstractContextManager[Engine]:
        """As in `EngineSettings`."""
        return Processes(self.workers, self.threads)


class Processes:
    """Workers that stay from the first stage that needs them to the end of the run."""

    def __init__(self, workers: int, threads: int) -> None:
        self.workers = workers
        self.threads = threads
        self._pool: ProcessPoolExecutor | None = None
        self._others = set(multiprocessing.active_children())

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        if self._pool is None:
            return
        if kind is not None:  # an interrupt does not wait for units to end
            for worker in {*multiprocessing.active_children()} - self._others:
                worker.terminate()
        self._pool.shutdown(cancel_futures=True)

    def map(self, folder: Path, stage: str, shards: Sequence[int], watch: Watch) -> Iterator[Made]:
        """As in `builder.engines.base.Engine`; a stage with a model elsewhere stays in here."""
        if not shards:
            return
        if not _is_on_cpu(folder, stage):
            yield from InProcess().map(folder, stage, shards, watch)
            return
        pool = self._start()
        try:
            for future in as_completed([pool.submit(_work, folder, stage, n) for n in shards]):
                made = future.result()
                for line in made.lines:
                    watch.say(line)
                watch.tick(made.tokens)
                yield made
        except BrokenProcessPool as error:
            raise BuilderError(
                f"a worker of {stage} was killed",
                hint="perhaps memory ran out: with fewer run.engine.workers the same command "
                "goes on, what is finished is kept",
            ) from error

    def _start(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self.workers,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_begin,
                initargs=(self.threads,),
            )
        return self._pool


def _is_on_cpu(folder: Path, stage: str) -> bool:
    from builder.environment import take_part
    from builder.stages.order import find_stage
    from builder.unit import open_run

    opened = open_run(folder)
    found = take_part(find_stage(stage, opened.config), opened.config, opened.environments[-1])
    return not {"cuda", "mps"} & set(found.values())


def _begin(threads: int) -> None:
    """Before a worker's first unit: its threads, and who may interrupt it."""
    for name in THREAD_VARIABLES:
        os.environ[name] = str(threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    if "torch" in sys.modules:  # a user's own main module may have imported it
        sys.modules["torch"].set_num_threads(threads)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the parent, which ends workers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker must not write into a run whose lock died with its parent."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(folder: Path, stage: str, shard: int) -> Made:
    from builder.unit import run_unit

    return run_unit(folder, stage, shard)
