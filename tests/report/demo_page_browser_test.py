"""Pages of results in Chromium: wide and narrow, light and dark, offline."""

import base64
import io
import shutil

from experiments import make_tables
import numpy as np
from PIL import Image
from pinpoint_jax.report import demo_page, published, run_page, tables
import pytest

from tests.fixtures import tiny_page

pytestmark = pytest.mark.slow
webdriver = pytest.importorskip(
    'selenium.webdriver', reason='selenium is in requirements.txt')
CHROMIUM, DRIVER = map(shutil.which, ('chromium', 'chromedriver'))
if not (CHROMIUM and DRIVER):
  pytest.skip('no browser: apt-get install chromium chromium-driver',
              allow_module_level=True)
LOOKS = [(width, scheme) for width in (1280, 360)
         for scheme in ('light', 'dark')]
# Sides that are wider than the window, words that are cut off or over others.
_FAULTS = '''
const faults = [], wide = document.documentElement.scrollWidth;
const name = (node) => node.nodeName + ' "' +
    (node.textContent || '').slice(0, 40) + '"';
if (wide > innerWidth) faults.push('the page is ' + wide + ' wide');
for (const node of document.querySelectorAll('body *')) {
  if (node.closest('.scroll, .wide, svg')) continue;
  const box = node.getBoundingClientRect();
  if (box.width && (box.right > innerWidth + .5 || box.left < -.5))
    faults.push(name(node) + ' leaves the window');
  if (node.clientWidth && node.scrollWidth > node.clientWidth + 1)
    faults.push(name(node) + ' is cut off');
}
for (const box of document.querySelectorAll('.scroll, .wide')) {
  if (getComputedStyle(box).overflowX != 'auto')
    faults.push('a table does not scroll');
}
for (const svg of document.querySelectorAll('svg')) {
  const frame = svg.getBoundingClientRect();
  const words = [...svg.querySelectorAll('text')].map(
      (node) => [name(node), node.getBoundingClientRect()]);
  words.forEach(([text, a], i) => {
    if (a.left < frame.left - 1 || a.right > frame.right + 1 ||
        a.top < frame.top - 1 || a.bottom > frame.bottom + 1)
      faults.push(text + ' is cut off by its plot');
    for (const [other, b] of words.slice(i + 1))
      if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
          Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3)
        faults.push(text + ' is over ' + other);
  });
}
for (const image of document.images)
  if (!image.complete || !image.naturalWidth) faults.push('a broken picture');
for (const entry of performance.getEntriesByType('resource'))
  if (!entry.name.startsWith('data:')) faults.push('loads ' + entry.name);
return faults;
'''


@pytest.fixture(scope='module')
def pages(tmp_path_factory):
  """Both pages, as the demo writes them, and tables beside published ones."""
  folder = tmp_path_factory.mktemp('pages')
  shown = tiny_page.page()
  (folder / 'report.html').write_text(demo_page.page(shown), encoding='utf-8')
  (folder / 'run.html').write_text(
      run_page.page(tiny_page.run_page(rows=shown.rows, missing={
          'Pictures': f'see `pinpoint {"--long" * 30}`'})), encoding='utf-8')
  (folder / 'table.html').write_text(tables.page(
      'Synthetic Earth', 'All rows.', {'rows': list(shown.rows)},
      links={'Photos, answers and curves of this run': 'report.html'}),
                                     encoding='utf-8')
  make_tables.make([], folder, list(published.benchmarks()))
  return folder


@pytest.fixture(scope='module')
def browser():
  options = webdriver.ChromeOptions()
  options.binary_location = CHROMIUM
  for word in ('--headless', '--no-sandbox', '--disable-gpu',
               '--hide-scrollbars', '--disable-dev-shm-usage',
               '--host-resolver-rules=MAP * ~NOTFOUND'):
    options.add_argument(word)
  options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
  driver = webdriver.Chrome(
      options=options, service=webdriver.ChromeService(DRIVER))
  driver.execute_cdp_cmd('Network.enable', {})
  driver.execute_cdp_cmd('Network.emulateNetworkConditions', {
      'offline': True, 'latency': 0, 'downloadThroughput': 0,
      'uploadThroughput': 0})
  yield driver
  driver.quit()


def look(browser, path, width, scheme):
  """Opens a page at that width and in that scheme."""
  browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', {
      'width': width, 'height': 900, 'deviceScaleFactor': 1, 'mobile': False})
  browser.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': [
      {'name': 'prefers-color-scheme', 'value': scheme}]})
  browser.get(path.as_uri())
  browser.execute_script('document.querySelectorAll("details").forEach('
                         '(node) => node.open = true)')


def screenshot(browser, width):
  height = browser.execute_script(
      'return document.documentElement.scrollHeight')
  shot = browser.execute_cdp_cmd('Page.captureScreenshot', {
      'captureBeyondViewport': True, 'clip': {
          'x': 0, 'y': 0, 'width': width, 'height': height, 'scale': 1}})
  return Image.open(io.BytesIO(base64.b64decode(shot['data']))).convert('L')


@pytest.mark.parametrize('width, scheme', LOOKS)
@pytest.mark.parametrize('name', [
    'report.html', 'table.html', 'run.html', 'tables.html'])
def test_nothing_is_cut_off_or_missing(browser, pages, name, width, scheme):
  look(browser, pages / name, width, scheme)
  faults = browser.execute_script(_FAULTS)
  assert not faults, faults
  assert browser.get_log('browser') == []


@pytest.mark.parametrize('width, scheme', LOOKS)
def test_the_screenshot_is_as_light_as_it_should_be(
    browser, pages, width, scheme, tmp_path):
  look(browser, pages / 'report.html', width, scheme)
  shot = screenshot(browser, width)
  shot.save(tmp_path / 'page.png')
  paper = np.median(np.asarray(shot))
  assert paper > 200 if scheme == 'light' else paper < 60
  assert shot.width == width and shot.height > 3000


def test_the_test_sees_what_is_cut_off(browser, pages):
  text = (pages / 'report.html').read_text(encoding='utf-8')
  broken = pages / 'broken.html'
  broken.write_text(text.replace(
      '</h1>', '</h1><p style="width:2000px">wide</p>'
      '<img alt="" src="data:image/webp;base64,AAAA">'), encoding='utf-8')
  look(browser, broken, 360, 'light')
  faults = ' '.join(browser.execute_script(_FAULTS))
  assert 'leaves the window' in faults and 'a broken picture' in faults


def test_a_foreign_picture_is_refused(browser, pages):
  text = (pages / 'report.html').read_text(encoding='utf-8')
  foreign = pages / 'foreign.html'
  foreign.write_text(text.replace(
      '</h1>', '</h1><img alt="" src="https://example.com/a.png">'),
                     encoding='utf-8')
  look(browser, foreign, 360, 'light')
  (entry,) = browser.get_log('browser')
  assert 'Content Security Policy' in entry['message']
