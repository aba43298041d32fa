#!/usr/bin/env bash
# Google Speech Commands: prepare, features, search, train, evaluate, export. Any stage can be run again.
set -euo pipefail
cd "$(dirname "$0")"

stage=0
stop_stage=6
src=             # an unpacked corpus or its archive; empty: download it
version=v0.02    # or v0.01
protocol=12      # or 35 (v0.02), 30 (v0.01)
part=            # the folder inside src that holds the words, if it has several
test_archive=    # the separate 12-folder test set: a path, or the word download
data=data        # Kaldi data directories
search=tc_small  # conf/$search.yaml; see conf/ for the others
arch=            # a zoo network to train instead of searching, such as tc_resnet8
name=            # results go to exp/$name
seed=0

help_message="usage: run.sh [--stage N] [--stop-stage N] [--src CORPUS] [--version v0.01|v0.02] [--protocol 12|30|35]
       [--part FOLDER] [--test-archive PATH|download] [--search CONF] [--arch NETWORK] [--name NAME] [--seed N]
  0 prepare   1 features   2 search   3 train   4 evaluate   5 export   6 report
v1-12: --version v0.01; v2-12: the default; v2-35: --protocol 35 --data data35"

options=../parse_options.sh
[ -f $options ] || options=./parse_options.sh
. $options
. ./path.sh
. ./cmd.sh

within() { [ "$stage" -le "$1" ] && [ "$stop_stage" -ge "$1" ]; }
conf=conf/$search.yaml
if [ -n "$arch" ]; then conf=conf/base.yaml; fi
name=${name:-${arch:-$search}_$seed}
run=("$conf" "data.train=$data/train" "data.dev=$data/dev" "augment.noise=$data/noise" "name=$name" "seed=$seed")
if [ -n "$arch" ]; then run+=("arch=$arch"); fi

if within 0; then
    echo "== stage 0: prepare $version, $protocol classes"
    prep=("$data" --version "$version" --protocol "$protocol")
    if [ -n "$src" ]; then prep=("$src" "${prep[@]}"); else prep+=(--download); fi
    if [ -n "$part" ]; then prep+=(--part "$part"); fi
    if [ -n "$test_archive" ]; then prep+=(--test-archive "$test_archive"); fi
    audionas prep speech_commands "${prep[@]}"
fi
if within 1; then
    echo "== stage 1: features, and whether the rest will work"
    audionas check "${run[@]}"
fi
if within 2 && [ -z "$arch" ]; then
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
        echo "-- the separate test archive"
        audionas eval "exp/$name" --data "$data/test_archive"
    fi
    audionas eval "exp/$name" --data "$data/test"
fi
if within 5; then
    echo "== stage 5: export"
    audionas export "exp/$name" --data "$data/test"
fi
if within 6; then
    echo "== stage 6: report"
    audionas show "exp/$name"
fi
