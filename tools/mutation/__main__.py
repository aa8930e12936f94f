"""Take the protection away piece by piece, and see that a test notices each time."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

# Linear algebra in many threads, in many processes, keeps them waiting for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# The fixtures of the tests are imported by that name.
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

import click

from tools.mutation.laboratory import examine, laboratory
from tools.mutation.mutants import Mutant
from tools.mutation.proofs import proofs
from tools.mutation.rounds import rounds_of

UNCHANGED = Mutant("nothing is taken away", "")


@click.command(help=__doc__)
@click.option("--only", multiple=True, metavar="PATTERN", help="Mutants whose names match.")
@click.option("--list", "list_only", is_flag=True, help="List the mutants, and test none.")
@click.option("--skip-equivalent", is_flag=True, help="Without those that have a proof.")
@click.option("--jobs", default=2, show_default=True, help="Processes at a time.")
@click.option("--tests", multiple=True, type=Path, help="Run these files, instead of all.")
@click.option("--deselect", multiple=True, metavar="TEST", help="A test that is not run.")
@click.option("--verbose", is_flag=True, help="Print what pytest printed.")
def main(
    only: tuple[str, ...],
    list_only: bool,
    skip_equivalent: bool,
    jobs: int,
    tests: tuple[Path, ...],
    deselect: tuple[str, ...],
    verbose: bool,
) -> None:
    equivalent = proofs()
    chosen = [[file.resolve() for file in tests]]
    rounds = (lambda _: chosen) if tests else rounds_of
    with laboratory() as opened:
        mutants = opened.mutants()
        if only:
            mutants = [m for m in mutants if any(re.search(pattern, m.name) for pattern in only)]
        if skip_equivalent:
            mutants = [m for m in mutants if m.name not in equivalent]
        if list_only:
            for mutant in mutants:
                click.echo(mutant.name)
            return
        if not mutants:
            raise click.ClickException("no mutant has that in its name; --list shows them all")
        for outcome in examine(opened, [UNCHANGED], rounds, deselected=deselect):
            if outcome.caught_by:
                click.echo(outcome.printed)
                raise click.ClickException("the tests must pass before anything is taken away")
        wrong = []
        counts = {"caught": 0, "equivalent": 0}
        for outcome in examine(opened, mutants, rounds, jobs=jobs, deselected=deselect):
            name, listed = outcome.mutant.name, outcome.mutant.name in equivalent
            if outcome.caught_by and listed:
                said = f"CAUGHT, though listed as equivalent, by {outcome.caught_by}"
            elif outcome.caught_by:
                said = f"caught by {outcome.caught_by}"
            elif listed:
                said = "survived, equivalent"
            else:
                said = "SURVIVED"
            click.echo(f"{name}\n    {said}")
            if verbose:
                click.echo(outcome.printed)
            if bool(outcome.caught_by) == listed:
                wrong.append(name)
            else:
                counts["equivalent" if listed else "caught"] += 1
        if not only and not skip_equivalent:
            known = {mutant.name for mutant in mutants}
            wrong += [f"no such mutant: {name}" for name in equivalent if name not in known]
        click.echo(
            f"\n{len(mutants)} mutants: {counts['caught']} caught,"
            f" {counts['equivalent']} equivalent with proof, {len(wrong)} to look at"
        )
        for name in wrong:
            click.echo(f"    {name}")
        if wrong:
            sys.exit(1)


if __name__ == "__main__":
    main(prog_name="python -m tools.mutation")
