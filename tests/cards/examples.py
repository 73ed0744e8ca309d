"""Facts of a small release and of a small student, as the tests' cards tell them."""

from __future__ import annotations

from cards.audit import AuditAgreement, AuditFacts, AuditGroup, AuditShare
from cards.facts import (
    ColumnFacts,
    ConfigFacts,
    ControlFacts,
    CriticPrecision,
    DataFile,
    DatasetFacts,
    FunnelStep,
    Link,
    ModelFacts,
    ModelUse,
    ReferenceCorpus,
    ResultRow,
    Rule,
    RunFacts,
    Sample,
    SampleRow,
    Setting,
    SplitFacts,
    StageCost,
    StatisticsRow,
    TextUse,
)

COLUMNS = (
    ("id", "string", "name of the row, the same in every rendering of the corpus"),
    ("source", "string", "the sentence to shorten or reword"),
    ("target", "string", "its summary or paraphrase"),
    ("task", "string", "paraphrase or summary"),
    ("control", "string", "control code that the pair answers"),
    ("domain", "string", "kind of text"),
    ("method", "string", "how the pair was generated: parallel or sequential"),
    ("round", "int32", "round of self-distillation, from 0"),
    ("context", "string", "what the teacher had read before"),
    ("entail_forward", "float32", "probability that the source entails the target"),
    ("entail_backward", "float32", "probability that the target entails the source"),
    ("rouge_l", "float32", "ROUGE-L F1 of source and target"),
    ("compression", "float32", "characters of the target over those of the source"),
    ("density", "float32", "mean squared length of the extractive fragments"),
    ("context_id", "string", "name of the context"),
    ("teacher", "string", "model that wrote both sentences"),
)
ROWS = {
    ("paraphrase", "train"): 4,
    ("paraphrase", "validation"): 2,
    ("summary", "train"): 3,
    ("summary", "validation"): 1,
    ("summary", "test"): 2,
}
SPLITS = ("train", "validation", "test")


def data_path(task: str, split: str) -> str:
    return f"data/{task}/{split}-00000-of-00001.parquet"


def config(name: str, tasks: tuple[str, ...], rows: dict[tuple[str, str], int]) -> ConfigFacts:
    folder = tasks[0] if len(tasks) == 1 else "*"
    splits = tuple(
        SplitFacts(
            name=split,
            rows=sum(rows.get((task, split), 0) for task in tasks),
            bytes=100 * sum(rows.get((task, split), 0) for task in tasks),
            globs=(f"data/{folder}/{split}-*.parquet",),
            files=tuple(
                DataFile(path=data_path(task, split), bytes=1000, sha256="ab" * 32)
                for task in tasks
                if rows.get((task, split), 0)
            ),
        )
        for split in SPLITS
        if any(rows.get((task, split), 0) for task in tasks)
    )
    meaning = "all pairs" if folder == "*" else f"{name} pairs only"
    return ConfigFacts(name=name, meaning=meaning, splits=splits, default=name == "default")


TEACHER = ModelUse(
    role="teacher",
    reference="openai-community/gpt2-xl",
    revision="15ea56dee5df4983c59b2538573817e1667135e2",
    licence="mit",
)
CRITIC = ModelUse(
    role="critic", reference="embedded:nli", licence="apache-2.0", identity="sha256:0123abcd"
)
RUN = RunFacts(
    seed=3,
    seconds=5400.0,
    tokens=1_234_567,
    rounds=2,
    device="one CPU, float32",
    versions={"dimsum-plus": "0.1.0", "transformers": "5.23.0"},
    configuration="provenance/config.yaml",
    stages=(StageCost(stage="contexts", seconds=1800.0, tokens=234_567),),
)


def shares(valid: float) -> dict[str, AuditShare]:
    """Of two questions."""
    return {
        "faithful": AuditShare(value=0.8, low=0.7, high=0.9),
        "valid": AuditShare(value=valid, low=valid - 0.1, high=valid + 0.1),
    }


