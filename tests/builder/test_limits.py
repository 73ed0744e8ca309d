"""What a card says against its corpus."""

from __future__ import annotations

from builder.environment import SERVER, VLLM
from builder.facts.limits import LIMITS, describe_limits


def test_each_engine_that_sampled_from_the_teacher_is_said_once() -> None:
    engines = (f"{VLLM}0.9 on cuda", f"{SERVER}llama.cpp)", f"{SERVER}llama.cpp)", "cpu")
    header = {"environments": [*({"teacher": name} for name in engines), {"critic": "cuda"}]}
    found = describe_limits([], header)
    assert found[: len(LIMITS)] == LIMITS
    server, engine, mixture = found[len(LIMITS) :]
    assert server.startswith(f"The teacher was sampled by {SERVER}llama.cpp): another server, ")
    assert server.endswith("and a banned text ends a sample there.")
    assert engine.startswith(f"The teacher was sampled by {VLLM}0.9 on cuda: another version ")
    assert mixture.startswith("Its units were computed in 5 environments")
    assert describe_limits([], {"environments": [{"teacher": "cpu"}]}) == LIMITS
