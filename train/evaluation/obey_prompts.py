"""The prompts of the obey report, and what a motion must do to obey them.

PREDICATES says it in conditions on measures of `genmo.train.metrics.action_measures`, "measure > number", "< number" or
"low..high", of the whole motion or of a part: `start` and `end` are its first and last 30 %, `first` and `second` its
halves.  Predicates are of the left side; a prompt that names the right is judged on the mirrored motion.

LEFT_OUT are phrasings that no training caption has and no sentence made from measurements (`train/captions`); TRAINED
are captions of the motion sets, MEASURED sentences of measured captions.  Tests hold all three.
"""

from __future__ import annotations

from dataclasses import dataclass

SECONDS, LONG_SECONDS = 4.0, 6.0


@dataclass(frozen=True)
class Predicate:
    """What an animator would say that the prompt asks for; why this number stands behind it."""

    group: str
    conditions: tuple[str, ...]


@dataclass(frozen=True)
class Prompt:
    """A prompt with its predicate."""

    text: str
    predicate: str
    side: str = ""
    """left or right where the prompt says so; a motion that obeys but for the side is counted apart"""
    seconds: float = SECONDS

    @property
    def group(self) -> str:
        return PREDICATES[self.predicate].group


def _group(name: str, predicates: dict[str, tuple[str, ...]]) -> dict[str, Predicate]:
    return {predicate: Predicate(name, conditions) for predicate, conditions in predicates.items()}


