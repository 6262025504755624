"""Distances that others published, photo by photo, to the printed digit.

Ten of the 237 rows of results/im2gps/base_M-fstar.csv of TIBHannover/
GeoEstimation (Müller-Budack et al., ECCV 2018): true place, predicted place,
"great_circle_distance" in km. docs/metrics.md has the whole table.
"""

import numpy as np
from pinpoint_jax.geo import distance

ROWS = np.asarray([
    (42.346571, -71.097228, 42.346776, -71.096264, 0.08),
    (41.403491, 2.174423, 41.403616, 2.174218, 0.02),
    (12.974449, 77.562789, -7.784275, 110.395844, 4298.99),
    (36.403107, -93.736736, -33.894805, 151.178077, 14221.15),
    (27.712102, 85.280685, -13.518604, -71.981351, 17179.48),
    (-14.666716, 145.448513, -17.110973, -149.309923, 6949.96),
    (20.881077, -156.545133, 22.203031, -159.607838, 349.20),
    (78.052895, 14.238967, 78.192030, 15.326214, 29.30),
    (41.387237, -72.984205, 37.254961, -79.871593, 749.34),
    (40.763874, -73.973243, 40.764357, -73.973184, 0.05),
])


def test_published_kilometres_are_those_of_a_sphere_of_6371():
  result = distance.distance_fn('haversine_6371')(ROWS[:, :2], ROWS[:, 2:4])
  np.testing.assert_array_equal(np.round(result, 2), ROWS[:, 4])


def test_the_choice_of_kilometre_moves_a_photo_across_a_threshold():
  # 749.34 km on their sphere is beyond 750 km on the ellipsoid.
  truth, answer = ROWS[8:9, :2], ROWS[8:9, 2:4]
  assert distance.distance_fn('haversine_6371')(truth, answer) < 750
  assert distance.distance_fn('geodesic')(truth, answer) > 750
