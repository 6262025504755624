"""What days left out say: no photo is answered by its own day."""

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.crossval import solved, solved_claims
from pinpoint_jax.features import rows as rows_lib
from pinpoint_jax.features import store_writer
from pinpoint_jax.models import embedder as embedders
from pinpoint_jax.models import embedder_files
from pinpoint_jax.rerank import fusion
from pinpoint_jax.ridge import near_pairs
from pinpoint_jax.train import closed_form
import pytest

NUM_DAYS, EACH, DIM = 8, 10, 12


def stored(folder, place_of_day, look_of_day, spread_km=0.):
  """Photos of 8 days: each day at one place, with one look and some noise."""
  rng = np.random.default_rng(0)
  places = np.stack([np.resize([-20., 20.], NUM_DAYS),
                     -150. + 40 * np.arange(NUM_DAYS)], axis=1)
  looks = np.random.default_rng(2).normal(size=(NUM_DAYS, DIM))
  day = np.repeat(np.arange(NUM_DAYS), EACH)
  num = len(day)
  latlng_deg = places[np.asarray(place_of_day)[day]]
  latlng_deg = latlng_deg + rng.normal(size=(num, 2)) * spread_km / 111
  features = looks[np.asarray(look_of_day)[day]] + .05 * rng.normal(
      size=(num, DIM))
  photos = types.Photos(
      np.asarray([f'p{i:03d}' for i in range(num)], np.str_), latlng_deg,
      np.full(num, '', np.str_), np.asarray([f'day {d}' for d in day], np.str_),
      'photo')
  store_writer.write(folder, photos, [features.astype(np.float32)], DIM,
                     store_writer.FeatureOrigin('tiny', 'abc', 'resize(8)'))
  return {'photo': rows_lib.open_rows([str(folder)])}


def solver(settings):
  module = embedders.Embedder(
      ('photo',), dim=8, hidden=8, adapter_depth=1, trunk_depth=0,
      linear=settings is not None, location_options={
          'hidden': 8, 'depth': 0, 'num_waves': 4, 'expansion': 2,
          'log2_sigmas': (0,), 'cells_km': (1000., 100.), 'num_slots': 1024})
  def solve(rows, folder):
    inputs = {'photo': {
        **{name: rows['photo'].stores[0].manifest[name]
           for name in types.BACKBONE_KEYS},
        'trained_on': rows['photo'].trained_on()}}
    embedder_files.save(folder, module,
                        solved.params(module, rows, settings, 0), inputs, '#')
    return embedder_files.load(folder)
  return solve


@pytest.mark.slow
def test_its_own_day_does_not_answer_a_photo(tmp_path):
  # A look that no other day has: only a leak could tell where it is.
  rows = stored(tmp_path / 's', range(NUM_DAYS), range(NUM_DAYS))
  assert solved.pair_km(rows) is None
  judged = solved.judge(rows, ('raw',), solver(None), tmp_path / 'w')['photo']
  assert judged.figures['acc@200km'] == 0
  assert judged.calibration.levels.shape == (40,)
  assert judged.weights.image == judged.weights.location == 0
  # Folds of unequal sizes have lists of unequal lengths.
  few = {'photo': rows['photo'].take(np.arange(1, NUM_DAYS * EACH))}
  some = solved.judge(few, ('raw',), solver(None), tmp_path / 'few')
  claims = solved_claims.calibrated(
      some, few, tmp_path / 'few')['photo'].calibration.claims
  assert claims.levels.shape == some['photo'].calibration.levels.shape


@pytest.mark.slow
def test_another_day_at_the_place_answers_it(tmp_path):
  # Days 0 and 1 show one place alike, 2 and 3 another one, …
  pairs = np.arange(NUM_DAYS) // 2
  rows = stored(tmp_path / 's', pairs, pairs, spread_km=3.)
  assert solved.pair_km(rows) == 10.
  settings = closed_form.Settings(pairs=near_pairs.Settings(pair_km=10.))
  judged = solved.judge(rows, types.CHANNELS, solver(settings),
                        tmp_path / 'w')['photo']
  # Five folds of eight days: a pair of days may fall into one fold.
  assert judged.figures['acc@25km'] >= .5
  again = solved.judge(rows, types.CHANNELS, lambda rows, folder: (
      embedder_files.load(folder)), tmp_path / 'w')['photo']
  assert again.figures == judged.figures and again.weights == judged.weights


@pytest.mark.parametrize('apart_km, expected', [
    (0., 10.), (50., 100.), (500., 1000.), (4000., None)])
def test_how_far_two_days_may_be_apart(tmp_path, apart_km, expected):
  places = np.zeros((NUM_DAYS, 2))
  places[:, 1] = np.arange(NUM_DAYS) * apart_km / 111.2 - 150
  num = NUM_DAYS * 2
  photos = types.Photos(
      np.asarray([f'p{i:02d}' for i in range(num)], np.str_),
      np.repeat(places, 2, axis=0), np.full(num, '', np.str_),
      np.asarray([f'day {i // 2}' for i in range(num)], np.str_), 'photo')
  store_writer.write(tmp_path / 's', photos, [np.ones((num, 4), np.float32)],
                     4, store_writer.FeatureOrigin('tiny', 'abc', 'resize(8)'))
  assert solved.pair_km(
      {'photo': rows_lib.open_rows([str(tmp_path / 's')])}) == expected


def test_too_few_photos_or_days_are_not_judged(tmp_path):
  rows = stored(tmp_path / 's', range(NUM_DAYS), range(NUM_DAYS))['photo']
  assert solved.judged_sources({'photo': rows}) == ('photo',)
  few = rows.take(np.arange(solved.MIN_ROWS - 1))
  days = rows.take(np.arange((solved.MIN_ORIGINS - 1) * EACH))
  assert solved.judged_sources({'photo': few, 'street': days}) == ()
  assert solved.judge({}, ('raw',), solver(None), tmp_path) == {}
  assert solved_claims.calibrated({}, {}, tmp_path) == {}


def test_lists_are_as_long_as_those_of_the_folds():
  features_alone = solved.retrieval(None, 7)
  assert features_alone.sizes.by_channel() == {'raw': 7}
  judged = solved.Judged(fusion.Fusion(1., 0., 2.), None, {})
  assert solved.retrieval(judged, 10_000).sizes.by_channel() == {
      'image': 128, 'raw': 128}
