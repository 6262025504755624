"""The command: figures and page of a tiny model, refusals in one line."""

import json

from experiments import report
from experiments.run import launch
import numpy as np
import pinpoint_jax as pj
from pinpoint_jax import blocks
from pinpoint_jax.geo import distance
import pytest

from tests.fixtures import tiny_model


@pytest.fixture(scope='module')
def paths(tmp_path_factory):
  return tiny_model.make(tmp_path_factory.mktemp('model'))


def run(paths, out, **changes):
  values = {flag.name: flag.default for flag in report.FLAGS}
  values |= {'model': paths.model, 'gallery': paths.gallery,
             'queries': paths.photo, 'out': str(out), 'num_resamples': 5}
  report.main(launch.Run(None, values | changes, None, ()))


def test_figures_are_those_of_the_answers(paths, tmp_path):
  run(paths, tmp_path / 'r', photos=40, formats='svg,png')
  (figures,) = json.loads((tmp_path / 'r' / 'confidence.json').read_text())
  store = pj.open_store(paths.photo)
  rows = blocks.evenly_spread(len(store), 40)
  answers = list(pj.Pinpoint.load(paths.model, paths.gallery).stream_features(
      store, task='photo', rows=rows.tolist()))
  truth = store.photos.latlng_deg[rows]
  dist_km = distance.haversine_km(
      np.asarray([answer.latlng_deg for answer in answers]), truth)
  assert figures['num_photos'] == 40 and figures['num_missing'] == 0
  assert figures['risk@25km'] == pytest.approx((dist_km >= 25).mean())
  assert figures['inside@0.9'] == pytest.approx(np.mean([
      km <= answer.radius_km(.9) for km, answer in zip(dist_km, answers)]))
  assert figures['nll_per_km2'] == pytest.approx(-np.mean([
      np.log(answer.density(place)) for answer, place in zip(
          answers, truth.tolist())]))
  page = (tmp_path / 'r' / 'report.html').read_text()
  assert 'The worst answers' in page and 'judge' in page
  assert 'Seconds of training: the folder of a model does not say' in page
  names = ('errors', 'reliability', 'coverage', 'risk', 'map_1_q')
  assert {path.name for path in (tmp_path / 'r').glob('*.*g')} == {
      f'{name}.{ending}' for name in names for ending in ('svg', 'png')}


@pytest.mark.parametrize('changes, text', [
    ({'run': 'nowhere'}, 'is no finished demo'),
    ({'queries': 'a,b,c,d,e'}, 'names 5 stores'),
    ({'photos': 0}, 'see --photos'),
    ({'formats': 'svg,gif'}, "'gif' is none of svg, png, pdf")])
def test_refused_in_one_line(paths, tmp_path, changes, text):
  with pytest.raises(ValueError, match=text) as error:
    run(paths, tmp_path / 'r', **changes)
  assert '\n' not in str(error.value)


def test_a_store_without_calibrated_answers_is_refused(paths, tmp_path):
  with pytest.raises(ValueError, match='no answer has a confidence'):
    run(paths, tmp_path / 'r', queries=paths.street)
