"""English words and commoner ones that can stand in their place, for `builder/easing.py`.

Written by hand for this project, one line of lemmas for each commoner word; no entry is from a
thesaurus. A word is here if in most of its senses the commoner one says the same with the same
complements; words that are commoner only in one narrow sense are left out.
"""

from __future__ import annotations

VERBS = """
use: utilize utilise
help: assist aid facilitate
buy: purchase
start: commence initiate
begin: originate
end: terminate conclude
stop: cease halt discontinue
show: demonstrate exhibit illustrate depict reveal showcase highlight
get: obtain
need: require necessitate
build: construct
make: produce generate manufacture formulate
give: grant bestow
keep: retain maintain preserve
try: attempt endeavor endeavour
find: discover detect
find out: ascertain
learn: discern
choose: select
change: alter modify transform
improve: enhance ameliorate
increase: augment
cut: diminish curtail
reduce: mitigate alleviate
live: reside dwell
happen: occur
cause: induce
send: transmit dispatch
say: assert
tell: inform notify
explain: elucidate clarify
look at: examine
study: investigate
fix: repair rectify
add: incorporate
join: enroll enrol
teach: educate
save: rescue
hurt: injure harm
break: shatter
move: relocate
leave: depart
come: arrive
meet: encounter
talk: converse
watch: observe monitor
see: perceive witness
plan: devise
hope: aspire
want: desire
work: function
gather: congregate
wait: await
fight: combat
face: confront
protect: safeguard
praise: commend laud
ban: prohibit
allow: permit enable
order: mandate
accept: embrace
fall: plummet
carry: convey
share: disseminate
set up: establish
carry out: implement undertake
speed up: accelerate expedite
strengthen: bolster fortify
support: endorse
cover: encompass
include: comprise
deal with: tackle address
hide: conceal
fear: dread
name: designate
check: verify
let: authorize
"""
NOUNS = """
help: assistance aid
way: manner
part: component portion segment
goal: objective
start: commencement inception onset
end: termination
change: alteration modification transformation
use: utilization utilisation usage
home: residence dwelling
doctor: physician
job: occupation profession
child: youngster
friend: companion
worker: laborer labourer
boss: supervisor
student: pupil
chance: opportunity
problem: difficulty complication obstacle
choice: alternative
idea: notion concept
plan: scheme
rule: regulation
law: legislation statute
talk: discussion dialogue conversation
fight: altercation
attack: assault
danger: peril hazard
fear: apprehension
anger: outrage
gift: donation
money: funds finances
rise: surge
lack: shortage scarcity
area: zone vicinity
place: location locale venue
building: edifice
car: automobile
food: nourishment
illness: ailment
answer: reply
question: inquiry query
skill: expertise proficiency
growth: expansion
group: cohort
team: squad
study: investigation
test: examination
need: requirement necessity
result: outcome consequence
reason: rationale
cause: catalyst
example: instance
number: quantity
effect: repercussion
"""
ADJECTIVES = """
important: significant crucial vital pivotal essential
big: substantial considerable
large: sizable extensive
huge: enormous immense colossal
small: diminutive
tiny: minuscule
many: numerous
more: additional
enough: sufficient adequate
main: primary principal
first: initial
next: subsequent
early: preliminary
old: antiquated elderly
new: novel
fast: rapid swift
slow: gradual
hard: challenging arduous strenuous
easy: effortless
simple: straightforward
clear: evident apparent
strong: robust
weak: feeble fragile
full: comprehensive
rich: affluent wealthy
poor: impoverished
famous: renowned prominent
smart: intelligent
brave: courageous
happy: delighted
sad: melancholy
angry: furious irate
tired: exhausted weary
dangerous: hazardous perilous
safe: secure
cheap: inexpensive affordable
useful: beneficial
bad: detrimental adverse
good: advantageous
great: exceptional outstanding remarkable
beautiful: picturesque scenic stunning
busy: bustling
strange: peculiar
rare: scarce
common: prevalent widespread
usual: customary
likely: probable
right: accurate
wrong: erroneous incorrect
nearby: adjacent
wide: broad
long: prolonged lengthy
complex: intricate
deep: profound
careful: meticulous
growing: burgeoning
"""
ADVERBS = """
about: approximately
now: presently
later: subsequently
before: previously
soon: imminently
often: frequently
mostly: primarily predominantly
mainly: principally
nearly: virtually
almost: practically
also: additionally furthermore moreover
so: consequently therefore thus hence
however: nevertheless nonetheless
quickly: rapidly swiftly promptly
slowly: gradually
greatly: substantially considerably immensely
very: extremely highly exceedingly incredibly remarkably
only: solely exclusively
together: collectively jointly
at once: immediately instantly
at first: initially
finally: ultimately
enough: sufficiently
easily: effortlessly
badly: severely
carefully: meticulously
clearly: evidently
really: genuinely
widely: extensively
"""
PHRASES = """
to: in order to|so as to|in an effort to
because of: due to|as a result of|on account of|owing to
because: due to the fact that|owing to the fact that
before: prior to
after: subsequent to
about: with regard to|in regard to|with respect to|pertaining to|regarding
near: in close proximity to|in the vicinity of
many kinds of: a wide range of|a wide variety of|a variety of|a diverse range of|a broad range of
many: a large number of|a great number of|a multitude of|a plethora of|a myriad of
some: a number of
most: the majority of
most of the: the majority of the
most of its: the majority of its
most of their: the majority of their
most of these: the majority of these
most of those: the majority of those
can: is able to|are able to|has the ability to|have the ability to|has the capacity to
could: was able to|were able to|had the ability to
and: as well as|along with
without: in the absence of
often: on a regular basis
every day: on a daily basis
now: at the present time|at this point in time
during: in the course of|throughout the course of
if: in the event that
for: on behalf of
even though: despite the fact that|in spite of the fact that
since: given that
while: whilst
among: amongst
instead of: in lieu of|as opposed to
like: such as
"""
IRREGULAR = """
begin began begun
break broke broken
build built built
buy bought bought
choose chose chosen
come came come
cut cut cut
deal dealt dealt
fall fell fallen
fight fought fought
find found found
get got got
give gave given
go went gone
grow grew grown
hide hid hidden
hold held held
hurt hurt hurt
keep kept kept
leave left left
let let let
make made made
meet met met
rise rose risen
say said said
see saw seen
send sent sent
set set set
show showed shown
speed sped sped
teach taught taught
tell told told
think thought thought
win won won
"""
"""Verbs of the lists above whose past is not regular: base, past, participle."""
PLURALS = {"child": "children", "person": "people"}
DOUBLED = frozenset({"stop", "plan", "ban", "cut", "get", "let", "set", "win", "begin"})
"""Verbs whose last letter is doubled before -ing, and before -ed where they are regular."""
UNCOUNTED = frozenset({"help", "money", "food", "proof", "strength", "growth", "anger"})
"""Commoner nouns that have no plural in the sense meant here."""
AMOUNTS = frozenset({"many", "more", "enough"})
"""Adjectives that stand for a determiner, so none may go with them."""
NO_PASSIVE = frozenset({"get", "need", "want", "let", "hope", "go", "come"})
"""Commoner verbs that do badly as participles."""


def parse_entries(block: str, between: str = " ") -> dict[str, str]:
    """Each rarer word or phrase of a block with the commoner one."""
    found = {}
    for line in block.strip().splitlines():
        common, _, rare = line.partition(": ")
        found.update(dict.fromkeys(rare.split(between), common))
    return found
