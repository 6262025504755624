from input_pipeline.picture_earth import dataset, sheets
import numpy as np


def test_the_contact_sheet_shows_photos_and_streets():
  earth = dataset.picture_earth('tiny')
  sheet = sheets.contact_sheet(earth, num_rows=2, num_each=2, side=48)
  assert sheet.mode == 'RGB' and sheet.size == (4 * 51 + 3, 2 * 51 + 3)
  assert np.asarray(sheet).std() > 20


def test_a_sweep_has_a_row_for_each_number():
  sheet = sheets.sweep_sheet('street', 'town', side=32)
  assert sheet.size == (5 * 35 + 3, 12 * 35 + 3)
