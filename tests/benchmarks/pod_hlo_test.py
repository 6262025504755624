"""Programs that a reader can follow by hand: how often, how many bytes."""

import pytest

from benchmarks import pod_collectives, pod_hlo, pod_traffic

# Four rounds, each summing 16 numbers; once a gather of 4 by 8 numbers, begun
# and ended apart, and a step round a ring within pairs.
TEXT = '''HloModule step

%sum (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %add = f32[] add(%a, %b)
}

%body (c: (s32[], f32[16])) -> (s32[], f32[16]) {
  %carry = (s32[], SUMS) parameter(0)
  %i = s32[] get-tuple-element(%carry), index=0
  %x = SUMS get-tuple-element(%carry), index=1
  %one = s32[] constant(1)
  %next = s32[] add(%i, %one)
  %summed = SUMS all-reduce(%x), GROUPS, to_apply=%sum
  ROOT %out = (s32[], SUMS) tuple(%next, %summed)
}

%cond (c: (s32[], f32[16])) -> pred[] {
  %carry = (s32[], SUMS) parameter(0)
  %i = s32[] get-tuple-element(%carry), index=0
  %end = s32[] constant(4)
  ROOT %lt = pred[] compare(%i, %end), direction=LT
}

ENTRY %main (x: f32[16], y: bf16[8]) -> f32[16] {
  %x = SUMS parameter(0)
  %y = ONE parameter(1)
  %zero = s32[] constant(0)
  %begin = (s32[], SUMS) tuple(%zero, %x)
  %loop = (s32[], SUMS) while(%begin), condition=%cond, body=%bodyTRIPS
  %started = (ONE, ALL) all-gather-start(%y), replica_groups={{0,1,2,3}}
  %gathered = ALL all-gather-done(%started)
  %passed = (SUMS, SUMS, u32[], u32[]) collective-permute-start(%x), PAIRS
  ROOT %result = SUMS get-tuple-element(%loop), index=1
}
'''
WORDS = {'SUMS': 'f32[16]{0:T(128)}', 'ONE': 'bf16[8]{0:T(256)(2,1)}',
         'ALL': 'bf16[4,8]{1,0:T(8,128)S(1)}',
         'PAIRS': 'source_target_pairs={{0,1},{1,0}}'}
NAMED = "replica_groups=mesh['a'=2,'b'=2] {'b'}"


def written(text, words):
  for word, meaning in words.items():
    text = text.replace(word, meaning)
  return text


def program(groups='replica_groups=[1,4]<=[4]', trips='', **changes):
  return pod_hlo.parse(written(
      written(TEXT, changes),
      WORDS | {'GROUPS': groups, 'TRIPS': trips}))


def test_what_is_in_a_loop_counts_as_often_as_it_goes_round():
  moved = pod_collectives.by_kind(pod_collectives.of(program(), 4))
  assert moved['all-reduce'] == {
      'count': 4, 'bytes': 4 * 64, 'sent_bytes': 4 * 2 * 64 * 3 / 4}
  # Of an asynchronous start its operand is no result.
  assert moved['all-gather'] == {
      'count': 1, 'bytes': 64, 'sent_bytes': 64 * 3 / 4}
  assert moved['collective-permute'] == {
      'count': 1, 'bytes': 64, 'sent_bytes': 64}


@pytest.mark.parametrize('groups, size', [
    ('replica_groups=[1,4]<=[4]', 4), ('replica_groups={{0,1},{2,3}}', 2),
    (NAMED, 2), ('replica_groups={}', 4)])
def test_who_takes_part(groups, size):
  summed = next(one for one in pod_collectives.of(program(groups), 4)
                if one.kind == 'all-reduce')
  assert summed.group == size


def test_the_compilers_word_on_a_loop_is_taken():
  known = ', backend_config={"known_trip_count":{"n":"7"}}'
  moved = pod_collectives.by_kind(pod_collectives.of(program(trips=known), 4))
  assert moved['all-reduce']['count'] == 7


