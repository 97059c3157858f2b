"""Words of movement in English: what the table of the WordPiece text encoder holds whole, in the sense of movement."""

from __future__ import annotations

VERBS = (
    # a "+" doubles the last letter: jog+ is jogging, jogged
    "walk stroll stride march pace wander amble saunter strut stomp shuffle trudge plod limp hobble "
    "stagger stumble totter "
    "waddle tiptoe sneak creep crawl prowl stalk slink step+ sidestep+ tread roam hike parade swagger toddle "
    "run jog+ sprint dash race trot+ gallop rush scurry hurry scamper bolt flee chase "
    "jump leap hop+ skip+ bounce spring vault bound hurdle pounce lunge dive plunge "
    "turn spin twirl rotate pivot twist swivel whirl pirouette revolve circle veer swerve "
    "bend bow crouch squat+ kneel stoop duck hunch lean tilt sag+ cower slouch genuflect curtsy "
    "sit stand rise lie recline lounge rest idle wait pause freeze halt stop+ start "
    "fall tumble trip+ slip+ collapse topple drop+ faint sway wobble balance teeter rock roll slide glide "
    "skate ski surf "
    "wave beckon salute greet signal gesture point nod+ shrug+ clap+ applaud cheer shake wiggle wag+ snap+ "
    "punch jab+ box hit strike slap+ smack chop+ block dodge parry fight spar+ wrestle swat+ uppercut+ karate "
    "kick stamp punt dribble "
    "throw toss hurl pitch fling lob+ catch grab+ grasp grip+ clutch pick lift raise lower hoist heave "
    "carry hold haul drag+ "
    "pull tug+ push shove press squeeze lug+ put place set+ lay reach stretch extend swing flap+ shoot aim "
    "dance waltz tango moonwalk breakdance boogie groove hip twerk "
    "somersault cartwheel handstand backflip+ frontflip+ flip+ tuck headstand handspring "
    "climb clamber scale mount ascend descend swim paddle row crawl float juggle "
    "exercise warm lunge plank burpee pushup situp flex train meditate "
    "sweep mop+ scrub+ wipe wash brush dig+ rake hammer saw paint stir+ pour cook eat drink sip+ read "
    "write draw type drive "
    "ride steer pedal mime pantomime act pretend pose "
    "cry weep laugh yawn sneeze cough sleep doze wake pray scratch rub+ pat+ hug+ embrace kiss bat+ putt "
    "golf bowl fish "
    "open close look watch search examine inspect talk speak chat+ sing shout argue"
).split()
IRREGULAR = {
    "run": "ran running", "swim": "swam swimming", "swing": "swung swinging", "spin": "spun spinning",
    "sit": "sat sitting", "stand": "stood standing", "lie": "lay lying", "kneel": "knelt kneeling",
    "throw": "threw throwing", "catch": "caught catching", "fall": "fell falling", "rise": "rose rising",
    "bend": "bent bending", "creep": "crept creeping", "leap": "leapt leaped leaping",
    "sweep": "swept sweeping", "shake": "shook shaking", "hit": "hit hitting", "put": "put putting",
    "hold": "held holding", "stride": "strode striding", "set": "set setting", "fight": "fought fighting",
    "strike": "struck striking", "dive": "dove dived diving", "ride": "rode riding", "drive": "drove driving",
    "fling": "flung flinging", "slide": "slid sliding", "lay": "laid laying", "spring": "sprang springing",
    "freeze": "froze freezing", "wake": "woke waking", "sleep": "slept sleeping", "weep": "wept weeping",
    "eat": "ate eating", "drink": "drank drinking", "write": "wrote writing", "draw": "drew drawing",
    "dig": "dug digging", "sing": "sang singing", "speak": "spoke speaking", "read": "read reading",
    "shoot": "shot shooting", "flee": "fled fleeing", "tread": "trod treading", "slink": "slunk slinking",
}  # fmt: skip
"""past and participle"""
OTHERS = (
    "clockwise counterclockwise anticlockwise leftward leftwards rightward rightwards forwards backwards "
    "upward upwards "
    "downward downwards sideways diagonally overhead crosswise zigzag lengthwise knee knees elbow elbows "
    "shin shins thigh "
    "ankle ankles wrist wrists forearm forearms fist fists heel heels toe toes torso waist briskly "
    "leisurely stealthily "
    "hurriedly drunkenly lazily wearily angrily happily sadly proudly nervously gracefully clumsily "
    "jerkily energetically "
    "barefoot tiptoes pushups situps squats lunges burpees frisbee basketball football baseball tennis golf "
    "drunk zombie robot monkey gorilla chicken toddler ballerina gymnast boxer"
).split()
"""adverbs, body parts, exercises, people"""


SYNONYMS = tuple(
    tuple(group.split())
    for group in (
        "walk stroll stride pace wander amble saunter",
        "run jog sprint dash race trot gallop rush scamper",
        "jump leap hop spring bound vault",
        "hop skip bounce",
        "march parade strut stomp",
        "trudge plod",
        "limp hobble",
        "stagger stumble totter sway wobble teeter",
        "sneak creep tiptoe prowl stalk slink",
        "turn rotate pivot swivel spin twirl whirl pirouette revolve",
        "crouch squat duck hunch stoop cower",
        "kneel genuflect",
        "bow bend lean",
        "lean tilt",
        "lie recline rest",
        "stand wait idle",
        "stop halt pause freeze",
        "fall tumble collapse topple trip",
        "punch jab box hit strike uppercut",
        "slap smack swat",
        "block parry",
        "fight box spar",
        "kick punt",
        "throw toss hurl pitch fling lob",
        "catch grab grasp grip clutch",
        "lift raise hoist heave",
        "carry haul lug hold",
        "drag pull tug haul",
        "push shove press",
        "reach stretch extend",
        "wave beckon greet salute",
        "clap applaud cheer",
        "dance waltz tango groove boogie",
        "lunge step",
        "climb clamber scale mount ascend",
        "mime pantomime pretend act",
    )
)
"""movements that one clip may show"""


def inflected(verb: str) -> tuple[str, ...]:
    """Forms of an entry of VERBS: itself, third person, past, participle."""
    base = verb.rstrip("+")
    if base.endswith(("s", "x", "z", "ch", "sh", "o")):
        third = f"{base}es"
    elif base.endswith("y") and base[-2] not in "aeiou":
        third = f"{base[:-1]}ies"
    else:
        third = f"{base}s"
    if base in IRREGULAR:
        return (base, third, *IRREGULAR[base].split())
    stem = base + base[-1] if verb.endswith("+") else base
    if base.endswith("e"):
        going = base if base.endswith(("ee", "oe", "ye")) else base[:-1]
        return (base, third, f"{base}d", f"{going}ing")
    past = f"{base[:-1]}ied" if base.endswith("y") and base[-2] not in "aeiou" else f"{stem}ed"
    return (base, third, past, f"{stem}ing")


def families() -> list[tuple[str, ...]]:
    """Words that are forms of one movement, each word in one family; a word by itself is one too."""
    found: dict[str, tuple[str, ...]] = {}
    for verb in VERBS:
        forms = tuple(form for form in dict.fromkeys(inflected(verb)) if form not in found)
        found |= dict.fromkeys(forms, forms)
    for word in OTHERS:
        found.setdefault(word, (word,))
    return list(dict.fromkeys(found.values()))
