"""Generators of tables with numbers and categories, one paper per file."""

from zoo.tables.ctgan import CTGAN
from zoo.tables.tvae import TVAE

__all__ = ["CTGAN", "TVAE"]
