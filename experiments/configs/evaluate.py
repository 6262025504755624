"""Every system of a model and a gallery on query sets of known places.

Command:  python -m experiments.evaluate \
            --config=evaluate --workdir=W \
            --config.model=E/model --config.gallery=G \
            --config.queries=STORE[,STORE] \
            --config.rerankers.photo=R/model[,R2/model] \
            --config.rerankers.street=S/model[,S2/model]
Hardware: a CPU for thousands of queries on a gallery of 100,000 rows, minutes;
          an accelerator searches millions.
Expect:   the order chance < raw_1nn < location_top1 < retrieval < full.
Quick:    no second distance, few resamples.
"""

from experiments.configs import common
from ml_collections import config_dict


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """One evaluation; `quick` leaves out what takes time at the end."""
  arg = common.parse_arg(arg, quick=False)
  config = config_dict.ConfigDict()
  config.model = ''  # Folder that train_embedder exported.
  config.gallery = ''  # Folder that build_gallery made.
  config.queries = ''  # Feature stores, separated by commas.
  # CSV of the queries' true places with OSV-5M's unique_* columns: rows then
  # have administrative accuracies.
  config.names = ''
  # Folders that train_reranker exported, by the queries' source.
  config.rerankers = config_dict.ConfigDict(dict(photo='', street=''))
  # Of `retrieval`: three weights, of image, location and raw, as 8,6,8; or the
  # reranker whose weights it takes: light, full, full_no_support. '' takes
  # those of the rerankers, where all have the same.
  config.fusion = config_dict.ConfigDict(dict(photo='', street=''))
  # Shortlist of weights that were given; a reranker brings its own.
  config.sizes = config_dict.ConfigDict(dict(image=8, location=2, raw=2))
  # Or index: by those that build_gallery --config.index made; answers may miss
  # a neighbour, and rows of results.json say so.
  config.search = 'exact'
  # Or same: only rows of the queries' own source may be candidates; support,
  # density and priors still read both. Rows then say gallery same_source.
  config.search_source = 'both'
  # Candidates of raw_1nn, image_top1, location_top1; 0 is 256, or all rows of a
  # smaller gallery.
  config.list_size = 0
  # Raw cosines times this are log-odds: of 5 … 80 the best expected_score on
  # rows of the demo's gallery.
  config.raw_temperature = 20.
  config.systems = ()  # Names of results.json; () is every one there is.
  config.filters = ('none', 'author')
  config.leave_one_out = True  # A query in the gallery never answers itself.
  config.region = ''  # country:FR, circle:48.8,2.3,50 and so on.
  config.interpolate = False  # Mean of the candidates within 25 km.
  # What predictions.csv holds; '' is the best system there is.
  config.predictions = config_dict.ConfigDict(
      dict(system='', decode='argmax'))
  config.distances = ('haversine',) if arg.quick else ('haversine', 'geodesic')
  config.num_resamples = 100 if arg.quick else 1000
  config.seed = 0  # Of chance.
  config.distributed = common.distributed()
  return config