def dataset_facts(rows: dict[tuple[str, str], int] = ROWS, **changes: object) -> DatasetFacts:
    facts = DatasetFacts(
        name="dimsum_plus",
        title="DimSum+, small",
        version="1.0.0",
        summary="Pairs of sentences, one a paraphrase or a summary of the other.",
        targets="paraphrases or summaries",
        task_categories=("summarization", "text-generation"),
        tags=("synthetic", "paraphrase", "sentence-summarization", "distillation"),
        columns=tuple(ColumnFacts(name=n, dtype=d, meaning=m) for n, d, m in COLUMNS),
        configs=(
            config("default", ("paraphrase", "summary"), rows),
            *(config(task, (task,), rows) for task in sorted({task for task, _ in rows})),
        ),
        funnel=(
            FunnelStep(
                stage="candidates",
                counted="sentence",
                entered=100,
                kept=80,
                rejected={"too short": 15, "no final stop": 5},
                meanings={"too short": "shorter than a sentence may be"},
            ),
            FunnelStep(
                stage="decisions",
                counted="pair",
                entered=400,
                kept=12,
                rejected={"not entailed": 388},
            ),
        ),
        statistics=(
            StatisticsRow(
                metric="MSTTR",
                config="default",
                value=0.71,
                signature="segments of 100 tokens, lower case",
                references={"MRPC": 0.68, "XSum": None},
            ),
        ),
        reference_corpora=(
            ReferenceCorpus(name="MRPC", pairs="5,801", source="counted on its training split"),
        ),
        funnel_picture="pictures/funnel.png",
        models=(TEACHER, CRITIC),
        texts=(TextUse(name="city names", use="openings", licence="cc-by-4.0", source="GeoNames"),),
        rules=(
            Rule(
                task="paraphrase",
                rule="entail_forward",
                condition=">= 0.75",
                meaning="the source entails the target",
            ),
        ),
        run=RUN,
        critic_precision=(
            CriticPrecision(
                critic="embedded:nli",
                data="WANLI test",
                n=1200,
                precision=0.9,
                low=0.88,
                high=0.92,
                threshold=0.75,
            ),
        ),
        audits=(
            AuditFacts(
                audit="0123456789abcdef",
                rows="c" * 64,
                readers=2,
                read=10,
                groups=(
                    AuditGroup(by="released", name="all", rows=12, read=10, shares=shares(0.7)),
                    AuditGroup(by="task", name="summary", rows=7, read=6, shares=shares(0.72)),
                    AuditGroup(by="control", name="short", rows=7, read=6, shares=shares(0.72)),
                ),
                agreement=(
                    AuditAgreement(question="faithful", value=0.9, low=0.81, high=0.97),
                    AuditAgreement(question="valid", value=None),
                ),
                intervals="Intervals: Clopper-Pearson, 95%",
            ),
        ),
        sample=Sample(
            rule="The first rows in the order of a hash of their names.",
            rows=(
                SampleRow(
                    id="r1",
                    task="summary",
                    control="short",
                    domain="news",
                    source="The council met on Monday to talk about the bridge.",
                    target="The council met on Monday.",
                ),
            ),
        ),
        student=Link(title="DimSum+ student, small", repo_id="acme/student"),
    )
    return facts.model_copy(update=changes)


def model_facts(**changes: object) -> ModelFacts:
    facts = ModelFacts(
        name="dimsum-student",
        title="DimSum+ student, small",
        version="1.0.0",
        summary="Shortens and rewords English sentences under a control code.",
        purpose="shorten or reword an English sentence",
        pipeline_tag="summarization",
        tags=("summarization", "paraphrase", "distillation"),
        architecture="seq2seq",
        parameters=60_506_624,
        base=ModelUse(role="base", reference="google-t5/t5-small", licence="apache-2.0"),
        dataset=Link(
            title="DimSum+, small",
            repo_id="acme/dimsum_plus",
            revision="v1.0.0",
            licence="cc-by-4.0",
        ),
        method="Fine-tuned with cross-entropy on all pairs.",
        settings=(Setting(name="learning rate", value="1e-4"),),
        controls=(ControlFacts(code="short", meaning="a summary of half the length or less"),),
        example_prompt="Generate a short summary: The council met on Monday to talk.",
        example_text="The council met on Monday to talk.",
        example_arguments={"task": "summary", "length": "short"},
        example_output="The council met.",
        generation=(Setting(name="num_beams", value="4"),),
        results=(
            ResultRow(
                task="summary",
                hub_task="summarization",
                data="DimSum+, small",
                data_id="acme/dimsum_plus",
                config="summary",
                split="test",
                revision="v1.0.0",
                metric="ROUGE-L",
                metric_id="rouge",
                value=41.25,
                low=39.5,
                high=43.0,
                n=2,
                signature="rouge-score 0.1.2, F1, stemmed",
                baselines={"lead": 30.5, "teacher": None},
            ),
        ),
        run=RUN,
    )
    return facts.model_copy(update=changes)
