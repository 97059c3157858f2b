"""Wordings of jumps and hops; see `wordings`.  Rows of jumps are followed by a count ("twice")."""

from __future__ import annotations

JUMP_WORDINGS: dict[str, str] = {
    "jumps": """
<jump> [off the ground/with both legs/off both feet/like a rabbit/like a frog/like a kangaroo]
<leap> [into the air/off the ground/off both feet/like a frog]
<hop> [like a bunny/like a rabbit/like a kangaroo/with feet together/with both legs]
<do> a [jump/leap/hop/bounce/two-footed jump/jump with both feet/bunny hop]
<perform> a [jump/leap/hop/two-legged jump]
<make> a [jump/leap/hop]
<spring> [off the floor/into the air/off both feet]
<bounce> [off the ground/on both feet/into the air]
<jump> as if [skipping rope/over a puddle/over a rope/startled/on a trampoline/there were a trampoline]
<take> a [jump/leap/hop]
<push> off with both [legs/feet] and <jump>
<bend> {p} knees and <jump>
""",
    "jumps_up": """
<jump> [vertically/upward/upwards/into the air/up into the air/straight up in the air/up on the spot/for joy]
<leap> [straight up/vertically/upward/into the air/on the spot]
<hop> [in place/on the spot/straight up/up into the air]
<spring> [up/upward/straight up/into the air/up on the spot]
<bounce> [on the spot/in place/up off the ground]
<do> a [vertical jump/jump on the spot/jump in place/standing jump/straight jump/vertical leap/jump for joy]
<perform> a [vertical jump/jump in place/jump on the spot]
<jump> up [as if on a trampoline/like a spring/to catch something]
<jump> up [with joy/with excitement/as if to touch the ceiling]
<jump> [like a happy child/like a basketball player/like a volleyball player] on the spot
<make> a [jump/little jump/vertical leap] on the spot
<push> off and <jump> [up/straight up/upward]
<hop> up [and come back down/off the ground/in the air]
""",
    "jumps_forward": """
<jump> [straight ahead/onward/to the front/forward with both feet/ahead off both feet/forward like a frog]
<leap> [ahead/forwards/to the front/forward like a frog/onward]
<hop> [ahead/forwards/to the front/forward with both feet/forward like a bunny/along like a rabbit]
<spring> [forward/ahead/forwards]
<bound> [forward/ahead/forwards]
<do> a [forward jump/long jump/standing long jump/broad jump/forward leap/bunny hop forward/frog leap]
<perform> a [forward jump/standing long jump/broad jump/forward leap]
<jump> over [something/a puddle/an obstacle/a ditch/a gap/a line/a small hurdle/a log]
<leap> over [a puddle/an obstacle/a ditch/a gap/a fence/something in the way]
<make> a [jump/leap/hop] [forward/ahead]
<vault> forward
<jump> forward as if [over a puddle/across a stream/over a gap/over a crack in the ground]
<clear> [a gap/an obstacle/a puddle] with a jump
""",
    "jumps_back": """
<jump> [in reverse/to the rear/back with both feet/backward with both feet/backwards off both feet/away backwards]
<leap> [backward/backwards/to the rear]
<hop> [back/backward/to the rear/back with both feet/backward like a bunny]
<spring> [back/backward/backwards]
<do> a [backward jump/jump back/jump backward/backward hop/hop back/leap backward]
<perform> a [backward jump/jump backwards/backward leap]
<make> a [jump/leap/hop] [back/backward/backwards]
<jump> back [in fright/as if startled/as if afraid/like someone who saw a snake/to dodge something/in surprise]
<dodge> back with a jump
<bounce> [back/backward/backwards] on both feet
""",
    "jumps_S": """
<jump> [sideways {s}/over to the {s}/to {p} {s}/{s} with both feet/laterally to the {s}/to the {s} side]
<leap> [{s}/sideways to the {s}/sideways {s}/to {p} {s}/to the {s} side]
<hop> [{s}/sideways to the {s}/sideways {s}/to {p} {s}/over to the {s}/to the {s} side]
<spring> [to the {s}/sideways to the {s}/sideways {s}]
<bounce> [to the {s}/sideways to the {s}]
<do> a [jump to the {s}/side jump to the {s}/sideways jump to the {s}/{s} side jump/hop to the {s}/lateral jump {s}]
<perform> a [jump to the {s}/sideways jump to the {s}/sideways leap {s}]
<make> a [jump/leap/hop] to the {s}
<jump> to the {s} [like a goalkeeper/like a skier/as if over a line/to dodge something/as if dodging a ball]
<dodge> {s} with a jump
""",
    "jumps_high": """
<jump> [really high/very high/high up/way up/high off the ground/up high/with all {p} might/high in the air]
<leap> [high into the air/up high/high off the ground/as high as possible/way up]
<spring> [high/high into the air/up high]
<do> a [big jump/huge jump/high leap/big leap/great leap/powerful jump/mighty jump/high vertical jump]
<perform> a [high jump/big jump/powerful jump/great leap]
<jump> high like [a basketball player/a volleyball player/an athlete/a superhero/a kangaroo]
<jump> high as if to [dunk a ball/touch the ceiling/grab something overhead/reach a branch/spike a ball]
<bounce> high [into the air/off the ground]
<make> a [big/huge/high/great] jump
<jump> as high as [{p} legs allow/can be/a person can]
""",
    "hops": """
<hop> [on {p} {s} leg/on just the {s} foot/only on {p} {s} foot/with {p} {s} leg/using only the {s} leg]
<jump> [on {p} {s} foot/on the {s} leg/on just {p} {s} foot/on only the {s} leg/on one leg, the {s} one]
<hop> [one-legged/on a single leg/on a single foot/on one foot like a flamingo/as if playing hopscotch]
<bounce> on [{p} {s} foot/the {s} leg/one leg/one foot]
<hop> on {p} {s} foot [like a flamingo/like in hopscotch]
<skip> on [the {s} foot/one leg/{p} {s} leg]
<do> a [one-legged hop/hop on the {s} foot/{s} leg hop/hop on one leg/single-leg hop on the {s}]
<perform> a [hop on the {s} leg/one-legged hop/single-leg jump on the {s} foot]
<play> hopscotch on the {s} foot
<spring> on the {s} leg alone
""",
    "jump_turn_S_90": """
<jump> and [<turn>/<rotate>/<twist>/<pivot>/<spin>] [a quarter turn/90 degrees/ninety degrees] [{s}/to the {s}]
<do> a [quarter-turn jump to the {s}/90-degree jump to the {s}/jump with a quarter turn to the {s}]
<perform> a [90 degree jump turn to the {s}/jump with a 90-degree turn to the {s}/quarter turn {s} in the air]
<hop> and <turn> [{s}/to the {s}/a quarter turn {s}/to face {s}]
<jump> to face [the {s}/{s}/{p} {s}]
<turn> {s} [with a jump/with a hop/in mid-air/while in the air/in a jump]
<leap> up and <turn> [{s}/to the {s}/90 degrees {s}/a quarter to the {s}]
<jump> up and <land> facing {p} {s}
<jump>, turning [{s}/to the {s}/a quarter turn to the {s}/90 degrees {s}] [in the air/in mid-air/in flight]
""",
    "jump_turn_S_180": """
<jump> and [<turn>/<rotate>/<twist>/<spin>] [a half turn/180 degrees/half a turn/180°] [{s}/to the {s}]
<do> a [half-turn jump to the {s}/180-degree jump to the {s}/jump with a half turn to the {s}/180]
<perform> a [180 degree jump turn to the {s}/jump with a 180-degree turn/half turn {s} in the air/jump turn]
<hop> and <turn> [around/round/around to the {s}/to face the other way]
<jump> to face [the other way/the opposite direction/backwards/the opposite way/what was behind]
<turn> around [with a jump/with a hop/in mid-air/while in the air/in a jump]
<leap> up and <turn> [around/half around/180 degrees/around to the {s}]
<jump> up and <land> facing [the other way/the opposite direction/back]
<jump> and <spin> [halfway round/half around/to face the other way]
<do> a jump like a [skater/skateboarder/snowboarder] and <turn> around to the {s}
""",
    "run_leap": """
<run> and <leap> over [a puddle/an obstacle/a hurdle/a ditch/a gap/a fence/something/a stream/a log]
<run> up and [<jump>/<leap>] [/far/into the air/over a gap/forward]
<sprint> and [<jump>/<leap>] [/forward/into the air/over an obstacle/over a hurdle]
<do> a [running jump/long jump/leap with a run-up/running leap/jump out of a run/hurdle jump]
<perform> a [running jump/long jump/running leap/jump at a run]
<hurdle> an [obstacle/invisible barrier/imaginary fence]
<bound> [through the air while running/over something at a run/forward out of a run]
<jump> [over a hurdle/over an obstacle/across a gap] while running
<run> and <leap> like [a hurdler/a long jumper/a deer/a gazelle/a parkour runner]
<dash> and <jump> [/forward/over something/into the air]
<make> a [leap/jump] [at full tilt/on the run/while running]
<take> a run-up and [<jump>/<leap>]
""",
}
