"""Stores that runs are built in: the memory of fsspec, and a server of S3 on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from unittest.mock import patch

S3_LIBRARIES = ("s3fs", "moto", "flask", "flask_cors")


def missing_for_s3() -> str:
    """What the server of S3 and its client lack here, in words; empty if nothing."""
    lacking = [name for name in S3_LIBRARIES if find_spec(name) is None]
    return f"not installed: {', '.join(lacking)}" if lacking else ""


@contextmanager
def serve_s3() -> Iterator[str]:
    """A server of S3 with the bucket `bucket`, to which this process and its children are sent."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    given = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with patch.dict(os.environ, given):
        server = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ}
        )
        try:
            for _ in range(600):
                try:
                    urllib.request.urlopen(f"{url}/moto-api/data.json", timeout=5).close()
                    break
                except OSError:
                    assert server.poll() is None, "the server of S3 ended"
                    time.sleep(0.1)
            make = urllib.request.Request(f"{url}/bucket", method="PUT")
            urllib.request.urlopen(make, timeout=30).close()
            yield url
        finally:
            server.terminate()
            server.wait()
