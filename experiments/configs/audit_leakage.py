"""What a query set shares with a gallery or a training set, and its worth.

Command:  python -m experiments.audit_leakage \
            --config=audit_leakage --workdir=W \
            --config.queries=STORE --config.gallery=G \
            --config.query_prints=Q/prints --config.row_prints=P/prints
Hardware: CPU cores. Hours: of 5,000 queries and a million rows minutes; longer
          with a model, which answers anew without each leak.
Expect:   W/pairs.csv, audit.json and audit.md; docs/audit.md says what of.
Quick:    few resamples.
"""

from experiments.configs import common, evaluate
from ml_collections import config_dict


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """One audit. What a model needs to answer is as in evaluate."""
  quick = common.parse_arg(arg, quick=False).quick
  config = evaluate.get_config('quick' if quick else '')
  del config.distributed  # One process audits.
  # Without a model the nearest feature answers, raw_1nn.
  config.model = ''
  config.gallery = ''  # Folder that build_gallery made; or:
  config.rows = ''  # Feature stores of a training set, separated by commas.
  config.queries = ''  # One feature store.
  # Folders of fingerprints that hash_photos made, separated by commas; without
  # them no picture is compared.
  config.query_prints = ''
  config.row_prints = ''
  # CSV files with the columns id and day (or captured_at) of queries and rows,
  # separated by commas; without them no day is compared.
  config.days = ''
  # Answers to the queries: errors/ that evaluate wrote, or a CSV with id, lat
  # and lng. They are judged on the queries that share nothing.
  config.answers = ''
  config.near_km = (0.025, 0.1, 1.)
  config.copies = config_dict.ConfigDict(dict(
      # Rows that each of six comparisons proposes to a query.
      num_candidates=8,
      # Chosen on drawn pictures, see docs/audit.md.
      min_agreement=0.9443))
  # Of features that are alike; 0 has it chosen by strangers, -1 looks for none.
  config.min_cosine = 0.
  config.most_pairs = 10  # Of each query and kind in pairs.csv.
  return config
