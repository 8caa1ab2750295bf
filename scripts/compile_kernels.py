"""Compile what jobs share, so that the first of them need not do it side by side."""

from habitat_radiomics.kernels import compile_all

compile_all()