PREDICATES: dict[str, Predicate] = {
    # m/s.  Real: walks 0.9 to 1.9, slow walks 0.9 to 1.06, brisk 1.9, jogs 1.4 to 3.6, runs 1.8 to 4
    **_group("gait and speed", {
        "walks": ("speed 0.5..2.0", "top_speed < 2.5", "ahead > 0.4", "lowest_pelvis > 0.95"),
        "walks slowly": ("speed 0.2..1.05", "ahead > 0.15", "lowest_pelvis > 0.9"),
        "walks very slowly": ("speed 0.1..0.85", "ahead > 0.1"),
        "walks briskly": ("speed 1.5..2.5", "ahead > 1.4"),
        "jogs": ("speed 1.6..4.0", "ahead > 1.4"),
        "runs": ("top_speed > 2.4", "speed > 1.9", "ahead > 1.6"),
    }),
    "sneaks": Predicate("gait and speed", ("speed > 0.25", "pelvis < 1.03")),
    # m/s against the facing; a step back is 0.5 m
    **_group("direction", {
        "walks backwards": ("ahead < -0.3", "travel > 0.7"),
        "sidesteps": ("leftward > 0.25", "ahead -0.3..0.3", "travel > 0.6"),
        "walks diagonally": ("diagonal > 0.2", "turn -50..50"),
        "walks a circle": ("turn > 240", "path > 2.5"),
    }),
    # degrees of the facing from the first to the last frame.  Real 90-degree turns: 65 to 109; veering: 39 to 54
    **_group("turns", {
        "turns 90 degrees": ("turn 60..120", "path > 1"),
        "turns 90 degrees on the spot": ("turn 60..120", "travel < 0.8"),
        "turns around": ("turned 135..225",),
        "turns": ("turn > 40", "path > 1"),
        "turns on the spot": ("turn > 40", "travel < 0.8"),
        "spins once": ("turned 290..430",),
        "veers": ("turn 20..90", "path > 1.5", "ahead > 0.4"),
        "runs in a bend": ("turn 20..150", "speed > 1.7"),
    }),
    # seconds that the pose is held.  `raised`: the wrist over the chin
    **_group("arms", {
        "raises one hand": ("left_raised > 0.4", "right_raised < 0.2"),
        "raises both hands": ("both_raised > 0.4",),
        "both arms out": ("both_out > 0.5",),
        "one arm out": ("left_out > 0.3", "right_out < 0.3"),
        "points ahead": ("left_to_front > 0.3", "right_to_front < 0.3"),
        "hands on hips": ("on_hips > 0.7",),
        "hands together": ("hands_together > 1",),
    }),
    # times that a raised hand goes back and forth by 8 cm; times that the hands come together
    **_group("waving and clapping", {
        "waves one hand": ("left_waves > 2", "right_waves < 2"),
        "waves both hands": ("waves > 2", "both_raised > 0.3"),
        "claps": ("claps > 1",),
    }),
    # heights of the pelvis in legs: standing 1.1 to 1.2, stools 0.6 to 0.85; seconds that a posture is held; degrees
    **_group("posture", {
        "sits down": ("pelvis_at_start > 1", "sitting > 0.4", "pelvis_at_end < 0.9"),
        "sits": ("sitting > 2",),
        "sits a while": ("sitting > 0.4",),
        "stands up": ("pelvis_at_start < 0.9", "pelvis_at_end > 1"),
        "gets up from the ground": ("pelvis_at_start < 0.6", "pelvis_at_end > 0.95"),
        "is getting up": ("start: pelvis < 0.65", "lowest_pelvis < 0.6", "end: head > 0.8"),
        "kneels": ("kneeling > 0.7",),
        "crouches": ("crouching > 0.4", "speed < 0.6"),
        "squats once": ("squats 0.5..1.5", "pelvis_at_end > 1", "speed < 0.4"),
        "bows": ("tilt > 35", "tilt_at_end < 30", "lowest_pelvis > 0.85"),
        "bends down": ("tilt > 55", "lowest_hand < 0.45"),
        "picks up": ("pick_ups > 0", "speed < 0.8"),
        "lies down": ("head < 0.45", "lying > 0.5", "pelvis_at_end < 0.4"),
        "crawls": ("all_fours > 1", "travel > 0.3"),
    }),
    # flights in which the pelvis rises
    **_group("jumps and counts", {
        "jumps once": ("jumps 0.5..1.5",),
        "jumps twice": ("jumps 1.5..2.5",),
        "jumps three times": ("jumps 2.5..3.5",),
        "jumps five times": ("jumps 4.5..5.5",),
        "jumps": ("jumps > 0",),
        "jumps repeatedly": ("jumps > 1",),
        "jumps high": ("jumps > 0", "flight_height > 0.25"),
        "jumps forward": ("jumps > 0", "travel > 0.6", "ahead > 0.1"),
        "hops on one leg": ("left_hops > 1",),
    }),
    # `kick`: 1 is a foot swung at 4.5 m/s or 0.4 m high; soccer players 1.4 to 1.9, walkers 0.8 at most
    **_group("kicks and punches", {
        "kicks": ("most_kick > 1", "speed < 2.8"),
        "kicks with one leg": ("left_kick > 1", "right_kick < 1"),
        "punches with one hand": ("left_punches > 0", "right_punches < 1"),
        "punches": ("punches > 0", "speed < 1.2"),
        "boxes": ("punches > 1", "speed < 1.2"),
        "throws": ("left_hand_speed > 4.5", "right_hand_speed < 4.5"),
    }),
    **_group("start and stop", {
        "starts walking": ("start: speed < 0.35", "end: speed > 0.5"),
        "starts running": ("start: speed < 0.6", "top_speed > 2.2", "end: speed > 1.8"),
        "stops": ("first: top_speed > 0.6", "end: least_speed < 0.25", "end: speed < 0.4"),
        "runs and stops": ("first: top_speed > 1.8", "end: least_speed < 0.3", "end: speed < 0.8"),
        "speeds up": ("gain > 0.7", "end: speed > 1.9"),
        "slows down": ("start: speed > 1.6", "gain < -0.5", "end: speed > 0.3"),
        "stands, runs, stops": ("start: least_speed < 0.4", "top_speed > 1.8", "end: least_speed < 0.3"),
    }),
    **_group("order", {
        "walks, sits": ("start: speed > 0.4", "second: sitting > 0.4", "pelvis_at_end < 0.9"),
        "crouches, jumps": ("first: lowest_pelvis < 0.9", "second: jumps > 0"),
        "waves, walks": ("first: left_waves > 1", "first: speed < 0.5", "end: speed > 0.5"),
        "stands up, walks": ("pelvis_at_start < 0.9", "end: speed > 0.5", "pelvis_at_end > 1"),
        "jumps, turns around": ("first: jumps > 0", "turned 120..240"),
        "walks forward, backward": ("start: ahead > 0.3", "end: ahead < -0.25"),
        "left arm, right arm": ("first: left_raised > 0.3", "first: right_raised < 0.2", "second: right_raised > 0.3"),
        "punches, kicks": ("first: punches > 0", "second: most_kick > 1"),
        "claps, bows": ("first: claps > 0", "second: tilt > 35"),
    }),
    **_group("while", {
        "walks and waves": ("speed > 0.4", "left_waves > 2", "right_waves < 2"),
        "walks with arms up": ("speed > 0.4", "both_raised > 1.5"),
        "runs with arms up": ("speed > 1.8", "both_raised > 1.5"),
        "carries": ("speed > 0.3", "carrying > 1.2"),
        "walks with hands on hips": ("speed > 0.4", "on_hips > 1.2"),
        "turns with arms out": ("turn > 40", "both_out > 0.7"),
        "walks and claps": ("speed > 0.4", "claps > 1"),
    }),
    # m/s; real idlers 0.00 to 0.12 of the root, their limbs 0.02 to 0.15
    **_group("still", {
        "stands still": ("speed < 0.12", "limb_speed < 0.15", "wrist_range < 0.35", "lowest_pelvis > 1"),
        "stays": ("speed < 0.15", "travel < 0.3", "lowest_pelvis > 1"),
        "balances": ("left_stand > 0.9", "travel < 0.4"),
        "balances on a leg": ("most_stand > 0.9", "travel < 0.4"),
    }),
}  # fmt: skip

