"""A process in which eSpeak NG speaks words or gives their phonemes: a JSON job in, samples or JSON out.

eSpeak NG carries state from one utterance to the next (measured: with 90 of its 104 variants the
bytes of a word depend on the words before it, whatever the random seed). So a process speaks one
voice, from its first word to its last, always in the same order: then its bytes depend on nothing else.
It uses only the standard library, so the interpreter starts in milliseconds.
"""

import ctypes
import json
import struct
import sys
from typing import Any

SYNCHRONOUS = 2  # espeak_AUDIO_OUTPUT: samples reach the callback within the call, without a thread
DONT_EXIT = 0x8000  # an error is returned instead of ending the process
UTF8 = 1
IPA = 0x02 | ord("_") << 8  # and the separator between phonemes
STRESS = str.maketrans("", "", "\u02c8\u02cc")
RATE, PITCH, RANGE = 1, 3, 4  # espeak_PARAMETER
HERTZ = 22_050

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Voice:
    """eSpeak NG with one voice, for example `en-us+f2`. Raises OSError with the reason of a failure."""

    def __init__(self, library: str, data: str, voice: str) -> None:
        self._engine = ctypes.CDLL(library)
        self._samples = bytearray()
        self._callback = _Callback(self._take)  # kept: the engine holds only a pointer to it
        if self._engine.espeak_Initialize(SYNCHRONOUS, 0, data.encode(), DONT_EXIT) != HERTZ:
            raise OSError(f"eSpeak NG cannot start with its data in {data}")
        self._engine.espeak_SetSynthCallback(self._callback)
        if self._engine.espeak_SetVoiceByName(voice.encode()) != 0:
            raise OSError(f"eSpeak NG has no voice {voice}")

    def say(self, word: str, *, rate: int, pitch: int, pitch_range: int, seed: int) -> bytes:
        """Return native-endian 16-bit mono at 22,050 Hz. `rate` in words per minute, pitches in 0..100."""
        self._samples.clear()
        for parameter, value in ((RATE, rate), (PITCH, pitch), (RANGE, pitch_range)):
            self._engine.espeak_SetParameter(parameter, value, 0)
        self._engine.espeak_ng_SetRandSeed(ctypes.c_long(seed))
        text = word.encode()
        size = ctypes.c_size_t(len(text) + 1)
        if self._engine.espeak_Synth(text, size, 0, 1, 0, UTF8, None, None) != 0:
            raise OSError(f"eSpeak NG cannot say '{word}'")
        self._engine.espeak_Synchronize()
        return bytes(self._samples)

    def phonemes(self, text: str) -> str:
        """Return IPA: words separated by spaces, phonemes by `_`."""
        self._engine.espeak_TextToPhonemes.restype = ctypes.c_char_p
        place, found = ctypes.c_char_p(text.encode()), []
        while place.value:  # one clause per call
            found.append(self._engine.espeak_TextToPhonemes(ctypes.byref(place), UTF8, IPA).decode())
        return " ".join(found)

    def _take(self, wave: Any, count: int, events: Any) -> int:
        if wave and count > 0:
            self._samples += ctypes.string_at(wave, 2 * count)
        return 0  # continue


def main() -> None:
    """Speak the job on standard input; write each utterance as its byte count (4 bytes) and its samples.

    A job of `texts` is answered with their phonemes.
    """
    job = json.load(sys.stdin)
    voice = Voice(job["library"], job["data"], job["voice"])
    if "texts" in job:
        print(json.dumps([voice.phonemes(text).translate(STRESS) for text in job["texts"]]))
        return
    for utterance in job["utterances"]:
        samples = voice.say(**utterance)
        sys.stdout.buffer.write(struct.pack("=I", len(samples)) + samples)


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(str(error))
