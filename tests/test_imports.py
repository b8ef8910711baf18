import subprocess
import sys

BASE = "sklearn.linear_model, scipy.optimize"


def loaded(*modules):
    """Packages in ``sys.modules`` of a fresh interpreter after importing `modules`."""
    code = f"import sys, {', '.join(modules)}; print(*{{m.split('.')[0] for m in sys.modules}})"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(out.stdout.split())


def test_import_loads_nothing_that_scikit_learn_and_scipy_do_not():
    modules = "skkan", "skkan.inspection", "skkan.symbolic.library._user_symbols"
    own = loaded(*modules)
    # The standard library is there anyway; versions of scikit-learn differ in what they use of it.
    assert own - loaded(BASE) - sys.stdlib_module_names <= {"skkan"}
    assert not own & {"sympy", "matplotlib", "dask", "torch"}