LEFT_OUT: tuple[Prompt, ...] = (
    Prompt("somebody takes a relaxed stroll down the path", "walks"),
    Prompt("he is out for his morning jog in the park", "jogs"),
    Prompt("sprinting flat out", "runs"),
    Prompt("a kid races ahead as fast as he can", "runs"),
    Prompt("the woman trudges along at a snail's pace", "walks very slowly"),
    Prompt("an old man shuffles ahead, taking all the time in the world", "walks slowly"),
    Prompt("hurrying on foot, late for the bus", "walks briskly"),
    Prompt("the thief sneaks forward with bent knees", "sneaks"),
    Prompt("he backs away from something scary", "walks backwards"),
    Prompt("the man takes several steps in reverse", "walks backwards"),
    Prompt("retreating, eyes kept to the front", "walks backwards"),
    Prompt("she sidesteps over to her left", "sidesteps", "left"),
    Prompt("edging rightwards along a wall, back against it", "sidesteps", "right"),
    Prompt("a few crab steps leftwards", "sidesteps", "left"),
    Prompt("goes off at an angle, ahead and to the right, still looking to the front", "walks diagonally", "right"),
    Prompt("strolls along a ring, counterclockwise", "walks a circle", "left", 8.0),
    Prompt("laps the pond, keeping it on his right", "walks a circle", "right", 8.0),
    Prompt("walk up to the corner and take a sharp left there", "turns 90 degrees", "left"),
    Prompt("at the crossing he heads off to the right", "turns 90 degrees", "right"),
    Prompt("he swivels to face the other way", "turns around"),
    Prompt("something behind him makes him face back", "turns around"),
    Prompt("pivot left by ninety degrees without leaving the spot", "turns 90 degrees on the spot", "left"),
    Prompt("standing, rotates a quarter to the right", "turns 90 degrees on the spot", "right"),
    Prompt("the dancer twirls through 360 degrees", "spins once"),
    Prompt("bearing gently off to the left on foot", "veers", "left"),
    Prompt("the path curves right and the hiker follows it", "veers", "right"),
    Prompt("the runner takes the bend to the right", "runs in a bend", "right"),
    Prompt("right hand up high over your head", "raises one hand", "right"),
    Prompt("left arm goes straight up", "raises one hand", "left"),
    Prompt("like a pupil with a question, he puts up the left hand", "raises one hand", "left"),
    Prompt("surrenders, both palms in the air", "raises both hands"),
    Prompt("reaching overhead with two hands", "raises both hands"),
    Prompt("holding his arms out wide like a scarecrow", "both arms out"),
    Prompt("sticks the left arm out sideways", "one arm out", "left"),
    Prompt("the right arm points straight ahead", "points ahead", "right"),
    Prompt("hands planted on the hips, elbows out", "hands on hips"),
    Prompt("hands folded in front of the belly", "hands together"),
    Prompt("signals hi to a friend, right hand going back and forth", "waves one hand", "right"),
    Prompt("says goodbye with a wave of the left hand", "waves one hand", "left"),
    Prompt("greets the neighbour, right hand wagging in the air", "waves one hand", "right"),
    Prompt("flailing both arms overhead to get attention", "waves both hands"),
    Prompt("applauding the band", "claps"),
    Prompt("slaps the palms together in rhythm", "claps"),
    Prompt("plops down on the sofa", "sits down"),
    Prompt("he lowers himself onto a chair", "sits down"),
    Prompt("sitting quietly on a bench", "sits"),
    Prompt("rises from the chair to his feet", "stands up"),
    Prompt("back on the feet after lying on the ground", "gets up from the ground"),
    Prompt("drops onto one knee", "kneels"),
    Prompt("kneeling as if in prayer", "kneels"),
    Prompt("ducks to hide behind a low wall", "crouches"),
    Prompt("one deep knee bend, down and up again", "squats once"),
    Prompt("a polite bow before the king", "bows"),
    Prompt("folding over to touch the toes", "bends down"),
    Prompt("grabs a coin off the floor", "picks up"),
    Prompt("stretches out flat on the ground", "lies down"),
    Prompt("moves like a baby, hands and knees on the floor", "crawls"),
    Prompt("leaps into the air, a single time", "jumps once"),
    Prompt("two little jumps on the spot", "jumps twice"),
    Prompt("three hops, one after another", "jumps three times"),
    Prompt("five quick hops", "jumps five times"),
    Prompt("bouncing like on a trampoline", "jumps repeatedly"),
    Prompt("springs as high as possible", "jumps high"),
    Prompt("a standing long jump", "jumps forward"),
    Prompt("playing hopscotch, left foot only", "hops on one leg", "left"),
    Prompt("bounces along on the right leg only", "hops on one leg", "right"),
    Prompt("boots the ball, right-footed", "kicks with one leg", "right"),
    Prompt("lashes out with the left leg", "kicks with one leg", "left"),
    Prompt("a karate kick using the right leg", "kicks with one leg", "right"),
    Prompt("lands a left jab", "punches with one hand", "left"),
    Prompt("hits an invisible opponent with the right fist", "punches with one hand", "right"),
    Prompt("shadow boxing, one blow after the other", "boxes"),
    Prompt("lobs a stone overarm, right-handed", "throws", "right"),
    Prompt("waits for a moment and sets off", "starts walking"),
    Prompt("explodes from a standstill into a sprint", "starts running"),
    Prompt("comes to a halt after a few paces", "stops"),
    Prompt("running at first, pulls up dead", "runs and stops"),
    Prompt("the walk becomes a run", "speeds up"),
    Prompt("eases from a jog into a walk", "slows down"),
    Prompt("stands, dashes, halts", "stands, runs, stops"),
    Prompt("strolls up, then plops down on a stool", "walks, sits", "", LONG_SECONDS),
    Prompt("ducks first, afterwards leaps", "crouches, jumps", "", LONG_SECONDS),
    Prompt("says hello with the right hand, then wanders off", "waves, walks", "right", LONG_SECONDS),
    Prompt("gets off the chair and then strolls away", "stands up, walks", "", LONG_SECONDS),
    Prompt("one leap, then an about-face", "jumps, turns around", "", LONG_SECONDS),
    Prompt("goes ahead a bit, then back the same way without turning", "walks forward, backward", "", LONG_SECONDS),
    Prompt("lifts the left hand up high, then the right one", "left arm, right arm", "left", LONG_SECONDS),
    Prompt("a couple of punches, then a kick", "punches, kicks", "", LONG_SECONDS),
    Prompt("a round of applause, then a deep bow for the crowd", "claps, bows", "", LONG_SECONDS),
    Prompt("on a stroll, greeting passers-by with the right hand", "walks and waves", "right"),
    Prompt("wanders about, both arms held high", "walks with arms up"),
    Prompt("runs cheering, arms over the head", "runs with arms up"),
    Prompt("lugs a heavy box across the room", "carries"),
    Prompt("struts with the hands on the hips", "walks with hands on hips"),
    Prompt("rotates to the left with outstretched arms", "turns with arms out", "left"),
    Prompt("claps along while strolling", "walks and claps"),
    Prompt("nothing happens, they simply stand there", "stands still"),
    Prompt("frozen like a statue", "stands still"),
    Prompt("nobody goes anywhere, the man stays where he is", "stays"),
    Prompt("killing time, waiting for a train", "stays"),
    Prompt("like a flamingo, on the left leg", "balances", "left"),
    Prompt("the right foot alone carries him, the other one is in the air", "balances", "right"),
)

