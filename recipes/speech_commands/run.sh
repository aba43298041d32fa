#!/usr/bin/env bash
# Google Speech Commands: prepare, features, search, train, evaluate, export. Any stage can be run again.
set -euo pipefail
cd "$(dirname "$0")"

stage=0
stop_stage=6
src=             # an unpacked corpus or its archive; empty: download it
protocol=v2-12   # or v1-12, v1-30, v2-35, v1-7
part=            # the folder inside src that holds the words, if src has several
test_archive=    # the separate 12-folder test set: a path, download or none; empty: fetched with the corpus
test_part=v2_test_set # v1-7: the folder in that archive that holds the test set,
more=v1_bed_cat_happy # and the one with more words for _unknown_
silence=         # _silence_ of dev and test: zeros or noise; empty: noise for v1-7, zeros for the others
data=            # Kaldi data directories; empty: data for v2-12, data/$protocol for the others
search=tc_small  # conf/$search.yaml; methods/NAME exists for every method
arch=            # a network to train instead of searching, such as tc_resnet8, with conf/base.yaml (v1-7: conf/v1_7.yaml)
paper=           # a published network to train as its paper does: conf/nets/$paper.yaml
name=            # results go to exp/$name
seed=0

help_message="usage: run.sh [--stage N] [--stop-stage N] [--src CORPUS] [--protocol v1-12|v1-30|v2-12|v2-35|v1-7]
       [--part FOLDER] [--test-archive PATH|download|none] [--silence zeros|noise] [--data FOLDER]
       [--search CONF | --arch NETWORK | --paper NETWORK] [--name NAME] [--seed N] [KEY=VALUE ...]
  0 prepare   1 features   2 search   3 train   4 evaluate   5 export   6 report
KEY=VALUE changes the config: train.epochs=10 threads=1"

options=../parse_options.sh
[ -f $options ] || options=./parse_options.sh
. $options
. ./path.sh
. ./cmd.sh

within() { [ "$stage" -le "$1" ] && [ "$stop_stage" -ge "$1" ]; }
base=base # conf/$base.yaml trains a network given with --arch
case $protocol in
    v1-12 | v1-30 | v2-12 | v2-35) version=v0.0${protocol:1:1} classes=${protocol#*-} silence=${silence:-zeros} ;;
    v1-7) version=v0.01 classes=7 silence=${silence:-noise} base=v1_7 ;;
    *) echo "run.sh: --protocol $protocol: expected v1-12, v1-30, v2-12, v2-35 or v1-7" >&2; exit 1 ;;
esac
folder= # for data and results; empty for the default protocol
if [ "$protocol" != v2-12 ]; then folder=$protocol; fi
data=${data:-data${folder:+/$folder}}
conf=conf/$search.yaml
network=${search##*/}
if [ -n "$arch" ]; then conf=conf/$base.yaml network=$arch; fi
if [ -n "$paper" ]; then conf=conf/nets/$paper.yaml network=paper_$paper; fi
name=${name:-${folder:+${folder}_}${network}_$seed}
run=("$conf" "data.train=$data/train" "data.dev=$data/dev" "augment.noise=$data/noise")
run+=("name=$name" "seed=$seed")
if [ "$protocol" = v1-7 ]; then run+=(data.balance=undersample); fi
if [ -n "$arch" ]; then run+=("arch=$arch"); fi
run+=("$@")

if within 0; then
    echo "== stage 0: prepare $protocol"
    here= # the corpus as unpacked for an earlier protocol of this version
    for tree in {data,data/*}/audio/"speech_commands_$version"; do
        if [ -d "$tree" ]; then here=$tree; fi
    done
    if [ "$protocol" = v1-7 ] && [ -z "$src" -o -z "$test_archive" ]; then
        echo "run.sh: --protocol v1-7 needs --src ARCHIVE and --test-archive ARCHIVE: no download has its parts" >&2
        exit 1
    fi
    prep=("$data" --version "$version" --protocol "$classes" --silence "$silence")
    if [ -z "$src$test_archive" ] && [ "$classes" = 12 ]; then test_archive=download; fi
    src=${src:-$here}
    if [ -n "$src" ]; then prep=("$src" "${prep[@]}"); else prep+=(--download); fi
    if [ -n "$part" ]; then prep+=(--part "$part"); fi
    if [ "$protocol" = v1-7 ]; then # the archive of the test set holds more words, too
        prep+=(--test-part "$test_part" --more "$more")
    fi
    if [ -n "$test_archive" ] && [ "$test_archive" != none ]; then prep+=(--test-archive "$test_archive"); fi
    audionas prep speech_commands "${prep[@]}"
fi
if within 1; then
    echo "== stage 1: compute features, check whether the rest will work"
    audionas check "${run[@]}"
fi
if within 2 && [ -z "$arch$paper" ]; then
    echo "== stage 2: search ($conf)"
    $train_cmd audionas search "${run[@]}" --resume
fi
if within 3; then
    echo "== stage 3: train"
    $train_cmd audionas train "${run[@]}" --resume
fi
if within 4; then
    echo "== stage 4: evaluate"
    if [ -d "$data/test_archive" ]; then
        echo "-- test_archive, the separate archive of twelve folders"
        audionas eval "exp/$name" --data "$data/test_archive"
    fi
    echo "-- test, the test set of the lists"
    audionas eval "exp/$name" --data "$data/test"
    audionas cost "exp/$name" --json >"exp/$name/cost.json"
fi
if within 5; then
    echo "== stage 5: export"
    audionas export "exp/$name" --data "$data/test"
fi
if within 6; then
    echo "== stage 6: report"
    audionas show "exp/$name"
    audionas table "exp/*" --eval "eval/*.json" --out exp/RESULTS.md \
        --columns protocol.name,protocol.silence,n,accuracy,macro_f1,params,macs
    cat exp/RESULTS.md
fi
