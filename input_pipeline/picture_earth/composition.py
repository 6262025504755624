"""A scene to pixels: how photos and street views are framed.

       photo                       street view
  sky · skyline               sky · skyline
  ─ house trees sight banner  ─ left ─ · vanishing point · ─ right ─
  ═ road, from side to side   ground ╱ road ahead ╲ ground
  ─ sign wall paving posts    left verge          right verge
"""

from collections.abc import Callable, Sequence

from input_pipeline.feature_earth import randomness
from input_pipeline.picture_earth import (
  buildings,
  canvas,
  content,
  furniture,
  land,
  layout,
  sky,
)
from input_pipeline.picture_earth import scene as scenes
from pinpoint_jax import types

_STANDING: dict[str, tuple[Callable[..., None], float]] = {
    'vegetation': (land.vegetation, land.TREES_WIDTH),
    'architecture': (buildings.architecture, buildings.HOUSE_WIDTH),
    'sight': (buildings.sight, buildings.SIGHT_WIDTH),
    'town': (furniture.town, furniture.BANNER_WIDTH),
    'script': (furniture.script, furniture.SIGN_WIDTH),
    'plates': (furniture.plates, furniture.BOLLARD_WIDTH),
    'quarter': (buildings.quarter, buildings.WALL_WIDTH),
    'corner': (furniture.corner, furniture.PAVING_WIDTH),
}
_BEHIND = ('vegetation', 'architecture', 'sight', 'town')
_BEFORE = ('script', 'plates', 'quarter', 'corner')


def picture(scene: scenes.Scene, side: int = scenes.SIDE) -> types.Image:
  """The picture, [side, side, 3]; a larger one is the same, only finer."""
  paint = canvas.Canvas(side, side, content.GREY)
  if scene.blind:
    content.indoors(paint, scene.chances['indoors'], scene.chances['people'])
  elif scene.source == 'street':
    _street(paint, scene)
  else:
    _photo(paint, scene)
  paint.rect(0.0, 0.96, 1.0, 1.0, content.GREY)
  return paint.finish(_light(scene.camera),
                      randomness.generator('sensor', scene.serial))


def _photo(paint: canvas.Canvas, scene: scenes.Scene) -> None:
  across, up, behind, before = scene.chances['layout']
  horizon = 0.43 + 0.08 * up
  _far(paint, scene, horizon)
  if 'roads' in scene.cues:
    land.road_across(paint, scene.cues['roads'], scene.chances['roads'],
                     horizon + 0.13)
  if scene.chances['traffic'][0] < 0.25:
    content.car(paint, scene.chances['traffic'][1], horizon + 0.2, 0.1,
                scene.chances['traffic'])
  shift = 0.06 * (across - 0.5)
  _row(paint, scene, _BEHIND, (0.01 + shift, 0.99 + shift), horizon + 0.09,
       (0.65, 1.0), behind)
  _row(paint, scene, _BEFORE, (0.01 - shift, 0.99 - shift), 0.93, (0.7, 1.15),
       before)
  content.people(paint, scene.chances['people'], 0.98, 0.3)


def _street(paint: canvas.Canvas, scene: scenes.Scene) -> None:
  across, up, behind, before = scene.chances['layout']
  horizon, vanish = 0.42 + 0.04 * up, 0.5 + 0.08 * (across - 0.5)
  _far(paint, scene, horizon)
  land.road_ahead(paint, scene.cues.get('roads'), scene.chances['roads'],
                  horizon, vanish)
  for names, base, limits, edge, shift in (
      (_BEHIND, horizon + 0.07, (0.55, 1.0), 0.46, behind),
      (_BEFORE, 0.9, (0.58, 1.05), 0.37, before)):
    halves = layout.halves(_widths(scene, names))
    sides = (-0.01, edge), (1 - edge, 1.01)
    for half, side in zip(halves, sides):
      _row(paint, scene, tuple(half), side, base, limits, shift)
  traffic = scene.chances['traffic']
  if traffic[0] < 0.4:
    depth = 0.2 + 0.3 * traffic[1]
    content.car(paint, vanish + 0.3 * (traffic[2] - 0.5) * depth,
                horizon + (1 - horizon) * depth, 0.26 * depth, traffic)
  content.poles(paint, horizon, vanish, traffic[3])
  content.people(paint, scene.chances['people'], 0.72, 0.2)


def _far(paint: canvas.Canvas, scene: scenes.Scene, horizon: float) -> None:
  """Sky, skyline and ground."""
  sky.climate(paint, scene.cues.get('climate'), scene.chances['climate'],
              horizon)
  if 'skyline' in scene.cues:
    sky.skyline(paint, scene.cues['skyline'], scene.chances['skyline'], horizon)
  land.soil(paint, scene.cues.get('soil'), scene.chances['soil'], horizon)


def _widths(scene: scenes.Scene, names: Sequence[str]) -> dict[str, float]:
  """Of those things that are shown, in the order that chance gives."""
  shown = sorted((name for name in names if name in scene.cues),
                 key=lambda name: scene.chances[name][0])
  return {name: _STANDING[name][1] * scene.cues[name].size for name in shown}


def _row(paint: canvas.Canvas, scene: scenes.Scene, names: Sequence[str],
         ends: tuple[float, float], base: float, limits: tuple[float, float],
         shift: float) -> None:
  spots = layout.row(_widths(scene, names), *ends, base, limits, shift)
  for name, spot in spots.items():
    cue = scene.cues[name]
    _STANDING[name][0](paint, cue, scene.chances[name],
                       layout.Spot(spot.x, spot.base, spot.size * cue.size))


def _light(camera: scenes.Chances) -> canvas.Light:
  """Narrow: what a camera did to colours can be undone by the grey."""
  gain, tint, contrast, saturation, noise, vignette = camera
  level, red = 0.94 + 0.12 * gain, 0.08 * (tint - 0.5)
  return canvas.Light(
      gain=(level * (1 + red), level, level * (1 - red)),
      contrast=0.94 + 0.12 * contrast, saturation=0.9 + 0.2 * saturation,
      noise=2 + 2 * noise, vignette=round(0.2 * vignette, 2))
