"""Wordings of walking, running and turning; see `wordings`."""

from __future__ import annotations

# a whole phrase with its direction and pace; what is turned meanwhile follows it
GAIT_WORDINGS: dict[str, str] = {
    "walk_forward": """
<walk> [along/on/down the street/down a path/down a hallway]
<walk> [across the room/onward/to the front/along a road/through a room]
<make> {p} way [forward/ahead/onward/along on foot/down the street/across the room]
<head> [forward/straight on/onward/off on foot/down the road/ahead]
<proceed> [forward/ahead/onward/on foot/at a walk/forwards at a walk]
<advance> [/at a walk/on foot/step by step/walking]
<go> [forward/forwards/ahead/onward/straight on] [on foot/at a walk/walking]
<take> [a walk/some steps forward/several steps forward/a few steps forward/a few paces forward/steps ahead]
<walk> like [a person on the street/someone going to work/a pedestrian/a visitor/a guard on patrol]
<put> one foot in front of the other
<go> for a walk
<move> [forward/ahead/onward/along] [on foot/at a walk/step by step/walking]
<travel> [forward/ahead] on foot
<step> [forward/ahead] [again and again/repeatedly/one foot after the other/step after step]
<continue> [forward on foot/walking/walking forward]
<do> a [forward walk/walk forward/normal walk/walk/walk cycle/regular walk]
""",
    "walk_slow": """
<stroll> [/along/in the park/down the street]
<stroll> [leisurely/casually/forward/like someone with time to spare/along a beach]
<amble> [/along/forward/ahead/down the road/like someone with no aim]
<wander> [along/ahead slowly/forward/slowly along]
<saunter> [/along/forward/ahead/down the street/like a tourist]
<trudge> [/along/forward/ahead/like a tired worker/as if through snow/as if exhausted]
<plod> [/along/forward/onward/like a tired soldier]
<shuffle> [forward/along/ahead] [/slowly/like an old man/like an old woman/like a tired person/like a zombie]
<walk> slowly [like an old man/like an old woman/as if tired]
<walk> slowly [as if in thought/as if sad/as if through mud/as if bored]
<take> [a stroll/a slow walk/slow steps forward/a leisurely walk/small slow steps/a gentle stroll]
<dawdle> [along/forward]
<inch> forward
<do> a [slow walk/slow walk forward/leisurely walk/slow stroll/lazy walk]
<walk> [without hurry/without any rush/lazily/sluggishly] [forward/along/ahead/]
<walk> [at a leisurely pace/gently/with slow paces/at a crawl] [forward/along/ahead/]
<go> forward [slowly/at a slow walk/at a snail's pace/step by slow step/unhurriedly]
<move> slowly [forward/ahead] on foot
<pace> slowly [forward/ahead]
<mosey> [along/forward]
<make> {p} way slowly forward
""",
    "walk_brisk": """
<stride> [along/forward/ahead/purposefully/down the street/out/with purpose/like a businessman/briskly]
<march> [forward/along/ahead/on/like a soldier/like a recruit/briskly/down the road/with quick steps]
<hurry> [along/forward/ahead/on foot/down the street/as if late/like someone late for work]
<power-walk> [/forward/along]
<walk> [in haste/in a rush/with haste/at speed/speedily] [forward/ahead/along/]
<walk> [swiftly/rapidly/with purpose/at a quick pace/energetically] [forward/ahead/along/]
<walk> fast [as if late/as if in a hurry/like a commuter]
<walk> fast [like someone late for a train/as if to catch a bus/like a race walker]
<rush> [forward/ahead/along] [on foot/at a fast walk/walking]
<pace> [briskly/quickly/rapidly] [forward/ahead/along]
<take> [a brisk walk/a fast walk/quick steps forward/fast steps ahead/long quick strides]
<do> a [fast walk/brisk walk/quick walk/power walk/hurried walk/brisk march]
<go> forward [at a brisk walk/at a fast walk/with quick steps/at a quick march]
<step> [briskly/lively/quickly] [forward/ahead/along]
<make> haste on foot
<bustle> [along/forward]
""",
    "walk_back": """
<walk> [in reverse/backward on foot/the wrong way round, backwards/rearward/back step by step/backwards carefully]
<back> [up/away/off] [/step by step/a few steps/several steps/on foot/as if afraid/from something/as if from a dog]
<retreat> [/backwards/backward/facing forward/step by step/on foot]
<reverse> [/on foot/step by step/at a walk]
<move> [backward/backwards/in reverse/to the rear] [/on foot/at a walk/step by step]
<go> [backward/backwards/in reverse] [/on foot/at a walk/step by step/walking]
<take> [steps back/several steps back/a few steps backward/some steps backwards/backward steps/a few paces back]
<step> [back/backward/backwards] [again and again/repeatedly/several times/step after step]
<walk> backwards [like someone leaving a king/as if retreating]
<walk> backwards [as if pulling a rope/as if afraid/as if guiding a truck]
<do> a [backward walk/walk backwards/backwards walk/walk in reverse/reverse walk]
<pace> [backward/backwards]
<make> {p} way backwards
<shuffle> [backward/backwards/back]
<withdraw> [/backwards/step by step]
""",
    "walk_S": """
<sidestep> [{s}/to the {s}/to {p} {s}/repeatedly to the {s}] [/like a crab/facing forward]
<side-step> [{s}/to the {s}/to {p} {s}/several times to the {s}]
<shuffle> [{s}/sideways {s}/sideways to the {s}/to the {s}/laterally {s}]
<scoot> [{s}/to the {s}/over to the {s}/sideways to the {s}]
<edge> [{s}/to the {s}/sideways to the {s}/sideways {s}/over to the {s}]
<walk> [sideways {s}/to the {s} sideways/crabwise to the {s}/like a crab to the {s}/laterally to the {s}]
<move> [{s}/laterally {s}/to the {s}/sideways to the {s}/over to the {s}/sideways {s}] [/on foot/step by step]
<go> [sideways to the {s}/to the {s} sideways/crabwise {s}]
<strafe> [{s}/to the {s}]
<step> [sideways {s}/to the {s}/sideways to the {s}/{s}] [again and again/repeatedly/step after step/several times]
<take> [steps to the {s}/side steps to the {s}/several steps {s}/a few sideways steps to the {s}/lateral steps {s}]
<do> a [sideways walk to the {s}/crab walk to the {s}/{s} strafe/side shuffle to the {s}/lateral shuffle {s}]
<make> {p} way sideways to the {s}
""",
    "walk_diagonal_S": """
<walk> [at an angle to the front {s}/forward and to the {s} diagonally]
<walk> [diagonally ahead and {s}/obliquely forward to the {s}]
<move> [diagonally forward {s}/diagonally ahead to the {s}/at an angle forward and {s}/to the front {s}]
<step> diagonally [forward to the {s}/ahead to the {s}/to the front {s}]
<go> [diagonally forward {s}/diagonally ahead to the {s}/forward {s} at an angle]
<cut> diagonally forward to the {s}
<drift> forward and to the {s}
<do> a diagonal walk to the front {s}
<make> {p} way diagonally forward to the {s}
""",
    "walk_diagonal_back_S": """
<walk> [at an angle to the back {s}/backward and to the {s} diagonally]
<walk> [diagonally back and {s}/obliquely back to the {s}]
<move> [diagonally backward {s}/diagonally back to the {s}/at an angle backward and {s}/to the back {s}]
<step> diagonally [backward to the {s}/back to the {s}/to the rear {s}]
<back> [up/away/off] [diagonally to the {s}/at an angle to the {s}/toward the back {s}]
<retreat> diagonally [to the {s}/back to the {s}]
<go> [diagonally backward {s}/diagonally back to the {s}]
""",
    "walk_around": """
<wander> [around/about/around the place/about the room/here and there/around aimlessly/to and fro]
<walk> [here and there/around the room/about the place]
<walk> [around aimlessly/this way and that/all over the place/in winding paths]
<roam> [/around/about/around the room/here and there]
<meander> [/around/about/along]
<stroll> [around/about/here and there]
<pace> [around/about/around the room/about the room]
<go> [around/about/here and there] on foot
<take> a walk around [/the room/the place]
<walk> around as if [lost/looking for something/waiting/searching/thinking]
<move> around on foot
<loop> around on foot
<drift> [around/about]
""",
    "jog_forward": """
<jog> [along/on/in the park/down the road]
<jog> [onward/down the street/around the block/like a runner warming up/for exercise]
<trot> [along/on/forward/ahead/like a horse/like a footballer onto the pitch]
<run> [at an easy pace/slowly forward/gently/lightly/at a jog/leisurely/at a slow pace/easily] [/ahead/along]
<go> [for a jog/jogging/forward at a jog/at a trot/jogging along/for an easy run]
<do> a [light jog/slow run/jog/jog forward/gentle run/warm-up run/easy run]
<take> a [jog/light run]
<jog> like [an athlete warming up/someone in the park/a morning runner/a soccer player/a jogger]
<move> [forward/ahead] at a [jog/trot/slow run]
<lope> [along/forward]
<make> {p} way forward at a jog
""",
    "run_forward": """
<run> [along/on/onward/down the street/across the field/ahead]
<run> [for a bus/as if late/in a hurry/away/off/down the track]
<dash> [/forward/ahead/off/across the field/down the street/along]
<race> [/forward/ahead/along/off/down the track]
<rush> [forward at a run/ahead running/forward running]
<hurry> forward at a run
<bolt> [/forward/ahead/off]
<charge> [/forward/ahead/at something]
<do> a [run/run forward/fast run/forward run/run cycle]
<go> [for a run/running/running forward/ahead at a run]
<run> like [an athlete/a football player/a child at play/a soldier/someone chasing a bus/a player on the field]
<run> as if [chased/chasing someone/to catch a bus/in a race/fleeing/late for a train]
<gallop> [forward/along/ahead]
<take> a run
<move> [forward/ahead] at a run
<make> a run [forward/for it]
""",
    "run_fast": """
<sprint> [/forward/ahead/down the track/at full speed]
<sprint> [like an athlete/like a sprinter/all out/like a rocket/for the finish]
<dash> [at full speed/ahead at top speed/like a sprinter/forward very fast]
<race> [at full tilt/ahead at top speed/like mad/forward as fast as possible/toward the finish]
<bolt> [/forward/like lightning/away/like a scared horse]
<run> [like a rocket/all out/at full tilt/at a sprint]
<run> [like the wind/as fast as {p} legs can carry/at maximum speed/like crazy]
<tear> along at full speed
<do> a [sprint/fast run/full sprint/quick sprint/hundred-meter dash/very fast run]
<speed> [along/ahead/forward] at a run
<zoom> forward at a sprint
<run> very fast [like a cheetah/as if chased by a dog/like an Olympic runner/as if for dear life]
<go> at a full sprint
<break> into a full sprint
""",
    "run_back": """
<run> [in reverse/backward quickly/to the rear facing forward/backwards like a defender/backwards like a referee]
<do> a [backward run/run backwards/run in reverse]
<move> [backward/backwards] at a run
<go> backwards at a run
<backpedal> [/quickly/like a defender]
""",
    "jog_back": """
<jog> [in reverse/backward lightly/backwards like a referee/to the rear facing forward]
<do> a [backward jog/jog backwards]
<move> [backward/backwards] at a jog
<backpedal> [/at a jog/like a defender]
""",
    "crouch_walk_forward": """
<sneak> [forward/along/ahead/like a thief/like a burglar/like a ninja/like a spy/as if not to be heard]
<creep> [forward/along/ahead/like a cat/like a hunter/like a burglar]
<walk> [crouched down/bent low/low to the ground]
<walk> [in a low crouch/in a squat/stooped with bent knees/with deeply bent knees]
<walk> [forward/along/ahead] [in a crouch/crouched/ducked/with bent legs/keeping low/crouching]
<prowl> [forward/along/ahead]
<stalk> [forward/along/like a hunter/like a cat]
<move> [forward/ahead] [in a crouch/crouched low/ducked/keeping low/stealthily]
<advance> [in a crouch/crouched/ducked/keeping low]
<crouch-walk> [/forward/ahead]
<do> a [crouched walk/crouch walk/stealthy walk/low sneaking walk/duck walk]
<walk> crouched like [a soldier under fire/Groucho/a duck/a commando/someone in a low tunnel]
<walk> ducked as if [under a low ceiling/in a tunnel/hiding behind a wall/under fire]
""",
}
# what follows the verb of people on the move
TURN_WORDINGS: dict[str, str] = {
    "veer_S": """
and <drift> [{s}/to the {s}/off to the {s}/over to the {s}]
and <bend> [{s}/to the {s}/slightly {s}]
and [<swing>/<swerve>/<steer>/<angle>] [{s}/to the {s}/a little {s}/slightly to the {s}]
[curving/veering/bearing/bending/drifting] [slightly /gently /a little /]to the {s}
in a [gentle/wide/slight/soft/shallow] [curve/bend/arc] to the {s}
[along/on] a path that bends [{s}/to the {s}]
and <turn> [a little/a bit/slightly/gently] [{s}/to the {s}/toward the {s}]
""",
    "turn_S": """
and <curve> [to the {s}/around to the {s}/{s}]
and <take> a [turn to the {s}/{s} turn/{s}]
in a [curve/bend/arc/loop] [to the {s}/{s}/toward the {s}]
and [<swing>/<bend>/<wheel>/<circle>] [{s}/to the {s}/around to the {s}]
and <change> direction to the {s}
[turning/curving/bending] [{s}/to the {s}/toward {p} {s}]
while [curving/turning/going around] to the {s}
with a turn to the {s}
""",
    "turn_S_90": """
and <turn> [square/a corner/through 90 degrees/ninety degrees] to the {s}
and [<round>/<take>/<turn>] a corner to the {s}
and <make> a [90-degree turn/quarter turn/square turn/ninety degree turn] [{s}/to the {s}]
[turning/bending/curving] [a quarter turn/90 degrees/ninety degrees] to the {s}
with a [quarter turn/90-degree turn/sharp turn] to the {s}
around a [{s} corner/corner to the {s}/{s} bend]
""",
    "turn_S_180": """
and <turn> [about/around and <head> back/back the way they came/to face the other way/through 180 degrees]
and <do> [an about-turn/a U-turn/a 180/a one-eighty/a half turn/a U-turn to the {s}/a 180 to the {s}]
and <double> back
and <make> a [half turn to the {s}/180/half circle to the {s}/hairpin turn to the {s}/turnaround]
and <come> back around to the {s}
and <reverse> direction [/with a turn to the {s}]
in a [half circle/semicircle/U-turn/half loop] to the {s}
and <go> back the other way, turning {s}
""",
    "turn_S_360": """
in a [loop/full loop/complete circle/whole circle/ring/round] [/to the {s}/{cw}]
around in a [complete circle/full circle/loop] [/to the {s}/{cw}]
[all the way around/once around/full circle] [/to the {s}/{cw}]
{cw} in a [circle/ring/loop]
and <circle> back to the start [/to the {s}]
as if [around a tree/around a table/around a fountain/around a pole], turning {s}
and <loop> around to the {s}
""",
    "turn_S_on": """
[round and round/around and around] [/to the {s}/{cw}]
in [circles/rounds/loops] [/to the {s}/{cw}]
and <keep> [turning/curving/circling] [{s}/to the {s}/{cw}]
and <circle> [{s}/to the {s}/{cw}]
[circling/curving on] to the {s}
""",
    # people who go nowhere
    "spot_S": """
<turn> [to face the {s}/toward {p} {s}/to look {s}]
<turn> [on {p} feet to the {s}/towards the {s}/around to the {s}/{s} a bit]
<rotate> [{s}/to {p} {s}/{p} body to the {s}/toward the {s}]
<pivot> [{s}/to {p} {s}/on one foot to the {s}/on {p} heels to the {s}/toward the {s}]
<swivel> [{s}/to the {s}/around to the {s}/to {p} {s}]
<face> [toward the {s}/the {s}/to {p} {s}/{s}]
<do> a [turn to the {s}/{s} turn/{s} pivot/pivot to the {s}/rotation to the {s}]
<make> a [turn to the {s}/{s} turn/pivot to the {s}]
<shift> around to face the {s}
<swing> around to the {s}
<turn> {s} as if [called/someone called from the {s}/looking for someone/to look at something]
<change> facing to the {s}
<twist> around to the {s}
""",
    "spot_S_45": """
<turn> [slightly {s}/a little to the {s}/a bit {s}/halfway to the {s}/an eighth of a turn {s}]
<rotate> [slightly {s}/a little to the {s}/forty-five degrees {s}]
<do> [an eighth turn to the {s}/a slight turn to the {s}/a 45-degree turn to the {s}]
<pivot> [a little {s}/slightly to the {s}/45 degrees {s}]
""",
    "spot_S_90": """
<turn> [a quarter to the {s}/to face {s}/square to the {s}]
<turn> [a quarter turn {s}/ninety degrees {s}]
<do> a [quarter turn to the {s}/{s} face/90-degree pivot to the {s}/quarter rotation {s}/90 to the {s}]
<rotate> [a quarter turn/90 degrees/ninety degrees/by a quarter] [{s}/to the {s}]
<pivot> [a quarter turn/90 degrees/ninety degrees] [{s}/to the {s}]
<swivel> [a quarter turn/90 degrees] to the {s}
<make> a [quarter turn {s}/90-degree pivot to the {s}/{s} face like a soldier]
<face> [{s}/the {s}/to {p} {s}] [like a soldier/with a quarter turn]
""",
    "spot_S_180": """
<turn> [about/to face the other way/to face backward]
<turn> [to look behind/round to the {s}/half around/halfway round to the {s}]
<do> an [about-turn/about-face like a soldier/about-turn to the {s}]
<do> a [180/half turn to the {s}/one-eighty/180-degree pivot/half rotation to the {s}/half spin to the {s}]
<rotate> [half a turn/180 degrees/a half turn/halfway] [{s}/to the {s}]
<pivot> [around/half a turn/180 degrees/to face the other way] [/to the {s}]
<swivel> [around/180 degrees/half a turn] [/to the {s}]
<make> an [about-turn/about-face]
<spin> [half around/halfway round/180 degrees] [/to the {s}]
<wheel> around [/to the {s}]
<turn> {p} back on what was in front
<face> the [other way/opposite direction/opposite way]
<swing> around to face the other way
""",
    "spot_S_360": """
<spin> [in a circle/all the way around/once around] [/to the {s}/{cw}]
<spin> [a full turn/360 degrees/like a dancer/like a top] [/to the {s}/{cw}]
<twirl> [/around/once/like a ballerina/like a dancer/in a circle] [/to the {s}]
<turn> [once around/a full circle/a complete circle/all the way around/360 degrees/full circle] [/to the {s}/{cw}]
<do> a [full turn/360/complete turn/full spin/twirl/pirouette/full rotation/three-sixty] [/to the {s}]
<rotate> [once/fully/in a full circle/360 degrees/all the way round] [/to the {s}/{cw}]
<make> a [full turn/complete rotation/full circle/pirouette] [/to the {s}]
<whirl> around once [/to the {s}]
<pivot> all the way around [/to the {s}]
""",
    "spot_S_on": """
<spin> [round and round/around and around/on the spot/around] [/to the {s}/{cw}]
<turn> [round and round/in circles/around and around/on and on] [/to the {s}/{cw}]
<rotate> [on and on/in circles/continuously] [/to the {s}/{cw}]
<twirl> [around/round and round] [/to the {s}]
<whirl> [around/round and round] [/to the {s}]
<keep> [rotating/spinning/pivoting/turning] [{s}/to the {s}/{cw}]
""",
}
