"""Filters hide what they say, seen row by row."""

import numpy as np
from pinpoint_jax.retrieval import filters, gallery
import pytest

from tests.retrieval import tiny_gallery


@pytest.fixture(scope='module')
def found(tmp_path_factory):
  folder = tmp_path_factory.mktemp('g')
  store = tiny_gallery.make_store(folder / 's', tiny_gallery.names('p', 60))
  tiny_gallery.build(folder / 'g', [store],
                     tiny_gallery.gallery_writer.Settings('photo'))
  return gallery.open_gallery(folder / 'g')


def hidden(found, *given, **options):
  mask = filters.mask(found, *given, **options)
  rows = np.broadcast_to(np.arange(60), (len(mask), 60))
  return mask.hides(rows)


def test_none_hides_the_query_itself_where_asked(found):
  asked = tiny_gallery.photos(['p7', 'new', 'p3'])
  ids = found.ids(np.arange(60))
  np.testing.assert_array_equal(hidden(found, asked, 'none'),
                                asked.ids[:, None] == ids[None])
  assert not hidden(found, asked, 'none', leave_one_out=False).any()


def test_author_hides_author_and_sequence(found):
  asked = tiny_gallery.photos(tiny_gallery.names('p', 20)
                              + tiny_gallery.names('q', 20))
  rows = found.photos(np.arange(60))
  expected = asked.clusters[:, None] == rows.clusters[None]
  assert expected[20:].any()
  np.testing.assert_array_equal(hidden(found, asked, 'author'), expected)


def test_a_region_and_a_filter(found):
  region = np.arange(10, 30)
  seen = ~hidden(found, tiny_gallery.photos(['p7']), 'author', region)
  assert set(np.flatnonzero(seen[0])) <= set(region.tolist())


def test_an_unknown_filter_is_refused(found):
  with pytest.raises(ValueError, match="'autor': choices are"):
    filters.mask(found, tiny_gallery.photos(['p7']), 'autor')
