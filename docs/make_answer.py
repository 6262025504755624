r"""Draws docs/answer.png: a card of the page that a finished demo wrote.

  python docs/make_answer.py --page=runs/demo/report.html \
    --out=docs/answer.png --card=0

Chromium draws it: apt-get install chromium chromium-driver.
"""

import argparse
import base64
import io
import pathlib
import shutil

from PIL import Image
from selenium import webdriver

# A card of a page as wide as a desktop's, for a screen of fine pixels.
_WIDTH, _SCALE = 1280, 1.4


def main() -> None:
  """Opens the page, draws one card, saves."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--page', type=pathlib.Path, required=True)
  parser.add_argument('--out', required=True)
  parser.add_argument('--card', type=int, default=0)
  words = parser.parse_args()
  picture = card(words.page.resolve(), words.card)
  picture.convert('RGB').save(words.out, optimize=True)


def card(page: pathlib.Path, number: int) -> Image.Image:
  """That card of the page, light."""
  options = webdriver.ChromeOptions()
  options.binary_location = shutil.which('chromium')
  for word in ('--headless', '--no-sandbox', '--disable-gpu',
               '--hide-scrollbars'):
    options.add_argument(word)
  browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(
      shutil.which('chromedriver')))
  try:
    browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', {
        'width': _WIDTH, 'height': 900, 'deviceScaleFactor': 1,
        'mobile': False})
    browser.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': [
        {'name': 'prefers-color-scheme', 'value': 'light'}]})
    browser.get(page.as_uri())
    box = browser.execute_script(
        'const box = document.querySelectorAll(".card")[arguments[0]]'
        '.getBoundingClientRect(); return [box.x, box.y + scrollY, box.width,'
        ' box.height]', number)
    shot = browser.execute_cdp_cmd('Page.captureScreenshot', {
        'captureBeyondViewport': True,
        'clip': dict(zip(('x', 'y', 'width', 'height'), box), scale=_SCALE)})
  finally:
    browser.quit()
  return Image.open(io.BytesIO(base64.b64decode(shot['data'])))


if __name__ == '__main__':
  main()
