#!/usr/bin/env bash
# DCASE 2018 task 5: the organisers' baseline and NASC's search on four folds, then the evaluation set. Any stage
# can be run again.
set -euo pipefail
cd "$(dirname "$0")"

stage=0
stop_stage=5
src=                       # a folder with the archives, or with their contents
download=false             # fetch the archives instead: about 90 GB, and the same again when unpacked
data=data                  # Kaldi data directories
sets=dev,eval              # dev: without the evaluation set
prep=                      # further options of the preparation: --prep="--jobs 8"
fold=                      # one of 1 to 4, or full (train on all, test on the evaluation set); empty: all five
networks="baseline nasc"   # nasc is searched
seed=0
plan=false                 # print what would be trained, and how long it would take here, and end

help_message="usage: run.sh --src FOLDER | --download true [--stage N] [--stop-stage N] [--data DIR]
       [--sets dev|dev,eval] [--fold 1|2|3|4|full] [--networks \"baseline nasc\"] [--seed N] [--prep=OPTIONS]
       [KEY=VALUE ...]
       run.sh --plan [--networks ...] [KEY=VALUE ...]
  0 prepare   1 check   2 search   3 train   4 evaluate   5 table
KEY=VALUE changes the configs: run.sh --src archives --fold 1 train.epochs=100"

options=../parse_options.sh
[ -f $options ] || options=./parse_options.sh
. $options
. ./path.sh
. ./cmd.sh

within() { [ "$stage" -le "$1" ] && [ "$stop_stage" -ge "$1" ]; }
case $fold in
    [1-4] | full) folds=$fold ;;
    "") folds="1 2 3 4 full" ;;
    *) echo "run.sh: --fold $fold: expected 1 to 4, or full" >&2; exit 1 ;;
esac
if [ "$sets" = dev ]; then folds=${folds/ full/}; fi
changes=("$@")
# puts the config and its changes for network $1 on fold $2 into the array run
configure() {
    local part=$data/fold$2
    if [ "$2" = full ]; then part=$data/full; fi
    run=("conf/$1.yaml" "data.train=$part/train" "data.dev=$part/dev" "data.cache=$data/cache")
    run+=("name=$1_fold$2_$seed" "seed=$seed" "${changes[@]}")
}

if $plan; then
    exec python local/plan.py "$networks" "${changes[@]}"
fi
if within 0; then
    if [ -z "$src" ] && ! $download; then
        echo "run.sh: --src is missing: a folder with the corpus or its archives, see README.md" >&2
        exit 1
    fi
    echo "== stage 0: prepare the folds"
    from=(--src "$src")
    if $download; then from=(--download); fi
    # shellcheck disable=SC2086  # prep may hold several words
    audionas prep dcase2018_task5 "$data" "${from[@]}" --sets "$sets" $prep
fi
for n in $folds; do
    for network in $networks; do
        configure "$network" "$n"
        exp=exp/${network}_fold${n}_$seed
        if within 1; then
            echo "== fold $n, $network, stage 1: compute features; check whether the rest will work, and how long it takes"
            audionas check "${run[@]}"
        fi
        if within 2 && [ "$network" = nasc ]; then
            echo "== fold $n, $network, stage 2: search"
            $train_cmd audionas search "${run[@]}" --resume
        fi
        if within 3; then
            echo "== fold $n, $network, stage 3: train"
            $train_cmd audionas train "${run[@]}" --resume
        fi
        if within 4; then
            echo "== fold $n, $network, stage 4: evaluate"
            tests="fold$n/test"
            if [ "$n" = full ]; then tests="eval/known eval/unknown eval/all"; fi
            for part in $tests; do
                audionas eval "$exp" --data "$data/$part" --by node
            done
            audionas cost "$exp" --json >"$exp/cost.json"
            audionas show "$exp"
        fi
    done
done
if within 5; then
    echo "== stage 5: table"
    name="{network}_fold{fold}_{seed}" costs=params,macs
    if compgen -G "exp/*_fold[1-4]_*" >/dev/null; then
        runs=("exp/*_fold[1-4]_*" --name "$name" --eval eval/test.json)
        echo "Development set: macro F1 with its interval over sessions, then means over the folds"
        audionas table "${runs[@]}" --columns "macro_f1,$costs"
        audionas table "${runs[@]}" --pool fold=mean --columns "macro_f1,per_class.*.f1,$costs"
    fi
    if compgen -G "exp/*_foldfull_*" >/dev/null; then
        echo "Evaluation set, after training on the development set: unknown nodes, known nodes, all"
        audionas table "exp/*_foldfull_*" --name "$name" --eval "eval/*.json" --columns macro_f1
    fi
fi
