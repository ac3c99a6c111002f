"""What every verb of the command line has: an example in its help, and `--debug`."""

from typing import Any

import click
from typing_extensions import override

from jobqueue.cli.failures import Exit


def debug_option() -> click.Option:
    """`--debug`, which `main` looks for itself, so that it works wherever it stands."""
    return click.Option(
        ["--debug"], is_flag=True, expose_value=False, help="Show tracebacks of errors."
    )


class Verb(click.Command):
    """A command whose help ends with an example.

    Args:
        example: one or more whole command lines.
    """

    def __init__(self, *arguments: Any, example: str, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.example = example
        self.params.append(debug_option())

    @override
    def invoke(self, context: click.Context) -> Any:
        """Run the verb; click's own answer to a reader that left is an exit code with a meaning."""
        try:
            return super().invoke(context)
        except BrokenPipeError:
            context.exit(Exit.BROKEN_PIPE)

    @override
    def format_epilog(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example, unwrapped, so that it can be copied."""
        formatter.write_paragraph()
        formatter.write("Example:\n")
        for line in self.example.splitlines():
            formatter.write(f"  {line}\n")


class VerbGroup(Verb, click.Group):
    """A verb of several actions, each a `Verb`; alone it shows its help."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, invoke_without_command=True, **attributes)

    @override
    def invoke(self, context: click.Context) -> Any:
        """Run the action that is named."""
        if not context._protected_args:  # noqa: SLF001
            click.echo(context.get_help())
            return None
        return super().invoke(context)


def json_option(command: Any) -> Any:
    """`--json` of a verb that reads."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(
        command
    )
