"""Pictures as only the world may know them: where they really were taken."""

import dataclasses

from jaxtyping import Float, Int
import numpy as np


@dataclasses.dataclass(frozen=True)
class Pictures:
  """Photos or street views, one row each.

  Attributes:
    stream: keeps the random numbers of these pictures apart.
    owner_stream: keeps those of authors and visits apart; a query's author may
      be one of the gallery's.
    authors: number of the author or drive in owner_stream, [n].
    visits: number of the visit or drive in owner_stream, [n].
    sights: the sight that the picture may show, -1 for none, [n].
    spot_deg: latitude and longitude where it was taken, [n, 2].
    latlng_deg: where its tag says it was taken, [n, 2].
  """

  stream: str
  owner_stream: str
  authors: Int[np.ndarray, 'n']
  visits: Int[np.ndarray, 'n']
  sights: Int[np.ndarray, 'n']
  spot_deg: Float[np.ndarray, 'n 2']
  latlng_deg: Float[np.ndarray, 'n 2']

  def __len__(self) -> int:
    return len(self.authors)

  def take(self, rows: Int[np.ndarray, 'm'] | slice) -> 'Pictures':
    """Some of them, in that order."""
    return dataclasses.replace(
        self, authors=self.authors[rows], visits=self.visits[rows],
        sights=self.sights[rows], spot_deg=self.spot_deg[rows],
        latlng_deg=self.latlng_deg[rows])
