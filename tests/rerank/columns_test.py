"""Groups of columns: their names, and how they stand side by side."""

import numpy as np
from pinpoint_jax.models import rerank_inputs
from pinpoint_jax.rerank import columns
import pytest


def test_every_column_has_a_name_of_its_own():
  names = columns.names(tuple(columns.GROUPS))
  assert len(names) == len(set(names)) == 19
  assert names[:6] == (
      'log_photo_1km', 'log_street_1km', 'log_photo_25km', 'log_street_25km',
      'own_best_image', 'own_mean_image')
  assert set(columns.NEARBY) | set(columns.PRIORS) < set(columns.GROUPS)


def test_density_is_in_the_meta_of_every_reranker():
  assert set(columns.GROUPS['density']) < set(rerank_inputs.META)
  assert columns.meta_names(('density', 'region')) == ('region_log_prior',)


def test_groups_stand_in_the_order_in_which_they_are_named():
  by_group = {'region': np.full((2, 3, 1), 7.), 'own': np.zeros((2, 3, 4))}
  joined = columns.joined(by_group, ('region', 'own'), (2, 3))
  assert joined.shape == (2, 3, 5)
  assert joined[0, 0].tolist() == [7, 0, 0, 0, 0]
  assert columns.joined(by_group, (), (2, 3)).shape == (2, 3, 0)


@pytest.mark.parametrize('groups', [('densty',), ('own', 'own')])
def test_groups_that_are_none_are_refused(groups):
  with pytest.raises(ValueError, match=r'choices are .*each at most once'):
    columns.check(groups)
