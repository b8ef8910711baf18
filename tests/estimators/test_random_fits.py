import pytest
from hypothesis import HealthCheck, given, settings
from random_fits import cases, check

QUIET = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=80, derandomize=True, **QUIET)
@given(cases())
def test_no_input_breaks_a_fit(case):
    check(case)


@pytest.mark.long
@settings(max_examples=10_000, **QUIET)
@given(cases())
def test_no_input_breaks_any_of_many_fits(case):
    check(case)
