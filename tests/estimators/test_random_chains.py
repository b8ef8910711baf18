import pytest
from hypothesis import HealthCheck, given, settings
from random_chains import chains, check

QUIET = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=20, derandomize=True, **QUIET)
@given(chains())
def test_no_chain_of_methods_spoils_a_model(chain):
    check(chain)


@pytest.mark.long
@settings(max_examples=5000, **QUIET)
@given(chains())
def test_none_of_many_chains_spoils_a_model(chain):
    check(chain)
