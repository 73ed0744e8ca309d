"""A small server of `/v1/completions` on loopback, which samples with transformers and torch.

It shares no code with the sampler: a token at a time, without a batch, as the API's words say.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

NAME = "toy/teacher"


class Server(ThreadingHTTPServer):
    """The server and what it has seen.

    Attributes:
        fault: what it does wrong: busy, cut, empty, other_model, no_logprobs, garbage.
        key: that it asks for.
        seen: requests, as they came.
        most: answers under way at once.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.fault = ""
        self.key = ""
        self.seen: list[dict[str, Any]] = []
        self.counts: Counter[str] = Counter()
        self.under_way = self.most = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    @torch.inference_mode()
    def tokens(self, body: dict[str, Any], ids: list[int]) -> Iterator[tuple[int, float]]:
        """Token and raw log-probability, until the end-of-text token or max_tokens."""
        chance = torch.Generator().manual_seed(body["seed"])
        cache, left = None, torch.tensor([ids])
        for _ in range(body["max_tokens"]):
            out = self.model(input_ids=left, past_key_values=cache, use_cache=True)
            cache, logits = out.past_key_values, out.logits[0, -1]
            probable = torch.softmax(logits / body["temperature"], -1)
            ordered, places = probable.sort(descending=True)
            inside = ordered.cumsum(-1) - ordered < body["top_p"]
            chosen = places[torch.multinomial(ordered * inside, 1, generator=chance)].item()
            yield chosen, torch.log_softmax(logits, -1)[chosen].item()
            if chosen == self.tokenizer.eos_token_id:
                return
            left = torch.tensor([[chosen]])


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        if not self.allowed():
            return
        answers = {"/v1/models": {"data": [{"id": NAME}]}, "/version": {"version": "1.2.3"}}
        found = answers.get(self.path)
        self.say(200 if found else 404, found or {"error": {"message": "not here"}})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.allowed():
            return
        with self.server.lock:
            self.server.seen.append(body)
            self.server.under_way += 1
            self.server.most = max(self.server.most, self.server.under_way)
        try:
            self.answer(body)
        except (BrokenPipeError, ConnectionResetError):  # the asker has what it wanted
            self.close_connection = True
        finally:
            with self.server.lock:
                self.server.under_way -= 1

    def answer(self, body: dict[str, Any]) -> None:
        server, tokenizer = self.server, self.server.tokenizer
        ids = tokenizer.encode(body["prompt"])
        longest = server.model.config.max_position_embeddings
        if len(ids) + body["max_tokens"] > longest:
            self.say(400, {"error": {"message": f"maximum context length is {longest} tokens"}})
            return
        if server.fault == "busy" and body["seed"] % 2 and self.first(body):
            self.say(503, {"error": {"message": "busy"}})
            return
        if server.fault == "unknown_field":
            self.say(400, {"error": {"message": "unrecognised field top_k"}})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        if server.fault == "slow":
            time.sleep(0.05)
        name = "other/model" if server.fault == "other_model" else body["model"]
        written: list[int] = []
        text, finish = "", "length"
        for token, logprob in server.tokens(body, ids):
            if server.fault == "empty" or token == tokenizer.eos_token_id:
                finish = "stop"
                break
            written.append(token)
            longer = tokenizer.decode(written)
            stops = [longer.find(stop) for stop in body.get("stop", ()) if stop in longer]
            if stops:
                finish = "stop"
                break
            probable = {"tokens": [tokenizer.decode([token])], "token_logprobs": [logprob]}
            choice = {"text": longer[len(text) :], "logprobs": probable, "finish_reason": None}
            if server.fault == "no_logprobs":
                choice["logprobs"] = None
            self.event({"model": name, "choices": [choice]})
            text = longer
            if server.fault == "cut" and len(written) == 2 and self.first(body):
                return
            if server.fault == "always_cut" and len(written) == 2:
                return
            if server.fault == "garbage" and self.first(body):
                self.wfile.write(b"data: {half\n\n")
                return
        self.event({"model": name, "choices": [{"text": "", "finish_reason": finish}]})
        self.wfile.write(b"data: [DONE]\n\n")

    def first(self, body: dict[str, Any]) -> bool:
        """Whether the same request has not come before."""
        key = json.dumps(body, sort_keys=True)
        with self.server.lock:
            self.server.counts[key] += 1
            return self.server.counts[key] == 1

    def allowed(self) -> bool:
        if self.server.key and self.headers.get("Authorization") != f"Bearer {self.server.key}":
            self.say(401, {"error": {"message": "wrong key"}})
            return False
        return True

    def event(self, value: dict[str, Any]) -> None:
        self.wfile.write(b"data: " + json.dumps(value).encode() + b"\n\n")
        self.wfile.flush()

    def say(self, status: int, value: dict[str, Any]) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def serve(folder: Path) -> Iterator[Server]:
    """The server, at work until the context is left."""
    with Server(folder) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()
