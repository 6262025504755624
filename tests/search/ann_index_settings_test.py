"""Settings that cannot be searched are refused by name."""

from pinpoint_jax.search import ann
import pytest


@pytest.mark.parametrize('num_rows', [0, 1, 300, 19_999])
def test_small_galleries_are_scored_whole(num_rows):
  assert ann.settings_for_rows(num_rows).brute


@pytest.mark.parametrize('num_rows', [20_000, 200_000, 4_100_000])
def test_large_galleries_get_leaves(num_rows):
  settings = ann.settings_for_rows(num_rows)
  assert 0 < settings.leaves_to_search < settings.num_leaves < num_rows


@pytest.mark.parametrize('changed, message', [
    (dict(reorder_dtype='int4'), "reorder_dtype 'int4' is none of"),
    (dict(num_leaves=-1), 'num_leaves -1 is below 0'),
    (dict(reorder=0), 'reorder 0 is below 1'),
    (dict(leaves_to_search=11), 'leaves_to_search 11 is above num_leaves 10'),
])
def test_refusals(changed, message):
  with pytest.raises(ValueError, match=message):
    ann.Settings(**dict(num_leaves=10) | changed)


def test_effort_changes_the_search_alone():
  settings = ann.Settings(10, soar_lambda=1.5)
  assert settings.with_effort(5, 70) == ann.Settings(
      10, soar_lambda=1.5, leaves_to_search=5, reorder=70)
