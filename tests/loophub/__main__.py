"""A Hub on loopback as a process: prints where it is, stops on SIGTERM."""

from __future__ import annotations

import argparse
import json
import os
import signal
import threading

from tests.loophub import LoopHub


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--no-xet", action="store_true")
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with LoopHub(xet=not parser.parse_args().no_xet) as hub:
        print(json.dumps({"endpoint": hub.endpoint, "pid": os.getpid()}), flush=True)
        stopped.wait()


main()
