"""What a scientist asks of data: relations, symmetries, and quantities that do not change."""

from skkan.discovery._relations import Relation, Relations, find_relations

__all__ = ["Relation", "Relations", "find_relations"]
