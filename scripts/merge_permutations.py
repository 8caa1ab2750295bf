"""Bring the chunks of a permutation test together and compute its p values."""

from habitat_radiomics.entry import arguments
from habitat_radiomics.resampling import merge_permutations, permutation_test
from habitat_radiomics.tables import read_table, write_table

a = arguments("chunks*", "areas", "test")
areas = merge_permutations([read_table(path).fillna({"reason": ""}) for path in a.chunks])
write_table(a.areas, areas)
write_table(a.test, permutation_test(areas))
