"""What a scientist asks of data: relations, symmetries, and quantities that do not change."""

from skkan.discovery._conserved import ConservedQuantities, ConservedQuantity, find_conserved
from skkan.discovery._coordinates import general_coordinates
from skkan.discovery._evidence import StructureTest
from skkan.discovery._relations import Relation, Relations, find_relations
from skkan.discovery._shape import convexity, monotonicity
from skkan.discovery._structure import (
    additive_separability,
    invariance,
    multiplicative_separability,
    parity,
    permutation_symmetry,
)

__all__ = [
    "ConservedQuantities",
    "ConservedQuantity",
    "Relation",
    "Relations",
    "StructureTest",
    "additive_separability",
    "convexity",
    "find_conserved",
    "find_relations",
    "general_coordinates",
    "invariance",
    "monotonicity",
    "multiplicative_separability",
    "parity",
    "permutation_symmetry",
]
