import csv
import io

from input_pipeline.feature_earth import settings
from input_pipeline.feature_earth import world as worlds
from input_pipeline.picture_earth import dataset
from input_pipeline.picture_earth import scene as scenes
import numpy as np
from PIL import Image as PilImage
import pytest


@pytest.fixture(scope='module')
def earth():
  return dataset.picture_earth('tiny', 0)


@pytest.mark.parametrize('split', worlds.SPLITS)
def test_a_picture_shows_the_cues_that_its_feature_is_made_of(earth, split):
  world = earth.world
  taken = world.taken(split, 0)
  strengths = world.appearance.strengths(taken, worlds.source_of(split))
  for row in range(0, len(taken), 7):
    wanted = [cue.name for cue, strength in zip(settings.CUES, strengths[row])
              if strength > 0]
    assert earth.shown(split, row) == wanted
    scene = earth.scene(split, row)
    assert scene.blind == (not wanted and split.endswith(('photo', 'known',
                                                          'new')))
    if 'climate' in wanted:
      values = world.cues.at(taken.spot_deg[[row]], taken.sights[[row]])[0]
      np.testing.assert_array_equal(scene.cues['climate'].numbers,
                                    np.clip(values[:6] / 2.5, -1, 1))


def test_labels_are_those_of_the_scenes(earth):
  labels = earth.labels('query_photo_new')
  assert labels.values.shape == labels.shown.shape == (60, 94)
  for row in (0, 41):
    shown = earth.shown('query_photo_new', row)
    assert labels.shown[row].sum() == sum(
        cue.num_dims for cue in settings.CUES if cue.name in shown)
    for name in shown[:1]:
      np.testing.assert_array_equal(
          np.clip(labels.values[row][scenes.COLUMNS[name]] / 2.5, -1, 1),
          earth.scene('query_photo_new', row).cues[name].numbers)


def test_pictures_of_one_place_differ_less_than_those_of_two(earth):
  split = 'gallery_street'
  pictures = [earth.image(split, row).astype(float) for row in range(80)]
  drive = np.arange(80) // 8
  gap = np.asarray([[np.abs(a - b).mean() for a in pictures]
                    for b in pictures])
  same = drive[:, None] == drive
  np.fill_diagonal(same, False)
  assert gap[same].mean() < 0.9 * gap[drive[:, None] != drive].mean()


def test_photos_of_a_visit_are_framed_much_alike(earth):
  taken = earth.world.taken('gallery_photo', 0)
  layout = np.asarray([earth.scene('gallery_photo', row).chances['layout']
                       for row in range(len(taken))])
  visit = taken.visits
  pairs = np.flatnonzero(visit[1:] == visit[:-1])
  apart = np.flatnonzero(taken.authors[1:] != taken.authors[:-1])
  alike = lambda rows: np.corrcoef(
      layout[rows].ravel(), layout[rows + 1].ravel())[0, 1]
  assert alike(pairs) > 0.4 > 0.2 > alike(apart)
  cameras = [earth.scene('gallery_photo', row).camera for row in (0, 1)]
  same = taken.authors[0] == taken.authors[1]
  assert (cameras[0] == cameras[1]) == same


def test_rows_can_be_drawn_alone_and_again(earth):
  again = dataset.PictureEarth(worlds.World('default', 0, 'tiny'))
  for row in (30, 2):
    np.testing.assert_array_equal(earth.image('query_photo_new', row),
                                  again.image('query_photo_new', row))


@pytest.mark.slow
def test_a_folder_has_the_ids_places_and_authors_of_the_stores(earth, tmp_path):
  out = earth.write_folder(tmp_path / 'q', 'query_street', 1)
  with (out / 'photos.csv').open(newline='') as file:
    rows = list(csv.DictReader(file))
  photos = earth.world.photos('query_street')
  assert [row['id'] for row in rows] == photos.ids.tolist()
  assert [row['sequence'] for row in rows] == photos.sequences.tolist()
  np.testing.assert_allclose([float(row['lat']) for row in rows],
                             photos.latlng_deg[:, 0], rtol=0, atol=1e-6)
  data = (out / f'{photos.ids[3]}.jpg').read_bytes()
  assert data == earth.jpeg('query_street', 3)
  decoded = np.asarray(PilImage.open(io.BytesIO(data))).astype(int)
  assert np.abs(decoded - earth.image('query_street', 3)).mean() < 4
  assert len(list(out.glob('*.jpg'))) == len(photos)
