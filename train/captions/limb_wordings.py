"""Wordings of kicks, punches and arms; see `wordings`."""

from __future__ import annotations

STRIKE_WORDINGS: dict[str, str] = {
    "kick_S": """
<kick> [a football/a soccer ball/an imaginary ball/at something/the air/at a target] with [the/{p}] {s} [foot/leg]
<do> a [kick with the {s} leg/{s} leg kick/{s} foot kick/kick using {p} {s} leg/karate kick with the {s} leg]
<throw> a [{s} kick/{s} leg kick/kick with {p} {s} foot/hard kick with the {s} leg/single {s} kick]
<perform> a [{s} kick/kick with {p} {s} leg/martial arts kick with the {s} foot/{s} leg kick]
<kick> [out with the {s} leg/using the {s} foot/the {s} foot/out with {p} {s} foot/the {s} leg out]
<boot> [a ball/something/an imaginary ball] with {p} {s} foot
<strike> [out/at something/a target] with [the/{p}] {s} [foot/leg]
<swing> {p} {s} leg [to kick/as if kicking a ball/as if to kick something/like a footballer/like a soccer player]
<deliver> a [kick with the {s} leg/{s} kick/{s} foot kick]
<launch> a [kick with the {s} leg/{s} kick]
<kick> like [a footballer/a soccer player/a karate fighter/a martial artist/a kickboxer] with the {s} leg
<punt> [a ball/an imaginary ball] with the {s} foot
<hit> something with {p} {s} foot
""",
    "kick_S_N": """
<kick> [a ball/at something/the air/out] {times} with [the/{p}] {s} [leg/foot]
<do> {n} [kicks with the {s} leg/{s} kicks/{s} leg kicks/kicks using {p} {s} foot]
<throw> {n} [kicks with the {s} foot/{s} kicks/{s} leg kicks]
<perform> {n} [{s} kicks/kicks with {p} {s} foot/kicks using the {s} leg]
<kick> {times} [using the {s} foot/with {p} {s} leg/like a kickboxer with the {s} leg]
<kick> the {s} [leg/foot] out {times}
<deliver> {n} kicks with the {s} leg
<strike> {times} with {p} {s} foot
<swing> {p} {s} leg {times} as if kicking a ball
""",
    "kick_both": """
<kick> [with alternating legs/with one leg and the other/with both feet in turn/again and again]
<do> [a series of kicks/kicks with both legs/alternating kicks/several kicks/some kicks/a few kicks]
<throw> [a series of kicks/alternating kicks/a combination of kicks/several kicks]
<perform> [kicks with both legs/a combination of kicks/martial arts kicks/a series of kicks/alternate kicks]
<kick> like [a kickboxer/a martial artist/a karate fighter/a cancan dancer] with both legs
<practice> [kicks/kicking/karate kicks]
<kick> [out/at something/the air] with [each leg in turn/one leg after the other/both legs]
<fight> with kicks
<deliver> kicks with both legs
""",
    "punch_S": """
<punch> [out/at something/the air] with [the/{p}] {s} [hand/fist/arm]
<punch> [straight ahead/an opponent/a bag/a punching bag] with [the/{p}] {s} [hand/fist/arm]
<throw> a [{s} hook/{s} jab/{s} hand punch/{s}-handed punch/{s} straight/punch with the {s} fist/hard {s}]
<do> a [{s} hook/{s} jab/{s} punch/punch with the {s} hand/{s}-handed punch/quick {s} jab]
<deliver> a [{s} punch/{s} hook/{s} jab/blow with the {s} fist/punch with the {s} arm]
<land> a [{s} punch/{s} hook/blow with the {s} hand]
<strike> [out/with the {s} fist/with {p} {s} hand/an opponent with the {s} hand/someone with the {s} fist]
<jab> [with the {s}/{s}-handed/with the {s} fist/forward with {p} {s} hand/at something with the {s} hand]
<hit> [something/someone/an opponent/a punching bag/the air] with [{p}/the] {s} [hand/fist]
<thrust> {p} {s} fist [forward/out/ahead/to the front]
<swing> {p} {s} fist [at something/in a punch/as if hitting someone]
<box> with {p} {s} [hand/fist]
<punch> like a [boxer/fighter/karate fighter] with the {s} hand
<perform> a [{s} punch/{s} jab/punch using {p} {s} hand]
""",
    "punch_S_N": """
<punch> [out/the air/at something/a bag/an opponent] {times} with [the/{p}] {s} [hand/fist]
<throw> {n} [{s} jabs/{s} hooks/{s}-handed punches/punches with the {s} hand/{s} hand punches]
<do> {n} [{s} punches/punches with the {s} fist/{s} jabs/{s} hand punches]
<deliver> {n} [{s} punches/blows with the {s} hand/punches with {p} {s} fist]
<hit> [something/the air/a punching bag] {times} with {p} {s} [hand/fist]
<strike> {times} with [the {s} fist/{p} {s} hand]
<jab> {times} with the {s}
<thrust> {p} {s} fist forward {times}
<perform> {n} {s} punches
""",
    "punch_both": """
<throw> [a series of punches/punches with both hands/a combination of punches]
<throw> [jabs and hooks/several punches/a combo]
<do> [some shadow boxing/a boxing combination/a series of punches/punches with both hands/a one-two]
<shadowbox>
<box> [like a prizefighter/with both fists/an imaginary opponent/against a shadow/as if in a ring/with someone]
<punch> [left and right/with one fist and the other/again and again/the air/a bag with both hands/with either hand]
<fight> [with {p} fists/like a boxer/an invisible opponent/with both fists]
<hit> [a punching bag/an imaginary opponent/the air] with both [fists/hands]
<punch> like a [boxer/fighter/karate fighter/kickboxer] [/with both hands/with both fists]
<deliver> [punches/blows] with both [hands/fists]
<practice> [boxing/punches/punching]
<spar> with an imaginary opponent
<strike> with both fists, one after the other
""",
}
ARM_WORDINGS: dict[str, str] = {
    "arm_up_S": """
<hold> {p} {s} [arm/hand] [high/aloft/up in the air/overhead/straight up/over the head/above {p} head/up high]
<keep> {p} {s} [arm/hand] [high/up/raised/lifted/overhead/up in the air/above the head/aloft]
<have> {p} {s} [arm/hand] [lifted/in the air/above {p} head/up high/held up/overhead/over the head]
<hold> {p} {s} hand up [like a pupil in class/as if asking a question]
<hold> {p} {s} hand up [like a student/as if hailing a taxi/to get attention]
<keep> {p} {s} arm up [like the Statue of Liberty/as if holding a torch/like a referee/as if holding an umbrella]
<hold> up [the/{p}] {s} [hand/arm]
<reach> [up/upward/toward the ceiling/for the sky/toward the sky] with [the/{p}] {s} [hand/arm]
<point> [up/upward/at the sky/to the ceiling] with [the/{p}] {s} [hand/arm]
<stretch> {p} {s} arm [up/upward/overhead/toward the sky/high]
""",
    "arm_up_both": """
<hold> [both/{p}] [arms/hands] [high/aloft/overhead/straight up/over the head/up in the air/up high]
<keep> [both/{p}] [arms/hands] [high/up/raised/lifted/overhead/above the head/aloft/up in the air]
<have> [both/{p}] [arms/hands] [lifted/in the air/above {p} head/held up/overhead/over the head]
<hold> {p} hands up [as if surrendering/in surrender/like someone being robbed/in triumph/in victory/as if cheering]
<keep> both arms up [like a winner/like a goalkeeper]
<keep> both arms up [like a champion/as if celebrating/as if carrying something overhead]
<hold> up both [hands/arms]
<reach> [up/for the sky/upward/toward the ceiling] with both [hands/arms]
<stretch> both arms [up/upward/overhead/toward the sky/to the ceiling]
<have> both hands up in [surrender/the air/victory/triumph]
""",
    "raise_S": """
<raise> {p} {s} [arm/hand] [up/overhead/up high/into the air/above the head/above {p} head/to the sky/upward]
<lift> {p} {s} [arm/hand] [up/overhead/high/into the air/over the head/upward/up high]
<put> [{p}/the] {s} [arm/hand] [up/in the air/up high/up in the air/over {p} head]
<hoist> {p} {s} [arm/hand]
<raise> {p} {s} hand [like a pupil in class/as if asking a question]
<raise> {p} {s} hand [like a student/as if hailing a taxi/to get attention]
<stretch> {p} {s} arm [up/upward/overhead/up high/toward the sky]
<thrust> {p} {s} [arm/hand/fist] [up/upward/into the air/into the sky]
<swing> {p} {s} arm up
<move> {p} {s} [arm/hand] [up/upward/over {p} head/above {p} head]
<reach> [up/upward/overhead/for the ceiling/for the sky/for a high shelf] with [the/{p}] {s} [hand/arm]
<stick> {p} {s} [hand/arm] [up/in the air/up in the air]
<bring> {p} {s} hand [up/overhead/up above {p} head/up high]
""",
    "raise_both": """
<raise> [both/{p}] [arms/hands] [up/overhead/up high/into the air/above the head/to the sky/upward/at the same time]
<lift> [both/{p}] [arms/hands] [up/overhead/high/into the air/over the head/upward/above {p} head]
<put> [both/{p}] [arms/hands] [up/in the air/up high/up in the air/over {p} head]
<hoist> both [arms/hands]
<raise> both hands [in surrender/in triumph/in victory/to cheer/as if celebrating/as if surrendering/like a winner]
<stretch> both arms [up/upward/overhead/up high/toward the sky]
<thrust> both [arms/hands/fists] [up/upward/into the air]
<throw> both [hands/arms] [up/in the air/into the air]
<move> both [arms/hands] [up/upward/over {p} head]
<reach> [up/upward/overhead/for the ceiling/for the sky] with both [hands/arms]
<swing> both arms up
<bring> both [hands/arms] [up/overhead/up above {p} head]
""",
    "lower_S": """
<lower> {p} {s} [hand/arm] [/again/down/to {p} side/back down/slowly to {p} side]
<let> {p} {s} [hand/arm] [down/sink/drop/fall/come down/fall to {p} side]
<bring> {p} {s} [arm/hand] [down/back down/down to {p} side]
<put> {p} {s} [arm/hand] [down/back down/down again/down by {p} side]
<drop> {p} {s} [arm/hand] [/to {p} side/down]
<take> {p} {s} [arm/hand] [down/down again]
<move> {p} {s} [arm/hand] [down/downward/down to {p} side]
<swing> {p} {s} arm down
""",
    "lower_both": """
<lower> [both/{p}] [hands/arms] [/again/down/to {p} sides/back down]
<let> [both/{p}] [hands/arms] [down/sink/drop/fall/come down/fall to {p} sides]
<bring> both [arms/hands] [down/back down/down to {p} sides]
<put> both [arms/hands] [down/back down/down again]
<drop> both [arms/hands] [/to {p} sides/down]
<take> both [arms/hands] [down/down again]
<move> both [arms/hands] [down/downward]
<swing> both arms down
""",
    "arm_side_S": """
<hold> {p} {s} arm [out sideways/out to the {s}]
<hold> {p} {s} arm [stretched to the {s}/out at shoulder height/straight out to the side]
<stretch> {p} {s} arm [out to the {s}/to the side/to the {s}/sideways/out to the side]
<extend> {p} {s} arm [sideways/to the {s}/out to the {s}/laterally/out sideways]
<point> [sideways/to the {s}/{s}/to the side] with [the/{p}] {s} [hand/arm/finger]
<keep> {p} {s} arm [out to the side/stretched out sideways/level at the side/extended to the {s}]
<have> {p} {s} arm [out to the side/stretched sideways/extended to the {s}/held out to the {s}]
<reach> [to the side/to the {s}/out sideways] with {p} {s} [hand/arm]
<signal> [{s}/to the {s}/a turn to the {s}] with {p} {s} arm
<hold> out {p} {s} arm [to the side/to the {s}/sideways/like a cyclist turning {s}]
""",
    "arm_side_both": """
<hold> [both/{p}] arms [out/out sideways/stretched to the sides]
<hold> [both/{p}] arms [out at shoulder height/spread wide/straight out to the sides]
<stretch> [both/{p}] arms [out/wide/out to the sides/to both sides/to either side]
<extend> [both/{p}] arms [sideways/to the sides/out sideways/to both sides/laterally]
<spread> [both/{p}] arms [wide/out/apart/to the sides/like wings/like a bird/like an airplane/wide open]
<hold> {p} arms out like [a scarecrow/an airplane/a tightrope walker/a plane/a bird/wings/a cross/a T]
<have> [both/{p}] arms [out to the sides/stretched sideways/spread/outstretched/spread like wings]
<keep> [both/{p}] arms [out to the sides/spread/outstretched/level/spread wide]
<hold> {p} arms in a [T/T-pose/T shape/cross]
<make> a T with {p} arms
""",
    "arm_ahead_S": """
<hold> {p} {s} [arm/hand] [out/out front/straight ahead/straight out in front/out ahead/forward/out before the body]
<stretch> {p} {s} arm [ahead/out in front/to the front/out ahead/out forward]
<extend> {p} {s} [arm/hand] [forward/ahead/to the front/in front/out in front]
<point> [ahead/straight ahead/at something in front] with [the/{p}] {s} [hand/arm/finger]
<point> [at someone in front/forwards/to the front] with [the/{p}] {s} [hand/arm/finger]
<keep> {p} {s} arm [stretched forward/out in front/extended ahead/straight out ahead]
<have> {p} {s} arm [stretched forward/out in front/extended forward/held out in front]
<reach> [ahead/out/out in front/to the front] with {p} {s} [hand/arm]
<hold> out {p} {s} [arm/hand] [/in front/as if to shake hands]
<hold> out {p} {s} [arm/hand] [as if to stop someone/as if aiming/as if offering something]
<aim> forward with {p} {s} arm
""",
    "arm_ahead_both": """
<hold> both [arms/hands] [out/out front/straight ahead/straight out in front/out ahead/forward]
<stretch> both arms [ahead/out in front/to the front/forward/out ahead]
<extend> both [arms/hands] [forward/ahead/to the front/in front/out in front]
<reach> [ahead/out/out in front/to the front/forward] with both [hands/arms]
<keep> both arms [stretched forward/out in front/extended ahead/straight out ahead]
<have> both arms [stretched forward/out in front/extended forward/held out in front]
<hold> {p} arms out in front like [a zombie/a sleepwalker/a mummy/Frankenstein's monster/a robot]
<hold> out both [arms/hands] [/in front/as if pushing something/as if to catch a ball/as if to hug someone]
<point> [ahead/forward] with both [arms/hands]
""",
    "wave_S": """
<wave> [hi/goodbye/bye/hello] with [the/{p}] {s} [hand/arm]
<wave> [at someone/to a friend/at the camera/to the crowd/bye-bye] with [the/{p}] {s} [hand/arm]
<wave> {p} {s} [hand/arm] [in the air/to and fro/in greeting]
<wave> {p} {s} [hand/arm] [back and forth/to say hello/to say goodbye/from side to side]
<greet> [someone/a friend/people/the crowd] with {p} {s} hand
<hail> [a taxi/a cab/someone] with {p} {s} [hand/arm]
<signal> [to someone/for attention] with {p} {s} hand
<say> [hello/goodbye/hi/bye] with a wave of {p} {s} hand
<shake> {p} raised {s} hand [in greeting/to and fro/from side to side]
<give> a [wave with {p} {s} hand/friendly wave with the {s} hand/{s}-handed wave/wave/cheerful wave]
<do> a [wave with the {s} hand/{s}-handed wave/greeting wave]
<swing> {p} {s} hand [to and fro/from side to side] in greeting
<beckon> with {p} {s} hand
<wave> [{s}-handed/like a queen with the {s} hand/like a child with the {s} hand]
""",
    "wave_both": """
<wave> both [hands/arms] [/in the air/overhead/to and fro/at someone/for help/in greeting/above {p} head]
<wave> [hello/goodbye/at someone/to the crowd/for help] with both [hands/arms]
<greet> [someone/people/the crowd] with both [hands/arms]
<signal> [for help/to someone/to a plane] with both [arms/hands]
<shake> both raised [hands/arms]
<swing> both [hands/arms] [to and fro/from side to side] overhead
<wave> {p} arms [around/wildly/like someone on a desert island/like a fan at a concert/to get attention]
<wave> with [two hands/{p} two arms/two arms]
<give> a wave with both hands
<do> a two-handed wave
""",
    "hand_head_S": """
<hold> {p} {s} hand [at/against/near/by/close to/up to] {p} [head/face]
<keep> {p} {s} hand [at/against/near/by/close to/on] {p} [head/face]
<have> {p} {s} hand [at/against/near/by/close to/on] {p} [head/face]
<touch> {p} [face/head] with {p} {s} hand
<bring> {p} {s} hand to {p} [face/head]
<hold> {p} {s} hand to {p} [ear/cheek] as if [on the phone/phoning/talking on the phone/listening]
<hold> {p} {s} hand up [as if on the phone/like someone making a call/as if saluting/as if shading {p} eyes]
""",
    "hand_head_both": """
<hold> both hands [at/against/near/by/close to/up to] {p} [head/face]
<keep> both hands [at/against/near/by/on] {p} [head/face]
<have> both hands [at/against/near/by] {p} [head/face]
<hold> {p} head [with both hands/between {p} hands/in both hands/in {p} hands]
<touch> {p} face with both hands
<put> both hands to {p} [head/face]
<hold> both hands to {p} head [in despair/as if {p} head hurts/as if covering {p} ears/as if in shock]
<clutch> {p} head
""",
    "hand_hip_S": """
<have> {p} {s} hand [on the hip/at {p} waist/on the waist/at the hip/resting on {p} hip]
<hold> {p} {s} hand [on {p} hip/on the hip/at the waist/at {p} hip]
<put> {p} {s} hand [on the hip/at {p} waist/on {p} waist]
<keep> {p} {s} hand [on {p} hip/on the hip/at {p} waist/at the waist]
<rest> {p} {s} hand on {p} [hip/waist]
<place> {p} {s} hand on {p} [hip/waist]
<have> {p} {s} arm akimbo
<pose> with {p} {s} hand on {p} [hip/waist] [/like a model/like a teapot]
""",
    "hand_hip_both": """
<have> [both/{p}] hands [on the hips/at {p} waist/on the waist/at the hips/on {p} waist]
<hold> both hands [on {p} hips/on the hips/at the waist/at {p} hips]
<put> [both/{p}] hands [on {p} hips/at {p} waist/on {p} waist]
<keep> both hands [on {p} hips/on the hips/at {p} waist/at the waist]
<rest> [both/{p}] hands on {p} [hips/waist]
<place> both hands on {p} [hips/waist]
<have> {p} arms akimbo
<pose> with hands on hips [/like a superhero/like a model/like a boss/like an angry parent]
""",
    "hands_together": """
<hold> [both/{p}] hands [together/clasped/folded/joined/pressed together/close together]
<keep> [both/{p}] hands [together/clasped/folded/joined/close together/in contact]
<have> [both/{p}] hands [together/clasped/folded/joined/pressed together/close together]
<clasp> [both hands/{p} hands together/{p} hands in front]
<fold> {p} hands
<join> {p} hands [/together/in front]
<hold> {p} hands together [as if praying/in prayer/as if begging/like a priest/as if holding something small]
<press> {p} hands together
<put> {p} hands together
""",
    "clap": """
<clap> [both hands/again and again/in applause/enthusiastically]
<clap> [happily/with joy/to the beat/like an audience/for someone]
<applaud> [someone/a performance/enthusiastically/with both hands/the band/like an audience/happily]
<clap> {p} hands [in applause/with joy/to the rhythm]
<clap> {p} hands [like a spectator/like a happy child/at a concert/again and again]
<give> [a round of applause/a hand of applause/some applause/a clap]
<put> {p} hands together in applause
<strike> {p} palms together [/repeatedly/again and again]
<cheer> by clapping
<beat> {p} hands together [/rhythmically/in applause]
<do> some [clapping/hand clapping/applauding]
<smack> {p} hands together again and again
""",
    "arms_down": """
<let> {p} arms [hang down/dangle/hang loose/hang by {p} sides/rest at {p} sides]
<keep> {p} arms [by {p} sides/at {p} sides/hanging/low/lowered/down by {p} sides]
<have> {p} arms [by {p} sides/down/hanging/lowered/hanging down/relaxed at {p} sides]
<hold> {p} arms [down/by {p} sides/low]
<let> both arms [hang/hang down/hang loose/rest]
<keep> both [arms/hands] [down/low/by {p} sides]
""",
}
