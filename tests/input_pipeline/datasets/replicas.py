"""Miniatures of the published data sets, in exactly their owners' layout.

Each builder writes below a folder and gives {id: bytes of the image} for the
rows that a reader must find; what it must leave out is written beside them.
"""

import csv
import io
import json
import tarfile
import zipfile

import numpy as np
from PIL import Image as PilImage

OSV5M_COLUMNS = (
    'id', 'latitude', 'longitude', 'thumb_original_url', 'country', 'sequence',
    'captured_at', 'lon_bin', 'lat_bin', 'cell', 'region', 'sub-region', 'city',
    'land_cover', 'road_index', 'drive_side', 'climate', 'soil', 'dist_sea',
    'quadtree_10_5000', 'quadtree_10_25000', 'quadtree_10_1000',
    'quadtree_10_50000', 'quadtree_10_12500', 'quadtree_10_500',
    'quadtree_10_2500', 'unique_region', 'unique_sub-region', 'unique_city',
    'unique_country', 'creator_username', 'creator_id')
PLACES365 = ('S3_Label', 'S16_Label', 'S365_Label', 'Prob_indoor',
             'Prob_natural', 'Prob_urban')
MP16_COLUMNS = ('IMG_ID', 'AUTHOR', 'LAT', 'LON', *PLACES365, 'neighbourhood',
                'city', 'county', 'state', 'region', 'country', 'country_code',
                'continent')


def jpeg(seed, side=24):
  """A small real JPEG that differs by seed."""
  pixels = np.random.default_rng(seed).integers(0, 256, (3, 3, 3), np.uint8)
  file = io.BytesIO()
  PilImage.fromarray(pixels).resize((side, side)).save(file, 'JPEG')
  return file.getvalue()


def place(seed):
  """A place on Earth, [lat, lng], as the tables write it."""
  lat, lng = np.random.default_rng(seed).uniform(-1, 1, 2) * (80, 170)
  return f'{lat:.5f}', f'{lng:.5f}'


def write_table(path, columns, rows):
  """A CSV in which unnamed columns are empty."""
  path.parent.mkdir(parents=True, exist_ok=True)
  with path.open('w', encoding='utf-8', newline='') as file:
    writer = csv.DictWriter(file, columns, restval='')
    writer.writeheader()
    writer.writerows(rows)


def osv5m(root, split='test', per_shard=(3, 4), absent=2, unlisted=1,
          folders=True):
  """Zip shards and CSV; rows without image, images without row."""
  images = {str(100 + i): jpeg(i) for i in range(sum(per_shard))}
  names = iter(images)
  (root / 'images' / split).mkdir(parents=True)
  for shard, count in enumerate(per_shard):
    path = root / 'images' / split / f'{shard:02d}.zip'
    # Published shards are stored; a deflated one must read the same.
    method = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)[shard % 2]
    with zipfile.ZipFile(path, 'w', method) as file:
      base = f'{shard:02d}/' if folders else ''
      if folders:
        file.mkdir(f'{shard:02d}')
      for name in [next(names) for _ in range(count)]:
        file.writestr(f'{base}{name}.jpg', images[name])
      for i in range(unlisted):
        file.writestr(f'{base}9{shard}{i}.jpg', jpeg(900 + i))
  ids = [*images, *(str(500 + i) for i in range(absent))]
  # The table has an order of its own.
  ids = [ids[i] for i in np.random.default_rng(0).permutation(len(ids))]
  write_table(root / f'{split}.csv', OSV5M_COLUMNS, [
      {'id': name, 'latitude': place(i)[0], 'longitude': place(i)[1],
       'country': 'FR', 'region': 'Île-de-France', 'city': f'town "{i}", x',
       'sequence': f's{i // 2}', 'unique_country': 'FR',
       'unique_city': f'FR_{i % 3}', 'quadtree_10_1000': i % 4,
       'creator_username': f'u{i % 3}', 'creator_id': 1000 + i % 3}
      for i, name in enumerate(ids)])
  return {name: images[name] for name in ids if name in images}


def mp16_tar(images, kind=tarfile.GNU_FORMAT):
  """One tar with members ./images/ID, a folder and a link among them."""
  file = io.BytesIO()
  with tarfile.open(fileobj=file, mode='w', format=kind) as tar:
    folder = tarfile.TarInfo('./images')
    folder.type = tarfile.DIRTYPE
    tar.addfile(folder)
    for name, data in images.items():
      info = tarfile.TarInfo(f'./images/{name}')
      info.size = len(data)
      if kind == tarfile.PAX_FORMAT:
        info.pax_headers = {'comment': 'ü' * 40}
      tar.addfile(info, io.BytesIO(data))
    link = tarfile.TarInfo('./images/link.jpg')
    link.type, link.linkname = tarfile.SYMTYPE, '/etc/passwd'
    tar.addfile(link)
  return file.getvalue()


