"""All that an answer needs besides a gallery, in one model directory.

  embedder ─┬─ a reranker, or weights of similarities, for each task
            ├─ router: which task a photo is
            └─ calibration of each task: what may be promised

config.json holds the config of every part, model.safetensors their tensors by
PART/…; disk/model_dir.py says what else is in the directory.
"""

from collections.abc import Mapping
import dataclasses
import pathlib

from flax import traverse_util
from pinpoint_jax import types
from pinpoint_jax.answer import calibration as calibrations
from pinpoint_jax.answer import claim_columns
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.disk import model_dir, weights
from pinpoint_jax.models import embedder_files
from pinpoint_jax.models import router as routers
from pinpoint_jax.rerank import files as reranker_files
from pinpoint_jax.rerank import fusion

MODEL_TYPE = 'pinpoint'


@dataclasses.dataclass(frozen=True)
class Retrieval:
  """A task without a reranker: similarities alone choose.

  Attributes:
    weights: of the channels.
    sizes: of the shortlist that they were fitted on.
  """

  weights: fusion.Fusion
  sizes: shortlist.Sizes


@dataclasses.dataclass(frozen=True)
class Model:
  """Everything that turns features into answers.

  Attributes:
    embedder: that made the gallery.
    rerankers: by task.
    retrieval: by task, of those without a reranker.
    router: None where there is one task.
    calibration: by task.
    backbone: what features.backbones.load calls the model of pictures; ''
      where features come from elsewhere.
    fingerprint: changes with any of these.
    saved: as it was read, to be saved again.
  """

  embedder: embedder_files.Trained
  rerankers: Mapping[str, reranker_files.Trained]
  retrieval: Mapping[str, Retrieval]
  router: routers.Router | None
  calibration: Mapping[str, calibrations.Calibration]
  backbone: str
  fingerprint: str
  saved: model_dir.Saved = dataclasses.field(repr=False)

  @property
  def tasks(self) -> tuple[str, ...]:
    """Sources of photos that it can answer."""
    return tuple(source for source in types.SOURCES
                 if source in self.rerankers or source in self.retrieval)


def export(folder: pathlib.Path, embedder: pathlib.Path,
           rerankers: Mapping[str, pathlib.Path],
           retrieval: Mapping[str, Retrieval],
           router: pathlib.Path | None, backbone: str, card: str,
           calibration: Mapping[str, calibrations.Calibration] | None = None,
           ) -> str:
  """Joins the directories of parts into one; returns its fingerprint."""
  parts = {'embedder': model_dir.load(embedder, embedder_files.MODEL_TYPE)}
  parts |= {f'reranker_{task}': model_dir.load(
      path, reranker_files.MODEL_TYPE) for task, path in rerankers.items()}
  if router is not None:
    parts['router'] = model_dir.load(router, routers.MODEL_TYPE)
  calibration = calibration or {}
  config = {
      'model_type': MODEL_TYPE, 'backbone': backbone,
      'parts': {name: {'fingerprint': part.fingerprint, **part.config}
                for name, part in parts.items()},
      'retrieval': {task: dataclasses.asdict(part)
                    for task, part in retrieval.items()},
      'calibration': sorted(calibration)}
  tensors = {name: part.params for name, part in parts.items()}
  tensors |= {f'calibration_{task}': dict(part.as_params())
              for task, part in calibration.items()}
  return model_dir.save(folder, config, tensors, card)


def load(folder: str | pathlib.Path) -> Model:
  """Reads a model directory; refuses changed files and parts that misfit."""
  folder = pathlib.Path(folder)
  saved = model_dir.load(folder, MODEL_TYPE)
  with model_dir.building(folder):
    parts = {name: _part(saved, name) for name in saved.config['parts']}
    retrieval = {task: Retrieval(fusion.Fusion(**entry['weights']),
                                 shortlist.Sizes(**entry['sizes']))
                 for task, entry in saved.config['retrieval'].items()}
    calibration = {task: calibrations.from_params(
        saved.params[f'calibration_{task}'])
                   for task in saved.config['calibration']}
    backbone = str(saved.config['backbone'])
    embedder = parts['embedder']
  for task, part in calibration.items():
    _check_calibration(folder, task, part)
  model = Model(
      embedder_files.from_saved(folder, embedder),
      {name.removeprefix('reranker_'): reranker_files.from_saved(folder, part)
       for name, part in parts.items() if name.startswith('reranker_')},
      retrieval, routers.from_saved(folder, parts['router'])
      if 'router' in parts else None, calibration, backbone,
      saved.fingerprint, saved)
  _check_tasks(folder, model)
  return model


def _part(saved: model_dir.Saved, name: str) -> model_dir.Saved:
  """One part, as its own directory would be read."""
  config = dict(saved.config['parts'][name])
  fingerprint = config.pop('fingerprint')
  params = saved.params[name]
  flat = traverse_util.flatten_dict(params, sep='/')
  return model_dir.Saved(config, params, {
      path: value.shape for path, value in flat.items()}, fingerprint)


def _check_calibration(folder: pathlib.Path, task: str,
                       part: calibrations.Calibration) -> None:
  is_sound = part.is_sound() and (
      part.claims is None or part.claims.is_sound(len(claim_columns.NAMES))
      ) and (part.likelihood is None or part.likelihood.is_sound())
  if not is_sound:
    raise weights.WeightsError(
        f'{folder}: the calibration of {task} is not one of this program: '
        f'export the model again')


def _check_tasks(folder: pathlib.Path, model: Model) -> None:
  for task, trained in model.rerankers.items():
    if trained.info.task != task or (
        trained.info.embedder != model.embedder.fingerprint):
      raise weights.WeightsError(
          f'{folder}: its {task} reranker is of task {trained.info.task} and '
          f'embedder {trained.info.embedder}, the embedder is '
          f'{model.embedder.fingerprint}: export the model again')
  if not model.tasks or set(model.calibration) - set(model.tasks):
    raise weights.WeightsError(
        f'{folder}: answers {list(model.tasks)}, calibrated for '
        f'{sorted(model.calibration)}: export the model again')