TRAINED: tuple[Prompt, ...] = (
    Prompt("a person walks", "walks"),
    Prompt("a person jogs", "jogs"),
    Prompt("a person runs", "runs"),
    Prompt("a person walks slowly", "walks slowly"),
    Prompt("a person walks briskly", "walks briskly"),
    Prompt("a person walks and makes a 90-degree left turn", "turns 90 degrees", "left"),
    Prompt("a person walks and makes a 90-degree right turn", "turns 90 degrees", "right"),
    Prompt("a person jogs and makes a 90-degree left turn", "turns 90 degrees", "left"),
    Prompt("a person runs and makes a 90-degree right turn", "turns 90 degrees", "right"),
    Prompt("a person walks and veers left", "veers", "left"),
    Prompt("a person walks and veers right", "veers", "right"),
    Prompt("a person runs and veers right", "runs in a bend", "right"),
    Prompt("a person: run turn left", "runs in a bend", "left"),
    Prompt("a person: sit on stepstool, stand up", "sits a while", "", LONG_SECONDS),
    Prompt("a person gets up from the ground", "is getting up", "", LONG_SECONDS),
    Prompt("a person: bend over, scoop up, rise, lift arm", "picks up"),
    Prompt("a person jumps", "jumps"),
    Prompt("a person jumps high", "jumps high"),
    Prompt("a person jumps forward", "jumps forward"),
    Prompt("a person: jump up and down, hop on one foot", "jumps repeatedly"),
    Prompt("a person kicks a soccer ball", "kicks"),
    Prompt("a person is boxing", "boxes"),
    Prompt("a person throws punches and strikes", "punches"),
    Prompt("a person walks slowly and stops", "stops"),
    Prompt("a person jogs and suddenly stops", "runs and stops"),
    Prompt("a person: walk to run", "speeds up"),
    Prompt("a person stands idle, waiting", "stays"),
    Prompt("a person: balance on one leg, outstretched arms", "balances on a leg"),
)