def cut(root, data, places):
  """Slices of one file: mp-16-images00, 01, …"""
  edges = [0, *places, len(data)]
  for i, (begin, end) in enumerate(zip(edges, edges[1:])):
    (root / f'mp-16-images{i:02d}').write_bytes(data[begin:end])


def mp16_pro(root, num=8, cuts=(700, 3000), absent=2, unlisted=1,
             kind=tarfile.GNU_FORMAT):
  """Byte slices of one tar, the tables, and a pickle nobody may open."""
  styles = ('a{0}_b_{0}.jpg', 'a{0}/b/{0}.jpg', 'n' * 120 + '{0}.jpg')
  images = {styles[i % 3].format(i): jpeg(i) for i in range(num)}
  cut(root, mp16_tar(images | {f'un{i}.jpg': jpeg(700 + i)
                               for i in range(unlisted)}, kind), cuts)
  ids = [*images, *(f'gone{i}.jpg' for i in range(absent))]
  rows = [{'IMG_ID': name, 'AUTHOR': f'{i % 3}@N00', 'LAT': place(i)[0],
           'LON': place(i)[1], 'city': 'Tōkyō', 'country_code': 'jp',
           'Prob_urban': 0.5} for i, name in enumerate(ids)]
  write_table(root / 'metadata' / 'MP16_Pro_places365.csv', MP16_COLUMNS, rows)
  write_table(root / 'metadata' / 'MP16_Pro_filtered.csv', MP16_COLUMNS,
              rows[1:])
  write_table(root / 'metadata' / 'mp16_urls.csv', ('IMG_ID', 'url'), [])
  # Unpickled, this would raise: c os \n _exit.
  (root / 'metadata' / 'tar_index.pkl').write_bytes(b'cos\n_exit\n(I1\ntR.')
  return images


def im2gps3k(root, num=6, swapped=False, absent=1, unlisted=3):
  """A folder of photos and im2gps3k_places365.csv; headers as some copies."""
  images = {f'{i}_{i}abc_{i}@N00.jpg': jpeg(i) for i in range(num)}
  (root / 'im2gps3ktest').mkdir(parents=True)
  for i in range(unlisted):
    (root / 'im2gps3ktest' / f'spare{i}.jpg').write_bytes(jpeg(600 + i))
  for name, data in images.items():
    (root / 'im2gps3ktest' / name).write_bytes(data)
  lat, lng = ('LON', 'LAT') if swapped else ('LAT', 'LON')
  write_table(
      root / 'im2gps3k_places365.csv',
      ('IMG_ID', 'AUTHOR', 'LAT', 'LON', *PLACES365),
      [{'IMG_ID': name, 'AUTHOR': f'{i % 2}@N00', lat: i, lng: 120 + i}
       for i, name in enumerate([*images, *(f'no{i}.jpg'
                                            for i in range(absent))])])
  return images


def yfcc4k(root, num=6, marked=2, unmarked=5, absent=1):
  """A folder of photos and yfcc4k.csv: ids have no extension here.

  `marked` and `unmarked` rows hold one and the same "not available" picture.
  """
  images = {f'31{i}': jpeg(i) for i in range(num)}
  gone = {f'4{i}': jpeg(999) for i in range(marked + unmarked)}
  for i, (name, data) in enumerate((images | gone).items()):
    path = root / 'yfcc4k' / f'{i % 2}' / f'{name}.jpg'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
  ids = [*images, *gone, *(f'5{i}' for i in range(absent))]
  write_table(
      root / 'yfcc4k.csv',
      ('IMG_ID', 'OwnerNSID', 'LAT', 'LON', 'Placeholder', 'accuracy'),
      [{'IMG_ID': name, 'OwnerNSID': f'{i}@N01', 'LAT': place(i)[0],
        'LON': place(i)[1], 'accuracy': 16,
        'Placeholder': int(name in list(gone)[:marked])}
       for i, name in enumerate(ids)])
  return images


def webdataset(root, num=6, per_shard=3):
  """Shards {000..}.tar; the last sample of each shard has no json."""
  root.mkdir(parents=True, exist_ok=True)
  kept = {}
  for shard in range(num // per_shard):
    with tarfile.open(root / f'{shard:03d}.tar', 'w') as tar:
      for i in range(shard * per_shard, (shard + 1) * per_shard):
        lat, lng = place(i)
        members = {'jpg': jpeg(i), 'cls': b'7', 'json': json.dumps(
            {'latitude': float(lat), 'lon': lng, 'author': 40 + i % 2,
             'sequence': None}).encode()}
        if i % per_shard == per_shard - 1:
          del members['json']
        else:
          kept[f'{i:05d}'] = members['jpg']
        for extension, data in members.items():
          info = tarfile.TarInfo(f'{i:05d}.{extension}')
          info.size = len(data)
          tar.addfile(info, io.BytesIO(data))
  return kept
