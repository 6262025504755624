"""Filters hide what they say, seen row by row."""

import numpy as np
from pinpoint_jax.candidates import filters
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import writer
import pytest

from tests.fixtures import tiny_gallery as tiny


@pytest.fixture(scope='module')
def found(tmp_path_factory):
  folder = tmp_path_factory.mktemp('g')
  store = tiny.make_store(folder / 's', tiny.names('p', 60))
  tiny.build(folder / 'g', [store],
                     writer.Settings('photo'))
  return galleries.open_gallery(folder / 'g')


def hidden(found, *given, **options):
  mask = filters.mask(found, *given, **options)
  rows = np.broadcast_to(np.arange(60), (len(mask), 60))
  return mask.hides(rows)


def test_none_hides_the_query_itself_where_asked(found):
  asked = tiny.photos(['p7', 'new', 'p3'])
  ids = found.ids(np.arange(60))
  np.testing.assert_array_equal(hidden(found, asked, 'none'),
                                asked.ids[:, None] == ids[None])
  assert not hidden(found, asked, 'none', leave_one_out=False).any()


def test_author_hides_author_and_sequence(found):
  asked = tiny.photos(tiny.names('p', 20)
                              + tiny.names('q', 20))
  rows = found.photos(np.arange(60))
  expected = asked.clusters[:, None] == rows.clusters[None]
  assert expected[20:].any()
  np.testing.assert_array_equal(hidden(found, asked, 'author'), expected)


def test_a_region_and_a_filter(found):
  region = np.arange(10, 30)
  seen = ~hidden(found, tiny.photos(['p7']), 'author', region)
  assert set(np.flatnonzero(seen[0])) <= set(region.tolist())


def test_an_unknown_filter_is_refused(found):
  with pytest.raises(ValueError, match="'autor': choices are"):
    filters.mask(found, tiny.photos(['p7']), 'autor')
