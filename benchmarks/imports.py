"""How long ``import skkan`` takes beside the parts of scikit-learn and SciPy that it stands on.

Every import runs in fresh interpreters, in turns, so that what else the machine does falls on both
alike; processor times, without those of the interpreter itself. Run from the checkout:

    python benchmarks/imports.py
    python -X importtime -c "import skkan" 2>&1 | sort -t "|" -k 2 -n | tail
"""

import os
import subprocess
import sys

import numpy as np
from reporting import argument_parser

STATEMENTS = {
    "nothing": "pass",
    "base": "import sklearn.linear_model, scipy.optimize",
    "skkan": "import skkan",
}
ON_USE = ("sympy", "matplotlib", "pandas", "dask")


def seconds(statement: str) -> float:
    """Return the processor time of an interpreter that runs `statement`."""
    before = os.times()
    subprocess.run([sys.executable, "-c", statement], check=True)
    after = os.times()
    return (after.children_user - before.children_user) + (
        after.children_system - before.children_system
    )


def loaded(statement: str) -> set[str]:
    """Return the packages that `statement` loads."""
    code = f"import sys; {statement}; print(*{{name.split('.')[0] for name in sys.modules}})"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(out.stdout.split())


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    rows = [
        [seconds(statement) for statement in STATEMENTS.values()]
        # The first round reads the files from the disk.
        for _ in range(arguments.repeats + 1)
    ][1:]
    for name, statistic in (("median", np.median), ("smallest", np.min)):
        nothing, base, skkan = statistic(rows, axis=0)
        base, skkan = base - nothing, skkan - nothing
        print(f"{name}: base {base:.3f} s, skkan {skkan:.3f} s, ratio {skkan / base:.3f}")
    own, base_packages = loaded(STATEMENTS["skkan"]), loaded(STATEMENTS["base"])
    print("packages that base does not load:", *sorted(own - base_packages))
    print("on use only, but loaded:", *sorted(own & set(ON_USE)) or ["none"])


if __name__ == "__main__":
    main()
