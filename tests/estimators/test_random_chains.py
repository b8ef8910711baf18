import pytest
from hypothesis import HealthCheck, given, settings
from random_chains import chains, chains_of, check

QUIET = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=300, derandomize=True, **QUIET)
@given(chains_of(24))
def test_no_chain_of_methods_spoils_a_model(chain):
    check(chain, formulas=chain.steps[-1][1] % 4 == 0)


@pytest.mark.long
@settings(max_examples=5000, **QUIET)
@given(chains())
def test_none_of_many_chains_spoils_a_model(chain):
    check(chain)
