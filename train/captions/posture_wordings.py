"""Wordings of standing, sitting, kneeling, bending and lying; see `wordings`."""

from __future__ import annotations

POSTURE_WORDINGS: dict[str, str] = {
    "stand": """
<stand> [around/about/in one place/on both feet/where they are]
<stand> [in the same spot/up/at ease/on the same spot/on one spot]
<wait> [/standing/on the spot/in place/for someone/for a bus/in line/in a queue/at a bus stop/for something]
<remain> [standing/in place/on the spot/on {p} feet/upright/where they are]
<stay> [standing/on the spot/put/on {p} feet/upright/where they are/in one spot]
<hang> around
<stand> like [a guard/a sentry/a spectator/a bystander/someone waiting for a bus/a shop assistant]
<stand> [doing nothing much/as if waiting/as if waiting in line/as if watching something/without walking anywhere]
<idle> [/in place/on the spot]
<loiter> [/in one spot/on the spot]
<keep> standing [/there/in place/on the spot]
<be> [standing/standing up/on {p} feet/upright]
""",
    "still": """
<stand> [frozen/like a statue/rigidly/stock-still]
<stand> [rooted to the spot/immobile/completely still/very still/there idle]
<stand> [like a guard/like a soldier on watch/like a sentry/like a mannequin/as if frozen/as if made of stone]
<remain> [still/perfectly still/immobile/frozen/in place without moving/stationary/idle]
<stay> [motionless/immobile/put/frozen/stationary/perfectly still/where they are/completely still]
<keep> [perfectly still/completely still/motionless/standing still]
<hold> [still/a still pose/perfectly still/a standing pose]
<wait> [motionless/quietly/patiently/standing still/without moving/calmly/in place/for something]
<idle> [/in place/on the spot/quietly]
<freeze> [/in place/on the spot/like a statue]
<do> [nothing/nothing at all/nothing but stand/nothing but stand there]
<be> [motionless/still/perfectly still/idle/immobile/stationary]
<stand> [around doing nothing/and <do> nothing/quietly in place/still and wait/at attention/patiently/calmly]
""",
    "balance_S": """
<balance> on [the {s} leg/one leg/{p} {s} foot/the {s} foot/a single leg/just the {s} leg/one leg like a flamingo]
<stand> on [the {s} foot/only {p} {s} leg/a single leg]
<stand> on [the {s} leg alone/one foot/one leg like a stork/one leg like a flamingo]
<keep> {p} balance on [one leg/{p} {s} leg/the {s} foot/one foot]
<hold> {p} {o} [foot/leg] [up/in the air/off the ground/off the floor] [/and <balance>]
<keep> {p} {o} [foot/leg] [up/in the air/off the ground/off the floor/raised]
<stand> [one-legged/like a flamingo/like a stork/like a heron/in a tree pose/in a crane stance]
<put> all {p} weight on the {s} leg with the {o} one lifted
<stand> with {p} {o} [leg/foot] [raised/lifted/off the ground/in the air]
<do> a [one-legged stand/one-leg balance/balance on the {s} leg/flamingo stand/yoga balance on one leg]
<balance> [one-legged/like a tightrope walker/like a ballet dancer/like a yogi] on the {s} leg
""",
    "sit": """
<sit> [on a bench/on a stool/in a chair/on a sofa/on a couch/at a desk/at a table/upright/quietly/around/down]
<be> [sitting/sitting on a chair/seated on a chair/in a chair/seated on a bench/sitting on a stool]
<remain> [seated/sitting/in {p} seat/in {p} chair/seated on a chair]
<stay> [in {p} seat/sitting/seated on a chair/on {p} chair/in {p} chair]
<keep> [sitting/{p} seat/sitting on a chair]
<sit> like [a driver/a passenger/an office worker]
<sit> like [a student in class/someone on a bus/someone at a desk/a king on a throne]
<sit> as if [waiting/at a desk/on a bus/in a car/watching TV/at the dinner table/in class/on an invisible chair]
<rest> [on a chair/on a seat/on a bench/in a seat]
<wait> [seated/sitting/on a chair/on a bench]
<perch> on [a stool/a chair/a seat/the edge of a seat]
""",
    "sit_down": """
<sit> down [on a bench/on a seat/in a chair/on a sofa/on a couch/at a desk/at a table/on an invisible chair/to rest]
<take> a seat [/on a chair/on a bench/at a table/in an armchair/on a stool]
<plop> down [on a chair/on a seat/on the sofa/on a bench/in a chair]
<settle> [into a chair/onto a seat/down in a chair/into a seat/on a bench/down on a stool]
<lower> {p} body [onto a chair/into a chair/into a seat/to sit/onto a bench/onto a stool]
<go> [to sit down/from standing to seated/from standing to sitting on a chair/down onto a chair]
<perch> on [a stool/a chair/a bench] after standing
<have> a seat [/on a chair/on a bench/on a stool]
<get> seated [/on a chair/on a stool]
<sink> [into a chair/onto a seat/into an armchair/down on a bench/into a seat]
<drop> [into a chair/onto a seat/onto a bench/into a seat]
<sit> down like [an old man/a tired worker/someone on a bus/a student in class/someone who is tired]
<flop> [into a chair/down on a sofa/onto a seat]
""",
    "sit_up": """
<stand> up [from a bench/from a seat/from a stool/from sitting]
<stand> up [from a sofa/out of a chair/after sitting/from {p} seat]
<get> up [from a chair/from a bench/from sitting/from a stool/off a chair/out of a seat/from a sofa/from the table]
<get> to {p} feet [from a chair/from a seat/from sitting]
<rise> [from a chair/from a seat/from a bench/to {p} feet from a chair/out of a chair/from {p} seat]
<come> up [from a chair/from sitting/out of a seat]
<go> [from seated to standing/from sitting to standing/from a chair to standing]
<push> up from [a chair/a seat/a bench]
<lift> {p} body [from a chair/off a seat/out of a chair]
<stand> up like [an old man from a chair/someone leaving a bus seat/a student called in class]
<arise> from [a chair/a seat]
""",
    "sit_round": """
<sit> down and [<stand>/<get>/<come>] [back up/up again/up once more]
<sit> down [briefly/for a second/for a moment/on a chair/on a bench] and [<stand>/<get>] [up/up again/back up]
<take> a seat [/briefly/for a moment] and [<stand>/<get>/<rise>] up again
<sit> and <stand> [/again/up again/back up]
<go> down onto a [chair/seat/stool/bench] and [<rise>/<stand> up/<get> up] again
<have> a [short sit/brief seat] and <stand> up again
<lower> onto a [chair/seat/bench] and <rise> again
<do> a [sit-to-stand/sit and stand/chair stand]
""",
    "sit_floor": """
<sit> [down low/on the carpet/on the grass/on a mat/on the bare floor/on the ground/on a rug]
<be> [sitting/seated] on [the ground/the floor/a mat/the grass]
<remain> [seated/sitting] on the [floor/ground]
<stay> [seated/sitting] on the [floor/ground]
<keep> sitting on the [floor/ground]
<sit> on the [floor/ground] like [a child/a kid at play/someone at a picnic]
<sit> on the [floor/ground] like [a yogi/someone resting/a camper by a fire]
<rest> on the [floor/ground] seated
<sit> on the floor [as if at a picnic/as if tired/as if playing/to rest]
""",
    "sit_floor_down": """
<sit> down on [the grass/a mat/the carpet/a rug/the floor to rest/the ground to rest]
<go> [from standing to sitting/down to sit] on the [floor/ground]
<take> a seat on the [floor/ground]
<plop> down on the [floor/ground]
<lower> {p} body to sit on the [floor/ground]
<settle> down on the [floor/ground]
<get> [down and <sit>/seated] on the [floor/ground]
<drop> down to sit on the [floor/ground]
<sit> down on the [floor/ground] like [a child/someone at a picnic/someone tired]
<sink> to the [floor/ground] and <sit>
""",
    "squat": """
<squat> [down low/deeply/on the spot/on {p} haunches/like a frog/like a catcher/like a weightlifter/near the ground]
<stay> [in a deep squat/squatting/down on {p} haunches/hunkered down/low in a squat/squatted down]
<hunker> [/low/down low]
<hold> a [deep squat/low squat/squat position/squatting position]
<remain> [in a squat/squatting/on {p} haunches/down in a squat]
<be> [squatting/in a squat/down on {p} haunches/hunkered down]
<keep> [squatting/low in a squat/down in a squat]
<crouch> [very low/deeply/on {p} haunches/down low]
<squat> as if [looking at something on the ground/gardening/hiding/lifting weights/catching a baseball]
""",
    "squat_down": """
<squat> [down low/down deeply/down on the spot/to the ground/on {p} haunches/like a weightlifter/as if to hide/low]
<crouch> down [low/deep/to hide/as if hiding/to look at something/to the ground/like a catcher]
<duck> [down/down low/down to hide/low]
<hunker> down
<get> down [into a squat/into a crouch/on {p} haunches/low]
<go> [into a squat/down on {p} haunches/into a deep crouch/from standing to a squat]
<drop> [into a squat/into a crouch/down into a squat/low]
<sink> [into a squat/into a crouch/down on {p} haunches]
<bend> {p} knees [deeply/and <squat>/and <go> down/all the way]
<lower> [{p} body into a squat/into a crouch/{p} hips into a squat]
""",
    "squat_up": """
<rise> from [a crouch/squatting/{p} haunches/a deep squat/a crouching position/a low squat]
<stand> up [from a crouch/from squatting/out of a squat/from {p} haunches/from a deep squat/out of a crouch]
<get> [up from a squat/up from squatting/to {p} feet from a squat/up from {p} haunches/back up from a squat]
<come> up [from a squat/from a crouch/out of a crouch/from squatting]
<straighten> [up from a squat/up out of a squat/{p} legs out of a squat/{p} knees and <stand>]
<push> up [from a squat/out of a squat/out of a crouch]
<go> from [squatting to standing/a squat to standing/a crouch to standing]
""",
    "squat_round": """
<do> a [deep squat/knee bend/bodyweight squat/full squat/squat like a weightlifter/deep knee bend]
<perform> a [squat/deep squat/full squat/bodyweight squat]
<squat> down and [<stand>/<come>/<get>] [up/back up/up again]
<squat> [low/deep] and [<rise>/<stand> up/<straighten> up]
<crouch> [down/low] and [<stand>/<get>/<come>] [up/back up/up again]
<go> down into a squat and [<come>/<get>/<stand>] [up/back up/up again]
<duck> down and [<stand>/<come>] [up/back up/up again]
<bend> {p} knees [fully/all the way/low] and <stand> up again
<drop> into a squat and <rise> again
<make> a [knee bend/squat/deep bend of the knees]
<get> down on {p} haunches and <stand> up again
""",
    "squat_N": """
<do> {n} [deep squats/deep knee bends/bodyweight squats/full squats/knee bends/squats in a row]
<perform> {n} [deep squats/knee bends/full squats/bodyweight squats]
<squat> [deeply/low/up and down/and <stand> up] {times}
<make> {n} [squats/knee bends]
<squat> down and <get> up {times}
<go> down into a squat and up again {times}
<bend> {p} knees deeply {times}
<crouch> and <rise> {times}
<exercise> with {n} squats
""",
    "crouch": """
<crouch> [low/down/on the spot/in place/like a hunter/like a soldier in cover/like a goalkeeper/in a low stance]
<stay> [low/ducked/in a crouch/down in a crouch/crouched in place/ducked down]
<duck> [low/in place/as if under a low ceiling/behind cover]
<hold> a [crouching position/low stance/crouched position]
<remain> [crouched/crouching/in a crouch/low/ducked]
<be> [crouched/crouching/in a crouch/ducked down]
<keep> [low/crouching/ducked/{p} knees bent]
<stand> with [deeply bent knees/{p} knees bent low/bent legs]
<crouch> as if [hiding/in hiding/taking cover/ready to spring/waiting for a ball]
""",
    "kneel": """
<kneel> [in prayer/as if praying/like a knight/in place/quietly/still/before someone/like a gardener/down/there]
<stay> [kneeling/down on {p} knees/on bended knee/kneeling on the ground]
<remain> [kneeling/on {p} knees/kneeling on the floor/down on {p} knees]
<be> [kneeling/on {p} knees on the floor/down on {p} knees/kneeling down]
<keep> kneeling [/on the floor/on the ground]
<rest> on {p} knees
<kneel> as if [in church/praying/tying a shoe/proposing/looking under something/planting flowers]
<hold> a kneeling [position/pose]
""",
    "kneel_down": """
<kneel> [down on the floor/on the ground/down to pray/down as if proposing/down to tie a shoe/down like a knight]
<get> [down on the knees/onto {p} knees/on {p} knees/down to kneel/down into a kneel]
<go> [down on {p} knees/to {p} knees/from standing to kneeling/down to kneel/down into a kneel]
<drop> [to the knees/down on {p} knees/into a kneel/onto {p} knees]
<sink> [to {p} knees/onto {p} knees/down on {p} knees]
<fall> [to {p} knees/on {p} knees]
<genuflect>
<take> a knee
<lower> {p} body [to {p} knees/onto {p} knees/into a kneel]
<kneel> down [in prayer/before someone/before a king/in front of an altar/to look at something/as if gardening]
""",
    "kneel_up": """
<get> up [from {p} knees/off {p} knees/from a kneel/from kneeling on the floor/from the knees]
<stand> up [from kneeling/from a kneel/after kneeling/off {p} knees/from the knees]
<rise> [from kneeling/from a kneel/to {p} feet from {p} knees/off {p} knees]
<get> to {p} feet from [kneeling/{p} knees/a kneel]
<go> from kneeling to standing
<come> up from [kneeling/{p} knees/a kneel]
<rise> like a knight after [kneeling/being knighted]
""",
    "kneel_round": """
<kneel> [down/briefly/for a moment/down shortly] and [<stand>/<get>/<come>] [up/back up/up again]
<get> down on {p} knees and [<stand>/<get>/<come>] [back up/up again]
<go> down on {p} knees and [<rise>/<get> up/<stand> up] again
<drop> to {p} knees and [<rise>/<get> up/<stand> up] again
<take> a knee and <get> [up/back up/up again]
<genuflect> [/and <rise>]
<kneel> and <rise> [/again/back up]
""",
    "lie": """
<lie> [flat on the ground/flat on the floor/there/still]
<lie> [outstretched on the floor/on a mat/stretched out/as if asleep]
<be> [lying down/lying on the floor/lying flat/flat on the floor/lying on the ground]
<remain> [lying/on the floor/lying down/flat on the ground]
<stay> [down on the floor/lying/lying on the ground/flat on the floor/on the ground]
<rest> [lying down/on the floor/on the ground/flat on the ground]
<lie> like [a sleeper/someone asleep/someone sunbathing/a log/a patient]
<lie> as if [sleeping/resting/in bed/unconscious/sunbathing/knocked out]
<keep> lying [/down/on the floor/on the ground]
<sleep> on the [floor/ground]
""",
    "lie_down": """
<lie> down [on the ground/to sleep/to rest/flat/on a mat/as if in bed/on the grass/to take a nap]
<get> down [and <lie> on the floor/to lie on the ground/onto the floor to lie down]
<go> [from standing to lying/down to lie on the floor/to lie down on the ground]
<lower> {p} body to lie [down/on the floor/on the ground]
<stretch> out on the [floor/ground]
<sink> down and <lie> on the [floor/ground]
<drop> down and <lie> on the [floor/ground]
<go> to bed on the floor
""",
    "down_to_ground": """
<get> down [to the ground/to the floor/onto the ground/onto the floor/low on the ground/all the way to the floor]
<go> down [to the ground/on the floor/on the ground/all the way to the ground]
<drop> [to the floor/down to the ground/down on the floor/down]
<sink> to the [ground/floor]
<lower> {p} body [to the floor/down to the ground/onto the floor]
<move> [from standing to the ground/down to the floor/down to the ground]
<descend> to the [floor/ground]
<end> up on the [floor/ground]
<get> down on the [floor/ground] [as if taking cover/as if to play/from standing/as if told to]
""",
    "get_up": """
<get> up [from the floor/off the ground/on {p} feet/to {p} feet/again from the floor/and <stand>/to a stand]
<stand> up [from the ground/off the floor/off the ground/again from the floor/after being on the ground]
<rise> [from the floor/to {p} feet/off the ground/up from the ground/from the ground to standing]
<get> to {p} feet [/from the floor/from the ground]
<get> back [up/to {p} feet/on {p} feet/up from the floor/up off the ground]
<pick> {p} body up off the [floor/ground]
<come> up from the [floor/ground]
<go> from the [ground/floor] to standing
<get> up like [someone who fell/a fallen boxer/someone waking up] from the [floor/ground]
<push> up from the [floor/ground] and <stand>
""",
    "fours": """
<stay> on [all fours/hands and knees on the floor/{p} hands and knees/all fours like a dog]
<be> [on hands and knees/down on all fours/on all fours on the floor]
<remain> on [all fours/hands and knees]
<rest> on [all fours/hands and knees]
<hold> a [hands-and-knees position/tabletop pose/position on all fours]
<kneel> on [hands and knees/all fours on the floor]
<be> on all fours like [a dog/a cat/a baby/an animal/a table]
""",
    "crawl": """
<crawl> [forward/across the floor/along/on the floor/about/over the ground/across the ground/along the floor]
<crawl> like [a baby/a toddler/a dog/an animal/a cat/an infant/a soldier under wire]
<move> on [all fours/hands and knees/{p} hands and knees]
<go> on [all fours/hands and knees] [/across the floor/over the ground]
<creep> on [all fours/hands and knees]
<crawl> [as if under a table/as if through a tunnel/as if through a pipe/as if looking for something]
<make> {p} way on hands and knees
<walk> on all fours
""",
    "bent": """
<stand> [stooped/doubled over/folded at the waist/bent at the hips/stooped low/bent forward/bent at the waist]
<stay> [stooped/bent forward/doubled over/folded over/bent at the waist/leaning forward/bent down]
<remain> [bent over/bent forward/stooped/folded at the waist/doubled over]
<keep> [bent over/bending over/bent forward/{p} upper body bent forward]
<hold> a [forward bend/bow/bent-over position]
<be> [bent forward/stooped/doubled over/bent at the waist/folded forward]
<lean> [over/forward deeply/way forward/over at the waist] [/as if looking for something/as if tying a shoe]
<bow> [low and <stay> there/and <stay> down]
<bend> over as if [looking for something/tying a shoe/weeding a garden/working on the ground/touching {p} toes]
""",
    "bend_down": """
<bend> [at the waist/forward at the waist/down low/at the hips/over forward/the upper body forward/over deeply]
<bend> down [to pick something up/to tie a shoe/to look at something]
<bend> down [to touch {p} toes/to the ground/as if to lift something]
<stoop> [down/low/over/forward/to pick something up]
<lean> [over/forward and down/forward at the waist/far forward/down forward]
<bow> [/down/low/forward/deeply/down low]
<fold> [forward/at the waist/over/forward at the hips/down over {p} legs]
<reach> down [to the ground/for something on the floor/toward {p} toes/toward the floor/with {p} hands]
<go> into a [forward bend/bow/toe touch]
<double> over
<lower> {p} upper body [/forward/toward the ground]
""",
    "bend_up": """
<straighten> [up again/up from a bend/the back/{p} body/{p} upper body/up from bending over/up after bending]
<stand> [up straight/upright again/up from bending over/up straight again/tall again after bending]
<rise> from [a bow/bending over/a stoop/a forward bend/stooping]
<come> [up from a bow/back up from bending/upright/up again/up straight/upright from a forward bend]
<raise> {p} upper body [/again/from a bend]
<unfold> from a forward bend
<get> back upright [/from bending/after bending over]
<lift> {p} upper body up
<go> from bent over to upright
<return> upright from a bow
""",
    "bend_round": """
<bow> [politely/low/to the audience/like a butler/like an actor]
<bow> [before someone/to a crowd/forward/like a waiter/like a musician]
<take> a [deep bow/low bow/bow like an actor/bow on stage/polite bow]
<do> a [bow/toe touch/forward bend/deep bow/polite bow]
<make> a [bow/deep bow/low bow/polite bow]
<bend> [down/over/forward] and [<straighten>/<stand>/<come>] [up/up again/back up]
<stoop> [down/low/forward] and [<straighten>/<stand>/<come>] [up/up again/back up]
<lean> [forward/over/down] and <come> [up/up again/back up]
<bend> [down/over] as if [to tie a shoe/to pick up a coin/picking up a box/looking for something/touching {p} toes]
<pick> something up [/from the floor/off the ground/from the ground/off the floor]
<pick> up [a ball/a box/an object/a coin/something] [/from the floor/off the ground]
<touch> {p} toes and <straighten> up
<fold> forward and <rise> again
<reach> [down/down to the floor/to {p} feet] and <come> back up
<grab> something from the [floor/ground]
""",
}