def test_a_loop_that_nobody_can_count_is_refused():
  endless = {'direction=LT': 'direction=NE'}
  with pytest.raises(ValueError, match='loop: a loop whose trip count is unkn'):
    pod_collectives.of(program(**endless), 4)
  # Where nothing is sent in it, nothing has to be counted.
  silent = program(**endless, **{'all-reduce(%x)': 'negate(%x)'})
  assert len(pod_collectives.of(silent, 4)) == 2


def test_a_reduce_scatter_has_read_more_than_it_gives():
  moved = pod_collectives.by_kind(pod_collectives.of(
      program(**{'all-reduce': 'reduce-scatter'}), 4))
  assert moved['reduce-scatter'] == {
      'count': 4, 'bytes': 4 * 4 * 64, 'sent_bytes': 4 * 4 * 64 * 3 / 4}


def test_text_that_is_no_program():
  with pytest.raises(ValueError, match='no HLO module'):
    pod_hlo.parse('error: nothing here')


# Eight weights of 4 KiB, of which each round reads one; what it adds to lies in
# a near memory; at the end one row of a table is replaced.
LOOP = '''HloModule sliced

%pick (all: f32[8,1024], i: s32[]) -> f32[1,1024] {
  %all = TABLE parameter(0)
  %i = s32[] parameter(1)
  %zero = s32[] constant(0)
  ROOT %one = ROW dynamic-slice(%all, %i, %zero)
}

%place (table: f32[8,1024], row: f32[1,1024], i: s32[]) -> f32[8,1024] {
  %table = TABLE parameter(0)
  %row = NEAR parameter(1)
  %i = s32[] parameter(2)
  %zero = s32[] constant(0)
  ROOT %new = TABLE dynamic-update-slice(%table, %row, %i, %zero)
}

%body (carry: (s32[])) -> (s32[]) {
  %carry = (s32[], TABLE, NEAR) parameter(0)
  %i = s32[] get-tuple-element(%carry), index=0
  %all = TABLE get-tuple-element(%carry), index=1
  %sum = NEAR get-tuple-element(%carry), index=2
  %step = s32[] constant(1)
  %next = s32[] add(%i, %step)
  %one = NEAR fusion(%all, %i), kind=kLoop, calls=%pick
  %more = NEAR add(%sum, %one)
  ROOT %out = (s32[], TABLE, NEAR) tuple(%next, %all, %more)
}

%cond (carry: (s32[])) -> pred[] {
  %carry = (s32[], TABLE, NEAR) parameter(0)
  %i = s32[] get-tuple-element(%carry), index=0
  %end = s32[] constant(8)
  ROOT %lt = pred[]{:T(512)S(2)} compare(%i, %end), direction=LT
}

ENTRY %main (all: f32[8,1024], first: f32[1,1024]) -> f32[8,1024] {
  %all = TABLE parameter(0)
  %first = ROW parameter(1)
  %zero = s32[] constant(0)
  %near = NEAR copy(%first)
  %begin = (s32[], TABLE, NEAR) tuple(%zero, %all, %near)
  %loop = (s32[], TABLE, NEAR) while(%begin), condition=%cond, body=%body
  %row = NEAR get-tuple-element(%loop), index=2
  ROOT %new = TABLE fusion(%all, %row, %zero), kind=kLoop, calls=%place
}
'''


def test_slices_and_updates_count_and_near_memory_does_not():
  # One row copied near, eight rows read, one row written; and scalars: a loop's
  # counter and its constant, added and compared eight times, in the main memory
  # here: 3 + 2 words, and one that a fusion reads in each of nine calls.
  rows = 4096 * (1 + 8 + 1)
  scalars = 4 * (8 * (3 + 2) + 9)
  program = pod_hlo.parse(written(LOOP, {
      'TABLE': 'f32[8,1024]{1,0:T(8,128)}', 'ROW': 'f32[1,1024]{1,0:T(8,128)}',
      'NEAR': 'f32[1,1024]{1,0:T(8,128)S(1)}'}))
  assert pod_traffic.hbm_bytes(program) == rows + scalars
