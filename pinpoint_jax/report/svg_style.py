"""What the style of our pages makes of a mark: colours, widths, dashes.

It knows the selectors that report/page_style.py has for marks of plots: tags,
classes, [class*=…] and ancestors. Files are printed: they have light colours.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import re

_MEDIA = re.compile(r'@media[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}')
_RULE = re.compile(r'([^{}]+)\{([^{}]*)\}')
_SIMPLE = re.compile(
    r'([a-z]\w*)?((?:\.[\w-]+)*)(?:\[class\*=([\w-]+)\])?$')
_INHERITED = ('color', 'fill', 'stroke', 'stroke-width', 'stroke-dasharray')
_ATTRIBUTES = ('fill', 'stroke', 'opacity')

# Red, green and blue, 0 to 255.
Color = tuple[int, int, int]


@dataclasses.dataclass(frozen=True)
class Node:
  """What a selector sees of an element: its tag and its classes."""

  tag: str
  classes: str

  def is_like(self, simple: str) -> bool:
    """Whether one part of a selector is true of it; unknown ones are not."""
    parts = _SIMPLE.match(simple)
    if not parts:
      return False
    tag, classes, inside = parts.groups()
    return (tag in (None, self.tag)
            and set(filter(None, classes.split('.'))) <= set(
                self.classes.split())
            and (inside or '') in self.classes)


@dataclasses.dataclass(frozen=True)
class _Rule:
  """What a style sheet says of the elements that a selector is true of."""

  selector: tuple[str, ...]
  body: dict[str, str]

  @property
  def weight(self) -> tuple[int, int]:
    """Classes count before tags; of equal rules the later one counts."""
    text = ' '.join(self.selector)
    return (text.count('.') + text.count('['),
            sum(part[0].isalpha() for part in self.selector))


class Style:
  """The rules of a style sheet."""

  def __init__(self, text: str):
    """Of the text, @media is left out."""
    rules = _RULE.findall(_MEDIA.sub('', text))
    self._names = dict(re.findall(r'(--[\w-]+): ([^;\s]+)', ';'.join(
        body for selectors, body in rules if selectors.strip() == ':root')))
    self._rules = [
        _Rule(tuple(selector.split()), dict(
            map(str.strip, entry.split(':', 1))
            for entry in body.split(';') if ':' in entry))
        for selectors, body in rules for selector in selectors.split(',')]
    self._known: dict[tuple[Node, ...], list[dict[str, str]]] = {}

  def of(self, way: Sequence[Node], attributes: Mapping[str, str],
         above: Mapping[str, str]) -> dict[str, str]:
    """Properties of the last node of a way from the root.

    above: properties of the node that it is in.
    """
    properties = {name: value for name, value in above.items()
                  if name in _INHERITED}
    properties |= {name: attributes[name] for name in _ATTRIBUTES
                   if name in attributes}
    for body in self._fitting(tuple(way)):
      properties |= body
    return properties

  def _fitting(self, way: tuple[Node, ...]) -> list[dict[str, str]]:
    """What the rules say of a node, the weightiest last; marks are alike."""
    if way not in self._known:
      fitting = [rule for rule in self._rules if _fits(rule.selector, way)]
      self._known[way] = [rule.body for rule in sorted(
          fitting, key=lambda rule: rule.weight)]
    return self._known[way]

  def color(self, properties: Mapping[str, str], name: str,
            default: str = 'none') -> Color | None:
    """A colour among properties; None for no colour."""
    value = properties.get(name, default)
    if value == 'currentColor':
      value = properties.get('color', 'var(--ink)')
    if value.startswith('var('):
      value = self._names[value[4:-1]]
    if value == 'none':
      return None
    digits = value.removeprefix('#')
    if len(digits) == 3:
      digits = ''.join(2 * digit for digit in digits)
    return tuple(int(digits[i:i + 2], 16) for i in (0, 2, 4))


def _fits(selector: Sequence[str], way: Sequence[Node]) -> bool:
  """Whether a selector is true of the last node of a way."""
  if not selector or not way[-1].is_like(selector[-1]):
    return False
  rest = list(selector[:-1])
  for node in reversed(way[:-1]):
    if rest and node.is_like(rest[-1]):
      rest.pop()
  return not rest
