"""The licences of a wake word's sources."""

KNOWN = {
    "picovoice": "Picovoice/wake-word-benchmark: Apache-2.0",
    "mycroft": "MycroftAI/Precise-Community-Data: public domain, for the clips that a waiver there names",
    "speech_commands": "Speech Commands (P. Warden, 2018): CC BY 4.0",
    "noise": "noise: the licence of its corpus",
    "own": "your own recordings",
    "espeak": "synthetic voices: made by eSpeak NG (GPL-3.0-or-later, no part of the recordings)",
}


def licence(source: str) -> str:
    """The licence of a source in words; that of others lies in their folder."""
    return KNOWN.get(source, f"{source}: the licence in its folder")
