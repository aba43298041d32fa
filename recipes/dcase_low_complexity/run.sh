#!/usr/bin/env bash
# DCASE task 1, scenes under a budget: the baseline against searched networks, by device. Any stage can be run again.
set -euo pipefail
cd "$(dirname "$0")"

stage=0
stop_stage=5
src=                                           # the unpacked development set, or the folder of its archives
lists=                                         # split5.csv to split100.csv and test.csv; default: in src
download=false                                 # fetch the archives that src lacks
data=data                                      # where data directories are written
subset=25                                      # percent of the training clips: 5, 10, 25, 50 or 100
networks="baseline asc_mobilenet cp_mobile"    # conf/NETWORK.yaml; all but the baseline are searched
seed=0
plan=false                                     # print what would be trained, and how long it takes here; then end

help_message="usage: run.sh --src CORPUS [--lists DIR] [--download true] [--stage N] [--stop-stage N]
       [--data DIR] [--subset 5|10|25|50|100] [--networks \"baseline asc_mobilenet cp_mobile\"] [--seed N]
       [KEY=VALUE ...]
       run.sh --plan [--networks ...] [KEY=VALUE ...]
  0 prepare   1 check   2 search   3 train   4 evaluate   5 table
KEY=VALUE changes the configs: run.sh --src corpus --subset 5 threads=4 train.epochs=20"

options=../parse_options.sh
[ -f $options ] || options=./parse_options.sh
. $options
. ./path.sh
. ./cmd.sh

within() { [ "$stage" -le "$1" ] && [ "$stop_stage" -ge "$1" ]; }
case $subset in
    5 | 10 | 25 | 50 | 100) ;;
    *) echo "run.sh: --subset $subset: expected 5, 10, 25, 50 or 100" >&2; exit 1 ;;
esac
changes=("$@")
# puts the config and its changes for network $1 into the array run
configure() {
    run=("conf/$1.yaml" "data.train=$data/train$subset" "data.dev=$data/dev$subset")
    run+=("name=$1_split${subset}_$seed" "seed=$seed" "${changes[@]}")
}

if $plan; then
    exec python local/plan.py "$subset" "$networks" "${changes[@]}"
fi
if within 0; then
    if [ -z "$src" ]; then
        echo "run.sh: --src is missing: TAU Urban Acoustic Scenes 2022 Mobile, see README.md" >&2
        exit 1
    fi
    echo "== stage 0: prepare the lists"
    prepare=(audionas prep dcase_low_complexity "$data" --src "$src")
    if [ -n "$lists" ]; then prepare+=(--lists "$lists"); fi
    if [ "$download" = true ]; then prepare+=(--download); fi
    "${prepare[@]}"
fi
for network in $networks; do
    configure "$network"
    exp=exp/${network}_split${subset}_$seed
    if within 1; then
        echo "== $network, stage 1: check whether the rest will work, and how long it will take"
        audionas check "${run[@]}"
    fi
    if within 2 && [ "$network" != baseline ]; then
        echo "== $network, stage 2: search"
        $train_cmd audionas search "${run[@]}" --resume
    fi
    if within 3; then
        echo "== $network, stage 3: train"
        $train_cmd audionas train "${run[@]}" --resume
    fi
    if within 4; then
        echo "== $network, stage 4: evaluate, by device, and count as the challenge does"
        audionas eval "$exp" --data "$data/test" --by device
        audionas cost "$exp" --json >"$exp/cost.json"
        python local/complexity.py "$exp/cost.json"
        audionas show "$exp"
    fi
done
if within 5; then
    echo "== stage 5: table"
    audionas table "exp/*_split*_*" --name "{network}_split{list}_{seed}" --columns \
        "balanced_accuracy,log_loss,by.device.*.accuracy,params,macs"
fi