MEASURED: tuple[Prompt, ...] = (
    Prompt("a person walks forward", "walks"),
    Prompt("a person walks forward slowly", "walks slowly"),
    Prompt("a person walks quickly", "walks briskly"),
    Prompt("a person runs fast", "runs"),
    Prompt("a person sneaks forward", "sneaks"),
    Prompt("a person walks backward", "walks backwards"),
    Prompt("a person walks sideways to the left", "sidesteps", "left"),
    Prompt("a person walks to the right", "sidesteps", "right"),
    Prompt("a person walks forward and turns left", "turns", "left"),
    Prompt("a person walks and turns 90 degrees to the right", "turns 90 degrees", "right"),
    Prompt("a person turns to the left on the spot", "turns on the spot", "left"),
    Prompt("a person raises their right arm", "raises one hand", "right"),
    Prompt("a person raises their left hand", "raises one hand", "left"),
    Prompt("a person holds both arms up", "raises both hands"),
    Prompt("a person holds both arms out to the sides", "both arms out"),
    Prompt("a person points ahead with the right arm", "points ahead", "right"),
    Prompt("a person waves with the right hand", "waves one hand", "right"),
    Prompt("a person waves with the left hand", "waves one hand", "left"),
    Prompt("a person claps their hands", "claps"),
    Prompt("a person sits down on a chair", "sits down"),
    Prompt("a person stands up from a chair", "stands up"),
    Prompt("a person kneels down", "kneels"),
    Prompt("a person squats down and stands up again", "squats once"),
    Prompt("a person bends down and comes back up", "bows"),
    Prompt("a person jumps twice", "jumps twice"),
    Prompt("a person hops on their left foot", "hops on one leg", "left"),
    Prompt("a person kicks with the right leg", "kicks with one leg", "right"),
    Prompt("a person kicks with the left leg", "kicks with one leg", "left"),
    Prompt("a person punches with the left hand", "punches with one hand", "left"),
    Prompt("a person starts walking", "starts walking"),
    Prompt("a person walks and then stops", "stops"),
    Prompt("a person walks forward, then sits down", "walks, sits", "", LONG_SECONDS),
    Prompt("a person raises their left arm, then raises their right arm", "left arm, right arm", "left", LONG_SECONDS),
    Prompt("a person walks forward while waving with the right hand", "walks and waves", "right"),
    Prompt("a person balances on their left leg", "balances", "left"),
)
