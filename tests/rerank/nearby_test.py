"""What lies near candidates, against loops over candidates and rows."""

import dataclasses

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.gallery import neighbours
from pinpoint_jax.geo import distance
from pinpoint_jax.rerank import nearby
from pinpoint_jax.search import masks, row_sets, vectors
import pytest

ROWS, NUM, K = 500, 6, 9
DIMS = {'image': 16, 'raw': 12}


@dataclasses.dataclass(frozen=True)
class Town:
  """Half of the rows in one city, half scattered."""

  places: np.ndarray
  sources: np.ndarray
  stored: dict

  def finder(self, *channels):
    return nearby.Finder(
        self.places, self.sources,
        neighbours.build_lists(self.places, self.sources),
        {name: self.stored[name] for name in channels or nearby.CHANNELS})


@pytest.fixture(scope='module')
def town():
  rng = np.random.default_rng(0)
  places = np.concatenate([rng.normal(0, .1, (ROWS // 2, 2)),
                           rng.uniform(-60, 60, (ROWS // 2, 2))])
  places[20:70] = places[20]  # More at one place than a list holds.
  # Quarters: dot products are exact, and many are equal.
  return Town(places, rng.integers(0, 2, ROWS).astype(np.uint8), {
      name: vectors.Vectors(rng.integers(-1, 2, (ROWS, dim)).astype('f2') / 4)
      for name, dim in DIMS.items()})


@pytest.fixture(scope='module')
def finder(town):
  return town.finder()


@pytest.fixture(scope='module')
def asked():
  """Queries, candidates, and a mask that hides a quarter of all rows."""
  rng = np.random.default_rng(1)
  queries = shortlist.Queries(*(
      rng.integers(-1, 2, (NUM, dim)).astype('f4') / 4
      for dim in DIMS.values()))
  candidates = rng.integers(0, ROWS, (NUM, K))
  candidates[:, 0] = np.arange(20, 20 + NUM)
  candidates[2, 5:] = -1
  excluded = row_sets.same_code(
      rng.integers(0, 4, NUM), rng.integers(0, 4, ROWS))
  return queries, candidates, masks.Mask(excluded, np.arange(0, ROWS, 11))


def around(town, candidate, source, query, mask):
  """Rows of a source near a candidate, and their km.

  The candidate itself and what the query may not see are left out first, then
  the 32 nearest are taken.
  """
  if candidate < 0:
    return [], []
  km = distance.haversine_km(town.places, town.places[candidate])
  hidden = np.isin(np.arange(ROWS), [
      *mask.excluded.of(query), *mask.removed, candidate])
  near = sorted((km[row], row) for row in np.flatnonzero(
      (town.sources == source) & (km <= 25) & ~hidden))[:32]
  return [row for _, row in near], [dist_km for dist_km, _ in near]


def cosines(town, name, query, rows):
  return [float(query @ town.stored[name].stored[row].astype(np.float32))
          for row in rows]


def best_and_mean(sims):
  if not sims:
    return -.05, -.05
  weights = np.exp(np.array(sims) / .05)
  return max(sims), float((weights * sims).sum() / weights.sum())


@pytest.mark.parametrize('task', types.SOURCES)
def test_it_is_the_plain_loop(town, finder, asked, task):
  queries, candidates, mask = asked
  result = finder.find(queries, candidates, task, mask)
  own = types.SOURCES.index(task)
  assert result.counts.min() == 0
  # Full although a part of the list on disk is hidden.
  assert result.counts.max() == neighbours.MOST
  for at in np.ndindex(candidates.shape):
    candidate, query = candidates[at], at[0]
    expected = dict.fromkeys(nearby.COLUMNS, 0.)
    for role, source in (('own', own), ('other', 1 - own)):
      rows, dist_km = around(town, candidate, source, query, mask)
      for channel in nearby.CHANNELS if candidate >= 0 else ():
        sims = cosines(town, channel, queries.of(channel)[query], rows)
        for stat, value in zip(('best', 'mean'), best_and_mean(sims)):
          expected[f'{role}_{stat}_{channel}'] = value
    np.testing.assert_allclose(
        result.columns[at], [expected[name] for name in nearby.COLUMNS],
        rtol=1e-5, atol=1e-6)
    # Rows and kilometres are of the other source, the last of the two.
    assert result.counts[at] == len(rows)
    assert result.exists[at] == bool(rows)
    assert result.nearest_km[at] == pytest.approx(
        dist_km[0] if rows else np.inf, rel=1e-6)
    for i, channel in enumerate(nearby.CHANNELS):
      sims = cosines(town, channel, queries.of(channel)[query], rows)
      best = sorted((-sim, int(row)) for sim, row in zip(sims, rows))[:8]
      pads = 8 - len(best)
      assert result.rows[at][i].tolist() == [
          row for _, row in best] + [-1] * pads
      assert result.similarities[at][i].tolist() == [
          -sim for sim, _ in best] + [-np.inf] * pads


def test_each_source_has_either_role(finder, asked):
  queries, candidates, mask = asked
  photo, street = (finder.find(queries, candidates, task, mask).columns
                   for task in types.SOURCES)
  num = len(nearby.OWN)
  np.testing.assert_array_equal(photo[..., :num], street[..., num:])
  np.testing.assert_array_equal(photo[..., num:], street[..., :num])
  assert (photo[..., :num] != photo[..., num:]).any()


def test_a_candidate_does_not_speak_for_itself(town, finder):
  """Alone but for itself it has nothing near, however like the query."""
  alone = next(row for row in range(ROWS // 2, ROWS) if not around(
      town, row, town.sources[row], 0, masks.open_mask(1))[0])
  queries = shortlist.Queries(*(
      town.stored[name].stored[[alone]].astype('f4') for name in DIMS))
  task = types.SOURCES[town.sources[alone]]
  result = finder.find(queries, np.array([[alone]]), task, masks.open_mask(1))
  np.testing.assert_array_equal(
      result.columns[0, 0, :4], np.float32(nearby.NONE_NEAR))


def test_hidden_rows_say_nothing(town, asked):
  """Whatever vectors they have: columns, rows and similarities stay."""
  queries, candidates, mask = asked
  result = []
  for value in (1, -1):
    stored = {name: rows.stored.copy() for name, rows in town.stored.items()}
    for rows in stored.values():
      rows[mask.removed] = value
    result.append(dataclasses.replace(town, stored={
        name: vectors.Vectors(rows) for name, rows in stored.items()
    }).finder().find(queries, candidates, 'photo', mask))
  for field in dataclasses.fields(nearby.Nearby):
    np.testing.assert_array_equal(*(getattr(x, field.name) for x in result))


def test_an_answer_does_not_depend_on_company(town, asked, monkeypatch):
  _, candidates, mask = asked
  rng = np.random.default_rng(2)
  draw = lambda num, dim: rng.normal(size=(num, dim)).astype('f4')
  finder = dataclasses.replace(town, stored={
      name: vectors.Vectors(draw(ROWS, dim).astype('f2'))
      for name, dim in DIMS.items()}).finder()
  queries = shortlist.Queries(*(draw(NUM, dim) for dim in DIMS.values()))
  whole = finder.find(queries, candidates, 'photo', mask)
  monkeypatch.setattr(nearby, '_BLOCK', 4)
  monkeypatch.setattr(nearby, '_PAIRS', 7)
  blocks = finder.find(queries, candidates, 'photo', mask)
  for query in range(NUM):
    some = slice(query, query + 1)
    alone = finder.find(queries.take(some), candidates[some, ::-1], 'photo',
                        mask.take(some))
    for field in dataclasses.fields(nearby.Nearby):
      expected = getattr(whole, field.name)[query]
      np.testing.assert_array_equal(
          getattr(alone, field.name)[0, ::-1], expected)
      np.testing.assert_array_equal(
          getattr(blocks, field.name)[query], expected)


def test_without_raw_features_its_columns_say_that_none_is_near(town, asked):
  queries, candidates, mask = asked
  result = town.finder('image').find(queries, candidates, 'photo', mask)
  whole = town.finder().find(queries, candidates, 'photo', mask)
  real = candidates >= 0
  for i, name in enumerate(nearby.COLUMNS):
    if name.endswith('_raw'):
      assert (result.columns[real][:, i] == np.float32(nearby.NONE_NEAR)).all()
    else:
      np.testing.assert_array_equal(
          result.columns[..., i], whole.columns[..., i])
  assert (result.rows[:, :, 1] == -1).all()


@pytest.mark.parametrize('shape', [(0, 3), (2, 0)])
def test_nothing_asked_nothing_near(finder, shape):
  queries = shortlist.Queries(*(
      np.zeros((shape[0], dim), 'f4') for dim in DIMS.values()))
  result = finder.find(queries, np.zeros(shape, int), 'photo',
                       masks.open_mask(shape[0]))
  assert result.rows.shape == (*shape, 2, 8)
  assert result.columns.shape == (*shape, 8)


def test_another_gallerys_vectors_are_refused(town):
  short = {'raw': vectors.Vectors(town.stored['raw'].stored[1:])}
  with pytest.raises(ValueError, match='499 raw vectors and 500 places'):
    dataclasses.replace(town, stored=short).finder('raw')


def test_statistics_by_hand():
  step = .05 * np.log(3)  # Weights 3/4 and 1/4.
  sims = np.array([[[.2 + step, -np.inf, .2], [-np.inf] * 3]])
  best, mean = nearby.statistics(sims)
  np.testing.assert_allclose(best, [[.2 + step, -.05]])
  np.testing.assert_allclose(mean, [[.2 + .75 * step, -.05]])
