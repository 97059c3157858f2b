"""Wordings of starts, stops, pauses and single steps; see `wordings`."""

from __future__ import annotations

MOMENT_WORDINGS: dict[str, str] = {
    "start_walk": """
<set> off [on foot/at a walk/walking from a standstill/walking after waiting]
<start> [off at a walk/walking after waiting/to stroll/walking from rest/to move on foot]
<begin> [walking/to walk after standing/a walk from standing/to stroll]
<stand> and then [<walk>/<walk> off/<set> off/<go>]
<go> from standing to walking
<wait> and then [<walk>/<walk> away/<set> off]
<walk> off [from a standstill/after a short wait]
""",
    "start_run": """
<take> off [/running/at a run/like a sprinter at the gun]
<set> off [at a run/running]
<bolt> off from a standstill
<start> [to sprint/off at a run/running after waiting]
<begin> [running/to run from standing]
<go> from standing to running
<stand> and then [<run>/<dash> off/<bolt>/<take> off]
<break> into a run
""",
    "start_jog": """
<set> off [at a trot/jogging/on a jog]
<start> [off at a jog/jogging after waiting/to trot]
<begin> [jogging/to jog from standing]
<go> from standing to jogging
<break> into a [jog/trot]
""",
    "stop_walk": """
<walk> [on/a few steps/up/along/for a bit] and [<stop>/<halt>/<stand> still/<come> to a stop/<pull> up]
<come> to a [halt/stop/standstill] [/from a walk/after a few steps/on foot]
<stop> [after a few steps/at the end of a walk/in {p} tracks/walking and <stand>/walking and <wait>]
<halt> [/after a few steps/like a soldier]
<walk> and then [<halt>/<freeze>/<stand> there/<wait>]
<go> from walking to standing
""",
    "stop_run": """
<run> and [<halt>/<pull> up/<come> to a stop/<stop> short/<stand> still/<freeze>]
<come> to a [halt/stop/standstill] [from a run/after running]
<pull> up [after a run/from a run]
<stop> [at the end of a run/after a run/running and <stand>]
<go> from running to standing
""",
    "stop_jog": """
<jog> [along/a bit] and [<halt>/<stop>/<pull> up/<come> to a stop]
<come> to a [halt/stop/standstill] from a jog
<stop> [after a jog/jogging and <stand>]
<go> from jogging to standing
""",
    "pause": """
<walk>, [<halt>/<pause>/<stop>/<wait>] [briefly/a moment/for a second] and [<walk> on/<go> on/<continue>/<proceed>]
<pause> [mid-walk/briefly while walking/in the middle of a walk] [/and <go> on/and <walk> on]
<walk> with a [short stop/pause/brief halt] in between
<stop> for a moment on {p} way and <walk> on
""",
    "step_forward": """
<take> [one step/a single step/a pace/one pace] [forward/ahead/forwards/to the front]
<step> [ahead/forward once/forwards/up/one pace forward]
<do> a [step forward/single step ahead/forward step]
<move> one step [forward/ahead]
""",
    "step_back": """
<take> [one step/a single step/a pace/one pace] [back/backward/backwards]
<step> [back once/backward/away/one pace back]
<do> a [step back/single step backwards/backward step]
<move> one step [back/backwards]
""",
    "step_S": """
<take> [one step/a single step/a pace/one pace] [to the {s}/sideways to the {s}/{s}]
<step> [{s} once/sideways to the {s}/over to the {s}/aside to the {s}]
<do> a [side step {s}/single step to the {s}/step {s}]
<move> one step [{s}/to the {s}]
""",
}
