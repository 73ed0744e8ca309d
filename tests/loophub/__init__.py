"""A small Hub on loopback for the real clients: repositories, pull requests, LFS and Xet.

Two listeners on purpose: the bytes of large files live on another origin than the API, as they do
on the Hub, so a client has to follow a redirect across origins and must drop its token there.

    with LoopHub() as hub:
        os.environ["HF_ENDPOINT"] = hub.endpoint
        hub.fault(r"/commit/", method="POST", status=503)
        ...
        print([entry.path for entry in hub.log])

`python -m tests.loophub` runs one as a process and prints where it is.
"""

from tests.loophub.server import Fault, LoopHub, Request

__all__ = ["Fault", "LoopHub", "Request"]
