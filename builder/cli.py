"""The root of the command line: a table of verbs, each imported only when it is used."""

from __future__ import annotations

import importlib
import os
import re
import sys
import traceback
import warnings
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import click

from cards.errors import CardError
from dimsum import __version__, interrupt, os_errors
from dimsum.errors import DimsumError

VERBS: dict[str, tuple[str, str]] = {
    "init": ("builder.commands.init:init", "Write a commented configuration for a new domain."),
    "task": ("builder.commands.task:task", "Write or try a definition of a task of your own."),
    "build": ("builder.commands.build:build", "Build a corpus, or go on with one."),
    "status": ("builder.commands.status:status", "Print how far a build is that runs elsewhere."),
    "show": ("builder.commands.show:show", "Print a run's funnel, or the rows it rejected."),
    "trace": ("builder.commands.trace:trace", "Print where a released row comes from."),
    "rescore": ("builder.commands.rescore:rescore", "Try other thresholds without a model."),
    "sweep": ("builder.commands.sweep:sweep", "Builds side by side that differ in settings."),
    "stats": ("builder.commands.stats:stats", "Measure a corpus with numbers that can be cited."),
    "report": ("builder.commands.report:report", "Write one page about a run or a release."),
    "release": ("builder.commands.release:release", "Write the dataset folder of a run again."),
    "card": ("builder.commands.card:card", "Render or check the card of a dataset or a model."),
    "audit": ("builder.commands.audit:audit", "Let readers judge a blind sample; score it."),
    "calibrate": ("builder.commands.calibrate:calibrate", "Learn P(valid) from labels."),
    "publish": ("builder.commands.publish:publish", "Put a released folder on the Hub."),
    "verify": ("builder.commands.verify:verify", "Compare the Hub's bytes with the release."),
    "critic": ("builder.commands.critic:critic", "Train or evaluate an entailment critic."),
    "train": ("builder.commands.train:train", "Train a student on pairs."),
    "teacher-logits": (
        "dimsum.commands.teacher_logits:teacher_logits",
        "Write what a teacher says of a training's targets.",
    ),
    "shrink": ("dimsum.commands.shrink:shrink", "Take layers out of a student."),
    "distill": ("builder.commands.distill:distill", "Students and their own corpora, in rounds."),
    "evaluate": ("builder.commands.evaluate:evaluate", "Judge students and baselines."),
    "generate": ("builder.commands.generate:generate", "Write with a student for each line."),
    "doctor": ("builder.commands.doctor:doctor", "Print versions, devices and models found."),
}
"""Verb to (import string, help line); the help lines stand here so that --help imports nothing."""

INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group whose commands are imported on first use."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """A context that knows the words of the whole command, whoever called it."""
        command = [info_name or "dimsum", *args]
        context = super().make_context(info_name, args, parent, **extra)
        context.meta[interrupt.COMMAND] = command
        return context

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Verbs in the order of their use."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb's command."""
        if cmd_name not in VERBS:
            return None
        module, _, name = VERBS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(verb, text) for verb, (_, text) in VERBS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="dimsum")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def root(debug: bool) -> None:
    """Distil a corpus of summaries and paraphrases out of a small language model."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 ok, 1 failure, 2 usage, 3 quality gate, 130 interrupted."""
    _write_any_text()
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def _write_any_text() -> None:
    """Text is UTF-8 in files and pipes; a terminal of fewer characters shows escapes for others.

    What is written to a stream that the caller has closed goes nowhere.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            if not stream.isatty():
                stream.reconfigure(encoding="utf-8")
            stream.reconfigure(errors="backslashreplace")


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit code."""
    interrupt.listen()
    debug = "--debug" in arguments
    if not (debug or sys.warnoptions):  # of libraries, about their own code
        for kind in (FutureWarning, DeprecationWarning):
            warnings.simplefilter("ignore", kind)
    try:
        result: Any = root.main(args=arguments, prog_name="dimsum", standalone_mode=False)
    except click.exceptions.Abort as error:
        if isinstance(error.__cause__, EOFError):  # a file that ends too early; click means Ctrl-D
            return _report(error.__cause__, debug)
        return INTERRUPTED
    except click.ClickException as error:
        return _refuse(error)
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except (KeyboardInterrupt, Exception) as error:
        if interrupt.is_interrupt(error):
            click.echo("Interrupted.", err=True)
            return INTERRUPTED
        return _report(error, debug)
    return result if isinstance(result, int) else 0


def _refuse(error: click.ClickException) -> int:
    """Say what is wrong with the words of a command; the exit code."""
    context = getattr(error, "ctx", None)
    if context is None or isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return error.exit_code
    click.echo(f"Error: {error.format_message().rstrip('.')}.", err=True)
    if link := _find_dangling(error):
        click.echo(f"Hint:  {link} is a link that leads nowhere", err=True)
        return error.exit_code
    usage = " ".join(context.command.collect_usage_pieces(context))
    path = context.command_path
    click.echo(f"Hint:  {path} {usage}; `{path} --help` explains it", err=True)
    return error.exit_code


def _find_dangling(error: click.ClickException) -> str | None:
    """The link to nothing that an argument names, if that is what is wrong."""
    found = re.search(r"'([^']*)' does not exist", error.format_message())
    if not isinstance(error, click.BadParameter) or found is None:
        return None
    return found[1] if Path(found[1]).is_symlink() else None


def _report(error: BaseException, debug: bool) -> int:
    """Say what went wrong; the exit code."""
    if isinstance(error, DimsumError | CardError):
        if debug:
            traceback.print_exception(error)
        message = error.message.rstrip(".")
        click.echo(f"Error: {message}{'' if message.endswith('?') else '.'}", err=True)
        if error.hint:
            click.echo(f"Hint:  {error.hint}", err=True)
        return getattr(error, "exit_code", 1)
    if debug:
        raise error
    if known := os_errors.explain(error):
        message, hint = known
        click.echo(f"Error: {message}.\nHint:  {hint}", err=True)
        return 1
    from dimsum.plugins import find_own_line

    said = f"{type(error).__name__}: {' '.join(str(error).split())}"
    if where := find_own_line(error):
        click.echo(f"Error: {where}: {said}.", err=True)
        click.echo("Hint:  correct that file; `dimsum --debug ...` shows the way to it", err=True)
        return 1
    click.echo(f"Error: {said}.", err=True)
    click.echo("Hint:  this is unexpected; `dimsum --debug ...` shows where", err=True)
    return 1


if __name__ == "__main__":
    main()
