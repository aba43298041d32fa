"""Every fault that a command can see from its words is told at once, with the remedy of each."""

from pathlib import Path

import pytest

from audionas.zoo.find import find
from tests.unit.cli._command import refused

_WRONG = "metod: unknown key|seed: input"
_NO_DATA = "data.train=nodata data.dev=nope"
_NO_DATA_TOLD = "mean 'tc_resnet8'?|nodata: no such|nope: no such"
LINES = (  # a command, and a part of the message about each of its faults
    ("make nothere --for esp32s3", "esp32-s3|nothere: no such folder|--minutes is missing|Devices:"),
    ("make nothere --minutes 5 --for pie name=..", "mean 'pi'?|nothere: no such folder|name: '..' cannot"),
    ("push kws12 me --licence cc", "me: expected OWNER/NAME|--licence cc: unknown|Licences:|For example:"),
    ("push nothere me", "expected OWNER/NAME|--licence is missing|nothere/model: no trained"),
    (
        "eval nothere --data nodata --folder none --engine lite --by place",
        "--engine lite|either --data or|--by needs|nothere/model: no trained|nodata: no such|none: no",
    ),
    ("predict nothere a.wav b.wav --windows most", "--windows most|nothere/model: no tr|a.wav: no|b.wav: no"),
    (
        "export nothere --target onxn --input wave --pool mean --fine-tune maybe --data nodata",
        "mean 'onnx'?|--input wave|--pool mean|--fine-tune maybe|nothere/model: no trained|nodata: no such",
    ),
    (
        "tune nothere --positives nopos --negatives noneg --target-fa-per-hour -1 --patience x",
        "--target-fa-per-hour -1|nopos: no such|noneg: no such|nothere/model: no trained|--patience x",
    ),
    (
        "detect nothere no.wav out.wav --patience x",
        "nothere/model|no.wav: no|out.wav: no|--patience x",
    ),
    ("mine nothere nolong --data nodata --out new", "nothere/model: no|nodata: no such|nolong: no such"),
    ("listen nothere --wav no.wav", "nothere/model: no trained|no.wav: no such"),
    ("cost tc_resnet9 --input 3x --table no.npz", "mean 'tc_resnet8'?|--input 3x|no.npz: no such"),
    ("config new keyword --for esp33", "mean 'keywords'?|mean 'esp32'?|Tasks:|Devices:"),
    ("config diff nothere.yaml nothing.yaml", "nothere.yaml: cannot be read|nothing.yaml: cannot be read"),
    ("show nothere --limit macs=x --limit params=-1", "nothere: no arch|macs=x: exp|params=-1: exp|such as"),
    ("show empty --limit macs=x", "macs=x: expected a number|no front here|searcher: {name: nsga2}"),
    ("export nothere --hops 0 --target nonsense", "--hops 0|--target nonsense: no such|nothere/model: no tr"),
    ("export nothere --hops 0 --target onnx", "--hops 0: expected|nothere/model: no trained"),
    ("export nothere --hops 3 --target onnx", "--hops: only model.stream.onnx|nothere/model: no trained"),
    ("demo-web nothere --runtime .", "nothere/model: no trained|.: has no ort|omit --runtime"),
    ("listen nothere --fast", "nothere/model: no trained|--fast is for a recording"),
    ("detect nothere no.wav --rule mlperf", "nothere/model: no tr|no.wav: no such|mlperf is for a stream"),
    ("detect nothere no.wav --truth no.tsv", "nothere/model: no trained|no.wav: no such|no.tsv: no such"),
    ("table nothere nope --metric x --format y", "--metric x|--format y|nothere: no such|nope: no such"),
    ("check wrong.yaml one =2 seed=x train.epochs={", f"'one' is|'=2' is|epochs={{'|3 problems|{_WRONG}"),
    ("sweep wrong.yaml one seed=0,1", "'one' is|metod: unknown key|train.epochs: input"),
    ("config show broken.yaml one --sources", "broken.yaml: not valid YAML|'one' is not an override"),
    ("search broken.yaml one", "broken.yaml: not valid YAML|'one' is not an override"),
    (f"train right.yaml train.init=nothere arch=tc_resnet9 {_NO_DATA}", f"nothere holds no|{_NO_DATA_TOLD}"),
    (f"check right.yaml arch=tc_resnet9 {_NO_DATA}", _NO_DATA_TOLD),
    (f"search right.yaml method=null {_NO_DATA}", "no section 'method'|nodata: no such|nope: no such"),
    ("recipe copy minni .", "mean 'mini'?|already exists"),
    ("prep folder nosrc new --dev 2 --on-bad x", "--dev 2|--on-bad x|nosrc: no such"),
    (
        "prep wake_word new --word ! --on-bad x --seconds 90 --codec mp9 --words nolist --positives nopos",
        "--word '!'|--on-bad x|--seconds 90|--codec mp9|nolist: no such|nopos: no such|nothing other",
    ),
    (
        "prep speech_commands nosrc new --version v3 --silence x --on-bad y",
        "nosrc: no such|--version v3|--silence x|--on-bad y",
    ),
    ("prep esc10 new --src nosrc --on-bad x", "nosrc: no such|--on-bad x"),
    ("prep manifest new --train no.json --format x --on-bad y", "no.json: no such|--format x|--on-bad y"),
    ("prep dcase_low_complexity new --src . --on-bad x --dev 2 --subset 7", "--on-bad x|--dev 2|--subset 7"),
)


@pytest.mark.parametrize(("line", "parts"), LINES)
def test_all_faults_of_a_command_are_told_together(
    line: str, parts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.yaml").write_text("metod: darts\ntrain: {epochs: many}\n")
    (tmp_path / "broken.yaml").write_text("a: [1\n")
    (tmp_path / "right.yaml").write_text("space: kws_tc_resnet\nmethod: darts\n")
    (tmp_path / "empty").mkdir()
    find("tc_resnet8").save(tmp_path / "empty" / "arch.json")
    told = refused(*line.split()).err
    assert [part for part in parts.split("|") if part not in told] == [], told
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "exp").exists()


def test_a_fault_of_the_first_weights_brings_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without arch= they name the network; that the run has none of its own is no fault then."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "right.yaml").write_text("space: kws_tc_resnet\nmethod: darts\n")
    told = refused("train", "right.yaml", "train.init=nothere", *_NO_DATA.split()).err
    assert "nothere holds no" in told
    assert "nodata: no such" in told
    assert "arch.json" not in told
    assert "Search for an architecture first" not in told
